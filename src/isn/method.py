"""A method hides a secret in a host, and reveals it from the container.

There are two kinds. The paper's takes the host through the invertible network
(:mod:`isn.paper.method`). A carried method is a code (what is hidden -> bytes) times a carrier
(bytes -> pixels)::

    hide     secret -> code.encode -> envelope.close -> carrier.write -> container
    reveal   container -> carrier.read -> envelope.open -> code.decode -> secret

:data:`METHODS` has the shipped ones by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from isn import envelope, images, zoo
from isn.carriers import Carrier, carriers
from isn.carriers.trellis import Trellis
from isn.codes import LEAST_BITS, MOST_BITS, Code, Room
from isn.codes.avif import THOROUGH_BELOW, Avif, available
from isn.codes.bundle import Bundle
from isn.codes.file import Files
from isn.codes.photos import Photos
from isn.envelope import Head
from isn.errors import (
    AlteredContainer,
    ConfigError,
    ImageError,
    NoSeal,
    UnknownModel,
    setting,
)
from isn.images import Picture, Pixels, kept
from isn.keys import SALT_BYTES, Key
from isn.metrics import psnr
from isn.paper.method import NUMBER as PAPER_NUMBER
from isn.paper.method import Paper
from isn.progress import Tell, part, silent
from isn.secret import Content, File, Item, Secret

# Late below, as whatever few commands need.
if TYPE_CHECKING:
    from isn.carriers.dct import Dct, Margin
    from isn.weights import Architecture, Weights

DEFAULT: Final = "photos"

SECRECY: Final = {"high": 0.06, "medium": 0.12, "low": 0.25}
"""Bits of a sample that are used so that nobody finds them, in words."""

RIVALS_BELOW: Final = ((THOROUGH_BELOW, 2.1), (1_000_000, 1.6), (math.inf, 0.9))
"""Bits of a hidden pixel below which all codes of a method are tried, and the best is kept, by how
many pixels the images have together: AVIF is the better the longer it looks, and of many pixels a
look takes minutes."""

_SALTS: Final = 4
"""How often a secret is sealed at most, where a host is asked whether it keeps it."""

_ENOUGH: Final = 100.0
"""PSNR that nobody tells from infinity."""


class Method(Protocol):
    """Hides and reveals."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def options(self) -> frozenset[str]:
        """What :func:`tuned` may set of it."""
        ...

    @property
    def counts(self) -> range:
        """How many images it hides in one host."""
        ...

    def hide(self, host: Pixels, secret: Secret, key: Key, tell: Tell = silent) -> Pixels:
        """The container, uint8, of the host's height and width.

        Args:
            host: uint8, H x W (grey) or H x W x 3; stays as it is.
            secret: images (uint8, H x W x 3) and files.
            key: whose keys seal it.
            tell: told the share that is done.

        Raises:
            ConfigError: the method does not hide such a secret, or not under such a key.
            ImageError: the host is too small.
        """
        ...

    def reveal(self, container: Pixels, key: Key, tell: Tell = silent) -> list[Item]:
        """What a container of this method holds.

        Raises:
            NoSeal: it is none, or of another key.
            AlteredContainer: it was changed.
            UnknownModel: another method made it.
        """
        ...

    def salvage(self, container: Pixels, tell: Tell = silent) -> list[Item]:
        """What is left in a damaged container.

        Raises:
            AlteredContainer: nothing is.
        """
        ...

    def tuned(self, options: Mapping[str, Any]) -> Method:
        """The same method with some of its :attr:`options` set."""
        ...


