"""Compiles the files of `src/isn/kernels` where isn is installed or a wheel is made.

With the C compiler that is at hand ($CC, or cc), or else with the one in the package ziglang, which
pip then brings for the time of the build: so that an installation needs no compiler of its own.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/isn/kernels")

FLAGS = "-std=gnu11 -O3 -Wno-psabi -fvisibility=hidden -fno-trapping-math -fno-math-errno"

# In kernels.c sums are rounded in the order in which they are written, on every machine.
SOURCES = {
    "kernels.c": ["-ffp-contract=off"],
    "prior.c": [],
    "png.c": [],
    "dense.c": ["-ffp-contract=fast"],
}
"""Each file, and flags of its own."""

ZIG = "-fno-sanitize=undefined -s"
"""Zig's compiler checks as it runs, and keeps symbols, where it is not told otherwise."""

BUILDS = {
    "plain": ([], ["-mcpu=baseline"]),
    "avx2": (["-mavx2", "-mbmi2", "-mfma"], ["-mcpu=x86_64_v3"]),
}
"""Flags of each build, for other compilers and for Zig's, which takes this very processor else."""


class Kernels(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled library to what is built."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        return [] if _own_compiler() else ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, for a wheel and for an editable installation alike."""
        del version
        if self.target_name != "wheel":
            return
        names = {"win32": "kernels.dll", "darwin": "kernels.dylib"}
        library = FOLDER / names.get(sys.platform, "kernels.so")
        compile_to(Path(self.root) / library, Path(self.root) / FOLDER)
        build_data["artifacts"].append(f"/{library.as_posix()}")
        build_data["pure_python"] = False
        where = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{where}"


def compile_to(library: Path, sources: Path) -> None:
    """One library of all builds: for every processor of this kind, and for those with AVX2."""
    own = _own_compiler()
    compiler = own or [sys.executable, "-m", "ziglang", "cc", *ZIG.split()]
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    position = [] if sys.platform == "win32" else ["-fPIC"]
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for (name, flags), (source, own_flags) in product(BUILDS.items(), SOURCES.items()):
            if name == "avx2" and not x86:
                continue
            objects.append(str(Path(folder) / f"{source}.{name}.o"))
            words = [*FLAGS.split(), *own_flags, *position, *flags[not own]]
            words += [f"-DISN_SUFFIX=_{name}", *(["-DISN_PLAIN"] if name == "plain" else [])]
            words += ["-c", str(sources / source), "-o", objects[-1]]
            subprocess.run([*compiler, *words], check=True)
        made = Path(folder) / library.name
        subprocess.run([*compiler, "-shared", *objects, "-o", str(made)], check=True)
        # In one piece, for a process that has the former one open.
        shutil.copy(made, library.with_suffix(".new"))
        os.replace(library.with_suffix(".new"), library)


def _own_compiler() -> list[str]:
    given = os.environ.get("CC", "").split()
    found = shutil.which("cc")
    return given or ([found] if found else [])
