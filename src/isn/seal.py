"""The seal: what a container says about itself, in its own least significant bits.

Layout, version 1. A *position* is the index of a sample in C order over ``(height, width, 3)``;
each takes one bit, most significant bit of a byte first. Integers are little-endian.

====  =========  ===============================================================================
part  bytes      content
====  =========  ===============================================================================
salt  16         at positions that follow from the shape alone
body  91 + 16    at positions that follow from secret, salt and shape: ChaCha20-Poly1305 of:
..    1          version, 1
..    1          flags, 0
..    1          number of hidden images, 1 to 5
..    16         fingerprint of the model
..    5 x (4+4)  height and width of each hidden image, 0 where there is none
..    32         BLAKE2b-256 of shape and samples: ``v >> 1`` where salt and body lie, else ``v``
====  =========  ===============================================================================

Every key comes from one function, with ``lp(x)`` one byte of length and then ``x``, and ``shape``
height and width as uint64::

    stream(purpose) = SHAKE-256("isn seal v1" + lp(purpose) + lp(secret) + lp(salt) + shape)

``stream("key")`` is the 32-byte key and the 12-byte nonce. ``stream("body")`` is uint64 numbers
modulo the number of samples, less repeated ones and the salt's positions. ``stream("salt")`` gives
those likewise, from an empty secret and salt. Associated data is ``"isn seal v1" + shape``. A
later content raises the version; a later layout changes the label, and this reader finds no seal.

**What it promises.** Integrity: change one sample, and the container no longer reads as intact.
Without a passphrase the secret is empty and this is no authenticity: anybody can read or forge a
seal, so nothing in it is believed beyond the bounds that :func:`find` checks. With a secret it is
both, and the hidden images are scrambled as :mod:`isn.scramble` says. A PNG text chunk would
announce the payload and be lost with the first change of format. The price is at most 984 samples
changed by one level, on average half of them: 56 dB at 32x32, 86 dB at a megapixel.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal
from isn.images import MAX_PIXELS
from isn.paper.config import MAX_HIDDEN
from isn.paper.weights import FINGERPRINT_BYTES

Pixels: TypeAlias = npt.NDArray[np.uint8]
Positions: TypeAlias = npt.NDArray[np.int64]
SecretFor: TypeAlias = Callable[[bytes], bytes]
"""From a container's 16-byte salt to a 32-byte secret, as Argon2id of a passphrase gives it."""

MIN_SIDE: Final = 32
SALT_BYTES: Final = 16
SECRET_BYTES: Final = 32

SAMPLES: Final = 984
"""How many samples of a container the seal lies in."""

_VERSION: Final = 1
_LABEL: Final = b"isn seal v1"
_CONTENT: Final = struct.Struct(f"<BBB{FINGERPRINT_BYTES}s{2 * MAX_HIDDEN}I32s")
_BODY_BITS: Final = 8 * (_CONTENT.size + 16)
_STRIP_BYTES: Final = 1 << 20
_NOWHERE: Final = np.empty(0, np.int64)


@dataclass(frozen=True)
class Seal:
    """What a reveal must know.

    Args:
        fingerprint: The 16 bytes that name the model.
        sizes: (height, width) of each of the 1 to 5 hidden images, sides from 1, each image at
            most 100 megapixels.

    Raises:
        ConfigError: If one of them is out of its range.
    """

    fingerprint: bytes
    sizes: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not _is_bytes(self.fingerprint, FINGERPRINT_BYTES):
            raise ConfigError(
                f"the fingerprint {self.fingerprint!r} is not {FINGERPRINT_BYTES} bytes; "
                "pass the one that names the model"
            )
        if not _are_sizes(self.sizes):
            raise ConfigError(
                f"the sizes {self.sizes!r} are not a tuple of 1 to {MAX_HIDDEN} (height, width) of "
                f"whole numbers from 1 with at most {MAX_PIXELS} pixels each; "
                "pass those of fewer, smaller or non-empty images"
            )

    @property
    def count(self) -> int:
        """Number of hidden images, 1 to 5."""
        return len(self.sizes)


