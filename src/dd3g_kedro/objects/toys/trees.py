"""Trees and mushrooms."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    LEAF,
    WHITE,
    WOOD,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part
from dd3g_kedro.objects.toys.plants import pointed_leaf
from dd3g_kedro.objects.toys.shapes import (
    ball,
    circle,
    cone,
    cylinder,
    lathe,
    limb,
    prism,
    smooth,
    torus,
    tube,
)


def _lumpy(part: Part, amount: Number, rng: np.random.Generator) -> Part:
    """Waves on a ball, so that it looks like foliage."""
    phase = rng.uniform(0, 6.28, 3)
    v = part.vertices
    wave = (
        np.sin(7 * v[:, 0] + phase[0])
        * np.sin(8 * v[:, 1] + phase[1])
        * np.sin(7.5 * v[:, 2] + phase[2])
    )
    return Part(v * (1 + amount * wave[:, None]), part.faces, part.uvs, part.colors)


def _conifer(rng: np.random.Generator, bark: Color, leaf: Color) -> list[Part]:
    """Stacked skirts of needles, some hung with balls."""
    tiers, parts = int(rng.integers(3, 5)), [cone(0.09, 0.06, 0.35, 12).paint(bark)]
    for k in range(tiers):
        r, y = 0.5 * (1 - 0.72 * k / tiers), 0.25 + 0.3 * k
        skirt = lathe([(0.02, 0.46), (0.55 * r, 0.2), (r, 0.0), (0.6 * r, 0.04), (0, 0.08)], 14)
        skirt = skirt.turn("y", 20 * k).move(0, y, 0)
        parts.append(skirt.shade(darker(leaf, 0.25), lighter(leaf, 0.1)))
    if rng.random() < 0.5:
        for k in range(14):
            share = (k + 0.5) / 14
            angle, r = 2.4 * k, 0.44 * (1 - 0.72 * share)
            y = 0.3 + 0.3 * tiers * share
            hung = ball(0.04, sections=8).move(r * math.sin(angle), y, r * math.cos(angle))
            parts.append(hung.paint(BRIGHT[k % 3]))
    return parts


def _crown(rng: np.random.Generator, high: Number) -> list[tuple[Number, Number, Number, Number]]:
    """Centres and radii of a tree's lumps of leaves."""
    crown = [(0.0, high + 0.28, 0.0, 0.36)]
    for k in range(int(rng.integers(4, 7))):
        angle = 2 * math.pi * k / 5 + rng.uniform(-0.3, 0.3)
        x, z = 0.26 * math.sin(angle), 0.26 * math.cos(angle)
        crown.append((x, high + rng.uniform(0.05, 0.35), z, rng.uniform(0.2, 0.28)))
    return crown


def _fruit(
    rng: np.random.Generator, crown: list[tuple[Number, Number, Number, Number]]
) -> list[Part]:
    color, parts = pick(rng, BRIGHT[:3]), []
    for k in range(12):
        x, y, z, r = crown[k % len(crown)]
        angle, up = 2.4 * k, rng.uniform(-0.5, 0.5)
        flat = r * math.sqrt(1 - up * up)
        place = (x + flat * math.sin(angle), y + 0.9 * r * up, z + flat * math.cos(angle))
        parts.append(ball(0.045, sections=8).move(*place).paint(color))
    return parts


def tree(rng: np.random.Generator) -> list[Part]:
    """A leaf tree with fruit, or a conifer."""
    bark, leaf = pick(rng, WOOD[:4]), pick(rng, LEAF)
    if rng.random() < 0.4:
        return _conifer(rng, bark, leaf)
    high = rng.uniform(0.55, 0.75)
    path = smooth([(0, 0, 0), (0.03, 0.3, 0), (-0.02, high, 0.02)], 8)
    parts = [tube(path, np.linspace(0.11, 0.06, 8), 10).paint(bark)]
    for side in (-1, 1):
        end = (0.24 * side, high + 0.1, 0.06 * side)
        parts.append(limb((0, 0.7 * high, 0), end, 0.045, 0.03).paint(bark))
    crown = _crown(rng, high)
    for x, y, z, r in crown:
        blob = _lumpy(ball(r, 0.9 * r, r, 14), 0.08, rng).move(x, y, z)
        parts.append(blob.shade(darker(leaf, 0.3), lighter(leaf, 0.2)))
    return parts + (_fruit(rng, crown) if rng.random() < 0.6 else [])


def _toadstool(wide: Number, high: Number, stem_r: Number, color: Color) -> list[Part]:
    upper = [(0.01, high + 0.36), (0.6 * wide, high + 0.28), (wide, high + 0.04)]
    dome = smooth([*upper, (0.92 * wide, high - 0.03)], 14)
    base = [(0.8 * stem_r, high), (stem_r, 0.5 * high), (1.35 * stem_r, 0.03), (1.2 * stem_r, 0.0)]
    frill = [(0.85 * stem_r, 0.72 * high), (1.5 * stem_r, 0.62 * high), (0.9 * stem_r, 0.64 * high)]
    gills = lathe([(0.92 * wide, high - 0.03), (0.7 * stem_r, high + 0.03)], 24)
    return [
        lathe(smooth(base, 12), 20).shade((222, 206, 180), WHITE),
        gills.paint((232, 214, 186)),
        lathe(dome, 26).wear(pictures.dots(color, WHITE, 7, 4, 0.26)),
        lathe(frill, 20).paint(WHITE),
    ]


def mushroom(rng: np.random.Generator) -> list[Part]:
    """A spotted toadstool, some with a door as for a dwarf, and smaller ones beside it."""
    color = pick(rng, BRIGHT)
    wide, high = rng.uniform(0.46, 0.58), rng.uniform(0.45, 0.62)
    stem_r = rng.uniform(0.14, 0.19)
    parts = _toadstool(wide, high, stem_r, color)
    for k in range(int(rng.integers(1, 3))):
        size, angle = rng.uniform(0.35, 0.5), rng.uniform(0.85, 1.3) * (-1) ** k
        x, z = 0.5 * math.sin(angle), 0.5 * math.cos(angle) * 0.6
        small = _toadstool(wide, high, stem_r, color)
        parts += [p.scale(size, size, size).move(x, 0, z) for p in small]
    if rng.random() < 0.6:
        z = 1.15 * stem_r
        bow = circle(0.07, 12)[:7] + np.array([0, 0.16])
        door = prism(np.concatenate([[(-0.07, 0), (0.07, 0)], bow]), 0.06, (0, 0.1))
        parts.append(door.move(0, 0.02, z - 0.01).paint(WOOD[1]))
        parts.append(ball(0.014, sections=8).move(0.04, 0.12, z + 0.03).paint((240, 210, 100)))
    grass = pick(rng, LEAF)
    parts.append(lathe([(0, 0.02), (0.6, 0.02), (0.66, 0), (0, 0)], 22).paint(grass))
    for x, z in circle(0.52, 9, 12):
        blade = pointed_leaf(0.14, 0.05, 0.2).turn("x", -80).move(x, 0.01, z)
        parts.append(blade.paint(lighter(grass, 0.15)))
    if rng.random() < 0.4:
        parts.append(torus(0.1, 0.02, 14, 6).move(0, 0.03, 0.4).paint(WOOD[0]))
        parts.append(cylinder(0.1, 0.04, 14).move(0, 0.0, 0.4).paint(WOOD[2]))
    return parts
