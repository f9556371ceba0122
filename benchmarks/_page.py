"""Generated parts of the docs: what stands between two marks."""

from __future__ import annotations


def between(text: str, begin: str, end: str, found: str) -> str:
    """The page with `found` between its marks, which must be there."""
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise SystemExit(f"the page lacks the marks {begin} and {end}: put them back")
    return f"{before}{begin}\n\n{found.strip()}\n\n{end}{after}"
