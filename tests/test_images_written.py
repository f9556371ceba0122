"""Image files out: lossless, whole or not at all, and like the file that they stand for."""

from __future__ import annotations

import os
import signal
import stat
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from isn import atomic
from isn.errors import ImageError, OutputError
from isn.images import LOSSLESS, Picture, check_output, encode, encoding, quick, read, write

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [*LOSSLESS, ".PNG", ".Tiff"])
def test_written_files_hold_the_pixels_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write(path, RGB)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    np.testing.assert_array_equal(read(path).pixels, RGB)
    with Image.open(path) as image:
        assert image.format == LOSSLESS[suffix.lower()]
        image.load()
        # Pillow tells of a TIFF's resolution, which is a default, not a tag of the file.
        assert set(image.info) <= {"compression", "dpi", "resolution", "loop", "background"} | {
            "timestamp",
            "duration",
        }
        # What a TIFF cannot do without, and the predictor.
        required = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317}
        assert set(getattr(image, "tag_v2", ())) <= required
    assert path.read_bytes() == encode(RGB, LOSSLESS[suffix.lower()])


def test_a_png_has_no_more_chunks_than_it_needs() -> None:
    content, at, chunks = encode(RGB), 8, set()
    while at < len(content):
        chunks.add(content[at + 4 : at + 8])
        at += 12 + struct.unpack_from(">I", content, at)[0]
    assert chunks == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.jpe", "a.gif", "a.avif", "a.heic", "a.jxl"])
def test_lossy_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"lossy and destroys what is hidden.*\.png"):
        check_output(tmp_path / name)
    with pytest.raises(OutputError, match="lossy"):
        write(tmp_path / name, RGB)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.bmp", "a.ppm", "a.txt", ".png", "a.png.gz", "a."])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"give a name that ends in \.png") as caught:
        check_output(tmp_path / name)
    assert "lossy" not in str(caught.value)


def test_an_existing_file_is_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="is there already"):
        check_output(path)
    with pytest.raises(OutputError, match="is there already"):
        write(path, RGB)
    assert path.read_bytes() == b"precious"
    check_output(path, overwrite=True)
    write(path, RGB, overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, RGB)
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for path, reason in (
        (tmp_path / "none" / "a.png", "folder is missing"),
        (tmp_path / "file" / "a.png", "not a folder|Not a directory"),
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / ("a" * 300 + ".png"), "too long"),
        ("a\0.png", "null"),
    ):
        for overwrite in (False, True):
            with pytest.raises(OutputError, match=reason):
                check_output(path, overwrite=overwrite)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="not yours to write in"):
        check_output(tmp_path / "a.png")


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OutputError, match="not a file"):
        write(tmp_path / "pipe.png", RGB, overwrite=True)
    assert (tmp_path / "pipe.png").is_fifo()


def test_webp_ends_at_16383() -> None:
    check_output("a.webp", size=(16383, 16383))
    for size in ((16384, 1), (1, 16384)):
        check_output("a.png", size=size)
        with pytest.raises(OutputError, match="16383"):
            check_output("a.webp", size=size)
    with pytest.raises(OutputError, match="16383"):
        encode(np.zeros((1, 16384, 3), np.uint8), "WEBP")


def test_encode_refusals() -> None:
    for fmt in ("JPEG", "BMP", "png"):
        with pytest.raises(OutputError, match="not offered"):
            encode(RGB, fmt)
    for array in (GREY, RGB.astype(float), RGB[:0]):
        with pytest.raises(ImageError, match="H x W x 3"):
            encode(array)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_a_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "a.png", RGB)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o666 & ~umask


def test_symbolic_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link.png", tmp_path / "far" / "real.png"
    link.symlink_to(target)
    write(link, RGB)
    assert link.is_symlink()
    np.testing.assert_array_equal(read(target).pixels, RGB)
    with pytest.raises(OutputError, match="is there already"):
        write(link, RGB)
    write(link, RGB[::-1].copy(), overwrite=True)
    assert link.is_symlink()
    np.testing.assert_array_equal(read(target).pixels, RGB[::-1])
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    with pytest.raises(OutputError):
        write(loop, RGB)


