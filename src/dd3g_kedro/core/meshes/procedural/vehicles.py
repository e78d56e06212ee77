"""Cars, trucks, aeroplanes, boats and rockets; all drive towards +z."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.core.meshes.procedural.palette import (
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
from dd3g_kedro.core.meshes.procedural.parts import Color, Part, both_sides
from dd3g_kedro.core.meshes.procedural.shapes import (
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

_LIGHT: Color = (255, 240, 180)
_TAIL: Color = (200, 40, 36)


def _wheel(x: float, z: float, radius: float, width: float, hub: Color) -> list[Part]:
    tyre = disc(radius, width, 22).paint(RUBBER)
    rim = disc(0.6 * radius, width + 0.02, 18).paint(hub)
    cap = disc(0.2 * radius, width + 0.05, 10).paint(darker(hub, 0.4))
    return [part.move(x, radius, z) for part in (tyre, rim, cap)]


def _side_outline(outline: list[tuple[float, float]], width: float, bevel: float = 0.0) -> Part:
    """A side view (z, y) given a width along x; `bevel` narrows its top."""
    part = prism([(z, y) for z, y in outline], width, _middle(outline)).turn("y", -90)
    if bevel == 0:
        return part
    v = part.vertices.copy()
    low, high = v[:, 1].min(), v[:, 1].max()
    v[:, 0] *= 1 - bevel * (v[:, 1] - low) / (high - low)
    return Part(v, part.faces, part.uvs, part.colors)


def _middle(outline: list[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = zip(*outline, strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def car(rng: np.random.Generator) -> list[Part]:
    """A small car: saloon, estate or taxi-like."""
    color, hub = pick(rng, BRIGHT), pick(rng, METAL)
    half, width, r = rng.uniform(0.82, 1.0), rng.uniform(0.72, 0.8), rng.uniform(0.17, 0.2)
    deck, roof = rng.uniform(0.46, 0.52), rng.uniform(0.8, 0.9)
    rear = -half + 0.08 if rng.random() < 0.45 else -0.6 * half
    body = box(width, deck - 0.12, 2 * half, 0.1, 3).move(0, 0.12, 0).paint(color)
    sill = box(width + 0.02, 0.07, 2 * half - 0.1, 0.03).move(0, 0.12, 0).paint(darker(color, 0.45))
    glass = [
        (rear, deck - 0.02),
        (0.5 * half, deck - 0.02),
        (0.18 * half, roof - 0.05),
        (rear + 0.14, roof - 0.05),
    ]
    cabin = _side_outline(glass, width - 0.06, 0.16).paint(GLASS)
    top = box(width - 0.18, 0.06, 0.18 * half - rear - 0.1, 0.03).move(
        0, roof - 0.07, (0.18 * half + rear + 0.14) / 2
    )
    parts = [body, sill, cabin, top.paint(color)]
    for z in (rear + 0.12, (rear + 0.45 * half) / 2, 0.3 * half):  # pillars
        pillar = box(width - 0.04, roof - deck, 0.05).move(0, deck - 0.04, 0)
        slim = Part(pillar.vertices * [1, 1, 1], pillar.faces, pillar.uvs, pillar.colors)
        v = slim.vertices.copy()
        high = v[:, 1] > roof - 0.2
        v[high, 0] *= 0.86
        v[high, 2] += -0.1 if z > 0.2 * half else (0.05 if z < rear + 0.2 else 0)
        parts.append(Part(v + [0, 0, z], slim.faces, slim.uvs, slim.colors).paint(color))
    for z in (-0.58 * half, 0.58 * half):
        for x in (-width / 2 + 0.02, width / 2 - 0.02):
            parts += _wheel(x, z, r, 0.13, hub)
    lamp = ball(0.075, sections=12).scale(1, 1, 0.5).move(0.27 * width / 0.76, 0.37, half - 0.02)
    parts += [p.paint(_LIGHT) for p in both_sides(lamp)]
    tail = box(0.13, 0.07, 0.04, 0.01).move(0.26, 0.36, -half + 0.005)
    parts += [p.paint(_TAIL) for p in both_sides(tail)]
    parts.append(box(0.3, 0.09, 0.03, 0.01).move(0, 0.22, half - 0.005).paint(BLACK))
    for z in (-half, half):
        parts.append(box(width - 0.08, 0.07, 0.06, 0.03).move(0, 0.13, z).paint(hub))
    if rng.random() < 0.3:
        parts.append(
            box(0.24, 0.09, 0.12, 0.02).move(0, roof, (rear + 0.3 * half) / 2).paint((250, 220, 80))
        )
    elif rng.random() < 0.5:
        stripe = box(0.12, 0.01, 2 * half - 0.16).move(0, deck - 0.005, 0).paint(WHITE)
        parts.append(stripe)
    return parts


def truck(rng: np.random.Generator) -> list[Part]:
    """A lorry with a box, a tank or a tipper full of earth."""
    color, load = pick(rng, BRIGHT), pick(rng, BRIGHT + SOFT)
    hub, width = pick(rng, METAL), 0.72
    cab = box(width, 0.62, 0.5, 0.07, 3).move(0, 0.2, 0.72).paint(color)
    window = box(width - 0.12, 0.24, 0.04, 0.02).move(0, 0.5, 0.96).paint(GLASS)
    side = [
        p.paint(GLASS)
        for p in both_sides(box(0.03, 0.22, 0.26, 0.01).move(width / 2 - 0.005, 0.5, 0.76))
    ]
    frame = box(0.5, 0.1, 1.8).move(0, 0.18, 0.02).paint(RUBBER)
    parts = [cab, window, *side, frame]
    kind = rng.integers(3)
    if kind == 0:
        parts.append(box(width + 0.08, 0.78, 1.25, 0.02).move(0, 0.3, -0.26).paint(load))
        band = box(width + 0.1, 0.14, 1.0, 0.0).move(0, 0.58, -0.26)
        parts.append(band.paint(pick(rng, BRIGHT, but=(load,))))
        doors = [
            box(0.34, 0.66, 0.02).move(x, 0.36, -0.89).paint(darker(load, 0.15))
            for x in (-0.19, 0.19)
        ]
        parts += doors
    elif kind == 1:
        tank = lathe(
            smooth(
                [(0.02, 0.65), (0.3, 0.6), (0.36, 0.45), (0.36, -0.45), (0.3, -0.6), (0.02, -0.65)],
                20,
            ),
            24,
        )
        parts.append(tank.turn("x", 90).move(0, 0.68, -0.26).paint(lighter(load, 0.3)))
        for z in (-0.62, -0.26, 0.1):
            parts.append(torus(0.36, 0.025, 24, 6).turn("x", 90).move(0, 0.68, z).paint(load))
    else:
        for p in both_sides(box(0.05, 0.4, 1.2).move(width / 2 + 0.02, 0.3, -0.26)):
            parts.append(p.paint(load))
        parts += [box(width, 0.4, 0.05).move(0, 0.3, z).paint(load) for z in (-0.84, 0.32)]
        parts.append(box(width, 0.06, 1.2).move(0, 0.28, -0.26).paint(darker(load)))
        heap = ball(0.36, 0.3, 0.58, 14).move(0, 0.55, -0.26)
        parts.append(
            heap.paint_by(
                lambda v: (
                    np.array([[132, 92, 56]]) + 24 * np.sin(23 * v[:, :1]) * np.sin(19 * v[:, 2:])
                )
            )
        )
    for z in (0.66, -0.35, -0.68):
        for x in (-width / 2 + 0.04, width / 2 - 0.04):
            parts += _wheel(x, z, 0.19, 0.14, hub)
    lamp = disc(0.06, 0.04, 14).turn("y", 90).move(0.24, 0.34, 0.97)
    parts += [p.paint(_LIGHT) for p in both_sides(lamp)]
    parts.append(box(0.28, 0.14, 0.03).move(0, 0.3, 0.96).paint(darker(color, 0.5)))
    parts.append(box(width + 0.02, 0.08, 0.06, 0.02).move(0, 0.16, 0.97).paint(hub))
    return parts


def aeroplane(rng: np.random.Generator) -> list[Part]:
    """A propeller plane or a jet with engines under its wings."""
    color, trim = pick(rng, BRIGHT + (WHITE,)), pick(rng, BRIGHT)
    jet = rng.random() < 0.5
    hull = smooth(
        [(0.02, 1.0), (0.14, 0.86), (0.19, 0.4), (0.18, -0.2), (0.08, -0.85), (0.03, -0.98)], 24
    )
    parts = [lathe(hull, 20).turn("x", 90).scale(1, 1.05, 1).move(0, 0.5, 0).paint(color)]
    span, sweep = rng.uniform(0.85, 1.1), 0.3 if jet else 0.05
    wing = [(0.1, 0.34), (span, 0.14 - sweep), (span, -0.02 - sweep), (0.1, -0.16)]
    y = 0.44 if jet else rng.choice([0.42, 0.62])
    plate = prism(wing, 0.04, (0.4, 0.08 - sweep / 2)).turn("x", 90).scale(1, 1, 1)
    parts += [p.move(0, y, 0).paint(trim) for p in both_sides(plate)]
    tip = prism(
        [
            (span - 0.14, 0.17 - 0.8 * sweep),
            (span, 0.14 - sweep),
            (span, -0.02 - sweep),
            (span - 0.14, -0.03 - 0.86 * sweep),
        ],
        0.046,
        (span - 0.07, 0.06 - sweep),
    ).turn("x", 90)
    parts += [p.move(0, y, 0).paint(lighter(trim, 0.55)) for p in both_sides(tip)]
    tail = prism(
        [(0.02, -0.72), (0.36, -0.88), (0.36, -0.98), (0.02, -0.96)], 0.03, (0.15, -0.88)
    ).turn("x", 90)
    parts += [p.move(0, 0.54, 0).paint(trim) for p in both_sides(tail)]
    fin = _side_outline([(-0.66, 0.56), (-0.96, 0.96), (-1.04, 0.96), (-0.98, 0.52)], 0.035)
    parts.append(fin.paint(trim))
    parts.append(ball(0.11, 0.1, 0.22, 14).move(0, 0.66, 0.5).paint(darker(GLASS, 0.35)))
    for z in np.linspace(-0.4, 0.25, 6):
        parts += [
            p.paint(darker(GLASS, 0.5))
            for p in both_sides(ball(0.035, sections=8).move(0.175, 0.55, z))
        ]
    if jet:
        pod = lathe(
            [(0.05, 0.2), (0.085, 0.17), (0.09, -0.02), (0.05, -0.18), (0, -0.18)], 16
        ).turn("x", 90)
        parts += [p.move(0, 0, 0).paint(METAL[0]) for p in both_sides(pod.move(0.44, 0.33, 0.12))]
    else:
        parts.append(cone(0.08, 0.0, 0.14, 14).turn("x", 90).move(0, 0.5, 0.98).paint(BLACK))
        for k in range(3):
            blade = box(0.07, 0.36, 0.02, 0.01).move(0, 0.03, 0).turn("z", 120 * k + 20)
            parts.append(blade.move(0, 0.5, 1.02).paint(WOOD[1]))
        strut = limb((0.1, 0.36, 0.3), (0.24, 0.16, 0.34), 0.025, 0.02).paint(METAL[1])
        parts += both_sides(strut)
        parts += both_sides(disc(0.09, 0.06, 14).move(0.26, 0.12, 0.34).paint(RUBBER))
    return parts


def _hull(length: float, width: float, depth: float, color: Color, bottom: Color) -> Part:
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
    parts = [_hull(length, width, depth, color, bottom)]
    deck = prism(
        [
            (x * width / 2 * 0.92, z * length / 2 * 0.96)
            for x, z in (
                (-0.85, -1),
                (0.85, -1),
                (1, -0.2),
                (0.9, 0.3),
                (0.5, 0.75),
                (0, 1),
                (-0.5, 0.75),
                (-0.9, 0.3),
                (-1, -0.2),
            )
        ],
        0.02,
    ).turn("x", 90)
    parts.append(deck.move(0, depth - 0.05, 0).paint(pick(rng, WOOD)))
    if rng.random() < 0.55:
        mast = rng.uniform(1.2, 1.5)
        parts.append(limb((0, depth - 0.1, 0.1), (0, mast + depth, 0.1), 0.03, 0.02).paint(WOOD[3]))
        sail, accent = pick(rng, SOFT), pick(rng, BRIGHT)
        main = _side_outline(
            [(0.06, depth + 0.2), (0.06, mast + 0.28), (-0.72, depth + 0.24)], 0.02
        )
        boom = rng.uniform(22, 40) * rng.choice([-1, 1])  # the sails stand off the middle
        parts.append(main.turn("y", boom).paint(sail))
        band = _side_outline(
            [
                (0.05, depth + 0.55),
                (0.05, depth + 0.75),
                (-0.36, depth + 0.59),
                (-0.5, depth + 0.44),
            ],
            0.024,
        )
        parts.append(band.turn("y", boom).paint(accent))
        jib = _side_outline([(0.14, depth + 0.2), (0.74, depth + 0.16), (0.14, mast + 0.1)], 0.02)
        parts.append(jib.move(0, 0, -0.74).turn("y", -0.5 * boom).move(0, 0, 0.74).paint(accent))
        flag = _side_outline(
            [(0.1, mast + depth), (0.1, mast + depth - 0.12), (-0.14, mast + depth - 0.06)], 0.02
        )
        parts.append(flag.turn("y", 30).paint(BRIGHT[0]))
        return parts
    house = box(0.34, 0.34, 0.6, 0.03).move(0, depth - 0.06, -0.08).paint(WHITE)
    bridge = box(0.28, 0.2, 0.3, 0.02).move(0, depth + 0.28, 0.04).paint(WHITE)
    panes = [box(0.24, 0.1, 0.02).move(0, depth + 0.33, 0.19).paint(darker(GLASS, 0.4))]
    panes += both_sides(
        box(0.02, 0.1, 0.2).move(0.137, depth + 0.33, 0.04).paint(darker(GLASS, 0.4))
    )
    roof = box(0.34, 0.03, 0.36, 0.01).move(0, depth + 0.48, 0.04).paint(color)
    funnel = (
        cone(0.1, 0.09, 0.36, 16)
        .move(0, depth + 0.26, -0.24)
        .paint(pick(rng, BRIGHT, but=(color,)))
    )
    rim = cylinder(0.096, 0.1, 16).move(0, depth + 0.53, -0.24).paint(BLACK)
    ports = []
    for z in (-0.28, -0.08, 0.12):
        ports += both_sides(disc(0.05, 0.02, 12).move(0.175, depth + 0.12, z).paint(GLASS))
    ring = torus(0.08, 0.028, 16, 8).turn("x", 90).move(0, depth + 0.12, 0.24).paint((230, 90, 40))
    rail = tube(
        smooth(
            [
                (0.26, depth + 0.02, -0.7),
                (0.29, depth + 0.02, 0),
                (0.2, depth + 0.06, 0.45),
                (0.0, depth + 0.1, 0.82),
            ],
            14,
        ),
        0.025,
        8,
    )
    parts += [house, bridge, *panes, roof, funnel, rim, *ports, ring]
    return parts + both_sides(rail.paint(darker(color, 0.35)))


def rocket(rng: np.random.Generator) -> list[Part]:
    """A rocket on its fins, its porthole in front."""
    color, trim = pick(rng, (WHITE, (226, 226, 230), *SOFT)), pick(rng, BRIGHT)
    accent = pick(rng, BRIGHT, but=(trim,))
    wide, height = rng.uniform(0.22, 0.3), rng.uniform(1.3, 1.6)
    outline = smooth(
        [
            (0.01, height),
            (0.6 * wide, 0.8 * height),
            (wide, 0.45 * height),
            (0.68 * wide, 0.14 * height),
        ],
        24,
    )
    nose = 0.74 * height
    hull = lathe(outline, 24)
    parts = [
        hull.paint_by(
            lambda v: np.where(
                v[:, 1:2] > nose,
                [trim],
                np.where(np.abs(v[:, 1:2] - 0.3 * height) < 0.05, [accent], [color]),
            )
        )
    ]
    parts.append(cone(0.62 * wide, 0.4 * wide, 0.12, 18).move(0, 0.06 * height, 0).paint(METAL[3]))
    fin = _side_outline(
        [
            (0.62 * wide, 0.42 * height),
            (wide + 0.26, 0.12 * height),
            (wide + 0.3, 0),
            (0.5 * wide, 0.16 * height),
        ],
        0.05,
    )
    count = int(rng.integers(3, 5))
    for k in range(count):
        parts.append(fin.turn("y", 360 * k / count + 180 / count).paint(trim))
    y = 0.56 * height
    parts.append(torus(0.1, 0.03, 18, 8).turn("x", 90).move(0, y, 0.97 * wide).paint(accent))
    parts.append(ball(0.1, 0.1, 0.04, 14).move(0, y, 0.96 * wide).paint(darker(GLASS, 0.25)))
    if rng.random() < 0.6:
        flame = lathe(
            smooth([(0.4 * wide, 0.07 * height), (0.3 * wide, -0.02), (0.01, -0.24)], 10), 14
        )
        parts.append(flame.shade((240, 90, 30), (255, 220, 90)))
    return parts
