import math
from dataclasses import replace

import pytest
import torch

from dd3g_kedro.core.geometry.pinhole import front_camera, to_picture
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.student.config import ObjectWindow, RayStart
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.student.window import cut, object_window, rim_color, whole

COLOR = torch.tensor([0.8, 0.3, 0.1])


def picture(left=8, right=16, top=4, bottom=20, size=32, background=0.7):
    """A rectangle of one colour on a grey background."""
    image = torch.full((1, 3, size, size), background)
    image[0, :, top:bottom, left:right] = COLOR[:, None, None]
    return image


@pytest.fixture
def config(smoke, replace_pepd):
    """The toy with four cells a patch before the plane and one behind it."""
    rays = RayStart(cells=2, back_cells=1, depth=0.1, opacity=0.9)
    return replace_pepd(smoke, rays=rays, window=None)


def lifted(config, image):
    student = Student.from_config(config, seed=0)
    for name in ("means", "log_scales", "quaternions", "colors", "opacities"):
        last = getattr(student.generator.progressive_decoding, name).layers[-1]
        last.weight.data.zero_()  # what a decoder says is its start
    with torch.no_grad():
        return student(image, student.noise([0]), student.rays(1)), student


def of_patches(values, config):
    side = config.pepd.image_encoder.image_size // config.pepd.image_encoder.patch_size
    tokens = values[0].unflatten(0, (config.pepd.tokens, -1))
    return tokens[1 : 1 + side**2]


@pytest.mark.parametrize("window", [None, ObjectWindow(margin=1.25)])
def test_gaussians_start_on_their_cells_rays_with_the_pixels_colours(config, replace_pepd, window):
    config = replace_pepd(config, window=window)
    image = picture()
    gaussians, student = lifted(config, image)
    seen = of_patches(gaussians.opacities, config)[:, :5] > 0.8
    assert 10 < seen.sum() < 60
    camera = front_camera(config.elevation_deg, config.rig)
    places = 32 * to_picture(of_patches(gaussians.means, config)[:, :5][seen][None], camera)[0]
    corners = torch.tensor([8.0, 4.0]), torch.tensor([16.0, 20.0])  # pixels are read bilinearly
    assert ((places > corners[0] - 0.5) & (places < corners[1] + 0.5)).all()
    well_inside = ((places > corners[0] + 0.5) & (places < corners[1] - 0.5)).all(dim=1)
    colors = of_patches(gaussians.colors, config)[:, :5][seen][well_inside]
    torch.testing.assert_close(colors, COLOR.expand_as(colors), atol=1e-5, rtol=0)
    distances = of_patches(gaussians.means, config) @ camera.world_to_camera[0, 0, 2, :3]
    side = student.generator.placing.look(image)[0].side.item()
    before = distances[:, :4][seen[:, :4]]
    torch.testing.assert_close(before, torch.full_like(before, -0.1 * side), atol=1e-3, rtol=0)
    behind = distances[:, 4][seen[:, 4]]
    torch.testing.assert_close(behind, torch.full_like(behind, 0.1 * side), atol=1e-3, rtol=0)


def test_the_front_view_shows_the_picture_before_anything_is_learnt(config, replace_pepd):
    config = replace_pepd(
        config,
        rays=RayStart(cells=2, opacity=0.97, overlap=0.8),
        progressive_decoding=replace(
            config.pepd.progressive_decoding,
            initial=replace(config.pepd.progressive_decoding.initial, opacity=1e-5),
        ),
    )
    image = picture()
    gaussians, _ = lifted(config, image)
    camera = front_camera(config.elevation_deg, config.rig)
    shown = render(gaussians, camera, 32, torch.full((1, 3), 0.7)).images[0, 0]
    assert (shown - image[0])[:, 6:18, 10:14].abs().mean() < 0.02
    assert (shown - image[0])[:, :, 22:].abs().max() < 0.06


