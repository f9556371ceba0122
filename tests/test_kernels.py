"""The compiled loops: each build gives what the plain ones give, to the byte."""

from __future__ import annotations

import ctypes
import hashlib
from decimal import Context, Decimal
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import isn
import loops
from isn import kernels
from isn.carriers import places, syndrome, trellis
from isn.carriers.dct import ldpc
from isn.codes.entropy import dependent, prior, rans
from isn.codes.photos import levels
from isn.errors import AlteredContainer


@pytest.fixture(params=["avx2", "plain"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every loop is that of one build."""
    name = str(request.param)
    if name not in kernels.builds():
        pytest.skip(f"this processor does not run the build {name}")
    chosen = partial(kernels.call, build=name)
    for module in (places, syndrome, trellis, ldpc, dependent, prior, rans):
        monkeypatch.setattr(module, "call", chosen)
    return name


def drawn(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Values of all sizes, and classes that fit most of them."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, prior.CLASSES, count).astype(np.uint8)
    scale = 2.0 ** (prior.FINEST + classes / 4)
    values = rng.laplace(size=count) * scale * rng.choice([0, 0.3, 1, 1, 1, 40], count)
    # Where a decision is nearest: the middle of two places.
    values[::7] = np.rint(2 * values[::7]) / 2
    return values.astype(np.float32), classes


@cache
def plainly_quantised(count: int, lanes: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    return loops.quantised(*drawn(count, 5), dependent.runs(count, lanes))


@pytest.mark.parametrize(("count", "lanes"), [(1, 1), (63, 1), (3000, 1), (5003, 3), (4000, 70)])
def test_numbers_are_those_of_the_plain_loop(build: str, count: int, lanes: int) -> None:
    found = dependent.quantised(*drawn(count, 5), rans.costs(), lanes)
    for one, two in zip(found, plainly_quantised(count, lanes), strict=True):
        np.testing.assert_array_equal(one, two)
    numbers, kinds = found
    odd = kinds >= prior.CLASSES
    np.testing.assert_array_equal(
        dependent.halves(numbers, kinds), 2 * numbers - odd * np.sign(numbers)
    )


def test_a_blur_is_a_weighted_sum_of_what_lies_in_its_window(build: str) -> None:
    image, weights = np.random.default_rng(0).random((13, 29)), np.array([0.1, 0.6, 0.3])
    found = np.empty((11, 27))
    kernels.call("blur", image, 13, 29, weights, 3, found, build=build)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    expected = np.einsum("yxij,i,j->yx", windows, weights, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def parts_of(sizes: tuple[int, ...]) -> list[rans.Part]:
    rng = np.random.default_rng(8)
    parts = []
    for size in sizes:
        classes = rng.integers(0, prior.CLASSES, size).astype(np.uint8)
        scale = 2.0 ** (prior.FINEST + classes / 4)
        numbers = (rng.laplace(size=size) * scale * rng.choice([1, 1, 9], size)).astype(np.int32)
        parts.append((numbers, (classes + 64 * rng.integers(0, 2, size)).astype(np.uint8)))
    return parts


@cache
def plainly_encoded(sizes: tuple[int, ...]) -> tuple[bytes, float]:
    """The code of some parts, and its bits by the table of costs."""
    parts = parts_of(sizes)
    told = sum(
        float(rans._tables().cost[kind, loops.split(number, kind)[0]])
        for numbers, kinds in parts
        for number, kind in zip(numbers.tolist(), kinds.tolist(), strict=True)
    )
    return loops.encoded(parts, sum(sizes)), told


@pytest.mark.parametrize(
    "sizes", [(), (0,), (1,), (700, 0, 33), (3001, 2000, 7)], ids=lambda sizes: str(sum(sizes))
)
def test_codes_are_those_of_the_plain_loop(
    build: str, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lanes of fewer numbers, or one loop in Python would go through 40,000 for a second lane.
    monkeypatch.setattr(rans, "_NUMBERS_PER_LANE", 2000)
    encoder = rans.Encoder(sum(sizes))
    for part in parts_of(sizes):
        encoder.add(*part)
    code, told = plainly_encoded(sizes)
    assert encoder.code() == code
    assert sum(rans.bits(*part) for part in parts_of(sizes)) == pytest.approx(told, rel=1e-9)


def samples_of(count: int, bits: float) -> tuple[NDArray[np.uint8], bytes]:
    """A host, and as much content as has so many bits a sample."""
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, count, np.uint8), rng.bytes(int(count * bits) // 8)


@cache
def plainly_carried(count: int, bits: float) -> tuple[NDArray[np.uint8], bytes]:
    """The container, and what a host that carries nothing is read as."""
    host, content = samples_of(count, bits)
    return loops.carried(host, content), loops.read(host, len(content))


@pytest.mark.parametrize(
    ("samples", "bits"),
    [
        *((1300, bits) for bits in (0, 1, 3.3)),
        *((511, bits) for bits in (0.4, 2, 7)),
        (1, 1),
        (1, 7),
    ],
)
def test_samples_are_those_of_the_plain_loop(build: str, samples: int, bits: float) -> None:
    host, content = samples_of(samples, bits)
    wanted, noise = plainly_carried(samples, bits)
    container = trellis.carry(host, content)
    np.testing.assert_array_equal(container, wanted)
    assert trellis.read(container, len(content)) == content
    assert trellis.read(host, len(content)) == noise


def test_samples_differ_by_one_bit_at_most_and_evenly() -> None:
    for samples, size in ((1000, 0), (1000, 16), (1000, 125), (999, 312), (16, 14)):
        widths = np.array([width for _, width in loops.digits(samples, bytes(size))])
        assert widths.sum() == 8 * size
        assert int(widths.max()) - int(widths.min()) <= 1
        # Any stretch has its share, give or take a sample's.
        for part in np.array_split(widths, 7):
            assert abs(part.sum() - 8 * size * len(part) / samples) < 2


@pytest.mark.parametrize(
    ("height", "length", "size"),
    [(5, 1, 1), (5, 40, 40), (6, 90, 37), (6, 300, 9), (syndrome.HEIGHT, 40, 3)],
)
def test_messages_cost_as_little_as_in_the_plain_loop(
    build: str, monkeypatch: pytest.MonkeyPatch, height: int, length: int, size: int
) -> None:
    monkeypatch.setattr(syndrome, "HEIGHT", height)
    syndrome._matrix.cache_clear()
    rng, codes = np.random.default_rng(length), 3
    bits, message = (rng.integers(0, 2, (each, codes), np.uint8) for each in (length, size))
    costs = rng.choice([0, 1, 7, 100, syndrome.MOST_COST], (length, codes)).astype(np.int16)
    column, ends = (each.tolist() for each in syndrome._matrix(length, size))
    column = [each & (1 << height) - 1 for each in column]
    monkeypatch.setattr(
        syndrome,
        "_matrix",
        lambda *_: tuple(
            np.array(each, kind) for each, kind in ((column, np.uint16), (ends, np.uint8))
        ),
    )
    changed = syndrome.write(bits, costs, message)
    np.testing.assert_array_equal(syndrome.read(changed, size), message)
    for k in range(codes):
        given = [each[:, k].tolist() for each in (bits, costs)]
        assert loops.syndrome(changed[:, k].tolist(), column, ends) == message[:, k].tolist()
        least = loops.least_cost(*given, column, ends, message[:, k].tolist(), height)
        assert (costs[:, k] * (changed != bits)[:, k]).sum() == least


def test_an_order_is_that_of_the_plain_loop(build: str) -> None:
    rng = np.random.default_rng(2)
    for count in (0, 1, 2, 1000):
        random = rng.integers(0, 1 << 32, count, np.uint32)
        found = np.arange(count, dtype=np.uint32)
        kernels.call("shuffle", found, count, random, build=build)
        assert found.tolist() == loops.shuffled(list(range(count)), random.tolist())


ROUNDS = 4
"""Of beliefs: some words are decoded by then, and some not."""


@cache
def plainly_believed(
    columns: int, size: int, noise: float
) -> tuple[NDArray[np.int16], list[int], int]:
    """What of a word arrives, what is believed after `ROUNDS` at most, and how many there were."""
    rng = np.random.default_rng(columns)
    code = ldpc.Word(columns, size)
    word = code.encode(rng.integers(0, 2, code.data, dtype=np.uint8))
    values = 1 - 2.0 * word + noise * rng.standard_normal(len(word))
    belief = np.rint(16 * values / noise**2).clip(-127, 127).astype(np.int16)
    both = np.stack(ldpc._graph(columns, size), axis=-1).tolist()
    edges = [[(one, two) for one, two in row] for row in both]
    return belief, *loops.believed(belief.tolist(), columns, size, edges, ROUNDS)


@pytest.mark.parametrize(
    ("columns", "size", "noise"),
    [
        *((12, 16, noise) for noise in (0.4, 3.0)),
        *((40, 16, noise) for noise in (1.0, 3.0)),
        (15, 33, 1.0),
        (30, 17, 0.4),
    ],
)
def test_beliefs_are_those_of_the_plain_loop(
    build: str, columns: int, size: int, noise: float
) -> None:
    belief, wanted, rounds = plainly_believed(columns, size, noise)
    column, shift = ldpc._graph(columns, size)
    after, used = belief.copy(), np.zeros(1, np.int32)
    ldpc.call(
        "ldpc", after, columns, len(column), size, column.shape[1], column, shift, ROUNDS, used
    )
    np.testing.assert_array_equal(after, wanted)
    assert used[0] == rounds
    found = ldpc.Word(columns, size).decode(belief, ROUNDS)
    assert (found is None) == (rounds > ROUNDS)


def check_classes(
    tensors: dict[str, NDArray[np.float32]], features: NDArray[np.uint8], group: int
) -> None:
    inner, offset, outer, last = (
        np.rint(tensors[f"prior.blocks.{group}.{name}"].astype(float) * unit).astype(np.int64)
        for name, unit in (
            ("inner.weight", 64),
            ("inner.bias", 512),
            ("outer.weight", 64),
            ("outer.bias", 2048),
        )
    )
    around = np.pad(features, ((0, 0), (1, 1), (1, 1))).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2))
    sums = np.einsum("ocij,chwij->ohw", inner, windows) + offset[:, None, None]
    hidden = np.clip(sums >> 4, 0, 1023)
    scales = np.einsum("oc,chw->ohw", outer[:, :, 0, 0], hidden) + last[:, None, None]
    seen = prior.Seen(*features.shape[1:], levels.seen(7))
    seen.put(features)
    found = levels.Prior(tensors).blocks.classes(group, seen)
    assert len(np.unique(found)) > min(found.size, 4) / 2
    np.testing.assert_array_equal(found, np.clip((scales >> 9) + 20, 0, 63))


@pytest.mark.parametrize("width", [8, 20])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 64), (9, 65), (17, 130)])
def test_classes_are_sums_of_whole_numbers(build: str, shape: tuple[int, int], width: int) -> None:
    rng = np.random.default_rng(1)
    tensors = {
        name: (0.1 * rng.standard_normal(each)).astype(np.float32)
        for name, each in levels.parameter_shapes(width).items()
    }
    group = 2
    check_classes(tensors, rng.integers(0, 105, (levels.seen(group), *shape), np.uint8), group)


def test_classes_are_exact_where_sums_at_points_wrap_around(build: str) -> None:
    rng = np.random.default_rng(2)
    tensors = {
        name: (0.1 * rng.standard_normal(each)).astype(np.float32)
        for name, each in levels.parameter_shapes(16).items()
    }
    group, stem = 2, "prior.blocks.2.inner"
    weight = rng.uniform(3, 6, tensors[f"{stem}.weight"].shape).astype(np.float32)
    features = rng.integers(94, 105, (levels.seen(group), 9, 13), np.uint8)
    tensors[f"{stem}.weight"] = weight
    tensors[f"{stem}.bias"] = -weight.reshape(16, -1).sum(1) * np.float32(99 / 8)
    assert 576 * 64 * weight.reshape(16, -1).sum(1).min() * 94 > 2**31
    check_classes(tensors, features, group)


def test_a_damaged_code_is_refused_and_nothing_else_is_read(build: str) -> None:
    values, classes = drawn(4000, 2)
    numbers, kinds = dependent.quantised(values, classes, rans.costs(), 1)
    encoder = rans.Encoder(4000)
    encoder.add(numbers, kinds)
    content, rng = encoder.code(), np.random.default_rng(0)
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(8, len(content), 4):
            changed[place] ^= 1 << rng.integers(8)
        try:
            rans.Decoder(bytes(changed), 4000).decode(classes)
        except AlteredContainer:
            continue


def test_no_count_is_near_to_another() -> None:
    """Tables come of exponentials, and features of logarithms, which machines round differently."""
    exact = Context(prec=28)
    tables = rans._tables()
    for kind in range(0, 2 * prior.CLASSES, 9):
        odd, number = divmod(kind, prior.CLASSES)
        octaves = Decimal(prior.FINEST) + Decimal(number) / 4
        shift, most = int(tables.shift[kind]), int(tables.reach[kind])
        scale = exact.power(Decimal(2), octaves - shift)
        share = min(max((octaves + Decimal("0.5")) / Decimal("2.5"), Decimal(0)), Decimal(1))
        wide = scale / (2 * exact.ln(Decimal(2)))
        edges = [Decimal(float(dependent.until(k, odd and not shift))) for k in range(most + 1)]
        above = []
        for edge in edges:
            tail = exact.exp(-edge / wide)
            above.append((1 - share) * exact.exp(-edge / scale) + share * 2 * tail / (1 + tail))
        sides = [(one - two) / 2 for one, two in pairwise(above)]
        room = rans._TOTAL - 2 * most - 2
        shares = [part * room for part in (*sides, above[-1])]
        row = [*tables.frequency[kind, rans._REACH + 1 : rans._REACH + most + 1]]
        assert [*map(int, row), int(tables.frequency[kind, -1])] == [1 + int(x) for x in shares]
        assert min(abs(share - round(share)) for share in shares if share > 1e-6) > 1e-9
    places = 8 * np.log2(1 + np.arange(prior.LARGEST + 1) / 2)
    assert np.abs(places % 1 - 0.5).min() > 1e-6


def test_arrays_of_another_type_never_reach_the_loops() -> None:
    # What would be read beyond its end is refused before.
    whole = np.zeros(8, np.int64)
    with pytest.raises(ctypes.ArgumentError):
        kernels.call("low_bits", whole, 8, np.zeros(128, np.int32))
    with pytest.raises(ctypes.ArgumentError):
        kernels.call("low_bits", np.zeros((8, 8), np.uint8)[:, ::2], 8, np.zeros(128, np.int32))


def test_containers_stay_the_same_to_the_byte(photos: dict[str, NDArray[np.uint8]]) -> None:
    """Faster loops, another compiler or machine: none may change what is written."""
    host, hidden = photos["coffee"][:120, :160], [photos["cat"][:96, :96], photos["rocket"][:96]]
    found: dict[tuple[int, Any], str] = {}
    for count, bits in ((1, None), (2, 3.3)):
        made = isn.hide(host, hidden[:count], bits=bits)
        found[count, bits] = hashlib.sha256(made.pixels.tobytes()).hexdigest()[:16]
    assert found == {(1, None): "73fd23cf79377cf6", (2, 3.3): "3e24cd79e47a0b38"}
