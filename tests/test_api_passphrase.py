"""A passphrase, from hiding to revealing: right, wrong, missing, and over damaged containers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import isn
from helpers import random_weights
from isn import images, keys, scramble, seal, zoo
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal, RevealError, UnknownModel
from isn.metrics import psnr, ssim
from isn.paper import engine
from isn.paper.config import ModelConfig
from isn.paper.weights import Weights

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

WORDS = "correct horse battery staple"
SALT = bytes(range(16))
FULL_MEMORY_KIB = keys._MEMORY_KIB


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """The least memory that Argon2 allows: its real cost is paid where answers are literals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_MEMORY_KIB", 32)
        yield


def crop(photo: Pixels, height: int, width: int) -> Pixels:
    small = photo[::2, ::2]
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    return np.ascontiguousarray(small[top : top + height, left : left + width])


def picture(height: int, width: int) -> Pixels:
    """A picture from whole-number arithmetic alone."""
    y, x, c = np.ogrid[:height, :width, :3]
    wave = (y * (c + 2) + x * 3 + (x * y >> 3) + 40 * c) % 512
    return np.minimum(wave, 511 - wave).astype(np.uint8)


def idle_weights(hidden_images: int = 1) -> Weights:
    """A network that changes nothing, so that its containers are the same on every machine."""
    config = ModelConfig(hidden_images=hidden_images, blocks=1, depth=1, growth=1)
    shapes = config.parameter_shapes().items()
    return Weights(config, {name: np.zeros(shape, np.float32) for name, shape in shapes})


@pytest.fixture(scope="module")
def keyed(photos: Photos) -> tuple[Pixels, Pixels]:
    """A container under `WORDS` by the shipped model, and what is hidden in it."""
    hidden = crop(photos["rocket"], 90, 101)
    return isn.hide(crop(photos["cat"], 113, 131), hidden, passphrase=WORDS), hidden


# ---------------------------------------------------------------- right


def test_a_keyed_container_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_MEMORY_KIB", FULL_MEMORY_KIB)
    monkeypatch.setattr("os.urandom", lambda size: SALT[:size])
    host = picture(97, 115)
    container = isn.hide(host, picture(50, 60), model=idle_weights(), passphrase=WORDS)
    assert np.abs(container.astype(int) - host).max() == 1
    assert (
        hashlib.sha256(container).hexdigest()
        == "053f67d75a25623220fcffae255922c81ee168adfb8bf6482582b0064bd05f2f"
    )
    assert seal.salt_of(container) == SALT
    found = isn.inspect(container, passphrase=WORDS)
    assert (found.sizes, found.intact) == (((50, 60),), True)


def test_what_was_hidden_comes_back(keyed: tuple[Pixels, Pixels]) -> None:
    container, hidden = keyed
    found = isn.inspect(container, passphrase=WORDS)
    model = zoo.default(1).name
    assert (found.sizes, found.intact, found.model) == (((90, 101),), True, model)
    (revealed,) = isn.reveal(container, passphrase=WORDS)
    assert revealed.shape == hidden.shape
    assert psnr(revealed, hidden) > 22


def test_two_images_come_back_in_order_and_size(photos: Photos) -> None:
    host = crop(photos["cat"], 128, 120)
    hidden = [crop(photos["coffee"], 128, 112), crop(photos["astronaut"], 60, 100)]
    container = isn.hide(host, hidden, passphrase=WORDS)
    revealed = isn.reveal(container, passphrase=WORDS)
    assert [each.shape for each in revealed] == [each.shape for each in hidden]
    for k in (0, 1):
        assert psnr(revealed[k], hidden[k]) > 15
        other = images.resize(hidden[1 - k], *hidden[k].shape[:2])
        assert psnr(revealed[k], hidden[k]) > psnr(revealed[k], other) + 4


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_the_network_is_given_scrambled_blocks_and_grey(
    levels: int, monkeypatch: pytest.MonkeyPatch, photos: Photos
) -> None:
    weights = random_weights(ModelConfig(blocks=1, depth=1, growth=1, levels=levels))
    given, pixels = [], engine._floats

    def spy(pictures: list[Pixels]) -> NDArray[np.float32]:
        given.append(pictures)
        return pixels(pictures)

    monkeypatch.setattr(engine, "_floats", spy)
    host, hidden = crop(photos["cat"], 103, 118), crop(photos["rocket"], 70, 80)
    container = isn.hide(host, hidden, model=weights, passphrase=WORDS)
    region = (103 - 103 % weights.config.cell, 118 - 118 % weights.config.cell)
    (shown,) = given[1]
    assert shown.shape == (*region, 3)
    assert (shown[96:] == 128).all()
    assert (shown[:, 112:] == 128).all()
    key = keys.Passphrase(WORDS).scrambling_key(seal.salt_of(container))
    (unscrambled,) = scramble.unscramble([shown], key)
    np.testing.assert_array_equal(unscrambled, images.resize(hidden, 96, 112))


