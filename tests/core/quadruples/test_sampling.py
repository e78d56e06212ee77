import hashlib
import json
import math
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
    SIZE,
    TINY_SAMPLING,
    tiny_mini_config,
    tiny_quadruples,
    tiny_teacher,
    write_images,
)
from tests.golden import check_golden

from dd3g_kedro.core.errors import DD3GError, InvalidShard
from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.kept import read_manifest
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.quadruples.collection import Job
from dd3g_kedro.core.quadruples.config import Sampling
from dd3g_kedro.core.quadruples.sampling import SAMPLER, QuadrupleSampler, image_background
from dd3g_kedro.core.quadruples.shards import (
    QuadrupleShards,
    decode_png,
    encode_png,
    read_shard,
    rows_of,
    write_shard,
)
from dd3g_kedro.core.teacher.cameras import frame_azimuths
from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.preprocessing import autoencoder_pixels, clip_pixels
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.training.quadruple_batches import QuadrupleBatches
from dd3g_kedro.core.types import to_bytes
from dd3g_kedro.factory.sampling import ready_to_sample, sample
from dd3g_kedro.mini_teacher.config import AutoencoderConfig
from dd3g_kedro.mini_teacher.model import build_image_encoder, build_mini_teacher
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.framing import recentred_canvas, square
from dd3g_kedro.pictures.input_images import InputImages, pictures_in
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


def stands(sampler: QuadrupleSampler, count: int) -> list[tuple[float, float]]:
    """How far each of so many jobs' cameras are turned, and how high they stand."""
    frames = frame_azimuths().rad2deg()
    found = []
    for seed in range(count):
        azimuths, elevation = sampler._stand(Job("image", seed))
        turns = torch.tensor(azimuths) - frames
        torch.testing.assert_close(turns, turns[:1].expand_as(turns), rtol=0, atol=1e-4)
        found.append((float(turns[0]), elevation))
    return found


def test_cameras_are_turned_and_raised_for_the_share_that_is_asked_for(tmp_path):
    teacher = tiny_teacher()
    pictures = InputImages(write_images(tmp_path, 1), teacher.config.image_size)

    def found(**changes):
        sampler = QuadrupleSampler(teacher, pictures, replace(TINY_SAMPLING, **changes))
        return stands(sampler, 400)

    own = teacher.config.elevation_deg
    assert set(found(turned=0.0)) == {(0.0, own)}
    turned = found(turned=1.0, turned_elevation_deg=(-3.0, 20.0))
    turns, heights = (torch.tensor(column) for column in zip(*turned, strict=True))
    assert -45 <= turns.min() < -40 < 40 < turns.max() <= 45
    assert -3 <= heights.min() < -2 < 19 < heights.max() <= 20
    half = [turn != 0 for turn, _ in found(turned=0.5)]
    assert 160 < sum(half) < 240  # four standard deviations of 10
    assert found(turned=0.5) == found(turned=0.5)


def test_turned_quadruples_hold_the_teachers_views_from_their_cameras(tmp_path):
    how = replace(TINY_SAMPLING, turned=1.0, batch_size=1, mixed_precision="no")
    images, teacher = write_images(tmp_path / "images", 2), tiny_teacher()
    with torch.no_grad():  # untrained, it hardly looks at its cameras
        for weights in teacher.unet.network.class_embedding.parameters():
            weights.mul_(20)
    pictures = InputImages(images, teacher.config.image_size)
    shards = QuadrupleShards(sample(images, teacher, how, tmp_path / "quadruples"))
    sampler = QuadrupleSampler(ready_to_sample(teacher, how), pictures, how)
    latents = (4, *sampler.teacher.latent_shape[1:])
    read = QuadrupleBatches(shards, pictures, SIZE, latents, teacher.config.rig, readers=0)
    batch = read.first(4).quadruples
    assert len({row.azimuths_deg for row in (shards[i] for i in range(4))}) == 4
    for index in range(4):
        row = shards[index]
        assert sampler.again(row) == row
        azimuth = torch.tensor([row.azimuths_deg]).deg2rad()
        elevation = torch.full_like(azimuth, row.elevation_deg).deg2rad()
        cameras = orbit(azimuth, elevation, teacher.config.rig)
        torch.testing.assert_close(
            batch.cameras.world_to_camera[index], cameras.world_to_camera[0], rtol=0, atol=1e-6
        )
        with torch.inference_mode():
            given = [batch.input_image[index]]
            views = teacher.views(given, [row.seed], how.steps, how.guidance_scale, cameras)
            frames = teacher.views(given, [row.seed], how.steps, how.guidance_scale)
        torch.testing.assert_close(batch.output_images[index], views[0], rtol=0, atol=1.01 / 255)
        assert (frames - views).abs().max() > 3 / 255  # other cameras, other views


