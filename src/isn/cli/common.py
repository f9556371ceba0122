"""Options and habits that several commands share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from isn import threads
from isn.cli import stores
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice
from isn.errors import counted

if TYPE_CHECKING:
    from isn.images import Picture
    from isn.secret import Content, File

Command: TypeAlias = "Callable[..., Any]"

STANDARD = "-"
"""The name of a file that means standard input or output."""


def _set_json(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    ctx.ensure_object(Voice).json = value


def _set_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    ctx.ensure_object(Voice).quiet = value


def _check_backend(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    # Not a `click.Choice`, so that help does not wait for NumPy.
    if value is not None:
        from isn.paper.backends import BACKENDS

        if value not in BACKENDS:
            known = ", ".join(BACKENDS)
            raise click.BadParameter(f"there is no {value!r}, choose one of {known}", ctx, param)
    return value


def _set_output(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del param
    if value != STANDARD:
        return value
    if sys.stdout is None or sys.stdout.closed:
        raise click.UsageError("-o - writes to standard output, which is closed: name a file")
    ctx.ensure_object(Voice).piped = True
    if sys.stdout.isatty():
        raise click.UsageError(
            "-o - writes a picture, and standard output is a terminal: redirect it, or name a file"
        )
    return value


def _limit_threads(context: click.Context, parameter: click.Parameter, value: int | None) -> None:
    """Before anything is imported that computes."""
    del context, parameter
    if value is not None:
        threads.limit(value)


backend_option = click.option(
    "--backend",
    callback=_check_backend,
    metavar="NAME",
    help="Where a network runs: native, or torch if installed. Default: torch where there is "
    "a CUDA device.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    callback=_limit_threads,
    expose_value=False,
    is_eager=True,
    help="Threads that compute. Default: one for each core.",
)
texture_option = click.option(
    "--texture",
    metavar="IMAGE",
    help="The key of a network that was trained with a texture as its lost part.",
)
file_option = click.option(
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="A file of any kind to hide; repeat it for more.",
)
bits_option = click.option(
    "--bits",
    type=click.FloatRange(0.01, 4.0),
    metavar="N",
    help="Bits of a sample that may be used, 0.01 to 4: 1 gives a container of 54 dB, 2 of 48, 3 "
    "of 42, 4 of 36, and each bit more about 6 dB more of what one image reveals. Default: what "
    "the method wants.",
)
secrecy_option = click.option(
    "--secrecy",
    type=click.Choice(["high", "medium", "low"]),
    help="Hide so that nobody finds it: change few samples, by one level, where it cannot be told. "
    "The higher, the fewer, and the less fits: 0.06, 0.12 or 0.25 bits of a sample, or as --bits "
    "says.",
)
survive_option = click.option(
    "--survive",
    type=click.IntRange(30, 95),
    metavar="QUALITY",
    help="Let what is hidden survive a JPEG of this quality, 30 to 95, and whatever changes less: "
    "90 gives a container of 42 dB, 75 of 40, 50 of 36, and the lower, the less fits. Default: 75 "
    "for a container that is a .jpg, else nothing.",
)
scaled_option = click.option(
    "--scaled",
    metavar="N|NAME",
    help="With --survive, 50 or more, or a .jpg: let it survive being scaled down to a longer side "
    "of N pixels too, or of a fifth more and above, and back or not. By name as for --fit.",
)
fit_option = click.option(
    "--fit",
    metavar="N|NAME",
    help="Scale the host down first, so that its longer side has N pixels: what a messenger keeps, "
    "which then scales nothing. By name: whatsapp, signal, telegram or deltachat.",
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace files that are there already."
)
json_option = click.option(
    "--json",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_json,
    help="Print one JSON object for programs.",
)
quiet_option = click.option(
    "--quiet",
    "-q",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_quiet,
    help="Print nothing but errors, and what other options ask for.",
)


def output_option(metavar: str, text: str) -> Callable[[Command], Command]:
    """The required ``-o``, where ``-`` hands standard output over to a picture."""
    return click.option(
        "-o", "--output", required=True, metavar=metavar, help=text, callback=_set_output
    )


def read_picture(name: str, voice: Voice, fit: int | str | None = None) -> Picture:
    """Reads an image file, or standard input for ``-``, and says what was done to it.

    Raises:
        ImageError: it cannot be read, or standard input is closed.
        ConfigError: as :func:`isn.images.fitted`.
    """
    from isn import images
    from isn.errors import ImageError

    if name == STANDARD and (sys.stdin is None or sys.stdin.closed):
        raise ImageError("- was given, and standard input is closed: give the name of a file")
    with progress_bar(voice, "reading"):
        if name == STANDARD:
            picture = images.read(sys.stdin.buffer, "standard input")
        else:
            picture = images.read(stores.source(name), name)
        picture = images.fitted(picture, fit)
    for sentence in picture.notes:
        voice.note(sentence)
    return picture


def read_secret(
    host: str,
    images: Sequence[str],
    files: Sequence[str],
    voice: Voice,
    fit: int | str | None = None,
) -> tuple[Picture, list[Picture | File]]:
    """Reads a host, and what is to be hidden in it: images, then files.

    Raises:
        click.UsageError: standard input was named more than once, or for a file.
        ImageError: one of them cannot be read.
        ConfigError: as :func:`isn.images.fitted`, of the host.
    """
    if (host, *images).count(STANDARD) > 1:
        raise click.UsageError("- was given more than once: only one image is on standard input")
    _check_files(files)
    cover = read_picture(host, voice, fit)
    return cover, read_hidden(images, files, voice)


def read_hidden(images: Sequence[str], files: Sequence[str], voice: Voice) -> list[Picture | File]:
    """Reads what is to be hidden, as :func:`read_secret` does."""
    from isn.secret import or_as_file

    _check_files(files)
    found: list[Picture | File] = []
    for each in images:
        with or_as_file(stores.path_of(each)):
            found.append(read_picture(each, voice))
    return [*found, *map(stores.file, files)]


def _check_files(files: Sequence[str]) -> None:
    if STANDARD in files:
        raise click.UsageError("--file - was given: a file has a name, so give one from the disk")


def write_standard(encoded: bytes) -> None:
    """Writes a whole file to standard output.

    Raises:
        BrokenPipeError: whoever was to read it has gone.
        OutputError: it takes no more.
    """
    from isn.errors import OutputError

    try:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"standard output cannot be written ({error.strerror}): give it room"
        ) from error


def decibels(value: float) -> float | None:
    """A PSNR as JSON holds it: to a thousandth of a dB, and null for equal images."""
    return round(value, 3) if math.isfinite(value) else None


def count_of(images: int, files: int) -> str:
    """Numbers of images and files in words, such as "1 image and 2 files"."""
    told = [(images, "image"), (files, "file")]
    return " and ".join(counted(*each) for each in told if each[0]) or "nothing"


def facts_of(content: Content) -> dict[str, object]:
    """One thing that a container holds, as JSON has it."""
    if content.size is None:
        return {"name": content.name, "bytes": content.length}
    return {"width": content.size[1], "height": content.size[0]}


def sides(height: int, width: int) -> str:
    """A size as people write it: width first."""
    return f"{width} x {height}"
