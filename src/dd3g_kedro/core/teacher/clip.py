"""Image tokens of a CLIP ViT."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from transformers import CLIPVisionModel

IMAGE_LAYER = -2  # the block whose output are the image tokens: the last but one


def image_tokens(
    encoder: CLIPVisionModel, pixels: Float[Tensor, "b 3 h w"], layer: int = IMAGE_LAYER
) -> Float[Tensor, "b k e"]:
    """Tokens for the Resampler, the class token first: no norm and no projection follows.

    Differentiable; `layer` is the block whose output they are.
    """
    # not output_hidden_states: transformers gives none for a model that came from a pickle
    found: list[Tensor] = []
    hook = encoder.encoder.layers[layer].register_forward_hook(
        lambda _layer, _inputs, output: found.append(output)
    )
    try:
        encoder(pixels)
    finally:
        hook.remove()
    return found[0]
