"""The section on detection: ROC curves, what leaked pairs teach, and forensic maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isn.evaluation import cells
from isn.evaluation.detection import (
    ACCUSED,
    CLEAN,
    DRAWS,
    NEEDS,
    SPAM,
    XUNET,
    Detected,
    Learned,
)
from isn.evaluation.document import Section, Table
from isn.evaluation.results import Results
from isn.evaluation.svg import Chart, Series

_ACROSS = "clean images accused, %"
_UP = "containers found, %"


def detection(results: Results) -> Section:
    """StegExpose and the detectors that learn, on every method and both controls."""
    charts = [_fusion_chart(results)]
    for name in (SPAM, XUNET):
        if any(_of(each, name) for each in results.detected):
            charts += [_roc_chart(results, name), _leaks_chart(results, name)]
    return Section(
        "detection",
        "Can anybody tell? (Fig. 8 and 9)",
        _text(results),
        tuple(_tables(results)),
        tuple(charts),
        tuple(results.maps),
        f"{results.command} --parts detection",
        cells.made_by(results, (each.method for each in results.detected)),
    )


def label(each: Detected) -> str:
    """What a curve is called."""
    return f"{each.method} (control)" if each.control else f"{each.method} (n = {each.count})"


def most_learned(each: Detected, name: str) -> Learned | None:
    """What a detector says after the most leaked pairs; None where it did not run."""
    found = _of(each, name)
    return found[-1] if found else None


def first_counts(results: Results) -> list[Detected]:
    """Each method with its smallest count, then the controls."""
    chosen: dict[str, Detected] = {}
    for each in results.detected:
        chosen.setdefault(each.method, each)
    return list(chosen.values())


def _text(results: Results) -> str:
    first = results.detected[0]
    missing = [
        f"{name} did not run: {NEEDS[name]} is not installed, or the pairs are too few. "
        for name in (SPAM, XUNET)
        if not any(_of(each, name) for each in results.detected)
    ]
    return (
        f"The containers of {first.hosts} hosts of {results.domains[0].name}, against these hosts. "
        "StegExpose's fusion judges whole images. The other detectors learn from N leaked pairs of "
        f"a clean image and its container, here {first.tiles} tiles, and judge those of other "
        f"hosts; figures are means of {DRAWS} draws. An area of 1 is a detector that always tells, "
        "of 0.5 one that tosses a coin. LSB matching at full rate is a control that must be found, "
        f"clean photos against other clean photos one that must stay at 0.5. "
        "Anybody who has a method can make as many pairs as they like. "
        f"{''.join(missing)}"
        "In the forensic maps a bright place is one whose noise is unlike that of the rest."
    )


def _tables(results: Results) -> Iterator[Table]:
    rows = []
    for each in results.detected:
        fusion = each.fusion
        learned = (most_learned(each, SPAM), most_learned(each, XUNET))
        rows.append(
            (
                *(_name(each), _count(each), cells.share(fusion.area)),
                *(f"{100 * fusion.found:.0f} %", f"{100 * fusion.accused:.0f} %"),
                *(cell for one in learned for cell in _verdict(one)),
            )
        )
    yield Table(
        "Area under the ROC curve; StegExpose also at its own threshold of 0.2, SPAM and XuNet "
        "after the most leaked pairs.",
        (
            *("method", "images", "StegExpose", "found", "accused"),
            *("SPAM", "accuracy", "pairs", "XuNet", "accuracy", "pairs"),
        ),
        tuple(rows),
        1,
        cells.ours(results, (each.method for each in results.detected)),
    )
    for name in (SPAM, XUNET):
        yield from _leaks_table(results, name)


def _leaks_table(results: Results, name: str) -> Iterator[Table]:
    shown = [each for each in results.detected if _of(each, name)]
    places = _leaks(shown, name)
    if not places:
        return
    rows = []
    for each in shown:
        found = {one.pairs: one for one in _of(each, name)}
        told = (
            f"{found[n].accuracy:.2f} / {found[n].area:.2f} ± {found[n].deviation:.2f}"
            if n in found
            else cells.NONE
            for n in places
        )
        rows.append((_name(each), _count(each), *told))
    yield Table(
        f"{name}: accuracy / area ± its deviation over the draws, by the number of leaked pairs.",
        ("method", "images", *map(str, places)),
        tuple(rows),
        1,
        cells.ours(results, (each.method for each in shown)),
    )


def _fusion_chart(results: Results) -> Chart:
    curves = [(each, each.fusion.roc) for each in first_counts(results)]
    return _roc("StegExpose's fusion: ROC curves (Fig. 9)", curves)


def _roc_chart(results: Results, name: str) -> Chart:
    found = [(each, most_learned(each, name)) for each in first_counts(results)]
    curves = [(each, one.roc) for each, one in found if one is not None]
    pairs = max(one.pairs for _, one in found if one is not None)
    return _roc(f"{name} after up to {pairs} leaked pairs: ROC curves", curves)


def _roc(caption: str, curves: Iterable[tuple[Detected, tuple[float, ...]]]) -> Chart:
    # Every second place has its number, or they would touch.
    places = tuple("" if k % 2 else f"{100 * at:.0f}" for k, at in enumerate(ACCUSED))
    return Chart(
        caption,
        _ACROSS,
        _UP,
        places,
        tuple(
            Series(label(each), tuple(100 * found for found in roc), reference=each.method == CLEAN)
            for each, roc in curves
            if roc
        ),
    )


def _leaks_chart(results: Results, name: str) -> Chart:
    shown = first_counts(results)
    places = _leaks(shown, name)
    series = []
    for each in shown:
        found = {one.pairs: 100 * one.accuracy for one in _of(each, name)}
        if found:
            values = tuple(found.get(n) for n in places)
            series.append(Series(label(each), values, reference=each.method == CLEAN))
    return Chart(
        f"{name}: accuracy by the number of leaked pairs",
        "leaked pairs",
        "right verdicts, %",
        tuple(map(str, places)),
        tuple(series),
    )


def _of(each: Detected, name: str) -> list[Learned]:
    return [one for one in each.learned if one.detector == name]


def _leaks(shown: Iterable[Detected], name: str) -> list[int]:
    return sorted({one.pairs for each in shown for one in _of(each, name)})


def _name(each: Detected) -> str:
    return f"{each.method} (control)" if each.control else each.method


def _count(each: Detected) -> str:
    return cells.NONE if each.control else str(each.count)


def _verdict(one: Learned | None) -> tuple[str, str, str]:
    if one is None:
        return (cells.NONE,) * 3
    return cells.share(one.area), cells.share(one.accuracy), str(one.pairs)
