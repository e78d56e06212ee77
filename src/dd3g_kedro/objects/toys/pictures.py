"""Small pictures that parts wear: patterns, faces, labels, signs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from dd3g_kedro.objects.toys.parts import Color, Number

Picture = UInt8[np.ndarray, "h w c"]
_OVER = 3  # drawn larger and reduced, which smooths the edges


class Canvas:
    """A picture drawn in fractions of its sides, x to the right and y downwards."""

    def __init__(self, width: int, height: int, color: Color) -> None:
        self.width, self.height = width * _OVER, height * _OVER
        self.image = Image.new("RGB", (self.width, self.height), color)
        self._draw = ImageDraw.Draw(self.image)

    def _pixels(self, points: list[tuple[Number, Number]]) -> list[tuple[Number, Number]]:
        return [(x * self.width, y * self.height) for x, y in points]

    def polygon(self, points: list[tuple[Number, Number]], color: Color) -> None:
        """Fill an outline."""
        self._draw.polygon(self._pixels(points), fill=color)

    def rectangle(
        self, left: Number, top: Number, right: Number, bottom: Number, color: Color
    ) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def circle(self, x: Number, y: Number, radius: Number, color: Color) -> None:
        """Fill a disc; its radius is a fraction of the height."""
        (cx, cy), r = self._pixels([(x, y)])[0], radius * self.height
        self._draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=color)

    def line(self, points: list[tuple[Number, Number]], width: Number, color: Color) -> None:
        """Stroke; its width is a fraction of the height."""
        pixels = self._pixels(points)
        self._draw.line(pixels, fill=color, width=round(width * self.height), joint="curve")

    def finish(self) -> Picture:
        """The picture at its own size."""
        return np.array(self.image.reduce(_OVER))


def stripes(
    colors: list[Color], count: int, upright: bool, width: int = 96, height: int = 96
) -> Picture:
    """`count` stripes in turn."""
    canvas = Canvas(width, height, colors[0])
    for k in range(count):
        low, high, color = k / count, (k + 1) / count, colors[k % len(colors)]
        box = (low, 0.0, high, 1.0) if upright else (0.0, low, 1.0, high)
        canvas.rectangle(*box, color)
    return canvas.finish()


def dots(ground: Color, color: Color, across: int, down: int, radius: Number = 0.3) -> Picture:
    """Staggered dots that close around a seam."""
    canvas = Canvas(192, 96, ground)
    for row in range(down):
        for column in range(-1, across + 1):
            x = (column + 0.5 * (row % 2) + 0.25) / across
            canvas.circle(x, (row + 0.5) / down, radius / down, color)
    return canvas.finish()


def zigzag(ground: Color, color: Color, accent: Color, teeth: int) -> Picture:
    """A zigzag band between two lines."""
    canvas = Canvas(192, 96, ground)
    points = [(k / (2 * teeth), 0.42 + 0.16 * (k % 2)) for k in range(-1, 2 * teeth + 2)]
    canvas.line(points, 0.07, color)
    for y in (0.28, 0.7):
        canvas.rectangle(0, y, 1, y + 0.04, accent)
    return canvas.finish()


def checks(first: Color, second: Color, across: int, down: int) -> Picture:
    """A chessboard."""
    canvas = Canvas(96, 96, first)
    for row in range(down):
        for column in range(row % 2, across, 2):
            canvas.rectangle(
                column / across, row / down, (column + 1) / across, (row + 1) / down, second
            )
    return canvas.finish()


def star_points(
    x: Number,
    y: Number,
    radius: Number,
    points: int = 5,
    inner: Number = 0.45,
    aspect: Number = 1.0,
) -> list[tuple[Number, Number]]:
    """The outline of a star, in fractions; `aspect` is height over width of the picture."""
    outline = []
    for k in range(2 * points):
        r, angle = radius * (inner if k % 2 else 1), math.pi * k / points
        outline.append((x + r * math.sin(angle) * aspect, y - r * math.cos(angle)))
    return outline


def heart_points(
    x: Number, y: Number, size: Number, aspect: Number = 1.0
) -> list[tuple[Number, Number]]:
    """The outline of a heart."""
    outline = []
    for k in range(40):
        t = 2 * math.pi * k / 40
        across = 16 * math.sin(t) ** 3
        up = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        outline.append((x + size * across / 16 * aspect, y - size * up / 16))
    return outline


def smile(canvas: Canvas, x: Number, y: Number, size: Number, face: Color, ink: Color) -> None:
    """A round face that smiles."""
    canvas.circle(x, y, size, face)
    for side in (-1, 1):
        canvas.circle(x + side * 0.35 * size, y - 0.2 * size, 0.15 * size, ink)
    arc = np.linspace(-1.2, 1.2, 11)
    points = [(x + 0.5 * size * math.sin(a), y + size * (0.05 + 0.45 * math.cos(a))) for a in arc]
    canvas.line(points, 0.125 * size, ink)
