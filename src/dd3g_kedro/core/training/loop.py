"""One loop for every network of this project: Adam, EMA, clipping, exact resume (Sec. IV-A).

A step draws everything that is random from a generator seeded by (seed, step, process), so a run
that was stopped and goes on from its checkpoint walks through the same numbers as one that was not.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from dd3g_kedro.core.devices import precision_dtype
from dd3g_kedro.core.errors import TrainingDiverged
from dd3g_kedro.core.processes import ranks
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.training.checkpoints import load_checkpoint, save_checkpoint
from dd3g_kedro.core.training.config import Optimization

_LOG = logging.getLogger(__name__)
_BAD_STEPS = 10  # in a row, until the run stops

M = TypeVar("M", bound=nn.Module)
Terms = Mapping[str, Tensor]  # weighted terms of the objective; their sum is minimised
Reporter = Callable[[int, Mapping[str, float]], None]


@dataclass
class Callbacks:
    """What the outside wants to hear; only the main process calls."""

    on_start: Callable[[int], None] | None = None  # (first step); > 0 when a run goes on
    on_step: Reporter | None = None  # (step, metrics), every log_every steps
    on_picture: Callable[[int, nn.Module], None] | None = None  # (step, EMA model)
    # further numbers that a loss leaves here; tensors are read when they are reported, not before
    measures: dict[str, float | Tensor] = field(default_factory=dict)


def own_share(count: int) -> int:
    """How many of `count` objects a step this process takes (at least one)."""
    return max(count // ranks(), 1)


def step_generator(seed: int, step: int, process: int = 0) -> torch.Generator:
    """The step's own source of randomness, on the CPU."""
    mixed = (seed * 1_000_003 + step) * 4_099 + process
    return torch.Generator().manual_seed(mixed % (2**63 - 1))


def learning_rate(step: int, config: Optimization) -> float:
    """Linear warm-up, then cosine decay to `final_learning_rate` of the peak (Ours)."""
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    progress = step / max(config.steps, 1)
    decay = 0.5 * (1 + math.cos(math.pi * progress))
    share = config.final_learning_rate + (1 - config.final_learning_rate) * decay
    return config.learning_rate * warmup * share


