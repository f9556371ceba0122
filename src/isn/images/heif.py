"""HEIF files, as phones store photos (HEIC), read in a process of its own.

The decoder is a library that has crashed on damaged files, and a crash would take this process
with it. It costs a start of Python for each file, and keeps others' Pillow as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from isn.images.picture import MAX_PIXELS

FORMAT = "HEIF"
_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)


def accepts(prefix: bytes) -> bool:
    """Whether a file that begins like this may be one."""
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _BRANDS


def open_heif(stream: BinaryIO) -> Image.Image:
    """The main picture of a file, upright, 8 bits a sample, with its profile in `info`.

    Of one with more than `MAX_PIXELS`, the size is right and there are no samples.

    Raises:
        OSError: it is damaged.
        MemoryError: there is not enough memory.
    """
    # Late, as few files need them.
    import json
    import signal
    import subprocess

    script = Path(__file__).with_name("heif_process.py")
    done = subprocess.run(
        # The same modules as here, wherever this process has them from.
        [sys.executable, "-I", str(script), json.dumps(sys.path), str(MAX_PIXELS)],
        input=stream.read(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if sys.platform != "win32" and done.returncode == -signal.SIGKILL:
        raise MemoryError
    if done.returncode:
        raise OSError("its decoder crashed")
    line, _, rest = done.stdout.partition(b"\n")
    answer = json.loads(line)
    if answer.get("memory"):
        raise MemoryError
    if "error" in answer:
        raise OSError(answer["error"])
    size = (int(answer["size"][0]), int(answer["size"][1]))
    if "profile" not in answer:
        return _Unread(size)
    cut = int(answer["profile"])
    image = Image.frombytes(answer["mode"], size, memoryview(rest)[cut:])
    image.format = FORMAT
    image.info = {"bit_depth": answer["bit_depth"], "icc_profile": rest[:cut]}
    return image


class _Unread(Image.Image):
    """An image of which only the size is known."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self._size = size