@dataclass(frozen=True)
class Found:
    """A seal whose tag holds, and whether the pixels are those that were sealed."""

    seal: Seal
    intact: bool


def largest_hidden(height: int, width: int) -> int:
    """Return how many pixels one hidden image may have in a container of this height and width.

    Sixteen times the container's, at least 32 and at most 100 megapixels: a seal can be forged,
    and a small file must not make a reveal allocate a huge picture.
    """
    return min(MAX_PIXELS, max(32_000_000, 16 * height * width))


def stamp(
    pixels: Pixels,
    seal: Seal,
    *,
    salt: bytes | None = None,
    secret_for: SecretFor | None = None,
) -> Pixels:
    """Return a sealed copy of a container.

    Args:
        pixels: uint8 array ``(height, width, 3)``, each side at least 32; stays as it is.
        seal: What the container is to say about itself.
        salt: 16 bytes; with a secret, random ones for every container. None: a hash of pixels
            and seal, so that the same input gives the same container.
        secret_for: Gives the 32-byte secret for a salt. None: a public seal.

    Returns:
        uint8 array of the same shape; at most 984 samples differ, each by one level.

    Raises:
        ImageError: If the array is not such an image, or a hidden image exceeds
            :func:`largest_hidden`.
        ConfigError: If salt or secret has another length, or there is a secret and no salt.
    """
    height, width = _shape_of(pixels)
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"the image is {width}x{height}, and a seal needs {MIN_SIDE}x{MIN_SIDE}; "
            "take a larger host"
        )
    limit = largest_hidden(height, width)
    for rows, columns in seal.sizes:
        if rows * columns > limit:
            raise ImageError(
                f"a hidden image is {columns}x{rows}, and a container of {width}x{height} takes "
                f"at most {limit} pixels each; make it smaller or take a larger host"
            )
    if salt is None:
        # Under a secret, two seals with one salt would share their key and nonce.
        if secret_for is not None:
            raise ConfigError("a secret was given without a salt; pass 16 fresh random bytes")
        salt = _pixel_hash(pixels, _NOWHERE, _pack(seal, bytes(32)))[:SALT_BYTES]
    elif not _is_bytes(salt, SALT_BYTES):
        raise ConfigError(f"the salt {salt!r} is not {SALT_BYTES} bytes; pass fresh random ones")

    lock = _lock((height, width), salt, secret_for)
    stamped = np.array(pixels, order="C")
    _embed(stamped, lock, _pack(seal, _pixel_hash(stamped, lock.positions)))
    return stamped


def find(pixels: Pixels, *, secret_for: SecretFor | None = None) -> Found:
    """Look for a seal; one over altered pixels is an answer here, not an error.

    Memory beside the image: a few megabytes, or a 32nd of the image where that is more.

    Args:
        pixels: uint8 array ``(height, width, 3)`` of any size, from anywhere.
        secret_for: Gives the 32-byte secret for a salt. None: look for a public seal.

    Returns:
        The seal, within the bounds of :class:`Seal` and :func:`largest_hidden`, and whether every
        sample is as it was sealed.

    Raises:
        NoSeal: If no seal opens, or one that this version never writes.
        ImageError: If the array is no 8-bit RGB image.
        ConfigError: If the secret is not 32 bytes.
    """
    height, width = _shape_of(pixels)
    if min(height, width) < MIN_SIDE:
        raise NoSeal(
            f"the image is {width}x{height}, and the smallest container is {MIN_SIDE}x{MIN_SIDE}; "
            "pass the file as it was written when hiding"
        )
    lock = _lock((height, width), salt_of(pixels), secret_for)
    body = _read_bits(pixels, lock.positions[8 * SALT_BYTES :])
    try:
        content = ChaCha20Poly1305(lock.key).decrypt(lock.nonce, body, lock.associated)
    except InvalidTag:
        key = "needs a passphrase" if secret_for is None else "has another passphrase"
        raise NoSeal(
            f"no seal opens in this {width}x{height} image, which is no container, or was saved as "
            f"a lossy file, resized, cropped or edited, or {key}; "
            "pass the file as it was written when hiding"
        ) from None
    seal, sealed_hash = _unpack(content, (height, width))
    return Found(seal, intact=_pixel_hash(pixels, lock.positions) == sealed_hash)


