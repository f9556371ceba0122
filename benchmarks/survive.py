"""What comes back from containers that were stored again with loss; --write puts it into the docs.

    python benchmarks/survive.py VAL
    python benchmarks/survive.py VAL --paris STREET_VIEWS --write
    python benchmarks/survive.py VAL --scaled --write
    python benchmarks/survive.py VAL --watermark --write

VAL is a folder of images that no training saw, of which centre crops are taken as `isn evaluate`
takes them, each domain by itself. Each container, a PNG, is stored again in all the ways that it is
to survive, each time from the first: JPEG of every fifth quality from 100 down to the one promised,
with whole and with halved colours, progressive, and as a container.jpg that is stored once more;
and with --scaled, scaled to the side promised, to a fifth above it and to the middle, by Lanczos
and bicubic, back and not. A loss is one of them from which what was hidden does
not come back to the last bit as it would have come from the container itself. Beside them, the
paper's own method and LSB after one such JPEG; with --watermark, the package blind-watermark, which
is to be installed beside, and files of random bytes that fill what each promise carries.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator, Sequence

import numpy as np
from _page import DOCS, put
from PIL import Image

import isn
from isn import baselines, images, method
from isn.carriers.dct import STORED
from isn.evaluation import methods
from isn.evaluation.protocol import Domain, Group, domains
from isn.evaluation.scores import spread
from isn.images import Pixels
from isn.metrics import psnr

PAGE = DOCS / "results" / "survival.md"
BEGIN, END = "<!-- begin: benchmarks/survive.py -->", "<!-- end: benchmarks/survive.py -->"
SCALED = BEGIN.replace(".py", ".py --scaled"), END.replace(".py", ".py --scaled")
MARKED = BEGIN.replace(".py", ".py --watermark"), END.replace(".py", ".py --watermark")
MARKS, JPEGS = (256, 1024), (90, 75, 50)
"""Bits of a watermark, and the qualities after which it is read."""
_FILE = 64
"""Bytes that a file takes beside its content, about."""
ROWS = ((90, 1.0, 1.0), (75, 1.0, 1.0), (75, 0.5, 1.0), (50, 1.0, 1.0))
"""Qualities promised, the hidden image's side and the one to be scaled to, in sides of the host."""
SCALED_ROWS = ((80, 1.0, 0.75), (80, 0.5, 0.5))
HEAD = (
    *("survives", "hidden", "domain", "hosts", "container", "container.jpg", "revealed"),
    *("worst", "lost", "refused", "hide, s", "reveal, s"),
)


