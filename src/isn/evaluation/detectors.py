"""The part detection: every method and both controls before every detector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from isn.evaluation import detection, methods
from isn.evaluation.detection import Detected, Seen
from isn.evaluation.document import Panel, Sheet
from isn.evaluation.pictures import small
from isn.evaluation.protocol import Domain
from isn.evaluation.showcase import Source
from isn.images import Pixels
from isn.method import Method
from isn.steganalysis.residual import anomaly_map, paint


@dataclass(frozen=True)
class Study:
    """A folder's hosts, as the detectors see them, and what is compared with them.

    Attributes:
        place: where the hosts are from.
        side: of the tiles.
        clean: the hosts.
        seed: of all chance.
        step: called after each image and each training.
    """

    place: Domain
    side: int
    clean: Seen
    seed: int
    step: Callable[[], None]

    @classmethod
    def of(cls, place: Domain, seed: int, step: Callable[[], None]) -> Study:
        """Looks at the hosts of a folder."""
        sides = (min(place.group(index, 0).host.pixels.shape[:2]) for index in range(place.hosts))
        side = min(detection.TILE, *sides)
        return cls(place, side, detection.look(_hosts(place), side, step), seed, step)

    def method(self, method: Method, count: int, names: tuple[str, ...]) -> Detected:
        """A method that hides `count` images, before the detectors named and StegExpose."""

        def containers() -> Iterator[Pixels]:
            for index in range(self.place.hosts):
                group = self.place.group(index, count)
                yield methods.hide(
                    method, group.host.pixels, [each.pixels for each in group.hidden]
                )

        stego = detection.look(containers(), self.side, self.step)
        return self._judge(method.name, count, self.clean, stego, names)

    def matching(self, names: tuple[str, ...]) -> Detected:
        """The control that must be found."""
        rng = np.random.default_rng(self.seed)
        changed = (detection.matched(each, rng) for each in _hosts(self.place))
        stego = detection.look(changed, self.side, self.step)
        return self._judge(detection.MATCHING, 0, self.clean, stego, names)

    def nothing(self, names: tuple[str, ...]) -> Detected | None:
        """The control that cannot be found; None where there is but one host."""
        if len(self.clean.fusions) < 2:
            return None
        return self._judge(
            detection.CLEAN, 0, *detection.against_others(self.clean, self.seed), names
        )

    def _judge(
        self, name: str, count: int, clean: Seen, stego: Seen, names: tuple[str, ...]
    ) -> Detected:
        return Detected(
            name,
            count,
            count == 0,
            len(stego.fusions),
            len(stego.hosts),
            detection.fusion(clean, stego),
            detection.learn(clean, stego, names, self.seed, self.step, detection.DRAWS),
        )


def trainings(place: Domain) -> int:
    """About how many detectors learn for one method."""
    pairs = 4 * place.hosts
    return len(detection.leaks(pairs)) * len(detection.detectors()) * detection.DRAWS


class MapSheet:
    """Collects forensic maps (Fig. 8): the first host, and what each method made of it.

    Args:
        place: where the host is from.
    """

    def __init__(self, place: Source) -> None:
        self._place = place
        host = place.group(0, 0).host
        self._caption = f"Forensic maps of {host.name}, from {place.name}, and of its containers"
        self._rows = [("host", _row(host.pixels, "host"))]

    def add(self, method: Method, count: int) -> None:
        """Adds a container and its map."""
        group = self._place.group(0, count)
        container = methods.hide(method, group.host.pixels, [each.pixels for each in group.hidden])
        self._rows.append((method.name, _row(container, "container")))

    def finish(self) -> Sheet:
        """The sheet, to be called once all methods are in it."""
        return Sheet(self._caption, tuple(self._rows))


def _row(pixels: Pixels, what: str) -> tuple[Panel, ...]:
    # Of the whole image: what is made smaller has lost the noise that the map is of.
    shown = anomaly_map(pixels)
    label = f"map, mean {shown.mean():.3f}"
    return Panel(small(pixels), what, "host"), Panel(small(paint(shown)), label, "error")


def _hosts(place: Domain) -> Iterator[Pixels]:
    for index in range(place.hosts):
        yield place.group(index, 0).host.pixels