def salt_of(pixels: Pixels) -> bytes:
    """Return the 16 bytes where a container has its salt; of any other image, arbitrary ones.

    Args:
        pixels: uint8 array ``(height, width, 3)``, each side at least 32.

    Raises:
        ImageError: If the array is no 8-bit RGB image.
    """
    return _read_bits(pixels, _salt_positions(_shape_of(pixels)))


def elsewhere(
    shape: tuple[int, int], salt: bytes, secret_for: SecretFor | None = None
) -> npt.NDArray[np.bool_]:
    """Return where the seal of a container of this shape and salt does not lie.

    Args:
        shape: Height and width, each at least 32.
        salt: 16 bytes.
        secret_for: As for :func:`stamp`.

    Returns:
        One truth for each sample, ``3 * height * width`` of them, all but 984 true.
    """
    free = np.ones(3 * shape[0] * shape[1], bool)
    free[_lock(shape, salt, secret_for).positions] = False
    return free


def read(pixels: Pixels, *, secret_for: SecretFor | None = None) -> Seal:
    """Return the seal of an intact container; arguments and errors are those of :func:`find`.

    Raises:
        AlteredContainer: If a seal opens, but the pixels are not those that were sealed.
    """
    found = find(pixels, secret_for=secret_for)
    if not found.intact:
        raise AlteredContainer(
            f"the seal of this {pixels.shape[1]}x{pixels.shape[0]} container opens, but its pixels "
            "were changed after hiding; pass the file as it was written when hiding"
        )
    return found.seal


@dataclass(frozen=True)
class _Lock:
    """Where the seal of one container lies, salt first, and what opens its body."""

    salt: bytes
    positions: Positions
    key: bytes
    nonce: bytes
    associated: bytes


def _lock(shape: tuple[int, int], salt: bytes, secret_for: SecretFor | None) -> _Lock:
    secret = b"" if secret_for is None else secret_for(salt)
    if secret_for is not None and not _is_bytes(secret, SECRET_BYTES):
        raise ConfigError(
            f"the secret for a salt is {len(secret)} long, not {SECRET_BYTES} bytes; "
            "pass a function that derives exactly as many"
        )
    key = _stream("key", shape, 32 + 12, secret, salt)
    positions = _draw("body", shape, _BODY_BITS, _salt_positions(shape), secret, salt)
    return _Lock(salt, positions, key[:32], key[32:], _LABEL + struct.pack("<QQ", *shape))


@lru_cache(maxsize=8)
def _salt_positions(shape: tuple[int, int]) -> Positions:
    positions = _draw("salt", shape, 8 * SALT_BYTES, _NOWHERE)
    positions.flags.writeable = False
    return positions


def _draw(
    purpose: str, shape: tuple[int, int], count: int, taken: Positions, *keys: bytes
) -> Positions:
    """Append to ``taken`` the first ``count`` distinct positions of a stream that are not in it.

    A longer stream begins with the shorter one, so how much is drawn at once does not show. Fewer
    positions are wanted than there are samples (984 of at least 3072), so this ends.
    """
    wanted, draws = taken.size + count, 2 * count
    while True:
        numbers = np.frombuffer(_stream(purpose, shape, 8 * draws, *keys), "<u8")
        drawn = (numbers % np.uint64(3 * shape[0] * shape[1])).astype(np.int64)
        candidates = np.concatenate([taken, drawn])
        first_seen = np.sort(np.unique(candidates, return_index=True)[1])
        if first_seen.size >= wanted:
            return candidates[first_seen[:wanted]]
        draws *= 2


