"""Errors speak the language of whoever asked: Python's, or that of commands."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isn
from helpers import picture
from isn import images, method
from isn.errors import ConfigError, IsnError, counted, sentence, setting

HOST = picture(48, 64)
NOTE = isn.File("note.txt", b"at dawn")


def spoilt(name: str) -> Any:
    """A container whose pixels were changed."""
    container = isn.hide(HOST, picture(40, 40), method=name).pixels.copy()
    container[20:24, 20:24] ^= 64
    return container


def written(path: Path) -> Path:
    """A file that is no image."""
    path.write_text("at dawn")
    return path


CALLS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "there": (
        lambda path: images.write(written(path / "a.png"), HOST),
        "or overwrite=True",
        "or --overwrite",
    ),
    "no image": (
        lambda path: isn.hide(HOST, written(path / "note.txt")),
        "or hide it as it is with isn.File.read",
        "or hide it as it is with --file",
    ),
    "spoilt": (
        lambda _: isn.reveal(spoilt("paper-1")),
        "with salvage=True, method='paper-1'",
        "with isn reveal --salvage --method paper-1",
    ),
    "salvage": (
        lambda _: isn.reveal(HOST, salvage=True),
        "salvage=True was given alone: say as method",
        "--salvage was given alone: say as --method",
    ),
    "bits": (lambda _: isn.hide(HOST, NOTE, bits=5), "bits=5 was", "--bits 5 was"),
    "both": (
        lambda _: isn.hide(HOST, NOTE, survive=75, bits=1),
        "survive and bits were given",
        "--survive and --bits were given",
    ),
    "neither": (
        lambda _: isn.hide(HOST, NOTE, survive=75, secrecy="low"),
        "secrecy and survive were given",
        "--secrecy and --survive were given",
    ),
    "scaled": (
        lambda _: isn.hide(HOST, NOTE, scaled=400),
        "scaled=400 was given without survive",
        "--scaled 400 was given without --survive",
    ),
    "small": (
        lambda _: isn.hide(HOST, NOTE, scaled="5", survive=75),
        "scaled=5 was given: give a longer side of 154",
        "--scaled 5 was given: give a longer side of 154",
    ),
    "weak": (
        lambda _: isn.hide(HOST, NOTE, scaled=400, survive=45),
        "survive=45 was given with scaled: give 50 or more",
        "--survive 45 was given with --scaled: give 50 or more",
    ),
    "survive": (lambda _: isn.hide(HOST, NOTE, survive=20), "survive=20 was", "--survive 20 was"),
    "fit": (lambda _: isn.hide(HOST, NOTE, fit="fax"), "fit='fax' was", "--fit fax was"),
    "secrecy": (
        lambda _: isn.hide(HOST, NOTE, secrecy="top"),
        "secrecy='top' was given: give one of high",
        "--secrecy top was given: give one of high",
    ),
    "refine": (
        lambda _: method.get("paper-1", refine=-1),
        "refine=-1 was given",
        "--refine -1 was given",
    ),
    "texture": (
        lambda _: isn.hide(HOST, HOST, method="paper-1", texture=HOST),
        "texture was given, and paper-1",
        "--texture was given, and paper-1",
    ),
    "unused": (
        lambda _: isn.hide(HOST, NOTE, backend="native"),
        "backend was given, and the method photos does not use it",
        "--backend was given, and the method photos does not use it",
    ),
    "no network": (
        lambda _: isn.reveal(isn.hide(HOST, NOTE), backend="native"),
        "backend was given, and no network",
        "--backend was given, and no network",
    ),
    "another": (
        lambda _: isn.reveal(isn.hide(HOST, HOST), method="paper-1"),
        "method='paper-1' was given",
        "--method paper-1 was given",
    ),
    "unknown": (
        lambda _: method.find(99, bytes(16)),
        "its weights file as method",
        "its weights file as --method",
    ),
}


@pytest.mark.parametrize(("call", "python", "command"), CALLS.values(), ids=CALLS)
def test_what_is_to_be_given_is_named_as_it_can_be(
    call: Callable[[Path], object], python: str, command: str, tmp_path: Path
) -> None:
    with pytest.raises(IsnError) as caught:
        call(tmp_path)
    told = str(caught.value)
    assert python in told
    assert "--" not in told
    assert command in sentence(caught.value)


def test_an_error_goes_from_process_to_process_as_it_is() -> None:
    error = ConfigError("give ", setting("bits", survive=75, salvage=True))
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is ConfigError
    assert str(found) == "give bits, survive=75, salvage=True"
    assert sentence(found) == "give --bits --survive 75 --salvage"


def test_one_is_one() -> None:
    assert [counted(number, "byte") for number in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]


def test_an_array_cannot_be_given_as_a_file() -> None:
    with pytest.raises(IsnError) as caught:
        isn.hide(HOST, np.zeros((3, 3), np.int64))
    assert "File" not in str(caught.value)
