"""How many kills there were."""

from __future__ import annotations

import pytest

from forking import KILLS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, count in sorted(KILLS.items()):
        terminalreporter.write_line(f"{count:7,} kills of {name}")
    terminalreporter.write_line(f"{KILLS.total():7,} kills in all")
