"""Everything an evaluation measured, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass, field

from isn.evaluation.cost import Cost
from isn.evaluation.damage import Left
from isn.evaluation.detection import Detected
from isn.evaluation.document import Sheet
from isn.evaluation.protocol import Domain
from isn.evaluation.scores import Summary, Trial

PARTS = ("table", "capacity", "damage", "extremes", "detection", "cost")
"""What an evaluation may consist of."""


@dataclass(frozen=True)
class Entrant:
    """A method, without what it takes to run it.

    Attributes:
        name: of the method.
        title: what it is.
        fingerprint: of a method that was trained, else "".
        ours: whether it is a method of this project.
        counts: the numbers of images that it hides.
    """

    name: str
    title: str
    fingerprint: str
    ours: bool
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Failure:
    """What could not be measured, while the rest was.

    Attributes:
        part: of `PARTS`.
        method: its name; "" where the images were at fault.
        what: host or pair of kinds; "" for all of them.
        reason: one sentence.
    """

    part: str
    method: str
    what: str
    reason: str


@dataclass(frozen=True)
class Quality:
    """One line of Table 1, and one point of Fig. 6, with what it is the mean of."""

    domain: str
    method: str
    count: int
    summary: Summary
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Damaged:
    """What a method's containers still reveal, damage by damage."""

    method: str
    count: int
    left: tuple[Left, ...]


@dataclass(frozen=True)
class Extremes:
    """One pair of kinds through one method, without its pictures."""

    method: str
    count: int
    host: str
    hidden: str
    container: float
    revealed: float | None
    deviation: float
    lost: int


@dataclass
class Results:
    """What was asked, and everything that was measured.

    Attributes:
        command: the words that make this again, but for ``--parts`` and ``-o``.
        seed: of the grouping and of all chance.
        counts: numbers of hidden images asked for.
        parts: which of `PARTS`.
        versions: of what took part, by name.
        entrants: the methods, ours first.
        domains: kinds of images, never averaged together.
        shown: what the pictures, and the natural ones of the part extremes, are from.
        quality: of the parts table and capacity.
        damage: of the part damage, on the first domain.
        damage_groups: hosts that it took.
        extremes: of the part extremes.
        detected: of the part detection, on the first domain, methods first.
        costs: of the part cost.
        sheets: pictures of the parts table and capacity.
        extreme_sheets: pictures of the part extremes.
        maps: pictures of the part detection.
        failures: what could not be measured.
    """

    command: str
    seed: int
    counts: tuple[int, ...]
    parts: tuple[str, ...]
    versions: dict[str, str]
    entrants: tuple[Entrant, ...]
    domains: tuple[Domain, ...]
    shown: str
    quality: list[Quality] = field(default_factory=list)
    damage: list[Damaged] = field(default_factory=list)
    damage_groups: int = 0
    extremes: list[Extremes] = field(default_factory=list)
    detected: list[Detected] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    extreme_sheets: list[Sheet] = field(default_factory=list)
    maps: list[Sheet] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def entrant(self, name: str) -> Entrant:
        """The method of this name."""
        return next(each for each in self.entrants if each.name == name)
