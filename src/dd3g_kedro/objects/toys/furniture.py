"""Chairs, tables, lamps and cupboards."""

from __future__ import annotations

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    METAL,
    SOFT,
    WOOD,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import ball, box, cone, cylinder, lathe, limb, torus


def _legs(width: Number, depth: Number, height: Number, splay: Number, thick: Number) -> list[Part]:
    """Four legs under the corners of a rectangle."""
    x, z = width / 2 - thick, depth / 2 - thick
    return [
        limb(
            (sx * x, height, sz * z),
            (sx * (x + splay), thick, sz * (z + splay)),
            thick,
            0.7 * thick,
            10,
        )
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]


def chair(rng: np.random.Generator) -> list[Part]:
    """A chair with slats, an upholstered back or arms."""
    wood, cloth = pick(rng, WOOD + METAL[:2]), pick(rng, BRIGHT)
    width, depth = rng.uniform(0.5, 0.62), rng.uniform(0.48, 0.58)
    seat, top = rng.uniform(0.42, 0.5), rng.uniform(0.95, 1.2)
    parts = [p.paint(wood) for p in _legs(width, depth, seat, rng.uniform(0, 0.06), 0.035)]
    parts.append(box(width, 0.05, depth, 0.02).move(0, seat, 0).paint(wood))
    parts.append(box(width - 0.05, 0.07, depth - 0.05, 0.035).move(0, seat + 0.04, 0).paint(cloth))
    back = -depth / 2 + 0.03
    for x in (-1, 1):
        post = ((width / 2 - 0.035) * x, seat, back), ((width / 2 - 0.05) * x, top, back - 0.1)
        parts.append(limb(*post, 0.032, 0.028).paint(wood))
    kind = rng.integers(3)
    if kind == 0:  # upholstered
        cushion = box(width - 0.1, top - seat - 0.22, 0.08, 0.04).turn("x", -8)
        parts.append(cushion.move(0, seat + 0.2, back - 0.02).paint(cloth))
    else:
        rails = int(rng.integers(3, 5))
        for k in range(rails):
            share = 0.3 + 0.65 * k / (rails - 1)
            y, z = seat + share * (top - seat), back - 0.1 * share
            rail = box(width - 0.08, 0.075, 0.028, 0.012).move(0, y - 0.06, z)
            parts.append(rail.paint(wood if kind == 1 else cloth))
    if rng.random() < 0.45:
        for x in (-1, 1):
            side = x * (width / 2 - 0.02)
            parts.append(
                box(0.06, 0.035, depth - 0.06, 0.016).move(side, seat + 0.24, 0).paint(wood)
            )
            front = (side, seat, depth / 2 - 0.08), (side, seat + 0.25, depth / 2 - 0.08)
            parts.append(limb(*front, 0.024, 0.024).paint(wood))
    return parts


def _on_the_table(rng: np.random.Generator, top: Number) -> list[Part]:
    """Something that tells the front from the back."""
    color = pick(rng, BRIGHT)
    if rng.random() < 0.5:
        bowl = (
            lathe([(0.17, 0.11), (0.12, 0.04), (0.06, 0.0)], 20).move(-0.12, top, 0.05).paint(color)
        )
        fruit = [
            ball(0.055, sections=12)
            .move(-0.12 + dx, top + 0.1, 0.05 + dz)
            .paint(pick(rng, BRIGHT[:4]))
            for dx, dz in ((0.06, 0.02), (-0.05, 0.04), (0, -0.06))
        ]
        return [bowl, *fruit]
    books, y = [], top
    for _ in range(3):
        cover = pick(rng, BRIGHT)
        turn = rng.uniform(-20, 20)
        books.append(box(0.28, 0.05, 0.2).turn("y", turn).move(0.1, y, 0).paint(cover))
        y += 0.05
    return books


def table(rng: np.random.Generator) -> list[Part]:
    """A square or a round table with something on it."""
    wood, height = pick(rng, WOOD), rng.uniform(0.5, 0.72)
    cloth = pick(rng, BRIGHT)
    if rng.random() < 0.5:
        radius = rng.uniform(0.45, 0.58)
        stand = [(0.05, height), (0.05, 0.3), (0.09, 0.16), (0.26, 0.03), (0.26, 0), (0, 0)]
        plate = cylinder(radius, 0.05, 28).move(0, height, 0).paint(lighter(wood, 0.15))
        parts = [plate, lathe(stand, 18).paint(wood)]
        if rng.random() < 0.6:
            ring = torus(radius, 0.03, 28, 8).move(0, height + 0.025, 0).paint(cloth)
            parts.append(ring)
    else:
        width, depth = rng.uniform(0.95, 1.3), rng.uniform(0.6, 0.8)
        parts = [p.paint(wood) for p in _legs(width, depth, height, rng.uniform(0, 0.05), 0.045)]
        parts.append(box(width, 0.06, depth, 0.02).move(0, height, 0).paint(lighter(wood, 0.15)))
        runner = box(0.28 * width, 0.012, depth + 0.012).move(0, height + 0.055, 0)
        parts.append(runner.paint(cloth))
        drawer = box(0.34 * width, 0.12, 0.05, 0.01).move(0, height - 0.12, depth / 2 - 0.06)
        knob = ball(0.025, sections=10).move(0, height - 0.06, depth / 2 - 0.02)
        parts += [drawer.paint(darker(wood, 0.15)), knob.paint(pick(rng, METAL))]
    return parts + _on_the_table(rng, height + 0.06)