def _no_links(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


def _without(monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    """A file system that lacks hard links (1), and a rename that replaces nothing too (2)."""
    if missing > 0:
        monkeypatch.setattr(os, "link", _no_links)
    if missing > 1:
        monkeypatch.setattr(atomic, "_rename_to_new", _no_links)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    path = tmp_path / "a.png"
    fsync = os.fsync

    def appear(descriptor: int) -> None:
        fsync(descriptor)
        path.write_bytes(b"precious")

    monkeypatch.setattr(os, "fsync", appear)
    _without(monkeypatch, missing)
    with pytest.raises(OutputError, match="is there already"):
        write(path, RGB)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("missing", [1, 2])
def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    _without(monkeypatch, missing)
    write(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(read(tmp_path / "a.png").pixels, RGB)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool, error: BaseException
) -> None:
    path = tmp_path / "a.png"
    if overwrite:
        path.write_bytes(b"precious")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="No space left" if expected is OutputError else None):
        write(path, RGB, overwrite=overwrite)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"precious"] * overwrite


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_the_rename_replaces_nothing(tmp_path: Path) -> None:
    part, target = tmp_path / "part", tmp_path / "a.png"
    part.write_bytes(b"new")
    target.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        atomic._rename_to_new(part, target)
    assert (part.read_bytes(), target.read_bytes()) == (b"new", b"precious")
    target.unlink()
    atomic._rename_to_new(part, target)
    assert not part.exists()
    assert target.read_bytes() == b"new"


_KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from isn import atomic
from isn.images import write

def no(*_): raise PermissionError(1, "Operation not permitted")

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

def main(missing, place, step, after):
    if missing > 0: os.link = no
    if missing > 1: atomic._rename_to_new = no
    owner, name = {"os": os, "atomic": atomic, "Path": Path}[step.split(".")[0]], step.split(".")[1]
    real = getattr(owner, name)
    def killed(*given, **named):
        if after == "after": real(*given, **named)
        die()
    setattr(owner, name, killed)
    write(place, np.full((20, 30, 3), 7, np.uint8))

# A process for each line, of one that has imported everything.
for line in sys.stdin:
    missing, place, step, after = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        try: main(int(missing), place, step, after)
        finally: os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
Kill = tuple[int, str, str]
_KILLS: list[Kill] = [
    (missing, step, after)
    for missing, step in (
        (0, "os.fsync"), (0, "os.link"), (1, "atomic._rename_to_new"), (2, "Path.rename"),
        (0, "Path.unlink"),
    )
    for after in ("before", "after")
]  # fmt: skip


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[Kill, tuple[Path, int]]:
    """The file that each killed process was to write, alone in its folder, and how it ended."""
    paths = {each: tmp_path_factory.mktemp("killed") / "a.png" for each in _KILLS}
    lines = [f"{kill[0]}\t{path}\t{kill[1]}\t{kill[2]}\n" for kill, path in paths.items()]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED],
        input="".join(lines), check=True, capture_output=True, text=True,
    )  # fmt: skip
    ends = map(int, done.stdout.split())
    return {kill: (path, end) for (kill, path), end in zip(paths.items(), ends, strict=True)}


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed like that there")
@pytest.mark.parametrize(("missing", "step", "after"), _KILLS)
def test_a_killed_write_leaves_no_part_of_a_file_under_the_name(
    killed: dict[Kill, tuple[Path, int]], missing: int, step: str, after: str
) -> None:
    path, end = killed[missing, step, after]
    assert end == -signal.SIGKILL
    if path.exists():
        np.testing.assert_array_equal(read(path).pixels, np.full((20, 30, 3), 7))
    assert path.exists() == ((step, after) not in {
        ("os.fsync", "before"), ("os.fsync", "after"), ("os.link", "before"),
        ("atomic._rename_to_new", "before"), ("Path.rename", "before"),
    })  # fmt: skip


