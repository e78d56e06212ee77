"""Against gsplat's own torch code where that runs without CUDA: the projection."""

import pytest
import torch
from einops import rearrange

from dd3g_kedro.core.rendering import render as module
from dd3g_kedro.core.rendering.projection import pixel_intrinsics, project, rotation_matrices


def gsplat_projection(gaussians, cameras, size):
    """means2d, conics, depths, compensations as gsplat defines them; [b v g ...]."""
    from gsplat.cuda._torch_impl import _fully_fused_projection, _quat_scale_to_covar_preci

    covariances, _ = _quat_scale_to_covar_preci(
        gaussians.quaternions, gaussians.log_scales.exp(), compute_preci=False
    )
    matrices = pixel_intrinsics(cameras.intrinsics, size)
    _, means, depths, conics, compensations = _fully_fused_projection(
        gaussians.means,
        covariances,
        cameras.world_to_camera,
        matrices,
        size,
        size,
        calc_compensations=True,
    )
    return means, conics, depths, compensations


def test_projection_is_gsplats(make_gaussians, make_cameras):
    gaussians = make_gaussians(batch=2, count=300, pixels=4.0, dtype=torch.float64)
    gaussians.means[:, :20] *= 2.5  # some far to the side, where the Jacobian is held
    cameras = make_cameras(10, 100, 190, elevation_deg=25, batch=2, dtype=torch.float64)
    means, conics, depths, compensations = gsplat_projection(gaussians, cameras, 48)
    found = project(gaussians, cameras, 48)
    seen = depths > 0.01
    assert seen.double().mean() > 0.95
    for ours, theirs in (
        (found.depths, depths),
        (rearrange(found.means, "b v c g -> b v g c"), means),
        (rearrange(found.conics, "b v c g -> b v g c"), conics),
        (found.compensations, compensations),
    ):
        torch.testing.assert_close(ours[seen], theirs[seen], rtol=1e-11, atol=1e-11)


def test_projection_gradients_are_gsplats(make_gaussians, make_cameras):
    gaussians = make_gaussians(count=200, pixels=4.0, dtype=torch.float64)
    cameras = make_cameras(10, 100, dtype=torch.float64)
    leaves = [gaussians.means, gaussians.log_scales, gaussians.quaternions]
    for leaf in leaves:
        leaf.requires_grad_()
    found = project(gaussians, cameras, 48)
    expected = gsplat_projection(gaussians, cameras, 48)
    ours = (found.means.mT, found.conics.mT, found.depths, found.compensations)
    weights = [
        torch.randn(part.shape, generator=torch.Generator().manual_seed(1)).to(part)
        for part in expected
    ]
    first, second = (torch.autograd.grad(parts, leaves, weights) for parts in (ours, expected))
    for mine, theirs in zip(first, second, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-9)


def test_rotations_are_orthogonal_and_right_handed():
    quaternions = torch.randn(2, 4, 50, dtype=torch.float64)
    matrices = rearrange(rotation_matrices(quaternions), "b i j g -> b g i j")
    identity = torch.eye(3, dtype=torch.float64).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.mT, identity)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(2, 50, dtype=torch.float64))


def test_a_quarter_turn_about_z_takes_x_to_y():
    half = 0.5**0.5
    matrix = rotation_matrices(torch.tensor([half, 0.0, 0.0, half])[None, :, None])[0, :, :, 0]
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]))


@pytest.mark.parametrize("antialiased", [False, True])
def test_cuda_asks_gsplat_for_the_same_picture(
    antialiased,
    make_gaussians,
    make_cameras,
    dense_render,
    monkeypatch,
):
    """gsplat's kernels need CUDA; what they are given, and what is done with it, does not."""
    import gsplat

    gaussians = make_gaussians(batch=2, count=30, size=24, antialiased=antialiased)
    cameras = make_cameras(0, 120, batch=2)

    def rasterization(
        means,
        quats,
        scales,
        opacities,
        colors,
        viewmats,
        Ks,
        width,
        height,
        packed,
        rasterize_mode,
    ):
        assert not packed
        assert rasterize_mode == ("antialiased" if antialiased else "classic")
        assert (width, height) == (24, 24)
        assert (means.shape, viewmats.shape, Ks.shape) == ((2, 30, 3), (2, 2, 4, 4), (2, 2, 3, 3))
        given = type(gaussians)(means, scales.log(), quats, colors, opacities)
        fractions = Ks / torch.tensor([[24.0], [24.0], [1.0]])
        images, alphas = dense_render(
            given, type(cameras)(viewmats, fractions), 24, torch.zeros(2, 3)
        )
        return *(rearrange(part, "b v c h w -> b v h w c") for part in (images, alphas)), {}

    monkeypatch.setattr(gsplat, "rasterization", rasterization)
    for found, expected in zip(
        module._draw_cuda(gaussians, cameras, 24),
        module._draw_cpu(gaussians, cameras, 24),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
