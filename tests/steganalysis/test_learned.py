"""The linear discriminant: known separations, both controls, and no host on both sides."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isn.errors import ConfigError, IsnError
from isn.steganalysis import learned
from isn.steganalysis.learned import Discriminant, leaked_pairs
from isn.steganalysis.spam import spam

pytest.importorskip("sklearn")

Array = NDArray[Any]


def gaussian(n: int, features: int, shift: float, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    clean = rng.normal(size=(n, features))
    stego = rng.normal(size=(n, features))
    stego[:, 0] += shift
    return clean, stego


def test_it_finds_the_direction() -> None:
    clean, stego = gaussian(2000, 5, 2.0)
    weights = Discriminant(clean, stego).weights
    assert weights[0] / np.linalg.norm(weights) > 0.99


def test_it_looks_along_the_covariance_as_fisher_says() -> None:
    # Two features that share their noise: their difference says all, each alone says little.
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(1000, 1)) * 5
    clean = np.hstack([noise, noise]) + rng.normal(size=(1000, 2)) * 0.1
    stego = np.hstack([noise, noise]) + rng.normal(size=(1000, 2)) * 0.1 + [0.5, 0]
    outcome = leaked_pairs(clean, stego, np.arange(1000), 500)
    assert outcome.accuracy > 0.9


def test_area_and_accuracy_are_those_of_theory() -> None:
    clean, stego = gaussian(4000, 3, 1.0)
    outcome = leaked_pairs(clean, stego, np.arange(4000), 2000)
    # For two normal distributions a deviation apart: Phi(1 / sqrt 2) and Phi(1 / 2).
    assert outcome.area == pytest.approx(0.5 * (1 + math.erf(0.5)), abs=0.02)
    assert outcome.accuracy == pytest.approx(0.5 * (1 + math.erf(0.5 / math.sqrt(2))), abs=0.02)


def test_clean_against_clean_stays_at_one_half() -> None:
    clean, stego = gaussian(3000, 40, 0.0)
    outcome = leaked_pairs(clean, stego, np.arange(3000), 200)
    assert outcome.area == pytest.approx(0.5, abs=0.03)
    assert outcome.accuracy == pytest.approx(0.5, abs=0.03)


def test_matching_at_full_rate_is_found() -> None:
    # What StegExpose misses: 40 leaked pairs of 686 features, each host twice.
    rng = np.random.default_rng(2)
    features: dict[str, list[Array]] = {"clean": [], "stego": []}
    for _ in range(80):
        y, x = np.mgrid[:64, :64]
        waves = sum(9 * np.sin(x / rng.uniform(3, 20) + y / rng.uniform(3, 20)) for _ in range(4))
        host = (120 + waves + rng.normal(0, 1.5, (64, 64))).clip(5, 250)
        clean = np.rint(host).astype(np.uint8)
        change = rng.choice([-1, 1, 0, 0], clean.shape)
        features["clean"].append(spam(clean))
        features["stego"].append(spam((clean + change).astype(np.uint8)))
    outcome = leaked_pairs(
        np.array(features["clean"]), np.array(features["stego"]), np.arange(80) // 2, 40
    )
    assert outcome.area > 0.9
    assert outcome.tested == 40


def test_scale_does_not_matter() -> None:
    clean, stego = gaussian(60, 8, 1.5)
    scale = 10.0 ** np.arange(-4, 4)
    plain = leaked_pairs(clean, stego, np.arange(60), 30)
    scaled = leaked_pairs(clean * scale, stego * scale, np.arange(60), 30)
    assert (scaled.area, scaled.accuracy) == pytest.approx((plain.area, plain.accuracy))


def test_a_constant_feature_does_no_harm() -> None:
    clean, stego = gaussian(60, 3, 3.0)
    clean[:, 2] = stego[:, 2] = 7
    assert leaked_pairs(clean, stego, np.arange(60), 30).area > 0.9


def test_hosts_do_not_leak() -> None:
    # Nothing tells clean from stego but the host itself: each has a label of its own in memory.
    rng = np.random.default_rng(0)
    hosts = np.repeat(np.arange(60), 5)
    clean = np.repeat(rng.normal(size=(60, 200)), 5, axis=0)
    stego = np.repeat(rng.normal(size=(60, 200)), 5, axis=0)
    assert leaked_pairs(clean, stego, hosts, 150).area == pytest.approx(0.5, abs=0.15)
    assert leaked_pairs(clean, stego, np.arange(300), 150).area > 0.9


@pytest.mark.parametrize("pairs", [2, 7, 10])
@pytest.mark.parametrize("seed", range(5))
def test_the_split(pairs: int, seed: int) -> None:
    hosts = np.array(list("cabbacddddeeff"))
    leaked, kept = learned._split(hosts, pairs, seed)
    assert len(set(leaked)) == len(leaked) == pairs
    assert not set(hosts[leaked]) & set(hosts[kept])
    whole = {each for each in set(hosts) if each not in set(hosts[leaked])}
    assert set(hosts[kept]) == whole
    assert len(kept) == sum(each in whole for each in hosts)


def test_the_same_seed_is_the_same_outcome() -> None:
    clean, stego = gaussian(60, 8, 1.0)
    first, again, other = (leaked_pairs(clean, stego, np.arange(60), 20, s) for s in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize(
    ("clean", "hosts", "pairs"),
    [
        (np.zeros((5, 3)), range(6), 2),
        (np.zeros((5, 3)), range(5), 1),
        (np.zeros((5, 3)), range(5), 5),
        (np.zeros((5, 3)), range(5), 9),
        (np.zeros((5, 3)), [1] * 5, 2),
        (np.zeros((1, 3)), range(1), 2),
        (np.zeros(5), range(5), 2),
        (np.full((5, 3), np.nan), range(5), 2),
    ],
)
def test_what_does_not_fit_is_refused(clean: Array, hosts: Any, pairs: int) -> None:
    with pytest.raises(ConfigError):
        leaked_pairs(clean, clean.copy(), np.array(hosts), pairs)


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.discriminant_analysis", None)
    with pytest.raises(IsnError, match=r"isn\[analyze\]"):
        Discriminant(*gaussian(5, 2, 1.0))
