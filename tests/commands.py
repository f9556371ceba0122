"""The command line as tests run it: in this process, or as a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import isn
from isn.cli import main
from isn.paper.config import ModelConfig
from isn.weights import Weights

Pixels = NDArray[np.uint8]
SOURCE = Path(isn.__file__).parents[1]

NAMES = ("ISN_DEBUG", "ISN_PASSPHRASE", "COLUMNS")
"""What somebody's environment may hold that changes what is printed."""


def run(*words: object, given: bytes = b"", **variables: str | None) -> Result:
    """Runs a command in this process: quicker than one of its own."""
    environment = dict.fromkeys(NAMES) | variables
    words = tuple(str(each) for each in words)
    return CliRunner().invoke(main, list(words), input=given, env=environment, prog_name="isn")


def done(*words: object, given: bytes = b"", **variables: str | None) -> Result:
    """Runs a command that is to succeed."""
    result = run(*words, given=given, **variables)
    assert result.exit_code == 0, result.output
    return result


def refused(code: int, *words: object, **variables: str | None) -> str:
    """The one sentence of a command that is to fail with this code."""
    result = run(*words, **variables)
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("isn: ")
    return line


def environment(**variables: str) -> dict[str, str]:
    """Finds the package whether it is installed or not; says nothing of the terminal."""
    kept = {key: value for key, value in os.environ.items() if key not in NAMES}
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return kept | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"} | variables


def process(
    *words: object, variables: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Runs the tool; whatever happens, it shows no traceback and admits no fault of its own."""
    command = [sys.executable, "-m", "isn", *map(os.fspath, map(_word, words))]
    if not options.keys() & {"stdout", "stderr"}:
        options["capture_output"] = True
    done = subprocess.run(command, check=False, env=environment(**variables or {}), **options)
    for said in (done.stdout or b"", done.stderr or b""):
        assert b"Traceback" not in said
        assert b"fault of isn" not in said
        assert b"Exception ignored" not in said
    return done


def _word(word: object) -> Any:
    return word if isinstance(word, (bytes, os.PathLike)) else str(word)


def pixels(source: Path | bytes) -> Pixels:
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        return np.array(image)


def paper_weights(hidden_images: int, seed: int = 0, lost: float | None = 0.5) -> Weights:
    """A small network of the paper that hides badly but really: no convolution is zero."""
    config = ModelConfig(hidden_images=hidden_images, blocks=2, depth=2, growth=4, lost=lost)
    rng = np.random.default_rng(seed)
    return Weights(
        "paper",
        asdict(config),
        {
            name: (0.1 * rng.standard_normal(shape)).astype(np.float32)
            for name, shape in config.parameter_shapes().items()
        },
    )
