"""What is evaluated: names, titles, fingerprints, and which methods a plan takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import features

from isn import method, zoo
from isn.carriers.dct import Dct
from isn.errors import ConfigError, ModelError
from isn.evaluation import methods
from isn.evaluation.plan import Plan
from isn.method import Carried

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def test_what_a_report_says_of_a_method() -> None:
    photos, paper = methods.shipped("photos"), methods.shipped("paper-2")
    assert (photos.name, photos.source, photos.ours) == ("photos", "photos", True)
    assert photos.title.startswith(zoo.entry("photos").purpose)
    assert "trained on" in photos.title
    assert photos.fingerprint == zoo.entry("photos").fingerprint.hex()
    assert list(paper.counts) == [2]
    assert (photos.networked, paper.networked) == (False, True)
    lsb = methods.baseline("lsb-4")
    assert (lsb.name, lsb.fingerprint, lsb.architecture, lsb.ours) == ("lsb-4", "", "", False)
    assert lsb.title == "four low bits replaced by the hidden image's four high bits"


def test_a_method_may_be_named_with_an_option() -> None:
    sturdy, secret = methods.shipped("photos:75"), methods.shipped("photos:high")
    assert (sturdy.name, sturdy.source) == ("photos, to survive JPEG 75", "photos:75")
    assert (secret.name, secret.source) == ("photos, secrecy high", "photos:high")
    assert isinstance(sturdy.method, Carried)
    assert sturdy.method.carrier == Dct(75)
    with pytest.raises(ConfigError, match="survive=20 was given"):
        methods.shipped("photos:20")
    with pytest.raises(ConfigError, match="no method 'photos:loud'"):
        methods.shipped("photos:loud")
    with pytest.raises(ConfigError, match="does not use it"):
        methods.shipped("paper-1:75")


def test_a_backend_is_for_networks_alone() -> None:
    assert methods.shipped("photos", "native").method is method.get("photos")
    with pytest.raises(ConfigError, match="does not use it"):
        method.get("photos", backend="native")


def test_a_weights_file_is_a_method_of_its_own(tmp_path: Path) -> None:
    zoo.weights("paper-1").save(tmp_path / "mine.safetensors")
    mine = methods.shipped(str(tmp_path / "mine.safetensors"))
    assert (mine.name, mine.source) == ("mine", str(tmp_path / "mine.safetensors"))
    assert mine.title.startswith("paper, 0.")
    # Timed once, for it costs what the shipped one does.
    assert mine.architecture == methods.shipped("paper-1").architecture
    assert mine.architecture != methods.shipped("paper-2").architecture
    with pytest.raises(ModelError, match="there is no weights file"):
        methods.shipped(str(tmp_path / "none.safetensors"))


@pytest.mark.torch
def test_how_long_a_baseline_learned_is_said() -> None:
    assert "7203 steps, 103.0 minutes" in methods.baseline("baluja-1").title


def test_damage_leaves_what_the_paper_can_salvage_and_nothing_of_a_code(
    photos: dict[str, Any],
) -> None:
    host, hidden = photos["cat"][:64, :72], photos["rocket"][:64, :72]
    paper, coded = (methods.shipped(name).method for name in ("paper-1", "photos"))
    for each, survives in ((paper, True), (coded, False)):
        container = methods.hide(each, host, [hidden])
        np.testing.assert_array_equal(
            methods.left(each, container, 1)[0], methods.reveal(each, container)[0]
        )
        container[20:30] ^= 1
        (left,) = methods.left(each, container, 1)
        assert (left is not None) == survives


@needs_avif
def test_plans_take_all_shipped_methods_and_the_codec_as_a_rival() -> None:
    chosen = Plan(("x",), baselines=("avif-1", "avif-2")).contenders()
    ours = [each.name for each in chosen if each.ours]
    assert ours == [each.name for each in zoo.entries() if each.kind != "avif"]
    assert [each.name for each in chosen if not each.ours] == ["avif-1", "avif-2"]
    assert [each.name for each in Plan(("x",), methods=("avif",), baselines=()).contenders()] == [
        "avif"
    ]


def test_plans_leave_out_what_hides_none_of_the_numbers() -> None:
    chosen = Plan(("x",), (3,), baselines=("lsb-4",)).contenders()
    assert {"photos", "paper-3"} <= {each.name for each in chosen}
    assert not {"paper-1", "lsb-4"} & {each.name for each in chosen}
    with pytest.raises(ConfigError, match="paper-1 hides 1 image, counts of 3 were asked for"):
        Plan(("x",), (3,), ("paper-1",)).contenders()
