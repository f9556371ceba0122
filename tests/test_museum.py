"""Containers made once are opened for ever: every one of the museum, by what it says of itself."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from helpers import mostly_slow
from isn import images, keys, method
from isn.carriers import carriers

MUSEUM = Path(__file__).parent / "museum"
EXHIBITS: dict[str, dict[str, Any]] = tomllib.loads((MUSEUM / "museum.toml").read_text("utf-8"))


STRETCHED = {"photos-passphrase.webp", "survives-grey-passphrase.png"}
"""Of those under a passphrase, which take a third of a second each: the others are slow."""


every_exhibit = pytest.mark.parametrize(
    "name",
    mostly_slow(EXHIBITS, {name for name in EXHIBITS if "passphrase" not in name} | STRETCHED),
)


@pytest.fixture(autouse=True, scope="module")
def _stretched_once() -> Iterator[None]:
    """Argon2id at its real cost, once for each passphrase and salt of the museum.

    What a carrier that wrote nothing reads as a salt opens nothing, at whatever cost.
    """
    stretch, salts = cache(keys._stretch), {salt_of(name) for name in EXHIBITS}

    def once(spelled: bytes, salt: bytes) -> bytes:
        return stretch(spelled, salt) if salt in salts else hashlib.sha256(spelled + salt).digest()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_stretch", once)
        yield


def salt_of(name: str) -> bytes:
    """Where the carrier that wrote it has it."""
    pixels = images.read(MUSEUM / name).pixels
    samples = np.ascontiguousarray(pixels[..., 0]) if images.is_grey(pixels) else pixels
    (carrier,) = (each for each in carriers() if each.name == EXHIBITS[name]["carrier"])
    return carrier.read_head(samples, keys.Public())[: keys.SALT_BYTES]


def words_of(name: str) -> dict[str, Any]:
    row = EXHIBITS[name]
    own = str(row.get("method", "")).endswith(".safetensors")
    return {
        "passphrase": row.get("passphrase"),
        # A shipped method is found by what the container says.
        "method": MUSEUM / row["method"] if own else None,
    }


def test_everything_there_is_listed() -> None:
    found = {
        each.name for each in MUSEUM.iterdir() if each.suffix in (".png", ".webp", ".tiff", ".jpg")
    }
    assert found == EXHIBITS.keys()
    listed = {
        item["revealed"] for row in EXHIBITS.values() for item in row["items"] if "revealed" in item
    }
    assert {f"revealed/{each.name}" for each in (MUSEUM / "revealed").iterdir()} == listed


def test_every_carrier_and_every_kind_of_method_is_there() -> None:
    assert {row["carrier"] for row in EXHIBITS.values()} == {each.name for each in carriers()}
    prints = {bytes.fromhex(row["fingerprint"]) for row in EXHIBITS.values()}
    kinds = {each.kind for each in method.zoo.entries() if each.fingerprint in prints}
    assert kinds >= {"photos", "paper"}
    assert {row.get("method") for row in EXHIBITS.values()} >= {"avif", "tiny.safetensors", None}
    assert any("passphrase" in row for row in EXHIBITS.values())


@every_exhibit
@pytest.mark.usefixtures("dear")
def test_it_opens(name: str) -> None:
    row, path = EXHIBITS[name], MUSEUM / name
    found = isn.inspect(path, **words_of(name))
    assert found.intact
    assert found.carrier == row["carrier"]
    assert found.fingerprint.hex() == row["fingerprint"]
    shown = isn.reveal(path, **words_of(name))
    assert len(shown) == len(row["items"]) == found.count
    for item, expected, said in zip(shown, row["items"], found.contents, strict=True):
        if isinstance(item, isn.File):
            assert item.name == expected["name"] == said.name
            assert hashlib.sha256(item.content).hexdigest() == expected["sha256"]
        else:
            kept = images.read(MUSEUM / expected["revealed"]).pixels
            assert item.shape == kept.shape == (*(said.size or ()), 3)
            # What is coded is exact; floats at the end may round to either side, a few of them.
            apart = np.abs(item.astype(int) - kept)
            assert apart.max() <= 1
            assert apart.mean() < 0.02


@every_exhibit
def test_it_is_still_told_when_it_was_changed(name: str) -> None:
    changed = images.read(MUSEUM / name).pixels.copy()
    # All three samples alike, so that grey stays grey.
    if EXHIBITS[name]["carrier"] == "dct":
        # A level more or less is what it is made to survive.
        changed[20:] = 128
    else:
        changed[-8:] ^= 1
    try:
        intact = isn.inspect(changed, **words_of(name)).intact
    except isn.NoSeal:
        return
    assert not intact
