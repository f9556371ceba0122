"""AV1 streams of images: as good as they fit, and not believed."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from helpers import crop, picture
from isn.codes import Room
from isn.codes import avif as code
from isn.codes.avif import Avif, available, encode
from isn.codes.still import coded_size, file_of, stream_of
from isn.errors import AlteredContainer, BackendError, ImageError
from isn.images import Pixels
from isn.metrics import psnr
from isn.progress import silent
from isn.secret import Item, most_pixels

pytestmark = pytest.mark.skipif(not available(), reason="this Pillow was built without AVIF")

AREA = 100 * 100
STREAM = encode(picture(16, 24), 50)


def packed(entries: list[tuple[int, int, bytes]]) -> bytes:
    head = b"".join(struct.pack("<III", h, w, len(stream)) for h, w, stream in entries)
    return bytes([len(entries)]) + head + b"".join(stream for _, _, stream in entries)


def revealed(secret: list[Item], size: int) -> list[Item]:
    return Avif().decode(Avif().encode(secret, Room(size, AREA), silent), AREA, silent)


def test_more_room_reveals_better(photos: dict[str, Pixels]) -> None:
    hidden = crop(photos["cat"], 64, 80)
    found = [psnr(revealed([hidden], size)[0], hidden) for size in (500, 1200, 3000, 12_000)]
    assert found == sorted(found)
    assert found[0] > 20
    assert found[-1] > 42


def test_the_room_is_used(photos: dict[str, Pixels]) -> None:
    hidden = [crop(photos["cat"], 64, 80), crop(photos["coffee"], 64, 80)]
    payload = Avif().encode(hidden, Room(4000, AREA), silent)
    assert 3700 < len(payload) <= 4000


@pytest.mark.parametrize("room", [1500, 4000, 9000])
def test_few_pixels_are_searched_thoroughly(
    room: int, photos: dict[str, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[Item] = [crop(photos["cat"], 96, 80), crop(photos["coffee"], 80, 96)]

    def error() -> float:
        return sum(psnr(*pair) for pair in zip(revealed(hidden, room), hidden, strict=True))

    thorough = error()
    monkeypatch.setattr(code, "THOROUGH_BELOW", 2 * 96 * 80 - 1)
    assert thorough > error() + 2 * 0.1


def test_streams_that_a_thorough_search_makes_larger_give_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hidden: list[Item] = [picture(40, 48), picture(40, 48, seed=1)]
    real, room = code.encode, 3000

    def larger(pixels: Pixels, quality: int, speed: int = 6) -> bytes:
        return real(pixels, quality, speed) + bytes(200 * (speed < 6))

    monkeypatch.setattr(code, "encode", larger)
    streams = code.fitting([np.asarray(each) for each in hidden], room, silent)
    assert room - 400 < sum(map(len, streams)) <= room
    assert all(stream.endswith(bytes(200)) for stream in streams)
    # Where none fit, those of the quick search are taken.
    least = sum(len(real(np.asarray(each), 0)) for each in hidden)
    streams = code.fitting([np.asarray(each) for each in hidden], least + 300, silent)
    assert sum(map(len, streams)) <= least + 300
    assert not any(stream.endswith(bytes(200)) for stream in streams)


def test_what_a_thorough_search_leaves_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = [picture(40, 48, seed=seed) for seed in (0, 1)]
    real, room, made = code.encode, 900, list[int]()

    def smaller(pixels: Pixels, quality: int, speed: int = 6) -> bytes:
        stream = real(pixels, quality, speed)
        made.append(speed)
        return stream[: len(stream) // 3] if speed < 6 else stream

    monkeypatch.setattr(code, "encode", smaller)
    streams = code.fitting(hidden, room, silent)
    assert 0.88 * room < sum(map(len, streams)) <= room
    assert made.count(4) <= 12


def test_the_highest_quality_is_not_searched_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, real, made = picture(24, 40), code.encode, set[int]()

    def watched(pixels: Pixels, quality: int, speed: int = 6) -> bytes:
        made.add(speed)
        return real(pixels, quality, speed)

    monkeypatch.setattr(code, "encode", watched)
    assert code.fitting([hidden], 1 << 20, silent) == [real(hidden, 100)]
    assert made == {6}


def test_what_does_not_fit_is_made_smaller_first() -> None:
    hidden = picture(64, 64)
    smallest = len(encode(hidden, 0))
    room = Room(smallest - 1 + 13, AREA)
    (found,) = Avif().decode(Avif().encode([hidden], room, silent), AREA, silent)
    assert found.shape == hidden.shape
    assert psnr(found, hidden) > 8
    with pytest.raises(ImageError, match="AV1 streams of 1 hidden image need"):
        Avif().encode([hidden], Room(30, AREA), silent)


def test_what_no_stream_fits_in_is_known_beforehand() -> None:
    smallest = len(encode(np.full((8, 8, 3), 9, np.uint8), 0))
    images: list[Item] = [picture(40, 48)] * 2
    with pytest.raises(ImageError, match="room for 0 bytes"):
        Avif().foresee(images, Room(-18, 1000))
    with pytest.raises(ImageError, match="2 hidden images"):
        Avif().foresee(images, Room(12 + 12 + smallest, 1000))
    room = Room(1 + 2 * (12 + smallest), 1000)
    assert Avif().foresee(images, room).size == room.size


def test_a_stream_does_not_depend_on_threads() -> None:
    assert encode(picture(40, 40), 60) == encode(picture(40, 40).copy(), 60)


@pytest.mark.parametrize("size", [(1, 1), (33, 7), (40, 300)])
def test_the_file_around_a_stream_is_the_one_that_was_written(size: tuple[int, int]) -> None:
    pixels, buffer = picture(*size), io.BytesIO()
    tuned = {"tune": "psnr"}
    Image.fromarray(pixels).save(
        buffer, "AVIF", quality=40, subsampling="4:4:4", speed=6, max_threads=1, advanced=tuned
    )
    written, stream = buffer.getvalue(), encode(pixels, 40)
    assert stream_of(written) == stream
    assert file_of(stream) == written
    assert len(written) - len(stream) == 275
    assert coded_size(stream) == size


def test_a_file_of_other_colours_is_not_taken_apart() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(16, 24)).save(buffer, "AVIF", range="limited")
    for file in (buffer.getvalue(), file_of(STREAM) + file_of(STREAM), b"", b"no file at all"):
        with pytest.raises(ValueError, match="no AVIF file of one picture"):
            stream_of(file)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        packed([]),
        packed([(16, 24, STREAM)] * 26),
        packed([(0, 24, STREAM)]),
        packed([(1, 2**32 - 1, STREAM)]),
        packed([(5000, 6401, STREAM)]),
        packed([(16, 24, STREAM)]) + b"\0",
        packed([(16, 24, STREAM)])[:-1],
        packed([(16, 24, b"")]),
        packed([(16, 24, b"no image at all")]),
    ],
)
def test_forged_payloads_are_told(payload: bytes) -> None:
    with pytest.raises(AlteredContainer, match="never writes"):
        Avif().decode(payload, AREA, silent)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF"])
def test_an_image_file_is_no_stream(kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture(16, 24)).save(buffer, kind)
    with pytest.raises(AlteredContainer, match="AV1 streams is odd"):
        Avif().decode(packed([(16, 24, buffer.getvalue())]), AREA, silent)


def test_a_huge_file_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a container may hold only so many pixels, a small file must not show more.
    assert most_pixels(AREA) > 16 * 24
    monkeypatch.setattr(code, "most_pixels", lambda area: 16 * 24)
    assert Avif().decode(packed([(4, 4, STREAM)]), AREA, silent)
    monkeypatch.setattr(code, "most_pixels", lambda area: 16 * 24 - 1)
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(AlteredContainer, match="never writes"):
        Avif().decode(packed([(4, 4, STREAM)]), AREA, silent)


def test_a_size_of_its_own_is_resampled_to() -> None:
    (found,) = Avif().decode(packed([(8, 12, STREAM)]), AREA, silent)
    assert found.shape == (8, 12, 3)
    assert found.dtype == np.uint8


def test_a_pillow_without_avif_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "available", lambda: False)
    with pytest.raises(BackendError, match="pip install"):
        Avif()


@pytest.mark.parametrize("room", [200, 1000, 3000])
def test_a_large_image_is_as_good_and_seldom_encoded(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [picture(75, 95, seed=seed) for seed in (0, 1)]
    made: list[tuple[int, ...]] = []
    known: dict[tuple[bytes, int], bytes] = {}

    def counted(pixels: Pixels, quality: int) -> bytes:
        made.append(pixels.shape)
        one = pixels.tobytes(), quality
        if one not in known:
            known[one] = encode(pixels, quality)
        return known[one]

    monkeypatch.setattr(code, "encode", counted)
    monkeypatch.setattr(code, "THOROUGH_BELOW", 0)
    plain = code.fitting(images, room, silent)
    made.clear()
    monkeypatch.setattr(code, "_LARGE", 0)
    monkeypatch.setattr(code, "_BLOCK", 16)
    assert code.fitting(images, room, silent) == plain
    if room > 300:
        assert 4 <= made.count(images[0].shape) <= 10
        assert made.count((64, 64, 3)) >= 4


def test_no_quality_is_passed_over() -> None:
    image = picture(16, 16)
    steps = [code.encode(image, code._quality(step)) for step in range(64)]
    assert {code.encode(image, quality) for quality in range(101)} == set(steps)


def test_two_neighbours_are_encoded_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    image, made = picture(150, 190), list[list[int]]()
    monkeypatch.setattr(code, "_LARGE", 150 * 190)
    monkeypatch.setattr(code, "THOROUGH_BELOW", 0)
    monkeypatch.setattr(code, "_BLOCK", 32)
    monkeypatch.setattr(
        code.threads,
        "each",
        lambda work, jobs: made.append([each for _, each in jobs]) or [work(each) for each in jobs],
    )
    monkeypatch.setattr(code, "encode", lambda pixels, quality: bytes(10 * quality + 5))
    (stream,) = code.fitting([image], 500, silent)
    assert len(stream) <= 500 < len(stream) + 20
    assert len(made[-1]) == 2
