"""The results as a document: a section for each part, its tables, curves and pictures."""

from __future__ import annotations

from isn.evaluation import cells, detected, quality
from isn.evaluation.cost import COMPARED, PUBLISHED
from isn.evaluation.curves import damage_charts
from isn.evaluation.document import Document, Section, Table
from isn.evaluation.findings import HEADLINES, findings
from isn.evaluation.results import Results
from isn.evaluation.scores import CEILING
from isn.evaluation.sheets import LOST
from isn.paper.backends import BACKENDS


def document(results: Results) -> Document:
    """The whole report."""
    sections: list[Section] = []
    if "table" in results.parts:
        sections.append(quality.table(results))
    if "capacity" in results.parts:
        sections.append(quality.capacity(results))
    if results.damage:
        sections.append(_damage(results))
    if results.extremes:
        sections.append(_extremes(results))
    if results.detected:
        sections.append(detected.detection(results))
    if results.costs:
        sections.append(_cost(results))
    sections += [_methods(results), _images(results)]
    said = findings(results)
    return Document(
        "Hiding images in images: what was measured",
        "Every figure is taken through an 8-bit file: the container is written as PNG, and the "
        "hidden images are revealed from its bytes alone. PSNR is in dB (higher is closer; "
        f"equal images count as {CEILING:.0f}), SSIM uses the Gaussian window of 11 x 11 "
        "with sigma 1.5; both in RGB, and where it says Y in the luma of BT.601.",
        tuple(each for each in said if each.startswith(HEADLINES)),
        tuple(each for each in said if not each.startswith(HEADLINES)),
        tuple(sections),
    )


def _methods(results: Results) -> Section:
    rows = tuple(
        (each.name, each.title, cells.span(each.counts), each.fingerprint or cells.NONE)
        for each in results.entrants
    )
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return Section(
        "methods",
        "What was compared",
        "Highlighted rows are this project's models, the others what one might take instead.",
        (
            Table(
                f"Methods. Made with {versions}.",
                ("method", "what it is", "images", "fingerprint"),
                rows,
                4,
                cells.ours(results, (each.name for each in results.entrants)),
            ),
        ),
        command=results.command,
    )


def _images(results: Results) -> Section:
    rows = tuple(
        (
            each.name,
            "native resolution" if each.crop is None else f"centre crop, {each.crop} x {each.crop}",
            str(len(each.names)),
            str(each.hosts),
            str(len(each.skipped)),
        )
        for each in results.domains
    )
    skipped = tuple((each.name, skip.reason) for each in results.domains for skip in each.skipped)
    tables = [
        Table(
            "Images by folder.",
            ("folder", "as", "usable images", "hosts", "skipped"),
            rows,
            2,
        )
    ]
    if skipped:
        tables.append(Table("Skipped files.", ("folder", "why"), skipped, 2))
    return Section(
        "images",
        "On which images",
        (
            f"The images of a folder stand in an order drawn from the seed {results.seed}; each "
            "of the first ones is a host, and those that follow it are hidden in it. Every method "
            "is given the same groups."
        ),
        tuple(tables),
    )


def _damage(results: Results) -> Section:
    tables = []
    families: dict[str, list[int]] = {}
    for k, left in enumerate(results.damage[0].left):
        families.setdefault(left.family, []).append(k)
    untouched = families.pop("nothing", [])
    for family, places in families.items():
        shown = [*untouched, *places]
        rows = tuple(
            (
                each.method,
                str(each.count),
                *(cells.left(each.left[k].psnr, each.left[k].lost) for k in shown),
            )
            for each in results.damage
        )
        labels = (results.damage[0].left[k].label for k in shown)
        tables.append(
            Table(
                f"PSNR of revealed images after damage: {family}.",
                ("method", "images", *labels),
                rows,
                1,
                cells.ours(results, (each.method for each in results.damage)),
            )
        )
    return Section(
        "damage",
        "What is left after damage",
        (
            f"The containers of {cells.hosts(results.damage_groups)} of {results.domains[0].name}, "
            "changed and then revealed without asking for the seal, which no change leaves whole. "
            f"“{LOST}” means that nothing could be decoded, and a number with “n lost” is the mean "
            "of the others. The noise is Gaussian, in levels of 255; JPEG is "
            "4:2:0, as most programs write it."
        ),
        tuple(tables),
        tuple(damage_charts(results)),
        (),
        f"{results.command} --parts damage",
        cells.made_by(results, (each.method for each in results.damage)),
    )


