"""Containers that anybody can seal without a passphrase, and calls that make no sense."""

from __future__ import annotations

import pickle
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from isn import envelope, images, keys, method, secret
from isn.carriers.scattered import Scattered
from isn.carriers.trellis import Trellis
from isn.codes import avif
from isn.codes.bundle import Bundle
from isn.codes.file import Files
from isn.codes.network import NetworkCode
from isn.codes.photos import Photos
from isn.codes.still import coded_size, file_of
from isn.errors import AlteredContainer, ConfigError, IsnError
from isn.images import Pixels
from isn.progress import silent

KEY = keys.Public()
with_avif = pytest.mark.skipif(not avif.available(), reason="this Pillow was built without AVIF")
SOON = 8.0
"""Seconds, on a busy machine; what is tested took a minute and more."""


def forged(number: int, fingerprint: bytes, payload: bytes, side: int = 60) -> Pixels:
    host = np.full((side, side, 3), 128, np.uint8)
    sealed = envelope.close(number, fingerprint, payload, KEY)
    return Trellis().write(host, sealed.head, sealed.body, KEY, silent)


def photos() -> Photos:
    shipped = method.get("photos")
    assert isinstance(shipped, method.Carried)
    code = shipped.pictures[0]
    assert isinstance(code, Photos)
    return code


def refused_soon(container: Pixels) -> None:
    begun = time.process_time()
    with pytest.raises(AlteredContainer):
        isn.reveal(container)
    assert time.process_time() - begun < SOON


def test_an_image_like_a_thread_is_resized_at_the_price_of_others() -> None:
    begun = time.process_time()
    thread = images.resize(np.full((1500, 1500, 3), 7, np.uint8), 1, 2_000_000)
    assert thread.shape == (1, 2_000_000, 3)
    assert (thread == 7).all()
    assert time.process_time() - begun < SOON


def test_a_thread_is_not_coded_as_mostly_padding() -> None:
    code, area = photos(), 200 * 200
    payload = struct.pack("<BhIIII", 1, 200, 1, 160_000, 1, 160_000) + bytes(100)
    refused_soon(forged(code.number, code.fingerprint, payload, 200))
    hidden = np.full((1, 160_000, 3), 90, np.uint8)
    made = code.encode([hidden], isn_room(area), silent)
    (shown,) = code.decode(made, area, silent)
    assert isinstance(shown, np.ndarray)
    assert shown.shape == hidden.shape


def isn_room(area: int) -> Any:
    from isn.codes import Room

    return Room(20_000, area)


@with_avif
def test_av1_streams_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "MAX_PIXELS", 300 * 300)
    stream = avif.encode(np.full((200, 200, 3), 9, np.uint8), 10)
    entries = struct.pack("<III", 10, 10, len(stream)) * 6
    payload = bytes([6]) + entries + stream * 6
    with pytest.raises(AlteredContainer, match="too large"):
        avif.Avif().decode(payload, 60 * 60, silent)


@with_avif
def test_an_av1_stream_is_not_larger_than_it_says() -> None:
    # Of four million pixels, in some hundred bytes that come back as 256.
    stream = avif.encode(np.full((2048, 2048, 3), 128, np.uint8), 0)
    assert coded_size(stream) == (2048, 2048)
    begun = time.process_time()
    assert images.read(file_of(stream)).pixels.shape == (2048, 2048, 3)
    honest = time.process_time() - begun
    payload = bytes([25]) + struct.pack("<III", 16, 16, len(stream)) * 25 + stream * 25
    begun = time.process_time()
    with pytest.raises(AlteredContainer, match="too large"):
        avif.Avif().decode(payload, 60 * 60, silent)
    assert time.process_time() - begun < honest


@with_avif
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda stream: b"\x10" + stream[1:], "has no length"),
        (lambda stream: stream[:2] + stream[4 + stream[3] :], "units of the kinds"),
        (lambda stream: b"\x42" + stream[1:], "a unit of the kind 8"),
        (lambda stream: stream[:3] + b"\xff" * 6 + stream[9:], "is too long"),
        (lambda stream: stream[:4] + b"\x00" + stream[5:], "not of one still picture"),
        (lambda stream: stream * 2, "units of the kinds"),
        (lambda stream: stream[:2], "units of the kinds"),
        (lambda stream: stream + b"\x12", "ends too early"),
    ],
)
def test_an_av1_stream_of_another_layout_is_not_decoded(wrong: Any, why: str) -> None:
    stream = avif.encode(np.full((30, 20, 3), 9, np.uint8), 10)
    assert coded_size(stream) == (30, 20)
    assert wrong(stream) != stream
    with pytest.raises(ValueError, match=why):
        file_of(wrong(stream))


