"""The sections on quality: Table 1 and Fig. 6 of the paper, for the methods at hand."""

from __future__ import annotations

from isn.evaluation import cells, published, short
from isn.evaluation.curves import capacity_charts
from isn.evaluation.document import Section, Table
from isn.evaluation.results import Quality, Results

_COLUMNS = (
    *("method", "images", "bits / pixel", "hosts"),
    *("container PSNR", "worst", "PSNR Y", "SSIM", "SSIM Y", "revealed"),
    *("revealed PSNR", "worst", "PSNR Y", "SSIM", "SSIM Y", "lost"),
)


def table(results: Results) -> Section:
    """Table 1: every method on every folder, and what the paper has."""
    tables = list(short.tables(results))
    for place in results.domains:
        rows = [each for each in results.quality if each.domain == place.name]
        tables.append(_quality_table(results, rows, f"Quality on {place.name}."))
    tables.append(
        Table(
            "Table 1 of the paper: PSNR / SSIM as published, on its own images of ImageNet and "
            "of Paris StreetView; it does not say whether through an 8-bit file.",
            (
                *("method", "images", "ImageNet container", "ImageNet revealed"),
                *("Paris container", "Paris revealed"),
            ),
            published.TABLE_1,
        )
    )
    return Section(
        "table",
        "Quality (Table 1)",
        (
            "Mean over so many hosts and revealed images, ± the standard deviation, and the worst "
            "image. Images of different kinds are never averaged together. The payload is "
            "counted as the field does: bits of the hidden images' samples for each pixel of the "
            "host, so that one image of the host's size is 24. On images like those that a method "
            "was trained on, it is in its own domain; on any other, the figures are those across "
            "domains."
        ),
        tuple(tables),
        command=f"{results.command} --parts table",
        made_by=cells.made_by(results, (each.method for each in results.quality)),
    )


def _quality_table(results: Results, rows: list[Quality], caption: str) -> Table:
    shown = tuple(
        (
            each.method,
            str(each.count),
            f"{each.summary.payload:.1f}",
            str(each.summary.groups),
            *cells.spreads(each.summary.container),
            str(each.summary.revealed["psnr"].images if each.summary.revealed else 0),
            *cells.spreads(each.summary.revealed),
            str(each.summary.lost),
        )
        for each in rows
    )
    ours = cells.ours(results, (each.method for each in rows))
    return Table(caption, _COLUMNS, shown, 1, ours)


def capacity(results: Results) -> Section:
    """Fig. 6: the same figures by the number of hidden images, and sheets of pictures."""
    return Section(
        "capacity",
        "Quality against the number of hidden images (Fig. 6)",
        (
            "The hosts are the same for every number. The dashed line is the paper's, on its own "
            "test images of Paris StreetView: to compare the shape, not the height."
        ),
        # They stand in the part table, where it is there.
        () if "table" in results.parts else short.tables(results),
        tuple(capacity_charts(results)),
        tuple(results.sheets),
        f"{results.command} --parts capacity",
        cells.made_by(results, (each.method for each in results.quality)),
    )
