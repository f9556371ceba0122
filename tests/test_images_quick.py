"""PNG files of photos: what other decoders make of them, whichever build wrote them."""

from __future__ import annotations

import io
import zlib
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from isn import kernels, threads
from isn.images import quick


@pytest.fixture(params=["avx2", "plain"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    if name not in kernels.builds():
        pytest.skip(f"this processor does not run the build {name}")
    monkeypatch.setattr(quick, "call", partial(kernels.call, build=name))
    return name


def drawn(shape: tuple[int, ...], kind: str) -> NDArray[np.uint8]:
    """Samples of some kind: a photo's, noise, flat, or with runs of all lengths."""
    rng = np.random.default_rng(3)
    if kind == "noise":
        return rng.integers(0, 256, shape, np.uint8)
    if kind == "flat":
        return np.full(shape, 77, np.uint8)
    if kind == "runs":
        lengths = np.resize(np.arange(1, 700), 2000)
        found = np.repeat(rng.integers(0, 256, len(lengths), np.uint8), lengths)
        return np.resize(found, shape)
    smooth = np.cumsum(rng.normal(0, 2, shape), axis=0).cumsum(axis=1) / 9
    return (128 + 100 * np.sin(smooth / 90) + rng.normal(0, 1, shape)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["photo", "noise", "flat", "runs"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (1, 1), (1, 300, 3), (300, 1), (7, 5, 3), (61, 67), (180, 640, 3)]
)
def test_decoders_see_what_was_encoded(
    build: str, shape: tuple[int, ...], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The largest in several pieces.
    monkeypatch.setattr(quick, "_PIECE", 1 << 17)
    samples = drawn(shape, kind)
    with Image.open(io.BytesIO(quick.encode(samples))) as image:
        image.load()
        assert image.mode == ("RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(image), samples)


def test_threads_do_not_change_a_file(build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = drawn((300, 1000, 3), "photo")
    monkeypatch.setattr(quick, "_PIECE", 1 << 18)
    one = quick.encode(samples)
    monkeypatch.setattr(threads, "_limit", 3)
    assert quick.encode(samples) == one


def test_a_filter_is_chosen_for_each_row(build: str) -> None:
    samples = drawn((64, 400, 3), "photo")
    samples[32:] = samples[32:].transpose(0, 2, 1).reshape(32, 400, 3)
    lines = np.empty((64, 1201), np.uint8)
    quick.call("filter", samples, 0, 64, 1200, 3, lines.reshape(-1))
    assert len(np.unique(lines[:, 0])) > 1
    sizes = np.abs(lines[:, 1:].view(np.int8).astype(int)).sum(1)
    assert (sizes <= np.abs(samples.reshape(64, -1).view(np.int8).astype(int)).sum(1)).all()


def deflated(content: NDArray[np.uint8]) -> bytes:
    room = np.empty(2 * len(content) + quick._MORE, np.uint8)
    return room[: quick.call("deflate", content, len(content), 1, room)].tobytes()


def test_the_longest_codes_are_as_long_as_deflate_allows(build: str) -> None:
    # Frequencies of Fibonacci make codes longer by a bit each.
    often = [1, 1]
    while len(often) < 24:
        often.append(often[-1] + often[-2])
    content = np.repeat(np.arange(24, dtype=np.uint8), often)
    np.random.default_rng(0).shuffle(content)
    packed = deflated(content)
    assert zlib.decompress(packed, -15) == content.tobytes()
    assert len(packed) < 0.4 * len(content)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 10, 257, 258, 259, 266, 1000, 1 << 17, 300_000])
def test_runs_of_every_length(build: str, length: int) -> None:
    content = np.concatenate([np.zeros(length, np.uint8), np.full(length, 9, np.uint8)])
    assert zlib.decompress(deflated(content), -15) == content.tobytes()
