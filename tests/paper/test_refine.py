"""A container that was refined reveals better, and never worse; the reveal knows nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import isn
from isn import images, zoo
from isn.cli import main
from isn.errors import BackendError, ConfigError
from isn.metrics import psnr

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def pair(photos: Photos, height: int, width: int) -> tuple[Pixels, Pixels]:
    return images.resize(photos["coffee"], height, width), images.resize(
        photos["astronaut"], height, width
    )


def figures(container: Pixels, host: Pixels, hidden: Pixels) -> tuple[float, float]:
    # Another backend than that which refined: what is measured is what anybody reveals.
    (back,) = isn.reveal(container, backend="onnxruntime")
    return psnr(container, host), psnr(back, hidden)


def test_more_is_revealed_for_less_than_it_costs(photos: Photos) -> None:
    host, hidden = pair(photos, 97, 96)
    before = figures(isn.hide(host, hidden, model="fast-1", backend="torch"), host, hidden)
    told: list[float] = []
    container = isn.hide(host, hidden, model="fast-1", refine=20, progress=told.append)
    after = figures(container, host, hidden)
    assert after[1] > before[1] + 1
    assert after[0] > before[0] - 0.5
    assert told == sorted(told)
    assert told[-1] == 1


def test_windows_are_refined_one_after_the_other(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isn.paper import refine

    host, hidden = pair(photos, 120, 150)
    whole = figures(isn.hide(host, hidden, model="fast-1", refine=8), host, hidden)
    monkeypatch.setattr(refine, "WINDOW", 64)
    monkeypatch.setattr(refine, "HALO", 32)
    parts = figures(isn.hide(host, hidden, model="fast-1", refine=8), host, hidden)
    # The borders of windows cost a little; what is gained is the same.
    assert parts[0] == pytest.approx(whole[0], abs=0.2)
    assert parts[1] == pytest.approx(whole[1], abs=0.5)


def test_the_objective_never_grows(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    from isn.paper import refine

    host, hidden = pair(photos, 64, 64)
    plain = isn.hide(host, hidden, model="fast-1", backend="torch")
    # Steps that go far astray leave the container as the network made it.
    monkeypatch.setattr(refine, "RATE", 1.0)
    monkeypatch.setattr(refine, "LAST_RATE", 1.0)
    np.testing.assert_array_equal(isn.hide(host, hidden, model="fast-1", refine=3), plain)


def test_images_that_share_are_refined_too(photos: Photos) -> None:
    host, hidden = pair(photos, 96, 96)
    several = [hidden, host, hidden[::-1].copy()]

    def revealed(container: Pixels) -> float:
        back = isn.reveal(container, backend="onnxruntime")
        return float(np.mean([psnr(a, b) for a, b in zip(back, several, strict=True)]))

    words = {"model": "fast-1", "passphrase": "battery staple"}
    container = isn.hide(host, several, model="fast-1", refine=10)
    assert revealed(container) > revealed(isn.hide(host, several, model="fast-1"))
    keyed = isn.hide(host, hidden, refine=2, **words)
    (back,) = isn.reveal(keyed, passphrase=words["passphrase"])
    assert psnr(back, hidden) > 20


def test_the_command_refines(photos: Photos, tmp_path: Path) -> None:
    host, hidden = pair(photos, 64, 64)
    for name, pixels in (("host.png", host), ("hidden.png", hidden)):
        images.write(tmp_path / name, pixels)
    words = ["hide", tmp_path / "host.png", tmp_path / "hidden.png", "--json"]
    words += ["--model", "digits-1"]

    def told(*more: object) -> float:
        answer = CliRunner().invoke(main, [str(each) for each in (*words, *more)])
        assert answer.exit_code == 0, answer.output
        return float(json.loads(answer.stdout)["hidden"][0]["revealed_psnr"])

    plain = told("-o", tmp_path / "a.png")
    assert told("-o", tmp_path / "b.png", "--refine", 10) > plain + 0.5


def test_a_backend_without_gradients_is_refused(photos: Photos) -> None:
    host, hidden = pair(photos, 64, 64)
    with pytest.raises(BackendError, match="onnxruntime has no gradients"):
        isn.hide(host, hidden, model="digits-1", backend="onnxruntime", refine=1)
    with pytest.raises(ConfigError, match="-1 steps"):
        isn.hide(host, hidden, refine=-1)


def test_digits_are_refined_at_no_cost_to_the_host(photos: Photos) -> None:
    host, hidden = pair(photos, 97, 96)
    before = figures(isn.hide(host, hidden, model="digits-1", backend="torch"), host, hidden)
    container = isn.hide(host, hidden, model="digits-1", refine=20)
    after = figures(container, host, hidden)
    assert after[1] > before[1] + 0.7
    assert after[0] == pytest.approx(before[0], abs=0.3)
    base = zoo.load("digits-1").config.base
    assert base is not None
    # One more where the seal stands.
    assert np.abs(container.astype(int) - host).max() <= base
