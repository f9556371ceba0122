"""What every method promises, whatever it is made of; and how methods are named and found."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import SMALL, Shares, contents_of, network_weights, picture, random_weights, same
from isn import images, keys, method, zoo
from isn.codes.avif import Avif
from isn.codes.network import NetworkCode
from isn.errors import (
    AlteredContainer,
    ConfigError,
    ImageError,
    ModelError,
    NoSeal,
    RevealError,
    UnknownModel,
)
from isn.images import Pixels
from isn.keys import Passphrase, Public
from isn.method import Carried, Method
from isn.metrics import psnr
from isn.paper.config import ModelConfig
from isn.paper.engine import floats, pixels
from isn.paper.method import MIN_SIDE, Paper, _paired
from isn.progress import silent
from isn.secret import File, Item
from isn.weights import Weights

HOST = picture(47, 51, seed=4)
GREY = np.ascontiguousarray(picture(64, 60, seed=5)[..., 0])
NOTE = File("note.txt", b"to whom it may concern")


@cache
def methods() -> dict[str, Method]:
    """Every shipped method, and tiny networks of both kinds."""
    return {name: method.get(name) for name in method.names()} | {
        "tiny": method.of("tiny", network_weights()),
        "tiny-paper": method.of("tiny-paper", random_weights()),
    }


every_method = pytest.mark.parametrize("name", methods())
KINDS = ("photos", "avif", "tiny", "tiny-paper", "paper-1", "paper-3")
"""One of each, and the paper's with several images: the others differ in their weights alone."""

DEMONSTRATED = ("paper-4", "isn-1", "isn-4")
"""Networks whose figures are recorded in `test_demo`."""


def slow(name: str) -> tuple[pytest.MarkDecorator, ...]:
    """The mark of a network that no quick test would miss."""
    return () if name in (*KINDS, *DEMONSTRATED) else (pytest.mark.slow,)


every_kind = pytest.mark.parametrize("name", KINDS)
carried = pytest.mark.parametrize(
    "name", [name for name in KINDS if isinstance(methods()[name], Carried)]
)
papers = pytest.mark.parametrize(
    "name", [name for name in KINDS if isinstance(methods()[name], Paper)]
)


def secret_of(name: str) -> list[Item]:
    sizes = [(24, 32), (17, 24), (16, 40), (20, 20), (33, 16)]
    count = min(methods()[name].counts)
    return [picture(*sizes[k % 5], seed=k) for k in range(count)]


def through_png(container: Pixels) -> Pixels:
    """As it comes back from a file."""
    colour = container if container.ndim == 3 else np.repeat(container[..., None], 3, axis=2)
    back = images.read(images.encode(colour)).pixels
    return back if container.ndim == 3 else np.ascontiguousarray(back[..., 0])


@cache
def example(name: str) -> Pixels:
    made = methods()[name].hide(HOST, secret_of(name), Public())
    made.flags.writeable = False
    return made


@pytest.mark.parametrize(
    ("name", "host"),
    [
        *(pytest.param(name, HOST, id=f"{name} colour", marks=slow(name)) for name in methods()),
        *(pytest.param(name, GREY, id=f"{name} grey") for name in KINDS),
    ],
)
def test_what_is_hidden_is_revealed_through_a_file(name: str, host: Pixels) -> None:
    each, secret = methods()[name], secret_of(name)
    kept = host.copy(), [one.copy() for one in secret if not isinstance(one, File)]
    container = each.hide(host, secret, Public())
    assert container.dtype == np.uint8
    assert container.shape[:2] == host.shape[:2]
    if isinstance(each, Carried):
        assert container.shape == host.shape
        assert psnr(container, host) > 20
    found = each.reveal(through_png(container), Public())
    assert contents_of(found) == contents_of(secret)
    assert all(isinstance(one, np.ndarray) and one.dtype == np.uint8 for one in found)
    np.testing.assert_array_equal(host, kept[0])
    assert same(list(kept[1]), secret)
    # The container alone says who made it.
    looked = method.look(container, Public(), [each])
    assert same(looked.reveal(), found)
    assert looked.contents() == contents_of(secret)


@every_kind
def test_the_same_is_hidden_the_same(name: str) -> None:
    again = methods()[name].hide(HOST.copy(), secret_of(name), Public())
    np.testing.assert_array_equal(again, example(name))


