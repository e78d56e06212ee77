import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from tests.teacher_fixtures import unet_to_original
from transformers import CLIPTextModel, CLIPVisionModel

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.core.teacher.schedule import released_schedule
from dd3g_kedro.core.teacher.storage import load_teacher, save_teacher
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.released.autoencoder import autoencoder_config
from dd3g_kedro.released.clip import text_config, vision_config
from dd3g_kedro.released.config import TeacherOrigin
from dd3g_kedro.released.conversion import released_teacher

VAE = {
    "resolution": 16,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1],
    "num_res_blocks": 1,
    "z_channels": 4,
}
CLIP = {
    "vision_cfg": {"image_size": 28, "layers": 2, "width": 12, "head_width": 6, "patch_size": 14},
    "text_cfg": {"context_length": 5, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 2},
}


def write_encoder(folder: Path, model: torch.nn.Module, prefix: str) -> None:
    folder.mkdir()
    tensors = {f"{prefix}{k}": v.contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(model.config.to_dict()))


@pytest.fixture
def unet(tiny_config, randomise) -> MultiViewUNet:
    # a Resampler of the released sizes, because released files do not name them
    sizes = {"ip_embedding_dim": 12, "resampler_depth": 4}
    sizes |= {"resampler_heads": 12, "resampler_head_dim": 64}
    return randomise(MultiViewUNet(UNetConfig(**{**vars(tiny_config), **sizes})))


@pytest.fixture
def folder(tmp_path, unet, randomise) -> Path:
    folder = tmp_path / "release"
    AutoencoderKL(**autoencoder_config(VAE)).save_pretrained(folder / "vae")
    released_schedule().save_pretrained(folder / "scheduler")
    (folder / "unet").mkdir()
    config = {"_class_name": "MultiViewUNetModel", **vars(unet.config)}
    (folder / "unet/config.json").write_text(json.dumps(config))
    save_file(unet_to_original(unet), folder / "unet/diffusion_pytorch_model.safetensors")
    (folder / "model_index.json").write_text("{}")
    write_encoder(folder / "image_encoder", CLIPVisionModel(vision_config(CLIP)), "vision_model.")
    write_encoder(folder / "text_encoder", CLIPTextModel(text_config(CLIP)), "text_model.")
    return folder


def configured(folder: Path, **changes) -> TeacherOrigin:
    return TeacherOrigin(kind="imagedream", weights=str(folder), image_size=16, **changes)


def sampled(teacher, guidance_scale=5.0):
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2, *teacher.latent_shape, generator=torch.Generator().manual_seed(1))
    condition = teacher.condition(images)
    return teacher.sample(noise, condition, teacher.frames(2, 0.1), 3, guidance_scale)


def test_a_release_becomes_a_teacher_that_survives_a_round_trip(tmp_path, folder):
    teacher = released_teacher(configured(folder))
    save_teacher(teacher, tmp_path / "ours", torch.float32)
    again = load_teacher(tmp_path / "ours")
    assert teacher.latent_shape == (4, 4, 8, 8)
    assert teacher.text_tokens.shape == (1, 5, 8)
    assert torch.equal(sampled(teacher), sampled(again))


def test_a_negative_prompt_speaks_to_the_unconditional_half_alone(folder):
    teacher = released_teacher(configured(folder))
    plain, unguided = sampled(teacher), sampled(teacher, 1.0)
    prompt = teacher.text_tokens
    teacher.text_tokens = torch.cat([prompt + 1, prompt])
    assert not torch.allclose(sampled(teacher), plain)
    assert torch.equal(sampled(teacher, 1.0), unguided)


def test_words_need_a_tokenizer(folder):
    with pytest.raises(ValueError, match="without a tokenizer"):
        released_teacher(configured(folder, prompt="a chair"))


def test_posteriors_are_sampled_only_when_asked(folder):
    teacher = released_teacher(configured(folder))
    images = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mean = teacher.encode(images)
    assert torch.equal(mean, teacher.encode(images))
    first, second = (teacher.encode(images, torch.Generator().manual_seed(s)) for s in (3, 3))
    assert torch.equal(first, second)
    assert not torch.allclose(first, mean)


