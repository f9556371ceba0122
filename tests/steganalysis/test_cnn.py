"""The network: its layers against NumPy, both controls, and the same answer every time."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from isn.errors import ConfigError, ImageError
from isn.steganalysis.learned import leaked_pairs

torch = pytest.importorskip("torch")

from isn.steganalysis import cnn  # noqa: E402
from isn.steganalysis.cnn import Cnn, ResidualNet, XuNet  # noqa: E402

pytestmark = pytest.mark.torch

Array = NDArray[Any]


def hosts(count: int, seed: int = 0, side: int = 64) -> Array:
    """Waves with grain that the channels share in part, as in a photo."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    out = []
    for _ in range(count):
        waves = sum(9 * np.sin(x / rng.uniform(3, 20) + y / rng.uniform(3, 20)) for _ in range(4))
        grain = rng.normal(0, 1.2, (side, side, 1)) + rng.normal(0, 0.7, (side, side, 3))
        out.append(np.rint((120 + waves[..., None] + grain).clip(5, 250)).astype(np.uint8))
    return np.stack(out)


def matched(clean: Array, seed: int = 1) -> Array:
    """LSB matching at full rate."""
    change = np.random.default_rng(seed).choice([-1, 1, 0, 0], clean.shape)
    return np.clip(clean.astype(np.int16) + change, 0, 255).astype(np.uint8)


def test_the_network_is_that_of_the_paper() -> None:
    network = XuNet()
    kernels = [tuple(conv.weight.shape) for conv in network.convs]
    assert kernels == [
        (8, 3, 5, 5),
        (16, 8, 5, 5),
        (32, 16, 1, 1),
        (64, 32, 1, 1),
        (128, 64, 1, 1),
    ]
    assert all(conv.bias is None for conv in network.convs)
    # The filter is fixed: it gives nothing on a plane, and no optimiser sees it.
    assert float(network.kernel.sum()) == pytest.approx(0, abs=1e-6)
    assert "kernel" not in dict(network.named_parameters())


