import math

import pytest
import torch

from dd3g_kedro.core.gaussians.activation import activate
from dd3g_kedro.core.rendering.projection import rotation_matrices
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.fitting.cloud import NAMES, RawGaussians, raw_features
from dd3g_kedro.fitting.config import Densification, LearningRates
from dd3g_kedro.fitting.densification import densify, grow, keep_opaque

NONE = torch.zeros(0, dtype=torch.long)


def cloud(count=30, seed=0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(1, count, *shape, generator=generator)

    return activate(0.2 * normal(3), normal(3), normal(4), normal(3), normal())


def covariances(gaussians):
    turn = rotation_matrices(gaussians.quaternions.mT)[0].permute(2, 0, 1)
    return turn @ torch.diag_embed((2 * gaussians.log_scales[0]).exp()) @ turn.mT


def test_clones_stay_where_they_were_and_pass_the_same_light():
    before, chosen = cloud(), torch.tensor([2, 7, 11])
    after, fresh = grow(before, chosen, NONE)
    assert after.means.shape[1] == 33
    assert fresh.nonzero()[:, 0].tolist() == [30, 31, 32]  # the originals go on
    for name in ("means", "log_scales", "quaternions", "colors"):
        old, new = getattr(before, name), getattr(after, name)
        assert torch.equal(new[:, :30], old)
        assert torch.equal(new[:, 30:], old[:, chosen])
    together = 1 - (1 - after.opacities[:, chosen]) * (1 - after.opacities[:, 30:])
    torch.testing.assert_close(together, before.opacities[:, chosen])


def test_halves_have_the_mass_centre_and_covariance_of_the_whole():
    before, chosen = cloud(), torch.arange(5, 15)
    after, fresh = grow(before, NONE, chosen)
    first, second = after.means[0, chosen], after.means[0, 30:]
    torch.testing.assert_close((first + second) / 2, before.means[0, chosen])
    apart = (first - second)[:, :, None] / 2
    spread = covariances(after)[chosen] + apart @ apart.mT
    torch.testing.assert_close(spread, covariances(before)[chosen], atol=1e-8, rtol=1e-4)
    lengths = after.log_scales[0, chosen].sum(-1).exp(), before.log_scales[0, chosen].sum(-1).exp()
    depths = (-(1 - g.opacities[0, chosen]).log() for g in (after, before))
    half, whole = (length * depth for length, depth in zip(lengths, depths, strict=True))
    torch.testing.assert_close(2 * half, whole, atol=0, rtol=1e-4)
    assert fresh.nonzero()[:, 0].tolist() == [*range(5, 15), *range(30, 40)]
    untouched = [i for i in range(30) if i not in chosen]
    for name in NAMES:
        assert torch.equal(getattr(after, name)[:, untouched], getattr(before, name)[:, untouched])


@pytest.mark.parametrize("how", ["clone", "split"])
def test_growing_changes_little_of_what_is_seen(egg, around, views_of, how):
    chosen = torch.arange(0, 440, 3)
    grown, _ = grow(egg, *((chosen, NONE) if how == "clone" else (NONE, chosen)))
    cameras = around(0, 120, 240)
    error = (views_of(grown, cameras, 48) - views_of(egg, cameras, 48)).square().mean()
    dropped = egg.means.clone()
    dropped[:, chosen] += 10  # what growing must not look like: the chosen ones are gone
    gone = Gaussians(dropped, egg.log_scales, egg.quaternions, egg.colors, egg.opacities)
    lost = (views_of(gone, cameras, 48) - views_of(egg, cameras, 48)).square().mean()
    assert error < 1e-3  # 30 dB
    assert error < lost / 10


def test_only_what_is_below_the_floor_is_pruned_and_one_always_stays():
    opacities = torch.tensor([0.5, 0.01, 0.0099, 0.2, 1e-5])
    assert keep_opaque(opacities, 0.01).tolist() == [0, 1, 3]
    assert keep_opaque(opacities, 0.9).tolist() == [0]


def test_counts_origins_and_the_largest_pulls():
    before = cloud()
    pulls = torch.arange(30.0)
    config = Densification(share=0.2, most=100, split_above=0.006, prune_below=0.3)
    after, origin, fresh = densify(before, pulls, config)
    kept = (before.opacities[0] >= 0.3).nonzero()[:, 0]
    grown = kept[-round(0.2 * len(kept)) :]  # pulls rise with the row
    assert after.means.shape[1] == len(kept) + len(grown) == len(origin) == len(fresh)
    assert 0 < len(kept) < 30
    assert torch.equal(origin[: len(kept)], kept)
    assert sorted(origin[len(kept) :].tolist()) == grown.tolist()
    large = before.log_scales[0].amax(-1) > math.log(0.006)
    assert {bool(large[i]) for i in grown} == {True, False}  # both kinds are tried here
    split = {int(origin[i]) for i in range(len(kept)) if fresh[i]}
    assert split == {i for i in grown.tolist() if large[i]}


@pytest.mark.parametrize(("most", "expected"), [(30, 30), (33, 33), (10, 30)])
def test_there_are_never_more_than_allowed_and_none_is_taken_for_that(most, expected):
    config = Densification(share=1.0, most=most, prune_below=0.0)
    after, _, _ = densify(cloud(), torch.ones(30), config)
    assert after.means.shape[1] == expected


def test_what_nothing_pulls_does_not_grow():
    after, _, fresh = densify(cloud(), torch.zeros(30), Densification(prune_below=0.0))
    assert after.means.shape[1] == 30
    assert not fresh.any()


def test_raw_features_are_the_inverse_of_the_activation():
    before = cloud()
    after = activate(*raw_features(before))
    for name in NAMES:
        torch.testing.assert_close(
            getattr(after, name), getattr(before, name), atol=1e-5, rtol=1e-5
        )


def test_adam_forgets_only_the_new():
    parameters = RawGaussians(cloud(), LearningRates())
    sum(value.square().sum() for value in parameters.raw).backward()
    parameters.step(0.0)
    moments = [parameters.optimizer.state[value]["exp_avg"].clone() for value in parameters.raw]
    with torch.no_grad():
        after, origin, fresh = densify(
            parameters.gaussians(), torch.arange(30.0), Densification(prune_below=0.3)
        )
    parameters.replace(after, origin, fresh)
    for value, moment in zip(parameters.raw, moments, strict=True):
        found = parameters.optimizer.state[value]["exp_avg"]
        assert torch.equal(found[:, ~fresh], moment[:, origin[~fresh]])
        assert not found[:, fresh].any()
        assert found.shape == value.shape
    sum(value.square().sum() for value in parameters.raw).backward()
    parameters.step(1.0)  # and goes on
    assert len(parameters.optimizer.state) == 5
