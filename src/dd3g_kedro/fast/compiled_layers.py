"""Layers of diffusers' U-Net, written as the compiler makes them fastest on a GPU.

They compute what diffusers' compute but for rounding, and to the bit where nothing is compiled.
Inductor normalises groups of channels-last maps at less than half the memory's speed, and cuBLAS
takes twice as long for a narrow product that adds its bias itself (measured:
benchmarks/bench_teacher.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.teacher.attention import KeysValues, TextImageAttention, ViewAttention

_NARROW = 512  # columns under which cuBLAS adds a bias slowly


def group_norm(
    maps: Float[Tensor, "n c y x"], layer: nn.GroupNorm, shift: Float[Tensor, "n c"] | None = None
) -> Float[Tensor, "n c y x"]:
    """`layer` of `maps + shift`, in float32 or better: by way of each channel's mean and variance.

    Those are read with the channels side by side, as they lie in memory; a group's follow from
    its channels'. The shift never meets the maps: it moves means only.
    """
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    variance, mean = (
        part.unflatten(1, (layer.num_groups, -1))
        for part in torch.var_mean(maps, dim=(2, 3), correction=0)
    )
    weight, offset = (
        part.to(maps.dtype).unflatten(0, (layer.num_groups, -1))
        for part in (layer.weight, layer.bias)
    )
    moved = torch.zeros_like(mean) if shift is None else shift.to(maps.dtype).view_as(mean)
    middle = (mean + moved).mean(-1, keepdim=True)
    spread = (variance + (mean + moved - middle).square()).mean(-1, keepdim=True)
    factor = (spread + layer.eps).rsqrt() * weight
    offset = offset + (moved - middle) * factor
    return maps * factor.flatten(1)[..., None, None] + offset.flatten(1)[..., None, None]


class CompiledGroupNorm(nn.GroupNorm):
    """`group_norm` where it is compiled."""

    def forward(self, maps: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y x"]:
        """As torch's."""
        if not torch.compiler.is_compiling():
            return super().forward(maps)
        return group_norm(maps, self).to(maps.dtype)


class CompiledLinear(nn.Linear):
    """Adds its bias after a narrow product where it is compiled, together with what follows."""

    def forward(self, rows: Float[Tensor, "*n d"]) -> Float[Tensor, "*n e"]:
        """As torch's."""
        if not torch.compiler.is_compiling() or self.out_features >= _NARROW:
            return super().forward(rows)
        return F.linear(rows, self.weight) + self.bias

    def add_to(
        self, total: Float[Tensor, "*n e"], rows: Float[Tensor, "*n d"]
    ) -> Float[Tensor, "*n e"]:
        """`total` and what this layer makes of `rows`."""
        return total + self(rows)


class CompiledResnetBlock(ResnetBlock2D):
    """Norms by `group_norm`, the shortcut as a product, biases with what follows."""

    def forward(
        self, maps: Float[Tensor, "n c y x"], temb: Float[Tensor, "n e"]
    ) -> Float[Tensor, "n d y x"]:
        """As diffusers', with a time embedding and nothing else."""
        if not torch.compiler.is_compiling():
            return super().forward(maps, temb)
        hidden = F.silu(group_norm(maps, self.norm1)).to(maps.dtype)
        hidden = F.conv2d(hidden, self.conv1.weight, padding=self.conv1.padding)
        shift = self.time_emb_proj(F.silu(temb)) + self.conv1.bias
        hidden = F.silu(group_norm(hidden, self.norm2, shift)).to(maps.dtype)
        if self.conv_shortcut is None:
            maps = maps + self.conv2(hidden)
        else:
            hidden = F.conv2d(hidden, self.conv2.weight, padding=self.conv2.padding)
            maps = self._add_shortcut(hidden.movedim(1, -1), maps.movedim(1, -1)).movedim(-1, 1)
        return maps if self.output_scale_factor == 1 else maps / self.output_scale_factor

    def _add_shortcut(
        self, total: Float[Tensor, "*n d"], rows: Float[Tensor, "*n c"]
    ) -> Float[Tensor, "*n d"]:
        """`total`, the shortcut's product, and both biases."""
        product = F.linear(rows, self.conv_shortcut.weight.flatten(1))
        return total + (product + self._biases())

    def _biases(self) -> Float[Tensor, " d"]:
        return self.conv_shortcut.bias + self.conv2.bias


