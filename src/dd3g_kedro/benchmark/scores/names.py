"""What the numbers are called, and how they are written."""

from __future__ import annotations

import math

METRICS = ("psnr", "ssim", "foreground_psnr", "lpips_vgg", "lpips_alex")  # against the truth
CLIP_SIMILARITY = "clip_similarity"  # to the input
ALIGNED = "aligned_"  # before the name of a metric: after `alignment.align`
NOVEL = "novel_"  # before the name of a score: without views that stand at the input's camera
SCORES = (*METRICS, CLIP_SIMILARITY, *(f"{ALIGNED}{metric}" for metric in METRICS))
# Ours: truth is stored in 8 bits, whose rounding error has a variance of 1 / (12 * 255^2); a
# picture closer than that counts as exact. Without a cap one identical view makes a mean infinite.
PSNR_CAP = 10 * math.log10(12 * 255**2)  # 58.92 dB
DASH = "\N{EN DASH}"
HEADINGS = {
    "psnr": "PSNR ↑",
    "novel_psnr": "PSNR, new views ↑",
    "ssim": "SSIM ↑",
    "foreground_psnr": "foreground PSNR ↑",
    "lpips_vgg": "LPIPS (vgg) ↓",
    "lpips_alex": "LPIPS (alex) ↓",
    CLIP_SIMILARITY: "CLIP similarity ↑",
}
ALIGNED_HEADINGS = {f"{ALIGNED}{metric}": HEADINGS[metric] for metric in METRICS}
ALL_HEADINGS = HEADINGS | {name: f"aligned {text}" for name, text in ALIGNED_HEADINGS.items()}


def less_is_better(metric: str) -> bool:
    """Of distances; everything else is a similarity."""
    return ALL_HEADINGS[metric].endswith("↓")


def decimals(metric: str) -> int:
    """How many are written: dB have two."""
    return 2 if metric.endswith("psnr") else 3
