from __future__ import annotations

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from isn.errors import ConfigError, ImageError
from isn.evaluation.plan import Plan
from isn.evaluation.protocol import domains, readable

EXPECTED = ("catb.png", "coffeeb.png", "astronauta.png")


def names(place: Any, count: int) -> list[list[str]]:
    groups = [place.group(k, count) for k in range(place.hosts)]
    return [[each.name for each in (group.host, *group.hidden)] for group in groups]


def test_the_seed_says_all(folder: Path) -> None:
    first, again, other = (domains(folder, count=2, seed=seed)[0] for seed in (7, 7, 8))
    assert names(first, 2) == names(again, 2)
    assert names(first, 2) != names(other, 2)
    assert sorted(first.names) == sorted(other.names)
    for k in range(first.hosts):
        a, b = first.group(k, 2), again.group(k, 2)
        for x, y in zip((a.host, *a.hidden), (b.host, *b.hidden), strict=True):
            assert x.pixels.tobytes() == y.pixels.tobytes()


def test_the_order_is_the_same_on_every_machine(folder: Path) -> None:
    # Worked out once, with hashlib alone: a change here changes every published figure.
    assert domains(folder, count=1)[0].names[:3] == EXPECTED


def test_hosts_are_the_same_for_every_count(folder: Path) -> None:
    one, five = (names(domains(folder, count=n, limit=2)[0], n) for n in (1, 5))
    assert [group[:2] for group in five] == one
    assert all(len(set(group)) == 6 for group in five)


def test_every_image_is_a_host_once_and_hidden_as_often_as_the_others(folder: Path) -> None:
    groups = names(domains(folder, count=3)[0], 3)
    hidden = [name for group in groups for name in group[1:]]
    assert len({group[0] for group in groups}) == 8
    assert {hidden.count(name) for name in hidden} == {3}


def test_an_image_that_is_added_leaves_the_order_of_the_others(folder: Path) -> None:
    before = domains(folder, count=1)[0].names
    Image.new("RGB", (64, 64)).save(folder / "new.png")
    after = domains(folder, count=1)[0].names
    assert [name for name in after if name != "new.png"] == list(before)


def test_centre_crop(folder: Path, photos: dict[str, Any]) -> None:
    place = domains(folder, count=1, crop=48)[0]
    samples = {each.name: each.pixels for k in range(8) for each in (place.group(k, 1).host,)}
    wanted = photos["cat"][60:124, 40:112][8:56, 12:60]
    assert (samples["cata.png"] == wanted).all()


def test_skips_are_named_and_counted(folder: Path) -> None:
    (folder / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    Image.new("RGB", (50, 60)).save(folder / "small.png")
    (folder / ".hidden.png").write_bytes(b"nothing")
    place = domains(folder, count=1, crop=56)[0]
    assert sorted(each.name for each in place.skipped) == ["small.png", "torn.png"]
    reasons = {each.name: each.reason for each in place.skipped}
    assert "small.png is 50 x 60, the crop takes 56 x 56" in reasons["small.png"]
    assert "torn.png" in reasons["torn.png"]
    assert len(place.names) == 8


def test_a_limit_opens_no_more_than_it_needs(folder: Path, photos: dict[str, Any]) -> None:
    rng = random.Random(0)
    for k in range(12):
        top = rng.randrange(100)
        Image.fromarray(photos["coffee"][top : top + 64, :64]).save(folder / f"more{k}.png")
    place = domains(folder, count=1, limit=3)[0]
    assert (place.hosts, len(place.names)) == (3, 8)
    assert domains(folder, count=5, limit=3)[0].names == place.names


def test_too_few_images(folder: Path) -> None:
    Image.new("RGB", (20, 20)).save(folder / "tiny.png")
    for name in ("cata.png", "catb.png", "coffeea.png", "coffeeb.png"):
        (folder / name).unlink()
    with pytest.raises(ImageError, match=r"4 usable images \(1 skipped: .*tiny.png is 20 x 20"):
        domains(folder, count=5)[0]
    assert domains(folder, count=3)[0].hosts == 4


@pytest.mark.parametrize(("settings", "word"), [({"crop": 20}, "crop"), ({"limit": 0}, "limit")])
def test_settings_out_of_range(folder: Path, settings: dict[str, int], word: str) -> None:
    with pytest.raises(ConfigError, match=f"a {word} of"):
        domains(folder, count=1, **settings)[0]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nowhere is not a folder"):
        domains(tmp_path / "nowhere", count=1)[0]


def test_samples_are_pictures(folder: Path) -> None:
    pixels = domains(folder, count=1)[0].group(0, 1).host.pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (64, 72, 3)


@pytest.fixture
def mixed(tmp_path: Path, photos: dict[str, Any]) -> Path:
    """Six images of one kind and seven of another, and one that is neither."""
    place = tmp_path / "mixed"
    place.mkdir()
    names = [f"imagenet_{k:04}.png" for k in range(6)] + [f"bsds_{k}.png" for k in range(7)]
    for k, name in enumerate([*names, "other.png"]):
        Image.fromarray(photos["cat"][60 + k : 110 + k, 40:90]).save(place / name)
    return place


def test_a_folder_that_mixes_domains_is_as_many(mixed: Path) -> None:
    found = domains(mixed, count=2, limit=4)
    assert [(each.name, each.hosts) for each in found] == [("bsds", 4), ("imagenet", 4)]
    for each in found:
        shown = {name for group in names(each, 2) for name in group}
        assert all(name.startswith(f"{each.name}_") for name in shown)
    (skip,) = (skip for each in found for skip in each.skipped)
    assert skip.reason == "other.png is none of bsds, imagenet"


def test_words_that_few_names_share_are_no_domains(folder: Path, mixed: Path) -> None:
    # Numbers before an underscore, as street views have, and words of less than a group.
    for k, path in enumerate(sorted(mixed.glob("bsds_*"))):
        path.rename(mixed / (f"{k:03}_im.png" if k < 4 else f"my_{k}.png"))
    (only,) = domains(mixed, count=1)
    assert (only.name, only.prefix, len(only.names)) == ("mixed", "", 14)
    assert [each.name for each in domains(folder, count=1)] == ["photos"]


def test_domains_of_one_name_in_two_folders_stay_apart(mixed: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(mixed, other)
    for path in other.glob("bsds_*"):
        path.rename(other / path.name.replace("bsds", "paris"))
    found = Plan((str(mixed), str(other)), (1,)).domains()
    wanted = ["bsds", f"{mixed}/imagenet", f"{other}/imagenet", "paris"]
    assert [each.name for each in found] == wanted


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_names_that_are_no_text_are_read_and_readable(folder: Path) -> None:
    odd = os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")
    os.rename(folder / "cata.png", odd)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).write_bytes(b"torn")
    (place,) = domains(folder, count=1)
    assert len(place.names) == 8
    shown = {name for group in names(place, 1) for name in group}
    assert "caf\\xe9.png" in shown
    assert [each.name for each in place.skipped] == ["\\xff.png"]
    for text in (*shown, place.skipped[0].reason, Plan((odd,)).command()):
        text.encode()


def test_readable_names_keep_every_letter() -> None:
    assert readable("Übung 日本.png") == "Übung 日本.png"
    assert readable("a\nb\x1b[2J") == "a\\nb\\x1b[2J"
