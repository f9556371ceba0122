"""What a run trains on: split, kept apart, recorded, and the same again after a resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isn import images
from isn.errors import ConfigError, IsnError, ModelError, OutputError
from isn.training import checkpoints
from isn.training.distributed import Processes
from isn.training.loop import Trainer
from isn.training.session import prepare, settings_of
from isn.training.settings import Settings
from isn.training.sources import Record, Sources, gather
from isn.training.state import State
from isn.weights import Weights

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = ("data.validation_crop=64", "run.validations=0", "run.steps=3")


def begin(run: Path, *data: Path, resume: bool = False, **given: Any) -> tuple[Trainer, list[str]]:
    """A trainer, and what it warned of."""
    warned: list[str] = []
    settings = Settings.load("tiny", [*SMALL, *given.pop("overrides", ())])
    sources = Sources([str(each) for each in data], **given)
    return prepare(settings, sources, run, ALONE, resume=resume, warn=warned.append), warned


@pytest.fixture
def photos(photo_folder: Path, tmp_path: Path) -> Path:
    """A folder of one's own, to change."""
    return Path(shutil.copytree(photo_folder, tmp_path / "photos"))


@pytest.fixture
def others(photo_folder: Path, tmp_path: Path) -> Path:
    """Four photos that are not in the other folder."""
    folder = tmp_path / "others"
    folder.mkdir()
    for path in sorted(photo_folder.iterdir())[:4]:
        images.write(folder / path.name, images.read(path).pixels[::-1].copy())
    return folder


def _groups(trainer: Trainer) -> torch.Tensor:
    return trainer.validation[0]


