"""Reports of a small result that is set by hand: what they show, and what they survive."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation import browser
from isn.errors import OutputError
from isn.evaluation import adapter, figures, published, report
from isn.evaluation.cost import Cost
from isn.evaluation.damage import Left
from isn.evaluation.detection import ACCUSED, CLEAN, MATCHING
from isn.evaluation.document import Chart, Panel, Sheet
from isn.evaluation.findings import findings, headlines
from isn.evaluation.protocol import Domain, Skip
from isn.evaluation.results import PARTS, Damaged, Entrant, Extremes, Failure, Quality, Results
from isn.evaluation.scores import Score, Trial, summary
from isn.evaluation.sections import sections
from isn.evaluation.study import Study
from isn.evaluation.table import Row, Stat, pooled

HOSTILE = "<script>alert(1)</script> a|b `c` $\\frac{$ \udcff\n# d *e* [f](g) &amp; \u202e"
VOID = ("meta", "link", "img", "br")


def quality(method: str, images: int, domain: str, **values: float) -> list[Row]:
    """Three hosts whose PSNR is around what is given, 1 dB below and above."""
    rows = []
    for side, middle in values.items():
        for k, by in enumerate((-1.0, 0.0, 1.0)):
            what = (method, images, domain, f"{k}.png")
            rows.append(Row(*what, f"quality/{side}/psnr", middle + by))
            rows.append(Row(*what, f"quality/{side}/ssim", 0.9 + by / 100))
    return [*rows, Row(method, images, domain, "", "quality/lost", 0)]


def detection(method: str, images: int, area: float) -> list[Row]:
    what = (method, images, "photos", "")
    rows = [Row(*what, "detection/hosts", 3), Row(*what, "detection/StegExpose/area", 0.6)]
    for path, of in (("StegExpose", 1), ("SPAM/10", 3), ("SPAM/20", 3)):
        rows += [Row(*what, f"detection/{path}/roc/{at:g}", at**0.5, of, None) for at in ACCUSED]
    for pairs in (10, 20):
        rows.append(Row(*what, f"detection/SPAM/{pairs}/area", area, 3, 0.02))
        rows.append(Row(*what, f"detection/SPAM/{pairs}/accuracy", 0.75, 60, None))
    return rows


def make(name: str = "photos") -> Study:
    """Two methods of ours and two others on a folder of this name."""
    rows = [
        *quality("net", 1, name, container=40.0, revealed=38.0),
        *quality("net", 2, name, container=39.0, revealed=35.0),
        *quality("avif", 1, name, container=44.0, revealed=42.0),
        *quality("lsb", 1, name, container=32.0, revealed=38.02),
        Row("avif", 2, name, "", "quality/container/psnr", 40.0, 3, 1.0),
        Row("avif", 2, name, "", "quality/lost", 6),
        *(row for each in (("net", 1, 0.95), (MATCHING, 0, 0.99)) for row in detection(*each)),
        *detection(CLEAN, 0, 0.9),
    ]
    for method, left in (("net", 30.0), ("avif", None)):
        for path in ("nothing/nothing", "noise/sigma 1", "JPEG/quality 90", "edit/brighter"):
            what, kept = (method, 1, name, ""), 50.0 if path.startswith("nothing") else left
            if kept is not None:
                rows.append(Row(*what, f"damage/{path}/psnr", kept, 3, 1.5))
            rows.append(Row(*what, f"damage/{path}/lost", 3 * (kept is None)))
    for host, hidden, back in (("natural", "noise", 12.0), ("noise", "natural", 100.0)):
        rows.append(Row("net", 1, name, host, f"extremes/{hidden}/container", 40.0))
        rows.append(Row("net", 1, name, host, f"extremes/{hidden}/revealed", back))
        rows.append(Row("net", 1, name, host, f"extremes/{hidden}/lost", 0))
    rows.append(Row("net", 1, name, "", "cost/native/hide/380 x 380/seconds", 0.25))
    rows.append(Row("net", 1, name, "", "cost/native/hide/380 x 380/bytes", 2e8))
    grey = np.full((20, 30, 3), 128, np.uint8)
    panels = (Panel(grey, "host", "host"), Panel(None, "lost", "hidden"), Panel(grey, "x", "error"))
    about = Results(
        f"isn evaluate --data '{name}'",
        0,
        (1, 2),
        PARTS,
        {"isn": "0"},
        (
            Entrant("net", "a network", "5fe8", True, (1, 2)),
            Entrant("avif", "a codec", "", False, (1, 2)),
            Entrant("lsb", "bits", "", False, (1,)),
        ),
        (Domain(name, Path(name), "", ("0.png",), (Skip("torn", f"{name} is torn"),), None, 3),),
        name,
        sheets=[Sheet(f"One image from {name}", ((name, panels),))],
        failures=[Failure("table", "lsb", f"1.png of {name}", "it is too small")],
    )
    return Study(about, tuple(rows))


def other(study: Study, rows: tuple[Row, ...] | None = None, **changes: Any) -> Study:
    """The study with other rows, or something else about it."""
    return Study(replace(study.about, **changes), study.rows if rows is None else rows)


@pytest.fixture(scope="module")
def study() -> Study:
    return make()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Page, text and table of a study with hostile names.

    Drawing takes a second or more: once has to do for all that look at it.
    """
    paths = report.write(make(HOSTILE), tmp_path_factory.mktemp("report"))
    return [each.read_bytes().decode("utf-8") for each in paths]


