"""The code `photos`: as fine as the room allows, of images of any size, and not believed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers import crop, examples, picture
from isn import images, zoo
from isn.codes import Room
from isn.codes.avif import Avif, available
from isn.codes.entropy.steps import STEPS
from isn.codes.photos import KIND, Photos, code, levels
from isn.errors import AlteredContainer, ImageError, ModelError
from isn.metrics import psnr
from isn.progress import silent
from isn.secret import Item
from isn.weights import Weights

Pixels = NDArray[np.uint8]
Demo = dict[str, Pixels]

AREA = 64 * 64
KINDS = ("inner", "outer")
WIDTH = 8


def prior_weights() -> Weights:
    """A prior that has a sensible idea of bands."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in levels.parameter_shapes(WIDTH).items():
        tensors[name] = (0.05 * rng.standard_normal(shape)).astype(np.float32)
    tensors["prior.coarsest"] += 12
    for level, wider in (("means", 3), ("blocks", 0)):
        for group, channels in enumerate(levels.GROUPS):
            stem = f"prior.{level}.{group}"
            inner, outer = (tensors[f"{stem}.{name}.weight"] for name in KINDS)
            # The first hidden feature is the step in octaves, by which all scales are narrower.
            inner[0], outer[:, 0] = 0, -1
            inner[0, levels.CONTEXT - 1, 1, 1] = 1
            frequency = [each // 8 % 8 + each % 8 for each in channels]
            tensors[f"{stem}.outer.bias"] += 6 + wider - 0.5 * np.array(frequency)
    return Weights(KIND, {"width": WIDTH}, tensors)


@pytest.fixture(scope="module")
def photos_code() -> Photos:
    return Photos(prior_weights())


@pytest.fixture(scope="module")
def shipped() -> Photos:
    return Photos(zoo.weights("photos"))


def sent(with_code: Photos, secret: list[Item], size: int, area: int = AREA) -> list[Item]:
    payload = with_code.encode(secret, Room(size, area), silent)
    return with_code.decode(payload, area, silent)


def step_of(payload: bytes) -> int:
    return int(struct.unpack_from("<Bh", payload)[1])


@pytest.mark.parametrize("sizes", [[(1, 1)], [(8, 8), (40, 24)], [(37, 60), (65, 9), (3, 40)]])
def test_images_of_any_size_come_back_in_it(
    photos_code: Photos, photos: Demo, sizes: list[tuple[int, int]]
) -> None:
    hidden: list[Item] = [crop(photos["coffee"], *size) for size in sizes]
    found = sent(photos_code, hidden, 20_000)
    assert [each.shape[:2] for each in found] == sizes
    assert all(psnr(a, b) > 33 for a, b in zip(found, hidden, strict=True))


def test_the_finest_step_that_fits_is_taken(photos_code: Photos, photos: Demo) -> None:
    hidden, room = crop(photos["cat"], 48, 48), 1400
    payload = photos_code.encode([hidden], Room(room, AREA), silent)
    assert 0.96 * room < len(payload) <= room
    better = photos_code.encode([hidden], Room(2 * room, AREA), silent)
    assert step_of(better) < step_of(payload)
    coarse, fine = (photos_code.decode(each, AREA, silent)[0] for each in (payload, better))
    assert psnr(fine, hidden) > psnr(coarse, hidden) + 3


@pytest.mark.parametrize(
    "shape",
    [
        (128, 136),
        pytest.param((8, 4000), marks=pytest.mark.slow),
        pytest.param((4000, 3), marks=pytest.mark.slow),
    ],
)
def test_a_step_guessed_from_a_part_fits_all_the_same(
    photos_code: Photos, photos: Demo, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_SAMPLE", 2)
    hidden = np.resize(photos["cat"], (*shape, 3))
    size = shape[0] * shape[1] // 3
    payload = photos_code.encode(
        [hidden, crop(photos["coffee"], 30, 30)], Room(size, 300_000), silent
    )
    assert 0.97 * size < len(payload) <= size
    assert photos_code.decode(payload, 300_000, silent)[0].shape == hidden.shape


def test_an_image_leaves_another_the_room_that_it_does_not_need(
    shipped: Photos, photos: Demo
) -> None:
    flat, rich = np.full((48, 48, 3), 90, np.uint8), crop(photos["cat"], 48, 48)
    alone, half = (sent(shipped, [rich], size)[0] for size in (1200, 600))
    shared = sent(shipped, [flat, rich], 1200)[1]
    assert psnr(alone, rich) - 1 < psnr(shared, rich)
    assert psnr(half, rich) + 3 < psnr(shared, rich)


@pytest.mark.skipif(not available(), reason="this Pillow was built without AVIF")
def test_it_is_better_than_a_codec_where_there_is_room(shipped: Photos, photos: Demo) -> None:
    # What the shipped prior is for: 2 bits of each sample of a host of the same size.
    hidden, room = crop(photos["cat"], 64, 64), Room(64 * 64 * 6 // 8, AREA)
    (found,) = shipped.decode(shipped.encode([hidden], room, silent), AREA, silent)
    (other,) = Avif().decode(Avif().encode([hidden], room, silent), AREA, silent)
    assert psnr(found, hidden) > psnr(other, hidden) + 0.5


@pytest.mark.parametrize(
    ("name", "size"), [("cat", 300), ("cat", 800), ("cat", 3072), ("coffee", 6000)]
)
def test_the_estimate_is_near_to_what_comes(
    shipped: Photos, photos: Demo, name: str, size: int
) -> None:
    hidden = crop(photos[name], 64, 64)
    found = shipped.foresee([hidden], Room(size, AREA))
    payload = shipped.encode([hidden], Room(size, AREA), silent)
    assert found.size == pytest.approx(len(payload), rel=0.05)
    assert found.psnr is not None
    (shown,) = shipped.decode(payload, AREA, silent)
    gain = psnr(shown, hidden) - found.psnr
    assert -1.5 < gain < 1.5


def test_images_that_do_not_fit_at_all_are_refused(photos_code: Photos, photos: Demo) -> None:
    with pytest.raises(ImageError, match="163 are the least for 5 hidden images"):
        photos_code.encode([photos["cat"]] * 5, Room(60, AREA), silent)
    with pytest.raises(ImageError, match="even coarsely"):
        photos_code.encode([crop(photos["cat"], 64, 64)] * 2, Room(67, AREA), silent)


def test_a_larger_image_is_made_smaller_and_comes_back_large(
    photos_code: Photos, photos: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code.largest(AREA) == 4 * AREA
    # Of a large host no more than it has itself.
    assert code.largest(2_000_000) == 4_000_000
    assert code.largest(12_000_000) == 12_000_000
    hidden = crop(photos["cat"], 100, 120)
    small = images.within(hidden, code.largest(24 * 24))
    assert 0.9 * 4 * 24 * 24 < small.shape[0] * small.shape[1] <= 4 * 24 * 24
    (found,) = sent(photos_code, [hidden], 3000, 24 * 24)
    assert found.shape == hidden.shape
    assert psnr(found, images.resize(small, 100, 120)) > 30


@given(st.integers(1, 900), st.integers(1, 900), st.integers(1, 5000))
@examples(30)
def test_within_an_area_is_within_it(height: int, width: int, area: int) -> None:
    found = images.within(np.zeros((height, width, 3), np.uint8), area)
    assert 1 <= found.shape[0] * found.shape[1] <= max(area, 1)
    if height * width <= area:
        assert found.shape == (height, width, 3)


def forged(count: int, step: int, *sides: int) -> bytes:
    honest = Photos(prior_weights()).encode([picture(16, 16)], Room(900, AREA), silent)
    return struct.pack("<Bh", count, step) + struct.pack(f"<{len(sides)}I", *sides) + honest[19:]


def test_the_forger_below_can_forge(photos_code: Photos) -> None:
    honest = photos_code.encode([picture(16, 16)], Room(900, AREA), silent)
    payload = forged(1, step_of(honest), 16, 16, 40, 50)
    assert photos_code.decode(payload, AREA, silent)[0].shape == (40, 50, 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\1\0",
        forged(0, 0),
        forged(2, 0, 16, 16, 16, 16)[:34],
        forged(26, 0, *[16] * 4 * 26),
        forged(1, STEPS[0] - 1, 16, 16, 16, 16),
        forged(1, STEPS[1] + 1, 16, 16, 16, 16),
        forged(1, 0, 0, 16, 16, 16),
        forged(1, 0, 16, 16, 16, 0),
        forged(1, 0, 2**32 - 1, 2**32 - 1, 16, 16),
        forged(1, 0, 4 * 64, 64 + 1, 16, 16),
        forged(1, 0, 16, 16, 1, 32_000_001),
        forged(1, 0, 16, 16, 2**32 - 1, 2**32 - 1),
    ],
)
def test_forged_payloads_are_told(photos_code: Photos, payload: bytes) -> None:
    for look in (
        lambda: photos_code.decode(payload, AREA, silent),
        lambda: photos_code.contents(payload, AREA),
    ):
        with pytest.raises(AlteredContainer):
            look()


def test_weights_of_another_kind_are_refused() -> None:
    weights = prior_weights()
    with pytest.raises(ModelError, match="of kind 'paper'"):
        Photos(Weights("paper", weights.config, weights.tensors))
    for config in ({}, {"width": "wide"}, {"width": 9}, {"width": -4}, {"width": float("inf")}):
        with pytest.raises(ModelError):
            Photos(Weights(KIND, config, weights.tensors))