def test_the_networks_container_is_not_larger_than_an_honest_one() -> None:
    # However coarse, more numbers fit into a host than the network of any host makes.
    shipped = method.get("isn-1")
    assert isinstance(shipped, method.Carried)
    code = shipped.pictures[0]
    assert isinstance(code, NetworkCode)
    side = 60

    def payload(height: int, width: int) -> bytes:
        return struct.pack("<h4I", 200, height, width, side, side) + bytes(2000)

    # As many pixels as the host's, and no more than twice as many with what fills whole cells.
    for height, width in ((61, 60), (1, 1000), (1000, 1000), (3601, 1)):
        with pytest.raises(AlteredContainer, match="network's images have"):
            code.contents(payload(height, width), side * side)
    for height, width in ((60, 60), (59, 61), (8, 450), (1, 890)):
        code.contents(payload(height, width), side * side)


@pytest.mark.parametrize("shape", [(1, 2000, 3), (2000, 1, 3)])
def test_a_picture_smaller_than_any_host_holds_nothing(shape: tuple[int, ...]) -> None:
    payload = bytes([1]) + struct.pack("<II", *shape[:2]) + bytes(32)
    fingerprint = method.zoo.entry("paper-1").fingerprint
    sealed = envelope.close(6, fingerprint, payload, KEY)
    host = np.full(shape, 128, np.uint8)
    refused_soon(Scattered().write(host, sealed.head, sealed.body, KEY, silent))


def test_a_head_that_names_more_than_there_is_was_cut() -> None:
    sealed = envelope.close(Files.number, Files.fingerprint, bytes(50_000), KEY)
    host = np.full((60, 60, 3), 128, np.uint8)
    cut = Trellis().write(host, sealed.head, sealed.body[:900], KEY, silent)
    with pytest.raises(AlteredContainer, match="it was cut"):
        isn.reveal(cut)


def test_a_number_that_is_not_the_codes_own_is_unknown() -> None:
    with pytest.raises(isn.UnknownModel, match="under the number 255"):
        isn.reveal(forged(255, photos().fingerprint, bytes(99)))


def test_a_bundle_holds_files_and_then_images() -> None:
    file = Files().encode([isn.File("a", b"b")], isn_room(3600), silent)
    part = struct.pack("<B16sI", Files.number, Files.fingerprint, len(file)) + file
    refused_soon(forged(Bundle.number, Bundle.fingerprint, bytes([2, 1, 0]) + part + part))


def test_a_file_without_end_is_not_read_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "MOST_BYTES", 100)
    path = tmp_path / "long"
    path.write_bytes(bytes(101))
    with pytest.raises(ConfigError, match="more than 100 bytes"):
        isn.File.read(path)
    with pytest.raises(isn.ImageError, match="cannot be read"):
        isn.File.read(tmp_path)


HOST = np.full((64, 64, 3), 100, np.uint8)


@pytest.mark.parametrize(
    "call",
    [
        lambda: isn.File("a", "text"),  # type: ignore[arg-type]
        lambda: isn.File(None, b""),  # type: ignore[arg-type]
        lambda: isn.hide(HOST, HOST, method=5),  # type: ignore[arg-type]
        lambda: isn.hide(HOST, HOST, method=None),  # type: ignore[arg-type]
        lambda: isn.inspect(HOST, method=5),  # type: ignore[arg-type]
        lambda: isn.hide(HOST, HOST, bits=0),
        lambda: isn.hide(HOST, HOST, bits=False),
        lambda: isn.hide(HOST, HOST, bits="2"),  # type: ignore[arg-type]
        lambda: isn.hide(HOST, HOST, bits=float("nan")),
        lambda: isn.hide(HOST, HOST, method="paper-1", refine=1.5),  # type: ignore[arg-type]
        lambda: isn.hide(HOST, []),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(call: Any) -> None:
    with pytest.raises(IsnError):
        call()


def test_methods_that_have_run_can_be_sent_to_another_process() -> None:
    paper = method.get("paper-1")
    container = paper.hide(HOST, [HOST], KEY)
    again = pickle.loads(pickle.dumps(paper))
    assert np.array_equal(again.reveal(container, KEY)[0], paper.reveal(container, KEY)[0])
