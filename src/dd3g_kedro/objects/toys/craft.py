"""Aeroplanes, boats and rockets; they travel towards +z, rockets upwards."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys.palette import (
    BLACK,
    BRIGHT,
    GLASS,
    METAL,
    RUBBER,
    SOFT,
    WHITE,
    WOOD,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import (
    ball,
    box,
    cone,
    cylinder,
    disc,
    lathe,
    limb,
    prism,
    smooth,
    torus,
    tube,
)
from dd3g_kedro.objects.toys.vehicles import side_outline


def _wings(y: Number, span: Number, sweep: Number, trim: Color) -> list[Part]:
    """Two wings with lighter tips."""
    wing = [(0.1, 0.34), (span, 0.14 - sweep), (span, -0.02 - sweep), (0.1, -0.16)]
    plate = prism(wing, 0.04, (0.4, 0.08 - sweep / 2)).turn("x", 90).move(0, y, 0)
    inner = span - 0.14
    end = [(span, 0.14 - sweep), (span, -0.02 - sweep), (inner, -0.03 - 0.86 * sweep)]
    tip = prism([(inner, 0.17 - 0.8 * sweep), *end], 0.046, (span - 0.07, 0.06 - sweep))
    tip = tip.turn("x", 90).move(0, y, 0)
    return both_sides(plate.paint(trim)) + both_sides(tip.paint(lighter(trim, 0.55)))


def _tail(trim: Color) -> list[Part]:
    flat = [(0.02, -0.72), (0.36, -0.88), (0.36, -0.98), (0.02, -0.96)]
    tail = prism(flat, 0.03, (0.15, -0.88)).turn("x", 90).move(0, 0.54, 0)
    fin = side_outline([(-0.66, 0.56), (-0.96, 0.96), (-1.04, 0.96), (-0.98, 0.52)], 0.035)
    return [*both_sides(tail.paint(trim)), fin.paint(trim)]


def _engines() -> list[Part]:
    outline = [(0.05, 0.2), (0.085, 0.17), (0.09, -0.02), (0.05, -0.18), (0, -0.18)]
    pod = lathe(outline, 16).turn("x", 90).move(0.44, 0.33, 0.12)
    return both_sides(pod.paint(METAL[0]))


def _propeller_and_wheels() -> list[Part]:
    parts = [cone(0.08, 0.0, 0.14, 14).turn("x", 90).move(0, 0.5, 0.98).paint(BLACK)]
    for k in range(3):
        blade = box(0.07, 0.36, 0.02, 0.01).move(0, 0.03, 0).turn("z", 120 * k + 20)
        parts.append(blade.move(0, 0.5, 1.02).paint(WOOD[1]))
    parts += both_sides(limb((0.1, 0.36, 0.3), (0.24, 0.16, 0.34), 0.025, 0.02).paint(METAL[1]))
    return parts + both_sides(disc(0.09, 0.06, 14).move(0.26, 0.12, 0.34).paint(RUBBER))


def aeroplane(rng: np.random.Generator) -> list[Part]:
    """A propeller plane or a jet with engines under its wings."""
    color, trim = pick(rng, (*BRIGHT, WHITE)), pick(rng, BRIGHT)
    jet = rng.random() < 0.5
    nose, back = [(0.02, 1.0), (0.14, 0.86), (0.19, 0.4)], [(0.18, -0.2), (0.08, -0.85)]
    hull = lathe(smooth([*nose, *back, (0.03, -0.98)], 24), 20)
    parts = [hull.turn("x", 90).scale(1, 1.05, 1).move(0, 0.5, 0).paint(color)]
    span, sweep = rng.uniform(0.85, 1.1), 0.3 if jet else 0.05
    parts += _wings(0.44 if jet else float(rng.choice([0.42, 0.62])), span, sweep, trim)
    parts += _tail(trim)
    parts.append(ball(0.11, 0.1, 0.22, 14).move(0, 0.66, 0.5).paint(darker(GLASS, 0.35)))
    for z in np.linspace(-0.4, 0.25, 6):
        pane = ball(0.035, sections=8).move(0.175, 0.55, z)
        parts += both_sides(pane.paint(darker(GLASS, 0.5)))
    return parts + (_engines() if jet else _propeller_and_wheels())


def _rig(rng: np.random.Generator, deck: Number) -> list[Part]:
    """A mast with two sails and a flag."""
    mast = rng.uniform(1.2, 1.5)
    parts = [limb((0, deck - 0.1, 0.1), (0, mast + deck, 0.1), 0.03, 0.02).paint(WOOD[3])]
    sail, accent = pick(rng, SOFT), pick(rng, BRIGHT)
    boom = float(rng.uniform(22, 40) * rng.choice([-1, 1]))  # the sails stand off the middle
    main = side_outline([(0.06, deck + 0.2), (0.06, mast + 0.28), (-0.72, deck + 0.24)], 0.02)
    parts.append(main.turn("y", boom).paint(sail))
    stripe = [(0.05, deck + 0.55), (0.05, deck + 0.75), (-0.36, deck + 0.59)]
    band = side_outline([*stripe, (-0.5, deck + 0.44)], 0.024)
    parts.append(band.turn("y", boom).paint(accent))
    jib = side_outline([(0.14, deck + 0.2), (0.74, deck + 0.16), (0.14, mast + 0.1)], 0.02)
    parts.append(jib.move(0, 0, -0.74).turn("y", -0.5 * boom).move(0, 0, 0.74).paint(accent))
    top = mast + deck
    flag = side_outline([(0.1, top), (0.1, top - 0.12), (-0.14, top - 0.06)], 0.02)
    return [*parts, flag.turn("y", 30).paint(BRIGHT[0])]


def _tug(rng: np.random.Generator, deck: Number, color: Color) -> list[Part]:
    """A wheelhouse, a funnel and a railing."""
    pane = darker(GLASS, 0.4)
    bridge = box(0.28, 0.2, 0.3, 0.02).move(0, deck + 0.28, 0.04)
    side = box(0.02, 0.1, 0.2).move(0.137, deck + 0.33, 0.04)
    funnel = cone(0.1, 0.09, 0.36, 16).move(0, deck + 0.26, -0.24)
    buoy = torus(0.08, 0.028, 16, 8).turn("x", 90).move(0, deck + 0.12, 0.24)
    port = disc(0.05, 0.02, 12).move(0.175, deck + 0.12, 0).paint(GLASS)
    back = [(0.26, deck + 0.02, -0.7), (0.29, deck + 0.02, 0), (0.2, deck + 0.06, 0.45)]
    rail = tube(smooth([*back, (0.0, deck + 0.1, 0.82)], 14), 0.025, 8)
    return [
        box(0.34, 0.34, 0.6, 0.03).move(0, deck - 0.06, -0.08).paint(WHITE),
        bridge.paint(WHITE),
        box(0.24, 0.1, 0.02).move(0, deck + 0.33, 0.19).paint(pane),
        *both_sides(side.paint(pane)),
        box(0.34, 0.03, 0.36, 0.01).move(0, deck + 0.48, 0.04).paint(color),
        funnel.paint(pick(rng, BRIGHT, but=(color,))),
        cylinder(0.096, 0.1, 16).move(0, deck + 0.53, -0.24).paint(BLACK),
        *(p.move(0, 0, z) for z in (-0.28, -0.08, 0.12) for p in both_sides(port)),
        buoy.paint((230, 90, 40)),
        *both_sides(rail.paint(darker(color, 0.35))),
    ]


def _hull(length: Number, width: Number, depth: Number, color: Color, bottom: Color) -> Part:
    """A boat's hull, pointed in front, its keel at y = 0."""
    z = np.linspace(-length / 2, length / 2, 15)
    taper = np.where(z > 0, 1 - (2 * np.abs(z) / length) ** 2.2, 1 - 0.25 * (2 * z / length) ** 2)
    angle = np.linspace(0, math.pi, 11)
    x = width / 2 * taper[:, None] * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6
    lift = depth * (1 + 0.25 * np.clip(z / length * 2, 0, 1) ** 2)
    y = lift[:, None] - depth * np.sin(angle) ** 0.6 * (0.35 + 0.65 * np.clip(taper, 0, 1))[:, None]
    vertices = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], -1).reshape(-1, 3)
    index = np.arange(15 * 11).reshape(15, 11)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)]
    )
    stern = np.array([(index[0, 0], index[0, k], index[0, k + 1]) for k in range(1, 10)])
    part = Part(vertices, np.concatenate([faces, stern]), np.zeros((len(vertices), 2)))
    line = 0.45 * depth
    return part.paint_by(lambda v: np.where(v[:, 1:2] > line, [color], [bottom]))


