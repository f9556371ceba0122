"""Image files: what people bring is read as they would expect, or refused with the reason."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, features

from helpers import examples
from isn.errors import ImageError
from isn.images import opening, read, reading, resize
from isn.images.opening import known_formats

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)


def saved(image: Any, fmt: str, **options: Any) -> bytes:
    """A file of `image`, an array or a PIL image."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, fmt, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, data: bytes, *more: bytes) -> bytes:
    """A PNG made by hand; `more` are chunks (type and content) before the pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [header, *more, b"IDAT" + zlib.compress(data), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in chunks
    )


def rows(values: np.ndarray[Any, Any]) -> bytes:
    """PNG scan lines, none of them filtered."""
    return b"".join(b"\0" + row.tobytes() for row in values)


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_files(tmp_path: Path, fmt: str) -> None:
    path = tmp_path / f"photo.{fmt.lower()}"
    path.write_bytes(saved(RGB, fmt))
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert (picture.name, picture.format, picture.notes) == (str(path), fmt, ())


@pytest.mark.parametrize("fmt", ["JPEG", "WEBP", "AVIF"])
def test_lossy_files(fmt: str) -> None:
    if fmt not in known_formats():
        pytest.skip(f"this Pillow has no {fmt}")
    smooth = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    picture = read(saved(smooth, fmt, quality=95))
    assert picture.format == fmt
    assert np.abs(picture.pixels.astype(int) - smooth).max() < 12


def test_every_kind_of_source(tmp_path: Path) -> None:
    content = saved(RGB, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with path.open("rb") as stream:
        assert read(stream).name == str(path)
        stream.seek(0)
        sources: list[Any] = [
            str(path),
            path,
            content,
            bytearray(content),
            io.BytesIO(content),
            stream,
        ]
        sources += [Image.open(path), Image.fromarray(RGB), RGB]
        for source in sources:
            np.testing.assert_array_equal(read(source).pixels, RGB)
    assert read(RGB).format == ""
    assert read(content, "mine").name == "mine"


def test_a_pipe_is_read_to_its_end() -> None:
    content = saved(RGB, "PNG")
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as sink:
        sink.write(content)
    with os.fdopen(reader, "rb") as stream:
        np.testing.assert_array_equal(read(stream).pixels, RGB)


def test_a_given_pil_image_stays_as_it_was() -> None:
    image = Image.fromarray(np.dstack([RGB, GREY]))
    read(image)
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image)[..., :3], RGB)


def test_pixels_can_be_written_to() -> None:
    for source in (saved(RGB, "PNG"), Image.fromarray(RGB), GREY.copy()):
        assert read(source).pixels.flags.writeable


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "PA", "RGBA", "YCbCr", "HSV", "La", "RGBa"])
def test_opaque_modes_need_no_word(mode: str) -> None:
    white = Image.new("RGBA", (5, 4), "white").convert("RGBA")
    image = white.convert("P").convert("PA") if mode == "PA" else white.convert(_via(mode))
    image = image if image.mode == mode else image.convert(mode)
    picture = read(image)
    assert (picture.pixels == 255).all()
    assert picture.pixels.shape == (4, 5, 3)
    assert picture.notes == ()


def _via(mode: str) -> str:
    return {"La": "LA", "RGBa": "RGBA", "YCbCr": "RGB", "HSV": "RGB"}.get(mode, mode)


def test_grey_is_spread_over_the_channels() -> None:
    for source in (GREY, saved(GREY, "PNG"), saved(GREY, "TIFF")):
        np.testing.assert_array_equal(read(source).pixels, np.dstack([GREY] * 3))


def test_palette_files_get_their_colours() -> None:
    few = np.array([[[9, 8, 7], [200, 100, 0]]], np.uint8)
    image = Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE)
    for fmt in ("PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(read(saved(image, fmt)).pixels, few)


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
def test_transparent_parts_lie_over_white(fmt: str) -> None:
    if fmt == "WEBP" and not features.check("webp"):
        pytest.skip("this Pillow has no WEBP")
    alpha = np.array([[0, 255, 51]], np.uint8)
    rgba = np.dstack([np.full((1, 3, 3), 100, np.uint8), alpha])
    options = {"lossless": True, "exact": True} if fmt == "WEBP" else {}
    picture = read(saved(rgba, fmt, **options), "logo")
    # 0.2 * 100 + 0.8 * 255 = 224.
    np.testing.assert_array_equal(picture.pixels[0, :, 0], [255, 100, 224])
    assert picture.notes == ("logo has transparent parts: they are laid over white",)
    np.testing.assert_array_equal(read(rgba).pixels, picture.pixels)


def test_transparency_of_palettes() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    for fmt, transparency in (("PNG", 1), ("GIF", 1), ("PNG", b"\xff\x00")):
        picture = read(saved(image, fmt, transparency=transparency))
        assert picture.pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]
        assert len(picture.notes) == 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey(depth: int) -> None:
    # Two pixels, the first of value 0 and the second of the value that is transparent: 1.
    data = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\0\1", 16: b"\0\0\0\1"}[depth]
    picture = read(png(2, 1, depth, 0, b"\0" + data, b"tRNS\0\1"))
    assert picture.pixels[0, :, 0].tolist() == [0, 255]
    assert "transparent" in picture.notes[-1]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour(depth: int) -> None:
    values = np.array([[[1, 2, 3], [1, 2, 4]]])
    key, data = (values[0, 0], rows(values.astype(np.uint8)))
    if depth == 16:
        key, data = key * 257, rows((values * 257).astype(">u2"))
    picture = read(png(2, 1, depth, 2, data, b"tRNS" + key.astype(">u2").tobytes()))
    assert picture.pixels.tolist() == [[[255, 255, 255], [1, 2, 4]]]
    absent = read(png(2, 1, 8, 2, rows(values.astype(np.uint8)), b"tRNS" + bytes(6)))
    assert absent.notes == ()


WIDE = RNG.integers(0, 65536, (6, 5, 4), dtype=np.uint16)


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey(fmt: str) -> None:
    values = WIDE[..., 0]
    picture = read(saved(Image.fromarray(values), fmt), "scan")
    expected = np.rint(values / 257).astype(np.uint8)
    np.testing.assert_array_equal(picture.pixels, np.dstack([expected] * 3))
    assert picture.notes == ("scan has 16 bits a sample: they are reduced to 8",)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bit_png_in_colour(colour: int, channels: int) -> None:
    values = WIDE[..., :channels].copy()
    if channels % 2 == 0:
        values[..., -1] = 65535
    picture = read(png(5, 6, 16, colour, rows(values.astype(">u2"))))
    colours = values[..., :3] if channels > 2 else values[..., :1]
    assert np.abs(picture.pixels - colours / 257.0).max() < 1.01
    assert [("16 bits" in note) for note in picture.notes] == [True]


def test_16_bit_tiff_and_ppm_in_colour() -> None:
    values = WIDE[..., :3]
    ppm = b"P6 5 6 65535\n" + values.astype(">u2").tobytes()
    entries = [(256, 3, 5), (257, 3, 6), (258, 3, 122), (259, 3, 1), (262, 3, 2), (273, 4, 128)]
    entries += [(277, 3, 3), (278, 3, 6), (279, 4, values.nbytes)]
    ifd = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        ifd += struct.pack("<HHII", tag, kind, 3 if tag == 258 else 1, value)
    tiff = b"II*\0" + struct.pack("<I", 8) + ifd + bytes(4)
    tiff = tiff.ljust(122, b"\0") + struct.pack("<3H", 16, 16, 16) + values.tobytes()
    for content in (ppm, tiff):
        picture = read(content)
        assert np.abs(picture.pixels - values / 257.0).max() < 1.01
        assert len(picture.notes) == 1


def test_cmyk_without_a_profile_is_told() -> None:
    cmyk = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    for fmt in ("JPEG", "TIFF"):
        picture = read(saved(cmyk, fmt))
        assert np.abs(picture.pixels.astype(int) - [255, 0, 0]).max() < 4
        assert "CMYK" in picture.notes[0]


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_samples_of_unknown_range_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match="range is not known"):
        read(saved(Image.new(mode, (4, 4)), "TIFF"))
    with pytest.raises(ImageError, match="range is not known"):
        read(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(fmt: str, orientation: int) -> None:
    turns: dict[int, Any] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16] = 250
    stored[8:, :16] = 120
    options = {"lossless": True} if fmt == "WEBP" else {"quality": 95} if fmt == "JPEG" else {}
    seen = read(saved(stored, fmt, exif=exif, **options)).pixels
    expected = turns[orientation](stored)
    assert seen.shape == expected.shape
    assert np.abs(seen.astype(int) - expected).mean() < 3


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_broken_exif_is_no_reason_to_refuse() -> None:
    content = saved(RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff garbage")
    assert read(content).pixels.shape == RGB.shape


# ---------------------------------------------------------------- colour profiles


def _swapped_primaries() -> bytes:
    """An sRGB profile whose red and green primaries changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for k in range(struct.unpack_from(">I", profile, 128)[0]):
        at = 132 + 12 * k
        tags[bytes(profile[at : at + 4])] = at
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def test_a_profile_is_applied() -> None:
    red = np.full((4, 4, 3), (200, 10, 30), np.uint8)
    picture = read(saved(red, "PNG", icc_profile=_swapped_primaries()))
    assert np.abs(picture.pixels.astype(int) - [10, 200, 30]).max() <= 3
    assert picture.notes == ()


