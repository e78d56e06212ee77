import pytest
import torch
from diffusers.models.attention_processor import Attention
from einops import rearrange

from dd3g_kedro.core.teacher.attention import (
    TextImageAttention,
    ViewAttention,
    fuse_self_attention,
)

FRAMES, TOKENS, WIDTH, HEADS = 3, 100, 32, 4


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, generator=generator)


def by_hand(query, key, value):
    """Attention in float64, one head and one row at a time."""
    query, key, value = (
        rearrange(x.double(), "n t (h d) -> n h t d", h=HEADS) for x in (query, key, value)
    )
    out = torch.zeros_like(query)
    for n in range(len(query)):
        for h in range(HEADS):
            scores = query[n, h] @ key[n, h].T / (WIDTH // HEADS) ** 0.5
            out[n, h] = scores.exp() / scores.exp().sum(1, keepdim=True) @ value[n, h]
    return rearrange(out, "n h t d -> n t (h d)")


@torch.no_grad()
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 0.01)], ids=["single", "half"]
)
def test_views_attend_to_all_tokens_of_their_object(draw, dtype, error):
    """300 keys: in bfloat16 on a CPU this is the path by products."""
    attn = Attention(WIDTH, heads=HEADS, dim_head=WIDTH // HEADS).requires_grad_(False)
    hidden = draw(2 * FRAMES, TOKENS, WIDTH)
    objects = rearrange(hidden, "(b f) t d -> b (f t) d", f=FRAMES)
    expected = by_hand(attn.to_q(objects), attn.to_k(objects), attn.to_v(objects))
    expected = rearrange(attn.to_out[0](expected.float()), "b (f t) d -> (b f) t d", f=FRAMES)
    out = ViewAttention()(attn.to(dtype), hidden.to(dtype), num_frames=FRAMES)
    assert (out - expected).norm() / expected.norm() < error


@torch.no_grad()
@pytest.mark.parametrize("fused", [False, True])
def test_some_frames_may_ask_while_all_are_seen(draw, fused):
    attn = Attention(WIDTH, heads=HEADS, dim_head=WIDTH // HEADS, processor=ViewAttention())
    if fused:
        fuse_self_attention(attn)
    hidden = draw(2 * FRAMES, TOKENS, WIDTH)
    every = attn(hidden, num_frames=FRAMES).unflatten(0, (2, FRAMES))
    seen = attn.processor.seen(attn, hidden, num_frames=FRAMES, asking_frames=FRAMES - 1)
    asked = attn.to_out[0](seen)
    torch.testing.assert_close(asked, every[:, :-1].flatten(0, 1), atol=1e-6, rtol=0)


@torch.no_grad()
def test_one_product_for_queries_keys_and_values_changes_nothing(draw):
    attn = Attention(WIDTH, heads=HEADS, dim_head=WIDTH // HEADS)
    attn.set_processor(ViewAttention())
    hidden = draw(2 * FRAMES, TOKENS, WIDTH)
    separate = attn(hidden, num_frames=FRAMES)
    fuse_self_attention(attn)
    for layer in (attn.to_q, attn.to_k, attn.to_v):
        layer.weight.fill_(torch.nan)
    torch.testing.assert_close(attn(hidden, num_frames=FRAMES), separate, atol=1e-6, rtol=0)


@torch.no_grad()
def test_text_and_image_are_two_softmaxes(draw):
    attn = Attention(WIDTH, cross_attention_dim=8, heads=HEADS, dim_head=WIDTH // HEADS)
    processor = TextImageAttention(8, WIDTH, ip_weight=0.7, place=1)
    hidden, text, image = draw(4, 9, WIDTH), draw(4, 5, 8), draw(2, 3, 8)
    query, rows = attn.to_q(hidden), image.repeat_interleave(2, 0)
    expected = by_hand(query, attn.to_k(text), attn.to_v(text))
    expected += 0.7 * by_hand(query, processor.to_k_ip(rows), processor.to_v_ip(rows))
    other = processor.keys_values(attn, text + 1, image)
    out = processor(attn, hidden, (other, processor.keys_values(attn, text, image)))
    torch.testing.assert_close(out, attn.to_out[0](expected.float()), atol=1e-6, rtol=0)
