import copy
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import Tensor

from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.fast import accelerate
from dd3g_kedro.fast.accelerate import prepare_for_sampling

OBJECTS, FRAMES = 2, 5
ROWS = OBJECTS * FRAMES


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "x": draw(ROWS, 4, 8, 8),
        "timesteps": torch.full((ROWS,), 621),
        "context": draw(ROWS, 6, 8),
        "camera": draw(ROWS, 16),
        "ip": draw(OBJECTS, 7, 12).repeat_interleave(FRAMES, 0),
        "ip_img": draw(OBJECTS, 4, 8, 8),
    }


CLOSE = {"atol": 2e-5, "rtol": 0}


@torch.no_grad()
def test_every_input_matters(tiny_unet, inputs):
    out = tiny_unet(**inputs)
    assert out.shape == inputs["x"].shape
    for name in ("context", "camera", "ip", "ip_img"):
        assert (tiny_unet(**{**inputs, name: torch.zeros_like(inputs[name])}) - out).std() > 0.01
    assert (tiny_unet(**{**inputs, "timesteps": inputs["timesteps"] - 300}) - out).std() > 0.01


@torch.no_grad()
def test_noise_in_the_image_frame_is_inert_and_x_stays_as_it_was(tiny_unet, inputs):
    other = inputs["x"].clone()
    other[FRAMES - 1 :: FRAMES] = 99
    kept = other.clone()
    assert torch.equal(tiny_unet(**{**inputs, "x": other}), tiny_unet(**inputs))
    assert torch.equal(other, kept)


@torch.no_grad()
def test_frames_change_places_with_their_cameras(tiny_unet, inputs):
    """No frame index enters the network beside the camera and the image frame's place."""
    order = torch.tensor([2, 0, 3, 1, 4])
    rows = torch.cat([order + FRAMES * i for i in range(OBJECTS)])
    moved = {k: v[rows] if len(v) == ROWS else v for k, v in inputs.items()}
    torch.testing.assert_close(tiny_unet(**moved), tiny_unet(**inputs)[rows], **CLOSE)


