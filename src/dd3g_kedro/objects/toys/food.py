"""Cakes, ice cream and burgers."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    SOFT,
    WHITE,
    WOOD,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Color, Number, Part
from dd3g_kedro.objects.toys.shapes import (
    ball,
    box,
    circle,
    cylinder,
    lathe,
    limb,
    panel,
    prism,
    smooth,
    torus,
    tube,
)

_WAFFLE: Color = (222, 164, 92)
_ICE: tuple[Color, ...] = (
    (250, 214, 224), (120, 76, 52), (250, 240, 206),
    (176, 222, 190), (236, 120, 140), (250, 206, 90),
)  # fmt: skip


def _tier(
    rng: np.random.Generator, r: Number, high: Number, odd: bool, colors: tuple[Color, Color, Color]
) -> list[Part]:
    """One layer of a cake, standing on y = 0, icing running down its side."""
    sponge, icing, trim = colors
    side = lathe([(r, high), (r, 0)], 30)
    pattern = rng.integers(3)
    if pattern == 0:
        side = side.wear(pictures.stripes([sponge, icing, sponge, trim], 5, False))
    elif pattern == 1:
        side = side.wear(pictures.dots(icing, trim, 14, 3))
    else:
        side = side.paint(icing if odd else sponge)
    rim = [(r + 0.02, high - 0.02), (r + 0.015, high - 0.06)]
    top = lathe([(0, high + 0.02), (0.96 * r, high + 0.02), *rim], 30)
    parts = [side, top.paint(icing)]
    for k in range(12):
        angle = 2 * math.pi * k / 12
        drop = ball(0.05, rng.uniform(0.06, 0.11), 0.03, 10).turn("y", math.degrees(angle))
        x, z = 1.01 * r * math.sin(angle), 1.01 * r * math.cos(angle)
        parts.append(drop.move(x, high - 0.06, z).paint(icing))
    return parts


def _candle(rng: np.random.Generator, striped: bool) -> list[Part]:
    candle, color = cylinder(0.022, 0.18, 8), pick(rng, BRIGHT)
    wax = (
        candle.wear(pictures.stripes([WHITE, color], 6, False, 8, 48))
        if striped
        else candle.paint(color)
    )
    return [wax, ball(0.022, 0.04, 0.022, 8).move(0, 0.22, 0).paint((255, 190, 60))]


def cake(rng: np.random.Generator) -> list[Part]:
    """A cake of one to three tiers with icing and candles."""
    sponge = pick(rng, ((206, 150, 90), (110, 66, 44), (240, 214, 150)))
    colors = (sponge, pick(rng, SOFT), pick(rng, BRIGHT))
    tiers, y, r = int(rng.integers(1, 4)), 0.06, 0.55
    plate = lathe([(0, 0.05), (0.72, 0.06), (0.74, 0.04), (0.4, 0.0), (0, 0)], 30)
    parts = [plate.paint(WHITE)]
    high = 0.34 if tiers == 1 else 0.26
    for tier in range(tiers):
        parts += [p.move(0, y, 0) for p in _tier(rng, r, high, bool(tier % 2), colors)]
        y, r = y + high + 0.02, 0.66 * r
    r /= 0.66
    count = int(rng.integers(3, 8))
    for x, z in circle(0.6 * r, count, 90):
        parts += [p.move(x, y, z) for p in _candle(rng, count < 6)]
    for x, z in circle(0.86 * r, 8, 22):
        parts.append(ball(0.05, sections=10).move(x, y + 0.03, z).paint(colors[2]))
    return parts


def _waffle_cone() -> list[Part]:
    canvas = pictures.Canvas(96, 96, _WAFFLE)
    for k in range(-8, 9):
        for low, high in ((0.0, 1.0), (1.0, 0.0)):
            canvas.line([(k / 8, low), (k / 8 + 1, high)], 0.035, darker(_WAFFLE, 0.3))
    rim = torus(0.3, 0.035, 24, 8).move(0, 0.8, 0)
    return [lathe([(0.3, 0.8), (0.02, 0)], 24).wear(canvas.finish()), rim.paint(_WAFFLE)]


def _scoop(y: Number, r: Number, color: Color) -> list[Part]:
    rim = lathe([(0.96 * r, 0.05), (1.08 * r, -0.04), (0.92 * r, -0.11)], 22).move(0, y - 0.06, 0)
    scoop = ball(r, 0.95 * r, r, 22).move(0, y, 0)
    return [scoop.shade(darker(color, 0.12), color), rim.paint(darker(color, 0.06))]


def _sprinkles(y: Number, r: Number) -> list[Part]:
    parts = []
    for n in range(26):
        up, angle = 0.25 + 0.7 * (n + 0.5) / 26, 2.4 * n
        flat = math.sqrt(1 - up * up)
        spot = np.array([flat * math.sin(angle), 0.95 * up, flat * math.cos(angle)]) * r
        end = spot + 0.05 * np.array([math.cos(3.1 * n), 0.2, math.sin(3.1 * n)])
        parts.append(limb(spot, end, 0.016, 0.016, 6).move(0, y, 0).paint(BRIGHT[n % 9]))
    return parts


def ice_cream(rng: np.random.Generator) -> list[Part]:
    """Scoops on a waffle cone."""
    parts = _waffle_cone()
    order = rng.permutation(len(_ICE))
    count, y, r = int(rng.integers(1, 4)), 0.9, 0.32
    for k in range(count):
        parts += _scoop(y, r, _ICE[order[k]])
        if k == count - 1:
            parts += _sprinkles(y, r)
        y, r = y + 1.25 * r, 0.88 * r
    top = y - 0.3 * r
    if rng.random() < 0.6:
        parts.append(ball(0.09, sections=14).move(0, top + 0.08, 0).paint((200, 30, 50)))
        path = smooth([(0, top + 0.15, 0), (0.03, top + 0.24, 0), (0.1, top + 0.3, 0)], 6)
        parts.append(tube(path, 0.012, 6).paint((90, 120, 60)))
    wafer = box(0.1, 0.44, 0.03).turn("z", -24).turn("x", -8).move(0.2, 1.0, 0.02)
    return [*parts, wafer.paint(lighter(_WAFFLE, 0.15))]


def _lettuce() -> Part:
    angle = np.linspace(0, 2 * math.pi, 49)[:-1]
    radius = 0.52 + 0.05 * np.sin(9 * angle)
    wave = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return prism(wave, 0.04).turn("x", 90).move(0, 0.02, 0).paint((112, 176, 64))


def _layers() -> list[tuple[list[Part], Number]]:
    """What can lie in a burger, each with its thickness; the meat comes last."""
    patty = lathe(smooth([(0.44, 0.13), (0.5, 0.07), (0.46, 0)], 6), 24)
    slices = [cylinder(0.2, 0.06, 18).move(x, 0, z) for x, z in circle(0.26, 4, 45)]
    cheese = box(0.86, 0.03, 0.86).turn("y", 45)
    onion = torus(0.4, 0.045, 26, 8).move(0, 0.03, 0)
    return [
        ([_lettuce()], 0.04),
        ([tomato.paint((214, 60, 44)) for tomato in slices], 0.06),
        ([cheese.paint((250, 190, 50))], 0.03),
        ([onion.paint((240, 226, 236))], 0.06),
        ([patty.shade((84, 48, 32), (118, 72, 46))], 0.13),
    ]


def _bun_top(bun: Color) -> list[Part]:
    """A dome with sesame."""
    dome = lathe(smooth([(0.01, 0.34), (0.3, 0.28), (0.5, 0.1), (0.48, 0.0)], 12), 26)
    parts = [dome.shade(lighter(bun, 0.1), darker(bun, 0.08))]
    parts.append(lathe([(0, 0), (0.48, 0)], 26).paint(lighter(bun, 0.3)))
    for n in range(30):
        r, angle = 0.38 * math.sqrt((n + 0.5) / 30), 2.4 * n
        seed = ball(0.022, 0.012, 0.032, 8).turn("y", 50 * n)
        seed = seed.move(r * math.sin(angle), 0.335 - 0.55 * r * r, r * math.cos(angle))
        parts.append(seed.paint((250, 236, 196)))
    return parts


def burger(rng: np.random.Generator) -> list[Part]:
    """A burger in layers, some with a flag on top."""
    bun = pick(rng, ((214, 150, 76), (196, 128, 62)))
    bottom = lathe(smooth([(0.46, 0.16), (0.5, 0.1), (0.44, 0.0)], 8), 26)
    parts, y = [bottom.paint(bun), lathe([(0.44, 0), (0, 0)], 26).paint(bun)], 0.15
    layers = _layers()
    for layer in [4, *rng.permutation(4)[: int(rng.integers(2, 5))]]:
        pieces, thickness = layers[layer]
        parts += [p.move(0, y, 0) for p in pieces]
        y += thickness
    parts += [p.move(0, y, 0) for p in _bun_top(bun)]
    if rng.random() < 0.5:
        parts.append(cylinder(0.012, 0.4, 6).move(0, y + 0.3, 0).paint(WOOD[2]))
        flag = pictures.stripes([pick(rng, BRIGHT), WHITE], 4, False)
        parts.append(panel(0.26, 0.16).move(0.14, y + 0.53, 0).wear(flag))
    return parts