def test_a_resumed_run_has_its_data_its_split_and_its_note_again(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first, _ = begin(run, photos, note="drawn pictures")
    first.train()
    again, warned = begin(run, resume=True, overrides=["run.steps=5"])
    assert torch.equal(_groups(again), _groups(first))
    assert torch.equal(again.batches.batch(3), first.batches.batch(3))
    assert warned == ["changed since the checkpoint: run.steps: 3 -> 5"]
    again.train()
    assert Weights.load(run / "model.safetensors").training["data"] == "drawn pictures"
    # Moved, the data is the same; a new note takes the place of the old one.
    moved = photos.rename(tmp_path / "moved")
    third, warned = begin(run, moved, resume=True, note="moved", overrides=["run.steps=6"])
    assert torch.equal(third.batches.batch(3), first.batches.batch(3))
    third.train()
    fourth, _ = begin(run, resume=True, overrides=["run.steps=7"])
    assert fourth.data_note == "moved"
    assert fourth.sources is not None
    assert fourth.sources["data"] == [str(moved)]


def test_a_resumed_run_keeps_its_validation_folder(
    photos: Path, others: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first, _ = begin(run, photos, validation=[str(others)])
    first.train()
    for data in ((), (photos,)):
        again, _ = begin(run, *data, resume=True)
        assert torch.equal(_groups(again), _groups(first))
        assert again.sources == first.sources


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("more", "11 images are to train on and 10 were"),
        ("fewer", "9 images are to train on and 10 were"),
        ("larger", "the 10 images to train on are others"),
        ("renamed", "the 10 images to train on are others, or in another order"),
        ("validation", "4 images are held out and 2 were"),
        ("seed", "run.seed is 2 and was 1"),
        ("crop", "images"),
    ],
)
def test_other_data_is_refused_by_what_differs(
    change: str, said: str, photos: Path, others: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    first, _ = begin(run, photos)
    first.train()
    assert first.sources is not None
    assert (first.sources["photos"], first.sources["held_out"]) == (10, 2)
    held = {_name(each) for each in _groups(first).flatten(0, 1)}
    path = next(
        each
        for each in sorted(photos.iterdir())
        if _name(_centre(images.read(each).pixels)) not in held
    )
    given: dict[str, Any] = {}
    if change == "more":
        shutil.copy(others / "00.png", photos / "zz.png")
    elif change == "fewer":
        path.unlink()
    elif change == "larger":
        path.write_bytes(path.read_bytes() + b"more")
    elif change == "renamed":
        path.rename(path.with_name("a" + path.name))
    elif change == "validation":
        given["validation"] = [str(others)]
    elif change == "seed":
        given["overrides"] = ["run.seed=2"]
    else:
        images.write(photos / "wide.png", np.zeros((30, 90, 3), np.uint8))
        given["overrides"] = ["data.crop=30"]
    with pytest.raises(ConfigError, match="was trained on other data") as caught:
        begin(run, photos, resume=True, **given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def _centre(pixels: Any) -> torch.Tensor:
    top, left = (pixels.shape[0] - 64) // 2, (pixels.shape[1] - 64) // 2
    return torch.from_numpy(pixels[top : top + 64, left : left + 64].transpose(2, 0, 1).copy())


def _name(image: torch.Tensor) -> bytes:
    return image.numpy().tobytes()


def test_another_texture_is_refused(photos: Path, tmp_path: Path) -> None:
    run, texture = tmp_path / "run", tmp_path / "key.png"
    shutil.copy(photos / "00.png", texture)
    lost = ["model.lost=none"]
    first, _ = begin(run, photos, texture=str(texture), overrides=lost)
    first.train()
    again, _ = begin(run, resume=True, overrides=lost)
    assert again.sources == first.sources
    with pytest.raises(ConfigError, match="the texture is another file"):
        begin(run, resume=True, overrides=lost, texture=str(photos / "01.png"))


def test_a_checkpoint_that_does_not_say_needs_its_data_named(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first, _ = begin(run, photos)
    first.train()
    _change_state(run, lambda state: state.pop("sources"))
    with pytest.raises(ConfigError, match="no images were given"):
        begin(run, resume=True)
    again, warned = begin(run, photos, resume=True)
    assert again.step == 3
    assert warned == ["the checkpoint does not say what it was trained on: see that it is the same"]


def _change_state(run: Path, change: Any) -> None:
    folder = checkpoints.newest(run)
    assert folder is not None
    document = json.loads((folder / "state.json").read_text())
    change(document["state"])
    (folder / "state.json").write_text(json.dumps(document))


NAMES = (*(name for name in State.__dataclass_fields__ if name != "sources"),)


@pytest.mark.parametrize("value", [None, "x", -1, float("nan"), float("inf"), {"a": 1}, [None]])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_state_is_an_error_of_ours(name: str, value: Any, tmp_path: Path) -> None:
    good = State(
        step=3,
        elapsed=1.5,
        rate_scale=1.0,
        skipped=0,
        returns=0,
        validated=0,
        averaged=3,
        norms=[1.0],
        recent=[False],
        start="",
        settings={"model": {}},
    ).as_dict()
    assert State.of(good, tmp_path).as_dict() == good
    fitting = {("start", "x"), ("settings", "{'a': 1}"), ("falling", "None")}
    if (name, str(value)) not in fitting:
        with pytest.raises(ModelError, match=rf"damaged \({name}\)"):
            State.of({**good, name: value}, tmp_path)
    if name != "falling":
        with pytest.raises(ModelError, match=rf"damaged \({name}\)"):
            State.of({key: each for key, each in good.items() if key != name}, tmp_path)


def test_a_damaged_checkpoint_ends_a_resume_in_one_sentence(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    begin(run, photos)[0].train()
    whole = shutil.copytree(run, tmp_path / "whole")

    def sources(**changed: Any) -> Any:
        return lambda state: state["sources"].update(changed)

    damages: list[Any] = [
        lambda state: state.clear(),
        lambda state: state.update(settings={}),
        lambda state: state.update(settings={"model": 3, "optimiser": []}),
        lambda state: state.update(sources={}),
        sources(data="photos"),
        sources(data=[3]),
        sources(photos="many"),
        sources(texture=3),
        sources(seed=None),
    ]
    for damage in damages:
        shutil.rmtree(run)
        shutil.copytree(whole, run)
        _change_state(run, damage)
        with pytest.raises(ModelError) as caught:
            begin(run, photos, resume=True)
        assert "\n" not in str(caught.value)
    _change_state(run, lambda state: state.update(settings={"method": []}))
    with pytest.raises(IsnError):
        settings_of(run)


def test_tensors_of_another_model_are_no_traceback(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    begin(run, photos)[0].train()
    folder = checkpoints.newest(run)
    assert folder is not None
    whole = checkpoints.read(folder)
    name = next(each for each in whole.tensors if each.startswith("average."))
    for change in ("missing", "shape"):
        tensors = dict(whole.tensors)
        if change == "missing":
            del tensors[name]
        else:
            # Which would spread over all of it.
            tensors[name] = torch.zeros(1)
        checkpoints.write(run, checkpoints.Checkpoint(tensors, whole.state), 3)
        with pytest.raises(ModelError, match="not those of this model") as caught:
            begin(run, photos, resume=True)
        assert name in str(caught.value)


def test_another_optimiser_or_model_is_refused_before_data_is_read(
    photos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    begin(run, photos)[0].train()
    shutil.rmtree(photos)
    with pytest.raises(ModelError, match="optimiser adamw, these settings name adamax"):
        begin(run, photos, resume=True, overrides=["optimiser.name=adamax"])
    with pytest.raises(ModelError, match="another model"):
        begin(run, photos, resume=True, overrides=["model.hidden_images=2"])


def test_validation_photos_are_not_trained_on(photos: Path, others: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(photos)
    single = tmp_path / "single"
    shutil.copytree(others, single)
    (single / "link.png").symlink_to(photos / "05.png")
    for validation, count in ((photos, 12), (linked, 12), (tmp_path / "single", 1)):
        with pytest.raises(ConfigError, match=rf"^{count} of .* are in --data too"):
            begin(tmp_path / "run", photos, validation=[str(validation)])
    # The same data named as a folder within.
    with pytest.raises(ConfigError, match="are in --data too"):
        begin(tmp_path / "run", tmp_path, validation=[str(others)])
    begin(tmp_path / "run", photos, validation=[str(others)])


@pytest.mark.parametrize("hidden", [1, 2, 5])
def test_enough_is_held_out_for_a_group(hidden: int, photos: Path, tmp_path: Path) -> None:
    enough = 2 * (1 + hidden)
    count = [f"model.hidden_images={hidden}"]
    names = sorted(photos.iterdir())
    for path in names[enough:]:
        path.unlink()
    trainer, _ = begin(tmp_path / "run", photos, overrides=count)
    groups = _groups(trainer)
    assert groups.shape[1] == 1 + hidden
    assert all(len({_name(each) for each in group}) == 1 + hidden for group in groups)
    assert trainer.sources is not None
    assert trainer.sources["photos"] == trainer.sources["held_out"] == 1 + hidden
    # A copy is no photo more.
    shutil.copy(names[0], photos / "copy.png")
    names[1].unlink()
    with pytest.raises(ConfigError, match=rf"^{enough - 1} different photos.* give {enough}, "):
        begin(tmp_path / "run", photos, overrides=count)


def test_a_copy_of_what_is_held_out_is_not_trained_on(photos: Path) -> None:
    for path in sorted(photos.iterdir()):
        shutil.copy(path, photos / f"copy-{path.name}")
    settings = Settings.load("tiny", SMALL)
    gathered = gather(settings, Sources([str(photos)]), ALONE, lambda sentence: None)
    assert gathered.record.held_out == 2
    assert gathered.record.photos == 20
    held = {_name(each) for each in gathered.groups.flatten(0, 1)}
    assert len(held) == 2
    store: Any = gathered.photos
    for start, height, width in zip(store.starts, store.heights, store.widths, strict=True):
        flat = store.buffer[start : start + 3 * height * width]
        assert _name(_centre(flat.reshape(height, width, 3).numpy())) not in held


def test_a_run_is_a_folder(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="is a file"):
        begin(tmp_path / "file", photos)
    trainer, _ = begin(tmp_path / "file" / "run", photos)
    with pytest.raises(OutputError, match="cannot be written"):
        trainer.train()


def test_where_files_lie_and_the_note_are_no_difference(photos: Path, tmp_path: Path) -> None:
    settings = Settings.load("tiny", SMALL)

    def record(folder: Path, note: str = "") -> Record:
        return gather(settings, Sources([str(folder)], note=note), ALONE, lambda _: None).record

    there = Path(shutil.copytree(photos, tmp_path / "there"))
    assert record(photos).differences(record(there, "another")) == []
    assert Record.of(json.loads(json.dumps(record(photos).as_dict())), tmp_path) == record(photos)
