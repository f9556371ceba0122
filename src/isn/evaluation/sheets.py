"""Sheets of pictures: a group through every method (Fig. 3 to 5), and the extremes (Fig. 7)."""

from __future__ import annotations

from collections.abc import Sequence

from isn.evaluation.document import LOST, Panel, Sheet
from isn.evaluation.extremes import Extreme
from isn.evaluation.pictures import ERROR_GAIN, error, small
from isn.evaluation.protocol import Group
from isn.evaluation.scores import CEILING, Score, Trial
from isn.images import Pixels

_WIDE = 3
"""Pictures of a method that leave room for their errors beside them."""


class GroupSheet:
    """Collects what each method made of one group.

    Args:
        group: the originals.
        domain: what the images come from.
    """

    def __init__(self, group: Group, domain: str) -> None:
        self._group = group
        count = len(group.hidden)
        images = "One image" if count == 1 else f"{count} images"
        self._caption = f"{images} in one host, from {domain}: {group.host.name}"
        originals = (
            Panel(small(group.host.pixels), "host", "host"),
            *(
                Panel(small(each.pixels), "hidden" if count == 1 else f"hidden {k}", "hidden")
                for k, each in enumerate(group.hidden, 1)
            ),
        )
        self._rows: list[tuple[str, tuple[Panel, ...]]] = [("originals", originals)]

    def add(
        self, name: str, container: Pixels, revealed: Sequence[Pixels | None], judged: Trial
    ) -> None:
        """Adds what the method made and its errors: beside each other where there is room."""
        made = [_panel(container, judged.container, "container", "host")]
        told = f"error x {ERROR_GAIN}"
        errors = [Panel(small(error(container, self._group.host.pixels)), told, "error")]
        scored = zip(revealed, judged.revealed, self._group.hidden, strict=True)
        for back, score, original in scored:
            made.append(_panel(back, score, "revealed", "hidden"))
            wrong = None if back is None else small(error(back, original.pixels))
            errors.append(Panel(wrong, told, "error"))
        if len(made) <= _WIDE:
            self._rows.append((name, (*made, *errors)))
        else:
            self._rows += [(name, tuple(made)), ("", tuple(errors))]

    def finish(self) -> Sheet:
        """The sheet, to be called once all methods are in it."""
        return Sheet(self._caption, tuple(self._rows))


class ExtremeSheet:
    """Collects what each model made of the pairs of kinds: a row for each pair.

    Args:
        source: where the natural images are from.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._rows: dict[str, list[Panel]] = {}

    def add(self, name: str, found: Extreme) -> None:
        """Adds the container, and what was revealed of the first hidden image, to its row."""
        host, container, hidden, revealed = (
            None if each is None else small(each) for each in found.pictures
        )
        told = LOST if found.revealed is None else f"revealed {decibels(found.revealed)}"
        row = self._rows.setdefault(
            f"{found.hidden} in {found.host}",
            [Panel(host, "host", "host"), Panel(hidden, "hidden", "hidden")],
        )
        row += (
            Panel(container, f"{name} container {decibels(found.container)}", "host"),
            Panel(revealed, told, "hidden"),
        )

    def finish(self) -> Sheet:
        """The sheet, to be called once all models are in it."""
        return Sheet(
            f"Hard images hidden in each other; natural ones from {self._source}. Of several "
            "hidden images the first is shown, and the figure is the mean",
            tuple((name, tuple(panels)) for name, panels in self._rows.items()),
        )


def decibels(value: float) -> str:
    """A PSNR for people."""
    return "exact" if value >= CEILING else f"{value:.1f} dB"


def _panel(pixels: Pixels | None, score: Score | None, what: str, role: str) -> Panel:
    if pixels is None or score is None:
        return Panel(None, LOST, role)
    return Panel(small(pixels), f"{what} {decibels(score.psnr)}", role)
