"""Options and habits that several commands share."""

from __future__ import annotations

import getpass
import math
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from isn.cli.voice import Voice

if TYPE_CHECKING:
    from isn.images import Picture
    from isn.paper.backends.base import Backend
    from isn.paper.weights import Weights

Command: TypeAlias = "Callable[..., Any]"

STANDARD = "-"
"""The name of a file that means standard input or output."""

PASSPHRASE_VARIABLE = "ISN_PASSPHRASE"
PASSPHRASE_FILE_BYTES = 1 << 20


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
    ctx.ensure_object(Voice).piped = value == STANDARD
    if value == STANDARD and sys.stdout.isatty():
        raise click.UsageError(
            "-o - writes a picture, and standard output is a terminal: redirect it, or name a file"
        )
    return value


model_option = click.option(
    "--model", metavar="NAME|PATH", help="A shipped model (see `isn models`) or a weights file."
)
backend_option = click.option(
    "--backend",
    callback=_check_backend,
    metavar="NAME",
    help="onnxruntime, or torch if installed. Default: torch where there is a CUDA device.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Threads of the onnxruntime backend, which this chooses. Default: one for each core.",
)
texture_option = click.option(
    "--texture",
    metavar="IMAGE",
    help="The key of a model that was trained with a texture as its lost part.",
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
    help="Print nothing but warnings and errors.",
)


def passphrase_options(command: Command) -> Command:
    """Adds ``--passphrase`` and ``--passphrase-file``; :func:`read_passphrase` takes both."""
    prompt = click.option(
        "--passphrase",
        "ask",
        is_flag=True,
        help="Ask for a passphrase; it is never taken from the command line.",
    )
    file = click.option(
        "--passphrase-file",
        metavar="FILE",
        help="Take the passphrase from a file of one line, in UTF-8. Default, without either: "
        f"the variable {PASSPHRASE_VARIABLE}, or none.",
    )
    return prompt(file(command))


def output_option(metavar: str, text: str) -> Callable[[Command], Command]:
    """The required ``-o``, where ``-`` hands standard output over to a picture."""
    return click.option(
        "-o", "--output", required=True, metavar=metavar, help=text, callback=_set_output
    )


def read_picture(name: str, voice: Voice) -> Picture:
    """Reads an image file, or standard input for ``-``, and says what was done to it."""
    from isn import images

    if name == STANDARD:
        picture = images.read(sys.stdin.buffer, "standard input")
    else:
        picture = images.read(name)
    for sentence in picture.notes:
        voice.note(sentence)
    return picture


def read_passphrase(ask: bool, file: str | None, *, twice: bool = False) -> str | None:
    """The passphrase from the terminal, a file or the environment, in this order; or None.

    Args:
        ask: whether ``--passphrase`` was given.
        file: what ``--passphrase-file`` named.
        twice: whether it is typed once more, since a slip would lock its own owner out.

    Raises:
        click.UsageError: two ways were asked for, or there is no terminal, or the two differ.
        ConfigError: the file cannot be read, or is not one line of UTF-8.
    """
    if ask and file is not None:
        raise click.UsageError(
            "--passphrase and --passphrase-file were both given: choose one of them"
        )
    if file is not None:
        return _passphrase_of(file)
    if not ask:
        # Set but empty is refused later: hiding without a passphrase is not what was meant.
        return os.environ.get(PASSPHRASE_VARIABLE)
    typed = _ask("Passphrase: ")
    if twice and _ask("The same again: ") != typed:
        raise click.UsageError("the two passphrases differ, so nothing was done: try again")
    return typed


def _ask(prompt: str) -> str:
    with warnings.catch_warnings():
        # What `getpass` warns of is that it would show what is typed, or read it from a pipe.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt, stream=sys.stderr)
        except getpass.GetPassWarning as error:
            raise click.UsageError(
                "--passphrase was given, and there is no terminal to ask at: "
                f"use --passphrase-file, or the variable {PASSPHRASE_VARIABLE}"
            ) from error
        except EOFError as error:
            raise click.Abort from error


def _passphrase_of(file: str) -> str:
    from isn.errors import ConfigError

    try:
        with open(file, "rb") as stream:
            content = stream.read(PASSPHRASE_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the passphrase file {file} cannot be read ({error.strerror}): give one that can"
        ) from error
    if len(content) > PASSPHRASE_FILE_BYTES:
        raise ConfigError(
            f"the passphrase file {file} is over {PASSPHRASE_FILE_BYTES} bytes: give one line"
        )
    try:
        # Editors on Windows put a mark before the text, which nobody types.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the passphrase file {file} is not UTF-8: save it as such, or make a key of letters"
        ) from error
    line = text.removesuffix("\n").removesuffix("\r")
    if "\n" in line:
        raise ConfigError(
            f"the passphrase file {file} has several lines: give one with the passphrase alone"
        )
    return line


def write_standard(encoded: bytes) -> None:
    """Writes a whole file to standard output."""
    sys.stdout.buffer.write(encoded)
    sys.stdout.buffer.flush()


def make_folder(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns those that are new, innermost first."""
    from isn.errors import OutputError

    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made ({error.strerror}): give another folder"
        ) from error
    return missing


def choose_backend(name: str | None, threads: int | None) -> Backend:
    """The backend that ``--backend`` and ``--threads`` ask for together."""
    from isn.paper import backends

    if threads is None:
        return backends.get(name)
    if name not in (None, backends.DEFAULT):
        raise click.UsageError(f"--threads is for the backend {backends.DEFAULT}, not for {name}")
    from isn.paper.backends.onnxruntime import OnnxRuntime

    return OnnxRuntime(threads)


def model_name(weights: Weights, given: str | None = None) -> str:
    """What to call a model: its name in the zoo, or else as it was given."""
    from isn import zoo

    entry = zoo.entry_of(weights.fingerprint)
    return entry.name if entry is not None else given or weights.fingerprint.hex()


def decibels(value: float) -> float | None:
    """A PSNR as JSON holds it: to a thousandth of a dB, and null for equal images."""
    return round(value, 3) if math.isfinite(value) else None


def sides(height: int, width: int) -> str:
    """A size as people write it: width first."""
    return f"{width} x {height}"
