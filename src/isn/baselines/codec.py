"""A modern codec in the low bits: what an engineer would do without any network.

AVIF files of the hidden images are the lowest bits of every sample, in order, after a header of one
byte (the number of images) and, for each image, its bytes, rows and columns (big-endian, 32 bits
each). Each sample becomes the nearest value with its bits (:mod:`isn.carriers.digits`), which costs nothing
and gives containers 2 dB better than to replace them, as the textbook does: a comparison is to be
with the method at its best. There is no error correction: it would cost rate, and with it the
method's only strength, its fidelity.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from PIL import Image, features

from isn import images
from isn.baselines.base import Sizes, check_count
from isn.carriers import digits
from isn.errors import BackendError, ImageError
from isn.images import Pixels

_COUNT = struct.Struct(">B")
_ENTRY = struct.Struct(">III")
_HIGHEST_QUALITY = 100
_LARGEST = 32_000_000
"""Pixels that a header may promise: a damaged one must not make a reveal allocate gigabytes."""


class Avif:
    """AVIF files (4:4:4, 8 bit) in 1, 2 or 3 low bits, each at the highest quality that fits.

    Args:
        bits: how many low bits of each sample carry them.

    Raises:
        BackendError: this Pillow cannot write AVIF.
    """

    fingerprint = ""
    counts = (1, 2, 3, 4, 5)

    def __init__(self, bits: int) -> None:
        if not features.check("avif"):
            raise BackendError(
                f"the baseline avif-{bits} needs AVIF, which this Pillow was built without: "
                "pip install 'pillow>=11.3', or leave this baseline out"
            )
        self.bits = bits

    @property
    def name(self) -> str:
        """`avif-1`, `avif-2` or `avif-3`."""
        return f"avif-{self.bits}"

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        where = "the lowest bit" if self.bits == 1 else f"the {self.bits} lowest bits"
        return f"AVIF files of the hidden images in {where} of every sample"

    def room(self, host: tuple[int, int], count: int) -> int:
        """Bytes that each of `count` images may take in a host of (height, width)."""
        capacity = 3 * host[0] * host[1] * self.bits // 8
        return (capacity - _COUNT.size - count * _ENTRY.size) // count

    def hide(self, host: Pixels, hidden: Sequence[Pixels]) -> Pixels:
        """Hides images, each in an equal share of the low bits."""
        check_count(self, len(hidden))
        height, width = host.shape[:2]
        room = self.room((height, width), len(hidden))
        # libavif works outside the interpreter's lock, so that each image has a core of its own.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            files = list(pool.map(lambda picture: fitting(picture, room), hidden))
        entries = [
            _ENTRY.pack(len(file), *picture.shape[:2])
            for file, picture in zip(files, hidden, strict=True)
        ]
        return embed(host, b"".join((_COUNT.pack(len(files)), *entries, *files)), self.bits)

    def carried(self, hidden: Pixels, host: tuple[int, int]) -> Pixels:
        """The image itself: the codec works in its size."""
        del host
        return hidden

    def files(self, container: Pixels, count: int) -> list[tuple[bytes, tuple[int, int]]] | None:
        """The hidden files and the (height, width) of their images, None where they are lost."""
        content = extract(container, self.bits)
        start = _COUNT.size + count * _ENTRY.size
        if len(content) < start or _COUNT.unpack_from(content)[0] != count:
            return None
        found = []
        for k in range(count):
            size, height, width = _ENTRY.unpack_from(content, _COUNT.size + k * _ENTRY.size)
            if not 1 <= height * width <= _LARGEST or start + size > len(content):
                return None
            found.append((content[start : start + size], (height, width)))
            start += size
        return found

    def reveal(
        self, container: Pixels, count: int, sizes: Sizes | None = None
    ) -> list[Pixels | None]:
        """Reveals the images; None for each that no longer decodes."""
        del sizes
        check_count(self, count)
        found = self.files(container, count)
        if found is None:
            return [None] * count
        return [_decoded(file, size) for file, size in found]


def encode(pixels: Pixels, quality: int) -> bytes:
    """An AVIF file, 4:4:4.

    Args:
        pixels: uint8, H x W x 3.
        quality: 0 to 100, as Pillow and libavif count.
    """
    buffer = io.BytesIO()
    # One thread, for libaom's output depends on how many there are.
    Image.fromarray(pixels).save(
        buffer, "AVIF", quality=quality, subsampling="4:4:4", speed=6, max_threads=1
    )
    return buffer.getvalue()


class Encoded:
    """Keeps the last AVIF files, for the searches of several rooms ask for the same ones.

    An evaluation hides each image in several hosts, alone and among others, in 1, 2 and 3 bits:
    searched one by one, eight of ten files would be made again.

    Args:
        room: bytes that the files may take together.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._files: OrderedDict[tuple[bytes, int], bytes] = OrderedDict()
        self._taken = 0
        self._lock = Lock()

    def get(self, name: bytes, pixels: Pixels, quality: int) -> bytes:
        """The file of the picture called `name`, encoded if it is not there.

        Args:
            name: of exactly these pixels.
            pixels: uint8, H x W x 3.
            quality: as for :func:`encode`.
        """
        key = (name, quality)
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
                return self._files[key]
        file = encode(pixels, quality)
        with self._lock:
            if key not in self._files:
                self._files[key] = file
                self._taken += len(file)
            while self._taken > self._room:
                self._taken -= len(self._files.popitem(last=False)[1])
        return file