def boat(rng: np.random.Generator) -> list[Part]:
    """A sailing boat, or a tug with a funnel."""
    color, bottom = pick(rng, BRIGHT), pick(rng, (WHITE, (120, 40, 36), (40, 50, 80)))
    length, width, depth = rng.uniform(1.5, 1.8), rng.uniform(0.55, 0.65), rng.uniform(0.34, 0.42)
    right = [(0.85, -1.0), (1.0, -0.2), (0.9, 0.3), (0.5, 0.75)]
    left = [(-x, z) for x, z in reversed(right)]
    x, z = np.array([left[-1], *right, (0.0, 1.0), *left[:-1]]).T
    deck = prism(np.stack([x * width / 2 * 0.92, z * length / 2 * 0.96], -1), 0.02).turn("x", 90)
    parts = [_hull(length, width, depth, color, bottom)]
    parts.append(deck.move(0, depth - 0.05, 0).paint(pick(rng, WOOD)))
    return parts + (_rig(rng, depth) if rng.random() < 0.55 else _tug(rng, depth, color))


def rocket(rng: np.random.Generator) -> list[Part]:
    """A rocket on its fins, its porthole in front."""
    color, trim = pick(rng, (WHITE, (226, 226, 230), *SOFT)), pick(rng, BRIGHT)
    accent = pick(rng, BRIGHT, but=(trim,))
    wide, height = rng.uniform(0.22, 0.3), rng.uniform(1.3, 1.6)

    def coat(v: np.ndarray) -> np.ndarray:
        belt = np.abs(v[:, 1:2] - 0.3 * height) < 0.05
        return np.where(v[:, 1:2] > 0.74 * height, [trim], np.where(belt, [accent], [color]))

    upper = [(0.01, height), (0.6 * wide, 0.8 * height), (wide, 0.45 * height)]
    parts = [lathe(smooth([*upper, (0.68 * wide, 0.14 * height)], 24), 24).paint_by(coat)]
    parts.append(cone(0.62 * wide, 0.4 * wide, 0.12, 18).move(0, 0.06 * height, 0).paint(METAL[3]))
    outer = [(wide + 0.26, 0.12 * height), (wide + 0.3, 0.0)]
    fin = side_outline([(0.62 * wide, 0.42 * height), *outer, (0.5 * wide, 0.16 * height)], 0.05)
    count = int(rng.integers(3, 5))
    parts += [fin.turn("y", 360 * k / count + 180 / count).paint(trim) for k in range(count)]
    y = 0.56 * height
    parts.append(torus(0.1, 0.03, 18, 8).turn("x", 90).move(0, y, 0.97 * wide).paint(accent))
    parts.append(ball(0.1, 0.1, 0.04, 14).move(0, y, 0.96 * wide).paint(darker(GLASS, 0.25)))
    if rng.random() < 0.6:
        flame = lathe(
            smooth([(0.4 * wide, 0.07 * height), (0.3 * wide, -0.02), (0.01, -0.24)], 10), 14
        )
        parts.append(flame.shade((240, 90, 30), (255, 220, 90)))
    return parts
