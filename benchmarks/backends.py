"""Measures every backend that is installed: processor seconds to hide with `paper-1`, one thread.

    python benchmarks/backends.py [NAME]...
    python benchmarks/backends.py --networks

With --networks every network is measured by the default backend, hiding and revealing 380 x 380, as
section 4.1 of the paper has it: as a user calls them, files left out.

In turns, each in a process of its own, so that what else the machine does meets all alike; the
least of all turns counts. Building a network, and the first image, are not measured.
"""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.util import find_spec

SIDE, TURNS, IMAGES = 512, 3, 3
PAPERS_SIDE = 380


def measure(name: str) -> float:
    """Least processor seconds of a forward pass."""
    from isn import threads

    threads.limit(1)
    import numpy as np

    from isn import zoo
    from isn.paper import backends
    from isn.paper.config import ModelConfig
    from isn.paper.network import Network

    weights, backend = zoo.weights("paper-1"), backends.get(name)
    config = ModelConfig.from_mapping(dict(weights.config))
    network = Network.of(config, backend.subnets(config, weights.as_float32()))
    rng = np.random.default_rng(0)
    host, hidden = (backend.array(rng.random((1, 3, SIDE, SIDE), np.float32)) for _ in range(2))
    seconds = []
    for _ in range(1 + IMAGES):
        begun = time.process_time()
        backend.numpy(network.forward(host, hidden).container)
        seconds.append(time.process_time() - begun)
    return min(seconds[1:])


def networks() -> None:
    """Prints least processor seconds to hide and to reveal, for every network."""
    import numpy as np
    from _photo import photo_like

    import isn
    from isn import threads

    threads.limit(1)
    for name in (f"{kind}-{count}" for kind in ("paper", "isn") for count in range(1, 6)):
        host, *hidden = (
            photo_like(PAPERS_SIDE, PAPERS_SIDE, seed) for seed in range(1 + int(name[-1]))
        )
        seconds = []
        for _ in range(1 + IMAGES):
            begun = time.process_time()
            made = isn.hide(host, hidden, method=name)
            between = time.process_time()
            isn.reveal(made.pixels)
            seconds.append((between - begun, time.process_time() - between))
        print(name, *(f"{each:.2f}" for each in np.min(seconds[1:], axis=0)), flush=True)


def main() -> None:
    """Prints a line for each backend, or for each network."""
    if sys.argv[1:2] == ["--one"]:
        print(measure(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--networks"]:
        networks()
        return
    names = sys.argv[1:] or [
        name
        for name in ("native", "torch", "openvino", "mindspore", "jittor")
        if name == "native" or find_spec(name)
    ]
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(TURNS):
        for name in names:
            command = [sys.executable, __file__, "--one", name]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[name].append(float(out.split()[-1]))
    for name, seconds in found.items():
        print(f"{name:10} {min(seconds):.2f}")


if __name__ == "__main__":
    main()
