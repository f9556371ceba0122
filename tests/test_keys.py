"""One passphrase, one salt, one pair of keys: today, in ten years, and on every keyboard."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from isn import keys
from isn.errors import ConfigError, IsnError
from isn.keys import Passphrase, Public

SALT = bytes(range(16))
WORDS = "correct horse battery staple"
WORDED = Passphrase(WORDS)


def test_argon2id_is_that_of_rfc_9106() -> None:
    # Section 5.3.
    stretch = Argon2id(
        salt=b"\x02" * 16,
        length=32,
        iterations=3,
        lanes=4,
        memory_cost=32,
        ad=b"\x04" * 12,
        secret=b"\x03" * 8,
    )
    expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert stretch.derive(b"\x01" * 32).hex() == expected


@pytest.mark.parametrize(
    ("key", "head", "body", "places"),
    [
        (
            WORDED,
            "45e0f3c4fa9b063022701c6b560bbabe68b25b3b2f3f6b1f223e20f15b945ce9",
            "36b0f0d6d8f92466ce751f78af3d666c85c61eeb27f823abf3566de1f95de0fe",
            "6778d1465bfef77601b2449e7dad32728eb036f77dcb3c78f5eab8cef277c0fe",
        ),
        (
            Public(),
            "764d6ed6cf00c00782ce066a00f3315837c3f10f57c42325c094e3f44cd2ba9c",
            "c460f408f3fbce5e37758e22fd0eb42a5dbaf93e6e2a50e311ee6b6e8e3223a5",
            "6fa345061bd7bf61bfdbb0c06f0983206fcb0b9e613086161290aa5a40adb371",
        ),
    ],
    ids=["words", "public"],
)
@pytest.mark.usefixtures("dear")
def test_keys_stay_what_they_are(key: keys.Key, head: str, body: str, places: str) -> None:
    found = [key.key(purpose, SALT).hex() for purpose in ("head", "body", "places")]
    assert found == [head, body, places]


def test_keys_of_all_letters_stay_what_they_are() -> None:
    # In the least memory, unlike those above: what it costs has nothing to do with letters.
    key = Passphrase("Grüße, 世界 \N{GRINNING FACE}")
    assert [key.key(purpose, SALT).hex() for purpose in ("head", "body", "places")] == [
        "5b82d9d9730c493789085e47f6c2bd0e438eeb01bd2d9fe2d510012a4ab42a6f",
        "64bc487919b8516622602916ed0e4ce7c9517c3283d3d4b9105b787c34d10150",
        "2cbe87accd6cd4dbf24bd536ba2fc3c0f67f93534b3dbcb0dab0f78e6154fea1",
    ]


@pytest.mark.usefixtures("dear")
def test_keys_are_derived_as_documented() -> None:
    stretch = Argon2id(salt=SALT, length=32, iterations=3, lanes=4, memory_cost=65536)
    public = hashlib.blake2b(SALT, digest_size=32, key=b"isn public v2").digest()
    for master, key in ((stretch.derive(WORDS.encode()), WORDED), (public, Public())):
        for purpose in ("head", "body", "places"):
            info = b"isn keys v2 " + purpose.encode() + b"\x01"
            assert key.key(purpose, SALT) == hmac.digest(master, info, hashlib.sha256)


def test_only_a_passphrase_is_secret() -> None:
    assert keys.of(None).secret is False
    assert isinstance(keys.of(None), Public)
    assert keys.of("x").secret is True
    with pytest.raises(ConfigError, match="empty"):
        keys.of("")


def test_a_salt_costs_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def stretch(spelled: bytes, salt: bytes) -> bytes:
        runs.append(salt)
        return hashlib.sha256(spelled + salt).digest()

    monkeypatch.setattr(keys, "_stretch", stretch)
    passphrase = Passphrase(WORDS)
    other = bytes(16)
    for salt in (SALT, other, SALT):
        passphrase.key("head", salt)
        passphrase.key("body", salt)
    assert runs == [SALT, other]


def test_every_salt_purpose_and_passphrase_has_a_key_of_its_own() -> None:
    salts = (SALT, bytes(16), SALT[:-1] + b"\x10")
    found = set()
    for text in (WORDS, WORDS + " ", WORDS.upper(), "x", "x²", "x2", "①"):
        passphrase = Passphrase(text)
        for salt in salts:
            found |= {passphrase.key(purpose, salt) for purpose in ("head", "body", "places")}
    found |= {Public().key("head", salt) for salt in salts}
    assert len(found) == 7 * 3 * 3 + 3
    assert {len(key) for key in found} == {keys.KEY_BYTES}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9", "cafe\u0301"),
        ("\u1ec7", "e\u0323\u0302"),
        ("\u1ec7", "e\u0302\u0323"),
        ("\ud55c", "\u1112\u1161\u11ab"),
        ("\u212b", "\u00c5"),
        ("two words", "two\u00a0words"),
        ("two words", "two\u3000words"),
    ],
)
def test_how_it_was_typed_does_not_matter(one: str, other: str) -> None:
    assert one != other
    assert Passphrase(one).key("head", SALT) == Passphrase(other).key("head", SALT)


def test_ten_thousand_characters_count_to_the_last() -> None:
    long = "abcdé" * 2000
    assert len(long) == 10_000
    whole = Passphrase(long).key("head", SALT)
    assert whole == Passphrase(long).key("head", SALT)
    assert whole != Passphrase(long[:-1]).key("head", SALT)
    assert whole != Passphrase(long[:-1] + "e").key("head", SALT)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        (None, "NoneType"),
        (b"bytes", "bytes"),
        ("two\nlines", "character 4 of the passphrase is a control character"),
        ("tab\t", "character 4"),
        ("\x7f", "character 1"),
        ("half \ud83d", "UTF-8"),
        ("never assigned \ufdd0", "not assigned in Unicode"),
    ],
)
def test_what_is_no_passphrase_is_refused(text: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Passphrase(text)


def test_nothing_repeats_the_passphrase() -> None:
    passphrase = Passphrase("hunter2")
    assert "hunter2" not in repr(passphrase) + str(passphrase)
    with pytest.raises(ConfigError) as caught:
        Passphrase("hunter2\n")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    for key in (Passphrase(WORDS), Public()):
        with pytest.raises(ConfigError, match=f"{size} bytes"):
            key.key("head", bytes(size))


def test_a_library_without_argon2_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise UnsupportedAlgorithm("not in this OpenSSL")

    monkeypatch.setattr(keys, "Argon2id", fail)
    with pytest.raises(IsnError, match="pip install --upgrade cryptography"):
        Passphrase(WORDS).key("head", SALT)
