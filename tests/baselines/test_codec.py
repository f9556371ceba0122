from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from isn import baselines
from isn.baselines import codec
from isn.baselines.codec import Avif
from isn.errors import BackendError, ConfigError, ImageError
from isn.metrics import psnr

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_low_bits_by_hand(bits: int) -> None:
    host = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    content = bytes([0b1011_0010, 0b0110_1001])
    container = codec.embed(host, content, bits)
    assert codec.extract(container, bits)[:2] == content
    # No value with the same low bits is nearer.
    step = 1 << bits
    change = container.astype(int) - host
    assert np.abs(change).max() <= step - 1
    assert np.abs(change)[(host >= step) & (host <= 255 - step)].max() <= step // 2
    used = -(-16 // bits)
    assert (container.reshape(-1)[used:] == host.reshape(-1)[used:]).all()
    first = "1011001001101001"[:bits]
    assert container.reshape(-1)[0] & ((1 << bits) - 1) == int(first, 2)


@needs_avif
@pytest.mark.parametrize(("bits", "count"), [(1, 1), (2, 2), (3, 5)])
def test_exact_on_its_own_bytes(photos: dict[str, Any], bits: int, count: int) -> None:
    avif = Avif(bits)
    host = photos["coffee"][:128, :144]
    hidden = [photos["cat"][: 96 + k, 40 : 120 + k] for k in range(count)]
    container = avif.hide(host, hidden)
    found = avif.files(container, count)
    assert found is not None
    room = avif.room((128, 144), count)
    revealed = avif.reveal(container, count)
    assert [size for _, size in found] == [each.shape[:2] for each in hidden]
    for (file, _), picture, back in zip(found, hidden, revealed, strict=True):
        assert file == codec.fitting(picture, room)
        with Image.open(io.BytesIO(file)) as opened:
            assert opened.format == "AVIF"
            assert (np.asarray(opened.convert("RGB")) == back).all()
        assert back is not None
        assert psnr(back, picture) > 24
    assert np.abs(container.astype(int) - host).max() < 1 << bits


@needs_avif
def test_quality_fills_the_room(photos: dict[str, Any]) -> None:
    picture = photos["astronaut"][:128, :128]
    for room in (1500, 3000, 6000):
        assert 0.85 * room < len(codec.fitting(picture, room)) <= room


@needs_avif
def test_files_that_are_kept_are_those_that_would_be_made(
    photos: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    encode = codec.encode

    def counted(pixels: Any, quality: int) -> bytes:
        made.append(quality)
        return encode(pixels, quality)

    monkeypatch.setattr(codec, "encode", counted)
    monkeypatch.setattr(codec, "_ENCODED", codec.Encoded(10_000_000))
    picture, other = photos["rocket"][:64, :80], photos["rocket"][:64, 1:81]
    rooms = (700, 900, 1200, 700)
    kept = [codec.fitting(picture, room) for room in rooms]
    first = len(made)
    assert codec.fitting(other, 900) != kept[1]
    assert len(set(made[:first])) == first

    # A store without room forgets each file at once.
    monkeypatch.setattr(codec, "_ENCODED", codec.Encoded(0))
    made.clear()
    assert [codec.fitting(picture, room) for room in rooms] == kept
    assert len(made) > first


@needs_avif
def test_an_image_that_does_not_fit_is_halved() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    host = np.full((64, 64, 3), 128, np.uint8)
    (revealed,) = Avif(1).reveal(Avif(1).hide(host, [noise]), 1)
    assert revealed is not None
    assert revealed.shape == noise.shape


@needs_avif
def test_a_host_without_room_is_refused() -> None:
    with pytest.raises(ImageError, match="take a larger host"):
        Avif(1).hide(np.zeros((8, 8, 3), np.uint8), [np.zeros((8, 8, 3), np.uint8)])


@needs_avif
def test_damage_is_a_failure_and_never_a_crash(photos: dict[str, Any]) -> None:
    avif = Avif(1)
    host, hidden = photos["coffee"][:128, :128], photos["cat"][:128, :128]
    container = avif.hide(host, [hidden])
    assert avif.reveal(host, 1) == [None]
    assert avif.reveal(np.full_like(host, 255), 1) == [None]
    assert avif.reveal(container[1:, 1:], 1) == [None]
    assert avif.reveal(container, 2) == [None, None]
    torn = container.copy()
    torn.reshape(-1)[8 * 13 : 8 * 40] ^= 1
    assert avif.reveal(torn, 1) == [None]
    rng = np.random.default_rng(0)
    for _ in range(20):
        flipped = container.copy()
        flipped.reshape(-1)[104 + rng.integers(0, 40_000, 200)] ^= 1
        (revealed,) = avif.reveal(flipped, 1)
        assert revealed is None or psnr(revealed, hidden) < 40


@needs_avif
def test_a_header_may_not_promise_gigabytes() -> None:
    host = np.zeros((64, 64, 3), np.uint8)
    header = b"\1" + codec._ENTRY.pack(10, 60_000, 60_000) + bytes(10)
    assert Avif(1).reveal(codec.embed(host, header, 1), 1) == [None]


@needs_avif
def test_six_images_are_refused() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ConfigError, match="avif-2 hides 1, 2, 3, 4, 5"):
        Avif(2).hide(picture, [picture] * 6)


def test_without_avif_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(BackendError, match=r"avif-2 needs AVIF.*pip install"):
        baselines.get("avif-2")


def test_names() -> None:
    assert baselines.get("lsb-4").name == "lsb-4"
    with pytest.raises(ConfigError, match="no baseline 'dct': choose among lsb-4, avif-1"):
        baselines.get("dct")
