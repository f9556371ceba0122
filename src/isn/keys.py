"""Keys of a container: from a passphrase, slowly on purpose, or such as everybody can compute.

Version 2, fixed for as long as containers of envelope version 1 are read::

    spelled = NFC(every space of category Zs as U+0020), as UTF-8
    master  = Argon2id(spelled, salt of 16 bytes, t=3, p=4, m=64 MiB, 32 bytes)   (RFC 9106)
    master  = BLAKE2b(salt, key "isn public v2", 32 bytes)                        (without one)
    key     = HKDF-Expand(SHA-256, master, "isn keys v2 " + purpose, 32 bytes)    (RFC 5869)

with the purposes ``head`` and ``body`` of :mod:`isn.envelope` and ``places`` of the carriers. The
parameters are the second choice of RFC 9106, section 4: its first takes 2 GiB, which phones and
small servers do not have, and both are above what OWASP asks at least (19 MiB, t=2). The salt is
fresh for every container, so nothing can be prepared before the container is seen, and two
containers under one passphrase share no key.

A passphrase is spelled as in RFC 8265 (OpaqueString): é is the same whether a keyboard sends one
character or two. NFKC would go further and make x² of x2, which throws away what somebody typed.
Characters that Unicode has not assigned are refused, because a later Python might compose them in
another way, and the container would not open any more.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from isn.errors import ConfigError, IsnError

KEY_BYTES: Final = 32
SALT_BYTES: Final = 16

_ITERATIONS: Final = 3
_LANES: Final = 4
_MEMORY_KIB: Final = 64 * 1024
_LABEL: Final = b"isn keys v2 "
_PUBLIC: Final = b"isn public v2"
_REFUSED: Final = {
    "Cc": "a control character",
    "Cn": f"not assigned in Unicode {unicodedata.unidata_version}, which this Python knows",
    "Cs": "half a character, or a byte that is no UTF-8",
}


class Key(Protocol):
    """What gives the keys of a container, by its salt."""

    secret: bool
    """Whether somebody has to know something for it."""

    def key(self, purpose: str, salt: bytes) -> bytes:
        """The 32 bytes for one purpose.

        Args:
            purpose: what the key is for.
            salt: the container's, 16 bytes.

        Raises:
            ConfigError: the salt has another length.
            IsnError: the installed `cryptography` has no Argon2id.
        """
        ...


class Passphrase:
    """The keys of one passphrase; each salt costs one run of Argon2id.

    Args:
        text: the passphrase as it was typed, 1 character or more.

    Raises:
        ConfigError: it is empty, or holds control characters or ones that Unicode has not assigned.
    """

    secret = True

    def __init__(self, text: str) -> None:
        self._spelled = _spell(text)
        self._masters: dict[bytes, bytes] = {}

    def key(self, purpose: str, salt: bytes) -> bytes:
        """See :meth:`Key.key`."""
        if salt not in self._masters:
            self._masters[salt] = _stretch(self._spelled, _checked(salt))
        return _expanded(self._masters[salt], purpose)


class Public:
    """The keys of a container without a passphrase, which everybody can compute.

    They keep nothing secret. They make what is carried look like noise, and show a change.
    """

    secret = False

    def key(self, purpose: str, salt: bytes) -> bytes:
        """See :meth:`Key.key`."""
        master = hashlib.blake2b(_checked(salt), digest_size=KEY_BYTES, key=_PUBLIC).digest()
        return _expanded(master, purpose)


def of(passphrase: str | None) -> Key:
    """The keys of a passphrase, or the public ones.

    Raises:
        ConfigError: as :class:`Passphrase`.
    """
    return Public() if passphrase is None else Passphrase(passphrase)


def _checked(salt: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise ConfigError(
            f"the salt is {len(salt)} bytes long, not {SALT_BYTES}: give the container's"
        )
    return salt


def _expanded(master: bytes, purpose: str) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, _LABEL + purpose.encode()).derive(master)


def _spell(text: object) -> bytes:
    if not isinstance(text, str):
        raise ConfigError(f"the passphrase is a {type(text).__name__}, not text: give a str")
    if not text:
        raise ConfigError("the passphrase is empty: give one, or none at all to hide without")
    for place, each in enumerate(text, 1):
        reason = _REFUSED.get(unicodedata.category(each))
        if reason:
            # Neither the character nor the text around it: this sentence ends up in logs.
            raise ConfigError(
                f"character {place} of the passphrase is {reason}: give one without it"
            )
    spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)
    return unicodedata.normalize("NFC", spaced).encode()


def _stretch(spelled: bytes, salt: bytes) -> bytes:
    try:
        stretch = Argon2id(
            salt=salt,
            length=KEY_BYTES,
            iterations=_ITERATIONS,
            lanes=_LANES,
            memory_cost=_MEMORY_KIB,
        )
    except UnsupportedAlgorithm as error:
        raise IsnError(
            "a passphrase was given, and the installed package cryptography has no Argon2id, "
            "because its OpenSSL is older than 3.2: pip install --upgrade cryptography"
        ) from error
    return stretch.derive(spelled)
