"""What a baseline that is no code of bytes takes."""

from __future__ import annotations

from isn.errors import ConfigError, counted
from isn.images import MAX_PIXELS, Pixels
from isn.keys import Key
from isn.method import Method
from isn.secret import Secret, pictures_of


def given(baseline: Method, secret: Secret, key: Key) -> list[Pixels]:
    """The images of a secret that a baseline hides.

    Raises:
        ConfigError: there are files among them, or too few or too many, or a passphrase was given.
    """
    if key.secret:
        raise ConfigError(f"a passphrase was given, and {baseline.name} has no key: leave it out")
    pictures = pictures_of(secret, baseline.name, MAX_PIXELS)
    if len(pictures) not in baseline.counts:
        raise ConfigError(
            f"{baseline.name} hides {', '.join(map(str, baseline.counts))} at a time, not "
            f"{counted(len(pictures), 'image')}: give so many"
        )
    return pictures
