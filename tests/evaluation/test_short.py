"""The table beside the paper, from figures that are set by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from isn import zoo
from isn.evaluation import markdown, published, short
from isn.evaluation.document import Document, Section
from isn.evaluation.findings import findings
from isn.evaluation.protocol import Domain
from isn.evaluation.results import Entrant, Quality, Results
from isn.evaluation.scores import Spread, Summary

PLACE = "paris"


def quality(method: str, count: int, container: float, revealed: float | None) -> Quality:
    def spread(value: float) -> dict[str, Spread]:
        return {"psnr": Spread(value, 1.24, value, 3)}

    back = {} if revealed is None else spread(revealed)
    lost = count if revealed is None else 0
    return Quality(PLACE, method, count, Summary(3, spread(container), back, lost, 24))


@pytest.fixture
def results() -> Results:
    default = zoo.entries()[0]
    entrants = (
        Entrant("other-1", "", "00", True, (1,)),
        Entrant("net-1", "", default.fingerprint.hex(), True, (1,)),
        Entrant("net-2", "", "02", True, (2,)),
        Entrant("lsb-4", "", "", False, (1,)),
        Entrant("avif-2", "", "", False, (1, 2)),
    )
    place = Domain(PLACE, Path(PLACE), "", ("a.png",), (), None, 1)
    found = Results("isn evaluate", 0, (1, 2), ("table",), {}, entrants, (place,), PLACE)
    found.quality = [
        quality("other-1", 1, 45.0, 45.0),
        quality("net-1", 1, 39.0, 37.0),
        quality("lsb-4", 1, 33.0, 38.04),
        quality("avif-2", 1, 44.1, 44.06),
        quality("net-2", 2, 37.5, 28.0),
        quality("avif-2", 2, 44.0, None),
    ]
    return found


def test_all_stand_against_the_default_model(results: Results) -> None:
    (table,) = short.tables(results)
    assert table.rows == (
        ("other-1", "45.0 ± 1.2 / 45.0 ± 1.2 (+6.0, +8.0)", "–"),
        ("net-1 to net-2", "39.0 ± 1.2 / 37.0 ± 1.2", "37.5 ± 1.2 / 28.0 ± 1.2"),
        ("lsb-4", "33.0 ± 1.2 / 38.0 ± 1.2 (−6.0, +1.0)", "–"),
        ("avif-2", "44.1 ± 1.2 / 44.1 ± 1.2 (+5.1, +7.1)", "no picture"),
        ("the paper, Paris", "40.5 / 43.3 (+1.5, +6.3)", "39.1 / 39.1 (+1.6, +11.0)"),
        ("the paper, another domain (ImageNet)", "38.1 / 35.4", "36.9 / 32.2"),
    )
    assert "over 3 hosts" in table.caption
    assert table.ours == {0, 1}
    # Better in both, and nothing else.
    assert table.better == {(0, 1), (3, 1), (4, 1), (4, 2)}


def test_the_paper_is_compared_on_its_own_domain_alone(results: Results) -> None:
    assert short.published_on("paris") == short.published_on("/a/imagenet/paris") == "Paris"
    assert short.published_on("imagenet") == short.published_on("ImageNet-val") == "ImageNet"
    assert short.published_on("comparison") is None
    assert short.published_on("bsds") is None
    results.domains = (replace(results.domains[0], name="bsds"),)
    results.quality = [replace(each, domain="bsds") for each in results.quality]
    papers = [row for row in short.tables(results)[0].rows if row[0].startswith("the paper")]
    assert [row[0] for row in papers] == [
        "the paper, another domain (ImageNet)",
        "the paper, another domain (Paris)",
    ]
    assert not any("(+" in cell for row in papers for cell in row)


def test_what_is_equal_has_no_sign(results: Results) -> None:
    results.quality[0] = quality("other-1", 1, 38.96, 37.04)
    assert short.tables(results)[0].rows[0][1] == "39.0 ± 1.2 / 37.0 ± 1.2 (0.0, 0.0)"


def test_markdown_marks_what_is_better(results: Results) -> None:
    text = markdown.render(
        Document("", "", (), (), (Section("a", "A", "", short.tables(results)),))
    )
    assert "| avif-2 | **44.1 ± 1.2 / 44.1 ± 1.2 (+5.1, +7.1)** | no picture |" in text
    assert "| **net-1 to net-2** | 39.0 ± 1.2 / 37.0 ± 1.2 | 37.5 ± 1.2 / 28.0 ± 1.2 |" in text


def test_it_is_said_where_a_codec_beats_what_was_published(results: Results) -> None:
    (said,) = (each for each in findings(results) if "Said plainly" in each)
    assert "1 image, avif-2 44.1 / 44.1 dB, the paper 38.1 / 35.4 on ImageNet" in said
    assert "40.5 / 43.3 on Paris" in said
    assert "2 images" not in said
    results.quality = [quality("avif-2", 1, 44.1, 43.3), quality("avif-2", 2, 39.0, 50.0)]
    assert not any("Said plainly" in each for each in findings(results))


def test_what_the_paper_has() -> None:
    assert published.isn(1) == {"ImageNet": (38.05, 35.38), "Paris": (40.49, 43.33)}
    assert published.isn(2) == {"ImageNet": (36.86, 32.21), "Paris": (39.14, 39.05)}
    assert published.isn(5) == {"ImageNet": None, "Paris": (35.9, 31.4)}
