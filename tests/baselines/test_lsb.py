from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isn.baselines.lsb import Lsb
from isn.errors import ConfigError
from isn.metrics import psnr


def test_by_hand() -> None:
    host = np.full((2, 2, 3), 0b1010_0110, np.uint8)
    hidden = np.full((2, 2, 3), 0b1100_0101, np.uint8)
    container = Lsb().hide(host, [hidden])
    assert (container == 0b1010_1100).all()
    (revealed,) = Lsb().reveal(container, 1)
    assert (revealed == 0b1100_1000).all()


def test_round_trip_is_within_half_a_step(photos: dict[str, Any]) -> None:
    host, hidden = (photos[name][:128, :96] for name in ("cat", "rocket"))
    before = host.copy()
    container = Lsb().hide(host, [hidden])
    (revealed,) = Lsb().reveal(container, 1)
    assert np.abs(container.astype(int) - host).max() <= 15
    assert np.abs(revealed.astype(int) - hidden).max() <= 8
    assert psnr(revealed, hidden) > 33
    assert (host == before).all()


def test_another_size_comes_back_in_its_own(photos: dict[str, Any]) -> None:
    hidden = photos["cat"][:60, :90]
    container = Lsb().hide(photos["coffee"][:128, :96], [hidden])
    (revealed,) = Lsb().reveal(container, 1, [(60, 90)])
    assert revealed.shape == hidden.shape
    carried = Lsb().carried(hidden, (128, 96))
    assert psnr(revealed, carried) > psnr(revealed, np.flip(hidden)) + 10


def test_two_images_are_refused() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ConfigError, match="2 hidden images were given, lsb-4 hides 1"):
        Lsb().hide(picture, [picture, picture])
    with pytest.raises(ConfigError, match="3 hidden"):
        Lsb().reveal(picture, 3)
