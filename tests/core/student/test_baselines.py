"""What Splatter Image and TriplaneGaussian have in common as students."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.geometry.pinhole import front_camera
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.config import ARCHITECTURES, StudentConfig
from dd3g_kedro.core.student.weights import (
    Student,
    build_empty_generator,
    load_student,
    save_student,
)

ROOT = Path(__file__).parents[3]
BOTH = ["splatter_image", "triplane_gaussian"]
both = pytest.mark.parametrize("name", BOTH)


@pytest.fixture
def student(baseline, name):
    return Student.from_config(baseline("smoke", name), seed=0)


@both
def test_one_picture_becomes_that_many_gaussians(student, baseline_inputs):
    gaussians = student(*baseline_inputs(student.config, batch=2))
    assert gaussians.means.shape == (2, student.config.gaussians, 3)
    assert student.config.gaussians == 256
    assert all(value.dtype == torch.float32 for value in vars(gaussians).values())


@both
def test_noise_and_cameras_are_ignored_and_the_image_is_not(student, baseline_inputs, disturbed):
    disturbed(student)
    image, noise, rays = baseline_inputs(student.config, batch=2)
    before = student(image, noise, rays)
    same = student(image, noise.flip(0), rays.flip(0))
    torch.testing.assert_close(same.means, before.means, rtol=0, atol=0)
    assert not torch.allclose(student(image.flip(0), noise, rays).means, before.means)


@both
def test_objects_of_a_batch_do_not_mix(student, baseline_inputs, disturbed):
    disturbed(student)
    values = baseline_inputs(student.config, batch=2)
    together, alone = student(*values), student(*(value[1:] for value in values))
    for name, value in vars(alone).items():
        torch.testing.assert_close(getattr(together, name)[1:], value, atol=1e-4, rtol=1e-4)


@both
def test_every_parameter_learns_from_the_rendering(student, baseline_inputs):
    values = baseline_inputs(student.config)
    cameras = student.cameras
    torch.manual_seed(1)
    images = render(student(*values), cameras, 32, torch.ones(1, 3)).images
    (images - torch.rand(images.shape)).square().mean().backward()
    for name, parameter in student.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # keys' biases shift all of a query's scores alike, which softmax does not see
        if not name.endswith(("key.bias", "to_k.bias")):
            assert parameter.grad.abs().sum() > 0, name


@both
def test_every_attribute_has_a_gradient(student, baseline_inputs):
    gaussians = student(*baseline_inputs(student.config))
    for value in vars(gaussians).values():
        weights = torch.rand(value.shape, generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad((value * weights).sum(), value, retain_graph=True)
        head = [p for n, p in student.named_parameters() if "heads" in n]
        parts = torch.autograd.grad(value, head, gradient, retain_graph=True, allow_unused=True)
        assert any(part is not None and part.abs().sum() > 0 for part in parts)


@both
def test_the_untrained_object_is_seen_inside_the_frame(student, baseline_inputs, name):
    gaussians = student(*baseline_inputs(student.config)).detach()
    front = front_camera(student.config.elevation_deg, student.config.rig)
    local = front.world_to_camera[0, 0, 2, :3] @ gaussians.means[0].T + student.config.rig.radius
    assert local.min() > 0.5  # before the camera
    alpha = render(gaussians, front, 32, torch.zeros(1, 3)).alphas[0, 0, 0]
    assert alpha[12:20, 12:20].mean() > 0.3
    if name == "triplane_gaussian":  # a ball, seen from everywhere
        assert alpha[[0, -1]].max() < 0.05
        assert alpha[:, [0, -1]].max() < 0.05
        around = orbit(torch.tensor([[-1.5, 1.5, 3.0]]), torch.zeros(1, 3), student.config.rig)
        assert render(gaussians, around, 32, torch.zeros(1, 3)).alphas.amax((2, 3, 4)).min() > 0.5


@both
def test_one_picture_can_be_learnt_by_heart(student, baseline_inputs, name):
    values = baseline_inputs(student.config)
    front = front_camera(student.config.elevation_deg, student.config.rig)
    y, x = torch.meshgrid(*[(torch.arange(32) + 0.5) / 32 - 0.5] * 2, indexing="ij")
    inside = (x.square() + y.square() < 0.09).float()
    target = torch.stack([inside * (x + 0.5), inside * 0.2, inside * (y + 0.5)]) + 1 - inside
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        seen = render(student(*values), front, 32, torch.ones(1, 3)).images[0, 0]
        loss = (seen - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0] / 5


@both
def test_what_was_saved_comes_back_exactly(student, baseline_inputs, tmp_path):
    save_student(tmp_path / "student.safetensors", student, half=False)
    loaded = load_student(tmp_path / "student.safetensors")
    assert loaded.config == student.config
    image = baseline_inputs(student.config)[0]
    expected = student.eval().lift(image, [3])
    for name, value in vars(loaded.lift(image, [3])).items():
        torch.testing.assert_close(value, getattr(expected, name), rtol=0, atol=0)


@both
def test_positions_keep_their_digits_under_bfloat16(student, baseline_inputs):
    values = baseline_inputs(student.config)
    with torch.autocast("cpu", torch.bfloat16):
        means = student(*values).means
    assert means.dtype == torch.float32
    assert not torch.equal(means, means.bfloat16().float())
    torch.testing.assert_close(means, student(*values).means, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("environment", "name", "gaussians", "millions"),
    [
        ("base", "splatter_image", 16_384, 8.264),
        ("base", "triplane_gaussian", 16_384, 9.364),
        ("paper", "splatter_image", 65_536, 54.106),
        ("paper", "triplane_gaussian", 16_384, 179.564),
    ],
)
def test_sizes_without_computing_them(baseline, environment, name, gaussians, millions):
    config = baseline(environment, name)
    with torch.device("meta"):
        generator = build_empty_generator(config)
        size, latent = config.image_size, config.latent_size
        lifted = generator(
            torch.empty(1, 3, size, size),
            torch.empty(1, 4, config.latent_channels, latent, latent),
            torch.empty(1, 4, 6, latent, latent),
        )
    assert lifted.means.shape == (1, gaussians, 3)
    assert config.gaussians == gaussians
    count = sum(parameter.numel() for parameter in generator.parameters()) / 1e6
    assert count == pytest.approx(millions, abs=1e-3)


@pytest.fixture
def student_of_pepd(smoke):
    return Student.from_config(smoke, seed=0)


def smoke_literals(name):
    student = yaml.safe_load((ROOT / "conf/smoke/parameters_student.yml").read_text())["student"]
    baselines = yaml.safe_load((Path(__file__).parent / "baselines.yml").read_text())
    return student, baselines["smoke"][name]


@pytest.mark.parametrize("chosen", [(), BOTH, ("pepd", "splatter_image"), ARCHITECTURES])
def test_a_student_has_exactly_one_architecture(chosen):
    literals, _ = smoke_literals("splatter_image")
    parts = {name: smoke_literals(name)[1] for name in BOTH} | {"pepd": literals["pepd"]}
    literals |= {name: parts[name] if name in chosen else None for name in ARCHITECTURES}
    found = " and ".join(n for n in ARCHITECTURES if n in chosen) or "none"
    with pytest.raises(ValueError, match=rf"student: must have exactly one .*, got {found}; set"):
        build(StudentConfig, literals, "student")


@both
@pytest.mark.parametrize("how", ["overlay", "params"])
def test_null_and_another_key_choose_an_architecture_over_the_base_parameters(tmp_path, name, how):
    """As an environment's file and as `--params` are merged: key by key."""
    from kedro.config import OmegaConfigLoader

    from dd3g_kedro.settings import CONFIG_LOADER_ARGS

    student, architecture = smoke_literals(name)
    change = {"student": {"pepd": None, name: architecture}}
    overlay = change if how == "overlay" else {"student": {"image_size": 32}}
    for folder, content in (("base", {"student": student}), ("mine", overlay)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "parameters_student.yml").write_text(yaml.safe_dump(content))
    loader = OmegaConfigLoader(
        str(tmp_path),
        env="mine",
        runtime_params=change if how == "params" else None,
        **CONFIG_LOADER_ARGS,
    )
    config = build(StudentConfig, loader["parameters"]["student"], "student")
    assert config.key == name
    assert config.pepd is None
    assert config == build(StudentConfig, student | change["student"], "student")
    assert build(StudentConfig, plain(config), "student") == config


