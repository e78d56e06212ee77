import json

import pytest
import torch
from einops import rearrange
from safetensors.torch import load_file
from tests.teacher_fixtures import float32_bound

from dd3g_kedro.core.objective.verification import distillation_weight, residual
from dd3g_kedro.core.teacher.cameras import conditioning_vectors
from dd3g_kedro.core.teacher.schedule import add_noise, guide, released_schedule

SHAPE = (2, 4, 3, 4, 4)
WEIGHTINGS = ("x0_reconstruction", "one_minus_alpha_bar", "sigma_over_alpha", "one")


def draw(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_teacher_that_finds_the_noise_asks_for_nothing(weighting):
    latents, noise = draw(0), draw(1)
    pull = residual(latents, noise, noise, noise, torch.tensor([0.98, 0.6]), weighting)
    torch.testing.assert_close(pull, torch.zeros(SHAPE), atol=2e-6, rtol=0)


def test_reconstruction_without_rescaling_is_sigma_over_alpha():
    latents, noise, guided, conditional = (draw(seed) for seed in range(4))
    bars = torch.tensor([0.98, 0.6])
    first = residual(latents, noise, guided, conditional, bars, "x0_reconstruction", rescale=0.0)
    second = residual(latents, noise, guided, conditional, bars, "sigma_over_alpha")
    torch.testing.assert_close(first, second, atol=2e-6, rtol=1e-5)


def test_full_rescaling_has_the_conditional_contrast():
    latents, noise, guided, conditional = (draw(seed) for seed in range(4))
    bars = torch.tensor([0.98, 0.6])
    arguments = (latents, noise, guided, conditional, bars, "x0_reconstruction")
    target = latents - residual(*arguments, rescale=1.0)
    bar = bars.reshape(-1, 1, 1, 1, 1)
    clean = (add_noise(latents, noise, bars) - (1 - bar).sqrt() * conditional) / bar.sqrt()
    torch.testing.assert_close(target.flatten(1).std(dim=1), clean.flatten(1).std(dim=1))


def test_weightings_differ_53_fold_at_t_20():
    bar = released_schedule().alphas_cumprod[20:21]
    weights = [distillation_weight(bar, name) for name in WEIGHTINGS[1:]]
    assert (max(weights) / min(weights)).item() == pytest.approx(53, abs=1)


def test_unknown_weighting_is_named():
    with pytest.raises(ValueError, match=r"verification.weighting must be one of .*'sds'"):
        distillation_weight(torch.tensor([0.5]), "sds")


@pytest.mark.shared
@pytest.mark.parametrize("index", range(6))
def test_equals_the_released_loss(imagedream, released_unet, index):
    """From the latents and cameras to loss and gradient; the released loss is a mean over images.

    The reported `grad_norm` of the classic cases is of the undivided sum.
    """
    facts = json.loads((imagedream / "sds/sds.json").read_text())["cases"][index]
    tensors = load_file(imagedream / "sds/sds.safetensors")
    case = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{index}.")}
    bars = released_schedule().alphas_cumprod[[facts["t"]]].expand(facts["B"] // 4)
    latents, noise = (
        rearrange(case[k], "(b v) c y x -> b v c y x", v=4) for k in ("latents", "noise")
    )
    frames = facts["num_frames"]

    def views(rows):
        return rearrange(rows, "(s b f) ... -> s b f ...", s=2, f=frames)[:, :, :4]

    noisy = add_noise(latents, noise, bars)
    for half in views(case["unet_x"]):
        torch.testing.assert_close(half, noisy, atol=3e-6, rtol=0)
    for half in views(case["unet_camera"]):
        vectors = conditioning_vectors(case["c2w"])
        torch.testing.assert_close(half.flatten(0, 1), vectors, atol=2e-7, rtol=0)

    image = tensors["ip_img_latent"].expand(facts["B"] // 4, -1, -1, -1)
    ip = tensors["ip_tokens"]
    context = torch.cat([tensors["context_cond"], tensors["context_uncond"]])
    ip, image = (torch.cat([given, torch.zeros_like(given)]) for given in (ip, image))
    if index == 0:  # the only case that states them, a row for each frame
        assert torch.equal(context.repeat_interleave(5, 0), case["unet_context"])
        assert torch.equal(ip.repeat_interleave(5, 0), case["unet_ip"])
        torch.testing.assert_close(image, case["unet_ip_img"])
    with torch.no_grad():
        predicted = released_unet("unet_a2")(
            case["unet_x"],
            case["unet_t"],
            context,
            case["unet_camera"],
            ip,
            image if facts["mode"] == "pixel" else None,
            num_frames=frames,
        )
    torch.testing.assert_close(predicted, case["unet_eps"], atol=float32_bound(4e-6), rtol=0)

    conditional, unconditional = views(predicted)
    weighting = "x0_reconstruction" if facts["recon"] else "one_minus_alpha_bar"
    guided = guide(unconditional, conditional, facts["scale"])
    pull = residual(latents, noise, guided, conditional, bars, weighting, facts["resc"])
    loss = 0.5 * pull.square().sum() / facts["B"]
    gradient = pull.flatten(0, 1) / facts["B"]
    torch.testing.assert_close(loss[None], case["loss"], atol=0, rtol=1e-5)
    torch.testing.assert_close(gradient, case["grad"], atol=1e-5, rtol=0)
    reported = case["grad_norm"] / (1 if facts["recon"] else facts["B"])
    torch.testing.assert_close(gradient.norm()[None], reported, atol=0, rtol=1e-5)
