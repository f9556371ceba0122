"""What can go wrong, in the words a person is told.

Every message is one sentence that says what was given, what was expected and what to do.
Everything the library raises on purpose is an :class:`IsnError`.
"""


class IsnError(Exception):
    """Base of every error that this library raises on purpose."""


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
    """What a person is told of any error of this library or of a library below it."""
    if isinstance(error, IsnError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for these images: give smaller ones"
    kind = type(error).__name__
    said = f"{kind}: {error}" if str(error) else kind
    return f"this is a fault of isn ({said}): please report it with what ISN_DEBUG=1 shows"
