"""A model with the images that share its room, as a method of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from isn import images, zoo
from isn.evaluation import methods
from isn.evaluation.plan import Plan

NAME = "first-1"


@pytest.fixture
def taken_for_more(monkeypatch: pytest.MonkeyPatch) -> zoo.Entry:
    """A shipped model of one image as the default for three and five."""
    entry = next(each for each in zoo.entries() if each.name == NAME)
    entry = replace(entry, default_for=(1, 3, 5))
    monkeypatch.setattr(zoo, "entries", lambda: (entry,))
    return entry


def test_a_default_for_more_images_stands_beside_itself(
    photos: dict[str, Any], taken_for_more: zoo.Entry
) -> None:
    alone = methods.model(NAME)
    shared = alone.sharing()
    assert shared is not None
    assert shared.name == f"{NAME} shared"
    assert shared.fingerprint == alone.fingerprint == taken_for_more.fingerprint.hex()
    assert shared.counts == (3, 5)
    photo = images.resize(photos["cat"], 90, 120)
    (whole,) = alone.carried([photo], (90, 120))
    np.testing.assert_array_equal(whole, photo)
    carried = shared.carried([photo] * 3, (90, 120))
    assert [each.shape for each in carried] == [photo.shape] * 3
    assert all((each != photo).any() for each in carried)


def test_a_model_that_is_no_default_for_more_has_no_second_row() -> None:
    assert methods.model("first-1").sharing() is None
    assert methods.model("fast-2").sharing() is None


@pytest.mark.usefixtures("taken_for_more")
def test_plans_name_both_where_their_counts_are_asked_for() -> None:
    def chosen(*counts: int) -> list[str]:
        return [each.name for each in Plan(("x",), counts, (NAME,), ()).methods()]

    assert chosen(1) == [NAME]
    assert chosen(3, 5) == [f"{NAME} shared"]
    assert chosen(1, 3) == [NAME, f"{NAME} shared"]


def test_retired_models_are_evaluated_only_when_named() -> None:
    retired = {each.name for each in zoo.entries() if each.retired}
    everything = {each.name for each in Plan(("x",), baselines=()).methods()}
    assert retired
    assert not retired & everything
    named = Plan(("x",), models=tuple(sorted(retired)), baselines=()).methods()
    assert {each.name for each in named} == retired


def test_a_model_that_codes_hides_any_number_in_one_row(photos: dict[str, Any]) -> None:
    coded = methods.model("coded")
    assert coded.counts == (1, 2, 3, 4, 5)
    assert coded.sharing() is None
    host, small = photos["rocket"][:90, :120], photos["cat"][:50, :60]
    # In its own size, where that is not far larger than the host; else it loses detail.
    kept, lost = coded.carried([small, photos["coffee"]], (90, 120))
    np.testing.assert_array_equal(kept, small)
    assert photos["coffee"].size > 4 * host.size
    assert lost.shape == photos["coffee"].shape
    assert (lost != photos["coffee"]).any()
    container = coded.hide(host, [small, small])
    np.testing.assert_array_equal(
        coded.salvage(container, 2), coded.reveal(images.encode(container), [small.shape[:2]] * 2)
    )
    container[40:50] ^= 1
    assert coded.salvage(container, 2) == [None, None]
