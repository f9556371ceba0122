"""What a benchmark measured, as the zoo and the docs tell it."""

from __future__ import annotations

import importlib
import json
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isn import method, zoo
from isn.evaluation import methods

ROOT = Path(__file__).parents[2]


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script's module, which writes into a folder of the test."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module = importlib.import_module("_quality")
    for name, path in (("DATA", "q.json"), ("PAGE", "q.md"), ("README", "R.md"), ("TABLE", "t")):
        monkeypatch.setattr(module, name, tmp_path / path)
    module.TABLE.write_bytes((ROOT / "src" / "isn" / "zoo" / "figures.toml").read_bytes())
    module.PAGE.write_text(f"a\n{module.BEGIN}\n{module.END}\nb\n")
    module.README.write_text("\n".join(["a", *module.SHORT, "b"]))
    return module


def row(name: str, domain: str, count: int, psnr: float) -> dict[str, Any]:
    fingerprint = zoo.entry(name).fingerprint.hex() if name in method.names() else ""
    side = {
        key: {"mean": psnr, "deviation": 1.25, "worst": psnr - 3, "images": 2 * count}
        for key in ("psnr", "psnr_y", "ssim", "ssim_y")
    }
    named = {"method": name, "fingerprint": fingerprint, "domain": domain, "count": count}
    return named | {"groups": 2, "container": side, "revealed": side, "lost": 0, "payload": 24}


def test_the_zoos_figures_come_back(quality: ModuleType) -> None:
    table = tomllib.loads(quality.TABLE.read_text("utf-8"))
    assert tomllib.loads(quality.toml(table)) == table
    assert list(tomllib.loads(quality.toml(table))) == list(table)
    table["paper-1"] = {"bits": 1.5, "1": {"revealed": 3.0, "a b": {"hosts": 2}}}
    assert tomllib.loads(quality.toml(table)) == table


def test_each_domain_has_its_figures_and_imagenet_stands_for_all(quality: ModuleType) -> None:
    paper = methods.shipped("paper-1")
    rows = [row("paper-1", name, 1, psnr) for name, psnr in (("bsds", 30.0), ("imagenet", 40.0))]
    before = tomllib.loads(quality.TABLE.read_text("utf-8"))
    quality.store(224, paper, rows, {"seconds_hide": 1.5})
    table = tomllib.loads(quality.TABLE.read_text("utf-8"))
    figures = table["paper-1"]
    assert figures["seconds_hide"] == 1.5
    assert (figures["1"]["container"], figures["1"]["revealed"]) == (40.0, 40.0)
    bsds = {"container": 30.0, "container_deviation": 1.25, "container_worst": 27.0, "hosts": 2}
    assert figures["1"]["bsds"].items() >= bsds.items()
    assert table["photos"] == before["photos"]
    page, readme = quality.PAGE.read_text(), quality.README.read_text()
    assert page.index("## bsds, 224 x 224") < page.index("## imagenet, 224 x 224")
    assert "| `paper-1` | 1 | 2 | 40.0 ± 1.2 | 37.0 |" in page
    assert "| the paper | 1 | – | 38.05 |" in page[page.index("## imagenet") :]
    assert "the paper" not in page[: page.index("## imagenet")]
    assert "| `paper-N` | 40.0 / 40.0 |" in readme
    assert "| the paper | 38.05 / 35.38 |" in readme


def test_what_a_run_leaves_out_is_kept_if_it_was_measured_alike(quality: ModuleType) -> None:
    paper, lsb = methods.shipped("paper-1"), methods.baseline("lsb-4")
    quality.store(224, paper, [row("paper-1", "paris", 1, 30.0)], {"seconds_hide": 1.5})
    quality.store(224, lsb, [row("lsb-4", "paris", 1, 33.0)], {})
    quality.store(224, paper, [row("paper-1", "paris", 1, 41.0)], {})
    kept = json.loads(quality.DATA.read_text())
    assert [(each["method"], each["container"]["psnr"]["mean"]) for each in kept["rows"]] == [
        ("lsb-4", 33.0),
        ("paper-1", 41.0),
    ]
    assert kept["cost"]["paper-1"] == {"seconds_hide": 1.5}
    # Of weights that are not shipped any more, nothing is told.
    old, gone = (
        {**row(name, "paris", 2, 30.0), "fingerprint": "00"} for name in ("paper-2", "paper-9")
    )
    quality.DATA.write_text(json.dumps({**kept, "rows": [old, gone, *kept["rows"]]}))
    quality.store(224, lsb, [row("lsb-4", "paris", 1, 33.0)], {})
    assert "paper-2" not in quality.DATA.read_text()
    assert "paper-9" not in quality.DATA.read_text()
    quality.store(256, paper, [row("paper-1", "paris", 1, 42.0)], {})
    assert [each["method"] for each in json.loads(quality.DATA.read_text())["rows"]] == ["paper-1"]
