import json

import pytest
import torch
from safetensors.torch import load_file
from tests.teacher_fixtures import float32_bound

from dd3g_kedro.core.teacher.schedule import (
    add_noise,
    guide,
    noise_from_output,
    released_schedule,
    sample_latents,
)

SHAPE = (2, 4, 3, 4, 4)  # b v c y x


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def original_timesteps(schedule, steps: int) -> list[int]:
    """ByteDance's steps: every t = 1 + k (1000 // steps), so 31 of them where 30 are asked for.

    diffusers runs exactly `steps`; both agree when `steps` divides 1000.
    """
    total = int(schedule.config["num_train_timesteps"])
    return [t + 1 for t in range(0, total, total // steps) if t + 1 < total][::-1]


def test_perfect_predictions_lead_to_the_clean_latents():
    """Along x_t = a x0 + s eps with eps fixed, DDIM is exact; it ends at alpha_bar_0, not at 1."""
    clean, noise = draw(*SHAPE), draw(*SHAPE, seed=1)
    schedule = released_schedule()
    bars = schedule.alphas_cumprod
    start = add_noise(clean, noise, bars[981].expand(2))
    latents = sample_latents(lambda _x, _t: noise, start, schedule)
    torch.testing.assert_close(latents, add_noise(clean, noise, bars[0].expand(2)))
    assert schedule.num_inference_steps is None  # left as it was


def test_velocity_names_the_same_noise():
    clean, noise = draw(*SHAPE), draw(*SHAPE, seed=1)
    alpha_bar = torch.tensor([0.9, 0.0])  # zero terminal SNR included
    noisy = add_noise(clean, noise, alpha_bar)
    bar = alpha_bar.reshape(-1, 1, 1, 1, 1)
    velocity = bar.sqrt() * noise - (1 - bar).sqrt() * clean
    torch.testing.assert_close(noise_from_output(velocity, noisy, alpha_bar, "v_prediction"), noise)
    assert noise_from_output(noise, noisy, alpha_bar, "epsilon") is noise
    with pytest.raises(ValueError, match="prediction_type must be"):
        noise_from_output(noise, noisy, alpha_bar, "sample")


def test_guidance_of_one_is_the_conditional_half():
    uncond, cond = draw(3), draw(3, seed=1)
    torch.testing.assert_close(guide(uncond, cond, 1.0), cond)
    torch.testing.assert_close(guide(uncond, cond, 5.0) - cond, 4 * (cond - uncond))


@pytest.mark.shared
@pytest.mark.parametrize("steps", [50, 30, 25, 20])
def test_steps_equal_the_public_implementations(imagedream, steps):
    tensors = load_file(imagedream / "ddim/steps.safetensors")
    schedule = released_schedule()
    schedule.set_timesteps(steps)
    assert torch.equal(schedule.timesteps, tensors[f"S{steps}.diffusers.timesteps_descending"])
    original = original_timesteps(schedule, steps)
    assert original == tensors[f"S{steps}.bytedance.timesteps_descending"].tolist()
    bars = schedule.alphas_cumprod
    for name, descending in (("diffusers", schedule.timesteps), ("bytedance", original)):
        now = torch.as_tensor(descending)
        before = now - 1000 // steps
        previous = torch.where(before >= 0, bars[before], schedule.final_alpha_cumprod)
        for key, ours in (("alpha_t", bars[now]), ("alpha_prev", previous)):
            theirs = tensors[f"S{steps}.{name}.{key}"]
            torch.testing.assert_close(ours.double(), theirs, atol=5.1e-7, rtol=0)


@pytest.mark.shared
def test_single_steps_equal_the_public_implementations(imagedream):
    """diffusers' numbers exactly; ByteDance's within the 5e-7 by which its alpha_bar differs."""
    tensors = load_file(imagedream / "ddim/steps.safetensors")
    schedule = released_schedule()
    schedule.set_timesteps(50)
    for index, t in enumerate(tensors["step.t"].tolist()):
        step = schedule.step(tensors["step.eps"], t, tensors["step.x"], eta=0.0)
        for name in ("diffusers", "bytedance"):
            previous = tensors[f"step.{name}.x_prev"][index]
            clean = tensors[f"step.{name}.pred_x0"][index]
            torch.testing.assert_close(step.prev_sample, previous, atol=2e-6, rtol=0)
            torch.testing.assert_close(step.pred_original_sample, clean, atol=3e-5, rtol=0)


@pytest.mark.shared
def test_alpha_bar_and_noising_equal_the_public_implementations(imagedream):
    tensors = load_file(imagedream / "ddim/steps.safetensors")
    bars = released_schedule().alphas_cumprod
    assert torch.equal(bars, tensors["diffusers.alphas_cumprod"])
    torch.testing.assert_close(bars.double(), tensors["alphas_cumprod_f64"], atol=5.1e-7, rtol=0)
    noisy = add_noise(tensors["q.x0"], tensors["q.noise"], bars[tensors["q.t"]])
    torch.testing.assert_close(noisy, tensors["q.x_t"], atol=2e-6, rtol=0)


@pytest.fixture
def trajectory(imagedream, released_unet):
    """Run guided sampling on the trajectory fixture; return the latents before every step."""
    tensors = load_file(imagedream / "ddim/trajectory.safetensors")
    unet = released_unet("unet_a2")
    scale = json.loads((imagedream / "ddim/trajectory.json").read_text())["cfg_scale"]
    zero = torch.zeros_like(tensors["ip"])
    tokens = unet.embed_image_tokens(torch.cat([zero, tensors["ip"]]))
    clean = torch.cat([torch.zeros_like(tensors["ip_img"]), tensors["ip_img"]])
    context = torch.cat([tensors["context_uncond"], tensors["context_cond"]])
    camera = tensors["camera"].repeat(2, 1)
    seen, halves = [], []

    @torch.no_grad()
    def predict(latents, timesteps):
        seen.append(latents[0])
        x, t = latents[0].repeat(2, 1, 1, 1), timesteps.expand(10)
        out = unet(x, t, context, camera, image_tokens=tokens, ip_img=clean)
        halves.append(out)
        return guide(*out.chunk(2), scale)[None]

    def run(steps, timesteps=None):
        end = sample_latents(predict, tensors["x_T"][None], released_schedule(), steps, timesteps)
        return [*seen, end[0]], halves, tensors

    return run


@pytest.mark.shared
def test_fifty_steps_equal_the_public_implementations(trajectory):
    """1e-6 relative. The image's frame is a by-product, and steps like the others here."""
    latents, halves, tensors = trajectory(50)
    for name, expected in tensors.items():
        kind, _, after = name.partition(".x_after_")
        if after:
            close = {"atol": 2e-4, "rtol": 0}
            torch.testing.assert_close(latents[int(after)], expected, **close, msg=kind)
    for name in ("diffusers.x_0", "bytedance.x_0", "diffusers_f64.x_0"):
        end = tensors[name].float()
        torch.testing.assert_close(latents[-1], end, atol=2e-4, rtol=0)
    uncond, cond = halves[0].chunk(2)
    near = float32_bound(3e-6)
    torch.testing.assert_close(uncond, tensors["step01.eps_uncond"], atol=near, rtol=0)
    torch.testing.assert_close(cond, tensors["step01.eps_cond"], atol=near, rtol=0)
    guided = guide(uncond, cond, 5.0)
    near = float32_bound(3e-5, elsewhere=1e-4)
    torch.testing.assert_close(guided, tensors["step01.eps_guided"], atol=near, rtol=0)
    for step, t in ((1, 981), (50, 1)):
        noise = guide(*halves[step - 1].chunk(2), 5.0)
        bar = released_schedule().alphas_cumprod[t]
        clean = (latents[step - 1] - (1 - bar).sqrt() * noise) / bar.sqrt()
        expected = tensors[f"bytedance.pred_x0_step{step:02}"]
        torch.testing.assert_close(clean, expected, atol=2e-4, rtol=float32_bound(1e-6, 7e-6))


@pytest.mark.shared
def test_thirty_steps_equal_diffusers(trajectory):
    latents, _, tensors = trajectory(30)
    torch.testing.assert_close(latents[-1], tensors["diffusers.x_0_30steps"], atol=2e-4, rtol=0)


@pytest.mark.shared
def test_thirty_one_steps_for_thirty_equal_bytedance(trajectory):
    descending = original_timesteps(released_schedule(), 30)
    latents, _, tensors = trajectory(30, descending)
    expected = tensors["bytedance.x_0_30requested_31run"]
    torch.testing.assert_close(latents[-1], expected, atol=2e-4, rtol=0)