@dataclass(frozen=True, eq=False)
class Carried:
    """A code of images times a carrier; files go with every one.

    Attributes:
        name: what it is called.
        pictures: the code of images. Where there are several and room is small, the best is kept.
        carrier: what carries their bytes.
        bits: of a sample that may be used, on average; 0: what the code wants.
    """

    name: str
    pictures: tuple[Code, ...]
    carrier: Carrier
    bits: float = 0.0

    def __post_init__(self) -> None:
        given: object = self.bits
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise _no_bits(given)
        if given and not LEAST_BITS <= given <= MOST_BITS:
            raise _no_bits(given)

    @property
    def options(self) -> frozenset[str]:
        """See :class:`Method`: a backend is used where a network runs."""
        if any(hasattr(each, "backend") for each in self.pictures):
            return frozenset({"bits", "backend"})
        return frozenset({"bits", "secrecy", "survive", "scaled"})

    @property
    def counts(self) -> range:
        """See :class:`Method`."""
        return self.pictures[0].counts

    def tuned(self, options: Mapping[str, Any]) -> Carried:
        """See :func:`tuned`."""
        if "bits" in options and not options["bits"]:
            raise _no_bits(options["bits"])
        codes, carrier, bits = self.pictures, self.carrier, self.bits
        if "backend" in options:
            codes = tuple(_run_on(each, options["backend"]) for each in codes)
        if {"secrecy", "survive"} <= options.keys():
            raise ConfigError(
                setting("secrecy"),
                " and ",
                setting("survive"),
                " were given, and no container has both: leave out one",
            )
        if "secrecy" in options:
            from isn.carriers.adaptive import Adaptive

            carrier, bits = Adaptive(), _secret_bits(options["secrecy"])
        if "scaled" in options and "survive" not in options:
            raise ConfigError(
                setting(scaled=options["scaled"]),
                " was given without ",
                setting("survive"),
                ": give the quality of a JPEG too, for whatever scales stores with loss",
            )
        if "survive" in options:
            from isn.carriers.dct import Dct

            side = kept(options["scaled"], "scaled") if "scaled" in options else 0
            carrier = Dct(options["survive"], side)
        bits = options.get("bits", bits)
        if bits and carrier.stored is not None:
            raise ConfigError(
                setting("survive"),
                " and ",
                setting("bits"),
                " were given, and how many bits survive a JPEG is up to the host: leave out either",
            )
        return replace(self, pictures=codes, carrier=carrier, bits=bits)

    def hide(self, host: Pixels, secret: Secret, key: Key, tell: Tell = silent) -> Pixels:
        """See :meth:`Method.hide`."""
        code, payload = self.encoded(host, secret, part(tell, 0.0, 0.9))
        salt = None
        for left in reversed(range(_SALTS if stored(self) else 1)):
            sealed = envelope.close(code.number, code.fingerprint, payload, key, salt)
            share = part(tell, 0.9, 1.0)
            try:
                container = self.carrier.write(host, sealed.head, sealed.body, key, share)
                break
            except ImageError:
                # What a JPEG takes under one salt may be kept under another: it lies elsewhere.
                if not left:
                    raise
            used = sealed.head[:SALT_BYTES]
            salt = envelope.salt_for(code.number, used + payload, key)
        tell(1.0)
        return container

    def encoded(self, host: Pixels, secret: Secret, tell: Tell = silent) -> tuple[Code, bytes]:
        """The code that says a secret best in a host, and what it says.

        Raises:
            ConfigError: no code hides such a secret.
            ImageError: the host is too small.
        """
        codes = self.codes(secret)
        room = self.room(host, codes[0])
        pixels = sum(each.shape[0] * each.shape[1] for each in secret if not isinstance(each, File))
        below = next(bits for most, bits in RIVALS_BELOW if pixels <= most)
        rivals = codes if 8 * room.size < below * pixels else codes[:1]
        trials: list[tuple[Code, bytes]] = []
        for number, code in enumerate(rivals):
            share = part(tell, number / len(rivals), (number + 1) / len(rivals))
            try:
                trials.append((code, code.encode(secret, room, share)))
            except ImageError:
                # It does not fit in this code's bytes; perhaps it does in another's.
                if number == len(rivals) - 1 and not trials:
                    raise
        if len(trials) == 1:
            return trials[0]
        return min(trials, key=lambda trial: _missed(trial[0], trial[1], secret, room.area))

    def codes(self, secret: Secret) -> tuple[Code, ...]:
        """The codes that may say a secret."""
        files = sum(isinstance(each, File) for each in secret)
        if not secret:
            raise ConfigError("nothing was given to hide: give an image or a file")
        if files == len(secret):
            return (Files(),)
        if files:
            return tuple(Bundle(Files(), each, self._find) for each in self.pictures)
        return self.pictures

    def room(self, host: Pixels, code: Code) -> Room:
        """What a host offers a code.

        Raises:
            ImageError: not even an empty envelope fits.
        """
        capacity = self.carrier.capacity(host, self.bits or code.bits) - envelope.TAG_BYTES
        if capacity <= 0:
            plain = " or too much of it pure black and white" if stored(self) else ""
            raise ImageError(
                f"the host is {host.shape[1]} x {host.shape[0]}, too small{plain} to carry "
                "anything: take a larger one"
            )
        return Room(min(capacity, envelope.LONGEST), host.shape[0] * host.shape[1])

    def reveal(self, container: Pixels, key: Key, tell: Tell = silent) -> list[Item]:
        """See :meth:`Method.reveal`."""
        return self.look(container, key).reveal(tell)

    def look(self, container: Pixels, key: Key) -> Found:
        """The head of a container of this method; raises as :meth:`Method.reveal`."""
        head = self.carrier.read_head(container, key)
        opened = envelope.open_head(head, key)
        code = self._find(opened.number, opened.fingerprint)
        return Found(self.carrier, code, head, opened, container, key)

    def salvage(self, container: Pixels, tell: Tell = silent) -> list[Item]:
        """See :meth:`Method.salvage`: a code is whole or nothing."""
        del container, tell
        raise AlteredContainer(f"of a damaged container of {self.name} nothing can be revealed")

    def _find(self, number: int, fingerprint: bytes) -> Code:
        """The code that a head names, of this method or of the shipped ones."""
        return _code(number, fingerprint, [self])


