"""What surrounds FlashAttention, with PyTorch's attention in its place."""

import subprocess
import sys

import pytest

CODE = """
import copy, sys, types, torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention

calls = []
def flash_attn_func(query, key, value):
    calls.append(tuple(query.shape))
    swapped = (part.transpose(1, 2) for part in (query, key, value))
    return F.scaled_dot_product_attention(*swapped).transpose(1, 2).contiguous(), None
for name in ("flash_attn", "flash_attn.cute"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["flash_attn.cute"].flash_attn_func = flash_attn_func

from dd3g_kedro.core.teacher.attention import ViewAttention, fuse_self_attention
from dd3g_kedro.fast.flash_attention import FlashViewAttention, attend_by_flash

torch.manual_seed(0)
torch.set_grad_enabled(False)
plain = Attention(32, heads=2, dim_head=16, processor=ViewAttention())
fuse_self_attention(plain)
quick = copy.deepcopy(plain)
attend_by_flash(quick)
assert type(quick.processor) is FlashViewAttention
for frames, tokens, dtype, expected in (
    (3, 512, torch.float16, [(2, 1024, 2, 16)]),  # 1536 keys, asked by two frames
    (3, 300, torch.float16, []),  # short
    (3, 512, torch.float32, []),
):
    calls.clear()
    hidden = torch.randn(2 * frames, tokens, 32, dtype=dtype)
    found, truth = (
        attn.processor.seen(attn.to(dtype), hidden, num_frames=frames, asking_frames=2)
        for attn in (quick, plain)
    )
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-3)
    assert calls == expected, calls
compiled = torch.compile(quick.half(), fullgraph=True, backend="aot_eager")
hidden = torch.randn(6, 512, 32).half()
torch.testing.assert_close(
    compiled(hidden, num_frames=3), plain.half()(hidden, num_frames=3), rtol=0, atol=1e-3
)
assert calls == [(2, 1536, 2, 16)]
"""


@pytest.mark.slow
def test_long_sequences_in_half_precision_go_through_it():
    """In its own process, because PyTorch registers an operator once."""
    done = subprocess.run([sys.executable, "-c", CODE], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
