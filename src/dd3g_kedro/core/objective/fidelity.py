"""PSNR, SSIM, sharpness: one number a picture; averages are the caller's (picture, then object)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_WINDOW = 11  # pixels
_SIGMA = 1.5  # pixels
SHARPNESS_SIZE = 128  # pixels a side at which sharpness is compared
_C1, _C2 = 0.01**2, 0.03**2  # data range 1


def psnr(
    images: Float[Tensor, "n 3 h w"], targets: Float[Tensor, "n 3 h w"]
) -> Float[Tensor, " n"]:
    """-10 log10(MSE) of each picture, in dB; infinite where they are equal."""
    return -10 * (images - targets).square().mean(dim=(1, 2, 3)).log10()


def foreground_psnr(
    images: Float[Tensor, "n 3 h w"],
    targets: Float[Tensor, "n 3 h w"],
    alphas: Float[Tensor, "n 1 h w"],
) -> Float[Tensor, " n"]:
    """PSNR over the pixels where the target's alpha exceeds 0.5; NaN where there is none.

    Beside the whole-image number, because an empty background alone earns a high one.
    """
    inside = alphas > 0.5
    error = torch.where(inside, (images - targets).square(), 0).sum(dim=(1, 2, 3))
    return -10 * (error / (3 * inside.sum(dim=(1, 2, 3)))).log10()


def _windowed(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    offsets = torch.arange(_WINDOW, dtype=maps.dtype, device=maps.device) - _WINDOW // 2
    weights = (-0.5 * (offsets / _SIGMA).square()).exp()
    weights = weights / weights.sum()
    planes = rearrange(maps, "n c h w -> (n c) 1 h w")
    planes = F.conv2d(planes, weights.view(1, 1, -1, 1), padding=(_WINDOW // 2, 0))
    planes = F.conv2d(planes, weights.view(1, 1, 1, -1), padding=(0, _WINDOW // 2))
    return rearrange(planes, "(n c) 1 h w -> n c h w", c=maps.shape[1])


class _Blur(torch.autograd.Function):
    """A symmetric window is its own adjoint; convolution's own gradient is six times slower."""

    @staticmethod
    def forward(_ctx: Any, maps: Tensor) -> Tensor:
        return _windowed(maps)

    @staticmethod
    @once_differentiable
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        return _windowed(gradient)


def _blur(maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Mean under an 11 x 11 Gaussian window, zeros outside the picture."""
    return _Blur.apply(maps)


def ssim(
    images: Float[Tensor, "n 3 h w"], targets: Float[Tensor, "n 3 h w"]
) -> Float[Tensor, " n"]:
    """Structural similarity of each picture, per channel, then the mean (Wang et al. 2004).

    Window 11 x 11, sigma 1.5, zero padding, population variances: the measure of 3D Gaussian
    Splatting and its successors, which differs from scikit-image's defaults.
    """
    mean, target_mean = _blur(images), _blur(targets)
    variance = _blur(images.square()) - mean.square()
    target_variance = _blur(targets.square()) - target_mean.square()
    covariance = _blur(images * targets) - mean * target_mean
    luminance = (2 * mean * target_mean + _C1) / (mean.square() + target_mean.square() + _C1)
    structure = (2 * covariance + _C2) / (variance + target_variance + _C2)
    return (luminance * structure).mean(dim=(1, 2, 3))


def laplacian_energy(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """Mean square of the 4-neighbour Laplacian of each picture, over its inner pixels."""
    middle = images[..., 1:-1, 1:-1]
    around = images[..., :-2, 1:-1] + images[..., 2:, 1:-1]
    around = around + images[..., 1:-1, :-2] + images[..., 1:-1, 2:]
    return (around - 4 * middle).square().mean(dim=(1, 2, 3))


def sharpness(
    images: Float[Tensor, "n 3 h w"], targets: Float[Tensor, "n 3 h w"]
) -> Float[Tensor, " n"]:
    """Energy of the Laplacian over the target's: 1 as sharp, less blurred, more is noise.

    Ours: beside PSNR, which prefers blur to a sharp edge in a wrong place. Larger pictures are
    averaged to 128 pixels a side, which is all that a student of that size is shown: at 256 pixels
    even its input, enlarged, has no more than a fifteenth of the truth's energy. NaN where the
    target has no edge at all.
    """
    if images.shape[-1] > SHARPNESS_SIZE:
        size = (SHARPNESS_SIZE, SHARPNESS_SIZE)
        images, targets = (F.adaptive_avg_pool2d(views, size) for views in (images, targets))
    wanted = laplacian_energy(targets)
    return torch.where(wanted > 0, laplacian_energy(images) / wanted, torch.nan)
