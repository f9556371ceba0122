from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isn import images

NAMES = tuple(f"{photo}{k}.png" for photo in ("astronaut", "cat", "coffee", "rocket") for k in "ab")


@pytest.fixture(scope="session")
def cuts(photos: dict[str, Any]) -> dict[str, bytes]:
    """PNG files of 72 x 64, cut from the demo's photos."""
    found = {}
    for name in NAMES:
        left = 40 if name[-5] == "a" else 130
        cut = photos[name[:-5]][60:124, left : left + 72]
        found[name] = images.encode(np.ascontiguousarray(cut))
    return found


@pytest.fixture
def folder(tmp_path: Path, cuts: dict[str, bytes]) -> Path:
    """Eight photos; a text beside them."""
    place = tmp_path / "photos"
    (place / "below").mkdir(parents=True)
    for name, content in cuts.items():
        inside = place / "below" if name.startswith("rocket") else place
        (inside / name).write_bytes(content)
    (place / "README.md").write_text("photos")
    return place
