"""What the paper reports, to stand beside what is measured here, each on its own domain.

No figure of one domain says anything about another, so nothing here is subtracted from a
measurement. The paper does not say whether its figures are taken through an 8-bit file.
"""

from __future__ import annotations

from dataclasses import dataclass

IMAGENET, PARIS = "ImageNet", "Paris StreetView"
READ_OFF = "read off Fig. 6"

TABLE_1: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("ISN", "1", "38.05 / .954", "35.38 / .955", "40.49 / .980", "43.33 / .991"),
    ("ISN, across domains", "1", "36.48 / .940", "34.92 / .950", "39.28 / .977", "40.41 / .985"),
    ("Baluja", "1", "36.02 / .946", "32.75 / .933", "36.80 / .986", "39.03 / .984"),
    ("Baluja, across domains", "1", "30.12 / .938", "29.53 / .897", "38.29 / .975", "35.86 / .971"),
    ("ISN", "2", "36.86 / .945", "32.21 / .920", "39.14 / .971", "39.05 / .982"),
    ("ISN, across domains", "2", "35.57 / .932", "32.04 / .926", "38.69 / .969", "35.12 / .962"),
    ("Baluja", "2", "30.18 / .919", "29.17 / .898", "37.14 / .978", "34.73 / .964"),
    ("Baluja, across domains", "2", "29.85 / .931", "25.19 / .833", "35.20 / .963", "33.23 / .955"),
)
"""Method, hidden images, then PSNR / SSIM of container and revealed on ImageNet and on Paris."""


@dataclass(frozen=True)
class Figure:
    """PSNR that the paper has of its network, trained and measured on one domain.

    Attributes:
        images: hidden in one host.
        domain: `IMAGENET` or `PARIS`.
        container: dB.
        revealed: dB.
        read_off: whether it is read off a plot, with one significant digit less.
    """

    images: int
    domain: str
    container: float
    revealed: float
    read_off: bool = False

    def __str__(self) -> str:
        """Container / revealed, to as many digits as are known."""
        digits = 1 if self.read_off else 2
        told = f"{self.container:.{digits}f} / {self.revealed:.{digits}f}"
        return f"{told} ({READ_OFF})" if self.read_off else told


ISN = (
    Figure(1, IMAGENET, 38.05, 35.38),
    Figure(2, IMAGENET, 36.86, 32.21),
    Figure(1, PARIS, 40.49, 43.33),
    Figure(2, PARIS, 39.14, 39.05),
    Figure(3, PARIS, 35.4, 36.1, read_off=True),
    Figure(4, PARIS, 36.0, 33.0, read_off=True),
    Figure(5, PARIS, 35.9, 31.4, read_off=True),
)
"""Table 1 for one and two hidden images; above that there is Fig. 6 alone, trained on Paris."""
