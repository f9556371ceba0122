"""StegExpose: four detectors of LSB replacement and their fusion.

B. Boehm: StegExpose - a tool for detecting LSB steganography, arXiv 1410.6656, 2014; at its
default speed. It answers as the original program does, for RGB images to the last few digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from isn.errors import ConfigError
from isn.steganalysis.chi_square import chi_square
from isn.steganalysis.pairs import primary_sets, sample_pairs
from isn.steganalysis.rs import rs_analysis

THRESHOLD: Final = 0.2
"""Of the fusion, above which the program says stego."""

DETECTORS: Final = {
    "primary_sets": primary_sets,
    "chi_square": chi_square,
    "sample_pairs": sample_pairs,
    "rs_analysis": rs_analysis,
}
"""Each takes an image and returns a number in [0, 1], NaN for no answer, None for cannot run."""


@dataclass(frozen=True)
class Findings:
    """What the detectors say of one image.

    Attributes:
        primary_sets: in [0, 1]; NaN without an answer, None where it cannot run; so all four.
        chi_square: likewise.
        sample_pairs: likewise.
        rs_analysis: likewise.
        threshold: of the fusion, above which the image counts as stego.
    """

    primary_sets: float | None
    chi_square: float | None
    sample_pairs: float | None
    rs_analysis: float | None
    threshold: float = THRESHOLD

    @property
    def answers(self) -> tuple[float, ...]:
        """The values of those detectors that have one."""
        values = (self.primary_sets, self.chi_square, self.sample_pairs, self.rs_analysis)
        return tuple(value for value in values if value is not None and not math.isnan(value))

    @property
    def fusion(self) -> float:
        """The mean of the answers, in [0, 1]; NaN where there is none."""
        return sum(self.answers) / len(self.answers) if self.answers else math.nan

    @property
    def stego(self) -> bool | None:
        """Whether the fusion is above the threshold; None where there is no answer at all."""
        return self.fusion > self.threshold if self.answers else None

    @property
    def agreeing(self) -> int:
        """How many of the answers are, each for itself, on the verdict's side of the threshold."""
        return sum((answer > self.threshold) == self.stego for answer in self.answers)

    def hidden_bytes(self, file_bytes: int) -> int | None:
        """The program's estimate of the message: fusion times the file's size, by three.

        Args:
            file_bytes: the size of the image file.

        Returns:
            Bytes, whatever the verdict; None where there is no answer at all.
        """
        return math.floor(self.fusion * file_bytes / 3 + 0.5) if self.answers else None


def analyze(pixels: NDArray[Any], *, threshold: float = THRESHOLD) -> Findings:
    """Asks all four detectors.

    Args:
        pixels: uint8, H x W x 3, or H x W: a grey image is judged as three equal channels.
        threshold: of the fusion, in [0, 1].

    Raises:
        ConfigError: the threshold is out of its range.
        ImageError: the array is no such image.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"the threshold is {threshold}: give a number from 0 to 1")
    values = {name: detector(pixels) for name, detector in DETECTORS.items()}
    return Findings(**values, threshold=float(threshold))
