import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.clip import image_tokens
from dd3g_kedro.released.clip import original_clip_name, text_tokens
from dd3g_kedro.released.clip_files import load_clip

OPEN_CLIP = {
    "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 8, "patch_size": 14},
    "text_cfg": {"context_length": 6, "vocab_size": 9, "width": 16, "heads": 4, "layers": 3},
}
PIXELS = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
TOKENS = torch.tensor([[7, 1, 8, 0, 0, 0]])


@pytest.fixture
def model() -> CLIPModel:
    text, vision = OPEN_CLIP["text_cfg"], OPEN_CLIP["vision_cfg"]
    config = CLIPConfig(
        text_config={
            "vocab_size": text["vocab_size"],
            "hidden_size": text["width"],
            "intermediate_size": 4 * text["width"],
            "num_hidden_layers": text["layers"],
            "num_attention_heads": text["heads"],
            "max_position_embeddings": text["context_length"],
            "hidden_act": "gelu",
            "bos_token_id": 7,
            "eos_token_id": 8,
        },
        vision_config={
            "hidden_size": vision["width"],
            "intermediate_size": 4 * vision["width"],
            "num_hidden_layers": vision["layers"],
            "num_attention_heads": vision["width"] // vision["head_width"],
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "hidden_act": "gelu",
        },
    )
    return CLIPModel(config).eval()


@pytest.fixture
def folder(tmp_path, model):
    """A transformers folder as its older versions wrote it."""
    folder = tmp_path / "clip"
    folder.mkdir()
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(6)[None]
    save_file(tensors, folder / "model.safetensors")
    model.config.save_pretrained(folder)
    (folder / "vocab.json").write_text("{}")
    return folder


@pytest.fixture
def open_clip(model):
    """The same weights in OpenCLIP's names."""
    result, weights = {"logit_scale": torch.ones(())}, model.state_dict()
    for tower, vision in (("text_model.", False), ("vision_model.", True)):
        for key, value in weights.items():
            if not key.startswith(tower):
                continue
            name = original_clip_name(key.removeprefix(tower), vision)
            fused = ".self_attn." in key and ".out_proj." not in key
            projection = key.split(".")[-2]
            thirds = [weights[key.replace(projection, f"{q}_proj")] for q in "qkv"] if fused else []
            result[name] = torch.cat(thirds) if fused else value
    return result


@torch.no_grad()
def check(encoders, model):
    states = model.vision_model(PIXELS, output_hidden_states=True).hidden_states
    torch.testing.assert_close(image_tokens(encoders.image, PIXELS), states[-2])
    states = model.text_model(TOKENS, output_hidden_states=True).hidden_states
    context = model.text_model.final_layer_norm(states[-2])
    torch.testing.assert_close(text_tokens(encoders.text, TOKENS), context)


def test_a_transformers_folder_gives_both_encoders(folder, model):
    (folder / "open_clip_config.json").write_text("{}")  # as the folder on the hub has
    encoders = load_clip(folder)
    check(encoders, model)
    assert encoders.tokenizer == folder


def test_an_open_clip_file_gives_the_same(tmp_path, open_clip, model):
    torch.save(open_clip, tmp_path / "open_clip_pytorch_model.bin")
    for path in (tmp_path / "open_clip_pytorch_model.bin", tmp_path):
        encoders = load_clip(path, OPEN_CLIP)
        check(encoders, model)
        assert encoders.tokenizer is None


def test_a_diffusers_folder_gives_what_it_has(tmp_path, model):
    part = tmp_path / "image_encoder"
    part.mkdir()
    tensors = {
        k: v.half().contiguous()
        for k, v in model.state_dict().items()
        if k.startswith("vision_model.")
    }
    torch.save(tensors, part / "pytorch_model.bin")
    (part / "config.json").write_text(json.dumps(model.config.vision_config.to_dict()))
    encoders = load_clip(tmp_path)
    assert encoders.text is None
    assert encoders.tokenizer is None
    assert {p.dtype for p in encoders.image.parameters()} == {torch.float32}


def test_other_clips_are_refused(tmp_path, folder, open_clip):
    with pytest.raises(MissingWeights, match="expected CLIP ViT-H/14"):
        load_clip(tmp_path / "none")
    with pytest.raises(InvalidWeights, match="CLIP image encoder: expected"):
        torch.save(open_clip, tmp_path / "open.bin")  # of another size than ViT-H/14
        load_clip(tmp_path / "open.bin")
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidWeights, match="found bert"):
        load_clip(folder)
