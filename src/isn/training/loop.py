"""The training loop: steps, clock, validation, checkpoints."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
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
from isn.training.export import circumstances, export
from isn.training.gradients import Gradients
from isn.training.learner import Learner, dtype_of
from isn.training.log import Log, draw_curve, row_of
from isn.training.optimiser import Average, make_optimiser, rate_at
from isn.training.precision import has_bf16
from isn.training.progress import Progress, Stopped
from isn.training.settings import Recipe
from isn.training.state import State
from isn.training.validation import Quality, validate

PLATEAU = "plateau"
"""Folder of a run for its state before the rate falls, from which a longer run can go on."""

VALIDATION = "validation"
"""Stage of a run that validates on its way."""

FINISH = ("last validation", "validation of half the bits")
"""Stages of a run whose steps are done."""

MOST_RETURNS = 10
"""Times that a run goes back and halves its rate; what explodes at a thousandth is hopeless."""


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
        sources: Mapping[str, Any] | None = None,
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
            sources: what it trains on, for the checkpoints.
            report: told of progress in every process; print only in the first.
        """
        self.settings, self.batches, self.run, self.processes = settings, batches, run, processes
        self.learner, self.data_note, self.report = learner, data_note, report
        device = processes.device
        self.sources = dict(sources) if sources is not None else None
        self.dtype = dtype_of(settings.run)
        self.bf16 = settings.run.autocast == "bf16" and has_bf16(device)
        self.validation = tuple(each.to(device) for each in validation)
        self.stack = learner.module
        if settings.run.channels_last:
            self.stack.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = learner.objective
        self._set_precision(exact=False)
        if processes.world > 1:
            self.objective = nn.parallel.DistributedDataParallel(self.objective)
        self.optimiser = make_optimiser(self.stack.parameters(), settings.optimiser, device)
        self.gradients = Gradients(
            self.objective,
            self.optimiser,
            graph=settings.run.graph and device.type == "cuda" and processes.world == 1,
        )
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
        """Asks the run to end soon, with a checkpoint: for signal handlers.

        That is after this step, or before the next group that is validated.
        """
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
            True where the schedule is done and the model is written; the same in all processes.

        Raises:
            ModelError: it explodes whatever the rate, or its log was changed.
            OutputError: its folder cannot be written.
        """
        with checkpoints.writing(self.run):
            self.run.mkdir(parents=True, exist_ok=True)
            log = Log(self.run, self.step) if self.processes.first else None
        if self.settings.run.autocast == "bf16" and not self.bf16:
            self._tell("this device has no arithmetic in bfloat16: everything is in float32")
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
                return self._finish()
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
            ModelError: there is none, it is damaged, or does not fit.
        """
        checkpoint = self._last_checkpoint()
        if checkpoint is None:
            raise ModelError(f"there is no checkpoint in {self.run} to resume from")
        self._restore(checkpoint)

    def _one_step(self, share: float) -> None:
        settings, processes = self.settings.optimiser, self.processes
        if share >= 1 - self.settings.run.exact_share and not self.exact:
            self._set_precision(exact=True)
            self.gradients.forget()
        rate = rate_at(share, settings) * self.rate_scale
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        images = self.batches.batch(self.step, processes.rank, processes.world).to(self.dtype)
        terms = self.gradients(images)
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
        values = processes.mean(terms).tolist()
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
        elapsed, falling = self.elapsed, self.falling
        self._restore(checkpoint)
        # The clock does not go back: a schedule by time must end, and its descent begins once.
        self.elapsed, self.falling, self.rate_scale = elapsed, falling, scale
        self.skipped, self.returns = skipped, returns
        self._recent.clear()
        self._tell(f"exploded: back to step {self.step} at {scale:g} of the rate")

    @property
    def _validations_due(self) -> int:
        """Of all validations, how many the schedule has come to."""
        return int(min(self.share, 1.0) * self.settings.run.validations)

    def _validate(self, log: Log | None, spans: deque[float]) -> None:
        """Validates, where this is the first process; not to the end where the run is to stop."""
        if log is not None:
            try:
                with self._averaged():
                    photos, drawings = self._measure(VALIDATION).values()
            except Stopped:
                return
            self._write_down(log, photos, drawings, _per_second(spans))
        self.validated = self._validations_due

    def _write_down(self, log: Log, photos: Quality, drawings: Quality, speed: float) -> None:
        rate = self.optimiser.param_groups[0]["lr"]
        progress = Progress(
            self.share, self.step, self.elapsed, speed, self._last_terms, photos, drawings
        )
        with checkpoints.writing(self.run):
            log.add(row_of(progress, photos, drawings, rate=rate, skipped=self.skipped))
            draw_curve(log.rows, self.run / "curve.png", self.run.name)
        self.report(progress)
        if photos.grey:
            self._tell(
                f"of {len(self.validation[0])} groups of photos {photos.grey} had no room for "
                "what was to be hidden, and count as grey"
            )

    def _finish(self) -> bool:
        """Writes the model, after a checkpoint from which this can be done again.

        Returns:
            False where the run was to stop before that; the same in all processes.
        """
        self._checkpoint()
        done = not self.processes.first or self._export()
        return bool(self.processes.from_first(float(done))[0])

    def _export(self) -> bool:
        self._tell(f"{self.step} steps are done: the model is validated, then written")
        stages = iter(FINISH)
        try:
            with self._averaged():
                model = export(
                    self.learner,
                    self.settings,
                    lambda: self._measure(next(stages)),
                    {
                        "steps": self.step,
                        "minutes": round(self.elapsed / 60, 1),
                        "data": self.data_note,
                        "start": self.learner.start_note,
                        "skipped_steps": self.skipped,
                        **circumstances(self.processes),
                    },
                )
        except Stopped:
            return False
        with checkpoints.writing(self.run):
            model.save(self.run / "model.safetensors")
        return True

    def _measure(self, stage: str) -> dict[str, Quality]:
        """Validates on photos and drawings, and tells how far it is.

        Raises:
            Stopped: the run is to stop.
        """
        groups = [len(each) for each in self.validation]
        counts = iter(range(sum(groups)))

        def tell() -> None:
            if self._stopping:
                raise Stopped
            self.report(
                Progress(
                    self.share,
                    self.step,
                    self.elapsed,
                    0.0,
                    {},
                    stage=stage,
                    done=next(counts),
                    total=sum(groups),
                )
            )

        return {
            kind: validate(self.learner, each, self.dtype, tell)
            for kind, each in zip(("photos", "drawings"), self.validation, strict=True)
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
        run, self.exact = self.settings.run, exact
        self.learner.autocast = torch.bfloat16 if self.bf16 and not exact else None
        if self.processes.device.type == "cuda":
            tf32 = "tf32" if run.tf32 and not exact else "ieee"
            torch.backends.cuda.matmul.fp32_precision = tf32
            torch.backends.cudnn.conv.fp32_precision = tf32  # type: ignore[attr-defined]
            torch.backends.cudnn.benchmark = True

    def _checkpoint(self, folder: str = ".") -> None:
        if not self.processes.first:
            return
        tensors = checkpoints.pack(self.stack, self.average.tensors, self.optimiser)
        state = State(
            step=self.step,
            elapsed=self.elapsed,
            rate_scale=self.rate_scale,
            skipped=self.skipped,
            returns=self.returns,
            validated=self.validated,
            falling=self.falling,
            averaged=self.average.updates,
            norms=list(self._norms),
            recent=list(self._recent),
            start=self.learner.start_note,
            settings=self.settings.as_dict(),
            sources=self.sources,
        )
        checkpoints.write(self.run / folder, Checkpoint(tensors, state.as_dict()), self.step)

    def _last_checkpoint(self) -> Checkpoint | None:
        folder = checkpoints.newest(self.run) if self.processes.first else None
        return self.processes.object_from_first(checkpoints.read(folder) if folder else None)

    def _restore(self, checkpoint: Checkpoint) -> None:
        state = State.of(checkpoint.state, self.run)
        try:
            checkpoints.unpack(checkpoint.tensors, self.stack, self.average.tensors, self.optimiser)
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"the tensors of the checkpoint in {self.run} are not those of this model "
                f"({' '.join(str(error).split())[:200]}): put back a copy, or begin another run"
            ) from error
        self.step, self.elapsed = state.step, state.elapsed
        self.rate_scale = state.rate_scale
        self.skipped, self.returns = state.skipped, state.returns
        self.average.updates = state.averaged
        # A schedule that has grown since has validations ahead that the old one had behind it.
        self.validated = min(state.validated, self._validations_due)
        self.falling = bool(state.falling)
        self.learner.start_note = state.start
        self._norms.clear()
        self._norms.extend(state.norms)
        self._recent.clear()
        self._recent.extend(state.recent)

    def _tell(self, message: str) -> None:
        self.report(Progress(self.share, self.step, self.elapsed, 0.0, {}, message=message))


def _per_second(spans: Collection[float]) -> float:
    return len(spans) / sum(spans) if sum(spans) else 0.0
