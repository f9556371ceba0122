"""What the paper reports, to stand beside what is measured here: its Table 1 and Fig. 6."""

from __future__ import annotations

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

_DOMAINS = {"ImageNet": 2, "Paris": 4}
"""Where the figures of a domain begin in a row of `TABLE_1`."""

FIG_6_CONTAINER = (40.49, 39.1, 35.4, 36.0, 35.9)
FIG_6_REVEALED = (43.33, 39.1, 36.1, 33.0, 31.4)
"""dB for 1 to 5 hidden images on the paper's own test images of Paris StreetView; those for 3 and 5
are read off the figure."""


def isn(count: int) -> dict[str, tuple[float, float] | None]:
    """PSNR of container and revealed image of the paper's network, by the domain of both.

    Trained and measured on that domain, hiding `count` images; for 3 to 5 there is Fig. 6 alone.
    """
    found: dict[str, tuple[float, float] | None] = dict.fromkeys(_DOMAINS)
    row = next((each for each in TABLE_1 if each[:2] == ("ISN", str(count))), None)
    if row is None:
        found["Paris"] = (FIG_6_CONTAINER[count - 1], FIG_6_REVEALED[count - 1])
    else:
        for domain, start in _DOMAINS.items():
            container, revealed = (float(row[start + k].split(" / ")[0]) for k in range(2))
            found[domain] = (container, revealed)
    return found
