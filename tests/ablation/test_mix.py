"""Parts of quadruples, read as one folder."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.ablation.toys import ablate_config
from tests.fakes import TINY_SAMPLING, tiny_student_config, tiny_teacher, write_images

from dd3g_kedro.ablation.config import ROWS
from dd3g_kedro.ablation.mix import (
    MixedQuadruples,
    Source,
    chosen_rows,
    pool,
    sources_of,
)
from dd3g_kedro.core.errors import InvalidShard
from dd3g_kedro.core.quadruples.shards import QuadrupleShards
from dd3g_kedro.factory.distillation import batches_for
from dd3g_kedro.factory.sampling import sample


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> dict[str, tuple[QuadrupleShards, dict[str, Path]]]:
    """Four rendered images and eight stylised ones, two quadruples each."""
    folder = tmp_path_factory.mktemp("images")
    images = list(write_images(folder, 12).items())
    made = {}
    for kind, chosen in (("rendered", dict(images[:4])), ("stylised", dict(images[4:]))):
        sampling = replace(TINY_SAMPLING, steps=1)
        shards = sample(chosen, tiny_teacher(), sampling, tmp_path_factory.mktemp(kind) / "q")
        made[kind] = QuadrupleShards(shards), chosen
    return made


def mixed(kinds, rendered: float, synthetic: float, limit: int | None = None) -> MixedQuadruples:
    return MixedQuadruples(
        [
            Source(*kinds["rendered"], float(rendered), limit),
            Source(*kinds["stylised"], float(synthetic)),
        ]
    )


def images_of(mix: MixedQuadruples) -> set[str]:
    return {mix[i].image_id for i in range(len(mix))}


def test_shares_count_images_and_take_all_their_quadruples(kinds):
    for rendered, synthetic, size in ((1, 0, 8), (0, 0.5, 8), (0.5, 0.5, 12), (1, 1, 24)):
        mix = mixed(kinds, rendered, synthetic)
        assert len(mix) == size
        assert len(images_of(mix)) == size // 2
        assert len({(mix[i].image_id, mix[i].seed) for i in range(len(mix))}) == size


def test_a_smaller_share_is_part_of_a_larger_one(kinds):
    small, large = (images_of(mixed(kinds, share, 0)) for share in (0.5, 1))
    assert small < large
    assert images_of(mixed(kinds, 0, 0.5)) < images_of(mixed(kinds, 0, 1))


def test_a_limit_comes_before_the_share(kinds):
    first, second, *_ = sorted(kinds["rendered"][1])
    assert images_of(mixed(kinds, 1, 0, limit=2)) == {first, second}
    assert images_of(mixed(kinds, 0.5, 0, limit=2)) == {first}


def test_rows_find_their_picture_wherever_it_lies(kinds):
    mix = mixed(kinds, 0.5, 0.25)
    batches = batches_for(tiny_student_config(), mix, mix.images)
    assert mix.image_ids() == [mix[i].image_id for i in range(len(mix))]
    for index in range(len(mix)):
        row = mix[index]
        kind = "rendered" if row.image_id in kinds["rendered"][1] else "stylised"
        shards, images = kinds[kind]
        alone = batches_for(tiny_student_config(), shards, images)
        same = next(
            shards[i]
            for i in range(len(shards))
            if (shards[i].image_id, shards[i].seed) == (row.image_id, row.seed)
        )
        one, other = batches.decode([row]), alone.decode([same])
        assert torch.equal(one.input_rgba, other.input_rgba)
        assert torch.equal(one.quadruples.output_images, other.quadruples.output_images)


def test_each_epoch_shows_every_row_once_in_another_order(kinds):
    mix = mixed(kinds, 1, 0.5)
    orders = [mix.order(epoch, seed=0) for epoch in (0, 1)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(len(mix)))
    assert not torch.equal(*orders)
    assert torch.equal(orders[0], mixed(kinds, 1, 0.5).order(0, seed=0))
    assert not torch.equal(orders[0], mix.order(0, seed=1))


def test_a_few_shards_are_read_at_a_time(kinds, monkeypatch):
    monkeypatch.setattr("dd3g_kedro.ablation.mix.SHUFFLED_SHARDS", 2)
    mix = mixed(kinds, 1, 1)  # 12 shards of two rows
    seen = mix._shard_of[mix.order(0, seed=0)]
    for first in range(0, len(mix), 4):
        assert len(seen[first : first + 4].unique()) <= 2


def test_other_rows_are_other_data(kinds):
    mixes = [mixed(kinds, *shares) for shares in ((1, 0), (0.5, 0), (0.5, 0.5), (0, 0.5))]
    assert len({mix.fingerprint for mix in mixes}) == len(mixes)
    assert mixed(kinds, 1, 0).fingerprint == mixes[0].fingerprint


def test_a_pool_is_the_same_for_every_share_of_it(kinds):
    whole = pool(Source(*kinds["rendered"], 1.0))
    assert pool(Source(*kinds["rendered"], 0.0)) == pool(Source(*kinds["rendered"], 0.5)) == whole
    assert pool(Source(*kinds["rendered"], 1.0, limit=2)) != whole
    assert pool(Source(*kinds["stylised"], 1.0)) != whole


def test_a_pool_over_white_is_the_same_one(kinds, tmp_path):
    images = kinds["rendered"][1]
    made = []
    for name, how in (("white", {"background": "white"}), ("longer", {"steps": 2})):
        sampling = replace(TINY_SAMPLING, **({"steps": 1} | how))
        folder = sample(images, tiny_teacher(), sampling, tmp_path / name)
        made.append(pool(Source(QuadrupleShards(folder), images, 1.0)))
    rendered = pool(Source(*kinds["rendered"], 1.0))
    assert made[0] == rendered != made[1]


def test_it_travels_to_another_process(kinds):
    mix = mixed(kinds, 0.5, 0.5)
    again = pickle.loads(pickle.dumps(mix))
    assert again.fingerprint == mix.fingerprint
    assert again[3] == mix[3]


def test_shares_too_small_for_one_image_are_refused(kinds):
    with pytest.raises(InvalidShard, match="expected quadruples of the shares"):
        MixedQuadruples([Source(*kinds["rendered"], 0.01)])
    assert chosen_rows(Source(*kinds["rendered"], 0.01)) == []


def test_stylised_quadruples_are_wanted_by_name(kinds):
    row = {"label": "a", "sentence": "b", "quadruples": {"rendered": 0.5, "synthetic": 0.5}}
    config = ablate_config(rows=dict.fromkeys(ROWS) | {"synthetic_40": row}, images=3)
    sources = sources_of(config, "synthetic_40", kinds["rendered"], kinds["stylised"])
    assert [(source.share, source.limit) for source in sources] == [(0.5, 3), (0.5, None)]
    with pytest.raises(ValueError, match=r"synthetic_40\.quadruples\.synthetic is above 0"):
        sources_of(config, "synthetic_40", kinds["rendered"])
