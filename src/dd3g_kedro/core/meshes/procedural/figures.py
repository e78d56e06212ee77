"""Robots, snowmen and toy people, face to +z."""

from __future__ import annotations

import numpy as np

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
from dd3g_kedro.core.meshes.procedural.parts import Color, Part, both_sides
from dd3g_kedro.core.meshes.procedural.shapes import (
    ball,
    box,
    cone,
    cylinder,
    disc,
    limb,
    torus,
    tube,
)

_SKIN: tuple[Color, ...] = ((250, 214, 180), (226, 176, 130), (170, 116, 78), (112, 74, 52))


def robot(rng: np.random.Generator) -> list[Part]:
    """A robot with dials on its chest, on legs or on tracks."""
    color, trim = pick(rng, BRIGHT + METAL[:2]), pick(rng, METAL)
    glow = pick(rng, ((90, 220, 255), (255, 220, 80), (255, 90, 80), (120, 255, 140)))
    width, tall = rng.uniform(0.46, 0.6), rng.uniform(0.46, 0.56)
    parts = []
    if rng.random() < 0.5:
        base = 0.42
        for x in (-0.13, 0.13):
            parts.append(cylinder(0.065, 0.36, 14).move(x, 0.08, 0).paint(trim))
            parts.append(torus(0.07, 0.02, 14, 6).move(x, 0.25, 0).paint(darker(trim)))
            parts.append(box(0.19, 0.1, 0.3, 0.04).move(x, 0, 0.04).paint(darker(color)))
    else:
        base = 0.3
        for x in (-0.24, 0.24):
            parts.append(box(0.15, 0.26, 0.6, 0.12, 4).move(x, 0, 0).paint((50, 50, 54)))
            for z in (-0.18, 0.0, 0.18):
                parts += [disc(0.07, 0.17, 12).move(x, 0.13, z).paint(trim)]
        parts.append(box(0.36, 0.1, 0.3, 0.02).move(0, 0.2, 0).paint(trim))
    parts.append(box(width, tall, 0.36, 0.06).move(0, base, 0).paint(color))
    front = 0.18
    parts.append(
        box(0.66 * width, 0.5 * tall, 0.03, 0.012)
        .move(0, base + 0.3 * tall, front)
        .paint(lighter(trim, 0.4))
    )
    for k, light in enumerate(((220, 60, 50), (250, 200, 60), (80, 180, 90))):
        button = ball(0.032, sections=10).move((k - 1) * 0.1, base + 0.42 * tall, front + 0.02)
        parts.append(button.paint(light))
    parts.append(
        box(0.26, 0.07, 0.02).move(0, base + 0.58 * tall, front + 0.012).paint((50, 60, 70))
    )
    parts.append(box(0.12, 0.04, 0.02).move(-0.05, base + 0.595 * tall, front + 0.017).paint(glow))
    shoulder = base + tall - 0.1
    lift = rng.uniform(-25, 35)
    for side in (-1, 1):
        x = side * (width / 2 + 0.07)
        hand = np.array([x + 0.05 * side, shoulder - 0.34, 0.1])
        if side > 0 and lift > 5:  # it waves
            hand = np.array([x + 0.16, shoulder + 0.3, 0.12])
        parts.append(ball(0.09, sections=14).move(x, shoulder, 0).paint(trim))
        parts.append(limb((x, shoulder, 0), tuple(hand), 0.05, 0.045).paint(trim))
        parts.append(ball(0.075, sections=12).move(*hand).paint(color))
        for dx in (-0.045, 0.045):
            tip = hand + [dx, 0.1 if hand[1] > shoulder else -0.1, 0.03]
            parts.append(limb(tuple(hand), tuple(tip), 0.03, 0.022, 8).paint(darker(color)))
    head = base + tall + 0.06
    parts.append(cylinder(0.08, 0.08, 14).move(0, head - 0.07, 0).paint(trim))
    wide, high = rng.uniform(0.34, 0.44), rng.uniform(0.26, 0.34)
    parts.append(
        box(wide, high, 0.3, 0.06 if rng.random() < 0.5 else 0.13, 3).move(0, head, 0).paint(color)
    )
    parts.append(
        box(0.84 * wide, 0.5 * high, 0.03, 0.012)
        .move(0, head + 0.38 * high, 0.15)
        .paint((44, 48, 58))
    )
    eye = ball(0.05, 0.05, 0.03, 12).move(0.23 * wide, head + 0.62 * high, 0.165)
    parts += both_sides(eye.paint(glow))
    for k in range(4):
        parts.append(
            box(0.03, 0.05, 0.02).move((k - 1.5) * 0.05, head + 0.13 * high, 0.145).paint(WHITE)
        )
    parts += both_sides(disc(0.06, 0.06, 14).move(wide / 2 + 0.01, head + high / 2, 0).paint(trim))
    parts.append(limb((0, head + high, 0), (0, head + high + 0.16, 0), 0.016, 0.012, 8).paint(trim))
    parts.append(ball(0.045, sections=10).move(0, head + high + 0.18, 0).paint(glow))
    parts.append(
        box(0.6 * width, 0.5 * tall, 0.1, 0.03)
        .move(0, base + 0.2 * tall, -0.2)
        .paint(darker(color, 0.35))
    )
    return parts


