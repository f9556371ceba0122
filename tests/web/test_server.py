"""The server: what it answers, and whom it refuses."""

from __future__ import annotations

import asyncio
import io
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from commands import done
from isn import images
from isn.web import work as tasks
from isn.web.jobs import Jobs, Say
from isn.web.messages import pack, unpack
from isn.web.work import WISHES
from web_process import running

httpx = pytest.importorskip("httpx2")
pytest.importorskip("starlette")

from starlette.testclient import TestClient  # noqa: E402

from isn.web import server  # noqa: E402

HOST = "127.0.0.1:8417"
PHONE = Path(__file__).parents[1] / "data" / "phone.heic"
ORIGIN = f"http://{HOST}"
OUTPUTS = {"quality": ("c.png",), "unseen": ("c.png", "--secrecy", "medium"), "sending": ("c.jpg",)}
"""What the command line is given for each wish."""


class Here(Jobs):
    """Does jobs in this process, which takes a tenth of what it takes to start another."""

    def __init__(self) -> None:
        super().__init__(1)

    async def run(self, request: bytes, say: Say) -> bytes:
        said: list[bytes] = []
        tasks.answer(request, said.append)
        *shares, answer = said
        for each in shares:
            await say(each)
        return answer


def client(token: str = "", jobs: Jobs | None = None) -> TestClient:
    return TestClient(server.app({HOST}, token, jobs or Here()), base_url=ORIGIN)


def request(task: str, *given: Path | tuple[str, bytes], **head: Any) -> bytes:
    """What the page sends; text is a file, all else an image."""
    files = [(each.name, each.read_bytes()) if isinstance(each, Path) else each for each in given]
    named = [{"name": name, "image": not name.endswith(".txt")} for name, _ in files]
    head = {"task": task, "passphrase": None, "files": named} | head
    return pack(head, *(content for _, content in files)) if files else pack(head)


def ask(body: bytes, jobs: Jobs | None = None) -> tuple[list[dict[str, Any]], list[bytes]]:
    """All heads of an answer, and the bytes that the last one announces."""
    answer = client(jobs=jobs).post("/job", content=body, headers={"origin": ORIGIN})
    assert answer.status_code == 200
    return parsed(answer.content)


def parsed(content: bytes) -> tuple[list[dict[str, Any]], list[bytes]]:
    heads: list[dict[str, Any]] = []
    while content and "blobs" not in (heads[-1] if heads else {}):
        line, _, rest = content.partition(b"\n")
        heads.append(json.loads(line))
        if "blobs" not in heads[-1]:
            content = rest
    return heads, unpack(content)[1] if content else []


# ------------------------------------------------------------------------------ what it does


@pytest.mark.parametrize("wish", WISHES)
def test_a_container_is_the_one_that_the_command_line_makes(
    wish: str, work: Path, tmp_path: Path
) -> None:
    name, *options = OUTPUTS[wish]
    secret = ("--file", work / "notes.txt", "-o", tmp_path / name)
    done("hide", work / "host.png", work / "cat.png", *secret, *options)
    body = request(
        "hide", *(work / each for each in ("host.png", "cat.png", "notes.txt")), wish=wish
    )
    heads, (file, host, _, difference) = ask(body)
    assert file == (tmp_path / name).read_bytes()
    assert heads[-1]["name"].endswith(name[1:])
    shares = [each["share"] for each in heads if "share" in each]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert (heads[-1]["revealed"][0] or 99) > 20
    assert heads[-1]["revealed"][1] is None
    there, made = (images.read(each).pixels.astype(int) for each in (host, file))
    assert np.array_equal(there, images.read(work / "host.png").pixels)
    assert np.array_equal(images.read(difference).pixels, np.minimum(50 * abs(made - there), 255))


@pytest.mark.slow
def test_what_was_hidden_comes_back_with_its_passphrase_alone(work: Path) -> None:
    given = (work / each for each in ("host.png", "cat.png", "notes.txt"))
    _, (file, *_) = ask(request("hide", *given, wish="quality", passphrase="five words"))
    container = ("container.png", file)
    heads, (cat, notes) = ask(request("reveal", container, passphrase="five words"))
    assert [each["name"] for each in heads[-1]["items"]] == ["1.png", "notes.txt"]
    assert notes == b"attack at dawn"
    (shown, _) = isn.reveal(file, passphrase="five words")
    assert np.array_equal(images.read(cat).pixels, np.asarray(shown))
    for wrong in ("six words", None):
        with pytest.raises(isn.NoSeal) as told:
            isn.reveal(images.read(file, "container.png"), passphrase=wrong)
        (refusal,), _ = ask(request("reveal", container, passphrase=wrong))
        assert refusal["error"] == str(told.value)
        assert refusal["kind"] == "NoSeal"