def test_a_profile_is_applied_below_transparency() -> None:
    rgba = np.full((4, 4, 4), (200, 10, 30, 255), np.uint8)
    rgba[0, 0, 3] = 0
    picture = read(saved(rgba, "PNG", icc_profile=_swapped_primaries()))
    assert np.abs(picture.pixels[1, 1].astype(int) - [10, 200, 30]).max() <= 3
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]


def test_an_srgb_profile_changes_no_bit() -> None:
    edition = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Another edition: its red differs in the fourth digit, which moves some samples by one or two.
    at = struct.unpack_from(">I", edition, edition.index(b"rXYZ") + 4)[0] + 8
    struct.pack_into(">i", edition, at, struct.unpack_from(">i", edition, at)[0] - 30)
    profile = bytes(edition)
    picture = read(saved(RGB, "PNG", icc_profile=profile))
    np.testing.assert_array_equal(picture.pixels, RGB)
    np.testing.assert_array_equal(
        read(saved(GREY, "PNG", icc_profile=profile)).pixels, np.dstack([GREY] * 3)
    )
    assert picture.notes == ()


@pytest.mark.parametrize("profile", [b"not a profile", _swapped_primaries()[:200]])
def test_a_broken_profile_is_ignored_and_told(profile: bytes) -> None:
    picture = read(saved(RGB, "PNG", icc_profile=profile), "photo")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.notes == ("photo has a colour profile that cannot be used: it is ignored",)


