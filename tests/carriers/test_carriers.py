"""What every carrier promises: what fits is read back, what does not is refused, hosts stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers import Shares, examples, picture
from isn import drawings, keys
from isn.carriers import Carrier, carriers
from isn.envelope import HEAD_BYTES
from isn.errors import ImageError, NoSeal
from isn.progress import silent

Pixels = NDArray[np.uint8]

PUBLIC = keys.Public()
SHAPES = [(40, 50), (33, 47, 3), (1, 2000), (700, 1, 3), (32, 32), (19, 18, 3)]
AREAS = [(40, 50), (33, 47, 3), (1, 2000), (1100, 1, 3), (32, 32)]
"""Shapes for a carrier of pixels, whatever their colours."""
BLOCKY = [(104, 130), (97, 163, 3), (8, 1600), (84, 97, 3), (77, 88)]
"""Shapes for a carrier of blocks, which needs 96 of 8 x 8 for a head alone."""


def shapes_of(carrier: Carrier) -> list[tuple[int, ...]]:
    return {"dct": BLOCKY, "adaptive": AREAS}.get(carrier.name, SHAPES)


every_carrier = pytest.mark.parametrize("carrier", list(carriers()), ids=lambda each: each.name)
carriers_of_samples = pytest.mark.parametrize(
    "carrier", [each for each in list(carriers()) if each.name != "dct"], ids=lambda each: each.name
)
every_shape = pytest.mark.parametrize(
    ("carrier", "shape"),
    [
        pytest.param(each, shape, id=f"{each.name} {shape}")
        for each in list(carriers())
        for shape in shapes_of(each)
    ],
)
every_room = pytest.mark.parametrize(
    ("carrier", "shape", "bits"),
    [
        pytest.param(
            *(each, shape, bits),
            id=f"{each.name} {shape} {bits}",
            # Of the dear one, each shape once, and both numbers of bits in turn.
            marks=[pytest.mark.slow] * (each.name == "adaptive" and (number + turn) % 2),
        )
        for each in list(carriers())
        for number, shape in enumerate(shapes_of(each))
        # Of the others none asks how many, but for the adaptive one below half a bit.
        for turn, bits in enumerate(
            {"trellis": (0.01, 1.0, 2.5, 4.0), "adaptive": (0.01, 1.0)}.get(each.name, (1.0,))
        )
    ],
)


def drawn(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def host_of(shape: tuple[int, ...], seed: int = 3) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def scale_of(carrier: Carrier) -> int:
    """By how much a host of some hundred samples is made larger for a carrier of blocks."""
    return 4 if carrier.name == "dct" else 1


def read_back(carrier: Carrier, container: Pixels, size: int) -> tuple[bytes, bytes]:
    head = carrier.read_head(container, PUBLIC)
    return head, carrier.read_body(container, head, size, PUBLIC)


def test_names_are_their_own() -> None:
    assert len({each.name for each in list(carriers())}) == len(list(carriers())) >= 2


@every_room
def test_what_the_capacity_says_fits(carrier: Carrier, shape: tuple[int, ...], bits: float) -> None:
    host, most = host_of(shape), carrier.capacity(host_of(shape), bits)
    assert 0 <= most <= host.size * bits / 8 or carrier.name != "trellis"
    # What least there is does not depend on the bits.
    for size in {0, 1, most} if bits == 1.0 else {most // 2, most}:
        if not 0 <= size <= most:
            continue
        head, body = drawn(HEAD_BYTES), drawn(size, 1)
        container = carrier.write(host, head, body, PUBLIC, silent)
        assert container.shape == host.shape
        assert container.dtype == np.uint8
        assert read_back(carrier, container, size) == (head, body)


@every_shape
def test_one_byte_more_than_the_most_is_refused(carrier: Carrier, shape: tuple[int, ...]) -> None:
    host = host_of(shape)
    most = carrier.capacity(host, 100)
    head = drawn(HEAD_BYTES)
    assert read_back(carrier, carrier.write(host, head, drawn(most), PUBLIC, silent), most)[0]
    with pytest.raises(ImageError, match="larger one"):
        carrier.write(host, head, drawn(most + 1), PUBLIC, silent)
    # Nor does a head that claims it make anybody read it.
    with pytest.raises(NoSeal):
        carrier.read_body(host, head, most + 1, PUBLIC)


@pytest.mark.parametrize("kind", ["photo", "screenshot", "flat"])
@pytest.mark.parametrize("size", [28, 4000], ids=["short", "long"])
@pytest.mark.parametrize("name", ["trellis", "scattered"])
def test_no_part_of_a_container_is_noisier_than_others(name: str, size: int, kind: str) -> None:
    # Where all samples cost the same; the others go where a host hides them, or to whole blocks.
    carrier = next(each for each in carriers() if each.name == name)
    rng = np.random.default_rng(1)
    host = picture(192, 256) if kind == "photo" else drawings.draw(kind, 192, 256, rng)
    key = keys.Passphrase("five random words")
    container = carrier.write(host, rng.bytes(HEAD_BYTES), rng.bytes(size), key, silent)
    changes = (container != host).reshape(16, -1).sum(axis=1)
    # Of chi squared with 15 degrees of freedom, one in a million is above 58.
    assert changes.min() > 0
    assert ((changes - changes.mean()) ** 2).sum() / changes.mean() < 58


@every_carrier
@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 7, 3), (16, 16), (29, 29), (17, 16, 3), (31, 33), (79, 77)]
)
def test_a_host_is_either_read_again_or_refused(carrier: Carrier, shape: tuple[int, ...]) -> None:
    # Where the smallest host lies is the carrier's; that both directions agree is not.
    host, head = host_of(shape), drawn(HEAD_BYTES)
    try:
        container = carrier.write(host, head, b"", PUBLIC, silent)
    except ImageError:
        assert carrier.capacity(host, 4) == 0
        with pytest.raises(NoSeal, match="too few"):
            carrier.read_head(host, PUBLIC)
    else:
        assert read_back(carrier, container, 0) == (head, b"")


@every_carrier
def test_more_bits_and_larger_hosts_never_carry_less(carrier: Carrier) -> None:
    scale = scale_of(carrier)
    host = host_of((60 * scale, 60 * scale, 3))
    by_bits = [carrier.capacity(host, bits) for bits in (0, 0.01, 0.5, 1, 1.5, 2, 3, 4)]
    by_size = [carrier.capacity(host[: rows * scale], 2) for rows in (1, 2, 5, 10, 30, 60)]
    assert by_bits == sorted(by_bits)
    assert by_size == sorted(by_size)
    assert by_size[0] == 0 < by_size[-1]


@every_carrier
@pytest.mark.parametrize("colour", [False, True])
def test_the_host_stays_as_it_was(carrier: Carrier, colour: bool) -> None:
    height, width = 40 * scale_of(carrier), 44 * scale_of(carrier)
    host = host_of((height, width, 3) if colour else (height, width))
    host.flags.writeable = False
    kept = host.copy()
    container = carrier.write(host, drawn(HEAD_BYTES), drawn(50), PUBLIC, silent)
    np.testing.assert_array_equal(host, kept)
    assert (container != host).any()
    assert not np.shares_memory(container, host)
    sealed = container.copy()
    container.flags.writeable = False
    read_back(carrier, container, 50)
    np.testing.assert_array_equal(container, sealed)


@every_carrier
def test_views_are_as_good_as_their_copies(carrier: Carrier) -> None:
    scale = scale_of(carrier)
    whole = host_of((48 * scale, 52 * scale, 4))
    head, body = drawn(HEAD_BYTES), drawn(40)
    for view in (
        whole[::2, 5 : 48 * scale, :3],
        whole[::-1, :, 1],
        whole[..., 2::-1],
        whole[..., 0].T,
    ):
        assert not view.flags.c_contiguous
        container = carrier.write(view, head, body, PUBLIC, silent)
        copied = carrier.write(view.copy(), head, body, PUBLIC, silent)
        np.testing.assert_array_equal(container, copied)
        spread = np.empty((*container.shape, 2), np.uint8)
        spread[..., 1] = container
        assert read_back(carrier, spread[..., 1], len(body)) == (head, body)


@carriers_of_samples
def test_what_is_carried_changes_little(carrier: Carrier) -> None:
    host = host_of((100, 100, 3))
    container = carrier.write(host, drawn(HEAD_BYTES), drawn(300), PUBLIC, silent)
    apart = np.abs(container.astype(int) - host)
    assert 0 < (apart > 0).sum() < 8 * (HEAD_BYTES + 300)
    assert apart.max() <= 3


@carriers_of_samples
@pytest.mark.parametrize("value", [0, 255])
def test_a_host_without_room_on_one_side_is_never_left(carrier: Carrier, value: int) -> None:
    host = np.full((60, 60), value, np.uint8)
    head, body = drawn(HEAD_BYTES), drawn(carrier.capacity(host, 3))
    if not body:
        # Nor is one found in it: a carrier may refuse what is even.
        with pytest.raises(ImageError, match="texture"):
            carrier.write(host, head, body, PUBLIC, silent)
        return
    container = carrier.write(host, head, body, PUBLIC, silent)
    assert read_back(carrier, container, len(body)) == (head, body)
    assert np.abs(container.astype(int) - value).max() <= 16


@every_carrier
def test_shares_grow_to_one(carrier: Carrier) -> None:
    shares = Shares()
    side = 64 * scale_of(carrier)
    carrier.write(host_of((side, side)), drawn(HEAD_BYTES), drawn(100), PUBLIC, shares)
    assert shares.sound


@every_carrier
@examples(15)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    colour=st.booleans(),
    flat=st.booleans(),
    share=st.floats(0, 1),
    seed=st.integers(0, 999),
)
def test_any_body_in_any_host(
    carrier: Carrier, height: int, width: int, colour: bool, flat: bool, share: float, seed: int
) -> None:
    height, width = height * scale_of(carrier), width * scale_of(carrier)
    host = host_of((height, width, 3) if colour else (height, width), seed)
    if flat:
        host[:] = host.flat[0]
    size = int(carrier.capacity(host, 7) * share)
    head, body = drawn(HEAD_BYTES, seed), drawn(size, seed + 1)
    try:
        container = carrier.write(host, head, body, PUBLIC, silent)
    except ImageError:
        assert size == carrier.capacity(host, 7) == 0
    else:
        assert read_back(carrier, container, size) == (head, body)


@every_carrier
def test_a_key_reads_what_it_wrote(carrier: Carrier) -> None:
    side = 50 * scale_of(carrier)
    key, host = keys.Passphrase("open"), host_of((side, side))
    head, body = drawn(HEAD_BYTES), drawn(40)
    container = carrier.write(host, head, body, key, silent)
    assert carrier.read_head(container, key) == head
    assert carrier.read_body(container, head, 40, key) == body


@pytest.mark.parametrize("carrier", list(carriers()), ids=lambda each: each.name)
@pytest.mark.parametrize("share", [0.02, 0.4, 1.0])
def test_the_noise_is_what_was_foreseen(carrier: Carrier, share: float) -> None:
    rng = np.random.default_rng(5)
    scale = scale_of(carrier)
    host = rng.integers(40, 200, (90 * scale, 101 * scale, 3), np.uint8)
    size = int(share * carrier.capacity(host, 2.0))
    container = carrier.write(host, rng.bytes(HEAD_BYTES), rng.bytes(size), keys.Public(), silent)
    found = float(np.square(container.astype(float) - host).mean())
    assert found == pytest.approx(carrier.noise(host, size), rel=0.1)
