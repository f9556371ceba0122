"""Scrambling is exact, uniform, and what it was when the first container was made."""

from __future__ import annotations

import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from isn import scramble as scrambling
from isn.errors import ConfigError, ImageError
from isn.paper.config import ModelConfig
from isn.scramble import BLOCK, MIN_BLOCKS, scramble, unscramble, whole_blocks

Pixels = NDArray[np.uint8]

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


def picture(height: int, width: int, shift: int = 0) -> Pixels:
    """A picture without symmetry, from whole-number arithmetic alone."""
    y, x, c = np.ogrid[:height, :width, :3]
    return ((7 * y + 3 * x + (x * y >> 2) + 50 * c + shift) % 256).astype(np.uint8)


def noise(count: int, height: int, width: int, seed: int = 0) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def sha256(pictures: list[Pixels]) -> str:
    return hashlib.sha256(b"".join(each.tobytes() for each in pictures)).hexdigest()


# ---------------------------------------------------------------- what it is


@pytest.mark.parametrize(
    ("count", "height", "width", "block", "expected"),
    [
        (1, 100, 119, 16, "8cc0946bd3a3b2ab1bd9d1813ccd6e1c543ac556bbd9c1e0a6515d9802f354da"),
        (3, 65, 48, 16, "cf978d080157cdfb22d78c2687aa934eb8f812db1619262223e3fdb91389bbad"),
        (2, 31, 50, 6, "4d1773eb687d479d27f84d742791a985357730c9700a708d5e5a9efdc09c71ff"),
    ],
)
def test_scrambling_stays_what_it_is(
    count: int, height: int, width: int, block: int, expected: str
) -> None:
    area = whole_blocks(height, width, count, block=block)
    pictures = [picture(*area, shift=40 * k) for k in range(count)]
    assert sha256(scramble(pictures, height, width, KEY, block=block)) == expected


def documented(pictures: list[Pixels], key: bytes, block: int) -> list[Pixels]:
    """Scrambling, block by block and with Pillow, from the words of the module alone."""
    height, width = pictures[0].shape[:2]
    rows, columns = height // block, width // block
    total = len(pictures) * rows * columns
    tail = key + struct.pack("<QQQQ", len(pictures), rows, columns, block)
    order = hashlib.shake_256(b"isn scramble v1\x05order" + tail).digest(8 * total)
    numbers = [int.from_bytes(order[8 * k : 8 * k + 8], "little") for k in range(total)]
    assert len(set(numbers)) == total

    def looks() -> Iterator[int]:
        for each in hashlib.shake_256(b"isn scramble v1\x04look" + tail).digest(9 * total):
            if each < 192:
                yield each % 96

    look = looks()
    out = [np.empty_like(each) for each in pictures]
    for place, source in enumerate(sorted(range(total), key=numbers.__getitem__)):
        k, rest = divmod(source, rows * columns)
        top, left = (block * each for each in divmod(rest, columns))
        tile = Image.fromarray(pictures[k][top : top + block, left : left + block].copy())
        number = next(look)
        for _ in range(number % 4):
            tile = tile.transpose(Image.Transpose.ROTATE_90)
        if number & 4:
            tile = tile.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        names = ("RGB", "RBG", "GRB", "GBR", "BRG", "BGR")[number // 16]
        tile = Image.merge("RGB", [tile.getchannel(name) for name in names])
        if number & 8:
            tile = tile.point(lambda value: 255 - value)
        k, rest = divmod(place, rows * columns)
        top, left = (block * each for each in divmod(rest, columns))
        out[k][top : top + block, left : left + block] = np.asarray(tile)
    return out


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 12, 17), (3, 5, 8)])
def test_scrambling_is_what_its_words_say(count: int, rows: int, columns: int) -> None:
    pictures = noise(count, 16 * rows, 16 * columns)
    expected = documented(pictures, OTHER, 16)
    found = scramble(pictures, 16 * rows, 16 * columns, OTHER)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_block_fits_every_network() -> None:
    assert BLOCK == 16
    for levels in range(3):
        assert BLOCK % ModelConfig(levels=levels).cell == 0


# ---------------------------------------------------------------- round trip


@given(
    count=st.integers(1, 5),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    block=st.integers(1, 9),
    strip=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    key=st.binary(min_size=32, max_size=32),
)
def test_unscrambling_undoes_it(
    count: int, rows: int, columns: int, block: int, strip: tuple[int, int], key: bytes
) -> None:
    columns = max(columns, math.ceil(MIN_BLOCKS / (count * rows)))
    height, width = rows * block + strip[0] % block, columns * block + strip[1] % block
    pictures = noise(count, rows * block, columns * block)
    kept = [each.copy() for each in pictures]
    scrambled = scramble(pictures, height, width, key, block=block)
    shown = [each.copy() for each in scrambled]
    assert [each.shape for each in scrambled] == [(height, width, 3)] * count
    for each in scrambled:
        assert (each[rows * block :] == 128).all()
        assert (each[:, columns * block :] == 128).all()
    for found, expected in zip(unscramble(scrambled, key, block=block), pictures, strict=True):
        np.testing.assert_array_equal(found, expected)
    for now, before in zip([*pictures, *scrambled], [*kept, *shown], strict=True):
        np.testing.assert_array_equal(now, before)


