from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isn.evaluation import methods
from isn.evaluation.extremes import DRAWN, NATURAL, PAIRS, extreme
from isn.evaluation.protocol import domains


def test_the_papers_pairs_are_there_both_ways_round() -> None:
    kinds = (NATURAL, "monochrome", "noise")
    assert {(a, b) for a in kinds for b in kinds if a != b} <= set(PAIRS)
    assert len(set(PAIRS)) == len(PAIRS)
    assert {kind for pair in PAIRS for kind in pair} == {NATURAL, *DRAWN}


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair(folder: Path, pair: tuple[str, str]) -> None:
    place = domains(folder, count=1)[0]
    found = extreme(methods.baseline("lsb-4").method, 1, pair, place, 5)
    host, container, hidden, revealed = found.pictures
    assert revealed is not None
    assert np.abs(container.astype(int) - host).max() <= 15
    assert np.abs(revealed.astype(int) - hidden).max() <= 8
    again = extreme(methods.baseline("lsb-4").method, 1, pair, place, 5)
    assert (again.pictures[0] == host).all()
    assert (again.pictures[2] == hidden).all()
    if NATURAL in pair and pair != (NATURAL, NATURAL):
        assert (host == place.group(0, 1).host.pixels).all() == (pair[0] == NATURAL)


def test_several_hidden_images_of_a_kind_differ(folder: Path) -> None:
    pytest.importorskip("PIL._avif")
    found = extreme(
        methods.baseline("avif-3").method,
        2,
        (NATURAL, "monochrome"),
        domains(folder, count=2)[0],
        0,
    )
    assert found.lost == 0
    assert found.revealed is not None
    assert found.revealed > 30
