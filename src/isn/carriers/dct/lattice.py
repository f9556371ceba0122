"""Bits in DCT coefficients, so coarsely that quantising them again leaves the bits readable.

Quantisation index modulation with dither and distortion compensation (Chen and Wornell, IEEE Trans.
Information Theory 2001): of each coefficient used, what counts is its place modulo a period P, from
which a dither d of the coefficient's own is taken first. With M symbols, 2 or 4, symbol m lies at
``m P / M``, and a coefficient goes nine tenths (`ALPHA`) of the way to the nearest place of its
symbol, which costs ``ALPHA^2 P^2 / 12``.

A JPEG of quality q moves a coefficient by at most half the step T of its table (ITU-T T.81, table
K.1, scaled as libjpeg does), evenly, whatever the host, for the dither makes it so. The period is
the same for all coefficients, as water-filling has it: where T is small beside it, four symbols
are told apart, where it is larger two, and beyond, where none are, the host stays as it is.
A bound for this noise and distortion is ``ln(1 + D / (T^2 / 12)) / 2`` for each coefficient (Costa,
1983): at quality 75 and 40 dB, 0.33 bits a pixel, of which these symbols can carry 0.26.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isn import images
from isn.carriers.dct.ldpc import MOST_BELIEF, PER_NAT, Beliefs, Bits

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]
Scatter = tuple[int, ...]
"""Standard deviation of each coefficient used, in `FINE`."""

ALPHA: Final = 0.9
"""Share of the way to the nearest place of its symbol that a coefficient goes."""

FINE: Final = 1 / 100
"""Unit of :data:`Scatter`, in periods."""
_MOST_SCATTER: Final = 40
_ABOUT: Final = 1.2
"""Of what is foreseen, up to which it is not told from chance."""

ROUNDING: Final = 0.55
"""Standard deviation, in levels, of what whole pixels and planes add to a coefficient."""

_STEPS: Final = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
"""Of luma at quality 50, row by row (ITU-T T.81, table K.1)."""

_PERIODS: Final = ((10, 20, 50, 100, 167), (10.2, 13.3, 20.25, 34.0, 51.0))
"""Periods by the percentage that a table is scaled by: at quality 95, 90, 75, 50 and 30 they leave
43, 42, 40, 36 and 33 dB of a host."""

_FOUR: Final = 0.4
"""Step, in periods, up to which a coefficient has four symbols."""
_TWO: Final = 0.55
"""Step, in periods, up to which it has two."""

_CUT: Final = (1, 3)
"""Pixels of a block at 0 or 255 from which on it is thought to be noisier: there a JPEG's error was
cut off."""
_CUT_NOISE: Final = (0.05, 0.09)
"""Its standard deviation then, in periods."""

_GRID: Final = 1024
_BINS: Final = 256
_STRAY: Final = 1e-3
"""Share of coefficients that are thought to lie anywhere, as where pixels were cut off."""


def steps(quality: int) -> Wide:
    """The steps of a JPEG's table of luma: 64, in rows.

    Args:
        quality: 1 to 100, as libjpeg counts.
    """
    scaled = np.floor((np.array(_STEPS) * _percent(quality) + 50) / 100)
    return np.clip(scaled, 1, 255)


def _percent(quality: int) -> float:
    return 5000 // quality if quality < 50 else 200 - 2 * quality


@dataclass(frozen=True)
class Lattice:
    """The places of symbols in the coefficients of a block.

    Attributes:
        quality: of the JPEG that it is to survive.
    """

    quality: int

    @cached_property
    def period(self) -> float:
        """P, in levels of a coefficient."""
        return float(np.interp(_percent(self.quality), *_PERIODS))

    @cached_property
    def used(self) -> NDArray[np.int64]:
        """Which of the 64 coefficients carry anything: never the first, a block's mean."""
        there = np.flatnonzero(steps(self.quality) <= _TWO * self.period)
        return there[there > 0]

    @cached_property
    def symbols(self) -> NDArray[np.int64]:
        """2 or 4 for each coefficient used."""
        return np.where(steps(self.quality)[self.used] <= _FOUR * self.period, 4, 2)

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """For each bit of a block, the coefficient that carries it: its number among those used."""
        return np.repeat(np.arange(len(self.used)), self.symbols // 2)

    @property
    def bits(self) -> int:
        """Bits that a block carries."""
        return len(self.owner)

    @property
    def noise(self) -> float:
        """Mean square error, in levels, of a block that carries bits."""
        return len(self.used) * (ALPHA * self.period) ** 2 / 12 / 64

    @property
    def left(self) -> float:
        """Mean square distance of written coefficients from their places, in levels."""
        return ((1 - ALPHA) * self.period) ** 2 / 12

    @cached_property
    def basis(self) -> Floats:
        """The waves of the coefficients used: 64 x coefficients, orthonormal."""
        return np.ascontiguousarray(images.dct_basis()[self.used].T, np.float32)

    def moved(self, values: Floats, bits: Bits, dither: Floats) -> Floats:
        """Coefficients that carry bits, near to what they were.

        Args:
            values: blocks x coefficients used.
            bits: blocks x bits.
            dither: as the values, in periods.
        """
        place = (self._places(bits) + dither) * np.float32(self.period)
        return values - np.float32(ALPHA) * self._apart(values, place)

    def strayed(self, values: Floats, bits: Bits, dither: Floats) -> Floats:
        """How far coefficients lie from the nearest places of the bits that they carry."""
        return self._apart(values, (self._places(bits) + dither) * np.float32(self.period))

    def _apart(self, values: Floats, place: Floats) -> Floats:
        period = np.float32(self.period)
        away = values - place
        found: Floats = away - period * np.rint(away / period)
        return found

    def _places(self, bits: Bits) -> Floats:
        """Where the symbols of bits lie, in periods; two bits are a Gray code."""
        place = np.empty((len(bits), len(self.used)), np.float32)
        first = np.searchsorted(self.owner, np.arange(len(self.used)))
        high = bits[:, first]
        low = bits[:, np.minimum(first + 1, self.bits - 1)]
        four = self.symbols == 4
        place[:] = np.where(four, (2 * high + (high ^ low)) / np.float32(4), high / np.float32(2))
        return place

    def scatter(self, strayed: Floats) -> Scatter:
        """How far coefficients lie from their places, beside what distortion compensation leaves.

        Args:
            strayed: blocks x coefficients used, of known bits, in levels.
        """
        found = np.square(strayed, dtype=np.float64).mean(axis=0) - self.left
        apart = np.sqrt(np.maximum(found, ROUNDING**2)) / self.period
        return tuple(np.rint(apart / FINE).clip(1, _MOST_SCATTER).astype(int).tolist())

    def usual(self, strayed: Floats) -> bool:
        """Whether all together lie about as far from their places as the JPEG's steps explain."""
        foreseen = self.left + ROUNDING**2 + steps(self.quality)[self.used] ** 2 / 12
        return bool(np.square(strayed).mean() < _ABOUT * foreseen.mean())

    def beliefs(
        self, values: Floats, dither: Floats, cut: NDArray[np.int64], scatter: Scatter | None
    ) -> Beliefs:
        """What coefficients say of the bits that they carry: blocks x bits, see `ldpc`.

        Args:
            values: blocks x coefficients used.
            dither: as the values, in periods.
            cut: how many pixels of each block lie at 0 or 255.
            scatter: see :meth:`scatter`; None: what the JPEG's steps make of it.
        """
        turns = values / np.float32(self.period) - dither
        there = (np.rint(turns * _BINS).astype(np.int64) % _BINS)[:, self.owner]
        kind = np.searchsorted(_CUT, cut, side="right")
        found: Beliefs = _table(self, scatter)[kind[:, None], np.arange(self.bits), there]
        return found

    def information(self, quality: int, noise: float) -> float:
        """Bits that each carried bit is worth after a JPEG, on average: its capacity.

        Args:
            quality: of the JPEG.
            noise: variance, in levels, of what else moves coefficients.
        """
        step, total = steps(quality)[self.used], 0.0
        for each, count in enumerate(self.symbols.tolist()):
            likely = _likelihoods(self.period, float(step[each]), count, float(np.sqrt(noise)))
            # The density of a place, whatever the symbol, is the mean of all.
            total += float((likely[0] * np.log2(likely[0] / likely.mean(axis=0))).sum())
        return total / self.bits


@lru_cache(maxsize=64)
def _table(lattice: Lattice, scatter: Scatter | None) -> NDArray[np.int16]:
    """The belief of each bit by its coefficient's place: kinds x bits x bins of a period."""
    kinds = (ROUNDING, *(share * lattice.period for share in _CUT_NOISE))
    table = np.empty((len(kinds), lattice.bits, _BINS), np.int16)
    step, owner = steps(lattice.quality)[lattice.used], lattice.owner
    for number, each in enumerate(owner):
        count, second = int(lattice.symbols[each]), number > 0 and owner[number - 1] == each
        ones = np.array(_ones(count, second))
        for kind, least in enumerate(kinds):
            width, noise = float(step[each]), least
            if scatter is not None:
                width, noise = 0.0, max(least, scatter[each] * FINE * lattice.period)
            likely = _likelihoods(lattice.period, width, count, noise)
            ratio = likely[~ones].sum(axis=0) / likely[ones].sum(axis=0)
            belief = np.rint(PER_NAT * np.log(ratio)).clip(-MOST_BELIEF, MOST_BELIEF)
            table[kind, number] = belief[:: _GRID // _BINS]
    return table


def _ones(count: int, second: bool) -> list[bool]:
    """Of which symbols a bit is 1."""
    symbols = range(count)
    return [bool((k ^ k >> 1) & 1 if second else k >> (count == 4)) for k in symbols]


@lru_cache(maxsize=1024)
def _likelihoods(period: float, step: float, count: int, deviation: float) -> Wide:
    """How likely each place of a period is for each symbol: count x `_GRID`, the sum of a row 1.

    The sum of three independent errors, modulo the period: what distortion compensation leaves,
    even over a tenth of the period; quantising, even over a step; and a normal one.
    """
    wave = 2 * np.pi * np.fft.rfftfreq(_GRID, period / _GRID)
    spectrum = np.exp(-((wave * deviation) ** 2) / 2)
    for width in (step, (1 - ALPHA) * period):
        spectrum = spectrum * np.sinc(wave * width / 2 / np.pi)
    density = np.maximum(np.fft.irfft(spectrum, _GRID), 0)
    density = (1 - _STRAY) * density / density.sum() + _STRAY / _GRID
    return np.stack([np.roll(density, k * _GRID // count) for k in range(count)])
