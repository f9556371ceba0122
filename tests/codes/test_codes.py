"""What every code promises: items come back in order and size, and no payload is believed."""

from __future__ import annotations

import time
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import Shares, contents_of, examples, mostly_slow, network_weights, picture, same
from isn import method
from isn.codes import Code, Room
from isn.codes.bundle import Bundle
from isn.codes.file import Files
from isn.codes.network import NetworkCode
from isn.errors import AlteredContainer, ConfigError, ImageError, IsnError
from isn.method import Carried
from isn.paper.config import ModelConfig
from isn.progress import silent
from isn.secret import MOST_IMAGES, Content, File, Item, most_pixels

AREA = 64 * 64
LARGE = Room(60_000, AREA)
SIZES = [(24, 16), (17, 24), (16, 16), (33, 9), (8, 16)]
FILES = [File("a note.txt", b"wine, bread" * 9), File("empty.bin", b""), File("é.dat", bytes(999))]


@cache
def codes() -> dict[str, Code]:
    """Every code of a shipped method, tiny networks, and those that go with every method."""
    shipped = [
        each
        for carried in map(method.get, method.names())
        if isinstance(carried, Carried)
        for each in carried.pictures
    ]
    own = [
        NetworkCode("tiny", network_weights()),
        NetworkCode("tiny-3", network_weights(ModelConfig(3, blocks=1, depth=1, growth=2))),
        NetworkCode(
            "tiny-flat", network_weights(ModelConfig(blocks=1, depth=2, growth=2, levels=0))
        ),
    ]
    found: dict[str, Code] = {each.name: each for each in (*shipped, *own, Files())}
    photos = found["photos"]
    return found | {"bundle": Bundle(Files(), photos, method.find)}


KINDS = [name for name in codes() if not name.startswith("isn-")]
"""The shipped networks differ from the tiny ones, and from each other, in their weights alone."""

every_code = pytest.mark.parametrize("name", mostly_slow(codes(), KINDS))
every_kind = pytest.mark.parametrize("name", KINDS)
pictured = pytest.mark.parametrize("name", [name for name in KINDS if codes()[name].counts])


def secret_of(code: Code, count: int | None = None) -> list[Item]:
    """Something that a code may be given: of images, as many, or as few as it takes."""
    wanted = count or max(min(code.counts, default=2), 1)
    sizes = SIZES if wanted <= len(SIZES) else [(8, 8)] * wanted
    pictures = [picture(*size, seed=k) for k, size in enumerate(sizes[:wanted])]
    if code.counts:
        return list(pictures)
    if isinstance(code, Files):
        return list(FILES)
    return [FILES[0], pictures[0], *FILES[1:], picture(20, 20)]


def decoded(code: Code, payload: bytes, area: int = AREA) -> list[Item]:
    return code.decode(payload, area, silent)


@cache
def example(name: str) -> bytes:
    return codes()[name].encode(secret_of(codes()[name]), Room(4000, AREA), silent)


def test_numbers_are_their_own_and_stay() -> None:
    # In the head of every container: never to be changed, nor used again.
    numbers = {each.name: each.number for each in codes().values()}
    kept = {"photos": 1, "avif": 2, "file": 3, "bundle": 4, "tiny": 5}
    assert {name: numbers[name] for name in kept} == kept
    for name, code in codes().items():
        twins = [each for each in codes().values() if each.number == code.number]
        assert len({each.fingerprint for each in twins}) == len(twins), name
        assert 0 < code.number < 256
        assert len(code.fingerprint) == 16
        assert 0 < code.bits <= 7


@every_code
def test_what_is_encoded_comes_back(name: str) -> None:
    code = codes()[name]
    secret = secret_of(code)
    kept = [each if isinstance(each, File) else each.copy() for each in secret]
    payload = code.encode(secret, LARGE, silent)
    assert 0 < len(payload) <= LARGE.size
    found = decoded(code, payload)
    assert contents_of(found) == contents_of(secret) == code.contents(payload, AREA)
    for one, other in zip(found, secret, strict=True):
        assert isinstance(one, File) == isinstance(other, File)
        if isinstance(one, File):
            assert one == other
        else:
            assert one.dtype == np.uint8
    assert same(decoded(code, payload), found)
    # Nothing was done to what was given, and the same makes the same.
    assert same(secret, kept)
    assert code.encode(secret, LARGE, silent) == payload


@every_kind
@pytest.mark.parametrize("size", [300, 3001, 30_000])
def test_the_room_is_kept_or_it_is_said_that_nothing_fits(name: str, size: int) -> None:
    code = codes()[name]
    secret = secret_of(code)
    try:
        payload = code.encode(secret, Room(size, AREA), silent)
    except ImageError:
        assert size <= 300 or code.number == 5
    else:
        assert len(payload) <= size
        assert contents_of(decoded(code, payload)) == contents_of(secret)


