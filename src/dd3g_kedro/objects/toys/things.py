"""Signs, guitars, tools, gifts, clocks and pencils."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
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
from dd3g_kedro.objects.toys.parts import Color, Part, both_sides
from dd3g_kedro.objects.toys.shapes import (
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
    if kind == 0:
        right = [(0.84, 0.5), (0.62, 0.5), (0.62, 0.86)]
        arrow = [(0.5, 0.14), *right, *((1 - x, y) for x, y in reversed(right))]
        canvas.polygon([(y, 1 - x) for x, y in arrow] if rng.random() < 0.5 else arrow, ink)
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
    else:
        pictures.smile(canvas, 0.5, 0.5, 0.4, ink, ground)
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


def guitar(rng: np.random.Generator) -> list[Part]:
    """A guitar that stands upright."""
    wood, neck = pick(rng, WOOD + BRIGHT[:2] + BRIGHT[6:7]), WOOD[3]
    cosine, sine = circle(1.0, 40).T
    waist = 0.36 - 0.09 * sine - 0.1 * np.exp(-(((sine - 0.25) / 0.25) ** 2))
    outline = np.stack([cosine * waist, 0.5 * sine + 0.5], -1)
    face = prism((outline - [0, 0.5]) * [0.94, 0.95] + [0, 0.5], 0.17, (0, 0.45))
    hole = cylinder(0.11, 0.02, 20).turn("x", 90).move(0, 0.62, 0.078)
    rosette = torus(0.12, 0.014, 22, 6).turn("x", 90).move(0, 0.62, 0.088)
    parts = [
        prism(outline, 0.16, (0, 0.45)).paint(darker(wood, 0.2)),
        face.paint(lighter(wood, 0.2)),
        hole.paint((46, 34, 30)),
        rosette.paint(darker(wood, 0.5)),
        box(0.24, 0.05, 0.03, 0.01).move(0, 0.26, 0.1).paint(neck),
        box(0.09, 0.92, 0.05, 0.015).move(0, 0.76, 0.08).paint(neck),
    ]
    fret = box(0.092, 0.008, 0.054).move(0, 0.84, 0.081).paint(METAL[2])
    parts += [fret.move(0, 0.09 * k, 0) for k in range(9)]
    head = prism([(-0.06, 0), (0.06, 0), (0.085, 0.2), (-0.085, 0.2)], 0.05, (0, 0.1))
    parts.append(head.turn("x", -10).move(0, 1.66, 0.08).paint(wood))
    for k in range(3):
        peg = ball(0.024, sections=8).move(0.1, 1.71 + 0.055 * k, 0.07)
        parts += both_sides(peg.paint(METAL[0]))
    for x in (-0.03, -0.015, 0.0, 0.015, 0.03):
        string = limb((x, 0.28, 0.125), (x, 1.67, 0.118), 0.004, 0.004, 5)
        parts.append(string.paint((236, 232, 220)))
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
    loop = loop.paint(lighter(ribbon, 0.1))
    turns = (20, 200, 110, 290) if rng.random() < 0.5 else (10, 190)
    parts += [loop.turn("y", turn).move(0, lid + 0.12, 0) for turn in turns]
    parts.append(ball(0.07, sections=12).move(0, lid + 0.14, 0).paint(ribbon))
    tag = prism([(0, 0), (0.2, 0), (0.2, 0.12), (0, 0.12), (-0.05, 0.06)], 0.015, (0.08, 0.06))
    return [*parts, tag.turn("z", -20).move(0.12, 0.62 * lid, depth / 2 + 0.05).paint(WHITE)]


def _dial(rng: np.random.Generator, color: Color) -> pictures.Picture:
    """A clock's face at a random time."""
    canvas = pictures.Canvas(128, 128, WHITE)
    hour, minute = rng.uniform(0, 360), rng.uniform(0, 360)
    marks = [(30.0 * k, 0.37, 0.42, 0.018) for k in range(12) if k % 3]
    marks += [(90.0 * k, 0.33, 0.42, 0.03) for k in range(4)]
    for degrees, inner, outer, width in (*marks, (hour, 0, 0.2, 0.045), (minute, 0, 0.31, 0.03)):
        x, y = math.sin(math.radians(degrees)), -math.cos(math.radians(degrees))
        canvas.line([(0.5 + r * x, 0.5 + r * y) for r in (inner, outer)], width, BLACK)
    canvas.circle(0.5, 0.5, 0.035, color)
    return canvas.finish()


def clock(rng: np.random.Generator) -> list[Part]:
    """A twin-bell alarm clock."""
    color, trim = pick(rng, BRIGHT), pick(rng, METAL)
    y, r = 0.56, 0.44
    dial = prism(circle(r - 0.04, 32), 0.01)
    uvs = dial.vertices[:, :2] * [0.5 / r, -0.5 / r] + 0.5
    front = Part(dial.vertices, dial.faces[:32], uvs).wear(_dial(rng, color))
    rim = torus(r - 0.01, 0.04, 32, 8).turn("x", 90).move(0, y, 0.12)
    bell = lathe(smooth([(0.01, 0.13), (0.12, 0.09), (0.17, 0)], 8), 18).turn("z", -32)
    handle = smooth([(-0.2, y + r + 0.1, 0), (0, y + r + 0.28, 0), (0.2, y + r + 0.1, 0)], 12)
    key = cylinder(0.06, 0.08, 14).turn("x", 90).paint(trim)
    return [
        cylinder(r, 0.24, 32).turn("x", 90).move(0, y, -0.12).paint(color),
        front.move(0, y, 0.125),
        rim.paint(lighter(color, 0.25)),
        *both_sides(bell.move(0.27, y + r + 0.02, 0).paint(trim)),
        *both_sides(limb((0.3, 0.2, 0), (0.38, 0.03, 0), 0.04, 0.05).paint(trim)),
        tube(handle, 0.02, 8).paint(trim),
        cylinder(0.02, 0.12, 8).move(0, y + r, 0).paint(trim),
        key.move(0.14, y + 0.05, -0.2),
        key.move(-0.14, y - 0.1, -0.2),
    ]


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
