"""The command `isn`: hides images and files in an image and reveals them.

Commands are imported when they are used, so that ``isn --version`` and ``isn --help`` answer at
once. This package is the only place that prints, parses or exits.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from isn import __version__, threads
from isn.cli import failures
from isn.cli.voice import Voice, columns, hold_streams, silence_streams, survive_odd_names
from isn.errors import OutputError

COMMANDS = {
    "hide": "Hide images and files in a host image.",
    "batch": "Hide by a list of many jobs.",
    "reveal": "Get back what is hidden in containers.",
    "info": "What a container holds, and whether it is intact.",
    "capacity": "What fits in a host, by each method.",
    "methods": "The shipped methods: what each is for, and what was measured.",
    "web": "Hide and reveal on a page in your browser.",
    "demo": "Hide and reveal shipped photos, and draw a picture of it.",
    "train": "Train a model on a folder of images.",
    "sweep": "Train variants of a model, and compare them.",
    "keysheet": "What a texture-keyed model reveals under other textures.",
    "analyze": "Look for hidden images as somebody without the model would.",
    "evaluate": "Measure models on your images, next to the alternatives.",
}
"""Name and summary of each; `NAME` stands in the module ``isn.cli.NAME``."""


class _Help(click.HelpFormatter):
    """Help that fits a narrow terminal too."""

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Writes names and what they are, beside or below each other."""
        super().write_dl(rows, col_max if self.width > 60 else 12, col_spacing)


class _Context(click.Context):
    formatter_class = _Help


class Commands(click.Group):
    """The group of all commands, which ends every failure with one sentence and an exit code."""

    context_class = _Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a person needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command; None where there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"isn.cli.{cmd_name}"), cmd_name)
        command.context_class = _Context
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs one command and exits with its code, whatever happens."""
        del standalone_mode
        given = sys.argv[1:] if args is None else args
        # The process is this command's own: flaws in a file's metadata that do not touch the
        # picture are nothing to tell of here.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        # Until the options are parsed, and where that fails, this word is all there is to go by.
        voice = Voice(json="--json" in given)
        hold_streams()
        survive_odd_names()
        threads.spare_blas()
        code = failures.FAILED
        try:
            with failures.tidy_at_sigterm():
                outcome = super().main(
                    args,
                    prog_name,
                    complete_var,
                    standalone_mode=False,
                    windows_expand_args=windows_expand_args,
                    obj=voice,
                    # As click has it, which believes in no fewer than 50.
                    terminal_width=max(min(columns(), 80) - 2, 18),
                    **extra,
                )
                voice.flush()
            code = outcome if isinstance(outcome, int) else 0
        except BrokenPipeError:
            # Whoever was to read it has gone: nothing to say, and nobody to say it to.
            pass
        except (Exception, KeyboardInterrupt, failures.Terminated) as error:  # noqa: BLE001
            failure = failures.explain(error)
            code = failure.code
            with suppress(OSError, OutputError):
                voice.fail(failure.sentence, failure.kind)
        silence_streams()
        sys.exit(code)


@click.group(
    cls=Commands,
    name="isn",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="isn %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Hide images and files in an image, and get them back from the picture alone.

    As in `isn hide host.jpg secret.jpg -o container.png`, and then, perhaps elsewhere,
    `isn reveal container.png -o revealed`.

    Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to reveal (no container, altered, another
    passphrase or method), 4 an image does not fit or cannot be read, 130 stopped by Ctrl-C, 143 by
    SIGTERM. ISN_DEBUG=1 shows where a failure arose.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)
