"""Files come back with a safe name, byte for byte, and a bomb does not go off."""

from __future__ import annotations

import lzma
import random
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import examples
from isn.codes import Room
from isn.codes import file as code
from isn.codes.file import Files, safe_name
from isn.errors import AlteredContainer, ConfigError, ImageError
from isn.progress import silent
from isn.secret import File, Item

ROOM = Room(1 << 20, 1000)


def packed(entries: Sequence[tuple[bytes, int, bytes]]) -> bytes:
    """Entries of (name, claimed length, content), as a forger would pack them."""
    whole = b"".join(
        struct.pack("<HQ", len(name), claimed) + name + content
        for name, claimed, content in entries
    )
    return lzma.compress(whole, lzma.FORMAT_RAW, filters=code._FILTERS)


def sent(secret: Sequence[Item]) -> list[Item]:
    return Files().decode(Files().encode(secret, ROOM, silent), 1000, silent)


@examples(50)
@given(st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=60)), min_size=1, max_size=4))
def test_any_files_come_back_in_order(given_files: list[tuple[str, bytes]]) -> None:
    found = sent([File(*each) for each in given_files])
    assert found == [File(safe_name(name), content) for name, content in given_files]


@pytest.mark.parametrize("length", [0, 1, 100, 65_536 - 15, 65_536 - 14, 65_536, 200_000])
def test_noise_takes_as_much_as_is_foretold(length: int) -> None:
    noise = File("noise", random.Random(0).randbytes(length))
    payload = Files().encode([noise], ROOM, silent)
    assert Files().decode(payload, 1000, silent) == [noise]
    if length:
        assert code.most_bytes(len(payload)) == 5 + length
        assert code.most_bytes(len(payload) - 1) < 5 + length


def test_what_repeats_takes_little() -> None:
    text = [File("a.txt", b"the same line\n" * 10_000), File("b.txt", b"the same line\n" * 10_000)]
    payload = Files().encode(text, ROOM, silent)
    assert len(payload) < 200
    assert Files().foresee(text, ROOM).size == len(payload)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain.txt", "plain.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("C:system.ini", "C_system.ini"),
        ("folder/", "folder"),
        ("..", "file"),
        (".", "file"),
        ("...", "file"),
        ("a/..", "file"),
        ("", "file"),
        ("   ", "file"),
        ("/", "file"),
        ("\\", "file"),
        (".bashrc", "_bashrc"),
        ("-rf", "_rf"),
        ("~root", "_root"),
        ("line\nbreak", "line_break"),
        ("bell\x07\x1b[31m", "bell__[31m"),
        ("\x00", "_"),
        ("a\x00.txt", "a_.txt"),
        ("what?*.txt", "what__.txt"),
        ('<">|.md', "____.md"),
        ("end. . ", "end"),
        ("evil\u202etxt.exe", "evil_txt.exe"),
        ("half\ud83d", "half_"),
        ("e\u0301.txt", "\xe9.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("CON .txt", "_CON .txt"),
        ("COM1", "_COM1"),
        ("com\xb9.log", "_com\xb9.log"),
        ("CONOUT$", "_CONOUT$"),
        ("COM", "COM"),
        ("console", "console"),
        ("世界.jpg", "世界.jpg"),
        ("\xa0a\u3000b\xa0", "a b"),
        ("a" * 300 + ".jpeg", "a" * 195 + ".jpeg"),
        ("é" * 150 + ".png", "é" * 98 + ".png"),
        ("a" * 300, "a" * 200),
        ("a" * 199 + ". " + "b" * 40, "a" * 199),
        ("a." + "b" * 300, "a." + "b" * 198),
    ],
)
def test_names_are_made_safe(name: str, expected: str) -> None:
    assert safe_name(name) == expected
    (found,) = sent([File(name, b"x")])
    assert found == File(expected, b"x")


