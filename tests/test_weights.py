"""A weights file is read whole or refused, and its fingerprint is that of its tensors."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from helpers import random_tensors
from isn import keys
from isn.codes import photos
from isn.codes.photos import Photos
from isn.errors import ModelError
from isn.paper.config import ModelConfig
from isn.paper.method import Paper, shapes
from isn.weights import Weights

KIND = "paper"
SMALL = ModelConfig(blocks=1, depth=2, growth=2)
TINY = ModelConfig(blocks=1, depth=1, growth=1, levels=0)
FIRST = "blocks.0.phi.convs.0.weight"
METADATA = {"kind": KIND, "config": SMALL.to_json()}


def made(
    config: ModelConfig = SMALL, tensors: Any = None, seed: int = 0, **training: Any
) -> Weights:
    given = random_tensors(config, seed) if tensors is None else tensors
    return Weights(KIND, asdict(config), given, training)


def test_saved_and_loaded(tmp_path: Path) -> None:
    weights = made(steps=3, data="none")
    path = tmp_path / "model.safetensors"
    weights.save(path)
    again = Weights.load(path)
    assert again.config == asdict(SMALL)
    assert again.kind == KIND
    assert again.training == {"steps": 3, "data": "none"}
    assert again.fingerprint == weights.fingerprint
    assert again.tensors.keys() == weights.tensors.keys()
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)
    assert list(tmp_path.iterdir()) == [path]


def test_float16_stays_float16_in_the_file_and_comes_as_float32(tmp_path: Path) -> None:
    halves = {name: each.astype(np.float16) for name, each in random_tensors(SMALL).items()}
    made(tensors=halves).save(tmp_path / "half.safetensors")
    again = Weights.load(tmp_path / "half.safetensors")
    assert {each.dtype for each in again.tensors.values()} == {np.dtype(np.float16)}
    assert again.parameters == SMALL.parameters
    assert again.size == 2 * SMALL.parameters
    for name, tensor in again.as_float32().items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, halves[name])


def mostly_zero() -> Weights:
    """One tensor of zeros, one of zeros but for its ends, and others."""
    tensors = random_tensors(SMALL)
    tensors[FIRST][:] = 0
    other = tensors["blocks.0.eta.convs.1.weight"] = np.zeros_like(
        tensors["blocks.0.eta.convs.1.weight"], np.float16
    )
    other.flat[[0, 5, -1]] = 1, -0.0, 3
    return made(tensors=tensors)


def test_of_tensors_that_are_mostly_zeros_the_others_are_stored(tmp_path: Path) -> None:
    weights = mostly_zero()
    weights.save(tmp_path / "sparse.safetensors")
    made().save(tmp_path / "full.safetensors")
    again = Weights.load(tmp_path / "sparse.safetensors", {KIND: shapes})
    assert again.fingerprint == weights.fingerprint
    for name, tensor in weights.tensors.items():
        assert again.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(again.tensors[name], tensor)
    sizes = {each.name: each.stat().st_size for each in tmp_path.iterdir()}
    assert sizes["sparse.safetensors"] < sizes["full.safetensors"] - 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"places": np.array([0, 5, 1 << 20], np.uint32)}, "not in order, or beyond it"),
        ({"places": np.array([5, 0, 9], np.uint32)}, "not in order, or beyond it"),
        ({"places": np.array([5, 5, 9], np.uint32)}, "not in order, or beyond it"),
        ({"places": np.array([0, 5], np.uint32)}, "not as many"),
        ({"places": np.array([0, 5, 9], np.int32)}, "no places"),
        ({"places": None}, "no places"),
        ({"shape": [12, 14, 3, 4]}, r"has shape \(12, 14, 3, 4\)"),
        ({"shape": [12, -14]}, "is no shape"),
        ({"shape": 3}, "is no shape"),
        ({"shape": []}, "is no shape"),
        ({"shape": [1] * 9}, "is no shape"),
        ({"shape": [10**4000] * 8}, "is no shape"),
        ({"within": True}, "are none themselves"),
        ({"shape": [1 << 16, 1 << 16]}, "more than 536870912 bytes"),
    ],
)
def test_sparse_tensors_that_are_none_are_refused(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path, name = tmp_path / "sparse.safetensors", "blocks.0.eta.convs.1.weight"
    mostly_zero().save(path)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
        tensors = {each: file.get_tensor(each) for each in file.keys()}  # noqa: SIM118
    if "within" in change:
        for more in (".places", ".places.places"):
            tensors[name + more] = np.arange(3, dtype=np.uint32)
        said = {name + ".places": [3], **json.loads(metadata["sparse"])}
        metadata["sparse"] = json.dumps(said)
    elif "shape" in change:
        said = json.loads(metadata["sparse"]) | {name: change["shape"]}
        metadata["sparse"] = json.dumps(said)
    elif change["places"] is None:
        del tensors[name + ".places"]
    else:
        tensors[name + ".places"] = change["places"]
    save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=message):
        Weights.load(path, {KIND: shapes})


def test_saving_replaces_the_file_whole_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    made().save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            made(seed=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    made(seed=1).save(path)
    assert Weights.load(path).fingerprint == made(seed=1).fingerprint


def test_the_fingerprint_is_a_literal() -> None:
    # A container made today names its model by this in ten years.
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones(2, np.float16)}
    weights = Weights("photos", {"width": 8, "also": [1, None]}, tensors)
    assert len(weights.fingerprint) == 16
    assert weights.fingerprint.hex() == "a0e1ce6e7c0aba40b5d4e8fb420d3b3b"


def test_the_fingerprint_is_of_kind_config_and_tensors_alone() -> None:
    weights = made()
    config = dict(reversed(list(asdict(SMALL).items())))
    tensors = dict(reversed(list(weights.tensors.items())))
    again = Weights(KIND, config, tensors, {"date": "another"})
    assert again.fingerprint == weights.fingerprint
    for other in (
        Weights("network", config, tensors),
        Weights(KIND, config | {"lost": 0.25}, tensors),
        Weights(KIND, config, {name + "x": each for name, each in tensors.items()}),
        Weights(KIND, config, {name: each[None] for name, each in tensors.items()}),
    ):
        assert other.fingerprint != weights.fingerprint


@pytest.mark.parametrize("name", [FIRST, "blocks.0.eta.convs.1.bias"])
def test_one_bit_changes_the_fingerprint(name: str) -> None:
    weights = made()
    tensors = dict(weights.tensors)
    flipped = tensors[name].copy()
    flipped.view(np.uint32).reshape(-1)[-1] ^= 1
    assert made(tensors=tensors | {name: flipped}).fingerprint != weights.fingerprint


def test_the_precision_changes_the_fingerprint() -> None:
    halves = {name: each.astype(np.float16) for name, each in random_tensors(SMALL).items()}
    singles = {name: each.astype(np.float32) for name, each in halves.items()}
    assert made(tensors=halves).fingerprint != made(tensors=singles).fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda each: each.astype(np.float64), "float64, give float16 or float32"),
        (lambda each: each.astype(np.int32), "int32, give float16 or float32"),
        (lambda each: np.full_like(each, np.nan), "not finite"),
        (lambda each: np.full_like(each, np.inf), "not finite"),
    ],
)
def test_tensors_that_are_none_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    tensors = random_tensors(SMALL)
    tensors[FIRST] = np.ascontiguousarray(change(tensors[FIRST]))
    with pytest.raises(ModelError, match=f"{FIRST}.*{message}"):
        made(tensors=tensors)
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path, METADATA)
    with pytest.raises(ModelError, match=f"{FIRST}.*{message}"):
        Weights.load(path)


def test_weights_are_checked_against_their_architecture() -> None:
    tensors = random_tensors(SMALL)
    made().check(KIND, shapes)
    with pytest.raises(ModelError, match="of kind 'paper', give some of kind 'network'"):
        made().check("network", shapes)
    with pytest.raises(ModelError, match=f"lack the tensor {FIRST}"):
        made(tensors={name: each for name, each in tensors.items() if name != FIRST}).check(
            KIND, shapes
        )
    with pytest.raises(ModelError, match=r"hold the tensor blocks\.1\."):
        made(tensors=random_tensors(replace(SMALL, blocks=2))).check(KIND, shapes)
    with pytest.raises(ModelError, match=f"{FIRST} has shape"):
        made(tensors=tensors | {FIRST: tensors[FIRST][:-1]}).check(KIND, shapes)


@pytest.mark.parametrize(
    "config", [{}, {"blocks": 10**9}, {"speed": 9}, {"blocks": "8"}, {"lost": float("nan")}]
)
def test_an_architecture_that_is_none_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        Weights(KIND, config, random_tensors(SMALL)).check(KIND, shapes)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"format": "pt"},
        {"config": SMALL.to_json()},
        {"kind": KIND},
        {"kind": KIND, "config": ""},
        {"kind": KIND, "config": "[]"},
        {"kind": KIND, "config": "[" * 100_000},
        METADATA | {"training": "{"},
        METADATA | {"training": "[1]"},
        METADATA | {"training": "[" * 100_000},
    ],
)
def test_other_metadata_is_refused(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(random_tensors(SMALL), path, metadata)
    with pytest.raises(ModelError, match=r"other\.safetensors is"):
        Weights.load(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    made(TINY).save(path)
    whole = path.read_bytes()
    for length in {*range(64), *range(64, len(whole), 37), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"short\.safetensors is"):
            Weights.load(path)
    path.write_bytes(whole)
    assert Weights.load(path).config["depth"] == 1


def test_any_flipped_header_byte_is_refused_or_read_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "flipped.safetensors"
    weights = made(TINY)
    weights.save(path)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    refused = 0
    for place in range(0, header, 3):
        changed = bytearray(whole)
        changed[place] ^= 0x15
        path.write_bytes(changed)
        try:
            Weights.load(path)
        except ModelError:
            refused += 1
    assert refused > header / 6


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff" * 64,
        (1 << 40).to_bytes(8, "little") + b"{}",
        b"PK\x03\x04" + bytes(200),
    ],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.safetensors is not a weights file"):
        Weights.load(path)


def test_a_bfloat16_file_is_refused(tmp_path: Path) -> None:
    # NumPy has no such type; the reader must not fall over it.
    wanted = TINY.parameter_shapes()
    header: dict[str, Any] = {"__metadata__": METADATA}
    end = 0
    for name, shape in wanted.items():
        start, end = end, end + 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path = tmp_path / "brain.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    with pytest.raises(ModelError, match=r"brain|tensor"):
        Weights.load(path)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no weights file"):
        Weights.load(tmp_path / "absent.safetensors")
    with pytest.raises(ModelError, match="there is no weights file"):
        Weights.load(tmp_path)


def test_a_file_of_any_length_is_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.safetensors"
    made().save(path)
    monkeypatch.setattr("isn.weights.MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(ModelError, match=r"long\.safetensors has more than"):
        Weights.load(path)


KINDS = {KIND: shapes}


def _sparse(path: Path, config: ModelConfig, dtype: str = "F32", **change: Any) -> None:
    """A file of a whole header and zeros that take no room on the disk."""
    header: dict[str, Any] = {"__metadata__": METADATA | {"config": config.to_json()}}
    end, width = 0, 4 if dtype == "F32" else 8
    for name, shape in (config.parameter_shapes() | change).items():
        start, end = end, end + width * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": (100_000_000,)}, "hold the tensor more"),
        ({FIRST: (10_000, 10_000)}, f"{FIRST} has shape"),
        ({"dtype": "F64"}, "F64, give float16 or float32"),
        ({"dtype": "I64"}, "I64, give float16 or float32"),
    ],
)
def test_a_file_is_refused_by_its_header(
    change: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sparse.safetensors"
    _sparse(path, SMALL, **change)
    monkeypatch.setattr(Weights, "__post_init__", lambda self: pytest.fail("tensors were read"))
    with pytest.raises(ModelError, match=message):
        Weights.load(path, KINDS)


def test_a_kind_that_is_not_looked_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    made().save(path)
    with pytest.raises(ModelError, match="of kind 'paper', the kinds known are network"):
        Weights.load(path, {"network": shapes})
    assert Weights.load(path, KINDS).kind == KIND


@pytest.mark.parametrize("value", [3e38, -7e4, float("-inf")])
def test_numbers_that_no_training_leaves_are_refused(value: float) -> None:
    tensors = random_tensors(SMALL)
    tensors[FIRST].reshape(-1)[-1] = value
    with pytest.raises(ModelError, match=f"{FIRST}.*above 65504"):
        made(tensors=tensors)


def test_a_tensor_without_numbers_is_refused() -> None:
    with pytest.raises(ModelError, match="the tensor x is empty"):
        Weights(KIND, {}, {"x": np.zeros((0, 3), np.float32)})


def test_a_path_that_is_too_long_is_no_file() -> None:
    for path in ("a" * 5000 + ".safetensors", "a\0b.safetensors"):
        with pytest.raises(ModelError, match="there is no weights file"):
            Weights.load(path)


@pytest.mark.parametrize("config", [{}, {"width": 0}, {"width": 3}, {"width": "8"}, {"width": 1e9}])
def test_a_prior_has_a_width(config: dict[str, Any]) -> None:
    empty = {"prior.coarsest": np.zeros(3, np.float32)}
    with pytest.raises(ModelError, match="config is not one"):
        Photos(Weights("photos", config, empty))


def test_weights_that_cannot_be_used_are_refused_at_once() -> None:
    tensors = {
        name: np.full(shape, 6e4, np.float32) for name, shape in photos.shapes({"width": 4}).items()
    }
    with pytest.raises(ModelError, match="too large to be added exactly"):
        Photos(Weights("photos", {"width": 4}, tensors))


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_one_value_that_is_none_is_found(kind: Any) -> None:
    tensors = {name: each.astype(kind) for name, each in random_tensors(SMALL).items()}
    least, tiny = np.finfo(np.float16).smallest_subnormal, np.finfo(np.float16).tiny
    for value in (65504, -65504, 0.0, -0.0, least, -tiny):
        tensors[FIRST][0, 0, 1, 2] = value
        made(tensors=tensors)
    for value in (np.nan, -np.nan, np.inf, -np.inf):
        tensors[FIRST][0, 0, 1, 2] = value
        with pytest.raises(ModelError, match="not finite"):
            made(tensors=tensors)


def test_what_overflows_is_no_picture() -> None:
    deep = ModelConfig(blocks=16, depth=2, growth=2)
    huge = {name: np.full_like(each, 6e4) for name, each in random_tensors(deep).items()}
    paper, image = Paper("huge", made(deep, huge)), np.full((32, 32, 3), 90, np.uint8)
    for call in (lambda: paper.hide(image, [image], keys.Public()), lambda: paper.salvage(image)):
        with pytest.raises(ModelError, match="is not finite"):
            call()
