"""Colours that go together."""

from __future__ import annotations

import numpy as np

from dd3g_kedro.objects.toys.parts import Color

BRIGHT: tuple[Color, ...] = (
    (208, 52, 44), (232, 122, 36), (244, 192, 48), (92, 164, 64), (34, 128, 96), (40, 148, 168),
    (48, 104, 188), (84, 72, 168), (150, 70, 160), (216, 84, 132), (148, 36, 52), (28, 60, 112),
)  # fmt: skip
SOFT: tuple[Color, ...] = (
    (240, 228, 204), (214, 226, 236), (250, 214, 200), (204, 226, 196), (226, 208, 234),
    (246, 240, 190), (236, 236, 236), (196, 216, 214),
)  # fmt: skip
WOOD: tuple[Color, ...] = (
    (150, 98, 56),
    (112, 70, 40),
    (188, 138, 88),
    (90, 60, 44),
    (206, 164, 112),
)
LEAF: tuple[Color, ...] = (
    (60, 132, 52),
    (92, 150, 48),
    (40, 108, 60),
    (120, 162, 60),
    (56, 120, 88),
)
METAL: tuple[Color, ...] = ((160, 166, 172), (120, 126, 134), (190, 178, 130), (90, 94, 102))
WHITE: Color = (246, 244, 238)
BLACK: Color = (30, 30, 34)
GLASS: Color = (150, 200, 226)
RUBBER: Color = (44, 44, 48)


def pick(rng: np.random.Generator, colors: tuple[Color, ...], but: tuple[Color, ...] = ()) -> Color:
    """One of the colours, slightly varied; none of those in `but`, nor close to them."""
    far = [c for c in colors if all(np.abs(np.subtract(c, b)).sum() > 90 for b in but)]
    color = np.array((far or list(colors))[rng.integers(len(far or colors))])
    varied = np.clip(color + rng.integers(-10, 11, 3), 0, 255)
    return int(varied[0]), int(varied[1]), int(varied[2])


def mix(first: Color, second: Color, share: float) -> Color:
    """`share` of the second colour in the first."""
    mixed = np.round(np.multiply(first, 1 - share) + np.multiply(second, share)).astype(int)
    return int(mixed[0]), int(mixed[1]), int(mixed[2])


def darker(color: Color, share: float = 0.3) -> Color:
    """Towards black."""
    return mix(color, (20, 16, 20), share)


def lighter(color: Color, share: float = 0.3) -> Color:
    """Towards white."""
    return mix(color, (255, 252, 244), share)
