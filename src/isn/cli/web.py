"""`isn web`: the page for people."""

from __future__ import annotations

import os
import secrets
import socket
from ipaddress import IPv4Address

import click

from isn.cli.common import json_option, threads_option
from isn.cli.voice import Voice

HERE = "127.0.0.1"
_GUESS = "guess"

_ELSEWHERE = "192.0.2.1", 9
"""An address that is nobody's (RFC 5737): a datagram's socket that names it sends nothing."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8417,
    show_default=True,
    metavar="N",
    help="Where to listen; 0 for any that is free.",
)
@click.option(
    "--listen",
    is_flag=False,
    flag_value=_GUESS,
    metavar="[ADDRESS]",
    help="Also for other devices in your network, such as a phone: on this machine's ADDRESS "
    "there, which is guessed if it is not given.",
)
@threads_option
@json_option
@click.pass_obj
def web(voice: Voice, port: int, listen: str | None) -> None:
    """Hide and reveal on a page in your browser.

    The page is served on this machine and for it alone, until Ctrl-C. It loads nothing from
    anywhere else; what you give it stays in memory, and is neither written to disk nor logged. A
    container that it makes is the one that `isn hide` makes. As many jobs run side by side as there
    are threads, and others wait.

    --json prints {"address", "warnings"} before it begins.
    """
    from isn.web.server import serve

    address = HERE if listen is None else _own_address() if listen == _GUESS else listen
    token = "" if listen is None else secrets.token_urlsafe(16)
    with _listening(address, port) as found:
        where = f"http://{address}:{found.getsockname()[1]}/{token and f'{token}/'}"
        if listen is not None:
            voice.warn(
                "whoever has this address and reaches this machine can use the page, and what is "
                "sent can be read by others in the network, since it is not encrypted: use it in "
                "one that you trust"
            )
        voice.report(f"{where}\nCtrl-C ends it")
        voice.answer(address=where, warnings=voice.warnings)
        # A page whose address nobody has heard serves nobody.
        voice.flush()
        serve(found, token)


def _listening(address: str, port: int) -> socket.socket:
    """A socket on one address of this machine, which the server then knows a request by.

    Raises:
        ConfigError: it is none of one, or the port is taken.
    """
    from isn.errors import ConfigError

    try:
        if IPv4Address(address).is_unspecified:
            raise ValueError
        return socket.create_server((address, port))
    except ValueError as error:
        raise ConfigError(
            f"--listen {address} was given: give one IPv4 address of this machine"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{address}, port {port}, cannot be listened on ({os.strerror(error.errno or 0)}): "
            "give another --port, or an address of this machine"
        ) from error


def _own_address() -> str:
    """This machine's address in the network that leads to others.

    Raises:
        ConfigError: it is in none.
    """
    from isn.errors import ConfigError

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError as error:
            raise ConfigError(
                "this machine is in no network: name its address after --listen"
            ) from error
        return str(probe.getsockname()[0])
