import math
import os
import signal
from dataclasses import replace

import accelerate
import pytest
import torch
from torch import nn

from dd3g_kedro.core.errors import DD3GError, InvalidWeights, TrainingDiverged
from dd3g_kedro.core.identity import Identity
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.loop import Callbacks, fit, learning_rate, own_share, step_generator

CONFIG = Optimization(
    steps=12,
    batch_size=4,
    learning_rate=0.05,
    ema_decay=0.9,
    mixed_precision="no",
    log_every=1,
    checkpoint_every=3,
)


IDENTITY = Identity.of("toy 1", optimization=CONFIG)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def objective(model, step, generator):
    x = torch.randn(4, 3, generator=generator)
    return {"fit": (model(x)[:, 0] - x.sum(1)).square().mean()}, {"first": x[0, 0]}


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_a_stopped_training_ends_with_the_same_bits_as_an_undisturbed_one(tmp_path, stop_after):
    undisturbed = fit(network(), objective, CONFIG, IDENTITY, tmp_path / "a")

    def stopping(model, step, generator):
        if step == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return objective(model, step, generator)

    with pytest.raises(KeyboardInterrupt, match=f"after step {stop_after + 1} of 12"):
        fit(network(), stopping, CONFIG, IDENTITY, tmp_path / "b")
    resumed = fit(network(), objective, CONFIG, IDENTITY, tmp_path / "b")
    for one, other in zip(weights(undisturbed), weights(resumed), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_training_killed_between_checkpoints_repeats_the_lost_steps(tmp_path):
    class Killed(Exception):
        pass

    def killed(model, step, generator):
        if step == 7:
            raise Killed
        return objective(model, step, generator)

    undisturbed = fit(network(), objective, CONFIG, IDENTITY)
    with pytest.raises(Killed):
        fit(network(), killed, CONFIG, IDENTITY, tmp_path / "c")
    starts = []
    resumed = fit(
        network(),
        objective,
        CONFIG,
        IDENTITY,
        tmp_path / "c",
        Callbacks(on_start=lambda first, reports: starts.append((first, len(reports)))),
    )
    assert starts == [(6, 6)]
    for one, other in zip(weights(undisturbed), weights(resumed), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_finished_training_is_not_done_again(tmp_path):
    first = fit(network(), objective, CONFIG, IDENTITY, tmp_path / "c")

    def never(model, step, generator):
        raise AssertionError("trained again")

    again = fit(network(), never, CONFIG, IDENTITY, tmp_path / "c")
    torch.testing.assert_close(weights(first), weights(again), rtol=0, atol=0)


def run(folder, value, steps=None, objective=objective, config=CONFIG) -> nn.Module:
    """A training whose identity holds `value`; `steps` are told those that are done."""

    def told(model, step, generator):
        if steps is not None:
            steps.append(step)
        return objective(model, step, generator)

    return fit(network(), told, config, Identity.of("toy 1", mse_weight=value), folder)


def times(weight: float):
    def weighted(model, step, generator):
        terms, measures = objective(model, step, generator)
        return {"fit": weight * terms["fit"]}, measures

    return weighted


def test_another_identity_starts_beside_the_old_one_which_is_found_again(tmp_path, caplog):
    first, steps = run(tmp_path, 0.5, objective=times(0.5)), []
    with caplog.at_level("INFO", "dd3g_kedro"):
        other = run(tmp_path, 50.0, steps, times(50.0))
    assert steps == list(range(12))
    assert not torch.equal(weights(first)[0], weights(other)[0])
    (line,) = [record.getMessage() for record in caplog.records if "differs" in record.getMessage()]
    assert line.startswith("training: starts at step 0")
    assert line.endswith("at step 12, is kept beside it and differs: mse_weight: 50.0, not 0.5")
    steps.clear()
    again = run(tmp_path, 0.5, steps)
    assert steps == []
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(again), strict=True))
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_training_is_not_gone_on_with_under_another_identity(tmp_path):
    def stopped(model, step, generator):
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return objective(model, step, generator)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 0.5, objective=stopped)
    steps = []
    run(tmp_path, 50.0, steps)
    assert steps == list(range(12))
    steps.clear()
    run(tmp_path, 0.5, steps)
    assert steps == list(range(5, 12))


