"""Four-legged animals, fish and insects; they look towards +z."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dd3g_kedro.objects.toys.palette import (
    BLACK,
    BRIGHT,
    LEAF,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import (
    ball,
    circle,
    cone,
    limb,
    prism,
    smooth,
    tube,
)

Coat = Callable[[np.ndarray], np.ndarray]  # colours from positions
_FUR: tuple[Color, ...] = (
    (176, 120, 70), (112, 78, 54), (226, 196, 150), (90, 88, 92), (206, 130, 60),
    (236, 232, 224), (52, 48, 52),
)  # fmt: skip


def _coat(rng: np.random.Generator, fur: Color, second: Color) -> Coat:
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


def eyes(x: Number, y: Number, z: Number, size: Number, iris: Color = BLACK) -> list[Part]:
    """White eyeballs with pupils that look forward."""
    white = ball(size, sections=12).move(x, y, z).paint((250, 250, 246))
    pupil = ball(0.62 * size, sections=10).move(1.02 * x, y, z + 0.52 * size).paint(iris)
    return both_sides(white) + both_sides(pupil)


def dense(rx: Number, ry: Number, rz: Number) -> Part:
    """A ball fine enough to carry a coat's pattern."""
    return ball(rx, ry, rz, 32)


def _ears(rng: np.random.Generator, y: Number, z: Number, fur: Color) -> list[Part]:
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


def _legs(length: Number, y: Number, coat: Coat, paws: Color) -> list[Part]:
    parts = []
    for x in (-0.15, 0.15):
        for z in (-0.68 * length, 0.62 * length):
            parts.append(limb((x, y - 0.06, z), (1.1 * x, 0.07, z), 0.1, 0.07).paint_by(coat))
            paw = ball(0.085, 0.06, 0.105, 12).move(1.1 * x, 0.055, z + 0.03)
            parts.append(paw.paint(paws))
    return parts


def _head(
    rng: np.random.Generator, up: Number, forward: Number, fur: Color, coat: Coat
) -> list[Part]:
    head = dense(0.21, 0.2, 0.22).move(0, up + 0.04, forward + 0.05).paint_by(coat)
    snout = rng.uniform(0.08, 0.2)
    muzzle = limb(
        (0, up - 0.03, forward + 0.14), (0, up - 0.05, forward + 0.18 + snout), 0.12, 0.09
    )
    nose = ball(0.05, 0.038, 0.035, 10).move(0, up - 0.02, forward + 0.26 + snout)
    return [
        head,
        muzzle.paint(lighter(fur, 0.35)),
        nose.paint((50, 36, 40)),
        *eyes(0.1, up + 0.12, forward + 0.2, 0.05),
        *_ears(rng, up + 0.08, forward + 0.02, fur),
    ]


def _tail(kind: int, y: Number, back: Number) -> Part:
    """Raised, a stump, or hanging; grey."""
    if kind == 0:
        path = [(0, y + 0.1, back), (0, y + 0.3, back - 0.18), (0.04, y + 0.52, back - 0.12)]
        return tube(smooth(path, 12), np.linspace(0.06, 0.03, 12), 10)
    if kind == 1:
        return ball(0.11, sections=14).move(0, y + 0.14, back - 0.06)
    path = [(0, y + 0.12, back), (0, y, back - 0.16), (0, y - 0.22, back - 0.2)]
    return tube(smooth(path, 10), np.linspace(0.045, 0.075, 10), 10)


def four_legged(rng: np.random.Generator) -> list[Part]:
    """A dog, cat, cow, rabbit or zebra, more or less."""
    fur = pick(rng, _FUR)
    second = pick(rng, _FUR, but=(fur,))
    coat = _coat(rng, fur, second)
    length, tall, leg = rng.uniform(0.42, 0.56), rng.uniform(0.25, 0.31), rng.uniform(0.26, 0.42)
    y = leg + 0.8 * tall
    parts = [dense(0.95 * tall, tall, length).move(0, y, 0).paint_by(coat)]
    parts += _legs(length, y, coat, darker(second, 0.3))
    up, forward = y + rng.uniform(0.24, 0.42), 0.9 * length
    neck = limb((0, y + 0.05, 0.66 * length), (0, up, forward), 0.17, 0.15, 16)
    parts += [neck.paint_by(coat), *_head(rng, up, forward, fur, coat)]
    kind = int(rng.integers(3))
    parts.append(_tail(kind, y, -0.92 * length).paint(second if kind else darker(fur, 0.1)))
    if rng.random() < 0.3:
        collar = ball(0.185, 0.05, 0.185, 18).turn("x", 38)
        collar = collar.move(0, y + 0.5 * (up - y) + 0.06, 0.8 * length)
        parts.append(collar.paint(pick(rng, BRIGHT)))
    return parts


