"""Fitting the mini teacher: first its VAE, then its U-Net and image encoder together (Ours)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from einops import rearrange
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn

from dd3g_kedro.core.devices import default_device, network_dtype
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.identity import Identity, deciding, weights_fingerprint
from dd3g_kedro.core.teacher.cameras import camera_conditioning
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.config import FREE, Optimization
from dd3g_kedro.core.training.loop import Measures, Terms, fit, own_share, step_generator
from dd3g_kedro.core.training.pictures import picture_rows
from dd3g_kedro.core.training.reporting import StepReports, callbacks_to
from dd3g_kedro.fast.compiled_layers import lay_out_for_the_compiler
from dd3g_kedro.mini_teacher.config import AutoencoderObjective, DenoiserObjective, ViewAugmentation
from dd3g_kedro.mini_teacher.views import ViewsFolder

AUTOENCODER = "autoencoder 1"  # makers; one rises when the same inputs make another result
DENOISER = "denoiser 1"
_PICTURED = 12  # views on the picture of an autoencoder
_VIEWS = 4  # of an object, drawn at once


class _Reconstruction(nn.Module):
    """The VAE's forward as one call, so that processes can share its gradients."""

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(
        self, images: Float[Tensor, "n 3 h w"], noise: Float[Tensor, "n c y x"]
    ) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, ""]]:
        posterior = self.autoencoder.encode(images * 2 - 1).latent_dist
        latents = posterior.mean + posterior.std * noise
        divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).float().mean()
        return (self.autoencoder.decode(latents).sample + 1) / 2, divergence


def _edges(images: Float[Tensor, "n 3 h w"]) -> tuple[Tensor, Tensor]:
    return images.diff(dim=-1), images.diff(dim=-2)


def _colours(images: Float[Tensor, "n 3 h w"]) -> Tensor:
    return images - images.mean(dim=1, keepdim=True)


def fit_autoencoder(
    autoencoder: AutoencoderKL,
    views: ViewsFolder,
    weights: AutoencoderObjective,
    optimization: Optimization,
    augmentation: ViewAugmentation,
    checkpoints: Path,
    reports: StepReports,
) -> AutoencoderKL:
    """Fit the VAE to single views; its scaling factor makes latents of unit variance."""
    device = default_device()
    cells = views.size // 2 ** (len(autoencoder.config.block_out_channels) - 1)

    def batch(generator: torch.Generator) -> Float[Tensor, "n 3 h w"]:
        objects = own_share(optimization.batch_size, _VIEWS) // _VIEWS
        drawn = views.on(device).draw(objects, generator, augmentation)
        return rearrange(drawn.images, "b v c h w -> (b v) c h w")

    @torch.no_grad()
    def pictures(model: nn.Module) -> dict[str, Image.Image]:
        images = batch(step_generator(optimization.seed, 0))[:_PICTURED]
        noise = torch.zeros(len(images), autoencoder.config.latent_channels, cells, cells)
        restored, _ = model(images, noise.to(device))
        return {"true_restored": picture_rows([[*images], [*restored]])}

    identity = Identity.of(
        AUTOENCODER,
        optimization=deciding(optimization, FREE),
        autoencoder_objective=weights,
        augmentation=augmentation,
        network=_public(autoencoder.config),
        start=weights_fingerprint(autoencoder.state_dict()),
        data=views.fingerprint,
    )

    def objective(model: nn.Module, _: int, generator: torch.Generator) -> tuple[Terms, Measures]:
        images = batch(generator)
        shape = (len(images), autoencoder.config.latent_channels, cells, cells)
        noise = torch.randn(shape, generator=generator).to(device)
        restored, divergence = model(images, noise)
        edges = [
            (a - b).abs().mean() for a, b in zip(_edges(restored), _edges(images), strict=True)
        ]
        squared = (restored.detach().clamp(0, 1) - images).square().mean()
        terms = {
            "absolute": weights.absolute * (restored - images).abs().mean(),
            "edges": weights.edges * torch.stack(edges).sum(),
            "colours": weights.colours * (_colours(restored) - _colours(images)).square().mean(),
            "divergence": weights.divergence * divergence,
        }
        return terms, {"psnr": -10 * squared.log10()}

    module: nn.Module = _Reconstruction(autoencoder)
    module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if optimization.compile:
        module.compile()
    told = (identity, checkpoints, callbacks_to(reports, pictures), "autoencoder")
    fitted = fit(module, objective, optimization, *told)
    result: AutoencoderKL = fitted.autoencoder
    generator = torch.Generator().manual_seed(optimization.seed)
    with torch.no_grad():
        sample = batch(generator)[:256].cpu()
        spread = result.encode(sample * 2 - 1).latent_dist.mean.std()
    result.to(memory_format=torch.contiguous_format)
    result.register_to_config(scaling_factor=float(1 / spread))
    return result


