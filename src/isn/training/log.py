"""What a run leaves to look at: a CSV of every validation, TensorBoard events, a curve as PNG."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isn import atomic
from isn.errors import ModelError
from isn.training.progress import Progress
from isn.training.validation import Quality

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


def row_of(
    progress: Progress, photos: Quality, drawings: Quality, *, rate: float, skipped: int
) -> dict[str, float]:
    """The row of one validation, by the names in `COLUMNS`."""
    return {
        "step": progress.step,
        "minutes": round(progress.elapsed / 60, 3),
        "rate": rate,
        "steps_per_second": round(progress.steps_per_second, 4),
        **{name: float(f"{value:.6g}") for name, value in progress.terms.items()},
        "skipped": skipped,
        "container_psnr": round(photos.container, 3),
        "revealed_psnr": round(photos.revealed, 3),
        "worst_container_psnr": round(photos.worst_container, 3),
        "worst_revealed_psnr": round(photos.worst_revealed, 3),
        "drawings_container_psnr": round(drawings.container, 3),
        "drawings_revealed_psnr": round(drawings.revealed, 3),
        "container_ssim": round(photos.container_ssim, 5),
        "revealed_ssim": round(photos.revealed_ssim, 5),
    }


class Log:
    """Keeps rows in ``log.csv`` and, where tensorboard is installed, in its event files.

    Attributes:
        path: of ``log.csv``, which is replaced as a whole by each row: a program that looks at it
            sees all of it, and one that changes it in the meantime changes nothing.
        rows: all so far.
    """

    def __init__(self, run: Path, since_step: int) -> None:
        """Opens the log of a run; rows after `since_step` (of a cut piece) are dropped.

        Raises:
            ModelError: another program has changed the file, see :func:`read`.
            OSError: it cannot be written.
        """
        self.path = run / "log.csv"
        self.rows: list[Mapping[str, float]] = [
            row for row in read(self.path) if row["step"] <= since_step
        ]
        self._write()
        self._events = _tensorboard(run)

    def add(self, row: Mapping[str, float]) -> None:
        """Writes one row; keys are among `COLUMNS`, and ``step`` is one of them."""
        self.rows.append(row)
        self._write()
        if self._events is not None:
            for name, value in row.items():
                if name != "step":
                    self._events.add_scalar(name, value, row["step"])
            self._events.flush()

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(self.rows)
        atomic.write(self.path, text.getvalue().encode())


def read(path: Path) -> list[dict[str, float]]:
    """The rows of a log, numbers as numbers, empty cells left out; none where there is no file.

    The columns may stand in another order, and some may be missing, but not ``step``.

    Raises:
        ModelError: it is not as a training writes it: other delimiters, columns or text.
    """
    if not path.is_file():
        return []
    try:
        # Spreadsheets put a mark before the text.
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = list(reader.fieldnames or [])
            odd = [name for name in names if name not in COLUMNS]
            if odd or "step" not in names or len(set(names)) < len(names):
                raise ValueError(f"its columns are {', '.join(names)[:100] or 'none'}")
            return [_numbers(row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise ModelError(
            f"{path} is not as a training wrote it ({error}): undo what another program changed, "
            "or move the file away, and a new one begins"
        ) from error


def _numbers(row: Mapping[str | None, Any]) -> dict[str, float]:
    if None in row:
        raise ValueError(f"a row has more cells than there are columns: {row[None]}")
    numbers = {key: float(value) for key, value in row.items() if key and value}
    if not math.isfinite(numbers.get("step", math.nan)):
        raise ValueError("a row has no step")
    return numbers


def draw_curve(log: Sequence[Mapping[str, float]], picture: Path, title: str) -> bool:
    """Draws container and revealed PSNR over the minutes of a run.

    Args:
        log: rows of a log.
        picture: file to write.
        title: above the curve.

    Returns:
        False where matplotlib is not installed or nothing was validated yet.
    """
    rows = [row for row in log if "container_psnr" in row]
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    if not rows:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    minutes = [row.get("minutes", float("nan")) for row in rows]
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
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    atomic.write(picture, drawn.getvalue())
    return True


def _tensorboard(run: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(run / "events"))
