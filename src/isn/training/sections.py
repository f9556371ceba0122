"""The tables of a config: every setting of a training, documented beside its default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from reprlib import repr as shortened

from isn.errors import ConfigError

LARGEST = 2**63 - 1
"""Of whole numbers: what generators of random numbers and tensors take."""

DISTANCES = ("l1", "l2", "charbonnier")
"""How far images are from each other; see :func:`isn.training.losses.distance`."""


@dataclass(frozen=True)
class LossSettings:
    """Weights and distances of Eq. (8).

    Every distance is a mean over all samples. For n hidden images the revealed term is therefore
    1/n of the paper's, which sums the distances of the n images: a weight of n is the paper's 1.

    Attributes:
        container: alpha_co; the paper takes 32 for one hidden image and 64 for two to five.
        lost: alpha_z.
        host: alpha_ho, of the host recovered from the container.
        revealed: alpha_hi, of the mean over all n hidden images.
        revealed_distance: ``l1`` (the paper), ``l2`` or ``charbonnier``, for host and revealed.
        straight_clamp: True lets the gradient pass the clamp to [0, 1] before rounding as if it
            were not there; False gives its true gradient.
        outside: weight of a penalty on container values outside [0, 1] (mean square excess).
        coarse: weight of the mean square error of what is revealed, in means of 8 x 8 pixels. A
            network that sends next to nothing of a colour of its last images never begins to, the
            gradient being next to nothing too; a large weight makes it.
    """

    container: float = 32.0
    lost: float = 1.0
    host: float = 1.0
    revealed: float = 1.0
    revealed_distance: str = "l1"
    straight_clamp: bool = False
    outside: float = 0.0
    coarse: float = 0.0

    def __post_init__(self) -> None:
        for name in ("container", "lost", "host", "revealed", "outside", "coarse"):
            at_least(self, name, 0.0)
        one_of(self, "revealed_distance", DISTANCES)


@dataclass(frozen=True)
class OptimiserSettings:
    """How the parameters move.

    Attributes:
        name: ``adamw``, ``adam``, ``adamax`` (the paper), or ``muon``: orthogonal steps for the
            convolutions, adamw for what else there is.
        rate: peak learning rate.
        betas: decay of the first and second moment.
        weight_decay: of adamw and muon.
        clip: largest gradient norm, larger ones are scaled down to it; 0 clips nothing.
        schedule: ``cosine`` down to `final`, ``halving`` (at 12, 24, 36, 60, 72 and 84 % of the
            run), ``constant`` (the paper), or ``plateau``: constant, then straight down to `final`
            over the last `cooldown` of the run. What it was before the descent is kept in the
            run's folder ``plateau``, from which a longer run can go on.
        warmup: share of the run over which the rate rises from zero.
        cooldown: share of the run over which a plateau's rate falls.
        final: the last rate of a cosine or a plateau, as a share of the peak.
        ema: decay of the averaged weights that are validated and exported; 0 takes the last ones.
        explode: a step is skipped where its gradient norm is not finite or more than this many
            times the running median; 0 looks only for norms that are not finite.
        patience: skipped steps among the last 100 before the run goes back to its last good
            checkpoint and halves its rate.
    """

    name: str = "adamw"
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-5
    clip: float = 1.0
    schedule: str = "cosine"
    warmup: float = 0.02
    cooldown: float = 0.2
    final: float = 0.01
    ema: float = 0.998
    explode: float = 100.0
    patience: int = 10

    def __post_init__(self) -> None:
        one_of(self, "name", ("adamw", "adam", "adamax", "muon"))
        one_of(self, "schedule", ("cosine", "halving", "constant", "plateau"))
        for name in ("rate", "weight_decay", "clip", "explode"):
            at_least(self, name, 0.0)
        for name in ("warmup", "cooldown", "final", "ema"):
            share(self, name)
        betas = tuple(self.betas)
        numbers = all(isinstance(beta, int | float) for beta in betas)
        if len(betas) != 2 or not numbers or not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"optimiser.betas is {self.betas}, give two numbers in [0, 1)")
        object.__setattr__(self, "betas", betas)
        whole(self, "patience", 1)


@dataclass(frozen=True)
class DataSettings:
    """What a batch is made of.

    Attributes:
        crop: side of the square patches, in pixels.
        batch: hosts a step, in each process.
        drawings: share of images that are not photos: pages, screenshots, shapes, flat, white...
        overexposed: share of images whose exposure is clipped, at white or at black.
        recoloured: share of images whose colour channels are permuted.
        pool: drawings made from the seed when the training starts, then cropped like photos.
        validation_pairs: groups of one host and its hidden images to validate on.
        validation_crop: side of the centre crops of the validation, in pixels.
    """

    crop: int = 96
    batch: int = 2
    drawings: float = 0.1
    overexposed: float = 0.1
    recoloured: float = 0.0
    pool: int = 256
    validation_pairs: int = 24
    validation_crop: int = 160

    def __post_init__(self) -> None:
        whole(self, "crop", 16)
        whole(self, "batch", 1)
        whole(self, "pool", 1)
        whole(self, "validation_pairs", 1)
        whole(self, "validation_crop", 32)
        for name in ("drawings", "overexposed", "recoloured"):
            share(self, name)


@dataclass(frozen=True)
class RunSettings:
    """How long, how often, and with what numbers.

    Attributes:
        steps: length of the schedule in steps; 0: `minutes` decide.
        minutes: length of the schedule in minutes of training, over all its pieces.
        seed: of the first weights, the drawings and every crop.
        validations: how many times over the schedule the run is validated.
        checkpoint_minutes: minutes between checkpoints.
        autocast: ``none`` or ``bf16``, inside the subnets (of baselines: the networks) only.
        exact_share: last share of the schedule computed without autocast and TF32.
        tf32: float32 matrix products and convolutions in TF32, on GPUs that have it.
        channels_last: memory layout of the feature maps.
        compile: ``torch.compile`` of the dense blocks.
        graph: forward and backward pass as one CUDA graph, where one GPU trains.
        recompute: dense blocks are computed again in the backward pass instead of kept.
        double: everything in float64, for tests.
    """

    steps: int = 0
    minutes: float = 0.0
    seed: int = 1
    validations: int = 20
    checkpoint_minutes: float = 5.0
    autocast: str = "none"
    exact_share: float = 0.0
    tf32: bool = True
    channels_last: bool = False
    compile: bool = False
    graph: bool = False
    recompute: bool = False
    double: bool = False

    def __post_init__(self) -> None:
        whole(self, "steps", 0)
        whole(self, "seed", 0)
        whole(self, "validations", 0)
        at_least(self, "minutes", 0.0)
        at_least(self, "checkpoint_minutes", 0.0)
        share(self, "exact_share")
        one_of(self, "autocast", ("none", "bf16"))
        if bool(self.steps) == bool(self.minutes):
            raise ConfigError(
                f"run.steps is {self.steps} and run.minutes {self.minutes}: give one of the two"
            )


def at_least(settings: object, name: str, low: float) -> None:
    """Refuses a setting below `low`, or that is not finite."""
    value = getattr(settings, name)
    if not low <= value < math.inf:
        raise ConfigError(
            f"{_label(settings)}.{name} is {value}, give a finite number of at least {low:g}"
        )


def share(settings: object, name: str) -> None:
    """Refuses a setting outside [0, 1]."""
    at_least(settings, name, 0.0)
    value = getattr(settings, name)
    if value > 1:
        raise ConfigError(f"{_label(settings)}.{name} is {value}, give 0 to 1")


def whole(settings: object, name: str, low: int, high: int = LARGEST) -> None:
    """Refuses a setting that is no whole number from `low` to `high`."""
    value = getattr(settings, name)
    if high < LARGEST and type(value) is int and value > high:
        raise ConfigError(
            f"{_label(settings)}.{name} is {shortened(value)}, give a whole number from {low} to "
            f"{high}"
        )
    if type(value) is not int or value < low:
        raise ConfigError(f"{_label(settings)}.{name} is {value!r}, give a whole number from {low}")
    if value > LARGEST:
        raise ConfigError(
            f"{_label(settings)}.{name} has {value.bit_length()} bits, give a whole number of at "
            f"most {LARGEST.bit_length()}"
        )


def one_of(settings: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuses a setting that is not among `choices`."""
    value = getattr(settings, name)
    if value not in choices:
        raise ConfigError(
            f"{_label(settings)}.{name} is {value!r}, choose one of {', '.join(choices)}"
        )


def _label(settings: object) -> str:
    name = type(settings).__name__.removesuffix("Settings")
    # The section is the last word, as of BalujaLossSettings.
    return name[max(k for k, letter in enumerate(name) if letter.isupper()) :].lower()
