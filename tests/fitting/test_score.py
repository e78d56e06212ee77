from dataclasses import replace

import pytest
import torch
from tests.fakes import SIZE, tiny_teacher

from dd3g_kedro.core.objective.config import Verification
from dd3g_kedro.core.objective.fidelity import psnr
from dd3g_kedro.fitting.config import Cloud, Densification, SdsConfig
from dd3g_kedro.fitting.score import annealed_timestep, optimise_by_sds, teacher_verdict

WHITE = torch.ones(3)
GUIDANCE = Verification(timesteps=(20, 980), elevation_deg=(0, 10), weighting="one")
CONFIG = SdsConfig(
    steps=3,
    guidance=GUIDANCE,
    cloud=Cloud(gaussians=60, densification=Densification(every=1, start=1, stop=1.0)),
)


def disc():
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    inside = (((y - 7.5) ** 2 + (x - 7.5) ** 2) < 20).float()[None]
    return torch.cat([torch.tensor([0.8, 0.3, 0.1])[:, None, None] * inside, inside])


@pytest.mark.parametrize(
    ("weighting", "weight"),
    [("one", lambda a: a / (1 - a)), ("x0_reconstruction", torch.ones_like)],
)
def test_the_verdict_of_a_known_score_is_a_squared_distance(
    egg, painter, around, views_of, weighting, weight
):
    """eps_phi - eps = sqrt(a / (1 - a)) (x - x_0), so the loss is half its square."""
    cameras, t = around(10, 100, 190, 280), torch.tensor([300])
    darker = replace(egg, colors=0.5 * egg.colors)
    config = replace(GUIDANCE, weighting=weighting, rescale=0.0, scale=3.0)
    found = teacher_verdict(
        *(darker, cameras, torch.ones(1, 3, SIZE, SIZE), WHITE[None], t, painter, config),
        torch.Generator().manual_seed(0),
    )
    distance = 2 * (views_of(darker, cameras, SIZE) - views_of(egg, cameras, SIZE))
    alpha_bar = painter.alphas_cumprod[t[0]]
    expected = 3 * 0.5 * weight(alpha_bar) * distance.square().sum()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_the_score_alone_finds_the_object_that_it_points_to(egg, painter, around, views_of):
    cameras = around(-90, 45, 90, 180)
    config = SdsConfig(
        steps=60,
        reference_weight=0.0,
        mask_weight=0.0,
        guidance=replace(GUIDANCE, weighting="x0_reconstruction", rescale=0.0),
        cloud=Cloud(gaussians=300, densification=None),
    )
    front = views_of(egg, around(0), SIZE)[0]
    truth = views_of(egg, cameras, SIZE)
    scores = [
        psnr(
            views_of(optimise_by_sds(front, painter, replace(config, steps=n)), cameras, SIZE),
            truth,
        ).mean()
        for n in (1, 60)
    ]
    assert scores[1] > scores[0] + 6
    assert scores[1] > psnr(front.expand_as(truth), truth).mean() + 4


def test_the_reference_view_becomes_the_input(around, views_of):
    teacher, rgba = tiny_teacher(), disc()
    quiet = replace(CONFIG, steps=40, guidance=replace(GUIDANCE, scale=0.0))
    quiet = replace(quiet, cloud=replace(quiet.cloud, densification=None))
    picture = rgba[:3] * rgba[3:] + 1 - rgba[3:]
    found = views_of(optimise_by_sds(rgba, teacher, quiet), around(0), SIZE)
    assert psnr(found, picture[None])[0] > psnr(torch.ones_like(found), picture[None])[0] + 8


@pytest.mark.parametrize("channels", [3, 4])
def test_a_tiny_teacher_makes_the_same_object_again(channels):
    teacher, rgba = tiny_teacher(), disc()
    picture = rgba if channels == 4 else rgba[:3] * rgba[3:] + 1 - rgba[3:]
    first = optimise_by_sds(picture, teacher, CONFIG)
    torch.rand(9)
    with torch.inference_mode():
        second = optimise_by_sds(picture, teacher, CONFIG)
    other = optimise_by_sds(picture, teacher, replace(CONFIG, seed=1))
    for name in vars(first):
        assert getattr(first, name).isfinite().all()
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    assert not torch.equal(first.means[:, :10], other.means[:, :10])


def test_time_falls_on_a_line_over_the_whole_range():
    times = [annealed_timestep(step, 5, (20, 980)) for step in range(5)]
    assert times == [980, 740, 500, 260, 20]
    assert annealed_timestep(0, 1, (20, 980)) == 980


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_an_empty_or_solid_picture_stays_finite(alpha):
    result = optimise_by_sds(torch.full((4, SIZE, SIZE), alpha), tiny_teacher(), CONFIG)
    assert all(value.isfinite().all() for value in vars(result).values())


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, SIZE, SIZE), (4, SIZE, SIZE + 2)])
def test_a_picture_that_the_teacher_cannot_take_is_refused(shape):
    with pytest.raises(ValueError, match=f"expected an RGB or RGBA picture of {SIZE} x {SIZE}"):
        optimise_by_sds(torch.ones(shape), tiny_teacher(), CONFIG)
    with pytest.raises(ValueError, match="finite"):
        optimise_by_sds(torch.full((3, SIZE, SIZE), torch.nan), tiny_teacher(), CONFIG)
