"""A page as headless Chromium sees it, at the width of a desk and of a phone.

The page goes into frames of these widths, for a window of Chromium is never as narrow as a phone.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

WIDTHS = (1280, 390)

_HARNESS = """<!DOCTYPE html><meta charset="utf-8"><pre id="facts"></pre>%s<script>
const facts = [];
function look(frame) {
  const page = frame.contentDocument, root = page.documentElement;
  const images = [...page.images];
  const asked = frame.contentWindow.performance.getEntriesByType("resource");
  return {
    width: root.clientWidth, scroll: root.scrollWidth, height: root.scrollHeight,
    images: images.length, broken: images.filter((each) => each.naturalWidth === 0).length,
    requests: asked.map((each) => each.name).filter((each) => !each.startsWith("data:")),
    scripts: page.scripts.length, text: page.body.innerText.length,
    anchors: [...page.querySelectorAll("nav a")].filter(
      (each) => page.getElementById(each.hash.slice(1)) === null).length,
  };
}
// All at once: the page is printed as soon as this is done.
addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) facts.push(look(frame));
  document.getElementById("facts").textContent = JSON.stringify(facts);
  for (const frame of document.querySelectorAll("iframe")) frame.remove();
});
</script>"""


@dataclass(frozen=True)
class Seen:
    """What a browser made of a page.

    Attributes:
        width: that it had.
        scroll: that it took.
        height: of the whole page.
        images: how many.
        broken: how many could not be shown.
        requests: addresses it asked for outside itself.
        scripts: how many.
        text: characters that are visible.
        anchors: links of the navigation that lead nowhere.
    """

    width: int
    scroll: int
    height: int
    images: int
    broken: int
    requests: list[str]
    scripts: int
    text: int
    anchors: int


def available() -> bool:
    """Whether there is a Chromium."""
    return shutil.which("chromium") is not None


def chromium(profile: Path, *words: str) -> str:
    """Runs Chromium without a window and gives what it prints."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={profile}", *words]
    done = subprocess.run(command, check=True, capture_output=True, timeout=300)
    return done.stdout.decode("utf-8")


def look(text: str, folder: Path) -> list[Seen]:
    """Loads a page at each of `WIDTHS`."""
    frames = "".join(
        f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{escape(text)}"></iframe>'
        for width in WIDTHS
    )
    harness = folder / "harness.html"
    harness.write_text(_HARNESS % frames, "utf-8")
    dom = chromium(folder / "profile", "--dump-dom", harness.as_uri())
    (facts,) = re.findall(r'<pre id="facts">(.*?)</pre>', dom, re.DOTALL)
    found: list[dict[str, Any]] = json.loads(unescape(facts))
    return [Seen(**each) for each in found]
