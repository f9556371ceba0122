"""Hide, reveal, inspect and capacity, as a person calls them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import isn
from helpers import (
    Shares,
    contents_of,
    crop,
    mostly_slow,
    network_weights,
    oracle,
    picture,
    random_weights,
)
from isn import api, envelope, keys, method
from isn.carriers import adaptive
from isn.carriers.trellis import Trellis
from isn.errors import (
    AlteredContainer,
    BackendError,
    ConfigError,
    ImageError,
    ModelError,
    NoSeal,
    OutputError,
    UnknownModel,
)
from isn.metrics import psnr
from isn.paper.backends.native import Native
from isn.paper.config import ModelConfig
from isn.progress import silent

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

RANDOM = random_weights()
PAPER = method.of("random", RANDOM)
TINY = method.of("tiny", network_weights())
NOTE = isn.File("note.txt", b"to whom it may concern")
HOST = picture(47, 51, seed=4)
SMALL = picture(24, 20, seed=1)
WORDS = "correct horse"


@pytest.fixture(scope="module")
def plain() -> isn.Container:
    """A container by the default method, without a passphrase."""
    return isn.hide(HOST, SMALL)


# ---------------------------------------------------------------- the ways to call


SIZES = (
    ((33, 47), (33, 47)),
    ((33, 47), (7, 60)),
    ((50, 33), (33, 47)),
    ((50, 33), (1, 5)),
    ((50, 33), (60, 50)),
)
"""Of a host and of what is hidden."""


@pytest.mark.parametrize(
    "case",
    mostly_slow(
        product(("avif", "paper-1"), SIZES), [*zip(("avif", "paper-1") * 3, SIZES, strict=False)]
    ),
)
def test_any_sizes(case: tuple[str, tuple[tuple[int, int], tuple[int, int]]]) -> None:
    name, (host_size, hidden_size) = case
    host, hidden = picture(*host_size), picture(*hidden_size, seed=2)
    container = isn.hide(host, hidden, method=name)
    assert container.pixels.shape == host.shape
    assert container.pixels.dtype == np.uint8
    (revealed,) = isn.reveal(container)
    assert revealed.shape == hidden.shape
    found = isn.inspect(container)
    assert container.code is None
    assert [each.size for each in found.contents] == [hidden_size]
    assert (found.count, found.intact, found.code) == (1, True, name)


def test_images_and_files_come_back_in_order_and_size(photos: Photos) -> None:
    host, one, two = (crop(photos[name], 56, 64) for name in ("cat", "coffee", "astronaut"))
    secret = [one, NOTE, two[:24, :32]]
    container = isn.hide(host, secret, check=True)
    found = isn.reveal(container)
    assert contents_of(found) == contents_of(secret)
    assert found[1] == NOTE
    assert psnr(found[0], one) > 35
    assert psnr(found[2], two[:24, :32]) > 35
    assert container.revealed is not None
    assert container.revealed[1] == float("inf")
    assert container.revealed[0] == psnr(found[0], one)
    assert container.psnr == psnr(container.pixels, host)
    assert 47.5 < container.psnr < 48.6


def test_the_answer_of_the_papers_method_is_that_of_the_oracle() -> None:
    host, hidden = picture(34, 40, seed=1), picture(34, 40, seed=2)
    config = ModelConfig.from_mapping(dict(RANDOM.config))
    network = oracle(config, RANDOM.tensors)
    floats = [each.transpose(2, 0, 1)[None] / 255 for each in (host, hidden)]
    planes = network.forward(floats[0], floats[1]).container[0]
    expected = np.clip(planes.transpose(1, 2, 0), 0, 1) * 255
    container = isn.hide(host, hidden, method=PAPER)
    # Half a level of rounding, and one of the head and body in the last bits.
    differences = np.abs(container.pixels - expected)
    assert differences.max() < 1.51
    assert np.mean(differences > 0.51) < 0.2
    received = container.pixels.transpose(2, 0, 1)[None] / 255
    secret = network.inverse(received, np.full_like(received, 0.5)).hidden
    (revealed,) = isn.reveal(container, method=PAPER)
    assert np.abs(revealed - np.clip(secret[0].transpose(1, 2, 0), 0, 1) * 255).max() < 0.51


def test_arrays_images_paths_and_bytes_are_the_same(tmp_path: Path) -> None:
    expected = isn.hide(HOST, SMALL, method="avif")
    paths = [tmp_path / "host.png", tmp_path / "hidden.png"]
    for path, pixels in zip(paths, (HOST, SMALL), strict=True):
        Image.fromarray(pixels).save(path)
    given: Sequence[Callable[[Path], Any]] = (Path, str, Image.open, Path.read_bytes)
    for kind in given:
        container = isn.hide(kind(paths[0]), [kind(paths[1])], method="avif")
        np.testing.assert_array_equal(container.pixels, expected.pixels)
    expected.save(tmp_path / "container.png")
    for kind in (*given, lambda path: expected):
        assert isn.inspect(kind(tmp_path / "container.png")).intact
        found = isn.reveal(kind(tmp_path / "container.png"))
        np.testing.assert_array_equal(found[0], isn.reveal(expected)[0])


def test_a_grey_host_stays_grey(tmp_path: Path) -> None:
    grey = np.ascontiguousarray(picture(60, 70)[..., 1])
    for host in (grey, np.repeat(grey[..., None], 3, axis=2)):
        container = isn.hide(host, SMALL, method="avif")
        assert container.pixels.shape == (60, 70, 3)
        assert (container.pixels == container.pixels[..., :1]).all()
        container.save(tmp_path / "grey.png", overwrite=True)
        for again in (tmp_path / "grey.png", container.pixels, container.pixels[..., 0]):
            assert isn.reveal(again)[0].shape == SMALL.shape


def test_a_container_is_what_takes_an_array_and_saves(plain: isn.Container, tmp_path: Path) -> None:
    np.testing.assert_array_equal(np.asarray(plain), plain.pixels)
    assert np.asarray(plain, np.float32).dtype == np.float32
    assert plain.revealed is None
    assert plain.method == "photos"
    assert "array" not in repr(plain)
    for suffix in ("png", "webp", "tiff"):
        path = tmp_path / f"c.{suffix}"
        plain.save(path)
        assert isn.inspect(path).intact
        with pytest.raises(OutputError):
            plain.save(path)
        plain.save(path, overwrite=True)
    with pytest.raises(OutputError):
        plain.save(tmp_path / "c.jpg")


def test_shares_grow_to_one() -> None:
    for arguments in ({}, {"check": True}):
        for name in ("avif", "paper-1"):
            shares = Shares()
            container = isn.hide(HOST, SMALL, method=name, progress=shares, **arguments)
            assert shares.sound
            shares = Shares()
            isn.reveal(container, progress=shares)
            assert shares.sound


def test_an_engine_is_built_once() -> None:
    built: list[ModelConfig] = []

    class Counting(Native):
        def subnets(self, config: ModelConfig, tensors: Any) -> Any:
            built.append(config)
            return super().subnets(config, tensors)

    backend = Counting()
    container = isn.hide(HOST, SMALL, method="paper-1", backend=backend)
    isn.reveal(container, backend=backend)
    isn.hide(HOST, SMALL, method="paper-1", backend=backend)
    assert len(built) == 1


def test_a_container_that_was_hidden_before_may_be_a_host(plain: isn.Container) -> None:
    again = isn.hide(plain.pixels, NOTE)
    assert isn.reveal(again) == [NOTE]


def test_a_body_is_read_once_for_what_it_says_and_what_it_holds(
    plain: isn.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, sizes = Trellis.read_body, list[int]()

    def counted(self: Trellis, container: Pixels, head: bytes, size: int, key: keys.Key) -> bytes:
        sizes.append(size)
        return read(self, container, head, size, key)

    monkeypatch.setattr(Trellis, "read_body", counted)
    opened = api.opened(plain)
    assert opened.say() == isn.inspect(plain)
    np.testing.assert_array_equal(opened.reveal()[0], isn.reveal(plain)[0])
    assert len(sizes) == 3


# ---------------------------------------------------------------- passphrases


def test_a_passphrase_opens_and_nothing_else_does() -> None:
    container = isn.hide(HOST, [SMALL, NOTE], method="avif", passphrase=WORDS)
    assert isn.reveal(container, passphrase=WORDS)[1] == NOTE
    found = isn.inspect(container, passphrase=WORDS)
    assert (found.count, found.intact) == (2, True)
    for verb in (isn.reveal, isn.inspect):
        with pytest.raises(NoSeal, match="it has another one, or it was never a container"):
            verb(container, passphrase=WORDS.upper())
        with pytest.raises(NoSeal, match="without a passphrase: give the passphrase, if"):
            verb(container)


def test_a_passphrase_too_many_is_named(plain: isn.Container) -> None:
    for container in (plain, isn.hide(HOST, SMALL, method="paper-1")):
        for verb in (isn.reveal, isn.inspect):
            with pytest.raises(NoSeal, match="without a passphrase, which anybody can make"):
                verb(container, passphrase=WORDS)


@pytest.mark.parametrize(
    ("hidden_with", "revealed_with"),
    [("caf\u00e9 \u1ec7", "cafe\u0301 e\u0302\u0323"), ("x" * 10_000, "x" * 10_000)],
)
def test_odd_passphrases_open(hidden_with: str, revealed_with: str) -> None:
    container = isn.hide(HOST, NOTE, passphrase=hidden_with)
    assert isn.reveal(container, passphrase=revealed_with) == [NOTE]
    with pytest.raises(NoSeal):
        isn.inspect(container, passphrase=revealed_with[:-1])


def test_reading_stretches_once(monkeypatch: pytest.MonkeyPatch) -> None:
    container = isn.hide(HOST, NOTE, passphrase=WORDS)
    runs, stretch = [], keys._stretch

    def count(spelled: bytes, salt: bytes) -> bytes:
        runs.append(salt)
        return stretch(spelled, salt)

    monkeypatch.setattr(keys, "_stretch", count)
    isn.reveal(container, passphrase=WORDS)
    assert len(runs) == 1


@pytest.mark.parametrize("text", ["", "two\nlines"])
def test_what_is_no_passphrase_is_refused_before_the_work(text: str, plain: isn.Container) -> None:
    for call in (
        lambda: isn.hide(HOST, NOTE, passphrase=text),
        lambda: isn.reveal(plain, passphrase=text),
        lambda: isn.inspect(plain, passphrase=text),
    ):
        with pytest.raises(ConfigError, match="passphrase"):
            call()


# ---------------------------------------------------------------- what is told when it fails


def test_one_changed_sample_is_an_altered_container(plain: isn.Container) -> None:
    changed = plain.pixels.copy()
    changed[40, 30, 1] ^= 2
    found = isn.inspect(changed)
    assert (found.intact, found.contents, found.code) == (False, (), "photos")
    with pytest.raises(AlteredContainer, match="take the file as it was written"):
        isn.reveal(changed)


def test_what_is_left_of_the_papers_containers_is_revealed_when_asked_for(
    photos: Photos,
) -> None:
    host, hidden = crop(photos["astronaut"], 96, 96), crop(photos["rocket"], 50, 60)
    container = isn.hide(host, hidden, method="paper-1")
    changed = container.pixels.copy()
    changed[40:44, 40:44] ^= 64
    with pytest.raises(AlteredContainer, match=r"with salvage=True, method=.paper-1.$"):
        isn.reveal(changed)
    (left,) = isn.reveal(changed, salvage=True, method="paper-1")
    assert left.shape == host.shape
    whole = np.array(Image.fromarray(hidden).resize((96, 96), Image.Resampling.LANCZOS))
    assert psnr(left, whole) > psnr(left, host) + 5
    with pytest.raises(ConfigError, match="salvage=True was given alone: say as method"):
        isn.reveal(changed, salvage=True)
    with pytest.raises(AlteredContainer, match="nothing can be revealed"):
        isn.reveal(changed, salvage=True, method="photos")
    with pytest.raises(ImageError, match="too small"):
        isn.reveal(changed[:31], salvage=True, method="paper-1")


def test_an_ordinary_photo_holds_nothing(photos: Photos) -> None:
    for call in (isn.reveal, isn.inspect):
        with pytest.raises(
            NoSeal, match="holds nothing that opens without a passphrase: give the passphrase"
        ):
            call(crop(photos["cat"], 64, 64))


def test_a_lossy_copy_is_refused_with_its_format(plain: isn.Container, tmp_path: Path) -> None:
    path = tmp_path / "copy.jpg"
    Image.fromarray(plain.pixels).save(path, quality=95)
    with pytest.raises(NoSeal, match="became a JPEG file"):
        isn.reveal(path)
    again = tmp_path / "copy.png"
    Image.open(path).save(again)
    with pytest.raises(NoSeal, match="JPEG or a messenger"):
        isn.reveal(again)


def test_another_method_than_that_which_made_it_is_refused(plain: isn.Container) -> None:
    for other in ("avif", "paper-1", PAPER, TINY):
        with pytest.raises(ConfigError, match="was made by another one: leave it out"):
            isn.reveal(plain, method=other)
    assert isn.reveal(plain, method="photos")[0].shape == SMALL.shape


def test_files_are_revealed_with_the_method_given_that_hid_them() -> None:
    for secret in ([NOTE], [NOTE, SMALL]):
        for given in ("photos", TINY):
            container = isn.hide(HOST, secret, method=given, check=True)
            assert isn.reveal(container, method=given)[0] == NOTE
            with pytest.raises(ConfigError, match="made by another one"):
                isn.reveal(container, method="paper-1")


def test_a_method_that_is_not_shipped_must_be_brought(tmp_path: Path) -> None:
    network_weights().save(tmp_path / "tiny.safetensors")
    RANDOM.save(tmp_path / "random.safetensors")
    for name, weights in (("tiny", network_weights()), ("random", RANDOM)):
        path = tmp_path / f"{name}.safetensors"
        container = isn.hide(HOST, SMALL, method=path)
        with pytest.raises(UnknownModel, match=weights.fingerprint.hex()):
            isn.reveal(container)
        with pytest.raises(UnknownModel):
            isn.inspect(container)
        found = isn.inspect(container, method=path)
        assert (found.code, found.fingerprint, found.count) == (None, weights.fingerprint, 1)
        assert isn.reveal(container, method=path)[0].shape == SMALL.shape
    with pytest.raises(ModelError):
        isn.reveal(container, method=tmp_path / "absent.safetensors")


def test_what_cannot_be_hidden_is_refused() -> None:
    nothing: tuple[Sequence[Pixels], ...] = ([], ())
    for each in nothing:
        with pytest.raises(ConfigError, match="nothing was given"):
            isn.hide(HOST, each)
    with pytest.raises(ConfigError, match="26 hidden images were given"):
        isn.hide(HOST, [SMALL] * 26)
    with pytest.raises(ConfigError, match="paper-1 hides 1 image at a time, not 2"):
        isn.hide(HOST, [SMALL] * 2, method="paper-1")
    with pytest.raises(ImageError, match="too small"):
        isn.hide(HOST[:5, :5], SMALL)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    for wrong in (HOST.astype(float), HOST[..., :2], text, tmp_path / "absent.png", b"", 3):
        with pytest.raises(ImageError):
            isn.hide(wrong, SMALL)  # type: ignore[arg-type]
        with pytest.raises(ImageError):
            isn.hide(HOST, wrong)  # type: ignore[arg-type]
        with pytest.raises(ImageError):
            isn.reveal(wrong)  # type: ignore[arg-type]


def test_unknown_methods_and_backends_and_unused_options_are_refused(
    plain: isn.Container,
) -> None:
    with pytest.raises(ConfigError, match="no method 'best'"):
        isn.hide(HOST, SMALL, method="best")
    with pytest.raises(BackendError, match="no backend 'jax'"):
        isn.hide(HOST, SMALL, method="paper-1", backend="jax")
    for name, option in (("photos", {"refine": 3}), ("photos", {"backend": "torch"}),
                         ("paper-1", {"bits": 2}), ("avif", {"texture": SMALL})):  # fmt: skip
        with pytest.raises(ConfigError, match="does not use it"):
            isn.hide(HOST, SMALL, method=name, **option)  # type: ignore[arg-type]
    for wrong in (0.001, 5):
        with pytest.raises(ConfigError, match=r"^bits=.* was given"):
            isn.hide(HOST, SMALL, bits=wrong)
        with pytest.raises(ConfigError, match=r"^bits=.* was given"):
            isn.capacity(HOST, bits=wrong)
    with pytest.raises(ConfigError, match="does not use it"):
        isn.reveal(plain, backend="native")
    with pytest.raises(ConfigError, match="no network made this"):
        isn.reveal(isn.hide(HOST, NOTE), backend="native")


def test_a_texture_is_the_key_of_a_network_that_was_trained_with_one() -> None:
    weights = random_weights(ModelConfig(blocks=2, depth=2, growth=4, lost=None), seed=5)
    keyed, texture = method.of("keyed", weights), picture(9, 7, seed=3)
    host, hidden = picture(40, 44, seed=1), picture(40, 44, seed=2)
    container = isn.hide(host, hidden, method=keyed)
    with pytest.raises(ConfigError, match="texture"):
        isn.reveal(container, method=keyed)
    (revealed,) = isn.reveal(container, method=keyed, texture=texture)
    tiled = np.tile(texture, (5, 7, 1))[:40, :44].transpose(2, 0, 1)[None] / 255
    network = oracle(ModelConfig.from_mapping(dict(weights.config)), weights.tensors)
    secret = network.inverse(container.pixels.transpose(2, 0, 1)[None] / 255, tiled).hidden
    expected = np.clip(secret[0].transpose(1, 2, 0), 0, 1) * 255
    assert np.abs(revealed - expected).max() < 0.51


# ---------------------------------------------------------------- forged containers


def forged(number: int, fingerprint: bytes, payload: bytes) -> Pixels:
    """A container of any payload, as anybody can make one."""
    sealed = envelope.close(number, fingerprint, payload, keys.Public())
    return Trellis().write(HOST, sealed.head, sealed.body, keys.Public(), silent)


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize("payload", [b"", bytes(40), b"\xff" * 200])
def test_forged_payloads_are_told_by_every_number(number: int, payload: bytes) -> None:
    prints = {1: "photos", 5: "isn-1", 6: "paper-1"}
    name = prints.get(number)
    fingerprint = method.zoo.entry(name).fingerprint if name else bytes(16)
    container = forged(number, fingerprint, payload)
    for verb in (isn.reveal, isn.inspect):
        if number == 7:
            with pytest.raises(UnknownModel):
                verb(container)
        elif verb is isn.reveal:
            with pytest.raises(isn.RevealError):
                verb(container)
        else:
            assert not isn.inspect(container).intact


def test_a_head_that_claims_more_than_there_is_reads_nothing() -> None:
    sealed = envelope.close(3, bytes(16), bytes(7000), keys.Public())
    container = Trellis().write(HOST, sealed.head, sealed.body[:5000], keys.Public(), silent)
    assert not isn.inspect(container).intact
    with pytest.raises(AlteredContainer, match="it was cut: there is no room for what its head"):
        isn.reveal(container)


# ---------------------------------------------------------------- capacity


def by_name(found: list[isn.Capacity]) -> dict[str, isn.Capacity]:
    assert [each.method for each in found] == list(method.names())
    return {each.method: each for each in found}


def test_capacity_says_what_fits_in_a_host() -> None:
    found = by_name(isn.capacity(HOST))
    for name, each in found.items():
        least, most = method.zoo.entry(name).images
        assert each.images == (least, most)
        assert each.fits == ""
        assert each.revealed is None
        assert (each.size == 0) == name.startswith("paper")
    # An entry of a file, and the head and end of one chunk that is not compressed.
    assert found["photos"].size == (HOST.size - 512) * 4 // 8 - envelope.TAG_BYTES - 10 - 4
    assert found["photos"].container == pytest.approx(48.3, abs=0.1)
    # Hiding refuses bits where a method does not use them.
    (found_avif,) = isn.capacity(HOST, methods=["avif", "paper-1"], bits=1)
    assert found_avif.container == pytest.approx(54.0, abs=0.1)


def test_capacity_asks_the_methods_that_are_named() -> None:
    every = by_name(isn.capacity(HOST, SMALL))
    assert isn.capacity(HOST, SMALL, methods=["avif", "photos"]) == [every["avif"], every["photos"]]
    assert isn.capacity(HOST, SMALL, methods=["isn-1"], survive=75) == []
    with pytest.raises(ConfigError, match="no method 'best'"):
        isn.capacity(HOST, methods=["best"])


def test_the_check_refuses_a_file_that_comes_back_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = isn.File(NOTE.name, NOTE.content[:-1])
    monkeypatch.setattr(method.Found, "reveal", lambda *_: [changed])
    assert isn.hide(HOST, NOTE).revealed is None
    with pytest.raises(isn.IsnError, match=r"note\.txt does not come back as it is"):
        isn.hide(HOST, NOTE, check=True)


def test_capacity_is_what_hiding_then_measures(photos: Photos) -> None:
    host = crop(photos["coffee"], 48, 48)
    for name in ("cat", "rocket"):
        hidden = crop(photos[name], 48, 48)
        said = by_name(isn.capacity(host, hidden))["photos"]
        made = isn.hide(host, hidden, check=True)
        assert made.revealed is not None
        assert said.fits == ""
        assert said.revealed == pytest.approx(made.revealed[0], abs=1.5)
        assert said.container == pytest.approx(made.psnr, abs=0.5)


@pytest.mark.parametrize(
    "options",
    mostly_slow(
        [
            *({}, {"bits": 0.7}, {"secrecy": "high"}, {"secrecy": "low"}),
            *({"survive": 75}, {"survive": 50}, {"survive": 75, "scaled": 200}),
        ],
        [{}, {"bits": 0.7}, {"survive": 75}],
    ),
    ids=str,
)
@pytest.mark.parametrize("grey", [False, True])
def test_a_file_of_the_size_that_capacity_says_fits_and_no_larger(
    options: dict[str, Any], grey: bool
) -> None:
    """For every method that hides files, in whatever way it carries them."""
    host = picture(120, 272, seed=1)[..., 1] if grey else picture(240, 272, seed=1)
    noise, sizes = np.random.default_rng(0).bytes(host.size), set()
    for each in isn.capacity(host, **options):
        assert each.fits == ""
        sizes.add(each.size)
        if each.method == "photos" or (each.method == "isn-2" and not options):
            largest = isn.File("noise", noise[: each.size - 5])
            (found,) = isn.reveal(isn.hide(host, largest, method=each.method, **options))
            assert found == largest
            larger = isn.File("noise", noise[: each.size - 4])
            with pytest.raises(ImageError, match=r"the host has room for"):
                isn.hide(host, larger, method=each.method, **options)
            said = isn.capacity(host, larger, methods=[each.method], **options)[0]
            assert "the host has room for" in said.fits
            assert (said.size, said.container, said.revealed) == (each.size, None, None)
    # Files are one code for all, and the paper's methods hide none.
    assert len(sizes - {0}) == 1


def test_capacity_knows_that_another_code_takes_what_the_first_does_not() -> None:
    rng = np.random.default_rng(0)
    host = rng.integers(60, 190, (128, 192, 3), np.uint8)
    black_and_white = rng.integers(0, 2, (128, 192), np.uint8)[..., None].repeat(3, 2) * 255
    (found,) = isn.capacity(host, [black_and_white], methods=["photos"], bits=0.5)
    assert found.fits == ""
    container = isn.hide(host, black_and_white, bits=0.5, check=True)
    assert container.code == "avif"


def test_capacity_foretells_the_container_of_a_file() -> None:
    for length in (100, 3000):
        file = isn.File("noise", np.random.default_rng(0).bytes(length))
        said = by_name(isn.capacity(HOST, file))
        assert said["paper-1"].fits == "it hides no files"
        assert said["photos"].container == pytest.approx(isn.hide(HOST, file).psnr, abs=1.0)
        assert said["photos"].revealed == float("inf")


def test_capacity_says_what_was_measured_of_images_as_large_as_their_host_alone() -> None:
    host, large = picture(64, 64), picture(64, 65, seed=1)
    for name, usual in (("avif", True), ("paper-1", True), ("isn-1", False), ("photos", False)):
        said, too_large = (by_name(isn.capacity(host, each))[name] for each in (SMALL, large))
        assert (said.usual, said.revealed is None) == (usual, False)
        assert (too_large.usual, too_large.revealed is None) == (False, usual)


def test_capacity_says_who_finds_it() -> None:
    rng = np.random.default_rng(0)
    host = rng.integers(0, 256, (240, 240, 3), np.uint8)
    note, noise = isn.File("note.txt", bytes(200)), isn.File("noise", rng.bytes(1500))
    assert {each.found for each in isn.capacity(host, noise)} == {None}

    def found(secret: isn.File | None, **options: Any) -> float | None:
        (row,) = isn.capacity(host, secret, methods=["avif"], secrecy="low", **options)
        return row.found

    # What is short is spread over the whole host.
    full, much, little = found(None), found(noise), found(note)
    assert full is not None
    assert much is not None
    assert little is not None
    assert 0.5 <= little < much < full < 1
    assert full == pytest.approx(adaptive.found(0.25), abs=0.06)
    assert found(None, bits=0.5) is None


def test_capacity_says_why_not() -> None:
    found = by_name(isn.capacity(HOST, [SMALL] * 3))
    assert found["photos"].fits == found["paper-3"].fits == ""
    for name in ("paper-2", "isn-1"):
        assert found[name].fits.startswith("it hides ")
        assert (found[name].container, found[name].revealed) == (None, None)
    assert by_name(isn.capacity(HOST, [SMALL] * 26))["photos"].fits == "it hides 1 to 25 images"
    assert by_name(isn.capacity(HOST, [SMALL, NOTE]))["paper-1"].fits == "it hides no files"


@pytest.mark.parametrize(
    "secret", [None, SMALL, NOTE, [SMALL, NOTE]], ids=["any", "image", "file", "both"]
)
def test_capacity_of_a_tiny_host_is_a_sentence_too(secret: Any) -> None:
    for side in (1, 9):
        for name, each in by_name(isn.capacity(HOST[:side, :side], secret)).items():
            assert each.fits, name
            assert (each.size, each.container, each.revealed) == (0, None, None)
    assert [each.fits != "" for each in isn.capacity(HOST, secrecy="high")] == [True, True]


# ---------------------------------------------------------------- the package


def test_the_package_names_its_verbs_without_loading_them() -> None:
    assert (isn.hide, isn.reveal, isn.inspect, isn.capacity) == (
        *(api.hide, api.reveal, api.inspect, api.capacity),
    )
    assert issubclass(ImageError, isn.IsnError)
    assert set(isn.__all__) <= set(dir(isn))
    assert all(getattr(isn, name) for name in isn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'hid'"):
        isn.hid  # noqa: B018
    code = "import isn, sys; dir(isn); print(isn.__version__, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [isn.__version__, "False"]


def test_help_tells_of_every_name() -> None:
    code = "import isn; help(isn)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in isn.__all__:
        assert name in done.stdout


@pytest.mark.torch
@pytest.mark.parametrize("given", ["paper-1", TINY, PAPER], ids=["paper-1", "tiny", "random"])
def test_torch_reveals_what_native_hid(given: Any) -> None:
    pytest.importorskip("torch")
    one, other = (isn.hide(HOST, SMALL, method=given, backend=name) for name in ("native", "torch"))
    if given is not TINY:
        # One level of rounding, and one of a body that another pixel made another body.
        assert np.abs(other.pixels.astype(int) - one.pixels).max() <= 2
    for container in (one, other):
        levels = [
            isn.reveal(container, method=given, backend=name)[0].astype(int)
            for name in ("native", "torch")
        ]
        assert np.abs(levels[0] - levels[1]).max() <= 1