def lamp(rng: np.random.Generator) -> list[Part]:
    """A table lamp with a shade, or a desk lamp on an arm."""
    metal, color = pick(rng, METAL + WOOD), pick(rng, BRIGHT)
    return _desk_lamp(metal, color) if rng.random() < 0.35 else _table_lamp(rng, metal, color)


def _door(width: Number, height: Number, color: Color, knob: Color, right: bool) -> list[Part]:
    leaf = box(width, height, 0.03, 0.01).paint(color)
    inner = box(0.72 * width, 0.78 * height, 0.02, 0.008).move(0, 0.11 * height, 0.012)
    x = (-0.38 if right else 0.38) * width
    handle = ball(0.025, sections=10).move(x, height / 2, 0.035)
    return [leaf, inner.paint(lighter(color, 0.18)), handle.paint(knob)]


def cupboard(rng: np.random.Generator) -> list[Part]:
    """Two doors below, drawers or open shelves with books above."""
    wood, paint, knob = pick(rng, WOOD), pick(rng, BRIGHT + SOFT), pick(rng, METAL)
    width, depth, low = rng.uniform(0.7, 0.95), rng.uniform(0.32, 0.42), rng.uniform(0.45, 0.6)
    high = low + rng.uniform(0.4, 0.6)
    front = depth / 2
    parts = [box(width, low, depth, 0.015).paint(wood)]
    for x, right in ((-width / 4, False), (width / 4, True)):
        door = _door(width / 2 - 0.03, low - 0.1, paint, knob, right)
        parts += [piece.move(x, 0.06, front + 0.005) for piece in door]
    parts.append(
        box(width, high - low, 0.03).move(0, low, -depth / 2 + 0.015).paint(darker(wood, 0.2))
    )
    side = box(0.035, high - low, depth).move(width / 2 - 0.0175, low, 0)
    parts += both_sides(side.paint(wood))
    parts.append(box(width + 0.06, 0.04, depth + 0.05, 0.015).move(0, high, 0).paint(wood))
    middle = (low + high) / 2
    parts.append(box(width - 0.06, 0.025, depth - 0.02).move(0, middle, 0).paint(wood))
    for y, room in ((low, middle - low), (middle + 0.025, high - middle - 0.025)):
        x = -width / 2 + 0.06
        while x < width / 2 - 0.12:
            w, h = rng.uniform(0.03, 0.06), room * rng.uniform(0.55, 0.9)
            if rng.random() < 0.85:
                book = box(w, h, 0.6 * depth).move(x + w / 2, y, 0.02)
                parts.append(book.paint(pick(rng, BRIGHT)))
            x += w + 0.006
    return parts


def _desk_lamp(metal: Color, color: Color) -> list[Part]:
    elbow, head = (0, 0.62, -0.28), (0, 0.98, 0.12)
    shade = lathe([(0.05, 0.16), (0.1, 0.1), (0.22, -0.08)], 22).turn("x", -38)
    bulb = ball(0.075, sections=14).move(0, head[1] - 0.05, head[2] + 0.1)
    return [
        cylinder(0.24, 0.05, 24).paint(color),
        limb((0, 0.05, 0), elbow, 0.028, 0.028).paint(metal),
        limb(elbow, head, 0.028, 0.024).paint(metal),
        ball(0.045, sections=12).move(*elbow).paint(color),
        shade.move(head[0], head[1] - 0.02, head[2] + 0.05).paint(color),
        bulb.paint((255, 244, 190)),
    ]


def _table_lamp(rng: np.random.Generator, metal: Color, color: Color) -> list[Part]:
    wide, high, stem = rng.uniform(0.3, 0.4), rng.uniform(0.32, 0.42), rng.uniform(0.5, 0.62)
    foot = pick(rng, BRIGHT, but=(color,))
    urn = [(0.03, stem), (0.05, 0.9 * stem), (0.14, 0.4 * stem), (0.06, 0.12)]
    plate = [(0.2, 0.03), (0.2, 0), (0, 0)]
    rod = [(0.03, stem), (0.03, 0.05), (0.22, 0.04), (0.22, 0), (0, 0)]
    body = [lathe([*urn, *plate], 22), cone(0.2, 0.03, stem, 22), lathe(rod, 22)][rng.integers(3)]
    wear = pictures.stripes([lighter(color, 0.6), color], int(2 * rng.integers(6, 10)), True)
    hood = lathe([(0.62 * wide, stem + high), (wide, stem)], 28)
    hood = hood.wear(wear) if rng.random() < 0.5 else hood.shade(color, lighter(color, 0.5))
    return [
        body.paint(foot),
        limb((0, stem, 0), (0, stem + 0.1, 0), 0.02, 0.02).paint(metal),
        hood,
        torus(wide, 0.014, 28, 6).move(0, stem, 0).paint(darker(color)),
        ball(0.1, sections=14).move(0, stem + 0.14, 0).paint((255, 246, 200)),
    ]
