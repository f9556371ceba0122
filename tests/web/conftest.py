"""Files that the page is given, small enough for a job to take a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, NDArray[np.uint8]]) -> Path:
    """A host, an image and a file."""
    path = tmp_path_factory.mktemp("web")
    Image.fromarray(photos["coffee"][:104, :136]).save(path / "host.png")
    Image.fromarray(photos["cat"][60:92, 80:120]).save(path / "cat.png")
    (path / "notes.txt").write_bytes(b"attack at dawn")
    return path