def _ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_what_killed_writes_left_is_removed(tmp_path: Path) -> None:
    ended, alive, digits = _ended_process(), os.getpid(), "0123456789abcdef"
    names = {
        f".isn-{ended}-{digits}.part": 2,
        f".isn-{ended}-{digits[::-1]}.part": 0.5,
        f".isn-{alive}-{digits}.part": 2,
        f".isn-{ended}-{digits}.part.png": 2,
        f"isn-{ended}-{digits}.part": 2,
    }
    for name, hours in names.items():
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - 3600 * hours,) * 2)
    write(tmp_path / "a.png", RGB)
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {*list(names)[1:], "a.png"}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name", ["a" * 300 + ".png", "b/" * 3000 + "a.png", "a\0.png", "\ud800.png", "a\nb\x1b[2J.bmp"]
)
def test_impossible_names_are_one_sentence(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}"
    for act in (check_output, lambda each: write(each, RGB)):
        with pytest.raises(OutputError) as caught:
            act(path)
        said = str(caught.value)
        assert len(said) < 700
        assert said.encode().decode().isprintable()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    write(path, RGB)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.name.endswith("caf\\udce9.png")
    with pytest.raises(OutputError, match=r"caf\\udce9\.png is there already"):
        write(path, RGB)


# ---------------------------------------------------------------- permissions


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_a_replaced_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path, RGB, overwrite=True)
    np.testing.assert_array_equal(read(path).pixels, RGB)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_nobody_else_can_read_what_replaces_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    monkeypatch.setattr(os, "fsync", lambda number: seen.append(os.fstat(number).st_mode & 0o777))
    write(path, RGB, overwrite=True)
    assert seen == [0o600]


# ---------------------------------------------------------------- like another file


def chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each chunk of a PNG, its check sums looked at."""
    found, at = [], 8
    while at < len(content):
        length = struct.unpack_from(">I", content, at)[0]
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert content[at + 8 + length : at + 12 + length] == struct.pack(
            ">I", zlib.crc32(kind + body)
        )
        found.append((kind, body))
        at += 12 + length
    return found


def with_chunks(content: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks behind its header."""
    added = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in more
    )
    return content[:33] + added + content[33:]


ABOUT = (
    (b"gAMA", struct.pack(">I", 45455)),
    (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    (b"sRGB", b"\0"),
    (b"cICP", b"\x01\x0d\0\x01"),
    (b"pHYs", struct.pack(">IIB", 3780, 2835, 1)),
)


def test_a_container_tells_of_itself_what_its_host_does(tmp_path: Path) -> None:
    told = with_chunks(encode(RGB), *ABOUT, (b"tEXt", b"Author\0me"), (b"tIME", bytes(7)))
    host = read(told)
    assert host.chunks == ABOUT
    content = encode(RGB ^ 1, like=host)
    assert [each for each in chunks(content) if each[0] != b"IDAT"] == [
        chunks(told)[0], *ABOUT, (b"IEND", b"")
    ]  # fmt: skip
    again = read(content)
    np.testing.assert_array_equal(again.pixels, RGB ^ 1)
    assert (again.stored is again.pixels, again.notes, again.chunks) == (True, (), ABOUT)
    write(tmp_path / "a.png", RGB ^ 1, like=host)
    assert (tmp_path / "a.png").read_bytes() == content


def test_what_is_damaged_or_said_twice_is_not_passed_on() -> None:
    content = bytearray(with_chunks(encode(RGB), *ABOUT[:2], (b"gAMA", bytes(4)), (b"pHYs", b"1")))
    assert read(bytes(content)).chunks == ABOUT[:2]
    content[33 + 8] ^= 1
    assert read(bytes(content)).chunks == (ABOUT[1], (b"gAMA", bytes(4)))


def _grey_host(mode: str) -> Picture:
    image = Image.fromarray(GREY).convert("RGBA" if mode == "LA" else mode)
    return read(_saved(image.convert(mode)))


def _saved(image: Image.Image, **options: Any) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("mode", "stored"), [("L", "L"), ("LA", "L"), ("1", "L"), ("RGB", "RGB")])
def test_a_grey_file_gets_a_grey_container(tmp_path: Path, mode: str, stored: str) -> None:
    host = _grey_host(mode)
    assert (host.grey, host.mode) == (True, mode)
    container = host.pixels ^ 1
    for suffix in (".png", ".tif"):
        path = tmp_path / f"a{suffix}"
        write(path, container, like=host)
        with Image.open(path) as image:
            assert image.mode == stored
        np.testing.assert_array_equal(read(path).pixels, container)
    np.testing.assert_array_equal(read(encode(container, "WEBP", like=host)).pixels, container)
    coloured = container.copy()
    coloured[3, 4, 0] ^= 1
    np.testing.assert_array_equal(read(encode(coloured, like=host)).pixels, coloured)


