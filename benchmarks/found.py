"""Who finds what --secrecy hides, with up to 1,000 leaked pairs; --write puts it into the docs.

    python benchmarks/found.py PHOTOS
    python benchmarks/found.py PHOTOS --rich --steps 5000 --residual-steps 2500 --write

PHOTOS is a folder of photos that were JPEG files: of each the centre of 224 x 224 pixels is taken
once it is scaled as the tool scales such hosts, and as many random bits as its rate allows are put
into it. Detectors know all but the key. How well an image as large comes back is measured on the
first 24, with the next one's middle. Two controls stand beside the rates: as many changes as
`medium` makes, but anywhere, which shows what choosing pixels is worth; and pairs of `medium` whose
sides are drawn by lot, of which nothing can be said.

With --rich two more are asked, by ridge regression: SRM's submodels of one quantiser (12,753
features, of green alone) and CRM, which counts across colours (2,073). They need sealwatch:
`pip install --no-deps sealwatch`, and jpeglib, h5py, pandas and tqdm.

With --steps XuNet learns for so many steps, with --residual-steps a residual network, both once and
from the most pairs. The residual network begins with the control that is easy, and each rate down
to `medium` with what it knew at the next higher one.

Everything is kept in --out, and a later run goes on from there. 1,209 photos take a quarter of an
hour of one core; the rich models 4 minutes for the hosts and for each rate, XuNet 5, the residual
network 15.
"""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from _page import DOCS, put
from numpy.typing import NDArray

from isn import envelope, images, method
from isn.carriers.adaptive import Adaptive
from isn.evaluation import figures, methods
from isn.evaluation.detection import FEATURES
from isn.evaluation.document import Chart
from isn.evaluation.scores import Spread, spread
from isn.evaluation.table import Stat
from isn.images import Pixels
from isn.images.decoded import SHRUNK
from isn.method import SECRECY, Carried
from isn.metrics import psnr
from isn.progress import silent
from isn.steganalysis.learned import Learner, leaked_pairs
from isn.steganalysis.roc import area

PAGE = DOCS / "results" / "detection.md"
FIGURE = DOCS / "results" / "detection" / "found.svg"
BEGIN, END = "<!-- begin: benchmarks/found.py -->", "<!-- end: benchmarks/found.py -->"
SIDE = 224
Scores: TypeAlias = NDArray[np.float64]
"""Of clean images and of containers, 2 x n."""
PAIRS = (100, 1000)
DRAWS = 3
REVEALED = 24
"""Hosts of which is told how well an image comes back."""

RATES = {"0.025": 0.025} | SECRECY
ANYWHERE, LOT = "as many anywhere (control)", "sides by lot (control)"
PENALTIES, FOLDS = np.logspace(0, 6, 13), 5
CLEAN, SRM, CRM, XUNET, RESIDUAL = "clean", "SRM", "CRM", "XuNet", "residual"
EASIER = {ANYWHERE: "", "low": ANYWHERE, "medium": "low"}
"""What the residual network learns, and before."""


def hosts(folder: str, limit: int | None) -> Pixels:
    """The middles of all photos that are large enough, n x SIDE x SIDE x 3."""
    found: list[Pixels] = []
    for path in sorted(Path(folder).iterdir()):
        pixels = images.read(path).pixels
        height, width = (round(SHRUNK * side) for side in pixels.shape[:2])
        if min(height, width) < SIDE or len(found) == limit:
            continue
        small = images.resize(pixels, height, width)
        top, left = (height - SIDE) // 2, (width - SIDE) // 2
        found.append(small[top : top + SIDE, left : left + SIDE])
    return np.stack(found)


def at(bits: float) -> Carried:
    """What hides at a rate."""
    return cast(Carried, method.get("photos", secrecy="high", bits=bits))


def revealed(clean: Pixels, bits: float) -> list[float]:
    """PSNR in dB of images as large as their hosts."""
    found = []
    for host, hidden in pairwise(clean[: REVEALED + 1]):
        (shown,) = methods.reveal(at(bits), methods.hide(at(bits), host, [hidden]))
        found.append(psnr(shown, hidden))
    return found


def full(host: Pixels, bits: float, seed: int) -> Pixels:
    """A container that holds as many random bytes as the rate allows."""
    chosen = at(bits)
    rng, carrier = np.random.default_rng(seed), cast(Adaptive, chosen.carrier)
    head, body = (
        rng.bytes(size) for size in (envelope.HEAD_BYTES, carrier.capacity(host, chosen.bits))
    )
    container: Pixels = carrier.write(host, head, body, methods.KEY, silent)
    return container


