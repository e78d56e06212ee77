from dataclasses import replace

import pytest
import torch
from tests.fakes import tiny_mini_config, tiny_teacher

from dd3g_kedro.core.geometry.cameras import orbit, plucker_rays
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.teacher.cameras import camera_conditioning, frame_azimuths, rays_of_vectors
from dd3g_kedro.core.teacher.storage import load_teacher, save_teacher
from dd3g_kedro.fast.teacher import ready
from dd3g_kedro.mini_teacher.growing import grown
from dd3g_kedro.mini_teacher.model import build_mini_teacher


def larger_config():
    """The tiny teacher's, with two blocks where there was one, rays and pretrained features."""
    config = tiny_mini_config()
    return replace(
        config,
        unet=replace(config.unet, transformer_depth=(2, 1), ray_fov_deg=49.1),
        vision=replace(config.vision, imagenet_stages=(2,)),
    )


def asked(teacher):
    """What a teacher answers to one question."""
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator}
    with torch.no_grad():
        return teacher(
            torch.randn(2, *teacher.latent_shape, **draw),
            torch.tensor([10, 900]),
            camera_conditioning(teacher.frames(2, 0.1)),
            torch.rand(2, 3, 16, 16, **draw),
            torch.randn(2, *teacher.latent_shape[1:], **draw),
            torch.tensor([True, False]),
        )


def test_a_grown_teacher_answers_as_before_and_has_more_to_learn_with():
    before = asked(tiny_teacher())
    teacher = grown(tiny_teacher(), larger_config(), seed=1)
    torch.testing.assert_close(asked(teacher), before, rtol=1e-5, atol=1e-5)
    weights = sum(p.numel() for p in teacher.parameters())
    assert weights > sum(p.numel() for p in tiny_teacher().parameters())
    teacher.requires_grad_(requires_grad=True)
    with torch.enable_grad():
        pictures = torch.rand(1, 3, 16, 16)
        teacher.image_features(pictures).square().sum().backward()
    assert float(teacher.imagenet.to_width.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("part", ["conv_in", "attn1.to_out.0", "attn2.to_out.0", "ff.net.2"])
def test_the_new_parts_change_the_answer_once_they_are_trained(part):
    teacher = grown(tiny_teacher(), larger_config(), seed=1)
    before = asked(teacher)
    new = [
        p
        for name, p in teacher.unet.named_parameters()
        if f"{part}.weight" in name and (part == "conv_in" or "blocks.1." in name)
    ]
    assert new
    with torch.no_grad():
        for parameter in new:
            parameter[:, -1] += 1.0
    assert float((asked(teacher) - before).abs().max()) > 1e-3


def test_growing_refuses_a_network_without_room_for_what_is_there():
    config = larger_config()
    teacher = grown(tiny_teacher(), config, seed=1)
    with pytest.raises(ValueError, match="may only grow"):
        grown(teacher, replace(config, unet=replace(config.unet, transformer_depth=1)), seed=1)
    narrow = replace(config.vision, layers=2)
    with pytest.raises(ValueError, match="image_encoder"):
        grown(teacher, replace(config, vision=narrow), seed=1)


def test_a_grown_teacher_is_what_its_folder_holds(tmp_path):
    teacher = grown(tiny_teacher(), larger_config(), seed=1)
    with torch.no_grad():
        teacher.imagenet.to_width.weight.normal_(0, 0.1)
    save_teacher(teacher, tmp_path / "teacher", torch.float32)
    again = load_teacher(tmp_path / "teacher")
    torch.testing.assert_close(asked(again), asked(teacher), rtol=0, atol=0)


def test_a_deep_network_with_rays_samples_as_it_was_trained():
    teacher = build_mini_teacher(larger_config(), 0)
    with torch.no_grad():
        for parameter in teacher.unet.parameters():
            parameter.normal_(0, 0.1)
    condition = teacher.condition(torch.rand(2, 3, 16, 16))
    camera = camera_conditioning(teacher.frames(2, 0.1))
    latents, now = torch.randn(2, *teacher.latent_shape), torch.tensor([500, 500])
    expected = teacher.predict(latents, now, condition, camera, 2.0)[0]
    fast = ready(teacher, torch.device("cpu"), torch.float32)
    torch.testing.assert_close(
        fast.predict(latents, now, condition, camera, 2.0)[0], expected, rtol=1e-3, atol=1e-3
    )


def test_rays_are_those_of_the_cameras_and_zero_without_one():
    rig = CameraRig(radius=1.0)  # the teacher is told positions of length 1
    elevation = torch.tensor([[0.0, 0.1, 0.3, -0.2]])
    cameras = orbit(frame_azimuths()[None], elevation, rig)
    rays = rays_of_vectors(camera_conditioning(cameras)[0], rig.fov_deg, 8)
    torch.testing.assert_close(rays, plucker_rays(cameras, 8, 8)[0], rtol=0, atol=1e-5)
    assert not rays_of_vectors(torch.zeros(1, 16), rig.fov_deg, 8).any()
