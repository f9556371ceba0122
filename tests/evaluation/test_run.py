"""What fails is named, and the rest is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isn.baselines.lsb import Lsb
from isn.errors import BackendError, ImageError
from isn.evaluation import adapter, cost, detection, report, run
from isn.evaluation.extremes import NATURAL, PAIRS
from isn.evaluation.plan import Plan
from isn.evaluation.run import evaluate


class Fussy(Lsb):
    """Refuses a host that is too bright."""

    name = "fussy"
    brightest = 115.0

    def hide(self, host: Any, *words: Any) -> Any:
        if host.mean() > self.brightest:
            raise ImageError("the host is too bright: take a darker one")
        return super().hide(host, *words)


@pytest.fixture
def fussy(monkeypatch: pytest.MonkeyPatch) -> None:
    from isn import baselines

    known = {"lsb-4": baselines.BASELINES["lsb-4"], "fussy": baselines.Baseline("fussy", Fussy)}
    monkeypatch.setattr(baselines, "BASELINES", known)


@pytest.mark.usefixtures("fussy")
def test_a_method_that_fails_on_an_image_ends_nothing(folder: Path) -> None:
    plan = Plan((str(folder),), (1,), (), None, parts=("table", "damage", "extremes"))
    found = evaluate(plan)
    groups = {each.method: each.summary.groups for each in found.quality}
    assert groups["lsb-4"] == 8
    assert 0 < groups["fussy"] < 8
    told = [each for each in found.failures if each.part == "table"]
    assert len(told) == 8 - groups["fussy"]
    assert {each.method for each in found.failures} == {"fussy"}
    assert told[0].reason == "the host is too bright: take a darker one"
    assert told[0].what.endswith(".png, photos")
    # A method stands in these parts with all that there is, or not at all.
    assert [each.method for each in found.damage] == ["lsb-4"]
    assert [each.method for each in found.extremes] == ["lsb-4"] * len(PAIRS)
    assert (found.extremes[0].host, found.extremes[0].hidden) == (NATURAL, NATURAL)
    facts = report.facts(adapter.study(found))
    assert facts["failures"][0]["method"] == "fussy"


def test_an_image_that_is_gone_ends_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan((str(folder),), (1,), (), ("lsb-4",), parts=("table",))
    places = plan.domains()
    (folder / places[0].names[2]).unlink()
    monkeypatch.setattr(Plan, "domains", lambda self: places)
    found = evaluate(plan)
    # As a host, and as what is hidden in the one before.
    assert [each.what for each in found.failures] == ["host 1 of photos", "host 2 of photos"]
    assert found.quality[0].summary.groups == 6


@pytest.mark.usefixtures("fussy")
def test_detection_and_cost_go_on_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "NEEDS", {})
    monkeypatch.setattr(Fussy, "brightest", 0.0)
    measure = cost.measure

    def known(contender: Any, *words: Any, **options: Any) -> Any:
        if contender.name == "fussy":
            raise BackendError("fussy could not be timed")
        return measure(contender, *words, **options)

    monkeypatch.setattr(cost, "measure", known)
    monkeypatch.setattr(cost, "_process", lambda job: {"seconds": 0.1, "peak_bytes": None})
    words = {"parts": ("detection", "cost"), "limit": 2, "cost_sizes": ((64, 64),)}
    found = evaluate(Plan((str(folder),), (1,), (), None, **words))  # type: ignore[arg-type]
    assert [each.method for each in found.detected if not each.control] == ["lsb-4"]
    assert [each.method for each in found.costs] == ["lsb-4", "lsb-4"]
    assert {(each.part, each.method) for each in found.failures} == {
        ("detection", "fussy"),
        ("cost", "fussy"),
    }


def test_what_was_measured_is_kept_after_each_part(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[int, int]] = []

    def gone(*words: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_cost", gone)
    parts = ("table", "damage", "cost")
    with pytest.raises(KeyboardInterrupt):
        evaluate(
            Plan((str(folder),), (1,), (), ("lsb-4",), limit=1, parts=parts),
            keep=lambda found: kept.append((len(found.quality), len(found.damage))),
        )
    assert kept == [(0, 0), (1, 0), (1, 1)]
