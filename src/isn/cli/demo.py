"""`isn demo`: shipped photos are hidden and revealed, measured and shown."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    backend_option,
    choose_backend,
    decibels,
    json_option,
    make_folder,
    quiet_option,
    threads_option,
)
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from rich.table import Table

    from isn.images import Pixels
    from isn.paper.backends.base import Backend
    from isn.zoo import Entry

SHOWN_DB = 25.0
"""Revealed images below this PSNR are in the table, but not in the picture."""

_NUMBERS = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}

MARK = "README.txt"
"""Says that a folder is the demo's own, whose files it may replace."""

_WORDS = """\
Written by `isn demo`, which replaces these files when it runs again.

demo.png          everything side by side
host.png          the photo that something is hidden in
hidden-K.png      the photos that are hidden, the first N in container-N.png
container.png     looks like host.png and holds hidden-1.png
revealed.png      what came out of container.png
container-N.png   holds N photos; revealed-N-K.png came out of it
"""


@dataclass(frozen=True)
class Quality:
    """How close an image is to its original: PSNR in dB, and SSIM."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Trial:
    """What one model made of the demo's photos."""

    model: str
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
@json_option
@quiet_option
@click.pass_obj
def demo(voice: Voice, output: str, backend: str | None, threads: int | None) -> None:
    """Hide shipped photos in another, get them back, and show what that costs.

    For each number of hidden images, a container is written to DIR by the default model, and
    revealed from that file. PSNR (dB) and SSIM are printed of the container against the host
    and of the revealed images against the hidden ones (mean). DIR/demo.png shows host, container,
    their difference times 50, hidden and revealed images side by side.

    --json prints {"folder", "picture", "host", "trials": [{"hidden_images", "model", "container",
    "container_psnr", "container_ssim", "revealed_psnr", "revealed_ssim"}]}; the last two hold one
    number for each hidden image.
    """
    from isn import images, zoo
    from isn.evaluation.showcase import HOST
    from isn.paper.config import MAX_HIDDEN

    engine = choose_backend(backend, threads)
    counts = range(1, MAX_HIDDEN + 1)
    folder = Path(output)
    _take(folder, _names(counts))
    host, hidden = demo_photos(MAX_HIDDEN)
    images.write(folder / "host.png", host, overwrite=True)
    for k, pixels in enumerate(hidden, 1):
        images.write(folder / f"hidden-{k}.png", pixels, overwrite=True)
    trials = []
    with progress_bar(voice, "hiding and revealing") as tell:
        for k, count in enumerate(counts):
            part = _part(tell, k, len(counts))
            entry = zoo.default(count)
            trials.append(_try(entry, host, hidden[:count], folder, engine, part))
    picture = folder / "demo.png"
    images.write(picture, _picture(host, hidden, trials), overwrite=True)
    voice.report(_table(trials), *_next(folder, picture, trials[0]))
    voice.answer(
        folder=output,
        picture=str(picture),
        host=HOST,
        trials=[_facts(trial) for trial in trials],
    )


def _names(counts: Sequence[int]) -> list[str]:
    """Every file that the demo writes, but its mark."""
    return [
        "demo.png",
        "host.png",
        *(f"hidden-{k}.png" for k in range(1, max(counts) + 1)),
        *(_container_name(count) for count in counts),
        *(_revealed_name(count, k) for count in counts for k in range(1, count + 1)),
    ]


def _take(folder: Path, names: Sequence[str]) -> None:
    """Makes the folder the demo's own; refuses one that holds somebody else's files."""
    from isn.errors import OutputError

    mark = folder / MARK
    ours = mark.is_file() and mark.read_text("utf-8", "replace").startswith(_WORDS.splitlines()[0])
    for name in (*names, MARK):
        if not ours and os.path.lexists(folder / name):
            raise OutputError(
                f"{folder / name} is there and not from this demo: give another folder with -o"
            )
    make_folder(folder)
    mark.write_text(_WORDS, "utf-8")


def demo_photos(count: int) -> tuple[Pixels, list[Pixels]]:
    """The shipped host, and the first `count` of the photos that are hidden in it."""
    from isn.evaluation.showcase import HIDDEN, HOST, photos

    host, *hidden = photos((HOST, *HIDDEN[:count]))
    return host, hidden


