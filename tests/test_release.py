"""What a release is made of: package, citation, hooks, image and workflows."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import isn
from commands import environment

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

CFF_KEYS = {
    *("cff-version", "message", "type", "title", "version", "license", "authors", "keywords"),
    "preferred-citation",
}
"""Of the root of a CFF 1.2.0 file, those that are used; it allows no others than it names."""


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def parsed(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    # YAML 1.1 takes the word `on` for true.
    return {"on" if key is True else key: value for key, value in found.items()}


def name_of(path: Path) -> str:
    return path.name


def targets_in(commands: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z-]+)", commands))


def test_the_command_runs_what_python_runs() -> None:
    (word,) = PROJECT["project"]["scripts"].values()
    module, _, name = word.partition(":")
    code = f"import sys; from {module} import {name}; sys.argv[1:] = ['--version']; {name}()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == f"isn {isn.__version__}\n"


MAKE = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    found = parsed(ROOT / "CITATION.cff")
    assert found.keys() == CFF_KEYS
    assert found["cff-version"] == "1.2.0"
    assert found["version"] == isn.__version__
    assert found["license"] == PROJECT["project"]["license"]
    assert all(each.keys() == {"name"} for each in found["authors"])
    paper = found["preferred-citation"]
    assert [each["family-names"] for each in paper["authors"]] == ["Lu", "Wang", "Zhong", "Rosin"]
    assert paper["year"] == 2021
    assert paper["url"] in read("README.md")


def test_the_hook_is_make_lint() -> None:
    (repo,) = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"
    (hook,) = repo["hooks"]
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook["language"] == "system"
    assert targets_in(hook["entry"]) == {"lint"} <= MAKE
    for path in ("src/isn/api.py", "src/isn/kernels/dense.c", "pyproject.toml"):
        assert re.search(hook["files"], path)


def instructions() -> Iterator[tuple[str, list[str]]]:
    """Each instruction of the Dockerfile, and its words."""
    for line in read("Dockerfile").replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            word, rest = line.split(maxsplit=1)
            yield word, shlex.split(rest)


def let_through(name: str) -> bool:
    """Whether .dockerignore leaves a file to the build: the last rule that matches decides."""
    kept = True
    for rule in read(".dockerignore").splitlines():
        pattern = rule.removeprefix("!")
        names = [name, *map(str, Path(name).parents)]
        if pattern.startswith("**/"):
            names, pattern = [part for each in names for part in Path(each).parts], pattern[3:]
        if rule and not rule.startswith("#") and any(fnmatch.fnmatch(n, pattern) for n in names):
            kept = rule.startswith("!")
    return kept


def test_the_image_is_built_from_what_is_there() -> None:
    copied = [words for word, words in instructions() if word == "COPY"]
    here = {each for words in copied if "--from=build" not in words for each in words[:-1]}
    for name in here:
        assert (ROOT / name).exists(), name
        assert let_through(name), name
    needed = {"pyproject.toml", "hatch_build.py", PROJECT["project"]["readme"], "src"}
    assert here >= needed | set(PROJECT["project"]["license-files"])
    assert not let_through("tests/conftest.py")
    assert not let_through(".git/config")
    assert not let_through("src/isn/kernels/kernels.so")
    assert not let_through("src/isn/__pycache__/api.pyc")
    assert let_through("src/isn/kernels/kernels.c")


def test_the_image_is_pinned_and_runs_the_tool_as_nobody_in_particular() -> None:
    listed = list(instructions())
    bases = [words[0] for word, words in listed if word == "FROM"]
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"python:3\.\d+(-slim)?-[a-z]+", base), base
    assert len({base.replace("-slim", "") for base in bases}) == 1, "an environment moves between"
    last = max(k for k, (word, _) in enumerate(listed) if word == "FROM")
    (user,) = (words[0] for word, words in listed[last:] if word == "USER")
    assert user not in ("root", "0")
    assert ("ENTRYPOINT", ["[isn]"]) in listed


@pytest.mark.parametrize("path", WORKFLOWS, ids=name_of)
def test_a_workflow_may_little_and_names_what_it_runs(path: Path) -> None:
    found = parsed(path)
    assert found["permissions"] == {"contents": "read"}
    assert "secrets" not in path.read_text("utf-8")
    for name, job in found["jobs"].items():
        # To be published, a package needs a token of its own, and nothing that it could write to.
        assert job.get("permissions", {}) == ({"id-token": "write"} if name == "publish" else {})
        assert set(job.get("needs", [])) <= found["jobs"].keys()
        if "uses" in job:
            assert (ROOT / job["uses"]).resolve() in WORKFLOWS
            assert "workflow_call" in parsed(ROOT / job["uses"])["on"]
        for step in job.get("steps", []):
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w/-]+@(v\d+|release/v\d+)", step["uses"])
            assert targets_in(step.get("run", "")) <= MAKE


def test_workflows_check_what_the_whole_check_does() -> None:
    (listed,) = re.findall(r"^for target in (.*); do$", read(".ci/run"), re.MULTILINE)
    ran = set().union(*(targets_in(path.read_text("utf-8")) for path in WORKFLOWS))
    assert ran == set(listed.split())
    release = parsed(ROOT / ".github" / "workflows" / "release.yml")
    assert set(release["jobs"]["publish"]["needs"]) == release["jobs"].keys() - {"publish"}
    assert release["on"] == {"push": {"tags": ["v*"]}}


def test_every_python_that_is_promised_is_tested() -> None:
    prefix = "Programming Language :: Python :: 3."
    classifiers = PROJECT["project"]["classifiers"]
    promised = {f"3.{each[len(prefix) :]}" for each in classifiers if each.startswith(prefix)}
    jobs = parsed(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]
    assert set(jobs["quick"]["strategy"]["matrix"]["python"]) == promised
    assert set(jobs["windows"]["strategy"]["matrix"]["python"]) <= promised
    assert f">={min(promised)}" == PROJECT["project"]["requires-python"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    # Not by the name alone, which a folder of what `make` built has too.
    pytest.importorskip("build.env")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_distributions_hold_what_the_tool_needs(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.name.startswith(f"isn-{isn.__version__}-py3-none-")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    there = Path(isn.__file__).parent
    needed = {
        f"isn/{each.relative_to(there).as_posix()}"
        for each in there.rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    }
    assert needed <= inside
    assert {each.split("/")[0] for each in inside} == {"isn", f"isn-{isn.__version__}.dist-info"}
    with tarfile.open(source) as archive:
        named = {each.partition("/")[2] for each in archive.getnames()}
    assert {"tests/test_release.py", "CITATION.cff", "Dockerfile", ".ci/run"} <= named
    assert not any(each.endswith((".so", ".dylib", ".dll", ".pyc")) for each in named)


@pytest.mark.slow
def test_an_installed_wheel_hides_and_reveals(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", tmp_path / "site", wheel], check=True)
    # What it depends on is this environment's: an index would have to be asked for another.
    variables = environment() | {"PYTHONPATH": os.fspath(tmp_path / "site")}

    def python(*words: object) -> str:
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=tmp_path, env=variables
        ).stdout

    package = Path(python("-c", "import isn; print(isn.__file__)").strip()).parent
    assert package == tmp_path / "site" / "isn"
    demo = package / "demo"
    notes = demo / "README.md"
    secret = (demo / "cat.webp", "--file", notes)
    python("-m", "isn", "hide", demo / "rocket.webp", *secret, "-o", "container.png")
    python("-m", "isn", "reveal", "container.png", "-o", "revealed")
    assert (tmp_path / "revealed" / "README.md").read_bytes() == notes.read_bytes()
    assert (tmp_path / "revealed" / "1.png").exists()
