"""Pictures whose measures are known, and files that no decoder should be given."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def disc(
    size: int = 96,
    centre: tuple[float, float] = (0.5, 0.5),
    radius: float = 0.3,
    color: tuple[int, int, int] = (200, 90, 40),
    seed: int = 0,
) -> np.ndarray:
    """A textured disc with an antialiased edge on nothing: h w 4, 8 bits, straight alpha."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    inside = radius - np.hypot(x - centre[0], y - centre[1])
    alpha = np.clip(inside * size + 0.5, 0, 1)
    blocks = np.random.default_rng(seed).uniform(0.55, 1.0, (8, 8))
    texture = blocks[(y * 8).astype(int).clip(0, 7), (x * 8).astype(int).clip(0, 7)]
    rgb = np.array(color) * texture[..., None] * (alpha[..., None] > 0)
    return np.concatenate([rgb, 255 * alpha[..., None]], axis=-1).round().astype(np.uint8)


def save(pixels: np.ndarray, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def png_of(width: int, height: int, bits: int, kind: int, lines: bytes) -> bytes:
    """A PNG written by hand, whatever its lines."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_16(pixels: np.ndarray) -> bytes:
    """16-bit RGBA (h w 4), which Pillow cannot write."""
    height, width, _ = pixels.shape
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png_of(width, height, bits=16, kind=6, lines=lines)


def _corrupt(folder: Path) -> Path:
    path = save(disc(), folder / "corrupt.png")
    written = bytearray(path.read_bytes())
    written[len(written) // 2] ^= 0x10
    path.write_bytes(written)
    return path


def _cut(folder: Path, name: str, **options) -> Path:
    picture = Image.fromarray(disc())
    path = folder / name
    (picture if path.suffix != ".jpg" else picture.convert("RGB")).save(path, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def _animated(folder: Path, name: str) -> Path:
    frames = [Image.fromarray(disc(seed=seed)) for seed in range(3)]
    frames[0].save(folder / name, save_all=True, append_images=frames[1:])
    return folder / name


def _written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def hostile_pictures(folder: Path) -> dict[Path, str]:
    """Files that cannot be used, each with the words that its refusal must hold."""
    folder.mkdir(parents=True, exist_ok=True)
    solid = disc()
    solid[..., 3] = 255
    clear = disc()
    clear[..., 3] = 0
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    cmyk = Image.fromarray(disc()).convert("RGB").convert("CMYK")
    cmyk.save(folder / "cmyk.jpg")
    Image.fromarray(np.linspace(0, 9, 256, dtype=np.float32).reshape(16, 16)).save(
        folder / "floats.tiff"
    )
    return {
        _corrupt(folder): "damaged",
        _cut(folder, "truncated.png"): "damaged or cut short",
        _cut(folder, "truncated.jpg", quality=95): "damaged or cut short",
        _cut(folder, "truncated.webp", lossless=True): "damaged or cut short",
        _written(folder, "nothing.png", b""): "0 bytes",
        _written(folder, "words.png", b"not a picture at all"): "not a picture",
        _written(folder, "postscript.png", postscript): "not a picture",
        _written(folder, "bomb.png", png_of(40_000, 40_000, 8, 6, b"cut")): "gigantic",
        _written(folder, "large.png", png_of(9_000, 9_000, 8, 6, b"cut")): "gigantic",
        _animated(folder, "animated.gif"): "animated",
        _animated(folder, "animated.png"): "animated",
        _animated(folder, "animated.webp"): "animated",
        _animated(folder, "pages.tiff"): "several pages",
        folder / "floats.tiff": "32 bits",
        save(solid, folder / "solid.png"): "opaque",
        save(solid[..., :3], folder / "rgb.png"): "opaque",
        folder / "cmyk.jpg": "opaque",
        save(clear, folder / "clear.png"): "empty",
    }