def test_what_fits_is_known_before(work: Path) -> None:
    heads, _ = ask(request("look", work / "host.png", work / "cat.png"))
    *rows, last = heads
    assert last == {"done": True, "notes": []}
    rooms, found = rows[: len(WISHES)], rows[len(WISHES) :]
    assert [each["known"] for each in rows] == [False] * len(rooms) + [True] * len(found)
    host, cat = str(work / "host.png"), str(work / "cat.png")
    for room, row in zip(rooms, found, strict=True):
        (expected,) = isn.capacity(host, cat, methods=["photos"], **WISHES[row["wish"]])
        assert (row["room"], row["container"]) == (expected.size, expected.container)
        assert (row["revealed"], row["why"]) == (pytest.approx(expected.revealed, abs=0.01), "")
        assert room["room"] == row["room"]


def test_a_phones_photo_is_seen_upright(work: Path, photos: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    Image.fromarray(photos["coffee"][:96, :128]).save(turned, "JPEG", exif=exif, quality=95)
    for name, content in (("turned.jpg", turned.getvalue()), ("phone.heic", PHONE.read_bytes())):
        given = (name, content), ("notes.txt", b"x")
        _, (file, host, *_) = ask(request("hide", *given, wish="quality"))
        expected = images.read(content).pixels
        assert np.array_equal(images.read(host).pixels, expected)
        assert images.read(file).pixels.shape == expected.shape


def test_it_warns_as_the_command_line_does(work: Path, tmp_path: Path) -> None:
    Image.open(work / "host.png").crop((0, 0, 104, 96)).save(tmp_path / "host.jpg")
    words = ("--file", work / "notes.txt", "--secrecy", "medium", "-o", tmp_path / "c.png")
    told = json.loads(done("hide", tmp_path / "host.jpg", *words, "--json").stdout)
    body = request("hide", tmp_path / "host.jpg", work / "notes.txt", wish="unseen")
    heads, _ = ask(body)
    for kind in ("warnings", "notes"):
        assert len(told[kind]) == 1
        assert heads[-1][kind] == [each.replace(f"{tmp_path}/", "") for each in told[kind]]
    assert ask(body.replace(b"unseen", b"quality"))[0][-1]["warnings"] == []


def test_odd_names_and_passphrases_are_taken(work: Path) -> None:
    for name, passphrase in (("\ud800\n.txt", "x"), ("n" * 5000 + ".txt", "\ud800"), (".txt", "")):
        given = work / "host.png", (name, b"at dawn")
        heads, _ = ask(request("hide", *given, wish="quality", passphrase=passphrase))
        assert "fault of isn" not in heads[-1].get("error", "")
        assert heads[-1].get("kind", "ConfigError") == "ConfigError"


def test_it_says_what_does_not_fit(work: Path) -> None:
    noise = ("noise.txt", np.random.default_rng(0).bytes(60_000))
    heads, _ = ask(request("look", work / "host.png", noise))
    assert all(each["why"] for each in heads if each.get("known"))
    (*_, refusal), _ = ask(request("hide", work / "host.png", noise, wish="quality"))
    assert refusal["kind"] == "ImageError"


# ---------------------------------------------------------------------- whom and what it refuses


def png(width: int, height: int) -> bytes:
    """A PNG that says that it is large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk


def torn() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "JPEG")
    return buffer.getvalue()[:700]


@pytest.mark.parametrize(
    "content", [b"", b"no image", torn(), png(1 << 20, 1 << 20), png(8000, 8000)]
)
@pytest.mark.parametrize("place", [0, 1])
def test_hostile_images_get_the_sentences_of_the_command_line(
    content: bytes, place: int, work: Path
) -> None:
    given: list[Path | tuple[str, bytes]] = [work / "host.png", work / "cat.png"]
    given[place] = ("<b>x</b>.png", content)
    with pytest.raises(isn.ImageError) as told:
        images.read(content, "<b>x</b>.png", most=50_000_000)
    (refusal,), _ = ask(request("hide", *given, wish="quality"))
    assert refusal["error"] == str(told.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\n",
        b"[" * 100_000,
        b"[]\n",
        b'{"blobs": [-1]}\n',
        b'{"blobs": [true]}\nx',
        b'{"blobs": [3]}\nxx',
        b'{"blobs": 3}\n',
        pack({"task": ["hide"]}),
        pack({"task": "hide"}),
        pack({"task": "hide", "files": [{"name": "a"}]}, b"x"),
        pack({"task": "reveal", "files": [{"name": "a", "image": True}]}),
        pack({"task": "reveal", "files": [{"name": "a", "image": True}], "passphrase": 1}, b"x"),
    ],
)
def test_what_the_page_never_sends_is_refused(body: bytes) -> None:
    (refusal,), _ = ask(body)
    assert refusal["kind"] == "ConfigError"
    assert "load the page again" in refusal["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "https://127.0.0.1:8417"},
        {"origin": "http://127.0.0.1:8418"},
        {"origin": ORIGIN, "host": "evil.example:8417"},
        {"origin": "http://evil.example:8417", "host": "evil.example:8417"},
        {"origin": ORIGIN, "host": "127.0.0.1"},
    ],
)
def test_other_pages_cannot_use_it(headers: dict[str, str]) -> None:
    answer = client().post("/job", content=pack({"task": "nothing"}), headers=headers)
    assert answer.status_code == 403
    assert "from another page" in answer.json()["error"]


def test_the_page_is_not_shown_to_others() -> None:
    assert client().get("/", headers={"host": "evil.example:8417"}).status_code == 403
    assert client().get("/", headers={"origin": "http://evil.example"}).status_code == 403
    assert client().get("/").status_code == 200
    assert client().get("/job").status_code == 405


def test_a_token_is_needed_where_there_is_one() -> None:
    there = client("secret-token")
    for path in ("/", "/page.js", "/job", "/secret-toke/"):
        assert there.get(path).status_code == 404
        assert there.post(path, headers={"origin": ORIGIN}).status_code == 404
    assert there.get("/secret-token/").status_code == 200
    answer = there.post("/secret-token/job", content=b"", headers={"origin": ORIGIN})
    assert "load the page again" in answer.json()["error"]


def test_too_much_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", 1 << 20)
    pieces = (bytes(1 << 18) for _ in range(5))
    for content in (bytes((1 << 20) + 1), pieces):
        answer = client().post("/job", content=content, headers={"origin": ORIGIN})
        assert answer.status_code == 413
        assert "more than 1 MiB" in answer.json()["error"]


def test_what_comes_too_slowly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "UPLOAD_SECONDS", 0.05)
    headers = [(b"host", HOST.encode()), (b"origin", ORIGIN.encode())]
    scope = {"type": "http", "method": "POST", "path": "/job", "headers": headers}
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(server.app({HOST})(scope, receive, send))
    assert sent[0]["status"] == 408
    assert b"seconds to come" in sent[1]["body"]


def test_too_many_are_refused() -> None:
    jobs = Jobs(1, waiting=0)
    with jobs.admitted():
        answer = client(jobs=jobs).post("/job", content=b"", headers={"origin": ORIGIN})
    assert answer.status_code == 503
    assert "try again" in answer.json()["error"]


def test_the_page_asks_nobody_else() -> None:
    there = client()
    page = there.get("/").text
    named = re.findall(r"(?:src|href)=\"([^\"]*)\"", page)
    assert {each for each in named if not each.startswith(("data:", "#"))} == {
        "page.css",
        "page.js",
    }
    for path in ("/", "/page.css", "/page.js", "/nothing"):
        answer = there.get(path)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text)


# ---------------------------------------------------------------------------- as a whole


@pytest.mark.usefixtures("dear")
def test_nothing_is_written_or_logged(work: Path, tmp_path: Path) -> None:
    # Above what libraries like to spool to disk.
    large = ("large.txt", bytes(1_200_000))
    with running(folder=tmp_path) as (address, process):
        headers = {"origin": address.rstrip("/")}
        body = request("hide", work / "host.png", large, wish="quality", passphrase="five words")
        answer = httpx.post(address + "job", content=body, headers=headers, timeout=60)
        heads, (file, *_) = parsed(answer.content)
        torn = httpx.post(address + "job", content=b"torn", headers=headers, timeout=60)
        assert "load the page again" in torn.json()["error"]
        process.terminate()
        said = process.communicate(timeout=30)
    assert heads[-1]["revealed"] == [None]
    (back,) = isn.reveal(file, passphrase="five words")
    assert back == isn.File(*large)
    assert said == (b"", b"isn: stopped\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_whoever_goes_away_ends_their_job(
    work: Path, photos: dict[str, np.ndarray[Any, Any]], tmp_path: Path
) -> None:
    large = Image.fromarray(photos["astronaut"]).resize((3000, 3000))
    large.save(tmp_path / "large.png")
    slow = request("hide", tmp_path / "large.png", tmp_path / "large.png", wish="quality")
    with running("--threads", "1", folder=tmp_path) as (address, _):
        headers = {"origin": address.rstrip("/")}
        with httpx.stream("POST", address + "job", content=slow, headers=headers) as answer:
            assert b"share" in next(answer.iter_raw())
        # It would wait for the first one, which takes far longer.
        quick = httpx.post(address + "job", content=b"", headers=headers, timeout=10)
    assert "load the page again" in parsed(quick.content)[0][-1]["error"]
