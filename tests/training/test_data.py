from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from isn import images
from isn.errors import ConfigError, ImageError
from isn.training.data import Batches, ImageStore, draw_pool, read_folder
from isn.training.sections import DataSettings
from isn.training.shards import Shards
from isn.training.validation import drawing_groups, validation_groups

CPU = torch.device("cpu")


def _pictures(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (40 + 3 * k, 50 - 2 * k, 3), dtype=np.uint8) for k in range(count)]


def test_patches_are_turned_crops_of_the_pictures() -> None:
    pictures = _pictures()
    store = ImageStore(pictures, CPU)
    rng = np.random.default_rng(0)
    draws = rng.random((200, 12))
    patches = store.patches(draws, 16, recoloured=0.0).numpy()
    turns_seen = set()
    for draw, patch in zip(draws, patches, strict=True):
        picture = pictures[int(draw[0] * 3)]
        top = int(draw[1] * (picture.shape[0] - 15))
        left = int(draw[2] * (picture.shape[1] - 15))
        crop = picture[top : top + 16, left : left + 16].transpose(2, 0, 1)
        turns = [np.rot90(each, k, (1, 2)) for each in (crop, crop[:, ::-1]) for k in range(4)]
        matches = [k for k, each in enumerate(turns) if np.array_equal(each, patch)]
        assert len(matches) == 1
        turns_seen.add(matches[0])
    assert turns_seen == set(range(8))


def test_recoloured_patches_have_permuted_channels() -> None:
    store = ImageStore(_pictures(1), CPU)
    draws = np.tile(np.random.default_rng(1).random(12), (60, 1))
    draws[:, 5] = np.linspace(0, 0.999, 60)
    plain = store.patches(draws, 8, recoloured=0.0)[0]
    orders = set()
    for patch in store.patches(draws, 8, recoloured=1.0):
        order = tuple(
            next(c for c in range(3) if torch.equal(patch[k], plain[c])) for k in range(3)
        )
        assert sorted(order) == [0, 1, 2]
        orders.add(order)
    assert len(orders) == 6


def _batches(**changes: object) -> Batches:
    settings = DataSettings(crop=16, batch=4, pool=8, **changes)  # type: ignore[arg-type]
    pool = ImageStore(draw_pool(8, 64, 1), CPU)
    return Batches(ImageStore(_pictures(), CPU), pool, settings, 2, seed=9)


def test_batches_depend_on_seed_step_and_index_alone() -> None:
    batches = _batches()
    first = batches.batch(7)
    assert first.shape == (4, 3, 3, 16, 16)
    assert torch.equal(first, _batches().batch(7))
    assert not torch.equal(first, batches.batch(8))


def test_processes_share_the_batch_that_one_would_draw() -> None:
    two = _batches(drawings=0.3, overexposed=0.3)
    parts = torch.cat([two.batch(3, rank, 2) for rank in range(2)])
    one = _batches(drawings=0.3, overexposed=0.3)
    one.settings = DataSettings(crop=16, batch=8, pool=8, drawings=0.3, overexposed=0.3)
    assert torch.equal(parts, one.batch(3))


def test_values_are_8_bit_and_exposures_clip() -> None:
    plain = _batches(drawings=0.0, overexposed=0.0).batch(0)
    clipped = _batches(drawings=0.0, overexposed=1.0).batch(0)
    for batch in (plain, clipped):
        assert 0 <= float(batch.min()) <= float(batch.max()) <= 1
        assert torch.allclose(batch * 255, (batch * 255).round(), atol=1e-4)
    ends = ((clipped == 0) | (clipped == 1)).float().mean()
    assert ends > 4 * ((plain == 0) | (plain == 1)).float().mean()


