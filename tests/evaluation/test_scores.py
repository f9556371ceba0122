from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from isn import images, metrics
from isn.errors import AlteredContainer, NoSeal
from isn.evaluation import methods, scores
from isn.evaluation.protocol import Group, Sample, domains
from isn.keys import Key
from isn.progress import Tell, silent
from isn.secret import Secret


class Spy:
    """A method that keeps what it is given, and returns what it is told to."""

    name, counts = "spy", range(1, 3)
    options: frozenset[str] = frozenset()

    def __init__(self, answer: list[Any] | None) -> None:
        self.answer = answer
        self.given: list[Any] = []

    def hide(self, host: Any, secret: Secret, key: Key, tell: Tell = silent) -> Any:
        assert not key.secret
        return host ^ 1

    def reveal(self, container: Any, key: Key, tell: Tell = silent) -> list[Any]:
        self.given.append(container)
        if self.answer is None:
            raise NoSeal("nothing opens")
        return self.answer

    def salvage(self, container: Any, tell: Tell = silent) -> list[Any]:
        raise AlteredContainer("nothing is left")

    def tuned(self, options: Any) -> Spy:
        return self


def group(*pixels: Any) -> Group:
    host, *hidden = (Sample(f"{k}.png", each) for k, each in enumerate(pixels))
    return Group(host, tuple(hidden))


def test_one_image_against_scikit_image(photos: dict[str, Any]) -> None:
    skimage = pytest.importorskip("skimage.metrics")
    a = photos["cat"][:64, :80]
    noise = np.random.default_rng(0).integers(-9, 10, a.shape)
    b = np.clip(a + noise, 0, 255).astype(np.uint8)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    wanted = skimage.structural_similarity(a, b, channel_axis=2, data_range=255, **options)
    y, z = metrics.luma(a), metrics.luma(b)
    wanted_y = skimage.structural_similarity(y, z, data_range=255, **options)
    found = scores.score(a, b)
    assert found.psnr == pytest.approx(skimage.peak_signal_noise_ratio(a, b))
    assert found.psnr_y == pytest.approx(skimage.peak_signal_noise_ratio(y, z, data_range=255))
    assert found.ssim == pytest.approx(wanted, abs=1e-9)
    assert found.ssim_y == pytest.approx(wanted_y, abs=1e-9)


def test_equal_images_have_the_ceiling() -> None:
    flat = np.full((16, 16, 3), 9, np.uint8)
    assert scores.score(flat, flat).psnr == scores.CEILING


def test_spread_by_hand() -> None:
    found = scores.spread([30.0, 34.0, 38.0, 38.0])
    assert (found.mean, found.worst) == (35.0, 30.0)
    assert found.deviation == pytest.approx(11**0.5)
    assert found.images == 4


def test_a_method_is_given_the_file_and_nothing_else(photos: dict[str, Any]) -> None:
    host, hidden = photos["cat"][:48, :48], photos["rocket"][:48, :48]
    spy = Spy([hidden])
    container, revealed = scores.through_file(spy, group(host, hidden))
    np.testing.assert_array_equal(spy.given[0], host ^ 1)
    np.testing.assert_array_equal(container, host ^ 1)
    judged = scores.judge(group(host, hidden), container, revealed)
    assert judged.container.psnr == pytest.approx(48.1308, abs=1e-4)
    assert judged.revealed[0] is not None
    assert judged.revealed[0].psnr == scores.CEILING
    assert judged.payload == 24


def test_a_grey_host_is_one_plane_for_the_method_and_colour_in_the_file(
    photos: dict[str, Any],
) -> None:
    grey = np.repeat(photos["cat"][:48, :48, :1], 3, axis=2)
    spy = Spy([grey])
    container, _ = scores.through_file(spy, group(grey, grey))
    np.testing.assert_array_equal(spy.given[0], grey[..., 0] ^ 1)
    np.testing.assert_array_equal(container, grey ^ 1)


def test_what_comes_back_in_the_hosts_size_is_resized(photos: dict[str, Any]) -> None:
    host, hidden = photos["cat"][:48, :48], photos["rocket"][:96, :96]
    small = images.resize(hidden, 48, 48)
    container, revealed = scores.through_file(Spy([small]), group(host, hidden))
    judged = scores.judge(group(host, hidden), container, revealed)
    assert judged.payload == 96
    assert judged.revealed[0] is not None
    wanted = metrics.psnr(images.resize(small, 96, 96), hidden)
    assert judged.revealed[0].psnr == pytest.approx(wanted)


def test_lost_images_are_counted_and_not_averaged(photos: dict[str, Any]) -> None:
    host = photos["cat"][:48, :48]
    one = scores.judge(group(host, host, host), host ^ 1, [None, host ^ 1])
    found = scores.summary([one])
    assert found.lost == 1
    assert found.revealed["psnr"].mean == pytest.approx(48.1308, abs=1e-4)
    assert found.revealed["psnr"].images == 1
    container, revealed = scores.through_file(Spy(None), group(host, host))
    assert revealed == [None]
    none = scores.summary([scores.judge(group(host, host), container, revealed)])
    assert (none.lost, none.revealed) == (1, {})
    assert methods.left(Spy(None), host, 2) == [None, None]


def test_a_method_does_here_what_it_does_for_a_user(folder: Path) -> None:
    paper = methods.shipped("paper-1", "native")
    one = domains(folder, count=1, crop=48)[0].group(0, 1)
    container, revealed = scores.through_file(paper.method, one)
    made = isn.hide(one.host.pixels, one.hidden[0].pixels, method="paper-1", backend="native")
    np.testing.assert_array_equal(container, made.pixels)
    assert revealed[0] is not None
    np.testing.assert_array_equal(revealed[0], isn.reveal(container)[0])
    assert scores.judge(one, container, revealed).container.psnr > 30
    assert paper.fingerprint == isn.inspect(container).fingerprint.hex()