def ways(container: Pixels, quality: int) -> Iterator[Pixels]:
    """The container, stored again in all ways that it is to survive."""
    for each in sorted({*range(quality, 100, 5), 100}):
        for options in ({"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}):
            yield stored(container, quality=each, **options)
    yield stored(container, quality=quality, progressive=True, optimize=True)
    yield stored(as_jpeg(container), quality=quality)


def scalings(container: Pixels, quality: int, side: int) -> Iterator[Pixels]:
    """The square container in all sizes that it is to survive, stored again."""
    whole = len(container)
    for each in {side, -(-6 * side // 5), (6 * side // 5 + whole) // 2}:
        for kernel in ("lanczos", "bicubic"):
            arrived = images.resize(container, each, each, kernel)
            yield stored(arrived, quality=quality)
            yield stored(images.resize(arrived, whole, whole, kernel), quality=quality)


def stored(pixels: Pixels, **options: object) -> Pixels:
    """Through a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return images.read(buffer.getvalue()).pixels


def as_jpeg(pixels: Pixels) -> Pixels:
    """Through the JPEG file that a container is stored as."""
    return images.read(images.encode_jpeg(pixels, STORED, whole=True)).pixels


def secret_of(group: Group, share: float) -> Pixels:
    """The image to hide, made smaller."""
    hidden = group.hidden[0].pixels
    return images.resize(hidden, *(round(share * side) for side in hidden.shape[:2]))


def line(place: Domain, quality: int, share: float, scale: float) -> str:
    """One promise on one domain, as a line of the table."""
    containers, jpegs, revealed, times, backs = [], [], [], [], []
    lost = tried = refused = 0
    side = place.group(0, 1).host.pixels.shape[0]
    to = round(scale * side) if scale < 1 else None
    chosen = method.get(survive=quality, scaled=to)
    for index in range(place.hosts):
        group = place.group(index, 1)
        host, hidden = group.host.pixels, secret_of(group, share)
        began = time.process_time()
        try:
            container = methods.hide(chosen, host, [hidden])
        except isn.ImageError:
            refused += 1
            continue
        times.append(time.process_time() - began)
        wanted = methods.reveal(chosen, container)[0]
        containers.append(psnr(container, host))
        jpegs.append(psnr(as_jpeg(container), host))
        revealed.append(psnr(wanted, hidden))
        for damaged in (
            *ways(container, quality),
            *(scalings(container, quality, to) if to else ()),
        ):
            began = time.process_time()
            (back,) = methods.left(chosen, damaged, 1)
            backs.append(time.process_time() - began)
            tried += 1
            lost += back is None or not np.array_equal(back, wanted)
    sides = [spread(each) for each in (containers, jpegs, revealed)]
    area = f"{share**2:.2g} of its area" if share < 1 else "as large"
    cells = (
        *(f"JPEG {quality}{f', scaled to {scale:g}' if to else ''}", area, place.name),
        str(place.hosts),
        *(f"{each.mean:.1f} ± {each.deviation:.1f}" for each in sides),
        " / ".join(f"{each.worst:.1f}" for each in sides),
        *(f"{lost} of {tried}", str(refused)),
        *(f"{np.median(each):.2f}" for each in (times, backs)),
    )
    return f"| {' | '.join(cells)} |"


def rival(place: Domain, name: str, quality: int) -> str:
    """One method that was not made to survive it, after one JPEG."""
    chosen = baselines.get(name) if name in baselines.BASELINES else method.get(name)
    containers, revealed, lost = [], [], 0
    for index in range(place.hosts):
        group = place.group(index, 1)
        host, hidden = group.host.pixels, group.hidden[0].pixels
        container = methods.hide(chosen, host, [hidden])
        containers.append(psnr(container, host))
        (back,) = methods.left(chosen, stored(container, quality=quality), 1)
        lost += back is None
        if back is not None:
            revealed.append(psnr(images.resize(back, *hidden.shape[:2]), hidden))
    told = f"{spread(revealed).mean:.1f}" if revealed else "–"
    cells = (f"`{name}`", place.name, f"{spread(containers).mean:.1f}", told)
    return f"| {' | '.join(cells)} | {lost} of {place.hosts} |"


def watermark(place: Domain, bits: int) -> str:
    """The package blind-watermark with so many bits, as a line of its table."""
    from blind_watermark import WaterMark

    rng, containers = np.random.default_rng(bits), []
    wrong: dict[int, list[float]] = {each: [] for each in JPEGS}
    for index in range(place.hosts):
        host, said = place.group(index, 1).host.pixels, rng.integers(0, 2, bits)
        marker = WaterMark(password_img=1, password_wm=1)
        # It takes the colours in OpenCV's order.
        marker.read_img(img=host[..., ::-1].copy())
        marker.read_wm(said.astype(bool), mode="bit")
        container = marker.embed().clip(0, 255).round().astype(np.uint8)[..., ::-1].copy()
        containers.append(psnr(container, host))
        for quality in JPEGS:
            arrived = stored(container, quality=quality)[..., ::-1].copy()
            reader = WaterMark(password_img=1, password_wm=1)
            read = np.asarray(reader.extract(embed_img=arrived, wm_shape=bits, mode="bit")) > 0.5
            wrong[quality].append(float((read != said).mean()))
    told = spread(containers)
    cells = (
        *("`blind-watermark`", place.name, str(place.hosts), f"{bits:,}"),
        f"{told.mean:.1f} ± {told.deviation:.1f}",
        *(f"{100 * np.mean(wrong[each]):.1f} %" for each in JPEGS),
    )
    return f"| {' | '.join(cells)} |"


def ours(place: Domain, quality: int) -> str:
    """A file that fills what survives a JPEG, as a line of the same table."""
    containers, sizes = [], []
    wrong: dict[int, int] = dict.fromkeys(JPEGS, 0)
    for index in range(place.hosts):
        host = place.group(index, 1).host.pixels
        room = isn.capacity(host, survive=quality)[0].size
        said = np.random.default_rng(index).bytes(room - _FILE)
        container = isn.hide(host, [isn.File("a", said)], survive=quality).pixels
        containers.append(psnr(container, host))
        sizes.append(8 * len(said))
        for each in JPEGS:
            try:
                (back,) = isn.reveal(stored(container, quality=each))
            except isn.IsnError:
                wrong[each] += 1
            else:
                wrong[each] += back.content != said
    told = spread(containers)
    cells = (
        *(f"`--survive {quality}`", place.name, str(place.hosts), f"{np.mean(sizes):,.0f}"),
        f"{told.mean:.1f} ± {told.deviation:.1f}",
        *(f"{wrong[each]} of {place.hosts} lost" if wrong[each] else "0" for each in JPEGS),
    )
    return f"| {' | '.join(cells)} |"


def watermarks(places: list[Domain]) -> list[str]:
    """The table of what carries bits alone."""
    lines = ["| | domain | hosts | bits | container | wrong after JPEG 90 | 75 | 50 |"]
    lines.append("| :-- | :-- | --: | --: | --: | --: | --: | --: |")
    for place in places:
        made = [*(watermark(place, each) for each in MARKS), *(ours(place, q) for q in JPEGS)]
        lines += made
        print("\n".join(made), flush=True)
    return lines


def main() -> None:
    """Measures, prints, and writes where it is asked to."""
    parser = argparse.ArgumentParser(description="What comes back from lossy files.")
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--paris", help="a second folder, of smaller photos")
    parser.add_argument("--crop", type=int, default=320, help="side of the crops (320)")
    parser.add_argument("--small", type=int, default=224, help="of the second folder (224)")
    parser.add_argument("--hosts", type=int, default=8, help="of each domain (8)")
    parser.add_argument("--rivals", nargs="*", default=["paper-1", "lsb-4"], metavar="NAME")
    parser.add_argument("--scaled", action="store_true", help="containers that may be scaled")
    parser.add_argument("--watermark", action="store_true", help="beside the package of that name")
    parser.add_argument("--write", action="store_true", help=f"the tables of {PAGE.name} too")
    options = parser.parse_args()
    places = [*domains(options.photos, count=1, crop=options.crop, limit=options.hosts)]
    if options.paris:
        places += domains(options.paris, count=1, crop=options.small, limit=options.hosts)
    small = f", of Paris {options.small} x {options.small}" if options.paris else ""
    lines = [f"Crops of {options.crop} x {options.crop}{small}.", ""]
    if options.watermark:
        marks, lines = MARKED, lines + watermarks(places)
    elif options.scaled:
        marks, lines = SCALED, lines + promises(places, SCALED_ROWS)
    else:
        marks, lines = (
            (BEGIN, END),
            [*lines, *promises(places, ROWS), *rivals(places, options.rivals)],
        )
    if options.write:
        put(PAGE, *marks, "\n".join(lines))


def promises(places: list[Domain], rows: Sequence[tuple[int, float, float]]) -> list[str]:
    """The table of what is to survive."""
    lines = [f"| {' | '.join(each)} |" for each in (HEAD, (*(":--",) * 3, *("--:",) * 9))]
    print("\n".join(lines))
    for quality, share, scale in rows:
        for place in places:
            lines.append(line(place, quality, share, scale))
            print(lines[-1], flush=True)
    return lines


def rivals(places: list[Domain], names: list[str]) -> list[str]:
    """A table of methods that were not made to survive anything."""
    lines = ["", "After a JPEG of quality 75:", ""]
    lines += ["| | domain | container | revealed | lost |", "| :-- | :-- | --: | --: | --: |"]
    for name in names:
        for place in places:
            lines.append(rival(place, name, 75))
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
