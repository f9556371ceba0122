"""What `isn reveal` does for one container."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isn.cli import outputs, stores
from isn.cli.common import STANDARD, read_picture, sides, write_standard
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice
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
    check(method, salvage)
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


def check(method: str | None, salvage: bool) -> None:
    """Refuses what does not go together.

    Raises:
        click.UsageError: --salvage was given alone.
    """
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
