"""Four-legged animals, birds, fish and insects; they look towards +z."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dd3g_kedro.core.meshes.procedural.palette import (
    BLACK,
    BRIGHT,
    LEAF,
    SOFT,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.core.meshes.procedural.parts import Color, Part, both_sides
from dd3g_kedro.core.meshes.procedural.shapes import ball, cone, lathe, limb, prism, smooth, tube

_FUR: tuple[Color, ...] = (
    (176, 120, 70), (112, 78, 54), (226, 196, 150), (90, 88, 92), (206, 130, 60), (236, 232, 224), (52, 48, 52),
)  # fmt: skip


def _coat(
    rng: np.random.Generator, fur: Color, second: Color
) -> Callable[[np.ndarray], np.ndarray]:
    """A colour from a position: plain with a light belly, patches or stripes."""
    kind = rng.integers(4)
    phase = rng.uniform(0, 6.28, 3)

    def color(v: np.ndarray) -> np.ndarray:
        if kind == 0:
            share = np.clip((0.62 - v[:, 1]) * 3, 0, 0.85)
        elif kind == 1:
            patches = (
                np.sin(8 * v[:, 0] + phase[0])
                + np.sin(7 * v[:, 1] + phase[1])
                + np.sin(9 * v[:, 2] + phase[2])
            )
            share = np.clip(6 * (patches - 0.5), 0, 1)
        elif kind == 2:
            share = np.clip(6 * (np.sin(26 * v[:, 2] + 2 * np.sin(9 * v[:, 1])) - 0.1), 0, 1)
        else:
            share = np.zeros(len(v))
        return share[:, None] * second + (1 - share[:, None]) * np.array(fur)

    return color


def _eyes(x: float, y: float, z: float, size: float, iris: Color = BLACK) -> list[Part]:
    white = ball(size, sections=12).move(x, y, z).paint((250, 250, 246))
    pupil = ball(0.62 * size, sections=10).move(1.02 * x, y, z + 0.52 * size).paint(iris)
    return both_sides(white) + both_sides(pupil)


def _dense(rx: float, ry: float, rz: float) -> Part:
    """A ball fine enough to carry a coat's pattern."""
    return ball(rx, ry, rz, 32)


def _ears(rng: np.random.Generator, y: float, z: float, fur: Color) -> list[Part]:
    kind = rng.integers(4)
    if kind == 0:  # pointed
        ear = cone(0.085, 0.01, 0.2, 10).scale(1, 1, 0.6).turn("z", -14).move(0.12, y + 0.1, z)
    elif kind == 1:  # round
        ear = ball(0.1, 0.1, 0.045, 12).move(0.16, y + 0.16, z)
    elif kind == 2:  # hanging
        ear = ball(0.055, 0.17, 0.1, 12).turn("z", 14).move(0.22, y - 0.02, z)
    else:  # long
        ear = ball(0.06, 0.26, 0.045, 12).turn("z", -12).move(0.11, y + 0.34, z)
    return both_sides(ear.paint(darker(fur, 0.15)))


