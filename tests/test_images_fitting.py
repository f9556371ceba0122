"""Hosts of the size that a messenger keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import isn
from helpers import picture
from isn.errors import ConfigError
from isn.images import KEPT, fitted, read


@pytest.mark.parametrize(
    ("shape", "fit", "wanted"),
    [
        ((300, 400), 100, (75, 100)),
        ((400, 300), "100", (100, 75)),
        ((3, 400), 100, (1, 100)),
        ((301, 400), 200, (151, 200)),
        ((4, 3200), "whatsapp", (2, KEPT["whatsapp"])),
    ],
)
def test_the_longer_side_fits_and_the_aspect_stays(
    shape: tuple[int, int], fit: Any, wanted: tuple[int, int]
) -> None:
    host = read(np.repeat(picture(*shape)[..., :1], 3, axis=2), "the host")
    found = fitted(host, fit)
    assert found.pixels.shape[:2] == wanted
    assert found.stored is found.pixels
    assert found.grey
    assert f"to {wanted[1]} x {wanted[0]}" in found.notes[-1]


@pytest.mark.parametrize("fit", [None, 40, 41, "telegram"])
def test_what_fits_stays_as_it_is(fit: Any) -> None:
    host = read(picture(30, 40))
    assert fitted(host, fit) is host


@pytest.mark.parametrize("fit", [0, -5, 1.5, True, "", "fax", "١٢٣", "9" * 5000])
def test_what_is_no_size_is_refused(fit: Any) -> None:
    with pytest.raises(ConfigError, match="whatsapp"):
        fitted(read(picture(30, 40)), fit)


def test_a_container_of_that_size_is_measured_against_its_host() -> None:
    host = picture(400, 300)
    made = isn.hide(host, isn.File("note.txt", b"at dawn"), survive=75, fit=240)
    assert made.pixels.shape == (240, 180, 3)
    assert made.psnr > 39
    assert isn.reveal(made.as_jpeg())[0] == isn.File("note.txt", b"at dawn")
    rooms = [isn.capacity(host, methods=["photos"], survive=75, fit=fit)[0] for fit in (240, None)]
    assert 0 < rooms[0].size < rooms[1].size
