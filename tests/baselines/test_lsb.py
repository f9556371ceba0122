from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isn.baselines.lsb import Lsb
from isn.errors import ConfigError
from isn.keys import Passphrase, Public
from isn.metrics import psnr
from isn.secret import File

KEY = Public()


def revealed(container: Any) -> Any:
    (picture,) = Lsb().reveal(container, KEY)
    return picture


def test_by_hand() -> None:
    host = np.full((2, 2, 3), 0b1010_0110, np.uint8)
    hidden = np.full((2, 2, 3), 0b1100_0101, np.uint8)
    container = Lsb().hide(host, [hidden], KEY)
    assert (container == 0b1010_1100).all()
    assert (revealed(container) == 0b1100_1000).all()


def test_round_trip_is_within_half_a_step(photos: dict[str, Any]) -> None:
    host, hidden = (photos[name][:128, :96] for name in ("cat", "rocket"))
    before = host.copy()
    container = Lsb().hide(host, [hidden], KEY)
    assert np.abs(container.astype(int) - host).max() <= 15
    assert np.abs(revealed(container).astype(int) - hidden).max() <= 8
    assert psnr(revealed(container), hidden) > 33
    assert (host == before).all()


def test_a_grey_host_and_another_size(photos: dict[str, Any]) -> None:
    hidden = photos["cat"][:60, :90]
    container = Lsb().hide(photos["coffee"][:128, :96, 0], [hidden], KEY)
    assert container.shape == revealed(container).shape == (128, 96, 3)
    assert np.abs(container.astype(int) - photos["coffee"][:128, :96, :1]).max() <= 15


def test_damage_is_nothing_that_it_could_see(photos: dict[str, Any]) -> None:
    container = photos["cat"][:64, :64]
    np.testing.assert_array_equal(Lsb().salvage(container)[0], revealed(container))


def test_what_it_does_not_hide_is_refused() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ConfigError, match="lsb-4 hides 1 at a time, not 2 images"):
        Lsb().hide(picture, [picture, picture], KEY)
    with pytest.raises(ConfigError, match="images alone"):
        Lsb().hide(picture, [File("a.txt", b"a")], KEY)
    with pytest.raises(ConfigError, match="lsb-4 has no key"):
        Lsb().hide(picture, [picture], Passphrase("secret"))