SI, TGS = BOTH


@pytest.mark.parametrize(
    ("name", "key", "value", "named"),
    [
        (SI, "depth", 1, r"student\.splatter_image\.depth is not a known key; did you mean"),
        (SI, "grid_size", 15, r"grid_size must be a multiple of 2, .* got 15"),
        (SI, "attention_size", 4, r"attention_size must be one of the levels' \[16, 8\], got 4"),
        (SI, "head_width", 5, r"head_width must divide the 32 channels of level 2"),
        (SI, "multipliers", [], r"multipliers must have at least 1 entries, got \[\]"),
        (SI, "multipliers", [1, 0], r"multipliers\[1\] must be greater than 0, got 0"),
        (SI, "depth_reach", 1.5, r"splatter_image\.depth_reach must be less than .* 1\.5, got"),
        (SI, "initial_opacity", 1, r"initial_opacity must be less than 1, got 1"),
        (SI, "initial_scale", 0, r"initial_scale must be greater than 0, got 0"),
        (TGS, "head_width", 5, r"width must be a multiple of head_width 5, got 32"),
        (TGS, "splits", [1, 4], r"splits\[0\] must be greater than 1, got 1"),
        (TGS, "points", 0, r"points must be greater than 0, got 0"),
        (
            TGS,
            "bound",
            0.9,
            r"\.bound x sqrt\(3\) must be less than .*, got 1\.55",
        ),
        (TGS, "initial_log_scale", -1, r"initial_log_scale must lie in \(-9, log scale_limit\)"),
        (TGS, "initial_opacity", 1.0, r"initial_opacity must be less than 1, got 1"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused_by_the_name_of_its_key(name, key, value, named):
    literals, part = copy.deepcopy(smoke_literals(name))
    literals |= {"pepd": None, name: part | {key: value}}
    with pytest.raises(ValueError, match=named):
        build(StudentConfig, literals, "student")


def test_a_loaded_triplane_gaussian_needs_no_pretrained_folder(baseline, tmp_path):
    student = Student.from_config(baseline("smoke", "triplane_gaussian"), seed=0)
    part = student.config.triplane_gaussian
    encoder = replace(part.image_encoder, weights="nowhere", trainable=False)
    student.config = replace(student.config, triplane_gaussian=replace(part, image_encoder=encoder))
    save_student(tmp_path / "student.safetensors", student)
    loaded = load_student(tmp_path / "student.safetensors").generator
    assert not any(p.requires_grad for p in loaded.image_encoder.parameters())
    assert all(p.requires_grad for p in loaded.point_transformer.parameters())


def test_a_file_from_before_the_other_architectures_still_loads(student_of_pepd, tmp_path):
    from safetensors.torch import load_file, save_file

    path = tmp_path / "student.safetensors"
    save_student(path, student_of_pepd)
    old = plain(student_of_pepd.config)
    for name in BOTH:
        assert old.pop(name) is None
    save_file(load_file(path), path, {"format": "dd3g-kedro student 1", "config": json.dumps(old)})
    assert load_student(path).config == student_of_pepd.config


@both
def test_a_picture_of_another_size_is_resized(student, baseline_inputs):
    _, noise, rays = baseline_inputs(student.config)
    assert student(torch.full((1, 3, 20, 20), 0.5), noise, rays).means.isfinite().all()
