"""Picture files to pixels, and every way in which a file can refuse."""

from __future__ import annotations

import hashlib
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from dd3g_kedro.core.errors import InvalidImage
from dd3g_kedro.pictures.config import ImageLimits

# Decoders that only decode: no PostScript, no foreign programs, no formats without a signature.
FORMATS = ("PNG", "WEBP", "JPEG", "TIFF", "GIF", "BMP")
SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp")
_GREY_16 = ("I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True)
class DecodedImage:
    """A picture's pixels as its file holds them, upright, with straight alpha."""

    pixels: UInt[np.ndarray, "h w 4"]  # 8 or 16 bits, sRGB and alpha
    mode: str  # the file's own: RGBA, P, LA, RGB, L, CMYK, I;16, ...

    @property
    def image_id(self) -> str:
        """Its pixels' id."""
        return image_id(self.pixels)

    @property
    def pixels_8(self) -> UInt[np.ndarray, "h w 4"]:
        """The pixels in 8 bits, 16-bit ones rounded to the nearest."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        return ((self.pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def image_id(pixels: UInt[np.ndarray, "h w 4"]) -> str:
    """The first 64 bits of the pixels' SHA-256: the same picture in another file has the same."""
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{pixels.dtype.name} {height} {width} ".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()[:16]


def decode(path: Path, limits: ImageLimits) -> DecodedImage:
    """Decode a picture of any mode to RGBA; a picture without transparency is solid.

    Palettes, grey, grey with alpha, CMYK and 16-bit grey are converted by their full range. Of
    16-bit colour the decoder keeps the high byte, which is less than one 8-bit level off. Embedded
    colour profiles are not applied.

    Raises:
        InvalidImage: the file is unreadable, empty, damaged, truncated, animated, gigantic or not
            a picture; the message names the file, what was expected, what came and what to do.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidImage(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if size == 0:
        raise InvalidImage(f"{path}: the file is empty (0 bytes); copy or make it again")
    if size > limits.max_megabytes * 1e6:
        raise InvalidImage(
            f"{path}: gigantic, {size / 1e6:.0f} MB where at most {limits.max_megabytes:g} MB are "
            "read; make it smaller or raise limits.max_megabytes"
        )
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # other libraries switch it on for the whole process
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of harmless metadata; of size, our own limit decides
        try:
            with Image.open(path, formats=FORMATS) as image:
                _refuse_before_decoding(path, image, limits)
                if image.format == "PNG":
                    _refuse_rotten_png(path)
                mode = image.mode
                image.load()
                upright = ImageOps.exif_transpose(image)
                return DecodedImage(_pixels(path, upright), mode)
        except InvalidImage:
            raise
        except UnidentifiedImageError as error:
            raise InvalidImage(
                f"{path}: not a picture that can be read ({', '.join(FORMATS)}); it may be damaged "
                "at its start, or another kind of file: save it as PNG with transparency"
            ) from error
        except Image.DecompressionBombError as error:
            raise InvalidImage(
                f"{path}: gigantic, above the {limits.max_megapixels:g} million pixels that are "
                "read; make it smaller"
            ) from error
        except Exception as error:  # decoders raise almost anything on damaged files
            raise InvalidImage(
                f"{path}: damaged or cut short ({_words(error)}); copy or make it again"
            ) from error


def _words(error: Exception) -> str:
    """The decoder's own words, on one line."""
    return " ".join((str(error) or type(error).__name__).split())[:120]


def _refuse_before_decoding(path: Path, image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    if width * height > limits.max_megapixels * 1e6:
        raise InvalidImage(
            f"{path}: gigantic, {width} x {height} pixels where at most "
            f"{limits.max_megapixels:g} million are read; make it smaller or raise "
            "limits.max_megapixels"
        )
    # A phone's multi-picture JPEG (MPO) holds the photograph first and previews after it.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1:
        raise InvalidImage(
            f"{path}: animated or of several pages, {frames} frames where one is expected; save "
            "the one that is meant"
        )


def _refuse_rotten_png(path: Path) -> None:
    """Compare the checksum of every chunk; the decoder does not look at those of the pixels."""
    with path.open("rb") as stream:
        place = stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            content, told = stream.read(length), stream.read(4)
            if len(content) == length and zlib.crc32(kind + content).to_bytes(4, "big") != told:
                raise InvalidImage(
                    f"{path}: damaged, the checksum of its chunk {kind.decode('latin-1')} at byte "
                    f"{place} does not fit; copy or make it again"
                )
            if kind == b"IEND":
                return
            place += 12 + length


def _pixels(path: Path, image: Image.Image) -> UInt[np.ndarray, "h w 4"]:
    if image.mode in _GREY_16:
        grey = np.asarray(image).astype(np.uint16)
        clear = grey == image.info["transparency"] if "transparency" in image.info else grey < 0
        alpha = np.where(clear, 0, 65535).astype(np.uint16)
        return np.stack([grey, grey, grey, alpha], axis=-1)
    if image.mode in ("I", "F"):
        raise InvalidImage(
            f"{path}: pixels of 32 bits (mode {image.mode}) have no agreed range; save it with 8 "
            "or 16 bits a channel"
        )
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = image.convert("RGB")
    return np.asarray(image.convert("RGBA"))