def test_a_profile_of_other_channels_is_ignored_and_told() -> None:
    picture = read(saved(Image.new("CMYK", (4, 4)), "JPEG", icc_profile=_swapped_primaries()))
    assert ["profile" in note for note in picture.notes] == [True, True]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("fmt", ["GIF", "PNG", "WEBP", "TIFF"])
def test_more_than_one_picture_is_refused(fmt: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = saved(frames[0], fmt, save_all=True, append_images=frames[1:])
    for source in (content, Image.open(io.BytesIO(content))):
        with pytest.raises(ImageError, match="more than one picture"):
            read(source)


def test_of_a_phones_preview_pair_the_first_is_taken() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("white", "black")]
    picture = read(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert picture.format == "MPO"
    assert picture.pixels.min() > 250


@pytest.mark.parametrize("fmt", ["TGA", "ICO", "PCX", "SGI", "EPS", "PDF"])
def test_other_formats_are_not_opened(fmt: str) -> None:
    with pytest.raises(ImageError, match=r"not an image of a known kind.*PNG, JPEG"):
        read(saved(RGB, fmt), "x")


def test_text_and_nothing_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    for source in (empty, b"", io.BytesIO()):
        with pytest.raises(ImageError, match="is empty"):
            read(source)
    for content in (b"hello", b"<svg/>", b"\x89PNG\r\n\x1a\n", bytes(1000)):
        with pytest.raises(ImageError):
            read(content)


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (tmp_path, tmp_path / "none.png", file / "below.png", "", "a\0b"):
        with pytest.raises(ImageError):
            read(path)
    with pytest.raises(ImageError, match=r"none\.png cannot be opened \(No such file"):
        read(tmp_path / "none.png")


def test_other_sources_are_refused() -> None:
    for source in (None, 3, ["a.png"], object()):
        with pytest.raises(ImageError, match="give a path"):
            read(source)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="binary"):
        read(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4), np.bool_),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((3, 4, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ImageError, match="give uint8 in"):
        read(array)


def test_images_without_pixels_are_refused() -> None:
    for source in (
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0), np.uint8),
        Image.new("L", (0, 0)),
    ):
        with pytest.raises(ImageError, match="no pixels"):
            read(source)