def snowman(rng: np.random.Generator) -> list[Part]:
    """Three balls of snow with a hat, a scarf and a carrot."""
    scarf, hat = pick(rng, BRIGHT), pick(rng, (BLACK, *BRIGHT))
    low, middle, top = rng.uniform(0.38, 0.44), rng.uniform(0.28, 0.32), rng.uniform(0.2, 0.24)
    y1 = 0.9 * low + 0.02
    y2 = y1 + 0.7 * (low + middle)
    y3 = y2 + 0.78 * (middle + top)
    parts = []
    for r, y in ((low, y1), (middle, y2), (top, y3)):
        parts.append(ball(r, 0.94 * r, r, 24).move(0, y, 0).shade((206, 216, 230), (252, 252, 254)))
    for k in range(3):
        y = y2 - 0.12 + 0.12 * k
        parts.append(ball(0.032, sections=10).move(0, y, middle - 0.02 * abs(k - 1)).paint(BLACK))
    parts += both_sides(ball(0.032, sections=10).move(0.08, y3 + 0.05, 0.9 * top).paint(BLACK))
    parts.append(
        cone(0.045, 0.004, 0.24, 12).turn("x", 90).move(0, y3, 0.9 * top).paint((240, 130, 40))
    )
    for k in range(5):
        x = (k - 2) * 0.045
        parts.append(
            ball(0.016, sections=8).move(x, y3 - 0.09 + 1.6 * x * x * 4, 0.9 * top).paint(BLACK)
        )
    neck = y3 - 0.8 * top
    parts.append(torus(0.78 * top, 0.055, 22, 8).move(0, neck, 0).paint(scarf))
    side = 1 if rng.random() < 0.5 else -1
    parts.append(
        box(0.1, 0.34, 0.05, 0.02)
        .turn("z", 8 * side)
        .move(0.1 * side, neck - 0.36, middle - 0.05)
        .paint(scarf)
    )
    parts.append(
        box(0.1, 0.06, 0.055)
        .move(0.15 * side, neck - 0.4, middle - 0.045)
        .paint(lighter(scarf, 0.5))
    )
    brim = y3 + 0.72 * top
    if rng.random() < 0.6:
        parts.append(cylinder(1.15 * top, 0.035, 22).move(0, brim, 0).paint(hat))
        parts.append(cylinder(0.75 * top, rng.uniform(0.2, 0.3), 20).move(0, brim, 0).paint(hat))
        parts.append(cylinder(0.77 * top, 0.06, 20).move(0, brim + 0.035, 0).paint(scarf))
    else:
        parts.append(cone(0.86 * top, 0.02, 0.3, 18).move(0, brim - 0.03, 0).paint(hat))
        parts.append(torus(0.84 * top, 0.04, 20, 8).move(0, brim, 0).paint(WHITE))
        parts.append(ball(0.06, sections=12).move(0, brim + 0.28, 0).paint(WHITE))
    for s in (-1, 1):
        shoulder, hand = (
            (s * 0.8 * middle, y2 + 0.06, 0),
            (s * (middle + 0.34), y2 + rng.uniform(-0.02, 0.34), 0.06),
        )
        parts.append(limb(shoulder, hand, 0.022, 0.016, 8).paint(WOOD[1]))
        for dy in (-0.06, 0.08):
            parts.append(
                limb(hand, (hand[0] + 0.09 * s, hand[1] + dy, 0.08), 0.014, 0.008, 6).paint(WOOD[1])
            )
    return parts


