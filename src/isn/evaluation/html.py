"""A report as one HTML file that needs nothing else: no network, no script, pictures inside."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from isn.evaluation import svg
from isn.evaluation.document import Document, Panel, Section, Sheet, Table
from isn.evaluation.pictures import data_uri

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; color: #1d2129; background: #f6f7f9;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 80px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 20px; margin: 0 0 8px; }
p { max-width: 78ch; margin: 0 0 12px; }
nav { margin: 16px 0 24px; display: flex; flex-wrap: wrap; gap: 4px 18px; }
a { color: #0059a3; }
section { background: #fff; border: 1px solid #e1e4e8; border-radius: 8px;
  padding: 20px 22px; margin: 0 0 20px; }
.findings { border-left: 4px solid #0072b2; }
.findings ul { margin: 0; padding-left: 20px; }
.findings li { margin: 0 0 6px; max-width: 100ch; }
.scroll { overflow-x: auto; margin: 4px 0 18px; }
table.figures { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13.5px; }
.caption, figcaption { font-weight: 600; margin: 0 0 4px; }
.figures th, .figures td { padding: 5px 11px; text-align: right; white-space: nowrap; }
.figures th { border-bottom: 2px solid #c9ced6; font-weight: 600; white-space: normal;
  vertical-align: bottom; }
.figures td { border-bottom: 1px solid #eceef1; }
.figures .name { text-align: left; }
.figures td.name { white-space: normal; min-width: 7ch; max-width: 60ch;
  overflow-wrap: anywhere; }
.figures tr.ours td { background: #e8f2fb; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(480px, 1fr)); gap: 16px; }
figure { margin: 0 0 16px; }
figure svg { width: 100%; max-width: 720px; height: auto; display: block; }
.made { color: #5b6370; font-size: 12.5px; max-width: none; margin: 8px 0 0;
  overflow-wrap: anywhere; }
code { font: 12px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
table.sheet { border-collapse: collapse; }
.sheet th { text-align: left; font-weight: 600; font-size: 13px; padding: 4px 12px 4px 0;
  vertical-align: middle; width: 11ch; }
.sheet td { padding: 4px 8px 4px 0; vertical-align: top; font-size: 12px; color: #444b55;
  text-align: center; }
.sheet img { display: block; width: 168px; height: auto; border: 3px solid transparent; }
.sheet .host img { border-color: #2f6fd0; }
.sheet .hidden img { border-color: #e08a1e; }
.sheet .lost { width: 168px; height: 112px; display: flex; align-items: center;
  justify-content: center; border: 1px dashed #b9bec6; color: #8a9099; }
@media (max-width: 560px) { .charts { grid-template-columns: 1fr; } main { padding: 16px 10px; } }
@media print { body { background: #fff; } section { break-inside: avoid; } }
"""


def render(document: Document) -> str:
    """The whole page."""
    sheets = [(section, sheet) for section in document.sections for sheet in section.sheets]
    links = [(each.anchor, each.title) for each in document.sections]
    links += [("pictures", "Pictures")] if sheets else []
    nav = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title in links)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Else a browser asks the server, or the folder, for an icon.
            '<link rel="icon" href="data:,">',
            f"<title>{escape(document.title)}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(document.title)}</h1><p>{escape(document.lead)}</p><nav>{nav}</nav>",
            *_findings(document),
            *(part for section in document.sections for part in _section(section)),
            *_pictures(sheets),
            "</main></body></html>",
            "",
        ]
    )


def _findings(document: Document) -> Iterator[str]:
    if document.findings:
        items = "".join(f"<li>{escape(each)}.</li>" for each in document.findings)
        yield f'<section class="findings"><h2>In plain words</h2><ul>{items}</ul></section>'


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{section.anchor}"><h2>{escape(section.title)}</h2>'
    if section.text:
        yield f"<p>{escape(section.text)}</p>"
    yield from map(_table, section.tables)
    if section.charts:
        yield '<div class="charts">'
        for chart in section.charts:
            caption = f"<figcaption>{escape(chart.caption)}</figcaption>"
            yield f"<figure>{caption}{svg.draw(chart)}</figure>"
        yield "</div>"
    yield _made(section)
    yield "</section>"


def _table(table: Table) -> str:
    def cell(tag: str, place: int, words: str, *, better: bool = False) -> str:
        kinds = ["name"] * (place < table.named) + ["better"] * better
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{kind}>{escape(words)}</{tag}>"

    def line(number: int, row: tuple[str, ...]) -> str:
        found = (
            cell("td", k, each, better=(number, k) in table.better) for k, each in enumerate(row)
        )
        return "".join(found)

    head = "".join(cell("th", k, each) for k, each in enumerate(table.columns))
    rows = [
        f"<tr class='{'ours' if number in table.ours else 'other'}'>{line(number, row)}</tr>"
        for number, row in enumerate(table.rows)
    ]
    return (
        # Not a <caption>, which would be squeezed into the width of a narrow table.
        f'<p class="caption">{escape(table.caption)}</p><div class="scroll">'
        f'<table class="figures" aria-label="{escape(table.caption)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _pictures(sheets: list[tuple[Section, Sheet]]) -> Iterator[str]:
    if not sheets:
        return
    yield '<section id="pictures"><h2>Pictures</h2>'
    yield (
        "<p>Hosts and containers have a blue border, hidden and revealed images an orange one. "
        "The pictures are made smaller and stored with loss, to look at; the figures below them "
        "were taken from the whole ones.</p>"
    )
    for section, sheet in sheets:
        yield f"<figure><figcaption>{escape(sheet.caption)}</figcaption>"
        yield '<div class="scroll"><table class="sheet">'
        for name, panels in sheet.rows:
            cells = "".join(_panel(each, f"{name}: {each.label}") for each in panels)
            yield f"<tr><th>{escape(name)}</th>{cells}</tr>"
        yield f"</table></div>{_made(section)}</figure>"
    yield "</section>"


def _panel(panel: Panel, alternative: str) -> str:
    if panel.pixels is None:
        return '<td><div class="lost">no picture</div></td>'
    image = f'<img alt="{escape(alternative)}" src="{data_uri(panel.pixels)}">'
    return f'<td class="{panel.role}">{image}{escape(panel.label)}</td>'


def _made(section: Section) -> str:
    if not section.command:
        return ""
    models = f"<br>{escape(section.made_by)}" if section.made_by else ""
    return f'<p class="made"><code>{escape(section.command)}</code>{models}</p>'