class Page(HTMLParser):
    """Checks that every element is closed, and keeps what refers to something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        links = ("src", "href", "xlink:href")
        self.references += [value or "" for name, value in attrs if name in links]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_alone(written: list[str]) -> None:
    text = written[0]
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    anchors = {each[1:] for each in page.references if each.startswith("#")}
    assert {*PARTS, "methods", "images", "pictures"} <= anchors <= set(page.ids)
    assert all(each.startswith(("data:", "#")) for each in page.references)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "default-src 'none'; img-src data:;" in text
    # Two of containers and revealed images, the paper's, of two damages, and three of detection.
    assert page.tags.count("svg") == 2 + 1 + 2 + 3
    assert page.tags.count("img") == 2
    # Colours of the ink come from the page, which knows whether it is dark.
    assert "currentColor" in text


def test_hostile_names_are_shown_and_do_nothing(written: list[str]) -> None:
    page, text, table = written
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\udcff" in page
    assert "\u202e" not in page + text
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    assert not any(re.search(r"<script|(?<!\\)[`\]][c(]", line) for line in lines)
    assert "# d" not in [line[:3] for line in lines]
    tables = [len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")]
    clean = report.markdown(make()).splitlines()
    assert tables == [line.count("|") for line in clean if line.startswith("|")]
    # The name itself comes back from the JSON, byte for byte.
    assert json.loads(table)["domains"][0]["name"] == HOSTILE


def test_the_same_study_gives_the_same_report(
    study: Study, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not re.search(r"20\d\d-\d\d-\d\d", written[0])
    charts = [(each.anchor, chart) for each in sections(make(HOSTILE)) for chart in each.charts]
    assert figures.svg(charts[0][1], f"{charts[0][0]}1") in written[0]
    # Drawing takes a tenth of a second a chart: of the others, that they are the same ones.
    monkeypatch.setattr(figures, "svg", lambda chart, name: f"{name} {chart!r}")
    assert report.html(study) == report.html(make())


def test_json_holds_every_value(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "<p>a page</p>"
    monkeypatch.setattr(report, "html", lambda of: page)
    paths = report.write(study, tmp_path)
    assert paths[0].read_text("utf-8") == page
    assert [path.name for path in paths] == list(report.NAMES)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(report.NAMES)
    facts = json.loads(paths[2].read_text("utf-8"))
    assert facts["columns"] == list(report.COLUMNS)
    assert [Row(*row) for row in facts["rows"]] == list(study.rows)
    assert facts["domains"][0]["skipped"][0]["name"] == "torn"
    assert facts["findings"] == [*headlines(study), *findings(study)]


@pytest.mark.usefixtures("undrawn")
def test_a_value_that_is_no_number_does_not_end_the_writing(study: Study, tmp_path: Path) -> None:
    odd = Row("net", 1, "photos", "", "damage/JPEG/quality 80/psnr", float("nan"))
    paths = report.write(other(study, (odd,)), tmp_path)
    assert json.loads(paths[2].read_text("utf-8"))["rows"][-1][5] is None


@pytest.mark.usefixtures("undrawn")
def test_a_report_may_be_written_before_anything_is_measured(study: Study) -> None:
    for rows in ((), tuple(row for row in study.rows if row.measure.startswith("quality"))):
        early = other(study, rows, sheets=[])
        text = report.markdown(early)
        assert text.count("Not measured yet.") == (4 if rows else 6)
        Page(report.html(early))
        assert (
            json.loads(report.as_json(early))["rows"]
            == json.loads(report.as_json(study))["rows"][: len(rows)]
        )


def test_a_place_that_cannot_be_written(study: Study, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"report.json cannot be written"):
        report.write(study, tmp_path / "missing")


def test_what_was_measured_is_kept_whatever_the_drawing_does(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "svg", lambda chart, name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write(study, tmp_path)
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["report.json", "report.md"]
    assert len(json.loads((tmp_path / "report.json").read_text("utf-8"))["rows"]) == len(study.rows)


def test_pooling_is_that_of_the_values_behind() -> None:
    values = [30.0, 31.0, 35.0, 40.0, 44.0]
    what = ("m", 1, "d", "", "x")
    parts = [
        Row(*what, float(np.mean(part)), len(part), float(np.std(part)))
        for part in (values[:3], values[3:])
    ]
    found = pooled(parts)
    assert found is not None
    assert found.of == 5
    assert found.mean == pytest.approx(np.mean(values))
    assert found.deviation == pytest.approx(np.std(values))
    single = pooled(Row(*what, value) for value in values)
    assert single is not None
    assert single.lowest == 30.0
    assert single.deviation == pytest.approx(np.std(values))
    unknown = pooled([parts[0], replace(parts[1], deviation=None)])
    assert unknown is not None
    assert unknown.deviation is None
    assert "± ?" in unknown.told()
    assert pooled([]) is None


def cells(study: Study, caption: str) -> dict[tuple[str, str], tuple[str, ...]]:
    tables = [table for section in sections(study) for table in section.tables]
    (table,) = (each for each in tables if each.caption.startswith(caption))
    return {row[:2]: row[2:] for row in table.rows}


def test_tables_are_rectangles(study: Study) -> None:
    for section in sections(study):
        for table in section.tables:
            assert {len(row) for row in table.rows} == {len(table.columns)}, table.caption


def test_every_mean_has_its_number_and_deviation(study: Study) -> None:
    short = cells(study, "In short")
    assert ("net", "40.0 ± 0.8 / 38.0 ± 0.8 (3 / 3)") in short
    assert short["avif", "44.0 ± 0.8 / 42.0 ± 0.8 (3 / 3)"] == ("40.0 ± 1.0 / no picture (3 / 0)",)
    whole = cells(study, "Quality on")["net", "1"]
    assert whole[1:4] == ("3", "40.00 ± 0.82", "39.00")
    assert whole[7:10] == ("3", "38.00 ± 0.82", "37.00")
    assert cells(study, "PSNR of revealed images after damage: JPEG")["net", "1"] == (
        *("50.0 ± 1.5 (3)", "30.0 ± 1.5 (3)"),
    )
    assert (
        cells(study, "PSNR of revealed images after damage: JPEG")["avif", "1"][1] == "no picture"
    )
    assert cells(study, "SPAM")["net", "1"] == ("0.75 of 60 / 0.95 ± 0.02 (3)",) * 2
    assert cells(study, "PSNR of the one")["natural", "noise"] == ("40.0 / exact (1)",)


def test_only_a_psnr_is_exact_at_its_ceiling(study: Study) -> None:
    what = ("net", 5, "photos", "a.png")
    rows = [Row(*what, f"quality/{side}/psnr", 100.0) for side in ("container", "revealed")]
    rows.append(Row(*what, "quality/payload", 120.0))
    made = other(study, tuple(rows), counts=(5,))
    assert cells(made, "Quality on")["net", "5"][:4] == ("120.0", "1", "exact", "100.00")
    assert ("net", "exact / exact (1 / 1)") in cells(made, "In short")
    # What was not measured has no curve, and no place in a legend.
    (curves, *_) = (chart.curves for part in sections(made) for chart in part.charts)
    assert list(curves) == ["net"]


def test_the_paper_stands_beside_with_its_domain_and_is_not_compared(study: Study) -> None:
    short = cells(other(study, counts=(1, 3)), "In short")
    assert short["the paper, on ImageNet", "38.05 / 35.38"] == ("–",)
    assert short["the paper, on Paris StreetView", "40.49 / 43.33"] == (
        "35.4 / 36.1 (read off Fig. 6)",
    )
    assert {each.domain for each in published.ISN if each.read_off} == {"Paris StreetView"}
    assert {each.images for each in published.ISN if each.read_off} == {3, 4, 5}
    sentences = " ".join((*headlines(study), *findings(study)))
    assert "paper" not in sentences.lower()
    assert not re.search(r"45\.2|48\.4|published|behind", sentences)
    charts = [chart for section in sections(study) for chart in section.charts]
    (paper,) = (each for each in charts if "paper" in each.caption)
    assert "Paris StreetView" in paper.caption
    assert "read off Fig. 6" in paper.caption
    assert not any("paper" in name for each in charts if each is not paper for name in each.curves)


@pytest.mark.parametrize(
    ("container", "revealed", "said"),
    [
        (45.0, 48.04, "is better than net in both, by 5.0 and 10.0"),
        (33.0, 37.5, "is worse than net in both, by 7.0 and 0.5"),
        (38.0, 41.0, "has a worse container and a better revealed image than net, by 2.0 and 3.0"),
        (33.0, 38.01, "has a worse container and an equal revealed image than net, by 7.0 and 0.0"),
    ],
)
def test_comparisons(study: Study, container: float, revealed: float, said: str) -> None:
    rows = (
        *quality("net", 1, "photos", container=40.0, revealed=38.0),
        *quality("avif", 1, "photos", container=container, revealed=revealed),
    )
    (sentence,) = findings(other(study, rows, counts=(1,)))
    assert sentence.endswith(said)
    assert "net 40.0 ± 0.8 / 38.0 ± 0.8 (3 / 3)" in sentence


def test_what_a_user_is_told_follows_the_figures(study: Study) -> None:
    def told(measure: str, value: float) -> str:
        rows = [
            replace(row, value=value) if row.measure.endswith(measure) else row
            for row in study.rows
            if row.method == "net"
        ]
        return " ".join(headlines(other(study, tuple(rows), failures=[])))

    assert "with --salvage" in told("quality 90/psnr", 25.0)
    assert "must travel" in told("quality 90/psnr", 12.0)
    assert "expect to be found" in told("/area", 0.95)
    assert "more often than not" in told("/area", 0.7)
    assert "told little" in told("/area", 0.55)


def test_what_survives_an_ordinary_jpeg_is_told_apart(study: Study) -> None:
    def told(*rows: Row) -> str:
        return " ".join(headlines(other(study, (*study.rows, *rows), failures=[])))

    path = "damage/JPEG/quality 80"
    whole = Row("net", 1, "photos", "", f"{path}/psnr", 30.0, 3, 1.5)
    said = told(whole, Row("net", 1, "photos", "", f"{path}/lost", 0))
    assert "what net (n = 1) hid comes back whole after a JPEG of quality 80 or more" in said
    assert "must travel" not in said
    lossy = told(whole, Row("net", 1, "photos", "", f"{path}/lost", 1))
    assert "comes back whole" not in lossy


def test_what_the_controls_did_is_said(study: Study) -> None:
    (said,) = (each for each in findings(study) if each.startswith("SPAM"))
    assert f"{MATCHING} (control) 0.99 ± 0.02, as it must" in said
    assert f"{CLEAN} (control) 0.90 ± 0.02, as it should not" in said


def test_families_stand_together(study: Study) -> None:
    entrants = tuple(Entrant(f"paper-{n}", "", "", True, (n,)) for n in (1, 2))
    rows = (
        *quality("paper-1", 1, "photos", container=38.0, revealed=35.0),
        *quality("paper-2", 2, "photos", container=36.0, revealed=32.0),
    )
    found = cells(other(study, rows, entrants=(*entrants, *study.about.entrants[1:])), "In short")
    assert found["paper-1 to paper-2", "38.0 ± 0.8 / 35.0 ± 0.8 (3 / 3)"] == (
        "36.0 ± 0.8 / 32.0 ± 0.8 (3 / 3)",
    )


def test_the_table_holds_each_value_that_was_measured(study: Study) -> None:
    def score(psnr: float) -> Score:
        return Score(psnr, psnr + 3, 0.9, 0.95)

    trials = (
        Trial("a.png", ("b.png", "c.png"), score(40.0), (score(30.0), score(34.0)), 48.0),
        Trial("b.png", ("c.png", "d.png"), score(44.0), (score(38.0), None), 48.0),
    )
    left = (
        Left("nothing", "nothing", 0, 50.0, 1.0, 2, 0),
        Left("JPEG", "quality 90", 90, None, 0.0, 0, 2),
    )
    results = replace(
        study.about,
        quality=[Quality("photos", "net", 2, summary(list(trials)), trials)],
        damage=[Damaged("net", 2, left)],
        extremes=[Extremes("net", 2, "natural", "noise", 41.0, 12.0, 0.5, 0)],
        costs=[Cost("net", "", 2, 130, 140, "hide", 0.5, None)],
    )
    made = adapter.study(results)
    back = made.find("quality/revealed/psnr", method="net", images=2, domain="photos")
    assert [(row.host, row.value) for row in back] == [
        ("a.png", 30.0),
        ("a.png", 34.0),
        ("b.png", 38.0),
    ]
    for side, spreads in (("container", "container"), ("revealed", "revealed")):
        for name, spread in getattr(results.quality[0].summary, spreads).items():
            stat = made.stat(f"quality/{side}/{name}")
            assert stat is not None
            found = (stat.mean, stat.deviation, stat.lowest, stat.of)
            assert found == pytest.approx(
                (spread.mean, spread.deviation, spread.worst, spread.images)
            )
    assert made.total("quality/lost") == 1
    assert made.stat("damage/nothing/nothing/psnr") == Stat(2, 50.0, 1.0, 50.0)
    assert made.stat("damage/JPEG/quality 90/psnr") is None
    assert made.total("damage/JPEG/quality 90/lost") == 2
    assert made.stat("extremes/noise/revealed", "natural") == Stat(2, 12.0, 0.5, 12.0)
    text = report.markdown(made)
    assert "| **net** | 2 | 48.0 ± 0.0 | 2 | 42.00 ± 2.00 | 40.00 |" in text
    assert "| **net** | – | hide | 2 | 140 x 130 | 0.500 | – |" in text
    assert "| 1280 x 1280 | 0.920 | 4407 |" in text
    assert "| table | lsb | 1.png of photos | it is too small |" in text


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("page", ["#ffffff", "#1c2026"])
def test_colours_stand_out_on_paper_and_in_the_dark(page: str) -> None:
    for colour in figures.COLOURS:
        low, high = sorted((luminance(colour), luminance(page)))
        assert (high + 0.05) / (low + 0.05) >= 3, colour


def test_curves_break_where_there_is_no_point() -> None:
    curve = [None if dB is None else Stat(3, dB, 1.0, dB) for dB in (30.0, None, 20.0, 25.0)]
    curves = {"_<s> $x$ é": curve}
    chart = Chart("c", "x", "y", tuple("1234"), curves, lost=True)  # type: ignore[arg-type]
    drawn, whole = figures.svg(chart, "a"), figures.svg(replace(chart, lost=False), "b")
    assert "&lt;s&gt; $x$ \\xe9" in drawn
    lines = re.findall(r'<path d="([^"]*)" clip-path[^>]*stroke: #1b7fc4', drawn)
    # Its bars are of one piece each.
    assert max(line.count("M") for line in lines) == 2
    assert "#ffffff" not in drawn
    # The cross of the place where nothing came back.
    assert drawn.count("<use ") == whole.count("<use ") + 1
    assert 'id="a-' in drawn
    assert 'id="b-' not in drawn


needs_browser = pytest.mark.skipif(not browser.available(), reason="there is no chromium")


@pytest.mark.slow
@needs_browser
def test_chromium_shows_all_of_it(tmp_path: Path) -> None:
    text = report.html(make(HOSTILE))
    found = browser.look(text, tmp_path)
    assert [each.width for each in found] == list(browser.WIDTHS)
    for each in found:
        assert each.images == 2
        assert each.broken == 0
        assert each.requests == []
        assert each.scripts == 0
        assert each.anchors == 0
        assert each.text > 4000
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
def test_chromium_draws_it(study: Study, tmp_path: Path) -> None:
    report.write(study, tmp_path)
    page = (tmp_path / "report.html").as_uri()
    picture = tmp_path / "page.png"
    browser.chromium(
        tmp_path / "profile", "--window-size=1240,2400", f"--screenshot={picture}", page
    )
    with Image.open(picture) as opened:
        pixels: Any = np.asarray(opened.convert("RGB"))
    assert pixels.shape == (2400, 1240, 3)
    # Highlighted rows, and text on the right places of a white card.
    assert (pixels == (0xE8, 0xF2, 0xFB)).all(axis=-1).sum() > 10_000
    assert (pixels.max(axis=-1) < 80).mean() > 0.005