def anywhere(host: Pixels, container: Pixels, seed: int) -> Pixels:
    """As many pixels moved as in a container, all colours together, wherever chance has it."""
    rng = np.random.default_rng(seed)
    moved = np.zeros(host.shape[:2], np.int16)
    count = np.count_nonzero(container[..., 1] != host[..., 1])
    moved.reshape(-1)[rng.permutation(moved.size)[:count]] = rng.choice((-1, 1), count)
    drawn: Pixels = np.clip(host + moved[..., None], 0, 255).astype(np.uint8)
    return drawn


def rich() -> dict[str, Callable[[Pixels], Any]]:
    """The rich models, by sealwatch."""
    # It loads all of torchvision for a class that is not needed here.
    stub, transforms = types.ModuleType("torchvision"), types.ModuleType("torchvision.transforms")
    stub.transforms, transforms.Grayscale = transforms, object  # type: ignore[attr-defined]
    sys.modules.update({"torchvision": stub, "torchvision.transforms": transforms})
    from sealwatch.srm import cooccurrence, crm, srmq1  # type: ignore[import-not-found]

    # Theirs counts every bin by itself, which is nine tenths of the work.
    for theirs, ours in (("cooccurrence4", four), ("cooccurrence3_col", three)):
        getattr(cooccurrence, theirs).__code__ = ours.__code__

    def flat(model: Any, seen: Pixels) -> Any:
        return np.concatenate([np.ravel(each) for each in model.extract(seen).values()])

    return {
        SRM: lambda pixels: flat(srmq1, np.ascontiguousarray(pixels[..., 1])),
        CRM: lambda pixels: flat(crm, pixels),
    }


def four(D: Any, type: str, T: int) -> Any:  # noqa: A002, N803
    """How often each four neighbours of values in [-T, T] occur, (2 T + 1)^4, of sum 1."""
    # Nothing of this module is known here: the code runs in sealwatch's.
    if type == "square":
        parts = D[1:, :-1], D[1:, 1:], D[:-1, 1:], D[:-1, :-1]
    else:
        rows, columns = (len(side) - 3 * (type != no) for side, no in ((D, "hor"), (D[0], "ver")))
        down, right = (
            [0 if type == "hor" else 3 - k if type == "mdiag" else k for k in range(4)],
            [0 if type == "ver" else k for k in range(4)],
        )
        parts = tuple(D[a : a + rows, b : b + columns] for a, b in zip(down, right, strict=True))
    index = sum(part * (2 * T + 1) ** k for k, part in zip((3, 2, 1, 0), parts, strict=True))
    index = index.ravel().astype(np.int64) + ((2 * T + 1) ** 4 - 1) // 2
    counts = np.bincount(index, minlength=(2 * T + 1) ** 4)
    return counts.reshape([2 * T + 1] * 4) / index.size


def three(D: Any, type: str, T: int) -> Any:  # noqa: A002, ARG001, N803
    """The same of the three colours of a place, (2 T + 1)^3."""
    index = sum(D[..., k] * (2 * T + 1) ** (2 - k) for k in range(3))
    index = index.ravel().astype(np.int64) + ((2 * T + 1) ** 3 - 1) // 2
    counts = np.bincount(index, minlength=(2 * T + 1) ** 3)
    return counts.reshape([2 * T + 1] * 3) / index.size


class Ridge:
    """A linear detector of many more features than pairs: ridge regression in its dual form.

    Its penalty is chosen by what it finds in a fifth of the pairs that it has not learned from,
    five times. One image must not be left out alone: its other half would speak against it.
    """

    def __init__(self, clean: Any, stego: Any) -> None:
        both = np.concatenate([clean, stego])
        self._mean, self._scale = both.mean(axis=0), both.std(axis=0)
        self._scale[self._scale == 0] = 1
        self._seen = self._scaled(both)
        kernel = (self._seen @ self._seen.T).astype(np.float64)
        wanted = np.repeat([-1.0, 1.0], len(clean))
        held = np.tile(np.arange(len(clean)) % FOLDS, 2)
        said = np.empty((len(PENALTIES), len(both)))
        for fold in range(FOLDS):
            known, new = (np.flatnonzero(each) for each in (held != fold, held == fold))
            weights = self._weights(kernel[np.ix_(known, known)], wanted[known], PENALTIES)
            said[:, new] = weights @ kernel[np.ix_(known, new)]
        best = int(np.argmax([area(*each.reshape(2, -1)) for each in said]))
        (self._found,) = self._weights(kernel, wanted, PENALTIES[best : best + 1])

    def _scaled(self, features: Any) -> Any:
        return ((features - self._mean) / self._scale).astype(np.float32)

    def _weights(self, kernel: Any, wanted: Any, penalties: Any) -> Any:
        """Of the images, for each penalty."""
        values, vectors = np.linalg.eigh(kernel)
        return (vectors.T @ wanted / (values + penalties[:, None])) @ vectors.T

    def scores(self, seen: Any, /) -> Any:
        """Higher means more suspicious."""
        return self._scaled(seen) @ (self._seen.T @ self._found)


