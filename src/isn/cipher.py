"""A code under a key, so that it is as good as random to everybody else.

The stream of ChaCha20 (RFC 8439), whose key is of one container alone. A code that no passphrase
protects is enciphered under a key that anybody can compute: that keeps nothing secret, but last
digits that are all as frequent give nothing away to who counts them.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

KEY_BYTES: Final = 32
_START: Final = bytes(16)
"""Counter and nonce; no key is used twice."""
_LABEL: Final = b"isn code v1"


def public_key(salt: bytes) -> bytes:
    """The key of a container without a passphrase, 32 bytes."""
    return hashlib.blake2b(salt, digest_size=KEY_BYTES, key=_LABEL).digest()


def enciphered(content: bytes, key: bytes) -> bytes:
    """The content under a key; enciphered again under it, the content.

    Args:
        content: any bytes.
        key: 32 bytes, of this container alone.
    """
    stream = Cipher(ChaCha20(key, _START), mode=None).encryptor()
    return stream.update(content) + stream.finalize()
