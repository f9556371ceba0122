"""What the figures say, in plain words, and above all where something else is better."""

from __future__ import annotations

from collections.abc import Iterator

from isn.evaluation import published, short
from isn.evaluation.damage import Left
from isn.evaluation.detected import first_counts, most_learned
from isn.evaluation.detection import CLEAN, MATCHING, SPAM, XUNET, Detected, Learned
from isn.evaluation.results import Damaged, Quality, Results

RECOGNISABLE = 20.0
"""dB, about where a person still makes out what a picture shows."""

FOUND, COIN = 0.9, 0.65
"""Areas under a ROC curve from which a detector is one, and up to which it is none."""


HEADLINES = ("Said plainly: ", "For a user: ")
"""How the sentences begin that stand at the head of a report; the others support them."""


def findings(results: Results) -> tuple[str, ...]:
    """Sentences for the head of a report, made from the figures alone."""
    return (
        *_quality(results),
        *_published(results),
        *_damage(results),
        *_extremes(results),
        *_detection(results),
    )


def _quality(results: Results) -> Iterator[str]:
    for domain in results.domains:
        for count in results.counts:
            rows = [q for q in results.quality if (q.domain, q.count) == (domain.name, count)]
            ours = [q for q in rows if results.entrant(q.method).ours and q.summary.revealed]
            others = [q for q in rows if not results.entrant(q.method).ours]
            where = f"Hiding {_images(count)}, on {domain.name}"
            if ours:
                best = short.reference(results, domain.name, count) or ours[0]
                yield _compared(where, best, others)
            elif rows:
                yield f"{where}: no model was given that hides so many; only alternatives are shown"


def _published(results: Results) -> Iterator[str]:
    """Where no network is needed to have a higher PSNR than the paper's."""
    for domain in results.domains:
        told = []
        for count in results.counts:
            papers = {name: each for name, each in published.isn(count).items() if each}
            rivals = [
                q
                for q in results.quality
                if (q.domain, q.count) == (domain.name, count) and q.method.startswith("avif-")
            ]
            beaten = [q for q in rivals if all(_above(short.pair(q), p) for p in papers.values())]
            if beaten:
                best = max(beaten, key=lambda q: min(short.pair(q) or (0, 0)))
                others = ", ".join(
                    f"{short.figures(each)} on {name}" for name, each in papers.items()
                )
                told.append(
                    f"{_images(count)}, {best.method} {_container(best):.1f} / "
                    f"{_revealed(best):.1f} dB, the paper {others}"
                )
        if told:
            yield (
                "Said plainly: files of a modern codec in the low bits have a higher PSNR than the "
                f"paper's networks were published with. On {domain.name}: {'; '.join(told)}"
            )


def _above(found: short.Pair | None, other: short.Pair) -> bool:
    return found is not None and min(found[0] - other[0], found[1] - other[1]) >= short.SAME


def _compared(where: str, best: Quality, others: list[Quality]) -> str:
    head = (
        f"{where}: {best.method} reaches {_container(best):.1f} dB in the container and "
        f"{_revealed(best):.1f} dB in what it reveals"
    )
    clauses = [_clause(best, other) for other in others]
    return "; ".join([head, *clauses])


def _clause(best: Quality, other: Quality) -> str:
    if not other.summary.revealed:
        return f"{other.method} reveals nothing"
    container = _container(other) - _container(best)
    revealed = _revealed(other) - _revealed(best)
    if min(container, revealed) >= short.SAME:
        return f"{other.method} beats it in both, by {container:.1f} and {revealed:.1f} dB"
    if max(container, revealed) <= -short.SAME:
        return f"{other.method} is worse in both, by {-container:.1f} and {-revealed:.1f} dB"
    return (
        f"{other.method} has {_difference('container', container)} and "
        f"{_difference('revealed image', revealed)}"
    )


def _difference(what: str, gain: float) -> str:
    if abs(gain) < short.SAME:
        return f"an equal {what}"
    return f"a {what} {abs(gain):.1f} dB {'better' if gain > 0 else 'worse'}"


def _damage(results: Results) -> Iterator[str]:
    if not results.damage:
        return
    alike: dict[tuple[int, str], list[str]] = {}
    for each in results.damage:
        alike.setdefault((each.count, _endurance(each)), []).append(each.method)
    for (count, endurance), names in alike.items():
        yield f"After damage, {', '.join(names)} ({_images(count)}): {endurance}"
    ours = [each for each in results.damage if results.entrant(each.method).ours]
    if ours:
        yield _advice(ours)