@every_kind
def test_shares_grow_to_one(name: str) -> None:
    shares = Shares()
    container = methods()[name].hide(HOST, secret_of(name), Public(), shares)
    assert shares.sound
    shares = Shares()
    methods()[name].reveal(container, Public(), shares)
    assert shares.sound


@every_kind
def test_a_changed_sample_is_told_or_changes_nothing(name: str) -> None:
    each, container = methods()[name], example(name)
    whole = each.reveal(container, Public())
    rng, told = np.random.default_rng(0), 0
    for _ in range(12):
        changed = container.copy()
        place = tuple(rng.integers(0, side) for side in container.shape)
        changed[place] ^= rng.choice([1, 2, 64, 128])
        try:
            found = each.reveal(changed, Public())
        except (NoSeal, AlteredContainer):
            told += 1
        else:
            assert same(found, whole)
    assert told >= 4


@every_kind
def test_other_images_hold_nothing(name: str) -> None:
    for wrong in (HOST, GREY, HOST[:3, :3], np.zeros((1, 1), np.uint8), picture(200, 9)):
        with pytest.raises(NoSeal):
            methods()[name].reveal(wrong, Public())
        with pytest.raises(NoSeal):
            method.look(wrong, Public(), [methods()[name]])


@every_kind
def test_parts_of_a_container_are_told(name: str) -> None:
    container = example(name)
    for part in (container[1:], container[:-1], container[:, 1:], container[:, :-1]):
        with pytest.raises(RevealError):
            methods()[name].reveal(part, Public())


@every_kind
def test_a_host_too_small_is_refused(name: str) -> None:
    for shape in ((1, 1, 3), (10, 10), (10, 12, 3), (3, 90, 3)):
        with pytest.raises(ImageError, match="larger"):
            methods()[name].hide(np.zeros(shape, np.uint8), secret_of(name), Public())


@every_method
def test_other_numbers_of_images_are_refused(name: str) -> None:
    each = methods()[name]
    for count in (0, min(each.counts) - 1, max(each.counts) + 1):
        with pytest.raises(ConfigError):
            each.hide(HOST, [picture(16, 16)] * count, Public())


@every_method
def test_options_that_it_does_not_use_are_refused(name: str) -> None:
    each = methods()[name]
    network = isinstance(each, Paper) or any(
        isinstance(one, NetworkCode)
        for one in each.pictures  # type: ignore[attr-defined]
    )
    options = {"bits": 1.0, "refine": 3, "texture": picture(9, 9), "backend": "native"}
    used = {"refine"} if isinstance(each, Paper) else {"bits"}
    if isinstance(each, Paper) and each.config.subnet == "modulo":
        used = set()
    used |= {"backend"} if network else set()
    for option, value in options.items():
        if option in used:
            assert method.tuned(each, **{option: value}).name == each.name
        else:
            with pytest.raises(ConfigError, match=f"{option} was given|a {option} was given"):
                method.tuned(each, **{option: value})
    assert method.tuned(each, bits=None, refine=None, texture=None, backend=None) is each


# Those that carry bytes.


@carried
def test_with_a_passphrase(name: str) -> None:
    each, secret = methods()[name], secret_of(name)
    one, other = (each.hide(HOST, secret, Passphrase("open")) for _ in range(2))
    assert (one != other).mean() > 0.05
    found = each.reveal(through_png(one), Passphrase("open"))
    assert contents_of(found) == contents_of(secret)
    assert same(each.reveal(other, Passphrase("open")), found)
    for key in (Passphrase("Open"), Passphrase("open "), Public()):
        with pytest.raises(NoSeal):
            each.reveal(one, key)
    with pytest.raises(NoSeal):
        each.reveal(example(name), Passphrase("open"))


@carried
def test_files_and_bundles_go_with_every_one(name: str) -> None:
    each, pictures = methods()[name], secret_of(name)
    for secret in ([NOTE], [NOTE, File("b", bytes(40))], [*pictures, NOTE], [NOTE, *pictures]):
        container = each.hide(HOST, secret, Public())
        found = each.reveal(container, Public())
        assert contents_of(found) == contents_of(secret)
        assert [one for one in found if isinstance(one, File)] == [
            one for one in secret if isinstance(one, File)
        ]


