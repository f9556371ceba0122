"""`isn analyze`: what somebody without the model would see."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from isn.cli import verdicts
from isn.cli.common import STANDARD, json_option, quiet_option, write_standard
from isn.cli.maps import Maps, is_map
from isn.cli.progress import progress_bar
from isn.cli.voice import Voice, printable
from isn.errors import ImageError, IsnError, OutputError, counted, sentence

if TYPE_CHECKING:
    from isn.images import Picture

_LOSSY = ("JPEG", "MPO")


@dataclass
class _Outcome:
    """What came of the files: a row by `verdicts.COLUMNS` each, and those that were not read.

    Of `named`, the user gave the name; of `unwritten`, the map could not be written; of `noise`,
    that of :class:`isn.images.Trace` is known.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    named: list[ImageError] = field(default_factory=list)
    unwritten: int = 0
    lossy: int = 0
    maps: dict[str, str] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER...")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values for programs.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Of the fusion, above which the verdict is stego.",
)
@click.option(
    "--map",
    "map_folder",
    metavar="DIR",
    help="Also write a forensic map of each image into DIR: bright where its noise is unlike the "
    "rest.",
)
@click.option(
    "--mantranet",
    metavar="WEIGHTS",
    help="With --map: ManTra-Net's map, from a file of its weights (.npz or .safetensors).",
)
@json_option
@quiet_option
@click.pass_obj
def analyze(
    voice: Voice,
    paths: tuple[str, ...],
    as_csv: bool,
    threshold: float,
    map_folder: str | None,
    mantranet: str | None,
) -> None:
    """Look for hidden messages as somebody without the model would.

    Each FILE (- is standard input), and each in and below each FOLDER, is judged by the four
    detectors of StegExpose: primary sets, chi square, sample pairs and RS analysis. Their mean,
    the fusion, gives the verdict; "agree" says how many of those that answer would say the same
    alone. NaN is a detector without an answer, - one that cannot run on this image.

    They look for replaced lowest bits and nothing else: finding nothing proves nothing, and
    flat or noisy photos are accused wrongly. The bytes are an estimate for that method only.
    Besides, an image that was a JPEG and had single levels changed since is named.

    --map writes FILE.map.png for each image, and replaces those that are there; maps that lie in a
    FOLDER are not analysed. A bright place is one to look at and no proof: borders of blur,
    lettering and clipped light stand out as well.

    Files in a FOLDER that are no images are named and passed over. The exit code is 4 where a
    FILE cannot be read, or nothing can, and 1 where a map cannot be written; the rest is done.

    --json prints {"threshold", "files": [{"file", "stego", "hidden_bytes",
    "primary_sets", "chi_square", "sample_pairs", "rs_analysis", "fusion",
    "agreeing", "answering", "jpeg_noise"}], "unreadable": [{"file", "error"}], "notes",
    "warnings"}, and "error" and "kind" beside them where the exit code is not 0.
    Where there is no number, it is null. With --map a file also has "map".
    --csv prints the same columns in UTF-8, the first eight as StegExpose does.
    """
    if as_csv and voice.json:
        raise click.UsageError("--csv and --json are two forms of one answer: give one")
    if mantranet is not None and map_folder is None:
        raise click.UsageError("--mantranet draws maps: say where to with --map")
    maps = None if map_folder is None else Maps(map_folder, mantranet)
    outcome = _look(voice, paths, threshold, maps)
    if outcome.lossy:
        voice.warn(
            f"{counted(outcome.lossy, 'file')} in JPEG, which keeps no lowest bits: "
            "what the detectors say of JPEG means nothing"
        )
    failure = _failure(outcome)
    if outcome.rows or not failure:
        _print(voice, outcome, as_csv)
    drawn = None if maps is None else outcome.maps
    facts: dict[str, Any] = {
        "threshold": threshold,
        "files": [verdicts.facts(row, outcome.noise, drawn) for row in outcome.rows],
        "unreadable": outcome.unreadable,
        "notes": voice.notes,
        "warnings": voice.warnings,
    }
    if failure:
        facts |= {"error": sentence(failure), "kind": type(failure).__name__}
    voice.answer(**facts)
    if failure:
        raise failure


