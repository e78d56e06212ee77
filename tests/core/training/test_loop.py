import math
import os
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from dd3g_kedro.core.errors import InvalidWeights, TrainingDiverged
from dd3g_kedro.core.training.config import Optimization
from dd3g_kedro.core.training.loop import Callbacks, fit, learning_rate, step_generator

CONFIG = Optimization(
    steps=12,
    batch_size=4,
    learning_rate=0.05,
    ema_decay=0.9,
    mixed_precision="no",
    log_every=1,
    checkpoint_every=3,
)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def objective(model, step, generator):
    x = torch.randn(4, 3, generator=generator)
    return {"fit": (model(x)[:, 0] - x.sum(1)).square().mean()}


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach() for p in model.parameters()]


@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_a_stopped_training_ends_with_the_same_bits_as_an_undisturbed_one(tmp_path, stop_after):
    undisturbed = fit(network(), objective, CONFIG, tmp_path / "a.pt")

    def stopping(model, step, generator):
        if step == stop_after:
            os.kill(os.getpid(), signal.SIGTERM)
        return objective(model, step, generator)

    with pytest.raises(KeyboardInterrupt, match=f"after step {stop_after + 1} of 12"):
        fit(network(), stopping, CONFIG, tmp_path / "b.pt")
    resumed = fit(network(), objective, CONFIG, tmp_path / "b.pt")
    for one, other in zip(weights(undisturbed), weights(resumed), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_training_killed_between_checkpoints_repeats_the_lost_steps(tmp_path):
    class Killed(Exception):
        pass

    def killed(model, step, generator):
        if step == 7:
            raise Killed
        return objective(model, step, generator)

    undisturbed = fit(network(), objective, CONFIG)
    with pytest.raises(Killed):
        fit(network(), killed, CONFIG, tmp_path / "c.pt")
    starts = []
    resumed = fit(
        network(), objective, CONFIG, tmp_path / "c.pt", Callbacks(on_start=starts.append)
    )
    assert starts == [6]
    for one, other in zip(weights(undisturbed), weights(resumed), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_finished_training_is_not_done_again(tmp_path):
    first = fit(network(), objective, CONFIG, tmp_path / "c.pt")

    def never(model, step, generator):
        raise AssertionError("trained again")

    again = fit(network(), never, CONFIG, tmp_path / "c.pt")
    torch.testing.assert_close(weights(first), weights(again), rtol=0, atol=0)


def test_finished_weights_of_other_data_are_not_taken_for_these(tmp_path):
    fit(network(), objective, CONFIG, tmp_path / "c.pt", data="yesterday")
    starts = []
    fit(
        network(), objective, CONFIG, tmp_path / "c.pt", Callbacks(on_start=starts.append), "x", "b"
    )
    assert starts == [0]


def test_an_unfinished_checkpoint_of_another_training_is_refused(tmp_path):
    def stop(model, step, generator):
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return objective(model, step, generator)

    with pytest.raises(KeyboardInterrupt):
        fit(network(), stop, CONFIG, tmp_path / "c.pt")
    with pytest.raises(InvalidWeights, match=r"c\.pt.*other parameters.*step 5"):
        fit(network(), objective, replace(CONFIG, learning_rate=0.1), tmp_path / "c.pt")


def test_a_damaged_checkpoint_is_named(tmp_path):
    fit(network(), objective, CONFIG, tmp_path / "c.pt")
    content = (tmp_path / "c.pt").read_bytes()
    (tmp_path / "c.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidWeights, match=r"c\.pt.*could not read it"):
        fit(network(), objective, CONFIG, tmp_path / "c.pt")


def test_steps_without_finite_gradients_are_skipped_counted_and_change_nothing():
    def sometimes(model, step, generator):
        terms = objective(model, step, generator)
        return {"fit": terms["fit"] * (math.nan if step in (2, 3, 5) else 1)}

    reports = {}
    model = fit(network(), sometimes, CONFIG, callbacks=Callbacks(on_step=reports.__setitem__))
    assert reports[11]["skipped_steps"] == 3
    assert reports[2]["skipped_steps"] == 1
    assert all(p.isfinite().all() for p in weights(model))


def test_ten_bad_steps_in_a_row_stop_the_run_and_say_which():
    def diverging(model, step, generator):
        terms = objective(model, step, generator)
        return {"fit": terms["fit"] * (math.nan if step >= 1 else 1)}

    with pytest.raises(TrainingDiverged, match=r"10 steps in a row \(1 to 10\)"):
        fit(network(), diverging, CONFIG)


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
        return {"fit": 1e4 * network(torch.ones(1, 3)).sum()}

    fit(model, steep, clipped)
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
        callbacks=Callbacks(on_picture=watch),
    )
    expected = values[1]  # after the first step the average is the weights themselves
    torch.testing.assert_close(averages[0], expected)
    for count, value in enumerate(values[2:], start=1):
        share = min(CONFIG.ema_decay, (1 + count) / (10 + count))
        expected = share * expected + (1 - share) * value
        torch.testing.assert_close(averages[count], expected)


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
        return {"three": 3 * y, "four": -4 * y}

    fit(model, terms, replace(CONFIG, steps=1), callbacks=Callbacks(on_step=reports.__setitem__))
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
