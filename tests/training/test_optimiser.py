from __future__ import annotations

import numpy as np
import pytest
import torch

from isn.paper.backends.torch import SubnetStack
from isn.paper.config import ModelConfig
from isn.paper.network import Network
from isn.training import checkpoints
from isn.training.optimiser import Average, initialise, make_optimiser, rate_at, warm_start
from isn.training.sections import OptimiserSettings

CPU = torch.device("cpu")


def _filled(config: ModelConfig, seed: int) -> SubnetStack:
    stack = SubnetStack(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return stack


def _arrays(stack: SubnetStack) -> dict[str, np.ndarray]:
    return {name: each.detach().numpy() for name, each in stack.named_parameters()}


def test_a_fresh_network_is_the_identity_with_something_to_learn() -> None:
    config = ModelConfig(hidden_images=1, blocks=2, depth=3, growth=4)
    stack = SubnetStack(config)
    initialise(stack, 7)
    host, hidden = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    hiding = Network.of(config, stack.subnets()).forward(host, hidden)
    assert torch.allclose(hiding.container, host, atol=1e-6)
    assert torch.allclose(hiding.lost, hidden, atol=1e-6)
    inner = stack.get_parameter("blocks.1.rho.convs.1.weight")
    expected = 0.1 * np.sqrt(2 / (9 * sum(inner.shape[:2])))
    assert float(inner.detach().std()) == pytest.approx(expected, rel=0.15)
    again = SubnetStack(config)
    initialise(again, 7)
    assert all(
        torch.equal(a, b) for a, b in zip(stack.parameters(), again.parameters(), strict=True)
    )


@pytest.mark.parametrize("levels", [0, 1])
def test_a_model_for_more_images_starts_from_one_for_fewer(levels: int) -> None:
    small = ModelConfig(hidden_images=2, blocks=2, depth=3, growth=4, levels=levels)
    large = ModelConfig(hidden_images=3, blocks=2, depth=3, growth=4, levels=levels)
    source = _filled(small, 1)
    stack = SubnetStack(large)
    initialise(stack, 2)
    taken = warm_start(stack, large, _arrays(source), small)
    # Only the biases of what the last convolutions give have another shape too, and are shared.
    assert len(taken) == len(large.parameter_shapes())
    host = torch.rand(1, 3, 8, 8)
    hidden = torch.rand(1, 9, 8, 8)
    with torch.no_grad():
        # Deaf to the third image, the larger network hides the first two as the smaller one does.
        channels = [band * 9 + k for band in range(large.cell**2) for k in range(6, 9)]
        for name, parameter in stack.named_parameters():
            if ".phi." in name and parameter.dim() == 4:
                parameter[:, channels] = 0
    ours = Network.of(large, stack.subnets()).forward(host, hidden)
    theirs = Network.of(small, source.subnets()).forward(host, hidden[:, :6])
    assert torch.allclose(ours.container, theirs.container, atol=1e-5)
    assert torch.allclose(ours.lost[:, :6], theirs.lost, atol=1e-5)
    assert torch.allclose(ours.lost[:, 6:], hidden[:, 6:], atol=1e-5)
    assert not torch.allclose(ours.container, host, atol=1e-2)


@pytest.mark.parametrize(("blocks", "kept"), [(4, (1, 3)), (5, (2, 4)), (3, (1, 2)), (2, (0, 1))])
def test_a_deeper_network_starts_as_the_shallower_one(blocks: int, kept: tuple[int, int]) -> None:
    shallow = ModelConfig(hidden_images=1, blocks=2, depth=3, growth=4)
    deep = ModelConfig(hidden_images=1, blocks=blocks, depth=3, growth=4)
    source = _filled(shallow, 3)
    stack = SubnetStack(deep)
    initialise(stack, 4)
    taken = warm_start(stack, deep, _arrays(source), shallow)
    assert {int(name.split(".")[1]) for name in taken} == set(kept)
    host, hidden = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    ours = Network.of(deep, stack.subnets()).forward(host, hidden)
    theirs = Network.of(shallow, source.subnets()).forward(host, hidden)
    assert torch.allclose(ours.container, theirs.container, atol=1e-6)


def test_what_does_not_fit_stays_as_it_was() -> None:
    source = ModelConfig(hidden_images=1, blocks=1, depth=3, growth=6)
    config = ModelConfig(hidden_images=1, blocks=1, depth=3, growth=4)
    stack = SubnetStack(config)
    initialise(stack, 5)
    before = {name: each.detach().clone() for name, each in stack.named_parameters()}
    taken = warm_start(stack, config, _arrays(_filled(source, 6)), source)
    assert 0 < len(taken) < len(before)
    for name, each in stack.named_parameters():
        assert torch.equal(each, before[name]) == (name not in taken)


def test_the_rate_rises_falls_and_halves() -> None:
    cosine = OptimiserSettings(rate=1.0, warmup=0.1, final=0.01)
    rates = [rate_at(k / 100, cosine) for k in range(101)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[5] == pytest.approx(0.5)
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert rates[55] == pytest.approx((1 + 0.01) / 2)
    assert rates[100] == pytest.approx(0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    halving = OptimiserSettings(rate=1.0, warmup=0.0, schedule="halving")
    assert [rate_at(p, halving) for p in (0.0, 0.13, 0.5, 1.0)] == [1, 0.5, 0.125, 1 / 64]
    plateau = OptimiserSettings(rate=1.0, warmup=0.1, schedule="plateau", cooldown=0.25, final=0.01)
    progress = (0.0, 0.05, 0.1, 0.5, 0.75, 0.875, 1.0, 1.1)
    found = [rate_at(p, plateau) for p in progress]
    assert found == pytest.approx([0.01, 0.5, 1, 1, 1, (1 + 0.01) / 2, 0.01, 0.01])
    for cooldown, last in ((0.0, 1.0), (1.0, 0.01)):
        edge = OptimiserSettings(rate=1.0, warmup=0.0, schedule="plateau", cooldown=cooldown)
        assert rate_at(0.0, edge) == 1.0
        assert rate_at(1 - 1e-6, edge) == pytest.approx(last, abs=1e-3)
    constant = OptimiserSettings(rate=1.0, warmup=0.0, schedule="constant")
    assert {rate_at(p, constant) for p in (0.0, 0.5, 1.0)} == {1.0}


@pytest.mark.parametrize("name", ["adamw", "adam", "adamax", "muon"])
def test_every_optimiser_learns(name: str) -> None:
    target = torch.nn.Parameter(torch.ones(4))
    # An orthogonal step is spread over all the numbers of a convolution.
    kernel = torch.nn.Parameter(torch.full((2, 3, 3, 3), 0.2))
    settings = OptimiserSettings(name=name, rate=0.05, betas=(0.5, 0.9))
    optimiser = make_optimiser([target, kernel], settings, CPU)
    assert type(optimiser).__name__.lower() == name
    for step in range(100):
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * (1 - step / 100)
        optimiser.zero_grad()
        (target.square().sum() + kernel.square().sum()).backward()
        optimiser.step()
    assert float(target.detach().abs().max()) < 0.1
    assert float(kernel.detach().abs().max()) < 0.02


@pytest.mark.parametrize("shape", [(16, 12, 3, 3), (48, 4, 3, 3), (5, 60, 3, 3)])
def test_muon_moves_a_convolution_by_an_orthogonal_matrix(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(3)
    kernel = torch.nn.Parameter(torch.randn(shape, generator=generator))
    before = kernel.detach().clone()
    optimiser = make_optimiser([kernel], OptimiserSettings(name="muon", rate=0.01), CPU)
    # Almost of one direction, as gradients are.
    kernel.grad = torch.randn(shape, generator=generator)
    kernel.grad += 20 * torch.randn((shape[0], 1, 1, 1), generator=generator)
    gradient = kernel.grad.clone()
    optimiser.step()
    decayed = before * (1 - 0.01 * OptimiserSettings().weight_decay)
    moved = (decayed - kernel.detach()).flatten(1)
    sides = moved.shape
    values = torch.linalg.svdvals(moved / (0.01 * 0.2 * max(sides) ** 0.5))
    assert len(values) == min(sides)
    assert 0.5 < float(values.min()) <= float(values.max()) < 1.35
    # Downhill, in the gradient's own rows and columns.
    assert float((moved * gradient.flatten(1)).sum()) > 0
    left, _, right = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    turned = left.T @ moved @ right.T
    assert float((turned - turned.diagonal().diag()).norm()) < 1e-3 * float(turned.norm())


def test_muon_gives_everything_else_to_adamw() -> None:
    generator = torch.Generator().manual_seed(4)
    shapes = [(5,), (4, 3), (4, 3, 1, 1), ()]
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    both = []
    for name in ("muon", "adamw"):
        parameters = [torch.nn.Parameter(each.clone()) for each in start]
        settings = OptimiserSettings(name=name, rate=0.02, betas=(0.8, 0.95), weight_decay=0.1)
        optimiser = make_optimiser(parameters, settings, CPU)
        for step in range(5):
            for each in parameters:
                each.grad = torch.cos(each.detach() * (step + 1))
            optimiser.step()
        both.append(parameters)
    for ours, theirs in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_muon_leaves_alone_what_has_no_gradient_and_stands_still_at_none() -> None:
    fixed, still = (torch.nn.Parameter(torch.ones(2, 2, 3, 3)) for _ in range(2))
    settings = OptimiserSettings(name="muon", rate=0.1, weight_decay=0.0)
    optimiser = make_optimiser([fixed, still], settings, CPU)
    still.grad = torch.zeros_like(still)
    optimiser.step()
    assert (fixed == 1).all()
    assert (still == 1).all()
    assert fixed not in optimiser.state


def test_muon_goes_on_from_its_tensors_as_if_never_stopped() -> None:
    def made() -> tuple[list[torch.nn.Parameter], torch.optim.Optimizer]:
        generator = torch.Generator().manual_seed(5)
        parameters = [
            torch.nn.Parameter(torch.randn(shape, generator=generator))
            for shape in ((3,), (4, 3, 3, 3), (2, 2), (2, 4, 3, 3))
        ]
        settings = OptimiserSettings(name="muon", rate=0.02, betas=(0.8, 0.95))
        return parameters, make_optimiser(parameters, settings, CPU)

    def run(
        parameters: list[torch.nn.Parameter], optimiser: torch.optim.Optimizer, steps: range
    ) -> None:
        for step in steps:
            for each in parameters:
                each.grad = torch.cos(each.detach() * (step + 1))
            optimiser.step()

    whole, optimiser = made()
    run(whole, optimiser, range(6))
    cut, first = made()
    run(cut, first, range(3))
    again, second = made()
    with torch.no_grad():
        for ours, theirs in zip(again, cut, strict=True):
            ours.copy_(theirs)
    checkpoints.load_optimiser(second, checkpoints.optimiser_tensors(first))
    run(again, second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(again, whole, strict=True))


def test_the_average_follows_slowly_and_swaps() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(0.0)
    average = Average(module, decay=0.9)
    with torch.no_grad():
        module.weight.fill_(1.0)
    for _ in range(200):
        average.update()
    value = float(average.tensors["weight"])
    expected = 1 - np.prod([min(0.9, t / (t + 9)) for t in range(1, 201)])
    assert value == pytest.approx(expected, rel=1e-5)
    average.swap()
    assert float(module.weight.detach()) == pytest.approx(value)
    average.swap()
    assert float(module.weight.detach()) == 1.0
    plain = Average(module, decay=0.0)
    with torch.no_grad():
        module.weight.fill_(3.0)
    plain.update()
    assert float(plain.tensors["weight"]) == 3.0
