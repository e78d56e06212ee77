"""The kernels through Triton's interpreter, and on a GPU; truth: PyTorch without them."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from tests.teacher_scripts import TINY_UNET

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton")

SETTING = """
import copy, torch
import torch.nn.functional as F
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention
from torch import nn
from dd3g_kedro.fast import gpu_kernels
from dd3g_kedro.core.teacher.attention import TextImageAttention

torch.manual_seed(0)
torch.set_grad_enabled(False)
INTERPRETED = not torch.cuda.is_available()
if not INTERPRETED:
    torch.set_default_device("cuda")
def close(found, expected, atol):
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
"""

TOKENS = """
for texts, objects, rows, tokens, keys, image_keys, width in (
    (1, 4, 20, 16, 77, 16, 64),  # as released, but small
    (2, 4, 4, 70, 64, 5, 16),
    (4, 4, 8, 3, 7, 16, 32),
    (1, 2, 10, 40, 100, 40, 64),
):
    heads = 3
    query = torch.randn(rows, tokens, heads * width)
    known = [torch.randn(texts, keys, heads * width) for _ in range(2)]
    known += [torch.randn(objects, image_keys, heads * width) for _ in range(2)]
    plain = TextImageAttention(8, heads * width, 0.7, 0)
    expected = plain._attend_to_both(query, known, heads)
    if INTERPRETED:  # a GPU multiplies single precision in TF32
        close(gpu_kernels.text_image_attention(query, *known, heads, 0.7), expected, 2e-6)

    fused = copy.deepcopy(plain)
    fused.__class__ = gpu_kernels.FusedTextImageAttention
    assert torch.equal(fused._attend_to_both(query, known, heads), expected)  # single precision
    found = fused._attend_to_both(query.half(), [part.half() for part in known], heads)
    close(found.float(), expected, 5e-3)
"""

NOT_THEIRS = """
fused = TextImageAttention(8, 48, 0.7, 0)
fused.__class__ = gpu_kernels.FusedTextImageAttention
gpu_kernels.text_image_attention = None
for heads, texts, objects in ((2, 2, 4), (3, 4, 2)):  # heads of 24; texts that share an image
    query = torch.randn(4, 5, 48).half()
    known = [torch.randn(n, 3, 48).half() for n in (texts, texts, objects, objects)]
    expected = TextImageAttention._attend_to_both(fused, query, known, heads)
    assert torch.equal(fused._attend_to_both(query, known, heads), expected)
"""

GATED = """
for shape, width in (((2, 100, 32), 40), ((300, 96), 128), ((1, 64), 8)):
    plain = GEGLU(shape[-1], width)
    network = nn.ModuleList([copy.deepcopy(plain), Attention(8, heads=1, dim_head=8)])
    gpu_kernels.fuse(network, descriptors=True)
    quick = network[0]
    assert type(quick) is gpu_kernels.FusedGEGLU
    rows = torch.randn(shape) * 3
    expected = plain(rows)
    close(quick(rows), expected, 1e-5)  # single precision, without the kernel
    if INTERPRETED:
        close(gpu_kernels.geglu(rows, quick.proj.weight, quick.proj.bias), expected, 2e-3)
    close(quick.half()(rows.half()).float(), expected, 2e-2)
if INTERPRETED:  # of rows [x, 1] every value is 1 and every gate x
    x = torch.cat([torch.linspace(-12, 12, 3001), torch.tensor([-1e9, -300.0, 300.0, 1e9])])
    rows, weight = torch.zeros(len(x), 8), torch.zeros(16, 8)
    rows[:, 0], rows[:, 1], weight[::2, 1], weight[1::2, 0] = x, 1, 1, 1
    found = gpu_kernels.geglu(rows, weight, torch.zeros(16)).double()
    expected = F.gelu(x.double())[:, None].expand_as(found)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=2e-7)
for layer in (GEGLU(12, 16), GEGLU(16, 12), GEGLU(16, 16, bias=False)):
    gpu_kernels.fuse(nn.ModuleList([layer]), descriptors=True)
    assert type(layer) is GEGLU
gpu_kernels.fuse(nn.ModuleList([layer := GEGLU(16, 16)]), descriptors=False)
assert type(layer) is GEGLU
"""

NETWORK = (
    TINY_UNET
    + """
accelerate.find_spec = lambda name: name == "triton"
accelerate._use_kernels(unet.network, "cuda")
called = []
for name in ("geglu", "text_image_attention"):
    def counted(*args, name=name, kernel=getattr(gpu_kernels, name)):
        called.append(name)
        return kernel(*args)
    setattr(gpu_kernels, name, counted)
found = unet.half()(*inputs)
assert called == ["text_image_attention", "geglu"] * 4
error, usual = ((part.float() - expected).norm() / expected.norm() for part in (found, plain))
assert error < 1.2 * usual, (error, usual)
"""
)


def failure(code: str, **settings: str) -> str:
    """What it says in its own process: Triton decides when it is imported whether it interprets."""
    done = subprocess.run(
        [sys.executable, "-c", SETTING + code],
        env=os.environ | settings,
        check=False,
        capture_output=True,
        text=True,
    )
    return f"{done.returncode}: {done.stderr[-2000:]}" if done.returncode else ""


@pytest.mark.slow
@pytest.mark.parametrize("code", [TOKENS, NOT_THEIRS, GATED, NETWORK])
def test_interpreted_the_kernels_compute_what_pytorch_does(code):
    assert failure(code, TRITON_INTERPRET="1", CUDA_VISIBLE_DEVICES="") == ""


@pytest.mark.gpu
@pytest.mark.parametrize("code", [TOKENS, GATED])
def test_on_a_gpu_the_kernels_compute_what_pytorch_does(code):
    if not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] not in (9, 10):
        pytest.skip("needs a Hopper GPU")
    assert failure(code) == ""
