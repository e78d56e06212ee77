"""Two kernels for an NVIDIA GPU, in Triton: attention to few tokens, and the gated product.

Ours: PyTorch attends to text and image tokens one after the other, which reads and writes all
queries and outputs twice, and pads 77 keys and 16 to tiles of 128; and it writes the gated linear
unit's wide product to memory only to read it once. Imported only where there is such a GPU.
"""

from __future__ import annotations

from math import e, log2, sqrt
from typing import Any, TypeGuard, no_type_check

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention
from torch import Tensor, library, nn
from triton.tools.tensor_descriptor import TensorDescriptor

from dd3g_kedro.core.teacher.attention import HALF, KeysValues, TextImageAttention

# attention to text and image tokens ------------------------------------------------------------


@triton.jit
@no_type_check
def _tokens(start, width, begin, count, D: tl.constexpr, KEYS: tl.constexpr):
    row = begin + tl.arange(0, KEYS)
    place = row[:, None] * width + tl.arange(0, D)[None, :]
    return tl.load(start + place, mask=(row < count)[:, None], other=0.0)


@triton.jit
@no_type_check
def _scores(query, key, begin, count, scale, KEYS: tl.constexpr):
    there = begin + tl.arange(0, KEYS) < count
    return tl.where(there[None, :], tl.dot(query, key.T) * scale, float("-inf"))


@triton.jit
@no_type_check
def _text_image_attention(
    query,
    key,
    value,
    image_key,
    image_value,
    out,
    tokens,  # of an object
    objects_a_text,
    width,
    keys,
    image_keys,
    scale,  # of the scores, whose exponentials are powers of two
    ip_weight,
    D: tl.constexpr,
    KEYS: tl.constexpr,
    REST: tl.constexpr,  # keys beyond KEYS
    IMAGE_KEYS: tl.constexpr,
    BLOCK: tl.constexpr,
    BLOCKS: tl.constexpr,
):
    """A head's queries of one object, BLOCKS times BLOCK of them."""
    item = tl.program_id(2).to(tl.int64)
    head = tl.program_id(0) * D
    key += item // objects_a_text * keys * width + head
    value += item // objects_a_text * keys * width + head
    image_key += item * image_keys * width + head
    image_value += item * image_keys * width + head
    main_key = _tokens(key, width, 0, keys, D, KEYS)
    main_value = _tokens(value, width, 0, keys, D, KEYS)
    if REST:
        rest_key = _tokens(key, width, KEYS, keys, D, REST)
        rest_value = _tokens(value, width, KEYS, keys, D, REST)
    seen_key = _tokens(image_key, width, 0, image_keys, D, IMAGE_KEYS)
    seen_value = _tokens(image_value, width, 0, image_keys, D, IMAGE_KEYS)
    for block in range(BLOCKS):
        token = (tl.program_id(1) * BLOCKS + block) * BLOCK + tl.arange(0, BLOCK)
        place = (item * tokens + token)[:, None] * width + head + tl.arange(0, D)[None, :]
        there = (token < tokens)[:, None]
        q = tl.load(query + place, mask=there, other=0.0)
        score = _scores(q, main_key, 0, keys, scale, KEYS)
        top = tl.max(score, 1)
        if REST:
            rest = _scores(q, rest_key, KEYS, keys, scale, REST)
            top = tl.maximum(top, tl.max(rest, 1))
        weight = tl.exp2(score - top[:, None])
        total = tl.sum(weight, 1)
        seen = tl.dot(weight.to(main_value.dtype), main_value)
        if REST:
            weight = tl.exp2(rest - top[:, None])
            total += tl.sum(weight, 1)
            seen = tl.dot(weight.to(main_value.dtype), rest_value, seen)
        score = _scores(q, seen_key, 0, image_keys, scale, IMAGE_KEYS)
        weight = tl.exp2(score - tl.max(score, 1)[:, None])
        weight *= (ip_weight * total / tl.sum(weight, 1))[:, None]  # both softmaxes over `total`
        seen = tl.dot(weight.to(main_value.dtype), seen_value, seen)
        seen /= total[:, None]
        tl.store(out + place, seen.to(out.dtype.element_ty), mask=there)


