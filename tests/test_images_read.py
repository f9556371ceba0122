"""Image files in: what is intact is read whatever lies beside it, and nothing stored is lost."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin, features

from helpers import examples
from isn.errors import ImageError
from isn.images import read, resize, resizing, webp

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
PHONE = Path(__file__).parent / "data" / "phone.heic"


def saved(image: Any, fmt: str = "PNG", **options: Any) -> bytes:
    """A file of `image`, an array or a PIL image."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG's chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def between(content: bytes, *chunks: bytes, late: bool = False) -> bytes:
    """A PNG with chunks before its pixels, or behind them."""
    cut = len(content) - 12 if late else 33
    return content[:cut] + b"".join(chunks) + content[cut:]


def itxt(text: bytes, keyword: bytes = b"Description") -> bytes:
    """A compressed international text."""
    return chunk(b"iTXt", keyword + b"\0\1\0\0\0" + zlib.compress(text))


# ---------------------------------------------------------------- what lies beside the pixels

LARGE = {
    "compressed text": [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2 << 20)))],
    "international text": [itxt(bytes(2 << 20))],
    "XMP": [itxt(bytes(2 << 20), b"XML:com.adobe.xmp")],
    "texts of 70 MB in all": [itxt(bytes(1 << 20))] * 70,
    "XMP 70 times": [itxt(bytes(1 << 20), b"XML:com.adobe.xmp")] * 70,
    "an unknown compression": [chunk(b"zTXt", b"Comment\0\1text")],
    "a private chunk": [chunk(b"prVt", bytes(3 << 20))],
    "a short gamma": [chunk(b"gAMA", b"1")],
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", LARGE)
def test_large_metadata_is_no_reason_to_refuse(kind: str, late: bool) -> None:
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    picture = read(between(saved(RGB), *LARGE[kind], late=late))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.notes == ()
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


@pytest.mark.parametrize("packed", [zlib.compress(bytes(2 << 20)), b"not packed"])
def test_a_profile_that_cannot_be_unpacked_is_told(packed: bytes) -> None:
    picture = read(between(saved(RGB), chunk(b"iCCP", b"name\0\0" + packed)), "photo")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.notes == ("photo has a colour profile that cannot be used: it is ignored",)
    assert picture.chunks == ()


def test_what_is_passed_over_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    texts = [chunk(b"tEXt", b"Comment\0" + bytes(4 << 20))] * 2
    path.write_bytes(between(between(saved(RGB), *texts), *texts, late=True))
    read(path)
    tracemalloc.start()
    read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_the_chunks_of_pixels_are_not_passed_over() -> None:
    content = saved(RGB)
    with pytest.raises(ImageError):
        read(content.replace(b"IDAT", b"idAT"))
    parts = [each for k in range(3) for each in (bytes([k]) * 3,)]
    assert read(between(content, *(chunk(b"teSt", each) for each in parts))).pixels.shape[2] == 3


def test_orientation_in_a_text() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0"
    raw = b"\nexif\n%8d\n%s\n" % (len(exif), exif.hex().encode())
    text = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))
    picture = read(between(saved(RGB), text))
    np.testing.assert_array_equal(picture.pixels, RGB[::-1, ::-1])
    np.testing.assert_array_equal(picture.stored, RGB)


# ---------------------------------------------------------------- pages of a TIFF


def pages(*parts: tuple[NDArray[np.uint8], dict[int, int]]) -> bytes:
    """A TIFF of several pages, each with tags of its own."""
    frames = []
    for pixels, tags in parts:
        frame = Image.fromarray(pixels)
        frame.encoderinfo = {"tiffinfo": tags}
        frames.append(frame)
    return saved(frames[0], "TIFF", save_all=True, append_images=frames[1:], tiffinfo=parts[0][1])


SMALL = np.ascontiguousarray(RGB[:10, :15])
SAME = np.ascontiguousarray(RGB[::-1])


@pytest.mark.parametrize(
    "parts",
    [
        [(RGB, {}), (SMALL, {254: 1})],
        [(SMALL, {254: 1}), (RGB, {})],
        [(SAME, {254: 1}), (RGB, {254: 0})],
        [(SAME, {255: 2}), (RGB, {255: 1})],
        [(RGB, {}), (SAME, {254: 4})],
        [(RGB, {}), (SMALL, {})],
        [(SMALL, {}), (RGB, {}), (SMALL[:5, :7].copy(), {})],
    ],
)
def test_a_tiff_with_smaller_copies_is_read(
    parts: list[tuple[NDArray[np.uint8], dict[int, int]]],
) -> None:
    content = pages(*parts)
    np.testing.assert_array_equal(read(content).pixels, RGB)
    with Image.open(io.BytesIO(content)) as image:
        for page in range(len(parts)):
            image.seek(page)
            np.testing.assert_array_equal(read(image).pixels, RGB)
            assert image.tell() == page


