"""What an evaluation measured, as the one table that a report is made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isn.evaluation import detection
from isn.evaluation.scores import METRICS
from isn.evaluation.study import Study
from isn.evaluation.table import Row

if TYPE_CHECKING:
    from isn.evaluation.results import Results


def study(results: Results) -> Study:
    """The table and what it is of, whatever has been measured so far."""
    first = results.domains[0].name
    return Study(
        results,
        (
            *_quality(results),
            *_damage(results, first),
            *_extremes(results),
            *_detection(results, first),
            *_cost(results, first),
        ),
    )


def _quality(results: Results) -> Iterator[Row]:
    for each in results.quality:
        for trial in each.trials:
            what = (each.method, each.count, each.domain, trial.host)
            yield Row(*what, "quality/payload", trial.payload)
            yield Row(*what, "quality/lost", trial.revealed.count(None))
            for name in METRICS:
                yield Row(*what, f"quality/container/{name}", getattr(trial.container, name))
                for score in trial.revealed:
                    if score is not None:
                        yield Row(*what, f"quality/revealed/{name}", getattr(score, name))


def _damage(results: Results, domain: str) -> Iterator[Row]:
    for each in results.damage:
        for left in each.left:
            what = (each.method, each.count, domain, "")
            path = f"damage/{left.family}/{left.label}"
            yield Row(*what, f"{path}/lost", left.lost)
            if left.psnr is not None:
                yield Row(*what, f"{path}/psnr", left.psnr, left.pictures, left.deviation)


def _extremes(results: Results) -> Iterator[Row]:
    for each in results.extremes:
        what = (each.method, each.count, results.shown, each.host)
        path, back = f"extremes/{each.hidden}", each.count - each.lost
        yield Row(*what, f"{path}/container", each.container)
        yield Row(*what, f"{path}/lost", each.lost)
        if each.revealed is not None:
            yield Row(*what, f"{path}/revealed", each.revealed, back, each.deviation)


def _detection(results: Results, domain: str) -> Iterator[Row]:
    for each in results.detected:
        what, whole = (each.method, each.count, domain, ""), each.fusion
        yield Row(*what, "detection/hosts", each.hosts)
        yield Row(*what, "detection/tiles", each.tiles)
        if whole.area is not None:
            yield Row(*what, "detection/StegExpose/area", whole.area)
        for name in ("found", "accused", "unanswered"):
            yield Row(*what, f"detection/StegExpose/{name}", getattr(whole, name))
        for at, share in zip(detection.ACCUSED, whole.roc, strict=False):
            yield Row(*what, f"detection/StegExpose/roc/{at:g}", share)
        for one in each.learned:
            path = f"detection/{one.detector}/{one.pairs}"
            yield Row(*what, f"{path}/area", one.area, detection.DRAWS, one.deviation)
            yield Row(*what, f"{path}/accuracy", one.accuracy, one.tested, None)
            for at, share in zip(detection.ACCUSED, one.roc, strict=False):
                yield Row(*what, f"{path}/roc/{at:g}", share, detection.DRAWS, None)


def _cost(results: Results, domain: str) -> Iterator[Row]:
    for each in results.costs:
        what = (each.method, each.count, domain, "")
        path = f"cost/{each.backend}/{each.verb}/{each.width} x {each.height}"
        yield Row(*what, f"{path}/seconds", each.seconds)
        if each.peak_bytes is not None:
            yield Row(*what, f"{path}/bytes", each.peak_bytes)
