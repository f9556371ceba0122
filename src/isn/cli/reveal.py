"""`isn reveal`: the hidden images, as files in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isn.cli.common import (
    STANDARD,
    backend_option,
    choose_backend,
    json_option,
    make_folder,
    model_name,
    model_option,
    output_option,
    overwrite_option,
    passphrase_options,
    quiet_option,
    read_passphrase,
    read_picture,
    sides,
    texture_option,
    threads_option,
    write_standard,
)
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.images import Pixels
    from isn.paper.weights import Weights


@click.command()
@click.argument("container")
@output_option("DIR", "Gets 1.png, 2.png, ...; - for PNG on standard output, if there is one.")
@click.option(
    "--no-seal",
    is_flag=True,
    help="Reveal what is left in a container whose seal is lost; give --count or --model.",
)
@click.option(
    "--count", type=click.IntRange(1, 5), metavar="N", help="Hidden images, with --no-seal."
)
@model_option
@passphrase_options
@texture_option
@backend_option
@threads_option
@overwrite_option
@json_option
@quiet_option
@click.pass_obj
def reveal(
    voice: Voice,
    container: str,
    output: str,
    no_seal: bool,
    count: int | None,
    model: str | None,
    ask: bool,
    passphrase_file: str | None,
    texture: str | None,
    backend: str | None,
    threads: int | None,
    overwrite: bool,
) -> None:
    """Reveal the images that are hidden in CONTAINER.

    CONTAINER is the file that `isn hide` wrote, or - for standard input. It says by itself which
    model made it, and how many images of which sizes it holds. DIR is made if it is missing.

    A container that was changed is refused, because what comes out of it is spoilt. Under
    --no-seal nothing is checked: of any image at all, something comes out, in the container's size.

    A container made with a passphrase wants it again, from --passphrase (asked for),
    --passphrase-file or ISN_PASSPHRASE: the first of these that is given counts. A wrong one is
    refused, under --no-seal too.

    --json prints {"container", "model", "sealed", "files": [{"file", "width",
    "height"}], "notes", "warnings"}. A failure prints {"error", "kind"}. With
    -o - it is the last line of standard error.
    """
    import isn
    from isn import images, zoo

    if count is not None and not no_seal:
        raise click.UsageError("--count was given without --no-seal, and the seal says it: drop it")
    if no_seal and count is None and model is None:
        raise click.UsageError("--no-seal was given alone: say how many images with --count")
    picture = read_picture(container, voice)
    weights: Weights | None = zoo.load(model) if model else None
    secret = read_passphrase(ask, passphrase_file)
    if no_seal:
        weights = weights or zoo.load(zoo.default(count or 1).name)
        if weights.config.prior is not None and count is None:
            raise click.UsageError("--no-seal was given alone: say how many images with --count")
        expected, name = count or weights.config.hidden_images, model_name(weights, model)
    else:
        found = isn.inspect(picture, passphrase=secret)
        expected, name = found.count, found.model or model or found.fingerprint.hex()
    paths = _plan(output, expected, overwrite)
    with progress_bar(voice, "revealing") as tell:
        revealed = isn.reveal(
            picture,
            model=weights,
            passphrase=secret,
            backend=choose_backend(backend, threads),
            sealed=not no_seal,
            count=count,
            texture=None if texture is None else read_picture(texture, voice),
            progress=tell,
        )
    if output == STANDARD:
        write_standard(images.encode(revealed[0]))
    else:
        _write(paths, revealed, overwrite)
    if no_seal:
        voice.warn("nothing was checked without a seal: judge by eye whether these are images")
    for path, pixels in zip(paths, revealed, strict=True):
        voice.report(f"{path}  {sides(*pixels.shape[:2])}")
    voice.answer(
        container=container,
        model=name,
        sealed=not no_seal,
        files=[
            {"file": str(path), "width": pixels.shape[1], "height": pixels.shape[0]}
            for path, pixels in zip(paths, revealed, strict=True)
        ],
        notes=voice.notes,
        warnings=voice.warnings,
    )


def _plan(output: str, count: int, overwrite: bool) -> list[Path]:
    """The files to write, refused here if they could not be written after the work."""
    from isn import images
    from isn.errors import OutputError

    if output == STANDARD:
        if count > 1:
            raise OutputError(
                f"the container holds {count} images, standard output takes one: give a folder"
            )
        return [Path(STANDARD)]
    folder = Path(output)
    paths = [folder / f"{k}.png" for k in range(1, count + 1)]
    if folder.is_dir():
        for path in paths:
            images.check_output(path, overwrite=overwrite)
        return paths
    if os.path.lexists(folder):
        raise OutputError(f"{output} is there and not a folder: give the name of a folder")
    above = next(each for each in folder.absolute().parents if os.path.lexists(each))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{output} cannot be made, {above} is not a folder that you may write in")
    return paths


def _write(paths: Sequence[Path], revealed: Sequence[Pixels], overwrite: bool) -> None:
    """Writes all files, or takes back those that are new."""
    from isn import images

    made = make_folder(paths[0].parent)
    new = [path for path in paths if not os.path.lexists(path)]
    written: list[Path] = []
    try:
        for path, pixels in zip(paths, revealed, strict=True):
            images.write(path, pixels, overwrite=overwrite)
            written.append(path)
    except BaseException:
        for path in written:
            if path in new:
                path.unlink(missing_ok=True)
        for folder in made:
            folder.rmdir()
        raise
