"""A model with the images that share its room, as a method of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from isn import images, zoo
from isn.evaluation import methods
from isn.evaluation.plan import Plan


def test_a_default_for_more_images_stands_beside_itself(photos: dict[str, Any]) -> None:
    default = zoo.default(3)
    alone = methods.model(default.name)
    shared = alone.sharing()
    assert shared is not None
    assert shared.name == f"{default.name} shared"
    assert shared.fingerprint == alone.fingerprint == default.fingerprint.hex()
    assert shared.counts == tuple(n for n in default.default_for if n > default.hidden_images)
    photo = images.resize(photos["cat"], 90, 120)
    (whole,) = alone.carried([photo], (90, 120))
    np.testing.assert_array_equal(whole, photo)
    carried = shared.carried([photo] * 3, (90, 120))
    assert [each.shape for each in carried] == [photo.shape] * 3
    assert all((each != photo).any() for each in carried)


def test_a_model_that_is_no_default_for_more_has_no_second_row() -> None:
    assert methods.model("first-1").sharing() is None
    assert methods.model("fast-2").sharing() is None


def test_plans_name_both_where_their_counts_are_asked_for() -> None:
    name = zoo.default(3).name

    def chosen(*counts: int) -> list[str]:
        return [each.name for each in Plan(("x",), counts, (name,), ()).methods()]

    assert chosen(1) == [name]
    assert chosen(3, 5) == [f"{name} shared"]
    assert chosen(1, 3) == [name, f"{name} shared"]


def test_retired_models_are_evaluated_only_when_named() -> None:
    retired = {each.name for each in zoo.entries() if each.retired}
    everything = {each.name for each in Plan(("x",), baselines=()).methods()}
    assert retired
    assert not retired & everything
    named = Plan(("x",), models=tuple(sorted(retired)), baselines=()).methods()
    assert {each.name for each in named} == retired
