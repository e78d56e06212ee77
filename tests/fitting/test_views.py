import math
from dataclasses import replace

import pytest
import torch

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.errors import TrainingDiverged
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.cloud import optimise
from dd3g_kedro.fitting.config import Cloud, Densification, FitConfig
from dd3g_kedro.fitting.initial import first_gaussians, seen_colors, silhouettes
from dd3g_kedro.fitting.views import fit_to_views

SIZE = 48
WHITE = torch.ones(3)
CONFIG = FitConfig(
    steps=40,
    cloud=Cloud(gaussians=600, densification=Densification(every=10, start=10, most=900)),
)


@pytest.fixture(scope="module")
def frames(around):
    return around(-90, 0, 90, 180)


@pytest.fixture(scope="module")
def diagonals(around):
    return around(-45, 45, 135, 225)


@pytest.fixture(scope="module")
def fitted(egg, frames, views_of):
    return fit_to_views(views_of(egg, frames, SIZE), frames, WHITE, CONFIG)


def start_of(images, cameras, config=CONFIG):
    return first_gaussians(images, cameras, WHITE, config, torch.Generator().manual_seed(0))


def test_an_object_is_found_from_four_views(egg, frames, views_of, fitted):
    truth = views_of(egg, frames, SIZE)
    started = psnr(views_of(start_of(truth, frames), frames, SIZE), truth).mean()
    reached = psnr(views_of(fitted, frames, SIZE), truth).mean()
    empty = psnr(torch.ones_like(truth), truth).mean()
    assert reached > started + 10
    assert reached > empty + 15
    assert reached > 30  # a tenth of the error of 20 dB, which silhouettes alone reach


def test_diagonals_are_better_than_copies_of_the_input(egg, frames, diagonals, views_of, fitted):
    truth = views_of(egg, diagonals, SIZE)
    copied = views_of(egg, frames, SIZE)[1:2].expand(4, -1, -1, -1)
    assert psnr(views_of(fitted, diagonals, SIZE), truth).mean() > psnr(copied, truth).mean() + 4


def test_gaussians_were_added_within_the_limit(fitted):
    assert 600 < fitted.means.shape[1] <= 900


def test_a_seed_decides_everything_whatever_else_is_drawn(egg, frames, views_of):
    images = views_of(egg, frames, SIZE)
    short = replace(CONFIG, steps=12, views_per_step=2)
    first = fit_to_views(images, frames, WHITE, short)
    torch.rand(17)
    with torch.inference_mode():  # measuring does this
        second = fit_to_views(images, frames, WHITE, short)
    other = fit_to_views(images, frames, WHITE, replace(short, seed=1))
    for name in vars(first):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    assert not torch.equal(first.means, other.means)


@pytest.mark.parametrize("picture", [1.0, 0.0], ids=["nothing but background", "black all over"])
@pytest.mark.parametrize("start", ["hull", "ball"])
def test_pictures_of_nothing_stay_finite(frames, views_of, picture, start):
    images = torch.full((4, 3, SIZE, SIZE), picture)
    result = fit_to_views(images, frames, WHITE, replace(CONFIG, start=start))
    assert all(value.isfinite().all() for value in vars(result).values())
    before = start_of(images, frames, replace(CONFIG, start=start))
    was = (views_of(before, frames, SIZE) - images).square().mean()
    now = (views_of(result, frames, SIZE) - images).square().mean()
    assert now < 0.5 * was


def test_the_hull_holds_the_object_and_lies_in_every_silhouette(egg, frames, views_of):
    images = views_of(egg, frames, SIZE)
    masks = silhouettes(images, WHITE, CONFIG.silhouette).float()
    points = start_of(images, frames).means[0]
    assert (seen_colors(points, masks, frames) == 1).all()
    assert (seen_colors(egg.means[0], masks, frames) == 1).float().mean() > 0.98
    distance = torch.cdist(egg.means[0], points).amin(dim=1)
    assert distance.mean() < 0.05  # the points fill it


def test_a_camera_sees_a_point_where_the_renderer_draws_it(frames, views_of):
    generator = torch.Generator().manual_seed(1)
    for point in 0.3 * torch.randn(5, 3, generator=generator):
        dot = Gaussians(
            point.view(1, 1, 3),
            torch.full((1, 1, 3), -4.5),
            torch.tensor([[[1.0, 0, 0, 0]]]),
            torch.zeros(1, 1, 3),
            torch.full((1, 1), 0.99),
        )
        seen = seen_colors(point[None], views_of(dot, frames, 64), frames)
        inside = seen_colors(point[None], torch.ones(4, 3, 64, 64), frames) == 1
        assert inside.any()
        assert seen[inside].max() < 0.6


@pytest.mark.parametrize(
    ("views", "height", "cameras", "message"),
    [
        (3, 16, (0, 90), "3 pictures and cameras of 1 objects with 2 views"),
        (0, 16, (), "at least one"),
        (2, 24, (0, 90), "square pictures, got 24 x 16"),
    ],
)
def test_what_does_not_fit_is_refused(around, views, height, cameras, message):
    posed = (
        around(*cameras)
        if cameras
        else type(around(0))(torch.zeros(1, 0, 4, 4), torch.zeros(1, 0, 3, 3))
    )
    with pytest.raises(ValueError, match=message):
        fit_to_views(torch.ones(views, 3, height, 16), posed, WHITE, CONFIG)


def test_two_objects_and_nan_are_refused(around):
    posed = around(0)
    with pytest.raises(ValueError, match="cameras of 2 objects"):
        fit_to_views(torch.ones(1, 3, 16, 16), posed.expand(2), WHITE, CONFIG)
    with pytest.raises(ValueError, match="finite pictures"):
        fit_to_views(torch.full((1, 3, 16, 16), torch.nan), posed, WHITE, CONFIG)


def test_numbers_that_run_away_are_told(egg):
    def broken(gaussians, step):
        return (gaussians.means * (torch.nan if step == 2 else 1.0)).sum()

    with pytest.raises(TrainingDiverged, match=r"within 4 steps.*Lower cloud\.learning_rates"):
        optimise(egg, broken, 4, Cloud(), "fitting")


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"steps": 0}, "fit.steps must be greater than 0"),
        ({"mse_weight": math.nan}, "fit.mse_weight must be a finite number, got nan"),
        ({"stepps": 5}, "did you mean fit.steps"),
        ({"start": "sphere"}, "fit.start must be one of hull, ball"),
        ({"cloud": {"opacity": 1.0}}, r"cloud.opacity must be less than 1"),
        ({"cloud": {"densification": {"share": 2.0}}}, r"densification.share must be at most 1"),
        ({"cloud": {"learning_rates": {"means": -1.0}}}, "learning_rates.means must be at least 0"),
    ],
)
def test_wrong_numbers_name_their_key(numbers, message):
    with pytest.raises(ValueError, match=message):
        build(FitConfig, numbers, "fit")
