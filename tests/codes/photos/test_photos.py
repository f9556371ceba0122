"""Containers as a code: the bands, the whole numbers, the bytes, and the digits that carry them."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.fft import dctn

import isn
from isn import cipher, images, seal, zoo
from isn.carriers import digits
from isn.codes.photos import bands, code, dependent, prior, rans
from isn.errors import AlteredContainer, ConfigError, ImageError, ModelError
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.paper.engine import Engine
from isn.paper.weights import Weights

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

LARGE = 1 << 20
KINDS = ("inner", "outer")
CONFIG = ModelConfig(1, blocks=2, depth=2, growth=4, levels=2, lost=0.0, base=4, prior=6)


def coded_weights(seed: int = 0) -> Weights:
    """A model whose blocks change a little, and whose prior has a sensible idea of bands."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in CONFIG.parameter_shapes().items():
        scale = 0.003 if name.startswith("blocks.") else 0.05
        tensors[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
    tensors["prior.coarsest"] += 12
    for level, wider in (("means", 3), ("blocks", 0)):
        for group, channels in enumerate(prior.GROUPS):
            stem = f"prior.{level}.{group}"
            inner, outer = (tensors[f"{stem}.{name}.weight"] for name in KINDS)
            # The first hidden feature is the step in octaves, by which all scales are narrower.
            inner[0], outer[:, 0] = 0, -1
            inner[0, prior.CONTEXT - 1, 1, 1] = 1
            frequency = [each // 8 % 8 + each % 8 for each in channels]
            tensors[f"{stem}.outer.bias"] += 6 + wider - 0.5 * np.array(frequency)
    return Weights(CONFIG, tensors)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return coded_weights()


# The bands.


def test_bands_are_cosine_coefficients_of_the_colours_blocks() -> None:
    image = np.random.default_rng(1).random((2, 3, 16, 24))
    found = bands.to_blocks(image)
    assert found.shape == (2, 192, 2, 3)
    np.testing.assert_allclose(
        found[1, :64, 1, 2].reshape(8, 8), dctn(image[1, 0, 8:, 16:], norm="ortho")
    )
    np.testing.assert_allclose(bands.from_blocks(found), image)
    # A single block has no border, so that all that is left of the steps before are colours.
    one = image[:, :, 8:, 16:]
    luma = one[1].sum(0) / 3**0.5
    blue = (one[0, 0] - one[0, 2]) / 2**0.5
    alone = bands.to_cosine(one)
    np.testing.assert_allclose(alone[1, :64, 0, 0].reshape(8, 8), dctn(luma, norm="ortho"))
    np.testing.assert_allclose(alone[0, 64, 0, 0], blue.sum() / 8)


@pytest.mark.parametrize("size", [(8, 8), (8, 24), (16, 8), (40, 56)])
def test_bands_are_as_large_as_the_image_and_give_it_back(size: tuple[int, int]) -> None:
    image = np.random.default_rng(2).random((2, 3, *size))
    found = bands.to_cosine(image)
    np.testing.assert_allclose((found**2).sum(), (image**2).sum())
    np.testing.assert_allclose(bands.from_cosine(found), image)


def gain(basis: NDArray[np.float64]) -> float:
    """Coding gain in dB for a first-order process of correlation 0.95: functions x samples."""
    places = np.arange(basis.shape[1])
    covariance = 0.95 ** np.abs(places - places[:, None])
    return float(-10 * np.log10(np.einsum("ij,jk,ik->i", basis, covariance, basis)).mean())


def test_lapped_blocks_gain_what_their_angles_are_chosen_for() -> None:
    # The response to each sample of one row, of which the middle block's functions are read off.
    rows = np.zeros((24, 3, 24, 8))
    rows[np.arange(24), 0, np.arange(24)] = 1
    found = bands.to_blocks(bands._lapped(rows, bands.BORDERS))
    basis = found[:, :64, 1, 0].reshape(24, 8, 8)[..., 0].T / found[:, 0, 1, 0].max()
    basis /= np.linalg.norm(basis, axis=1)[:, None]
    assert gain(bands.COSINES) == pytest.approx(8.83, abs=0.01)
    assert gain(basis) == pytest.approx(9.26, abs=0.01)


def test_what_is_smooth_across_borders_stays_in_the_means() -> None:
    flat = np.full((1, 3, 32, 40), 0.7)
    found = bands.to_cosine(flat)
    assert np.abs(np.delete(found, bands.MEANS, axis=1)).max() < 1e-12


# Whole numbers.


def followed(
    numbers: NDArray[np.int32], classes: NDArray[np.uint8], lanes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The kinds of some numbers, and what they stand for, one after the other by the definition."""
    apart = lanes * max(1, numbers.size // (256 * lanes))
    states, kinds, halves = [0] * apart, [], []
    flat = zip(numbers.reshape(-1).tolist(), classes.reshape(-1).tolist(), strict=True)
    for place, (number, kind) in enumerate(flat):
        state = states[place % apart]
        kinds.append(kind + (64 if state % 2 else 0))
        halves.append(2 * number - state % 2 * ((number > 0) - (number < 0)))
        # The taps are octal 13 and 4: what lies in the lowest place is done with.
        states[place % apart] = (state ^ state % 2 * 0o13 ^ number % 2 * 0o4) >> 1
    return (
        np.array(kinds, np.uint8).reshape(numbers.shape),
        np.array(halves, np.int32).reshape(numbers.shape),
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(-(2**20), 2**20), st.integers(0, prior.CLASSES - 1)), max_size=60
        ),
        max_size=5,
    )
)
def test_whatever_is_encoded_is_decoded(parts: list[list[tuple[int, int]]]) -> None:
    arrays = [
        (
            np.array([number for number, _ in part], np.int32),
            np.array([kind for _, kind in part], np.uint8),
        )
        for part in parts
    ]
    coded = [(numbers, followed(numbers, classes, 1)[0]) for numbers, classes in arrays]
    decoder = rans.Decoder(rans.encode(coded, sum(len(each) for each, _ in arrays)))
    for numbers, classes in arrays:
        np.testing.assert_array_equal(decoder.decode(classes), followed(numbers, classes, 1)[1])


def laplace(rng: np.random.Generator, classes: NDArray[np.uint8]) -> NDArray[np.int32]:
    scale = 2.0 ** (prior.FINEST + classes / 4)
    return np.rint(rng.laplace(size=classes.shape) * scale).astype(np.int32)


def test_a_code_takes_what_the_probabilities_say_and_many_lanes_little_more() -> None:
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 40, (3, 200, 301)).astype(np.uint8)
    numbers = laplace(rng, classes)
    kinds, halves = followed(numbers, classes, rans.lanes(numbers.size))
    content = rans.encode([(numbers, kinds)], numbers.size)
    assert rans.bits(numbers, kinds) < 8 * len(content) < 1.005 * rans.bits(numbers, kinds)
    np.testing.assert_array_equal(rans.Decoder(content).decode(classes), halves)
    # A single class, against the entropy of what was drawn.
    some = numbers[classes == 16]
    _, counts = np.unique(some, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum()
    told = rans.bits(some, np.full(some.shape, 16, np.uint8))
    assert entropy < told < 1.03 * entropy


# Two quantisers in turn.


@pytest.mark.parametrize("shape", [(1,), (700,), (5, 40, 33), (30_011,)])
@pytest.mark.parametrize("lanes", [1, 3])
def test_the_quantiser_of_a_number_is_what_those_before_it_say(
    shape: tuple[int, ...], lanes: int
) -> None:
    rng = np.random.default_rng(9)
    classes = rng.integers(0, prior.CLASSES, shape).astype(np.uint8)
    scale = 2.0 ** (prior.FINEST + classes / 4)
    values = (rng.laplace(size=shape) * scale * rng.choice([0, 1, 9], shape)).astype(np.float32)
    numbers, odd = dependent.quantised(values, classes, rans.costs(), lanes)
    kinds, halves = followed(numbers, classes, lanes)
    np.testing.assert_array_equal(classes + 64 * odd, kinds)
    np.testing.assert_array_equal(dependent.halves(numbers, odd), halves)


def cost(values: NDArray[np.float32], numbers: NDArray[np.int32], classes: Pixels) -> float:
    kinds, halves = followed(numbers, classes, 1)
    error = np.square(values - dependent.places(halves / 2)).sum()
    return float(error + dependent.WORTH * rans.bits(numbers, kinds))


@pytest.mark.parametrize("seed", range(12))
def test_no_other_numbers_cost_less_in_error_and_bits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(8, 26, 6).astype(np.uint8)
    values = (rng.laplace(size=6) * 2.0 ** (prior.FINEST + classes / 4)).astype(np.float32)
    around = [[int(value) + move for move in (-2, -1, 0, 1, 2)] for value in values]
    every = (np.array(each, np.int32) for each in itertools.product(*around))
    least = min(cost(values, each, classes) for each in every)
    found, _ = dependent.quantised(values, classes, rans.costs(), 1)
    # Of one parity only the nearest number is looked at, whatever its bits.
    assert least - 1e-5 <= cost(values, found, classes) <= 1.03 * least


def test_two_quantisers_err_a_decibel_less_than_one_of_as_many_bits() -> None:
    rng = np.random.default_rng(11)
    classes = np.full(60_000, 4 * (4 - prior.FINEST), np.uint8)
    values = (16 * rng.laplace(size=60_000)).astype(np.float32)
    numbers, odd = dependent.quantised(values, classes, rans.costs(), 1)
    error = np.square(values - dependent.places(dependent.halves(numbers, odd) / 2)).mean()
    assert 1.0 < 10 * np.log10(1 / 12 / error) < 1.2
    plain = rans.bits(np.rint(values).astype(np.int32), classes)
    assert rans.bits(numbers, classes + 64 * odd) == pytest.approx(plain, rel=0.003)


def test_nothing_takes_next_to_no_bits_and_stays_even() -> None:
    classes = np.zeros(4000, np.uint8)
    numbers, odd = dependent.quantised(np.zeros(4000, np.float32), classes, rans.costs(), 2)
    assert not numbers.any()
    assert not odd.any()
    assert rans.bits(numbers, classes) < 2


@pytest.mark.parametrize("kind", range(0, 56, 7))
def test_the_probabilities_of_a_class_have_the_mean_magnitude_that_names_it(kind: int) -> None:
    scale = 2.0 ** (prior.FINEST + kind / 4)
    numbers = np.arange(-4000, 4001, dtype=np.int32)[:, None]
    told = [rans.bits(number, np.array([kind], np.uint8)) for number in numbers]
    probability = 2.0 ** -np.array(told)
    assert probability.sum() == pytest.approx(1, abs=0.01)
    if 0.5 < scale < 200:
        mean = (probability * np.abs(numbers[:, 0])).sum()
        assert mean == pytest.approx(scale, rel=0.12)


@pytest.mark.parametrize("cut", [0, 5, 11, 12, 40, -1])
def test_a_code_that_was_cut_is_refused_or_told_by_its_checksum(weights: Weights, cut: int) -> None:
    whole = Engine.of(weights, "onnxruntime").encode([np.zeros((40, 40, 3), np.uint8)], 4000)
    with pytest.raises(AlteredContainer):
        Engine.of(weights, "onnxruntime").decode(whole[:cut], LARGE)


def test_the_tables_and_the_bytes_stay_what_they_are() -> None:
    # Another value here, and no container made before opens any more.
    tables = rans._tables()
    assert digest(tables.frequency) == "880089368d528a67"
    assert digest(prior.FEATURES) == "da59f83f593de3ed"
    rng = np.random.Generator(np.random.Philox(7))
    classes = rng.integers(0, prior.CLASSES, 20_000).astype(np.uint8)
    numbers = rng.integers(-40, 41, 20_000).astype(np.int32)
    assert (
        hashlib.sha256(
            rans.encode([(numbers, followed(numbers, classes, 1)[0])], numbers.size)
        ).hexdigest()[:16]
        == "be8d86ca55c7ce10"
    )


def digest(array: NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def test_a_decoder_that_runs_out_of_words_says_so() -> None:
    rng = np.random.default_rng(3)
    classes = np.full(5000, 30, np.uint8)
    numbers = laplace(rng, classes)
    content = rans.encode([(numbers, followed(numbers, classes, 1)[0])], classes.size)
    decoder = rans.Decoder(content)
    decoder.decode(classes)
    with pytest.raises(AlteredContainer):
        decoder.decode(np.full(5000, 63, np.uint8))


# The prior.


@pytest.mark.parametrize("level", list(prior.LEVELS))
def test_classes_are_whole_numbers_whatever_adds_them(weights: Weights, level: str) -> None:
    rng = np.random.default_rng(4)
    group = 5
    features = rng.integers(0, 90, (prior.seen(group), 70, 9)).astype(np.uint8)
    found = getattr(prior.Prior(weights.tensors), level).classes(group, features)
    # Straight from the definition, in exact integers.
    stem = f"prior.{level}.{group}"
    inner = np.rint(weights.tensors[f"{stem}.inner.weight"].astype(float) * 64).astype(object)
    offset = np.rint(weights.tensors[f"{stem}.inner.bias"].astype(float) * 512).astype(object)
    outer = np.rint(weights.tensors[f"{stem}.outer.weight"].astype(float) * 64).astype(object)
    last = np.rint(weights.tensors[f"{stem}.outer.bias"].astype(float) * 2048).astype(object)
    around = np.pad(features, ((0, 0), (1, 1), (1, 1))).astype(object)
    for row, column in ((0, 0), (63, 4), (64, 8), (69, 8)):
        window = around[:, row : row + 3, column : column + 3]
        hidden = [
            min(max(int((weight * window).sum() + bias) // 16, 0), 1023)
            for weight, bias in zip(inner, offset, strict=True)
        ]
        scales = [
            int(sum(w * h for w, h in zip(weight[:, 0, 0], hidden, strict=True)) + bias)
            for weight, bias in zip(outer, last, strict=True)
        ]
        expected = [min(max(Fraction(each, 512).__floor__() + 20, 0), 63) for each in scales]
        assert found[:, row, column].tolist() == expected


def test_weights_too_large_to_be_added_exactly_are_refused(weights: Weights) -> None:
    tensors = dict(weights.tensors)
    name = "prior.blocks.3.inner.weight"
    tensors[name] = np.full_like(tensors[name], 10)
    with pytest.raises(ModelError, match=r"prior\.blocks\.3\.inner"):
        prior.Prior(tensors)


def test_means_are_put_together_exactly_and_as_the_cosines_say() -> None:
    means = np.random.default_rng(5).integers(-3000, 3000, (192, 3, 4)).astype(np.int32)
    values = prior.mean_values(means)
    exact = bands.from_blocks(means[None].astype(np.float64))[0]
    assert values.shape == (3, 24, 32)
    assert np.abs(values - exact).max() < 4


def test_every_band_is_in_one_group() -> None:
    channels = [*bands.MEANS, *(each for group in prior.GROUPS for each in group)]
    assert sorted(channels) == list(range(bands.CHANNELS))
    assert prior.seen(len(prior.GROUPS)) == prior.CONTEXT + bands.CHANNELS - 3


# The code.


@pytest.mark.parametrize("sizes", [[(1, 1)], [(8, 8), (64, 64)], [(37, 130), (65, 9), (100, 100)]])
def test_images_of_any_size_come_back_in_it(
    weights: Weights, photos: Photos, sizes: list[tuple[int, int]]
) -> None:
    hidden = [photos["coffee"][:rows, :columns] for rows, columns in sizes]
    engine = Engine.of(weights, "onnxruntime")
    content = engine.encode(hidden, 40_000)
    found = engine.decode(content + b"whatever comes after", LARGE)
    assert [each.shape[:2] for each in found] == sizes
    assert all(psnr(a, b) > 33 for a, b in zip(found, hidden, strict=True))


def test_the_finest_step_that_fits_is_taken(weights: Weights, photos: Photos) -> None:
    engine, hidden = Engine.of(weights, "onnxruntime"), [photos["cat"][:120, :120]]
    room = 7000
    content = engine.encode(hidden, room)
    assert 0.97 * room < len(content) <= room
    better = engine.encode(hidden, 2 * room)
    step, finer = (int.from_bytes(each[2:4], "little") for each in (content, better))
    assert finer < step
    assert psnr(engine.decode(better, LARGE)[0], hidden[0]) > psnr(
        engine.decode(content, LARGE)[0], hidden[0]
    )


@pytest.mark.parametrize("shape", [(512, 520), (8, 40_000), (40_000, 3)])
def test_a_step_guessed_from_a_part_fits_all_the_same(
    weights: Weights, photos: Photos, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "_SAMPLE", 5)
    hidden = np.resize(photos["cat"], (*shape, 3))
    engine, room = Engine.of(weights, "onnxruntime"), shape[0] * shape[1] // 3
    content = engine.encode([hidden, photos["coffee"][:30, :30]], room)
    assert 0.98 * room < len(content) <= room
    assert engine.decode(content, LARGE)[0].shape == hidden.shape


def test_an_image_leaves_another_the_room_that_it_does_not_need(photos: Photos) -> None:
    engine = Engine.of(zoo.load("coded"), "onnxruntime")
    flat, rich = np.full((128, 128, 3), 90, np.uint8), photos["cat"][:128, :128]
    alone, half = (engine.decode(engine.encode([rich], room), LARGE)[0] for room in (6000, 3000))
    shared = engine.decode(engine.encode([flat, rich], 6000), LARGE)[1]
    assert psnr(alone, rich) - 1 < psnr(shared, rich)
    assert psnr(half, rich) + 4 < psnr(shared, rich)


def test_images_that_do_not_fit_at_all_are_refused(weights: Weights, photos: Photos) -> None:
    engine = Engine.of(weights, "onnxruntime")
    with pytest.raises(ImageError, match="larger host"):
        engine.encode([photos["cat"]] * 5, 60)


def test_any_changed_bit_of_a_code_is_told(weights: Weights) -> None:
    engine = Engine.of(weights, "onnxruntime")
    content = engine.encode([np.full((24, 24, 3), 40, np.uint8)], 400)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 16
        with pytest.raises(AlteredContainer):
            engine.decode(bytes(changed), LARGE)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_forged_code_is_refused_or_is_some_image(data: st.DataObject) -> None:
    engine = Engine.of(coded_weights(), "onnxruntime")
    content = bytearray(engine.encode([np.full((24, 40, 3), 40, np.uint8)], 900))
    places = st.integers(0, len(content) - 1)
    changes = st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=12)
    for place, value in data.draw(changes):
        content[place] = value
    # As a forger would, who knows the checksum.
    count, length = content[1], int.from_bytes(content[4:8], "little")
    end = 12 + 8 * count + length
    check = zlib.crc32(bytes(content[:8] + content[12:end]))
    content[8:12] = check.to_bytes(4, "little")
    try:
        found = engine.decode(bytes(content), 10_000)
    except AlteredContainer:
        return
    assert all(1 <= each.shape[0] * each.shape[1] <= 10_000 for each in found)


@pytest.mark.parametrize("value", [-(2**31), 2**31 - 1, 0])
def test_numbers_that_nobody_encodes_have_features_too(value: int) -> None:
    numbers = np.full((192, 2, 2), value, np.int32)
    assert prior.feature(numbers).max() <= prior.FEATURES[-1]
    assert prior.mean_values(numbers).shape == (3, 16, 16)


# The digits and the cipher.


@given(st.binary(max_size=70), st.sampled_from([2, 4, 8, 16, 128]))
def test_bytes_are_digits_and_back(content: bytes, base: int) -> None:
    carried = digits.to_digits(content, base)
    assert carried.dtype == np.uint8
    assert carried.max(initial=0) < base
    assert len(carried) == -(-8 * len(content) // digits.width(base))
    assert digits.from_digits(carried, base)[: len(content)] == content


def test_the_cipher_undoes_itself_and_every_key_gives_another_stream() -> None:
    content = bytes(1000)
    key = cipher.public_key(b"a salt of 16 ...")
    hidden = cipher.enciphered(content, key)
    assert cipher.enciphered(hidden, key) == content
    assert hidden != cipher.enciphered(content, cipher.public_key(b"another salt ..."))
    # RFC 8439, A.1, test vector 1: the zero key.
    assert cipher.enciphered(bytes(4), bytes(32)).hex() == "76b8e0ad"


# The whole way.


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_hidden_images_come_back_with_and_without_a_passphrase(
    weights: Weights, photos: Photos, count: int, passphrase: str | None
) -> None:
    host = photos["rocket"][:150, :201]
    hidden = [photos[name][: 60 + 10 * k, :77] for k, name in enumerate([*photos, "cat"])][:count]
    before = host.copy()
    container = isn.hide(host, hidden, model=weights, passphrase=passphrase)
    np.testing.assert_array_equal(host, before)
    assert container.shape == host.shape
    assert np.abs(container.astype(int) - host).max() <= 4
    assert isn.inspect(container, passphrase=passphrase).intact
    found = isn.reveal(container, model=weights, passphrase=passphrase)
    assert [each.shape for each in found] == [each.shape for each in hidden]
    assert all(psnr(a, b) > 30 for a, b in zip(found, hidden, strict=True))


def test_without_a_seal_the_code_says_the_sizes(weights: Weights, photos: Photos) -> None:
    host, hidden = photos["rocket"][:128, :128], photos["cat"][:50, :60]
    container = isn.hide(host, hidden, model=weights)
    (found,) = isn.reveal(container, model=weights, sealed=False)
    np.testing.assert_array_equal(found, isn.reveal(container, model=weights)[0])
    with pytest.raises(ConfigError, match="holds 1"):
        isn.reveal(container, model=weights, sealed=False, count=2)


def test_a_changed_container_is_refused_with_and_without_its_seal(
    weights: Weights, photos: Photos
) -> None:
    host, hidden = photos["rocket"][:128, :128], photos["cat"][:100, :100]
    container = isn.hide(host, hidden, model=weights)
    # Not where the seal lies, which would be lost too.
    free = np.flatnonzero(seal.elsewhere((128, 128), seal.salt_of(container)))
    container.reshape(-1)[free[[500, 9000]]] ^= 1
    for sealed in (True, False):
        with pytest.raises(AlteredContainer):
            isn.reveal(container, model=weights, sealed=sealed, count=None if sealed else 1)


def test_the_same_images_make_the_same_container_and_a_passphrase_another_each_time(
    weights: Weights, photos: Photos
) -> None:
    host, hidden = photos["rocket"][:96, :96], photos["cat"][:40, :40]
    one, two = (isn.hide(host, hidden, model=weights) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    one, two = (isn.hide(host, hidden, model=weights, passphrase="x") for _ in range(2))
    assert (one != two).mean() > 0.1


def test_last_digits_are_all_as_frequent(weights: Weights, photos: Photos) -> None:
    container = isn.hide(photos["rocket"][:160, :160], photos["cat"], model=weights)
    counts = np.bincount((container % 4).reshape(-1), minlength=4)
    expected = container.size / 4
    # A chi-square of 3 degrees of freedom is above 21 once in ten thousand times.
    assert ((counts - expected) ** 2 / expected).sum() < 21


def test_a_larger_image_is_made_smaller_and_comes_back_large(
    weights: Weights, photos: Photos
) -> None:
    host, hidden = photos["rocket"][:64, :64], photos["cat"]
    area = code.largest(64 * 64)
    assert area == 4 * 64 * 64 < hidden.shape[0] * hidden.shape[1]
    small = images.within(hidden, area)
    assert 0.9 * area < small.shape[0] * small.shape[1] <= area
    # Of a large host no more than it has itself.
    assert code.largest(2_000_000) == 4_000_000
    assert code.largest(12_000_000) == 12_000_000
    (found,) = isn.reveal(isn.hide(host, hidden, model=weights), model=weights)
    assert found.shape == hidden.shape


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 5000))
@settings(max_examples=40, deadline=None)
def test_within_an_area_is_within_it(height: int, width: int, area: int) -> None:
    found = images.within(np.zeros((height, width, 3), np.uint8), area)
    assert 1 <= found.shape[0] * found.shape[1] <= max(area, 1)
    if height * width <= area:
        assert found.shape == (height, width, 3)


def test_a_model_with_a_prior_has_nothing_to_refine(weights: Weights, photos: Photos) -> None:
    with pytest.raises(ConfigError, match="refine"):
        isn.hide(photos["rocket"], photos["cat"], model=weights, refine=3)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"base": 6}, "power of two"),
        ({"base": None}, "power of two"),
        ({"hidden_images": 2}, "one image at a time"),
        ({"lost": None}, "one image at a time"),
        ({"prior": 0}, "prior is 0"),
    ],
)
def test_a_config_with_a_prior_checks_itself(changes: dict[str, int | None], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        ModelConfig(**({"base": 4, "lost": 0.0, "prior": 8} | changes))  # type: ignore[arg-type]


def test_the_seal_lies_where_it_says_it_does(photos: Photos) -> None:
    pixels = photos["rocket"][:80, :90]
    salt = bytes(range(16))
    free = seal.elsewhere((80, 90), salt)
    assert (~free).sum() == seal.SAMPLES
    stamped = seal.stamp(pixels, seal.Seal(bytes(16), ((5, 5),)), salt=salt)
    np.testing.assert_array_equal(stamped.reshape(-1)[free], pixels.reshape(-1)[free])


@pytest.mark.torch
def test_one_backend_reveals_what_another_hid(
    weights: Weights, photos: Photos, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    host, hidden = photos["rocket"], [photos["cat"], photos["coffee"]]
    for here, there in (("torch", "onnxruntime"), ("onnxruntime", "torch")):
        images.write(
            str(tmp_path / f"{here}.png"), isn.hide(host, hidden, model=weights, backend=here)
        )
        one, two = (
            isn.reveal(tmp_path / f"{here}.png", model=weights, backend=each)
            for each in (here, there)
        )
        for a, b in zip(one, two, strict=True):
            assert np.abs(a.astype(int) - b).max() <= 1
