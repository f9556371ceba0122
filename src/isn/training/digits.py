"""Images as digits: what the samples of one cell of a host are to say, and modulo what.

The bands of a cell of an image are turned into their principal components. Each is companded and
rounded to one of M numbers; a sample of the host, modulo its base d, says a number of M = d. A
component of a loud direction has two digits, in two samples; of two quieter ones one sample says
both; the quietest are not said. Bases and numbers are those of the least mean square error, for a
mean square change of the host of (d ** 2 - 1) / 12 a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from isn.training.linear import principal

Floats = NDArray[np.float64]

WHITE: Final = 255
"""Of a sample; black is 0."""

_SAMPLE: Final = 1 << 11
"""Values of a component that its curves are chosen by."""

_HALF: Final = (3, 5)
"""Numbers of two components that one sample says; the next, bases of one, and of one of two. All
are odd: whoever changes a sample by its base changes its lowest bit, and not what it says."""

_WHOLE: Final = tuple(range(7, 33, 2))
_TWO: Final = tuple(range(5, 33, 2))
_KNOTS: Final = np.array([2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 128, 256, 512, 1024])
"""Numbers that errors are found for; those between are interpolated."""

_SPREADS: Final = np.array([1.2, 1.6, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10])
"""Largest values of a curve, in standard deviations of its component."""

_INNER: Final = np.array([0.1, 0.2, 0.3, 0.45])
_SLOPES: Final = np.array([0.2, 0.35, 0.5, 0.7, 1])


class Curve(NamedTuple):
    """How a component is companded: straight up to `inner`, with `slope` up to `most`, then flat.

    Attributes:
        inner: as the component, as is the next.
        most: the largest value that differs from the others.
        slope: of the outer parts; that of the inner one is 1.
        error: mean square error of so many numbers.
    """

    inner: float
    most: float
    slope: float
    error: float

    @property
    def height(self) -> float:
        """Of the curve at `most`."""
        return self.inner + self.slope * (self.most - self.inner)


@dataclass(frozen=True)
class Component:
    """A principal component of one image, and how it becomes a number.

    Attributes:
        image: from 0.
        direction: in the image's bands.
        numbers: M, how many it may become: whole ones around 0; odd.
        curve: that it is companded by.
    """

    image: int
    direction: Floats
    numbers: int
    curve: Curve

    @property
    def scale(self) -> float:
        """Of the number of a value of the curve."""
        return (self.numbers - 1) / 2 / self.curve.height


class Sample(NamedTuple):
    """What one sample of a cell says, modulo its base: a number around 0, too.

    Attributes:
        base: d.
        component: whose number it says.
        above: of the upper of two digits, the base of the lower one; else 1.
        other: a component whose number, times those of the first, is added; None: there is none.
    """

    base: int
    component: int
    above: int = 1
    other: int | None = None


@dataclass(frozen=True)
class Code:
    """What is written into the samples of one cell.

    Attributes:
        mean: of an image's bands, of samples from 0 to 255.
        components: that are sent.
        samples: that say them, the first ones of a cell.
        silent: for each image, the directions of its bands that are not sent, the loudest first.
    """

    mean: Floats
    components: list[Component]
    samples: list[Sample]
    silent: list[Floats]


def fitted(cells: Floats, images: int, psnr: float, pairs: int) -> Code:
    """The code of the least mean square error in containers of a given PSNR.

    Args:
        cells: M x D, bands of many cells of single images, of samples from 0 to 255.
        images: n, at least 2.
        psnr: in dB, of hosts without blacks and whites.
        pairs: how many samples may say two components.
    """
    mean, variances, directions = principal(cells)
    bands = cells.shape[1]
    values = (cells[:: max(1, len(cells) // _SAMPLE)] - mean) @ directions
    # The others of an image are for the host.
    errors = np.array([_errors(values[:, k]) for k in range(bands - -(-bands // images))])
    room = bands * (WHITE / 10 ** (psnr / 20)) ** 2
    low, high = 1e-6, 1e6
    for _ in range(40):
        price = (low * high) ** 0.5
        spent = _samples(_numbers(errors, variances, bands, images, price, pairs))[1]
        over = sum(_changed(each.base) for each in spent) > room
        low, high = (price, high) if over else (low, price)
    order, samples = _samples(_numbers(errors, variances, bands, images, high, pairs))
    components = [
        Component(image, directions[:, k], numbers, companded(values[:, k], numbers))
        for image, k, numbers in order
    ]
    sent = [{k for one, k, _ in order if one == image} for image in range(images)]
    silent = [directions[:, [k for k in range(bands) if k not in each]] for each in sent]
    return Code(mean, components, samples, silent)


def _numbers(
    errors: Floats, variances: Floats, samples: int, images: int, price: float, pairs: int
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Bases of the digits of each component of each image, at a price of distortion.

    One smaller than all of `_WHOLE` is half of a sample. Each half or whole sample goes where it
    lowers error and price most, along the lower convex hull of what a component has of them.
    """
    knots, steps = np.log(_KNOTS), []
    for k, row in enumerate(errors):
        best: list[tuple[float, float, tuple[int, ...]]] = [(0.0, float(variances[k]), ())]
        for size, bases in ((0.5, _HALF), (1.0, _WHOLE), (2.0, _TWO)):
            digits = 2 if size == 2 else 1
            each = np.array(bases)
            missed = np.exp(np.interp(digits * np.log(each), knots, np.log(row)))
            # Two that share a sample have a base of the product of theirs.
            total = missed + price * size * _changed(each if size >= 1 else each**2)
            best.append((size, float(total.min()), (bases[int(total.argmin())],) * digits))
        here = 0
        while here < len(best) - 1:
            rates = [
                (best[here][1] - best[j][1]) / (best[j][0] - best[here][0])
                for j in range(here + 1, len(best))
            ]
            ahead = int(np.argmax(rates))
            if rates[ahead] <= 0:
                break
            there = here + 1 + ahead
            steps.append((rates[ahead], -k, best[there][2]))
            here = there
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    left, halves = 2 * samples, 2 * pairs
    for _, minus, bases in sorted(steps, reverse=True):
        for image in range(images):
            before, small = found.get((image, -minus), ()), _halves(bases) == 1
            more = _halves(bases) - _halves(before)
            if more > left or (small and not halves):
                continue
            left -= more
            halves += (_halves(before) == 1) - small
            found[image, -minus] = bases
    alone = [each for each, bases in found.items() if _halves(bases) == 1]
    if len(alone) % 2:
        # Nobody to share a sample with.
        del found[alone[-1]]
    return found


