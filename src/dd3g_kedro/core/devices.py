"""Where tensors live and in which precision networks run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

import torch


def default_device() -> torch.device:
    """CUDA where there is one, else the CPU: the same configuration runs on both."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache
def _processor_has_bfloat16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.is_file() else ""
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16", " bf16"))


def network_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it, else float32."""
    fast = device.type == "cuda" or _processor_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def network_autocast(device: torch.device) -> AbstractContextManager:
    """Run networks in `network_dtype`; losses, renders and timesteps stay in float32."""
    dtype = network_dtype(device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
