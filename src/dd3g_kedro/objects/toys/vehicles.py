"""Cars and trucks; they drive towards +z."""

from __future__ import annotations

import numpy as np

from dd3g_kedro.objects.toys.palette import (
    BLACK,
    BRIGHT,
    GLASS,
    METAL,
    RUBBER,
    SOFT,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import (
    ball,
    box,
    disc,
    lathe,
    prism,
    smooth,
    torus,
)

_LIGHT: Color = (255, 240, 180)
_TAIL: Color = (200, 40, 36)


def _wheel(x: Number, z: Number, radius: Number, width: Number, hub: Color) -> list[Part]:
    tyre = disc(radius, width, 22).paint(RUBBER)
    rim = disc(0.6 * radius, width + 0.02, 18).paint(hub)
    cap = disc(0.2 * radius, width + 0.05, 10).paint(darker(hub, 0.4))
    return [part.move(x, radius, z) for part in (tyre, rim, cap)]


def side_outline(outline: list[tuple[Number, Number]], width: Number, bevel: Number = 0.0) -> Part:
    """A side view (z, y) given a width along x; `bevel` narrows its top."""
    part = prism([(z, y) for z, y in outline], width, _middle(outline)).turn("y", -90)
    if bevel == 0:
        return part
    v = part.vertices.copy()
    low, high = v[:, 1].min(), v[:, 1].max()
    v[:, 0] *= 1 - bevel * (v[:, 1] - low) / (high - low)
    return Part(v, part.faces, part.uvs, part.colors)


def _middle(outline: list[tuple[Number, Number]]) -> tuple[Number, Number]:
    xs, ys = zip(*outline, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _glasshouse(
    width: Number, half: Number, deck: Number, roof: Number, rear: Number
) -> list[Part]:
    """A car's windows all around, and the pillars between them (grey)."""
    front = 0.18 * half
    glass = [(rear, deck - 0.02), (0.5 * half, deck - 0.02), (front, roof - 0.05)]
    cabin = side_outline([*glass, (rear + 0.14, roof - 0.05)], width - 0.06, 0.16)
    pillars = []
    for z in (rear + 0.12, (rear + 0.45 * half) / 2, 0.3 * half):
        pillar = box(width - 0.04, roof - deck, 0.05).move(0, deck - 0.04, 0)
        v = pillar.vertices.copy()
        high = v[:, 1] > roof - 0.2
        v[high, 0] *= 0.86
        v[high, 2] += -0.1 if z > 0.2 * half else (0.05 if z < rear + 0.2 else 0)
        pillars.append(Part(v, pillar.faces, pillar.uvs, pillar.colors).move(0, 0, z))
    top = box(width - 0.18, 0.06, front - rear - 0.1, 0.03)
    return [cabin.paint(GLASS), top.move(0, roof - 0.07, (front + rear + 0.14) / 2), *pillars]


def _lamps(width: Number, half: Number, bumper: Color) -> list[Part]:
    """A car's lights, grille and bumpers."""
    lamp = ball(0.075, sections=12).scale(1, 1, 0.5).move(0.27 * width / 0.76, 0.37, half - 0.02)
    tail = box(0.13, 0.07, 0.04, 0.01).move(0.26, 0.36, -half + 0.005)
    grille = box(0.3, 0.09, 0.03, 0.01).move(0, 0.22, half - 0.005)
    bar = box(width - 0.08, 0.07, 0.06, 0.03).paint(bumper)
    return [
        *both_sides(lamp.paint(_LIGHT)),
        *both_sides(tail.paint(_TAIL)),
        grille.paint(BLACK),
        *(bar.move(0, 0.13, z) for z in (-half, half)),
    ]


def car(rng: np.random.Generator) -> list[Part]:
    """A small car: saloon, estate or taxi-like."""
    color, hub = pick(rng, BRIGHT), pick(rng, METAL)
    half, width, r = rng.uniform(0.82, 1.0), rng.uniform(0.72, 0.8), rng.uniform(0.17, 0.2)
    deck, roof = rng.uniform(0.46, 0.52), rng.uniform(0.8, 0.9)
    rear = -half + 0.08 if rng.random() < 0.45 else -0.6 * half
    body = box(width, deck - 0.12, 2 * half, 0.1, 3).move(0, 0.12, 0).paint(color)
    sill = box(width + 0.02, 0.07, 2 * half - 0.1, 0.03).move(0, 0.12, 0)
    cabin, *frame = _glasshouse(width, half, deck, roof, rear)
    parts = [body, sill.paint(darker(color, 0.45)), cabin, *(p.paint(color) for p in frame)]
    for z in (-0.58 * half, 0.58 * half):
        for x in (-width / 2 + 0.02, width / 2 - 0.02):
            parts += _wheel(x, z, r, 0.13, hub)
    parts += _lamps(width, half, hub)
    if rng.random() < 0.3:
        taxi = box(0.24, 0.09, 0.12, 0.02).move(0, roof, (rear + 0.3 * half) / 2)
        parts.append(taxi.paint((250, 220, 80)))
    elif rng.random() < 0.5:
        stripe = box(0.12, 0.01, 2 * half - 0.16).move(0, deck - 0.005, 0).paint(WHITE)
        parts.append(stripe)
    return parts


def _cargo_box(rng: np.random.Generator, width: Number, load: Color) -> list[Part]:
    body = box(width + 0.08, 0.78, 1.25, 0.02).move(0, 0.3, -0.26).paint(load)
    band = box(width + 0.1, 0.14, 1.0, 0.0).move(0, 0.58, -0.26)
    door = box(0.34, 0.66, 0.02).move(0.19, 0.36, -0.89).paint(darker(load, 0.15))
    return [body, band.paint(pick(rng, BRIGHT, but=(load,))), *both_sides(door)]


def _tank(load: Color) -> list[Part]:
    half = [(0.02, 0.65), (0.3, 0.6), (0.36, 0.45)]
    outline = smooth([*half, *((r, -z) for r, z in reversed(half))], 20)
    tank = lathe(outline, 24).turn("x", 90).move(0, 0.68, -0.26).paint(lighter(load, 0.3))
    ring = torus(0.36, 0.025, 24, 6).turn("x", 90).paint(load)
    return [tank, *(ring.move(0, 0.68, z) for z in (-0.62, -0.26, 0.1))]


def _tipper(width: Number, load: Color) -> list[Part]:
    def earth(v: np.ndarray) -> np.ndarray:
        return np.array([132, 92, 56]) + 24 * np.sin(23 * v[:, :1]) * np.sin(19 * v[:, 2:])

    side = box(0.05, 0.4, 1.2).move(width / 2 + 0.02, 0.3, -0.26).paint(load)
    ends = [box(width, 0.4, 0.05).move(0, 0.3, z).paint(load) for z in (-0.84, 0.32)]
    floor = box(width, 0.06, 1.2).move(0, 0.28, -0.26).paint(darker(load))
    heap = ball(0.36, 0.3, 0.58, 14).move(0, 0.55, -0.26).paint_by(earth)
    return [*both_sides(side), *ends, floor, heap]


def truck(rng: np.random.Generator) -> list[Part]:
    """A lorry with a box, a tank or a tipper full of earth."""
    color, load = pick(rng, BRIGHT), pick(rng, BRIGHT + SOFT)
    hub, width = pick(rng, METAL), 0.72
    cab = box(width, 0.62, 0.5, 0.07, 3).move(0, 0.2, 0.72).paint(color)
    window = box(width - 0.12, 0.24, 0.04, 0.02).move(0, 0.5, 0.96).paint(GLASS)
    side = box(0.03, 0.22, 0.26, 0.01).move(width / 2 - 0.005, 0.5, 0.76).paint(GLASS)
    frame = box(0.5, 0.1, 1.8).move(0, 0.18, 0.02).paint(RUBBER)
    parts = [cab, window, *both_sides(side), frame]
    kind = rng.integers(3)
    if kind == 0:
        parts += _cargo_box(rng, width, load)
    else:
        parts += _tank(load) if kind == 1 else _tipper(width, load)
    for z in (0.66, -0.35, -0.68):
        for x in (-width / 2 + 0.04, width / 2 - 0.04):
            parts += _wheel(x, z, 0.19, 0.14, hub)
    lamp = disc(0.06, 0.04, 14).turn("y", 90).move(0.24, 0.34, 0.97)
    parts += both_sides(lamp.paint(_LIGHT))
    parts.append(box(0.28, 0.14, 0.03).move(0, 0.3, 0.96).paint(darker(color, 0.5)))
    parts.append(box(width + 0.02, 0.08, 0.06, 0.02).move(0, 0.16, 0.97).paint(hub))
    return parts
