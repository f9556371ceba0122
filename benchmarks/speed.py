"""Seconds to hide and to reveal; and ours against the network in eager torch, or it fails.

    python benchmarks/speed.py --threads 1
    python benchmarks/speed.py --threads 2 --write

All methods that hide one image in a square host; the whole of `isn.hide` and `isn.reveal`, medians.
Of the paper's, eager torch stands beside it: the forward pass alone on the whole image, without
gradients, resizing, rounding and seal, which is all that it could be compared in.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

BEGIN, END = "<!-- begin: benchmarks/speed.py -->", "<!-- end: benchmarks/speed.py -->"
NETWORK = "paper-1"


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> int:
    """Prints medians, and the ratio to torch; 1 if ours takes longer."""
    parser = argparse.ArgumentParser(description="Time to hide and reveal, against eager torch.")
    parser.add_argument("--side", type=int, default=1024, help="of the square image (1024)")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="time no others")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs of each (5)")
    parser.add_argument("--write", action="store_true", help="the table of the docs too")
    arguments = parser.parse_args()
    threads = arguments.threads or os.cpu_count() or 1
    # Before NumPy, which asks but once.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))

    import numpy as np
    import torch
    from _page import DOCS, machine, put
    from _photo import photo_like

    import isn
    from isn import method, zoo
    from isn.paper.backends.onnxruntime import OnnxRuntime
    from isn.paper.backends.torch import Torch
    from isn.paper.config import ModelConfig
    from isn.paper.network import Network

    torch.set_num_threads(threads)
    side = arguments.side
    host, hidden = (photo_like(side, side, seed) for seed in range(2))
    calls: dict[str, Callable[[], object]] = {}
    for name in arguments.methods or [each for each in method.names() if 1 in _counts(each)]:
        chosen = method.get(name)
        if "backend" in chosen.options:
            chosen = chosen.tuned({"backend": OnnxRuntime(threads)})
        container = isn.hide(host, hidden, method=chosen).pixels
        calls[f"`{name}`, hide"] = lambda m=chosen: isn.hide(host, hidden, method=m)
        calls[f"`{name}`, reveal"] = lambda m=chosen, c=container: isn.reveal(c, method=m)

    weights = zoo.weights(NETWORK)
    config = ModelConfig.from_mapping(dict(weights.config))
    network = Network.of(config, Torch("cpu").subnets(config, weights.as_float32()))
    planes = [
        torch.from_numpy(each.transpose(2, 0, 1).astype(np.float32) / 255)[None]
        for each in (host, hidden)
    ]

    def eager() -> object:
        with torch.inference_mode():
            return network.forward(*planes)

    calls[f"`{NETWORK}`, eager torch forwards"] = eager
    # The first run of each builds sessions and plans, which a second one does not repeat.
    for call in calls.values():
        call()
    runs = [{what: seconds(call) for what, call in calls.items()} for _ in range(arguments.repeats)]
    medians = {what: statistics.median(each[what] for each in runs) for what in calls}
    lines = ["| what | seconds |", "| :-- | --: |"]
    lines += [f"| {what} | {taken:.2f} |" for what, taken in medians.items()]
    print("\n".join(lines))
    ours = medians.get(f"`{NETWORK}`, hide", 0.0)
    ratio = ours / medians[f"`{NETWORK}`, eager torch forwards"]
    print(f"ratio {ratio:.2f} {'kept' if ratio <= 1 else 'SLOWER'}")
    if arguments.write:
        about = f"{side} x {side}, medians of {arguments.repeats}, {machine(threads)}:"
        put(DOCS / "results" / "cost.md", BEGIN, END, "\n".join([about, "", *lines]))
    return int(ratio > 1)


def _counts(name: str) -> range:
    from isn import method

    return method.get(name).counts


if __name__ == "__main__":
    sys.exit(main())
