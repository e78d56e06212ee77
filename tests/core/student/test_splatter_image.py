from __future__ import annotations

import math

import pytest
import torch

from dd3g_kedro.core.geometry.pinhole import front_camera, to_picture
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.splatter_image import SH_C0, activate_pixels, build_unet


@pytest.fixture
def config(baseline):
    return baseline("smoke", "splatter_image").splatter_image


@pytest.fixture
def camera(baseline):
    student = baseline("smoke", "splatter_image")
    return front_camera(student.elevation_deg, student.rig)


def raw_values(config, **given):
    """All zeros but for what is given: every pixel alike."""
    sizes = {"depths": (), "opacities": (), "quaternions": (4,)}
    for name in ("offsets", "log_scales", "colors"):
        sizes[name] = (3,)
    values = {name: torch.zeros(1, config.gaussians, *size) for name, size in sizes.items()}
    for name, value in given.items():
        values[name] = values[name] + torch.as_tensor(value)
    return values


def test_depth_is_a_sigmoid_over_the_reach_around_the_origin(config, camera):
    for raw in (-30.0, -0.7, 0.0, 1.3, 30.0):
        means = activate_pixels(camera, config, **raw_values(config, depths=raw)).means
        local = means @ camera.world_to_camera[0, 0, :3, :3].T + camera.world_to_camera[0, 0, :3, 3]
        expected = 1.5 + 0.5 * (2 / (1 + math.exp(-raw)) - 1)
        torch.testing.assert_close(local[..., 2], torch.full((1, 256), expected))


def test_a_pixels_gaussian_lies_on_its_own_ray(config, camera):
    depths = torch.randn(1, config.gaussians, generator=torch.Generator().manual_seed(0))
    means = activate_pixels(camera, config, **raw_values(config, depths=depths)).means
    seen = to_picture(means, camera) * config.grid_size
    number = torch.arange(config.gaussians)
    torch.testing.assert_close(seen[0, :, 0], number % 16 + 0.5, atol=1e-4, rtol=0)
    torch.testing.assert_close(seen[0, :, 1], number // 16 + 0.5, atol=1e-4, rtol=0)


def test_offsets_move_along_the_cameras_axes(config, camera):
    start = activate_pixels(camera, config, **raw_values(config)).means
    moved = activate_pixels(camera, config, **raw_values(config, offsets=[0.0, 0.25, 0.0])).means
    tilt = math.radians(5)  # its y axis points down, and away at the top: the camera is higher
    step = 0.25 * torch.tensor([math.sin(tilt), 0, -math.cos(tilt)])
    torch.testing.assert_close(moved - start, step.expand_as(start))


def test_scale_is_exp_between_nothing_and_the_whole_box(config, camera):
    raw = torch.tensor([math.log(0.02), -20.0, 3.0])
    gaussians = activate_pixels(camera, config, **raw_values(config, log_scales=raw))
    expected = torch.tensor([0.02, math.exp(-9), 1.0])
    torch.testing.assert_close(gaussians.log_scales.exp(), expected.expand(1, 256, 3))


def test_opacity_is_a_sigmoid_with_a_finite_logarithm(config, camera):
    for raw in (-200.0, -1.0, 0.0, 2.0, 200.0):
        opacities = activate_pixels(camera, config, **raw_values(config, opacities=raw)).opacities
        exact = 0.5 * (1 + math.tanh(raw / 2))
        torch.testing.assert_close(opacities, torch.full((1, 256), exact), atol=2e-6, rtol=1e-5)
        assert opacities.log().isfinite().all()


def test_quaternions_have_length_one_and_keep_their_direction(config, camera):
    torch.manual_seed(0)
    raw = 5 * torch.randn(1, config.gaussians, 4)
    unit = activate_pixels(camera, config, **raw_values(config, quaternions=raw)).quaternions
    for mine, given in zip(unit[0].tolist(), raw[0].tolist(), strict=True):  # each by itself
        length = math.sqrt(sum(part * part for part in given))
        assert mine == pytest.approx([part / length for part in given], abs=1e-6)


def test_colour_is_the_constant_harmonic_cut_to_what_exists(config, camera):
    assert pytest.approx(0.5 / math.sqrt(math.pi)) == SH_C0
    gaussians = activate_pixels(camera, config, **raw_values(config, colors=[0.0, 1.0, -9.0]))
    expected = torch.tensor([0.5, 0.5 + 0.28209479, 0.0])
    torch.testing.assert_close(gaussians.colors, expected.expand(1, 256, 3))


def test_an_input_image_put_on_its_pixels_is_seen_again_and_not_mirrored(config, camera):
    size = config.grid_size
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4), (size, size))[0]
    raw = raw_values(
        config,
        log_scales=math.log(0.6 * 1.5 * 2 * math.tan(math.radians(49.1 / 2)) / size),
        colors=(picture.flatten(1).T - 0.5) / SH_C0,
        opacities=8.0,
        quaternions=[1.0, 0, 0, 0],
    )
    gaussians = activate_pixels(camera, config, **raw)
    seen = render(gaussians, camera, 4 * size, torch.zeros(1, 3)).images[0, 0]
    enlarged = picture.repeat_interleave(4, 1).repeat_interleave(4, 2)

    def difference(other):
        return (seen - other).abs()[:, 4:-4, 4:-4].mean().item()

    assert difference(enlarged) < 0.08  # neighbours bleed over the edges of the 4 x 4 squares
    for turned in (enlarged.flip(-1), enlarged.flip(-2), enlarged.mT):
        assert difference(turned) > 0.2


def test_the_u_net_knows_no_time(config):
    unet = build_unet(config)
    assert not any("time" in name for name, _ in unet.named_parameters())
    picture = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        first, other = (unet(picture, timestep=time).sample for time in (0, 500))
    torch.testing.assert_close(first, other, rtol=0, atol=0)
    assert first.shape == (1, config.width, 16, 16)


def test_attention_stands_at_the_size_that_is_asked_for(baseline):
    config = baseline("base", "splatter_image").splatter_image
    with torch.device("meta"):
        unet = build_unet(config)
    attending = [hasattr(block, "attentions") for block in unet.down_blocks]
    assert dict(zip(config.level_sizes, attending, strict=True)) == {
        128: False,
        64: False,
        32: False,
        16: True,
    }
    assert [hasattr(block, "attentions") for block in unet.up_blocks] == attending[::-1]


def test_the_untrained_cloud_is_the_plane_through_the_origin_that_faces_the_camera(
    baseline, baseline_inputs
):
    from dd3g_kedro.core.student.weights import Student

    student = Student.from_config(baseline("smoke", "splatter_image"), seed=0)
    gaussians = student(*baseline_inputs(student.config))
    tilt = math.radians(5)
    towards_camera = torch.tensor([math.cos(tilt), 0.0, math.sin(tilt)])
    assert (gaussians.means @ towards_camera).abs().mean() < 0.1
    torch.testing.assert_close(gaussians.log_scales.exp().mean().item(), 0.04, rtol=0.1, atol=0)
    torch.testing.assert_close(gaussians.opacities.mean().item(), 0.5, rtol=0.1, atol=0)