def test_the_residual_network_begins_with_derivatives() -> None:
    network = ResidualNet()
    filters = network.filters.detach().numpy()[:, 0]
    # Nothing on a plane, at most what is positive on a step, and no two alike.
    np.testing.assert_allclose(filters.sum((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(np.maximum(filters, 0).sum((1, 2)), 1, atol=1e-6)
    assert len({each.tobytes() for each in filters}) == len(filters) == 10
    assert "filters" in dict(network.named_parameters())


def test_the_residual_network_cuts_off_what_is_no_grain() -> None:
    torch.manual_seed(6)
    network = ResidualNet().eval()
    edge = torch.zeros(1, 3, 40, 40)
    edge[..., 20:] = 100
    with torch.inference_mode():
        # Every filter answers an edge so high by more than is kept, or not at all.
        assert torch.allclose(network(edge), network(2 * edge), atol=1e-4)
        assert not torch.allclose(network(edge), network(edge / 50), atol=1e-4)


def test_a_block_that_says_nothing_is_passed_by() -> None:
    torch.manual_seed(7)
    network = ResidualNet().eval()
    image = torch.from_numpy(hosts(1)[:1].transpose(0, 3, 1, 2).copy()).float()
    with torch.inference_mode():
        with_blocks = network(image)
        for block in network.flat:
            for each in block.parameters():
                each.zero_()
        without = network(image)
        network.flat = torch.nn.ModuleList()
        assert torch.equal(network(image), without)
        assert not torch.allclose(with_blocks, without)


def test_it_goes_on_from_what_has_learned() -> None:
    clean = hosts(6, side=40)
    before = Cnn(clean, matched(clean), steps=2, network=ResidualNet).network
    kept = {name: each.clone() for name, each in before.state_dict().items()}
    again = Cnn(clean, matched(clean), steps=1, network=lambda: before)
    assert again.network is before
    moved = [name for name, each in before.named_parameters() if not torch.equal(each, kept[name])]
    assert len(moved) > 10


def test_it_is_blind_to_brightness_and_slope() -> None:
    torch.manual_seed(4)
    network = XuNet().eval()
    y, x = np.mgrid[:48, :40]
    plane = np.repeat((3.0 * x + 2 * y)[None, None], 3, axis=1)
    image = torch.from_numpy(plane + np.random.default_rng(0).normal(size=plane.shape)).float()
    with torch.inference_mode():
        flat = network(image - torch.from_numpy(plane).float())
        assert torch.allclose(network(image), flat, atol=1e-4)
        assert torch.allclose(network(-image), network(image), atol=1e-4)
        assert not torch.allclose(network(2 * image), network(image), atol=1e-4)


def test_the_first_group_against_numpy() -> None:
    # Filter, convolution, magnitude, normalisation, tanh, pooling, a sample at a time.
    torch.manual_seed(3)
    network = XuNet().eval()
    kept: list[Any] = []
    network.convs[1].register_forward_pre_hook(lambda _module, given: kept.append(given[0]))
    image = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)).astype(np.float64)
    with torch.inference_mode():
        network(torch.from_numpy(image).float())
    kernel = np.array(cnn.KV) / 12
    windows = np.lib.stride_tricks.sliding_window_view(image[0], (5, 5), axis=(1, 2))
    residual = np.pad(np.einsum("cyxij,ij->cyx", windows, kernel), ((0, 0), (2, 2), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(residual, (5, 5), axis=(1, 2))
    weight = network.convs[0].weight.detach().numpy().astype(np.float64)
    magnitude = np.abs(np.einsum("cyxij,ocij->oyx", windows, weight))
    active = np.tanh(magnitude / np.sqrt(1 + network.norms[0].eps))
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(active, ((0, 0), (2, 2), (2, 2))), (5, 5), axis=(1, 2)
    )
    np.testing.assert_allclose(kept[0][0].numpy(), windows[:, ::2, ::2].mean((3, 4)), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [XuNet, ResidualNet])
def test_matching_at_full_rate_is_found(kind: Any) -> None:
    clean = hosts(70, side=64 if kind is XuNet else 40)
    rate = cnn.RATE if kind is XuNet else cnn.RESIDUAL_RATE
    learn = partial(Cnn, network=kind, rate=rate)
    outcome = leaked_pairs(clean, matched(clean), np.arange(70) // 2, 40, learn=learn)
    assert outcome.area > 0.9
    assert outcome.accuracy > 0.8
    assert outcome.tested == 30


def test_clean_against_clean_stays_at_one_half() -> None:
    first, second = hosts(100, seed=5), hosts(100, seed=6)

    def learn(clean: Array, stego: Array) -> Cnn:
        return Cnn(clean, stego, steps=60)

    outcome = leaked_pairs(first, second, np.arange(100), 20, learn=learn)
    assert outcome.area == pytest.approx(0.5, abs=0.15)
    assert outcome.accuracy == pytest.approx(0.5, abs=0.15)


def test_the_same_seed_is_the_same_network() -> None:
    clean = hosts(6, side=40)
    stego = matched(clean)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, again, other = (Cnn(clean, stego, seed=s, steps=4).scores(clean) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_images_of_any_size_and_number() -> None:
    clean = hosts(3, side=33)
    learned = Cnn(clean, matched(clean), steps=2)
    assert learned.scores(hosts(19, side=50)).shape == (19,)
    assert learned.scores(clean[:0]).shape == (0,)
    both = learned.scores(hosts(12, side=32))
    np.testing.assert_allclose(both[9:], learned.scores(hosts(12, side=32)[9:]), atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 31, 64, 3), (2, 64, 64), (2, 64, 64, 4)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    images = np.zeros(shape, np.uint8)
    with pytest.raises(ImageError, match="N x H x W x 3"):
        Cnn(images, images)


def test_what_does_not_fit_is_refused() -> None:
    clean = hosts(3, side=32)
    for stego, steps in ((clean[:2], 1), (clean, 0)):
        with pytest.raises(ConfigError, match="as many containers"):
            Cnn(clean, stego, steps=steps)
    with pytest.raises(ConfigError, match="as many containers"):
        Cnn(clean[:0], clean[:0])
    with pytest.raises(ImageError, match="float64"):
        Cnn(clean, matched(clean), steps=1).scores(clean.astype(float))