def drawn_timesteps(
    count: int, steps: int, shift: float, generator: torch.Generator
) -> Int[Tensor, " {count}"]:
    """Timesteps in [0, steps): t = T s u / (1 + (s - 1) u) of uniform u (Ours)."""
    uniform = torch.rand(count, generator=generator, dtype=torch.float64)
    shifted = shift * uniform / (1 + (shift - 1) * uniform)
    return (shifted * steps).long().clamp_max(steps - 1)


def drawn_noise(like: Float[Tensor, "*n"], generator: torch.Generator) -> Float[Tensor, "*n"]:
    """Ours: drawn where it is used; on the CPU it takes as long as the network on a GPU."""
    if like.device.type == "cpu":
        return torch.randn(like.shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    there = torch.Generator(like.device).manual_seed(seed)
    return torch.randn(like.shape, generator=there, device=like.device)


def fit_denoiser(
    teacher: Teacher,
    views: ViewsFolder,
    optimization: Optimization,
    augmentation: ViewAugmentation,
    checkpoints: Path,
    reports: StepReports,
    asked: DenoiserObjective | None = None,
) -> Teacher:
    """Fit U-Net and image encoder to the views' latents; the VAE stays as it is."""
    asked = asked or DenoiserObjective()
    device = default_device()
    identity = Identity.of(
        DENOISER,
        optimization=deciding(optimization, FREE),
        denoiser_objective=asked,
        augmentation=augmentation,
        teacher=teacher.config,
        schedule=_public(teacher.schedule.config),
        autoencoder=_public(teacher.autoencoder.config),
        start=weights_fingerprint(teacher.state_dict()),
        data=views.fingerprint,
    )
    teacher.requires_grad_(requires_grad=True).to(device)
    teacher.autoencoder.requires_grad_(requires_grad=False)
    teacher.image_encoder.post_layernorm.requires_grad_(requires_grad=False)  # of pooling: unused
    encoder = copy.deepcopy(teacher.autoencoder).to(
        dtype=network_dtype(device), memory_format=torch.channels_last
    )
    scaling = float(encoder.config.scaling_factor)
    if optimization.compile:
        lay_out_for_the_compiler(encoder.encoder.down_blocks)  # the attention's norm takes rows
        encoder.encoder.compile()
        teacher.unet.network.to(memory_format=torch.channels_last)
        teacher.unet.network.compile()
    schedule = teacher.schedule
    steps = schedule.config.num_train_timesteps
    velocity = schedule.config.prediction_type == "v_prediction"

    @torch.no_grad()
    def encode(images: Float[Tensor, "b f 3 h w"]) -> Float[Tensor, "b f c y x"]:
        pixels = (images.flatten(0, 1) * 2 - 1).to(
            dtype=encoder.dtype, memory_format=torch.channels_last
        )
        latents = encoder.encode(pixels).latent_dist.mean * scaling
        return latents.float().unflatten(0, images.shape[:2])

    def objective(model: nn.Module, _: int, generator: torch.Generator) -> tuple[Terms, Measures]:
        batch = views.on(device).draw(own_share(optimization.batch_size), generator, augmentation)
        latents = encode(torch.cat([batch.input_image[:, None], batch.images], dim=1))
        timesteps = drawn_timesteps(len(latents), steps, asked.timestep_shift, generator)
        timesteps = timesteps.to(device)
        keep = (torch.rand(len(latents), generator=generator) >= asked.withheld).to(device)
        noise = drawn_noise(latents[:, 1:], generator)
        noisy = schedule.add_noise(latents[:, 1:], noise, timesteps)
        target = schedule.get_velocity(latents[:, 1:], noise, timesteps) if velocity else noise
        camera = camera_conditioning(orbit(batch.azimuth, batch.elevation, teacher.config.rig))
        output = model(noisy, timesteps, camera, batch.input_image, latents[:, 0], keep)
        return {"denoising": (output.float() - target).square().mean()}, {}

    told = (identity, checkpoints, callbacks_to(reports), "teacher")
    return fit(teacher, objective, optimization, *told)


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """A library's configuration without what it notes of itself: its version, a folder's name."""
    return {name: value for name, value in config.items() if not name.startswith("_")}
