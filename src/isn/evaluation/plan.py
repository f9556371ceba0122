"""What is to be evaluated, and the command that says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from isn import baselines, zoo
from isn.errors import ConfigError, counted
from isn.evaluation import cost, methods
from isn.evaluation.methods import Contender
from isn.evaluation.protocol import Domain, domains, readable
from isn.evaluation.results import PARTS
from isn.evaluation.showcase import Showcase, Source
from isn.paper.config import MAX_HIDDEN

DATA, DEMO = "data", "demo"
"""What the pictures show: images of the folders, or the photos that the package ships."""

COUNTS = tuple(range(1, MAX_HIDDEN + 1))


@dataclass(frozen=True)
class Plan:
    """What is to be evaluated.

    Attributes:
        folders: of images, at least one; the first domain is the one that is damaged as well.
        counts: numbers of hidden images.
        methods: names or paths; None: all shipped ones, of which `avif` is among the baselines.
        baselines: names, or a path; None: all that can run here.
        crop: side of the centre crop, or None for native resolution.
        limit: hosts of each domain at most, or None.
        seed: of the grouping and of all chance.
        parts: which of `PARTS`.
        backend: that runs the networks; None: as for :func:`isn.api.hide`.
        sheets: what the pictures show, `DATA` or `DEMO`.
        cost_sizes: (height, width) of the part cost.
    """

    folders: tuple[str, ...]
    counts: tuple[int, ...] = COUNTS
    methods: tuple[str, ...] | None = None
    baselines: tuple[str, ...] | None = None
    crop: int | None = None
    limit: int | None = None
    seed: int = 0
    parts: tuple[str, ...] = PARTS
    backend: str | None = None
    sheets: str = DATA
    cost_sizes: tuple[tuple[int, int], ...] = field(default=cost.SIZES)

    def check(self) -> None:
        """Refuses parts and counts that there are not.

        Raises:
            ConfigError: as it says.
        """
        for names, known, what in (
            (self.parts, PARTS, "part"),
            (self.counts, COUNTS, "count"),
            ((self.sheets,), (DATA, DEMO), "source of pictures"),
        ):
            if not names:
                raise ConfigError(f"no {what} was given: choose among {_listed(known)}")
            for name in names:
                if name not in known:
                    raise ConfigError(f"{name} is no {what}: choose among {_listed(known)}")

    def contenders(self) -> list[Contender]:
        """What is to be compared, this project's methods first.

        Raises:
            ConfigError: a method hides none of the numbers asked for, or there is no method.
            ModelError: a weights file is none.
            BackendError: what a method needs is not installed.
        """
        named = self.methods
        if named is None:
            named = tuple(each.name for each in zoo.entries() if each.kind != "avif")
        others = self.baselines
        if others is None:
            lacking = baselines.missing()
            others = tuple(name for name in baselines.BASELINES if name not in lacking)
        chosen = [methods.shipped(name, self.backend) for name in named]
        for each in chosen:
            if self.methods is not None and not self._asked(each):
                raise ConfigError(
                    f"{each.name} hides {counted(each.counts[0], 'image')}, counts of "
                    f"{_listed(self.counts)} were asked for: add --count {each.counts[0]}, or "
                    "leave it out"
                )
        chosen = [each for each in (*chosen, *map(methods.baseline, others)) if self._asked(each)]
        if not chosen:
            raise ConfigError("no method and no baseline is left to evaluate: give one")
        return chosen

    def _asked(self, contender: Contender) -> bool:
        return not set(self.counts).isdisjoint(contender.counts)

    def domains(self) -> tuple[Domain, ...]:
        """The domains of all folders, each under a name of its own.

        Raises:
            ConfigError: there is no folder, or a setting is out of its range.
            ImageError: a folder is missing or holds too few usable images.
        """
        if not self.folders:
            raise ConfigError("no folder was given: give one that holds images")
        found = [
            each
            for folder in self.folders
            for each in domains(
                folder,
                count=max(self.counts),
                crop=self.crop,
                limit=self.limit,
                seed=self.seed,
            )
        ]
        names = [each.name for each in found]
        return tuple(
            each if names.count(each.name) == 1 else replace(each, name=_full(each))
            for each in found
        )

    def shown(self, domains: tuple[Domain, ...]) -> tuple[Source, ...]:
        """What the pictures are taken from."""
        return domains if self.sheets == DATA else (Showcase(self.crop),)

    def command(self) -> str:
        """The words that make this again, but for ``--parts`` and ``-o``."""
        words = ["isn evaluate", *(f"--data {shlex.quote(each)}" for each in self.folders)]
        words += [f"--count {each}" for each in self.counts]
        for option, names in (("--methods", self.methods), ("--baselines", self.baselines)):
            if names is not None:
                words += [f"{option} {shlex.quote(each)}" for each in names or ("none",)]
        for option, value in (("--crop", self.crop), ("--limit", self.limit)):
            if value is not None:
                words.append(f"{option} {value}")
        if self.backend is not None:
            words.append(f"--backend {self.backend}")
        if self.sheets != DATA:
            words.append(f"--sheets {self.sheets}")
        return readable(" ".join([*words, f"--seed {self.seed}"]))


def _full(domain: Domain) -> str:
    where = readable(str(domain.folder))
    return f"{where}/{domain.prefix}" if domain.prefix else where


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
