"""Small pictures to train on, made here; without torch only the settings are tested."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from isn import drawings, images

if find_spec("torch") is None:
    here = Path(__file__).parent
    collect_ignore = [
        each.name for each in here.glob("test_*.py") if each.name != "test_settings.py"
    ]


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of twelve 112 x 96 pictures with grain."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(5)
    for number in range(12):
        kind = ("gradient", "shapes", "screenshot")[number % 3]
        pixels = drawings.draw(kind, 96, 112, rng)
        grain = rng.normal(0, 6, pixels.shape)
        images.write(folder / f"{number:02d}.png", np.clip(pixels + grain, 0, 255).astype(np.uint8))
    return folder
