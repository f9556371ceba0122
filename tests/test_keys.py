"""One passphrase, one salt, one pair of keys: today, in ten years, and on every keyboard."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from isn import keys, seal
from isn.errors import ConfigError, IsnError
from isn.keys import Passphrase

SALT = bytes(range(16))
WORDS = "correct horse battery staple"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least memory that Argon2 allows: for what does not depend on the cost."""
    monkeypatch.setattr(keys, "_MEMORY_KIB", 32)


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
    ("text", "seal_secret", "scrambling_key"),
    [
        (
            WORDS,
            "9462da472a1abe3e5cde696dc69e1036783a6befe21905c20872e26075559ec9",
            "f1249a278f6e2a748258f8c35e6af85a9304985a6ac6a9d7e210e4ad41666f82",
        ),
        (
            "Grüße, 世界 \N{GRINNING FACE}",
            "97a00b91e2018b58b430f36e63ef7723b1794d93a373ff7f65da285daa036767",
            "f1ac09991ce90c4b6bcc92e06c9db1953c6bf1d5cd05c398a2f387969300f1e0",
        ),
    ],
)
def test_keys_stay_what_they_are(text: str, seal_secret: str, scrambling_key: str) -> None:
    passphrase = Passphrase(text)
    assert passphrase.seal_secret(SALT).hex() == seal_secret
    assert passphrase.scrambling_key(SALT).hex() == scrambling_key


def test_keys_are_derived_as_documented() -> None:
    stretch = Argon2id(salt=SALT, length=32, iterations=3, lanes=4, memory_cost=65536)
    master = stretch.derive(WORDS.encode())
    for purpose, key in (
        (b"seal", Passphrase(WORDS).seal_secret(SALT)),
        (b"scramble", Passphrase(WORDS).scrambling_key(SALT)),
    ):
        assert key == hmac.digest(master, b"isn keys v1 " + purpose + b"\x01", hashlib.sha256)


def test_a_salt_costs_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def stretch(spelled: bytes, salt: bytes) -> bytes:
        runs.append(salt)
        return hashlib.sha256(spelled + salt).digest()

    monkeypatch.setattr(keys, "_stretch", stretch)
    passphrase = Passphrase(WORDS)
    other = bytes(16)
    for salt in (SALT, other, SALT):
        passphrase.seal_secret(salt)
        passphrase.scrambling_key(salt)
    assert runs == [SALT, other]


@pytest.mark.usefixtures("quick")
def test_every_salt_purpose_and_passphrase_has_a_key_of_its_own() -> None:
    salts = (SALT, bytes(16), SALT[:-1] + b"\x10")
    found = set()
    for text in (WORDS, WORDS + " ", WORDS.upper(), "x", "x²", "x2", "①"):
        passphrase = Passphrase(text)
        for salt in salts:
            found |= {passphrase.seal_secret(salt), passphrase.scrambling_key(salt)}
    assert len(found) == 7 * 3 * 2
    assert {len(key) for key in found} == {seal.SECRET_BYTES}


@pytest.mark.usefixtures("quick")
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
    assert Passphrase(one).seal_secret(SALT) == Passphrase(other).seal_secret(SALT)


@pytest.mark.usefixtures("quick")
def test_ten_thousand_characters_count_to_the_last() -> None:
    long = "abcdé" * 2000
    assert len(long) == 10_000
    whole = Passphrase(long).seal_secret(SALT)
    assert whole == Passphrase(long).seal_secret(SALT)
    assert whole != Passphrase(long[:-1]).seal_secret(SALT)
    assert whole != Passphrase(long[:-1] + "e").seal_secret(SALT)


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


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=f"{size} bytes"):
        Passphrase(WORDS).seal_secret(bytes(size))


def test_a_library_without_argon2_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise UnsupportedAlgorithm("not in this OpenSSL")

    monkeypatch.setattr(keys, "Argon2id", fail)
    with pytest.raises(IsnError, match="pip install --upgrade cryptography"):
        Passphrase(WORDS).seal_secret(SALT)
