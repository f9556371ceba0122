"""What can go wrong, in the words a person is told.

Every message is one sentence that says what was given, what was expected and what to do.
Everything the library raises on purpose is an :class:`IsnError`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spelled:
    """Something in a sentence that is called one thing in Python and another in a command.

    Attributes:
        python: such as ``overwrite=True``.
        command: such as ``--overwrite``.
    """

    python: str
    command: str

    def __str__(self) -> str:
        """As Python has it."""
        return self.python


def setting(*names: str, **values: object) -> Spelled:
    """Parameters, for an error that names them.

    Args:
        names: those whose value does not matter.
        values: what others are to be, or were; True of an option without a value.
    """
    python, command = [*names], [f"--{name}" for name in names]
    for name, value in values.items():
        python.append(f"{name}={value!r}")
        command.append(f"--{name}" if value is True else f"--{name} {value}")
    return Spelled(", ".join(python), " ".join(command))


def counted(number: int, noun: str) -> str:
    """A number of things in words, such as "1 image" and "2 images"."""
    return f"{number} {noun}{'s' * (number != 1)}"


class IsnError(Exception):
    """Base of every error that this library raises on purpose.

    Args:
        parts: of one sentence, in which :class:`Spelled` is what Python and commands name apart.
    """

    def __init__(self, *parts: str | Spelled) -> None:
        super().__init__(*parts)

    def __str__(self) -> str:
        """The sentence for somebody who calls Python; :func:`sentence` is for everybody else."""
        return "".join(map(str, self.args))


class ConfigError(IsnError, ValueError):
    """A setting is out of its range, or two settings contradict each other."""


class ModelError(IsnError):
    """Weights cannot be found, read, or used for what was asked."""


class BackendError(IsnError):
    """A backend is unknown, or what it needs is not installed."""


class ImageError(IsnError):
    """An image cannot be read, is refused, or does not fit."""


class OutputError(IsnError):
    """A file cannot be written where, or as what, it was asked for."""


class RevealError(IsnError):
    """There is nothing to reveal; the subclasses say why."""


class NoSeal(RevealError):
    """No seal opens: never a container, or changed beyond recognition, or another passphrase."""


class AlteredContainer(RevealError):
    """The seal is whole, but the pixels are not those that were sealed."""


class UnknownModel(RevealError):
    """The container was made by a model that is not at hand."""


def sentence(error: BaseException) -> str:
    """What a person who gives commands is told of any error of this library or one below it."""
    if isinstance(error, IsnError):
        return "".join(each.command if isinstance(each, Spelled) else each for each in error.args)
    if isinstance(error, MemoryError):
        return "there is not enough memory for these images: give smaller ones"
    kind = type(error).__name__
    said = f"{kind}: {error}" if str(error) else kind
    return f"this is a fault of isn ({said}): please report it with what ISN_DEBUG=1 shows"