def test_a_picture_of_nothing_starts_as_the_free_ones(config, replace_pepd):
    empty = torch.full((1, 3, 32, 32), 0.4)
    free = replace_pepd(config, rays=None, window=ObjectWindow(margin=1.0))
    gaussians, other = lifted(config, empty)[0], lifted(free, empty)[0]
    middle = other.means.mean(dim=1)
    for name in ("means", "log_scales", "colors", "opacities"):
        torch.testing.assert_close(getattr(gaussians, name), getattr(other, name))
    assert middle.abs().max() < 0.1


def test_sideways_counts_less_than_along_the_ray(config):
    image = picture()
    gaussians, student = lifted(config, image)
    decoder = student.generator.progressive_decoding.means.layers[-1]
    decoder.bias.data += 0.05
    with torch.no_grad():
        moved = student(image, student.noise([0]), student.rays(1))
    seen = of_patches(gaussians.opacities, config)[:, :5] > 0.8
    shift = of_patches(moved.means - gaussians.means, config)[:, :5][seen]
    camera = front_camera(config.elevation_deg, config.rig)
    local = shift @ camera.world_to_camera[0, 0, :3, :3].T
    along = torch.full((len(local),), 0.05)
    torch.testing.assert_close(local[:, 2], along, atol=2e-3, rtol=0)
    rays = to_picture(of_patches(moved.means, config)[:, :5][seen][None], camera)
    before = to_picture(of_patches(gaussians.means, config)[:, :5][seen][None], camera)
    across = 0.2 * 0.05 * camera.intrinsics[0, 0, 0, 0] / 1.5
    assert (rays - before).abs().max() == pytest.approx(float(across), rel=0.2)


def test_a_window_is_the_square_around_the_object():
    window = object_window(picture(), ObjectWindow(margin=1.25, smallest=0.1))
    torch.testing.assert_close(window.centre, torch.tensor([[12 / 32, 12 / 32]]))
    assert window.side.item() == pytest.approx(1.25 * 16 / 32)
    shown = cut(picture(), window, 40)
    wide = (shown[0, 0] - 0.7).abs().amax(dim=0) > 0.05
    assert wide.sum().item() == pytest.approx(40 * 8 / 20, abs=1)


def test_the_whole_picture_is_cut_to_itself():
    image = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(cut(image, whole(image), 16), image)


def test_the_rim_tells_the_background_under_an_object_that_touches_it():
    image = picture(left=0)
    torch.testing.assert_close(rim_color(image), torch.full((1, 3), 0.7))


def test_a_smaller_object_gets_finer_gaussians(config, replace_pepd):
    config = replace_pepd(config, window=ObjectWindow(margin=1.25, smallest=0.1))
    large, _ = lifted(config, picture())
    small, _ = lifted(config, picture(10, 14, 8, 16))
    difference = large.log_scales.median() - small.log_scales.median()
    assert difference.item() == pytest.approx(math.log(2), abs=0.01)


def test_every_part_of_the_start_is_differentiable(config, replace_pepd):
    config = replace_pepd(config, window=ObjectWindow())
    student = Student.from_config(config, seed=0)
    gaussians = student(picture(), student.noise([0]), student.rays(1))
    sum(value.square().sum() for value in vars(gaussians).values()).backward()
    for parameter in student.generator.progressive_decoding.parameters():
        assert bool(parameter.grad.isfinite().all())
    assert student.generator.placing.embedding.weight.grad.abs().sum() > 0


def test_scattered_tokens_start_at_places_of_their_own(smoke, replace_pepd):
    decoding = smoke.pepd.progressive_decoding
    kinds = [
        replace(decoding, initial=replace(decoding.initial, scattered=s)) for s in (False, True)
    ]
    same, own = (
        lifted(replace_pepd(smoke, rays=None, window=None, progressive_decoding=d), picture())[0]
        for d in kinds
    )
    assert len(same.means[0].unique(dim=0)) == decoding.gaussians_per_token
    assert len(own.means[0].unique(dim=0)) == smoke.gaussians
    assert own.means.norm(dim=-1).max() < decoding.initial.radius + 1e-3