def test_one_coloured_pixel_is_not_grey() -> None:
    pixels = np.full((700, 5, 3), 9, np.uint8)
    assert read(pixels).grey
    for row in (0, 255, 256, 699):
        for plane in range(3):
            other = pixels.copy()
            other[row, 4, plane] = 10
            assert not read(other).grey


# ---------------------------------------------------------------- the size of a PNG


def _noisy(pixels: NDArray[np.uint8], count: int, share: float) -> NDArray[np.uint8]:
    """An image whose lowest bits are noise in the upper rows, as hiding leaves it."""
    rng, changed = np.random.default_rng(1), pixels.copy()
    rows = changed[: round(share * len(pixels))]
    rows[:] = (rows >> count << count) | rng.integers(0, 1 << count, rows.shape, dtype=np.uint8)
    return changed


# Their height decides how many bands are asked, and their width what it takes to encode them.
def _photo(photos: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    whole = np.asarray(Image.fromarray(photos["astronaut"]).resize((1100, 1100)))
    return np.ascontiguousarray(whole[200:800, 400:700])


def _page() -> NDArray[np.uint8]:
    page = Image.new("RGB", (150, 1100), "white")
    pen = ImageDraw.Draw(page)
    for top in range(0, 1100, 14):
        pen.text((5, top), "The quick brown fox jumps over the lazy dog. ", fill="black")
    return np.asarray(page)


@pytest.mark.parametrize(
    ("count", "share"), [(1, 0), pytest.param(2, 0.3, marks=pytest.mark.slow), (1, 1)]
)
def test_a_png_is_as_small_as_a_thorough_search_makes_it(
    photos: dict[str, NDArray[np.uint8]], count: int, share: float
) -> None:
    for pixels in (_photo(photos), _page()):
        noisy = _noisy(pixels, count, share)
        content = encode(noisy)
        np.testing.assert_array_equal(read(content).pixels, noisy)
        assert len(content) <= 1.05 * len(_saved(Image.fromarray(noisy)))


def test_a_container_is_not_searched_for_what_is_not_there(
    photos: dict[str, NDArray[np.uint8]],
) -> None:
    noisy = _noisy(_photo(photos), 2, 1)
    assert encode(noisy) == quick.encode(noisy)
    assert len(encode(noisy)) <= 1.01 * len(
        _saved(Image.fromarray(noisy), compress_type=zlib.Z_RLE)
    )
    page = _page()
    assert encode(page) == _saved(Image.fromarray(page))


def test_what_is_large_is_searched_with_less_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    # A forged container came back as 32 megapixels that repeat themselves: 5 s of search.
    page = _page()
    thorough = encode(page)
    monkeypatch.setattr(encoding, "_LARGE", page.shape[0] * page.shape[1])
    assert encode(page[1:]) == _saved(Image.fromarray(page[1:]))
    brisk = encode(page)
    np.testing.assert_array_equal(read(brisk).pixels, page)
    assert brisk == _saved(Image.fromarray(page), compress_type=zlib.Z_FILTERED, compress_level=4)
    assert len(thorough) < len(brisk) < 1.4 * len(thorough)


def test_no_memory_to_encode_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    for name in ("PNG", "WEBP", "TIFF"):
        with pytest.raises(OutputError, match=f"not enough memory to encode the image as {name}"):
            encode(RGB, name)
