"""Input images as the released encoders saw them (imagedream.md, sections 4 and 6).

Framing and compositing come before (`pictures`): the LGM route recentres and composites on
white, ByteDance's keeps the picture and composites on a grey; both continue here.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def _pictures(images: Float[Tensor, "b 3 h w"]) -> list[Image.Image]:
    levels = (images.detach().clamp(0, 1) * 255).to(torch.uint8)  # truncated, as released
    return [Image.fromarray(p) for p in rearrange(levels, "b c h w -> b h w c").cpu().numpy()]


def _tensor(pictures: list[Image.Image], like: Tensor) -> Float[Tensor, "b 3 h w"]:
    levels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return rearrange(levels, "b h w c -> b c h w").to(like.device, torch.float32) / 255


def _covering_square(picture: Image.Image, size: int) -> Image.Image:
    """Shorter edge to `size`, bicubic with PIL's antialiasing, and the centre of the longer one."""
    shorter = min(picture.size)
    width, height = (int(size * edge / shorter) for edge in picture.size)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return resized.crop((left, top, left + size, top + size))


def normalise_for_clip(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """CLIP's mean and deviation of every channel."""
    mean, std = (images.new_tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return (images - mean) / std


def shown_to_clip(pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """The images in [0, 1] of which `normalise_for_clip` made these."""
    mean, std = (pixels.new_tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return pixels * std + mean


def clip_pixels(
    images: Float[Tensor, "b 3 h w"], size: int = 224
) -> Float[Tensor, "b 3 {size} {size}"]:
    """What CLIP is shown; through PIL, whose resizing other libraries miss by up to 0.015.

    Images are in [0, 1], on their background; the result is normalised. Not differentiable.
    """
    squares = [_covering_square(picture, size) for picture in _pictures(images)]
    return normalise_for_clip(_tensor(squares, images))


def resize_as_lgm(
    pictures: Float[Tensor, "b c h w"], size: int
) -> Float[Tensor, "b c {size} {size}"]:
    """Bilinear without antialiasing.

    Departs: from more than twice `size` with antialiasing, where LGM would skip pixels.
    """
    if pictures.shape[-2:] == (size, size):
        return pictures
    return F.interpolate(
        pictures,
        size=(size, size),
        mode="bilinear",
        align_corners=False,
        antialias=max(pictures.shape[-2:]) > 2 * size,
    )


def autoencoder_pixels(
    images: Float[Tensor, "b 3 h w"], size: int = 256
) -> Float[Tensor, "b 3 {size} {size}"]:
    """What the VAE is shown on the LGM route, in [-1, 1]."""
    return resize_as_lgm(images, size) * 2 - 1


def composite_bytedance(
    rgba: Float[Tensor, "b 4 h w"], background: Float[Tensor, "b 3"]
) -> Float[Tensor, "b 3 h w"]:
    """ByteDance's compositing: computed and truncated on the scale of 8 bits."""
    levels, alpha = rgba[:, :3] * 255, rgba[:, 3:]
    mixed = levels * alpha + background[:, :, None, None] * 255 * (1 - alpha)
    return mixed.floor() / 255


def autoencoder_pixels_bytedance(
    images: Float[Tensor, "b 3 h w"], size: int = 256
) -> Float[Tensor, "b 3 {size} {size}"]:
    """What the VAE is shown on ByteDance's route: 8 bits, bilinear with PIL's antialiasing."""
    bilinear = Image.Resampling.BILINEAR
    squares = [picture.resize((size, size), bilinear) for picture in _pictures(images)]
    return _tensor(squares, images) * 2 - 1
