"""The part detection: tiles, both controls, what the figures are of, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isn import zoo
from isn.evaluation import adapter, detection, detectors, report
from isn.evaluation.detection import CLEAN, COLOUR, MATCHING, SPAM, XUNET, Seen
from isn.evaluation.document import Section
from isn.evaluation.findings import findings, headlines
from isn.evaluation.plan import Plan
from isn.evaluation.protocol import domains
from isn.evaluation.results import Results
from isn.evaluation.run import evaluate
from isn.evaluation.sections import leaks, sections
from isn.steganalysis.colour import colour
from isn.steganalysis.residual import anomaly_map
from isn.steganalysis.roc import area, found_at
from isn.steganalysis.spam import spam
from isn.steganalysis.stegexpose import analyze

Array = NDArray[Any]


def photo(seed: int, height: int = 96, width: int = 112) -> Array:
    """Waves with grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = sum(9 * np.sin(x / rng.uniform(3, 20) + y / rng.uniform(3, 20)) for _ in range(4))
    grain = rng.normal(0, 1.2, (height, width, 1)) + rng.normal(0, 0.7, (height, width, 3))
    return np.rint((120 + waves[..., None] + grain).clip(5, 250)).astype(np.uint8)


def seen_of(fusions: list[float], hosts: list[int], shift: float = 0.0) -> Seen:
    """Features that tell their host apart, and containers by a shift; tiles that number them."""
    n = len(hosts)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 6)) + np.array(hosts)[:, None] * 0.01 + shift
    tiles = np.arange(n, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 2, 2, 3), np.uint8)
    return Seen(np.array(fusions), np.array(hosts), tiles, {SPAM: features})


