"""What commands print with --json is what docs/reference/json.schema.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import Result
from jsonschema import Draft202012Validator, ValidationError
from numpy.typing import NDArray

from commands import done, paper_weights, run
from isn import images
from isn.cli import COMMANDS, main

SCHEMA = json.loads(
    (Path(__file__).parent.parent / "docs" / "reference" / "json.schema.json").read_text("utf-8")
)


def told(result: Result, command: str) -> dict[str, Any]:
    """What a command printed that has an answer, whatever its exit code."""
    answer: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate({command: answer})
    return answer


@pytest.fixture
def work(
    tmp_path: Path, photos: dict[str, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with a host, something to hide, and two textures; where commands run."""
    monkeypatch.chdir(tmp_path)
    images.write("host.png", photos["coffee"][:120, :160])
    images.write("cat.png", photos["cat"][:48, :64])
    images.write("0.png", photos["rocket"][:20, :30])
    images.write("1.png", photos["astronaut"][:20, :30])
    Path("notes.txt").write_text("a few words")
    return tmp_path


def test_the_schema_is_one_and_has_every_command_that_prints_json() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    context = click.Context(main)
    printing = {
        name
        for name in COMMANDS
        if any("--json" in each.opts for each in main.get_command(context, name).params)
    }
    assert SCHEMA["properties"].keys() == printing


@pytest.mark.parametrize(
    "answer",
    [
        {"web": {"address": "http://127.0.0.1/"}},
        {"web": {"address": "http://127.0.0.1/", "warnings": [], "port": 80}},
        {"web": {"address": None, "warnings": []}},
        {"web": {"error": "a sentence"}},
        {"nothing": {}},
    ],
)
def test_what_is_missing_or_new_or_of_another_type_is_found(answer: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate(answer)


def test_hide_reveal_and_info(work: Path) -> None:
    hide = ("hide", "host.png", "cat.png", "--file", "notes.txt", "-o", "c.png", "--json")
    assert told(done(*hide, "--dry-run"), "hide")["fits"]
    assert len(told(done(*hide), "hide")["hidden"]) == 2
    assert len(told(done("reveal", "c.png", "-o", "out", "--json"), "reveal")["files"]) == 2
    assert len(told(done("info", "c.png", "--json"), "info")["contents"]) == 2
    assert told(run("info", "host.png", "--json"), "info")["kind"] == "NoSeal"
    done("hide", "host.png", "--file", "notes.txt", "-o", "c.jpg")
    assert told(done("info", "c.jpg", "--json"), "info")["survives"] <= 75


def test_hide_in_a_folder_of_hosts(work: Path) -> None:
    Path("hosts").mkdir()
    Path("host.png").rename("hosts/host.png")
    Path("hosts/none.png").write_bytes(b"")
    hide = ("hide", "hosts", "cat.png", "-o", "made", "--json")
    made, failed = map(json.loads, run(*hide).stdout.splitlines())
    Draft202012Validator(SCHEMA).validate({"hide": made})
    assert made["host"] != failed["host"]
    Draft202012Validator(SCHEMA["$defs"]["failure"]).validate(
        {key: value for key, value in failed.items() if key != "host"}
    )


def test_capacity_and_methods(work: Path) -> None:
    assert told(done("capacity", "host.png", "--json"), "capacity")["methods"]
    secret = ("cat.png", "--file", "notes.txt")
    assert told(done("capacity", "host.png", *secret, "--json"), "capacity")["methods"]
    assert told(done("methods", "--json"), "methods")["methods"]


def test_batch(work: Path) -> None:
    Path("jobs.csv").write_text("host,image\nhost.png,cat.png\nnowhere.png,cat.png\n", "utf-8")
    batch = ("batch", "jobs.csv", "-o", "made", "--json")
    for again in ((), ("--resume",)):
        lines = run(*batch, *again).stdout.splitlines()
        for line in lines:
            Draft202012Validator(SCHEMA).validate({"batch": json.loads(line)})
        made, failed, counts = map(json.loads, lines)
        assert ("skipped" in made) == bool(again)
        assert failed["kind"] == "ImageError"
        assert counts["failed"] == 1


def test_web(monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("isn.web.server")
    monkeypatch.setattr(server, "serve", lambda listening, token: None)
    assert told(done("web", "--port", 0, "--json"), "web")["address"]


@pytest.mark.slow
def test_demo(work: Path) -> None:
    assert told(done("demo", "-o", "demo", "--json"), "demo")["trials"]


def test_keysheet(work: Path) -> None:
    paper_weights(1, lost=None).save("keyed.safetensors")
    words = ("--method", "keyed.safetensors", "--texture", "0.png", "--other", "1.png")
    words += ("--host", "cat.png", "--hidden", "cat.png", "-o", "sheet.png", "--json")
    assert len(told(done("keysheet", *words), "keysheet")["textures"]) == 2


def test_analyze(work: Path) -> None:
    pytest.importorskip("scipy")
    Path("torn.png").write_bytes(b"nothing")
    assert told(done("analyze", "host.png", "--json"), "analyze")["files"]
    found = told(run("analyze", "host.png", "torn.png", "--map", "maps", "--json"), "analyze")
    assert found["unreadable"]
    assert found["kind"] == "ImageError"
    assert found["files"][0]["map"]


@pytest.mark.usefixtures("undrawn")
def test_evaluate(work: Path) -> None:
    pytest.importorskip("skimage")
    words = ("--count", 1, "--methods", "none", "--baselines", "lsb-4", "--parts", "table")
    Path("photos").mkdir()
    for name in ("host.png", "cat.png"):
        Path(name).rename(Path("photos") / name)
    (Path("photos") / "torn.png").write_bytes(b"nothing")
    found = told(done("evaluate", "--data", "photos", *words, "-o", "report", "--json"), "evaluate")
    assert found["rows"]
    assert found["domains"][0]["skipped"]


@pytest.mark.torch
@pytest.mark.slow
def test_sweep(work: Path, photos: dict[str, NDArray[np.uint8]]) -> None:
    Path("photos").mkdir()
    for name, photo in photos.items():
        images.write(f"photos/{name}.png", photo[:64, :64])
    words = ("tiny", "--data", "photos", "--out", "runs", "--steps", 1, "--vary", "model.blocks=1")
    small = ("--set", "data.crop=32", "--set", "data.validation_crop=48", "--threads", 1)
    assert told(done("sweep", *words, *small, "--json"), "sweep")["rows"]


@pytest.mark.parametrize(
    "words",
    [
        ("hide", "nowhere.png", "cat.png", "-o", "c.png"),
        ("hide", "host.png"),
        ("reveal", "host.png", "-o", "out"),
        ("capacity", "host.png", "--bits", 9),
    ],
)
def test_a_failure(work: Path, words: tuple[object, ...]) -> None:
    result = run(*words, "--json")
    assert result.exit_code != 0
    failure = {"$ref": "#/$defs/failure", "$defs": SCHEMA["$defs"]}
    Draft202012Validator(failure).validate(json.loads(result.stdout))
