"""What is carried: a salt, a sealed head of fixed length, and a sealed body.

::

    salt   16 bytes   random with a passphrase; without one, a digest of what is sealed
    head   38 bytes   version 1, number of the code, fingerprint, length of the body; and its tag
    body   n + 16     what the code made of the secret, and its tag

Head and body are ChaCha20-Poly1305 (RFC 8439), each under a key of its own from the salt
(:mod:`isn.keys`), so that a nonce of zeros is used once; the body's tag covers the head too.
Nothing lies in the open: no magic, no length, no fixed value. To somebody without the passphrase
all of it is as random as the salt.

A head that does not open is :class:`~isn.errors.NoSeal`, a body that does not is
:class:`~isn.errors.AlteredContainer`. Without a passphrase this shows damage and proves no author:
anybody can seal, so that what was opened is still not to be believed.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from isn.errors import AlteredContainer, NoSeal, UnknownModel
from isn.keys import SALT_BYTES, Key

FINGERPRINT_BYTES: Final = 16
TAG_BYTES: Final = 16

_VERSION: Final = 1
_HEAD: Final = struct.Struct(f"<BB{FINGERPRINT_BYTES}sI")
_NONCE: Final = bytes(12)

HEAD_BYTES: Final = SALT_BYTES + _HEAD.size + TAG_BYTES
"""Bytes of salt and sealed head together: 54."""

LONGEST: Final = 2**31 - 1 - TAG_BYTES
"""Bytes that a body may have, before its tag."""


@dataclass(frozen=True)
class Head:
    """What a head says.

    Attributes:
        number: of the code, 0 to 255.
        fingerprint: 16 bytes, of the code's architecture and tensors.
        length: of the body without its tag, in bytes.
    """

    number: int
    fingerprint: bytes
    length: int

    @property
    def sealed_length(self) -> int:
        """Bytes of the sealed body."""
        return self.length + TAG_BYTES


@dataclass(frozen=True)
class Sealed:
    """A closed envelope.

    Attributes:
        head: salt and sealed head, 54 bytes.
        body: the sealed body.
    """

    head: bytes
    body: bytes


def salt_for(number: int, content: bytes, key: Key) -> bytes:
    """A salt: random where there is a passphrase, else a digest of what is to be sealed.

    Args:
        number: of the code.
        content: that is sealed, or something that stands for it.
        key: whose keys will seal it.
    """
    if key.secret:
        return os.urandom(SALT_BYTES)
    return hashlib.blake2b(bytes([number]) + content, digest_size=SALT_BYTES).digest()


def close(
    number: int, fingerprint: bytes, payload: bytes, key: Key, salt: bytes | None = None
) -> Sealed:
    """Seals a payload.

    Args:
        number: of the code that made it.
        fingerprint: of that code, 16 bytes.
        payload: at most :data:`LONGEST` bytes.
        key: whose keys seal it.
        salt: that :func:`salt_for` gave; None: a new one.
    """
    salt = salt_for(number, payload, key) if salt is None else salt
    content = _HEAD.pack(_VERSION, number, fingerprint, len(payload))
    head = salt + ChaCha20Poly1305(key.key("head", salt)).encrypt(_NONCE, content, None)
    body = ChaCha20Poly1305(key.key("body", salt)).encrypt(_NONCE, payload, head)
    return Sealed(head, body)


def open_head(head: bytes, key: Key) -> Head:
    """What a head says.

    Args:
        head: 54 bytes from anywhere.
        key: whose keys are tried.

    Raises:
        NoSeal: these keys do not open it.
        UnknownModel: it is of a later version.
    """
    salt, sealed = head[:SALT_BYTES], head[SALT_BYTES:]
    try:
        content = ChaCha20Poly1305(key.key("head", salt)).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        raise NoSeal("no head opens with this key") from None
    version, number, fingerprint, length = _HEAD.unpack(content)
    if version != _VERSION:
        raise UnknownModel(
            f"the container is of version {version}, this isn reads version {_VERSION}: upgrade isn"
        )
    return Head(number, fingerprint, length)


def open_body(head: bytes, body: bytes, key: Key) -> bytes:
    """The payload of a body whose head was opened.

    Args:
        head: as for :func:`open_head`, which opened it.
        body: the sealed body.
        key: as for :func:`open_head`.

    Raises:
        AlteredContainer: the body is not the one that was sealed.
    """
    try:
        return ChaCha20Poly1305(key.key("body", head[:SALT_BYTES])).decrypt(_NONCE, body, head)
    except InvalidTag:
        raise AlteredContainer("what it carries was changed after it was made") from None
