"""Raw features of one object's Gaussians under Adam, while their number changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dd3g_kedro.core.errors import TrainingDiverged
from dd3g_kedro.core.gaussians.activation import (
    LOG_SCALE_FLOOR,
    LOG_SCALE_RANGE,
    OPACITY_MARGIN,
    activate,
)
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.config import Cloud, LearningRates
from dd3g_kedro.fitting.densification import densify

NAMES = tuple(field.name for field in fields(Gaussians))
_EPS = 1e-5  # keeps raw features within +-11.5, where the sigmoid still has a slope
_ADAM_EPS = 1e-15  # 3DGS: gradients of single Gaussians are tiny
Loss = Callable[[Gaussians, int], Tensor]  # of the Gaussians and the step


def raw_features(gaussians: Gaussians) -> list[Tensor]:
    """The inverse of `activate`, in its order; what saturates is brought back a little."""
    squeezed = (
        (gaussians.log_scales - LOG_SCALE_FLOOR) / LOG_SCALE_RANGE,
        gaussians.colors,
        (gaussians.opacities - OPACITY_MARGIN) / (1 - 2 * OPACITY_MARGIN),
    )
    scales, colors, opacities = (torch.logit(value, _EPS) for value in squeezed)
    return [gaussians.means.clone(), scales, gaussians.quaternions.clone(), colors, opacities]


class RawGaussians:
    """Parameters in raw space and their Adam, for one object (b = 1)."""

    def __init__(self, start: Gaussians, rates: LearningRates) -> None:
        self.raw = [value.detach().requires_grad_() for value in raw_features(start)]
        groups = [
            {"params": [value], "lr": getattr(rates, name)}
            for name, value in zip(NAMES, self.raw, strict=True)
        ]
        self.optimizer = torch.optim.Adam(groups, eps=_ADAM_EPS)
        self._rates = rates

    def gaussians(self) -> Gaussians:
        """Activated, with gradients."""
        return activate(*self.raw)

    def step(self, progress: float) -> None:
        """One step of Adam; the means' rate falls geometrically as `progress` goes to 1."""
        first, last = self._rates.means, self._rates.final_means
        self.optimizer.param_groups[0]["lr"] = first * (last / first) ** progress if first else 0
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def pull(self) -> Float[Tensor, " g"]:
        """How strongly each Gaussian's centre is pulled: the length of its gradient."""
        gradient = self.raw[0].grad
        return (
            self.raw[0].new_zeros(self.raw[0].shape[1])
            if gradient is None
            else gradient[0].norm(dim=-1)
        )

    def replace(
        self, gaussians: Gaussians, origin: Int[Tensor, " g"], fresh: Bool[Tensor, " g"]
    ) -> None:
        """Go on with others: row i came from row `origin[i]`; Adam forgets where it is fresh."""
        for index, value in enumerate(raw_features(gaussians)):
            group = self.optimizer.param_groups[index]
            state = self.optimizer.state.pop(group["params"][0], {})
            for key, moment in state.items():
                if key != "step":
                    kept = moment[:, origin]
                    kept[:, fresh] = 0
                    state[key] = kept
            self.raw[index] = value.detach().requires_grad_()
            group["params"] = [self.raw[index]]
            self.optimizer.state[self.raw[index]] = state


def optimise(
    start: Gaussians, loss: Loss, steps: int, cloud: Cloud, title: str, show_progress: bool = False
) -> Gaussians:
    """Minimise a loss of one object's Gaussians by Adam, adding and pruning on the way.

    Raises:
        TrainingDiverged: a value became NaN or infinite.
    """
    parameters, plan = RawGaussians(start, cloud.learning_rates), cloud.densification
    pulls = start.means.new_zeros(start.means.shape[1])
    shown = track(range(steps), steps, title, "steps") if show_progress else range(steps)
    for step in shown:
        loss(parameters.gaussians(), step).backward()
        pulls = pulls + parameters.pull()
        parameters.step(step / steps)
        if plan and step >= plan.start and step % plan.every == 0 and step < plan.stop * steps:
            with torch.no_grad():
                parameters.replace(*densify(parameters.gaussians(), pulls, plan))
            pulls = pulls.new_zeros(parameters.raw[0].shape[1])
    result = parameters.gaussians().detach()
    if not all(bool(value.isfinite().all()) for value in vars(result).values()):
        raise TrainingDiverged(
            f"{title}: Gaussians became NaN or infinite within {steps} steps. Expected finite "
            "ones. Lower cloud.learning_rates or the weights of the loss."
        )
    return result
