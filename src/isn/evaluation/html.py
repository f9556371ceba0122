"""A report as one HTML file that needs nothing else: no network, no script, pictures inside."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from isn.evaluation import svg
from isn.evaluation.document import Document, Panel, Section, Sheet, Table
from isn.evaluation.pictures import ROUGH, data_uri

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing that is not in the file."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6370; --page: #f6f7f9;
  --card: #fff; --line: #e1e4e8; --rule: #c9ced6; --ours: #e8f2fb; --link: #0059a3;
  --better: #0a6b2d; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe3e8; --soft: #9aa4b1; --page: #14171b;
  --card: #1c2026; --line: #2d333b; --rule: #4a525d; --ours: #1d3247; --link: #6cb2f0;
  --better: #5fd08a; } figure svg { filter: invert(0.88) hue-rotate(180deg); } }
* { box-sizing: border-box; }
html { scroll-padding-top: 52px; }
body { margin: 0; color: var(--ink); background: var(--page);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 32px 24px 80px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 20px; margin: 0 0 8px; }
p { max-width: 78ch; margin: 0 0 12px; }
nav { position: sticky; top: 0; z-index: 2; background: var(--page); margin: 12px 0 20px;
  padding: 8px 0; display: flex; flex-wrap: wrap; gap: 2px 18px; }
a { color: var(--link); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 20px 22px; margin: 0 0 20px; }
.findings { border-left: 4px solid #0072b2; }
.findings ul { margin: 0; padding-left: 20px; }
.findings summary { cursor: pointer; margin: 8px 0; color: var(--link); }
.findings li { margin: 0 0 6px; max-width: 100ch; }
.scroll { overflow-x: auto; margin: 4px 0 18px; }
table.figures { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13.5px; }
.caption, figcaption { font-weight: 600; margin: 0 0 4px; overflow-wrap: anywhere; }
.figures th, .figures td { padding: 5px 9px; text-align: right; white-space: nowrap; }
.figures th { border-bottom: 2px solid var(--rule); font-weight: 600; white-space: normal;
  vertical-align: bottom; }
.figures td { border-bottom: 1px solid var(--line); }
.figures .name { text-align: left; }
.figures td.name { white-space: normal; min-width: 11ch; max-width: 60ch;
  overflow-wrap: break-word; }
.figures tr > :first-child { position: sticky; left: 0; background: var(--card); }
.figures tr.ours td { background: var(--ours); }
.figures td.better { font-weight: 700; color: var(--better); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr));
  gap: 16px; }
figure { margin: 0 0 16px; min-width: 0; }
figure svg { width: 100%; max-width: 720px; height: auto; display: block; }
.made { color: var(--soft); font-size: 12.5px; max-width: none; margin: 8px 0 0;
  overflow-wrap: anywhere; }
code { font: 12px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
table.sheet { border-collapse: collapse; }
.sheet th { text-align: left; font-weight: 600; font-size: 13px; padding: 4px 12px 4px 0;
  vertical-align: middle; min-width: 9ch; max-width: 14ch; position: sticky; left: 0;
  background: var(--card); }
.sheet td { padding: 4px 8px 4px 0; vertical-align: top; font-size: 12px; color: var(--soft);
  text-align: center; }
.sheet img { display: block; width: 168px; height: auto; border: 3px solid transparent; }
.sheet .host img { border-color: #2f6fd0; }
.sheet .hidden img { border-color: #e08a1e; }
.sheet .lost { width: 168px; height: 112px; display: flex; align-items: center;
  justify-content: center; border: 1px dashed var(--rule); color: var(--soft); }
@media (max-width: 560px) { main { padding: 16px 10px; } section { padding: 14px 12px; }
  nav { flex-wrap: nowrap; overflow-x: auto; white-space: nowrap; }
  .sheet img, .sheet .lost { width: 116px; } .sheet th { min-width: 7ch; max-width: 10ch; } }
@media print { body { background: #fff; } nav { position: static; } section {
  break-inside: avoid; } }
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
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
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
    if not document.headlines and not document.findings:
        return
    yield '<section class="findings"><h2>In plain words</h2>'
    if document.headlines:
        yield _items(document.headlines)
    if document.findings:
        # Open where it is all that there is to say.
        state = "" if document.headlines else " open"
        yield f"<details{state}><summary>Sentence by sentence</summary>"
        yield f"{_items(document.findings)}</details>"
    yield "</section>"


def _items(sentences: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{escape(each)}.</li>' for each in sentences)}</ul>"


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
    uri = data_uri(panel.pixels, ROUGH) if panel.role == "error" else data_uri(panel.pixels)
    height, width = panel.pixels.shape[:2]
    image = f'<img alt="{escape(alternative)}" width="{width}" height="{height}" src="{uri}">'
    return f'<td class="{panel.role}">{image}{escape(panel.label)}</td>'


def _made(section: Section) -> str:
    if not section.command:
        return ""
    models = f"<br>{escape(section.made_by)}" if section.made_by else ""
    return f'<p class="made"><code>{escape(section.command)}</code>{models}</p>'
