"""How long the fuzzing lasts, and how much of it there was."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

from fuzz.damage import RUNS, TOGETHER


def pytest_configure(config: pytest.Config) -> None:
    quick = "not slow" in str(config.getoption("markexpr"))
    runs = int(os.environ.get("FUZZ_RUNS", "100" if quick else "200"))
    settings.register_profile(
        "fuzz",
        max_examples=max(runs // TOGETHER, 1),
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, count in sorted(RUNS.items()):
        terminalreporter.write_line(f"{count:10,} runs of {name}")
    terminalreporter.write_line(f"{RUNS.total():10,} runs of the fuzzing in all")
