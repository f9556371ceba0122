"""Copies the short tables of the project's own report into the README's quality section.

    python benchmarks/readme.py            # says whether they are there, and exits with 1 if not
    python benchmarks/readme.py --write    # puts them there

`make report` writes the report and runs this: no figure is copied by hand.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from _page import between

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs" / "report" / "report.md"
README = ROOT / "README.md"

BEGIN = "<!-- from docs/report, by make report -->"
END = "<!-- until here -->"


def short_tables(report: str) -> str:
    """The tables of a report's text that begin with "In short", each with its caption."""
    found = re.findall(r"^In short, on .*\n\n(?:\|.*\n)+", report, re.MULTILINE)
    if not found:
        raise SystemExit(f"{REPORT} holds no table that begins with 'In short': run make report")
    return "\n".join(found)


def with_tables(readme: str, tables: str) -> str:
    """The README with these tables between its marks."""
    return between(readme, BEGIN, END, tables)


def main() -> int:
    """Compares, and with --write replaces."""
    parser = argparse.ArgumentParser(description="The README's quality section from the report.")
    parser.add_argument("--write", action="store_true", help="replace what is there")
    options = parser.parse_args()
    readme = README.read_text("utf-8")
    wanted = with_tables(readme, short_tables(REPORT.read_text("utf-8")))
    if options.write:
        README.write_text(wanted, "utf-8")
        print(f"{README}: the tables of {REPORT}")
        return 0
    same = readme == wanted
    print(f"{README} {'has' if same else 'does not have'} the tables of {REPORT}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
