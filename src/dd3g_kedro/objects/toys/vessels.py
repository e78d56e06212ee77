"""Things that are turned on a wheel: vases, bottles, mugs, teapots."""

from __future__ import annotations

import math

import numpy as np

from dd3g_kedro.objects.toys import pictures
from dd3g_kedro.objects.toys.palette import (
    BRIGHT,
    SOFT,
    WHITE,
    darker,
    lighter,
    pick,
)
from dd3g_kedro.objects.toys.parts import Part
from dd3g_kedro.objects.toys.shapes import ball, cylinder, lathe, smooth, torus, tube


def _glaze(rng: np.random.Generator) -> pictures.Picture:
    """One of the potter's patterns."""
    ground, color = pick(rng, SOFT), pick(rng, BRIGHT)
    accent = pick(rng, BRIGHT, but=(color,))
    kind = rng.integers(5)
    if kind == 0:
        return pictures.stripes([ground, color, ground, accent], int(rng.integers(6, 13)), False)
    if kind == 1:
        return pictures.dots(color, ground, int(rng.integers(6, 11)), int(rng.integers(4, 7)))
    if kind == 2:
        return pictures.zigzag(ground, color, accent, int(rng.integers(6, 11)))
    if kind == 3:
        return pictures.checks(ground, color, 12, 6)
    canvas = pictures.Canvas(192, 96, ground)
    canvas.rectangle(0, 0, 1, 0.3, color)
    canvas.rectangle(0, 0.84, 1, 1, color)
    for k in range(6):
        x = (k + 0.5) / 6
        canvas.line([(x, 0.8), (x, 0.5)], 0.02, (70, 130, 70))
        for petal in range(6):
            angle = math.pi * petal / 3
            canvas.circle(x + 0.025 * math.cos(angle), 0.5 + 0.05 * math.sin(angle), 0.04, accent)
        canvas.circle(x, 0.5, 0.032, (246, 214, 90))
    return canvas.finish()


def vase(rng: np.random.Generator) -> list[Part]:
    """A glazed vase, some with two handles."""
    belly, neck, lip = rng.uniform(0.36, 0.5), rng.uniform(0.12, 0.22), rng.uniform(0.2, 0.34)
    where, height = rng.uniform(0.3, 0.6), rng.uniform(1.1, 1.6)
    shoulder, waist = 0.5 * (belly + neck) + 0.06, 0.84 * belly
    outline = [
        (lip, height), (neck, 0.86 * height), (shoulder, (0.5 * where + 0.4) * height),
        (belly, where * height), (waist, 0.5 * where * height), (0.24, 0.0),
    ]  # fmt: skip
    wall = smooth(outline, 30)
    parts = [lathe(wall, 28).wear(_glaze(rng))]
    parts.append(lathe([(0.24, 0.0), (0, 0.0)], 28).paint(WHITE))
    throat = [(0.94 * r, y) for r, y in wall[:7]]
    parts.append(lathe([(lip, height), *throat, (0, throat[-1][1])], 28).paint((70, 54, 48)))
    if rng.random() < 0.5:
        reach = belly + rng.uniform(0.05, 0.2)
        path = [
            (0.9 * neck, 0.9 * height, 0), (reach, 0.86 * height, 0),
            (reach, 0.66 * height, 0), (0.9 * belly, (where + 0.08) * height, 0),
        ]  # fmt: skip
        handle = tube(smooth(path, 14), 0.035, 8).paint(pick(rng, BRIGHT))
        parts += [handle, handle.scale(-1, 1, 1)]
    return parts


def bottle(rng: np.random.Generator) -> list[Part]:
    """A bottle with a label in front and a cap."""
    glass, paper = (
        pick(rng, ((38, 96, 60), (120, 70, 30), (60, 110, 150), (196, 60, 60))),
        pick(rng, SOFT),
    )
    color = pick(rng, BRIGHT)
    r, shoulder, neck = rng.uniform(0.24, 0.32), rng.uniform(0.75, 0.95), rng.uniform(0.08, 0.11)
    top = shoulder + rng.uniform(0.4, 0.6)
    body = [
        (neck, top),
        (neck, top - 0.22),
        (0.9 * r, shoulder + 0.06),
        (r, shoulder - 0.06),
        (r, 0.03),
        (r - 0.03, 0),
        (0, 0),
    ]
    curve = [*smooth(body[:4], 14), *body[4:]]
    label = pictures.Canvas(192, 64, paper)
    for left in (0.5, 0.0, 1.0):  # front and, across the seam, back
        label.rectangle(
            left - 0.22, 0, left + 0.22, 1, color if left == 0.5 else darker(paper, 0.15)
        )
    kind = rng.integers(3)
    if kind == 0:
        label.polygon(pictures.star_points(0.5, 0.5, 0.4, aspect=1 / 3), paper)
    elif kind == 1:
        label.circle(0.5, 0.5, 0.34, paper)
        label.polygon(pictures.heart_points(0.5, 0.5, 0.22, 1 / 3), color)
    else:
        for y in (0.25, 0.5, 0.75):
            label.rectangle(0.36, y - 0.07, 0.64, y + 0.07, paper)
    for y in (0.2, 0.4, 0.6, 0.8):
        label.rectangle(0.0, y - 0.02, 0.14, y + 0.02, darker(paper, 0.6))
    band = lathe([(r + 0.006, shoulder - 0.16), (r + 0.006, 0.16)], 24).wear(label.finish())
    cap = cylinder(neck + 0.02, 0.1, 18).move(0, top - 0.02, 0).paint(pick(rng, BRIGHT))
    return [lathe(curve, 24).shade(darker(glass, 0.2), lighter(glass, 0.15)), band, cap]


