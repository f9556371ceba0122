"""The network as a code: its numbers by the definition, its room, its payload not believed."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from helpers import apart, network_weights, oracle, picture, random_tensors, random_weights
from isn import method
from isn.codes import Room
from isn.codes.entropy import rans
from isn.codes.entropy.dependent import places
from isn.codes.entropy.steps import size_of
from isn.codes.network import (
    EDGES,
    LEAST_RATE,
    NetworkCode,
    groups,
    kept_bands,
    prior_shapes,
    shapes,
    split,
)
from isn.errors import AlteredContainer, ConfigError, ImageError, ModelError
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.paper.wavelet import from_bands, to_bands
from isn.progress import silent
from isn.weights import Weights

AREA = 64 * 64
ROOM = Room(40_000, AREA)
HEAD = struct.Struct("<hII")


def changed(**settings: Any) -> Weights:
    weights = network_weights()
    return Weights("network", dict(weights.config) | settings, weights.tensors)


@pytest.mark.parametrize("kept", [1, 3, 4, 76, 128, 129, 192])
def test_every_band_is_of_one_group(kept: int) -> None:
    found = groups(kept)
    assert [k for each in found for k in range(kept)[each]] == list(range(kept))
    assert {each.start for each in found} <= {0, *EDGES}


def test_the_bands_of_a_container_are_shared_out_alike() -> None:
    assert kept_bands(ModelConfig(5, levels=3, planes=2)) == 76
    assert kept_bands(ModelConfig(3, levels=2)) == 16
    with pytest.raises(ConfigError, match="more Haar levels, or planes"):
        kept_bands(ModelConfig(4, levels=0))


@pytest.mark.parametrize(
    ("images", "levels", "planes"), [(1, 0, 1), (1, 1, 1), (2, 2, 2), (3, 1, 2)]
)
def test_the_answer_is_that_of_the_oracle(images: int, levels: int, planes: int) -> None:
    config = ModelConfig(images, blocks=2, depth=2, growth=3, levels=levels, planes=planes)
    hidden = [picture(32, 24, seed=each) for each in range(images)]
    code = NetworkCode("tiny", network_weights(config))
    payload = code.encode(hidden, ROOM, silent)
    found = code.decode(payload, AREA, silent)
    network = oracle(config, random_tensors(config))
    host = np.full((1, 3 * planes, 32, 24), 0.5)
    stacked = np.concatenate([each.transpose(2, 0, 1) for each in hidden])[None] / 255
    container = network.forward(host, stacked).container
    blank = to_bands(host, levels)
    # The first bands of an image lie last, those of all images side by side.
    bands = (to_bands(container, levels) - blank)[0, ::-1]
    kept, step = kept_bands(config), HEAD.unpack_from(payload)[0]
    rows, columns = bands.shape[1:]
    size = size_of(step) / 255
    received = np.zeros_like(bands)
    # All numbers of one band, image by image and group by group, as they were coded.
    decoder = rans.Decoder(payload[HEAD.size + 8 * images :], images * kept * rows * columns)
    for image in range(images):
        known = code._known(rows, columns, step)
        for k, each in enumerate(groups(kept)):
            numbers = decoder.decode(code._prior.classes(k, known))
            known.add(numbers)
            for place, band in enumerate(range(kept)[each]):
                values = places(numbers[place] / 2) * size
                received[band * images + image] = values
                assert np.abs(values - bands[band * images + image]).max() < 1.6 * size
    planes_shown = from_bands(received[None, ::-1] + blank, levels)
    secret = network.inverse(planes_shown, np.full_like(stacked, 0.5)).hidden
    expected = np.clip(secret[0], 0, 1).reshape(images, 3, 32, 24).transpose(0, 2, 3, 1) * 255
    assert np.abs(np.stack(found) - expected).max() < 0.6
    assert all(apart(each, np.full_like(each, 128)) > 5 for each in found)


def test_in_more_room_it_is_finer() -> None:
    code, hidden = NetworkCode("tiny", network_weights()), picture(48, 64)
    steps, errors = [], []
    for size in (2600, 3500, 6000, 40_000):
        payload = code.encode([hidden], Room(size, AREA), silent)
        assert len(payload) <= size
        step, height, width = HEAD.unpack_from(payload)
        assert (height, width) == (48, 64)
        steps.append(step)
        (shown,) = code.decode(payload, AREA, silent)
        assert shown.shape == hidden.shape
        errors.append(psnr(shown, hidden))
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > steps[-1]
    assert errors[0] < errors[-1]


def test_too_little_room_is_told() -> None:
    code = NetworkCode("tiny", network_weights())
    for each in (code.encode, lambda *words: code.foresee(*words[:2])):
        with pytest.raises(ImageError, match="even coarsely: take a larger host"):
            each([picture(48, 64)], Room(19, AREA), silent)


@pytest.mark.parametrize("side", [40, 200])
def test_what_comes_of_it_is_foreseen(side: int) -> None:
    code, hidden = NetworkCode("tiny", network_weights()), picture(side, side + 8)
    room = Room(side * side, side * (side + 8))
    foreseen = code.foresee([hidden], room)
    payload = code.encode([hidden], room, silent)
    assert foreseen.size == pytest.approx(len(payload), rel=0.05)
    (shown,) = code.decode(payload, room.area, silent)
    assert foreseen.psnr == pytest.approx(psnr(shown, hidden), abs=1.0)


def test_in_next_to_no_room_images_are_smaller() -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, hidden, areas = shipped.pictures[0], picture(96, 120), []
    for size in (1500, 700, 200):
        room = Room(size, 96 * 120)
        foreseen = code.foresee([hidden], room)
        payload = code.encode([hidden], room, silent)
        assert len(payload) <= size
        _, height, width = HEAD.unpack_from(payload)
        areas.append(height * width)
        (shown,) = code.decode(payload, room.area, silent)
        assert shown.shape == hidden.shape
        assert foreseen.psnr == pytest.approx(psnr(shown, hidden), abs=1.0)
        if len(areas) > 1:
            # Whole cells, and no more than there is room for.
            assert LEAST_RATE <= 8 * size / (3 * areas[-1]) < 1.5 * LEAST_RATE
    assert areas[0] == 96 * 120 > areas[1] > areas[2]


def test_images_are_coded_no_larger_than_the_host() -> None:
    code = NetworkCode("tiny", network_weights())
    payload = code.encode([picture(90, 120)], Room(1 << 20, 39 * 39), silent)
    _, height, width = HEAD.unpack_from(payload)
    # Not cut down to whole cells: where there is room, pixels are worth it.
    assert (height, width) == (33, 45)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (1, 90), (65, 1), (1, 900)])
@pytest.mark.parametrize("area", [AREA, 16 * 16])
def test_the_smallest_and_narrowest_are_hidden(size: tuple[int, int], area: int) -> None:
    code, room = NetworkCode("tiny", network_weights()), Room(40_000, area)
    (found,) = code.decode(code.encode([picture(*size)], room, silent), area, silent)
    assert found.shape == (*size, 3)


def test_what_is_no_photo_comes_back_as_well_as_there_is_room() -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, rng, found = shipped.pictures[0], np.random.default_rng(0), []
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    for bits in (3, 4, 6):
        room = Room(64 * 64 * 3 * bits // 8, 64 * 64)
        (shown,) = code.decode(code.encode([noise], room, silent), room.area, silent)
        found.append(psnr(shown, noise))
    # 6 dB a bit, as of whatever is as good as random.
    assert found[0] > 22
    assert found[1] - found[0] > 5
    assert found[2] - found[1] > 10


def test_what_does_not_fit_coarsely_is_made_smaller() -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, area = shipped.pictures[0], 96 * 96
    board = (np.indices((96, 96)).sum(0) // 8 % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    board = np.roll(board, (5, 3), (0, 1))
    for size in (700, 200):
        room = Room(size, area)
        payload = code.encode([board], room, silent)
        assert len(payload) <= size
        assert code.foresee([board], room).size <= size
        assert HEAD.unpack_from(payload)[1] < 96
        assert code.decode(payload, area, silent)[0].shape == board.shape


def test_a_thread_gets_the_room_of_what_fills_it_up() -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, hidden, room = shipped.pictures[0], picture(4, 1000), Room(200, 320 * 480)
    (shown,) = code.decode(code.encode([hidden], room, silent), room.area, silent)
    assert shown.shape == hidden.shape


def test_a_size_holds_images_of_other_shapes() -> None:
    shipped = method.get("isn-3")
    assert isinstance(shipped, method.Carried)
    hidden = [picture(40, 80), picture(60, 60, seed=1), picture(80, 40, seed=2)]
    payload = shipped.pictures[0].encode(hidden, Room(30_000, 120 * 120), silent)
    _, height, width = HEAD.unpack_from(payload)
    assert sorted((height, width)) == [60, 80]
    # But not where little of it would be said of any of them.
    hidden[0] = picture(5, 200)
    payload = shipped.pictures[0].encode(hidden, Room(30_000, 120 * 120), silent)
    assert HEAD.unpack_from(payload)[1:] == (60, 60)


def test_a_wide_image_beside_a_high_one_loses_nothing() -> None:
    shipped = method.get("isn-2")
    assert isinstance(shipped, method.Carried)
    code, high, wide = shipped.pictures[0], picture(120, 80), picture(80, 120, seed=1)
    room, errors = Room(20_000, 120 * 100), []
    for hidden in ([high, wide], [high, wide.swapaxes(0, 1)]):
        shown = code.decode(code.encode(hidden, room, silent), room.area, silent)
        assert [each.shape for each in shown] == [each.shape for each in hidden]
        errors.append([psnr(*each) for each in zip(shown, hidden, strict=True)])
        assert code.foresee(hidden, room).psnr == pytest.approx(np.mean(errors[-1]), abs=1.0)
    assert errors[0] == errors[1]


@pytest.mark.parametrize("spare", range(1, 8))
def test_odd_sides_cost_nothing(spare: int) -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, errors = shipped.pictures[0], []
    for size in ((96, 120), (96 - spare, 120 - spare)):
        hidden = picture(*size)
        room = Room(size[0] * size[1] * 9 // 8, size[0] * size[1])
        (shown,) = code.decode(code.encode([hidden], room, silent), room.area, silent)
        errors.append(psnr(shown, hidden))
    assert errors[1] > errors[0] - 3


def test_bands_out_of_all_bounds_are_bounded() -> None:
    weights = network_weights()
    tensors = {
        name: np.full_like(each, 4e4) if ".phi." in name else each
        for name, each in weights.tensors.items()
    }
    code = NetworkCode("tiny", Weights("network", weights.config, tensors))
    bands = code._hidden([picture(16, 16)], silent)
    assert np.abs(bands).max() == 2.0**28
    assert np.isfinite(bands).all()


@pytest.mark.parametrize("blocks", [1, 4, 8])
@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("size", [100, 3000, 6e4])
def test_weights_that_overflow_do_so_without_a_word(size: float, levels: int, blocks: int) -> None:
    weights = network_weights(ModelConfig(1, blocks=blocks, depth=2, growth=3, levels=levels))
    tensors = {
        name: each if "prior" in name else np.full_like(each, size)
        for name, each in weights.tensors.items()
    }
    code = NetworkCode("tiny", Weights("network", weights.config, tensors))
    with suppress(ModelError):
        code.decode(code.encode([picture(16, 16)], ROOM, silent), AREA, silent)


@pytest.mark.parametrize("size", [(1, 1), (4, 60), (9, 17), (9, 300)])
def test_what_fills_up_cells_is_not_foreseen(size: tuple[int, int]) -> None:
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code, hidden = shipped.pictures[0], picture(*size)
    room = Room(max(60, 9 * size[0] * size[1] // 8), 64 * 64)
    (shown,) = code.decode(code.encode([hidden], room, silent), room.area, silent)
    exact = 78.1
    found = min(psnr(shown, hidden), exact)
    assert code.foresee([hidden], room).psnr == pytest.approx(found, abs=1.3)


def test_what_is_made_smaller_fills_whole_cells() -> None:
    shipped = method.get("isn-5")
    assert isinstance(shipped, method.Carried)
    code, hidden = shipped.pictures[0], [picture(64, 64, seed=each) for each in range(5)]
    room = Room(120, 64 * 64)
    payload = code.encode(hidden, room, silent)
    _, height, width = HEAD.unpack_from(payload)
    assert height % 8 == width % 8 == 0
    assert [each.shape for each in code.decode(payload, room.area, silent)] == [(64, 64, 3)] * 5


@pytest.mark.parametrize("number", [0, 2, 6])
def test_another_number_of_images_is_refused(number: int) -> None:
    code = NetworkCode("tiny", network_weights())
    with pytest.raises(
        ConfigError, match=rf"^{number} hidden images were given|, not {number}: give"
    ):
        code.encode([picture(16, 16)] * number, ROOM, silent)


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (random_weights(), "of kind 'paper'"),
        (changed(width=0), "width is 0"),
        (changed(width=True), "width is True"),
        (changed(bits=0.0), "bits is 0"),
        (changed(bits="3"), "bits is '3'"),
        (changed(bits=4.5), "from 0.01 to 4"),
        (changed(bits=1e-300), "bits is 1e-300, give a number from"),
        (changed(width=10**60), r"width is 1000+\.\.\.0+, give a whole number from 4 to 4096"),
        (changed(growth=10**60), r"growth is 1000+\.\.\.0+, give"),
        (changed(lost=None), "no texture"),
        (changed(levels=0, hidden_images=4), "more Haar levels"),
        (changed(planes=2), "planes is 2"),
        (changed(width=5), "has shape"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Weights, match: str) -> None:
    with pytest.raises((ModelError, ConfigError), match=match):
        NetworkCode("tiny", weights)


def test_a_prior_that_does_not_add_exactly_is_refused() -> None:
    weights = network_weights()
    name = "prior.bands.0.inner.weight"
    tensors = dict(weights.tensors) | {name: np.full_like(weights.tensors[name], 3e4)}
    with pytest.raises(ModelError, match="added exactly"):
        NetworkCode("tiny", Weights("network", weights.config, tensors))


def test_its_tensors_are_the_networks_and_the_priors() -> None:
    config = network_weights().config
    model, width, _ = split(config)
    assert shapes(config) == model.parameter_shapes() | prior_shapes(kept_bands(model), width)


def payload_of(*head: int, code: bytes | None = None) -> bytes:
    honest = NetworkCode("tiny", network_weights()).encode([picture(16, 16)], ROOM, silent)
    start = HEAD.unpack_from(honest)[0]
    return struct.pack("<hIIII", start, *head) + (honest[18:] if code is None else code)


def test_the_forger_below_can_forge() -> None:
    code = NetworkCode("tiny", network_weights())
    assert code.decode(payload_of(16, 16, 50, 60), AREA, silent)[0].shape == (50, 60, 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        payload_of(16, 16, 16, 16)[:17],
        b"\xff\x7f" + payload_of(16, 16, 16, 16)[2:],
        b"\x00\x80" + payload_of(16, 16, 16, 16)[2:],
        payload_of(2**32 - 2, 2**32 - 2, 16, 16),
        payload_of(64, 65, 16, 16),
        payload_of(1, 4097, 16, 16),
        payload_of(0, 0, 16, 16, code=b""),
        payload_of(0, 8, 16, 16),
        payload_of(16, 16, 0, 16),
        payload_of(16, 16, 2**32 - 1, 2**32 - 1),
        payload_of(16, 16, 1, 32_000_001),
    ],
)
def test_forged_payloads_are_told(payload: bytes) -> None:
    code = NetworkCode("tiny", network_weights())
    for look in (lambda: code.decode(payload, AREA, silent), lambda: code.contents(payload, AREA)):
        with pytest.raises(AlteredContainer, match="never writes"):
            look()


@pytest.mark.parametrize("code", [b"", b"\0" * 8, b"\xff" * 40])
def test_a_forged_code_is_told(code: bytes) -> None:
    with pytest.raises(AlteredContainer):
        NetworkCode("tiny", network_weights()).decode(
            payload_of(16, 16, 16, 16, code=code), AREA, silent
        )
