"""The three files of a report: the table as JSON, and templates filled with views of it."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isn import atomic
from isn.errors import OutputError
from isn.evaluation import figures
from isn.evaluation.document import Panel, Table
from isn.evaluation.findings import findings, headlines
from isn.evaluation.pictures import ROUGH, data_uri
from isn.evaluation.protocol import Domain, readable
from isn.evaluation.sections import sections
from isn.evaluation.study import Study
from isn.evaluation.table import Row

NAMES: Final = ("report.html", "report.md", "report.json")
COLUMNS: Final = tuple(Row.__dataclass_fields__)
"""Of a row in the JSON."""


def write(study: Study, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Writes ``report.html``, ``report.md`` and ``report.json``, each whole or not at all.

    The table goes first, so that what was measured is there whatever happens after it. To be
    called again whenever more is measured: parts that are not yet are named as such.

    Args:
        study: what was measured so far.
        folder: where to; it is there already. Reports in it are replaced.

    Returns:
        The paths, in the order of `NAMES`.

    Raises:
        OutputError: a file cannot be written there.
    """
    page, text, table = (Path(folder) / name for name in NAMES)
    _put(table, as_json(study))
    _put(text, markdown(study))
    _put(page, html(study))
    return page, text, table


def html(study: Study) -> str:
    """The page: no script, no request, pictures and curves inside."""
    return _render("report.html", study)


def markdown(study: Study) -> str:
    """All words and tables; curves and pictures stand in the HTML file."""
    return _render("report.md", study)


def markdown_tables(tables: tuple[Table, ...]) -> str:
    """Tables alone, each under its caption."""
    return _environment("md").get_template("tables.md").render(tables=tables)


def facts(study: Study) -> dict[str, Any]:
    """What the JSON holds: every value at full precision, the findings in words, no pictures."""
    about = study.about
    return {
        "command": about.command,
        "seed": about.seed,
        "counts": list(about.counts),
        "parts": list(about.parts),
        "versions": about.versions,
        "shown": about.shown,
        "findings": [*headlines(study), *findings(study)],
        "methods": [{**asdict(each), "counts": list(each.counts)} for each in about.entrants],
        "domains": [_domain(each) for each in about.domains],
        "failures": [asdict(each) for each in about.failures],
        "columns": list(COLUMNS),
        "rows": [[_finite(getattr(row, name)) for name in COLUMNS] for row in study.rows],
    }


def as_json(study: Study) -> str:
    """The facts, each row of the table on a line of its own."""
    told = facts(study)
    rows = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in told.pop("rows"))
    head = json.dumps(told, indent=1, allow_nan=False).removesuffix("\n}")
    return f'{head},\n "rows": [\n{rows}\n ]\n}}\n'


def visible(words: str) -> str:
    """The words; all in them that is no letter and cannot be seen as a backslash and its number."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def _domain(domain: Domain) -> dict[str, Any]:
    return {
        "name": domain.name,
        "folder": readable(str(domain.folder)),
        "crop": domain.crop,
        "images": [readable(each) for each in domain.names],
        "hosts": domain.hosts,
        "skipped": [asdict(each) for each in domain.skipped],
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _put(path: Path, text: str) -> None:
    try:
        atomic.write(path, text.encode())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror}): make room or give another folder"
        ) from error


def _render(name: str, study: Study) -> str:
    template = _environment(name.rpartition(".")[2]).get_template(name)
    return template.render(
        about=study.about,
        sections=sections(study),
        headlines=headlines(study),
        findings=findings(study),
    )


@cache
def _environment(kind: str) -> Environment:
    def shown(value: Any) -> Any:
        """Whatever a template is given goes through here, and in HTML through escaping."""
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return visible(value) if kind == "html" else _plain(visible(value))

    made = Environment(
        loader=PackageLoader("isn.evaluation"),
        autoescape=kind == "html",
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["svg"] = lambda chart, name: Markup(figures.svg(chart, name))
    made.filters["picture"] = _picture
    # In a block of code nothing means anything else, but a line must stay one.
    made.filters["code"] = lambda words: Markup(visible(words))
    return made


def _picture(panel: Panel) -> str:
    if panel.pixels is None:
        return ""
    return data_uri(panel.pixels, ROUGH) if panel.role == "error" else data_uri(panel.pixels)


def _plain(words: str) -> str:
    """A name may hold what Markdown would take for a table, a link, emphasis or HTML."""
    told = "".join(f"\\{c}" if c in "\\|`*_[]" else c for c in words)
    return told.replace("&", "&amp;").replace("<", "&lt;")
