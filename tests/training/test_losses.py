from __future__ import annotations

import pytest
import torch

from isn.paper.backends.torch import SubnetStack, rounded
from isn.paper.config import ModelConfig
from isn.paper.network import Network
from isn.training.losses import TERMS, Objective
from isn.training.optimiser import initialise
from isn.training.sections import LossSettings


def test_rounding_gives_8_bit_values_and_passes_the_gradient() -> None:
    image = torch.tensor([0.1, 0.5004, 0.9999, 0.002], requires_grad=True)
    container = rounded(image, straight_clamp=False)
    assert torch.allclose(container * 255, torch.tensor([26.0, 128.0, 255.0, 1.0]), atol=1e-4)
    container.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert image.grad is not None
    assert image.grad.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(("straight", "gradient"), [(True, [1, 1, 1]), (False, [0, 1, 0])])
def test_the_clamp_passes_its_own_gradient_or_every_one(
    straight: bool, gradient: list[float]
) -> None:
    image = torch.tensor([-0.2, 0.5, 1.3], requires_grad=True)
    container = rounded(image, straight_clamp=straight)
    assert torch.allclose(container, torch.tensor([0.0, 128 / 255, 1.0]))
    container.sum().backward()
    assert image.grad is not None
    assert image.grad.tolist() == gradient


def test_the_loss_of_the_identity_is_known_by_hand() -> None:
    # A fresh network hides nothing: container = host, lost = hidden, revealed = 0.5 everywhere.
    config = ModelConfig(hidden_images=2, blocks=2, depth=2, growth=3, levels=1)
    stack = SubnetStack(config)
    initialise(stack, 1)
    weights = LossSettings(container=32, lost=2, host=3, revealed=4)
    objective = Objective(stack, Network.of(config, stack.subnets()), weights)
    images = torch.full((2, 3, 3, 8, 8), 51 / 255)
    images[:, 1] = 0.25
    images[:, 2] = 1.0
    terms = dict(zip(TERMS, objective(images).tolist(), strict=True))
    lost = (0.25**2 + 0.5**2) / 2
    revealed = (0.25 + 0.5) / 2
    assert terms["container"] == pytest.approx(0, abs=1e-9)
    assert terms["lost"] == pytest.approx(lost, rel=1e-5)
    assert terms["host"] == pytest.approx(0, abs=1e-6)
    assert terms["revealed"] == pytest.approx(revealed, rel=1e-5)
    assert terms["loss"] == pytest.approx(2 * lost + 4 * revealed, rel=1e-5)


def test_distances_and_the_penalty_outside() -> None:
    config = ModelConfig(hidden_images=1, blocks=1, depth=2, growth=3, levels=0)
    stack = SubnetStack(config)
    initialise(stack, 1)
    with torch.no_grad():
        # phi adds 0.2 to the host everywhere.
        stack.get_parameter("blocks.0.phi.convs.1.bias").fill_(0.2)
    network = Network.of(config, stack.subnets())
    images = torch.full((1, 2, 3, 4, 4), 0.9)

    def loss(**changes: object) -> list[float]:
        settings = LossSettings(container=0, lost=0, host=0, **changes)  # type: ignore[arg-type]
        values: list[float] = Objective(stack, network, settings)(images).tolist()
        return values

    assert loss(revealed=1, revealed_distance="l2")[0] == pytest.approx(0.4**2, rel=1e-4)
    assert loss(revealed=1, revealed_distance="charbonnier")[0] == pytest.approx(0.4, rel=1e-4)
    assert loss(revealed=0, outside=5.0)[0] == pytest.approx(5 * 0.1**2, rel=1e-4)


def test_colours_of_squares_count_for_more_where_they_are_to() -> None:
    config = ModelConfig(hidden_images=1, blocks=1, depth=1, growth=1, levels=0)
    stack = SubnetStack(config)
    initialise(stack, 1)
    network, images = Network.of(config, stack.subnets()), torch.rand(2, 2, 3, 16, 24)

    def loss(coarse: float) -> float:
        settings = LossSettings(container=0, lost=0, host=0, coarse=coarse)
        return float(Objective(stack, network, settings)(images)[0].detach())

    # The identity reveals grey.
    missed = (0.5 - images[:, 1]).reshape(2, 3, 2, 8, 3, 8).mean((3, 5))
    expected = 3 * float(missed.square().mean())
    assert loss(3.0) - loss(0.0) == pytest.approx(expected, rel=1e-3)


def test_a_texture_stands_for_the_lost_part() -> None:
    config = ModelConfig(hidden_images=2, blocks=1, depth=2, growth=3, levels=1, lost=None)
    stack = SubnetStack(config)
    initialise(stack, 1)
    network = Network.of(config, stack.subnets())
    texture = torch.rand(3, 3, 5)
    images = torch.rand(1, 3, 3, 8, 8)
    # The identity "loses" the hidden images, so only their difference from the texture counts.
    y_z = network.constant_lost(images[:, 0], texture)
    assert y_z.shape == (1, 6, 8, 8)
    assert torch.equal(y_z[0, :3, 3:6, 5:8], texture[:, :3, :3])
    assert torch.equal(y_z[0, :3], y_z[0, 3:])
    terms = Objective(stack, network, LossSettings(), texture)(images)
    hidden = images[:, 1:].flatten(1, 2)
    assert float(terms[2].detach()) == pytest.approx(
        float((hidden - y_z).square().mean()), rel=1e-4
    )
