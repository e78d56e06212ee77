"""The noise schedule and deterministic DDIM, through diffusers' scheduler (Sec. III-A)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from jaxtyping import Float, Int
from torch import Tensor

from dd3g_kedro.core.progress import track

Latents = Float[Tensor, "b v c y x"]


def released_schedule() -> DDIMScheduler:
    """ImageDream's: noise prediction, and a last step that ends at alpha_bar_0, not at 1."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        steps_offset=1,
        set_alpha_to_one=False,
        clip_sample=False,
        prediction_type="epsilon",
        timestep_spacing="leading",
    )


def _per_object(values: Float[Tensor, " b"], like: Tensor) -> Tensor:
    return values.to(like).reshape(-1, *[1] * (like.ndim - 1))


def add_noise(
    latents: Float[Tensor, "b *s"],
    noise: Float[Tensor, "b *s"],
    alpha_bar: Float[Tensor, " b"],
) -> Float[Tensor, "b *s"]:
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps."""
    alpha_bar = _per_object(alpha_bar, latents)
    return alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * noise


def noise_from_output(
    output: Float[Tensor, "b *s"],
    noisy: Float[Tensor, "b *s"],
    alpha_bar: Float[Tensor, " b"],
    prediction_type: str,
) -> Float[Tensor, "b *s"]:
    """eps_phi from the network's output: itself, or sqrt(alpha_bar) v + sqrt(1 - alpha_bar) x_t.

    Raises:
        ValueError: another prediction type.
    """
    if prediction_type == "epsilon":
        return output
    if prediction_type == "v_prediction":
        alpha_bar = _per_object(alpha_bar, noisy)
        return alpha_bar.sqrt() * output + (1 - alpha_bar).sqrt() * noisy
    raise ValueError(
        f"schedule.prediction_type must be epsilon or v_prediction, got {prediction_type!r}"
    )


def guide(
    unconditional: Float[Tensor, "*s"], conditional: Float[Tensor, "*s"], scale: float
) -> Float[Tensor, "*s"]:
    """Classifier-free guidance: u + s (c - u)."""
    return unconditional + scale * (conditional - unconditional)


def sample_latents(
    predict: Callable[[Latents, Int[Tensor, " b"]], Latents],
    noise: Latents,
    schedule: DDIMScheduler,
    steps: int = 50,
    timesteps: Sequence[int] | None = None,
    show_progress: bool = False,
) -> Latents:
    """Simulate the ODE from N with deterministic DDIM (eta 0), in the noise's precision.

    Args:
        predict: the network's guided output, of the kind that the schedule names, given latents
            and one integer timestep an object; timesteps are never in half precision.
        noise: N.
        schedule: left as it is.
        steps: of the schedule's own spacing.
        timesteps: descending, instead of the schedule's (ByteDance's are others).
        show_progress: on the terminal.
    """
    schedule = copy.deepcopy(schedule)
    schedule.set_timesteps(steps)
    descending = list(timesteps) if timesteps is not None else schedule.timesteps.tolist()
    latents = noise * schedule.init_noise_sigma
    shown = track(descending, len(descending), "DDIM", "steps") if show_progress else descending
    for t in shown:
        now = torch.full((len(latents),), t, device=latents.device)
        latents = schedule.step(predict(latents, now), t, latents, eta=0.0).prev_sample
    return latents
