"""What every test may ask for: the demo photos, cheap passphrases, the device of torch tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from forking import Server
from isn import keys
from isn.paper import engine


def pytest_configure(config: pytest.Config) -> None:
    """A quarter of the examples of each property where only what is quick runs."""
    quick = "not slow" in str(config.getoption("markexpr"))
    # A first call builds sessions and caches: time says nothing about one example.
    settings.register_profile("house", deadline=None, max_examples=25 if quick else 100)
    settings.load_profile("house")
    # What is collected stays to the end: to look through it again and again takes seconds.
    gc.disable()


# Engines of the shipped networks, which many tests ask for in turn, are built once.
engine._build = cache(engine._build.__wrapped__)

_MEMORY_KIB = keys._MEMORY_KIB

PHOTOS = ("astronaut", "cat", "coffee", "rocket")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device", default="cpu", help="torch device of the tests that use one: cpu, cuda, cuda:1"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("torch") is not None:
        return
    skip = pytest.mark.skip(reason="torch is not installed")
    for item in items:
        if item.get_closest_marker("torch"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def device(pytestconfig: pytest.Config) -> Any:
    """The torch.device named by --device; the test is skipped where it is not there."""
    torch = pytest.importorskip("torch")
    chosen = torch.device(pytestconfig.getoption("--device"))
    if chosen.type == "cuda" and not torch.cuda.is_available():
        pytest.skip(f"there is no device {chosen}")
    return chosen


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Fresh networks are the same in every run, whatever ran before."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _cheap() -> Iterator[None]:
    """The least memory that Argon2 allows, but where `dear` is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_MEMORY_KIB", 32)
        yield


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a passphrase really costs: where answers are literals, or other processes have them."""
    monkeypatch.setattr(keys, "_MEMORY_KIB", _MEMORY_KIB)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts of a report are empty: drawing one takes a tenth of a second."""
    from isn.evaluation import figures

    monkeypatch.setattr(figures, "svg", lambda chart, name: "<svg></svg>")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """What forks a process for each command, where its start is not what is tested."""
    if not hasattr(os, "fork"):
        pytest.skip("nothing forks there")
    commands = [f"isn.cli.{name}" for name in ("hide", "reveal", "batch", "analyze", "info")]
    detectors = [f"isn.steganalysis.{name}" for name in ("residual", "stegexpose")]
    with Server(*commands, *detectors, "isn.advice") as made:
        yield made


@pytest.fixture(scope="session")
def photos() -> dict[str, NDArray[np.uint8]]:
    """The demo photos by name, H x W x 3; read-only, so that no test can change another's."""
    arrays = {}
    for name in PHOTOS:
        with as_file(files("isn") / "demo" / f"{name}.webp") as path, Image.open(path) as photo:
            arrays[name] = np.array(photo.convert("RGB"))
        arrays[name].flags.writeable = False
    return arrays
