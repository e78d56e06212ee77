"""Signs, cakes, guitars, tools, gifts, ice cream, books, clocks and balls."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.core.meshes.procedural import pictures
from dd3g_kedro.core.meshes.procedural.palette import (
    BLACK,
    BRIGHT,
    METAL,
    SOFT,
    WHITE,
    WOOD,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.core.meshes.procedural.parts import Color, Part
from dd3g_kedro.core.meshes.procedural.shapes import (
    ball,
    box,
    circle,
    cone,
    cylinder,
    lathe,
    limb,
    panel,
    prism,
    smooth,
    torus,
    tube,
)


def _sign_picture(rng: np.random.Generator, ground: Color, ink: Color) -> pictures.Picture:
    canvas = pictures.Canvas(96, 96, ground)
    canvas.rectangle(0, 0, 1, 1, ink)
    canvas.rectangle(0.05, 0.05, 0.95, 0.95, ground)
    kind = rng.integers(6)
    if kind == 0:  # arrow
        arrow = [
            (0.5, 0.14),
            (0.84, 0.5),
            (0.62, 0.5),
            (0.62, 0.86),
            (0.38, 0.86),
            (0.38, 0.5),
            (0.16, 0.5),
        ]
        turned = [(y, 1 - x) for x, y in arrow] if rng.random() < 0.5 else arrow
        canvas.polygon(turned, ink)
    elif kind == 1:
        canvas.polygon(pictures.star_points(0.5, 0.53, 0.38), ink)
    elif kind == 2:
        canvas.polygon(pictures.heart_points(0.5, 0.46, 0.34), ink)
    elif kind == 3:  # bars
        for k in range(-2, 6):
            x = k / 4
            canvas.polygon([(x, 0.95), (x + 0.12, 0.95), (x + 0.42, 0.05), (x + 0.3, 0.05)], ink)
    elif kind == 4:  # target
        for radius, color in ((0.4, ink), (0.29, ground), (0.18, ink), (0.08, ground)):
            canvas.circle(0.5, 0.5, radius, color)
    else:  # a face
        canvas.circle(0.5, 0.5, 0.4, ink)
        for x in (0.36, 0.64):
            canvas.circle(x, 0.42, 0.06, ground)
        canvas.line(
            [
                (0.5 + 0.2 * math.sin(a), 0.52 + 0.18 * math.cos(a))
                for a in np.linspace(-1.2, 1.2, 11)
            ],
            0.05,
            ground,
        )
    return canvas.finish()


def sign(rng: np.random.Generator) -> list[Part]:
    """A board with a picture on one or two posts; its back is bare wood."""
    ground, post = pick(rng, SOFT + BRIGHT), pick(rng, WOOD + METAL)
    ink = pick(rng, (*BRIGHT, BLACK, WHITE), but=(ground,))
    side, high = rng.uniform(0.6, 0.75), rng.uniform(0.55, 0.75)
    picture = _sign_picture(rng, ground, ink)
    parts = [panel(side, side).move(0, 0, 0.032).wear(picture)]
    parts.append(
        box(side + 0.05, side + 0.05, 0.05, 0.015).move(0, -0.025, 0).paint(darker(post, 0.1))
    )
    if rng.random() < 0.35:
        parts = [p.move(0, -side / 2, 0).turn("z", 45).move(0, 0.66 * side, 0) for p in parts]
    parts = [p.move(0, high, 0.05) for p in parts]
    for x in (-0.2, 0.2) if rng.random() < 0.4 else (0.0,):
        parts.append(cylinder(0.04, high + 0.6 * side, 12).move(x, 0, 0).paint(post))
    mound = lathe([(0, 0.06), (0.2, 0.05), (0.34, 0), (0, 0)], 18)
    return [*parts, mound.paint(pick(rng, ((110, 150, 70), (150, 150, 146), (150, 110, 72))))]


def cake(rng: np.random.Generator) -> list[Part]:
    """A cake of one to three tiers with icing and candles, some with a slice cut out in front."""
    sponge, icing, trim = (
        pick(rng, ((206, 150, 90), (110, 66, 44), (240, 214, 150))),
        pick(rng, SOFT),
        pick(rng, BRIGHT),
    )
    tiers, y, r = int(rng.integers(1, 4)), 0.06, 0.55
    plate = lathe([(0, 0.05), (0.72, 0.06), (0.74, 0.04), (0.4, 0.0), (0, 0)], 30).paint(WHITE)
    parts = [plate]
    for tier in range(tiers):
        high = 0.34 if tiers == 1 else 0.26
        side = lathe([(r, high), (r, 0)], 30).move(0, y, 0)
        pattern = rng.integers(3)
        if pattern == 0:
            side = side.wear(pictures.stripes([sponge, icing, sponge, trim], 5, False))
        elif pattern == 1:
            side = side.wear(pictures.dots(icing, trim, 14, 3))
        else:
            side = side.paint(icing if tier % 2 else sponge)
        top = lathe(
            [
                (0, high + 0.02),
                (0.96 * r, high + 0.02),
                (r + 0.02, high - 0.02),
                (r + 0.015, high - 0.06),
            ],
            30,
        )
        parts += [side, top.move(0, y, 0).paint(icing)]
        for k in range(12):  # drops of icing
            angle = 2 * math.pi * k / 12
            drop = ball(0.05, rng.uniform(0.06, 0.11), 0.03, 10).turn("y", math.degrees(angle))
            parts.append(
                drop.move(
                    1.01 * r * math.sin(angle), y + high - 0.06, 1.01 * r * math.cos(angle)
                ).paint(icing)
            )
        y, r = y + high + 0.02, 0.66 * r
    r /= 0.66
    count = int(rng.integers(3, 8))
    for x, z in circle(0.6 * r, count, 90):
        candle = cylinder(0.022, 0.18, 8).move(x, y, z)
        parts.append(
            candle.wear(pictures.stripes([WHITE, pick(rng, BRIGHT)], 6, False, 8, 48))
            if count < 6
            else candle.paint(pick(rng, BRIGHT))
        )
        parts.append(ball(0.022, 0.04, 0.022, 8).move(x, y + 0.22, z).paint((255, 190, 60)))
    for x, z in circle(0.86 * r, 8, 22):
        parts.append(ball(0.05, sections=10).move(x, y + 0.03, z).paint(trim))
    return parts


def guitar(rng: np.random.Generator) -> list[Part]:
    """A guitar that stands upright."""
    wood, neck = pick(rng, WOOD + BRIGHT[:2] + BRIGHT[6:7]), WOOD[3]
    angle = np.linspace(0, 2 * math.pi, 41)[:-1]
    x = np.cos(angle) * (
        0.36 - 0.09 * np.sin(angle) - 0.1 * np.exp(-(((np.sin(angle) - 0.25) / 0.25) ** 2))
    )
    y = 0.5 * np.sin(angle) + 0.5
    outline = list(zip(x, y, strict=True))
    body = prism(outline, 0.16, (0, 0.45)).paint(darker(wood, 0.2))
    face = prism([(0.94 * a, 0.5 + 0.95 * (b - 0.5)) for a, b in outline], 0.17, (0, 0.45))
    parts = [
        body,
        face.paint(lighter(wood, 0.2)),
        cylinder(0.11, 0.02, 20).turn("x", 90).move(0, 0.62, 0.078).paint((46, 34, 30)),
    ]
    parts.append(
        torus(0.12, 0.014, 22, 6).turn("x", 90).move(0, 0.62, 0.088).paint(darker(wood, 0.5))
    )
    parts.append(box(0.24, 0.05, 0.03, 0.01).move(0, 0.26, 0.1).paint(neck))
    parts.append(box(0.09, 0.92, 0.05, 0.015).move(0, 0.76, 0.08).paint(neck))
    for k in range(9):
        parts.append(box(0.092, 0.008, 0.054).move(0, 0.84 + 0.09 * k, 0.081).paint(METAL[2]))
    head = prism([(-0.06, 0), (0.06, 0), (0.085, 0.2), (-0.085, 0.2)], 0.05, (0, 0.1)).turn(
        "x", -10
    )
    parts.append(head.move(0, 1.66, 0.08).paint(wood))
    for k in range(3):
        for side in (-1, 1):
            parts.append(
                ball(0.024, sections=8).move(0.1 * side, 1.71 + 0.055 * k, 0.07).paint(METAL[0])
            )
    for k in range(5):
        line = (k - 2) * 0.015
        parts.append(
            limb((line, 0.28, 0.125), (line, 1.67, 0.118), 0.004, 0.004, 5).paint((236, 232, 220))
        )
    return [*parts, limb((0, 0.2, -0.06), (0, 0.0, -0.34), 0.025, 0.025, 8).paint(BLACK)]


def hammer(rng: np.random.Generator) -> list[Part]:
    """A hammer or an axe that stands on its handle."""
    wood, grip, steel = pick(rng, WOOD), pick(rng, BRIGHT), pick(rng, METAL)
    handle = lathe(smooth([(0.045, 1.2), (0.04, 0.8), (0.055, 0.3), (0.07, 0.0)], 14), 14)
    sleeve = lathe(smooth([(0.062, 0.42), (0.07, 0.25), (0.078, 0.0)], 8), 14)
    parts = [
        handle.scale(1.2, 1, 0.9).paint(wood),
        sleeve.scale(1.2, 1, 0.95).paint(grip),
        lathe([(0, 0), (0.078, 0)], 14).paint(grip),
    ]
    if rng.random() < 0.5:
        parts.append(box(0.3, 0.15, 0.15, 0.02).move(-0.02, 1.14, 0).paint(steel))
        parts.append(
            cylinder(0.1, 0.16, 18).turn("z", -90).move(0.12, 1.215, 0).paint(lighter(steel, 0.25))
        )
        claw = prism(
            [(-0.14, 0.02), (-0.14, 0.14), (-0.3, 0.1), (-0.42, -0.06), (-0.28, 0.0)],
            0.12,
            (-0.2, 0.07),
        )
        parts.append(claw.move(0, 1.14, 0).paint(darker(steel)))
    else:
        blade = prism(
            [(0, 0.16), (0, 0.0), (0.3, -0.12), (0.36, 0.06), (0.3, 0.24)], 0.09, (0.15, 0.07)
        )
        v = blade.vertices.copy()
        v[:, 2] *= np.where(v[:, 0] > 0.2, 0.15, 1.0)
        parts.append(
            Part(v, blade.faces, blade.uvs)
            .move(0.02, 1.04, 0)
            .paint_by(lambda p: np.where(p[:, :1] > 0.3, [lighter(steel, 0.6)], [steel]))
        )
        parts.append(box(0.16, 0.18, 0.13, 0.02).move(0, 1.03, 0).paint(darker(steel)))
    return parts


def gift(rng: np.random.Generator) -> list[Part]:
    """A wrapped box with ribbons and a bow."""
    paper, ribbon = pick(rng, BRIGHT), pick(rng, BRIGHT + SOFT)
    ribbon = ribbon if abs(sum(ribbon) - sum(paper)) > 60 else WHITE
    width, high, depth = rng.uniform(0.6, 0.9), rng.uniform(0.45, 0.75), rng.uniform(0.55, 0.8)
    second = lighter(paper, 0.35)
    pattern = [
        pictures.dots(paper, second, 6, 5, 0.22),
        pictures.stripes([paper, second], 10, True),
        pictures.checks(paper, second, 8, 8),
    ][rng.integers(3)]
    parts = [box(width - 0.01, high, depth - 0.01).paint(paper)]
    for turn, across, away in (
        (0, width, depth),
        (90, depth, width),
        (180, width, depth),
        (270, depth, width),
    ):
        parts.append(panel(across, high).move(0, 0, away / 2).turn("y", turn).wear(pattern))
    lid = high
    parts.append(
        box(width + 0.05, 0.16, depth + 0.05, 0.01)
        .move(0, lid - 0.05, 0)
        .paint(darker(paper, 0.12))
    )
    parts.append(box(0.13, lid + 0.125, depth + 0.07).move(0, 0, 0).paint(ribbon))
    parts.append(box(width + 0.07, lid + 0.125, 0.13).move(0, 0, 0).paint(ribbon))
    loop = tube(
        smooth([(0, 0, 0), (0.16, 0.2, 0), (0.34, 0.16, 0), (0.26, 0.02, 0), (0, 0, 0)], 20),
        0.035,
        8,
    ).scale(1, 1, 2.0)
    for turn in (20, 200, 110, 290) if rng.random() < 0.5 else (10, 190):
        parts.append(loop.turn("y", turn).move(0, lid + 0.12, 0).paint(lighter(ribbon, 0.1)))
    parts.append(ball(0.07, sections=12).move(0, lid + 0.14, 0).paint(ribbon))
    tag = prism([(0, 0), (0.2, 0), (0.2, 0.12), (0, 0.12), (-0.05, 0.06)], 0.015, (0.08, 0.06))
    return [*parts, tag.turn("z", -20).move(0.12, 0.62 * lid, depth / 2 + 0.05).paint(WHITE)]


def ice_cream(rng: np.random.Generator) -> list[Part]:
    """Scoops on a waffle cone."""
    waffle: Color = (222, 164, 92)
    lines = pictures.Canvas(96, 96, waffle)
    for k in range(-8, 9):
        for slope in (1, -1):
            lines.line(
                [(k / 8, 0 if slope > 0 else 1), (k / 8 + 1, 1 if slope > 0 else 0)],
                0.035,
                darker(waffle, 0.3),
            )
    parts = [
        lathe([(0.3, 0.8), (0.02, 0)], 24).wear(lines.finish()),
        torus(0.3, 0.035, 24, 8).move(0, 0.8, 0).paint(waffle),
    ]
    colors = (
        (250, 214, 224),
        (120, 76, 52),
        (250, 240, 206),
        (176, 222, 190),
        (236, 120, 140),
        (250, 206, 90),
    )
    order = rng.permutation(len(colors))
    count, y, r = int(rng.integers(1, 4)), 0.9, 0.32
    for k in range(count):
        color = colors[order[k]]
        rim = lathe([(0.96 * r, 0.05), (1.08 * r, -0.04), (0.92 * r, -0.11)], 22).move(
            0, y - 0.06, 0
        )
        parts += [
            ball(r, 0.95 * r, r, 22).move(0, y, 0).shade(darker(color, 0.12), color),
            rim.paint(darker(color, 0.06)),
        ]
        if k == count - 1:
            for n in range(26):
                up, angle = 0.25 + 0.7 * (n + 0.5) / 26, 2.4 * n
                flat = math.sqrt(1 - up * up)
                spot = np.array([flat * math.sin(angle), 0.95 * up, flat * math.cos(angle)]) * r
                end = spot + 0.05 * np.array([math.cos(3.1 * n), 0.2, math.sin(3.1 * n)])
                parts.append(
                    limb(tuple(spot + [0, y, 0]), tuple(end + [0, y, 0]), 0.016, 0.016, 6).paint(
                        BRIGHT[n % 9]
                    )
                )
        y, r = y + 1.25 * r, 0.88 * r
    top = y - 0.3 * r
    if rng.random() < 0.6:
        parts.append(ball(0.09, sections=14).move(0, top + 0.08, 0).paint((200, 30, 50)))
        parts.append(
            tube(
                smooth([(0, top + 0.15, 0), (0.03, top + 0.24, 0), (0.1, top + 0.3, 0)], 6),
                0.012,
                6,
            ).paint((90, 120, 60))
        )
    wafer = box(0.1, 0.44, 0.03).turn("z", -24).turn("x", -8).move(0.2, 1.0, 0.02)
    return [*parts, wafer.paint(lighter(waffle, 0.15))]


def clock(rng: np.random.Generator) -> list[Part]:
    """A twin-bell alarm clock."""
    color, trim = pick(rng, BRIGHT), pick(rng, METAL)
    hour, minute = rng.uniform(0, 360), rng.uniform(0, 360)
    face = pictures.Canvas(128, 128, WHITE)
    for k in range(12):
        a = math.pi * k / 6
        width = 0.03 if k % 3 == 0 else 0.018
        inner = 0.33 if k % 3 == 0 else 0.37
        face.line(
            [(0.5 + r * math.sin(a), 0.5 - r * math.cos(a)) for r in (inner, 0.42)], width, BLACK
        )
    for angle, length, width in ((hour, 0.2, 0.045), (minute, 0.31, 0.03)):
        a = math.radians(angle)
        face.line(
            [(0.5, 0.5), (0.5 + length * math.sin(a), 0.5 - length * math.cos(a))], width, BLACK
        )
    face.circle(0.5, 0.5, 0.035, color)
    y, r = 0.56, 0.44
    dial = prism(circle(r - 0.04, 32), 0.01)
    uvs = np.column_stack(
        [0.5 + dial.vertices[:, 0] / (2 * r), 0.5 - dial.vertices[:, 1] / (2 * r)]
    )
    front = Part(dial.vertices, dial.faces[:32], uvs).wear(face.finish())
    parts = [
        cylinder(r, 0.24, 32).turn("x", 90).move(0, y, -0.12).paint(color),
        front.move(0, y, 0.125),
        torus(r - 0.01, 0.04, 32, 8).turn("x", 90).move(0, y, 0.12).paint(lighter(color, 0.25)),
    ]
    for side in (-1, 1):
        bell = lathe(smooth([(0.01, 0.13), (0.12, 0.09), (0.17, 0)], 8), 18).turn("z", -32 * side)
        parts.append(bell.move(0.27 * side, y + r + 0.02, 0).paint(trim))
        parts.append(limb((0.3 * side, 0.2, 0), (0.38 * side, 0.03, 0), 0.04, 0.05).paint(trim))
    parts.append(
        tube(
            smooth([(-0.2, y + r + 0.1, 0), (0, y + r + 0.28, 0), (0.2, y + r + 0.1, 0)], 12),
            0.02,
            8,
        ).paint(trim)
    )
    parts.append(cylinder(0.02, 0.12, 8).move(0, y + r, 0).paint(trim))
    parts.append(cylinder(0.06, 0.08, 14).turn("x", 90).move(0.14, y + 0.05, -0.2).paint(trim))
    return [*parts, cylinder(0.06, 0.08, 14).turn("x", 90).move(-0.14, y - 0.1, -0.2).paint(trim)]


def burger(rng: np.random.Generator) -> list[Part]:
    """A burger in layers, some with a flag on top."""
    bun = pick(rng, ((214, 150, 76), (196, 128, 62)))
    parts, y = (
        [
            lathe(smooth([(0.46, 0.16), (0.5, 0.1), (0.44, 0.0)], 8), 26).paint(bun),
            lathe([(0.44, 0), (0, 0)], 26).paint(bun),
        ],
        0.15,
    )
    layers = list(rng.permutation(4)[: int(rng.integers(2, 5))])
    for layer in [4, *layers]:
        if layer == 4:
            patty = lathe(smooth([(0.44, 0.13), (0.5, 0.07), (0.46, 0)], 6), 24)
            parts.append(patty.move(0, y, 0).shade((84, 48, 32), (118, 72, 46)))
            y += 0.13
        elif layer == 0:
            a = np.linspace(0, 2 * math.pi, 49)[:-1]
            wave = [
                (float(r * math.cos(t)), float(r * math.sin(t)))
                for t, r in zip(a, 0.52 + 0.05 * np.sin(9 * a), strict=True)
            ]
            parts.append(prism(wave, 0.04).turn("x", 90).move(0, y + 0.02, 0).paint((112, 176, 64)))
            y += 0.04
        elif layer == 1:
            parts += [
                cylinder(0.2, 0.06, 18).move(x, y, z).paint((214, 60, 44))
                for x, z in circle(0.26, 4, 45)
            ]
            y += 0.06
        elif layer == 2:
            parts.append(box(0.86, 0.03, 0.86).turn("y", 45).move(0, y, 0).paint((250, 190, 50)))
            y += 0.03
        else:
            parts.append(torus(0.4, 0.045, 26, 8).move(0, y + 0.03, 0).paint((240, 226, 236)))
            y += 0.06
    dome = lathe(smooth([(0.01, 0.34), (0.3, 0.28), (0.5, 0.1), (0.48, 0.0)], 12), 26)
    parts.append(dome.move(0, y, 0).shade(lighter(bun, 0.1), darker(bun, 0.08)))
    parts.append(lathe([(0, y), (0.48, y)], 26).paint(lighter(bun, 0.3)))
    for n in range(30):
        r, angle = 0.38 * math.sqrt((n + 0.5) / 30), 2.4 * n
        up = 0.335 - 0.55 * r * r
        parts.append(
            ball(0.022, 0.012, 0.032, 8)
            .turn("y", 50 * n)
            .move(r * math.sin(angle), y + up, r * math.cos(angle))
            .paint((250, 236, 196))
        )
    if rng.random() < 0.5:
        parts.append(cylinder(0.012, 0.4, 6).move(0, y + 0.3, 0).paint(WOOD[2]))
        parts.append(
            panel(0.26, 0.16)
            .move(0.14, y + 0.53, 0)
            .wear(pictures.stripes([pick(rng, BRIGHT), WHITE], 4, False))
        )
    return parts


def pencil_cup(rng: np.random.Generator) -> list[Part]:
    """A cup with pencils, its badge in front."""
    color, badge = pick(rng, BRIGHT), pick(rng, SOFT)
    wrap = pictures.Canvas(240, 96, color)
    wrap.rectangle(0, 0, 1, 0.08, darker(color))
    wrap.rectangle(0, 0.9, 1, 1, darker(color))
    wrap.circle(0.5, 0.5, 0.28, badge)
    wrap.polygon(pictures.star_points(0.5, 0.5, 0.2, aspect=0.4), darker(color))
    r = rng.uniform(0.28, 0.34)
    parts = [
        lathe([(r, 0.72), (r, 0)], 26).wear(wrap.finish()),
        lathe([(r, 0), (0, 0)], 26).paint(color),
    ]
    parts.append(
        lathe([(r, 0.72), (r - 0.025, 0.72), (r - 0.025, 0.3), (0, 0.3)], 26).paint(
            darker(color, 0.4)
        )
    )
    for k, (x, z) in enumerate(circle(0.55 * r, int(rng.integers(4, 7)), 20)):
        shade, high = pick(rng, BRIGHT), rng.uniform(1.0, 1.25)
        pencil = [
            cylinder(0.045, high - 0.16, 6).paint(shade),
            cone(0.045, 0.014, 0.12, 6).move(0, high - 0.16, 0).paint((238, 206, 160)),
            cone(0.014, 0.0, 0.035, 6).move(0, high - 0.04, 0).paint(darker(shade, 0.4)),
        ]
        lean = 9 + 4 * (k % 3)
        turned = [p.turn("z", -lean * x / 0.3).turn("x", lean * z / 0.3) for p in pencil]
        parts += [p.move(x * 0.6, 0.06, z * 0.6) for p in turned]
    return parts
