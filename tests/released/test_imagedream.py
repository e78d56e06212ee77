import hashlib
import json
import math

import numpy as np
import pytest
import torch
from numba import njit
from safetensors.torch import load_file
from tests.teacher_fixtures import float32_bound, unet_to_original
from torch import Tensor, nn

from dd3g_kedro.core.errors import InvalidWeights
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.released.imagedream import unet_config, unet_from_original


def as_released(config: UNetConfig) -> dict:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in vars(config).items()}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"attention_resolutions": (2,)},
        {"attention_resolutions": (), "num_res_blocks": 2},
        {"channel_mult": (1, 1.5, 2, 2), "model_channels": 64, "attention_resolutions": (1, 4, 8)},
        {"channel_mult": (1,), "num_head_channels": 32, "ip_dim": 5, "transformer_depth": 2},
        {"context_dim": 20, "camera_dim": 12, "ip_weight": 0.3, "in_channels": 8},
    ],
)
def test_released_names_round_trip(tiny_config, randomise, changes):
    config = UNetConfig(**{**vars(tiny_config), **changes})
    unet = randomise(MultiViewUNet(config))
    again = unet_from_original(as_released(config), unet_to_original(unet))
    assert again.config == config
    ours, theirs = unet.state_dict(), again.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


@torch.no_grad()
def test_the_weights_given_stay_as_they_are(tiny_config, tiny_unet):
    given = unet_to_original(tiny_unet)
    before = {key: value.clone() for key, value in given.items()}
    for parameter in unet_from_original(as_released(tiny_config), given).parameters():
        parameter.add_(1)
    assert all(torch.equal(given[key], value) for key, value in before.items())


def test_wrong_keys_are_listed(tiny_config, tiny_unet):
    weights = unet_to_original(tiny_unet)
    weights["out.2.bias"] = weights["out.2.bias"][:2]
    weights["out.3.bias"] = weights.pop("out.0.bias")
    with pytest.raises(InvalidWeights) as caught:
        unet_from_original(as_released(tiny_config), weights)
    message = str(caught.value)
    assert "Missing (1): out.0.bias" in message
    assert "Surplus (1): out.3.bias" in message
    assert "Misshapen (1): out.2.bias is (2,), expected (4,)" in message


def test_unknown_configuration_keys_are_named():
    with pytest.raises(ValueError, match=r"did you mean unet\.model_channels"):
        unet_config({"_class_name": "MultiViewUNetModel", "model_chanels": 320})


def test_switches_without_effect_are_accepted():
    assert unet_config({"legacy": False, "ip_mode": "local_resample"}) == UNetConfig()


def test_half_precision_weights_become_float32(tiny_config, tiny_unet):
    halves = {key: value.half() for key, value in unet_to_original(tiny_unet).items()}
    unet = unet_from_original(as_released(tiny_config), halves)
    assert {p.dtype for p in unet.parameters()} == {torch.float32}


@pytest.mark.shared
@torch.no_grad()
@pytest.mark.parametrize("name", ["unet_a1", "unet_a2"])
@pytest.mark.parametrize("case", ["generic", "cfg", "sds2", "local", "noip"])
def test_equals_the_public_implementations(imagedream, released_unet, name, case):
    """3e-6 is the fixtures' "expect" column."""
    tensors = load_file(imagedream / name / "io.safetensors")
    names = ("x", "timesteps", "context", "camera", "ip", "ip_img")
    given = {key: tensors.get(f"{case}.{key}") for key in names}
    frames = 4 if case in ("local", "noip") else 5
    out = released_unet(name)(**given, num_frames=frames)
    for kind in ("out", "out_bytedance"):  # the latter only where it is not the same to the bit
        if f"{case}.{kind}" in tensors:
            bound = float32_bound(3e-6)
            torch.testing.assert_close(out, tensors[f"{case}.{kind}"], atol=bound, rtol=0)
    exact = tensors[f"{case}.out_f64"]
    assert (out - exact).abs().max() < 3e-5  # the sinusoid's own error in float32 is 2e-5