@dataclass(frozen=True, eq=False)
class Found:
    """A container whose head opened; its body is read once, when it is first asked for.

    Attributes:
        carrier: that carries it.
        code: that made its payload, or the paper's method.
        head: salt and sealed head.
        opened: what the head says.
        container: uint8, H x W (grey) or H x W x 3.
        key: that opened the head.
    """

    carrier: Carrier
    code: Code | Paper
    head: bytes
    opened: Head
    container: Pixels
    key: Key

    def reveal(self, tell: Tell = silent) -> list[Item]:
        """What it holds; raises as :meth:`Method.reveal`."""
        if isinstance(self.code, Paper):
            return self.code.open(self.container, self.head, self.opened, self.key, tell)
        payload = self._payload
        tell(0.1)
        shown = self.code.decode(payload, self._area, part(tell, 0.1, 1.0))
        tell(1.0)
        return shown

    def contents(self) -> list[Content]:
        """What it says that it holds; raises as :meth:`Method.reveal`."""
        if isinstance(self.code, Paper):
            return self.code.contents(self.container, self.head, self.opened, self.key)
        return self.code.contents(self._payload, self._area)

    def survives(self) -> Margin | None:
        """See :meth:`isn.carriers.dct.Dct.margin`; None where its carrier survives no JPEG."""
        if self.carrier.stored is None:
            return None
        return cast("Dct", self.carrier).margin(
            self.container, self.head, self.opened.sealed_length, self.key
        )

    @property
    def _area(self) -> int:
        return int(self.container.shape[0] * self.container.shape[1])

    @cached_property
    def _payload(self) -> bytes:
        size = self.opened.sealed_length
        try:
            body = self.carrier.read_body(self.container, self.head, size, self.key)
        except NoSeal as error:
            raise AlteredContainer(
                "it was cut: there is no room for what its head names"
            ) from error
        return envelope.open_body(self.head, body, self.key)


def _secret_bits(word: object) -> float:
    if word not in SECRECY:
        raise ConfigError(setting(secrecy=word), f" was given: give one of {', '.join(SECRECY)}")
    return SECRECY[str(word)]


def _no_bits(given: object) -> ConfigError:
    return ConfigError(
        setting(bits=given), f" was given: give a number from {LEAST_BITS} to {MOST_BITS:g}"
    )


def look(container: Pixels, key: Key, own: Sequence[Method] = ()) -> Found:
    """The head of a container, by whatever carrier and code it was made.

    Args:
        container: uint8, H x W (grey) or H x W x 3.
        key: whose keys are tried.
        own: methods to look among beside the shipped ones.

    Raises:
        NoSeal: no head opens.
        UnknownModel: its method is not at hand.
    """
    for carrier in carriers():
        try:
            head = carrier.read_head(container, key)
            opened = envelope.open_head(head, key)
        except NoSeal:
            continue
        code = find(opened.number, opened.fingerprint, own)
        return Found(carrier, code, head, opened, container, key)
    raise NoSeal("no head opens with this key")


def made_by(found: Found, method: Method) -> bool:
    """Whether a method may have made a container; files go with every carried one."""
    if isinstance(method, Carried) and isinstance(found.code, (Files, Bundle)):
        return True
    return any(each is found.code for each in candidates(method))


def find(number: int, fingerprint: bytes, own: Sequence[Method] = ()) -> Code | Paper:
    """The code, or the paper's method, that a head names.

    Args:
        number: of the code.
        fingerprint: of the code.
        own: methods to look among beside the shipped ones.

    Raises:
        UnknownModel: it is not at hand.
    """
    for method in own:
        for each in candidates(method):
            if _identity(each) == (number, fingerprint):
                return each
    if number == Files.number:
        return Files()
    if number == Bundle.number:
        return Bundle(Files(), Files(), lambda number, who: _code(number, who, own))
    if number == Avif.number:
        return Avif()
    entry = zoo.entry_of(fingerprint)
    if entry is None:
        raise UnknownModel(
            f"the container was made by a method of number {number} and fingerprint "
            f"{fingerprint.hex()}, which is not among the shipped ones: give its weights file as ",
            setting("method"),
        )
    for each in candidates(get(entry.name)):
        if _identity(each) == (number, fingerprint):
            return each
    raise UnknownModel(f"a head names {entry.name} under the number {number}, which is not its own")


def _code(number: int, fingerprint: bytes, own: Sequence[Method]) -> Code:
    """As :func:`find`, of codes alone."""
    code = find(number, fingerprint, own)
    if isinstance(code, Paper):
        raise UnknownModel(f"a body names {code.name}, which is no code")
    return code


