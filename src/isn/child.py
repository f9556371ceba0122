"""Modules of this package that run as processes of their own, never by a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any


def words(module: str, *given: str) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-P", "-m", module, *given]


def options() -> dict[str, Any]:
    """What `subprocess`, or asyncio's, is told beside the pipes.

    Ctrl-C does not reach such a process: its parent ends it.
    """
    return {
        # A traceback may hold a user's words.
        "stderr": None if os.environ.get("ISN_DEBUG") else subprocess.DEVNULL,
        # The same modules as here, wherever this process has them from.
        "env": os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        "start_new_session": True,
    }