def _hair(rng: np.random.Generator, y: float, r: float, color: Color) -> list[Part]:
    kind = rng.integers(4)
    cap = ball(1.06 * r, 1.06 * r, 1.06 * r, 24)
    v = cap.vertices
    keep = (v[cap.faces][:, :, 1] > -0.1 * r).all(1) & (
        (v[cap.faces][:, :, 2] < 0.55 * r) | (v[cap.faces][:, :, 1] > 0.5 * r)
    ).all(1)
    shell = Part(v, cap.faces[keep], cap.uvs).move(0, y, 0).paint(color)
    if kind == 0:
        return [shell]
    if kind == 1:  # buns
        return [
            shell,
            *both_sides(
                ball(0.38 * r, sections=12).move(0.75 * r, y + 0.8 * r, -0.1 * r).paint(color)
            ),
        ]
    if kind == 2:  # long
        fall = ball(0.95 * r, 1.3 * r, 0.5 * r, 18).move(0, y - 0.7 * r, -0.62 * r)
        return [shell, fall.paint(color)]
    visor = ball(0.8 * r, 0.07 * r, 0.7 * r, 16).move(0, y + 0.42 * r, 0.75 * r)
    hat = pick(rng, BRIGHT)
    return [shell.paint(hat), visor.paint(darker(hat))]


def toy_person(rng: np.random.Generator) -> list[Part]:
    """A wooden-toy figure in shirt and trousers or a dress."""
    skin, shirt = pick(rng, _SKIN), pick(rng, BRIGHT)
    trousers, hair = (
        pick(rng, BRIGHT, but=(shirt,)),
        pick(rng, WOOD + ((40, 36, 40), (230, 190, 90), (180, 80, 40))),
    )
    leg, tall, r = rng.uniform(0.36, 0.46), rng.uniform(0.38, 0.46), rng.uniform(0.22, 0.27)
    parts = []
    dress = rng.random() < 0.4
    for x in (-0.1, 0.1):
        parts.append(
            limb((x, leg + 0.04, 0), (x, 0.09, 0), 0.085, 0.07).paint(skin if dress else trousers)
        )
        parts.append(ball(0.09, 0.07, 0.14, 14).move(x, 0.065, 0.04).paint(darker(trousers, 0.4)))
    if dress:
        parts.append(cone(0.32, 0.15, 0.6 * tall + 0.16, 22).move(0, leg - 0.12, 0).paint(shirt))
        parts.append(torus(0.31, 0.028, 24, 6).move(0, leg - 0.1, 0).paint(lighter(shirt, 0.5)))
    else:
        parts.append(box(0.36, 0.14, 0.24, 0.06).move(0, leg - 0.04, 0).paint(trousers))
    parts.append(
        box(0.42 if not dress else 0.36, tall, 0.26, 0.11, 4).move(0, leg + 0.03, 0).paint(shirt)
    )
    kind = rng.integers(3)
    if kind == 0:
        parts.append(
            box(0.43, 0.08, 0.27, 0.03).move(0, leg + 0.5 * tall, 0).paint(pick(rng, SOFT))
        )
    elif kind == 1:
        for k in range(3):
            parts.append(
                ball(0.022, sections=8).move(0, leg + (0.3 + 0.2 * k) * tall, 0.135).paint(WHITE)
            )
    else:
        parts.append(
            box(0.16, 0.16, 0.02, 0.008).move(0, leg + 0.42 * tall, 0.128).paint(pick(rng, SOFT))
        )
    shoulder = leg + tall - 0.07
    wave = rng.random() < 0.5
    for side in (-1, 1):
        start = (side * 0.2, shoulder, 0)
        end = (
            (side * 0.44, shoulder + 0.26, 0.06)
            if wave and side > 0
            else (side * 0.36, shoulder - 0.27, 0.08)
        )
        parts.append(limb(start, end, 0.075, 0.06).paint(shirt))
        parts.append(
            ball(0.07, sections=12)
            .move(end[0] * 1.05, end[1] + (0.05 if end[1] > shoulder else -0.05), end[2] + 0.01)
            .paint(skin)
        )
    y = leg + tall + 0.8 * r
    parts.append(ball(r, sections=24).move(0, y, 0).paint(skin))
    eye = ball(0.034, 0.044, 0.02, 12).move(0.36 * r, y + 0.1 * r, 0.92 * r)
    parts += both_sides(eye.paint(BLACK))
    parts.append(ball(0.034, sections=10).move(0, y - 0.06 * r, r).paint(darker(skin, 0.1)))
    smile = [
        (0.11 * np.sin(a), y - 0.26 * r - 0.05 * np.cos(a), 0.92 * r - 0.03 * abs(a))
        for a in np.linspace(-1.1, 1.1, 9)
    ]
    parts.append(tube(smile, 0.014, 6).paint((170, 60, 60)))
    parts += both_sides(
        ball(0.045, 0.035, 0.02, 10).move(0.6 * r, y - 0.18 * r, 0.78 * r).paint((240, 150, 140))
    )
    return parts + _hair(rng, y, r, hair)
