import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tests.fakes import (
    TINY_SAMPLING,
    tiny_mini_config,
    tiny_quadruples,
    tiny_teacher,
    write_images,
)

from dd3g_kedro.core.errors import DD3GError, InvalidShard
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.sampling import QuadrupleSampler, SourceImage, image_background
from dd3g_kedro.core.quadruples.shards import (
    QuadrupleShards,
    decode_png,
    encode_png,
    shard_plan,
    write_shard,
)
from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.preprocessing import autoencoder_pixels, clip_pixels
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.types import to_bytes
from dd3g_kedro.factory.sampling import ready_to_sample, sample
from dd3g_kedro.mini_teacher.config import AutoencoderConfig
from dd3g_kedro.mini_teacher.model import build_image_encoder, build_mini_teacher
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.framing import recentred_canvas, square
from dd3g_kedro.pictures.input_images import InputImages
from dd3g_kedro.pictures.reading import read_rgba


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_png_keeps_every_8_bit_value():
    image = torch.arange(3 * 256).remainder(256).reshape(3, 16, 16) / 255
    torch.testing.assert_close(
        decode_png(encode_png(to_bytes(image))).float() / 255, image, rtol=0, atol=0
    )


def test_a_stored_quadruple_is_made_again_bit_for_bit(tmp_path):
    shards, images, teacher = tiny_quadruples(tmp_path, count=3)
    pictures = InputImages(images, teacher.config.image_size)
    sampler = QuadrupleSampler(ready_to_sample(teacher, TINY_SAMPLING), pictures, TINY_SAMPLING)
    assert len(shards) == 6
    assert {row.batch_place for row in (shards[i] for i in range(6))} == {0, 1}
    for index in range(6):
        assert sampler.again(shards[index]) == shards[index]


def test_the_same_image_gives_other_views_for_another_seed(tmp_path):
    shards, _, _ = tiny_quadruples(tmp_path, count=1)
    first, second = shards[0], shards[1]
    assert first.image_id == second.image_id
    assert first.seed != second.seed
    assert first.background == second.background
    assert first.output_images != second.output_images


def sized_like_imagedream() -> Teacher:
    """256 pixels, of which the image encoder sees 224 and the latents have 32."""
    tiny = tiny_mini_config()
    config = replace(
        tiny,
        image_size=256,
        autoencoder=AutoencoderConfig(latent_channels=4, channels=(16, 16, 16, 16)),
        unet=replace(tiny.unet, image_size=32, attention_resolutions=()),
    )
    teacher = build_mini_teacher(config, 0)
    teacher.image_encoder = build_image_encoder(tiny.vision, 224)
    fields = {**vars(teacher.config), "encoder_size": 224}
    teacher.config = TeacherConfig(**fields)
    return teacher.eval()


def seen_by_the_encoders(folder, names, border_ratio):
    """What the image encoder and the autoencoder are shown when a batch is sampled."""
    teacher = sized_like_imagedream()
    seen = {}
    for part, module in (("clip", teacher.image_encoder), ("vae", teacher.autoencoder.encoder)):
        module.register_forward_pre_hook(
            lambda _module, given, part=part: seen.update({part: given[0].cpu()})
        )
    sampling = Sampling(
        steps=1, batch_size=2, border_ratio=border_ratio, background="white", guidance_scale=1.0
    )
    sample([SourceImage(name, name) for name in names], folder, teacher, sampling, folder / "out")
    return seen["clip"], seen["vae"]