def test_the_ode_starts_from_so_much_of_the_noise_and_what_was_made_otherwise_is_not_taken(
    tmp_path,
):
    teacher = tiny_teacher()
    cameras = teacher.frames(2, 0.1)
    pictures = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    noise = noise_from_seeds([5, 6], teacher.latent_shape)
    condition = teacher.condition(pictures)
    for temperature in (0.0, 0.25, 1.0):
        latents = teacher.sample(temperature * noise, condition, cameras, 3, 2.0)
        views = teacher.views(pictures, [5, 6], 3, 2.0, cameras, temperature)
        assert torch.equal(views, teacher.decode_views(latents))
    cold = teacher.views(pictures, [7, 8], 3, 2.0, cameras, 0.0)
    assert torch.equal(cold, teacher.views(pictures, [5, 6], 3, 2.0, cameras, 0.0))

    images = write_images(tmp_path / "images", 2)
    hot, cold = (
        QuadrupleShards(sample(images, teacher, how, tmp_path / "quadruples"))[0]
        for how in (replace(TINY_SAMPLING, temperature=each) for each in (1.0, 0.5))
    )
    assert (hot.temperature, cold.temperature) == (1.0, 0.5)
    assert hot.seed == cold.seed
    assert hot.output_images != cold.output_images


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
    by_name = {path.name: image_id for image_id, path in pictures_in(folder).items()}
    sample({by_name[name]: folder / name for name in names}, teacher, sampling, folder / "out")
    order = [sorted(by_name[name] for name in names).index(by_name[name]) for name in names]
    seen = {part: given[order] for part, given in seen.items()}
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
    ((image_id, path),) = pictures_in(tmp_path).items()
    found = InputImages({image_id: path}, None)(image_id, border_ratio)
    assert found.shape == (4, 2048, 2048)
    rows = (found[3] > 0).any(dim=1).sum()  # 30 / 40,000 of 2048, LGM leaves the last one out
    assert rows == (2 if border_ratio is None else 1)


def test_backgrounds_differ_between_images_and_come_from_the_id():
    one, again, other = (image_background(i, 0) for i in ("a", "a", "b"))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one, other)


def test_the_precision_of_the_network_may_be_chosen(tmp_path):
    images = write_images(tmp_path / "images", 1)
    networks, identities = set(), set()
    for precision in ("no", "bf16", "auto"):
        teacher, folder = tiny_teacher(), tmp_path / precision
        sampling = replace(TINY_SAMPLING, mixed_precision=precision)
        sample(images, teacher, sampling, folder)
        networks.add(ready_to_sample(teacher, sampling).asked.network.dtype)
        identities.add(json.dumps(read_manifest(folder)["identity"]))
    assert {torch.float32, torch.bfloat16} == networks
    assert len(identities) == 3


def test_another_precision_names_the_key():
    with pytest.raises(
        ValueError, match=r"Sampling\.mixed_precision must be one of auto.*got 'half'"
    ):
        Sampling(mixed_precision="half")


def test_no_accepted_image_is_an_error_that_says_where_to_look(tmp_path):
    with pytest.raises(DD3GError, match=r"no accepted image.*decisions\.csv"):
        sample({}, tiny_teacher(), TINY_SAMPLING, tmp_path / "out")


