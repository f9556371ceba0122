"""Which arithmetic a device has."""

from __future__ import annotations

import re
from pathlib import Path

import torch

CPU_INFO = Path("/proc/cpuinfo")

_BF16 = re.compile(r"(?:flags|Features)\s*:.*\b(?:avx512_bf16|amx_bf16|bf16|svebf16)\b")


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 itself; one that does not is many times slower in it."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        # Where there is no such file, nothing is known, and float32 is never wrong.
        return bool(_BF16.search(CPU_INFO.read_text("utf-8", errors="replace")))
    except OSError:
        return False