def test_a_checkpoint_under_anothers_name_is_refused_key_by_key(tmp_path):
    run(tmp_path, 0.5)
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / f"{Identity.of('toy 1', mse_weight=50.0).name}.pt")
    with pytest.raises(InvalidWeights, match=r"another training \(mse_weight: 50\.0, not 0\.5\)"):
        run(tmp_path, 50.0)


def test_two_trainings_at_once_are_refused_and_a_dead_ones_lock_is_not(tmp_path):
    def meanwhile(model, step, generator):
        if step == 2:
            with pytest.raises(DD3GError, match=rf"process {os.getpid()} is at work here. Wait"):
                run(tmp_path, 0.5)
        return objective(model, step, generator)

    (tmp_path / ".in_use").write_text("4194305")  # killed: nobody holds it
    run(tmp_path, 0.5, objective=meanwhile)
    assert [path.suffix for path in tmp_path.iterdir()] == [".pt"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    fit(network(), objective, CONFIG, IDENTITY, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidWeights, match=rf"{path.name}.*could not read it"):
        fit(network(), objective, CONFIG, IDENTITY, tmp_path)


def test_steps_without_finite_gradients_are_skipped_counted_and_change_nothing():
    def sometimes(model, step, generator):
        terms, measures = objective(model, step, generator)
        return {"fit": terms["fit"] * (math.nan if step in (2, 3, 5) else 1)}, measures

    reports = {}
    model = fit(
        network(), sometimes, CONFIG, IDENTITY, None, Callbacks(on_step=reports.__setitem__)
    )
    assert reports[11]["skipped_steps"] == 3
    assert reports[2]["skipped_steps"] == 1
    assert all(p.isfinite().all() for p in weights(model))


def test_ten_bad_steps_in_a_row_stop_the_run_and_say_which():
    def diverging(model, step, generator):
        terms, measures = objective(model, step, generator)
        return {"fit": terms["fit"] * (math.nan if step >= 1 else 1)}, measures

    with pytest.raises(TrainingDiverged, match=r"10 steps in a row \(1 to 10\)"):
        fit(network(), diverging, CONFIG, IDENTITY)


def test_gradients_are_clipped_by_value():
    clipped = replace(CONFIG, steps=1, clip_value=1e-3)
    seen = {}

    class Watched(nn.Linear):
        pass

    model = Watched(3, 1)
    with torch.no_grad():
        model.weight.zero_(), model.bias.zero_()

    def steep(network, step, generator):
        seen["model"] = model
        return {"fit": 1e4 * network(torch.ones(1, 3)).sum()}, {}

    fit(model, steep, clipped, IDENTITY)
    assert float(model.weight.grad.abs().max()) == pytest.approx(1e-3)


def test_ema_is_the_recursion_that_it_names():
    averages, values = [], []

    def watch(step, model):
        averages.append(weights(model)[0].clone())

    online = network()

    def recording(model, step, generator):
        values.append(weights(online)[0].clone())
        return objective(model, step, generator)

    fit(
        online,
        recording,
        replace(CONFIG, picture_every=1),
        IDENTITY,
        callbacks=Callbacks(on_picture=watch),
    )
    expected = values[1]  # after the first step the average is the weights themselves
    torch.testing.assert_close(averages[0], expected)
    for count, value in enumerate(values[2:], start=1):
        share = min(CONFIG.ema_decay, (1 + count) / (10 + count))
        expected = share * expected + (1 - share) * value
        torch.testing.assert_close(averages[count], expected)


@pytest.fixture
def float16(monkeypatch):
    """float16 as accelerate steps in it, on a CPU: torch's scaler, networks in float32."""

    class Scaled(accelerate.Accelerator):
        mixed_precision = "fp16"

        def __init__(self, **_):
            super().__init__(cpu=True, mixed_precision="no")
            self.native_amp = True
            self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=3)

        def prepare_model(self, model, **_):
            return model

    monkeypatch.setattr(accelerate, "Accelerator", Scaled)


