"""The training loop: steps, clock, validation, checkpoints."""

from __future__ import annotations

import datetime
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isn.errors import ModelError
from isn.training import checkpoints
from isn.training.checkpoints import Checkpoint
from isn.training.data import Batches
from isn.training.distributed import Processes
from isn.training.export import export, load_tensors
from isn.training.learner import Learner, dtype_of
from isn.training.log import Log, draw_curve
from isn.training.optimiser import Average, make_optimiser, rate_at
from isn.training.settings import Recipe
from isn.training.validation import Quality, validate

PLATEAU = "plateau"
"""Folder of a run for its state before the rate falls, from which a longer run can go on."""

MOST_RETURNS = 10
"""Times that a run goes back and halves its rate; what explodes at a thousandth is hopeless."""


@dataclass(frozen=True)
class Progress:
    """What a run tells while it goes on.

    Attributes:
        share: of the schedule that is done, 0 to 1.
        step: steps done.
        elapsed: seconds of training, over all pieces.
        steps_per_second: lately.
        terms: the last loss and its parts, by name.
        photos: the last validation on photos, or None.
        drawings: the last validation on drawings, or None.
        message: something out of the ordinary, or empty.
    """

    share: float
    step: int
    elapsed: float
    steps_per_second: float
    terms: Mapping[str, float]
    photos: Quality | None = None
    drawings: Quality | None = None
    message: str = ""


