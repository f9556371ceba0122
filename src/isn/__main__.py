"""The process of the command `isn`, and of `python -m isn` where that is not on the path."""

from __future__ import annotations

import gc

_OBJECTS = 20_000
"""New ones before a look for garbage: loading modules makes many, and none of them is any."""


def main() -> None:
    """Runs the command that `sys.argv` names, and exits with its code."""
    gc.set_threshold(_OBJECTS)
    from isn import cli

    try:
        cli.main(prog_name="isn")
    finally:
        # What ends with the process need not be searched once more.
        gc.freeze()


if __name__ == "__main__":
    main()