def judged(clean: Any, stego: Any, learner: Learner, pairs: int, draws: int) -> list[Scores]:
    """Of several draws of the leaked pairs."""
    names, found = np.arange(len(clean)), []
    for draw in range(draws):
        outcome = leaked_pairs(clean, stego, names, pairs, draw, learner)
        found.append(np.array([outcome.clean_scores, outcome.stego_scores]))
    return found


def lot(clean: Any, stego: Any) -> tuple[Any, Any]:
    """Both, with the sides of every second pair, drawn by lot, changed."""
    swap = np.random.default_rng(0).random(len(clean)) < 0.5
    swap = swap.reshape(-1, *[1] * (clean.ndim - 1))
    return np.where(swap, stego, clean), np.where(swap, clean, stego)


def right(scores: Scores) -> float:
    """Verdicts in per cent, where the higher half of all scores is accused.

    A detector who knows that half of what it judges are containers does so. Its own threshold, 0,
    is an additional chance to err: a network's is far off where it has learned by heart.
    """
    said = np.sign(scores - np.median(scores)).mean(axis=1)
    return float(50 + 25 * (said[1] - said[0]))


def stats(found: Sequence[Scores]) -> tuple[Stat, Stat]:
    """Right verdicts in per cent, and the area under the ROC curve."""
    return (
        _stat(spread([right(each) for each in found])),
        _stat(spread([area(*each) for each in found])),
    )


def _stat(told: Spread) -> Stat:
    return Stat(told.images, told.mean, told.deviation, told.worst)