def _extremes(results: Results) -> Section:
    names = list(dict.fromkeys(each.method for each in results.extremes))
    pairs = list(dict.fromkeys((each.hidden, each.host) for each in results.extremes))
    found = {(each.method, each.hidden, each.host): each for each in results.extremes}
    rows = []
    for hidden, host in pairs:
        line = [hidden, host]
        for name in names:
            one = found[name, hidden, host]
            line.append(f"{cells.decibels(one.container)} / {cells.left(one.revealed, one.lost)}")
        rows.append(tuple(line))
    return Section(
        "extremes",
        "Hard images (Fig. 7), and what users bring",
        (
            f"One group for each pair, the natural images from {results.shown}: the paper's "
            "natural, monochrome and noise images both ways round, then pages, screenshots, "
            "drawings and text, drawn from the seed. A model "
            "for several images hides as many of the kind."
        ),
        (Table("PSNR of container / revealed.", ("hidden", "in", *names), tuple(rows), 2),),
        sheets=tuple(results.extreme_sheets),
        command=f"{results.command} --parts extremes",
        made_by=cells.made_by(results, names),
    )


def _cost(results: Results) -> Section:
    rows = [
        (
            *(each.method, each.backend or cells.NONE, each.verb, str(each.count)),
            *(cells.size(each.height, each.width), f"{each.seconds:.3f}", cells.megabytes(each)),
        )
        for each in results.costs
    ]
    ours = cells.ours(results, (each.method for each in results.costs))
    rows += [
        (
            *(each.who, "GPU", each.what, "1", cells.size(each.height, each.width)),
            *(f"{each.seconds:.3f}", cells.NONE if each.megabytes is None else str(each.megabytes)),
        )
        for each in PUBLISHED
    ]
    cores = results.versions.get("CPU cores", "?")
    return Section(
        "cost",
        "Cost",
        (
            f"Seconds from pixels to pixels, after a small image to warm up, and the peak memory "
            f"of the whole process, here with {cores} CPU cores.{_not_timed(results)} The last "
            "rows are published figures from other machines; the memory there is the graphics "
            "card's."
        ),
        (
            Table(
                "Seconds and peak memory.",
                ("method", "backend", "verb", "images", "size", "seconds", "MB"),
                tuple(rows),
                3,
                ours,
            ),
        ),
        command=f"{results.command} --parts cost",
        made_by=cells.made_by(results, (each.method for each in results.costs)),
    )


def _not_timed(results: Results) -> str:
    """Which models and backends have no row, or not every row, and why."""
    timed = {each.method for each in results.costs}
    twins = [each.name for each in results.entrants if each.name not in timed]
    told = ""
    if twins:
        told += f" {', '.join(twins)}: as the model of the same architecture that was timed."
    largest = max(each.height * each.width for each in results.costs)
    named = {(each.backend or each.method) for each in results.costs}
    whole = [each for each in results.costs if each.height * each.width == largest]
    full = {(each.backend or each.method) for each in whole}
    between = sorted(
        {each.method for each in results.costs if each.backend in full}
        - {each.method for each in whole}
    )
    if between:
        told += (
            f" {', '.join(between)}: up to {COMPARED / 1e6:.0f} megapixels, for they lie between "
            "the models of fewer and of more hidden images."
        )
    fewer: dict[tuple[int, int], list[str]] = {}
    for name in sorted(named - full):
        sizes = [(c.width, c.height) for c in results.costs if name in (c.backend, c.method)]
        fewer.setdefault(max(sizes), []).append(name)
    for (width, height), names in fewer.items():
        told += f" {', '.join(names)}: up to {width} x {height}."
    if any(each in BACKENDS for each in named - full):
        told += " --backend measures a backend at every size."
    return told