_ENCODED = Encoded(64_000_000)


def _name(pixels: Pixels) -> bytes:
    """By which a picture is known again: its size and a hash of its samples."""
    size = struct.pack(">II", *pixels.shape[:2])
    return hashlib.blake2b(size + pixels.tobytes(), digest_size=32).digest()


def fitting(pixels: Pixels, room: int) -> bytes:
    """The AVIF file of the highest quality that has at most `room` bytes.

    An image that does not fit at the lowest quality is halved until it does.

    Raises:
        ImageError: not even its smallest version fits.
    """
    while True:
        name = _name(pixels)
        best, low, high = _ENCODED.get(name, pixels, 0), 0, _HIGHEST_QUALITY
        if len(best) <= room:
            while low < high:
                middle = (low + high + 1) // 2
                file = _ENCODED.get(name, pixels, middle)
                if len(file) <= room:
                    best, low = file, middle
                else:
                    high = middle - 1
            return best
        height, width = pixels.shape[:2]
        if max(height, width) <= 1:
            raise ImageError(
                f"the low bits of the host have {max(room, 0)} bytes for each hidden image, less "
                f"than an AVIF file needs: take a larger host, or fewer images"
            )
        pixels = images.resize(pixels, max(1, height // 2), max(1, width // 2))


def embed(host: Pixels, content: bytes, bits: int) -> Pixels:
    """Puts content into the low bits of the host's samples, in order; those behind it stay.

    Args:
        host: uint8, H x W x 3.
        content: at most 3 * H * W * bits / 8 bytes.
        bits: how many low bits of a sample, 1 to 7.
    """
    stream = np.unpackbits(np.frombuffer(content, np.uint8))
    padded = np.pad(stream, (0, -stream.size % bits))
    values = padded.reshape(-1, bits) @ (1 << np.arange(bits)[::-1]).astype(np.uint8)
    samples = host.reshape(-1).copy()
    samples[: values.size] = digits.carry(samples[: values.size], values, 1 << bits)
    container: Pixels = samples.reshape(host.shape)
    return container


def extract(container: Pixels, bits: int) -> bytes:
    """All low bits of a container, as :func:`embed` put them there."""
    samples = np.ascontiguousarray(container).reshape(-1)
    stream = np.unpackbits(samples[:, None], axis=1)[:, 8 - bits :].reshape(-1)
    return np.packbits(stream[: stream.size // 8 * 8]).tobytes()


def _decoded(file: bytes, size: tuple[int, int]) -> Pixels | None:
    try:
        return images.resize(images.read(file).pixels, *size)
    except ImageError:
        return None
