"""Samples of any common kind, and their way to 8-bit sRGB that is upright."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Final, cast

import numpy as np
from PIL import ExifTags, Image

from isn.errors import ImageError

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BACK: Final = {
    **{each: each for each in _TURNS.values()},
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}
"""What undoes a turn."""

# ImportError: a Pillow built without LittleCMS.
_PROFILE_ERRORS = (
    *(OSError, TypeError, ValueError, KeyError, AttributeError, RuntimeError, OverflowError),
    ImportError,
)


def raw_modes(image: Image.Image) -> tuple[str, ...]:
    """The sample formats that a file not yet loaded names, in Pillow's spelling ("RGB;16B")."""
    raw = []
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        deep_ppm = image.format == "PPM" and arguments[1:] and cast(int, arguments[1]) > 255
        raw.append(f"{image.mode};16" if deep_ppm else str(arguments[0] if arguments else ""))
    return tuple(raw)


def bits(image: Image.Image, raw: tuple[str, ...]) -> int:
    """How many bits a sample of the file has, where that is more than 8; else 8."""
    if any(";16" in each or ";12" in each for each in raw) or image.mode.startswith("I;16"):
        return 16
    depth = image.info.get("bit_depth")
    return depth if image.format == "HEIF" and isinstance(depth, int) and depth > 8 else 8


def to_eight_bit(image: Image.Image, raw: tuple[str, ...], name: str) -> Image.Image:
    """The image with 8 bits a sample.

    Raises:
        ImageError: its samples have a range that is not known.
    """
    # A PGM of 16 bits is the one file whose 32-bit integers have a known range.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        top = 4095 if "I;12" in raw else 65535
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + top // 2) // top).clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F", "LAB"):
        kind = {"I": "32-bit integer", "F": "floating-point", "LAB": "Lab"}[image.mode]
        raise ImageError(
            f"{name} has {kind} samples, whose range is not known: save it with 8 or 16 bits RGB"
        )
    return image


def split_alpha(
    image: Image.Image, original: Image.Image, raw: tuple[str, ...]
) -> tuple[Image.Image, Image.Image | None]:
    """The colour (L, RGB or CMYK) and the opacity (L), where there is one.

    Args:
        image: 8 bits a sample.
        original: the image as loaded, whose file names the transparent colour.
        raw: the sample formats of the file.
    """
    mode = image.mode
    key = original.info.get("transparency")
    if mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif mode in ("La", "RGBa"):
        image = image.convert(mode.upper())
    elif key is not None and mode in ("1", "L", "RGB"):
        image = image.convert("L") if mode == "1" else image
        return image, _keyed(image, original, key, raw)
    if image.mode in ("LA", "RGBA"):
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode not in ("L", "RGB", "CMYK"):
        return image.convert("RGB"), None
    return image, None


def _keyed(
    image: Image.Image, original: Image.Image, key: object, raw: tuple[str, ...]
) -> Image.Image:
    """The opacity where one colour stands for transparent; Pillow keeps it in the file's depth."""
    values, wanted = np.asarray(image), np.asarray(key)
    if original.mode.startswith("I;16"):
        values = np.asarray(original)
    elif original.mode == "1":
        wanted = np.where(wanted > 0, 255, 0)
    elif "RGB;16B" in raw:
        wanted = wanted >> 8
    elif raw in (("L;2",), ("L;4",)):
        wanted = wanted * {"L;2": 85, "L;4": 17}[raw[0]]
    same = values == wanted
    if same.ndim == 3:
        same = same.all(axis=-1)
    return Image.fromarray(np.where(same, 0, 255).astype(np.uint8))


def over_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """An RGB image laid over white; itself where it is opaque."""
    if cast("tuple[int, int]", alpha.getextrema())[0] == 255:
        return image
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=alpha)
    return canvas


def to_rgb(image: Image.Image) -> Image.Image:
    """The same samples as RGB; the image itself where it is."""
    return image if image.mode == "RGB" else image.convert("RGB")


def to_srgb(
    image: Image.Image, profile: object, name: str, notes: list[str]
) -> tuple[Image.Image, bool]:
    """The image in sRGB by its profile, and whether that changed any sample.

    Args:
        image: L, RGB or CMYK.
        profile: an ICC profile; nothing where the file has none.
        name: what to call it in a message.
        notes: takes what a person should hear of.
    """
    if profile:
        # Late, as few files have one.
        from PIL import ImageCms

        try:
            applied = _apply_profile(image, cast(bytes, profile))
        except (*_PROFILE_ERRORS, ImageCms.PyCMSError):
            notes.append(unusable(name))
        else:
            return (to_rgb(image), False) if applied is None else (applied, True)
    if image.mode == "CMYK":
        notes.append(f"{name} is CMYK without a usable profile: its colours in RGB are a guess")
    return to_rgb(image), False


def unusable(name: str) -> str:
    """What is said of a profile that cannot be applied."""
    return f"{name} has a colour profile that cannot be used: it is ignored"


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The image in sRGB; None where it is already."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if image.mode == "L" and source.profile.xcolor_space.strip() == "RGB":
        image = image.convert("RGB")
    transform = ImageCms.buildTransform(
        source,
        ImageCms.createProfile("sRGB"),
        image.mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    convert = cast("Callable[[Image.Image], Image.Image]", transform.apply)
    # sRGB comes in many editions; an image in any of them must stay as it is to the last bit.
    if image.mode != "CMYK":
        probe = _probe(image.mode)
        change = np.asarray(convert(probe)).astype(int) - np.asarray(probe.convert("RGB"))
        if np.abs(change).max() <= 2:
            return None
    return convert(image)


def _probe(mode: str) -> Image.Image:
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(steps[None, :])
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1)
    return Image.fromarray(grid.reshape(len(steps), -1, 3))


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What brings an image upright by its orientation tag; None where nothing is to be done."""
    # Metadata that cannot be parsed is no reason to refuse the picture beside it.
    with contextlib.suppress(Exception):
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None
