"""What the figures say, in plain words, and above all where something else is better.

Methods are compared on the same hosts of the same folder, and with nothing that was published.
"""

from __future__ import annotations

from collections.abc import Iterator

from isn.errors import counted
from isn.evaluation.detection import CLEAN, MATCHING, NEEDS
from isn.evaluation.sections import Tried, Where, first_counts, label, leaks, pair
from isn.evaluation.study import Study
from isn.evaluation.table import Row
from isn.method import DEFAULT

RECOGNISABLE = 20.0
"""dB, about where a person still makes out what a picture shows."""

FOUND, COIN = 0.9, 0.65
"""Areas under a ROC curve from which a detector is one, and up to which it is none."""

ORDINARY = 80
"""Quality of the JPEG that many sites store."""

SAME = 0.05
"""dB that a figure with one decimal does not show."""


def headlines(study: Study) -> tuple[str, ...]:
    """Sentences for the head of a report: what a user should know."""
    return (*_failures(study), *_advice(study), *_exposure(study))


def findings(study: Study) -> tuple[str, ...]:
    """The sentences that support them, made from the figures alone."""
    return (*_quality(study), *_damage(study), *_detection(study))


def _failures(study: Study) -> Iterator[str]:
    if study.about.failures:
        number = len(study.about.failures)
        yield f"Not measured, for something failed: {number}, named at the end of the tables"


def _quality(study: Study) -> Iterator[str]:
    for domain in study.about.domains:
        for count in study.about.counts:
            names = [name for name, _ in study.tried("quality", domain=domain.name, images=count)]
            ours = [name for name in names if name in study.ours]
            best = DEFAULT if DEFAULT in ours else next(iter(ours), None)
            images = counted(count, "image")
            told = [
                f"{name} {pair(study, domain.name, name, count)}"
                + _against(study, domain.name, count, name, best)
                for name in names
            ]
            if told:
                head = f"Hiding {images}, on {domain.name} (container / revealed, dB)"
                yield f"{head}: {'; '.join(told)}"


def _against(study: Study, domain: str, count: int, name: str, best: str | None) -> str:
    """How a method differs from another; nothing where one of them reveals nothing."""
    if best in (None, name):
        return ""
    gains = []
    for side in ("container", "revealed"):
        a, b = (
            study.stat(f"quality/{side}/psnr", domain=domain, images=count, method=each)
            for each in (name, best)
        )
        if a is None or b is None:
            return ""
        gains.append(a.mean - b.mean)
    amounts = " and ".join(f"{abs(gain):.1f}" for gain in gains)
    if min(gains) >= SAME:
        return f" is better than {best} in both, by {amounts}"
    if max(gains) <= -SAME:
        return f" is worse than {best} in both, by {amounts}"
    words = ["an equal" if abs(g) < SAME else "a better" if g > 0 else "a worse" for g in gains]
    return f" has {words[0]} container and {words[1]} revealed image than {best}, by {amounts}"


def _shows(study: Study, path: str, tried: Tried) -> bool:
    where: Where = {"method": tried[0], "images": tried[1]}
    left = study.stat(f"{path}/psnr", **where)
    lost = study.total(f"{path}/lost", **where)
    return left is not None and not lost and left.mean >= RECOGNISABLE


def _damage(study: Study) -> Iterator[str]:
    alike: dict[str, list[str]] = {}
    for tried in study.tried("damage"):
        kept = []
        for family in study.steps("damage"):
            paths = [f"damage/{family}/{step}" for step in study.steps(f"damage/{family}")]
            shown = [path.split("/")[2] for path in paths if _shows(study, path, tried)]
            if shown and family != "nothing":
                kept.append(f"{family} ({', '.join(shown)})")
        alike.setdefault("; ".join(kept) or "none of these damages", []).append(label(*tried))
    for after, names in alike.items():
        who = ", ".join(names)
        yield f"Damage that loses nothing and leaves {RECOGNISABLE:.0f} dB or more, {who}: {after}"


def _advice(study: Study) -> Iterator[str]:
    """What a lossy copy of ordinary quality leaves, by the methods that it leaves something of."""
    ours = [tried for tried in study.tried("damage") if tried[0] in study.ours]
    lossy = [
        (int(step.split()[-1]), f"damage/{family}/{step}")
        for family in ("JPEG", "WebP")
        for step in study.steps(f"damage/{family}")
    ]
    jpegs = {at: path for at, path in lossy if at >= ORDINARY and "JPEG" in path}
    lasting = [
        each
        for each in ours
        if ORDINARY in jpegs and all(_shows(study, path, each) for path in jpegs.values())
    ]
    if lasting:
        who = ", ".join(label(*each) for each in lasting)
        yield (
            f"For a user: what {who} hid comes back whole after a JPEG of quality {ORDINARY} or "
            "more; what follows is of the others"
        )
    others = [each for each in ours if each not in lasting]
    common = [
        _shows(study, path, tried) for quality, path in lossy if quality <= 90 for tried in others
    ]
    if any(common):
        yield (
            "For a user: a container should travel as the file that was written; after a lossy "
            "copy of ordinary quality some of it can still be made out, with --salvage"
        )
    elif common:
        yield (
            "For a user: a container must travel as the file that was written. A messenger or a "
            "site that stores pictures as JPEG or WebP of ordinary quality destroys what is "
            "hidden, with every method of this project that was measured"
        )


def _value(row: Row) -> float:
    return row.value


def _detection(study: Study) -> Iterator[str]:
    for name in ("StegExpose", *NEEDS):
        most = max(leaks(study, name), default=0) if name != "StegExpose" else 0
        path = f"detection/{name}/{most}/area" if most else f"detection/{name}/area"
        told = []
        for tried in first_counts(study):
            stat = study.stat(path, method=tried[0], images=tried[1])
            if stat is not None:
                told.append(f"{label(*tried)} {stat.told(2)}{_held(tried[0], stat.mean, most)}")
        if told:
            after = f" after {most} leaked pairs" if most else ""
            areas = "; ".join(told)
            yield f"{name} tells containers from clean photos{after} with areas of: {areas}"


def _held(method: str, area: float, most: int) -> str:
    """Whether a detector did of a control what it must, or its figures say little."""
    right = {MATCHING: area > FOUND, CLEAN: abs(area - 0.5) <= COIN - 0.5}.get(method)
    return "" if right is None or not most else ", as it must" if right else ", as it should not"


def _exposure(study: Study) -> Iterator[str]:
    areas = []
    for method, images in first_counts(study):
        found = [
            row
            for name in NEEDS
            for row in study.find(f"detection/{name}", method=method, images=images)
            if row.measure.endswith("/area")
        ]
        if found and method in study.ours:
            areas.append(max(found, key=_value))
    if not areas:
        return
    row = min(areas, key=_value)
    _, detector, pairs, _ = row.measure.split("/")
    stat = study.stat(row.measure, method=row.method, images=row.images)
    told = (
        f"the hardest to tell was {label(row.method, row.images)}, with an area of "
        f"{stat.told(2) if stat else ''} over {row.of} draws ({detector} after {pairs} pairs)"
    )
    if row.value >= FOUND:
        yield (
            "For a user: expect to be found by whoever looks for containers of these methods and "
            f"has the methods, as anybody can who makes pairs of their own; {told}"
        )
    elif row.value > COIN:
        yield (
            "For a user: a detector that learned from pairs of their own making tells these "
            f"containers more often than not; {told}"
        )
    else:
        yield (
            "For a user: these detectors told little of one method, which does not mean that "
            f"others cannot; {told}"
        )
