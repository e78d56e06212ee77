"""Robots, snowmen and toy people, face to +z."""

from __future__ import annotations

import numpy as np

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
from dd3g_kedro.objects.toys.parts import Color, Number, Part, both_sides
from dd3g_kedro.objects.toys.shapes import (
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


def _chassis(rng: np.random.Generator, color: Color, trim: Color) -> tuple[list[Part], Number]:
    """A robot's legs or tracks, and the height of its hips."""
    parts = []
    if rng.random() < 0.5:
        for x in (-0.13, 0.13):
            parts.append(cylinder(0.065, 0.36, 14).move(x, 0.08, 0).paint(trim))
            parts.append(torus(0.07, 0.02, 14, 6).move(x, 0.25, 0).paint(darker(trim)))
            parts.append(box(0.19, 0.1, 0.3, 0.04).move(x, 0, 0.04).paint(darker(color)))
        return parts, 0.42
    for x in (-0.24, 0.24):
        parts.append(box(0.15, 0.26, 0.6, 0.12, 4).move(x, 0, 0).paint((50, 50, 54)))
        parts += [disc(0.07, 0.17, 12).move(x, 0.13, z).paint(trim) for z in (-0.18, 0.0, 0.18)]
    return [*parts, box(0.36, 0.1, 0.3, 0.02).move(0, 0.2, 0).paint(trim)], 0.3


def _dials(width: Number, tall: Number, base: Number, plate: Color, glow: Color) -> list[Part]:
    """A robot's chest."""
    board = box(0.66 * width, 0.5 * tall, 0.03, 0.012).move(0, base + 0.3 * tall, 0.18)
    screen = box(0.26, 0.07, 0.02).move(0, base + 0.58 * tall, 0.192)
    bar = box(0.12, 0.04, 0.02).move(-0.05, base + 0.595 * tall, 0.197)
    button = ball(0.032, sections=10).move(0, base + 0.42 * tall, 0.2)
    lights = ((220, 60, 50), (250, 200, 60), (80, 180, 90))
    return [
        board.paint(plate),
        *(button.move((k - 1) * 0.1, 0, 0).paint(light) for k, light in enumerate(lights)),
        screen.paint((50, 60, 70)),
        bar.paint(glow),
    ]


def _arms(x: Number, shoulder: Number, waves: bool, color: Color, trim: Color) -> list[Part]:
    """A robot's arms with two fingers each."""
    parts = []
    for side in (-1, 1):
        joint = (side * x, shoulder, 0)
        hand = np.array([side * (x + 0.05), shoulder - 0.34, 0.1])
        if side > 0 and waves:
            hand = np.array([x + 0.16, shoulder + 0.3, 0.12])
        parts.append(ball(0.09, sections=14).move(*joint).paint(trim))
        parts.append(limb(joint, hand, 0.05, 0.045).paint(trim))
        parts.append(ball(0.075, sections=12).move(*hand).paint(color))
        for dx in (-0.045, 0.045):
            tip = hand + np.array([dx, 0.1 if hand[1] > shoulder else -0.1, 0.03])
            parts.append(limb(hand, tip, 0.03, 0.022, 8).paint(darker(color)))
    return parts


def _robot_head(
    rng: np.random.Generator, y: Number, color: Color, trim: Color, glow: Color
) -> list[Part]:
    wide, high = rng.uniform(0.34, 0.44), rng.uniform(0.26, 0.34)
    skull = box(wide, high, 0.3, 0.06 if rng.random() < 0.5 else 0.13, 3).move(0, y, 0)
    visor = box(0.84 * wide, 0.5 * high, 0.03, 0.012).move(0, y + 0.38 * high, 0.15)
    eye = ball(0.05, 0.05, 0.03, 12).move(0.23 * wide, y + 0.62 * high, 0.165)
    tooth = box(0.03, 0.05, 0.02).move(0, y + 0.13 * high, 0.145).paint(WHITE)
    ear = disc(0.06, 0.06, 14).move(wide / 2 + 0.01, y + high / 2, 0)
    return [
        cylinder(0.08, 0.08, 14).move(0, y - 0.07, 0).paint(trim),
        skull.paint(color),
        visor.paint((44, 48, 58)),
        *both_sides(eye.paint(glow)),
        *(tooth.move((k - 1.5) * 0.05, 0, 0) for k in range(4)),
        *both_sides(ear.paint(trim)),
        limb((0, y + high, 0), (0, y + high + 0.16, 0), 0.016, 0.012, 8).paint(trim),
        ball(0.045, sections=10).move(0, y + high + 0.18, 0).paint(glow),
    ]


def robot(rng: np.random.Generator) -> list[Part]:
    """A robot with dials on its chest, on legs or on tracks."""
    color, trim = pick(rng, BRIGHT + METAL[:2]), pick(rng, METAL)
    glow = pick(rng, ((90, 220, 255), (255, 220, 80), (255, 90, 80), (120, 255, 140)))
    width, tall = rng.uniform(0.46, 0.6), rng.uniform(0.46, 0.56)
    parts, base = _chassis(rng, color, trim)
    parts.append(box(width, tall, 0.36, 0.06).move(0, base, 0).paint(color))
    parts += _dials(width, tall, base, lighter(trim, 0.4), glow)
    waves = rng.uniform(-25, 35) > 5
    parts += _arms(width / 2 + 0.07, base + tall - 0.1, waves, color, trim)
    parts += _robot_head(rng, base + tall + 0.06, color, trim, glow)
    pack = box(0.6 * width, 0.5 * tall, 0.1, 0.03).move(0, base + 0.2 * tall, -0.2)
    return [*parts, pack.paint(darker(color, 0.35))]


def _snow_face(y: Number, r: Number) -> list[Part]:
    """Eyes and a mouth of coal, a carrot."""
    coal = ball(0.016, sections=8).paint(BLACK)
    eye = ball(0.032, sections=10).move(0.08, y + 0.05, 0.9 * r)
    carrot = cone(0.045, 0.004, 0.24, 12).turn("x", 90).move(0, y, 0.9 * r)
    mouth = [(0.045 * k, y - 0.09 + 6.4 * (0.045 * k) ** 2, 0.9 * r) for k in range(-2, 3)]
    return [
        *both_sides(eye.paint(BLACK)),
        carrot.paint((240, 130, 40)),
        *(coal.move(*place) for place in mouth),
    ]


def _winter_hat(
    rng: np.random.Generator, brim: Number, r: Number, hat: Color, band: Color
) -> list[Part]:
    if rng.random() < 0.6:
        crown = cylinder(0.75 * r, rng.uniform(0.2, 0.3), 20)
        return [
            cylinder(1.15 * r, 0.035, 22).move(0, brim, 0).paint(hat),
            crown.move(0, brim, 0).paint(hat),
            cylinder(0.77 * r, 0.06, 20).move(0, brim + 0.035, 0).paint(band),
        ]
    return [
        cone(0.86 * r, 0.02, 0.3, 18).move(0, brim - 0.03, 0).paint(hat),
        torus(0.84 * r, 0.04, 20, 8).move(0, brim, 0).paint(WHITE),
        ball(0.06, sections=12).move(0, brim + 0.28, 0).paint(WHITE),
    ]


def _twig_arms(rng: np.random.Generator, y: Number, r: Number) -> list[Part]:
    parts = []
    for side in (-1, 1):
        hand = (side * (r + 0.34), y + rng.uniform(-0.02, 0.34), 0.06)
        twigs = [limb((side * 0.8 * r, y + 0.06, 0), hand, 0.022, 0.016, 8)]
        for dy in (-0.06, 0.08):
            end = (hand[0] + 0.09 * side, hand[1] + dy, 0.08)
            twigs.append(limb(hand, end, 0.014, 0.008, 6))
        parts += [twig.paint(WOOD[1]) for twig in twigs]
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
        button = ball(0.032, sections=10).move(0, y2 - 0.12 + 0.12 * k, middle - 0.02 * abs(k - 1))
        parts.append(button.paint(BLACK))
    parts += _snow_face(y3, top)
    neck = y3 - 0.8 * top
    parts.append(torus(0.78 * top, 0.055, 22, 8).move(0, neck, 0).paint(scarf))
    side = 1 if rng.random() < 0.5 else -1
    end = box(0.1, 0.34, 0.05, 0.02).turn("z", 8 * side)
    parts.append(end.move(0.1 * side, neck - 0.36, middle - 0.05).paint(scarf))
    fringe = box(0.1, 0.06, 0.055).move(0.15 * side, neck - 0.4, middle - 0.045)
    parts.append(fringe.paint(lighter(scarf, 0.5)))
    parts += _winter_hat(rng, y3 + 0.72 * top, top, hat, scarf)
    return parts + _twig_arms(rng, y2, middle)


def _hair(rng: np.random.Generator, y: Number, r: Number, color: Color) -> list[Part]:
    kind = rng.integers(4)
    cap = ball(1.06 * r, 1.06 * r, 1.06 * r, 24)
    up, front = cap.vertices[cap.faces][:, :, 1], cap.vertices[cap.faces][:, :, 2]
    keep = (up > -0.1 * r).all(1) & ((front < 0.55 * r) | (up > 0.5 * r)).all(1)
    shell = Part(cap.vertices, cap.faces[keep], cap.uvs).move(0, y, 0).paint(color)
    if kind == 0:
        return [shell]
    if kind == 1:
        bun = ball(0.38 * r, sections=12).move(0.75 * r, y + 0.8 * r, -0.1 * r)
        return [shell, *both_sides(bun.paint(color))]
    if kind == 2:  # long
        fall = ball(0.95 * r, 1.3 * r, 0.5 * r, 18).move(0, y - 0.7 * r, -0.62 * r)
        return [shell, fall.paint(color)]
    visor = ball(0.8 * r, 0.07 * r, 0.7 * r, 16).move(0, y + 0.42 * r, 0.75 * r)
    hat = pick(rng, BRIGHT)
    return [shell.paint(hat), visor.paint(darker(hat))]


def _lower_body(
    leg: Number, tall: Number, skin: Color, shirt: Color, trousers: Color, dress: bool
) -> list[Part]:
    parts = []
    for x in (-0.1, 0.1):
        shank = limb((x, leg + 0.04, 0), (x, 0.09, 0), 0.085, 0.07)
        shoe = ball(0.09, 0.07, 0.14, 14).move(x, 0.065, 0.04)
        parts += [shank.paint(skin if dress else trousers), shoe.paint(darker(trousers, 0.4))]
    if not dress:
        return [*parts, box(0.36, 0.14, 0.24, 0.06).move(0, leg - 0.04, 0).paint(trousers)]
    skirt = cone(0.32, 0.15, 0.6 * tall + 0.16, 22).move(0, leg - 0.12, 0)
    hem = torus(0.31, 0.028, 24, 6).move(0, leg - 0.1, 0)
    return [*parts, skirt.paint(shirt), hem.paint(lighter(shirt, 0.5))]


def _ornament(rng: np.random.Generator, leg: Number, tall: Number) -> list[Part]:
    """A belt, buttons or a badge."""
    kind = rng.integers(3)
    if kind == 0:
        belt = box(0.43, 0.08, 0.27, 0.03).move(0, leg + 0.5 * tall, 0)
        return [belt.paint(pick(rng, SOFT))]
    if kind == 1:
        button = ball(0.022, sections=8).paint(WHITE)
        return [button.move(0, leg + (0.3 + 0.2 * k) * tall, 0.135) for k in range(3)]
    badge = box(0.16, 0.16, 0.02, 0.008).move(0, leg + 0.42 * tall, 0.128)
    return [badge.paint(pick(rng, SOFT))]


def _sleeves(shoulder: Number, waves: bool, skin: Color, shirt: Color) -> list[Part]:
    parts = []
    for side in (-1, 1):
        if waves and side > 0:
            end, reach = (side * 0.44, shoulder + 0.26, 0.06), 0.05
        else:
            end, reach = (side * 0.36, shoulder - 0.27, 0.08), -0.05
        parts.append(limb((side * 0.2, shoulder, 0), end, 0.075, 0.06).paint(shirt))
        hand = ball(0.07, sections=12).move(end[0] * 1.05, end[1] + reach, end[2] + 0.01)
        parts.append(hand.paint(skin))
    return parts


def _face(y: Number, r: Number, skin: Color) -> list[Part]:
    eye = ball(0.034, 0.044, 0.02, 12).move(0.36 * r, y + 0.1 * r, 0.92 * r)
    nose = ball(0.034, sections=10).move(0, y - 0.06 * r, r)
    cheek = ball(0.045, 0.035, 0.02, 10).move(0.6 * r, y - 0.18 * r, 0.78 * r)
    a = np.linspace(-1.1, 1.1, 9)
    low, deep = y - 0.26 * r - 0.05 * np.cos(a), 0.92 * r - 0.03 * np.abs(a)
    return [
        ball(r, sections=24).move(0, y, 0).paint(skin),
        *both_sides(eye.paint(BLACK)),
        nose.paint(darker(skin, 0.1)),
        tube(np.stack([0.11 * np.sin(a), low, deep], -1), 0.014, 6).paint((170, 60, 60)),
        *both_sides(cheek.paint((240, 150, 140))),
    ]


def toy_person(rng: np.random.Generator) -> list[Part]:
    """A wooden-toy figure in shirt and trousers or a dress."""
    skin, shirt = pick(rng, _SKIN), pick(rng, BRIGHT)
    trousers = pick(rng, BRIGHT, but=(shirt,))
    hair = pick(rng, (*WOOD, (40, 36, 40), (230, 190, 90), (180, 80, 40)))
    leg, tall, r = rng.uniform(0.36, 0.46), rng.uniform(0.38, 0.46), rng.uniform(0.22, 0.27)
    dress = rng.random() < 0.4
    parts = _lower_body(leg, tall, skin, shirt, trousers, dress)
    body = box(0.36 if dress else 0.42, tall, 0.26, 0.11, 4).move(0, leg + 0.03, 0)
    parts += [body.paint(shirt), *_ornament(rng, leg, tall)]
    parts += _sleeves(leg + tall - 0.07, rng.random() < 0.5, skin, shirt)
    y = leg + tall + 0.8 * r
    return parts + _face(y, r, skin) + _hair(rng, y, r, hair)
