"""Eq. (4) and (5), with subnets simple enough to work them out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from isn.paper.coupling import Array, Coupling, Half


@dataclass(frozen=True)
class Lambdas:
    """Subnets as plain functions."""

    phi: Callable[[Any], Any]
    rho: Callable[[Any], Any]
    eta: Callable[[Any], Any]

    def rho_eta(self, host: Any) -> tuple[Any, Any]:
        return self.rho(host), self.eta(host)


def all_of(value: float) -> Any:
    return np.full((1, 1, 2, 2), value)


BY_HAND = Lambdas(
    phi=lambda hidden: 2 * hidden + 1,
    rho=lambda host: 0 * host + math.log(3),
    eta=lambda host: 10 * host,
)


@pytest.mark.parametrize(
    ("clamp", "growth"),
    [
        (None, 3.0),
        # sigmoid(log 3) is 3/4, so the log-scale is half the clamp.
        (1.0, math.exp(0.5)),
        (4.0, math.exp(2.0)),
    ],
)
def test_both_equations_by_hand(clamp: float | None, growth: float) -> None:
    coupling = Coupling(BY_HAND, clamp)
    host, hidden = coupling.forward(all_of(1), all_of(2))
    np.testing.assert_allclose(host, all_of(1 + 5))
    np.testing.assert_allclose(hidden, all_of(2 * growth + 60))
    host, hidden = coupling.inverse(all_of(6), all_of(2 * growth + 60))
    np.testing.assert_allclose(hidden, all_of(2))
    np.testing.assert_allclose(host, all_of(1))


def test_the_scale_follows_the_new_host_and_phi_the_old_hidden() -> None:
    coupling = Coupling(Lambdas(lambda x: x, np.log, lambda x: x), clamp=None)
    host, hidden = coupling.forward(all_of(1), all_of(2))
    np.testing.assert_allclose(host, all_of(3))
    np.testing.assert_allclose(hidden, all_of(2 * 3 + 3))


@pytest.mark.parametrize("rho", [1e6, -1e6])
def test_the_clamp_bounds_any_log_scale(rho: float) -> None:
    nothing = Lambdas(lambda x: 0 * x, lambda x: 0 * x + rho, lambda x: 0 * x)
    _, hidden = Coupling(nothing, clamp=1.5).forward(all_of(0), all_of(1))
    np.testing.assert_allclose(hidden, all_of(math.exp(math.copysign(1.5, rho))))


def test_inputs_stay_as_they_were() -> None:
    host, hidden = all_of(1), all_of(2)
    coupling = Coupling(BY_HAND, 1.0)
    coupling.forward(host, hidden)
    coupling.inverse(host, hidden)
    np.testing.assert_array_equal(host, all_of(1))
    np.testing.assert_array_equal(hidden, all_of(2))


def test_halves_are_applied_in_mirrored_order() -> None:
    order: list[tuple[str, float, float]] = []

    def apply(half: Half, target: Array, source: Array) -> Array:
        order.append((half.__name__, float(target[0, 0, 0, 0]), float(source[0, 0, 0, 0])))
        return half(target, source)

    coupling = Coupling(Lambdas(lambda x: x, lambda x: 0 * x, lambda x: x), None)
    host, hidden = coupling.forward(all_of(1), all_of(2), apply)
    coupling.inverse(host, hidden, apply)
    assert [each[1:] for each in order] == [(1, 2), (2, 3), (5, 3), (3, 2)]
    assert len({each[0] for each in order}) == 4
