"""What a run leaves to look at: a CSV of every validation, TensorBoard events, a curve as PNG."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

COLUMNS = (
    "step",
    "minutes",
    "rate",
    "steps_per_second",
    "loss",
    "container",
    "lost",
    "host",
    "bits",
    "revealed",
    "gradient_norm",
    "skipped",
    "container_psnr",
    "revealed_psnr",
    "worst_container_psnr",
    "worst_revealed_psnr",
    "drawings_container_psnr",
    "drawings_revealed_psnr",
    "container_ssim",
    "revealed_ssim",
)


class Log:
    """Appends rows to ``log.csv`` and, where tensorboard is installed, to its event files."""

    def __init__(self, run: Path, since_step: int) -> None:
        """Opens the log of a run; rows after `since_step` (of a cut piece) are dropped."""
        self.path = run / "log.csv"
        rows = [row for row in read(self.path) if row.get("step", 0) <= since_step]
        with open(self.path, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self._events = _tensorboard(run)

    def add(self, row: dict[str, Any]) -> None:
        """Writes one row; keys are among `COLUMNS`."""
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if self._events is not None:
            for name, value in row.items():
                if name != "step" and value is not None:
                    self._events.add_scalar(name, value, row["step"])
            self._events.flush()


def read(path: Path) -> list[dict[str, float]]:
    """The rows of a log, numbers as numbers, empty cells left out; none where there is no file."""
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return [
            {key: float(value) for key, value in row.items() if key and value}
            for row in csv.DictReader(file)
        ]


def draw_curve(log: Path, picture: Path, title: str) -> bool:
    """Draws container and revealed PSNR over the minutes of a run.

    Returns:
        False where matplotlib is not installed or nothing was validated yet.
    """
    rows = [row for row in read(log) if "container_psnr" in row]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    if not rows:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    minutes = [row["minutes"] for row in rows]
    for column, label, style in (
        ("container_psnr", "container", "C0-"),
        ("revealed_psnr", "revealed", "C1-"),
        ("drawings_container_psnr", "container, drawings", "C0:"),
        ("drawings_revealed_psnr", "revealed, drawings", "C1:"),
    ):
        axes.plot(minutes, [row.get(column, float("nan")) for row in rows], style, label=label)
    axes.set(xlabel="minutes", ylabel="PSNR, dB (RGB, through 8 bit)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=110)
    return True


def _tensorboard(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run / "events"))
