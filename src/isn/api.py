"""Hide, reveal, inspect: the whole story on one screen.

host + hidden  ->  network  ->  round to 8 bit  ->  seal  ->  container
container  ->  seal  ->  network, backwards  ->  revealed images in their own sizes

Of a model with a base, the network's host is blank, and the last digits of the real one carry what
the network made (:mod:`isn.carriers.digits`); of one with a prior too, the host carries a code of the hidden
images (:mod:`isn.codes.photos`) by a trellis (:mod:`isn.carriers.trellis`), and the network only restores,
backwards, what was coded:

hidden  ->  code  ->  cipher  ->  trellis  ->  seal  ->  container
container  ->  seal  ->  trellis  ->  cipher  ->  code  ->  network, backwards  ->  revealed images

A model takes more images than it was made for: they share its planes (:mod:`isn.mosaic`), or the
room of the code.

With a passphrase the seal is keyed, and the hidden images are scrambled before the network hides
them, or their code is enciphered: what that protects against, and what not, is told in
docs/security.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from isn import cipher, images, mosaic, scramble, seal, zoo
from isn.carriers import digits, trellis
from isn.codes.photos import code
from isn.errors import AlteredContainer, ConfigError, ImageError, NoSeal, UnknownModel
from isn.images import Picture, Pixels, Source
from isn.keys import Passphrase
from isn.paper.backends.base import Backend
from isn.paper.config import MAX_HIDDEN
from isn.paper.engine import Engine, Report
from isn.paper.weights import Weights
from isn.seal import Seal

Model: TypeAlias = "str | os.PathLike[str] | Weights"

_MAYBE_LOSSY = {"JPEG": "a JPEG", "MPO": "a JPEG", "AVIF": "an AVIF", "GIF": "a GIF"}


@dataclass(frozen=True)
class Inspection:
    """What a container says about itself.

    Attributes:
        sizes: (height, width) of each hidden image.
        fingerprint: of the model that made it, 16 bytes.
        model: the shipped model of that fingerprint, or None.
        intact: whether every pixel is as it was sealed.
    """

    sizes: tuple[tuple[int, int], ...]
    fingerprint: bytes
    model: str | None
    intact: bool

    @property
    def count(self) -> int:
        """Number of hidden images."""
        return len(self.sizes)


def hide(
    host: Source | Picture,
    hidden: Source | Picture | Sequence[Source | Picture],
    *,
    model: Model | None = None,
    passphrase: str | None = None,
    backend: str | Backend | None = None,
    refine: int = 0,
    progress: Report | None = None,
) -> Pixels:
    """Hides 1 to 5 images in a host of any size from 32 x 32 up.

    Args:
        host: a path, file bytes, a PIL image or a uint8 array H x W x 3.
        hidden: one such image, or a sequence of them; each is resized to the host (or to its part
            of a plane, where they are more than the model hides) and gets its own size back at
            reveal.
        model: name in the zoo, path of a weights file, or loaded weights; None: the default model
            for that many images.
        passphrase: what a reveal must give again, 1 character or more; the container is another
            one each time then. None: whoever has the model can reveal.
        backend: ``onnxruntime``, ``torch``, or one made by hand; None: torch where a CUDA device
            is there (or where the container is refined), else onnxruntime.
        refine: steps of gradient descent that make the container reveal better (:mod:`isn.paper.refine`),
            each of which takes several times as long as a reveal; needs torch.
        progress: told the share that is done, from 0 to 1.

    Returns:
        The container, uint8 H x W x 3, to be stored without loss.

    Raises:
        ImageError: an image cannot be read or does not fit, or the host is too small to scramble
            images in it.
        ConfigError: there are fewer hidden images than the model hides, or more than 5, or the
            passphrase is empty, or `refine` is negative.
        ModelError: there is no such model.
        BackendError: the backend is unknown or not installed, or has no gradients to refine with.
    """
    if refine < 0:
        raise ConfigError(f"{refine} steps to refine were given: give 0 or more")
    pictures = [_read(each) for each in _several(hidden)]
    cover = _read(host)
    weights = _weights(model, len(pictures))
    _check_count(weights, len(pictures), f"{len(pictures)} hidden images were given")
    if min(cover.pixels.shape[:2]) < seal.MIN_SIDE:
        raise ImageError(
            f"{cover.name} is {_size(cover.pixels)}, a host needs {seal.MIN_SIDE} x "
            f"{seal.MIN_SIDE} pixels at least: take a larger one"
        )
    sizes = _sizes(pictures)
    largest = seal.largest_hidden(*cover.pixels.shape[:2])
    for each, (rows, columns) in zip(pictures, sizes, strict=True):
        if rows * columns > largest:
            raise ImageError(
                f"{each.name} has {rows * columns} pixels, {cover.name} takes hidden images of up "
                f"to {largest}: make it smaller, or take a larger host"
            )
    if weights.config.prior is not None:
        if refine:
            raise ConfigError(
                f"{refine} steps to refine were given, and this model's containers hold a code, "
                "which no step makes better: take another model, or no steps"
            )
        secrets = None if passphrase is None else Passphrase(passphrase)
        return _hide_coded(cover.pixels, pictures, weights, secrets, backend, progress)
    height, width = weights.config.region(*cover.pixels.shape[:2])
    lock = None
    if passphrase is not None:
        # Refused here rather than after the work.
        scramble.whole_blocks(height, width, weights.config.hidden_images)
        lock = _Lock(Passphrase(passphrase), os.urandom(seal.SALT_BYTES))
    engine = Engine.of(weights, "torch" if refine and backend is None else backend)
    container = cover.pixels.copy()
    inside = container[:height, :width]
    planes = _prepare(pictures, engine, (height, width), lock)
    inside[:] = engine.hide(inside, planes, progress, refine)
    about = Seal(weights.fingerprint, sizes)
    if lock is None:
        return seal.stamp(container, about)
    return seal.stamp(container, about, salt=lock.salt, secret_for=lock.keys.seal_secret)


def reveal(
    container: Source | Picture,
    *,
    model: Model | None = None,
    passphrase: str | None = None,
    backend: str | Backend | None = None,
    sealed: bool = True,
    count: int | None = None,
    texture: Source | Picture | None = None,
    progress: Report | None = None,
) -> list[Pixels]:
    """Reveals the images hidden in a container, from the container alone.

    Args:
        container: a path, file bytes, a PIL image or a uint8 array H x W x 3.
        model: as for :func:`hide`; None: the one that the seal names.
        passphrase: the one given to :func:`hide`; None: the container was made without.
        backend: as for :func:`hide`.
        sealed: False reveals whatever is left in a container whose seal is lost, at the
            container's size; give `count` or `model` then. With a passphrase the seal must open
            still, because the key depends on what it holds; altered pixels are let pass.
        count: number of hidden images, for a container without a seal.
        texture: the image that stands for the lost part, for a model trained with one.
        progress: told the share that is done, from 0 to 1.

    Returns:
        The revealed images, uint8 H x W x 3 each, in the sizes of the hidden ones.

    Raises:
        NoSeal: there is no seal: not a container, or changed beyond recognition, or made with
            another passphrase, with one or without.
        ConfigError: the passphrase is empty, or `count` contradicts the model.
        AlteredContainer: there is a seal, but pixels were changed.
        UnknownModel: the model that the seal names is not at hand, or not the one given.
        ImageError: the container cannot be read.
    """
    keys = None if passphrase is None else Passphrase(passphrase)
    picture = _read(container)
    # Under a passphrase even the lost part of this needs the seal: without its tag nobody knows
    # whether the key is right, and a wrong one gives a picture of noise.
    found = _find(picture, keys) if sealed or keys is not None else None
    if found is not None:
        if sealed and not found.intact:
            raise AlteredContainer(
                f"{picture.name} is a container, but its pixels were changed after it was sealed: "
                "take the file as it was written, or reveal what is left with --no-seal"
            )
        weights = _sealed_weights(found.seal, model)
        sizes: tuple[tuple[int, int], ...] = found.seal.sizes
    else:
        if model is None and count is None:
            raise ConfigError("without a seal, say how many images are hidden: give a count")
        weights = _weights(model, count or 1)
        rows, columns = picture.pixels.shape[:2]
        if min(rows, columns) < seal.MIN_SIDE:
            raise ImageError(f"{picture.name} is {_size(picture.pixels)}, too small to hold images")
        sizes = ((rows, columns),) * (count or weights.config.hidden_images)
    if not sealed and count is not None:
        _check_count(weights, count, f"a count of {count} was given")
        if count != len(sizes):
            raise ConfigError(f"a count of {count} was given, the seal says {len(sizes)}")
    if weights.config.prior is not None:
        own = None if found is None else sizes
        return _reveal_coded(picture.pixels, weights, keys, own, count, backend, progress)
    engine = Engine.of(weights, backend)
    height, width = weights.config.region(*picture.pixels.shape[:2])
    key = None if texture is None else _read(texture).pixels
    seen = engine.reveal(picture.pixels[:height, :width], key, progress)
    if keys is not None:
        seen = scramble.unscramble(seen, keys.scrambling_key(seal.salt_of(picture.pixels)))
    parts = mosaic.decompose(seen, _places(engine, len(sizes), seen[0].shape[:2]))
    return [engine.unfit(each, *size) for each, size in zip(parts, sizes, strict=True)]


def inspect(container: Source | Picture, *, passphrase: str | None = None) -> Inspection:
    """What the seal of a container says, and whether its pixels are intact.

    Args:
        container: as for :func:`reveal`.
        passphrase: as for :func:`reveal`.

    Raises:
        NoSeal: there is no seal, or none under this passphrase, or one that needs a passphrase.
        ConfigError: the passphrase is empty.
        ImageError: the container cannot be read.
    """
    keys = None if passphrase is None else Passphrase(passphrase)
    found = _find(_read(container), keys)
    entry = zoo.entry_of(found.seal.fingerprint)
    return Inspection(
        found.seal.sizes, found.seal.fingerprint, entry.name if entry else None, found.intact
    )


@dataclass(frozen=True)
class _Lock:
    """A passphrase's keys, and the salt of the container that is being made."""

    keys: Passphrase
    salt: bytes


