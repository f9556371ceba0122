"""Messages between page, server and work: a line of JSON, then the bytes that it announces.

Not ``multipart/form-data``, whose readers write what is large to disk.
"""

from __future__ import annotations

import json
from typing import Any

from isn.errors import ConfigError


def pack(head: dict[str, Any], *blobs: bytes) -> bytes:
    """A message of a head and some bytes; without any it is one line, such as of progress."""
    told = head | {"blobs": [len(each) for each in blobs]} if blobs else head
    return b"".join([json.dumps(told, allow_nan=False).encode(), b"\n", *blobs])


def unpack(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Head and bytes of a whole message, which anybody may have made.

    Raises:
        ConfigError: it is none, or does not hold what it announces.
    """
    line, _, rest = message.partition(b"\n")
    try:
        head = json.loads(line)
        sizes = head.get("blobs", [])
        if any(type(size) is not int or size < 0 for size in sizes) or sum(sizes) != len(rest):
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise broken() from error
    blobs, start = [], 0
    for size in sizes:
        blobs.append(rest[start : start + size])
        start += size
    return head, blobs


def broken() -> ConfigError:
    """The error for a request that the page never sends."""
    return ConfigError("the request is none that this page sends: load the page again")
