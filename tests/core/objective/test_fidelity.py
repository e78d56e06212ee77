import math

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from dd3g_kedro.core.objective.fidelity import (
    foreground_psnr,
    laplacian_energy,
    psnr,
    sharpness,
    ssim,
)


def pictures(seed, count=2, size=(17, 23)):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("offset", [0.5, 0.1, 1e-3])
def test_a_constant_offset_gives_its_closed_form(offset):
    targets = 0.4 * pictures(0).double()
    found = psnr(targets + offset, targets)
    torch.testing.assert_close(found, torch.full((2,), -20 * math.log10(offset)).double())


def test_each_picture_has_its_own_error():
    targets = pictures(0, count=3)
    images = targets.clone()
    images[1] += 0.1
    images[2, :, 0, 0] += 1
    found = psnr(images, targets)
    assert found[0] == math.inf
    assert found[1:].tolist() == pytest.approx([20, 10 * math.log10(17 * 23)], rel=1e-5)


def test_foreground_psnr_sees_only_the_foreground():
    targets = pictures(1)
    images = pictures(2)  # wrong everywhere
    alphas = torch.zeros(2, 1, 17, 23)
    alphas[:, :, 4:9, 5:8] = 1
    alphas[:, :, 9, 5:8] = 0.5  # not more than half covered: background
    images[:, :, 4:9, 5:8] = targets[:, :, 4:9, 5:8] + 0.1
    found = foreground_psnr(images, targets, alphas)
    assert found.tolist() == pytest.approx([20, 20], rel=1e-5)
    whole = foreground_psnr(images, targets, torch.ones_like(alphas))
    torch.testing.assert_close(whole, psnr(images, targets))


def test_foreground_psnr_of_nothing_is_nan():
    assert foreground_psnr(pictures(0), pictures(1), torch.zeros(2, 1, 17, 23)).isnan().all()


def slow_ssim(image, target):
    """One channel, the textbook's formulas and a two-dimensional window."""
    axis = np.arange(-5, 6)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(values):
        return convolve2d(values, window, mode="same", boundary="fill")

    mu_x, mu_y = mean(image), mean(target)
    var_x, var_y = mean(image**2) - mu_x**2, mean(target**2) - mu_y**2
    cov = mean(image * target) - mu_x * mu_y
    upper = (2 * mu_x * mu_y + 1e-4) * (2 * cov + 9e-4)
    return (upper / ((mu_x**2 + mu_y**2 + 1e-4) * (var_x + var_y + 9e-4))).mean()


def test_ssim_is_the_slow_reference():
    targets = pictures(3)
    images = (targets + 0.2 * pictures(4) - 0.1).clamp(0, 1)
    expected = [
        np.mean([slow_ssim(x, y) for x, y in zip(image, target, strict=True)])
        for image, target in zip(images.double().numpy(), targets.double().numpy(), strict=True)
    ]
    assert ssim(images, targets).tolist() == pytest.approx(expected, abs=1e-5)


def test_ssim_of_equal_pictures_is_one_and_symmetric():
    images, targets = pictures(5), pictures(6)
    torch.testing.assert_close(ssim(images, images), torch.ones(2))
    torch.testing.assert_close(ssim(images, targets), ssim(targets, images))
    assert (ssim(images, 1 - images) < 0).all()  # inverted structure


def test_metrics_are_differentiable():
    images = pictures(7).requires_grad_()
    (psnr(images, pictures(8)) + ssim(images, pictures(8))).sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.any()


def test_ssims_gradient_is_that_of_differences():
    targets = pictures(9, 1, (13, 12)).double()
    images = pictures(10, 1, (13, 12)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ssim(x, targets), images, fast_mode=True)


def test_the_laplacian_of_a_parabola_is_its_curvature():
    y, x = torch.meshgrid(*[torch.arange(16.0)] * 2, indexing="ij")
    picture = (0.01 * x.square() + 0.02 * y.square()).expand(1, 3, 16, 16)
    torch.testing.assert_close(laplacian_energy(picture), torch.tensor([0.06**2]))


def test_sharpness_is_one_for_the_truth_less_for_blur_and_more_for_noise():
    truth = torch.zeros(1, 3, 64, 64)
    truth[..., 20:40, 20:40] = 1
    blurred = torch.nn.functional.avg_pool2d(truth, 3, 1, 1)
    noisy = truth + 0.3 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sharpness(truth, truth), torch.ones(1))
    assert sharpness(blurred, truth) < 0.5
    assert sharpness(noisy, truth) > 1.5


def test_sharpness_is_compared_at_128_pixels():
    small = torch.rand(1, 3, 128, 128)
    large = small.repeat_interleave(2, -1).repeat_interleave(2, -2)
    other = torch.rand(1, 3, 128, 128)
    wide = other.repeat_interleave(2, -1).repeat_interleave(2, -2)
    torch.testing.assert_close(sharpness(large, wide), sharpness(small, other))


def test_a_target_without_edges_has_no_sharpness():
    assert sharpness(torch.rand(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5)).isnan().all()