def _hide_coded(
    host: Pixels,
    pictures: Sequence[Picture],
    weights: Weights,
    keys: Passphrase | None,
    backend: str | Backend | None,
    progress: Report | None,
) -> Pixels:
    """A container that carries the code of the hidden images, enciphered."""
    base, engine = weights.config.values, Engine.of(weights, backend)
    samples = host.size - seal.SAMPLES
    room = samples * digits.width(base) // 8
    largest = code.largest(host.shape[0] * host.shape[1])
    fitted = [images.within(each.pixels, largest) for each in pictures]
    content = engine.encode(fitted, room, progress)
    salt = os.urandom(seal.SALT_BYTES) if keys else _digest(content)
    secret_for = None if keys is None else keys.seal_secret
    free = seal.elsewhere((host.shape[0], host.shape[1]), salt, secret_for)
    hidden = cipher.enciphered(content, _code_key(keys, salt))
    container = host.copy().reshape(-1)
    carried = digits.to_digits(hidden, base)
    there = np.flatnonzero(free)[: len(carried)]
    container[there] = trellis.carry(container[there], carried, base)
    about = Seal(weights.fingerprint, _sizes(pictures))
    return seal.stamp(container.reshape(host.shape), about, salt=salt, secret_for=secret_for)


def _reveal_coded(
    container: Pixels,
    weights: Weights,
    keys: Passphrase | None,
    sizes: Sequence[tuple[int, int]] | None,
    count: int | None,
    backend: str | Backend | None,
    progress: Report | None,
) -> list[Pixels]:
    """The images whose code a container carries, in these sizes or in those of the code."""
    base, salt = weights.config.values, seal.salt_of(container)
    secret_for = None if keys is None else keys.seal_secret
    free = seal.elsewhere((container.shape[0], container.shape[1]), salt, secret_for)
    found = digits.from_digits(trellis.read(container.reshape(-1)[free], base), base)
    content = cipher.enciphered(found, _code_key(keys, salt))
    largest = code.largest(container.shape[0] * container.shape[1])
    shown = Engine.of(weights, backend).decode(content, largest, progress)
    if count not in (None, len(shown)):
        raise ConfigError(f"a count of {count} was given, the container holds {len(shown)}")
    if sizes is None:
        return shown
    return [images.resize(each, *size) for each, size in zip(shown, sizes, strict=True)]


