from __future__ import annotations

import os
from pathlib import Path

import pytest

from isn.errors import ModelError
from isn.training.log import COLUMNS, Log, draw_curve, read

HEAD = ",".join(COLUMNS)


def test_rows_come_back_and_those_of_a_cut_piece_go(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    for step in (10, 20, 30):
        log.add({"step": step, "minutes": step / 10, "container_psnr": 30.5})
    assert read(log.path) == [
        {"step": step, "minutes": step / 10, "container_psnr": 30.5} for step in (10, 20, 30)
    ]
    again = Log(tmp_path, 20)
    again.add({"step": 25})
    assert [row["step"] for row in read(again.path)] == [10, 20, 25]
    assert log.path.read_text().splitlines()[0] == HEAD
    assert not list(tmp_path.glob(".log*"))


def test_a_log_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(tmp_path, 0)
    log.add({"step": 10})
    before = log.path.read_bytes()

    def dies(source: object, target: object) -> None:
        # All that there will be is written by now, elsewhere.
        assert Path(str(source)).read_text().count("\n") >= 2
        assert log.path.read_bytes() == before
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(OSError, match="No space"):
        log.add({"step": 20})
    assert log.path.read_bytes() == before
    with pytest.raises(OSError, match="No space"):
        Log(tmp_path, 15)
    assert log.path.read_bytes() == before
    assert not list(tmp_path.glob(".log*"))


def test_columns_may_move_and_go(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\ufeffrate,step,minutes\r\n1e-3,5,\r\n2e-3,7,0.5\r\n", encoding="utf-8")
    log = Log(tmp_path, 100)
    assert read(path) == [{"step": 5, "rate": 1e-3}, {"step": 7, "rate": 2e-3, "minutes": 0.5}]
    log.add({"step": 9, "minutes": 1.0})
    assert [row["step"] for row in read(path)] == [5, 7, 9]


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace(",", ";") + "\n5;1\n",
        HEAD.replace(",", "\t") + "\n5\t1\n",
        HEAD + ",remark\n5,1\n",
        HEAD.replace("step,", "") + "\n1,2\n",
        HEAD.replace("minutes", "step") + "\n1,2\n",
        HEAD + "\n5," + "1," * 40 + "\n",
        HEAD + "\nfive,1\n",
        HEAD + "\n5,a minute\n",
        HEAD + "\n,1\n",
        HEAD + "\nnan,1\n",
        HEAD + '\n5,"1',
        HEAD + "\n5,1\nMean of all,3\n",
        "Training of Monday\n" + HEAD + "\n5,1\n",
        "",
        "\n",
        "\x00\x01",
    ],
)
def test_what_another_program_made_of_it_is_refused_and_kept(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"log\.csv is not as a training wrote it") as caught:
        Log(tmp_path, 10)
    assert "\n" not in str(caught.value)
    assert path.read_text() == text
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le"))
    with pytest.raises(ModelError, match="not as a training wrote it"):
        read(path)


def test_a_change_in_the_middle_of_a_run_does_not_end_it(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    log.add({"step": 1, "minutes": 1.0, "container_psnr": 30.0, "revealed_psnr": 31.0})
    log.path.write_text("spoilt;\n")
    log.add({"step": 2, "minutes": 2.0, "container_psnr": 32.0, "revealed_psnr": 31.0})
    assert [row["step"] for row in read(log.path)] == [1, 2]
    pytest.importorskip("matplotlib")
    assert draw_curve(log.rows, tmp_path / "curve.png", "a run")
    assert not draw_curve([], tmp_path / "none.png", "a run")