def _endurance(damaged: Damaged) -> str:
    harmed = [each for each in damaged.left if each.family != "nothing"]
    if all(each.psnr is None for each in harmed):
        return f"no picture after any of the {len(harmed)} damages, the mildest included"
    parts = []
    for family in ("noise", "JPEG", "WebP"):
        steps = [each for each in harmed if each.family == family]
        kept = _kept(steps)
        reach = f"up to {steps[kept - 1].label}" if kept else f"not even at {_mild(steps)}"
        parts.append(f"{family}, {reach}")
    edits = [each.label for each in harmed if each.family == "edit" and _shows(each)]
    parts.append(f"edits, {' and '.join(edits) if edits else 'none of them'}")
    return f"a picture above {RECOGNISABLE:.0f} dB is left after: {'; '.join(parts)}"


def _kept(steps: list[Left]) -> int:
    """How many of the damages of a family, from the mildest on, leave something to see."""
    return next((k for k, each in enumerate(steps) if not _shows(each)), len(steps))


def _mild(steps: list[Left]) -> str:
    first = steps[0]
    told = "no picture" if first.psnr is None else f"{first.psnr:.1f} dB"
    return f"{first.label} ({told})"


def _shows(left: Left) -> bool:
    return left.psnr is not None and left.lost == 0 and left.psnr >= RECOGNISABLE


def _advice(ours: list[Damaged]) -> str:
    common = [
        left
        for each in ours
        for left in each.left
        if left.family in ("JPEG", "WebP") and left.strength <= 90
    ]
    if any(_shows(left) for left in common):
        return (
            "For a user: a container should travel as the file that was written; after a lossy "
            "copy of ordinary quality some of it can still be made out, with --no-seal"
        )
    return (
        "For a user: a container must travel as the file that was written. A messenger or a site "
        "that stores pictures as JPEG or WebP of ordinary quality destroys what is hidden, with "
        "every model here"
    )


def _extremes(results: Results) -> Iterator[str]:
    for entrant in results.entrants:
        mine = [each for each in results.extremes if each.method == entrant.name]
        scored = [(each.revealed, each) for each in mine if each.revealed is not None]
        if entrant.ours and scored:
            value, worst = min(scored, key=lambda pair: pair[0])
            lowest = min(mine, key=lambda each: each.container)
            yield (
                f"Of the hard pairs, {entrant.name} reveals worst {worst.hidden} in {worst.host} "
                f"({value:.1f} dB), and its container is worst for {lowest.hidden} in "
                f"{lowest.host} ({lowest.container:.1f} dB)"
            )


def _detection(results: Results) -> Iterator[str]:
    shown = [each for each in first_counts(results) if not each.control]
    answers = [each for each in shown if each.fusion.area is not None]
    if answers:
        areas = ", ".join(f"{each.method} {each.fusion.area:.2f}" for each in answers)
        yield f"StegExpose's fusion tells containers from clean photos with an area of: {areas}"
    for name in (SPAM, XUNET):
        found = [(each, one) for each in shown if (one := most_learned(each, name)) is not None]
        if found:
            areas = ", ".join(f"{each.method} {one.area:.2f}" for each, one in found)
            pairs = max(one.pairs for _, one in found)
            yield f"{name} does after {pairs} leaked pairs with: {areas}; {_held(results, name)}"
    best = [(each, one) for each in shown if (one := _best(each)) is not None]
    ours = [(each, one) for each, one in best if results.entrant(each.method).ours]
    if ours:
        yield _exposure(ours)


def _held(results: Results, name: str) -> str:
    """Whether the detector did what a detector must, or its figures say little."""
    controls = {each.method: most_learned(each, name) for each in results.detected if each.control}
    words = []
    for control, wanted in ((MATCHING, "above 0.9"), (CLEAN, "near 0.5")):
        one = controls.get(control)
        if one is not None:
            right = one.area > FOUND if control == MATCHING else abs(one.area - 0.5) <= COIN - 0.5
            told = "as it must" if right else f"where it should be {wanted}"
            words.append(f"{control} has {one.area:.2f}, {told}")
    return "of the controls, " + " and ".join(words) if words else "without controls"


def _best(each: Detected) -> Learned | None:
    return max(each.learned, key=lambda one: one.area, default=None)


def _exposure(ours: list[tuple[Detected, Learned]]) -> str:
    each, one = min(ours, key=lambda pair: pair[1].area)
    told = f"{each.method} {one.area:.2f} with {one.detector} after {one.pairs} pairs"
    if one.area >= FOUND:
        return (
            "For a user: expect to be found by whoever looks for containers of these models and "
            "has the models, as anybody can who makes pairs of their own; the hardest to tell was "
            f"{told}"
        )
    if one.area > COIN:
        return (
            "For a user: a detector that learned from pairs of their own making tells these "
            f"containers more often than not; the hardest to tell was {told}"
        )
    return (
        f"For a user: these detectors told little of {each.method} ({told}), which does not "
        "mean that others cannot"
    )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _container(quality: Quality) -> float:
    return quality.summary.container["psnr"].mean


def _revealed(quality: Quality) -> float:
    return quality.summary.revealed["psnr"].mean