@pytest.mark.parametrize(
    ("shape", "side", "corners"),
    [
        ((64, 64, 3), 64, [(0, 0)]),
        ((100, 130, 3), 64, [(18, 0), (18, 66)]),
        ((128, 200, 3), 64, [(0, 0), (0, 136), (64, 0), (64, 136)]),
    ],
)
def test_tiles_are_apart(shape: tuple[int, ...], side: int, corners: list[tuple[int, int]]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    cut = detection.tiles(pixels, side)
    assert len(cut) == len(corners)
    for tile, (top, left) in zip(cut, corners, strict=True):
        np.testing.assert_array_equal(tile, pixels[top : top + side, left : left + side])


def test_what_the_detectors_are_given() -> None:
    pictures = [photo(k) for k in range(3)]
    steps: list[int] = []
    seen = detection.look(iter(pictures), 48, lambda: steps.append(1))
    assert len(steps) == 3
    assert seen.hosts.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_array_equal(seen.tiles[5], pictures[1][:48, -48:])
    for name, of in ((SPAM, spam), (COLOUR, colour)):
        np.testing.assert_array_equal(seen.features[name][5], of(pictures[1][:48, -48:]))
    np.testing.assert_array_equal(seen.fusions, [analyze(each).fusion for each in pictures])


def test_matching_moves_half_of_the_samples_by_one() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    pixels[:40], pixels[40:80] = 0, 255
    moved = detection.matched(pixels, np.random.default_rng(1)).astype(int)
    change = moved - pixels
    assert set(np.unique(change)) == {-1, 0, 1}
    assert np.mean(change != 0) == pytest.approx(0.5, abs=0.01)
    assert np.mean(change[80:]) == pytest.approx(0, abs=0.01)
    # At the ends as often as anywhere.
    assert np.mean(change[:80] != 0) == pytest.approx(0.5, abs=0.01)


def test_clean_against_clean_shares_no_photo() -> None:
    hosts = [0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4]
    seen = seen_of([0.1, 0.2, 0.3, 0.4, 0.5], hosts)
    first, second = detection.against_others(seen, seed=3)
    assert len(first.fusions) == len(second.fusions) == 2
    assert not set(first.fusions) & set(second.fusions)
    np.testing.assert_array_equal(first.hosts, second.hosts)
    shown = [[hosts[each[0, 0, 0]] for each in side.tiles] for side in (first, second)]
    assert not set(shown[0]) & set(shown[1])
    # Each label stands for one photo on either side, and for as many tiles.
    for label in set(first.hosts):
        assert len({shown[0][k] for k in np.flatnonzero(first.hosts == label)}) == 1
        assert len({shown[1][k] for k in np.flatnonzero(first.hosts == label)}) == 1


def test_the_fusion_counts_what_has_an_answer() -> None:
    clean = seen_of([0.1, 0.3, float("nan"), 0.0], [0, 1, 2, 3])
    stego = seen_of([0.4, 0.3, 0.05, float("nan")], [0, 1, 2, 3])
    found = detection.fusion(clean, stego)
    assert found.area == area([0.1, 0.3, 0.0], [0.4, 0.3, 0.05])
    assert (found.found, found.accused, found.unanswered) == (2 / 3, 1 / 3, 2)
    assert found.roc == tuple(found_at([0.1, 0.3, 0], [0.4, 0.3, 0.05], detection.ACCUSED))
    nothing = detection.fusion(seen_of([float("nan")], [0]), stego)
    assert (nothing.area, nothing.roc) == (None, ())


def test_learning_is_split_by_host_and_averaged() -> None:
    pytest.importorskip("sklearn")
    hosts = [k // 4 for k in range(80)]
    clean = seen_of([0.0] * 20, hosts)
    steps: list[int] = []
    told = detection.learn(
        clean, seen_of([0.0] * 20, hosts, 3.0), (SPAM,), 0, lambda: steps.append(1), draws=2
    )
    assert [each.pairs for each in told] == [10, 20]
    assert len(steps) == 4
    for each in told:
        assert each.area > 0.95
        # Hosts come whole: 10 pairs take 3 hosts, or 12 pairs, away from those that are judged.
        assert each.tested == 2 * (80 - 4 * -(-each.pairs // 4))
        assert len(each.roc) == len(detection.ACCUSED)
        assert each.roc[-1] == 1
    assert detection.learn(seen_of([0.0] * 4, [0, 1, 2, 3]), clean, (SPAM,), 0) == ()


def test_how_many_pairs_may_leak() -> None:
    assert detection.leaks(18) == ()
    assert detection.leaks(48) == (10, 20)
    assert detection.leaks(388) == (10, 20, 50, 100, 200)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    from isn import images

    place = tmp_path_factory.mktemp("photos")
    for k in range(11):
        images.write(place / f"{k}.png", photo(k, 66, 76))
    return Plan((str(place),), (1,), ("paper-1",), ("lsb-4",), limit=6, parts=("detection",))


@pytest.fixture(scope="module")
def results(plan: Plan) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "TILE", 32)
        patch.setattr(detection, "DRAWS", 1)
        patch.setattr(detection, "NEEDS", {SPAM: "sklearn", XUNET: "nothing_of_this_name"})
        shares: list[float] = []
        found = evaluate(plan, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return found


@pytest.mark.usefixtures("undrawn")
def test_methods_and_controls_are_in_the_report(results: Results, tmp_path: Path) -> None:
    assert [(each.method, each.count, each.control) for each in results.detected] == [
        ("paper-1", 1, False),
        ("lsb-4", 1, False),
        (MATCHING, 0, True),
        (CLEAN, 0, True),
    ]
    assert [each.tiles for each in results.detected] == [24, 24, 24, 12]
    study = adapter.study(results)
    page, _, table = (each.read_text("utf-8") for each in report.write(study, tmp_path))
    facts = json.loads(table)
    rows = {
        tuple(row[:2]): row[5] for row in facts["rows"] if row[4] == "detection/StegExpose/area"
    }
    assert rows["paper-1", 1] == results.detected[0].fusion.area
    section = part(results)
    assert section.command.endswith("--parts detection")
    assert zoo.weights("paper-1").fingerprint.hex() in section.made_by
    assert [row[0] for row in section.tables[0].rows] == [
        "paper-1",
        "lsb-4",
        "LSB matching (control)",
        "clean (control)",
    ]
    assert section.tables[0].ours == {"paper-1"}
    for table in section.tables:
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "Can anybody tell?" in report.markdown(study)
    assert page.count("<svg") == len(section.charts) == 3
    for chart in section.charts:
        assert all(len(curve) == len(chart.places) for curve in chart.curves.values())


def part(results: Results) -> Section:
    made = sections(adapter.study(results))
    return next(each for each in made if each.anchor == "detection")


def test_the_maps_are_those_of_host_and_containers(results: Results, plan: Plan) -> None:
    (sheet,) = results.maps
    assert [name for name, _ in sheet.rows] == ["host", "paper-1", "lsb-4"]
    host = results.domains[0].group(0, 1).host.pixels
    panels = dict(sheet.rows)["host"]
    assert f"mean {anomaly_map(host).mean():.3f}" in panels[1].label
    np.testing.assert_array_equal(panels[0].pixels, host)


def test_one_host_is_enough_to_look(plan: Plan) -> None:
    place = domains(plan.folders[0], count=1, limit=1)[0]
    study = detectors.Study.of(place, 0, lambda: None)
    assert study.side == 66
    assert study.nothing(()) is None
    assert study.matching((SPAM,)).learned == ()


def learned(name: str, value: float) -> detection.Learned:
    return detection.Learned(name, 10, 40, value, value, 0.0, (0.0,) * 21)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.95, "expect to be found"),
        (0.8, "more often than not"),
        (0.55, "told little of one method"),
    ],
)
def test_the_finding_follows_the_figures(results: Results, value: float, said: str) -> None:
    first, other, matching, clean = results.detected
    changed = replace(
        results,
        detected=[
            replace(first, learned=(learned(SPAM, 0.5), learned(XUNET, value))),
            replace(other, learned=(learned(SPAM, 0.99),)),
            replace(matching, learned=(learned(SPAM, 0.97),)),
            replace(clean, learned=(learned(SPAM, 0.72),)),
        ],
    )
    study = adapter.study(changed)
    (told,) = headlines(study)
    assert said in told
    assert f"paper-1 (n = 1), with an area of {value:.2f} ± 0.00" in told
    assert "(XuNet after 10 pairs)" in told
    about = next(each for each in findings(study) if each.startswith("SPAM"))
    assert "paper-1 (n = 1) 0.50 ± 0.00; lsb-4 (n = 1) 0.99 ± 0.00" in about
    assert "LSB matching (control) 0.97 ± 0.00, as it must" in about
    assert "clean (control) 0.72 ± 0.00, as it should not" in about


@pytest.mark.torch
@pytest.mark.slow
def test_xunet_runs_where_there_is_torch(plan: Plan, monkeypatch: Any) -> None:
    pytest.importorskip("torch")
    from isn.steganalysis.cnn import Cnn

    made = detection._learner

    def quick(name: str, seed: int) -> Any:
        # Whether it learns is asked in tests/steganalysis/test_cnn.py.
        return partial(Cnn, seed=seed, steps=4) if name == XUNET else made(name, seed)

    monkeypatch.setattr(detection, "_learner", quick)
    monkeypatch.setattr(detection, "TILE", 32)
    monkeypatch.setattr(detection, "DRAWS", 1)
    found = evaluate(replace(plan, methods=()))
    told = [each for each in found.detected[0].learned if each.detector == XUNET]
    assert [each.pairs for each in told] == [10]
    assert len(part(found).charts) == 7
    assert leaks(adapter.study(found), XUNET) == [10]
