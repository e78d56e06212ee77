"""Time and work of the student: `pytest -n 0 --jaxtyping-packages= benchmarks/bench_student.py`.

Wanted: the base student lifts one image in under 0.3 s on two cores.

Measured on two cores of an AMD EPYC with AVX-512 and bfloat16, torch 2.12, best of several beside
other work. A multiply and an add are two operations.

| base, 9.5 M parameters | GFLOP | float32 | bfloat16 |
|---|---|---|---|
| lift, one image | 4.8 | 52 ms | 39 ms |
| lift, 8 images | 38 | 504 ms | 266 ms |
| forward and backward, 8 images | 114 | 1.07 s | 0.81 s |

That is 75 to 145 GFLOP/s. What bfloat16 wins in products it pays in part for casts: a fifth of a
training step is copies.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.student.config import StudentConfig
from dd3g_kedro.core.student.weights import Student

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def student():
    text = (ROOT / "conf" / "base" / "parameters_student.yml").read_text()
    config = build(StudentConfig, yaml.safe_load(text)["student"], "student")
    torch.set_num_threads(2)
    return Student.from_config(config, seed=0).eval()


def pictures(student, batch):
    size = student.config.image_size
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def autocast(precision):
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 8])
def bench_lift(benchmark, student, batch, precision):
    images, seeds = pictures(student, batch), list(range(batch))
    with FlopCounterMode(display=False) as counter:
        student.lift(images, seeds)
    benchmark.extra_info["gflop"] = counter.get_total_flops() / 1e9

    def lift():
        with autocast(precision):
            return student.lift(images, seeds)

    lift()
    benchmark(lift)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def bench_training_step(benchmark, student, precision):
    batch = 8
    images, noise, rays = pictures(student, batch), student.noise(range(batch)), student.rays(batch)

    def step():
        student.zero_grad(set_to_none=True)
        with autocast(precision):
            gaussians = student(images, noise, rays)
        sum(value.sum() for value in vars(gaussians).values()).backward()

    with FlopCounterMode(display=False) as counter:
        step()
    benchmark.extra_info["gflop"] = counter.get_total_flops() / 1e9
    benchmark(step)
