"""What a network is made of: one frozen, self-checking record, free of any array library."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from reprlib import repr as shortened
from typing import Any

from isn.errors import ConfigError

MAX_HIDDEN = 5
"""The paper hides 1 to 5 images (section 4.3)."""

SUBNETS = ("dense", "modulo")
"""Kinds of subnets; see :class:`ModelConfig`."""


@dataclass(frozen=True)
class ModelConfig:
    """Architecture of one invertible steganography network (section 3.2 of the paper).

    Attributes:
        hidden_images: number of images hidden in one host, 1 to 5.
        blocks: number of coupling blocks (the paper: 8 for 1 or 2 hidden images, 16 for more).
        depth: convolutions in each subnet.
        growth: channels that each convolution of a subnet adds, but the last.
        levels: Haar levels before the first block; 0 is the paper's pixel domain.
        clamp: bound of the log-scale in Eq. (4): ``clamp * (2 * sigmoid(rho) - 1)``;
            None is the paper's bare ``exp(rho)``.
        lost: the constant that stands for the lost part at reveal, y_z of Eq. (7), in the image
            domain; None: a texture image that whoever reveals must bring (section 5.3).
        subnet: kind of the subnets phi, rho and eta, which are dense blocks: "dense", of
            convolutions of 3 x 3; or "modulo", of 1 x 1 but the last, which are written to write
            modulo a base (:mod:`isn.training.modulo`).
        planes: images side by side in the host branch: 1, the host; a blank host may have more, up
            to one for each hidden image (:mod:`isn.codes.network`).

    Raises:
        ConfigError: a setting is out of its range.
    """

    hidden_images: int = 1
    blocks: int = 8
    depth: int = 5
    growth: int = 32
    levels: int = 1
    clamp: float | None = 1.0
    lost: float | None = 0.5
    subnet: str = "dense"
    planes: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("hidden_images", 1, MAX_HIDDEN),
            ("blocks", 1, 64),
            ("depth", 1, 16),
            ("growth", 1, 512),
            ("levels", 0, 3),
            ("planes", 1, self.hidden_images if self.subnet == "dense" else 1),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ConfigError(
                    f"{name} is {shortened(value)}, give a whole number from {low} to {high}",
                    ", as many as there are hidden images" if name == "planes" and high > 1 else "",
                )
        if self.clamp is not None and not (_is_number(self.clamp) and 0 < self.clamp <= 10):
            raise ConfigError(
                f"clamp is {shortened(self.clamp)}, give a number above 0 and up to 10, or none"
            )
        if self.lost is not None and not (_is_number(self.lost) and 0 <= self.lost <= 1):
            raise ConfigError(f"lost is {shortened(self.lost)}, give a number from 0 to 1, or none")
        if self.subnet == "modulo" and self.lost is None:
            raise ConfigError("lost is none, and modulo blocks have no texture: give a number")
        if self.subnet not in SUBNETS:
            raise ConfigError(
                f"subnet is {shortened(self.subnet)}, the kinds known are: {', '.join(SUBNETS)}"
            )

    @property
    def cell(self) -> int:
        """Side of the pixel square that the wavelet turns into one position of the bands."""
        return int(2**self.levels)

    def region(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of an image that the transform divides; an odd last one stays out."""
        return height - height % self.cell, width - width % self.cell

    @property
    def image_channels(self) -> int:
        """Channels of one image, in bands."""
        return 3 * self.cell**2

    @property
    def host_channels(self) -> int:
        """Channels of the host branch, in bands."""
        return self.planes * self.image_channels

    @property
    def hidden_channels(self) -> int:
        """Channels of the hidden branch, in bands."""
        return self.hidden_images * self.image_channels

    @property
    def reach(self) -> int:
        """How many positions to each side a subnet's output depends on."""
        return self.depth if self.subnet == "dense" else 1

    def subnet_channels(self, name: str) -> tuple[int, int]:
        """Channels that subnet `name` (``phi``, ``rho`` or ``eta``) takes and gives."""
        if name == "phi":
            return self.hidden_channels, self.host_channels
        return self.host_channels, self.hidden_channels

    def conv_shapes(self, name: str) -> list[tuple[int, int, int]]:
        """Outputs, inputs and side of each convolution of subnet `name`, first to last."""
        given, wanted = self.subnet_channels(name)
        inner = 3 if self.subnet == "dense" else 1
        layers = [(self.growth, inner)] * (self.depth - 1) + [(wanted, 3)]
        return [(out, given + k * self.growth, side) for k, (out, side) in enumerate(layers)]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor.

        Those of modulo blocks have the base, too, that each sample of a cell is written modulo,
        colour by colour and row by row; 1 where it says nothing.
        """
        bases = {"bases": (self.host_channels,)} if self.subnet == "modulo" else {}
        return bases | {
            f"blocks.{i}.{name}.convs.{k}.{kind}": (
                (out, given, side, side) if kind == "weight" else (out,)
            )
            for i in range(self.blocks)
            for name in ("phi", "rho", "eta")
            for k, (out, given, side) in enumerate(self.conv_shapes(name))
            for kind in ("weight", "bias")
        }

    @property
    def parameters(self) -> int:
        """Number of learned parameters."""
        return sum(_product(shape) for shape in self.parameter_shapes().values())

    @property
    def operations_per_pixel(self) -> float:
        """Multiply-adds to hide in (or reveal from) one pixel of the host."""
        convolutions = (each for each in self.parameter_shapes().values() if len(each) == 4)
        return sum(map(_product, convolutions)) / self.cell**2

    def to_json(self) -> str:
        """The config as canonical JSON: sorted keys, no spaces."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_mapping(cls, settings: dict[str, Any]) -> ModelConfig:
        """A config from plain settings, as a file holds them.

        Raises:
            ConfigError: a name is unknown or a value out of range.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ConfigError(
                f"unknown model setting {', '.join(unknown)}; known are {', '.join(sorted(known))}"
            )
        return cls(**settings)

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """The inverse of :meth:`to_json`.

        Raises:
            ConfigError: the text is not a JSON object of known settings.
        """
        try:
            settings = json.loads(text)
        # Nested deeper than Python's stack is no config either.
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"the model's config is not JSON: {error}") from error
        if not isinstance(settings, dict):
            raise ConfigError("the model's config is not a JSON object")
        return cls.from_mapping(settings)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
