"""The U-Net's last attention layers, for sampling: nobody asks for the input image's frame."""

from __future__ import annotations

from typing import Any, TypeVar

from diffusers.models.transformers.transformer_2d import Transformer2DModel
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

Rows = TypeVar("Rows", bound=Tensor)


class LastTransformer(Transformer2DModel):
    """Lets go of each object's last frame in the last layer in which the others see it.

    What comes out has one frame less; the other frames are what they would have been.
    """

    def forward(
        self,
        hidden_states: Float[Tensor, "n c h w"],
        encoder_hidden_states: Any,
        cross_attention_kwargs: dict[str, int],
        **_: object,
    ) -> tuple[Float[Tensor, "m c h w"]]:
        """As diffusers' with linear projections and one block."""
        frames = cross_attention_kwargs["num_frames"]
        tokens = rearrange(self.norm(hidden_states), "n c h w -> n (h w) c")
        tokens = self.proj_in(tokens)
        (block,) = self.transformer_blocks
        seen = block.attn1.processor.seen(
            block.attn1, block.norm1(tokens), **cross_attention_kwargs, asking_frames=frames - 1
        )
        tokens = block.go_on(_views(tokens, frames), seen, encoder_hidden_states)
        residual = _views(rearrange(hidden_states, "n c h w -> n (h w) c"), frames)
        tokens = self.proj_out.add_to(residual, tokens)
        return (rearrange(tokens, "n (h w) c -> n c h w", h=hidden_states.shape[2]),)


def _views(rows: Rows, frames: int) -> Rows:
    """Without the last of every `frames` rows."""
    return rows.unflatten(0, (-1, frames))[:, :-1].flatten(0, 1)


def leave_out_image_frame(network: nn.Module) -> bool:
    """Make the last layers of a diffusers U-Net a `LastTransformer`, in place, where they fit.

    They do not where the outermost level has no attention, or several blocks of it.
    """
    layers = getattr(network.up_blocks[-1], "attentions", None)  # type: ignore[index]
    if layers is None or len(layers[-1].transformer_blocks) != 1:
        return False
    layers[-1].__class__ = LastTransformer
    return True
