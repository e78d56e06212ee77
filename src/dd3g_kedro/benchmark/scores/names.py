"""What the numbers are called, and how they are written."""

from __future__ import annotations

import math

METRICS = ("psnr", "ssim", "foreground_psnr", "lpips_vgg", "lpips_alex")  # against the truth
CLIP_SIMILARITY = "clip_similarity"  # to the input
SHARPNESS = "sharpness"  # energy of the views' Laplacian over the truth's
IMAGENET_DISTANCE = "imagenet_distance"  # to the truth, by pretrained features
USED_GAUSSIANS = "used_gaussians"  # share of them that colours something
ALIGNED = "aligned_"  # before the name of a metric: after `alignment.align`
NOVEL = "novel_"  # before the name of a score: without views that stand at the input's camera
INPUT = "input_"  # before the name of a score: those views alone
LOOKS = (SHARPNESS, IMAGENET_DISTANCE)  # Ours, of all protocols: PSNR rewards blur and hides hair
SCORES = (
    *METRICS,
    CLIP_SIMILARITY,
    *LOOKS,
    USED_GAUSSIANS,
    *(f"{ALIGNED}{metric}" for metric in METRICS),
)
OF_INPUT = ("psnr", "ssim", SHARPNESS)  # told of the input's own view too
NUMBERS = (
    *SCORES,
    *(f"{NOVEL}{score}" for score in SCORES),
    *(f"{INPUT}{score}" for score in OF_INPUT),
)
# Ours: truth is stored in 8 bits, whose rounding error has a variance of 1 / (12 * 255^2); a
# picture closer than that counts as exact. Without a cap one identical view makes a mean infinite.
PSNR_CAP = 10 * math.log10(12 * 255**2)  # 58.92 dB
DASH = "\N{EN DASH}"
HEADINGS = {
    "psnr": "PSNR ↑",
    "novel_psnr": "PSNR, new views ↑",
    "input_psnr": "PSNR, input's view ↑",
    "ssim": "SSIM ↑",
    "foreground_psnr": "foreground PSNR ↑",
    "lpips_vgg": "LPIPS (vgg) ↓",
    "lpips_alex": "LPIPS (alex) ↓",
    CLIP_SIMILARITY: "CLIP similarity ↑",
    "input_sharpness": "sharpness, input's view",
    "novel_sharpness": "sharpness, new views",
    IMAGENET_DISTANCE: "ImageNet features ↓",
    USED_GAUSSIANS: "Gaussians used ↑",
}
ALIGNED_HEADINGS = {f"{ALIGNED}{metric}": HEADINGS[metric] for metric in METRICS}
ALL_HEADINGS = HEADINGS | {name: f"aligned {text}" for name, text in ALIGNED_HEADINGS.items()}


def less_is_better(metric: str) -> bool:
    """Of distances; everything else is a similarity."""
    return ALL_HEADINGS[metric].endswith("↓")


def decimals(metric: str) -> int:
    """How many are written: dB have two."""
    return 2 if metric.endswith("psnr") else 3