def _code_key(keys: Passphrase | None, salt: bytes) -> bytes:
    return cipher.public_key(salt) if keys is None else keys.code_key(salt)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=seal.SALT_BYTES).digest()


def _sizes(pictures: Sequence[Picture]) -> tuple[tuple[int, int], ...]:
    return tuple((each.pixels.shape[0], each.pixels.shape[1]) for each in pictures)


def _prepare(
    pictures: Sequence[Picture], engine: Engine, region: tuple[int, int], lock: _Lock | None
) -> list[Pixels]:
    """The model's planes in the size of the region, scrambled where there is a passphrase."""
    count = engine.network.config.hidden_images
    area = region if lock is None else scramble.whole_blocks(*region, count)
    places = _places(engine, len(pictures), area)
    fitted = [
        engine.fit(each.pixels, place.height, place.width)
        for each, place in zip(pictures, places, strict=True)
    ]
    planes = mosaic.compose(fitted, places)
    if lock is None:
        return planes
    return scramble.scramble(planes, *region, lock.keys.scrambling_key(lock.salt))


def _places(engine: Engine, count: int, area: tuple[int, ...]) -> list[mosaic.Cell]:
    config = engine.network.config
    return mosaic.cells(count, config.hidden_images, area[0], area[1], config.cell)


