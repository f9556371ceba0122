from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from isn import images
from isn.errors import BackendError
from isn.evaluation import cost, cost_process, methods
from isn.evaluation.protocol import domains


@pytest.mark.slow
def test_each_verb_is_timed_in_a_process_of_its_own(folder: Path) -> None:
    steps: list[int] = []
    group = domains(folder, count=1)[0].group(0, 1)
    hide, reveal = cost.measure(
        methods.baseline("lsb-4"), "", group, (160, 200), step=lambda: steps.append(1)
    )
    assert steps == [1, 1]
    assert (hide.verb, reveal.verb) == ("hide", "reveal")
    assert (hide.height, hide.width, hide.count) == (160, 200, 1)
    for each in (hide, reveal):
        assert 0 < each.seconds < 5
        # Python with NumPy alone takes 20 MB.
        assert each.peak_bytes is None or 20e6 < each.peak_bytes < 2e9


def test_the_same_job_in_this_process(folder: Path, tmp_path: Path) -> None:
    group = domains(folder, count=1)[0].group(0, 1)
    for k, each in enumerate((group.host, *group.hidden)):
        images.write(tmp_path / f"{k}.png", images.resize(each.pixels, 64, 66))
    for verb in cost.VERBS:
        job = cost.Job(verb, "paper-1", True, "native", 1, str(tmp_path))
        cost_process.main([json.dumps(asdict(job))])
        assert json.loads((tmp_path / f"{verb}.json").read_text())["seconds"] > 0
    assert images.read(tmp_path / "container.png").pixels.shape == (64, 66, 3)


def test_the_peak_of_this_process_is_at_least_what_it_holds() -> None:
    before = cost_process.peak_bytes()
    if before is None:
        pytest.skip("this system does not tell")
    held = b"\1" * 200_000_000
    after = cost_process.peak_bytes()
    assert after is not None
    assert after >= 200_000_000 <= len(held)


def test_a_process_that_fails_says_why(folder: Path) -> None:
    group = domains(folder, count=1)[0].group(0, 1)
    method = replace(methods.baseline("lsb-4"), source="lsb-9")
    with pytest.raises(BackendError, match=r"lsb-9 could not be timed to hide .*no baseline"):
        cost.measure(method, "", group, (64, 64))


def test_the_papers_figures() -> None:
    found = {(each.height, each.width): (each.seconds, each.megabytes) for each in cost.PUBLISHED}
    assert found == {
        (380, 380): (0.07, None),
        (512, 512): (0.138, 1561),
        (1280, 1280): (0.920, 4407),
    }
    assert cost.SIZES[-1][0] * cost.SIZES[-1][1] == 12_000_000


def test_large_images_are_timed_with_one_backend_and_two_counts() -> None:
    asked = ((380, 380), (1280, 1280), (3000, 4000))
    network, lsb = methods.shipped("paper-1"), methods.baseline("lsb-4")
    ends = {"first": "native", "extremes": {1, 5}}
    assert cost.sizes(asked, network, "native", **ends) == asked
    assert cost.sizes(asked, network, "torch", **ends) == asked[:2]
    assert cost.sizes(asked, methods.shipped("paper-2"), "native", **ends) == asked[:2]
    assert cost.sizes(asked, lsb, "", **ends) == asked
    assert cost.sizes(asked, methods.shipped("photos"), "", **ends) == asked


@pytest.mark.torch
def test_a_slow_baseline_is_timed_on_small_images_alone() -> None:
    asked, ends = ((380, 380), (1280, 1280)), {"first": "native", "extremes": {1, 5}}
    assert cost.sizes(asked, methods.baseline("baluja-1"), "", **ends) == asked[:1]
