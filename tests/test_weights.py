"""A weights file is read whole or refused, and its fingerprint is that of its tensors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from helpers import random_tensors, random_weights
from isn.errors import ModelError
from isn.paper.config import ModelConfig
from isn.paper.weights import FINGERPRINT_BYTES, Weights

SMALL = ModelConfig(blocks=1, depth=2, growth=2)
FIRST = "blocks.0.phi.convs.0.weight"


def test_saved_and_loaded(tmp_path: Path) -> None:
    weights = Weights(SMALL, random_tensors(SMALL), {"steps": 3, "data": "none"})
    path = tmp_path / "model.safetensors"
    weights.save(path)
    again = Weights.load(path)
    assert again.config == SMALL
    assert again.training == {"steps": 3, "data": "none"}
    assert again.fingerprint == weights.fingerprint
    assert again.tensors.keys() == weights.tensors.keys()
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)
    assert list(tmp_path.iterdir()) == [path]


def test_float16_stays_float16_in_the_file_and_comes_as_float32(tmp_path: Path) -> None:
    halves = {name: each.astype(np.float16) for name, each in random_tensors(SMALL).items()}
    Weights(SMALL, halves).save(tmp_path / "half.safetensors")
    again = Weights.load(tmp_path / "half.safetensors")
    assert {each.dtype for each in again.tensors.values()} == {np.dtype(np.float16)}
    assert again.size == 2 * SMALL.parameters
    for name, tensor in again.as_float32().items():
        assert tensor.dtype == np.float32
        np.testing.assert_array_equal(tensor, halves[name])


def test_saving_replaces_the_file_whole_or_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    random_weights(SMALL).save(path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            random_weights(SMALL, seed=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    random_weights(SMALL, seed=1).save(path)
    assert Weights.load(path).fingerprint == random_weights(SMALL, seed=1).fingerprint


def test_the_fingerprint_is_a_literal() -> None:
    # A container made today names its model by this in ten years.
    config = ModelConfig(blocks=1, depth=1, growth=1, levels=0)
    tensors = {
        name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        for name, shape in config.parameter_shapes().items()
    }
    weights = Weights(config, tensors)
    assert len(weights.fingerprint) == FINGERPRINT_BYTES
    assert weights.fingerprint.hex() == "fd14178e17e8d103ee963a0bf404db34"


def test_the_fingerprint_is_of_the_tensors_alone() -> None:
    weights = random_weights(SMALL)
    again = Weights(SMALL, dict(reversed(list(weights.tensors.items()))), {"date": "another"})
    assert again.fingerprint == weights.fingerprint


@pytest.mark.parametrize("name", [FIRST, "blocks.0.eta.convs.1.bias"])
def test_one_bit_changes_the_fingerprint(name: str) -> None:
    weights = random_weights(SMALL)
    tensors = dict(weights.tensors)
    flipped = tensors[name].copy()
    flipped.view(np.uint32).reshape(-1)[-1] ^= 1
    assert Weights(SMALL, tensors | {name: flipped}).fingerprint != weights.fingerprint


def test_the_precision_changes_the_fingerprint() -> None:
    halves = {name: each.astype(np.float16) for name, each in random_tensors(SMALL).items()}
    singles = {name: each.astype(np.float32) for name, each in halves.items()}
    assert Weights(SMALL, halves).fingerprint != Weights(SMALL, singles).fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda each: each[:-1], "has shape"),
        (lambda each: each.astype(np.float64), "float64, give float16 or float32"),
        (lambda each: each.astype(np.int32), "int32, give float16 or float32"),
        (lambda each: np.full_like(each, np.nan), "not finite"),
        (lambda each: np.full_like(each, np.inf), "not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    tensors = random_tensors(SMALL)
    tensors[FIRST] = np.ascontiguousarray(change(tensors[FIRST]))
    with pytest.raises(ModelError, match=f"{FIRST}.*{message}"):
        Weights(SMALL, tensors)
    path = tmp_path / "wrong.safetensors"
    save_file(tensors, path, {"config": SMALL.to_json()})
    with pytest.raises(ModelError, match=f"{FIRST}.*{message}"):
        Weights.load(path)


def test_missing_and_surplus_tensors_are_refused() -> None:
    tensors = random_tensors(SMALL)
    with pytest.raises(ModelError, match=f"lack the tensor {FIRST}"):
        Weights(SMALL, {name: each for name, each in tensors.items() if name != FIRST})
    with pytest.raises(ModelError, match=r"hold the tensor blocks\.1\."):
        Weights(SMALL, random_tensors(replace(SMALL, blocks=2)))


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"format": "pt"},
        {"config": ""},
        {"config": "[]"},
        {"config": '{"blocks": 1, "speed": 9}'},
        {"config": '{"blocks": 1000000}'},
        {"config": "[" * 100_000},
        {"config": SMALL.to_json(), "training": "{"},
        {"config": SMALL.to_json(), "training": "[1]"},
        {"config": SMALL.to_json(), "training": "[" * 100_000},
    ],
)
def test_other_metadata_is_refused(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(random_tensors(SMALL), path, metadata)
    with pytest.raises(ModelError, match=r"other\.safetensors is"):
        Weights.load(path)


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    random_weights(ModelConfig(blocks=1, depth=1, growth=1, levels=0)).save(path)
    whole = path.read_bytes()
    for length in {*range(64), *range(64, len(whole), 37), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"short\.safetensors is"):
            Weights.load(path)
    path.write_bytes(whole)
    assert Weights.load(path).config.depth == 1


def test_any_flipped_header_byte_is_refused_or_read_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "flipped.safetensors"
    weights = random_weights(ModelConfig(blocks=1, depth=1, growth=1, levels=0))
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
    shapes = ModelConfig(blocks=1, depth=1, growth=1, levels=0).parameter_shapes()
    header: dict[str, Any] = {"__metadata__": {"config": SMALL.to_json()}}
    end = 0
    for name, shape in shapes.items():
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