def four_legged(rng: np.random.Generator) -> list[Part]:
    """A dog, cat, cow, rabbit or zebra, more or less."""
    fur = pick(rng, _FUR)
    second = pick(rng, _FUR, but=(fur,))
    coat, muzzle = _coat(rng, fur, second), lighter(fur, 0.35)
    length, tall, leg = rng.uniform(0.42, 0.56), rng.uniform(0.25, 0.31), rng.uniform(0.26, 0.42)
    y = leg + 0.8 * tall
    parts = [_dense(0.95 * tall, tall, length).move(0, y, 0).paint_by(coat)]
    for x in (-0.15, 0.15):
        for z in (-0.68 * length, 0.62 * length):
            parts.append(limb((x, y - 0.06, z), (1.1 * x, 0.07, z), 0.1, 0.07).paint_by(coat))
            parts.append(
                ball(0.085, 0.06, 0.105, 12)
                .move(1.1 * x, 0.055, z + 0.03)
                .paint(darker(second, 0.3))
            )
    up, forward = y + rng.uniform(0.24, 0.42), 0.9 * length
    parts.append(
        limb((0, y + 0.05, 0.66 * length), (0, up, forward), 0.17, 0.15, 16).paint_by(coat)
    )
    parts.append(_dense(0.21, 0.2, 0.22).move(0, up + 0.04, forward + 0.05).paint_by(coat))
    snout = rng.uniform(0.08, 0.2)
    parts.append(
        limb(
            (0, up - 0.03, forward + 0.14), (0, up - 0.05, forward + 0.18 + snout), 0.12, 0.09
        ).paint(muzzle)
    )
    nose = ball(0.05, 0.038, 0.035, 10).move(0, up - 0.02, forward + 0.26 + snout)
    parts.append(nose.paint((50, 36, 40)))
    parts += _eyes(0.1, up + 0.12, forward + 0.2, 0.05)
    parts += _ears(rng, up + 0.08, forward + 0.02, fur)
    back = -0.92 * length
    kind = rng.integers(3)
    if kind == 0:
        tail = tube(
            smooth(
                [(0, y + 0.1, back), (0, y + 0.3, back - 0.18), (0.04, y + 0.52, back - 0.12)], 12
            ),
            np.linspace(0.06, 0.03, 12),
            10,
        )
    elif kind == 1:
        tail = ball(0.11, sections=14).move(0, y + 0.14, back - 0.06)
    else:
        tail = tube(
            smooth([(0, y + 0.12, back), (0, y, back - 0.16), (0, y - 0.22, back - 0.2)], 10),
            np.linspace(0.045, 0.075, 10),
            10,
        )
    parts.append(tail.paint(second if kind else darker(fur, 0.1)))
    if rng.random() < 0.3:  # a collar
        parts.append(
            ball(0.185, 0.05, 0.185, 18)
            .turn("x", 38)
            .move(0, y + 0.5 * (up - y) + 0.06, 0.8 * length)
            .paint(pick(rng, BRIGHT))
        )
    return parts


def bird(rng: np.random.Generator) -> list[Part]:
    """A songbird or a duck on two legs."""
    color, belly = pick(rng, BRIGHT), pick(rng, SOFT + (WHITE,))
    beak: Color = (244, 160, 40)
    round_ = rng.uniform(0.28, 0.34)
    body = _dense(round_, 0.95 * round_, rng.uniform(0.4, 0.5)).turn("x", -14)
    parts = [
        body.move(0, 0.52, 0).paint_by(
            lambda v: np.where((v[:, 2:] * 0.8 + 0.46 > v[:, 1:2]), [belly], [color])
        )
    ]
    neck = rng.uniform(0.18, 0.4)
    head_y, head_z = 0.68 + neck, 0.3
    parts.append(limb((0, 0.6, 0.22), (0, head_y, head_z), 0.19, 0.15, 16).paint(color))
    parts.append(ball(0.2, sections=20).move(0, head_y + 0.04, head_z).paint(color))
    if rng.random() < 0.5:
        bill = ball(0.1, 0.035, 0.15, 14).move(0, head_y, head_z + 0.26)
    else:
        bill = cone(0.075, 0.005, 0.22, 12).turn("x", 92).move(0, head_y + 0.01, head_z + 0.17)
    parts.append(bill.paint(beak))
    parts += _eyes(0.115, head_y + 0.1, head_z + 0.12, 0.05)
    trim = darker(color, 0.25)
    wing = ball(0.07, 0.2, 0.36, 18).turn("x", -10)
    if rng.random() < 0.4:
        wing = ball(0.36, 0.05, 0.22, 18).turn("z", 24).move(0.3, 0.16, -0.02)
    parts += both_sides(
        wing.move(round_ - 0.02, 0.56, -0.06).paint_by(
            lambda v: np.where((v[:, 2:] < -0.16), [lighter(trim, 0.3)], [trim])
        )
    )
    fan = prism(
        [(-0.07, 0), (0.07, 0), (0.17, 0.34), (0, 0.4), (-0.17, 0.34)], 0.05, (0, 0.2)
    ).turn("x", -65)
    parts.append(fan.move(0, 0.56, -0.36).paint(trim))
    for x in (-0.12, 0.12):
        parts.append(limb((x, 0.34, 0), (x, 0.04, 0.02), 0.03, 0.026, 8).paint(beak))
        for turn in (-28, 0, 28):
            toe = limb((0, 0, 0), (0, 0, 0.15), 0.026, 0.018, 6).turn("y", turn)
            parts.append(toe.move(x, 0.026, 0.02).paint(beak))
    if rng.random() < 0.5:
        for k in range(3):
            tuft = limb((0, 0, 0), (0, 0.15, -0.08), 0.03, 0.012, 8).turn("x", -22 * k)
            parts.append(tuft.move(0, head_y + 0.2, head_z).paint(pick(rng, BRIGHT, but=(color,))))
    return parts