def _ema_update(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    def update(averages: Any, values: Any, count: Tensor | int) -> None:
        warm = (1 + int(count)) / (10 + int(count))  # Ours: early averages forget the start
        torch._foreach_lerp_(averages, values, 1 - min(decay, warm))

    return update


def gradient_norms(terms: Terms, parameters: Sequence[Tensor]) -> dict[str, float]:
    """Norm of every term's own gradient, before clipping."""
    norms = {}
    for name, term in terms.items():
        if term.requires_grad:
            parts = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            squares = [part.float().square().sum() for part in parts if part is not None]
            norms[f"gradient_norm.{name}"] = float(torch.stack(squares).sum().sqrt())
    return norms


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that the step in hand ends and is saved."""
    requests: list[int] = []
    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, lambda signum, _: requests.append(signum))
    except ValueError:  # not the main thread: the caller's handlers stay
        previous = {}
    try:
        yield requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _anyone_stops(here: bool, accelerator: Any) -> bool:
    """Processes that share a training end with the same step."""
    if accelerator.num_processes == 1:
        return here
    told = torch.tensor(float(here), device=accelerator.device)
    return bool(accelerator.reduce(told, reduction="sum") > 0)


def _mixed_precision(config: Optimization, device: torch.device) -> str:
    dtype = precision_dtype("optimization.mixed_precision", config.mixed_precision, device)
    return {torch.bfloat16: "bf16", torch.float16: "fp16"}.get(dtype, "no")


def fit(
    model: M,
    objective: Callable[[nn.Module, int, torch.Generator], Terms],
    config: Optimization,
    checkpoint: Path | None = None,
    callbacks: Callbacks | None = None,
    title: str = "training",
    data: str = "",
) -> M:
    """Minimise the sum of the objective's terms; return the EMA model, on the CPU in float32.

    Args:
        model: what is fitted; moved to the accelerator's device.
        objective: (model, step, generator) -> weighted terms; draws its batch from the generator.
        config: numbers of the optimisation.
        checkpoint: file that is written every `checkpoint_every` steps and from which an
            interrupted run goes on. A finished run's file gives its result at once.
        callbacks: reports.
        title: name on the progress bar.
        data: fingerprint of what is learnt from; a checkpoint of other data is not gone on with.

    Raises:
        TrainingDiverged: ten steps in a row had non-finite gradients.
        KeyboardInterrupt: the run was asked to stop; the checkpoint holds the last whole step.
    """
    from accelerate import Accelerator

    callbacks = callbacks or Callbacks()
    probe = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    accelerator = Accelerator(
        mixed_precision=_mixed_precision(config, probe), cpu=probe.type == "cpu"
    )
    model.to(accelerator.device).train()
    average = AveragedModel(model, multi_avg_fn=_ema_update(config.ema_decay))
    on_gpu = accelerator.device.type == "cuda"
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=on_gpu or None)
    first = skipped = bad_in_a_row = 0
    if checkpoint is not None and checkpoint.exists():
        first, skipped = load_checkpoint(checkpoint, model, average, optimizer, config, data)
        _LOG.info("%s: going on at step %d of %d (%s)", title, first, config.steps, checkpoint)
    if callbacks.on_start is not None and accelerator.is_main_process:
        callbacks.on_start(first)
    raw = model
    network, optimizer = accelerator.prepare(model, optimizer)
    parameters = [p for p in raw.parameters() if p.requires_grad]

    clock, clock_step = time.monotonic(), first
    with _stop_requests() as stop:
        steps = range(first, config.steps)
        bar = accelerator.is_main_process
        for step in track(steps, config.steps, title, "steps", first) if bar else steps:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            generator = step_generator(config.seed, step, accelerator.process_index)
            callbacks.measures.clear()
            terms = objective(network, step, generator)
            loss = torch.stack([term.float() for term in terms.values()]).sum()
            logging_step = step % config.log_every == 0 or step == config.steps - 1
            several = logging_step and bar and len(terms) > 1
            metrics = gradient_norms(terms, parameters) if several else {}
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(loss)
            if accelerator.sync_gradients and accelerator.scaler is not None:
                accelerator.unscale_gradients()
            gradients = [p.grad for p in parameters if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
            if bool(torch.isfinite(norm)):
                torch.nn.utils.clip_grad_value_(parameters, config.clip_value)
                optimizer.step()
                average.update_parameters(raw)
                bad_in_a_row = 0
            else:  # this step teaches nothing; it is counted and reported
                skipped, bad_in_a_row = skipped + 1, bad_in_a_row + 1
                _LOG.warning("%s: step %d skipped, its gradient is not finite", title, step)
                if bad_in_a_row == _BAD_STEPS:
                    raise TrainingDiverged(
                        f"{title}: {_BAD_STEPS} steps in a row ({step - _BAD_STEPS + 1} to {step}) "
                        "had non-finite gradients. Expected finite ones. Lower "
                        "optimization.learning_rate, or set mixed_precision: 'no'; the last "
                        f"checkpoint is {checkpoint or 'not kept'}."
                    )
            if logging_step and bar and callbacks.on_step is not None:
                now = time.monotonic()
                rate = (step + 1 - clock_step) * config.batch_size / max(now - clock, 1e-9)
                clock, clock_step = now, step + 1
                metrics |= {f"loss.{name}": float(term.detach()) for name, term in terms.items()}
                metrics |= {name: float(value) for name, value in callbacks.measures.items()}
                metrics |= {
                    "loss": float(loss.detach()),
                    "gradient_norm": float(norm),
                    "learning_rate": learning_rate(step, config),
                    "samples_per_second": rate,
                    "skipped_steps": float(skipped),
                }
                callbacks.on_step(step, metrics)
            last = step == config.steps - 1
            stopping = _anyone_stops(bool(stop), accelerator)
            if bar and callbacks.on_picture and (last or step % config.picture_every == 0):
                callbacks.on_picture(step, average.module)
            due = last or stopping or (step + 1) % config.checkpoint_every == 0
            if bar and checkpoint is not None and due:
                counts = (step + 1, skipped)
                save_checkpoint(checkpoint, counts, raw, average, optimizer, config, data)
            if stopping:
                raise KeyboardInterrupt(
                    f"{title} stopped after step {step + 1} of {config.steps}; "
                    "start the same command again to go on"
                )
    return cast(M, average.module.to("cpu").eval())