def test_a_float16_step_that_overflows_leaves_a_scaler_that_goes_on(float16, tmp_path):
    class Watched(torch.autograd.Function):
        """Overflows where a gradient is scaled by 2^19 or more, as float16 does at its end."""

        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return torch.where(gradient.abs() >= 2.0**19, torch.inf, gradient)

    def scaled(model, step, generator):
        terms, measures = objective(model, step, generator)
        return {"fit": Watched.apply(terms["fit"])}, measures

    def stopped(model, step, generator):
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return scaled(model, step, generator)

    reports = {}
    callbacks = Callbacks(on_step=reports.__setitem__)
    whole = fit(network(), scaled, CONFIG, IDENTITY, tmp_path / "a", callbacks)
    # 2^20 and 2^19 overflow; 2^18 does not, until three good steps have made it 2^19 again
    skipped = [reports[step]["skipped_steps"] for step in range(12)]
    assert skipped == [1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4]
    with pytest.raises(KeyboardInterrupt):
        fit(network(), stopped, CONFIG, IDENTITY, tmp_path / "b", callbacks)
    resumed = fit(network(), scaled, CONFIG, IDENTITY, tmp_path / "b", callbacks)
    assert [reports[step]["skipped_steps"] for step in range(12)] == skipped
    assert all(torch.equal(a, b) for a, b in zip(weights(whole), weights(resumed), strict=True))


@pytest.mark.parametrize(("count", "processes", "group"), [(6, 4, 1), (3, 2, 1), (8, 4, 4)])
def test_a_batch_that_cannot_be_shared_equally_is_refused(monkeypatch, count, processes, group):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    assert own_share(processes * group, group) == group
    wanted = (
        rf"optimization\.batch_size must be a multiple of {processes * group}, .* got {count}\."
    )
    with pytest.raises(ValueError, match=rf"{wanted} Change it, or set optimization\.processes"):
        own_share(count, group)


def test_learning_rate_warms_up_and_decays_to_its_share():
    config = replace(CONFIG, steps=100, warmup_steps=9, final_learning_rate=0.1)
    assert learning_rate(0, config) == pytest.approx(0.05 / 10, rel=1e-3)
    assert learning_rate(100, config) == pytest.approx(0.05 * 0.1)
    constant = replace(CONFIG, warmup_steps=0)
    assert {learning_rate(step, constant) for step in range(12)} == {0.05}


def test_every_step_and_process_draws_its_own_numbers():
    draws = {
        float(torch.rand((), generator=step_generator(seed, step, process)))
        for seed in (0, 1)
        for step in (0, 1, 2)
        for process in (0, 1)
    }
    assert len(draws) == 12


def test_each_terms_gradient_norm_is_its_own():
    model = nn.Linear(1, 1, bias=False)
    reports = {}

    def terms(network, step, generator):
        y = network(torch.ones(1, 1)).sum()
        return {"three": 3 * y, "four": -4 * y}, {"half": y.detach() / 2}

    callbacks = Callbacks(on_step=reports.__setitem__)
    fit(model, terms, replace(CONFIG, steps=1), IDENTITY, callbacks=callbacks)
    assert reports[0]["half"] == reports[0]["loss.three"] / 6
    assert reports[0]["gradient_norm.three"] == pytest.approx(3)
    assert reports[0]["gradient_norm.four"] == pytest.approx(4)
    assert reports[0]["gradient_norm"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "value"),
    [("steps", 0), ("learning_rate", 0.0), ("ema_decay", 1.0), ("mixed_precision", "fp8")],
)
def test_a_wrong_number_names_its_key(key, value):
    with pytest.raises(ValueError, match=f"Optimization.{key} must be"):
        replace(CONFIG, **{key: value})


def test_trainings_of_one_process_have_each_their_own_precision():
    found = []

    def seen(model, step, generator):
        found.append(accelerate.state.AcceleratorState().mixed_precision)
        return objective(model, step, generator)

    for precision in ("bf16", "no", "bf16"):
        how = replace(CONFIG, steps=1, mixed_precision=precision)
        fit(network(), seen, how, Identity.of("toy 1", precision=precision))
    assert found == ["bf16", "no", "bf16"]
