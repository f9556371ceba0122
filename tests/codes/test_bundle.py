"""Files and images together: in order, each in its own code, and no part is believed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import contents_of, examples, network_weights, picture, random_weights
from isn import method
from isn.codes import NO_FINGERPRINT, Room
from isn.codes.avif import Avif
from isn.codes.bundle import Bundle
from isn.codes.file import Files
from isn.codes.network import NetworkCode
from isn.errors import AlteredContainer, ConfigError, ImageError, UnknownModel
from isn.progress import silent
from isn.secret import File, Item

AREA = 64 * 64
ROOM = Room(20_000, AREA)
NOTE = File("note.txt", b"to whom it may concern")


def bundle() -> Bundle:
    """As :mod:`isn.method` makes it of a head."""
    made = method.find(Bundle.number, NO_FINGERPRINT)
    assert isinstance(made, Bundle)
    return made


def of_avif() -> Bundle:
    return Bundle(Files(), Avif(), method.find)


def part(number: int, fingerprint: bytes, payload: bytes) -> bytes:
    return struct.pack("<B16sI", number, fingerprint, len(payload)) + payload


@examples(15)
@given(st.lists(st.booleans(), min_size=2, max_size=7).filter(lambda each: len(set(each)) == 2))
def test_any_order_comes_back(kinds: list[bool]) -> None:
    secret: list[Item] = [
        File(f"{k}.txt", bytes([k]) * k) if kind else picture(16 + k, 20, seed=k)
        for k, kind in enumerate(kinds)
    ]
    payload = of_avif().encode(secret, ROOM, silent)
    found = bundle().decode(payload, AREA, silent)
    assert contents_of(found) == contents_of(secret) == bundle().contents(payload, AREA)
    assert [each for each in found if isinstance(each, File)] == [
        each for each in secret if isinstance(each, File)
    ]


def test_files_come_first_and_images_take_what_is_left() -> None:
    small = of_avif().encode([NOTE, picture(40, 40)], Room(1500, AREA), silent)
    large = of_avif().encode(
        [File("a", bytes(range(250)) * 3), picture(40, 40)], Room(1500, AREA), silent
    )
    assert len(small) <= 1500
    assert len(large) <= 1500
    with pytest.raises(ImageError):
        of_avif().encode(
            [File("a", bytes(range(250)) * 9), picture(40, 40)], Room(250, AREA), silent
        )


def test_one_kind_alone_is_no_bundle() -> None:
    for secret in ([NOTE], [picture(9, 9)], [], [NOTE] * 300):
        with pytest.raises(ConfigError):
            bundle().encode(secret, ROOM, silent)


def files(count: int = 1) -> bytes:
    return Files().encode([NOTE] * count, ROOM, silent)


def shown(count: int = 1) -> bytes:
    return Avif().encode([picture(9, 9)] * count, ROOM, silent)


FILE_PART = part(3, NO_FINGERPRINT, files())
AVIF_PART = part(2, NO_FINGERPRINT, shown())


def test_the_forger_below_can_forge() -> None:
    found = bundle().decode(b"\2\0\1" + FILE_PART + AVIF_PART, AREA, silent)
    assert found[1] == NOTE
    assert found[0].shape == (9, 9, 3)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\2\1\0",
        b"\3\1\0",
        b"\2\1\2" + FILE_PART + AVIF_PART,
        b"\2\1\1" + FILE_PART + AVIF_PART,
        b"\2\0\0" + FILE_PART + AVIF_PART,
        b"\3\1\0\0" + FILE_PART + AVIF_PART,
        b"\2\1\0" + FILE_PART,
        b"\2\1\0" + FILE_PART + AVIF_PART + b"\0",
        b"\2\1\0" + FILE_PART + AVIF_PART[:-1],
        b"\2\1\0" + FILE_PART + part(99, NO_FINGERPRINT, shown()),
        b"\2\1\0" + FILE_PART + part(5, bytes(range(16)), shown()),
        b"\2\1\0" + FILE_PART + part(4, NO_FINGERPRINT, b"\2\1\0" + FILE_PART + AVIF_PART),
        b"\2\1\0" + part(4, NO_FINGERPRINT, b"") + AVIF_PART,
        b"\2\1\0" + part(3, NO_FINGERPRINT, files(2)) + AVIF_PART,
    ],
)
def test_parts_that_do_not_add_up_are_told(payload: bytes) -> None:
    for look in (
        lambda: bundle().decode(payload, AREA, silent),
        lambda: bundle().contents(payload, AREA),
    ):
        with pytest.raises(AlteredContainer, match="never writes"):
            look()


def test_a_part_of_the_papers_method_is_told() -> None:
    paper = method.get("paper-1")
    forged = b"\2\1\0" + FILE_PART + part(6, paper.weights.fingerprint, shown())  # type: ignore[attr-defined]
    with pytest.raises(AlteredContainer, match="unknown code 6"):
        bundle().decode(forged, AREA, silent)


def test_a_network_of_ones_own_is_found_where_it_is_given() -> None:
    own = method.of("mine", network_weights())
    code = NetworkCode("mine", network_weights())
    payload = Bundle(Files(), code, method.find).encode([NOTE, picture(24, 24)], ROOM, silent)
    with pytest.raises(AlteredContainer, match="unknown code 5"):
        bundle().decode(payload, AREA, silent)
    found = method.find(Bundle.number, NO_FINGERPRINT, [own]).decode(payload, AREA, silent)
    assert found[0] == NOTE
    assert found[1].shape == (24, 24, 3)


def test_nobody_finds_a_paper_network_of_ones_own_unasked() -> None:
    weights = random_weights()
    with pytest.raises(UnknownModel, match=weights.fingerprint.hex()):
        method.find(6, weights.fingerprint)
    own = method.of("mine", weights)
    assert method.find(6, weights.fingerprint, [own]) is own
