"""The table of shipped methods says what the files say, and each is found by its fingerprint."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from isn import method, zoo
from isn.errors import ConfigError

LEARNED = [each for each in zoo.entries() if each.fingerprint]


@pytest.fixture
def folder() -> Iterator[Path]:
    with as_file(files("isn.zoo") / "weights") as path:
        yield path


def test_every_file_is_in_the_table_and_the_other_way_round(folder: Path) -> None:
    assert {each.stem for each in folder.iterdir()} == {entry.name for entry in LEARNED}
    assert {each.suffix for each in folder.iterdir()} == {".safetensors"}


@pytest.mark.parametrize("entry", LEARNED, ids=lambda entry: entry.name)
def test_the_table_says_what_the_file_says(entry: zoo.Entry) -> None:
    weights = zoo.weights(entry.name)
    assert weights.kind == entry.kind
    assert weights.fingerprint == entry.fingerprint
    assert zoo.entry_of(entry.fingerprint) == entry
    assert method.of(entry.name, weights).counts == range(entry.images[0], entry.images[1] + 1)


@pytest.mark.parametrize("entry", zoo.entries(), ids=lambda entry: entry.name)
def test_every_row_is_whole(entry: zoo.Entry) -> None:
    assert entry.purpose
    assert entry.name.isascii()
    assert 1 <= entry.images[0] <= entry.images[1] <= 25
    assert (entry.kind == "avif") == (entry.fingerprint == b"")
    assert zoo.entry(entry.name) is entry


def test_figures_are_of_methods_that_are_there() -> None:
    assert all(entry.figures[str(entry.images[0])]["revealed"] > 20 for entry in zoo.entries())
    told = tomllib.loads((files("isn.zoo") / "figures.toml").read_text("utf-8"))
    assert set(told) <= {entry.name for entry in zoo.entries()}


def test_names_and_fingerprints_occur_once() -> None:
    assert len({entry.name for entry in zoo.entries()}) == len(zoo.entries())
    assert len({entry.fingerprint for entry in LEARNED}) == len(LEARNED)


def test_the_default_is_first_and_takes_any_number() -> None:
    assert zoo.entries()[0].name == method.DEFAULT
    assert zoo.entries()[0].images == (1, 25)


@pytest.mark.parametrize("name", ["", "no-such", "Photos", "../photos"])
def test_unknown_names_are_answered_with_the_known_ones(name: str) -> None:
    for look in (zoo.entry, zoo.weights):
        with pytest.raises(ConfigError, match=r"there is no method.*photos, avif, .*paper-1"):
            look(name)


def test_what_has_learned_nothing_has_no_weights() -> None:
    with pytest.raises(ConfigError, match="avif has learned nothing"):
        zoo.weights("avif")


@pytest.mark.parametrize("fingerprint", [b"", bytes(16), bytes(range(16))])
def test_an_unknown_fingerprint_is_nobodys(fingerprint: bytes) -> None:
    entry = zoo.entry_of(fingerprint)
    assert entry is None or (fingerprint == b"" and entry.name == "avif")


def test_shipped_weights_are_read_once() -> None:
    assert zoo.weights("photos") is zoo.weights("photos")
