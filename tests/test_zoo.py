"""The table of shipped models says what the files say, and every model is found by every name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from helpers import random_weights
from isn import zoo
from isn.errors import ConfigError, ModelError, UnknownModel
from isn.paper.config import MAX_HIDDEN, ModelConfig
from isn.paper.weights import Weights

FIRST = "5fe8974f5d484f104be0f504f41c4e7d"


@pytest.fixture
def folder() -> Iterator[Path]:
    with as_file(files("isn.zoo") / "weights") as path:
        yield path


def test_every_file_is_in_the_table_and_the_other_way_round(folder: Path) -> None:
    assert {each.stem for each in folder.iterdir()} == {entry.name for entry in zoo.entries()}
    assert {each.suffix for each in folder.iterdir()} == {".safetensors"}


@pytest.mark.parametrize("entry", zoo.entries(), ids=lambda entry: entry.name)
def test_the_table_says_what_the_file_says(entry: zoo.Entry, folder: Path) -> None:
    weights = Weights.load(folder / f"{entry.name}.safetensors")
    assert entry.fingerprint == weights.fingerprint
    assert entry.hidden_images == weights.config.hidden_images
    assert zoo.load(entry.name).fingerprint == weights.fingerprint
    assert zoo.by_fingerprint(entry.fingerprint).fingerprint == weights.fingerprint
    assert zoo.entry_of(entry.fingerprint) == entry
    if "parameters" in entry.figures:
        assert entry.figures["parameters"] == weights.config.parameters


def test_what_was_released_stays() -> None:
    # Containers out there name these.
    assert zoo.load("first-1").fingerprint.hex() == FIRST
    assert zoo.by_fingerprint(bytes.fromhex(FIRST)).config.hidden_images == 1
    assert zoo.by_fingerprint(bytes.fromhex("09449baaf135bf79d2d236ce4bee274c")).config == (
        zoo.load("first-2").config
    )


def test_one_default_for_each_number_of_hidden_images() -> None:
    counts = [count for entry in zoo.entries() for count in entry.default_for]
    assert sorted(counts) == list(range(1, MAX_HIDDEN + 1))
    for count in counts:
        entry = zoo.default(count)
        assert count in entry.default_for
        assert not entry.retired
        assert entry.hidden_images <= count
        assert zoo.load(entry.name).config.hidden_images == entry.hidden_images


@pytest.mark.parametrize("count", range(1, MAX_HIDDEN + 1))
def test_every_number_is_hidden_at_full_size_by_default(count: int) -> None:
    entry = zoo.default(count)
    # One that codes its containers lays no images side by side.
    assert entry.hidden_images == count or zoo.load(entry.name).config.prior is not None


@pytest.mark.parametrize("count", [0, -1, MAX_HIDDEN + 1])
def test_numbers_without_a_default_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match=f"{count} hidden images were given"):
        zoo.default(count)


def test_names_and_fingerprints_occur_once() -> None:
    assert len({entry.fingerprint for entry in zoo.entries()}) == len(zoo.entries())


@pytest.mark.parametrize("name", ["", "no-such", "First-1", "first-1.onnx", "../first-1"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="there is no"):
        zoo.load(name)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=", ".join(entry.name for entry in zoo.entries())):
        zoo.load("first-3")


def test_an_unknown_fingerprint_is_refused() -> None:
    assert zoo.entry_of(bytes(16)) is None
    with pytest.raises(UnknownModel, match="0" * 32):
        zoo.by_fingerprint(bytes(16))


def test_a_path_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = random_weights(ModelConfig(blocks=1, depth=1, growth=1))
    path = tmp_path / "mine.safetensors"
    weights.save(path)
    monkeypatch.chdir(tmp_path)
    for each in (path, str(path), "mine.safetensors"):
        assert zoo.load(each).fingerprint == weights.fingerprint


def test_a_shipped_model_is_read_once() -> None:
    assert zoo.load("first-1") is zoo.load("first-1")
