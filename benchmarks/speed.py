"""Time to hide, against the same model in eager torch on the whole image; fails if it is slower.

    python benchmarks/speed.py --threads 1
    python benchmarks/speed.py --threads 2

Ours is the whole of `isn.hide`, with resizing, rounding and seal, on onnxruntime; torch's is the
forward pass alone, without gradients, which is all that it could be compared in.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> int:
    """Prints both medians and their ratio; 1 if ours is the longer one."""
    import numpy as np
    import torch
    from _photo import photo_like

    import isn
    from isn import zoo
    from isn.paper.backends.onnxruntime import OnnxRuntime
    from isn.paper.backends.torch import Torch
    from isn.paper.network import Network

    parser = argparse.ArgumentParser(description="Time to hide, against eager torch.")
    parser.add_argument("--side", type=int, default=1024, help="of the square image (1024)")
    parser.add_argument("--model", default="fast-1", help="of one hidden image (fast-1)")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core (0)")
    parser.add_argument("--pairs", type=int, default=5, help="interleaved runs of each (5)")
    arguments = parser.parse_args()

    runtime = OnnxRuntime(arguments.threads or None)
    torch.set_num_threads(runtime.threads)
    weights = zoo.load(arguments.model)
    count, side = weights.config.hidden_images, arguments.side
    pixels = [photo_like(side, side, seed) for seed in range(count + 1)]
    planes = [torch.from_numpy(each.transpose(2, 0, 1).astype(np.float32) / 255) for each in pixels]
    host, hidden = planes[0][None], torch.cat(planes[1:])[None]
    eager = Torch("cpu")
    network = Network.of(weights.config, eager.subnets(weights.config, weights.as_float32()))

    def ours() -> object:
        return isn.hide(pixels[0], pixels[1:], model=weights, backend=runtime)

    def theirs() -> object:
        with torch.inference_mode():
            return network.forward(host, hidden)

    # The first run of each builds sessions and plans, which a second one does not repeat.
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(arguments.pairs)]
    onnx, plain = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"{side} x {side}, {count} hidden, {runtime.threads} threads, median of {len(pairs)}")
    print(f"isn.hide, onnxruntime  {onnx:7.2f} s")
    print(f"eager torch, whole     {plain:7.2f} s")
    print(f"ratio                  {onnx / plain:7.2f}   {'kept' if onnx <= plain else 'SLOWER'}")
    return int(onnx > plain)


if __name__ == "__main__":
    sys.exit(main())
