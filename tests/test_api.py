"""Hide, reveal and inspect, as a person calls them."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import isn
from helpers import oracle, random_weights
from isn import api, seal, zoo
from isn.errors import (
    AlteredContainer,
    BackendError,
    ConfigError,
    ImageError,
    ModelError,
    NoSeal,
    UnknownModel,
)
from isn.metrics import psnr
from isn.paper.backends.onnxruntime import OnnxRuntime
from isn.paper.config import ModelConfig
from isn.paper.weights import Weights

Pixels = NDArray[np.uint8]
Photos = dict[str, Pixels]

RANDOM = random_weights(ModelConfig(blocks=2, depth=2, growth=4))


def crop(photo: Pixels, height: int, width: int) -> Pixels:
    """The middle of a photo, read-only, at half its detail so that small crops show something."""
    small = photo[::2, ::2]
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    part: Pixels = np.ascontiguousarray(small[top : top + height, left : left + width])
    assert part.shape == (height, width, 3)
    part.flags.writeable = False
    return part


@pytest.mark.parametrize("host_size", [(32, 32), (33, 47), (64, 48), (50, 33)])
@pytest.mark.parametrize("hidden_size", [(32, 32), (33, 47), (7, 90), (1, 5), (64, 1), (120, 100)])
def test_any_sizes(
    host_size: tuple[int, int], hidden_size: tuple[int, int], photos: Photos
) -> None:
    host, hidden = crop(photos["cat"], *host_size), crop(photos["coffee"], *hidden_size)
    container = isn.hide(host, hidden)
    assert container.shape == host.shape
    assert container.dtype == np.uint8
    assert 25 < psnr(container, host) < 60
    (revealed,) = isn.reveal(container)
    assert revealed.shape == hidden.shape
    assert revealed.dtype == np.uint8
    found = isn.inspect(container)
    assert (found.sizes, found.count, found.intact) == ((hidden_size,), 1, True)


def test_one_image_comes_back(photos: Photos) -> None:
    host, hidden = crop(photos["astronaut"], 96, 96), crop(photos["rocket"], 96, 96)
    container = isn.hide(host, hidden)
    (revealed,) = isn.reveal(container)
    assert psnr(container, host) > 33
    assert psnr(revealed, hidden) > 28
    assert psnr(revealed, host) < 15


def test_two_images_come_back_in_order_and_size(photos: Photos) -> None:
    host = crop(photos["cat"], 96, 80)
    hidden = [crop(photos["coffee"], 96, 80), crop(photos["astronaut"], 60, 100)]
    container = isn.hide(host, hidden)
    revealed = isn.reveal(container)
    assert [each.shape for each in revealed] == [each.shape for each in hidden]
    for k in (0, 1):
        assert psnr(revealed[k], hidden[k]) > 18
    swapped = np.array(Image.fromarray(hidden[0]).resize((100, 60)))
    assert psnr(revealed[1], swapped) < psnr(revealed[1], hidden[1]) - 6


def test_the_answer_is_that_of_the_oracle(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 34, 40), crop(photos["coffee"], 34, 40)
    network = oracle(RANDOM.config, RANDOM.tensors)
    floats = [each.transpose(2, 0, 1)[None] / 255 for each in (host, hidden)]
    planes = network.forward(floats[0], floats[1]).container[0]
    expected = np.clip(planes.transpose(1, 2, 0), 0, 1) * 255
    container = isn.hide(host, hidden, model=RANDOM)
    assert psnr(container, host) < 30
    # Half a level of rounding, and one of the seal.
    assert np.abs(container - expected).max() < 1.51
    assert np.mean(np.abs(container - expected) > 0.51) < 0.15
    received = container.transpose(2, 0, 1)[None] / 255
    secret = network.inverse(received, np.full_like(received, 0.5)).hidden
    (revealed,) = isn.reveal(container, model=RANDOM)
    assert np.abs(revealed - np.clip(secret[0].transpose(1, 2, 0), 0, 1) * 255).max() < 0.51


def test_the_same_input_gives_the_same_container(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 40, 41), crop(photos["rocket"], 40, 41)
    first = isn.hide(host, hidden)
    np.testing.assert_array_equal(isn.hide(host.copy(), hidden.copy()), first)
    np.testing.assert_array_equal(isn.hide(host, [hidden], backend=OnnxRuntime(1)), first)


def test_arrays_images_and_paths_are_the_same(photos: Photos, tmp_path: Path) -> None:
    host, hidden = crop(photos["cat"], 40, 48), crop(photos["rocket"], 32, 50)
    expected = isn.hide(host, hidden)
    paths = [tmp_path / "host.png", tmp_path / "hidden.png"]
    for path, pixels in zip(paths, (host, hidden), strict=True):
        Image.fromarray(pixels).save(path)
    given: Sequence[Callable[[Path], Any]] = (Path, str, Image.open, Path.read_bytes)
    for kind in given:
        container = isn.hide(kind(paths[0]), [kind(paths[1])])
        np.testing.assert_array_equal(container, expected)
    target = tmp_path / "container.png"
    Image.fromarray(expected).save(target)
    for kind in given:
        assert isn.inspect(kind(target)).intact
        np.testing.assert_array_equal(isn.reveal(kind(target))[0], isn.reveal(expected)[0])


def test_a_view_with_gaps_is_hidden_like_its_copy(photos: Photos) -> None:
    host, hidden = photos["cat"][50:130:2, 60:160:2], photos["coffee"][:80:2, :100:2, ::-1]
    container = isn.hide(host, hidden)
    np.testing.assert_array_equal(container, isn.hide(host.copy(), hidden.copy()))


@pytest.mark.parametrize("levels", [0, 1, 2])
def test_inputs_stay_as_they_were(levels: int, photos: Photos) -> None:
    weights = random_weights(ModelConfig(blocks=1, depth=1, growth=1, levels=levels))
    host, hidden = crop(photos["cat"], 36, 40).copy(), crop(photos["coffee"], 36, 40).copy()
    kept = host.copy(), hidden.copy()
    container = isn.hide(host, hidden, model=weights)
    sealed = container.copy()
    isn.reveal(container, model=weights)
    isn.inspect(container)
    np.testing.assert_array_equal(host, kept[0])
    np.testing.assert_array_equal(hidden, kept[1])
    np.testing.assert_array_equal(container, sealed)


@pytest.mark.parametrize(("levels", "row", "column"), [(0, 39, 47), (1, 38, 46), (2, 36, 44)])
def test_the_rim_that_the_transform_leaves_is_the_hosts(
    levels: int, row: int, column: int, photos: Photos
) -> None:
    weights = random_weights(ModelConfig(blocks=2, depth=2, growth=4, levels=levels))
    host = crop(photos["cat"], 39, 47)
    container = isn.hide(host, crop(photos["coffee"], 20, 20), model=weights)
    same = (container >> 1) == (host >> 1)
    assert same[row:].all()
    assert same[:, column:].all()
    # Right up to the rim it is not: seven bits seldom stay the same under these weights.
    assert same[:row, :column].mean() < 0.5
    assert same[row - 1, :column].mean() < 0.5
    assert same[:row, column - 1].mean() < 0.5
    assert isn.reveal(container, model=weights)[0].shape == (20, 20, 3)


def noisy(container: Pixels, levels: int = 1) -> Pixels:
    noise = np.random.default_rng(0).integers(-levels, levels, container.shape, endpoint=True)
    changed: Pixels = np.clip(container + noise, 0, 255).astype(np.uint8)
    return changed


@pytest.mark.parametrize("name", ["first-1", "fast-1", "digits-1"])
def test_without_a_seal_what_is_left_is_revealed_when_asked_for(name: str, photos: Photos) -> None:
    host, hidden = crop(photos["astronaut"], 96, 96), crop(photos["rocket"], 50, 60)
    damaged = noisy(container := isn.hide(host, hidden, model=name))
    if name == "digits-1":
        # Digits bear that noise in every eighth sample and no more.
        damaged = container.copy()
        damaged.reshape(-1)[::8] = noisy(container).reshape(-1)[::8]
    with pytest.raises(NoSeal, match="holds no seal"):
        isn.reveal(damaged)
    every: list[dict[str, Any]] = [{"model": name}, {"model": name, "count": 1}]
    for arguments in every:
        (revealed,) = isn.reveal(damaged, sealed=False, **arguments)
        assert revealed.shape == host.shape
        whole = np.array(Image.fromarray(hidden).resize((96, 96), Image.Resampling.LANCZOS))
        assert psnr(revealed, whole) > 20
        assert psnr(revealed, host) < 15


def test_of_the_default_nothing_is_left_and_that_is_said(photos: Photos) -> None:
    host, hidden = crop(photos["astronaut"], 96, 96), crop(photos["rocket"], 50, 60)
    container = isn.hide(host, hidden)
    (whole,) = isn.reveal(container, sealed=False, count=1)
    np.testing.assert_array_equal(whole, isn.reveal(container)[0])
    with pytest.raises(AlteredContainer, match="no code that is whole"):
        isn.reveal(noisy(container), sealed=False, count=1)


def test_two_images_without_a_seal(photos: Photos) -> None:
    host = crop(photos["astronaut"], 64, 64)
    container = isn.hide(host, [crop(photos["rocket"], 64, 64), crop(photos["cat"], 64, 64)])
    sealed = isn.reveal(container)
    for one, other in zip(isn.reveal(container, sealed=False, count=2), sealed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_a_seal_a_count_is_needed_and_must_fit(photos: Photos) -> None:
    container = isn.hide(crop(photos["cat"], 40, 40), crop(photos["coffee"], 40, 40))
    with pytest.raises(ConfigError, match="give a count"):
        isn.reveal(container, sealed=False)
    with pytest.raises(ConfigError, match="count of 1 was given, this model hides 2"):
        isn.reveal(container, sealed=False, model="first-2", count=1)
    for count in (0, -1, 6):
        with pytest.raises(ConfigError):
            isn.reveal(container, sealed=False, count=count)
    with pytest.raises(ImageError, match="too small"):
        isn.reveal(container[:31], sealed=False, count=1)


def test_one_changed_sample_is_an_altered_container(photos: Photos) -> None:
    container = isn.hide(crop(photos["cat"], 64, 64), crop(photos["coffee"], 64, 64))
    container[30, 30, 1] ^= 128
    assert isn.inspect(container).intact is False
    with pytest.raises(AlteredContainer, match="pixels were changed"):
        isn.reveal(container)
    assert isn.reveal(container, sealed=False, count=1)[0].shape == (64, 64, 3)


def test_an_ordinary_photo_holds_nothing(photos: Photos) -> None:
    for call in (isn.reveal, isn.inspect):
        with pytest.raises(NoSeal, match="holds no seal"):
            call(crop(photos["cat"], 64, 64))


def test_a_lossy_copy_is_refused_with_its_format(photos: Photos, tmp_path: Path) -> None:
    container = isn.hide(crop(photos["cat"], 64, 64), crop(photos["coffee"], 64, 64))
    path = tmp_path / "copy.jpg"
    Image.fromarray(container).save(path, quality=95)
    with pytest.raises(NoSeal, match="is a JPEG file"):
        isn.reveal(path)
    again = tmp_path / "copy.png"
    Image.open(path).save(again)
    with pytest.raises(NoSeal, match="JPEG or a messenger"):
        isn.reveal(again)


def test_the_model_is_found_by_the_seal_and_another_refused(photos: Photos) -> None:
    container = isn.hide(crop(photos["cat"], 40, 40), crop(photos["coffee"], 40, 40))
    assert isn.inspect(container).model == zoo.default(1).name
    assert isn.inspect(container).fingerprint == zoo.default(1).fingerprint
    for other in (RANDOM, "first-2"):
        with pytest.raises(UnknownModel, match=r"give the one that made it"):
            isn.reveal(container, model=other)


def test_a_model_that_is_not_shipped_must_be_brought(photos: Photos, tmp_path: Path) -> None:
    container = isn.hide(crop(photos["cat"], 40, 40), crop(photos["coffee"], 30, 44), model=RANDOM)
    assert isn.inspect(container).model is None
    with pytest.raises(UnknownModel, match=RANDOM.fingerprint.hex()):
        isn.reveal(container)
    path = tmp_path / "random.safetensors"
    RANDOM.save(path)
    expected = isn.reveal(container, model=RANDOM)
    np.testing.assert_array_equal(isn.reveal(container, model=path)[0], expected[0])
    with pytest.raises(ModelError):
        isn.reveal(container, model=tmp_path / "absent.safetensors")


def test_the_number_of_hidden_images_must_be_the_models(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 40, 40), crop(photos["coffee"], 40, 40)
    with pytest.raises(ConfigError, match="6 hidden images were given"):
        isn.hide(host, [hidden] * 6)
    with pytest.raises(ConfigError, match="6 hidden images were given, this model hides 1"):
        isn.hide(host, [hidden] * 6, model="first-1")
    with pytest.raises(ConfigError, match="1 hidden images were given, this model hides 2"):
        isn.hide(host, [hidden], model="first-2")
    nothing: tuple[Sequence[Pixels], ...] = ([], ())
    for each in nothing:
        with pytest.raises(ConfigError, match="no hidden image"):
            isn.hide(host, each)


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (1, 1)])
def test_a_host_that_is_too_small_is_refused(size: tuple[int, int], photos: Photos) -> None:
    with pytest.raises(ImageError, match="32 x 32"):
        isn.hide(crop(photos["cat"], *size), crop(photos["coffee"], 40, 40))


def test_a_hidden_image_that_is_too_large_is_refused_before_any_work(photos: Photos) -> None:
    host = crop(photos["cat"], 32, 32)
    huge = np.zeros((4001, 8000, 3), np.uint8)
    assert huge.shape[0] * huge.shape[1] > seal.largest_hidden(32, 32)
    with pytest.raises(ImageError, match="32008000 pixels"):
        isn.hide(host, huge, progress=lambda share: pytest.fail("it began"))


def test_what_is_no_image_is_refused(photos: Photos, tmp_path: Path) -> None:
    photo = crop(photos["cat"], 40, 40)
    text = tmp_path / "text.png"
    text.write_text("no image")
    for wrong in (photo.astype(float), photo[..., :2], text, tmp_path / "absent.png", b"", 3):
        with pytest.raises(ImageError):
            isn.hide(wrong, photo)  # type: ignore[arg-type]
        with pytest.raises(ImageError):
            isn.hide(photo, wrong)  # type: ignore[arg-type]
        with pytest.raises(ImageError):
            isn.reveal(wrong)  # type: ignore[arg-type]


def test_unknown_models_and_backends_are_refused(photos: Photos) -> None:
    photo = crop(photos["cat"], 40, 40)
    with pytest.raises(ModelError, match="no model 'best'"):
        isn.hide(photo, photo, model="best")
    with pytest.raises(BackendError, match="no backend 'jax'"):
        isn.hide(photo, photo, backend="jax")


def forged(sizes: list[tuple[int, int]], photos: Photos) -> Pixels:
    """A container whose seal claims these sizes, as anybody can make one."""
    pixels = crop(photos["cat"], 32, 32).copy()
    lock = seal._lock((32, 32), bytes(16), None)
    sides = [side for size in sizes for side in size] + [0] * (10 - 2 * len(sizes))
    fingerprint = zoo.load(f"fast-{len(sizes)}").fingerprint
    content = struct.pack("<BBB16s10I", 1, 0, len(sizes), fingerprint, *sides)
    seal._embed(pixels, lock, content + seal._pixel_hash(pixels, lock.positions))
    return pixels


def test_the_forger_below_can_forge(photos: Photos) -> None:
    assert isn.reveal(forged([(50, 60)], photos))[0].shape == (50, 60, 3)


@pytest.mark.parametrize(
    "sizes", [[(2**32 - 1, 2**32 - 1)], [(1, 32_000_001)], [(40, 40), (10_000, 10_000)], [(0, 9)]]
)
def test_a_forged_seal_of_huge_images_is_refused(
    sizes: list[tuple[int, int]], photos: Photos
) -> None:
    container = forged(sizes, photos)
    isn.reveal(forged([(9, 9)] * len(sizes), photos))
    tracemalloc.start()
    try:
        with pytest.raises(NoSeal):
            isn.reveal(container)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(1, 2_000_000), (2_000_000, 1)])
def test_a_forged_seal_of_a_thread_is_cheap(size: tuple[int, int], photos: Photos) -> None:
    resource = pytest.importorskip("resource")
    container = forged([size], photos)
    isn.reveal(forged([(9, 9)], photos))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (revealed,) = isn.reveal(container)
    assert revealed.shape == (*size, 3)
    # In kilobytes; Lanczos over the whole side at once would add 120,000 for its coefficients.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def keyed() -> Weights:
    return random_weights(ModelConfig(blocks=2, depth=2, growth=4, lost=None), seed=5)


def test_a_model_keyed_with_a_texture(photos: Photos) -> None:
    weights = keyed()
    host, hidden = crop(photos["cat"], 40, 44), crop(photos["coffee"], 40, 44)
    texture = crop(photos["rocket"], 9, 7)
    container = isn.hide(host, hidden, model=weights)
    with pytest.raises(ConfigError, match="texture"):
        isn.reveal(container, model=weights)
    (revealed,) = isn.reveal(container, model=weights, texture=texture)
    tiled = np.tile(texture, (5, 7, 1))[:40, :44].transpose(2, 0, 1)[None] / 255
    network = oracle(weights.config, weights.tensors)
    secret = network.inverse(container.transpose(2, 0, 1)[None] / 255, tiled).hidden
    expected = np.clip(secret[0].transpose(1, 2, 0), 0, 1) * 255
    assert np.abs(revealed - expected).max() < 0.51
    (other,) = isn.reveal(container, model=weights, texture=crop(photos["cat"], 9, 7))
    assert psnr(other, revealed) < 40


def test_progress_rises_to_one(photos: Photos) -> None:
    host, hidden = crop(photos["cat"], 49, 60), crop(photos["coffee"], 40, 40)
    shares: list[float] = []
    container = isn.hide(host, hidden, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] == 1
    shares.clear()
    isn.reveal(container, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_engine_is_built_once(photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[ModelConfig] = []

    class Counting(OnnxRuntime):
        def subnets(self, config: ModelConfig, tensors: Any) -> Any:
            built.append(config)
            return super().subnets(config, tensors)

    backend = Counting(1)
    container = isn.hide(crop(photos["cat"], 40, 40), crop(photos["cat"], 40, 40), backend=backend)
    isn.reveal(container, backend=backend)
    assert len(built) == 1


def test_the_package_names_its_verbs_without_loading_them() -> None:
    assert (isn.hide, isn.reveal, isn.inspect) == (api.hide, api.reveal, api.inspect)
    assert issubclass(ImageError, isn.IsnError)
    with pytest.raises(AttributeError, match="no attribute 'hid'"):
        isn.hid  # noqa: B018


@pytest.mark.torch
def test_torch_reveals_what_onnxruntime_hid(photos: Photos) -> None:
    pytest.importorskip("torch")
    host, hidden = crop(photos["cat"], 64, 70), crop(photos["coffee"], 64, 70)
    container = isn.hide(host, hidden, backend="onnxruntime")
    other = isn.hide(host, hidden, backend="torch")
    # One level of rounding and one of a seal that another pixel made another seal.
    assert np.abs(other.astype(int) - container).max() <= 2
    levels = isn.reveal(container, backend="torch")[0].astype(int)
    assert np.abs(levels - isn.reveal(container, backend="onnxruntime")[0]).max() <= 1