def _changed(base: Any) -> Any:
    """Mean square change of a sample that takes the nearest value of a given rest by a base."""
    return (base**2 - 1) / 12


def _halves(bases: tuple[int, ...]) -> int:
    """Of samples, that digits of these bases take."""
    return 1 if len(bases) == 1 and bases[0] in _HALF else 2 * len(bases)


def _samples(
    found: dict[tuple[int, int], tuple[int, ...]],
) -> tuple[list[tuple[int, int, int]], list[Sample]]:
    """Image, component and numbers of all that are sent, in an order, and the samples."""
    order, samples, halves = [], [], []
    for index, ((image, k), bases) in enumerate(sorted(found.items())):
        order.append((image, k, int(np.prod(bases))))
        if _halves(bases) == 1:
            halves.append((index, bases[0]))
        else:
            samples += [Sample(bases[0], index, bases[0] ** j) for j in range(len(bases))]
    # A large one beside a small one, so that bases are alike.
    halves.sort(key=lambda each: each[1])
    while halves:
        (low, numbers), (high, more) = halves.pop(0), halves.pop()
        samples.append(Sample(numbers * more, high, 1, low))
    return order, samples


def _errors(values: Floats) -> Floats:
    """Mean square errors of a component in as many numbers as `_KNOTS` says."""
    return np.array([companded(values, int(each)).error for each in _KNOTS])


def companded(values: Floats, numbers: int) -> Curve:
    """The curve of the least mean square error for the values of a component in so many numbers."""
    given = torch.from_numpy(np.ascontiguousarray(values)).float()
    deviation = max(float(values.std()), 1e-6)
    best = Curve(1.0, 1.0, 1.0, float("inf"))
    for most in (deviation * _SPREADS).tolist():
        inner, slope = (
            torch.from_numpy(each).float().reshape(-1, 1)
            for each in np.array(np.meshgrid(most * _INNER, _SLOPES)).reshape(2, -1)
        )
        height = inner + slope * (most - inner)
        size = given.abs().clamp(max=most)
        bent = torch.minimum(size, inner) + slope * (size - inner).clamp(min=0)
        number = (bent / height * ((numbers - 1) / 2)).round()
        back = number / ((numbers - 1) / 2) * height
        back = torch.minimum(back, inner) + (back - inner).clamp(min=0) / slope
        errors = (back - given.abs()).square().mean(-1)
        k = int(errors.argmin())
        if float(errors[k]) < best.error:
            best = Curve(float(inner[k]), most, float(slope[k]), float(errors[k]))
    return best
