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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dd3g_kedro.core.devices import precision_dtype
from dd3g_kedro.core.errors import TrainingDiverged
from dd3g_kedro.core.files import alone_in
from dd3g_kedro.core.identity import Identity
from dd3g_kedro.core.processes import ranks
from dd3g_kedro.core.progress import track
from dd3g_kedro.core.training.checkpoints import TrainState
from dd3g_kedro.core.training.config import Optimization

_LOG = logging.getLogger(__name__)
_BAD_STEPS = 10  # in a row, until the run stops

M = TypeVar("M", bound=nn.Module)
Terms = Mapping[str, Tensor]  # weighted terms of the objective; their sum is minimised
Measures = Mapping[str, float | Tensor]  # further numbers; read when they are reported, not before
Objective = Callable[[nn.Module, int, torch.Generator], tuple[Terms, Measures]]
Reporter = Callable[[int, Mapping[str, float]], None]


@dataclass
class Callbacks:
    """What the outside wants to hear; only the main process calls."""

    # (first step, what was reported before it); not empty when a run goes on
    on_start: Callable[[int, Sequence[Mapping[str, Any]]], None] | None = None
    on_step: Reporter | None = None  # (step, metrics), every log_every steps
    on_picture: Callable[[int, nn.Module], None] | None = None  # (step, EMA model)


def own_share(batch_size: int, group: int = 1) -> int:
    """How many of a step's objects this process takes; all take as many.

    Args:
        batch_size: objects a step, over all processes.
        group: that stay together, such as the views of an object.

    Raises:
        ValueError: it cannot be shared equally, so a mean of the shares' means would be another.
    """
    if batch_size % (ranks() * group):
        each = f" of {group} at once" if group > 1 else ""
        raise ValueError(
            f"optimization.batch_size must be a multiple of {ranks() * group}, as {ranks()} "
            f"processes share it{each}, got {batch_size}. Change it, or set "
            "optimization.processes to a number that divides it"
        )
    return batch_size // ranks()


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
        get_ema_multi_avg_fn(min(decay, warm))(averages, values, count)

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
    objective: Objective,
    config: Optimization,
    identity: Identity,
    checkpoints: Path | None = None,
    callbacks: Callbacks | None = None,
    title: str = "training",
) -> M:
    """Minimise the sum of the objective's terms; return the EMA model, on the CPU in float32.

    Args:
        model: what is fitted; moved to the accelerator's device.
        objective: (model, step, generator) -> weighted terms, further measures; draws its batch
            from the generator.
        config: numbers of the optimisation.
        identity: of all that decides the result. A training of another one starts at step 0.
        checkpoints: folder in which the state is kept every `checkpoint_every` steps and from
            which an interrupted run goes on. A finished run gives its result at once.
        callbacks: reports.
        title: name on the progress bar.

    Raises:
        ValueError: the processes cannot share a batch equally.
        TrainingDiverged: ten steps in a row had non-finite gradients.
        DD3GError: another process trains in that folder.
        KeyboardInterrupt: the run was asked to stop; the checkpoint holds the last whole step.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    own_share(config.batch_size)
    callbacks = callbacks or Callbacks()
    probe = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    AcceleratorState._reset_state()  # else the first training's precision is every later one's
    accelerator = Accelerator(
        mixed_precision=_mixed_precision(config, probe), cpu=probe.type == "cpu"
    )
    main, scaler = accelerator.is_main_process, accelerator.scaler
    with ExitStack() as held:
        if main and checkpoints is not None:
            held.enter_context(alone_in(checkpoints))
        model.to(accelerator.device).train()
        average = AveragedModel(model, multi_avg_fn=_ema_update(config.ema_decay))
        fused = accelerator.device.type == "cuda" or None
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=fused)
        state = TrainState(identity, model, average, optimizer, scaler)
        kept = checkpoints and state.file_in(checkpoints)
        if checkpoints is not None and state.restore(checkpoints):
            _LOG.info("%s: goes on at step %d of %d", title, state.step, config.steps)
        elif checkpoints is not None and main:
            state.tell_apart(checkpoints, title)
        if main and callbacks.on_start is not None:
            callbacks.on_start(state.step, state.reports)
        network, stepper = accelerator.prepare(model, optimizer)
        parameters = [p for p in model.parameters() if p.requires_grad]

        clock, clock_step = time.monotonic(), state.step
        stop = held.enter_context(_stop_requests())
        steps = range(state.step, config.steps)
        for step in track(steps, config.steps, title, "steps", state.step) if main else steps:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            generator = step_generator(config.seed, step, accelerator.process_index)
            terms, measures = objective(network, step, generator)
            loss = torch.stack([term.float() for term in terms.values()]).sum()
            last = step == config.steps - 1
            logging_step = main and (last or step % config.log_every == 0)
            several = logging_step and len(terms) > 1
            metrics = gradient_norms(terms, parameters) if several else {}
            optimizer.zero_grad(set_to_none=True)
            accelerator.backward(loss)
            if scaler is not None:
                accelerator.unscale_gradients()
            gradients = [p.grad for p in parameters if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
            state.step = step + 1
            if bool(torch.isfinite(norm)):
                torch.nn.utils.clip_grad_value_(parameters, config.clip_value)
                stepper.step()
                average.update_parameters(model)
                state.bad_in_a_row = 0
            else:  # this step teaches nothing; it is counted and reported
                if scaler is not None:
                    scaler.update()  # to a smaller scale, ready for the next step
                state.skipped, state.bad_in_a_row = state.skipped + 1, state.bad_in_a_row + 1
                _LOG.warning("%s: step %d skipped, its gradient is not finite", title, step)
                if state.bad_in_a_row == _BAD_STEPS:
                    raise TrainingDiverged(
                        f"{title}: {_BAD_STEPS} steps in a row ({step - _BAD_STEPS + 1} to {step}) "
                        "had non-finite gradients. Expected finite ones. Lower "
                        "optimization.learning_rate, or set mixed_precision: 'no'; the last "
                        f"checkpoint is {kept or 'not kept'}."
                    )
            if logging_step:
                now = time.monotonic()
                rate = (step + 1 - clock_step) * config.batch_size / max(now - clock, 1e-9)
                clock, clock_step = now, step + 1
                metrics |= {f"loss.{name}": float(term.detach()) for name, term in terms.items()}
                metrics |= {name: float(value) for name, value in measures.items()}
                metrics |= {
                    "loss": float(loss.detach()),
                    "gradient_norm": float(norm),
                    "learning_rate": learning_rate(step, config),
                    "samples_per_second": rate,
                    "skipped_steps": float(state.skipped),
                }
                state.reports.append({"step": step} | metrics)
                if callbacks.on_step is not None:
                    callbacks.on_step(step, metrics)
            stopping = _anyone_stops(bool(stop), accelerator)
            if main and callbacks.on_picture and (last or step % config.picture_every == 0):
                callbacks.on_picture(step, average.module)
            due = last or stopping or (step + 1) % config.checkpoint_every == 0
            if main and checkpoints is not None and due:
                state.save(checkpoints)
            if stopping:
                raise KeyboardInterrupt(
                    f"{title} stopped after step {step + 1} of {config.steps}; "
                    "start the same command again to go on"
                )
    return cast(M, average.module.to("cpu").eval())
