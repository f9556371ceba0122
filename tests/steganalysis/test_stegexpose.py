"""StegExpose against an oracle in plain loops, against what is known, and against the original."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from helpers import examples
from isn import images
from isn.errors import ConfigError, ImageError
from isn.steganalysis import stegexpose
from isn.steganalysis.chi_square import chi_square, p_value
from isn.steganalysis.pairs import primary_sets, sample_pairs
from isn.steganalysis.rs import rs_analysis
from isn.steganalysis.stegexpose import Findings, analyze

pytest.importorskip("scipy", reason="the oracle needs it")
slow = pytest.importorskip("steganalysis.slow")

Pixels = NDArray[np.uint8]


def photo_like(height: int, width: int, seed: int = 0, noise: float = 1.5) -> Pixels:
    """Smooth shapes with a little grain: uint8, H x W x 3."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.empty((height, width, 3))
    for channel in range(3):
        waves = sum(
            rng.uniform(5, 15) * np.sin(x / rng.uniform(8, 60) + y / rng.uniform(8, 60) + k)
            for k in range(6)
        )
        image[..., channel] = 120 + waves + rng.normal(0, noise, (height, width))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def replaced(image: Pixels, share: float, seed: int = 1) -> Pixels:
    """A random message in the lowest bits of a share of the samples."""
    rng = np.random.default_rng(seed)
    chosen = rng.random(image.shape) < share
    bits = rng.integers(0, 2, image.shape, dtype=np.uint8)
    return np.where(chosen, image & 0xFE | bits, image).astype(np.uint8)


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, abs=1e-12, nan_ok=True)


PAIRS = [
    (primary_sets, slow.primary_sets),
    (sample_pairs, slow.sample_pairs),
    (rs_analysis, slow.rs_analysis),
]


@pytest.mark.parametrize(("detector", "oracle"), PAIRS)
@pytest.mark.parametrize(
    ("size", "share"),
    [
        *(((20, 17), share) for share in (0.0, 0.3, 1.0)),
        *((size, 0.3) for size in ((2, 2), (2, 7), (5, 2), (12, 15), (17, 20), (13, 11))),
    ],
)
def test_same_as_the_loops(detector: Any, oracle: Any, size: tuple[int, int], share: float) -> None:
    image = replaced(photo_like(*size), share)
    assert same(detector(image), oracle(image))


@pytest.mark.parametrize(("detector", "oracle"), PAIRS)
@examples(40)
@given(
    image=arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(3)),
        # Few values, and both ends of the range, make every degenerate equation likely.
        elements=st.sampled_from([0, 1, 2, 3, 254, 255]),
    )
)
def test_same_as_the_loops_at_the_edges(detector: Any, oracle: Any, image: Pixels) -> None:
    found = detector(image)
    assert same(found, oracle(image))
    assert found is None or math.isnan(found) or 0 <= found <= 1


@pytest.mark.parametrize("rows", [1, 7])
def test_strips_count_what_the_whole_counts(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = replaced(photo_like(44, 30), 0.2)
    whole = primary_sets(image), sample_pairs(image), rs_analysis(image)
    monkeypatch.setattr("isn.steganalysis.planes._STRIP_SAMPLES", rows * 30)
    assert (primary_sets(image), sample_pairs(image), rs_analysis(image)) == whole


@pytest.mark.parametrize(("size", "share"), [((300, 293), 0.0), ((257, 383), 1.0)])
def test_chi_square_is_that_of_the_loops(size: tuple[int, int], share: float) -> None:
    image = replaced(photo_like(*size, noise=6), share)
    assert chi_square(image) == pytest.approx(slow.chi_square(image), abs=1e-12)


def test_chi_square_needs_256_steps() -> None:
    # 3 W H / 1024 is 257 here: one step less is judged.
    assert chi_square(np.zeros((257, 1024, 1), np.uint8).repeat(3, 2)[:, :342]) is not None
    assert chi_square(np.zeros((257, 341, 3), np.uint8)) is None


def test_p_value_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    statistic = np.concatenate([[0, 1e-300], np.linspace(1e-3, 400, 997), [1e4, 1e9]])
    expected = stats.chi2.sf(statistic, 127)
    np.testing.assert_allclose(p_value(statistic), expected, rtol=0, atol=1e-13)
    # Where it is small it is small in the right proportion, too.
    np.testing.assert_allclose(p_value(statistic)[:-2], expected[:-2], rtol=1e-11)


def test_full_replacement_in_a_smooth_image_is_found() -> None:
    found = analyze(replaced(photo_like(320, 320), 1.0))
    assert found.stego
    assert found.fusion > 0.5
    assert found.chi_square is not None
    assert found.chi_square > 0.99
    assert found.rs_analysis is not None
    assert found.rs_analysis > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_image_is_not_accused(seed: int) -> None:
    found = analyze(photo_like(320, 320, seed))
    assert found.stego is False
    for answer in (found.primary_sets, found.sample_pairs, found.rs_analysis):
        assert answer == pytest.approx(0, abs=0.05)


def test_the_share_is_estimated() -> None:
    image = photo_like(400, 400, noise=2.5)
    for share in (0.1, 0.3, 0.5):
        stego = replaced(image, share)
        assert sample_pairs(stego) == pytest.approx(share, abs=0.1)
        assert rs_analysis(stego) == pytest.approx(share, abs=0.1)


def test_matching_is_not_seen() -> None:
    # The limit that the documentation states: +-1 in every second sample, and nothing is found.
    clean = photo_like(320, 320)
    change = np.random.default_rng(3).choice([-1, 1, 0, 0], clean.shape)
    assert analyze((clean + change).astype(np.uint8)).stego is False


def test_a_flat_image_is_accused_by_chi_square_alone() -> None:
    # The expected counts are scaled to those of even values, which here are all there is.
    found = analyze(np.full((320, 320, 3), 78, np.uint8))
    assert (found.primary_sets, found.sample_pairs, found.rs_analysis) == (0, 0, 0)
    assert found.chi_square == pytest.approx(1, abs=1e-6)
    assert (found.stego, found.agreeing) == (True, 1)


def test_random_bits_leave_primary_sets_without_an_answer() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (320, 320, 3), dtype=np.uint8)
    found = analyze(noise)
    assert found.primary_sets is not None
    assert math.isnan(found.primary_sets)
    assert len(found.answers) == 3
    assert found.fusion == pytest.approx(sum(found.answers) / 3)


