"""A teacher's U-Net made fast for sampling: one call, another network, the same predictions."""

from __future__ import annotations

import copy
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.teacher.attention import fuse_self_attention
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.fast.compiled_layers import compile_for_sampling, lay_out_for_the_compiler
from dd3g_kedro.fast.last_transformer import leave_out_image_frame
from dd3g_kedro.fast.upsampling import fold_upsampling


def accelerate(unet: MultiViewUNet, dtype: torch.dtype, compiled: bool = False) -> MultiViewUNet:
    """A copy of the network for sampling, in `dtype`; in float32 it computes to the bit as it is.

    Args:
        unet: where it is to be used; it stays as it is.
        dtype: bfloat16 or float16 round the weights; in float32 there is nothing to prepare.
        compiled: torch.compile, for calls whose inputs keep their shapes.

    Raises:
        DD3GError: an installed library is of another version than the extra `hopper` asks for.
    """
    made = copy.deepcopy(unet)
    if dtype != torch.float32:
        made = prepare_for_sampling(made).to(dtype)
    if compiled:
        torch.backends.cudnn.benchmark = True  # every batch has the same shape
        compile_for_sampling(made.network)
    return made.requires_grad_(requires_grad=False).eval()


def prepare_for_sampling(unet: MultiViewUNet) -> MultiViewUNet:
    """Make it fast with an input image, whose frame is then zeros in the result; in place.

    Its weights are laid out for speed and no longer change. Round them afterwards: some are
    summed.
    """
    network = unet.network
    fuse_self_attention(network)
    fold_upsampling(network)
    unet.views_only = leave_out_image_frame(network)
    lay_out_for_the_compiler(network)
    if (device := next(unet.parameters()).device).type == "cuda":
        network.to(memory_format=torch.channels_last)
        _use_kernels(network, device)
    return unet.requires_grad_(requires_grad=False).eval()


def _use_kernels(network: torch.nn.Module, device: torch.device) -> None:
    """Those that fit this GPU and are installed."""
    if torch.version.hip is not None:  # AMD's, to which PyTorch also says "cuda"
        return
    major, _ = torch.cuda.get_device_capability(device)
    hopper = major in (9, 10)  # or Blackwell of the data centre
    if major >= 8 and find_spec("triton"):  # from Ampere on, for bfloat16
        _kernels("gpu_kernels", "triton").fuse(network, descriptors=hopper)
    if hopper and find_spec("flash_attn") and find_spec("flash_attn.cute"):
        _kernels("flash_attention", "flash-attn-4").attend_by_flash(network)
    if major == 9 and find_spec("quack") and find_spec("quack.epilogue"):
        _kernels("fused_sums", "quack-kernels").sum_in_products(network)


def _kernels(module: str, library: str) -> ModuleType:
    """A module of this package, whose import compiles for that library."""
    try:
        return import_module(f"dd3g_kedro.fast.{module}")
    except Exception as error:
        raise DD3GError(
            f"{library}: the installed version does not fit this project's kernels ({error}). "
            "Install the tested ones, pip install -e '.[hopper]', or uninstall it: sampling "
            "is then slower, and the same"
        ) from error
