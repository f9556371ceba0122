"""Where a passphrase comes from on the command line, and what happens to a wrong one."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import isn
from isn.advice import is_weak
from isn.cli import main
from isn.cli.passphrase import PASSPHRASE_FILE_BYTES

Pixels = NDArray[np.uint8]
Prompts = list[str]

WORDS = "correct horse bättery staple"
QUICK = ("--method", "avif")


@pytest.fixture(autouse=True, scope="module")
def _nobodys() -> Iterator[None]:
    """Nobody's own passphrase is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ISN_PASSPHRASE", raising=False)
        yield


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, photos: dict[str, Pixels]) -> Path:
    """Photos, a file with the passphrase, and a container made with it."""
    path = tmp_path_factory.mktemp("passphrase")
    Image.fromarray(photos["coffee"][20:132, 50:162]).save(path / "host.png")
    Image.fromarray(photos["cat"][60:123, 80:151]).save(path / "cat.png")
    (path / "words").write_text(f"{WORDS}\n", "utf-8")
    (path / "wrong").write_text("something else\n", "utf-8")
    words = ("hide", path / "host.png", path / "cat.png", "-o", path / "c.png", *QUICK)
    assert run(*words, "--passphrase-file", path / "words").exit_code == 0
    return path


def run(*words: object, variable: str | None = None) -> Result:
    environment = {"ISN_PASSPHRASE": variable}
    return CliRunner().invoke(main, [str(each) for each in words], env=environment, prog_name="isn")


def done(*words: object, variable: str | None = None) -> Result:
    result = run(*words, variable=variable)
    assert result.exit_code == 0, result.output
    return result


def refused(code: int, *words: object, variable: str | None = None) -> str:
    result = run(*words, variable=variable)
    assert result.exit_code == code, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("isn: ")
    return line


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Prompts]:
    """Lets a test say what is typed at each prompt; the list it gets holds the prompts."""

    def type_in(*answers: str) -> Prompts:
        prompts: Prompts = []
        waiting = iter(answers)

        def ask(prompt: str = "", stream: object = None) -> str:
            assert stream is sys.stderr
            prompts.append(prompt)
            return next(waiting)

        monkeypatch.setattr(getpass, "getpass", ask)
        return prompts

    return type_in


# ---------------------------------------------------------------- from where


def test_hide_asks_twice_and_the_others_once(
    work: Path, tmp_path: Path, typing: Callable[..., Prompts]
) -> None:
    container = tmp_path / "c.png"
    words = ("hide", work / "host.png", work / "cat.png", "-o", container, "--passphrase", *QUICK)
    prompts = typing(WORDS, WORDS)
    assert "under a passphrase" in done(*words).stdout
    assert len(prompts) == 2
    for command in (("info", container), ("reveal", container, "-o", tmp_path / "out")):
        prompts = typing(WORDS)
        assert WORDS not in done(*command, "--passphrase").output
        assert len(prompts) == 1
    with Image.open(tmp_path / "out" / "1.png") as image:
        assert image.size == (71, 63)


def test_two_different_entries_hide_nothing(
    work: Path, tmp_path: Path, typing: Callable[..., Prompts]
) -> None:
    typing(WORDS, WORDS + "x")
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    assert "differ" in refused(2, *words, "--passphrase")
    assert not (tmp_path / "c.png").exists()


def test_a_passphrase_is_never_a_word_of_the_command(work: Path) -> None:
    assert refused(2, "info", work / "c.png", f"--passphrase={WORDS}")
    assert refused(2, "info", work / "c.png", "--passphrase", WORDS)


def test_the_variable_and_what_goes_before_it(work: Path, typing: Callable[..., Prompts]) -> None:
    container = work / "c.png"
    file = ("--passphrase-file", work / "words")
    done("info", container, variable=WORDS)
    assert "another one" in refused(3, "info", container, variable="something else")
    done("info", container, *file, variable="something else")
    typing(WORDS)
    done("info", container, "--passphrase", variable="something else")
    assert "both given" in refused(2, "info", container, "--passphrase", *file)


def test_an_empty_variable_does_not_hide_in_the_open(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    assert "empty" in refused(2, *words, variable="")
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize(
    "content",
    [
        WORDS.encode(),
        WORDS.encode() + b"\n",
        WORDS.encode() + b"\r\n",
        b"\xef\xbb\xbf" + WORDS.encode() + b"\r\n",
        WORDS.replace("ä", "a\u0308").encode(),
    ],
)
def test_a_file_as_any_editor_writes_it(content: bytes, work: Path, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(content)
    done("info", work / "c.png", "--passphrase-file", tmp_path / "words")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"one\ntwo\n", "several lines"),
        (b"one\n\n", "several lines"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"tab\there", "control character"),
        (b"x" * (PASSPHRASE_FILE_BYTES + 1), "give one line"),
    ],
)
def test_a_file_that_is_no_passphrase(
    content: bytes, word: str, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "words").write_bytes(content)
    file = ("--passphrase-file", tmp_path / "words")
    assert word in refused(2, "info", work / "c.png", *file)
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    assert word in refused(2, *words, *file)
    assert not (tmp_path / "c.png").exists()


