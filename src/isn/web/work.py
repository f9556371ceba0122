"""One job: a request on standard input, its progress and its answer on standard output.

It is run as ``python -m isn.web.work`` by :mod:`isn.web.jobs`, and ends with its job, so that a
decoder that hangs, crashes or fills the memory takes nobody else's job with it.
"""

from __future__ import annotations

import math
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from isn import threads
from isn.errors import sentence
from isn.web.messages import broken, pack, unpack

if TYPE_CHECKING:
    from isn.images import Picture, Pixels
    from isn.secret import File

WISHES: Final[dict[str, dict[str, Any]]] = {
    "quality": {},
    "unseen": {"secrecy": "medium"},
    "sending": {"survive": 75},
}
"""What people choose from, as options of :func:`isn.hide`."""

MOST_PIXELS: Final = 50_000_000
"""Of one image: as many as phones take."""

_SHOWN_PIXELS: Final = 2_000_000
"""Of a picture that is looked at and not kept."""

Say = Callable[..., None]
"""Sends a message: bytes, and the entries of its head."""


def main() -> None:
    """Does one job, one thread at a time since each core has a job of its own."""
    threads.limit(1)
    out = sys.stdout.buffer

    def send(message: bytes) -> None:
        out.write(message)
        out.flush()

    answer(sys.stdin.buffer.read(), send)


def answer(request: bytes, send: Callable[[bytes], None]) -> None:
    """Does what a request asks for.

    Args:
        request: a message, which anybody may have made.
        send: takes messages: of progress, then the answer, which may be that it failed.
    """

    def say(*blobs: bytes, **head: Any) -> None:
        send(pack(head, *blobs))

    try:
        head, blobs = unpack(request)
        do = _TASKS.get(str(head.get("task")))
        if do is None:
            raise broken()
        do(head, blobs, say)
    except Exception as error:  # noqa: BLE001
        if os.environ.get("ISN_DEBUG"):
            traceback.print_exception(error)
        say(error=sentence(error), kind=type(error).__name__)


def _look(head: dict[str, Any], blobs: list[bytes], say: Say) -> None:
    """What each wish would give: its room at once, and what comes back as soon as it is known."""
    import isn
    from isn.method import DEFAULT

    cover, secret = _given(head, blobs)
    for asked in (None, secret) if secret else (None,):
        for wish, options in WISHES.items():
            (found,) = isn.capacity(cover, asked, methods=[DEFAULT], **options)
            say(
                wish=wish,
                known=asked is not None,
                room=found.size,
                container=found.container,
                revealed=_finite(found.revealed),
                why=found.fits,
            )
    say(done=True, notes=_notes(cover, *secret))


def _hide(head: dict[str, Any], blobs: list[bytes], say: Say) -> None:
    """The container's file, as the command line writes it, and pictures to compare."""
    import isn
    from isn import advice
    from isn.evaluation.pictures import error

    cover, secret = _given(head, blobs)
    wish = head.get("wish")
    if wish not in WISHES:
        raise broken()
    made = isn.hide(
        cover,
        secret,
        passphrase=head.get("passphrase"),
        check=True,
        progress=lambda share: say(share=share),
        **WISHES[wish],
    )
    passphrase = head.get("passphrase")
    warnings = [*advice.of_loss(made, secret), *advice.of_guessing(passphrase)]
    if wish == "unseen":
        warnings += advice.of_betrayal(passphrase)
    name = "container.png" if made.jpeg is None else "container.jpg"
    file = made.encoded(name)
    made = made if made.jpeg is None else made.as_jpeg()
    say(
        file,
        *map(_preview, (made.host.pixels, made.pixels, error(made.pixels, made.host.pixels))),
        name=name,
        psnr=round(made.psnr, 2),
        revealed=list(map(_finite, made.revealed or ())),
        warnings=warnings,
        notes=_notes(made.host, *secret),
    )


def _reveal(head: dict[str, Any], blobs: list[bytes], say: Say) -> None:
    """What a container holds: images as PNG files, and files as they are."""
    import isn
    from isn.images import encode

    container, _ = _given(head, blobs)
    items = isn.reveal(
        container, passphrase=head.get("passphrase"), progress=lambda share: say(share=share)
    )
    told, files, images = [], [], 0
    for item in items:
        if isinstance(item, isn.File):
            told.append({"name": item.name, "image": False})
            files.append(item.content)
            continue
        images += 1
        told.append({"name": f"{images}.png", "image": True})
        files.append(encode(item))
    say(*files, items=told, notes=_notes(container))


_TASKS: Final[dict[str, Callable[[dict[str, Any], list[bytes], Say], None]]] = {
    "look": _look,
    "hide": _hide,
    "reveal": _reveal,
}


def _given(head: dict[str, Any], blobs: list[bytes]) -> tuple[Picture, list[Picture | File]]:
    """The first file as an image, and the others as what the page says that they are."""
    from isn.images import read
    from isn.images.picture import shown
    from isn.secret import File

    try:
        named = [(str(each["name"]), bool(each["image"])) for each in head["files"]]
        (name, _), *others = named
    except (LookupError, TypeError, ValueError) as error:
        raise broken() from error
    if len(named) != len(blobs) or not isinstance(head.get("passphrase"), str | None):
        raise broken()
    return read(blobs[0], shown(name), most=MOST_PIXELS), [
        read(blob, shown(name), most=MOST_PIXELS) if image else File(name, blob)
        for (name, image), blob in zip(others, blobs[1:], strict=True)
    ]


def _finite(value: float | None) -> float | None:
    """A PSNR as JSON holds it: None for what comes back exactly, or what nobody knows."""
    return None if value is None or not math.isfinite(value) else round(value, 2)


def _notes(*given: Picture | File) -> list[str]:
    return [note for each in given for note in getattr(each, "notes", ())]


def _preview(pixels: Pixels) -> bytes:
    from isn.images import encode, within

    return encode(within(pixels, _SHOWN_PIXELS))


if __name__ == "__main__":
    main()
