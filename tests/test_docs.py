"""The documentation: short, whole, and true where a machine can tell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import isn
from isn import images
from isn.cli import COMMANDS, main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
SITE = sorted(each for each in DOCS.rglob("*.md") if "report" not in each.parts)
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *SITE]

FENCE = re.compile(r"^```(\S*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
BLOCK = re.compile(r"<!-- begin: (.*?) -->.*?<!-- end: \1 -->", re.DOTALL)
"""What a benchmark wrote."""

OPTION = re.compile(r"`(?:-\w`, `)?(--[a-z-]+)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text(page: Path) -> str:
    return page.read_text("utf-8")


def slugs(page: Path) -> set[str]:
    """What a link may name in a page: its headings, as GitHub and MyST spell them."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in heads}


def command_lines() -> Iterator[tuple[str, str]]:
    """Each line in a block of a page that runs `isn`."""
    for page in PAGES:
        blocks = [block for language, block in FENCE.findall(text(page)) if not language]
        rest = FENCE.sub("", text(page))
        blocks += re.findall(r"(?:^ {4}.*\n)+", rest, re.MULTILINE)
        for block in blocks:
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"\s*(\w+=\S+ |\w+=\"[^\"]*\" |torchrun .* -m )?isn ", line):
                    yield name(page), line.strip()


def options_of(command: click.Command) -> set[str]:
    return {
        each
        for param in command.params
        if isinstance(param, click.Option)
        for each in param.opts
        if each.startswith("--")
    }


def command_of(word: str) -> click.Command:
    command = main.get_command(click.Context(main), word)
    assert command is not None, f"there is no command isn {word}"
    return command


def test_the_readme_is_read_in_a_minute() -> None:
    lines = text(README).splitlines()
    assert len(lines) <= 120
    rules = [k for k, line in enumerate(lines) if re.fullmatch(r"\|[ :|-]+\|", line)]
    assert len(rules) <= 1, "one table"
    for first in rules:
        rows = next((k for k, line in enumerate(lines[first + 1 :]) if not line.startswith("|")), 0)
        assert rows <= 6, "of six rows"


def test_all_pages_together_are_short() -> None:
    # What is a word has a letter or a digit: the rules of tables are none.
    written = [BLOCK.sub("", text(page)).split() for page in PAGES]
    assert sum(any(map(str.isalnum, word)) for words in written for word in words) <= 12_000


def test_pictures_are_few() -> None:
    kinds = {".png", ".webp", ".svg", ".jpg"}
    found = [each for each in DOCS.rglob("*") if each.suffix in kinds]
    assert sum(each.stat().st_size for each in found) < 2_000_000
    for each in found:
        assert any(each.name in text(page) for page in PAGES), f"no page shows {name(each)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    for link in LINK.findall(text(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in slugs(target), f"{link}: there is no such heading"


