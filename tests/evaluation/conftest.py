from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

NAMES = tuple(f"{photo}{k}.png" for photo in ("astronaut", "cat", "coffee", "rocket") for k in "ab")


@pytest.fixture
def folder(tmp_path: Path, photos: dict[str, Any]) -> Path:
    """Eight photos of 72 x 64, cut from the demo's; a text beside them."""
    place = tmp_path / "photos"
    (place / "below").mkdir(parents=True)
    for name in NAMES:
        left = 40 if name[-5] == "a" else 130
        cut = photos[name[:-5]][60:124, left : left + 72]
        inside = place / "below" if name.startswith("rocket") else place
        Image.fromarray(cut).save(inside / name)
    (place / "README.md").write_text("photos")
    return place