def penguin(rng: np.random.Generator) -> list[Part]:
    """A penguin, some with a scarf."""
    coat = pick(rng, ((36, 40, 52), (52, 66, 96), (60, 56, 64)))
    tall = rng.uniform(0.9, 1.1)

    def suit(v: np.ndarray) -> np.ndarray:
        shirt = (v[:, 2] > 0.08) & (np.abs(v[:, 0]) < 0.24) & (v[:, 1] < 0.78 * tall)
        return np.where(shirt[:, None], [(246, 246, 240)], [coat])

    outline = smooth(
        [
            (0.01, tall),
            (0.2, 0.93 * tall),
            (0.23, 0.74 * tall),
            (0.34, 0.36 * tall),
            (0.26, 0.05),
            (0.02, 0.02),
        ],
        34,
    )
    parts = [lathe(outline, 40).scale(1, 1, 0.92).paint_by(suit)]
    y = 0.84 * tall
    for x in (-1, 1):
        patch = ball(0.11, 0.1, 0.06, 16).move(0.09 * x, y, 0.155)
        parts.append(patch.paint((246, 246, 240)))
    parts += _eyes(0.09, y + 0.02, 0.2, 0.035)
    parts.append(
        cone(0.06, 0.008, 0.17, 12).turn("x", 95).move(0, y - 0.05, 0.19).paint((244, 150, 40))
    )
    flipper = ball(0.05, 0.27, 0.11, 14).turn("z", rng.uniform(14, 40)).move(0.36, 0.46 * tall, 0)
    parts += both_sides(flipper.paint(darker(coat, 0.1)))
    parts += both_sides(ball(0.13, 0.045, 0.17, 14).move(0.14, 0.035, 0.12).paint((244, 150, 40)))
    parts.append(cone(0.12, 0.01, 0.2, 10).turn("x", -115).move(0, 0.12, -0.22).paint(coat))
    if rng.random() < 0.6:
        cloth = pick(rng, BRIGHT)
        parts.append(ball(0.27, 0.07, 0.26, 22).move(0, 0.69 * tall, 0).paint(cloth))
        parts.append(
            limb((0.1, 0.68 * tall, 0.22), (0.14, 0.42 * tall, 0.31), 0.055, 0.06).paint(cloth)
        )
    return parts


