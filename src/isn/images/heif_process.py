"""The process that reads one HEIF file: from standard input, to standard output.

It is run by its path, with nothing of this package loaded; see :mod:`isn.images.heif`. It answers
with a line of JSON: `error` and `memory`, or `mode`, `size`, `bit_depth` and the length of
`profile`, which follows, and after it the samples.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any


def main() -> None:
    """Answers for a file of no more than ``sys.argv[2]`` pixels; ``sys.argv[1]`` is `sys.path`."""
    sys.path[:] = json.loads(sys.argv[1])
    answer: dict[str, Any]
    profile = samples = b""
    try:
        from pi_heif import HeifImageFile

        image = HeifImageFile(io.BytesIO(sys.stdin.buffer.read()), "")
        answer = {"mode": image.mode, "size": image.size, "bit_depth": image.info["bit_depth"]}
        # A larger one is refused by its size, and its samples are not needed for that.
        if image.width * image.height <= int(sys.argv[2]):
            image.load()
            profile = image.info.get("icc_profile") or b""
            answer |= {"mode": image.mode, "size": image.size, "profile": len(profile)}
            samples = image.tobytes()
    except Exception as error:  # noqa: BLE001
        answer = {"error": str(error)[:500], "memory": isinstance(error, MemoryError)}
        profile = samples = b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + profile)
    sys.stdout.buffer.write(samples)


if __name__ == "__main__":
    main()
