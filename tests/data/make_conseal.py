"""Makes ``conseal.npz``: what another program says of costs and of ideal embedding.

    pip install conseal
    python tests/data/make_conseal.py

conseal (M. Benes and B. Lorch, University of Innsbruck) is installed for this alone: with all that
it needs it takes 290 MB.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from conseal.hill import _costmap
from conseal.simulate import _ternary

RATES = (0.06, 0.36, 1.2)


def main() -> None:
    """Computes and writes."""
    rng = np.random.default_rng(7)
    plane = (np.add.outer(np.arange(40), np.arange(56)) + rng.normal(0, 9, (40, 56))).clip(0, 255)
    plane = plane.astype(np.uint8)
    costs = _costmap.compute_cost(plane)
    shares = [
        np.sum(_ternary.probability((costs, costs), alpha=each, n=costs.size)[0], axis=0)
        for each in RATES
    ]
    found = {"plane": plane, "costs": costs, "rates": RATES, "shares": shares}
    np.savez_compressed(
        Path(__file__).with_name("conseal.npz"),
        **{name: np.asarray(each, np.float32) for name, each in found.items()},
    )


if __name__ == "__main__":
    main()
