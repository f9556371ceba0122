"""The whole evaluation: every method on every domain, part by part."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import __version__ as pillow_version
from PIL import features

from isn import __version__
from isn.errors import BackendError, IsnError
from isn.evaluation import cost, damage, detection, detectors, extremes, scores, sheets
from isn.evaluation.methods import Contender
from isn.evaluation.plan import Plan
from isn.evaluation.protocol import Domain, readable
from isn.evaluation.results import Damaged, Entrant, Extremes, Failure, Quality, Results
from isn.evaluation.showcase import Source
from isn.paper import backends

DAMAGE_GROUPS = 8
"""Hosts whose containers are damaged: means of them differ by less than the damages do."""

Report = Callable[[float], None]


def evaluate(
    plan: Plan, progress: Report | None = None, keep: Callable[[Results], object] | None = None
) -> Results:
    """Measures all that a plan asks for.

    What cannot be measured, since a method fails on an image or an image is gone, is named among
    the failures, and the rest is measured.

    Args:
        plan: what to evaluate.
        progress: told the share that is done, from 0 to 1.
        keep: given what has been measured so far before the first part and after each, so that
            hours of work are not lost with the last part.

    Raises:
        ConfigError: the plan contradicts itself or is out of range.
        ImageError: a folder holds too few usable images.
        ModelError: a weights file is none.
        BackendError: what a method needs is not installed.
    """
    plan.check()
    chosen = plan.contenders()
    domains = plan.domains()
    results = Results(
        plan.command(),
        plan.seed,
        plan.counts,
        plan.parts,
        _versions(),
        tuple(
            Entrant(each.name, each.title, each.fingerprint, each.ours, tuple(each.counts))
            for each in chosen
        ),
        domains,
        plan.shown(domains)[0].name,
    )
    pace = _Pace(_work(plan, chosen, results.domains), progress)
    makers = {
        "table": _quality,
        "capacity": _showcase,
        "damage": _damage,
        "extremes": _extremes,
        "detection": _detection,
        "cost": _cost,
    }
    asked = set(plan.parts) | ({"table"} if "capacity" in plan.parts else set())
    for part in ("", *(each for each in makers if each in asked)):
        if part:
            makers[part](results, plan, chosen, pace)
        if keep is not None:
            keep(results)
    pace.finish()
    return results


class _Pace:
    """Counts the steps done of those foreseen."""

    def __init__(self, total: int, progress: Report | None) -> None:
        self._total, self._done, self._progress = total, 0, progress

    def step(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(min(self._done / self._total, 1.0))

    def finish(self) -> None:
        """What was foreseen may have been too much."""
        if self._progress is not None:
            self._progress(1.0)


@contextmanager
def _noted(results: Results, part: str, method: str, what: str = "") -> Iterator[None]:
    """Writes down what fails, and goes on."""
    try:
        yield
    except IsnError as error:
        results.failures.append(Failure(part, method, what, readable(str(error))))


def _work(plan: Plan, chosen: list[Contender], domains: tuple[Domain, ...]) -> int:
    """Steps, each about a reveal."""
    tries = sum(len(_counts(each, plan)) for each in chosen)
    hosts = sum(each.hosts for each in domains)
    damaged = min(DAMAGE_GROUPS, domains[0].hosts)
    steps = {
        "quality": tries * hosts if {"table", "capacity"} & set(plan.parts) else 0,
        "damage": len(chosen) * damaged * len(damage.DAMAGES),
        "extremes": len(chosen) * len(extremes.PAIRS),
        "detection": (tries + 2) * domains[0].hosts
        + (len(chosen) + 2) * detectors.trainings(domains[0]),
        "cost": len(chosen) * len(plan.cost_sizes) * len(cost.VERBS),
    }
    return max(1, sum(n for part, n in steps.items() if part == "quality" or part in plan.parts))


def _quality(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    for place in results.domains:
        for count in plan.counts:
            able = [each for each in chosen if count in each.counts]
            trials: dict[str, list[scores.Trial]] = {each.name: [] for each in able}
            for index in range(place.hosts):
                shown = index == 0 and place in plan.shown(results.domains)
                for name, judged in _round(results, place, (index, count), able, shown, pace):
                    trials[name].append(judged)
            results.quality += [
                Quality(place.name, name, count, scores.summary(found), tuple(found))
                for name, found in trials.items()
                if found
            ]


def _showcase(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    """Sheets of photos that are in none of the folders."""
    for source in plan.shown(results.domains):
        if source not in results.domains:
            for count in plan.counts:
                able = [each for each in chosen if count in each.counts]
                list(_round(results, source, (0, count), able, True, pace))


def _round(
    results: Results,
    source: Source,
    which: tuple[int, int],
    able: list[Contender],
    shown: bool,
    pace: _Pace,
) -> Iterator[tuple[str, scores.Trial]]:
    """One group, by its index and count, through every method; a sheet of it if it is shown."""
    with _noted(results, "table", "", f"host {which[0]} of {source.name}"):
        group = source.group(*which)
        sheet = sheets.GroupSheet(group, source.name) if shown else None
        for contender in able:
            with _noted(results, "table", contender.name, f"{group.host.name}, {source.name}"):
                container, revealed = scores.through_file(contender.method, group)
                judged = scores.judge(group, container, revealed)
                if sheet is not None:
                    sheet.add(contender.name, container, revealed, judged)
                yield contender.name, judged
            pace.step()
        if sheet is not None and able:
            results.sheets.append(sheet.finish())


def _damage(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    place = results.domains[0]
    results.damage_groups = min(DAMAGE_GROUPS, place.hosts)
    for contender in chosen:
        count = min(_counts(contender, plan))
        with _noted(results, "damage", contender.name):
            groups = [place.group(index, count) for index in range(results.damage_groups)]
            left = damage.survive(contender.method, groups, seed=plan.seed, step=pace.step)
            results.damage.append(Damaged(contender.name, count, tuple(left)))


def _extremes(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    source = plan.shown(results.domains)[0]
    sheet, drawn = sheets.ExtremeSheet(source.name), dict[int, str]()
    for contender in chosen:
        count = min(_counts(contender, plan))
        if contender.ours:
            # One for each number of images, or the pictures would outgrow the page.
            drawn.setdefault(count, contender.name)
        mine: list[extremes.Extreme] = []
        with _noted(results, "extremes", contender.name):
            for pair in extremes.PAIRS:
                mine.append(extremes.extreme(contender.method, count, pair, source, plan.seed))
                pace.step()
        # A row is whole or not there.
        for found in mine if len(mine) == len(extremes.PAIRS) else ():
            results.extremes.append(
                Extremes(
                    *(contender.name, count, found.host, found.hidden),
                    *(found.container, found.revealed, found.deviation, found.lost),
                )
            )
            if contender.name in drawn.values():
                sheet.add(contender.name, found)
    if drawn:
        results.extreme_sheets.append(sheet.finish())


def _detection(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    study = detectors.Study.of(results.domains[0], plan.seed, pace.step)
    names = detection.detectors()
    sheet = detectors.MapSheet(plan.shown(results.domains)[0])
    for contender in chosen:
        counts = _counts(contender, plan)
        with _noted(results, "detection", contender.name):
            sheet.add(contender.method, counts[0])
            # A network is trained for seconds, again and again: once for each method has to do.
            quick = tuple(name for name in names if name != detection.XUNET)
            for count in counts:
                able = names if count == counts[0] else quick
                results.detected.append(study.method(contender.method, count, able))
    results.maps.append(sheet.finish())
    controls = (study.matching(names), study.nothing(names))
    results.detected += [each for each in controls if each is not None]


def _cost(results: Results, plan: Plan, chosen: list[Contender], pace: _Pace) -> None:
    timed: set[str] = set()
    counts = [count for each in chosen if each.networked for count in _counts(each, plan)]
    ends = {min(counts), max(counts)} if counts else set()
    found = _backends(plan)
    for contender in chosen:
        if contender.architecture in timed:
            continue
        if contender.architecture:
            timed.add(contender.architecture)
        with _noted(results, "cost", contender.name):
            group = results.domains[0].group(0, min(_counts(contender, plan)))
            for backend in found if contender.networked else [""]:
                sizes = cost.sizes(
                    plan.cost_sizes, contender, backend, first=found[0], extremes=ends
                )
                for size in sizes:
                    results.costs += cost.measure(contender, backend, group, size, step=pace.step)


def _backends(plan: Plan) -> list[str]:
    if plan.backend is not None:
        return [plan.backend]
    found = []
    for name in backends.BACKENDS:
        try:
            backends.get(name)
        except BackendError:
            continue
        found.append(name)
    return found


def _counts(contender: Contender, plan: Plan) -> list[int]:
    return [each for each in plan.counts if each in contender.counts]


def _versions() -> dict[str, str]:
    found = {
        "isn": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "Pillow": pillow_version,
        "CPU cores": str(os.cpu_count()),
        "machine": platform.machine(),
    }
    if features.check("avif"):
        found["libavif"] = str(features.version("avif"))
    return found