class CompiledBlock(BasicTransformerBlock):
    """Tells the product that ends a branch what it is added to."""

    def forward(
        self,
        hidden_states: Float[Tensor, "n t d"],
        encoder_hidden_states: Sequence[KeysValues],
        cross_attention_kwargs: dict[str, int],
        **_: object,
    ) -> Float[Tensor, "n t d"]:
        """As diffusers', between attention to an object's frames and to text and image."""
        normed = self.norm1(hidden_states)
        seen = self.attn1.processor.seen(self.attn1, normed, **cross_attention_kwargs)
        return self.go_on(hidden_states, seen, encoder_hidden_states)

    def go_on(
        self,
        tokens: Float[Tensor, "n t d"],
        seen: Float[Tensor, "n t d"],
        known: Sequence[KeysValues],
    ) -> Float[Tensor, "n t d"]:
        """From what the frames have seen of each other."""
        tokens = self.attn1.to_out[0].add_to(tokens, seen)
        seen = self.attn2.processor.seen(self.attn2, self.norm2(tokens), known)
        tokens = self.attn2.to_out[0].add_to(tokens, seen)
        return self.ff.net[2].add_to(tokens, self.ff.net[0](self.norm3(tokens)))


class CompiledTransformer(Transformer2DModel):
    """Leaves its maps with the channels last, where diffusers copies them."""

    def _get_output_for_continuous_inputs(
        self,
        hidden_states: Float[Tensor, "n t d"],
        residual: Float[Tensor, "n c y x"],
        **shape: int,
    ) -> Float[Tensor, "n c y x"]:
        if not torch.compiler.is_compiling():
            return super()._get_output_for_continuous_inputs(hidden_states, residual, **shape)
        total = rearrange(residual, "n c y x -> n (y x) c")
        rows = self.proj_out.add_to(total, hidden_states)
        return rearrange(rows, "n (y x) c -> n c y x", y=shape["height"])


def _is_plain_resnet(layer: Any) -> TypeGuard[ResnetBlock2D]:
    """Whether it embeds the time and does nothing that `CompiledResnetBlock` leaves out."""
    if type(layer) is not ResnetBlock2D:
        return False
    if layer.time_emb_proj is None or layer.time_embedding_norm != "default":
        return False
    if layer.skip_time_act or not isinstance(layer.nonlinearity, nn.SiLU):
        return False
    shortcut = layer.conv_shortcut
    as_product = shortcut is None or (shortcut.kernel_size == (1, 1) and shortcut.bias is not None)
    return as_product and layer.upsample is None and layer.downsample is None


def _is_biased_linear(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear and layer.bias is not None


def _is_block_of_views(layer: BasicTransformerBlock) -> bool:
    """Whether its attentions are this project's, each with a plain norm before it."""
    if type(layer) is not BasicTransformerBlock or layer.attn2 is None:
        return False
    ours = isinstance(layer.attn1.processor, ViewAttention)
    ours = ours and isinstance(layer.attn2.processor, TextImageAttention)
    return ours and layer.norm_type == "layer_norm" and len(layer.ff.net) == 3


def lay_out_for_the_compiler(network: nn.Module) -> None:
    """Give a diffusers network the layers above where they fit, in place; for inference."""
    for layer in network.modules():
        if type(layer) is nn.GroupNorm and layer.affine:
            layer.__class__ = CompiledGroupNorm
        elif _is_plain_resnet(layer):
            layer.__class__ = CompiledResnetBlock
        elif isinstance(layer, Transformer2DModel):
            for part in filter(_is_biased_linear, layer.modules()):
                part.__class__ = CompiledLinear
            for block in filter(_is_block_of_views, layer.transformer_blocks):
                block.__class__ = CompiledBlock
            if type(layer) is Transformer2DModel and layer.use_linear_projection:
                layer.__class__ = CompiledTransformer


def compile_for_sampling(network: nn.Module) -> None:
    """Compile a network whose inputs keep their shapes, in place.

    Ours: of each reduction as a loop and at one go the faster is taken, measured at the first
    call; by Inductor's own guess a full-size network's norms and sums take a sixth longer. Its
    cache of whole graphs stays off for that: from there torch 2.11 and 2.12 cannot load a choice
    of kernels, and a second process would end in a TypeError. Single kernels are still cached.
    """
    network.compile(dynamic=False, options={"triton.multi_kernel": 1, "fx_graph_cache": False})
