"""`isn hide`: images and files into a host, checked by revealing before anything is written."""

from __future__ import annotations

from typing import Any

import click

from isn.cli import hosts, stores
from isn.cli.cluster import crew_for, ray_option
from isn.cli.common import (
    backend_option,
    bits_option,
    file_option,
    fit_option,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    scaled_option,
    secrecy_option,
    survive_option,
    texture_option,
    threads_option,
)
from isn.cli.crew import workers_option
from isn.cli.hiding import Order, carry_out
from isn.cli.passphrase import passphrase_options, read_passphrase
from isn.cli.voice import Voice


@click.command()
@click.argument("host")
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@file_option
@output_option(
    "OUT",
    "The container: .png, .webp, .tif, or .jpg (see --survive); - for PNG on standard output.",
)
@click.option(
    "--method",
    metavar="NAME|PATH",
    help="See `isn methods`; or a weights file.  [default: photos]",
)
@bits_option
@secrecy_option
@survive_option
@scaled_option
@fit_option
@passphrase_options
@click.option(
    "--refine",
    type=click.IntRange(0, 1000),
    metavar="N",
    help="Make a container of the paper's methods reveal better by so many steps of gradient "
    "descent, 30 for example: slow, needs torch.",
)
@texture_option
@backend_option
@threads_option
@workers_option
@ray_option
@overwrite_option
@click.option(
    "--dry-run", is_flag=True, help="Say what it would give, in one host, and do nothing."
)
@json_option
@quiet_option
@click.pass_obj
def hide(
    voice: Voice,
    /,
    ask: bool,
    passphrase_file: str | None,
    workers: int | None,
    cluster: str | None,
    **given: Any,
) -> int:
    """Hide images and files in HOST.

    HOST and each IMAGE are image files of any size; one of them may be - for standard input. A file
    of any other kind is given with --file. Everything comes back in its own size, files exactly.

    The container looks like HOST. Before it is written it is revealed, and what that gave is
    printed: PSNR in dB, of the container against HOST and of each revealed image against IMAGE.
    All that is hidden shares the room of the host: see `isn capacity`.

    HOST may be a folder: the same is hidden in each image below it, and OUT is a folder for the
    containers, which have their hosts' names and are PNG. One that fails is named, the others go
    on, and the exit code is 1. To pair many hosts with images of their own: `isn batch`.

    Send the container as a file: whatever stores it with loss (JPEG, most messengers) destroys
    what is hidden, unless it was made with --survive, or is itself a .jpg. Then far less fits.

    With a passphrase, nobody without it can reveal what is hidden, or forge the container. It comes
    from --passphrase (asked for twice), --passphrase-file or ISN_PASSPHRASE: the first of
    these that is given counts. The paper's own methods take none.

    --dry-run says what would come of it, and the exit code is 0 where it fits, 1 where not. Of a
    folder of hosts `isn capacity` says that.

    --json prints {"container", "width", "height", "method", "code", "container_psnr",
    "hidden": [{"file", "width", "height", "revealed_psnr"} or {"file", "bytes"}],
    "notes", "warnings"}; a PSNR is null where the images are equal. A failure
    prints {"error", "kind"}. With -o - it is the last line of standard error.
    With --dry-run it is {"container", "fits", ...} and what `isn capacity`
    prints of a method. Of a folder each host prints its own line, with "host".
    """
    order = Order(**given)

    def passphrase() -> str | None:
        return read_passphrase(ask, passphrase_file, twice=True)

    if stores.is_folder(order.host):
        return hosts.hide_in_all(voice, order, passphrase, crew_for(workers, cluster))
    if cluster is not None or workers is not None:
        raise click.UsageError("--workers and --ray are for many hosts: give a folder of them")
    return carry_out(voice, order, passphrase)