def test_drawings_take_their_share() -> None:
    plain = _batches(drawings=0.0, overexposed=0.0)
    mixed = _batches(drawings=0.25, overexposed=0.0)
    changed = [
        bool((a != b).any())
        for step in range(40)
        for a, b in zip(
            plain.batch(step).flatten(0, 1), mixed.batch(step).flatten(0, 1), strict=True
        )
    ]
    assert 0.2 < np.mean(changed) < 0.3


def test_what_cannot_be_used_is_named_and_counted(photo_folder: Path, tmp_path: Path) -> None:
    for path in photo_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    (tmp_path / "cut.png").write_bytes((photo_folder / "00.png").read_bytes()[:400])
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").write_text("left out without a word")
    images.write(tmp_path / "small.png", np.zeros((20, 90, 3), np.uint8))
    folder = read_folder([tmp_path], smallest=32)
    assert len(folder.pixels) == 12
    assert len(folder.skipped) == 4
    for name in ("broken.png", "cut.png", "notes.txt", "small.png"):
        assert any(name in sentence for sentence in folder.skipped)


def test_a_link_that_leads_nowhere_is_named(photo_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").symlink_to(photo_folder)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    folder = read_folder([tmp_path], 32)
    assert len(folder.pixels) == 12
    (sentence,) = folder.skipped
    assert "gone.png" in sentence


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not one usable image"):
        read_folder([tmp_path], 32)
    with pytest.raises(ImageError, match="no file or folder"):
        read_folder([tmp_path / "none"], 32)


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_no_image_is_validated_hidden_in_itself(count: int) -> None:
    pictures = _pictures(count)
    settings = DataSettings(crop=16, validation_pairs=20, validation_crop=32)
    # Copies are no other images.
    groups = validation_groups([*pictures, *pictures, pictures[0].copy()], 2, settings, seed=1)
    assert groups.shape[0] == 20
    assert all(len({each.numpy().tobytes() for each in group}) == 3 for group in groups)
    used = {each.numpy().tobytes() for each in groups.flatten(0, 1)}
    assert len(used) == count


def test_too_few_images_to_validate_on_are_counted() -> None:
    pictures = _pictures(2)
    settings = DataSettings(crop=16, validation_pairs=2, validation_crop=32)
    with pytest.raises(ConfigError, match=r"2 different photos of 32 x 32 .* give 3 at least"):
        validation_groups([*pictures, pictures[0].copy()], 2, settings, seed=1)
    assert validation_groups(pictures, 1, settings, seed=1).shape[:2] == (2, 2)


def test_validation_groups_are_fixed_centre_crops() -> None:
    pictures = _pictures(5)
    settings = DataSettings(crop=16, validation_pairs=4, validation_crop=32)
    groups = validation_groups(pictures, 2, settings, seed=1)
    assert groups.shape == (4, 3, 3, 32, 32)
    assert torch.equal(groups, validation_groups(pictures, 2, settings, seed=1))
    centres = {
        picture[(h - 32) // 2 : (h + 32) // 2, (w - 32) // 2 : (w + 32) // 2].tobytes()
        for picture in pictures
        for h, w in [picture.shape[:2]]
    }
    for group in groups:
        for each in group:
            assert each.numpy().transpose(1, 2, 0).tobytes() in centres
    drawn = drawing_groups(groups, 1)
    changed = (drawn != groups).flatten(2).any(2)
    assert changed.tolist() == [[True, False, False], [False, True, True]] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_patches_stream_from_tar_shards(workers: int, photo_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as archive:
        for path in sorted(photo_folder.iterdir()):
            broken = path.name == "03.png"
            content = b"no image" if broken else path.read_bytes()
            info = tarfile.TarInfo("broken.png" if broken else path.name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    warned: list[str] = []
    stream = Shards([str(shard)], 24, CPU, seed=4, workers=workers, warn=warned.append)
    draws = np.random.default_rng(2).random((600, 12))
    patches = stream.patches(draws, 24, recoloured=0.0)
    assert patches.shape == (600, 3, 24, 24)
    known = [images.read(path).pixels.transpose(2, 0, 1) for path in sorted(photo_folder.iterdir())]
    windows = {
        np.ascontiguousarray(each[:, y : y + 24, x : x + 24]).tobytes()
        for each in known
        for y in range(each.shape[1] - 23)
        for x in range(each.shape[2] - 23)
    }
    for patch in patches[::90].numpy():
        turns = [np.rot90(each, k, (1, 2)) for each in (patch, patch[:, ::-1]) for k in range(4)]
        assert any(np.ascontiguousarray(each).tobytes() in windows for each in turns)
    assert stream.skipped == len(warned) > 0
    assert "broken" in warned[0]


def _shard(path: Path, members: dict[str, bytes]) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def test_a_shard_without_one_usable_image_is_named_before_the_training(
    photo_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("webdataset")
    photo = (photo_folder / "00.png").read_bytes()
    good = _shard(tmp_path / "good.tar", {"x.txt": b"x", "bad.png": b"x", "a.b.png": photo})
    (tmp_path / "noise.tar").write_bytes(b"noise" * 1000)
    (tmp_path / "cut.tar").write_bytes(Path(good).read_bytes()[:700])
    (tmp_path / "nothing.tar").write_bytes(b"")
    (tmp_path / "folder.tar").mkdir()
    bad = {
        "missing.tar": "there is no tar shard",
        "folder.tar": "there is no tar shard",
        "noise.tar": "no whole tar file",
        "nothing.tar": "no whole tar file|no image",
        "cut.tar": "cut.tar",
        "empty.tar": "holds no image",
        "text.tar": "holds no image",
        "broken.tar": "x.png",
        "small.tar": "112 x 96, smaller than a patch of 100",
    }
    _shard(tmp_path / "empty.tar", {})
    _shard(tmp_path / "text.tar", {"a.txt": photo, ".b.png": photo})
    _shard(tmp_path / "broken.tar", {"x.png": photo[:300], "y.png": b""})
    _shard(tmp_path / "small.tar", {"x.png": photo})
    for name, said in bad.items():
        crop = 100 if name == "small.tar" else 24
        shards = [good] if crop == 24 else []
        with pytest.raises(ImageError, match=said) as caught:
            Shards([*shards, str(tmp_path / name)], crop, CPU, seed=1)
        assert name in str(caught.value)
        assert "good.tar" not in str(caught.value)
    stream = Shards([good], 24, CPU, seed=1, workers=1)
    draws = np.random.default_rng(2).random((5, 12))
    assert stream.patches(draws, 24, 0.0).shape == (5, 3, 24, 24)


def test_shards_that_cannot_be_read_any_more_end_a_training(
    photo_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("webdataset")
    photo = (photo_folder / "00.png").read_bytes()
    draws = np.random.default_rng(2).random((400, 12))
    shard = _shard(tmp_path / "one.tar", {"a.png": photo})
    for workers in (0, 1):
        stream = Shards([shard], 24, CPU, seed=1, workers=workers)
        Path(shard).rename(tmp_path / "away.tar")
        with pytest.raises(ImageError, match=r"one.tar any more \(20 could not be read") as caught:
            stream.patches(draws, 24, 0.0)
        assert "\n" not in str(caught.value)
        (tmp_path / "away.tar").rename(shard)
    stream = Shards([shard], 24, CPU, seed=1, workers=1)
    _shard(Path(shard), {f"{k}.png": b"no image" for k in range(50)})
    with pytest.raises(ImageError, match=r"1000 samples in a row are of no use; .*\.png"):
        stream.patches(draws, 24, 0.0)


def test_what_is_elsewhere_is_found_out_while_training(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    stream = Shards([f"file:{tmp_path}/none.tar"], 24, CPU, seed=1, workers=0)
    with pytest.raises(ImageError, match=r"none\.tar any more"):
        stream.patches(np.zeros((2, 12)), 24, 0.0)
