"""The curves of a report: quality against the number of images, and against damage."""

from __future__ import annotations

from collections.abc import Iterator

from isn.evaluation import published, short
from isn.evaluation.results import Results
from isn.evaluation.scores import Summary
from isn.evaluation.svg import Chart, Series

_AXES = {
    "noise": "standard deviation of the noise, in levels",
    "JPEG": "quality of the JPEG file",
    "WebP": "quality of the WebP file",
}


def capacity_charts(results: Results) -> Iterator[Chart]:
    """Fig. 6: containers and revealed images, for every domain."""
    for place in results.domains:
        found = {
            (each.method, each.count): each.summary
            for each in results.quality
            if each.domain == place.name
        }
        for side, paper in (
            ("container", published.FIG_6_CONTAINER),
            ("revealed", published.FIG_6_REVEALED),
        ):
            yield Chart(
                f"PSNR of the {side} images on {place.name}",
                "hidden images in one host",
                "PSNR, dB",
                tuple(map(str, results.counts)),
                (
                    *_capacity_series(results, found, side),
                    Series(
                        "ISN, the paper (Paris)",
                        tuple(paper[count - 1] for count in results.counts),
                        reference=True,
                    ),
                ),
            )


def _capacity_series(
    results: Results, found: dict[tuple[str, int], Summary], side: str
) -> Iterator[Series]:
    for name, members in short.families(results):
        values = []
        for count in results.counts:
            tries = (found.get((each.name, count)) for each in members)
            one = next((each for each in tries if each is not None), None)
            spreads = {} if one is None else one.container if side == "container" else one.revealed
            values.append(spreads["psnr"].mean if spreads else None)
        if any(value is not None for value in values):
            yield Series(name, tuple(values))


def damage_charts(results: Results) -> Iterator[Chart]:
    """What is left, one chart for each family that has a strength."""
    for family, across in _AXES.items():
        lefts = results.damage[0].left
        places = [k for k, left in enumerate(lefts) if left.family in ("nothing", family)]
        yield Chart(
            f"PSNR of revealed images after {family}; a cross: nothing could be decoded",
            across,
            "PSNR, dB",
            tuple(
                "none" if lefts[k].family == "nothing" else f"{lefts[k].strength:g}" for k in places
            ),
            tuple(
                Series(
                    f"{each.method} (n = {each.count})",
                    tuple(each.left[k].psnr for k in places),
                    frozenset(n for n, k in enumerate(places) if each.left[k].psnr is None),
                )
                for each in results.damage
            ),
        )
