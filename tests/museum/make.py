"""Makes the museum: small containers that every later version has to open.

    python tests/museum/make.py

One of every code and carrier, and of the paper's own method, with and without a passphrase, from
grey and from colour, in the file formats that hiding writes. ``museum.toml`` says what each holds;
what its images are revealed as lies beside it. Once a version is released, its containers stay as
they are: new ones are added, none is made again.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import isn  # noqa: E402
from helpers import network_weights, picture  # noqa: E402
from isn import images  # noqa: E402
from isn.paper.config import ModelConfig  # noqa: E402

NETWORK = "tiny.safetensors"
WORDS = "correct horse battery staple"
NOTE = isn.File("note.txt", b"Kilroy was here.\n")
DATA = isn.File("0 to 255.bin", bytes(range(256)))
GREY = np.ascontiguousarray(picture(64, 72, seed=2)[..., 0])
ONE, TWO = picture(33, 40, seed=7), picture(20, 31, seed=8)

TOLD = ("method", "passphrase")
"""What a reveal has to be told."""

EXHIBITS: dict[str, tuple[Any, list[Any], dict[str, Any]]] = {
    "photos.png": (picture(56, 61, seed=3), [ONE, TWO], {}),
    "photos-passphrase.webp": (picture(56, 61, seed=3), [ONE], {"passphrase": WORDS}),
    "photos-grey.png": (GREY, [TWO], {}),
    "avif.png": (picture(56, 61, seed=4), [ONE, TWO], {"method": "avif"}),
    "avif-grey-passphrase.png": (GREY, [TWO], {"method": "avif", "passphrase": WORDS}),
    "file.png": (picture(40, 41, seed=5), [NOTE], {}),
    "files-half-a-bit.tiff": (picture(70, 71, seed=5), [NOTE, DATA], {"bits": 0.5}),
    "files-passphrase.png": (picture(40, 41, seed=5), [DATA, NOTE], {"passphrase": WORDS}),
    "bundle.png": (picture(56, 61, seed=6), [NOTE, ONE, DATA], {}),
    "bundle-avif-passphrase.png": (
        picture(56, 61, seed=6),
        [TWO, NOTE],
        {"method": "avif", "passphrase": WORDS},
    ),
    "secrecy.png": (picture(70, 71, seed=5), [NOTE], {"secrecy": "low"}),
    "secrecy-grey-passphrase.png": (
        GREY,
        [NOTE],
        {"secrecy": "low", "bits": 0.4, "passphrase": WORDS},
    ),
    "survives.jpg": (picture(120, 136, seed=3), [NOTE], {"survive": 75}),
    "survives-grey-passphrase.png": (
        np.ascontiguousarray(picture(184, 200, seed=2)[..., 0] // 2 + 60),
        [DATA],
        {"survive": 50, "passphrase": WORDS},
    ),
    "survives-scaled.jpg": (picture(200, 244, seed=3), [NOTE], {"survive": 75, "scaled": 180}),
    "network.png": (picture(56, 61, seed=1), [ONE], {"method": NETWORK}),
    "network-passphrase.png": (
        picture(56, 61, seed=1),
        [ONE],
        {"method": NETWORK, "passphrase": WORDS},
    ),
    "paper-1.png": (picture(48, 57, seed=9), [ONE], {"method": "paper-1"}),
    "paper-1-grey.png": (GREY, [TWO], {"method": "paper-1"}),
    "paper-2.png": (picture(48, 57, seed=9), [ONE, TWO], {"method": "paper-2"}),
}


def main() -> None:
    """Writes all of it beside this file."""
    network_weights(ModelConfig(blocks=1, depth=2, growth=2), seed=3).save(HERE / NETWORK)
    rows = ["# What the containers beside this file hold; written by make.py.\n"]
    for name, (host, secret, options) in EXHIBITS.items():
        given = {"method": HERE / NETWORK} if options.get("method") == NETWORK else {}
        container = isn.hide(host, secret, **options | given)
        container.save(HERE / name, overwrite=True)
        words = {"passphrase": options.get("passphrase"), **given}
        found = isn.inspect(HERE / name, **words)
        shown = isn.reveal(HERE / name, **words)
        rows.append(f'["{name}"]')
        rows.append(f'carrier = "{found.carrier}"')
        rows.append(f'fingerprint = "{found.fingerprint.hex()}"')
        rows += [f'{key} = "{value}"' for key, value in options.items() if key in TOLD]
        for number, item in enumerate(shown):
            rows.append(f'[["{name}".items]]')
            if isinstance(item, isn.File):
                rows.append(f'name = "{item.name}"')
                rows.append(f'sha256 = "{hashlib.sha256(item.content).hexdigest()}"')
            else:
                revealed = f"revealed/{Path(name).stem}-{number}.png"
                images.write(HERE / revealed, item, overwrite=True)
                rows.append(f'revealed = "{revealed}"')
        rows.append("")
    (HERE / "museum.toml").write_text("\n".join(rows), "utf-8")


if __name__ == "__main__":
    (HERE / "revealed").mkdir(exist_ok=True)
    main()
