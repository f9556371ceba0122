"""Gradients of a step, eager and as a CUDA graph."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isn.training.gradients import Gradients


class Objective(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        far = (self.conv(images) - images).square().mean()
        return torch.stack([far, far * 2])


def made(device: str, *, graph: bool) -> tuple[Objective, Gradients]:
    torch.manual_seed(0)
    objective = Objective().to(device)
    return objective, Gradients(objective, torch.optim.SGD(objective.parameters()), graph=graph)


def test_gradients_are_of_this_batch_alone() -> None:
    objective, gradients = made("cpu", graph=False)
    first, second = torch.rand(2, 1, 3, 8, 8)
    gradients(first)
    terms = gradients(second)
    wanted = torch.autograd.grad(objective(second)[0], list(objective.parameters()))
    assert not terms.requires_grad
    assert torch.equal(terms, objective(second).detach())
    for parameter, gradient in zip(objective.parameters(), wanted, strict=True):
        assert torch.equal(parameter.grad, gradient)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA graph needs a GPU")
def test_a_graph_gives_what_every_step_gives() -> None:
    objective, graph = made("cuda", graph=True)
    other, eager = made("cuda", graph=False)
    for step in range(3):
        images = torch.rand(1, 3, 8, 8, device="cuda")
        assert torch.allclose(graph(images), eager(images))
        for one, two in zip(objective.parameters(), other.parameters(), strict=True):
            assert torch.allclose(one.grad, two.grad)  # type: ignore[arg-type]
            with torch.no_grad():
                one.add_(0.01 * (step + 1))
                two.add_(0.01 * (step + 1))
    graph.forget()
    assert torch.allclose(graph(images), eager(images))