@pytest.mark.shared
def test_a_recentred_picture_reaches_both_encoders_as_released(tmp_path, shared):
    fixture = load_file(shared / "fixtures/imagedream/preprocess/preprocess.safetensors")
    Image.fromarray(fixture["rgba"].numpy()).save(tmp_path / "a.png")
    clip, vae = seen_by_the_encoders(tmp_path, ["a.png"], border_ratio=0.2)
    for found, name in ((clip, "lgm.clip_pixel_values"), (vae, "lgm.vae_input")):
        torch.testing.assert_close(found[0][..., ::4, ::4], fixture[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("border_ratio", [0.3, None])
def test_pictures_of_several_sizes_share_a_batch(tmp_path, border_ratio):
    """Recentred they reach each encoder at their own size, else at the teacher's."""
    sizes = {"a.png": (310, 200), "b.png": (700, 690)}
    for number, (name, (height, width)) in enumerate(sizes.items()):
        rgba = np.random.default_rng(number).integers(0, 256, (height, width, 4), np.uint8)
        rgba[: height // 4] = 0
        Image.fromarray(rgba).save(tmp_path / name)
    clip, vae = seen_by_the_encoders(tmp_path, sizes, border_ratio)
    for row, name in enumerate(sizes):
        rgba = read_rgba(tmp_path / name, ImageLimits())
        if border_ratio is None:
            rgba = (square(rgba, 256) * 255).round() / 255
        else:
            rgba = recentred_canvas(rgba, border_ratio)
        white = composite(rgba, torch.ones(3))[None]
        torch.testing.assert_close(clip[row], clip_pixels(white, 224)[0], atol=1e-6, rtol=0)
        torch.testing.assert_close(vae[row], autoencoder_pixels(white, 256)[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("border_ratio", [0.2, None])
def test_a_long_thin_picture_keeps_within_memory(tmp_path, border_ratio):
    rgba = np.full((30, 40_000, 4), 255, np.uint8)
    rgba[:, :100, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "thin.png")
    found = InputImages(tmp_path, None)("thin.png", border_ratio)
    assert found.shape == (4, 2048, 2048)
    rows = (found[3] > 0).any(dim=1).sum()  # 30 / 40,000 of 2048, LGM leaves the last one out
    assert rows == (2 if border_ratio is None else 1)


def test_backgrounds_differ_between_images_and_come_from_the_id():
    one, again, other = (image_background(i, 0) for i in ("a", "a", "b"))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one, other)


def test_whole_shards_are_kept_and_missing_ones_made_as_in_an_undisturbed_run(tmp_path):
    shards, images, teacher = tiny_quadruples(tmp_path, count=4)
    undisturbed = hashes(shards.folder)
    kept = shards.paths[0].stat().st_mtime_ns
    shards.paths[1].unlink()
    shards.paths[2].write_bytes(shards.paths[2].read_bytes()[:100])  # cut short
    sources = write_images(images, 4)
    sample(sources, images, teacher, TINY_SAMPLING, shards.folder)
    assert hashes(shards.folder) == undisturbed
    assert shards.paths[0].stat().st_mtime_ns == kept


def test_shards_of_another_teacher_or_configuration_are_made_again(tmp_path):
    shards, images, _ = tiny_quadruples(tmp_path, count=1)
    before = hashes(shards.folder)
    sources = write_images(images, 1)
    sample(sources, images, tiny_teacher(1), TINY_SAMPLING, shards.folder)
    other_teacher = hashes(shards.folder)
    fewer_steps = replace(TINY_SAMPLING, steps=1)
    sample(sources, images, tiny_teacher(1), fewer_steps, shards.folder)
    assert len({*before.values(), *other_teacher.values(), *hashes(shards.folder).values()}) == 3


def test_the_precision_of_the_network_may_be_chosen(tmp_path):
    images = write_images(tmp_path / "images", 1)
    networks, plans = set(), set()
    for precision in ("no", "bf16", "auto"):
        teacher, folder = tiny_teacher(), tmp_path / precision
        sampling = replace(TINY_SAMPLING, mixed_precision=precision)
        sample(images, tmp_path / "images", teacher, sampling, folder)
        networks.add(ready_to_sample(teacher, sampling).asked.network.dtype)
        plans.add(shard_plan(folder / "00000.parquet"))
    assert {torch.float32, torch.bfloat16} == networks
    assert len(plans) == 3
    # of before there was a choice: such shards stay
    assert "800ada5b947bb6de2b3e93e03cec104feb7d612c32e0f386b22b565f47f36774" in plans


def test_another_precision_names_the_key():
    with pytest.raises(
        ValueError, match=r"Sampling\.mixed_precision must be one of auto.*got 'half'"
    ):
        Sampling(mixed_precision="half")


def test_surplus_shards_of_an_earlier_run_are_removed(tmp_path):
    shards, images, teacher = tiny_quadruples(tmp_path, count=3)
    sources = write_images(images, 3)
    sample(sources[:1], images, teacher, TINY_SAMPLING, shards.folder)
    assert [p.name for p in sorted(shards.folder.iterdir())] == ["00000.parquet"]


def test_no_accepted_image_is_an_error_that_says_where_to_look(tmp_path):
    with pytest.raises(DD3GError, match=r"no accepted image.*decisions\.csv"):
        sample([], tmp_path, tiny_teacher(), TINY_SAMPLING, tmp_path / "out")


def test_a_shard_cut_short_is_named(tmp_path):
    shards, _, _ = tiny_quadruples(tmp_path, count=1)
    path = shards.paths[0]
    path.write_bytes(path.read_bytes()[:-20])
    assert shard_plan(path) is None
    with pytest.raises(InvalidShard, match=r"00000\.parquet.*Delete it and run"):
        QuadrupleShards(shards.folder)


def test_rows_survive_the_file(tmp_path):
    shards, _, _ = tiny_quadruples(tmp_path, count=1)
    rows = [shards[0], replace(shards[1], border_ratio=0.25)]
    write_shard(rows, tmp_path / "again" / "0.parquet", "a plan")
    stored = QuadrupleShards(tmp_path / "again")
    assert [stored[0], stored[1]] == rows
    assert shard_plan(tmp_path / "again" / "0.parquet") == "a plan"


@pytest.mark.parametrize("key", ["steps", "batch_size", "shard_size", "seeds_per_image"])
def test_a_count_below_one_names_its_key(key):
    with pytest.raises(ValueError, match=f"Sampling.{key} must be greater than 0, got 0"):
        Sampling(**{key: 0})


_RUN = """
import sys
from pathlib import Path
from tests.fakes import TINY_SAMPLING, tiny_teacher, write_images
from dd3g_kedro.factory.sampling import ready_to_sample, sample
root = Path(sys.argv[1])
images = write_images(root / "images", 12)
sample(images, root / "images", tiny_teacher(), TINY_SAMPLING, root / "quadruples")
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path, project):
    environment = os.environ | {"PYTHONPATH": str(project), "OMP_NUM_THREADS": "1"}

    def start(root: Path) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", _RUN, str(root)], env=environment)

    assert start(tmp_path / "whole").wait() == 0
    killed = start(tmp_path / "killed")
    folder, deadline = tmp_path / "killed" / "quadruples", time.monotonic() + 120
    while len(list(folder.glob("*.parquet"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 2 <= len(list(folder.glob("*.parquet"))) < 12
    assert start(tmp_path / "killed").wait() == 0
    whole = hashes(tmp_path / "whole" / "quadruples")
    made = {name: hash for name, hash in hashes(folder).items() if name.endswith("parquet")}
    assert made == whole
