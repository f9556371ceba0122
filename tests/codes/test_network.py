"""The network as a code: its numbers by the definition, its room, its payload not believed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import apart, network_weights, oracle, picture, random_tensors, random_weights
from isn.codes import Room
from isn.codes.network import NetworkCode, _packed, _unpacked, restored, rounded, shapes
from isn.errors import AlteredContainer, ConfigError, ImageError, ModelError
from isn.paper.config import ModelConfig
from isn.paper.wavelet import from_bands, to_bands
from isn.progress import silent
from isn.weights import Weights

AREA = 64 * 64
ROOM = Room(40_000, AREA)


def changed(**tensors: object) -> Weights:
    weights = network_weights()
    new = {f"samples.{name}": np.asarray(each, np.float32) for name, each in tensors.items()}
    return Weights("network", weights.config, dict(weights.tensors) | new)


@pytest.mark.parametrize("bits", [1.0, 3.0, 8.0, 12.0])
def test_numbers_are_rounded_and_restored_by_the_formula(bits: float) -> None:
    u = np.linspace(-1, 1, 1001).reshape(1, 1, 1, -1)
    wide, bend = np.full((1, 1, 1, 1), bits), np.full((1, 1, 1, 1), 0.1)
    numbers, top = rounded(u, wide, bend)
    assert top.item() == 2**bits - 1
    assert numbers.min() == 0
    assert numbers.max() == top.item()
    np.testing.assert_allclose(restored(numbers, wide, bend), u, atol=1e-12)
    by_hand = (np.arcsinh(0.5 / 0.1) / np.arcsinh(1 / 0.1) + 1) / 2 * top.item()
    assert numbers[0, 0, 0, 750] == pytest.approx(by_hand)
    # They lie closer together in the middle.
    steps = np.diff(numbers.reshape(-1))
    assert steps[500] > 5 * steps[0]


def test_what_lies_beyond_is_the_end_and_no_bits_are_the_blank() -> None:
    far = np.array([-7.0, 7.0]).reshape(1, 2, 1, 1)
    some = np.full((1, 2, 1, 1), 4.0)
    numbers, _ = rounded(far, some, some)
    assert numbers.reshape(-1).tolist() == [0, 15]
    none = np.zeros((1, 2, 1, 1))
    assert (restored(rounded(far, none, some)[0], none, some) == 0).all()


@given(st.integers(0, 12), st.lists(st.integers(0, 4095), max_size=40))
def test_numbers_are_packed_and_back(bits: int, numbers: list[int]) -> None:
    band = np.array(numbers, np.uint16) & np.uint16((1 << bits) - 1)
    packed = _packed(band, bits)
    assert len(packed) == -(-len(numbers) * bits // 8)
    np.testing.assert_array_equal(_unpacked(packed, bits, len(numbers)), band)


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_the_answer_is_that_of_the_oracle(levels: int) -> None:
    config = ModelConfig(blocks=2, depth=2, growth=3, levels=levels)
    weights, hidden = network_weights(config), picture(32, 24)
    code = NetworkCode("tiny", weights)
    (found,) = code.decode(code.encode([hidden], ROOM, silent), AREA, silent)
    network = oracle(config, random_tensors(config))
    plane = hidden.transpose(2, 0, 1)[None] / 255
    container = network.forward(np.full_like(plane, 0.5), plane).container
    blank = to_bands(np.full_like(plane, 0.5), levels)
    bits, bend = (
        weights.tensors[f"samples.{each}"].reshape(1, -1, 1, 1).astype(float)
        for each in ("bits", "bend")
    )
    numbers = np.rint(rounded(to_bands(container, levels) - blank, bits, bend)[0])
    received = from_bands(restored(numbers, bits, bend) + blank, levels)
    secret = network.inverse(received, np.full_like(received, 0.5)).hidden
    expected = np.clip(secret[0].transpose(1, 2, 0), 0, 1) * 255
    # A number half way between two may be rounded to either in single precision: of few pixels.
    differences = np.abs(found - expected)
    assert np.quantile(differences, 0.98) < 0.52
    assert apart(found, np.full_like(found, 128)) > 5


def test_in_little_room_the_container_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    code, hidden = NetworkCode("tiny", network_weights()), picture(48, 64)
    sides = []
    for size in (300, 1000, 2000, 40_000):
        payload = code.encode([hidden], Room(size, AREA), silent)
        assert len(payload) <= size
        height, width = struct.unpack_from("<II", payload)
        assert height % 2 == width % 2 == 0
        sides.append((height, width))
        assert code.decode(payload, AREA, silent)[0].shape == hidden.shape
    assert sides == sorted(sides)
    assert sides[-1] == (48, 64)
    assert sides[0][0] < 40


def test_a_container_is_no_larger_than_the_host_says() -> None:
    code = NetworkCode("tiny", network_weights())
    payload = code.encode([picture(90, 120)], Room(1 << 20, 40 * 40), silent)
    height, width = struct.unpack_from("<II", payload)
    assert height * width <= 40 * 40 + 2 * (90 + 120)


def test_too_narrow_an_image_is_refused() -> None:
    code = NetworkCode("tiny", network_weights())
    with pytest.raises(ImageError, match="less narrow"):
        code.encode([picture(7, 90)], ROOM, silent)


@pytest.mark.parametrize("size", [(17, 24), (16, 25), (31, 33)])
def test_an_odd_row_or_column_is_repeated(size: tuple[int, int]) -> None:
    code, hidden = NetworkCode("tiny", network_weights()), picture(*size)
    (found,) = code.decode(code.encode([hidden], ROOM, silent), AREA, silent)
    assert found.shape == hidden.shape
    if size[0] % 2:
        np.testing.assert_array_equal(found[-1], found[-2])
    if size[1] % 2:
        np.testing.assert_array_equal(found[:, -1], found[:, -2])


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
        (changed(bits=np.full(12, 3.5)), "whole numbers"),
        (changed(bits=np.full(12, -1.0)), "whole numbers"),
        (changed(bits=np.full(12, 13.0)), "whole numbers"),
        (changed(bend=np.zeros(12)), "above 0"),
        (changed(bits=np.full(3, 3.0)), "has shape"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Weights, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        NetworkCode("tiny", weights)


def test_its_tensors_are_the_networks_and_two_more() -> None:
    config = network_weights().config
    extra = shapes(config).keys() - ModelConfig.from_mapping(dict(config)).parameter_shapes().keys()
    assert extra == {"samples.bits", "samples.bend"}


def payload_of(*sides: int, numbers: bytes | None = None) -> bytes:
    code = NetworkCode("tiny", network_weights())
    honest = code.encode([picture(16, 16)], ROOM, silent)
    return struct.pack("<4I", *sides) + (honest[16:] if numbers is None else numbers)


def test_the_forger_below_can_forge() -> None:
    code = NetworkCode("tiny", network_weights())
    assert code.decode(payload_of(16, 16, 50, 60), AREA, silent)[0].shape == (50, 60, 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        payload_of(16, 16, 16, 16)[:15],
        payload_of(16, 16, 16, 16) + b"\0",
        payload_of(16, 16, 16, 16)[:-1],
        payload_of(16, 18, 16, 16),
        payload_of(2**32 - 2, 2**32 - 2, 16, 16),
        payload_of(17, 16, 16, 16),
        payload_of(4, 64, 16, 16),
        payload_of(0, 0, 16, 16, numbers=b""),
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