@pytest.mark.parametrize("look", range(96))
def test_every_look_is_taken_back(look: int) -> None:
    blocks = np.stack([picture(5, 5, 9 * k) for k in range(3)])
    seen = scrambling._with_look(blocks, look)
    np.testing.assert_array_equal(scrambling._without_look(seen, look), blocks)


def test_no_two_looks_are_one() -> None:
    block = picture(5, 5)[None]
    assert len({scrambling._with_look(block, look).tobytes() for look in range(96)}) == 96


def test_damage_stays_in_its_block() -> None:
    pictures = noise(1, 96, 96)
    (scrambled,) = scramble(pictures, 96, 96, KEY)
    scrambled[20, 40] ^= 1
    (found,) = unscramble([scrambled], KEY)
    assert (np.abs(found.astype(int) - pictures[0]).max(axis=2) == 1).sum() == 1


# ---------------------------------------------------------------- secrecy


def test_images_are_mixed_with_each_other() -> None:
    flat = [np.full((96, 96, 3), value, np.uint8) for value in (10, 70)]
    for each in scramble(flat, 96, 96, KEY):
        # A grey block is itself or inverted, whatever its look.
        assert set(np.unique(each)) == {10, 70, 185, 245}


def test_another_key_gives_another_image() -> None:
    pictures = noise(2, 160, 160)
    near = [bytes([KEY[0] ^ 1]) + KEY[1:], KEY[:-1] + bytes([KEY[-1] ^ 128]), OTHER]
    first = scramble(pictures, 160, 160, KEY)
    for key in near:
        second = scramble(pictures, 160, 160, key)
        for a, b in zip(first, second, strict=True):
            assert np.mean(a == b) < 0.05
        for a, b in zip(unscramble(first, key), pictures, strict=True):
            assert np.mean(a == b) < 0.05


def test_grid_and_number_of_images_are_part_of_the_key() -> None:
    plans = [
        scrambling._plan(KEY, count, (rows * block, columns * block), block).order.tobytes()
        for count, rows, columns, block in (
            (1, 8, 8, 16),
            (1, 4, 16, 16),
            (1, 8, 8, 8),
            (2, 8, 4, 16),
        )
    ]
    assert len(set(plans)) == len(plans)


def chi_square(counts: NDArray[np.int64]) -> float:
    """How far from uniform, in standard deviations of the chi-square distribution."""
    expected = counts.mean()
    freedom = counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom))


def test_every_order_is_as_likely() -> None:
    orders = [tuple(scrambling._order(struct.pack("<Q", k), 4)) for k in range(4800)]
    counts = Counter(orders)
    assert len(counts) == 24
    assert abs(chi_square(np.array(list(counts.values())))) < 4


def test_every_place_takes_any_block() -> None:
    counts = np.zeros((40, 40), np.int64)
    for k in range(4000):
        counts[np.arange(40), scrambling._order(struct.pack("<Q", k), 40)] += 1
    assert abs(chi_square(counts)) < 4


def test_every_look_is_as_likely() -> None:
    looks = scrambling._looks(KEY, 96_000)
    assert looks.size == 96_000
    assert abs(chi_square(np.bincount(looks, minlength=96))) < 4


def test_a_draw_with_a_repeated_number_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = struct.pack("<9Q", 5, 7, 5, 1, 1, 1, 30, 10, 20)
    monkeypatch.setattr(scrambling, "_stream", lambda purpose, keyed, size: numbers[:size])
    np.testing.assert_array_equal(scrambling._order(b"", 3), [1, 2, 0])


def test_bytes_that_would_favour_a_look_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = bytes([192, 255, 200, 230, 191, 0, 96, 95])
    monkeypatch.setattr(scrambling, "_stream", lambda purpose, keyed, size: drawn[:size])
    np.testing.assert_array_equal(scrambling._looks(b"", 2), [95, 0])


# ---------------------------------------------------------------- what is refused


def test_there_are_enough_orders_to_be_a_secret() -> None:
    assert math.log2(math.factorial(MIN_BLOCKS)) >= 128
    assert math.log2(math.factorial(MIN_BLOCKS - 1)) < 128


@pytest.mark.parametrize(
    ("count", "height", "width", "enough"),
    [
        (1, 5 * 16, 7 * 16, True),
        (1, 5 * 16, 7 * 16 - 1, False),
        (1, 95, 97, False),
        (1, 96, 96, True),
        (5, 16, 112, True),
        (4, 33, 66, False),
        (5, 15, 4000, False),
    ],
)
def test_too_few_blocks_are_refused(count: int, height: int, width: int, enough: bool) -> None:
    if enough:
        assert whole_blocks(height, width, count) == (height, width)
        return
    with pytest.raises(ImageError, match="take a larger host, or hide without a passphrase"):
        whole_blocks(height, width, count)


def test_a_key_or_picture_of_another_size_is_refused() -> None:
    pictures = noise(1, 96, 112)
    for key in (b"", KEY[:-1], KEY + b"\0"):
        with pytest.raises(ConfigError, match=f"{len(key)} bytes"):
            scramble(pictures, 96, 112, key)
        with pytest.raises(ConfigError, match=f"{len(key)} bytes"):
            unscramble(pictures, key)
    with pytest.raises(ImageError, match="resize it first"):
        scramble(pictures, 112, 112, KEY)
    with pytest.raises(ImageError, match="resize it first"):
        scramble([each.astype(np.float32) for each in pictures], 96, 112, KEY)  # type: ignore[misc]
