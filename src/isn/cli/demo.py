"""`isn demo`: shipped photos are hidden and revealed, measured and shown."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli import outputs, stores
from isn.cli.common import (
    backend_option,
    count_of,
    decibels,
    json_option,
    overwrite_option,
    quiet_option,
    threads_option,
)
from isn.cli.progress import progress_bar
from isn.cli.table import Table
from isn.cli.voice import Voice
from isn.progress import Tell, part, silent

if TYPE_CHECKING:
    from isn.images import Pixels
    from isn.method import Method

COUNTS = (1, 4)
"""Numbers of hidden images that are shown."""

_README = """\
demo.png                 everything side by side
host.png                 the photo that something is hidden in
hidden-K.png             the photos that are hidden: the first, or all of them
container-METHOD-N.png   looks like host.png and holds N of them
revealed-METHOD-N-K.png  came out of it
"""


@dataclass(frozen=True)
class Quality:
    """How close an image is to its original: PSNR in dB, and SSIM."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Trial:
    """What one method made of the demo's photos."""

    method: str
    path: Path
    container: Pixels
    container_quality: Quality
    revealed: list[Pixels]
    revealed_quality: list[Quality]

    @property
    def count(self) -> int:
        """Number of hidden images."""
        return len(self.revealed)

    @property
    def mean(self) -> Quality:
        """Mean quality of the revealed images."""
        n = self.count
        return Quality(
            sum(each.psnr for each in self.revealed_quality) / n,
            sum(each.ssim for each in self.revealed_quality) / n,
        )


@click.command()
@click.option(
    "-o", "--output", default="isn-demo", show_default=True, metavar="DIR", help="Where to write."
)
@backend_option
@threads_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def demo(voice: Voice, output: str, backend: str | None, overwrite: bool) -> None:
    """Hide shipped photos in another, get them back, and show what that costs.

    One photo and four are hidden by the paper's method, by what grew from its network, and by the
    default; each container is written to DIR, and revealed from that file. PSNR (dB) and SSIM are
    printed of the container against the host and of the revealed images against the hidden ones
    (mean). DIR/demo.png shows containers, their difference from the host times 50, and revealed
    images side by side.

    --json prints {"folder", "picture", "host", "trials": [{"hidden_images", "method", "container",
    "container_psnr", "container_ssim", "revealed_psnr", "revealed_ssim"}]}; the last two hold one
    number for each hidden image.
    """
    from isn import atomic, images
    from isn.evaluation.showcase import HOST
    from isn.method import get

    planned = [(name, count) for count in COUNTS for name in _methods(count)]
    folder = Path(output)
    for name in _names(planned):
        outputs.check_free(folder / name, overwrite)
    stores.make_local(folder)
    atomic.write(folder / "README.txt", _README.encode())
    host, hidden = demo_photos(max(COUNTS))
    images.write(folder / "host.png", host, overwrite=True)
    for k, pixels in enumerate(hidden, 1):
        images.write(folder / f"hidden-{k}.png", pixels, overwrite=True)
    trials = []
    with progress_bar(voice, "hiding and revealing") as tell:
        for k, (name, count) in enumerate(planned):
            share = part(tell or silent, k / len(planned), (k + 1) / len(planned))
            # Of all methods, those with a network alone use a backend.
            method = get(name, backend=backend if _has_network(name) else None)
            trials.append(_try(method, host, hidden[:count], folder, share))
    picture = folder / "demo.png"
    images.write(picture, _picture(host, hidden, trials), overwrite=True)
    voice.report(_table(trials), *_next(folder, picture, trials))
    voice.answer(
        folder=output,
        picture=str(picture),
        host=HOST,
        trials=[_facts(trial) for trial in trials],
    )


def _methods(count: int) -> list[str]:
    """The methods that are compared, the oldest first."""
    from isn.method import DEFAULT, names

    compared = (f"paper-{count}", f"isn-{count}", DEFAULT)
    return [name for name in compared if name in names()]


def _has_network(name: str) -> bool:
    from isn import zoo

    return zoo.entry(name).kind in ("paper", "network")


def _names(planned: Sequence[tuple[str, int]]) -> list[str]:
    """Every file that the demo writes."""
    return [
        "README.txt",
        "demo.png",
        "host.png",
        *(f"hidden-{k}.png" for k in range(1, max(COUNTS) + 1)),
        *(f"container-{_label(*each)}.png" for each in planned),
        *(
            f"revealed-{_label(name, count)}-{k}.png"
            for name, count in planned
            for k in range(1, count + 1)
        ),
    ]


