"""The first table of a report: our methods beside all alternatives and the paper, in PSNR."""

from __future__ import annotations

import re
from collections.abc import Iterator

from isn import zoo
from isn.evaluation import cells, published
from isn.evaluation.document import Table
from isn.evaluation.results import Entrant, Quality, Results
from isn.evaluation.sheets import LOST

SAME = 0.05
"""dB that a figure with one decimal does not show."""

Pair = tuple[float, float]


def tables(results: Results) -> tuple[Table, ...]:
    """One table for each domain: a row for each family of methods, a column for each count."""
    return tuple(_table(results, place.name) for place in results.domains)


def pair(quality: Quality | None) -> Pair | None:
    """Mean PSNR of containers and of revealed images; None where nothing was revealed."""
    if quality is None or not quality.summary.revealed:
        return None
    return quality.summary.container["psnr"].mean, quality.summary.revealed["psnr"].mean


def figures(found: Pair) -> str:
    """Container / revealed, to a tenth."""
    # 38.05, as it was published, is a little less in binary.
    return " / ".join(f"{value + 1e-9:.1f}" for value in found)


def reference(results: Results, place: str, count: int) -> Quality | None:
    """The method that the others are compared with: the default one, or else the best."""
    ours = [
        each
        for each in results.quality
        if (each.domain, each.count) == (place, count)
        and results.entrant(each.method).ours
        and pair(each)
    ]
    default = zoo.entries()[0].fingerprint.hex()
    chosen = [each for each in ours if results.entrant(each.method).fingerprint == default]
    return max(chosen or ours, key=lambda each: sum(pair(each) or (0, 0)), default=None)


def published_on(place: str) -> str | None:
    """Which of the paper's domains the domain called `place` is; None: neither."""
    words = re.split("[^a-z0-9]+", place.rpartition("/")[2].casefold())
    return next((each for each in published.isn(1) if each.casefold() in words), None)


def _table(results: Results, place: str) -> Table:
    found = {(q.method, q.count): q for q in results.quality if q.domain == place}
    against = {count: reference(results, place, count) for count in results.counts}
    rows: list[tuple[str, ...]] = []
    better: set[tuple[int, int]] = set()
    ours: set[int] = set()

    def add(name: str, line: dict[int, tuple[str, bool]]) -> None:
        better.update((len(rows), k) for k, count in enumerate(results.counts, 1) if line[count][1])
        rows.append((name, *(line[count][0] for count in results.counts)))

    for name, members in families(results):
        if members[0].ours:
            ours.add(len(rows))
        line = {}
        for count in results.counts:
            tries = (found.get((each.name, count)) for each in members)
            mine = next((each for each in tries if each is not None), None)
            line[count] = (cells.NONE, False) if mine is None else _cell(mine, against[count])
        add(name, line)
    same = published_on(place)
    for domain in sorted(published.isn(1), key=lambda each: each != same):
        papers = {count: published.isn(count)[domain] for count in results.counts}
        add(
            f"the paper, {domain}" if domain == same else f"the paper, another domain ({domain})",
            {
                # On other images a difference would say nothing.
                count: (cells.NONE, False)
                if each is None
                else _told(each, pair(against[count]) if domain == same else None)
                for count, each in papers.items()
            },
        )
    return Table(
        f"In short, on {place}: mean PSNR of container / revealed, ± the standard deviation, over "
        f"{_hosts(results, place)}, and in parentheses how much more or less that is than the "
        "(default) method has. Bold is better than it in both. The paper's figures are of its own "
        "test images; those of another domain are not compared.",
        ("method", *map(cells.images, results.counts)),
        tuple(rows),
        1,
        frozenset(ours),
        frozenset(better),
    )


def families(results: Results) -> Iterator[tuple[str, list[Entrant]]]:
    """Methods that differ in the number of images alone, as paper-1 to paper-5, stand together."""
    found: dict[tuple[str, bool], list[Entrant]] = {}
    for each in results.entrants:
        counts = [count for count in each.counts if count in results.counts]
        stem = each.name.removesuffix(f"-{each.counts[0]}") if len(each.counts) == 1 else each.name
        # One of which there is a second for the same number is a family of its own.
        mates = found.get((stem, each.ours), [])
        taken = {count for mate in mates for count in mate.counts}
        key = each.name if taken & set(counts) else stem
        found.setdefault((key, each.ours), []).append(each)
    for members in found.values():
        first, last = members[0].name, members[-1].name
        yield (first if first == last else f"{first} to {last}"), members


def _cell(quality: Quality, against: Quality | None) -> tuple[str, bool]:
    mine = pair(quality)
    if mine is None:
        return LOST, False
    own = against is not None and against.method == quality.method
    told, better = _told(mine, None if own else pair(against), _deviations(quality))
    lost = quality.summary.lost
    return (f"{told}, {lost} lost" if lost else told), better


def _deviations(quality: Quality) -> Pair:
    summary = quality.summary
    return summary.container["psnr"].deviation, summary.revealed["psnr"].deviation


def _hosts(results: Results, place: str) -> str:
    """Over how many images the means of a domain are, for the fewest and the most hosts."""
    found = sorted({each.summary.groups for each in results.quality if each.domain == place})
    spans = [str(each) for each in (found[0], found[-1])] if found else ["0"]
    hosts = " to ".join(dict.fromkeys(spans))
    return f"{hosts} host{'' if hosts == '1' else 's'} and what is hidden in them"


def _told(found: Pair, against: Pair | None, deviations: Pair | None = None) -> tuple[str, bool]:
    """The figures with their difference, and whether both are better."""
    told = figures(found)
    if deviations is not None:
        told = " / ".join(
            f"{one} ± {spent:.1f}" for one, spent in zip(told.split(" / "), deviations, strict=True)
        )
    if against is None:
        return told, False
    gains = [a - b for a, b in zip(found, against, strict=True)]
    # Without a sign where there is no difference to be seen: never −0.0.
    signs = ", ".join(f"{gain:+.1f}" if abs(gain) >= SAME else "0.0" for gain in gains)
    signs = signs.replace("-", "−")
    return f"{told} ({signs})", min(gains) >= SAME
