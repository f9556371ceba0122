"""Gradients of a batch; on a GPU, if asked for, as one CUDA graph.

A network of many small convolutions takes a processor longer to launch than a GPU to compute. A
graph is launched at once: it is captured from one step, and repeated with other images.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Gradients:
    """Forward and backward pass of an objective.

    Args:
        objective: takes images, gives numbers of which the first is the loss.
        optimiser: of the objective's parameters.
        graph: capture the first call and repeat it. All images must then have one shape, and
            nothing else may set the gradients to None.
    """

    def __init__(
        self, objective: nn.Module, optimiser: torch.optim.Optimizer, *, graph: bool
    ) -> None:
        self.objective, self.optimiser, self.graph = objective, optimiser, graph
        self._captured: _Captured | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """The objective's numbers; the gradients of the first are in the parameters then."""
        if not self.graph:
            return self._pass(images)
        if self._captured is None:
            self._captured = _Captured(self, images)
        return self._captured.repeat(images)

    def forget(self) -> None:
        """Captures anew: for when the objective computes in other numbers from here on."""
        self._captured = None

    def _pass(self, images: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        return self.backward(images)

    def backward(self, images: Tensor) -> Tensor:
        """Adds to gradients that are there, or makes them."""
        terms: Tensor = self.objective(images)
        terms[0].backward()
        return terms.detach()


class _Captured:
    """One pass, with the memory that it reads and writes."""

    def __init__(self, gradients: Gradients, images: Tensor) -> None:
        self.images = images.clone()
        # Libraries choose algorithms and take memory in their first calls, which no graph may.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                gradients.optimiser.zero_grad(set_to_none=True)
                gradients.backward(self.images)
        torch.cuda.current_stream().wait_stream(stream)
        gradients.optimiser.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.terms = gradients.backward(self.images)

    def repeat(self, images: Tensor) -> Tensor:
        self.images.copy_(images)
        self.graph.replay()
        return self.terms.clone()
