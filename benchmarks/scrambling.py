"""What scrambling costs, what a wrong passphrase sees, and what a jigsaw solver recovers.

Photos are cut to 448 x 320, the first half of them hides the second. For each size of block:

* container and revealed: PSNR in dB, means over the pairs; "none" is hiding without a passphrase.
* wrong key: PSNR and SSIM, against the hidden image, of what a wrong passphrase would unscramble.
* solver: somebody who has our weights and the container, and knows the size of the blocks, reveals
  them still scrambled and joins the blocks whose edges differ least, in all 96 looks, surest first
  and never against what is joined already (after Gallagher, CVPR 2012). Neighbours: share of the
  true ones that it joined rightly; largest: share of all blocks in the largest piece that is right.
  "clean" gives it the scrambled blocks before hiding, as a better network would. It is left out
  above --most blocks, where it takes minutes.

    python benchmarks/scrambling.py [FOLDER] [--pairs 4] [--most 1000] [--out build/scrambling]
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import isn
from isn import images, scramble
from isn.images import Pixels
from isn.metrics import psnr, ssim

HEIGHT, WIDTH = 320, 448
BLOCKS = (8, 16, 32, 64)
KEY, WRONG_KEY = bytes(range(32)), bytes(32)
CANDIDATES = 3
CHUNK = 1 << 25
HEADING = "block  number  container  revealed  wrong key       neighbours    largest      clean:"

RIGHT = np.array([0, 1])
TURN, MIRROR = np.array([[0, -1], [1, 0]]), np.diag([1, -1])

Look = tuple[NDArray[np.int64], int, tuple[int, ...]]
"""What :mod:`isn.scramble` does to a block, as something to multiply: the matrix on (down, right)
of its turn and mirror, whether it is inverted, and the order of its channels."""


def look_of(number: int) -> Look:
    """The look of a number from 0 to 95."""
    space = np.linalg.matrix_power(TURN, number % 4)
    if number // 4 % 2:
        space = MIRROR @ space
    return space, number // 8 % 2, scramble._CHANNELS[number // 16]


def then(first: Look, second: Look) -> Look:
    """The look that two give, one after the other."""
    channels = tuple(first[2][each] for each in second[2])
    return second[0] @ first[0], first[1] ^ second[1], channels


def undo(look: Look) -> Look:
    """The look that takes another one back."""
    return look[0].T, look[1], tuple(int(each) for each in np.argsort(look[2]))


def same(a: Look, b: Look) -> bool:
    """Whether two looks are one."""
    return a[1:] == b[1:] and bool((a[0] == b[0]).all())


LOOKS = [look_of(number) for number in range(96)]


def joins(blocks: Pixels) -> list[tuple[float, int, int, int, int]]:
    """(doubt, a, quarters, b, look): a, so turned, has b in that look to its right.

    Doubt is the difference of the two edges by that of the next best block; 0 is certainty.
    """
    total, side = blocks.shape[:2]
    lefts = np.stack([scramble._with_look(blocks, look)[:, :, 0] for look in range(96)], axis=1)
    lefts = lefts.reshape(total * 96, side * 3).astype(np.float32)
    lengths = (lefts**2).sum(axis=1)
    found = []
    for quarters in range(4):
        edges = np.rot90(blocks, quarters, axes=(1, 2))[:, :, -1]
        edges = edges.reshape(total, side * 3).astype(np.float32)
        step = max(1, CHUNK // len(lefts))
        for start in range(0, total, step):
            part = edges[start : start + step]
            apart = lengths - 2 * part @ lefts.T + (part**2).sum(axis=1, keepdims=True)
            apart = np.maximum(apart, 0).reshape(len(part), total, 96)
            looks = apart.argmin(axis=2)
            least = np.take_along_axis(apart, looks[..., None], axis=2)[..., 0]
            for row, differences in enumerate(least):
                a = start + row
                differences[a] = np.inf
                best = np.argpartition(differences, CANDIDATES + 1)[: CANDIDATES + 1]
                best = best[np.argsort(differences[best])]
                for rank in range(CANDIDATES):
                    rival = differences[best[1 if rank == 0 else 0]]
                    doubt = (differences[best[rank]] + 1) / (rival + 1)
                    found.append((doubt, a, quarters, int(best[rank]), int(looks[row, best[rank]])))
    return sorted(found)


class Solver:
    """Blocks joined into pieces; each block has a piece, a place in it and a look there."""

    def __init__(self, blocks: Pixels, rows: int, columns: int) -> None:
        self.blocks, self.grid = blocks, sorted((rows, columns))
        self.piece = list(range(len(blocks)))
        self.members = [[k] for k in self.piece]
        self.places = [np.zeros(2, np.int64) for _ in self.piece]
        self.looks = [LOOKS[0] for _ in self.piece]
        for _, a, quarters, b, look in joins(blocks):
            if self.piece[a] != self.piece[b]:
                self._join(a, quarters, b, look)

    def _join(self, a: int, quarters: int, b: int, look: int) -> None:
        frame = then(undo(LOOKS[quarters]), self.looks[a])
        move = then(undo(self.looks[b]), then(LOOKS[look], frame))
        origin = self.places[a] + frame[0] @ RIGHT
        moving, staying = self.members[self.piece[b]], self.members[self.piece[a]]
        moved = [move[0] @ (self.places[k] - self.places[b]) + origin for k in moving]
        taken = [self.places[k] for k in staying]
        everything = np.array(moved + taken)
        extent = sorted(np.ptp(everything, axis=0) + 1)
        if len(np.unique(everything, axis=0)) < len(everything):
            return
        if any(given > limit for given, limit in zip(extent, self.grid, strict=True)):
            return
        target = self.piece[a]
        for k, place in zip(list(moving), moved, strict=True):
            self.places[k], self.looks[k] = place, then(self.looks[k], move)
            self.piece[k] = target
        staying.extend(moving)
        moving.clear()

    def score(
        self, order: NDArray[np.int64], looks: NDArray[np.uint8], columns: int
    ) -> list[float]:
        """Shares of true neighbours joined rightly, and of blocks in the largest right piece."""
        place_of = np.argsort(order)
        shown = [then(LOOKS[number], look) for number, look in zip(looks, self.looks, strict=True)]
        right, pairs = 0, 0
        roots = list(range(len(order)))

        def root(k: int) -> int:
            while roots[k] != k:
                k = roots[k]
            return k

        for source, p in enumerate(place_of):
            steps = [(source + columns, np.array([1, 0]))]
            if (source + 1) % columns:
                steps.append((source + 1, RIGHT))
            for other, step in steps:
                if other >= len(order):
                    continue
                pairs += 1
                q = place_of[other]
                apart = self.places[q] - self.places[p]
                if (
                    self.piece[p] == self.piece[q]
                    and same(shown[p], shown[q])
                    and (apart == shown[p][0] @ step).all()
                ):
                    right += 1
                    roots[root(int(q))] = root(int(p))
        sizes = np.bincount([root(k) for k in range(len(order))])
        return [right / pairs, int(sizes.max()) / len(order)]

    def draw(self) -> Pixels:
        """The largest piece, on white."""
        members = max(self.members, key=len)
        places = np.array([self.places[k] for k in members])
        places -= places.min(axis=0)
        side = self.blocks.shape[1]
        canvas = np.full((*(places.max(axis=0) + 1) * side, 3), 255, np.uint8)
        for k, (down, right) in zip(members, places, strict=True):
            number = next(n for n, each in enumerate(LOOKS) if same(each, self.looks[k]))
            tile = scramble._with_look(self.blocks[k : k + 1], number)[0]
            canvas[down * side :, right * side :][:side, :side] = tile
        return canvas


def attack(scrambled: Pixels, block: int) -> tuple[list[float], Pixels]:
    """The score of the solver on one scrambled image, and the largest piece that it made."""
    plan = scramble._plan(KEY, 1, (HEIGHT, WIDTH), block)
    solver = Solver(scramble._cut([scrambled], block), HEIGHT // block, WIDTH // block)
    return solver.score(plan.order, plan.looks, WIDTH // block), solver.draw()


def photos(folder: Path | None, count: int) -> list[Pixels]:
    """Middles of photos, spread evenly over those of a folder that are large enough."""
    if folder is None:
        found = [each for each in (files("isn") / "demo").iterdir() if each.name.endswith(".webp")]
        read = [images.read(each.read_bytes(), each.name).pixels for each in found]
    else:
        read = [images.read(each).pixels for each in sorted(folder.iterdir()) if each.is_file()]
    upright = [each if each.shape[1] >= each.shape[0] else np.rot90(each) for each in read]
    large = [each for each in upright if each.shape[0] >= HEIGHT and each.shape[1] >= WIDTH]
    chosen = [large[round(k)] for k in np.linspace(0, len(large) - 1, min(count, len(large)))]
    cut = []
    for each in chosen:
        top, left = (each.shape[0] - HEIGHT) // 2, (each.shape[1] - WIDTH) // 2
        cut.append(np.ascontiguousarray(each[top : top + HEIGHT, left : left + WIDTH]))
    return cut


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="photos; default: those of the demo")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--model", default="first-1")
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="write what the attackers of the first pair see")
    given = parser.parse_args()
    cut = photos(given.folder, 2 * given.pairs)
    pairs = list(zip(cut[: len(cut) // 2], cut[len(cut) // 2 :], strict=False))
    print(f"{len(pairs)} pairs of {WIDTH} x {HEIGHT}, model {given.model}")
    print(HEADING)
    for block in (None, *BLOCKS):
        rows = []
        for k, (host, hidden) in enumerate(pairs):
            if block is None:
                container = isn.hide(host, hidden, model=given.model)
                (revealed,) = isn.reveal(container, model=given.model)
                rows.append([psnr(container, host), psnr(revealed, hidden)])
                continue
            (secret,) = scramble.scramble([hidden], HEIGHT, WIDTH, KEY, block=block)
            container = isn.hide(host, secret, model=given.model)
            (seen,) = isn.reveal(container, model=given.model)
            (revealed,) = scramble.unscramble([seen], KEY, block=block)
            (wrong,) = scramble.unscramble([seen], WRONG_KEY, block=block)
            rows.append([psnr(container, host), psnr(revealed, hidden)])
            rows[-1] += [psnr(wrong, hidden), ssim(wrong, hidden)]
            shown = {"wrong": wrong, "revealed": revealed}
            if HEIGHT * WIDTH // block**2 <= given.most:
                solved, shown["solved"] = attack(seen, block)
                clean, _ = attack(secret, block)
                rows[-1] += [*solved, *clean]
            if given.out is not None and k == 0:
                given.out.mkdir(parents=True, exist_ok=True)
                for name, pixels in shown.items():
                    images.write(given.out / f"{name}-{block}.png", pixels, overwrite=True)
        mean = np.mean(rows, axis=0)
        line = f"{block or 'none':>5}  {'' if block is None else HEIGHT * WIDTH // block**2:>6}"
        line += f"  {mean[0]:9.2f}  {mean[1]:8.2f}"
        if block is not None:
            line += f"  {mean[2]:5.2f} dB {mean[3]:.3f}  "
            line += " ".join(f"{share:10.3f}" for share in mean[4:])
        print(line, flush=True)


if __name__ == "__main__":
    main()