def test_every_page_is_in_the_site() -> None:
    trees = re.findall(
        r"^```\{toctree\}\n(.*?)^```", text(DOCS / "index.md"), re.MULTILINE | re.DOTALL
    )
    listed = {line for tree in trees for line in tree.splitlines() if line and line[0] != ":"}
    assert listed == {
        each.relative_to(DOCS).with_suffix("").as_posix() for each in SITE if each.stem != "index"
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_blocks_that_benchmarks_write_are_whole(page: Path) -> None:
    marks = re.findall(r"<!-- (begin|end): (.*?) -->", text(page))
    begun = [what for kind, what in marks[::2] if kind == "begin"]
    ended = [what for kind, what in marks[1::2] if kind == "end"]
    assert begun == ended
    assert len(begun) == len(set(begun)) == len(marks) / 2


@pytest.mark.parametrize("page", PAGES, ids=name)
@pytest.mark.parametrize("claim", ["best published", "best network published", "nowhere behind"])
def test_what_was_not_true_is_not_said(page: Path, claim: str) -> None:
    assert claim not in " ".join(text(page).split())


def test_commands_are_quoted() -> None:
    quoted = {re.split(r"\bisn ", line, maxsplit=1)[1].split()[0] for _, line in command_lines()}
    assert quoted >= {"hide", "reveal", "info", "capacity", "methods", "train", "evaluate"}


@pytest.mark.parametrize(("page", "line"), list(command_lines()))
def test_a_quoted_command_is_one(page: str, line: str) -> None:
    words = shlex.split(re.split(r"\bisn ", line, maxsplit=1)[1], comments=True)
    command = command_of(words[0])
    # Parses and checks every word, and runs nothing.
    with click.Context(main) as around:
        command.make_context(words[0], words[1:], parent=around)


def test_the_reference_has_every_command_and_option() -> None:
    page = text(DOCS / "reference" / "cli.md")
    sections = re.split(r"^## `isn ([a-z]+)", page, flags=re.MULTILINE)
    described = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert described.keys() == COMMANDS.keys()
    for word, section in described.items():
        told, there = set(OPTION.findall(section)), options_of(command_of(word))
        everywhere = {"--help", "--json", "--quiet", "--output"}
        assert told - everywhere <= there, f"isn {word} does not know them"
        assert there - everywhere <= told, f"isn {word}: not described"


@pytest.fixture
def folder(
    tmp_path: Path, photos: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the files that the pages speak of."""
    for file, photo, size in (
        ("host.jpg", "coffee", (160, 120)),
        ("host.png", "coffee", (160, 120)),
        ("holiday.jpg", "coffee", (160, 120)),
        ("secret.jpg", "cat", (40, 32)),
        ("other.jpg", "rocket", (32, 24)),
        ("icon.png", "rocket", (40, 32)),
        ("one.jpg", "cat", (32, 32)),
        ("two.jpg", "rocket", (32, 24)),
        ("three.jpg", "astronaut", (24, 32)),
    ):
        Image.fromarray(photos[photo]).resize(size).save(tmp_path / file)
    for file in ("notes.pdf", "report.pdf"):
        (tmp_path / file).write_bytes(b"%PDF-1.7 of no pages")
    monkeypatch.chdir(tmp_path)
    return tmp_path


EXAMPLES = [page for page in PAGES if "```python" in text(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES, ids=name)
def test_examples_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    isn.hide("host.jpg", "secret.jpg").save("container.png")
    names: dict[str, object] = {}
    for kind, block in FENCE.findall(text(page)):
        if kind == "python":
            exec(compile(block, name(page), "exec"), names)
    said = capsys.readouterr().out
    if page == README:
        assert "(32, 40, 3) notes.pdf b'%PDF'" in said
    if page == DOCS / "start.md":
        assert "became a JPEG file" in said
    if page == DOCS / "how-to" / "extend.md":
        assert np.array_equal(np.asarray(names["icon"]), images.read("icon.png").pixels)


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, DOCS / "start.md"], ids=name)
def test_commands_run_in_their_order(
    page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for where, line in command_lines() if where == name(page)]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        monkeypatch.delenv("ISN_PASSPHRASE", raising=False)
        if "--passphrase" in words:
            # It would be asked for.
            words.remove("--passphrase")
            monkeypatch.setenv("ISN_PASSPHRASE", "five random words")
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, (line, result.output)
    pages = {README: ("revealed", "unlocked"), DOCS / "start.md": ("several", "unlocked")}
    several, unlocked = (folder / each for each in pages[page])
    assert (several / "notes.pdf").read_bytes() == (folder / "notes.pdf").read_bytes()
    assert {each.name for each in several.iterdir()} >= {"1.png", "2.png", "notes.pdf"}
    (secret,) = isn.reveal("locked.png", passphrase="five random words")
    assert np.array_equal(images.read(str(unlocked / "1.png")).pixels, np.asarray(secret))
