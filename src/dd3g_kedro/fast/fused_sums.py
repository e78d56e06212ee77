"""Products that are added to what there is, each in one kernel of quack's (extra `hopper`).

Ours: cuBLAS writes such a product to memory, from where the compiler reads it again with all that
it is added to. Imported only where there is a GPU that quack writes kernels for.
"""

from __future__ import annotations

from typing import Any, no_type_check

import torch
from jaxtyping import Float
from quack.epilogue.frontend import gemm_epilogue
from quack.epilogue.ops import RowVecLoad
from quack.gemm_config import GemmConfig
from torch import Tensor, library, nn

from dd3g_kedro.core.teacher.attention import HALF
from dd3g_kedro.fast.compiled_layers import CompiledLinear, CompiledResnetBlock


@gemm_epilogue(ops={"bias": RowVecLoad("bias")})
@no_type_check
def _total(acc, c, bias):
    return {"D": acc + c + bias}


def _tiles(rows: int, columns: int) -> GemmConfig:
    return GemmConfig(
        tile_m=rows, tile_n=columns, pingpong=True, is_dynamic_persistent=False, device_capacity=9
    )


# The fastest of nine on an H200 for 320, 640 and 1280 columns; long sums rather take the second.
_WIDE, _DEEP = _tiles(128, 160), _tiles(192, 128)
_LONG = 4096  # terms of a sum


@library.custom_op(
    "dd3g::add_product",
    mutates_args=(),
    schema="(Tensor total, Tensor rows, Tensor weight, Tensor bias) -> Tensor",
)
def add_product(total: Tensor, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """total + rows @ weight^T + bias, rounded once.

    Args:
        total: (*n, e).
        rows: (*n, d); d and e are multiples of 8.
        weight: (e, d).
        bias: (e,).
    """
    found = _total(
        rows.reshape(-1, rows.shape[-1]).contiguous(),
        weight.mT,
        total.reshape(-1, total.shape[-1]).contiguous(),
        config=_DEEP if rows.shape[-1] > _LONG else _WIDE,
        bias=bias[None],
    )
    return found["D"].view(total.shape)


@add_product.register_fake
def _(total: Tensor, *_: object) -> Tensor:
    return torch.empty_like(total, memory_format=torch.contiguous_format)


def _fits(rows: Tensor, weight: Tensor) -> bool:
    return rows.dtype in HALF and weight.shape[0] % 8 == 0 and weight.shape[1] % 8 == 0


class SummingLinear(CompiledLinear):
    """In half precision."""

    def add_to(
        self, total: Float[Tensor, "*n e"], rows: Float[Tensor, "*n d"]
    ) -> Float[Tensor, "*n e"]:
        """In one kernel."""
        if not _fits(rows, self.weight):
            return super().add_to(total, rows)
        return add_product(total, rows, self.weight, self.bias)


class SummingResnetBlock(CompiledResnetBlock):
    """In half precision, and where it is compiled."""

    def _add_shortcut(
        self, total: Float[Tensor, "*n d"], rows: Float[Tensor, "*n c"]
    ) -> Float[Tensor, "*n d"]:
        weight = self.conv_shortcut.weight.flatten(1)
        if not _fits(rows, weight):
            return super()._add_shortcut(total, rows)
        return add_product(total, rows, weight, self._biases())


def sum_in_products(network: nn.Module) -> None:
    """Give a network that is laid out for the compiler the layers above, in place."""
    fused: dict[Any, Any] = {
        CompiledLinear: SummingLinear,
        CompiledResnetBlock: SummingResnetBlock,
    }
    for layer in network.modules():
        layer.__class__ = fused.get(type(layer), type(layer))