@carried
def test_more_bits_show_more(name: str) -> None:
    each = methods()[name]
    content = File("noise", np.random.default_rng(0).bytes(9000))
    heard = []
    for bits in (0.5, 1.0, 2.0, 4.0):
        tuned = method.tuned(each, bits=bits)
        room = tuned.room(HOST, tuned.codes([NOTE])[0])  # type: ignore[attr-defined]
        some = File("noise", content.content[: room.size - 40])
        container = tuned.hide(HOST, [some], Public())
        assert tuned.reveal(container, Public()) == [some]
        heard.append(psnr(container, HOST))
        with pytest.raises(ImageError, match="larger host"):
            tuned.hide(HOST, [File("noise", content.content[: room.size])], Public())
    assert heard == sorted(heard, reverse=True)
    assert heard[0] > 55
    for wrong in (0.001, 4.01, -1.0, 100.0):
        with pytest.raises(ConfigError, match=r"^bits=.* was given: give a number from 0\.01 to 4"):
            method.tuned(each, bits=wrong)


@carried
def test_a_note_is_hardly_seen(name: str) -> None:
    container = methods()[name].hide(HOST, [NOTE], Public())
    assert psnr(container, HOST) > 57


@carried
def test_what_was_damaged_is_lost(name: str) -> None:
    with pytest.raises(AlteredContainer, match="nothing can be revealed"):
        methods()[name].salvage(example(name))


# The paper's.


@papers
def test_it_has_no_key_and_no_files(name: str) -> None:
    each = methods()[name]
    with pytest.raises(ConfigError, match="passphrase was given"):
        each.hide(HOST, secret_of(name), Passphrase("x"))
    with pytest.raises(ConfigError, match="leave the files out"):
        each.hide(HOST, [*secret_of(name), NOTE], Public())


@papers
def test_what_is_left_is_revealed_at_the_hosts_size(name: str) -> None:
    each, container = methods()[name], example(name)
    noise = np.random.default_rng(0).integers(-1, 2, container.shape)
    damaged = np.clip(container + noise, 0, 255).astype(np.uint8)
    with pytest.raises(RevealError):
        each.reveal(damaged, Public())
    left = each.salvage(damaged)
    assert [one.shape for one in left if isinstance(one, np.ndarray)] == [HOST.shape] * len(left)
    assert len(left) == min(each.counts)


@papers
def test_the_smallest_host(name: str) -> None:
    host = picture(MIN_SIDE, MIN_SIDE)
    container = methods()[name].hide(host, secret_of(name), Public())
    found = methods()[name].reveal(container, Public())
    assert contents_of(found) == contents_of(secret_of(name))
    with pytest.raises(ImageError, match="32 x 32 pixels at least"):
        methods()[name].hide(host[1:], secret_of(name), Public())


