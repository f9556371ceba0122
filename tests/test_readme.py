"""The README's quality section is the report's, to the letter."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from isn import zoo

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "benchmarks" / "readme.py"
REPORT = ROOT / "docs" / "report"

needs_report = pytest.mark.skipif(
    not (REPORT / "report.json").exists(), reason="there is no docs/report: run make report"
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # As Python does for a script that it runs.
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("readme", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_copied_whole(script: ModuleType) -> None:
    report = "# R\n\nIn short, on a: x.\n\n| m | 1 |\n| :-- | --: |\n| n | 2 |\n\nOther.\n\n| m |\n"
    tables = script.short_tables(report)
    assert tables == "In short, on a: x.\n\n| m | 1 |\n| :-- | --: |\n| n | 2 |\n"
    readme = f"before {script.BEGIN}\nold\n{script.END} after"
    once = script.with_tables(readme, tables)
    assert once == f"before {script.BEGIN}\n\n{tables}\n{script.END} after"
    assert script.with_tables(once, tables) == once


def test_what_lacks_tables_or_marks_is_refused(script: ModuleType) -> None:
    with pytest.raises(SystemExit, match="run make report"):
        script.short_tables("# R\n")
    with pytest.raises(SystemExit, match="put them back"):
        script.with_tables("a README", "a table")


@needs_report
def test_the_readme_has_the_reports_tables(script: ModuleType) -> None:
    tables = script.short_tables((REPORT / "report.md").read_text("utf-8"))
    assert tables.count("In short") == 2
    readme = (ROOT / "README.md").read_text("utf-8")
    assert readme == script.with_tables(readme, tables)


@needs_report
def test_the_report_is_of_the_models_that_ship() -> None:
    facts = json.loads((REPORT / "report.json").read_text("utf-8"))
    measured = {each["name"]: each["fingerprint"] for each in facts["methods"] if each["ours"]}
    shipped = [each for each in zoo.entries() if not each.retired]
    expected = {each.name: each.fingerprint.hex() for each in shipped}
    for each in shipped:
        # A model with a prior hides any number in its one row.
        lays_out = zoo.load(each.name).config.prior is None
        if lays_out and max(each.default_for, default=0) > each.hidden_images:
            expected[f"{each.name} shared"] = each.fingerprint.hex()
    assert measured == expected
    assert facts["counts"] == [1, 2, 3, 4, 5]
    # Photos of the test sets may not be passed on.
    assert facts["shown"] == "the photos of isn demo"
    size = sum(each.stat().st_size for each in REPORT.iterdir())
    assert size < 6_000_000


@needs_report
def test_the_readme_says_what_was_measured(script: ModuleType) -> None:
    facts = json.loads((REPORT / "report.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    for each in facts["quality"]:
        summary = each["summary"]
        if summary["revealed"]:
            container, revealed = (
                summary[side]["psnr"]["mean"] for side in ("container", "revealed")
            )
            assert f"{container:.1f} / {revealed:.1f}" in readme
