"""Flowers, leaves and cacti in pots."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    LEAF,
    SOFT,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part
from dd3g_kedro.objects.toys.shapes import (
    ball,
    lathe,
    limb,
    smooth,
    tube,
)


def _pot(rng: np.random.Generator) -> tuple[list[Part], Number]:
    clay, high = pick(rng, ((186, 98, 62), *BRIGHT)), rng.uniform(0.28, 0.4)
    trim = pick(rng, SOFT)
    wall = lathe([(0.25, high), (0.17, 0)], 22)
    kind = rng.integers(3)
    if kind == 0:
        wall = wall.wear(pictures.zigzag(clay, trim, darker(clay), 8))
    elif kind == 1:
        wall = wall.wear(pictures.dots(clay, trim, 9, 3))
    else:
        wall = wall.paint(clay)
    rim = lathe(
        [(0.24, high + 0.02), (0.28, high + 0.02), (0.28, high - 0.05), (0.24, high - 0.05)], 22
    )
    soil = lathe([(0, high - 0.01), (0.25, high - 0.01)], 22).paint((74, 52, 40))
    return [
        wall,
        rim.paint(darker(clay, 0.12)),
        soil,
        lathe([(0.17, 0), (0, 0)], 22).paint(clay),
    ], high


def pointed_leaf(length: Number, width: Number, bend: Number) -> Part:
    """A pointed leaf along +z that droops, from the origin."""
    t = np.linspace(0, 1, 7)
    half = width * np.sin(math.pi * t**0.8) ** 0.8 / 2 + 1e-3
    y, z = bend * length * (t - 1.6 * t**2), length * t
    left = np.column_stack([-half, y, z])
    spine = np.column_stack([np.zeros(7), y - 0.1 * width, z])
    vertices = np.concatenate([left, spine, left * [-1, 1, 1]])
    faces = []
    for row in (0, 7):
        for k in range(6):
            a, b = row + k, row + 7 + k
            faces += [(a, b, b + 1), (a, b + 1, a + 1)]
    return Part(vertices, np.array(faces), np.zeros((21, 2))).paint((80, 140, 60))


def _blossom(rng: np.random.Generator, color: Color, heart: Color) -> list[Part]:
    """A flower that faces +z, centred."""
    kind, petals = rng.integers(2), int(rng.integers(6, 10))
    parts = []
    for k in range(petals):
        petal = ball(0.085 if kind else 0.07, 0.15, 0.025, 12).move(0, 0.15, 0).turn("x", 12)
        shade = petal.paint_by(
            lambda v: np.array(color) - 40.0 * (np.linalg.norm(v[:, :2], axis=1) < 0.12)[:, None]
        )
        parts.append(shade.turn("z", 360 * k / petals))
    middle = ball(0.09, 0.09, 0.05, 14).move(0, 0, 0.01)
    return [*parts, middle.paint(heart)]


def flower(rng: np.random.Generator) -> list[Part]:
    """One to three flowers in a pot, their faces to the front."""
    parts, high = _pot(rng)
    leaf, count = pick(rng, LEAF), int(rng.integers(1, 4))
    color = pick(rng, (*BRIGHT[:3], *BRIGHT[6:10], WHITE))
    for k in range(count):
        x = (k - (count - 1) / 2) * 0.34
        top = high + rng.uniform(0.45, 0.75)
        stem = smooth([(0.2 * x, high - 0.02, 0), (0.5 * x, high + 0.25, 0.02), (x, top, 0.05)], 10)
        parts.append(tube(stem, 0.022, 8).paint(leaf))
        face = _blossom(rng, color, (246, 200, 70) if color[2] > 60 else (110, 70, 40))
        parts += [p.scale(1.1, 1.1, 1.1).turn("x", -15).move(x, top, 0.08) for p in face]
    for k in range(5):
        blade = (
            pointed_leaf(rng.uniform(0.28, 0.4), 0.12, 0.7).turn("x", -35).turn("y", 72 * k + 30)
        )
        parts.append(blade.move(0, high, 0).shade(darker(leaf, 0.2), lighter(leaf, 0.15)))
    return parts


def potted_plant(rng: np.random.Generator) -> list[Part]:
    """Arching leaves in a pot."""
    parts, high = _pot(rng)
    leaf, rings = pick(rng, LEAF), int(rng.integers(2, 4))
    for ring in range(rings):
        for k in range(6):
            length = rng.uniform(0.42, 0.6) * (1 - 0.12 * ring)
            blade = pointed_leaf(length, rng.uniform(0.11, 0.16), rng.uniform(0.5, 0.8))
            tilt = -22 - 26 * ring
            placed = blade.turn("x", tilt).turn("y", 60 * k + 27 * ring + rng.uniform(-8, 8))
            tone = lighter(leaf, 0.1 * ring)
            parts.append(placed.move(0, high, 0).shade(darker(tone, 0.3), lighter(tone, 0.2)))
    return parts


def cactus(rng: np.random.Generator) -> list[Part]:
    """A ribbed cactus with arms and a flower, in a pot."""
    parts, high = _pot(rng)
    green, tall = pick(rng, LEAF), rng.uniform(0.6, 0.85)
    r = rng.uniform(0.13, 0.17)

    def rib(part: Part) -> Part:
        angle = np.arctan2(part.vertices[:, 0], part.vertices[:, 2])
        ridge = (0.5 + 0.5 * np.cos(9 * angle))[:, None]
        return part.paint_by(
            lambda _: ridge * lighter(green, 0.12) + (1 - ridge) * darker(green, 0.3)
        )

    body = smooth([(0.02, tall), (0.75 * r, 0.93 * tall), (r, 0.7 * tall), (0.9 * r, 0)], 14)
    parts.append(rib(lathe(body, 36)).move(0, high - 0.03, 0))
    for side in rng.permutation([-1, 1])[: int(rng.integers(1, 3))]:
        y = high + rng.uniform(0.25, 0.45) * tall
        reach, up = 0.28 * side, rng.uniform(0.2, 0.32)
        path = [(0.05 * side, y, 0), (0.8 * reach, y, 0), (reach, y + 0.08, 0), (reach, y + up, 0)]
        arm = tube(smooth(path, 14), np.append(np.full(12, 0.07), [0.06, 0.035]), 16)
        parts.append(arm.shade(darker(green, 0.2), lighter(green, 0.1)))
    color = pick(rng, BRIGHT[8:11] + BRIGHT[:3])
    for k in range(6):
        petal = ball(0.03, 0.075, 0.02, 8).move(0, 0.06, 0).turn("x", 40).turn("y", 60 * k)
        parts.append(petal.move(0, high + tall - 0.04, 0).paint(color))
    for k in range(26):  # thorns
        angle, y = 2.39 * k, high + 0.05 + 0.6 * tall * k / 26
        x, z = r * math.sin(angle), r * math.cos(angle)
        thorn = limb((0.93 * x, y, 0.93 * z), (1.25 * x, y + 0.015, 1.25 * z), 0.006, 0.002, 4)
        parts.append(thorn.paint(WHITE))
    return parts
