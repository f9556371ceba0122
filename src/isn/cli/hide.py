"""`isn hide`: images and files into a host, checked by revealing before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from isn.cli import hosts, made, stores
from isn.cli.capacity import facts_of, fitting, table
from isn.cli.cluster import crew_for, ray_option
from isn.cli.common import (
    STANDARD,
    backend_option,
    bits_option,
    file_option,
    fit_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    read_picture,
    read_secret,
    scaled_option,
    secrecy_option,
    survive_option,
    texture_option,
    threads_option,
    write_standard,
)
from isn.cli.crew import workers_option
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.api import Capacity, Container
    from isn.images import Picture
    from isn.method import Method
    from isn.secret import File

_USUAL = 75
"""Quality of JPEG that a container survives which is one itself."""


@dataclass(frozen=True)
class Order:
    """What to hide, in what, and how: the options of the command, but for the passphrase."""

    host: str
    output: str
    images: Sequence[str] = ()
    files: Sequence[str] = ()
    method: str | None = None
    bits: float | None = None
    secrecy: str | None = None
    survive: int | None = None
    scaled: int | str | None = None
    fit: int | str | None = None
    refine: int | None = None
    texture: str | None = None
    backend: str | None = None
    overwrite: bool = False
    dry_run: bool = False

    @property
    def tuning(self) -> dict[str, Any]:
        """What the method is told, where it is one that carries bytes."""
        usual = _USUAL if _is_jpeg(self.output) else None
        survive = usual if self.survive is None else self.survive
        return {
            "bits": self.bits,
            "secrecy": self.secrecy,
            "survive": survive,
            "scaled": self.scaled,
        }


@click.command()
@click.argument("host")
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@file_option
@output_option(
    "OUT",
    "The container: .png, .webp, .tif, or .jpg (see --survive); - for PNG on standard output.",
)
@click.option(
    "--method",
    metavar="NAME|PATH",
    help="See `isn methods`; or a weights file.  [default: photos]",
)
@bits_option
@secrecy_option
@survive_option
@scaled_option
@fit_option
@passphrase_options
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Make a container of the paper's methods reveal better by so many steps of gradient "
    "descent, 30 for example: slow, needs torch.",
)
@texture_option
@backend_option
@threads_option
@workers_option
@ray_option
@overwrite_option
@click.option(
    "--dry-run", is_flag=True, help="Say what it would give, in one host, and do nothing."
)
@json_option
@quiet_option
@click.pass_obj
def hide(
    voice: Voice,
    /,
    ask: bool,
    passphrase_file: str | None,
    workers: int | None,
    cluster: str | None,
    **given: Any,
) -> int:
    """Hide images and files in HOST.

    HOST and each IMAGE are image files of any size; one of them may be - for standard input. A file
    of any other kind is given with --file. Everything comes back in its own size, files exactly.

    The container looks like HOST. Before it is written it is revealed, and what that gave is
    printed: PSNR in dB, of the container against HOST and of each revealed image against IMAGE.
    All that is hidden shares the room of the host: see `isn capacity`.

    HOST may be a folder: the same is hidden in each image below it, and OUT is a folder for the
    containers, which have their hosts' names and are PNG. One that fails is named, the others go
    on, and the exit code is 1. To pair many hosts with images of their own: `isn batch`.

    Send the container as a file: whatever stores it with loss (JPEG, most messengers) destroys
    what is hidden, unless it was made with --survive, or is itself a .jpg. Then far less fits.

    With a passphrase, nobody without it can reveal what is hidden, or forge the container. It comes
    from --passphrase (asked for twice), --passphrase-file or ISN_PASSPHRASE: the first of
    these that is given counts. The paper's own methods take none.

    --dry-run says what would come of it, and the exit code is 0 where it fits, 1 where not. Of a
    folder of hosts `isn capacity` says that.

    --json prints {"container", "width", "height", "method", "code", "container_psnr",
    "hidden": [{"file", "width", "height", "revealed_psnr"} or {"file", "bytes"}],
    "notes", "warnings"}; a PSNR is null where the images are equal. A failure
    prints {"error", "kind"}. With -o - it is the last line of standard error.
    With --dry-run it is {"container", "fits", ...} and what `isn capacity`
    prints of a method. Of a folder each host prints its own line, with "host".
    """
    order = Order(**given)

    def passphrase() -> str | None:
        return read_passphrase(ask, passphrase_file, twice=True)

    if stores.is_folder(order.host):
        return hosts.hide_in_all(voice, order, passphrase, crew_for(workers, cluster))
    if cluster is not None or workers is not None:
        raise click.UsageError("--workers and --ray are for many hosts: give a folder of them")
    return carry_out(voice, order, passphrase)


def carry_out(voice: Voice, order: Order, passphrase: Callable[[], str | None]) -> int:
    """Hides as it was ordered; returns the exit code.

    Args:
        voice: to speak with.
        order: what to hide, in what, and how.
        passphrase: asked for once all else is sound.

    Raises:
        IsnError: as :func:`isn.hide`, or the container cannot be written.
        click.UsageError: as :func:`~isn.cli.common.read_secret`, or nothing was given to hide.
    """
    from isn import advice

    output, overwrite = order.output, order.overwrite
    if not order.images and not order.files:
        raise click.UsageError("nothing was given to hide: give an IMAGE, or a file with --file")
    stores.check_there(order.host, *order.images, *order.files)
    jpeg = _is_jpeg(output)
    if jpeg and order.survive is None:
        _check_lasting(order)
    if output != STANDARD:
        stores.check_output(output, overwrite=overwrite, survives=jpeg)
    chosen = _method(voice, order)
    cover, secret = read_secret(order.host, order.images, order.files, voice, order.fit)
    if output != STANDARD:
        rows, columns = cover.pixels.shape[:2]
        stores.check_output(output, overwrite=overwrite, size=(rows, columns), survives=jpeg)
    if order.dry_run:
        return _foretell(voice, output, fitting(chosen.name, cover, secret, **order.tuning))
    phrase = passphrase()
    if order.secrecy is not None:
        for sentence in advice.of_betrayal(phrase):
            voice.warn(sentence)
    hidden = _hide(voice, cover, secret, chosen, phrase)
    for sentence in hidden.host.notes:
        voice.note(sentence)
    container = _write(voice, order, hidden)
    made.tell(voice, order, container, secret, phrase)
    return 0


def _method(voice: Voice, order: Order) -> Method:
    from isn.method import DEFAULT, get

    return get(
        order.method or DEFAULT,
        **order.tuning,
        refine=order.refine,
        texture=None if order.texture is None else read_picture(order.texture, voice).pixels,
        backend=order.backend,
    )


def _write(voice: Voice, order: Order, container: Container) -> Container:
    """Writes a container; returns it as whoever opens the file sees it."""
    with progress_bar(voice, "writing"):
        if order.output == STANDARD:
            write_standard(container.encoded())
        else:
            stores.save(container, order.output, overwrite=order.overwrite)
        return container.as_jpeg() if _is_jpeg(order.output) else container


def _check_lasting(order: Order) -> None:
    """Refuses what does not go with a container whose name alone asks that it survives a JPEG.

    Raises:
        click.UsageError: there is something.
    """
    from isn.method import get

    given = [f"--{name}" for name in ("bits", "secrecy") if getattr(order, name) is not None]
    if order.method and "survive" not in get(order.method).options:
        given = [f"--method {order.method}"]
    if given:
        raise click.UsageError(
            f"a .jpg is to survive a JPEG, which nothing does with {given[0]}: give a .png, or "
            f"leave out {given[0]}"
        )


def _is_jpeg(output: str) -> bool:
    from pathlib import Path

    from isn.images import JPEG

    return output != STANDARD and Path(output).suffix.lower() in JPEG


def _foretell(voice: Voice, output: str, found: Capacity) -> int:
    """Says what hiding would give; returns the exit code."""
    voice.report(table([found]))
    voice.answer(
        container=output, fits=not found.fits, **facts_of(found), notes=voice.notes, warnings=[]
    )
    return 1 if found.fits else 0


def _hide(
    voice: Voice,
    cover: Picture,
    secret: Sequence[Picture | File],
    chosen: Method,
    passphrase: str | None,
) -> Container:
    """A container that was checked.

    Raises:
        IsnError: what comes out of it is not what was hidden.
    """
    import isn
    from isn.errors import IsnError, RevealError, sentence

    try:
        with progress_bar(voice, "hiding") as tell:
            return isn.hide(
                cover, secret, method=chosen, passphrase=passphrase, check=True, progress=tell
            )
    except RevealError as error:
        raise IsnError(
            f"the container that was made does not reveal ({sentence(error)}), so nothing was "
            "written: try another method or backend"
        ) from error
