import math

import torch

from dd3g_kedro.core.geometry import CameraRig, orbit
from dd3g_kedro.core.objective.hull import hull_distance, silhouette_distances


def cameras():
    azimuth = torch.tensor([[-90.0, 0.0, 90.0, 180.0]]).deg2rad()
    return orbit(azimuth, torch.zeros_like(azimuth), CameraRig())


def square_views(low=48, high=80, size=128):
    views = torch.full((1, 4, 3, size, size), 0.6)
    views[..., low:high, low:high] = torch.tensor([0.9, 0.1, 0.2])[:, None, None]
    return views, torch.full((1, 3), 0.6)


def test_cells_are_counted_in_rings_around_the_silhouette():
    distances = silhouette_distances(*square_views())[0, 0]
    assert distances.shape == (32, 32)
    assert distances[12:20, 12:20].max() == 0
    torch.testing.assert_close(distances[16, 20:].mul(32), torch.arange(1.0, 13.0))
    torch.testing.assert_close(distances[8, 8].mul(32), torch.tensor(4.0))


def test_a_view_of_nothing_pulls_nowhere():
    views, background = square_views()
    views[:, 2] = 0.6
    assert silhouette_distances(views, background)[0, 2].abs().max() == 0


def test_gaussians_in_the_hull_are_free_and_others_pay_by_their_distance():
    maps = silhouette_distances(*square_views())
    inside = torch.tensor([[[0.0, 0.0, 0.0], [0.1, -0.1, 0.1]]])
    assert hull_distance(inside, cameras(), maps) == 0
    near, far = (
        hull_distance(torch.tensor([[[0.0, 0.0, z]]]), cameras(), maps) for z in (0.3, 0.5)
    )
    side = 2 * 1.5 * math.tan(math.radians(49.1) / 2)
    torch.testing.assert_close(far - near, torch.tensor(0.2 / side), atol=0.01, rtol=0)


def test_descent_brings_a_lost_gaussian_back_whatever_its_opacity():
    maps = silhouette_distances(*square_views())
    means = torch.tensor([[[0.5, 0.4, -0.6], [0.0, 0.9, 0.0]]], requires_grad=True)
    optimizer = torch.optim.Adam([means], lr=0.02)
    for _ in range(80):
        loss = hull_distance(means, cameras(), maps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1e-2


def test_gradients_are_finite_behind_a_camera():
    maps = silhouette_distances(*square_views())
    means = torch.tensor([[[1.5, 0.0, 0.0], [3.0, 0.0, 0.0]]], requires_grad=True)
    hull_distance(means, cameras(), maps).backward()
    assert bool(means.grad.isfinite().all())