def _stream(
    purpose: str, shape: tuple[int, int], size: int, secret: bytes = b"", salt: bytes = b""
) -> bytes:
    parts = [bytes([len(part)]) + part for part in (purpose.encode(), secret, salt)]
    return hashlib.shake_256(b"".join([_LABEL, *parts, struct.pack("<QQ", *shape)])).digest(size)


def _pixel_hash(pixels: Pixels, positions: Positions, context: bytes = b"") -> bytes:
    """Hash shape, context and samples, these without their lowest bit at ``positions``."""
    height, width, _ = pixels.shape
    digest = hashlib.blake2b(struct.pack("<QQ", height, width) + context, digest_size=32)
    ordered = np.sort(positions)
    # Strip by strip, so that an image of 100 megapixels is never copied whole.
    rows = max(1, _STRIP_BYTES // (3 * width))
    for top in range(0, height, rows):
        strip = np.array(pixels[top : top + rows], order="C").reshape(-1)
        start = 3 * width * top
        first, end = np.searchsorted(ordered, [start, start + strip.size])
        strip[ordered[first:end] - start] >>= 1
        digest.update(strip.data)
    return digest.digest()


def _pack(seal: Seal, pixel_hash: bytes) -> bytes:
    sides = [side for size in seal.sizes for side in size]
    sides += [0] * (2 * MAX_HIDDEN - len(sides))
    return _CONTENT.pack(_VERSION, 0, seal.count, seal.fingerprint, *sides, pixel_hash)


def _unpack(content: bytes, shape: tuple[int, int]) -> tuple[Seal, bytes]:
    version, flags, count, fingerprint, *sides, pixel_hash = _CONTENT.unpack(content)
    if version != _VERSION or flags:
        raise NoSeal(
            f"the seal is of version {version} with flags {flags}, made by a newer isn, and this "
            f"one reads version {_VERSION} with flags 0; upgrade isn"
        )
    sizes = tuple(zip(sides[::2], sides[1::2], strict=True))
    limit = largest_hidden(*shape)
    sound = all(1 <= rows * columns <= limit for rows, columns in sizes[:count])
    if not (1 <= count <= MAX_HIDDEN and sound and not any(sides[2 * count :])):
        raise NoSeal(
            f"the seal claims {count} hidden images of (height, width) {sizes}, which isn never "
            f"writes into {shape[1]}x{shape[0]} pixels; do not trust this file, it was forged"
        )
    return Seal(fingerprint, sizes[:count]), pixel_hash


def _embed(pixels: Pixels, lock: _Lock, content: bytes) -> None:
    """Seal any content into a C-contiguous image, in place."""
    body = ChaCha20Poly1305(lock.key).encrypt(lock.nonce, content, lock.associated)
    bits = np.unpackbits(np.frombuffer(lock.salt + body, np.uint8))
    samples = pixels.reshape(-1)
    samples[lock.positions] = samples[lock.positions] & 0xFE | bits


def _read_bits(pixels: Pixels, positions: Positions) -> bytes:
    # Indexed by axis, because flattening would copy an image that is not contiguous.
    samples = pixels[np.unravel_index(positions, pixels.shape)]
    return np.packbits(samples & 1).tobytes()


def _is_bytes(value: object, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size


def _are_sizes(sizes: object) -> bool:
    if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= MAX_HIDDEN:
        return False
    for size in sizes:
        if not isinstance(size, tuple) or [type(side) for side in size] != [int, int]:
            return False
        if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
            return False
    return True


def _shape_of(pixels: object) -> tuple[int, int]:
    """Check that this is an 8-bit RGB image, and return its height and width."""
    given = f"a {type(pixels).__name__}"
    if isinstance(pixels, np.ndarray):
        if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
            return pixels.shape[0], pixels.shape[1]
        given = f"a {pixels.dtype} array of shape {pixels.shape}"
    raise ImageError(
        f"the image is {given}, not a uint8 array of shape (height, width, 3); "
        "convert it to 8-bit RGB first"
    )