def test_missing_encoders_are_taken_from_elsewhere_or_asked_for(tmp_path, folder):
    whole = released_teacher(configured(folder))
    elsewhere = tmp_path / "clip"
    elsewhere.mkdir()
    for part in ("image_encoder", "text_encoder"):
        (folder / part).rename(elsewhere / part)
    with pytest.raises(MissingWeights, match=r"expected CLIP's image encoder.*Set teacher.clip"):
        released_teacher(configured(folder))
    again = released_teacher(configured(folder, clip=str(elsewhere)))
    assert torch.equal(sampled(again), sampled(whole))


def test_parts_of_another_model_are_refused(tmp_path, folder):
    other = {**CLIP, "text_cfg": {**CLIP["text_cfg"], "width": 16}}
    (folder / "text_encoder").rename(tmp_path / "old")
    write_encoder(folder / "text_encoder", CLIPTextModel(text_config(other)), "text_model.")
    with pytest.raises(InvalidWeights, match=r"text tokens of width 8, but .* makes 16"):
        released_teacher(configured(folder))


def test_a_place_is_asked_for_where_weights_are_to_be_read():
    with pytest.raises(ValueError, match=r"TeacherOrigin.weights must name the file or folder"):
        TeacherOrigin(kind="imagedream")
    with pytest.raises(ValueError, match=r"teacher.kind is mini .* is trained, by"):
        released_teacher(TeacherOrigin(kind="mini"))


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("image_encoder", {"hidden_act": "nope"}),
        ("image_encoder", {"patch_size": 0}),
        ("text_encoder", {"hidden_size": "a"}),
        ("text_encoder", {"num_attention_heads": 3}),
    ],
)
def test_configurations_of_no_clip_are_refused(folder, part, changes):
    path = folder / part / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(
        InvalidWeights, match=rf"{part}.config\.json: expected a CLIP\w+Config"
    ) as e:
        released_teacher(configured(folder))
    assert "\n" not in str(e.value)


def test_a_damaged_tokenizer_matters_only_to_words(folder):
    (folder / "tokenizer").mkdir()
    for name in ("vocab.json", "merges.txt"):
        (folder / "tokenizer" / name).write_text("<html>")
    released_teacher(configured(folder))
    with pytest.raises(
        InvalidWeights, match=r"tokenizer: expected CLIP's tokenizer .* prompts empty"
    ):
        released_teacher(configured(folder, negative_prompt="ugly"))


@pytest.mark.parametrize("size", [0, 3, 18])
def test_an_image_size_that_cannot_be_halved_is_refused(folder, size):
    must = "must be a multiple of 4, .*" if size else "must be greater than 0, "
    with pytest.raises(ValueError, match=rf"image_size {must}got {size}"):
        released_teacher(replace(configured(folder), image_size=size))


@pytest.mark.parametrize("elevation", [91.0, float("nan")])
def test_an_elevation_beyond_the_pole_is_refused(elevation):
    with pytest.raises(ValueError, match=r"elevation_deg must be (at|a finite)"):
        TeacherOrigin(kind="mini", elevation_deg=elevation)


@torch.no_grad()
def test_input_images_of_several_sizes_are_conditioned_together(folder):
    """Each as alone; a picture that is given twice is resized once."""
    teacher = released_teacher(configured(folder))
    generator = torch.Generator().manual_seed(0)
    small, large = (torch.rand(3, size, size, generator=generator) for size in (16, 40))
    found = teacher.condition([large, small, large])
    for row, image in enumerate((large, small, large)):
        alone = teacher.condition(image[None])
        torch.testing.assert_close(found.tokens[row], alone.tokens[0])
        torch.testing.assert_close(found.latents[row], alone.latents[0])
    drawn = teacher.condition([large], torch.Generator().manual_seed(3))
    assert not torch.allclose(drawn.latents, found.latents[:1])
    again = teacher.condition([large], torch.Generator().manual_seed(3))
    assert torch.equal(drawn.latents, again.latents)
    with pytest.raises(ValueError, match=r"square input images, got one of \(4, 6\)"):
        teacher.condition([torch.zeros(3, 4, 6)])
