"""Birds; they look towards +z."""

from __future__ import annotations

import numpy as np

from dd3g_kedro.objects.toys.creatures import dense, eyes
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    SOFT,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import ball, cone, lathe, limb, prism, smooth


def _feet(beak: Color) -> list[Part]:
    """Two thin legs with three toes each."""
    parts = []
    for x in (-0.12, 0.12):
        parts.append(limb((x, 0.34, 0), (x, 0.04, 0.02), 0.03, 0.026, 8).paint(beak))
        for turn in (-28, 0, 28):
            toe = limb((0, 0, 0), (0, 0, 0.15), 0.026, 0.018, 6).turn("y", turn)
            parts.append(toe.move(x, 0.026, 0.02).paint(beak))
    return parts


def _plumage(rng: np.random.Generator, wide: Number, trim: Color) -> list[Part]:
    """Wings, folded or spread, and a fan of tail feathers."""
    wing = ball(0.07, 0.2, 0.36, 18).turn("x", -10)
    if rng.random() < 0.4:
        wing = ball(0.36, 0.05, 0.22, 18).turn("z", 24).move(0.3, 0.16, -0.02)
    wing = wing.move(wide - 0.02, 0.56, -0.06)
    wing = wing.paint_by(lambda v: np.where(v[:, 2:] < -0.16, [lighter(trim, 0.3)], [trim]))
    outline = [(-0.07, 0), (0.07, 0), (0.17, 0.34), (0, 0.4), (-0.17, 0.34)]
    fan = prism(outline, 0.05, (0, 0.2)).turn("x", -65).move(0, 0.56, -0.36)
    return [*both_sides(wing), fan.paint(trim)]


def bird(rng: np.random.Generator) -> list[Part]:
    """A songbird or a duck on two legs."""
    color, belly = pick(rng, BRIGHT), pick(rng, (*SOFT, WHITE))
    beak: Color = (244, 160, 40)
    wide = rng.uniform(0.28, 0.34)
    body = dense(wide, 0.95 * wide, rng.uniform(0.4, 0.5)).turn("x", -14).move(0, 0.52, 0)
    breast = body.paint_by(lambda v: np.where(v[:, 2:] * 0.8 + 0.46 > v[:, 1:2], [belly], [color]))
    neck = rng.uniform(0.18, 0.4)
    head_y, head_z = 0.68 + neck, 0.3
    parts = [breast, limb((0, 0.6, 0.22), (0, head_y, head_z), 0.19, 0.15, 16).paint(color)]
    parts.append(ball(0.2, sections=20).move(0, head_y + 0.04, head_z).paint(color))
    if rng.random() < 0.5:
        bill = ball(0.1, 0.035, 0.15, 14).move(0, head_y, head_z + 0.26)
    else:
        bill = cone(0.075, 0.005, 0.22, 12).turn("x", 92).move(0, head_y + 0.01, head_z + 0.17)
    parts += [bill.paint(beak), *eyes(0.115, head_y + 0.1, head_z + 0.12, 0.05)]
    parts += _plumage(rng, wide, darker(color, 0.25)) + _feet(beak)
    if rng.random() < 0.5:
        for k in range(3):
            tuft = limb((0, 0, 0), (0, 0.15, -0.08), 0.03, 0.012, 8).turn("x", -22 * k)
            parts.append(tuft.move(0, head_y + 0.2, head_z).paint(pick(rng, BRIGHT, but=(color,))))
    return parts


def penguin(rng: np.random.Generator) -> list[Part]:
    """A penguin, some with a scarf."""
    coat = pick(rng, ((36, 40, 52), (52, 66, 96), (60, 56, 64)))
    tall, orange = rng.uniform(0.9, 1.1), (244, 150, 40)

    def suit(v: np.ndarray) -> np.ndarray:
        shirt = (v[:, 2] > 0.08) & (np.abs(v[:, 0]) < 0.24) & (v[:, 1] < 0.78 * tall)
        return np.where(shirt[:, None], [(246, 246, 240)], [coat])

    upper = [(0.01, tall), (0.2, 0.93 * tall), (0.23, 0.74 * tall), (0.34, 0.36 * tall)]
    outline = smooth([*upper, (0.26, 0.05), (0.02, 0.02)], 34)
    parts = [lathe(outline, 40).scale(1, 1, 0.92).paint_by(suit)]
    y = 0.84 * tall
    cheek = ball(0.11, 0.1, 0.06, 16).move(0.09, y, 0.155)
    parts += both_sides(cheek.paint((246, 246, 240)))
    parts += eyes(0.09, y + 0.02, 0.2, 0.035)
    parts.append(cone(0.06, 0.008, 0.17, 12).turn("x", 95).move(0, y - 0.05, 0.19).paint(orange))
    flipper = ball(0.05, 0.27, 0.11, 14).turn("z", rng.uniform(14, 40)).move(0.36, 0.46 * tall, 0)
    parts += both_sides(flipper.paint(darker(coat, 0.1)))
    parts += both_sides(ball(0.13, 0.045, 0.17, 14).move(0.14, 0.035, 0.12).paint(orange))
    parts.append(cone(0.12, 0.01, 0.2, 10).turn("x", -115).move(0, 0.12, -0.22).paint(coat))
    if rng.random() < 0.6:
        cloth = pick(rng, BRIGHT)
        parts.append(ball(0.27, 0.07, 0.26, 22).move(0, 0.69 * tall, 0).paint(cloth))
        end = limb((0.1, 0.68 * tall, 0.22), (0.14, 0.42 * tall, 0.31), 0.055, 0.06)
        parts.append(end.paint(cloth))
    return parts
