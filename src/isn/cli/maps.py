"""The forensic maps of `isn analyze --map`: one PNG for each image."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from isn.cli import stores
from isn.cli.common import STANDARD
from isn.cli.outputs import unused

if TYPE_CHECKING:
    from isn.images import Pixels
    from isn.steganalysis.mantranet import ManTraNet

SUFFIX = ".map.png"
"""Tells maps, which are replaced when the command runs again, from a user's own pictures."""

LONGEST = 200
"""Bytes of a name before its number and suffix: file systems end at 255."""


def is_map(file: Path, folder: Path | None) -> bool:
    """Whether a file is a map that this command drew, and no picture of a user's own.

    Args:
        file: any file.
        folder: where maps are written now, if they are.
    """
    if not file.name.endswith(SUFFIX):
        return False
    if folder is not None and os.path.realpath(file.parent) == os.path.realpath(folder):
        return True
    source = file.name.removesuffix(SUFFIX)
    names = {source, re.sub(r"-\d+$", "", source)}
    return any(os.path.exists(file.with_name(each)) for each in names if each)


class Maps:
    """Writes maps into a folder.

    Args:
        folder: made if it is missing.
        weights: of ManTra-Net; None: the map of residuals.

    Raises:
        OutputError: the folder cannot be made.
        ModelError: the weights cannot be used.
        BackendError: ManTra-Net was asked for, and torch is not installed.
    """

    def __init__(self, folder: str, weights: str | None) -> None:
        self._network = None if weights is None else _network(weights)
        self.folder = Path(folder)
        self._taken: set[str] = set()
        stores.make_local(self.folder)

    def write(self, name: str, pixels: Pixels) -> Path:
        """Writes the map of one image.

        Args:
            name: of its file, or - for standard input.
            pixels: uint8, H x W x 3.

        Raises:
            ImageError: ManTra-Net does not take an image of that size.
            OutputError: the file cannot be written.
        """
        from isn import images
        from isn.steganalysis import residual

        if self._network is None:
            shown = residual.anomaly_map(pixels)
        else:
            from isn.steganalysis.mantranet import manipulation_map

            shown = manipulation_map(self._network, pixels)
        path = self.folder / self._unused(name)
        images.write(path, residual.paint(shown), overwrite=True)
        return path

    def _unused(self, name: str) -> str:
        stem = "standard-input" if name == STANDARD else _shortened(Path(name).name)
        return unused(stem, SUFFIX, self._taken)


def _shortened(name: str) -> str:
    content = os.fsencode(name)
    if len(content) <= LONGEST:
        return name
    # Never in the middle of a character.
    return content[:LONGEST].decode("utf-8", "ignore")


def _network(weights: str) -> ManTraNet:
    from isn.errors import BackendError

    try:
        from isn.steganalysis import mantranet
    except ImportError as error:
        raise BackendError("ManTra-Net needs torch: pip install 'isn[train]'") from error
    return mantranet.load(weights)