def test_what_a_container_says_of_itself_costs_modulo_blocks_no_digit() -> None:
    each = methods()["paper-3"]
    assert isinstance(each, Paper)
    container, (height, width) = example(each.name), each.config.region(*HOST.shape[:2])
    secret = [one for one in secret_of(each.name) if not isinstance(one, File)]
    planes = [each._engine.fit(one, height, width) for one in secret]
    cover = floats([HOST[:height, :width]])
    plain = pixels(each._engine.forward(cover, planes, silent))
    change = container[:height, :width].astype(int) - plain
    bases = each.weights.tensors["bases"].astype(int).reshape(3, 4, 4).transpose(1, 2, 0)
    tiled = np.tile(bases, (height // 4, width // 4, 1))
    moved = change != 0
    assert 100 < moved.sum() < 1000
    # But for the highest samples, which change by a level.
    assert (np.abs(change[moved]) == tiled[moved]).mean() > 0.95
    assert (np.abs(change[moved])[plain[moved] < 220] == tiled[moved][plain[moved] < 220]).all()
    shown = each._engine.inverse(floats([container[:height, :width]]), None, silent)
    for one, other in zip(shown, each._engine.inverse(floats([plain]), None, silent), strict=True):
        assert (np.abs(one.astype(int) - other) <= 1).mean() > 0.9


def test_a_sample_of_modulo_blocks_that_carries_a_bit_has_one_other_value() -> None:
    samples, base = np.meshgrid(np.arange(256, dtype=np.uint8), [1, 3, 7, 15, 21, 127])
    other, kept = _paired(samples.ravel(), base.ravel())
    again, same_kept = _paired(other, base.ravel())
    np.testing.assert_array_equal(again, samples.ravel())
    np.testing.assert_array_equal(same_kept, kept)
    assert ((other ^ samples.ravel()) & 1).all()
    change = np.abs(other.astype(int) - samples.ravel()).reshape(base.shape)
    assert ((change == base) | (change == 1)).all()
    # Only the highest have none that says the same.
    assert (samples[(change == 1) & (base > 1)] > 255 - base[(change == 1) & (base > 1)]).all()
    for row in kept.reshape(base.shape):
        _, counts = np.unique(row, return_counts=True)
        assert (counts == 2).all()


def test_a_sample_that_carries_a_bit_may_not_move_by_two_bases() -> None:
    each, container = methods()["paper-3"], example("paper-3")
    assert isinstance(each, Paper)
    cell = each.config.cell
    bases = each.weights.tensors["bases"].astype(int).reshape(3, cell, cell)
    for row, column, colour in np.ndindex(8, 8, 3):
        step = 2 * bases[colour, row % cell, column % cell]
        altered = container.copy()
        sample = int(container[row, column, colour])
        altered[row, column, colour] = sample + step if sample < 128 else sample - step
        with pytest.raises(RevealError):
            each.reveal(altered, Public())


def test_modulo_blocks_are_not_refined() -> None:
    assert methods()["paper-3"].options == {"backend"}
    with pytest.raises(ConfigError, match="refine"):
        method.get("paper-3", refine=2)


# Names, files, and who made a container.


def test_names_are_those_of_the_zoo_and_the_default_is_first() -> None:
    assert method.names() == tuple(each.name for each in zoo.entries())
    assert method.names()[0] == method.DEFAULT == method.get().name
    for name in method.names():
        assert method.get(name).name == name
        least, most = zoo.entry(name).images
        assert method.get(name).counts == range(least, most + 1)


@pytest.mark.parametrize("name", ["", "no-such", "Photos", "photos.onnx", "../photos", "digits-1"])
def test_unknown_names_are_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no method .*photos, avif, .*paper-5"):
        method.get(name)


def test_a_weights_file_is_a_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random_weights().save(tmp_path / "mine.safetensors")
    network_weights().save(tmp_path / "net.safetensors")
    monkeypatch.chdir(tmp_path)
    for each in (tmp_path / "mine.safetensors", "mine.safetensors"):
        found = method.get(each)
        assert isinstance(found, Paper)
        assert found.name == "mine"
        assert found.weights.fingerprint == random_weights().fingerprint
    net = method.get("net.safetensors", bits=1.5, backend="native")
    assert isinstance(net, Carried)
    assert (net.bits, net.name) == (1.5, "net")
    with pytest.raises(ModelError, match="no weights file"):
        method.get("absent.safetensors")
    Weights("other", {}, {}).save("other.safetensors")
    with pytest.raises(ModelError, match=r"of kind 'other'.*photos, network, paper"):
        method.get("other.safetensors")
    with pytest.raises(ConfigError, match=r"of kind 'other'.*photos, network, paper"):
        method.of("other", Weights("other", {}, {}))
    wrong = Weights("paper", dict(random_weights(ModelConfig(blocks=1)).config), {})
    wrong.save("wrong.safetensors")
    with pytest.raises(ModelError, match="lack the tensor"):
        method.get("wrong.safetensors")


def test_a_method_of_ones_own_must_be_brought() -> None:
    for name in ("tiny", "tiny-paper"):
        container = example(name)
        with pytest.raises(UnknownModel, match="give its weights file"):
            method.look(container, Public())
        assert method.look(container, Public(), [methods()[name]]).reveal()


def test_own_networks_are_found_in_bundles_of_their_method() -> None:
    each = methods()["tiny"]
    container = each.hide(HOST, [NOTE, picture(24, 24)], Public())
    assert each.reveal(container, Public())[0] == NOTE
    with pytest.raises(AlteredContainer, match="unknown code 5"):
        method.look(container, Public()).reveal()


@pytest.mark.skipif(not method.available(), reason="this Pillow was built without AVIF")
def test_where_room_is_small_the_better_code_is_kept() -> None:
    each = method.get("photos", bits=0.5)
    assert isinstance(each, Carried)
    hidden: list[Item] = [picture(64, 64, seed=2)]
    host = picture(40, 40, seed=3)
    code, payload = each.encoded(host, hidden)
    shown = {}
    room = each.room(host, each.pictures[0])
    for one in each.pictures:
        try:
            said = one.encode(hidden, room, lambda _: None)
        except ImageError:
            continue
        (found,) = one.decode(said, 1600, lambda _: None)
        shown[one.name] = psnr(found, hidden[0])
    assert len(payload) <= room.size
    assert shown[code.name] == max(shown.values())


def test_a_backend_is_handed_to_the_network() -> None:
    tuned = method.tuned(methods()["tiny"], backend="native")
    assert tuned.pictures[0].backend == "native"  # type: ignore[attr-defined]
    assert methods()["tiny"].pictures[0].backend is None  # type: ignore[attr-defined]
    assert tuned.reveal(example("tiny"), Public())


def keyed_with_texture() -> Paper:
    return Paper("keyed", random_weights(ModelConfig(blocks=2, depth=2, growth=4, lost=None), 5))


def test_a_network_trained_with_a_texture_wants_one() -> None:
    texture: Any = picture(9, 7)
    container = keyed_with_texture().hide(HOST, [picture(47, 51)], Public())
    with pytest.raises(ConfigError, match="texture"):
        keyed_with_texture().reveal(container, Public())
    (found,) = method.tuned(keyed_with_texture(), texture=texture).reveal(container, Public())
    (other,) = method.tuned(keyed_with_texture(), texture=255 - texture).reveal(container, Public())
    assert found.shape == HOST.shape
    assert psnr(found, other) < 40
    with pytest.raises(ConfigError, match="trained without one"):
        Paper("plain", random_weights(SMALL), texture=texture)


def test_methods_are_told_apart_by_number_and_fingerprint() -> None:
    assert isinstance(method.find(Avif.number, bytes(16)), Avif)
    for number, fingerprint in ((99, bytes(16)), (1, bytes(range(16))), (5, bytes(16))):
        with pytest.raises(UnknownModel, match=f"number {number} and fingerprint"):
            method.find(number, fingerprint)
    assert isinstance(keys.of(None), Public)


@pytest.mark.parametrize(
    ("smaller", "bits", "tried"),
    [(1, 2.0, 2), (1, 2.4, 1), (100, 1.5, 2), (100, 2.0, 1), (900, 1.5, 1)],
)
def test_other_codes_are_tried_where_room_is_small_and_trying_is_cheap(
    smaller: int, bits: float, tried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the images had so many times the pixels.
    limits = tuple((most / smaller, below) for most, below in method.RIVALS_BELOW)
    monkeypatch.setattr(method, "RIVALS_BELOW", limits)
    tries: list[str] = []
    shipped = method.get("photos")
    assert isinstance(shipped, method.Carried)
    for each in shipped.pictures:
        encode = type(each).encode

        def counted(self: Any, *words: Any, encode: Any = encode) -> bytes:
            tries.append(self.name)
            return bytes(encode(self, *words))

        monkeypatch.setattr(type(each), "encode", counted)
    # Of two images of the host's size, a hidden pixel has 3 / 2 of the bits of a sample.
    host = picture(64, 64, seed=1)
    chosen = shipped.tuned({"bits": 2 * bits / 3})
    chosen.encoded(host, [picture(64, 64, seed=2), picture(64, 64, seed=3)])
    assert len(set(tries)) == tried


@pytest.mark.parametrize(("failing", "written"), [(0, 1), (3, 4), (4, 4)])
def test_what_a_jpeg_takes_is_sealed_under_another_salt(
    failing: int, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isn.carriers.dct import Dct

    salts: list[bytes] = []
    write = Dct.write

    def counted(self: Any, host: Any, head: bytes, *words: Any) -> Any:
        salts.append(head[:16])
        if len(salts) <= failing:
            raise ImageError("it does not survive")
        return write(self, host, head, *words)

    monkeypatch.setattr(Dct, "write", counted)
    chosen, host = method.get(survive=75), picture(160, 160, seed=1)
    if failing == written:
        with pytest.raises(ImageError, match="does not survive"):
            chosen.hide(host, [File("a", b"b")], Public())
    else:
        container = chosen.hide(host, [File("a", b"b")], Public())
        assert chosen.reveal(container, Public()) == [File("a", b"b")]
    assert len(set(salts)) == len(salts) == written


def test_a_host_that_is_seen_has_one_plane() -> None:
    config = ModelConfig(2, blocks=1, depth=1, growth=1, planes=2)
    with pytest.raises(ModelError, match="planes is 2, and a host is one image"):
        method.of("two", random_weights(config))
