"""The three files of a report."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from isn.errors import OutputError
from isn.evaluation import html, markdown, sections
from isn.evaluation.results import Results

NAMES = ("report.html", "report.md", "report.json")


def write(results: Results, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Writes ``report.html``, ``report.md`` and ``report.json``, each whole or not at all.

    Args:
        results: what was measured.
        folder: where to; it is there already. Reports in it are replaced.

    Returns:
        The paths, in the order of `NAMES`.

    Raises:
        OutputError: a file cannot be written there.
    """
    whole = sections.document(results)
    facts = results.as_json(whole.findings)
    texts = (
        html.render(whole),
        markdown.render(whole),
        json.dumps(facts, indent=1, allow_nan=False) + "\n",
    )
    paths = tuple(Path(folder) / name for name in NAMES)
    for path, text in zip(paths, texts, strict=True):
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            part.write_text(text, "utf-8")
            part.replace(path)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror}): make room or give another folder"
            ) from error
        finally:
            part.unlink(missing_ok=True)
    return paths
