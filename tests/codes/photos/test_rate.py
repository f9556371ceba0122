"""One pass fills a room, whatever was foreseen of its parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from isn import images, zoo
from isn.codes.photos import code, prior, rans, rate
from isn.metrics import psnr
from isn.progress import silent

PARTS, COUNT = 20, 6000


def parts() -> list[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    rng = np.random.default_rng(2)
    found = []
    for _ in range(PARTS):
        classes = rng.integers(4, 24, COUNT).astype(np.uint8)
        values = rng.laplace(size=COUNT) * 2.0 ** (prior.FINEST + classes / 4)
        found.append((values.astype(np.float32), classes))
    return found


def usual_bits() -> list[float]:
    lanes = rans.lanes(PARTS * COUNT)
    return [rans.bits(*code._usually(lanes)(*each)) for each in parts()]


def filled(foreseen: list[float], room: float) -> tuple[float, list[float]]:
    """Bits taken, and those that the parts would usually have taken."""
    own = rate.Rate(foreseen, room, PARTS * COUNT)
    return sum(rans.bits(*own.quantised(*each)) for each in parts()), own.usual


@pytest.mark.parametrize("share", [0.985, 1.0, 1.015])
def test_the_room_is_filled(share: float) -> None:
    usual = usual_bits()
    taken, told = filled(usual, share * sum(usual))
    assert 0.99 < taken / (share * sum(usual)) <= 1
    np.testing.assert_allclose(told, usual, rtol=0.02)


def test_what_was_foreseen_wrongly_is_made_good() -> None:
    usual = usual_bits()
    wrong = [bits * (1.05 if k % 3 else 0.93) for k, bits in enumerate(usual)]
    taken, _ = filled(wrong, sum(usual))
    assert 0.99 < taken / sum(usual) <= 1


def test_large_images_take_two_passes_at_most(
    photos: dict[str, images.Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [images.resize(photos[name], 512, 512) for name in ("cat", "coffee")]
    steps: list[int] = []
    before = code._Passes._code

    def counted(*given: object) -> bytes:
        steps.append(int(str(given[3])))
        return before(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(code._Passes, "_code", counted)
    monkeypatch.setattr(code, "_SAMPLE", 16)
    hidden, learned = code.Images(pictures), prior.Prior(zoo.weights("photos").tensors)
    step, content = code.encode(hidden, learned, 300_000, silent)
    assert len(steps) <= 2
    assert steps[-1] == step
    assert 0.99 * 300_000 < len(content) <= 300_000
    shown = [each.pixels() for each in code.decode(content, learned, [(512, 512)] * 2, step)]
    assert all(psnr(*each) > 40 for each in zip(shown, pictures, strict=True))