def _fins(length: Number, tall: Number, fin: Color) -> list[Part]:
    """A fish's tail, back and belly fins, and those at its sides."""
    fork = [(0, 0.1), (-0.36, 0.36), (-0.26, 0), (-0.36, -0.36), (0, -0.1)]
    tail = prism(fork, 0.04, (-0.1, 0)).move(-0.86 * length, 0, 0)
    back = prism([(0.22, 0), (-0.3, 0), (-0.34, 0.2), (-0.1, 0.24)], 0.04, (-0.1, 0.08))
    belly = back.scale(0.6, -0.8, 1).move(-0.04, -0.84 * tall, 0)
    sides = [
        ball(0.14, 0.085, 0.025, 12).turn("z", 30).turn("y", -24 * z).move(0.06, -0.1, 0.19 * z)
        for z in (-1, 1)
    ]
    return [p.paint(fin) for p in (tail, back.move(0, 0.84 * tall, 0), belly, *sides)]


def fish(rng: np.random.Generator) -> list[Part]:
    """A striped fish that swims to the right: its flank is in front."""
    color, band = pick(rng, BRIGHT), pick(rng, (WHITE, *BRIGHT))
    length, tall = rng.uniform(0.5, 0.62), rng.uniform(0.3, 0.42)
    stripes, phase = rng.uniform(8, 16), rng.uniform(0, 6)

    def scales(v: np.ndarray) -> np.ndarray:
        on = (np.sin(stripes * v[:, 0] + phase) > 0.35)[:, None]
        below = v[:, 1:2] < -0.4 * tall
        return np.where(on, [band], np.where(below, [lighter(color, 0.5)], [color]))

    body = ball(length, tall, 0.17, 44)
    v = body.vertices
    pinch = 1 - 0.45 * np.clip(-v[:, 0] / length, 0, 1)
    body = Part(v * np.stack([np.ones(len(v)), pinch, pinch], -1), body.faces, body.uvs)
    fin = pick(rng, BRIGHT, but=(color,))
    parts = [body.paint_by(scales), *_fins(length, tall, fin)]
    for z in (-1, 1):
        white = ball(0.075, 0.075, 0.04, 14).move(0.62 * length, 0.08, 0.115 * z)
        pupil = ball(0.042, 0.042, 0.03, 12).move(0.64 * length, 0.08, 0.145 * z)
        parts += [white.paint((250, 250, 244)), pupil.paint(BLACK)]
    parts.append(ball(0.045, 0.07, 0.07, 12).move(0.97 * length, -0.03, 0).paint(lighter(fin, 0.3)))
    turn = rng.uniform(-40, -10)
    return [p.turn("y", turn) for p in parts]


def _spots() -> list[Part]:
    """Discs on a ladybird's back."""
    parts = []
    for x, z, r in ((0.22, 0.2, 0.1), (0.26, -0.16, 0.11), (0.1, -0.36, 0.08), (0.12, 0.02, 0.07)):
        y = 0.22 + 0.36 * math.sqrt(max(1 - (x / 0.44) ** 2 - (z / 0.52) ** 2, 0)) - 0.02
        spot = ball(r, 0.035, r, 14).turn("z", -50 * x / 0.44).turn("x", 40 * z / 0.52)
        parts += both_sides(spot.move(x, y, z).paint(BLACK))
    return parts


def ladybird(rng: np.random.Generator) -> list[Part]:
    """A beetle with a spotted back, some on a leaf."""
    color = pick(rng, BRIGHT[:4] + BRIGHT[9:10])

    def shell(v: np.ndarray) -> np.ndarray:
        return np.where((np.abs(v[:, :1]) < 0.03) | (v[:, 1:2] < 0.16), [BLACK], [color])

    parts = [ball(0.44, 0.36, 0.52, 30).move(0, 0.22, 0).paint_by(shell), *_spots()]
    parts.append(ball(0.26, 0.22, 0.2, 20).move(0, 0.22, 0.5).paint(BLACK))
    parts += eyes(0.13, 0.32, 0.62, 0.075)
    feeler = tube(smooth([(0.08, 0.4, 0.56), (0.14, 0.6, 0.66), (0.24, 0.66, 0.74)], 8), 0.018, 6)
    parts += both_sides(feeler.paint(BLACK))
    parts += both_sides(ball(0.04, sections=8).move(0.24, 0.66, 0.74).paint(color))
    for z in (-0.26, 0.04, 0.32):
        leg = tube([(0.3, 0.2, z), (0.5, 0.18, 1.15 * z), (0.6, 0.0, 1.3 * z)], 0.035, 8)
        parts += both_sides(leg.paint(BLACK))
    a = np.linspace(-1, 1, 9)
    smile = np.stack([0.12 * np.sin(a), 0.2 - 0.05 * np.cos(a), 0.695 - 0.05 * np.abs(a)], -1)
    parts.append(tube(smile, 0.014, 6).paint(WHITE))
    if rng.random() < 0.5:
        leaf = prism(circle(1.0, 21) * [0.7, 0.62], 0.03).turn("x", 90).move(0, -0.01, 0.05)
        parts.append(leaf.paint(pick(rng, LEAF)))
    return parts
