"""CLIP similarity against transformers' whole model and PIL by hand; and files that are none."""

import json
import shutil
import socket

import numpy as np
import pytest
import torch
from PIL import Image

from dd3g_kedro.benchmark.scores.clip_similarity import ClipSimilarity
from dd3g_kedro.core.errors import InvalidWeights, MissingWeights

SIZE = 32
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


@pytest.fixture(scope="module")
def model():
    """A whole CLIP, small and untrained, whose embeddings differ from picture to picture."""
    from transformers import CLIPConfig, CLIPModel

    layers = {"num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"hidden_size": 16, "intermediate_size": 32, "vocab_size": 50, **layers}
    text |= {"bos_token_id": 0, "eos_token_id": 1}
    vision = {"hidden_size": 24, "intermediate_size": 48, "image_size": SIZE, "patch_size": 8}
    torch.manual_seed(0)
    made = CLIPModel(
        CLIPConfig(text_config=text, vision_config={**vision, **layers}, projection_dim=12)
    ).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def sound(model, tmp_path_factory):
    from transformers import CLIPImageProcessor

    folder = tmp_path_factory.mktemp("clip")
    model.save_pretrained(folder)
    square = {"height": SIZE, "width": SIZE}
    CLIPImageProcessor(
        size={"shortest_edge": SIZE}, crop_size=square, image_mean=MEAN, image_std=STD
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(sound, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(sound, tmp_path / "clip")


def pictures(count, height, width, seed=0):
    """Smooth pictures of 8 bits."""
    rough = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(rough, (height, width), mode="bilinear")
    return (smooth * 255).round() / 255


def pil(picture):
    return Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy())


def by_hand(picture, mean=MEAN, std=STD):
    image = pil(picture)
    shorter = min(image.size)
    width, height = (SIZE * side // shorter for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - SIZE) // 2, (height - SIZE) // 2
    cropped = np.asarray(image.crop((left, top, left + SIZE, top + SIZE)), np.float64) / 255
    return torch.tensor((cropped - mean) / std).permute(2, 0, 1).float()


def cosines(model, pixels):
    with torch.no_grad():
        found = model.get_image_features(pixel_values=pixels).pooler_output
    return torch.cosine_similarity(found[:1], found[1:]).tolist()


def test_similarities_are_those_of_the_whole_model_on_pictures_prepared_by_hand(model, sound):
    image, views = pictures(1, 48, 80)[0], pictures(4, 40, 40, seed=1)
    found = ClipSimilarity(sound)(image, views)
    expected = cosines(model, torch.stack([by_hand(p) for p in (image, *views)]))
    assert len(found) == 4
    assert max(expected) - min(expected) > 0.05
    assert found == pytest.approx(expected, abs=1e-5)


def test_similarities_are_those_of_the_image_processor_within_its_resizing(model, sound):
    from transformers import CLIPImageProcessor

    image, views = pictures(1, 48, 80)[0], pictures(4, 40, 40, seed=1)
    prepare = CLIPImageProcessor.from_pretrained(sound)
    pixels = prepare([pil(p) for p in (image, *views)], return_tensors="pt")["pixel_values"]
    assert ClipSimilarity(sound)(image, views) == pytest.approx(cosines(model, pixels), abs=5e-3)


def test_a_picture_is_like_itself_whatever_lies_outside_the_range(sound):
    image = pictures(1, 40, 40)[0]
    beyond = torch.where(image > 0.5, 1.0, 0.0)
    found = ClipSimilarity(sound)(beyond, torch.stack([beyond, beyond * 3 - 1]))
    assert found == pytest.approx([1, 1], abs=1e-6)


def test_only_the_vision_tower_is_there_frozen_in_float32_under_autocast(model, sound):
    metric = ClipSimilarity(sound)
    vision = [*model.vision_model.parameters(), *model.visual_projection.parameters()]
    assert sum(p.numel() for p in metric.parameters()) == sum(p.numel() for p in vision)
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    expected = metric(pictures(1, 40, 40)[0], pictures(2, 40, 40, seed=1))
    with torch.autocast("cpu", torch.bfloat16):
        assert metric(pictures(1, 40, 40)[0], pictures(2, 40, 40, seed=1)) == expected


def test_without_a_preparation_it_is_clip_s_own_at_the_model_s_size(model, folder):
    from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    (folder / "preprocessor_config.json").unlink()
    image, views = pictures(1, 48, 80)[0], pictures(2, 40, 40, seed=1)
    pixels = [by_hand(p, OPENAI_CLIP_MEAN, OPENAI_CLIP_STD) for p in (image, *views)]
    expected = cosines(model, torch.stack(pixels))
    assert ClipSimilarity(folder)(image, views) == pytest.approx(expected, abs=1e-5)


def test_files_of_older_versions_are_read(model, folder):
    """Half precision, buffers among the weights, plain sizes, generic keys in the configuration."""
    from safetensors.torch import load_file, save_file

    tensors = {
        name: value.half() for name, value in load_file(folder / "model.safetensors").items()
    }
    tensors["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
    save_file(tensors, folder / "model.safetensors")
    change(folder / "preprocessor_config.json", size=SIZE, crop_size=SIZE)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"] |= {"torchscript": False, "top_k": 50, "id2label": {"0": "LABEL_0"}}
    config["text_config"] = {"nonsense": 1, "hidden_size": 17}
    change(folder / "config.json", **config, vision_config_dict=None)
    image, views = pictures(1, 48, 80)[0], pictures(2, 40, 40, seed=1)
    expected = cosines(model, torch.stack([by_hand(p) for p in (image, *views)]))
    assert ClipSimilarity(folder)(image, views) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("place", ["input image", "view 1"])
def test_pixels_that_are_not_finite_are_told(sound, place):
    image, views = pictures(1, 40, 40)[0], pictures(2, 40, 40)
    (image if place == "input image" else views[1])[0, 3, 3] = torch.nan
    with pytest.raises(ValueError, match=rf"finite pixels.*{place}"):
        ClipSimilarity(sound)(image, views)


@pytest.mark.parametrize("absent", ["", "config.json", "model.safetensors"])
def test_what_is_missing_is_named_with_its_source(folder, absent, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", refuse)
    if absent:
        (folder / absent).unlink()
    else:
        shutil.rmtree(folder)
    with pytest.raises(MissingWeights, match=r"huggingface\.co/openai/.*data/00_pret") as caught:
        ClipSimilarity(folder)
    assert str(folder / (absent or "config.json")) in str(caught.value)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def vision(folder, **values):
    content = json.loads((folder / "config.json").read_text())["vision_config"]
    change(folder / "config.json", vision_config=content | values)


def without(folder, name):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")


def poisoned(folder):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["visual_projection.weight"][0, 0] = torch.inf
    save_file(tensors, folder / "model.safetensors")


SPOILED = {
    "a web page": (
        lambda f: (f / "model.safetensors").write_text("<!doctype html><p>Sign in</p>" * 99),
        r"model\.safetensors.*web page.*Download",
    ),
    "cut short": (
        lambda f: (f / "model.safetensors").write_bytes(
            (f / "model.safetensors").read_bytes()[:5000]
        ),
        r"model\.safetensors: expected a whole safetensors file",
    ),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "whole safetensors file"),
    "poisoned": (poisoned, r"visual_projection\.weight holds NaN or infinity"),
    "text only": (
        lambda f: (f / "config.json").write_text('{"model_type": "clip_text_model"}'),
        r"config\.json: expected a CLIP model with a vision_config, found 'clip_text_model'",
    ),
    "no JSON": (lambda f: (f / "config.json").write_text("<html>"), r"config\.json: expected JSON"),
    "no text": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe"), "expected JSON"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "expected a JSON object"),
    "a tower that is a word": (
        lambda f: change(f / "config.json", vision_config="large"),
        r"config\.json: expected a CLIP configuration",
    ),
    "odd heads": (lambda f: vision(f, hidden_size=25), "expected a CLIP configuration"),
    "another width": (lambda f: vision(f, hidden_size=32), r"should be \(32,\), found \(24,\)"),
    "fewer layers": (lambda f: vision(f, num_hidden_layers=1), r"should be absent, found"),
    "a tensor less": (
        lambda f: without(f, "visual_projection.weight"),
        r"visual_projection\.weight should be \(12, 24\), found nothing",
    ),
    "another crop": (
        lambda f: change(f / "preprocessor_config.json", crop_size=40),
        r"preprocessor_config\.json: prepares pictures of .*40.* sees .*32",
    ),
    "a size that is none": (
        lambda f: change(f / "preprocessor_config.json", size="large"),
        r"preprocessor_config\.json: expected CLIP's preparation",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_files_of_another_kind_are_named(folder, kind):
    spoil, message = SPOILED[kind]
    spoil(folder)
    with pytest.raises(InvalidWeights, match=message) as caught:
        ClipSimilarity(folder)
    assert str(folder) in str(caught.value)
