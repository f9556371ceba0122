"""`isn reveal`: what is hidden in a container, as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isn.cli import crew, failures, outputs, stores
from isn.cli.cluster import crew_for
from isn.cli.common import (
    STANDARD,
    backend_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    read_picture,
    sides,
    texture_option,
    threads_option,
    write_standard,
)
from isn.cli.crew import workers_option
from isn.cli.many import Several, Turns, are_several
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice
from isn.cli.worker import Job
from isn.errors import counted

if TYPE_CHECKING:
    from isn.images import Picture
    from isn.secret import Content, Item


_QUALITY = 95
"""Of a JPEG, where one is asked for."""


@dataclass(frozen=True)
class Order:
    """What to reveal, where to, and how: the options of the command, but for the passphrase."""

    container: str
    output: str
    method: str | None = None
    salvage: bool = False
    texture: str | None = None
    backend: str | None = None
    overwrite: bool = False
    folder: bool = False
    """Whether `output` is one, whatever its name."""


@click.command()
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@output_option(
    "FOLDER|FILE",
    "A folder gets 1.png, 2.png, ... and the files under their names; a name such as x.png, x.jpg "
    "or x.pdf gets the one image or file that there is, - one thing on standard output. Several "
    "containers get a folder each in it.",
)
@click.option(
    "--method",
    metavar="NAME|PATH",
    help="Weights that made it, where they are not shipped; or what --salvage is to try.",
)
@click.option(
    "--salvage",
    is_flag=True,
    help="Reveal what is left in a damaged container of one of the paper's own methods: with "
    "--method.",
)
@passphrase_options
@texture_option
@backend_option
@threads_option
@workers_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def reveal(
    voice: Voice,
    /,
    containers: tuple[str, ...],
    output: str,
    ask: bool,
    passphrase_file: str | None,
    workers: int | None,
    **given: Any,
) -> int:
    """Reveal what is hidden in CONTAINER.

    CONTAINER is the file that `isn hide` wrote, or - for standard input. It says by itself which
    method made it, and what it holds. A folder is made if it is missing. Of several things all are
    written or none, and none over a file that is there, but with --overwrite.

    A container that was changed is refused, because what comes out of it is spoilt or forged. Under
    --salvage nothing is checked: of any image at all, something comes out, in the container's size.

    A container made with a passphrase wants it again, from --passphrase (asked for),
    --passphrase-file or ISN_PASSPHRASE: the first of these that is given counts. A wrong one is
    refused.

    Several containers may be given, and folders, which stand for the images below them. Each is
    revealed into a folder in FOLDER that has its name, without the suffix and with a number where
    it must be. One that fails is named, the others go on, and the exit code is 1.

    What comes out without a passphrase may be anybody's: do not trust a file more for having been
    hidden.

    --json prints {"container", "code", "salvaged", "files": [{"file", "width",
    "height"} or {"file", "bytes"}], "notes", "warnings"}. A failure prints
    {"error", "kind"}. With -o - it is the last line of standard error. Of several
    containers each prints its own line, with "error" and "kind" where it failed.
    """

    def passphrase() -> str | None:
        return read_passphrase(ask, passphrase_file)

    if are_several(containers):
        return _all(voice, containers, output, given, passphrase, workers)
    carry_out(voice, Order(containers[0], output, **given), passphrase)
    return 0


def _all(
    voice: Voice,
    containers: Sequence[str],
    output: str,
    given: dict[str, Any],
    passphrase: Callable[[], str | None],
    workers: int | None,
) -> int:
    """Reveals several containers; returns the exit code."""
    _check(given["method"], given["salvage"])
    if given["texture"] == STANDARD:
        raise click.UsageError("--texture - was given with several containers: name a file")
    outputs.folder_of_all(stores.path_here(output))
    several, taken = Several(containers), set[str]()
    turns, phrase = Turns(voice, "container", several.names), passphrase()
    turns.refuse(several.failed)
    jobs = [
        Job(
            "reveal",
            name,
            asdict(Order(name, stores.below(output, own), folder=True, **given)),
            phrase,
        )
        for name in several.names
        for own in [outputs.unused(outputs.stem_of(name), "", taken)]
    ]
    crew.run_with_bar(voice, "revealing", jobs, crew_for(workers, None), turns.take)
    return failures.FAILED if turns.failed else 0


def carry_out(voice: Voice, order: Order, passphrase: Callable[[], str | None]) -> None:
    """Reveals as it was ordered.

    Args:
        voice: to speak with.
        order: what to reveal, and where to.
        passphrase: asked for once the container is read.

    Raises:
        IsnError: as :func:`isn.reveal`, or what comes out cannot be written.
        click.UsageError: --salvage was given alone.
    """
    import isn
    from isn import api

    output, method, salvage = stores.path_here(order.output), order.method, order.salvage
    _check(method, salvage)
    picture = read_picture(order.container, voice)
    key = None if order.texture is None else read_picture(order.texture, voice)
    secret = passphrase()
    opened = None
    if salvage:
        name, contents = method, tuple(_left(picture, str(method)))
    else:
        with progress_bar(voice, "looking"):
            opened = api.opened(
                picture, method=method, passphrase=secret, backend=order.backend, texture=key
            )
            said = opened.say()
        name, contents = said.code or method, said.contents
    # Of what was changed nothing is known, and revealing it says why.
    paths = (
        outputs.plan(output, contents, overwrite=order.overwrite, folder=order.folder)
        if contents
        else []
    )
    with progress_bar(voice, "revealing") as tell:
        revealed = (
            opened.reveal(tell)
            if opened is not None
            else isn.reveal(
                picture,
                method=method,
                passphrase=secret,
                backend=order.backend,
                texture=key,
                salvage=True,
                progress=tell,
            )
        )
    with progress_bar(voice, "writing"):
        written = [_encoded(*each) for each in zip(paths, revealed, strict=True)]
        if output == STANDARD:
            write_standard(written[0])
        else:
            outputs.write_all(paths, written, overwrite=order.overwrite)
    if salvage:
        voice.warn("nothing was checked: judge by eye whether these are images")
    names = [stores.as_given(order.output, path) for path in paths]
    for written_as, item in zip(names, revealed, strict=True):
        voice.report(f"{written_as}  {_size(item)}")
    voice.answer(
        container=order.container,
        code=name,
        salvaged=salvage,
        files=_facts(names, revealed),
        notes=voice.notes,
        warnings=voice.warnings,
    )


def _check(method: str | None, salvage: bool) -> None:
    if salvage and method is None:
        raise click.UsageError("--salvage was given alone: say with --method what made it")


def _left(picture: Picture, name: str) -> list[Content]:
    """What a damaged container of a method holds, as far as the method says it."""
    from isn import method
    from isn.secret import Content

    size = (picture.pixels.shape[0], picture.pixels.shape[1])
    return [Content(size)] * method.get(name).counts.start


def _encoded(path: Path, item: Item) -> bytes:
    from isn import images
    from isn.secret import File

    if isinstance(item, File):
        return item.content
    suffix = path.suffix.lower()
    if suffix in images.JPEG:
        return images.encode_jpeg(item, _QUALITY, whole=True)
    return images.encode(item, images.LOSSLESS.get(suffix, "PNG"))


def _size(item: Item) -> str:
    from isn.secret import File

    if isinstance(item, File):
        return counted(len(item.content), "byte")
    return sides(*item.shape[:2])


def _facts(names: Sequence[str], items: Sequence[Item]) -> list[dict[str, Any]]:
    from isn.secret import File

    return [
        {"file": name, "bytes": len(item.content)}
        if isinstance(item, File)
        else {"file": name, "width": item.shape[1], "height": item.shape[0]}
        for name, item in zip(names, items, strict=True)
    ]
