from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import random_weights
from isn.errors import ImageError
from isn.evaluation.plan import Plan
from isn.evaluation.results import Results
from isn.evaluation.run import evaluate
from isn.evaluation.showcase import HIDDEN, Showcase, photos


def test_the_groups_are_of_shipped_photos(photos: dict[str, Any]) -> None:
    group = Showcase().group(3, 5)
    assert tuple(each.name for each in group.hidden) == HIDDEN
    assert (group.host.pixels == photos["coffee"]).all()
    assert (group.hidden[3].pixels == photos["cat"][:, ::-1]).all()
    cut = Showcase(100).group(0, 1)
    assert (cut.hidden[0].pixels == photos["cat"][78:178, 142:242]).all()
    with pytest.raises(ImageError, match="the crop takes 300"):
        Showcase(300).group(0, 1)


def test_mirrored_photos_are_arrays_of_their_own() -> None:
    cat, mirrored = photos(("cat", "cat mirrored"))
    assert mirrored.flags.c_contiguous
    assert np.array_equal(cat, np.fliplr(mirrored))


def shown(results: Results) -> set[bytes]:
    sheets = [*results.sheets, *results.extreme_sheets, *results.maps]
    assert sheets
    rows = [panels for sheet in sheets for _, panels in sheet.rows]
    return {
        each.pixels.tobytes()
        for panels in rows
        for each in panels
        if each.pixels is not None and each.label.split()[0] in ("host", "hidden")
    }


def test_a_report_to_be_passed_on_shows_no_image_of_the_folder(
    folder: Path, tmp_path: Path
) -> None:
    tiny = tmp_path / "tiny.safetensors"
    random_weights().save(tiny)

    def of(sheets: str) -> set[bytes]:
        parts = ("table", "capacity", "extremes", "detection")
        plan = Plan((str(folder),), (1,), (str(tiny),), (), 64, 1, parts=parts, sheets=sheets)
        return shown(evaluate(plan))

    mine, demo = of("data"), of("demo")
    # What is drawn is not of the folder: the same pages, screenshots and noise are in both.
    place = Plan((str(folder),), (1,), crop=64, limit=1).domains()[0]
    given = {
        each.pixels.tobytes()
        for index in range(len(place.names))
        for group in (place.group(index, 0),)
        for each in (group.host,)
    }
    assert mine & given
    assert not demo & given
    group = Showcase(64).group(0, 1)
    assert {group.host.pixels.tobytes(), group.hidden[0].pixels.tobytes()} <= demo
