"""What is left of a JPEG in its pixels, and hosts that have nothing left of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import isn
from isn import images
from isn.images import UNTOUCHED, Pixels, forgotten, trace

NOTE = isn.File("note.txt", bytes(range(256)) * 4)


def jpeg(pixels: Pixels, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo(photos: dict[str, Pixels]) -> Pixels:
    """A photo that has forgotten whatever JPEG it was."""
    return images.resize(photos["coffee"], 264, 300)


@pytest.mark.parametrize("quality", [60, 75, 90, 95])
@pytest.mark.parametrize("grey", [False, True])
def test_a_decoded_jpeg_is_known(photo: Pixels, quality: int, grey: bool) -> None:
    pixels = images.read(jpeg(photo[..., 1] if grey else photo, quality)).pixels
    found = trace(pixels[..., 0] if grey else pixels)
    assert found is not None
    assert (found.rows, found.columns) == (0, 0)
    assert found.noise is not None
    assert 0.02 < found.noise < UNTOUCHED
    # ITU-R T.81, table K.1, scaled as libjpeg does.
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    for mode, value in {(0, 1): 11, (1, 0): 12, (2, 2): 16, (0, 3): 16}.items():
        if mode in found.steps:
            assert found.steps[mode] == max((value * scale + 50) // 100, 1)


def test_the_grid_of_a_cut_jpeg_is_found(photo: Pixels) -> None:
    cut = images.read(jpeg(photo, 88)).pixels[3:, 6:]
    found = trace(cut)
    assert found is not None
    assert (found.rows, found.columns) == (5, 2)


def test_changed_levels_show_and_how_many(photo: Pixels) -> None:
    pixels = images.read(jpeg(photo, 85)).pixels
    rng, noise = np.random.default_rng(0), [0.0]
    for share in (0.0, 0.05, 0.2):
        moved = rng.choice((-1, 0, 1), pixels.shape[:2], p=(share / 2, 1 - share, share / 2))
        found = trace(np.clip(pixels + moved[..., None], 0, 255).astype(np.uint8))
        assert found is not None
        assert found.noise is not None
        noise.append(found.noise)
    assert noise[2] - noise[1] == pytest.approx(0.05, abs=0.02)
    assert noise[3] - noise[1] == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("shape", [(1, 1), (7, 9, 3), (8, 8), (8, 200, 3), (60, 60, 3)])
@pytest.mark.parametrize("value", [0, 77, 255])
def test_what_says_nothing_has_no_trace(shape: tuple[int, ...], value: int) -> None:
    assert trace(np.full(shape, value, np.uint8)) is None


def test_noise_and_ramps_have_no_trace() -> None:
    rng = np.random.default_rng(1)
    assert trace(rng.integers(0, 256, (200, 200, 3), np.uint8)) is None
    ramp = np.add.outer(np.arange(200), np.arange(56)).astype(np.uint8)
    assert trace(ramp) is None


def test_a_jpeg_forgets_and_others_stay(photo: Pixels) -> None:
    for given in (jpeg(photo, 95), images.read(jpeg(photo, 75)).pixels):
        picture = images.read(given, "host")
        found = forgotten(picture)
        assert found.pixels.shape == (211, 240, 3)
        assert "was a JPEG" in found.notes[-1]
        assert forgotten(found) is found
        # Nor does it show where the scaling is undone.
        assert trace(images.resize(found.pixels, 264, 300)) is None
    picture = images.read(photo, "host")
    assert forgotten(picture) is picture


@pytest.mark.parametrize("secrecy", ["high", "low"])
def test_where_nobody_shall_find_it_nothing_lies_in_a_decoded_jpeg(
    photo: Pixels, secrecy: str
) -> None:
    note, host = isn.File("note.txt", b"Kilroy was here."), jpeg(photo[40:170, 60:190], 80)
    container = isn.hide(host, note, secrecy=secrecy)
    assert container.pixels.shape == (104, 104, 3)
    assert trace(container.pixels) is None
    assert isn.reveal(container) == [note]
    # Elsewhere it stays as it is, since it is found anyway.
    assert isn.hide(host, note).pixels.shape == (130, 130, 3)
    (row,) = isn.capacity(host, secrecy=secrecy, methods=["avif"])
    (smaller,) = isn.capacity(container.host, secrecy=secrecy, methods=["avif"])
    assert row == smaller


def test_where_nobody_shall_find_it_the_file_is_as_others_write_it() -> None:
    host = np.random.default_rng(3).integers(60, 200, (257, 256, 3), np.uint8)
    note, usual = isn.File("note.txt", b"Kilroy was here."), io.BytesIO()
    container = isn.hide(host, note, secrecy="high")
    Image.fromarray(container.pixels).save(usual, "PNG")
    assert container.encoded() == usual.getvalue()
    assert isn.hide(host, note).encoded() != usual.getvalue()