def _look(voice: Voice, paths: tuple[str, ...], threshold: float, maps: Maps | None) -> _Outcome:
    from isn.images import trace
    from isn.steganalysis.stegexpose import analyze as ask

    outcome = _Outcome()
    folder = None if maps is None else maps.folder
    found = [(name, explicit) for path in paths for name, explicit in _expand(path, folder, voice)]
    with progress_bar(voice, "looking") as report:
        for k, (name, explicit) in enumerate(found):
            if report is not None:
                report(k / len(found))
            try:
                picture, size = _read(name, voice)
                _draw(outcome, voice, maps, name, picture)
            except ImageError as error:
                outcome.unreadable.append({"file": name, "error": sentence(error)})
                if explicit:
                    outcome.named.append(error)
                if not explicit:
                    voice.warn(sentence(error))
                elif len(found) > 1:
                    voice.complain(sentence(error))
                continue
            outcome.lossy += picture.format in _LOSSY
            was_jpeg = trace(picture.pixels)
            if was_jpeg is not None and was_jpeg.noise is not None:
                outcome.noise[name] = was_jpeg.noise
            outcome.rows.append(verdicts.row(name, ask(picture.pixels, threshold=threshold), size))
    return outcome


def _draw(outcome: _Outcome, voice: Voice, maps: Maps | None, name: str, picture: Picture) -> None:
    if maps is None:
        return
    try:
        outcome.maps[name] = str(maps.write(name, picture.pixels))
    except OutputError as error:
        outcome.unwritten += 1
        voice.complain(sentence(error))


def _expand(path: str, maps: Path | None, voice: Voice) -> Iterator[tuple[str, bool]]:
    """The files that a word stands for, and whether the word named the file itself.

    Maps of other files are looked at only where they are named.
    """
    if path == STANDARD or not os.path.isdir(path):
        yield path, True
        return

    def passed_over(error: OSError) -> None:
        voice.warn(f"{error.filename} cannot be opened ({error.strerror}): it is passed over")

    from isn.finding import files_below

    for file in files_below(Path(path), passed_over):
        if not is_map(file, maps):
            yield str(file), False


def _read(name: str, voice: Voice) -> tuple[Picture, int]:
    """The picture, and the size of its file in bytes."""
    from isn import images

    if name == STANDARD:
        content = sys.stdin.buffer.read(images.MAX_STREAM_BYTES)
        picture, size = images.read(content, "standard input"), len(content)
    else:
        picture, size = images.read(name), os.path.getsize(name)
    for each in picture.notes:
        voice.note(each)
    return picture, size


def _failure(outcome: _Outcome) -> IsnError | None:
    if outcome.named and len(outcome.unreadable) == 1 and not outcome.rows:
        return outcome.named[0]
    if outcome.named:
        return ImageError(
            f"{counted(len(outcome.named), 'file')} that you named cannot be read: "
            "give intact images"
        )
    if not outcome.rows:
        return ImageError("no image was found: give image files, or a folder that holds some")
    if outcome.unwritten:
        return IsnError(
            f"{outcome.unwritten} of {len(outcome.rows)} maps cannot be written: make room or give "
            "another folder"
        )
    return None


def _print(voice: Voice, outcome: _Outcome, as_csv: bool) -> None:
    from isn.images import UNTOUCHED

    if as_csv:
        # In UTF-8 whatever the terminal's encoding is, for programs that read it.
        if sys.stdout is not None:
            write_standard(verdicts.as_csv(outcome.rows).encode())
        return
    cells = [verdicts.cells(row) for row in outcome.rows]
    voice.report(verdicts.table(cells))
    counts = [
        f"{sum(row['stego'] is state for row in outcome.rows)} {words}"
        for state, words in verdicts.VERDICTS.items()
    ]
    if outcome.unreadable:
        counts.append(f"{len(outcome.unreadable)} unreadable")
    voice.report(
        f"{counted(len(outcome.rows) + len(outcome.unreadable), 'file')}: {', '.join(counts)}"
    )
    for name, noise in outcome.noise.items():
        if noise > UNTOUCHED:
            voice.report(
                f"{name} was a JPEG, and levels were changed since: {noise:.2f} from its steps, "
                f"where {UNTOUCHED} is usual at most"
            )
    if outcome.maps:
        voice.report("Maps: " + ", ".join(map(printable, outcome.maps.values())))