def fish(rng: np.random.Generator) -> list[Part]:
    """A striped fish that swims to its left-hand side's viewer: seen from the front, its flank."""
    color, band = pick(rng, BRIGHT), pick(rng, (WHITE, *BRIGHT))
    length, tall = rng.uniform(0.5, 0.62), rng.uniform(0.3, 0.42)
    stripes, phase = rng.uniform(8, 16), rng.uniform(0, 6)

    def scales(v: np.ndarray) -> np.ndarray:
        on = np.sin(stripes * v[:, 0] + phase) > 0.35
        return np.where(
            on[:, None], [band], np.where(v[:, 1:2] < -0.4 * tall, [lighter(color, 0.5)], [color])
        )

    body = ball(length, tall, 0.17, 44)
    v = body.vertices
    pinch = 1 - 0.45 * np.clip(-v[:, 0] / length, 0, 1)
    body = Part(v * np.stack([np.ones(len(v)), pinch, pinch], -1), body.faces, body.uvs)
    parts = [body.paint_by(scales)]
    fin = pick(rng, BRIGHT, but=(color,))
    tail = prism([(0, 0.1), (-0.36, 0.36), (-0.26, 0), (-0.36, -0.36), (0, -0.1)], 0.04, (-0.1, 0))
    parts.append(tail.move(-0.86 * length, 0, 0).paint(fin))
    back = prism([(0.22, 0), (-0.3, 0), (-0.34, 0.2), (-0.1, 0.24)], 0.04, (-0.1, 0.08))
    parts.append(back.move(0, 0.84 * tall, 0).paint(fin))
    parts.append(back.scale(0.6, -0.8, 1).move(-0.04, -0.84 * tall, 0).paint(fin))
    for z in (-1, 1):
        side = (
            ball(0.14, 0.085, 0.025, 12).turn("z", 30).turn("y", -24 * z).move(0.06, -0.1, 0.19 * z)
        )
        parts.append(side.paint(fin))
        parts.append(
            ball(0.075, 0.075, 0.04, 14).move(0.62 * length, 0.08, 0.115 * z).paint((250, 250, 244))
        )
        parts.append(ball(0.042, 0.042, 0.03, 12).move(0.64 * length, 0.08, 0.145 * z).paint(BLACK))
    parts.append(ball(0.045, 0.07, 0.07, 12).move(0.97 * length, -0.03, 0).paint(lighter(fin, 0.3)))
    turn = rng.uniform(-40, -10)  # seen from the front: its flank, swimming to the right
    return [p.turn("y", turn) for p in parts]


def ladybird(rng: np.random.Generator) -> list[Part]:
    """A beetle with a spotted back."""
    color = pick(rng, BRIGHT[:4] + BRIGHT[9:10])
    parts = [
        ball(0.44, 0.36, 0.52, 30)
        .move(0, 0.22, 0)
        .paint_by(
            lambda v: np.where((np.abs(v[:, :1]) < 0.03) | (v[:, 1:2] < 0.16), [BLACK], [color])
        )
    ]
    for x, z, r in ((0.22, 0.2, 0.1), (0.26, -0.16, 0.11), (0.1, -0.36, 0.08), (0.12, 0.02, 0.07)):
        y = 0.22 + 0.36 * math.sqrt(max(1 - (x / 0.44) ** 2 - (z / 0.52) ** 2, 0)) - 0.02
        parts += both_sides(
            ball(r, 0.035, r, 14)
            .turn("z", -50 * x / 0.44)
            .turn("x", 40 * z / 0.52)
            .move(x, y, z)
            .paint(BLACK)
        )
    parts.append(ball(0.26, 0.22, 0.2, 20).move(0, 0.22, 0.5).paint(BLACK))
    parts += _eyes(0.13, 0.32, 0.62, 0.075)
    feeler = tube(smooth([(0.08, 0.4, 0.56), (0.14, 0.6, 0.66), (0.24, 0.66, 0.74)], 8), 0.018, 6)
    parts += both_sides(feeler.paint(BLACK))
    parts += both_sides(ball(0.04, sections=8).move(0.24, 0.66, 0.74).paint(color))
    for z in (-0.26, 0.04, 0.32):
        leg = tube([(0.3, 0.2, z), (0.5, 0.18, 1.15 * z), (0.6, 0.0, 1.3 * z)], 0.035, 8)
        parts += both_sides(leg.paint(BLACK))
    smile = tube(
        [
            (0.12 * math.sin(a), 0.2 - 0.05 * math.cos(a), 0.695 - 0.05 * abs(a))
            for a in np.linspace(-1, 1, 9)
        ],
        0.014,
        6,
    )
    parts.append(smile.paint(WHITE))
    if rng.random() < 0.5:
        parts.append(
            prism(
                [
                    (0.7 * math.cos(a), 0.62 * math.sin(a))
                    for a in np.linspace(0, 2 * math.pi, 22)[:-1]
                ],
                0.03,
            )
            .turn("x", 90)
            .move(0, -0.01, 0.05)
            .paint(pick(rng, LEAF))
        )
    return parts