@given(st.text(st.characters(), max_size=400))
def test_a_safe_name_is_safe_whatever_was_given(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert 1 <= len(safe.encode()) <= code.LONGEST_NAME
    assert safe.isprintable()
    assert not set(safe) & set('<>:"/\\|?*\0')
    assert safe[0] not in ".-~ "
    assert safe[-1] not in ". "
    assert Path(safe).name == safe


@pytest.mark.parametrize("name", [b"../../evil", b"\xff\xfe", b"\x00", b"", b"CON", b"a/b\nc"])
def test_a_forged_name_is_made_safe_too(name: bytes) -> None:
    (found,) = Files().decode(packed([(name, 1, b"x")]), 1000, silent)
    assert isinstance(found, File)
    assert found.name == safe_name(name.decode(errors="replace"))
    (said,) = Files().contents(packed([(name, 1, b"x")]), 1000)
    assert (said.name, said.length, said.size) == (found.name, 1, None)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(b"a", 2, b"x")],
        [(b"a", 1 << 63, b"x")],
        [(b"a", 0, b""), (b"b", 5, b"xxxx")],
        [(b"a", 0, b"x")],
    ],
)
def test_lengths_that_lie_are_told(entries: list[tuple[bytes, int, bytes]]) -> None:
    with pytest.raises(AlteredContainer, match="never writes"):
        Files().decode(packed(entries), 1000, silent)


def test_a_bomb_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code.MOST_BYTES <= 1 << 28
    monkeypatch.setattr(code, "MOST_BYTES", 1 << 20)
    most = (1 << 20) + code.MOST_FILES * (10 + code.LONGEST_NAME)
    bomb = packed([(b"a", 2 * most, bytes(2 * most))])
    assert len(bomb) < 3000
    with pytest.raises(AlteredContainer, match="no end"):
        Files().decode(bomb, 1000, silent)
    assert Files().decode(packed([(b"a", 1 << 20, bytes(1 << 20))]), 1000, silent)


def test_too_many_files_are_refused_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MOST_FILES", 3)
    some = [File(str(k), b"") for k in range(4)]
    assert len(sent(some[:3])) == 3
    for wrong in (some, []):
        with pytest.raises(ConfigError, match=f"{len(wrong)} files were given"):
            Files().encode(wrong, ROOM, silent)
    with pytest.raises(AlteredContainer):
        Files().decode(packed([(b"a", 0, b"")] * 4), 1000, silent)


def test_too_many_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MOST_BYTES", 100)
    assert sent([File("a", bytes(100))])
    with pytest.raises(ConfigError, match="101 bytes together"):
        Files().encode([File("a", bytes(50)), File("b", bytes(51))], ROOM, silent)


def test_bytes_after_the_end_are_told() -> None:
    payload = Files().encode([File("a", b"x")], ROOM, silent)
    for changed in (payload + b"\0", payload[:-1]):
        with pytest.raises(AlteredContainer, match="no end"):
            Files().decode(changed, 1000, silent)


def test_a_file_that_does_not_fit_is_told_with_both_numbers() -> None:
    content = bytes(range(256)) * 4
    needed = Files().foresee([File("a", content)], ROOM).size
    assert len(Files().encode([File("a", content)], Room(needed, 9), silent)) == needed
    with pytest.raises(ImageError, match=f"{needed} bytes when compressed.*room for {needed - 1}"):
        Files().encode([File("a", content)], Room(needed - 1, 9), silent)


def test_a_file_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "some data.bin"
    path.write_bytes(b"\0\1\2")
    for each in (path, str(path)):
        assert File.read(each) == File("some data.bin", b"\0\1\2")
    for wrong in (tmp_path / "absent", tmp_path, "a\0b"):
        with pytest.raises(ImageError, match="cannot be read"):
            File.read(wrong)


def test_a_files_content_is_not_printed() -> None:
    assert "secret" not in repr(File("a", b"secret"))
