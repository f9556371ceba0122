from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import features

from isn.evaluation import damage, methods
from isn.evaluation.damage import DAMAGES
from isn.evaluation.protocol import domains

BY_LABEL = {f"{each.family} {each.label}": each for each in DAMAGES}


@pytest.mark.parametrize("name", BY_LABEL)
def test_every_damage_changes_a_copy(photos: dict[str, Any], name: str) -> None:
    pixels = photos["cat"][:64, :72].copy()
    before = pixels.copy()
    each = BY_LABEL[name]
    changed = each.change(pixels, np.random.default_rng(0))
    assert (pixels == before).all()
    assert changed.dtype == np.uint8
    assert changed.shape == each.moves(pixels).shape
    same = changed.shape == pixels.shape and bool((changed == pixels).all())
    assert same == (each.family == "nothing")


def test_noise_has_its_strength() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    changed = damage.noisy(grey, np.random.default_rng(0), sigma=4)
    assert changed.std() == pytest.approx((16 + 1 / 12) ** 0.5, rel=0.02)


def test_lower_quality_is_more_damage(photos: dict[str, Any]) -> None:
    pixels = photos["cat"][:64, :72]
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "WEBP"):
        errors = [
            np.abs(damage.lossy(pixels, rng, kind=kind, quality=q).astype(int) - pixels).mean()
            for q in (100, 80, 50)
        ]
        assert errors == sorted(errors)


def test_what_the_textbook_method_survives(folder: Path) -> None:
    groups = [domains(folder, count=1)[0].group(k, 1) for k in range(2)]
    steps: list[int] = []
    lsb = methods.baseline("lsb-4").method
    found = damage.survive(lsb, groups, seed=3, step=lambda: steps.append(1))
    left = {each.label: each.psnr for each in found}
    assert all(each.pictures == 2 and each.lost == 0 for each in found)
    assert any(each.deviation > 0 for each in found)
    assert len(steps) == 2 * len(DAMAGES)
    # It works sample by sample, so a crop takes nothing but what it takes.
    assert left["one-pixel crop"] == pytest.approx(left["nothing"], abs=0.1)
    assert left["nothing"] is not None
    assert left["sigma 2"] is not None
    assert left["nothing"] > 33 > 20 > left["sigma 2"]
    assert damage.survive(lsb, groups, seed=3) == found
    assert damage.survive(lsb, groups, seed=4) != found


def test_what_is_left_of_a_network_is_salvaged(folder: Path) -> None:
    some = tuple(BY_LABEL[name] for name in ("nothing nothing", "noise sigma 2", "JPEG quality 50"))
    groups = [domains(folder, count=1)[0].group(0, 1)]
    found = damage.survive(methods.shipped("paper-1").method, groups, seed=0, damages=some)
    values = [each.psnr for each in found if each.psnr is not None]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_a_file_in_the_lowest_bit_survives_nothing(folder: Path) -> None:
    groups = [domains(folder, count=1)[0].group(0, 1)]
    found = damage.survive(methods.baseline("avif-1").method, groups, seed=0)
    assert [(each.psnr is None, each.lost) for each in found] == [(False, 0)] + [(True, 1)] * 19
