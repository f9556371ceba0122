"""The envelope: fixed bytes for a fixed salt, nothing in the open, and every change is told."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from helpers import examples
from isn import envelope, keys
from isn.envelope import HEAD_BYTES, TAG_BYTES, Head, close, open_body, open_head, salt_for
from isn.errors import AlteredContainer, NoSeal, UnknownModel

SALT = bytes(range(16))
PRINT = bytes(range(100, 116))
WORDS = "correct horse battery staple"
PUBLIC = keys.Public()


@pytest.mark.parametrize(
    ("key", "head", "body"),
    [
        (
            PUBLIC,
            "000102030405060708090a0b0c0d0e0fc4218de365cf3b396138776902258433f4b0b7565a1206e5ed340429d603e65b17c037b72c6e",
            "8f181f1f87137694cb9cff60528e5d1f34cf14e8bac5cff8be",
        ),
        (
            keys.Passphrase(WORDS),
            "000102030405060708090a0b0c0d0e0f568c03e9d7e11b9a8ab4bfa3844758d1dbe701fbc0ac0d8de2d0030087db553f6379ee64948e",
            "bcbe31b215c7019c8c855e90d11fee607e7c1e5e5fe379be32",
        ),
    ],
    ids=["public", "passphrase"],
)
@pytest.mark.usefixtures("dear")
def test_an_envelope_stays_what_it_is(key: keys.Key, head: str, body: str) -> None:
    # Another value here, and no container made before opens any more.
    sealed = close(3, PRINT, b"a payload", key, SALT)
    assert sealed.head.hex() == head
    assert sealed.body.hex() == body
    assert open_head(bytes.fromhex(head), key) == Head(3, PRINT, 9)
    assert open_body(bytes.fromhex(head), bytes.fromhex(body), key) == b"a payload"


def test_it_is_sealed_as_documented() -> None:
    sealed = close(7, PRINT, b"said", PUBLIC, SALT)
    assert sealed.head[:16] == SALT
    content = struct.pack("<BB16sI", 1, 7, PRINT, 4)
    nonce = bytes(12)
    expected = ChaCha20Poly1305(PUBLIC.key("head", SALT)).encrypt(nonce, content, None)
    assert sealed.head[16:] == expected
    body = ChaCha20Poly1305(PUBLIC.key("body", SALT)).encrypt(nonce, b"said", sealed.head)
    assert sealed.body == body


@given(
    number=st.integers(0, 255),
    fingerprint=st.binary(min_size=16, max_size=16),
    payload=st.binary(max_size=300),
)
def test_what_is_closed_opens(number: int, fingerprint: bytes, payload: bytes) -> None:
    sealed = close(number, fingerprint, payload, PUBLIC)
    assert len(sealed.head) == HEAD_BYTES == 54
    opened = open_head(sealed.head, PUBLIC)
    assert opened == Head(number, fingerprint, len(payload))
    assert opened.sealed_length == len(sealed.body) == len(payload) + TAG_BYTES
    assert open_body(sealed.head, sealed.body, PUBLIC) == payload


def test_any_flipped_bit_of_a_head_is_no_seal() -> None:
    sealed = close(1, PRINT, b"x", PUBLIC)
    for bit in range(8 * HEAD_BYTES):
        with pytest.raises(NoSeal, match="no head opens"):
            open_head(flipped(sealed.head, bit), PUBLIC)


def test_any_flipped_bit_of_a_body_is_an_altered_container() -> None:
    sealed = close(1, PRINT, b"a payload of some bytes", PUBLIC)
    for bit in range(8 * len(sealed.body)):
        with pytest.raises(AlteredContainer):
            open_body(sealed.head, flipped(sealed.body, bit), PUBLIC)
    for wrong in (b"", sealed.body[:-1], sealed.body + b"\0"):
        with pytest.raises(AlteredContainer):
            open_body(sealed.head, wrong, PUBLIC)


def test_a_body_belongs_to_its_head() -> None:
    one, other = close(1, PRINT, b"x", PUBLIC, SALT), close(2, PRINT, b"x", PUBLIC, SALT)
    with pytest.raises(AlteredContainer):
        open_body(one.head, other.body, PUBLIC)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused_with_what_to_do(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(envelope, "_VERSION", version)
        sealed = close(1, PRINT, b"x", PUBLIC)
    with pytest.raises(UnknownModel, match=f"version {version}, this isn reads version 1: upgrade"):
        open_head(sealed.head, PUBLIC)


def test_nothing_lies_in_the_open() -> None:
    # A thousand envelopes that differ in a number alone: every byte takes many values.
    heads = [close(1, PRINT, struct.pack("<I", k), PUBLIC).head for k in range(1000)]
    for place in range(HEAD_BYTES):
        counts = Counter(head[place] for head in heads)
        assert len(counts) > 200
        assert max(counts.values()) < 25
    ones = sum(int.from_bytes(head).bit_count() for head in heads)
    assert ones / (8000 * HEAD_BYTES) == pytest.approx(0.5, abs=0.005)


def test_without_a_passphrase_the_same_is_sealed_the_same() -> None:
    assert close(1, PRINT, b"x", PUBLIC) == close(1, PRINT, b"x", PUBLIC)
    salts = {salt_for(number, content, PUBLIC) for number in (1, 2) for content in (b"x", b"y")}
    assert len(salts) == 4
    assert {len(each) for each in salts} == {keys.SALT_BYTES}


def test_with_a_passphrase_every_envelope_is_another() -> None:
    key = keys.Passphrase(WORDS)
    one, other = (close(1, PRINT, b"x", key) for _ in range(2))
    assert one.head[:16] != other.head[:16]
    assert one.head[16:] != other.head[16:]
    assert one.body != other.body


@examples(20)
@given(wrong=st.sampled_from([WORDS.upper(), WORDS + " ", "x"]), payload=st.binary(max_size=40))
def test_a_wrong_passphrase_opens_nothing(wrong: str, payload: bytes) -> None:
    sealed = close(1, PRINT, payload, keys.Passphrase(WORDS))
    for key in (keys.Passphrase(wrong), PUBLIC):
        with pytest.raises(NoSeal):
            open_head(sealed.head, key)
        with pytest.raises(AlteredContainer):
            open_body(sealed.head, sealed.body, key)


@given(st.binary(min_size=HEAD_BYTES, max_size=HEAD_BYTES))
def test_noise_is_no_head(noise: bytes) -> None:
    with pytest.raises(NoSeal):
        open_head(noise, PUBLIC)