@torch.no_grad()
def test_objects_do_not_see_each_other_but_views_do(tiny_unet, inputs):
    out = tiny_unet(**inputs)
    other = inputs["x"].clone()
    other[0] += 1
    change = (tiny_unet(**{**inputs, "x": other}) - out).flatten(1).abs().amax(1)
    assert (change[:FRAMES] > 1e-3).all()
    assert (change[FRAMES:] < 1e-5).all()


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, OBJECTS])
def test_shared_tokens_equal_repeated_ones(tiny_unet, inputs, rows):
    tokens = tiny_unet.embed_image_tokens(inputs["ip"][::FRAMES])
    context = inputs["context"][:rows]
    shared = {k: v for k, v in inputs.items() if k != "ip"} | {"context": context}
    repeated = {**inputs, "context": context.repeat_interleave(ROWS // rows, 0)}
    torch.testing.assert_close(
        tiny_unet(**shared, image_tokens=tokens), tiny_unet(**repeated), **CLOSE
    )


@torch.no_grad()
def test_keys_and_values_may_be_computed_once(tiny_unet, inputs):
    tokens = tiny_unet.embed_image_tokens(inputs["ip"])
    known = tiny_unet.keys_values(inputs["context"], tokens)
    others = {k: v for k, v in inputs.items() if k not in ("ip", "context")}
    torch.testing.assert_close(
        tiny_unet(**others, context=None, keys_values=known), tiny_unet(**inputs), **CLOSE
    )
    with pytest.raises(ValueError, match="context or keys_values"):
        tiny_unet(**others, context=None)


@torch.no_grad()
def test_prepared_for_sampling_the_views_stay_what_they_are(tiny_unet, inputs):
    each = inputs | {"context": inputs["context"][:1], "ip": inputs["ip"][::FRAMES]}
    expected = tiny_unet(**each).unflatten(0, (-1, FRAMES))
    prepared = prepare_for_sampling(copy.deepcopy(tiny_unet))
    found = prepared(**each).unflatten(0, (-1, FRAMES))
    torch.testing.assert_close(found[:, :-1], expected[:, :-1], **CLOSE)
    assert not found[:, -1].any()
    for wrong in ({**each, "ip_img": None}, inputs):
        with pytest.raises(ValueError, match="prepared for sampling"):
            prepared(**wrong)


@torch.no_grad()
def test_without_image_tokens_the_last_text_rows_stand_for_them(tiny_unet, inputs):
    tokens = tiny_unet.embed_image_tokens(inputs["ip"])
    packed = torch.cat([inputs["context"], tokens], dim=1)
    without = {**inputs, "context": packed, "ip": None}
    torch.testing.assert_close(tiny_unet(**without), tiny_unet(**inputs), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_runs_in_the_precision_of_its_weights(tiny_unet, inputs, dtype):
    exact = tiny_unet(**inputs)
    out = copy.deepcopy(tiny_unet).to(dtype)(**inputs)
    assert out.dtype == dtype
    error = (out - exact).square().mean().sqrt() / exact.std()
    assert error < {torch.bfloat16: 0.05, torch.float64: 1e-5}[dtype]


def test_half_precision_timesteps_are_refused(tiny_unet, inputs):
    """bfloat16 turns 981 into 980."""
    with pytest.raises(ValueError, match="timesteps must be int64 or float32"):
        tiny_unet(**{**inputs, "timesteps": inputs["timesteps"].bfloat16()})


def test_float16_on_a_cpu_says_what_to_use(tiny_unet, inputs):
    with pytest.raises(ValueError, match=r"in float16 on the CPU.*use float32, or bfloat16"):
        tiny_unet.half()(**inputs)


def test_rows_that_do_not_fit_the_frames_are_refused(tiny_unet, inputs):
    with pytest.raises(ValueError, match="num_frames must divide the 10 rows of x, got 4"):
        tiny_unet(**{**inputs, "ip_img": None}, num_frames=4)


def test_starts_silent_and_learns(tiny_config, inputs):
    unet = MultiViewUNet(tiny_config)
    optimizer = torch.optim.Adam(unet.parameters(), 3e-3)
    target = torch.randn(ROWS, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    losses = []
    for _ in range(25):
        loss = (unet(**inputs) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(target.square().mean().item())
    assert losses[-1] < 0.7 * losses[0]
    gradients = {name: p.grad for name, p in unet.named_parameters()}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())


COMPILED = """
import torch
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.unet import MultiViewUNet
config = UNetConfig(model_channels=32, channel_mult=(1,), num_res_blocks=1, num_head_channels=16,
                    attention_resolutions=(1,), context_dim=8, ip_embedding_dim=12)
unet = MultiViewUNet(config).eval()
inputs = (torch.randn(5, 4, 8, 8), torch.full((5,), 9), torch.randn(1, 6, 8), torch.randn(5, 16),
          torch.randn(1, 7, 12), torch.randn(1, 4, 8, 8))
torch.compile(unet, fullgraph=True, backend="eager")(*inputs)
"""


@pytest.mark.slow
def test_compiles_without_graph_breaks():
    """In its own process, because the tests' type checks cannot be compiled."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channel_mult": (2, 4)}, "channel_mult must start with 1"),
        ({"model_channels": 48}, "multiples of 32, got 48"),
        ({"channel_mult": (1, 1.333)}, "multiples of 32"),
        ({"num_head_channels": 48}, "num_head_channels must divide"),
        ({"attention_resolutions": (1, 3)}, "attention_resolutions must be down-sampling factors"),
        ({"ip_dim": 0}, "ip_dim must be greater than 0"),
    ],
)
def test_impossible_configurations_name_the_key(changes, message):
    with pytest.raises(ValueError, match=message):
        UNetConfig(**changes)


def test_attention_at_a_resolution_that_there_is_not_is_idle(tiny_config):
    config = replace(tiny_config, channel_mult=(1, 2), attention_resolutions=(4, 2, 1))
    assert config.attends == (True, True)


def test_kernels_of_a_library_in_another_version_say_so(monkeypatch):
    """A module of that name, without what is needed of it."""
    for name in ("quack", "quack.epilogue"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.delitem(sys.modules, "dd3g_kedro.fast.fused_sums", raising=False)
    with pytest.raises(DD3GError, match=r"quack-kernels: .*does not fit.*-e '\.\[hopper\]'"):
        accelerate._kernels("fused_sums", "quack-kernels")