def _part(
    tell: Callable[[float], None] | None, index: int, count: int
) -> Callable[[float], None] | None:
    """Tells the share of the whole from the share of one of its equal parts."""
    if tell is None:
        return None
    whole = tell
    return lambda share: whole((index + share) / count)


def _try(
    entry: Entry,
    host: Pixels,
    hidden: Sequence[Pixels],
    folder: Path,
    backend: Backend,
    tell: Callable[[float], None] | None,
) -> Trial:
    import isn
    from isn import images, zoo

    path = folder / _container_name(len(hidden))
    container = isn.hide(
        host, hidden, model=zoo.load(entry.name), backend=backend, progress=_part(tell, 0, 2)
    )
    images.write(path, container, overwrite=True)
    # From the file, as whoever receives it would.
    revealed = isn.reveal(path, backend=backend, progress=_part(tell, 1, 2))
    for k, pixels in enumerate(revealed, 1):
        images.write(folder / _revealed_name(len(revealed), k), pixels, overwrite=True)
    return Trial(
        entry.name,
        path,
        container,
        _quality(container, host),
        revealed,
        [_quality(a, b) for a, b in zip(revealed, hidden, strict=True)],
    )


def _container_name(count: int) -> str:
    return "container.png" if count == 1 else f"container-{count}.png"


def _revealed_name(count: int, index: int) -> str:
    return "revealed.png" if count == 1 else f"revealed-{count}-{index}.png"


def _quality(image: Pixels, original: Pixels) -> Quality:
    from isn.metrics import psnr, ssim

    return Quality(psnr(image, original), ssim(image, original))


def _picture(host: Pixels, hidden: Sequence[Pixels], trials: Sequence[Trial]) -> Pixels:
    """One image on the first row; the most that come back well on the second."""
    from isn.cli import sheet

    first, rows = trials[0], []
    container = f"container  {first.container_quality.psnr:.1f} dB"
    gain = f"difference  x {sheet.ERROR_GAIN}"
    panels = [
        sheet.panel(host, "host"),
        sheet.panel(first.container, container),
        sheet.panel(sheet.error(first.container, host), gain),
        sheet.panel(hidden[0], "hidden"),
        sheet.panel(first.revealed[0], f"revealed  {first.mean.psnr:.1f} dB"),
    ]
    rows.append(sheet.row("One photo hidden in another", [[each] for each in panels]))
    last = trials[-1]
    if last.count > 1 and last.mean.psnr > SHOWN_DB:
        width = sheet.fitting(last.count + 1)
        label = f"container  {last.container_quality.psnr:.1f} dB"
        columns = [
            [
                sheet.panel(last.container, label, width),
                sheet.panel(sheet.error(last.container, host), gain, width),
            ]
        ]
        for k, quality in enumerate(last.revealed_quality):
            label = f"revealed {k + 1}  {quality.psnr:.1f} dB"
            columns.append(
                [
                    sheet.panel(hidden[k], f"hidden {k + 1}", width),
                    sheet.panel(last.revealed[k], label, width),
                ]
            )
        rows.append(sheet.row(f"{_NUMBERS[last.count]} photos hidden in the same one", columns))
    return sheet.sheet(rows)


def _table(trials: Sequence[Trial]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table("hidden images", "model", box=box.SIMPLE_HEAD)
    for title in ("container PSNR, dB", "SSIM", "revealed PSNR, dB", "SSIM"):
        table.add_column(title, justify="right")
    for trial in trials:
        table.add_row(
            str(trial.count),
            trial.model,
            f"{trial.container_quality.psnr:.2f}",
            f"{trial.container_quality.ssim:.4f}",
            f"{trial.mean.psnr:.2f}",
            f"{trial.mean.ssim:.4f}",
        )
    return table


def _next(folder: Path, picture: Path, trial: Trial) -> tuple[str, ...]:
    return (
        f"{picture} shows them side by side. Try next:",
        f"  {_program()} reveal {_quoted(trial.path)} -o {_quoted(folder / 'again')}",
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
        "model": trial.model,
        "container": str(trial.path),
        "container_psnr": decibels(trial.container_quality.psnr),
        "container_ssim": round(trial.container_quality.ssim, 5),
        "revealed_psnr": [decibels(each.psnr) for each in trial.revealed_quality],
        "revealed_ssim": [round(each.ssim, 5) for each in trial.revealed_quality],
    }