class ExactTimesteps(nn.Module):
    """The sinusoid of a timestep in float64, of float32 frequencies: as the fixtures' float64."""

    def __init__(self, width: int) -> None:
        super().__init__()
        exponent = -math.log(10000) * torch.arange(width // 2) / (width // 2)
        self.frequencies = exponent.exp().double()

    def forward(self, timesteps: Tensor) -> Tensor:
        angles = timesteps[:, None].double() * self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


@pytest.mark.shared
@torch.no_grad()
@pytest.mark.parametrize("name", ["unet_a1", "unet_a2"])
@pytest.mark.parametrize("case", ["generic", "cfg", "sds2", "local", "noip"])
def test_equals_the_public_implementations_in_float64(imagedream, released_unet, name, case):
    """What is computed, whatever a processor's float32 kernels round."""
    tensors = load_file(imagedream / name / "io.safetensors")
    names = ("x", "timesteps", "context", "camera", "ip", "ip_img")
    given = {key: tensors.get(f"{case}.{key}") for key in names}
    given = {
        key: value.double() if value is not None and value.is_floating_point() else value
        for key, value in given.items()
    }
    unet = released_unet(name).double()
    unet.network.time_proj = ExactTimesteps(unet.config.model_channels)
    out = unet(**given, num_frames=4 if case in ("local", "noip") else 5)
    torch.testing.assert_close(out, tensors[f"{case}.out_f64"], atol=1e-6, rtol=0)


@pytest.mark.shared
@torch.no_grad()
@pytest.mark.parametrize("name", ["unet_a1", "unet_a2"])
def test_image_tokens_and_embeddings_equal_the_public_ones(imagedream, released_unet, name):
    tensors = load_file(imagedream / name / "io.safetensors")
    unet = released_unet(name)
    close = {"atol": float32_bound(3e-6), "rtol": 0}
    tokens = unet.embed_image_tokens(tensors["cfg.ip"])
    torch.testing.assert_close(tokens, tensors["cfg.image_embed"], **close)
    camera = unet.network.class_embedding(tensors["cfg.camera"][:5])
    torch.testing.assert_close(camera, tensors["cfg.camera_embed"], **close)
    sinusoid = unet.network.get_time_embed(tensors["cfg.x"][:1], tensors["cfg.timesteps"][:1])
    time = unet.network.time_embedding(sinusoid)
    torch.testing.assert_close(time, tensors["cfg.time_embed"], **close)


def blocks(config: UNetConfig) -> dict[str, str]:
    """Where the released blocks of two levels, a block each, end in diffusers' network."""
    last = ["attentions" if on else "resnets" for on in config.attends]
    return {
        "input_blocks.0": "conv_in",
        "input_blocks.1": f"down_blocks.0.{last[0]}.0",
        "input_blocks.2": "down_blocks.0.downsamplers.0",
        "input_blocks.3": f"down_blocks.1.{last[1]}.0",
        "middle_block": "mid_block.resnets.1",
        "output_blocks.0": f"up_blocks.0.{last[1]}.0",
        "output_blocks.1": "up_blocks.0.upsamplers.0",
        "output_blocks.2": f"up_blocks.1.{last[0]}.0",
        "output_blocks.3": f"up_blocks.1.{last[0]}.1",
    }


@pytest.mark.shared
@torch.no_grad()
@pytest.mark.parametrize("name", ["unet_a1", "unet_a2"])
def test_every_block_equals_the_public_one(imagedream, released_unet, name):
    """3e-6, and 1e-6 of values above 3; std is PyTorch's."""
    tensors = load_file(imagedream / name / "io.safetensors")
    unet, seen = released_unet(name), {}
    found = blocks(unet.config)
    for block, place in found.items():
        unet.network.get_submodule(place).register_forward_hook(
            lambda _module, _given, out, block=block: seen.update(
                {block: out if isinstance(out, Tensor) else out[0]}
            )
        )
    names = ("x", "timesteps", "context", "camera", "ip", "ip_img")
    unet(**{key: tensors[f"cfg.{key}"] for key in names})
    probed = {key.split(".probe.")[1].rsplit(".", 1)[0] for key in tensors if ".probe." in key}
    assert probed == {*found, "camera_embed", "image_embed", "time_embed"}
    for block, out in seen.items():
        probe = f"cfg.probe.{block}"
        close = {"atol": float32_bound(3e-6), "rtol": 1e-6}
        torch.testing.assert_close(out[0].flatten()[:16], tensors[f"{probe}.first"], **close)
        torch.testing.assert_close(out[9].flatten()[:16], tensors[f"{probe}.last"], **close)
        spread = torch.stack([out.mean(), out.std()])
        torch.testing.assert_close(spread, tensors[f"{probe}.meanstd"], **close)


@pytest.mark.shared
def test_names_at_real_size_are_the_released_ones(imagedream):
    expected = json.loads((imagedream / "ipmv_unet_keys.json").read_text())
    with torch.device("meta"):
        weights = unet_to_original(MultiViewUNet(UNetConfig()))
    assert {key: list(value.shape) for key, value in weights.items()} == expected
    assert sum(value.numel() for value in weights.values()) == 941_672_900


@njit
def mixed(count: int, seed: np.uint64, scale: float, shift: float) -> np.ndarray:
    """SplitMix64 of 1, 2, 3 ... as numbers in [shift - scale, shift + scale)."""
    out = np.empty(count, np.float32)
    for place in range(count):
        z = np.uint64(place + 1) * np.uint64(0x9E3779B97F4A7C15) + seed
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        unit = np.float64(z >> np.uint64(40)) / 8388608.0 - 1.0
        out[place] = np.float32(shift + scale * unit)
    return out


def formula(salt: str, key: str, shape: tuple[int, ...], plain: bool = False) -> Tensor:
    """The full-size fixture's weights and inputs (its README, "fullsize")."""
    seed = int.from_bytes(hashlib.sha256(f"{salt}/{key}".encode()).digest()[:8], "little")
    scale, shift = 0.1, 0.0
    if plain or key == "image_embed.latents":
        scale = math.sqrt(3)
    elif len(shape) > 1:
        scale = math.sqrt(3 / math.prod(shape[1:]))
    elif key.endswith(".weight"):
        scale, shift = 0.2, 1.0
    return torch.from_numpy(mixed(math.prod(shape), np.uint64(seed), scale, shift)).reshape(shape)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.timeout(900)
@torch.no_grad()
def test_equals_the_public_implementations_at_real_size(imagedream):
    facts = json.loads((imagedream / "fullsize/fullsize.json").read_text())
    tensors = load_file(imagedream / "fullsize/fullsize.safetensors")
    shapes = json.loads((imagedream / "ipmv_unet_keys.json").read_text())
    salt = facts["salt"]
    weights = {key: formula(salt, key, tuple(shape)) for key, shape in shapes.items()}
    unet = unet_from_original(facts["config"], weights)
    del weights

    def given(name: str, *shape: int) -> Tensor:
        return formula(salt, f"input/{name}", shape, plain=True)

    x, ip, ip_img = (
        given("x", 5, 4, 16, 16),
        given("ip", 1, 257, 1280),
        given("ip_img", 1, 4, 16, 16),
    )
    tokens = unet.embed_image_tokens(ip)
    torch.testing.assert_close(tokens, tensors["image_embed"], atol=float32_bound(4e-6), rtol=0)
    context = torch.cat([given("context_uncond", 1, 77, 1024), given("context_cond", 1, 77, 1024)])
    out = unet(
        x.repeat(2, 1, 1, 1),
        torch.full((10,), facts["timestep"]),
        context,
        tensors["camera"].repeat(10 // len(tensors["camera"]), 1),
        torch.cat([torch.zeros_like(ip), ip]),
        torch.cat([torch.zeros_like(ip_img), ip_img]),
    )
    torch.testing.assert_close(out, tensors["out"], atol=float32_bound(4e-6), rtol=0)