def demo_photos(count: int) -> tuple[Pixels, list[Pixels]]:
    """The shipped host, and the first `count` of the photos that are hidden in it."""
    from isn.evaluation.showcase import HIDDEN, HOST, photos

    host, *hidden = photos((HOST, *HIDDEN[:count]))
    return host, hidden


def _try(method: Method, host: Pixels, hidden: Sequence[Pixels], folder: Path, tell: Tell) -> Trial:
    import isn
    from isn import images

    label = _label(method.name, len(hidden))
    path = folder / f"container-{label}.png"
    container = isn.hide(host, hidden, method=method, progress=part(tell, 0.0, 0.7))
    container.save(path, overwrite=True)
    # From the file, as whoever receives it would.
    found = isn.reveal(path, progress=part(tell, 0.7, 1.0))
    revealed = [each for each in found if not isinstance(each, isn.File)]
    for k, pixels in enumerate(revealed, 1):
        images.write(folder / f"revealed-{label}-{k}.png", pixels, overwrite=True)
    return Trial(
        method.name,
        path,
        container.pixels,
        _quality(container.pixels, host),
        revealed,
        [_quality(a, b) for a, b in zip(revealed, hidden, strict=True)],
    )


def _label(name: str, count: int) -> str:
    """A method and a number of images, which some methods have in their name."""
    return name if name.endswith(f"-{count}") else f"{name}-{count}"


def _quality(image: Pixels, original: Pixels) -> Quality:
    from isn.metrics import psnr, ssim

    return Quality(psnr(image, original), ssim(image, original))


def _picture(host: Pixels, hidden: Sequence[Pixels], trials: Sequence[Trial]) -> Pixels:
    """What is hidden in what on the first row; then a row for each trial."""
    from isn.cli import sheet

    width = sheet.fitting(2 + max(COUNTS))
    given = [sheet.panel(host, "host", width)]
    given += [sheet.panel(each, f"hidden {k}", width) for k, each in enumerate(hidden, 1)]
    rows = [sheet.row("Photos, to be hidden in the first of them", [[each] for each in given])]
    for trial in trials:
        told = f"container  {trial.container_quality.psnr:.1f} dB"
        panels = [
            sheet.panel(trial.container, told, width),
            sheet.panel(
                sheet.error(trial.container, host), f"difference  x {sheet.ERROR_GAIN}", width
            ),
        ]
        for k, (pixels, quality) in enumerate(
            zip(trial.revealed, trial.revealed_quality, strict=True), 1
        ):
            panels.append(sheet.panel(pixels, f"revealed {k}  {quality.psnr:.1f} dB", width))
        title = f"{count_of(trial.count, 0)}, by {trial.method}"
        rows.append(sheet.row(title, [[each] for each in panels]))
    return sheet.sheet(rows)


def _table(trials: Sequence[Trial]) -> Table:
    titles = ("hidden", "method", "container, dB", "SSIM", "revealed, dB", "SSIM")
    table = Table(titles, right=range(2, len(titles)))
    for trial in trials:
        qualities = (trial.container_quality, trial.mean)
        told = (cell for each in qualities for cell in (f"{each.psnr:.2f}", f"{each.ssim:.4f}"))
        table.rows.append((count_of(trial.count, 0), trial.method, *told))
    return table


def _next(folder: Path, picture: Path, trials: Sequence[Trial]) -> tuple[str, ...]:
    # By the default method, which comes last.
    first = [each for each in trials if each.count == COUNTS[0]][-1]
    return (
        f"{picture} shows them side by side. Try next:",
        f"  {_program()} reveal {_quoted(first.path)} -o {_quoted(folder / 'again')}",
        f"  {_program()} hide {_quoted(folder / 'host.png')} YOUR-PHOTO.jpg -o mine.png",
    )


def _program() -> str:
    # In an environment that is not active, the shell does not find it by its name.
    called = Path(sys.argv[0])
    if called.stem != "isn" or shutil.which("isn"):
        return "isn"
    return _quoted(called)


def _quoted(path: Path) -> str:
    # Not `shlex`, whose quotes the prompt of Windows does not know.
    return f'"{path}"' if " " in str(path) else str(path)


def _facts(trial: Trial) -> dict[str, object]:
    return {
        "hidden_images": trial.count,
        "method": trial.method,
        "container": str(trial.path),
        "container_psnr": decibels(trial.container_quality.psnr),
        "container_ssim": round(trial.container_quality.ssim, 5),
        "revealed_psnr": [decibels(each.psnr) for each in trial.revealed_quality],
        "revealed_ssim": [round(each.ssim, 5) for each in trial.revealed_quality],
    }