def test_every_container_has_a_salt_of_its_own(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 96, 96), crop(photos["rocket"], 96, 96)
    weights = random_weights(ModelConfig(blocks=1, depth=1, growth=1))
    containers = [
        isn.hide(host, hidden, model=weights, passphrase=text) for text in (WORDS, WORDS, "other")
    ]
    assert len({seal.salt_of(each) for each in containers}) == 3
    for each, text in zip(containers, (WORDS, WORDS, "other"), strict=True):
        assert isn.inspect(each, passphrase=text).intact


@pytest.mark.parametrize(
    ("hidden_with", "revealed_with"),
    [("caf\u00e9 \u1ec7", "cafe\u0301 e\u0302\u0323"), ("x" * 10_000, "x" * 10_000)],
)
def test_odd_passphrases_open(hidden_with: str, revealed_with: str) -> None:
    weights = idle_weights()
    container = isn.hide(picture(96, 96), picture(9, 9), model=weights, passphrase=hidden_with)
    assert isn.inspect(container, passphrase=revealed_with).intact
    with pytest.raises(NoSeal):
        isn.inspect(container, passphrase=revealed_with[:-1])


def test_reading_stretches_once(
    keyed: tuple[Pixels, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, stretch = [], keys._stretch

    def count(spelled: bytes, salt: bytes) -> bytes:
        runs.append(salt)
        return stretch(spelled, salt)

    monkeypatch.setattr(keys, "_stretch", count)
    isn.reveal(keyed[0], passphrase=WORDS)
    assert runs == [seal.salt_of(keyed[0])]


def test_without_a_passphrase_nothing_has_changed(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 40, 41), crop(photos["rocket"], 40, 41)
    container = isn.hide(host, hidden)
    np.testing.assert_array_equal(isn.hide(host, hidden, passphrase=None), container)
    assert isn.inspect(container).intact


# ---------------------------------------------------------------- wrong


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("wrong", ["Correct horse battery staple", WORDS + " ", "x"])
def test_a_wrong_passphrase_reveals_nothing(
    wrong: str, sealed: bool, keyed: tuple[Pixels, Pixels]
) -> None:
    with pytest.raises(NoSeal, match="it has another one, or it was never a container"):
        isn.reveal(keyed[0], passphrase=wrong, sealed=sealed, count=1)
    with pytest.raises(NoSeal, match="another one"):
        isn.inspect(keyed[0], passphrase=wrong)


def test_a_missing_passphrase_is_named_as_possible(keyed: tuple[Pixels, Pixels]) -> None:
    for verb in (isn.reveal, isn.inspect):
        with pytest.raises(NoSeal, match="or it is keyed: give the passphrase"):
            verb(keyed[0])


def test_a_passphrase_too_many_is_named(photos: Photos) -> None:
    container = isn.hide(crop(photos["cat"], 96, 96), crop(photos["rocket"], 40, 41))
    for verb in (isn.reveal, isn.inspect):
        with pytest.raises(NoSeal, match="without a passphrase, which anybody can make"):
            verb(container, passphrase=WORDS)


@pytest.mark.parametrize("text", ["", "two\nlines"])
def test_what_is_no_passphrase_is_refused_before_the_work(
    text: str, keyed: tuple[Pixels, Pixels]
) -> None:
    for call in (
        lambda: isn.hide(keyed[0], keyed[1], passphrase=text),
        lambda: isn.reveal(keyed[0], passphrase=text),
        lambda: isn.inspect(keyed[0], passphrase=text),
    ):
        with pytest.raises(ConfigError, match="passphrase"):
            call()


def test_a_host_with_too_few_blocks_is_refused(
    photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the work has begun")

    monkeypatch.setattr(keys, "_stretch", fail)
    monkeypatch.setattr(engine.Engine, "of", fail)
    with pytest.raises(ImageError, match="130 x 64 and one hidden image make 32 blocks"):
        isn.hide(
            crop(photos["cat"], 65, 131),
            crop(photos["rocket"], 96, 96),
            model="fast-1",
            passphrase=WORDS,
        )


def test_a_code_needs_no_blocks(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 32, 33), crop(photos["rocket"], 20, 20)
    container = isn.hide(host, hidden, passphrase=WORDS)
    assert isn.reveal(container, passphrase=WORDS)[0].shape == hidden.shape


def test_a_lossy_copy_is_named(keyed: tuple[Pixels, Pixels], tmp_path: Any) -> None:
    Image.fromarray(keyed[0]).save(tmp_path / "c.jpg")
    with pytest.raises(NoSeal, match="JPEG"):
        isn.reveal(tmp_path / "c.jpg", passphrase=WORDS)


def test_somebody_with_the_model_alone_sees_nothing_of_a_code(
    keyed: tuple[Pixels, Pixels],
) -> None:
    container, _ = keyed
    with pytest.raises(AlteredContainer, match="no code"):
        isn.reveal(container, sealed=False, count=1)


def test_somebody_with_the_model_alone_sees_no_picture(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 113, 131), crop(photos["rocket"], 90, 101)
    container = isn.hide(host, hidden, model="digits-1", passphrase=WORDS)
    (right,) = isn.reveal(container, passphrase=WORDS)
    (seen,) = isn.reveal(container, sealed=False, count=1, model="digits-1")
    # Of odd sides: the network left the last row and column out.
    blocks = images.resize(seen, 112, 130)
    (wrong,) = scramble.unscramble([blocks], bytes(32))
    expected = images.resize(hidden, *wrong.shape[:2])
    for view in (blocks[:, :128], wrong):
        assert psnr(view, expected) < psnr(right, hidden) - 12
        assert ssim(view, expected) < ssim(right, hidden) - 0.4


# ---------------------------------------------------------------- damaged


def test_an_altered_container_is_told_from_a_wrong_passphrase(
    keyed: tuple[Pixels, Pixels],
) -> None:
    container, hidden = keyed
    altered = container.copy()
    altered[60:64, 60:64] ^= 64
    assert not isn.inspect(altered, passphrase=WORDS).intact
    with pytest.raises(AlteredContainer, match="--no-seal"):
        isn.reveal(altered, passphrase=WORDS)
    (left,) = isn.reveal(altered, passphrase=WORDS, sealed=False, count=1)
    assert left.shape == hidden.shape
    assert psnr(left, hidden) > 17
    with pytest.raises(ConfigError, match="count of 2"):
        isn.reveal(altered, passphrase=WORDS, sealed=False, count=2)
    with pytest.raises(UnknownModel):
        isn.reveal(altered, passphrase=WORDS, sealed=False, model=idle_weights())


def test_a_lost_seal_takes_the_key_with_it(keyed: tuple[Pixels, Pixels]) -> None:
    with pytest.raises(NoSeal, match="and the key with it"):
        isn.reveal(keyed[0] ^ 1, passphrase=WORDS, sealed=False, count=1)


edits = st.lists(
    st.tuples(st.integers(0, 95), st.integers(0, 96), st.integers(0, 2), st.integers(0, 255)),
    min_size=1,
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=edits, text=st.sampled_from([WORDS, "x", None]))
def test_no_edit_goes_unseen(edits: list[tuple[int, int, int, int]], text: str | None) -> None:
    container = isn.hide(picture(96, 97), picture(8, 9), model=idle_weights(), passphrase=WORDS)
    edited = container.copy()
    for row, column, channel, value in edits:
        edited[row, column, channel] = value
    unchanged = bool((edited == container).all())
    try:
        found = isn.inspect(edited, passphrase=text)
    except NoSeal:
        assert text != WORDS or not unchanged
    else:
        assert text == WORDS
        assert found.intact == unchanged
        assert found.sizes == ((8, 9),)


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    secret=st.binary(min_size=32, max_size=32),
)
def test_the_seal_reader_finds_nothing_in_noise(
    height: int, width: int, seed: int, secret: bytes
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    with pytest.raises(RevealError):
        seal.find(pixels, secret_for=lambda salt: hashlib.sha256(secret + salt).digest())


@given(content=st.binary(min_size=91, max_size=91), flags=st.integers(0, 255))
def test_whoever_has_the_key_cannot_make_the_reader_stumble(content: bytes, flags: int) -> None:
    passphrase = keys.Passphrase(WORDS)
    pixels = picture(40, 50).copy()
    lock = seal._lock((40, 50), SALT, passphrase.seal_secret)
    seal._embed(pixels, lock, bytes([1, flags]) + content[2:])
    try:
        found = seal.find(pixels, secret_for=passphrase.seal_secret)
    except NoSeal:
        return
    limit = seal.largest_hidden(40, 50)
    assert all(rows * columns <= limit for rows, columns in found.seal.sizes)
    assert not found.intact