def mug(rng: np.random.Generator) -> list[Part]:
    """A mug with a picture in front, its handle at one side and a drink in it."""
    r, height = rng.uniform(0.36, 0.44), rng.uniform(0.8, 1.0)
    ground = pick(rng, SOFT + BRIGHT)
    color = pick(rng, BRIGHT, but=(ground,))
    wrap = pictures.Canvas(240, 96, ground)
    kind = rng.integers(4)
    if kind == 0:
        wrap.polygon(pictures.heart_points(0.5, 0.45, 0.26, 0.4), color)
    elif kind == 1:
        wrap.polygon(pictures.star_points(0.5, 0.5, 0.36, aspect=0.4), color)
    elif kind == 2:  # a smile
        for x in (0.45, 0.55):
            wrap.circle(x, 0.38, 0.06, (40, 36, 40))
        wrap.line(
            [(0.5 + 0.09 * math.sin(a), 0.48 + 0.22 * math.cos(a)) for a in np.linspace(-1, 1, 9)],
            0.05,
            (40, 36, 40),
        )
    else:
        for y in (0.2, 0.5, 0.8):
            wrap.rectangle(0, y - 0.07, 1, y + 0.07, color)
    wrap.rectangle(0, 0, 1, 0.06, color)
    side = lathe([(r, height), (r, 0.05), (r - 0.04, 0)], 28).wear(wrap.finish())
    inside = lathe([(r, height), (r - 0.04, height), (r - 0.04, 0.86 * height)], 28).paint(
        lighter(ground)
    )
    drink = lathe([(0, 0.861 * height), (r - 0.04, 0.86 * height)], 28).paint((96, 58, 34))
    reach = r + rng.uniform(0.24, 0.34)
    path = [
        (r - 0.02, 0.8 * height, 0),
        (reach, 0.78 * height, 0),
        (reach, 0.3 * height, 0),
        (r - 0.02, 0.22 * height, 0),
    ]
    handle = tube(smooth(path, 16), 0.05, 10).paint(color if kind < 3 else ground)
    floor = lathe([(r - 0.04, 0.0), (0, 0.0)], 28).paint(ground)
    return [side, inside, drink, floor, handle if rng.random() < 0.5 else handle.scale(-1, 1, 1)]


def teapot(rng: np.random.Generator) -> list[Part]:
    """A teapot whose spout points to its side."""
    color, trim = pick(rng, BRIGHT), pick(rng, SOFT)
    wide, height = rng.uniform(0.46, 0.56), rng.uniform(0.66, 0.8)
    outline = smooth(
        [(0.24, height), (wide, 0.55 * height), (0.85 * wide, 0.22 * height), (0.26, 0)], 20
    )
    pattern = (
        pictures.dots(color, trim, 9, 5, 0.24)
        if rng.random() < 0.6
        else pictures.stripes([color, trim, color], 7, False)
    )
    lid = lathe(smooth([(0.02, height + 0.12), (0.14, height + 0.08), (0.25, height)], 8), 24)
    path = [
        (0.8 * wide, 0.36 * height, 0),
        (wide + 0.2, 0.5 * height, 0),
        (wide + 0.34, 0.98 * height, 0),
    ]
    spout = tube(smooth(path, 12), np.linspace(0.12, 0.055, 12), 12)
    back = [
        (-0.8 * wide, 0.82 * height, 0),
        (-wide - 0.26, 0.84 * height, 0),
        (-wide - 0.22, 0.34 * height, 0),
        (-0.86 * wide, 0.26 * height, 0),
    ]
    return [
        lathe(outline, 28).wear(pattern),
        lathe([(0.26, 0), (0, 0)], 28).paint(color),
        lid.paint(trim),
        ball(0.06, sections=12).move(0, height + 0.15, 0).paint(color),
        torus(0.25, 0.025).move(0, height, 0).paint(darker(color)),
        spout.paint(color),
        tube(smooth(back, 16), 0.045, 10).paint(trim),
    ]
