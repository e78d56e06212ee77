"""Houses, castles, lighthouses and windmills."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    GLASS,
    LEAF,
    METAL,
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
    circle,
    cone,
    cylinder,
    lathe,
    panel,
    prism,
    torus,
)

_PANE: Color = (112, 160, 196)


def _window(width: Number, height: Number, frame: Color) -> list[Part]:
    """A window with a cross bar that faces +z, centred."""
    return [
        box(width, height, 0.04).move(0, -height / 2, 0).paint(frame),
        box(width - 0.05, height - 0.05, 0.05).move(0, -height / 2 + 0.025, 0).paint(_PANE),
        box(0.02, height, 0.055).move(0, -height / 2, 0).paint(frame),
        box(width, 0.02, 0.055).move(0, -0.01, 0).paint(frame),
    ]


def _bricks(color: Color, rows: int) -> pictures.Picture:
    canvas = pictures.Canvas(128, 96, lighter(color, 0.35))
    for row in range(rows):
        for column in range(-1, 7):
            x, y = (column + 0.5 * (row % 2)) / 6, row / rows
            shade = darker(color, 0.06 * ((row * 7 + column * 5) % 4))
            canvas.rectangle(x + 0.008, y + 0.012, x + 1 / 6 - 0.008, y + 1 / rows - 0.012, shade)
    return canvas.finish()


def _roofed_shell(
    width: Number, depth: Number, eaves: Number, rise: Number, wall: Color, tiles: Color
) -> list[Part]:
    """Four walls with a gable in front, and a roof."""
    x = width / 2
    gable = [(-x, 0), (x, 0), (x, eaves), (0, eaves + rise), (-x, eaves)]
    shell = prism(gable, depth, (0, eaves / 2)).shade(darker(wall, 0.12), wall)
    slope = math.hypot(width / 2 + 0.1, rise * (1 + 0.2 / width))
    angle = math.degrees(math.atan2(rise, width / 2))
    roof = box(slope, 0.06, depth + 0.2, 0.01).move(-slope / 2, -0.01, 0).turn("z", angle)
    ridge = box(0.06, 0.05, depth + 0.21).move(0, eaves + rise, 0)
    return [
        shell,
        *both_sides(roof.move(0.0, eaves + rise, 0).paint(tiles)),
        ridge.paint(darker(tiles)),
    ]


def _house_front(
    x: Number, width: Number, eaves: Number, rise: Number, front: Number, door: Color
) -> list[Part]:
    """Door, step, windows and a round window in the gable."""
    knob = ball(0.022, sections=8).move(x + 0.07, 0.2, front + 0.04)
    parts = [
        box(0.26, 0.44, 0.05).move(x, 0, front).paint(WHITE),
        box(0.21, 0.41, 0.07).move(x, 0, front).paint(door),
        knob.paint((240, 210, 110)),
        box(0.36, 0.05, 0.2).move(x, 0, front + 0.1).paint((170, 168, 160)),
    ]
    places = [(-0.33 * width, 0.34), (0.33 * width, 0.34)]
    if eaves > 0.75:
        places += [(-0.26 * width, 0.74), (0.26 * width, 0.74)]
    for px, py in places:
        if abs(px - x) > 0.24 or py > 0.5:
            parts += [p.move(px, py, front) for p in _window(0.22, 0.24, WHITE)]
    for r, thick, color in ((0.1, 0.05, WHITE), (0.075, 0.07, _PANE)):
        pane = cylinder(r, thick, 18).turn("x", 90).move(0, eaves + 0.35 * rise, front - 0.02)
        parts.append(pane.paint(color))
    return parts


def house(rng: np.random.Generator) -> list[Part]:
    """A house with a gable, door and windows in front, a chimney and a bush."""
    wall = pick(rng, SOFT + BRIGHT[1:3])
    tiles = pick(rng, ((176, 70, 52), (92, 72, 84), (70, 92, 120), (120, 84, 56)))
    door = pick(rng, BRIGHT, but=(wall,))
    width, depth, eaves = rng.uniform(0.9, 1.3), rng.uniform(0.8, 1.0), rng.uniform(0.55, 0.95)
    rise = rng.uniform(0.35, 0.55)
    front = depth / 2
    parts = _roofed_shell(width, depth, eaves, rise, wall, tiles)
    parts += _house_front(rng.uniform(-0.12, 0.12) * width, width, eaves, rise, front, door)
    for pz in (-0.22 * depth, 0.22 * depth):
        for side in (1, -1):
            piece = _window(0.2, 0.24, WHITE)
            parts += [p.turn("y", 90 * side).move(side * width / 2, 0.36, pz) for p in piece]
    parts += [p.turn("y", 180).move(0, 0.38, -front) for p in _window(0.3, 0.26, WHITE)]
    x, y, z = 0.26 * width, eaves + 0.35 * rise, -0.2 * depth
    parts.append(box(0.14, 0.34, 0.14).move(x, y, z).paint((150, 84, 66)))
    parts.append(box(0.17, 0.05, 0.17).move(x, y + 0.34, z).paint((110, 66, 56)))
    for side in (-1, 1):
        if rng.random() < 0.7:
            bush = ball(0.15, 0.14, 0.13, 12).move(side * 0.42 * width, 0.1, front + 0.12)
            parts.append(bush.shade(darker(pick(rng, LEAF)), pick(rng, LEAF)))
    return parts


def _battlements(half: Number, high: Number, stone: Color) -> list[Part]:
    parts = []
    for k in range(5):
        for turn in range(4):
            x = -half + 0.1 + k * (2 * half - 0.2) / 4
            tooth = box(0.1, 0.09, 0.06).move(x, high, half - 0.03)
            parts.append(tooth.turn("y", 90 * turn).paint(stone))
    return parts


def _corner_towers(half: Number, high: Number, r: Number, stone: Color, roof: Color) -> list[Part]:
    parts = []
    for sx in (-1, 1):
        for sz in (-1, 1):
            up = high + (0.32 if sz < 0 else 0.16)
            tower = lathe(
                [(0, up), (r + 0.02, up), (r + 0.02, up - 0.06), (r, up - 0.08), (r, 0)], 18
            )
            slit = box(0.05, 0.12, 0.05).move(0, 0.6 * up, sz * (r - 0.01))
            pieces = [
                tower.shade(darker(stone, 0.25), lighter(stone, 0.1)),
                cone(r + 0.07, 0, 0.4, 18).move(0, up, 0).paint(roof),
                slit.paint((60, 56, 64)),
            ]
            parts += [p.move(sx * half, 0, sz * half) for p in pieces]
    return parts


def _gate(half: Number, stone: Color) -> list[Part]:
    a = np.linspace(0.3, math.pi - 0.3, 7)
    bow = np.stack([0.14 * np.cos(a), 0.24 + 0.14 * np.sin(a)], -1)
    arch = np.concatenate([[(-0.14, 0), (0.14, 0), (0.14, 0.24)], bow, [(-0.14, 0.24)]])
    frame = prism(arch, 0.05, (0, 0.15)).scale(1.25, 1.12, 1).move(0, 0, half)
    bar = box(0.014, 0.34, 0.1).move(0, 0, half).paint((60, 44, 36))
    return [
        frame.paint(darker(stone, 0.35)),
        prism(arch, 0.08, (0, 0.15)).move(0, 0, half).paint(WOOD[1]),
        *(bar.move(x, 0, 0) for x in (-0.09, 0.0, 0.09)),
    ]


def castle(rng: np.random.Generator) -> list[Part]:
    """A keep between round towers with pointed roofs, its gate in front."""
    stone, roof = pick(rng, ((178, 172, 162), (196, 180, 150), (150, 152, 160))), pick(rng, BRIGHT)
    half, high = rng.uniform(0.42, 0.5), rng.uniform(0.5, 0.62)
    parts = [box(2 * half, high, 2 * half).shade(darker(stone, 0.2), stone)]
    parts += _battlements(half, high, stone)
    parts += _corner_towers(half, high, rng.uniform(0.15, 0.19), stone, roof)
    keep = high + rng.uniform(0.3, 0.45)
    parts.append(box(0.5, keep - high, 0.5).move(0, high, -0.05).paint(lighter(stone, 0.12)))
    parts.append(cone(0.42, 0, 0.4, 4).turn("y", 45).move(0, keep, -0.05).paint(roof))
    pole = keep + 0.4
    parts.append(cylinder(0.014, 0.26, 8).move(0, pole - 0.06, -0.05).paint(METAL[3]))
    flag = box(0.2, 0.11, 0.015).move(0.1, pole + 0.08, -0.05)
    parts += [flag.paint(pick(rng, BRIGHT, but=(roof,))), *_gate(half, stone)]
    window = box(0.07, 0.13, 0.04).move(0.12, high + 0.08, 0.2)
    return parts + both_sides(window.paint((60, 56, 64)))


def lighthouse(rng: np.random.Generator) -> list[Part]:
    """A striped tower on a rock, its lantern under a cap and a door in front."""
    color, high = pick(rng, BRIGHT), rng.uniform(1.2, 1.45)
    low_r, top_r = rng.uniform(0.27, 0.32), rng.uniform(0.15, 0.18)
    bands = int(rng.integers(4, 7))
    tower = lathe([(top_r, high), (low_r, 0.1)], 24).wear(
        pictures.stripes([color, WHITE], bands, False)
    )
    y = high
    rock = lathe([(0, 0.14), (0.3, 0.13), (0.46, 0.06), (0.54, 0.0), (0, 0)], 11)
    parts = [rock.shade((104, 98, 92), (150, 144, 132)), tower]
    parts.append(cylinder(top_r + 0.07, 0.05, 22).move(0, y, 0).paint((70, 72, 80)))
    parts.append(torus(top_r + 0.06, 0.014, 22, 6).move(0, y + 0.14, 0).paint((70, 72, 80)))
    parts += [
        cylinder(0.008, 0.12, 6)
        .move(x * (top_r + 0.06), y + 0.03, z * (top_r + 0.06))
        .paint((70, 72, 80))
        for x, z in circle(1.0, 10)
    ]
    parts.append(cylinder(0.11, 0.2, 16).move(0, y + 0.04, 0).paint((250, 228, 130)))
    parts.append(cone(0.17, 0.03, 0.14, 18).move(0, y + 0.24, 0).paint(color))
    parts.append(ball(0.04, sections=10).move(0, y + 0.4, 0).paint((230, 200, 90)))
    parts.append(box(0.15, 0.26, 0.08, 0.01).move(0, 0.12, low_r - 0.03).paint(WOOD[1]))
    for share in (0.42, 0.7):
        r = low_r + (top_r - low_r) * share
        pane = box(0.08, 0.12, 0.06).move(0, 0.1 + share * (high - 0.1), r - 0.02)
        parts.append(pane.paint((60, 66, 84)))
    hut = box(0.3, 0.22, 0.26).move(0.38, 0.06, 0.06).paint(WHITE)
    lid = prism([(-0.19, 0), (0.19, 0), (0, 0.14)], 0.3, (0, 0.05)).move(0.38, 0.28, 0.06)
    return [
        *parts,
        hut,
        lid.paint(color),
        box(0.08, 0.13, 0.03).move(0.38, 0.06, 0.19).paint(GLASS),
    ]


def windmill(rng: np.random.Generator) -> list[Part]:
    """A mill with four sails in front."""
    wall, cap = pick(rng, SOFT), pick(rng, ((150, 64, 52), (84, 70, 64), (60, 84, 112)))
    high, low = rng.uniform(0.85, 1.05), rng.uniform(0.34, 0.4)
    tower = lathe([(0.24, high), (low, 0)], 8 if rng.random() < 0.5 else 24)
    brick = pick(rng, ((176, 96, 74), (190, 150, 120)))
    tower = (
        tower.wear(_bricks(brick, 12))
        if rng.random() < 0.4
        else tower.shade(darker(wall, 0.2), wall)
    )
    parts = [
        tower,
        lathe([(0.01, high + 0.27), (0.14, high + 0.2), (0.28, high), (0, high)], 20).paint(cap),
    ]
    hub, z = high + 0.06, 0.34
    parts.append(cylinder(0.045, 0.22, 12).turn("x", 90).move(0, hub, z - 0.14).paint(WOOD[1]))
    start, cloth = rng.uniform(10, 80), pick(rng, (WHITE, *SOFT))
    for k in range(4):
        arm = box(0.035, 0.78, 0.03).paint(WOOD[3])
        sail = box(0.17, 0.56, 0.012).move(0.09, 0.2, 0).paint(cloth)
        ribs = [
            box(0.18, 0.012, 0.02).move(0.09, 0.24 + 0.12 * n, 0).paint(WOOD[0]) for n in range(5)
        ]
        parts += [p.turn("z", start + 90 * k).move(0, hub, z + 0.06) for p in (arm, sail, *ribs)]
    parts.append(panel(0.2, 0.32).move(0, 0.0, low + 0.01).paint(WOOD[1]))
    parts.append(box(0.18, 0.3, 0.06).move(0, 0, low - 0.04).paint(pick(rng, BRIGHT)))
    parts += [p.move(0, 0.56, 0.29 + 0.02 * (low > 0.37)) for p in _window(0.14, 0.16, WHITE)]
    parts.append(box(0.12, 0.14, 0.05).move(0, 0.5, -0.31).paint(_PANE))
    parts.append(
        lathe([(0, 0.03), (low + 0.2, 0.03), (low + 0.22, 0), (0, 0)], 20).paint(pick(rng, LEAF))
    )
    return parts
