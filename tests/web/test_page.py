"""The page in Chromium, as people use it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import isn
from isn import images
from isn.metrics import psnr
from web_process import running

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]
SECONDS = 60_000
"""Milliseconds that a job may take on a busy machine."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    words = ("--threads", "2", "--listen", "127.0.0.1")
    with running(*words, folder=tmp_path_factory.mktemp("server")) as (found, _):
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Opens the page; nothing that it does may fail, or ask anybody but its server."""
    contexts, complaints = [], []

    def note_request(request: Any) -> None:
        if not request.url.startswith((address, "blob:", "data:")):
            complaints.append(request.url)

    def note_message(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def open_page(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(SECONDS)
        page.on("request", note_request)
        page.on("console", note_message)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for each in contexts:
        each.close()
    assert complaints == []


def choose(page: Any, host: Path, *secret: Path) -> None:
    form = page.locator("form:visible")
    form.locator("[name=host]").set_input_files(host)
    if secret:
        form.locator("[name=secret]").set_input_files(list(secret))


def start(page: Any, passphrase: str = "") -> None:
    page.locator("form:visible [name=passphrase]").fill(passphrase)
    page.locator("form:visible button.main").click()


def download(page: Any, link: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.locator(link).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def failure(page: Any) -> str:
    page.locator("form:visible .error:not(:empty)").wait_for()
    return str(page.locator("form:visible .error").inner_text())


@pytest.mark.usefixtures("dear")
def test_hide_compare_and_reveal(visit: Any, work: Path, tmp_path: Path) -> None:
    page = visit()
    choose(page, work / "host.png", work / "cat.png", work / "notes.txt")
    page.locator(".wishes em", has_text="Comes back").nth(2).wait_for()
    start(page, "five words")
    page.locator("#hide .result").wait_for()
    container = download(page, ".download", tmp_path)
    page.get_by_label("Show the difference").check()
    assert "difference" in page.locator(".stage .container").get_attribute("alt")
    page.get_by_role("link", name="Reveal", exact=True).click()
    choose(page, container)
    start(page, "six words")
    assert "this passphrase" in failure(page)
    start(page, "five words")
    page.locator("#reveal .result").wait_for()
    page.locator(".revealed img").wait_for()
    shown, notes = isn.reveal(str(container), passphrase="five words")
    assert download(page, ".revealed a >> nth=1", tmp_path).read_bytes() == notes.content
    picture = images.read(download(page, ".revealed a >> nth=0", tmp_path))
    assert np.array_equal(picture.pixels, shown)


def test_the_page_makes_what_the_command_line_makes(visit: Any, work: Path, tmp_path: Path) -> None:
    page = visit()
    choose(page, work / "host.png", work / "cat.png")
    page.get_by_label("Survives sending").check()
    start(page)
    page.locator("#hide .result").wait_for()
    # Whoever does not wait for what is foretold is not told that it is still coming.
    assert not any("…" in each for each in page.locator(".wishes em").all_inner_texts())
    expected = isn.hide(str(work / "host.png"), str(work / "cat.png"), survive=75)
    expected.save(tmp_path / "expected.jpg")
    made = download(page, ".download", tmp_path)
    assert made.name == "container.jpg"
    assert made.read_bytes() == (tmp_path / "expected.jpg").read_bytes()


def test_a_phones_photo_goes_in_and_comes_back(visit: Any, work: Path, tmp_path: Path) -> None:
    photo = Path(__file__).parents[1] / "data" / "phone.heic"
    page = visit()
    choose(page, work / "host.png", photo)
    start(page)
    page.locator("#hide .result").wait_for()
    container = download(page, ".download", tmp_path)
    page.get_by_role("link", name="Reveal", exact=True).click()
    choose(page, container)
    start(page)
    page.locator(".revealed img").wait_for()
    shown = images.read(download(page, ".revealed a", tmp_path)).pixels
    assert psnr(shown, images.read(photo).pixels) > 40


def test_files_may_be_dropped(visit: Any, work: Path) -> None:
    page = visit()
    given = page.evaluate_handle(
        """() => {
            const given = new DataTransfer();
            given.items.add(new File(["at"], "one.txt"));
            given.items.add(new File(["dawn"], "two.txt"));
            return given;
        }"""
    )
    for name in ("secret", "host"):
        page.dispatch_event(f"#hide [name={name}]", "drop", {"dataTransfer": given})
    names = page.locator("#hide .files li span").all_inner_texts()
    assert [each.split("\n")[0] for each in names] == ["two.txt", "one.txt", "two.txt"]
    assert "two.txt is not an image" in failure(page)


def test_a_refused_file_is_told(visit: Any, work: Path, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(b"no image")
    page = visit()
    start(page)
    assert failure(page).startswith("No host was given")
    choose(page, tmp_path / "torn.png", work / "cat.png")
    assert "torn.png is not an image of a known kind" in failure(page)
    page.get_by_role("button", name="Remove torn.png").click()
    assert page.locator("#hide .error").inner_text() == ""


def test_cancel(visit: Any, work: Path, tmp_path: Path) -> None:
    Image.open(work / "host.png").resize((3000, 3000)).save(tmp_path / "large.png")
    page = visit()
    choose(page, tmp_path / "large.png", tmp_path / "large.png")
    start(page)
    page.locator("progress[value]").wait_for()
    page.keyboard.press("Enter")
    assert failure(page) == "Cancelled."
    assert page.locator("#hide button.main").is_visible()
    choose(page, work / "host.png")
    page.get_by_role("button", name="Remove large.png").click()
    choose(page, work / "host.png", work / "cat.png")
    start(page)
    page.locator("#hide .result").wait_for()


def test_two_pages_at_once(visit: Any, work: Path, tmp_path: Path) -> None:
    pages = visit(), visit()
    for page, secret in zip(pages, ("cat.png", "notes.txt"), strict=True):
        choose(page, work / "host.png", work / secret)
        start(page)
    for page, secret in zip(pages, ("cat.png", "notes.txt"), strict=True):
        page.locator("#hide .result").wait_for()
        assert secret in page.locator("figcaption").inner_text()


@pytest.mark.parametrize("width", [320, 375])
def test_a_phones_width(visit: Any, work: Path, width: int) -> None:
    page = visit(viewport={"width": width, "height": 700}, has_touch=True, is_mobile=True)
    long = work / f"{'long' * 20}.txt"
    long.write_bytes(b"attack at dawn")
    choose(page, work / "host.png", work / "cat.png", long)
    start(page)
    page.locator("#hide .result").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_keyboard_reaches_everything(visit: Any, work: Path) -> None:
    page = visit()
    choose(page, work / "host.png", work / "cat.png")
    page.locator("[name=host]").first.focus()
    reached = []
    for _ in range(8):
        reached.append(
            page.evaluate("document.activeElement.name || document.activeElement.textContent")
        )
        page.keyboard.press("Tab")
    wanted = ["host", "Remove", "secret", "Remove", "wish", "passphrase", "show", "Hide"]
    assert reached == wanted
    page.locator("[value=quality]").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("[value=unseen]").is_checked()
    page.keyboard.press("ArrowUp")
    page.locator("#hide [name=passphrase]").press("Enter")
    page.locator("#hide .result").wait_for()
    slider = page.locator("[type=range]")
    slider.press("ArrowRight")
    assert page.locator(".stage").evaluate("e => e.style.getPropertyValue('--at')") == "51%"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Any, work: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(color_scheme=scheme, bypass_csp=True)

    def look() -> None:
        found = axe.run(page).response
        assert [(each["id"], each["nodes"]) for each in found["violations"]] == []
        assert len(found["passes"]) > 20

    look()
    choose(page, work / "host.png", work / "cat.png", work / "notes.txt")
    start(page)
    look()
    page.locator("#hide .result").wait_for()
    look()
    page.get_by_role("link", name="Reveal", exact=True).click()
    start(page)
    failure(page)
    look()