def candidates(method: Method) -> tuple[Code | Paper, ...]:
    """What of a method a head may name; nothing of a method that writes no head."""
    if isinstance(method, Carried):
        return method.pictures
    return (method,) if isinstance(method, Paper) else ()


def _identity(each: Code | Paper) -> tuple[int, bytes]:
    if isinstance(each, Paper):
        return PAPER_NUMBER, each.weights.fingerprint
    return each.number, each.fingerprint


def stored(method: Method) -> int | None:
    """Quality of JPEG at which its containers may be stored; None where they survive none."""
    return method.carrier.stored if isinstance(method, Carried) else None


def prepared(method: Method, host: Picture) -> Picture:
    """The host as a method takes it: see :func:`isn.images.forgotten`, of a sparse carrier."""
    return images.forgotten(host) if sparse(method) else host


def sparse(method: Method) -> bool:
    """Whether it changes few samples, by a level, so that nobody finds them."""
    return isinstance(method, Carried) and method.carrier.sparse


def names() -> tuple[str, ...]:
    """The shipped methods, the default one first."""
    return tuple(entry.name for entry in zoo.entries())


def get(name: str | os.PathLike[str] = DEFAULT, **options: Any) -> Method:
    """A method by its name, or of a weights file.

    Args:
        name: one of :func:`names`, or a path that ends in ``.safetensors``.
        options: ``bits`` of a sample (carried methods), ``secrecy`` or the JPEG to ``survive`` and
            the longer side to be ``scaled`` to (those whose code takes any room), ``backend``
            (where a network runs), ``refine`` and ``texture`` (the paper's); None leaves one as it
            is.

    Raises:
        ConfigError: there is no such method, or it does not use an option.
        ModelError: the file is no weights file, or of no known kind.
    """
    label = os.fspath(name)
    if label in names():
        method = _shipped(label)
    elif label.endswith(".safetensors"):
        from isn.weights import Weights

        name = os.path.basename(label).removesuffix(".safetensors")
        method = of(name, Weights.load(label, architectures()))
    else:
        raise ConfigError(
            f"there is no method {label!r}: give one of {', '.join(names())}, or the path of a "
            ".safetensors file"
        )
    return tuned(method, **options)


def tuned(method: Method, **options: Any) -> Method:
    """A method with some of its options set; None leaves one as it is.

    Raises:
        ConfigError: the method does not use an option, or not such a value.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in method.options:
            raise ConfigError(
                setting(name),
                f" was given, and the method {method.name} does not use it: leave it out, or take "
                "another method",
            )
    return method.tuned(given) if given else method


def of(name: str, weights: Weights) -> Method:
    """The method of some weights.

    Raises:
        ModelError: they are not sound.
        ConfigError: their kind is unknown.
    """
    if weights.kind not in _KINDS:
        raise ConfigError(
            f"the weights are of kind {weights.kind!r}, the kinds known are {', '.join(_KINDS)}"
        )
    return _KINDS[weights.kind](name, weights)


def architectures() -> dict[str, Architecture]:
    """Of the tensors of each kind of weights that is a method."""
    from isn.codes import network, photos
    from isn.paper import method as paper

    return {each.KIND: each.shapes for each in (photos, network, paper)}


def _photos(name: str, code: Photos) -> Method:
    rivals: tuple[Code, ...] = (Avif(),) if available() else ()
    return Carried(name, (code, *rivals), Trellis())


def _network(name: str, weights: Weights) -> Method:
    from isn.codes.network import NetworkCode

    return Carried(name, (NetworkCode(name, weights),), Trellis())


def _run_on(code: Code, backend: Any) -> Code:
    from isn.codes.network import NetworkCode

    return NetworkCode(code.name, code.weights, backend) if isinstance(code, NetworkCode) else code


_KINDS: Final[dict[str, Callable[[str, Weights], Method]]] = {
    "photos": lambda name, weights: _photos(name, Photos(weights)),
    "network": _network,
    "paper": Paper,
}


@cache
def _shipped(name: str) -> Method:
    entry = zoo.entry(name)
    if entry.kind == "avif":
        return Carried(name, (Avif(),), Trellis())
    if entry.kind == "photos":
        return _photos(name, Photos.later(entry.fingerprint, partial(zoo.weights, name)))
    return of(name, zoo.weights(name))


def _missed(code: Code, payload: bytes, secret: Secret, area: int) -> float:
    """How badly a payload says the images of a secret: their PSNR, negative, added up."""
    pairs = zip(code.decode(payload, area, silent), secret, strict=True)
    return -sum(
        min(psnr(a, b), _ENOUGH)
        for a, b in pairs
        if not (isinstance(a, File) or isinstance(b, File))
    )
