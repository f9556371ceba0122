"""What is to be evaluated, and the command that says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from isn import baselines, zoo
from isn.errors import ConfigError
from isn.evaluation import cost, methods
from isn.evaluation.methods import Method
from isn.evaluation.protocol import Domain, called, domain
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
        folders: of images, at least one; the first is the one that is damaged as well.
        counts: numbers of hidden images.
        models: names or paths; None: all shipped ones.
        baselines: names, or a path; None: all that can run here.
        crop: side of the centre crop, or None for native resolution.
        limit: hosts of each folder at most, or None.
        seed: of the grouping and of all chance.
        parts: which of `PARTS`.
        backend: that evaluates the models; None: as for :func:`isn.api.hide`.
        sheets: what the pictures show, `DATA` or `DEMO`.
        cost_sizes: (height, width) of the part cost.
    """

    folders: tuple[str, ...]
    counts: tuple[int, ...] = COUNTS
    models: tuple[str, ...] | None = None
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

    def methods(self) -> list[Method]:
        """What is to be compared, models first.

        Raises:
            ConfigError: a method hides none of the numbers asked for, or there is no method.
            ModelError: there is no such model.
            BackendError: what a baseline needs is not installed.
        """
        named = self.models is not None
        models = self.models
        if models is None:
            models = tuple(each.name for each in zoo.entries() if not each.retired)
        others = self.baselines
        if others is None:
            lacking = baselines.missing()
            others = tuple(name for name in baselines.BASELINES if name not in lacking)
        chosen: list[Method] = []
        for name in models:
            alone = methods.model(name, self.backend)
            found = [each for each in (alone, alone.sharing()) if each and self._asked(each)]
            if not found and named:
                raise ConfigError(
                    f"{alone.name} hides {alone.counts[0]} images, counts of "
                    f"{_listed(self.counts)} were asked for: add --count {alone.counts[0]}, or "
                    "leave it out"
                )
            chosen += found
        chosen += [each for each in map(methods.baseline, others) if self._asked(each)]
        if not chosen:
            raise ConfigError("no model and no baseline is left to evaluate: give one")
        return chosen

    def _asked(self, method: Method) -> bool:
        return not set(self.counts).isdisjoint(method.counts)

    def domains(self) -> tuple[Domain, ...]:
        """The folders, each under a name of its own.

        Raises:
            ConfigError: there is no folder, or a setting is out of its range.
            ImageError: a folder is missing or holds too few usable images.
        """
        if not self.folders:
            raise ConfigError("no folder was given: give one that holds images")
        short = [called(each) for each in self.folders]
        names = [
            name if short.count(name) == 1 else folder
            for name, folder in zip(short, self.folders, strict=True)
        ]
        return tuple(
            domain(
                folder,
                count=max(self.counts),
                crop=self.crop,
                limit=self.limit,
                seed=self.seed,
                name=name,
            )
            for name, folder in zip(names, self.folders, strict=True)
        )

    def shown(self, domains: tuple[Domain, ...]) -> tuple[Source, ...]:
        """What the pictures are taken from."""
        return domains if self.sheets == DATA else (Showcase(self.crop),)

    def command(self) -> str:
        """The words that make this again, but for ``--parts`` and ``-o``."""
        words = ["isn evaluate", *(f"--data {shlex.quote(each)}" for each in self.folders)]
        words += [f"--count {each}" for each in self.counts]
        for option, names in (("--models", self.models), ("--baselines", self.baselines)):
            if names is not None:
                words += [f"{option} {shlex.quote(each)}" for each in names or ("none",)]
        for option, value in (("--crop", self.crop), ("--limit", self.limit)):
            if value is not None:
                words.append(f"{option} {value}")
        if self.backend is not None:
            words.append(f"--backend {self.backend}")
        if self.sheets != DATA:
            words.append(f"--sheets {self.sheets}")
        return " ".join([*words, f"--seed {self.seed}"])


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