def cell(found: Sequence[Scores]) -> str:
    """Both, with their deviations over the draws."""
    verdicts, under = stats(found)
    if len(found) == 1:
        return f"{verdicts.mean:.1f} % / {under.mean:.3f}"
    return (
        f"{verdicts.mean:.1f} ± {verdicts.deviation:.1f} % / "
        f"{under.mean:.3f} ± {under.deviation:.3f}"
    )


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What a file holds, made where it is not there."""
    if not path.exists():
        part = path.with_suffix(".part.npy")
        np.save(part, make())
        part.rename(path)
    return np.load(path)


class Study:
    """What is judged, kept in files, and the table and the chart of it.

    Args:
        clean: the hosts.
        out: where all is kept.
        steps: of the networks' training, by name.
        models: whether the rich models are asked.
    """

    def __init__(self, clean: Pixels, out: Path, steps: dict[str, int], models: bool) -> None:
        from isn.steganalysis.learned import Discriminant

        self.clean, self.out, self.steps = clean, out, steps
        self.kinds: dict[str, tuple[Callable[[Pixels], Any], Learner]] = {
            name: (of, Discriminant) for name, of in FEATURES.items()
        }
        if models:
            self.kinds |= {name: (of, Ridge) for name, of in rich().items()}
        self.pairs = [each for each in PAIRS if each < 0.9 * len(clean)]
        head = ["rate, bits a sample", "pixels moved", "revealed, dB", "detector"]
        head += [f"{each} pairs" for each in self.pairs]
        self.lines = [f"| {' | '.join(head)} |"]
        self.lines += [f"| :-- | --: | --: | :-- |{' --: |' * len(self.pairs)}"]
        self._places: list[str] = []
        self._curves: dict[str, list[Stat | None]] = {}

    def stego(self, name: str) -> Pixels:
        """The images of a row, as many as there are hosts."""
        if name == CLEAN:
            return self.clean
        return cast(Pixels, kept(self.out / f"{_word(name)}.npy", partial(self._made, name)))

    def _made(self, name: str) -> Pixels:
        if name == ANYWHERE:
            pairs = zip(self.clean, self.stego("medium"), strict=True)
            return np.stack([anywhere(*pair, seed) for seed, pair in enumerate(pairs)])
        return np.stack([full(host, RATES[name], seed) for seed, host in enumerate(self.clean)])

    def seen(self, name: str, kind: str) -> Any:
        """The features of a row's images."""
        of = self.kinds[kind][0]
        return kept(
            self.out / f"{kind}-{_word(name)}.npy",
            lambda: np.stack([of(each) for each in self.stego(name)]).astype(np.float32),
        )

    def judge(self, name: str) -> None:
        """Adds the rows of a rate, or of a control, and prints them."""
        of, quality = "medium" if name == LOT else name, "–"
        moved = 100 * float(np.mean(self.stego(of)[..., 1] != self.clean[..., 1]))
        if name in RATES:
            file = self.out / f"revealed-{name}.npy"
            back = spread(kept(file, partial(revealed, self.clean, RATES[name])).tolist())
            quality = f"{back.mean:.1f} ± {back.deviation:.1f}"
            self._places.append(f"{RATES[name]:g}\n{back.mean:.1f} dB")
        called = f"`{name}`, {SECRECY[name]}" if name in SECRECY else name
        first = called, f"{moved:.1f} %", quality
        for kind, (_, learner) in self.kinds.items():
            both = self.seen(CLEAN, kind), self.seen(of, kind)
            if name == LOT:
                both = lot(*both)
            self._row(
                name, (*first, kind), [judged(*both, learner, count, DRAWS) for count in self.pairs]
            )
        for kind, steps in self.steps.items():
            if steps and name != LOT and (kind != RESIDUAL or name in EASIER):
                self._row(name, (*first, kind), [[self.learned(name, kind)]])

    def learned(self, name: str, kind: str) -> Scores:
        """What a network says that learned once, from the most pairs; its weights are kept."""
        file = self.out / f"{kind}-{_word(name)}.npy"
        if kind == RESIDUAL and EASIER[name] and not file.exists():
            self.learned(EASIER[name], kind)
        return cast(Scores, kept(file, partial(self._learned, name, kind)))

    def _learned(self, name: str, kind: str) -> Scores:
        import torch

        from isn.steganalysis.cnn import RATE, RESIDUAL_RATE, Cnn, ResidualNet, XuNet

        def fresh() -> torch.nn.Module:
            net = XuNet() if kind == XUNET else ResidualNet()
            if kind == RESIDUAL and EASIER[name]:
                net.load_state_dict(torch.load(self._weights(EASIER[name], kind)))
            return net

        def learn(clean: Pixels, stego: Pixels) -> Cnn:
            rate = RATE if kind == XUNET else RESIDUAL_RATE
            detector = Cnn(clean, stego, steps=self.steps[kind], network=fresh, rate=rate)
            torch.save(detector.network.state_dict(), self._weights(name, kind))
            return detector

        (found,) = judged(self.clean, self.stego(name), learn, self.pairs[-1], 1)
        return found

    def _weights(self, name: str, kind: str) -> Path:
        return self.out / f"{kind}-{_word(name)}.pt"

    def _row(self, name: str, first: tuple[str, ...], found: Sequence[Sequence[Scores]]) -> None:
        cells = ["–"] * (len(self.pairs) - len(found)) + [cell(each) for each in found]
        self.lines.append(f"| {' | '.join([*first, *cells])} |")
        print(self.lines[-1], flush=True)
        if name != LOT:
            # A gap, for the control is no further rate.
            places = [*RATES, "", ANYWHERE]
            curve = self._curves.setdefault(first[-1], [None] * len(places))
            curve[places.index(name)] = stats(found[-1])[0]

    def chart(self) -> str:
        """Right verdicts from the most pairs as SVG, by rate and by what an image comes back at."""
        shown = Chart(
            f"Right verdicts after {self.pairs[-1]} leaked pairs",
            "",
            "right verdicts, %",
            (*self._places, "", f"{SECRECY['medium']}\nanywhere"),
            self._curves,
        )
        return f"{figures.svg(shown, FIGURE.stem)}\n"


def _word(name: str) -> str:
    return name.partition(" (")[0].replace(" ", "-")


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--limit", type=int, help="photos; default: all")
    parser.add_argument("--rich", action="store_true", help="the rich models too")
    parser.add_argument("--steps", type=int, default=0, help="of XuNet's training (0: none)")
    parser.add_argument("--residual-steps", type=int, default=0, help="of the residual network's")
    parser.add_argument("--out", default="build/found", help="what is kept")
    parser.add_argument("--write", action="store_true", help=f"the table of {PAGE.name} too")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    clean = kept(out / f"{CLEAN}.npy", lambda: hosts(options.photos, options.limit))
    steps = {XUNET: options.steps, RESIDUAL: options.residual_steps}
    study = Study(clean, out, steps, options.rich)
    print(*study.lines, sep="\n", flush=True)
    for name in (*RATES, ANYWHERE, LOT):
        study.judge(name)
    (out / FIGURE.name).write_text(study.chart(), "utf-8")
    if options.write:
        FIGURE.write_text(study.chart(), "utf-8")
        about = f"{len(clean)} photos; {DRAWS} draws of the pairs, the other photos are judged."
        told = f"Right verdicts after {study.pairs[-1]} pairs, by rate and by what is revealed"
        shown = f"![{told}](detection/{FIGURE.name})"
        put(PAGE, BEGIN, END, "\n".join([about, "", *study.lines, "", shown]))


if __name__ == "__main__":
    main()
