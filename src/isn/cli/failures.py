"""What went wrong, as an exit code and one sentence. The only place that knows exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

import click

from isn.errors import ConfigError, ImageError, IsnError, OutputError, RevealError, sentence

CODES = 1, 2, 3, 4, 130, 143
FAILED, USAGE, NOTHING_TO_REVEAL, UNFIT_IMAGE, INTERRUPTED, TERMINATED = CODES

_CODES: tuple[tuple[type[IsnError], int], ...] = (
    (RevealError, NOTHING_TO_REVEAL),
    (ImageError, UNFIT_IMAGE),
    (ConfigError, USAGE),
    (OutputError, USAGE),
)
_EXTRAS = {
    **dict.fromkeys(("torch", "tensorboard", "webdataset"), "train"),
    **dict.fromkeys(("skimage", "matplotlib", "jinja2"), "evaluate"),
    **dict.fromkeys(("scipy", "sklearn"), "analyze"),
    **dict.fromkeys(("ray", "fsspec"), "ray"),
    **dict.fromkeys(("starlette", "uvicorn"), "web"),
}


class Terminated(BaseException):
    """SIGTERM: ends a command as Ctrl-C does, with everything tidied up on the way."""


@contextlib.contextmanager
def tidy_at_sigterm() -> Iterator[None]:
    """Raises :class:`Terminated` at the first SIGTERM; a second one ends the process at once."""

    def stop(number: int, frame: object) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:
        # Only the main thread takes signals; whoever calls this from another one handles them.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class Failure:
    """How a command ends that did not do what it was asked.

    Attributes:
        code: the exit code.
        sentence: what was given, what was expected and what to do.
        kind: a stable word for programs, such as "NoSeal".
    """

    code: int
    sentence: str
    kind: str


def explain(error: BaseException) -> Failure:
    """The exit code and the sentence for whatever ended a command.

    With ISN_DEBUG set the traceback goes to standard error as well.
    """
    if os.environ.get("ISN_DEBUG"):
        traceback.print_exception(error)
    kind = type(error).__name__
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Failure(INTERRUPTED, "stopped", "Interrupted")
    if isinstance(error, Terminated):
        return Failure(TERMINATED, "stopped", kind)
    if isinstance(error, click.ClickException):
        return Failure(error.exit_code, _of_click(error), kind)
    if isinstance(error, IsnError):
        return Failure(_code(error), sentence(error), kind)
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS:
            remedy = f"pip install 'isn[{_EXTRAS[package]}]'"
            return Failure(FAILED, f"this needs {package}, which is not installed: {remedy}", kind)
    if isinstance(error, OSError) and error.strerror:
        name = f"{os.fsdecode(error.filename)}: " if _is_path(error.filename) else ""
        return Failure(FAILED, f"{name}{error.strerror}", kind)
    return Failure(FAILED, sentence(error), kind)


def _code(error: IsnError) -> int:
    # A full disk is nothing that other words on the command line would have prevented.
    cause = error.__cause__
    if isinstance(error, OutputError) and isinstance(cause, OSError):
        return USAGE if isinstance(cause, FileExistsError) else FAILED
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def _of_click(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "isn"
    return f"{message[:1].lower()}{message[1:]} (see {path} --help)"


def _is_path(name: object) -> bool:
    return isinstance(name, str | bytes)
