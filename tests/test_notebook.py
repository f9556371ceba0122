"""docs/the-idea.ipynb: runs from top to bottom, says what is so, and keeps no output."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isn import metrics

PATH = Path(__file__).parent.parent / "docs" / "the-idea.ipynb"
NOTEBOOK = json.loads(PATH.read_text("utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_it_keeps_no_output() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) >= (4, 5)
    assert NOTEBOOK["metadata"].keys() == {"kernelspec", "language_info"}
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    for cell in NOTEBOOK["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
        else:
            assert cell.keys() == {"cell_type", "id", "metadata", "source"}


def test_its_links_resolve() -> None:
    text = "\n".join(source(each) for each in NOTEBOOK["cells"] if each["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        assert (PATH.parent / link).exists(), link


def test_it_imports_nothing_that_is_hidden() -> None:
    text = "\n".join(source(each) for each in NOTEBOOK["cells"] if each["cell_type"] == "code")
    imported = re.findall(r"^from (isn\S*) import (.*)$", text, re.MULTILINE)
    assert imported
    assert not any(re.search(r"\b_", " ".join(each)) for each in imported)


@pytest.mark.slow
def test_it_runs_and_says_what_is_so() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    names: dict[str, Any] = {"__name__": "notebook"}
    drawn = []
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            exec(compile(source(cell), f"{PATH.name}, {cell['id']}", "exec"), names)
            drawn.append(len(plt.get_fignums()))
            plt.close("all")
    assert drawn == [1] * len(drawn)
    # What can be undone is, but for the rounding of floats.
    assert max(names[each] for each in ("haar_error", "block_error", "exact_error")) < 1e-5
    assert all(
        np.abs(a - b).max() > 1e-3 for a, b in zip(names["before"], names["after"], strict=True)
    )
    # Alone, the container reveals nearly, and its lost part says hardly anything.
    made, hidden = names["made"], names["hidden"]
    assert np.std(made.lost) < np.std(names["floats"](hidden)) / 10
    alone = np.rint(np.clip(names["picture"](names["alone"].hidden), 0, 1) * 255).astype(np.uint8)
    assert 35 < metrics.psnr(alone, hidden) < np.inf
    quality = names["quality"]
    assert all(np.greater(quality["photos"], quality["paper-1"]))
    # What the text says of differences: shapes of the host in the one, noise in the other.
    shapes = {
        name: np.abs(blurred(each.pixels.astype(float) - names["host"])).mean()
        for name, each in names["containers"].items()
    }
    assert shapes["paper-1"] > 3 * shapes["photos"]
    distances = names["distances"]
    assert distances["photos, secrecy high"] < distances["photos"] / 10 < distances["paper-1"] / 10


def blurred(difference: Any) -> Any:
    """Means of 16 x 16 pixels, in which noise is small and shapes are not."""
    height, width, channels = difference.shape
    return difference.reshape(height // 16, 16, width // 16, 16, channels).mean(axis=(1, 3))