@pytest.mark.parametrize(
    "parts",
    [
        [(RGB, {}), (SAME, {})],
        [(RGB, {}), (RGB[:11, :15].copy(), {})],
        [(SMALL, {254: 1}), (SMALL, {254: 1})],
        [(RGB, {}), *[(SMALL, {})] * 64],
    ],
)
def test_other_pages_are_other_pictures(
    parts: list[tuple[NDArray[np.uint8], dict[int, int]]],
) -> None:
    with pytest.raises(ImageError, match="more than one picture"):
        read(pages(*parts))


# ---------------------------------------------------------------- HEIC


def test_a_phones_heic(photos: dict[str, NDArray[np.uint8]]) -> None:
    picture = read(PHONE)
    expected = resize(photos["rocket"], 48, 64)
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).mean() < 4
    assert (picture.format, picture.mode, picture.notes) == ("HEIF", "RGB", ())
    np.testing.assert_array_equal(read(PHONE.read_bytes()).pixels, picture.pixels)


def test_heic_is_read_elsewhere_and_registered_nowhere() -> None:
    read(PHONE)
    assert "pi_heif" not in sys.modules
    assert "HEIF" not in Image.OPEN


def test_a_decoder_that_crashes_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(ImageError, match=r"photo cannot be read as an image \(its decoder crashed"):
        read(PHONE.read_bytes(), "photo")


def test_damaged_heic_files_are_refused() -> None:
    content = bytearray(PHONE.read_bytes())
    for end in (12, 1000, len(content) - 100):
        with pytest.raises(ImageError, match="cannot be read as an image"):
            read(bytes(content[:end]))
    # Bytes that have crashed a version of the decoder.
    content[176], content[289], content[343] = 203, 77, 1
    with pytest.raises(ImageError, match="cannot be read as an image"):
        read(bytes(content))


@examples(5)
@given(data=st.data())
def test_corrupt_heic_files_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(PHONE.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(12, 600))] = data.draw(st.integers(0, 255))
    try:
        assert read(bytes(content)).pixels.shape[2] == 3
    except ImageError:
        return


def test_ten_bits_of_a_heic_are_told() -> None:
    image = Image.fromarray(RGB)
    image.format, image.info["bit_depth"] = "HEIF", 10
    assert read(image, "photo").notes == ("photo has 10 bits a sample: they are reduced to 8",)


# ---------------------------------------------------------------- memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
        OSError("out of memory error when reading image file"),
        RuntimeError("Failed to decode image: Out of memory"),
    ],
)
def test_no_memory_is_told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ImageError, match="not enough memory to read photo: close") as caught:
        read(saved(RGB, "BMP"), "photo")
    assert "intact" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_a_webp_names_its_canvas(options: dict[str, Any]) -> None:
    if not features.check("webp"):
        pytest.skip("this Pillow has no WEBP")
    content = saved(RGB, "WEBP", **options)
    assert webp.canvas(content[:30]) == RGB.shape[:2]
    for end in (0, 4, 29):
        assert webp.canvas(content[:end]) == (0, 0)
    assert webp.canvas(saved(RGB)[:30]) == (0, 0)


def test_a_webp_of_too_many_pixels_is_given_no_room() -> None:
    content = saved(RGB, "WEBP", exif=b"Exif\0\0II*\0")
    bomb = content[:24] + b"\xff\x3f\0\xff\x3f\0" + content[30:]
    tracemalloc.start()
    with pytest.raises(ImageError, match="more than 100 million"):
        read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_no_memory_to_resize_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(resizing, "_resampled", fail)
    with pytest.raises(ImageError, match="not enough memory to resize an image to 3 x 4"):
        resize(RGB, 3, 4)


