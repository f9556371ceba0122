"""One invertible block: Eq. (4) forward, Eq. (5) inverse. The equations stand only here.

A block has two halves. Each changes one branch pointwise by what a subnet says of the other:

    host'   = host + phi(hidden)                                      Eq. (4), first line
    hidden' = hidden * exp(s(rho(host'))) + eta(host')                Eq. (4), second line
    hidden  = (hidden' - eta(host')) * exp(-s(rho(host')))            Eq. (5), first line
    host    = host' - phi(hidden)                                     Eq. (5), second line

with ``s(x) = clamp * (2 * sigmoid(x) - 1) = clamp * tanh(x / 2)``, or the paper's ``s(x) = x``
where clamp is None: an unbounded exponential is the known cause of trainings that explode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from isn.arrays import array_namespace

Array = Any
"""N x C x H x W floats of any array library that follows the Python array API standard."""

Half = Callable[[Array, Array], Array]
"""Half a block: (the branch to change, the branch that stays) -> the changed branch."""

Apply = Callable[[Half, Array, Array], Array]
"""How a half is carried out: at once, or strip by strip (:mod:`isn.paper.network`)."""


class Subnets(Protocol):
    """The learned part of one block, evaluated by a backend."""

    @property
    def phi(self) -> Callable[[Array], Array]:
        """What the hidden branch adds to the host branch."""
        ...

    def rho_eta(self, host: Array) -> tuple[Array, Array]:
        """Log-scale (not yet bounded) and shift of the hidden branch."""
        ...


def at_once(half: Half, target: Array, source: Array) -> Array:
    """Carries out half a block on the whole image."""
    return half(target, source)


@dataclass(frozen=True)
class Coupling:
    """One invertible block around three subnets.

    Attributes:
        subnets: phi, rho and eta of this block.
        clamp: bound of the log-scale, or None for the paper's bare exponential.
    """

    subnets: Subnets
    clamp: float | None

    def forward(self, host: Array, hidden: Array, apply: Apply = at_once) -> tuple[Array, Array]:
        """Eq. (4): one step of hiding, on the bands of both branches."""
        host = self.hide(host, hidden, apply)
        return host, apply(self._scale_and_shift, hidden, host)

    def inverse(self, host: Array, hidden: Array, apply: Apply = at_once) -> tuple[Array, Array]:
        """Eq. (5): the same step undone."""
        hidden = self.reveal(host, hidden, apply)
        return apply(self._subtract, host, hidden), hidden

    def hide(self, host: Array, hidden: Array, apply: Apply = at_once) -> Array:
        """Eq. (4), first line: the host branch alone."""
        return apply(self._add, host, hidden)

    def reveal(self, host: Array, hidden: Array, apply: Apply = at_once) -> Array:
        """Eq. (5), first line: the hidden branch alone."""
        return apply(self._unshift_and_unscale, hidden, host)

    def _add(self, host: Array, hidden: Array) -> Array:
        return host + self.subnets.phi(hidden)

    def _subtract(self, host: Array, hidden: Array) -> Array:
        return host - self.subnets.phi(hidden)

    def _scale_and_shift(self, hidden: Array, host: Array) -> Array:
        rho, eta = self.subnets.rho_eta(host)
        return hidden * array_namespace(rho).exp(self._log_scale(rho)) + eta

    def _unshift_and_unscale(self, hidden: Array, host: Array) -> Array:
        rho, eta = self.subnets.rho_eta(host)
        return (hidden - eta) * array_namespace(rho).exp(-self._log_scale(rho))

    def _log_scale(self, rho: Array) -> Array:
        if self.clamp is None:
            return rho
        return self.clamp * array_namespace(rho).tanh(rho / 2)
