"""Where a passphrase comes from: the terminal, a file, or the environment."""

from __future__ import annotations

import getpass
import os
import sys
import warnings

import click

from isn.cli.common import Command
from isn.errors import ConfigError

PASSPHRASE_VARIABLE = "ISN_PASSPHRASE"
PASSPHRASE_FILE_BYTES = 1 << 20


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