@every_kind
@pytest.mark.parametrize("size", [-20, 0, 1, 9])
def test_no_room_is_an_error_that_says_so(name: str, size: int) -> None:
    with pytest.raises(ImageError, match="larger host"):
        codes()[name].encode(secret_of(codes()[name]), Room(size, AREA), silent)


@every_kind
def test_shares_grow_to_one(name: str) -> None:
    shares = Shares()
    payload = codes()[name].encode(secret_of(codes()[name]), LARGE, shares)
    assert shares.sound
    # Of a decoder the last share may be less than all, for whoever calls has more to do.
    shares = Shares()
    codes()[name].decode(payload, AREA, shares)
    assert shares.told == sorted(shares.told)
    assert 0.9 <= shares.told[-1] <= 1


@pictured
def test_as_many_images_as_it_says(name: str) -> None:
    code = codes()[name]
    for count in sorted({min(code.counts), max(min(code.counts), min(max(code.counts), 3))}):
        comes_back_in_order(code, count)
    for count in (min(code.counts) - 1, max(code.counts) + 1):
        with pytest.raises(
            ConfigError, match=rf"^{count} hidden images were given|, not {count}: give"
        ):
            code.encode([picture(16, 16)] * count, LARGE, silent)
    with pytest.raises(ConfigError, match="leave the files out"):
        code.encode([*secret_of(code), FILES[0]], LARGE, silent)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in codes() if codes()[name].counts])
def test_the_most_images(name: str) -> None:
    comes_back_in_order(codes()[name], max(codes()[name].counts))


def comes_back_in_order(code: Code, count: int) -> None:
    secret = secret_of(code, count)
    payload = code.encode(secret, Room(8000, AREA), silent)
    assert contents_of(decoded(code, payload)) == contents_of(secret)


@pictured
def test_an_image_too_large_to_be_believed_is_refused_when_it_is_hidden(name: str) -> None:
    code = codes()[name]
    huge = np.broadcast_to(np.uint8(0), (4001, 8000, 3))
    assert huge.shape[0] * huge.shape[1] > most_pixels(AREA)
    with pytest.raises(ImageError, match="32008000 pixels"):
        code.encode([huge] * min(code.counts), LARGE, silent)


@pictured
def test_views_are_as_good_as_their_copies(name: str) -> None:
    code = codes()[name]
    whole = picture(60, 80)
    every = [whole[::2, ::2], whole[::-1, 5:40], whole[..., ::-1], whole[:30].transpose(1, 0, 2)]
    views = (every * 2)[: min(code.counts)]
    copies = [each.copy() for each in views]
    assert code.encode(views, LARGE, silent) == code.encode(copies, LARGE, silent)


# What nobody honest wrote.


@every_kind
def test_every_truncation_and_every_surplus_is_told(name: str) -> None:
    code, whole = codes()[name], example(name)
    for length in {*range(0, min(len(whole), 80), 4), *range(80, len(whole), 397), len(whole) - 1}:
        if length < len(whole):
            refused_or_read(code, whole[:length])
    for length in range(min(len(whole), 3)):
        with pytest.raises(AlteredContainer):
            decoded(code, whole[:length])
        with pytest.raises(AlteredContainer):
            code.contents(whole[:length], AREA)


def refused_or_read(code: Code, payload: bytes) -> None:
    """Only one error may come, by either way of looking; what is read keeps within its bounds."""
    try:
        said: list[Content] | None = code.contents(payload, AREA)
    except AlteredContainer:
        said = None
    try:
        found = decoded(code, payload)
    except AlteredContainer:
        return
    assert contents_of(found) == said
    assert len(found) <= MOST_IMAGES or not code.counts
    for each in found:
        assert isinstance(each, File) or each.shape[0] * each.shape[1] <= most_pixels(AREA)


@every_kind
@examples(12)
@given(data=st.data())
def test_a_garbled_payload_is_refused_or_read(name: str, data: st.DataObject) -> None:
    payload = bytearray(example(name))
    # Heads are short, and more is to be found there.
    place = st.one_of(st.integers(0, min(60, len(payload) - 1)), st.integers(0, len(payload) - 1))
    changes = data.draw(st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=6))
    for where, value in changes:
        payload[where] = value
    refused_or_read(codes()[name], bytes(payload))


@every_kind
@examples(15)
@given(payload=st.binary(max_size=200))
def test_noise_is_refused_or_read(name: str, payload: bytes) -> None:
    refused_or_read(codes()[name], payload)


@every_kind
def test_what_is_refused_takes_little_time_and_memory(name: str) -> None:
    code, rng = codes()[name], np.random.default_rng(0)
    whole = example(name)
    decoded(code, whole)
    tracemalloc.start()
    started = time.process_time()
    try:
        for _ in range(3):
            garbled = bytearray(whole)
            for where in rng.integers(0, len(whole), 5).tolist():
                garbled[where] ^= int(rng.integers(1, 256))
            with_errors(code, bytes(garbled))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 120_000_000
    assert time.process_time() - started < 20


def with_errors(code: Code, payload: bytes) -> Any:
    try:
        return decoded(code, payload)
    except IsnError:
        return None