_LITTLE = """
import resource, sys
from isn.errors import ImageError
from isn.images import read
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)
try:
    read(sys.argv[1])
except ImageError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a limit that is kept")
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_machine_with_little_memory(tmp_path: Path, suffix: str) -> None:
    if suffix == "webp" and not features.check("webp"):
        pytest.skip("this Pillow has no WEBP")
    path = tmp_path / f"a.{suffix}"
    options = {"compression": "tiff_adobe_deflate"} if suffix == "tif" else {"quality": 1}
    Image.new("RGB", (9000, 7000), "red").save(path, **options)
    done = subprocess.run(
        [sys.executable, "-c", _LITTLE, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(f"there is not enough memory to read {path}"), done


# ---------------------------------------------------------------- stored samples


def turned(orientation: int) -> Image.Exif:
    """EXIF that tells of an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def swapped_primaries() -> bytes:
    """An sRGB profile whose red and green primaries changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


ALPHA = RNG.integers(0, 256, (20, 30), dtype=np.uint8)


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_stored_samples_of_a_turned_file(fmt: str, orientation: int) -> None:
    options = {"lossless": True, "exact": True} if fmt == "WEBP" else {}
    picture = read(saved(RGB, fmt, exif=turned(orientation), **options))
    np.testing.assert_array_equal(picture.stored, RGB)
    assert picture.pixels.shape == (RGB.shape if orientation < 5 else (30, 20, 3))
    assert picture.pixels.tobytes() != RGB.tobytes()


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
def test_stored_samples_below_all_at_once(fmt: str) -> None:
    options = {"lossless": True, "exact": True} if fmt == "WEBP" else {}
    rgba = np.dstack([RGB, ALPHA])
    exif, profile = turned(6), swapped_primaries()
    picture = read(saved(rgba, fmt, exif=exif, icc_profile=profile, **options))
    np.testing.assert_array_equal(picture.stored, RGB)
    assert picture.pixels.shape == (30, 20, 3)


def test_stored_samples_below_one_thing_each() -> None:
    alpha = np.full_like(ALPHA, 255)
    alpha[3, 4] = 254
    grey = np.dstack([GREY] * 3)
    key = tuple(int(each) for each in RGB[5, 6])
    for content, stored in (
        (saved(RGB, icc_profile=swapped_primaries()), RGB),
        (saved(np.dstack([RGB, alpha])), RGB),
        (saved(np.dstack([GREY, alpha])), grey),
        (saved(RGB, transparency=key), RGB),
        (saved(GREY, transparency=int(GREY[0, 0])), grey),
    ):
        picture = read(content)
        np.testing.assert_array_equal(picture.stored, stored)
        assert (picture.stored != picture.pixels).any()
    rgba = read(np.dstack([RGB, alpha]))
    np.testing.assert_array_equal(rgba.stored, RGB)


def test_what_nothing_was_done_to_is_stored_so() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    palette = Image.fromarray(RGB).convert("P")
    wide = RNG.integers(0, 65536, (6, 5), dtype=np.uint16)
    for source in (
        RGB,
        GREY,
        saved(RGB),
        saved(GREY, "TIFF"),
        saved(RGB, "JPEG"),
        saved(RGB, icc_profile=srgb),
        saved(np.dstack([RGB, np.full_like(GREY, 255)])),
        saved(palette, exif=turned(6)),
        saved(Image.fromarray(wide), exif=turned(6)),
        saved(Image.new("CMYK", (4, 6)), "JPEG", exif=turned(6)),
    ):
        picture = read(source)
        assert picture.stored is picture.pixels


@pytest.mark.parametrize("profile", [False, True])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_only_what_is_true_of_the_pixels_is_passed_on(profile: bool, orientation: int) -> None:
    about = (b"gAMA", struct.pack(">I", 45455)), (b"pHYs", struct.pack(">IIB", 3780, 2835, 1))
    options = {"icc_profile": swapped_primaries()} if profile else {}
    content = saved(RGB, exif=turned(orientation), **options)
    picture = read(between(content, *(chunk(*each) for each in about)))
    expected = set() if profile else {b"gAMA"}
    expected |= {b"pHYs"} if orientation != 6 else set()
    assert {kind for kind, _ in picture.chunks} == expected


def test_a_profile_that_changes_nothing_is_passed_on() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ((kind, body),) = read(saved(RGB, icc_profile=srgb)).chunks
    assert kind == b"iCCP"
    assert zlib.decompress(body.partition(b"\0")[2][1:]) == srgb


# ---------------------------------------------------------------- threads


class Said(UserWarning):
    """What another thread has to say."""


def warn_elsewhere() -> None:
    """Warns from another thread, and waits for it."""
    thread = threading.Thread(target=warnings.warn, args=("from elsewhere", Said))
    thread.start()
    thread.join()


def test_others_are_heard_while_a_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    load = PngImagePlugin.PngImageFile.load_prepare

    def loads(image: PngImagePlugin.PngImageFile) -> None:
        warn_elsewhere()
        load(image)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", loads)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        read(saved(RGB))
    assert [each.category for each in heard] == [Said]


def test_reading_in_threads_leaves_the_filters_as_they_were() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        content = saved(RGB)
        threads = [
            threading.Thread(target=lambda: [read(content) for _ in range(50)]) for _ in range(4)
        ]
        for each in threads:
            each.start()
        for _ in range(20):
            warnings.warn("said", Said, stacklevel=1)
        for each in threads:
            each.join()
        assert warnings.filters == before
    assert len(heard) == 20


def test_the_command_does_not_tell_of_flaws_in_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff garbage"))
    with pytest.warns(UserWarning, match="EXIF"):
        read(path)
    words = [sys.executable, "-m", "isn", "info", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "became a JPEG file" in done.stderr
    assert "Warning" not in done.stderr
