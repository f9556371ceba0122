"""The table of baselines, and the codec at 1, 2 and 3 bits, which is a method of this package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import features

from isn import baselines, method
from isn.codes import avif
from isn.errors import BackendError, ConfigError
from isn.keys import Public
from isn.metrics import psnr

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
KEY = Public()


@needs_avif
def test_more_bits_show_more_and_reveal_better(photos: dict[str, Any]) -> None:
    host, hidden = photos["coffee"][:60, :60], [photos["cat"][:64, :72], photos["rocket"][:48, :56]]
    containers, shown = [], []
    for name in ("avif-1", "avif-2", "avif-3"):
        codec = baselines.get(name)
        assert codec.name == name
        container = codec.hide(host, hidden, KEY)
        back = codec.reveal(container, KEY)
        assert [np.shape(each) for each in back] == [each.shape for each in hidden]
        containers.append(psnr(container, host))
        shown.append(min(psnr(a, b) for a, b in zip(back, hidden, strict=True)))  # type: ignore[arg-type]
    assert containers == sorted(containers, reverse=True)
    assert shown == sorted(shown)
    # What a trellis makes of 1 and 2 bits a sample; the best files do not fill the third.
    assert containers[:2] == pytest.approx([54.0, 48.0], abs=0.5)


@needs_avif
def test_two_bits_are_the_method_as_it_is_shipped(photos: dict[str, Any]) -> None:
    host, hidden = photos["coffee"][:64, :64], [photos["cat"][:64, :64]]
    made = [each.hide(host, hidden, KEY) for each in (baselines.get("avif-2"), method.get("avif"))]
    np.testing.assert_array_equal(*made)


@pytest.fixture
def no_avif(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(features, "check", lambda name: False)
    for kept in (avif.available, method._shipped):
        kept.cache_clear()
    yield
    for kept in (avif.available, method._shipped):
        kept.cache_clear()


@pytest.mark.usefixtures("no_avif")
def test_without_avif_it_says_what_to_do() -> None:
    with pytest.raises(BackendError, match=r"needs AVIF.*pip install"):
        baselines.get("avif-2")
    left_out = baselines.missing()
    assert {"avif-1", "avif-2", "avif-3"} <= set(left_out)
    assert "lsb-4" not in left_out


def test_names() -> None:
    assert baselines.get("lsb-4").name == "lsb-4"
    with pytest.raises(ConfigError, match="no baseline 'dct': choose among lsb-4, avif-1"):
        baselines.get("dct")