def test_a_file_that_is_not_there(work: Path, tmp_path: Path) -> None:
    for name in ("nothing", "."):
        said = refused(2, "info", work / "c.png", "--passphrase-file", tmp_path / name)
        assert "cannot be read" in said


def test_bytes_of_the_variable_that_are_no_text(work: Path) -> None:
    assert "UTF-8" in refused(2, "info", work / "c.png", variable="caf\udce9")


# ---------------------------------------------------------------- no terminal


def test_a_pipe_is_not_asked(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall_back(prompt: str = "", stream: object = None) -> str:
        warnings.warn("it would show", getpass.GetPassWarning, stacklevel=2)
        return WORDS

    monkeypatch.setattr(getpass, "getpass", fall_back)
    said = refused(2, "info", work / "c.png", "--passphrase")
    assert "no terminal" in said
    assert "--passphrase-file" in said


@pytest.mark.skipif(os.name != "posix", reason="sessions and terminals are those of POSIX")
def test_without_a_terminal_nothing_is_read(work: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "isn", "info", str(work / "c.png"), "--passphrase"],
        input=WORDS.encode() + b"\n",
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    assert answer.returncode == 2
    assert b"no terminal" in answer.stderr


def test_an_end_of_input_is_a_stop(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(prompt: str = "", stream: object = None) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", stop)
    assert "stopped" in refused(130, "info", work / "c.png", "--passphrase")


# ---------------------------------------------------------------- wrong, missing, damaged


def test_what_comes_out_is_what_the_library_gives(work: Path, tmp_path: Path) -> None:
    file = ("--passphrase-file", work / "words")
    done("reveal", work / "c.png", "-o", tmp_path / "out", *file)
    (expected,) = isn.reveal(work / "c.png", passphrase=WORDS)
    with Image.open(tmp_path / "out" / "1.png") as image:
        np.testing.assert_array_equal(np.array(image), expected)
    answer = json.loads(done("info", work / "c.png", "--json", *file).stdout)
    assert (answer["sealed"], answer["intact"]) == (True, True)
    assert answer["contents"] == [{"width": 71, "height": 63}]


def test_a_wrong_passphrase_writes_nothing(work: Path, tmp_path: Path) -> None:
    words = ("reveal", work / "c.png", "-o", tmp_path / "out")
    assert "another one" in refused(3, *words, "--passphrase-file", work / "wrong")
    assert not (tmp_path / "out").exists()
    answer = run("info", work / "c.png", "--json", "--passphrase-file", work / "wrong")
    assert answer.exit_code == 3
    assert json.loads(answer.stdout)["kind"] == "NoSeal"


def test_a_missing_passphrase_is_asked_for(work: Path, tmp_path: Path) -> None:
    for words in (("info",), ("reveal", "-o", tmp_path / "out")):
        assert "give the passphrase" in refused(3, *words, work / "c.png")
    assert not (tmp_path / "out").exists()


def test_a_passphrase_for_an_open_container(work: Path, tmp_path: Path) -> None:
    done("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    assert "leave it out" in refused(3, "info", tmp_path / "c.png", variable=WORDS)


def test_an_altered_container(work: Path, tmp_path: Path) -> None:
    with Image.open(work / "c.png") as image:
        pixels = np.array(image)
    pixels[50:53, 50:53] ^= 1
    Image.fromarray(pixels).save(tmp_path / "changed.png")
    words = ("reveal", tmp_path / "changed.png", "-o", tmp_path / "out")
    assert "take the file as it was written" in refused(3, *words, variable=WORDS)
    assert not (tmp_path / "out").exists()


def test_a_file_is_kept_secret_too(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", "--file", work / "wrong", "-o", tmp_path / "c.png")
    done(*words, variable=WORDS)
    assert "give the passphrase" in refused(3, "info", tmp_path / "c.png")
    done("reveal", tmp_path / "c.png", "-o", tmp_path / "out", variable=WORDS)
    assert (tmp_path / "out" / "wrong").read_text("utf-8") == "something else\n"


def test_the_papers_own_methods_take_none(work: Path, tmp_path: Path) -> None:
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png")
    assert "no key" in refused(2, *words, "--method", "paper-1", variable=WORDS)
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("text", ["a", "12345678901234", "ab " * 20])
def test_these_can_be_guessed_too(text: str) -> None:
    assert is_weak(text)


@pytest.mark.parametrize("text", ["anna1984", "a" * 40, "秘密"])
def test_a_passphrase_that_can_be_guessed_is_taken_with_a_warning(
    text: str, work: Path, tmp_path: Path
) -> None:
    assert is_weak(text)
    words = ("hide", work / "host.png", work / "cat.png", "-o", tmp_path / "c.png", *QUICK)
    result = done(*words, "--json", variable=text)
    assert "passphrase is so short" in result.stderr
    assert any("passphrase is so short" in each for each in json.loads(result.stdout)["warnings"])
    shown = done("reveal", tmp_path / "c.png", "-o", tmp_path / "out", variable=text)
    assert "warning" not in shown.stderr


@pytest.mark.parametrize("text", [WORDS, "five random words", "x7$Kq9!bZ2", "correcthorsebattery"])
def test_one_that_may_be_strong_is_taken_without(text: str) -> None:
    assert not is_weak(text)
