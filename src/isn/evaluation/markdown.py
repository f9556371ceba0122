"""A report as Markdown: all its words and tables; curves and pictures stand in the HTML file."""

from __future__ import annotations

from collections.abc import Iterator

from isn.evaluation.document import Document, Section, Table


def render(document: Document) -> str:
    """The whole text."""
    parts = [f"# {document.title}", document.lead]
    if document.headlines:
        parts += ["## In plain words", _items(document.headlines)]
    parts += [part for section in document.sections for part in _section(section)]
    if document.findings:
        parts += ["## Sentence by sentence", _items(document.findings)]
    if any(section.charts or section.sheets for section in document.sections):
        parts.append("The curves and the pictures are in `report.html`.")
    return "\n\n".join(parts) + "\n"


def _items(sentences: tuple[str, ...]) -> str:
    return "\n".join(f"* {_plain(each)}." for each in sentences)


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    if section.text:
        yield _plain(section.text)
    for table in section.tables:
        yield _plain(table.caption)
        yield _table(table)
    if section.command:
        yield f"    {section.command}"
    if section.made_by:
        yield _plain(section.made_by)


def _table(table: Table) -> str:
    rule = [":--" if k < table.named else "--:" for k in range(len(table.columns))]
    rows = [table.columns, rule]
    for number, row in enumerate(table.rows):
        bold = {k for k in range(len(row)) if (number, k) in table.better}
        if number in table.ours:
            bold.add(0)
        rows.append([f"**{each}**" if k in bold else each for k, each in enumerate(row)])
    return "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in rows)


def _plain(words: str) -> str:
    # A file's name may hold what Markdown would take for a table or for HTML.
    return words.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
