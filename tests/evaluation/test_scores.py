from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from isn import images, metrics
from isn.errors import ImageError
from isn.evaluation import methods, scores
from isn.evaluation.protocol import Group, Sample, domain


class Spy:
    """A method that keeps what it is given, and returns what it is told to."""

    name, title, fingerprint, ours, source, counts = "spy", "a spy", "", False, "spy", (1, 2)

    def __init__(self, answer: list[Any]) -> None:
        self.answer = answer
        self.files: list[bytes] = []

    def hide(self, host: Any, hidden: Sequence[Any]) -> Any:
        return host ^ 1

    def carried(self, hidden: Sequence[Any], host: tuple[int, int]) -> list[Any]:
        return [images.resize(images.resize(each, *host), *each.shape[:2]) for each in hidden]

    def reveal(self, file: bytes, sizes: Any) -> list[Any]:
        self.files.append(file)
        return self.answer

    def salvage(self, container: Any, count: int) -> list[Any]:
        return self.answer


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


def test_a_method_is_given_the_file_and_nothing_else(photos: dict[str, Any]) -> None:
    host, hidden = photos["cat"][:48, :48], photos["rocket"][:48, :48]
    spy = Spy([hidden])
    container, revealed = scores.through_file(spy, group(host, hidden))
    assert (images.read(spy.files[0]).pixels == host ^ 1).all()
    assert (container == host ^ 1).all()
    judged = scores.judge(spy, group(host, hidden), container, revealed)
    assert judged.container.psnr == pytest.approx(48.1308, abs=1e-4)
    assert judged.revealed[0] is not None
    assert judged.revealed[0].psnr == scores.CEILING
    assert judged.payload == 24
    assert not judged.resized


def test_what_was_resized_is_scored_against_both(photos: dict[str, Any]) -> None:
    host, hidden = photos["cat"][:48, :48], photos["rocket"][:96, :96]
    kept = images.resize(images.resize(hidden, 48, 48), 96, 96)
    judged = scores.judge(Spy([kept]), group(host, hidden), host ^ 1, [kept])
    assert judged.resized
    assert judged.payload == 96
    assert judged.carried[0] is not None
    assert judged.carried[0].psnr == scores.CEILING
    assert judged.revealed[0] is not None
    assert judged.revealed[0].psnr == pytest.approx(metrics.psnr(kept, hidden))


def test_lost_images_are_counted_and_not_averaged(photos: dict[str, Any]) -> None:
    host = photos["cat"][:48, :48]
    one = scores.judge(Spy([]), group(host, host, host), host ^ 1, [None, host ^ 1])
    found = scores.summary([one])
    assert found.lost == 1
    assert found.revealed["psnr"].mean == pytest.approx(48.1308, abs=1e-4)
    none = scores.summary([scores.judge(Spy([]), group(host, host), host, [None])])
    assert (none.lost, none.revealed) == (1, {})


def test_a_picture_of_another_size_is_refused(photos: dict[str, Any]) -> None:
    host = photos["cat"][:48, :48]
    with pytest.raises(ImageError, match="spy revealed"):
        scores.through_file(Spy([host[:40]]), group(host, host))


def test_a_model_is_used_through_the_public_api(folder: Path) -> None:
    model = methods.model("first-1")
    one = domain(folder, count=1, crop=48).group(0, 1)
    container, revealed = scores.through_file(model, one)
    (wanted,) = isn.reveal(container)
    assert revealed[0] is not None
    assert (revealed[0] == wanted).all()
    judged = scores.judge(model, one, container, revealed)
    assert judged.container.psnr > 30
    assert model.fingerprint == isn.inspect(container).fingerprint.hex()
