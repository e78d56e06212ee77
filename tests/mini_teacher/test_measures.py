import math
from dataclasses import replace

import pytest
import torch
import trimesh
from tests.fakes import SIZE, tiny_teacher

from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.config import Cloud, FitConfig
from dd3g_kedro.fitting.consistency import diagonal_cameras
from dd3g_kedro.mini_teacher.config import TeacherMeasurement
from dd3g_kedro.mini_teacher.consistency import measure_consistency
from dd3g_kedro.mini_teacher.measures import measure_teacher

QUICK = FitConfig(steps=20, dssim_weight=0.0, cloud=Cloud(gaussians=200, densification=None))
HOW = TeacherMeasurement(
    objects=3, seeds=1, steps=2, batch_size=2, pictured=3, consistency_objects=2, fit=QUICK
)
CELL = 128  # pixels of a sheet's


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("meshes")
    for number, color in enumerate(([200, 0, 0, 255], [0, 160, 0, 255], [0, 0, 200, 255])):
        box = trimesh.creation.box((0.9, 0.4, 0.3 + 0.2 * number))
        box.visual.vertex_colors = [color] * len(box.vertices)
        box.export(folder / f"{number}.glb")
    return measure_teacher(tiny_teacher(), sorted(folder.iterdir()), HOW)


def test_an_untrained_teachers_views_explain_its_objects_worse_than_the_truth_does(measured):
    scores, _, _ = measured
    found = scores.consistency
    assert (scores.objects, found.objects) == (3, 2)
    assert found.views.diagonal_psnr + 3 < found.truth.diagonal_psnr
    assert found.views.fitted_psnr + 3 < found.truth.fitted_psnr
    assert scores.mean_psnr == scores.best_psnr  # of one seed


def test_the_sheets_show_every_object_and_every_fit(measured):
    _, sheet, fits = measured
    assert sheet.size == ((1 + 4 + 4) * CELL, 3 * CELL)
    assert fits.size == ((1 + 4 * 4) * CELL, 2 * CELL)


@pytest.fixture(scope="module")
def objects():
    """Two eggs, coloured by their normals, from the frames and from the diagonals."""
    generator = torch.Generator().manual_seed(3)
    normals = torch.nn.functional.normalize(torch.randn(2, 300, 3, generator=generator), dim=-1)
    eggs = Gaussians(
        normals * torch.tensor([[[0.2, 0.4, 0.3]], [[0.4, 0.2, 0.2]]]),
        torch.full_like(normals, -3.5),
        torch.tensor([1.0, 0, 0, 0]).expand(2, 300, 4).contiguous(),
        0.5 + 0.4 * normals,
        torch.full((2, 300), 0.95),
    )
    teacher, white = tiny_teacher(), torch.ones(2, 3)
    cameras = (teacher.frames(2, math.radians(5)), diagonal_cameras(teacher).expand(2))
    with torch.no_grad():
        return [render(eggs, each, SIZE, white).images for each in cameras]


def test_true_views_reach_the_ceiling_itself(objects):
    frames, diagonals = objects
    scores, _ = measure_consistency(
        tiny_teacher(), frames, frames, lambda index: diagonals[index], 2, QUICK
    )
    assert scores.views == scores.truth
    assert scores.copied.diagonal_psnr < scores.truth.diagonal_psnr


def test_means_are_taken_over_the_objects_that_were_chosen(objects):
    frames, diagonals = objects
    asked = []

    def scores(first, most):
        def truth(index):
            asked.append(first + index)
            return diagonals[first + index]

        views = frames[first:]
        return measure_consistency(tiny_teacher(), views, views, truth, most, QUICK)[0]

    both, first, second = scores(0, 2), scores(0, 1), scores(1, 5)
    assert asked == [0, 1, 0, 1]
    assert (both.objects, first.objects, second.objects) == (2, 1, 1)
    assert first != second
    assert both.copied.diagonal_psnr == pytest.approx(
        (first.copied.diagonal_psnr + second.copied.diagonal_psnr) / 2
    )


@pytest.mark.parametrize("key", ["objects", "seeds", "consistency_objects"])
def test_nothing_to_measure_is_refused(key):
    with pytest.raises(
        ValueError, match=rf"TeacherMeasurement.{key} must be greater than 0, got 0"
    ):
        replace(HOW, **{key: 0})
