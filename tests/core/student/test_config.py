from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.student.config import StudentConfig

ROOT = Path(__file__).parents[3]


def literals(environment):
    text = (ROOT / "conf" / environment / "parameters_student.yml").read_text()
    return yaml.safe_load(text)["student"]


def keys(mapping, prefix=""):
    for key, value in mapping.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{key}.")


def value_at(mapping, path):
    for key in path.split("."):
        mapping = mapping[key]
    return mapping


def test_the_papers_student_has_307_tokens_and_157184_gaussians(configs):
    paper = configs["paper"].pepd
    assert paper.image_encoder.tokens == 257
    assert paper.pattern_extraction.tokens == 50
    assert paper.tokens == 307
    assert paper.progressive_decoding.gaussians_per_token == 512
    assert paper.gaussians == 157_184


def test_the_papers_taps_hold_the_weights_of_sec_iv_a(configs):
    taps = configs["paper"].pepd.progressive_decoding.taps
    for attribute in (taps.means, taps.log_scales, taps.quaternions):
        assert attribute.weights == (0.15, 0.7, 0.15)
    for attribute in (taps.colors, taps.opacities):
        assert attribute.weights == (0.2, 0.8)
        assert attribute.blocks == (11, 12)


def test_the_base_student_has_a_token_for_every_patch_and_every_map(configs):
    base = configs["base"].pepd
    assert base.tokens == 257 + 70
    assert base.rays.gaussians <= base.progressive_decoding.gaussians_per_token
    assert base.gaussians == 327 * base.progressive_decoding.gaussians_per_token


@pytest.mark.parametrize("environment", ["smoke", "paper"])
def test_no_number_leaks_from_base_into_another_environment(environment):
    here, base = literals(environment), literals("base")
    nulls = {f"{key}." for key in keys(here) if value_at(here, key) is None}
    expected = {key for key in keys(base) if not key.startswith(tuple(nulls))}
    assert set(keys(here)) == expected


def test_kedro_builds_the_whole_student_from_its_parameters(configs):
    from kedro.validation.model_factory import instantiate_model

    assert instantiate_model("student", literals("base"), StudentConfig) == configs["base"]
    assert plain(configs["base"]) == plain(build(StudentConfig, literals("base"), "student"))


DECODING = "pepd.progressive_decoding."
ENCODER = "pepd.image_encoder."


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (DECODING + "block", 3, r"student\.pepd\.progressive_decoding\.block is not a known key"),
        (DECODING + "attention", "dense", r"must be one of plain, point, got 'dense'"),
        (DECODING + "blocks", 3, r"taps\.log_scales\.blocks must lie in 1\.\.3"),
        (DECODING + "blocks", 9, r"taps must use block 9"),
        (DECODING + "mean_bound", 0.1, r"mean_bound must exceed"),
        (DECODING + "taps.means.weights", [1, 1, 1], r"means\.weights must sum to 1"),
        (DECODING + "taps.means.blocks", [1], r"means\.weights must have"),
        (DECODING + "initial.log_scale", -2, r"initial\.log_scale must be less than -3, got -2"),
        (DECODING + "initial.log_scale", -4.5, r"initial\.log_scale must lie within .* \(-4, -2\)"),
        (DECODING + "shape.log_scale", [-2, -4], r"shape\.log_scale must rise, got -2 and -4"),
        (DECODING + "shape.log_ratio", 0, r"shape\.log_ratio must be greater than 0, got 0"),
        (DECODING + "gaussians_per_token", 4, r"rays\.cells and back_cells ask for more .* 4"),
        ("pepd.rays.depth", -0.1, r"rays\.depth must be at least 0, got -0\.1"),
        ("pepd.rays.opacity", 1.0, r"rays\.opacity must be less than 1, got 1\.0"),
        ("pepd.window.margin", 0.9, r"window\.margin must be at least 1"),
        ("pepd.window.smallest", 2.0, r"window\.smallest must be at most 1"),
        (ENCODER + "imagenet_stages", [8], r"imagenet_stages\[0\] must be at most 7, got 8"),
        (ENCODER + "image_size", 33, r"image_size must be a multiple of patch_size 8"),
        (ENCODER + "trainable", False, r"only where weights are given"),
        (ENCODER + "width", 64, r"image_encoder\.width must equal .* 32, got 64"),
        ("pepd.pattern_extraction.frames", 4, r"frames must be 5 to agree"),
        ("latent_channels", 8, r"noise_channels must be 8 to agree"),
        ("latent_size", 4, r"latent_size must be 4 to agree"),
        ("elevation_deg", 95, r"student\.elevation_deg must be less than 90, got 95"),
        ("rig.radius", 0.5, r"student\.rig\.radius must be greater than 0\.9"),
    ],
)
def test_a_student_that_cannot_be_is_refused_by_the_name_of_its_key(path, value, named):
    wrong = copy.deepcopy(literals("smoke"))
    *folders, key = path.split(".")
    part = wrong
    for folder in folders:
        part = part[folder]
    part[key] = value
    with pytest.raises(ValueError, match=named):
        build(StudentConfig, wrong, "student")


def test_configurations_are_read_without_torch():
    modules = ("student.config", "objective.config")
    imports = "; ".join(f"import dd3g_kedro.core.{module}" for module in modules)
    command = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
