from __future__ import annotations

import math

import torch

from dd3g_kedro.core.student.blocks import Attention, PointAttention, TransformerBlock


def test_attention_equals_softmax_of_scaled_products_head_by_head():
    torch.manual_seed(0)
    attention = Attention(width=12, head_width=4, context_width=5)
    tokens, context = torch.randn(2, 7, 12), torch.randn(2, 9, 5)
    query = attention.to_query(tokens)
    key, value = attention.to_key_value(context).split(12, dim=-1)
    heads = []
    for start in (0, 4, 8):
        part = slice(start, start + 4)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(4)
        heads.append(scores.softmax(dim=-1) @ value[..., part])
    expected = attention.to_out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(attention(tokens, context), expected)


def point_attention_loop(layer, tokens):
    """One object, token by token and neighbour by neighbour."""
    query = layer.to_query(tokens)
    key, value = layer.to_key_value(tokens).split(tokens.shape[-1], dim=-1)
    rows = []
    for i in range(len(tokens)):
        distance = (tokens[i, :3] - tokens[:, :3]).norm(dim=-1)
        nearest = distance.argsort()[: layer.neighbours]
        offsets = [layer.encode_offset(tokens[i, :3] - tokens[j, :3]) for j in nearest]
        scores = [
            layer.weigh(query[i] - key[j] + offset)
            for j, offset in zip(nearest, offsets, strict=True)
        ]
        weights = torch.stack(scores).softmax(dim=0)  # one weight a channel: vector attention
        values = torch.stack([value[j] + o for j, o in zip(nearest, offsets, strict=True)])
        rows.append(layer.to_out((weights * values).sum(dim=0)))
    return torch.stack(rows)


def test_point_attention_equals_a_loop_over_tokens_and_neighbours():
    torch.manual_seed(0)
    layer = PointAttention(width=8, neighbours=4)
    tokens = torch.randn(2, 11, 8)
    expected = torch.stack([point_attention_loop(layer, one) for one in tokens])
    torch.testing.assert_close(layer(tokens), expected, atol=1e-6, rtol=1e-5)


def test_point_attention_does_not_see_tokens_that_are_far_away():
    torch.manual_seed(0)
    layer = PointAttention(width=8, neighbours=3)
    tokens = torch.randn(1, 8, 8)
    tokens[0, 5:, :3] += 100  # three tokens far from the other five
    moved = tokens.clone()
    moved[0, 5:, 3:] += 1
    before, after = layer(tokens), layer(moved)
    torch.testing.assert_close(before[0, :5], after[0, :5], rtol=0, atol=0)
    assert not torch.allclose(before[0, 5:], after[0, 5:])


def test_blocks_do_not_care_for_the_order_of_tokens():
    torch.manual_seed(0)
    tokens, order = torch.randn(1, 10, 8), torch.randperm(10)
    for attention in (Attention(8, 4), PointAttention(8, 4)):
        block = TransformerBlock(8, attention, ratio=2.0)
        torch.testing.assert_close(block(tokens[:, order]), block(tokens)[:, order])


def test_fewer_tokens_than_neighbours_is_fine():
    tokens = torch.randn(1, 3, 8)
    assert PointAttention(width=8, neighbours=16)(tokens).shape == (1, 3, 8)
