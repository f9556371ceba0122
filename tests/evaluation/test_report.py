from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from evaluation import browser
from isn.errors import ConfigError, OutputError
from isn.evaluation import html, markdown, report, sections
from isn.evaluation.findings import findings
from isn.evaluation.plan import Plan
from isn.evaluation.results import Damaged, Results
from isn.evaluation.run import evaluate
from isn.evaluation.svg import Chart, Series, draw

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")

VOID = ("meta", "link", "img", "br", "rect", "line", "circle", "polyline", "path")


@pytest.fixture(scope="module")
def photos_folder(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Any]) -> Path:
    # A name that HTML and Markdown would both take for something else.
    place = tmp_path_factory.mktemp("data") / "a<b>|c"
    place.mkdir()
    for name, pixels in photos.items():
        Image.fromarray(pixels[50:114, 40:112]).save(place / f"{name}.png")
    (place / "torn.png").write_bytes(b"nothing")
    return place


@pytest.fixture(scope="module")
def plan(photos_folder: Path) -> Plan:
    return Plan(
        (str(photos_folder),),
        (1, 2),
        ("first-1",),
        ("lsb-4", "avif-3"),
        limit=1,
        parts=("table", "capacity", "damage", "extremes"),
    )


@pytest.fixture(scope="module")
def results(plan: Plan) -> Results:
    shares: list[float] = []
    found = evaluate(plan, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return found


class Page(HTMLParser):
    """Checks that every element is closed, and keeps what refers to something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_alone(results: Results) -> None:
    text = html.render(sections.document(results))
    page = Page(text)
    assert page.open == []
    assert all(each.startswith(("data:", "#")) for each in page.references)
    assert "script" not in page.tags
    assert """Content-Security-Policy" content="default-src 'none'; img-src data:;""" in text
    assert page.tags.count("svg") == 5
    anchors = set(re.findall(r'id="([a-z]+)"', text))
    assert {each[1:] for each in page.references if each.startswith("#")} == anchors
    # Two groups of 1 and 2 hidden images, and sixteen hard pairs of the model.
    assert page.tags.count("img") == (2 + 3 * 4) + (3 + 1 * 6) + 16 * 4
    assert "<b>" not in text
    assert "a&lt;b&gt;|c" in text


def test_every_figure_has_its_command_and_fingerprint(results: Results) -> None:
    whole = sections.document(results)
    for section in whole.sections:
        if section.charts or section.anchor in ("table", "extremes"):
            assert section.command.endswith(f"--parts {section.anchor}")
            assert "5fe8974f5d484f104be0f504f41c4e7d" in section.made_by
    text = html.render(whole)
    assert text.count("--parts capacity") == 3


def test_tables_are_rectangles_in_both_forms(results: Results) -> None:
    whole = sections.document(results)
    tables = [table for section in whole.sections for table in section.tables]
    assert len(tables) >= 9
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    lines = markdown.render(whole).splitlines()
    rules = [line for line in lines if set(line) == set("|: -")]
    assert len(rules) == len(tables)
    # A command stands in a block of code, where nothing means anything else.
    assert not any("<b>" in line for line in lines if not line.startswith("    "))
    assert any("a&lt;b>\\|c" in line for line in lines)


def test_json_holds_what_was_measured(results: Results, tmp_path: Path) -> None:
    paths = report.write(results, tmp_path)
    assert [path.name for path in paths] == list(report.NAMES)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(report.NAMES)
    facts = json.loads(paths[2].read_text())
    quality = facts["quality"][0]
    assert (quality["method"], quality["count"]) == ("first-1", 1)
    shown = f"{quality['summary']['container']['psnr']['mean']:.2f} ± "
    assert shown in paths[0].read_text()
    assert shown in paths[1].read_text()
    assert facts["domains"][0]["skipped"][0]["name"] == "torn.png"
    assert "torn.png" in paths[0].read_text()
    assert facts["command"].startswith("isn evaluate --data '")


def test_the_same_plan_gives_the_same_report(plan: Plan) -> None:
    short = replace(plan, counts=(1,), parts=("table",))
    first, again = (evaluate(short) for _ in range(2))
    assert html.render(sections.document(first)) == html.render(sections.document(again))
    assert first.as_json(()) == again.as_json(())


def test_findings_say_what_is_better_and_by_how_much(results: Results) -> None:
    found = findings(results)
    rows = {each.method: each.summary for each in results.quality if each.count == 1}
    ours, theirs = rows["first-1"], rows["avif-3"]
    gain = theirs.revealed["psnr"].mean - ours.revealed["psnr"].mean
    assert gain > 0
    assert f"{gain:.1f}" in found[0]
    assert "avif-3" in found[0]
    assert "no model was given that hides so many" in found[1]
    assert any("avif-3 (1 image): no picture after any of the 19" in each for each in found)


def better(results: Results, container: float, revealed: float) -> str:
    """What is said of a baseline that differs from the model by this much."""
    model = next(each for each in results.quality if each.method == "first-1")

    def moved(spreads: dict[str, Any], by: float) -> dict[str, Any]:
        return {"psnr": replace(spreads["psnr"], mean=spreads["psnr"].mean + by)}

    other = replace(
        model,
        method="avif-3",
        summary=replace(
            model.summary,
            container=moved(model.summary.container, container),
            revealed=moved(model.summary.revealed, revealed),
        ),
    )
    only = replace(results, counts=(1,), quality=[model, other], damage=[], extremes=[])
    # What is said of the paper follows.
    return findings(only)[0].split("; ")[1]


@pytest.mark.parametrize(
    ("container", "revealed", "said"),
    [
        (5.0, 10.04, "avif-3 beats it in both, by 5.0 and 10.0 dB"),
        (-7.0, -0.5, "avif-3 is worse in both, by 7.0 and 0.5 dB"),
        (-2.0, 3.0, "avif-3 has a container 2.0 dB worse and a revealed image 3.0 dB better"),
        (-7.0, 0.01, "avif-3 has a container 7.0 dB worse and an equal revealed image"),
    ],
)
def test_comparisons(results: Results, container: float, revealed: float, said: str) -> None:
    assert better(results, container, revealed) == said


def test_advice_follows_the_figures(results: Results) -> None:
    def after_jpeg(psnr: float) -> str:
        damaged = results.damage[0]
        left = tuple(
            replace(each, psnr=psnr) if each.family in ("JPEG", "WebP") else each
            for each in damaged.left
        )
        changed = replace(
            results,
            quality=[],
            extremes=[],
            damage=[Damaged(damaged.method, damaged.count, left)],
        )
        return findings(changed)[-1]

    assert "must travel" in after_jpeg(12.0)
    assert "can still be made out" in after_jpeg(25.0)


def test_curves_break_where_there_is_no_point() -> None:
    values = (30.0, None, 20.0, 25.0)
    chart = Chart("a & b", "x", "y", tuple("1234"), (Series("<s>", values, frozenset({1})),))
    text = draw(chart)
    assert text.count("<circle") == 4 - 1 + 1
    assert text.count("<polyline") == 1
    assert text.count("<path") == 1
    assert "&lt;s&gt;" in text
    heights = [float(y) for y in re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)" r', text)][:3]
    assert heights[0] < heights[2] < heights[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parts": ("tables",)}, "tables is no part: choose among table, capacity"),
        ({"counts": (6,)}, "6 is no count"),
        ({"counts": (2,)}, "first-1 hides 1 images, counts of 2 were asked for"),
        ({"models": (), "baselines": ()}, "no model and no baseline"),
        ({"baselines": ("dct",)}, "no baseline 'dct'"),
        ({"folders": ()}, "no folder was given"),
    ],
)
def test_plans_that_cannot_be(plan: Plan, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        evaluate(replace(plan, **change))


def test_a_place_that_cannot_be_written(results: Results, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"report.html cannot be written"):
        report.write(results, tmp_path / "missing")


needs_browser = pytest.mark.skipif(not browser.available(), reason="there is no chromium")


@pytest.mark.slow
@needs_browser
def test_chromium_shows_all_of_it(results: Results, tmp_path: Path) -> None:
    text = html.render(sections.document(results))
    found = browser.look(text, tmp_path)
    assert [each.width for each in found] == list(browser.WIDTHS)
    for each in found:
        assert each.images == text.count("<img ") > 50
        assert each.broken == 0
        assert each.requests == []
        assert each.scripts == 0
        assert each.anchors == 0
        assert each.text > 4000
        assert each.height > 2000
        assert each.scroll == each.width


@pytest.mark.slow
@needs_browser
def test_chromium_would_see_what_is_wrong(tmp_path: Path) -> None:
    bad = (
        "<!DOCTYPE html><body><nav><a href='#nowhere'>x</a></nav><img src='data:image/png,no'>"
        "<img src='http://127.0.0.1:9/a.png'><div style='width:900px'>wide</div></body>"
    )
    desk, phone = browser.look(bad, tmp_path)
    assert (desk.images, desk.broken, desk.anchors) == (2, 2, 1)
    assert desk.requests == ["http://127.0.0.1:9/a.png"]
    assert desk.scroll == desk.width
    assert phone.scroll > phone.width


@pytest.mark.slow
@needs_browser
def test_chromium_draws_it(results: Results, tmp_path: Path) -> None:
    report.write(results, tmp_path)
    page = (tmp_path / "report.html").as_uri()
    picture = tmp_path / "page.png"
    browser.chromium(
        tmp_path / "profile", "--window-size=1240,2400", f"--screenshot={picture}", page
    )
    with Image.open(picture) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    assert pixels.shape == (2400, 1240, 3)
    # Highlighted rows, and text on the right places of a white card.
    assert (pixels == (0xE8, 0xF2, 0xFB)).all(axis=-1).sum() > 10_000
    assert (pixels.max(axis=-1) < 80).mean() > 0.005


def test_cost_stands_beside_the_published_figures(photos_folder: Path) -> None:
    sizes = ((130, 140),)
    words = {"counts": (1,), "models": (), "baselines": ("lsb-4",), "parts": ("cost",)}
    found = evaluate(Plan((str(photos_folder),), cost_sizes=sizes, **words))  # type: ignore[arg-type]
    (section,) = (each for each in sections.document(found).sections if each.anchor == "cost")
    rows = section.tables[0].rows
    assert [row[:5] for row in rows[:2]] == [
        ("lsb-4", "–", verb, "1", "140 x 130") for verb in ("hide", "reveal")
    ]
    assert ("380 x 380", "0.070", "–") in [row[4:] for row in rows]
    assert ("1280 x 1280", "0.920", "4407") in [row[4:] for row in rows]


def test_models_of_one_architecture_are_timed_once(photos_folder: Path) -> None:
    found = evaluate(
        Plan(
            (str(photos_folder),),
            (1,),
            ("fast-1", "first-1"),
            (),
            parts=("cost",),
            backend="onnxruntime",
            cost_sizes=((64, 64), (64, 80)),
        )
    )
    assert [(each.method, each.width) for each in found.costs] == [
        ("fast-1", width) for width in (64, 64, 80, 80)
    ]
    (section,) = (each for each in sections.document(found).sections if each.anchor == "cost")
    assert "first-1: as the model of the same architecture that was timed" in section.text


def test_a_few_sentences_stand_at_the_head(results: Results) -> None:
    whole = sections.document(results)
    assert any(each.startswith("Said plainly") for each in whole.headlines)
    assert any(each.startswith("For a user") for each in whole.headlines)
    assert {*whole.headlines, *whole.findings} == set(findings(results))
    assert len(whole.headlines) < len(whole.findings)
    assert [each.anchor for each in whole.sections[:2]] == ["table", "capacity"]
    text = html.render(whole)
    assert text.index(whole.headlines[0][:30]) < text.index("<details>") < text.index('id="table"')
