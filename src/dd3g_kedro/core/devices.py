"""Where tensors live and in which precision networks run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path

import torch

from dd3g_kedro.core.errors import DD3GError


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


def precision_dtype(key: str, mixed_precision: str, device: torch.device) -> torch.dtype:
    """That of accelerate's names no, bf16 and fp16; auto is `network_dtype`.

    Args:
        key: of the configuration, for the error.
        mixed_precision: auto, no, bf16 or fp16.
        device: where it is to be used.

    Raises:
        DD3GError: float16 on a CPU, which has no products in it.
    """
    if mixed_precision == "fp16" and device.type == "cpu":
        raise DD3GError(
            f"{key}: expected auto, no or bf16 on a CPU, which has no products in float16, got "
            "fp16; change it, or run on a GPU"
        )
    named = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    return named.get(mixed_precision) or network_dtype(device)


def network_autocast(device: torch.device) -> AbstractContextManager:
    """Run networks in `network_dtype`; losses, renders and timesteps stay in float32."""
    dtype = network_dtype(device)
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
