"""The tables and curves of each part: views of the one table of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from isn.errors import counted
from isn.evaluation import published
from isn.evaluation.cost import PUBLISHED
from isn.evaluation.detection import CLEAN, NEEDS
from isn.evaluation.document import LOST, NONE, Chart, Section, Table
from isn.evaluation.scores import CEILING
from isn.evaluation.study import Study
from isn.evaluation.table import Stat

Made = tuple[list[Table], list[Chart]]
Tried = tuple[str, int]
"""A method and its number of hidden images, 0 for a control."""

Where = dict[str, Any]
"""Columns of the table and what they hold."""

STEGEXPOSE = "detection/StegExpose"
_SIDE = ("PSNR", "worst", "PSNR Y", "SSIM", "SSIM Y")
_MEANS = {"psnr_y": 2, "ssim": 4, "ssim_y": 4}
_AXES = {
    "noise": "standard deviation of the noise, in levels",
    "JPEG": "quality of the JPEG file",
    "WebP": "quality of the WebP file",
}


def sections(study: Study) -> tuple[Section, ...]:
    """A section for each part that was asked for, measured or not, and two on what took part."""
    makers = {
        "table": ("Quality (Table 1)", "quality", _table),
        "capacity": ("Quality against the number of hidden images (Fig. 6)", "quality", _capacity),
        "damage": ("What is left after damage", "damage", _damage),
        "extremes": ("Hard images (Fig. 7), and what users bring", "extremes", _extremes),
        "detection": ("Can anybody tell? (Fig. 8 and 9)", "detection", _detection),
        "cost": ("Cost", "cost", _cost),
    }
    sheets = {
        "capacity": study.about.sheets,
        "extremes": study.about.extreme_sheets,
        "detection": study.about.maps,
    }
    known = {each.name: each.fingerprint for each in study.about.entrants}
    made = []
    for part, (title, measure, maker) in makers.items():
        if part not in study.about.parts:
            continue
        names = dict.fromkeys(row.method for row in study.find(measure))
        tables, charts = maker(study) if names else ([], [])
        by = ", ".join(f"{name} {known[name]}".rstrip() for name in names if name in known)
        command = f"{study.about.command} --parts {part}"
        pictures = tuple(sheets.get(part, ()))
        made.append(
            Section(part, title, tuple(tables), tuple(charts), pictures, command, by, bool(names))
        )
    methods = Section(
        "methods", "What was compared", (_methods(study),), command=study.about.command
    )
    return (*made, methods, Section("images", "On which images", tuple(_images(study))))


def pair(study: Study, domain: str, method: str, images: int) -> str | None:
    """PSNR of container / revealed images, with deviations and numbers; None if not measured."""
    where: Where = {"domain": domain, "method": method, "images": images}
    container = study.stat("quality/container/psnr", **where)
    if container is None:
        return None
    revealed = study.stat("quality/revealed/psnr", **where)
    if revealed is None:
        return f"{container.psnr} / {LOST} ({container.of} / 0)"
    lost = study.total("quality/lost", **where)
    told = f"{container.psnr} / {revealed.psnr} ({container.of} / {revealed.of})"
    return f"{told}, {lost} lost" if lost else told


def first_counts(study: Study) -> list[Tried]:
    """What detectors were shown: each method with its fewest images, then the controls."""
    chosen: dict[str, int] = {}
    for method, images in study.tried("detection"):
        chosen.setdefault(method, images)
    return list(chosen.items())


def label(method: str, images: int) -> str:
    """What a curve is called."""
    return f"{method} (n = {images})" if images else f"{method} (control)"


def leaks(study: Study, name: str) -> list[int]:
    """The numbers of leaked pairs that a detector learned from."""
    return sorted(map(int, study.steps(f"detection/{name}")))


def _grid(study: Study, caption: str, columns: tuple[str, ...], rows: Iterable[list[str]]) -> Table:
    """Methods with their numbers of images (0: a control), and what there is to say of each."""
    found = tuple(
        (f"{row[0]} (control)", NONE, *row[2:]) if row[1] == "0" else tuple(row) for row in rows
    )
    return Table(caption, ("method", "images", *columns), found, 1, study.ours)


def _left(stat: Stat | None, lost: int) -> str:
    """What came back, of how many images, and how many did not."""
    return f"{stat.psnr} ({stat.of}{f', {lost} lost' if lost else ''})" if stat else LOST


def _table(study: Study) -> Made:
    tables = list(_short(study))
    for name in (each.name for each in study.about.domains):
        rows = []
        for method, images in study.tried("quality", domain=name):
            where: Where = {"domain": name, "method": method, "images": images}
            payload = study.stat("quality/payload", **where)
            row = [method, str(images)]
            lost = str(study.total("quality/lost", **where))
            bits = payload.told() if payload else NONE
            container, revealed = (_side(study, s, where) for s in ("container", "revealed"))
            rows.append([*row, bits, *container, *revealed, lost])
        columns = ("bits / pixel", "containers", *_SIDE, "revealed", *_SIDE, "lost")
        tables.append(_grid(study, f"Quality on {name}.", columns, rows))
    sides = (f"{d} {side}" for d in ("ImageNet", "Paris") for side in ("container", "revealed"))
    caption = "Table 1 of the paper: PSNR / SSIM as published, on its own images."
    tables.append(Table(caption, ("method", "images", *sides), published.TABLE_1))
    return tables, []


def _short(study: Study) -> Iterator[Table]:
    papers = {(each.domain, each.images): str(each) for each in published.ISN}
    heads = [counted(count, "image") for count in study.about.counts]
    for name in (each.name for each in study.about.domains):
        rows = []
        for family, members in _families(study):
            found = [
                next((told for each in members if (told := pair(study, name, each, count))), NONE)
                for count in study.about.counts
            ]
            rows.append((family, *found))
        for domain in dict.fromkeys(each.domain for each in published.ISN):
            figures = (papers.get((domain, count), NONE) for count in study.about.counts)
            rows.append((f"the paper, on {domain}", *figures))
        yield Table(
            f"In short, on {name}: mean PSNR of container / revealed images, each ± its deviation, "
            "and in parentheses the numbers of both. The paper's figures are of its own images of "
            "the domain named, and not to be compared with others.",
            ("method", *heads),
            tuple(rows),
            1,
            frozenset(family for family, members in _families(study) if study.ours & {*members}),
        )


def _families(study: Study) -> list[tuple[str, list[str]]]:
    """Methods that differ in the number of images alone, as paper-1 to paper-5, as one."""
    found: dict[str, list[str]] = {}
    for each in study.about.entrants:
        ending = f"-{each.counts[0]}"
        alone = len(each.counts) == 1 and each.name.endswith(ending)
        # Of a method for several numbers no other name ends in a dash.
        stem = each.name.removesuffix(ending) if alone else f"{each.name}-"
        found.setdefault(stem, []).append(each.name)
    return [(" to ".join(dict.fromkeys((n[0], n[-1]))), n) for n in found.values()]


def _side(study: Study, side: str, where: Where) -> list[str]:
    """Number of images, PSNR and the worst of it, and the other means."""
    psnr = study.stat(f"quality/{side}/psnr", **where)
    if psnr is None:
        return ["0", *[NONE] * len(_SIDE)]
    others = ((study.stat(f"quality/{side}/{name}", **where), d) for name, d in _MEANS.items())
    told = (NONE if stat is None else stat.told(digits) for stat, digits in others)
    return [str(psnr.of), psnr.told(2, CEILING), f"{psnr.lowest:.2f}", *told]


def _capacity(study: Study) -> Made:
    axes = ("hidden images in one host", "PSNR, dB")
    charts = []
    for domain in study.about.domains:
        for side in ("container", "revealed"):
            curves = {}
            for family, members in _families(study):
                counted: dict[int, Stat | None] = dict.fromkeys(study.about.counts)
                for each in members:
                    for _, count in study.tried("quality", method=each):
                        where: Where = {"domain": domain.name, "method": each, "images": count}
                        counted[count] = study.stat(f"quality/{side}/psnr", **where)
                if any(counted.values()):
                    curves[family] = list(counted.values())
            caption = f"PSNR of the {side} images on {domain.name}, and its deviation"
            charts.append(Chart(caption, *axes, tuple(map(str, study.about.counts)), curves))
    fig_6 = [each for each in published.ISN if each.domain == published.PARIS]
    curves = {
        f"{side} (paper)": [Stat(1, dB, None, dB) for each in fig_6 for dB in [getattr(each, side)]]
        for side in ("container", "revealed")
    }
    caption = (
        f"The paper's own curve, trained and measured on {published.PARIS}: one and two images as "
        f"published, the others {published.READ_OFF}"
    )
    places = tuple(str(each.images) for each in fig_6)
    charts.append(Chart(caption, *axes, places, curves, quiet=("container (paper)",)))
    # They stand in the part table, where it is there.
    return ([] if "table" in study.about.parts else list(_short(study))), charts


def _damage(study: Study) -> Made:
    tables, charts = [], []
    untouched = [f"nothing/{label}" for label in study.steps("damage/nothing")]
    for family in study.steps("damage"):
        if family == "nothing":
            continue
        steps = [*untouched, *(f"{family}/{each}" for each in study.steps(f"damage/{family}"))]
        rows, curves = [], {}
        for method, images in study.tried("damage"):
            where: Where = {"method": method, "images": images}
            found = [study.stat(f"damage/{step}/psnr", **where) for step in steps]
            lost = [study.total(f"damage/{step}/lost", **where) for step in steps]
            rows.append([method, str(images), *map(_left, found, lost)])
            curves[label(method, images)] = found
        labels = tuple(step.split("/")[1] for step in steps)
        caption = f"PSNR of revealed images after damage: {family}."
        tables.append(_grid(study, caption, labels, rows))
        if family in _AXES:
            caption = f"PSNR of revealed images after {family}; a cross: nothing could be decoded"
            places = tuple(each.split()[-1] for each in labels)
            charts.append(Chart(caption, _AXES[family], "PSNR, dB", places, curves, lost=True))
    return tables, charts


def _extremes(study: Study) -> Made:
    tried = study.tried("extremes")
    pairs = dict.fromkeys((row.measure.split("/")[1], row.host) for row in study.find("extremes"))
    rows = []
    for hidden, host in pairs:
        cells = []
        for method, images in tried:
            where: Where = {"method": method, "images": images}
            container = study.stat(f"extremes/{hidden}/container", host, **where)
            revealed = study.stat(f"extremes/{hidden}/revealed", host, **where)
            told = _left(revealed, study.total(f"extremes/{hidden}/lost", host, **where))
            cells.append(f"{container.psnr} / {told}" if container else NONE)
        rows.append((hidden, host, *cells))
    caption = "PSNR of the one container / of what was revealed, and of how many images."
    names = (label(*each) for each in tried)
    return [Table(caption, ("hidden", "in", *names), tuple(rows), 2)], []


def _detection(study: Study) -> Made:
    rows = []
    for method, images in study.tried("detection"):
        where: Where = {"method": method, "images": images}
        measures = (study.stat(f"{STEGEXPOSE}/{x}", **where) for x in ("area", "found", "accused"))
        area, *shares = (NONE if stat is None else f"{stat.mean:.2f}" for stat in measures)
        hosts = study.total("detection/hosts", **where)
        rows.append([method, str(images), str(hosts), area, *shares])
    caption = "StegExpose: area under the ROC curve, and shares at its own threshold of 0.2."
    tables = [_grid(study, caption, ("hosts", "area", "found", "accused"), rows)]
    charts = [_roc(study, STEGEXPOSE, "StegExpose's fusion: ROC curves (Fig. 9)")]
    for name in NEEDS:
        pairs = leaks(study, name)
        if not pairs:
            continue
        paths = [f"detection/{name}/{n}" for n in pairs]
        rows, curves = [], {}
        for method, images in study.tried(f"detection/{name}"):
            where = {"method": method, "images": images}
            right = [study.stat(f"{path}/accuracy", **where) for path in paths]
            areas = [study.stat(f"{path}/area", **where) for path in paths]
            both = zip(right, areas, strict=True)
            told = (
                f"{r.mean:.2f} of {r.of} / {a.told(2)} ({a.of})" if r and a else NONE
                for r, a in both
            )
            rows.append([method, str(images), *told])
            if (method, images) in first_counts(study):
                curves[label(method, images)] = right
        heads = tuple(map(str, pairs))
        caption = f"{name}, by leaked pairs: share of right verdicts / area ± deviation (draws)."
        tables.append(_grid(study, caption, heads, rows))
        charts.append(_roc(study, paths[-1], f"{name} after {pairs[-1]} leaked pairs: ROC curves"))
        caption, axes = (
            f"{name}: right verdicts by leaked pairs",
            ("leaked pairs", "right verdicts"),
        )
        charts.append(Chart(caption, *axes, heads, curves, quiet=(label(CLEAN, 0),)))
    return tables, charts


def _roc(study: Study, path: str, caption: str) -> Chart:
    places = study.steps(f"{path}/roc")
    curves = {
        label(method, images): [
            study.stat(f"{path}/roc/{at}", method=method, images=images) for at in places
        ]
        for method, images in first_counts(study)
        if study.find(f"{path}/roc", method=method, images=images)
    }
    # Every fifth place has its number, or they would touch.
    labels = tuple("" if k % 5 else at for k, at in enumerate(places))
    axes = ("clean images accused", "containers found")
    return Chart(caption, *axes, labels, curves, quiet=(label(CLEAN, 0),))


def _cost(study: Study) -> Made:
    rows = []
    for row in study.find("cost"):
        _, backend, verb, size, unit = row.measure.split("/")
        if unit == "seconds":
            where: Where = {"method": row.method, "images": row.images}
            peak = study.stat(f"cost/{backend}/{verb}/{size}/bytes", **where)
            took = (f"{row.value:.3f}", NONE if peak is None else f"{peak.mean / 1e6:.0f}")
            rows.append((row.method, backend or NONE, verb, str(row.images), size, *took))
    rows += [
        (
            t.who,
            "GPU",
            t.what,
            "1",
            f"{t.width} x {t.height}",
            f"{t.seconds:.3f}",
            str(t.megabytes or NONE),
        )
        for t in PUBLISHED
    ]
    columns = ("method", "backend", "verb", "images", "size", "seconds", "MB")
    return [Table("Seconds and peak memory.", columns, tuple(rows), 3, study.ours)], []


def _methods(study: Study) -> Table:
    rows = []
    for each in study.about.entrants:
        span = " to ".join(dict.fromkeys((str(each.counts[0]), str(each.counts[-1]))))
        rows.append((each.name, each.title, span, each.fingerprint or NONE))
    versions = ", ".join(f"{name} {version}" for name, version in study.about.versions.items())
    columns = ("method", "what it is", "images", "fingerprint")
    return Table(f"Methods. Made with {versions}.", columns, tuple(rows), 4, study.ours)


def _images(study: Study) -> Iterator[Table]:
    rows = []
    for each in study.about.domains:
        size = f"centre crop, {each.crop} x {each.crop}" if each.crop else "native resolution"
        numbers = (len(each.names), each.hosts, len(each.skipped))
        rows.append((each.name, size, *map(str, numbers)))
    columns = ("folder", "as", "usable images", "hosts", "skipped")
    yield Table("Images by folder.", columns, tuple(rows), 2)
    skipped = tuple(
        (each.name, skip.reason) for each in study.about.domains for skip in each.skipped
    )
    if skipped:
        yield Table("Skipped files.", ("folder", "why"), skipped, 2)
    failed = tuple(
        (f.part, f.method or NONE, f.what or NONE, f.reason) for f in study.about.failures
    )
    if failed:
        yield Table("What could not be measured.", ("part", "method", "on", "why"), failed, 4)
