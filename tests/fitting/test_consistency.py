import torch

from dd3g_kedro.core.geometry import camera_to_world
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.fitting.config import Cloud, FitConfig
from dd3g_kedro.fitting.consistency import (
    ConsistencyTruth,
    diagonal_cameras,
    view_consistency,
)

WHITE = torch.ones(3)
CONFIG = FitConfig(steps=30, dssim_weight=0.0, cloud=Cloud(gaussians=300, densification=None))
ELEVATION = torch.tensor(5.0).deg2rad()


def true_views(egg, painter, views_of) -> ConsistencyTruth:
    frames = painter.frames(1, float(ELEVATION))
    return ConsistencyTruth(views_of(egg, frames, 32), views_of(egg, diagonal_cameras(painter), 32))


def test_diagonals_stand_half_way_between_neighbouring_frames(painter):
    def place(cameras):
        return camera_to_world(cameras)[0, :, :3, 3]

    frames, diagonals = place(painter.frames(1, float(ELEVATION))), place(diagonal_cameras(painter))
    middle = frames + frames.roll(-1, 0)
    middle[:, 2] = 0
    flat = diagonals * torch.tensor([1.0, 1.0, 0.0])
    cosines = torch.nn.functional.cosine_similarity(middle, flat)
    torch.testing.assert_close(cosines, torch.ones(4))
    torch.testing.assert_close(diagonals[:, 2], frames[:, 2])


def test_views_of_one_object_lie_between_floor_and_ceiling(egg, painter, views_of):
    truth = true_views(egg, painter, views_of)
    front = truth.frames[1]
    noisy = (
        truth.frames
        + 0.1 * torch.randn(truth.frames.shape, generator=torch.Generator().manual_seed(0))
    ).clamp(0, 1)
    found = view_consistency(noisy, front, painter, WHITE, truth, CONFIG)
    assert found.truth is not None
    assert found.copied.diagonal_psnr + 2 < found.views.diagonal_psnr < found.truth.diagonal_psnr
    assert found.copied.fitted_psnr + 2 < found.truth.fitted_psnr  # copies contradict each other
    assert found.views.fitted_psnr + 2 < found.truth.fitted_psnr  # so does noise


def test_the_pictures_are_those_that_were_scored(egg, painter, views_of):
    truth = true_views(egg, painter, views_of)
    quick = FitConfig(steps=2, cloud=Cloud(gaussians=50, densification=None))
    found = view_consistency(truth.frames, truth.frames[1], painter, WHITE, truth, quick)
    scores = [found.views, found.copied, found.truth]
    for pictures, score in zip(found.diagonals, scores, strict=True):
        assert float(psnr(pictures, truth.diagonals).mean()) == score.diagonal_psnr


def test_a_view_that_contradicts_the_others_is_noticed(egg, painter, views_of):
    truth = true_views(egg, painter, views_of)
    swapped = truth.frames.clone()
    swapped[2] = swapped[2].roll(8, 1)  # a quarter of the picture lower
    found = view_consistency(swapped, truth.frames[1], painter, WHITE, None, CONFIG)
    whole = view_consistency(truth.frames, truth.frames[1], painter, WHITE, None, CONFIG)
    assert found.views.fitted_psnr < whole.views.fitted_psnr - 2
    assert found.views.diagonal_psnr is None
    assert found.truth is None
    assert found.copied == whole.copied
