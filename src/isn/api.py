"""The four verbs: hide, reveal, inspect, capacity."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from isn import envelope, images, keys, method, zoo
from isn.codes import Code, Foreseen, Room
from isn.codes.file import Files, most_bytes
from isn.errors import (
    AlteredContainer,
    ConfigError,
    ImageError,
    IsnError,
    NoSeal,
    Spelled,
    counted,
    setting,
)
from isn.images import Picture, Pixels, Source, is_grey
from isn.keys import Key
from isn.method import Carried, Found, Method, candidates, made_by, prepared, sparse, stored
from isn.metrics import PEAK, psnr
from isn.paper.method import Paper
from isn.progress import Tell, beating, part, silent
from isn.secret import Content, File, Item, Secret, or_as_file

if TYPE_CHECKING:
    from isn.paper.backends.base import Backend

Hidden: TypeAlias = "Source | Picture | File"
"""What may be hidden: an image in any of its forms, or a file."""

_MAYBE_LOSSY = {**images.LOSSY, "GIF": "a GIF"}


@dataclass(frozen=True, eq=False)
class Container:
    """A host with something hidden in it.

    Attributes:
        pixels: uint8, H x W x 3; R, G and B are equal where the host is grey.
        method: that made it.
        psnr: in dB, against the host.
        revealed: PSNR in dB of each hidden image as it is revealed, infinite for what comes back
            exactly, as files do; None where it was not looked at.
        host: what it was made from.
        jpeg: quality of JPEG at which it may be stored; None where it would not survive that.
        code: what says the secret, as :func:`inspect` calls it; None where it was not looked at.
        usual: whether its PNG is one that most programs could have written, as where nobody is to
            find it.
    """

    pixels: Pixels = field(repr=False)
    method: str
    psnr: float
    revealed: tuple[float, ...] | None
    host: Picture = field(repr=False)
    jpeg: int | None = None
    code: str | None = None
    usual: bool = False

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes it, whole or not at all, as grey and with the colours of its host.

        Without loss, but where it was made to survive a JPEG and the name is that of one.

        Args:
            path: a name that ends in .png, .webp, .tif or .tiff; or in .jpg or .jpeg.
            overwrite: whether a file that is there may be replaced.

        Raises:
            OutputError: it cannot be written so, or there.
        """
        images.write(path, self.pixels, overwrite=overwrite, **self._look)

    def encoded(self, name: str | os.PathLike[str] = "container.png") -> bytes:
        """The content of the file that :meth:`save` writes under a name.

        Raises:
            OutputError: as for :meth:`save`, but for what is there.
        """
        return images.encode_as(name, self.pixels, **self._look)

    @property
    def _look(self) -> dict[str, Any]:
        return {"like": self.host, "jpeg": self.jpeg, "usual": self.usual}

    def as_jpeg(self) -> Container:
        """As whoever opens the JPEG sees it, that :meth:`save` writes; holds the same.

        Raises:
            ConfigError: it was not made to survive one.
        """
        if self.jpeg is None:
            raise ConfigError("the container survives no JPEG: hide with survive=75, for example")
        file = images.encode_jpeg(self.pixels, self.jpeg, whole=True, like=self.host)
        pixels = images.read(file).pixels
        return replace(self, pixels=pixels, psnr=psnr(pixels, self.host.pixels))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The pixels, so that whatever takes an array takes a container."""
        return np.array(self.pixels, dtype=dtype, copy=copy)


@dataclass(frozen=True)
class Inspection:
    """What a container says about itself.

    Attributes:
        code: what says the secret in it: a shipped method, or the code of files or bundles; None
            where it is another one.
        carrier: that carries it.
        contents: what it holds; empty where it was changed.
        length: bytes of its body.
        fingerprint: of the code that made it, 16 bytes.
        intact: whether what it carries is as it was sealed.
        survives: quality of the hardest JPEG that it still survives, about, 101 where it is none;
            None where it was changed, or not made to survive one.
        scaled: pixels of the longer side that it may be scaled down to; None where to none.
    """

    code: str | None
    carrier: str
    contents: tuple[Content, ...]
    length: int
    fingerprint: bytes
    intact: bool
    survives: int | None = None
    scaled: int | None = None

    @property
    def count(self) -> int:
        """Number of things hidden in it."""
        return len(self.contents)


@dataclass(frozen=True)
class Capacity:
    """What fits in a host by one method.

    Attributes:
        method: its name.
        images: the least and the largest number of images that it hides.
        size: bytes that one file may have which is hidden alone, its name included, however little
            it compresses; 0 for the paper's own methods, which hide none.
        container: PSNR in dB that the container would have, as measured on other hosts; of images
            as fine as the host has room for, where nothing was given. None where it does not fit.
        revealed: PSNR in dB that the given images would be revealed at, on average; None where
            nothing was given, it does not fit or nobody can say.
        fits: whether the given secret can be hidden so; a sentence why not, or "".
        usual: whether `revealed` is what other photos were revealed at, on average, since those
            given would have to be hidden to know.
        found: the share of right verdicts, where 0.5 is a coin, of the best detector that was tried
            (:func:`isn.carriers.adaptive.found`); None where it is not hidden so that nobody finds
            it, the host is grey, it does not fit, or nobody can say.
    """

    method: str
    images: tuple[int, int]
    size: int
    container: float | None
    revealed: float | None
    fits: str = ""
    usual: bool = False
    found: float | None = None


def hide(
    host: Source | Picture,
    secret: Hidden | Sequence[Hidden],
    *,
    method: str | os.PathLike[str] | Method = method.DEFAULT,
    bits: float | None = None,
    secrecy: str | None = None,
    survive: int | None = None,
    scaled: int | str | None = None,
    fit: int | str | None = None,
    passphrase: str | None = None,
    backend: str | Backend | None = None,
    refine: int | None = None,
    texture: Source | Picture | None = None,
    check: bool = False,
    progress: Tell | None = None,
) -> Container:
    """Hides images and files in a host.

    Args:
        host: a path, file bytes, a PIL image or a uint8 array H x W (grey) or H x W x 3.
        secret: one image in such a form, or a :class:`isn.File`, or a sequence of them: up to 25
            images. Each comes back in its own size.
        method: a name that `isn methods` lists, the path of a weights file, or a method.
        bits: of a sample that may be used, 0.01 to 4 on average, for methods that carry bytes:
            more reveal better and show more. None: what the method wants, 2 for the default.
        secrecy: ``high``, ``medium`` or ``low``: change few samples, by one level, where nobody
            can tell (:mod:`isn.carriers.adaptive`). 0.06, 0.12 or 0.25 bits of a sample are used
            then, or as many as `bits` says, and a host that was stored with loss is scaled down
            first (:func:`isn.images.forgotten`). None: as many as are good for what is revealed.
        survive: quality of JPEG, 30 to 95, that the container is to survive, as it does all that
            change less; for methods that carry bytes, in place of bits. None: none.
        scaled: pixels of the longer side that the container, made to `survive`, may be scaled down
            to besides, or a messenger whose size that is (:data:`isn.images.KEPT`). None: none.
        fit: pixels of the longer side that the host is scaled down to, or a messenger whose size
            that is (:data:`isn.images.KEPT`), which then scales nothing. None: it stays.
        passphrase: what a reveal must give again, 1 character or more; the container is another
            one each time then. None: everybody can reveal.
        backend: ``native``, ``torch``, or one made by hand, where a network runs; None: torch
            where a CUDA device is there, else native.
        refine: steps of gradient descent that make a container of `paper-1`, or of another such
            network that learned, reveal better; needs torch.
        texture: the key of a network that was trained with a texture.
        check: reveal from the container too, and measure.
        progress: told the share that is done, from 0 to 1.

    Returns:
        The container, to be stored without loss, unless it was made to survive a JPEG.

    Raises:
        ImageError: an image cannot be read, or the host is too small.
        ConfigError: nothing or too much was given to hide, or an option that the method does not
            use, or one that is out of its range.
        ModelError: the weights file is none.
        BackendError: the backend is unknown or not installed.
        RevealError, IsnError: the check found that what is hidden does not come back.
    """
    items = _items(secret)
    options = {"bits": bits, "secrecy": secrecy, "survive": survive, "scaled": scaled}
    chosen = _method(method, **options, backend=backend, refine=refine, texture=_pixels(texture))
    cover = prepared(chosen, images.fitted(_read(host), fit))
    key, revealed, code = keys.of(passphrase), None, None
    samples = _samples(cover.pixels, cover.grey)
    with beating(progress or silent) as tell:
        made = chosen.hide(samples, items, key, part(tell, 0.0, 0.6 if check else 1.0))
        if check:
            rest, code = part(tell, 0.6, 1.0), chosen.name
            if isinstance(chosen, Carried):
                found = chosen.look(made, key)
                shown, code = found.reveal(rest), found.code.name
            else:
                shown = chosen.reveal(made, key, rest)
            revealed = _revealed(shown, items)
            _check_files(items, revealed)
        tell(1.0)
    pixels = made if made.ndim == 3 else np.repeat(made[..., None], 3, axis=2)
    jpeg = stored(chosen)
    error, usual = psnr(pixels, cover.pixels), sparse(chosen)
    return Container(pixels, chosen.name, error, revealed, cover, jpeg, code, usual)


def reveal(
    container: Source | Picture | Container,
    *,
    method: str | os.PathLike[str] | Method | None = None,
    passphrase: str | None = None,
    backend: str | Backend | None = None,
    texture: Source | Picture | None = None,
    salvage: bool = False,
    progress: Tell | None = None,
) -> list[Item]:
    """Reveals what is hidden in a container, from the container alone.

    Args:
        container: a path, file bytes, a PIL image, a uint8 array, or what :func:`hide` returned.
        method: that made it, where it is none of the shipped ones; None: the container says it.
        passphrase: the one given to :func:`hide`; None: the container was made without.
        backend: as for :func:`hide`.
        texture: the key of a network that was trained with a texture.
        salvage: reveal what is left in a damaged container of one of the paper's own methods,
            at the container's size; name the method then.
        progress: told the share that is done, from 0 to 1.

    Returns:
        What was hidden, in its order: images, uint8 H x W x 3, in their own sizes, and
        :class:`isn.File`.

    Raises:
        NoSeal: it is no container, or changed beyond recognition, or made with another passphrase,
            with one or without.
        AlteredContainer: it is a container that was changed.
        UnknownModel: what made it is not at hand.
        ConfigError: an option that is not used, or out of its range.
        ImageError: the container cannot be read.
    """
    if not salvage:
        found = opened(
            container, method=method, passphrase=passphrase, backend=backend, texture=texture
        )
        return found.reveal(progress)
    if method is None:
        raise ConfigError(
            setting(salvage=True),
            " was given alone: say as ",
            setting("method"),
            " what made it",
        )
    picture, _ = _read(container), keys.of(passphrase)
    given = _method(method, backend=backend, texture=_pixels(texture))
    with beating(progress or silent) as tell:
        return given.salvage(picture.pixels, tell)


def inspect(
    container: Source | Picture | Container,
    *,
    method: str | os.PathLike[str] | Method | None = None,
    passphrase: str | None = None,
) -> Inspection:
    """What a container says about itself, and whether it is intact.

    Args:
        container: as for :func:`reveal`.
        method: as for :func:`reveal`.
        passphrase: as for :func:`reveal`.

    Raises:
        NoSeal: it is no container, or none under this passphrase, or one that needs a passphrase.
        UnknownModel: what made it is not at hand.
        ConfigError: the passphrase is empty.
        ImageError: the container cannot be read.
    """
    picture, key = _read(container), keys.of(passphrase)
    return Opened(picture, _look(picture, key, [] if method is None else [_method(method)])).say()


@dataclass(frozen=True, eq=False)
class Opened:
    """A container whose head opened, to be asked what it says and what it holds: it is read once.

    Attributes:
        picture: the container.
        found: what opened in it.
    """

    picture: Picture
    found: method.Found

    def say(self) -> Inspection:
        """See :func:`inspect`."""
        found, contents = self.found, list[Content]()
        intact, survives = True, None
        try:
            contents = found.contents()
            survives = found.survives()
        except AlteredContainer:
            intact = False
        entry = zoo.entry_of(found.opened.fingerprint)
        named = found.code.name if not any(found.opened.fingerprint) else None
        return Inspection(
            entry.name if entry else named,
            found.carrier.name,
            tuple(contents),
            found.opened.length,
            found.opened.fingerprint,
            intact,
            survives.jpeg if survives else None,
            survives.side if survives else None,
        )

    def reveal(self, progress: Tell | None = None) -> list[Item]:
        """See :func:`reveal`.

        Raises:
            AlteredContainer: it was changed.
        """
        try:
            with beating(progress or silent) as tell:
                return self.found.reveal(tell)
        except AlteredContainer as reason:
            raise _altered(self.picture, self.found, reason) from reason


def opened(
    container: Source | Picture | Container,
    *,
    method: str | os.PathLike[str] | Method | None = None,
    passphrase: str | None = None,
    backend: str | Backend | None = None,
    texture: Source | Picture | None = None,
) -> Opened:
    """A container whose head opened; arguments and errors are those of :func:`reveal`."""
    picture, key = _read(container), keys.of(passphrase)
    options = {"backend": backend, "texture": _pixels(texture)}
    given = None if method is None else _method(method, **options)
    found = _look(picture, key, [] if given is None else [given])
    named = [name for name, value in options.items() if value is not None]
    if given is None and named:
        entry = zoo.entry_of(found.opened.fingerprint)
        if entry is None:
            raise ConfigError(
                setting(named[0]), " was given, and no network made this container: leave it out"
            )
        found = replace(found, code=candidates(_method(entry.name, **options))[0])
    elif given is not None and not made_by(found, given):
        raise ConfigError(
            setting(method=given.name),
            f" was given, and {picture.name} was made by another one: leave it out",
        )
    return Opened(picture, found)


def capacity(
    host: Source | Picture,
    secret: Hidden | Sequence[Hidden] | None = None,
    *,
    methods: Sequence[str] | None = None,
    bits: float | None = None,
    secrecy: str | None = None,
    survive: int | None = None,
    scaled: int | str | None = None,
    fit: int | str | None = None,
) -> list[Capacity]:
    """What fits in a host by each shipped method, before any work.

    Args:
        host: as for :func:`hide`.
        secret: as for :func:`hide`; None: whatever fits.
        methods: names of shipped methods to be asked; None: all.
        bits: as for :func:`hide`; methods that do not use it are left out.
        secrecy: as for :func:`hide`; likewise.
        survive: as for :func:`hide`; likewise.
        scaled: as for :func:`hide`; likewise.
        fit: as for :func:`hide`.

    Raises:
        ImageError: an image cannot be read.
        ConfigError: one of the words is out of its range, or not to be given with another, or a
            method is not shipped.
    """
    cover = images.fitted(_read(host), fit)
    items = None if secret is None else _items(secret)
    options = {"bits": bits, "secrecy": secrecy, "survive": survive, "scaled": scaled}
    given = {name: value for name, value in options.items() if value is not None}
    asked = method.names() if methods is None else methods
    names = [name for name in asked if given.keys() <= method.get(name).options]
    if names:
        # Whether their carrier is sparse the options say, of all methods alike.
        cover = prepared(method.get(names[0], **given), cover)
    return [_capacity(name, cover, items, given) for name in names]


def _capacity(name: str, cover: Picture, items: Secret | None, options: dict[str, Any]) -> Capacity:
    entry, chosen, size = zoo.entry(name), method.get(name, **options), 0
    host = _samples(cover.pixels, cover.grey)
    count = entry.images[0] if items is None else _pictures(items)
    measured = entry.figures.get(str(count), {})
    container, revealed, found, usual = None, None, None, False
    why = "" if items is None else _refusal(entry, items)
    try:
        if isinstance(chosen, Carried):
            room = chosen.room(host, Files())
            size = most_bytes(room.size)
            if not size and items is None:
                raise ImageError("the host is too small for a file or an image: take a larger one")
            if not why:
                container, revealed, found = _expected(chosen, host, room, items)
        elif isinstance(chosen, Paper):
            chosen.check_host(host)
            container = None if why else measured.get("container")
    except ImageError as reason:
        why = why or str(reason)
    # Images that are larger than their host come back worse than what was measured.
    area = host.shape[0] * host.shape[1]
    small = items and all(isinstance(each, File) or each.size <= 3 * area for each in items)
    if revealed is None and small and not why and not options:
        revealed = measured.get("revealed")
        usual = revealed is not None
    return Capacity(name, entry.images, size, container, revealed, why, usual, found)


def _expected(
    chosen: Carried, host: Pixels, room: Room, items: Secret | None
) -> tuple[float, float | None, float | None]:
    """PSNR of a container by a carried method, and of what is revealed; who finds it.

    Args:
        chosen: the method.
        host: uint8, H x W (grey) or H x W x 3.
        room: what it offers files.
        items: what is to be hidden; None: whatever fits.

    Raises:
        ImageError: it does not fit.
    """
    code = chosen.pictures[0] if items is None else chosen.codes(items)[0]
    # Where the room is up to the host, or was given, it is that of every code.
    if not chosen.bits and stored(chosen) is None:
        room = chosen.room(host, code)
    size, revealed = room.size, None
    if items is not None:
        found = _foreseen(chosen.codes(items), items, room)
        size, revealed = found.size, found.psnr
    noise = chosen.carrier.noise(host, size + envelope.TAG_BYTES)
    seen = None
    if chosen.carrier.sparse and host.ndim > 2:
        from isn.carriers import adaptive

        seen = adaptive.found(8 * size / host.size)
    return round(10 * math.log10(PEAK**2 / noise), 1), revealed, seen


def _foreseen(codes: Sequence[Code], items: Secret, room: Room) -> Foreseen:
    """What comes of the first code in which a secret fits.

    Raises:
        ImageError: it fits in none.
    """
    *others, last = codes
    for code in others:
        with suppress(ImageError):
            return code.foresee(items, room)
    return last.foresee(items, room)


def _refusal(entry: zoo.Entry, items: Secret) -> str:
    """Why a method does not take such a secret; "" where it does."""
    count, (least, most) = _pictures(items), entry.images
    if entry.kind == "paper" and count < len(items):
        return "it hides no files"
    if count == 0 and count < len(items):
        return ""
    if least <= count <= most:
        return ""
    if least == most:
        return f"it hides {counted(least, 'image')}"
    return f"it hides {least} to {most} images"


def _pictures(items: Secret) -> int:
    return sum(not isinstance(each, File) for each in items)


def _method(given: str | os.PathLike[str] | Method, **options: Any) -> Method:
    if isinstance(given, (str, os.PathLike)):
        return method.get(given, **options)
    if not hasattr(given, "tuned"):
        raise ConfigError(
            f"the method is a {type(given).__name__}: give a name, the path of a weights file or a "
            "method"
        )
    return method.tuned(given, **options)


def _read(source: Source | Picture | Container) -> Picture:
    if isinstance(source, Container):
        return images.read(source.pixels, "the container")
    return source if isinstance(source, Picture) else images.read(source)


def _pixels(source: Source | Picture | None) -> Pixels | None:
    return None if source is None else _read(source).pixels


def _items(secret: Hidden | Sequence[Hidden]) -> list[Item]:
    several: Sequence[Any] = secret if isinstance(secret, (list, tuple)) else [secret]
    items: list[Item] = []
    for each in several:
        with or_as_file(each):
            items.append(each if isinstance(each, File) else _read(each).pixels)
    return items


def _samples(pixels: Pixels, grey: bool) -> Pixels:
    """One plane of a grey image, whose three are equal, so that its container stays grey."""
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def _revealed(shown: Sequence[Item], items: Secret) -> tuple[float, ...]:
    found = []
    for a, b in zip(shown, items, strict=True):
        if isinstance(a, File) or isinstance(b, File):
            same = isinstance(a, File) and isinstance(b, File) and a.content == b.content
            found.append(float("inf") if same else 0.0)
        else:
            found.append(psnr(a, b))
    return tuple(found)


def _check_files(items: Secret, revealed: Sequence[float]) -> None:
    for item, value in zip(items, revealed, strict=True):
        if isinstance(item, File) and math.isfinite(value):
            raise IsnError(
                f"{item.name} does not come back as it is, so nothing was made: try another method "
                "or backend"
            )


def _look(picture: Picture, key: Key, own: Sequence[Method]) -> method.Found:
    """What opens in a container."""
    samples = _samples(picture.pixels, picture.grey)
    with suppress(NoSeal):
        return method.look(samples, key, own)
    if picture.stored is not picture.pixels:
        # Somebody has tagged the file: every sample may be there still.
        stored = _samples(picture.stored, is_grey(picture.stored))
        with suppress(NoSeal):
            return method.look(stored, key, own)
    raise _no_seal(picture, samples, key)


def _altered(picture: Picture, found: Found, reason: Exception) -> AlteredContainer:
    what = f"{picture.name} is a container, but {reason}: take the file as it was written"
    if not isinstance(found.code, Paper):
        return AlteredContainer(what)
    given = setting(salvage=True, method=found.code.name)
    salvaging = Spelled(given.python, f"isn reveal {given.command}")
    return AlteredContainer(what, ", or look at what is left with ", salvaging)


def _no_seal(picture: Picture, samples: Pixels, key: Key) -> NoSeal:
    lossy = _MAYBE_LOSSY.get(picture.format)
    edited = (
        f"it was never a container, or became {lossy} file that loses more than it was made to "
        "survive"
        if lossy
        else "it was never a container, or it was resized, cropped, edited or stored with loss "
        "since (as by JPEG or a messenger), which destroys what was hidden"
    )
    if not key.secret:
        return NoSeal(
            f"{picture.name} holds nothing that opens without a passphrase: give the "
            f"passphrase, if there is one; else {edited}: take the file that hiding wrote"
        )
    # Never opened in its stead: whoever gives a passphrase trusts what comes out.
    with suppress(NoSeal):
        method.look(samples, keys.Public())
        return NoSeal(
            f"{picture.name} is a container without a passphrase, which anybody can make, and a "
            "passphrase was given: leave it out, if you trust where the file came from"
        )
    return NoSeal(
        f"{picture.name} holds nothing that this passphrase opens: it has another one, or "
        f"{edited}: give its passphrase and the file that hiding wrote"
    )