def _tile(count: int) -> int:
    return max(16, triton.next_power_of_2(count))


@library.custom_op(
    "dd3g::text_image_attention",
    mutates_args=(),
    schema="(Tensor query, Tensor key, Tensor value, Tensor image_key, Tensor image_value, "
    "int heads, float ip_weight) -> Tensor",
)
def text_image_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    image_key: Tensor,
    image_value: Tensor,
    heads: int,
    ip_weight: float,
) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, and `ip_weight` times the same of the image tokens.

    Args:
        query: (n, t, heads * d) with d = 16, 32 or 64; rows are object-major.
        key: (m, s, heads * d), of the text tokens; an equal number of objects shares each row.
        value: as `key`.
        image_key: (k, i, heads * d): a row for each of k objects.
        image_value: as `image_key`.
        heads: how many.
        ip_weight: of the image tokens.
    """
    query = query.contiguous()
    out = torch.empty_like(query)
    objects, width = len(image_key), query.shape[-1]
    tokens = query.numel() // (objects * width)
    keys = key.shape[1]
    main = _tile(keys) if _tile(keys) in (16, keys) else _tile(keys) // 2
    blocks = min(5, triton.cdiv(tokens, 64))  # 5 of 64, 4 warps, 3 stages: the fastest on an H200
    _text_image_attention[(heads, triton.cdiv(tokens, 64 * blocks), objects)](
        query,
        *(part.contiguous() for part in (key, value, image_key, image_value)),
        out,
        tokens,
        objects // len(key),
        width,
        keys,
        image_key.shape[1],
        log2(e) / sqrt(width // heads),
        ip_weight,
        D=width // heads,
        KEYS=main,
        REST=_tile(keys - main) if keys > main else 0,
        IMAGE_KEYS=_tile(image_key.shape[1]),
        BLOCK=64,
        BLOCKS=blocks,
        num_warps=4,
        num_stages=3,
    )
    return out


@text_image_attention.register_fake
def _(query: Tensor, *_: object) -> Tensor:
    return torch.empty_like(query, memory_format=torch.contiguous_format)


class FusedTextImageAttention(TextImageAttention):
    """Both softmaxes in one pass, in half precision."""

    def _attend_to_both(self, query: Tensor, known: KeysValues, heads: int) -> Tensor:
        texts, objects = len(known[0]), len(known[2])
        fits = query.shape[-1] // heads in (16, 32, 64) and objects % texts == 0
        if query.dtype not in HALF or not fits:
            return super()._attend_to_both(query, known, heads)
        return text_image_attention(query, *known, heads, self.ip_weight)


# the gated linear unit -------------------------------------------------------------------------


@triton.jit
@no_type_check
def _gelu(x):
    """x Phi(x) = max(x, 0) - |x| Phi(-|x|), within 3e-7.

    Ours: the logarithm of Phi(-|x|) as a polynomial, so that a single exponential is left; it is
    fitted to x Phi(-x), and falls for ever.
    """
    size = tl.abs(x)
    log = -1.1046359e-06 * size + 4.9111422e-05
    log = (log * size - 0.0008520387) * size + 0.0082831085
    log = (log * size - 0.05366389) * size - 0.4586147
    log = (log * size - 1.1512448) * size - 0.99998933
    return tl.maximum(x, 0.0) - size * tl.exp2(log)


@triton.jit
@no_type_check
def _gated_product(
    rows,
    weight,
    bias,
    out,
    count,
    columns,
    depth,
    M: tl.constexpr,
    N: tl.constexpr,
    K: tl.constexpr,
    PROGRAMS: tl.constexpr,
):
    """Programs stay, each with every PROGRAMS-th tile; neighbours share rows."""
    wide = tl.cdiv(columns, N)
    for tile in tl.range(tl.program_id(0), wide * tl.cdiv(count, M), PROGRAMS, flatten=True):
        m, n = tile // wide * M, tile % wide * N
        product = tl.zeros((M, N), tl.float32)
        for k in range(0, depth, K):
            product = tl.dot(rows.load([m, k]), weight.load([n, k]).T, product)
        at = n + tl.arange(0, N)
        product += tl.load(bias + at, mask=at < columns, other=0.0).to(tl.float32)[None, :]
        value, gate = tl.split(product.reshape(M, N // 2, 2))
        out.store([m, n // 2], (value * _gelu(gate)).to(rows.dtype))


@library.custom_op(
    "dd3g::geglu",
    mutates_args=(),
    schema="(Tensor rows, Tensor weight, Tensor bias) -> Tensor",
)
def geglu(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """value * GELU(gate) of rows @ weight^T + bias, whose columns are value, gate, value, ...

    Args:
        rows: (*n, d).
        weight: (2 e, d); d and e are multiples of 8.
        bias: (2 e,).

    Returns:
        (*n, e).
    """
    flat = rows.reshape(-1, rows.shape[-1]).contiguous()
    (count, depth), columns = flat.shape, len(weight)
    out = flat.new_empty(count, columns // 2)
    m, n, k = 128, 128, 64  # 4 warps, 3 stages, two programs an SM: the fastest on an H200
    programs = 2
    if rows.is_cuda:
        programs *= torch.cuda.get_device_properties(rows.device).multi_processor_count
    _gated_product[(programs,)](
        TensorDescriptor.from_tensor(flat, [m, k]),
        TensorDescriptor.from_tensor(weight, [n, k]),
        bias,
        TensorDescriptor.from_tensor(out, [m, n // 2]),
        count,
        columns,
        depth,
        M=m,
        N=n,
        K=k,
        PROGRAMS=programs,
        num_warps=4,
        num_stages=3,
    )
    return out.unflatten(0, rows.shape[:-1])


@geglu.register_fake
def _(rows: Tensor, weight: Tensor, _bias: Tensor) -> Tensor:
    return rows.new_empty(*rows.shape[:-1], len(weight) // 2)


class FusedGEGLU(GEGLU):
    """diffusers' gated linear unit with value and gate side by side, in half precision."""

    def forward(self, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """As diffusers'."""
        if hidden_states.dtype in HALF:
            return geglu(hidden_states, self.proj.weight, self.proj.bias)
        both = self.proj(hidden_states)
        return both[..., ::2] * F.gelu(both[..., 1::2])


def _fits(layer: Any) -> TypeGuard[GEGLU]:
    if type(layer) is not GEGLU:
        return False
    product = layer.proj
    aligned = product.in_features % 8 == 0 and product.out_features % 16 == 0
    return aligned and product.bias is not None


def _side_by_side(both: Tensor) -> nn.Parameter:
    """Rows of value and gate, taken in turns."""
    mixed = torch.stack(both.detach().chunk(2), dim=1).flatten(0, 1)
    return nn.Parameter(mixed, requires_grad=both.requires_grad)


def fuse(network: nn.Module, descriptors: bool) -> None:
    """Give a diffusers U-Net the layers above, in place; for inference.

    Args:
        network: with `TextImageAttention` as its cross-attentions.
        descriptors: whether the GPU copies tiles by descriptors and has 228 KiB of shared memory,
            as Hopper does; the gated product needs both.
    """
    for layer in network.modules():
        if isinstance(layer, Attention) and type(layer.processor) is TextImageAttention:
            layer.processor.__class__ = FusedTextImageAttention
        elif descriptors and _fits(layer):
            layer.proj.weight = _side_by_side(layer.proj.weight)
            layer.proj.bias = _side_by_side(layer.proj.bias)
            layer.__class__ = FusedGEGLU