class Trainer:
    """One run: made from settings and data, or from its last checkpoint, and run to its end."""

    def __init__(
        self,
        settings: Recipe,
        learner: Learner,
        batches: Batches,
        validation: tuple[Tensor, Tensor],
        run: Path,
        processes: Processes,
        *,
        data_note: str = "",
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """Builds the optimiser; nothing is written before :meth:`train`.

        Args:
            settings: the whole training.
            learner: what is trained, on the device of `processes`.
            batches: where patches come from.
            validation: groups of photos and of drawings, P x (1 + n) x 3 x H x W uint8.
            run: folder of the run.
            processes: this process among those of the training.
            data_note: what the data is, for the model's metadata.
            report: told of progress in every process; print only in the first.
        """
        self.settings, self.batches, self.run, self.processes = settings, batches, run, processes
        self.learner, self.data_note, self.report = learner, data_note, report
        device = processes.device
        self.dtype = dtype_of(settings.run)
        self.validation = tuple(each.to(device) for each in validation)
        self.stack = learner.module
        if settings.run.channels_last:
            self.stack.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = learner.objective
        self._set_precision(exact=False)
        if processes.world > 1:
            self.objective = nn.parallel.DistributedDataParallel(self.objective)
        self.optimiser = make_optimiser(self.stack.parameters(), settings.optimiser, device)
        self.average = Average(self.stack, settings.optimiser.ema)

        self.step, self.elapsed, self.rate_scale = 0, 0.0, 1.0
        self.skipped, self.returns = 0, 0
        self.validated = 0
        self.falling = False
        self._norms: deque[float] = deque(maxlen=100)
        self._recent: deque[bool] = deque(maxlen=100)
        self._last_terms: dict[str, float] = {}
        self._stopping = False

    def stop(self) -> None:
        """Asks the run to end after this step, with a checkpoint: for signal handlers."""
        self._stopping = True

    @property
    def share(self) -> float:
        """Share of the schedule that is done."""
        run = self.settings.run
        return self.step / run.steps if run.steps else self.elapsed / (60 * run.minutes)

    def train(self, stop_after: float | None = None) -> bool:
        """Runs to the end of the schedule, or for a piece of it.

        Args:
            stop_after: minutes after which this piece ends with a checkpoint.

        Returns:
            True where the schedule is done and the model is written.
        """
        self.run.mkdir(parents=True, exist_ok=True)
        log = Log(self.run, self.step) if self.processes.first else None
        begun = mark = time.monotonic()
        before = self.elapsed
        last_checkpoint = begun
        if self.step == 0:
            # So that an explosion in the first minutes has somewhere to go back to.
            self._checkpoint()
        spans: deque[float] = deque(maxlen=50)
        while True:
            now = time.monotonic()
            cut = stop_after is not None and now - begun >= 60 * stop_after
            elapsed, stopping, due = self.processes.from_first(
                before + now - begun,
                float(cut or self.processes.any(self._stopping)),
                float(now - last_checkpoint >= 60 * self.settings.run.checkpoint_minutes),
            )
            self.elapsed = elapsed
            share = self.share
            if self._validations_due > self.validated:
                self._validate(log, spans)
            if self._descends_from_here():
                self._checkpoint(PLATEAU)
            if share >= 1:
                self._finish()
                return True
            if stopping or due:
                self._checkpoint()
                last_checkpoint = time.monotonic()
            if stopping:
                return False
            self._one_step(share)
            spans.append(time.monotonic() - mark)
            mark = time.monotonic()
            self.report(Progress(share, self.step, elapsed, _per_second(spans), self._last_terms))

    def _descends_from_here(self) -> bool:
        """Whether the rate begins to fall with this step; True once."""
        settings = self.settings.optimiser
        falls = settings.schedule == "plateau" and self.share >= 1 - settings.cooldown
        begins, self.falling = falls and not self.falling, falls
        return begins

    def resume(self) -> None:
        """Goes on from the run's last checkpoint.

        Raises:
            ModelError: there is none, it is damaged, or it is of another architecture.
        """
        checkpoint = self._last_checkpoint()
        if checkpoint is None:
            raise ModelError(f"there is no checkpoint in {self.run} to resume from")
        self._restore(checkpoint)

    def _one_step(self, share: float) -> None:
        settings, processes = self.settings.optimiser, self.processes
        if share >= 1 - self.settings.run.exact_share:
            self._set_precision(exact=True)
        rate = rate_at(share, settings) * self.rate_scale
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        images = self.batches.batch(self.step, processes.rank, processes.world).to(self.dtype)
        self.optimiser.zero_grad(set_to_none=True)
        terms = self.objective(images)
        terms[0].backward()
        limit = settings.clip or float("inf")
        norm = float(nn.utils.clip_grad_norm_(self.stack.parameters(), limit))
        bad = processes.any(self._explodes(norm))
        self._recent.append(bad)
        if bad:
            self.skipped += 1
            if sum(self._recent) >= settings.patience:
                self._go_back()
                return
        else:
            self._norms.append(norm)
            self.optimiser.step()
            self.average.update()
        self.step += 1
        values = processes.mean(terms.detach()).tolist()
        self._last_terms = dict(zip(self.learner.terms, values, strict=True)) | {
            "gradient_norm": norm
        }

    def _explodes(self, norm: float) -> bool:
        factor = self.settings.optimiser.explode
        if not np.isfinite(norm):
            return True
        # The first norms of a fresh network say little of the later ones.
        return bool(
            factor and len(self._norms) >= 50 and norm > factor * statistics.median(self._norms)
        )

    def _go_back(self) -> None:
        scale, skipped, returns = self.rate_scale / 2, self.skipped, self.returns + 1
        checkpoint = self._last_checkpoint()
        if checkpoint is None or returns > MOST_RETURNS:
            raise ModelError(
                f"the training exploded again at step {self.step} after going back "
                f"{self.returns} times: take a lower optimiser.rate or a model.clamp"
            )
        elapsed = self.elapsed
        self._restore(checkpoint)
        # The clock does not go back: a schedule by time must end.
        self.elapsed, self.rate_scale = elapsed, scale
        self.skipped, self.returns = skipped, returns
        self._recent.clear()
        self._tell(f"exploded: back to step {self.step} at {scale:g} of the rate")

    @property
    def _validations_due(self) -> int:
        """Of all validations, how many the schedule has come to."""
        return int(min(self.share, 1.0) * self.settings.run.validations)

    def _validate(self, log: Log | None, spans: deque[float]) -> None:
        self.validated = self._validations_due
        if log is None:
            return
        with self._averaged():
            photos, drawings = self._measure().values()
        speed = _per_second(spans)
        log.add(
            {
                "step": self.step,
                "minutes": round(self.elapsed / 60, 3),
                "rate": self.optimiser.param_groups[0]["lr"],
                "steps_per_second": round(speed, 4),
                **{name: float(f"{value:.6g}") for name, value in self._last_terms.items()},
                "skipped": self.skipped,
                "container_psnr": round(photos.container, 3),
                "revealed_psnr": round(photos.revealed, 3),
                "worst_container_psnr": round(photos.worst_container, 3),
                "worst_revealed_psnr": round(photos.worst_revealed, 3),
                "drawings_container_psnr": round(drawings.container, 3),
                "drawings_revealed_psnr": round(drawings.revealed, 3),
                "container_ssim": round(photos.container_ssim, 5),
                "revealed_ssim": round(photos.revealed_ssim, 5),
            }
        )
        draw_curve(log.path, self.run / "curve.png", self.run.name)
        self.report(
            Progress(self.share, self.step, self.elapsed, speed, self._last_terms, photos, drawings)
        )

    def _finish(self) -> None:
        self._checkpoint()
        if not self.processes.first:
            return
        with self._averaged():
            model = export(self.learner, self.settings, self._measure, self._provenance())
        model.save(self.run / "model.safetensors")

    def _provenance(self) -> dict[str, Any]:
        return {
            "steps": self.step,
            "minutes": round(self.elapsed / 60, 1),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "device": _device_name(self.processes.device),
            "processes": self.processes.world,
            "torch": torch.__version__,
            "data": self.data_note,
            "start": self.learner.start_note,
            "skipped_steps": self.skipped,
        }

    def _measure(self) -> dict[str, Quality]:
        kinds = ("photos", "drawings")
        return {
            kind: validate(self.learner, groups, self.dtype)
            for kind, groups in zip(kinds, self.validation, strict=True)
        }

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in place of the live ones, in exact arithmetic."""
        self.average.swap()
        before, self.learner.autocast = self.learner.autocast, None
        try:
            yield
        finally:
            self.learner.autocast = before
            self.average.swap()

    def _set_precision(self, *, exact: bool) -> None:
        run = self.settings.run
        self.learner.autocast = torch.bfloat16 if run.autocast == "bf16" and not exact else None
        if self.processes.device.type == "cuda":
            tf32 = "tf32" if run.tf32 and not exact else "ieee"
            torch.backends.cuda.matmul.fp32_precision = tf32
            torch.backends.cudnn.conv.fp32_precision = tf32  # type: ignore[attr-defined]

    def _checkpoint(self, folder: str = ".") -> None:
        if not self.processes.first:
            return
        tensors = {
            f"weights.{name}": each.detach().cpu().contiguous()
            for name, each in self.stack.named_parameters()
        }
        tensors |= {
            f"average.{name}": each.cpu().contiguous()
            for name, each in self.average.tensors.items()
        }
        tensors |= checkpoints.optimiser_tensors(self.optimiser)
        state = {
            "step": self.step,
            "elapsed": self.elapsed,
            "rate_scale": self.rate_scale,
            "skipped": self.skipped,
            "returns": self.returns,
            "validated": self.validated,
            "falling": self.falling,
            "averaged": self.average.updates,
            "norms": list(self._norms),
            "recent": list(self._recent),
            "start": self.learner.start_note,
            "settings": self.settings.as_dict(),
        }
        checkpoints.write(self.run / folder, Checkpoint(tensors, state), self.step)

    def _last_checkpoint(self) -> Checkpoint | None:
        folder = checkpoints.newest(self.run) if self.processes.first else None
        return self.processes.object_from_first(checkpoints.read(folder) if folder else None)

    def _restore(self, checkpoint: Checkpoint) -> None:
        state, tensors = checkpoint.state, checkpoint.tensors
        ours, theirs = self.settings.as_dict(), state["settings"]
        if (theirs.get("method", "isn"), theirs["model"]) != (ours["method"], ours["model"]):
            raise ModelError(
                f"the checkpoint in {self.run} is of another model "
                f"({theirs['model']}), these settings name {ours['model']}"
            )
        load_tensors(self.stack, _under("weights.", tensors))
        for name, each in _under("average.", tensors).items():
            self.average.tensors[name].copy_(each)
        checkpoints.load_optimiser(self.optimiser, tensors)
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.rate_scale = state["rate_scale"]
        self.skipped, self.returns = state["skipped"], state["returns"]
        self.average.updates = state["averaged"]
        # A schedule that has grown since has validations ahead that the old one had behind it.
        self.validated = min(state["validated"], self._validations_due)
        self.falling = state.get("falling", False)
        self.learner.start_note = state["start"]
        self._norms.clear()
        self._norms.extend(state["norms"])
        self._recent.clear()
        self._recent.extend(state["recent"])

    def _tell(self, message: str) -> None:
        self.report(Progress(self.share, self.step, self.elapsed, 0.0, {}, message=message))


def _per_second(spans: Collection[float]) -> float:
    return len(spans) / sum(spans) if sum(spans) else 0.0


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
