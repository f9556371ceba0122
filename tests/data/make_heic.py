"""Makes `phone.heic`, as an iPhone would store a photo: run it with pillow-heif installed.

The photo lies on its side in the file, which says so twice, in HEIF's own way and in EXIF.
"""

from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image

from isn import images

HERE = Path(__file__).parent
ROCKET = HERE.parents[1] / "src" / "isn" / "demo" / "rocket.webp"


def main() -> None:
    """Writes the file next to this one."""
    photo = images.resize(images.read(ROCKET).pixels, 48, 64)
    lying = Image.fromarray(np.rot90(photo))
    exif = Image.Exif()
    exif[0x0112] = 6
    pillow_heif.register_heif_opener()
    lying.info["exif"] = exif.tobytes()
    lying.save(HERE / "phone.heic", quality=80)


if __name__ == "__main__":
    main()
