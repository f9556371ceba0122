"""Dense blocks of 1 x 1 as they begin: digits in any host, and an answer that may learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from isn import images, method, zoo
from isn.errors import ConfigError, ModelError
from isn.keys import Public
from isn.paper.method import Paper
from isn.training import digits, modulo
from isn.training.data import ImageStore
from isn.training.distributed import Processes
from isn.training.invertible import Invertible
from isn.training.session import Sources, prepare
from isn.training.settings import Settings
from isn.weights import Weights

CPU = torch.device("cpu")
SMALL = ("model.levels=1", "model.growth=48", "modulo.container=34")


@pytest.fixture(autouse=True)
def _few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modulo, "CROPS", 48)
    monkeypatch.setattr(modulo, "CROP", 64)
    monkeypatch.setattr(digits, "_SAMPLE", 1 << 9)


@pytest.fixture(scope="module")
def photos(photo_folder: Path) -> ImageStore:
    return ImageStore([images.read(each).pixels for each in sorted(photo_folder.iterdir())], CPU)


def begun(photos: ImageStore, *overrides: str) -> Invertible:
    return Invertible(Settings.load("modulo", [*SMALL, *overrides]), CPU, photos=photos)


def hidden_of(photos: ImageStore, count: int) -> Tensor:
    draws = np.random.default_rng(3).random((count, 12))
    return (photos.patches(draws, 64, 0.0).float() / 255).reshape(1, -1, 64, 64)


def hosts() -> dict[str, Tensor]:
    """Of grain, of black and white and nothing between, and of all values side by side."""
    generator = torch.Generator().manual_seed(1)
    grain = torch.rand(1, 3, 64, 64, generator=generator)
    ramp = torch.arange(64 * 64 * 3) % 256
    return {
        "grain": (grain * 255).round() / 255,
        "extremes": grain.round(),
        "ramp": ramp.reshape(1, 3, 64, 64) / 255,
    }


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("name", ["grain", "extremes", "ramp"])
def test_whatever_the_host_the_same_is_revealed(photos: ImageStore, name: str, count: int) -> None:
    learner = begun(photos, f"model.hidden_images={count}")
    hidden, host = hidden_of(photos, count), hosts()[name]
    with torch.no_grad():
        container, revealed, _ = learner.seen(host, hidden)
        elsewhere = learner.seen(torch.full_like(host, 128 / 255), hidden).revealed
        inside = learner.hide(host, hidden) * 255
        found = learner.network.inverse(container / 255, torch.full_like(hidden, 0.5)).host
    # No sample beyond black and white, and nothing left to move.
    assert float(inside.min()) > -2
    assert float(inside.max()) < 257
    assert float((found * 255 - container).abs().max()) < 0.2
    far = (revealed - hidden).square().mean()
    # But for numbers that lie between two.
    assert float((revealed - elsewhere).square().mean()) < 0.3 * float(far)
    assert float(far) < {2: 0.13, 3: 0.2, 5: 0.5}[count] * float(hidden.var())


def test_containers_are_as_far_as_they_are_to_be(photos: ImageStore) -> None:
    hidden, host = hidden_of(photos, 2), hosts()["grain"]
    found = []
    for aim in (33, 37, 41):
        learner = begun(photos, f"modulo.container={aim}")
        with torch.no_grad():
            container, revealed, _ = learner.seen(host, hidden)
        change = (container / 255 - host).square().mean()
        psnr = float(-10 * change.log10())
        assert aim - 1 < psnr < aim + 3
        found.append(float((revealed - hidden).square().mean()))
    assert found == sorted(found)


def test_the_cells_around_say_a_part_of_what_is_not_sent(
    photos: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the photos that it is fitted on, which are few here.
    draws = np.random.default_rng(0x4D0D).random((modulo.CROPS // 4, 12))
    hidden = (photos.patches(draws, 64, 0.0).float() / 255).reshape(-1, 9, 64, 64)
    host, errors = hosts()["grain"].repeat(len(hidden), 1, 1, 1), []
    real = modulo._around
    for around in (True, False):
        if not around:
            monkeypatch.setattr(modulo, "_around", lambda *given: 0 * real(*given))
        learner = begun(photos, "model.hidden_images=3")
        with torch.no_grad():
            errors.append(float((learner.seen(host, hidden).revealed - hidden).square().mean()))
    assert errors[0] < 0.97 * errors[1]


def test_only_the_last_answer_learns(photos: ImageStore) -> None:
    learner = begun(photos, "model.hidden_images=3")
    learned = [name for name, each in learner.module.named_parameters() if each.requires_grad]
    assert learned == ["blocks.1.eta.convs.9.bias"]


def test_a_run_writes_a_method_that_hides_and_reveals(photo_folder: Path, tmp_path: Path) -> None:
    data = ("data.crop=32", "data.pool=16", "data.validation_pairs=2", "data.validation_crop=64")
    run = ("run.minutes=0", "run.steps=3", "run.validations=0")
    settings = Settings.load("modulo", [*SMALL, *data, *run])
    trainer = prepare(settings, Sources([str(photo_folder)]), tmp_path, Processes(0, 1, CPU))
    assert trainer.learner.start_note == "the modulo code of 12288 cells"
    assert trainer.train()
    weights = Weights.load(tmp_path / "model.safetensors", method.architectures())
    paper = Paper("own", weights, "native")
    rng = np.random.default_rng(4)
    host, *secret = (
        np.repeat(np.repeat(rng.integers(0, 256, (8, 8, 3)), 8, 0), 8, 1).astype(np.uint8)
        for _ in range(3)
    )
    container = paper.hide(host, secret, Public())
    shown = paper.reveal(container, Public())
    for one, other in zip(shown, secret, strict=True):
        assert np.corrcoef(np.ravel(one), np.ravel(other))[0, 1] > 0.8
    # What does not learn is kept as float16 where that is exact.
    assert weights.tensors["blocks.0.phi.convs.0.weight"].dtype == np.float16
    assert weights.tensors["blocks.1.phi.convs.0.weight"].dtype == np.float32


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.hidden_images=1", "model.hidden_images 1, and modulo blocks are two"),
        ("model.blocks=3", "model.blocks is 3 and .* modulo blocks are two"),
        ("model.lost=none", "modulo blocks have no texture"),
        ("model.growth=24", "more than 216 features: give a larger model.growth"),
        ("model.depth=5", "larger model.growth or model.depth"),
    ],
)
def test_too_little_room_is_refused(photos: ImageStore, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        begun(photos, override)


@pytest.mark.parametrize("aim", ["29.9", "48.1"])
def test_an_aim_out_of_range_is_refused(aim: str) -> None:
    with pytest.raises(ConfigError, match=rf"modulo.container is {aim}, give a number of dB"):
        Settings.load("modulo", [f"modulo.container={aim}"])


@pytest.mark.parametrize("word", ["run.autocast=bf16", "run.tf32=true"])
def test_inexact_numbers_are_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="modulo blocks need exact numbers"):
        Settings.load("modulo", [word])


def test_weights_of_dense_blocks_are_no_start(photos: ImageStore) -> None:
    dense = Invertible(Settings.load("tiny", ["model.hidden_images=2"]), CPU)
    tensors = {name: each.detach().numpy() for name, each in dense.module.named_parameters()}
    words = [f"model.{key}={value}".lower() for key, value in dense.pack({}, {}).config.items()]
    more = ("model.subnet=modulo", "model.blocks=2", "run.tf32=false")
    settings = Settings.load("tiny", [*words, *more])
    with pytest.raises(ModelError, match="give --set model"):
        Invertible(settings, CPU, start=("dense", dense.pack(tensors, {})))


def test_a_shipped_one_is_a_start_for_as_many_images_alone() -> None:
    start = ("paper-3", zoo.weights("paper-3"))
    learner = Invertible(Settings.load("modulo", ["model.hidden_images=3"]), CPU, start=start)
    packed = learner.pack(
        {name: each.detach().numpy() for name, each in learner.module.named_parameters()}, {}
    )
    for name, tensor in packed.tensors.items():
        np.testing.assert_array_equal(tensor, start[1].tensors[name].astype(np.float32))
    with pytest.raises(ModelError, match="paper-3 hides 3 images, these settings name 2"):
        Invertible(Settings.load("modulo"), CPU, start=start)