def test_rows_survive_the_file(tmp_path):
    shards, _, _ = tiny_quadruples(tmp_path, count=1)
    rows = [shards[0], replace(shards[1], border_ratio=0.25)]
    write_shard(rows, tmp_path / "again" / "0.parquet", "digest")
    assert rows_of(read_shard(tmp_path / "again" / "0.parquet")) == rows


def in_numbers(folder: Path, sampling: Sampling) -> list[float]:
    """Views of two images as 4 x 4 cells without their mean, and what else rows say."""
    images = write_images(folder / "images", 2)
    shards = QuadrupleShards(sample(images, tiny_teacher(), sampling, folder / "quadruples"))
    rows = [shards[i] for i in range(len(shards))]
    views = torch.stack([decode_png(v).double() for row in rows for v in row.output_images]) / 255
    cells = torch.nn.functional.avg_pool2d(views, SIZE // 4)
    told = torch.tensor(
        [[*row.background, row.seed % 997 / 997, row.elevation_deg] for row in rows]
    )
    cells = cells - cells.mean(dim=(-1, -2), keepdim=True)
    return [*cells.flatten().tolist(), *told.flatten().tolist()]


def test_quadruples_do_not_change_unseen(tmp_path):
    """Raise SAMPLER when this fails for a reason: kept shards are then made again."""
    how = replace(TINY_SAMPLING, mixed_precision="no", batch_size=1)
    found, atol = in_numbers(tmp_path / "one", how), 0.002
    check_golden(SAMPLER, found, atol)
    for number, change in enumerate(({"steps": 3}, {"guidance_scale": 2.5}, {"seed": 4})):
        other = in_numbers(tmp_path / str(number), replace(how, **change))
        apart = max(abs(one - another) for one, another in zip(found, other, strict=True))
        assert apart > 3 * atol, change  # a difference would be seen


@pytest.mark.parametrize("broken", [torch.nan, 0.0])
def test_views_that_show_nothing_are_refused_and_nothing_is_lost(tmp_path, monkeypatch, broken):
    shards, _, teacher = tiny_quadruples(tmp_path, count=1)
    before = hashes(shards.folder)
    other = write_images(tmp_path / "images", 2)
    monkeypatch.setattr(Teacher, "decode_views", lambda *_: torch.full((1, 4, 3, 8, 8), broken))
    how = replace(TINY_SAMPLING, batch_size=1, shard_size=2, steps=1)
    with pytest.raises(DD3GError, match=r"image disc\d: expected views.*guidance_scale"):
        sample(other, teacher, how, shards.folder)
    assert not list(shards.folder.glob("*.parquet"))
    kept = shards.folder.parent / "kept" / "quadruples"
    assert {hash for folder in kept.iterdir() for hash in hashes(folder).values()} == {
        hash for name, hash in before.items() if name.endswith("parquet")
    }
    with pytest.raises(InvalidShard, match=r"2 of 2|4 of 4 quadruples are missing"):
        QuadrupleShards(shards.folder).require()


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": 0},
        {"images": -1},
        {"processes": 0},
        {"guidance_scale": math.nan},
        {"guidance_scale": math.inf},
        {"guidance_scale": -1.0},
        {"seed": 2**63},
        {"seed": -1},
        {"border_ratio": math.nan},
        {"turned": 1.5},
        {"temperature": 1.5},
        {"temperature": -0.1},
        {"turned_elevation_deg": (10.0, 5.0)},
    ],
)
def test_an_impossible_value_names_its_key(wrong):
    with pytest.raises(ValueError, match=rf"Sampling\.{next(iter(wrong))} must"):
        Sampling(**wrong)


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
sample(images, tiny_teacher(), TINY_SAMPLING, root / "quadruples")
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path, project):
    environment = os.environ | {
        "PYTHONPATH": f"{project}{os.pathsep}{project / 'src'}",
        "OMP_NUM_THREADS": "1",
    }

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
    assert hashes(folder) == whole
