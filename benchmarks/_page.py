"""Generated parts of the docs: what stands between two marks."""

from __future__ import annotations

import platform
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def machine(threads: int) -> str:
    """What a time was taken on, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [each.partition(":")[2].strip() for each in lines if each.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {threads} thread{'s' * (threads != 1)}"


def between(text: str, begin: str, end: str, found: str) -> str:
    """The page with `found` between its marks, which must be there."""
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise SystemExit(f"the page lacks the marks {begin} and {end}: put them back")
    return f"{before}{begin}\n\n{found.strip()}\n\n{end}{after}"


def put(page: Path, begin: str, end: str, found: str) -> None:
    """Writes `found` between the marks of a page's file."""
    page.write_text(between(page.read_text("utf-8"), begin, end, found), "utf-8")