def test_odd_sides_and_small_images() -> None:
    odd = analyze(photo_like(321, 319))
    assert odd.sample_pairs is None
    assert len(odd.answers) == 3
    assert analyze(photo_like(256, 256)).chi_square is None


def test_a_single_pixel_has_no_answer() -> None:
    found = analyze(np.zeros((1, 1, 3), np.uint8))
    assert found == Findings(None, None, None, None)
    assert math.isnan(found.fusion)
    assert (found.stego, found.agreeing, found.hidden_bytes(1000)) == (None, 0, None)


def test_grey_is_three_equal_channels() -> None:
    grey = photo_like(320, 322)[..., 0]
    assert analyze(grey) == analyze(np.stack([grey] * 3, axis=-1))


def test_a_view_is_as_good_as_a_copy() -> None:
    image = photo_like(330, 330)
    view = image[5:325, 4:324][::-1]
    assert analyze(view) == analyze(view.copy())


def test_inputs_stay_as_they_were() -> None:
    image = photo_like(320, 320)
    kept = image.copy()
    image.flags.writeable = False
    analyze(image)
    np.testing.assert_array_equal(image, kept)


def test_the_threshold_is_above_not_at() -> None:
    image = replaced(photo_like(64, 64), 0.3)
    fusion = analyze(image).fusion
    assert analyze(image, threshold=fusion).stego is False
    assert analyze(image, threshold=np.nextafter(fusion, 0)).stego is True


def test_agreement_counts_each_side() -> None:
    found = Findings(0.9, 0.1, 0.3, math.nan)
    assert (found.stego, found.agreeing, len(found.answers)) == (True, 2, 3)
    found = Findings(0.1, 0.25, None, 0.15)
    assert (found.stego, found.agreeing, len(found.answers)) == (False, 2, 3)


def test_bytes_are_a_third_of_the_share_of_the_file() -> None:
    assert Findings(0.5, 0.1, 0.3, 0.3).hidden_bytes(1000) == 100
    assert Findings(0.5, 0.1, 0.3, 0.3).hidden_bytes(1006) == 101


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        analyze(photo_like(8, 8), threshold=threshold)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3, 3), np.uint8),
        np.zeros((8,), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(array: Any) -> None:
    for detector in stegexpose.DETECTORS.values():
        with pytest.raises(ImageError, match="H x W x 3"):
            detector(array)


FOLDER = Path(os.environ.get("ISN_STEGEXPOSE") or "-")


@pytest.mark.skipif(
    not (FOLDER / "stegexpose.csv").is_file(),
    reason="ISN_STEGEXPOSE names no folder with stegexpose.csv and images/",
)
def test_same_as_the_original_program() -> None:
    """On what the java program answered; its columns are those of ``isn analyze --csv``."""
    with (FOLDER / "stegexpose.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row and (FOLDER / "images" / row[0]).is_file()]
    assert rows
    for name, stego, hidden, *values in rows:
        path = FOLDER / "images" / name
        found = analyze(images.read(path).pixels)
        assert str(found.stego).lower() == stego, name
        assert found.hidden_bytes(path.stat().st_size) == int(hidden), name
        answers = (*(getattr(found, each) for each in stegexpose.DETECTORS), found.fusion)
        for answer, value in zip(answers, values, strict=True):
            if value == "null":
                assert answer is None, name
            else:
                assert answer == pytest.approx(float(value), abs=1e-9, nan_ok=True), name
