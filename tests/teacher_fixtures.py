import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.released.imagedream import original_names, unet_from_original


def unet_to_original(unet: MultiViewUNet) -> dict[str, Tensor]:
    """The state dict of our U-Net in the released names: the inverse of `unet_from_original`."""
    own = unet.state_dict()
    names = original_names(unet.config, list(own))
    return {names[key]: value for key, value in own.items()}


def float32_bound(bound: float, elsewhere: float = 2e-5) -> float:
    """How near float32 comes to the fixtures: `bound` where the kernels are those that made them.

    They were made with AVX-512. oneDNN's convolutions for other processors round otherwise: up to
    1.4e-5 was seen with AVX2, and 4e-6 there without oneDNN. What the network computes is therefore
    compared in float64 as well, where 1e-6 holds everywhere.
    """
    return bound if torch.backends.cpu.get_cpu_capability() == "AVX512" else elsewhere


@pytest.fixture
def imagedream(shared: Path) -> Path:
    """Numbers that the public implementations produced."""
    return shared / "fixtures" / "imagedream"


@pytest.fixture
def released_unet(imagedream: Path) -> Callable[[str], MultiViewUNet]:
    def build(name: str) -> MultiViewUNet:
        config = json.loads((imagedream / name / "config.json").read_text())
        packed = load_file(imagedream / name / "weights.safetensors")
        return unet_from_original(config, {key: value.float() for key, value in packed.items()})

    return build


@pytest.fixture
def tiny_config() -> UNetConfig:
    return UNetConfig(
        model_channels=32,
        num_res_blocks=1,
        attention_resolutions=(1,),
        channel_mult=(1, 2),
        num_head_channels=16,
        context_dim=8,
        ip_dim=3,
        image_size=8,
        ip_embedding_dim=12,
        resampler_depth=1,
        resampler_heads=2,
        resampler_head_dim=4,
    )


def _randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Random parameters everywhere: a fresh U-Net is silent, because its branches end in zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan = max(parameter[0].numel(), 1)
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan**0.5)
    return module.eval()


@pytest.fixture
def randomise() -> Callable[[nn.Module], nn.Module]:
    return _randomise


@pytest.fixture
def tiny_unet(tiny_config: UNetConfig) -> MultiViewUNet:
    return _randomise(MultiViewUNet(tiny_config))