@pytest.mark.parametrize("side", [10_001, 50_000, 1_000_000_000])
def test_decompression_bombs(side: int) -> None:
    bomb = png(side, side, 8, 2, bytes(1000))
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="more than 100 million pixels"):
            read(bomb)
    assert before == Image.MAX_IMAGE_PIXELS


def test_large_images_within_the_limit_raise_no_warning() -> None:
    # Above Pillow's own limit of 89 million, below ours; a row of 1-bit zeros packs to nothing.
    large = Image.new("1", (9500, 10_000))
    for content in (
        png(95_000_000, 1, 1, 0, bytes(1 + 95_000_000 // 8)),
        saved(large, "TIFF", compression="group4"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(reading, "_from_image", lambda opened, _: opened.image.load() and 1)
                assert read(content)


def test_the_limit_holds_for_arrays_and_sizes() -> None:
    wide = np.broadcast_to(np.uint8(0), (10_001, 10_000, 3))
    with pytest.raises(ImageError, match="100 million"):
        read(wide)
    with pytest.raises(ImageError, match="100 million"):
        resize(RGB, 10_001, 10_000)


def test_endless_streams_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_STREAM_BYTES", 100)
    with pytest.raises(ImageError, match="does not end after 100 bytes"):
        read(io.BytesIO(saved(RGB, "PNG")))


FILES = {
    "png": saved(RGB, "PNG"),
    "jpeg": saved(RGB, "JPEG"),
    "tiff": saved(RGB, "TIFF"),
    "tiff-deflate": saved(RGB, "TIFF", compression="tiff_adobe_deflate"),
    "bmp": saved(RGB, "BMP"),
    "gif": saved(GREY, "GIF"),
    "ppm": saved(RGB, "PPM"),
    "webp": saved(RGB, "WEBP", lossless=True) if features.check("webp") else saved(RGB, "PNG"),
    "rgba": saved(np.dstack([RGB, GREY]), "PNG", icc_profile=_swapped_primaries()),
}


@pytest.mark.parametrize("name", FILES)
def test_truncated_files(name: str) -> None:
    content = FILES[name]
    whole = read(content).pixels
    refused = 0
    offsets = range(0, len(content), max(len(content) // 60, 1))
    for end in offsets:
        try:
            # What is left of a file may lack no more than what follows the pixels.
            np.testing.assert_array_equal(read(content[:end]).pixels, whole)
        except ImageError:
            refused += 1
    assert refused >= 0.6 * len(offsets)
    with pytest.raises(ImageError):
        read(content[: len(content) // 2])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", FILES)
@examples(10)
@given(data=st.data())
def test_corrupt_files_are_read_or_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        picture = read(bytes(content))
    except ImageError:
        return
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape[2:] == (3,)


@pytest.mark.parametrize(
    "error",
    [OSError, SyntaxError, ValueError, TypeError, struct.error, EOFError, KeyError, IndexError,
     zlib.error, OverflowError, AttributeError, RuntimeError, ZeroDivisionError],
)  # fmt: skip
def test_whatever_a_decoder_raises(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise error("first line\nsecond line")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ImageError, match="photo cannot be read") as caught:
        read(saved(RGB, "BMP"), "photo")
    assert "\n" not in str(caught.value)


def test_an_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", stop)
    with pytest.raises(KeyboardInterrupt):
        read(saved(RGB, "BMP"))


# ---------------------------------------------------------------- resizing


def test_resize() -> None:
    assert resize(RGB, 20, 30) is RGB
    assert resize(RGB, 7, 50).shape == (7, 50, 3)
    flat = np.full((9, 9, 3), 77, np.uint8)
    assert (resize(flat, 31, 4) == 77).all()
    expected = np.asarray(Image.fromarray(RGB).resize((11, 13), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(resize(RGB, 13, 11), expected)
    np.testing.assert_array_equal(resize(RGB[..., 1], 13, 11), expected[..., 1])
    softer = np.asarray(Image.fromarray(RGB).resize((11, 13), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(resize(RGB, 13, 11, "bicubic"), softer)


def test_resize_refusals() -> None:
    for size in ((0, 5), (5, -1)):
        with pytest.raises(ImageError, match="positive"):
            resize(RGB, *size)
    with pytest.raises(ImageError, match="H x W x 3"):
        resize(GREY.astype(np.float32), 5, 5)
    with pytest.raises(ImageError, match="H x W x 3"):
        resize(GREY[:0], 5, 5)