def _check_count(weights: Weights, count: int, given: str) -> None:
    least = weights.config.hidden_images
    if not least <= count <= MAX_HIDDEN:
        raise ConfigError(
            f"{given}, this model hides {least} and takes up to {MAX_HIDDEN}: give so many, or "
            "another model"
        )


def _weights(model: Model | None, count: int) -> Weights:
    if isinstance(model, Weights):
        return model
    return zoo.load(zoo.default(count).name if model is None else model)


def _sealed_weights(sealed: Seal, model: Model | None) -> Weights:
    weights = zoo.by_fingerprint(sealed.fingerprint) if model is None else _weights(model, 1)
    if weights.fingerprint != sealed.fingerprint or weights.config.hidden_images > sealed.count:
        raise UnknownModel(
            f"the container was made by a model of fingerprint {sealed.fingerprint.hex()}, the one "
            f"given has {weights.fingerprint.hex()}: give the one that made it"
        )
    return weights


def _find(picture: Picture, keys: Passphrase | None) -> seal.Found:
    try:
        return seal.find(picture.pixels, secret_for=None if keys is None else keys.seal_secret)
    except NoSeal as error:
        raise _no_seal(picture, keys) from error


def _no_seal(picture: Picture, keys: Passphrase | None) -> NoSeal:
    lossy = _MAYBE_LOSSY.get(picture.format)
    if lossy:
        return NoSeal(
            f"{picture.name} is {lossy} file, and what was hidden does not survive in one: "
            "take the lossless file that hiding wrote"
        )
    edited = (
        "it was never a container, or it was resized, cropped, edited or stored with loss since "
        "(as by JPEG or a messenger), which destroys what was hidden"
    )
    if keys is None:
        return NoSeal(
            f"{picture.name} holds no seal: {edited}, or it is keyed: give the passphrase, take "
            "the file that hiding wrote, or try --no-seal with a count"
        )
    # Never opened in its stead: whoever gives a passphrase trusts what comes out.
    with suppress(NoSeal):
        seal.find(picture.pixels)
        return NoSeal(
            f"{picture.name} is a container without a passphrase, which anybody can make, and a "
            "passphrase was given: leave it out, if you trust where the file came from"
        )
    return NoSeal(
        f"{picture.name} holds no seal that this passphrase opens: it has another one, or {edited} "
        "and the key with it: give its passphrase and the file that hiding wrote"
    )


def _read(source: Source | Picture) -> Picture:
    return source if isinstance(source, Picture) else images.read(source)


def _several(
    hidden: Source | Picture | Sequence[Source | Picture],
) -> Sequence[Source | Picture]:
    if isinstance(hidden, (list, tuple)):
        if not hidden:
            raise ConfigError("no hidden image was given: give 1 to 5")
        return hidden
    return [hidden]  # type: ignore[list-item]


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
