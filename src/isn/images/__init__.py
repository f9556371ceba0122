"""Image files in and out: the only package that opens or writes them.

What comes in is untrusted: only known formats are opened, nothing above `MAX_PIXELS` is decoded,
and whatever goes wrong is an :class:`~isn.errors.ImageError`. What goes out is lossless, or a
JPEG where what is hidden is made to survive one, carries no metadata that it was not told to keep,
and appears under its name whole or not at all.

`picture` says what an image is here, `reading` makes one with what `opening`, `png`, `tiff`,
`webp`, `heif` and `colour` know of files, `encoding`, `quick` and `files` write one, `resizing`
changes its size, and `fitting` knows what messengers keep. Nothing here changes what belongs to the
whole process, so that threads may read at the same time.
"""

from isn.images.decoded import LUMA, UNTOUCHED, Trace, dct_basis, forgotten, trace
from isn.images.encoding import encode, encode_jpeg
from isn.images.files import JPEG, LOSSLESS, check_format, check_output, encode_as, write
from isn.images.fitting import KEPT, fitted, kept
from isn.images.opening import MAX_STREAM_BYTES
from isn.images.picture import LOSSY, MAX_PIXELS, PathLike, Picture, Pixels, Source, is_grey
from isn.images.reading import read
from isn.images.resizing import Kernel, filled, longer_side, resize, within

__all__ = [
    "JPEG",
    "KEPT",
    "LOSSLESS",
    "LOSSY",
    "LUMA",
    "MAX_PIXELS",
    "MAX_STREAM_BYTES",
    "UNTOUCHED",
    "Kernel",
    "PathLike",
    "Picture",
    "Pixels",
    "Source",
    "Trace",
    "check_format",
    "check_output",
    "dct_basis",
    "encode",
    "encode_as",
    "encode_jpeg",
    "filled",
    "fitted",
    "forgotten",
    "is_grey",
    "kept",
    "longer_side",
    "read",
    "resize",
    "trace",
    "within",
    "write",
]
