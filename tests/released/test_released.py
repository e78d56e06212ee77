import json
import re
from dataclasses import fields

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from tests.teacher_fixtures import unet_to_original

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.schedule import released_schedule
from dd3g_kedro.released.autoencoder import autoencoder_config, original_autoencoder_names
from dd3g_kedro.released.parts import (
    Architecture,
    ReleasedParts,
    load_released,
    parts_from_original,
)

RELEASED = "sd-v2.1-base-4view-ipmv.pt"
VAE = {
    "resolution": 8,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1],
    "num_res_blocks": 1,
    "z_channels": 4,
}


@pytest.fixture
def architecture(tiny_config):
    unet = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(tiny_config).items()}
    return Architecture(unet=unet, autoencoder=VAE)


@pytest.fixture
def original(tiny_unet):
    """The flat dictionary of an original file, without CLIP."""
    autoencoder = AutoencoderKL(**autoencoder_config(VAE)).state_dict()
    tensors = {f"model.diffusion_model.{k}": v for k, v in unet_to_original(tiny_unet).items()}
    for new, old in original_autoencoder_names(list(autoencoder), 1).items():
        weight = autoencoder[new]
        pointwise = ".mid.attn_1." in old and weight.ndim == 2
        tensors[f"vae_model.{old}"] = weight[..., None, None] if pointwise else weight
    return tensors | {"betas": torch.ones(1000), "alphas_cumprod": torch.ones(1000)}


@pytest.fixture
def folder(tmp_path, architecture, original, tiny_unet):
    """The same as a diffusers folder, with a module of code in it."""
    folder = tmp_path / "imagedream"
    parts = parts_from_original(original, "test", architecture)
    parts.autoencoder.half().save_pretrained(folder / "vae")
    parts.schedule.save_pretrained(folder / "scheduler")
    (folder / "unet").mkdir()
    config = {"_class_name": "MultiViewUNetModel", **architecture.unet}
    (folder / "unet/config.json").write_text(json.dumps(config))
    (folder / "unet/mv_unet.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    halves = {k: v.half() for k, v in unet_to_original(tiny_unet).items()}
    save_file(halves, folder / "unet/diffusion_pytorch_model.safetensors")
    (folder / "model_index.json").write_text('{"unet": ["mv_unet", "MultiViewUNetModel"]}')
    return folder


def test_both_forms_hold_the_same_modules(tmp_path, architecture, original, folder):
    path = tmp_path / "tiny.pt"
    torch.save({k: v.half() for k, v in original.items()}, path)
    first, second = load_released(path, architecture), load_released(folder)
    for a, b in ((first.unet, second.unet), (first.autoencoder, second.autoencoder)):
        ours, theirs = a.state_dict(), b.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
        assert {p.dtype for p in a.parameters()} == {torch.float32}
    for schedule in (first.schedule, second.schedule):
        given = {k: v for k, v in schedule.config.items() if not k.startswith("_")}
        assert given.items() <= released_schedule().config.items()
    assert not (tmp_path / "ran").exists()  # mv_unet.py is never executed


def test_the_file_may_lie_in_a_folder(tmp_path, architecture, original):
    torch.save(original, tmp_path / RELEASED)
    ours = load_released(tmp_path, architecture).unet.state_dict()
    theirs = load_released(tmp_path / RELEASED, architecture).unet.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_a_missing_clip_part_is_no_error(architecture, original):
    clip = parts_from_original(original, "test", architecture).clip
    assert [getattr(clip, field.name) for field in fields(clip)] == [None, None, None]


def refusal(tensors, architecture):
    """A paragraph that begins with the file."""
    with pytest.raises(InvalidWeights, match=r"\Aweights\.pt[^\n]*\Z") as caught:
        parts_from_original(tensors, "weights.pt", architecture)
    return str(caught.value)


def test_other_models_are_told(architecture, original):
    without_image = {k: v for k, v in original.items() if ".image_embed." not in k}
    assert "found plain MVDream" in refusal(without_image, architecture)
    plain = {k: v for k, v in without_image.items() if ".camera_embed." not in k}
    assert "found Stable Diffusion: it takes neither cameras" in refusal(plain, architecture)
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    for width, version in ((768, "1"), (1024, "2")):
        other = {**plain, key: torch.zeros(32, width)}
        assert f"found Stable Diffusion {version}:" in refusal(other, architecture)
    xl = {**original, "model.diffusion_model.label_emb.0.0.weight": torch.zeros(1)}
    assert "found Stable Diffusion XL" in refusal(xl, architecture)
    assert "found a U-Net in diffusers' names" in refusal(
        {"down_blocks.0.x": torch.ones(1)}, architecture
    )
    assert "found no U-Net in ImageDream's names" in refusal({}, architecture)


def test_surplus_and_missing_tensors_are_listed(architecture, original):
    surplus = original | {"optimizer.lr": torch.ones(1)}
    assert "Surplus (1): optimizer.lr" in refusal(surplus, architecture)
    del original["vae_model.quant_conv.bias"]
    message = refusal(original, architecture)
    assert "VAE weights: " in message
    assert "Missing (1): quant_conv.bias" in message


def test_another_version_lists_misshapen_tensors(architecture, original):
    wider = Architecture(unet={**architecture.unet, "context_dim": 12}, autoencoder=VAE)
    message = refusal(original, wider)
    assert re.search(r"U-Net weights: .*Misshapen .* expected \(\d+, 12\)", message)


def test_wrong_folders_say_what_they_lack(tmp_path, folder):
    with pytest.raises(MissingWeights, match="found nothing"):
        load_released(tmp_path / "none")
    (folder / "model_index.json").unlink()
    with pytest.raises(InvalidWeights, match=r"with model_index.json, found \['scheduler'"):
        load_released(folder)


def test_folders_of_other_models_are_refused(folder):
    (folder / "unet/config.json").write_text('{"_class_name": "UNet2DConditionModel"}')
    with pytest.raises(InvalidWeights, match="expected a MultiViewUNetModel, found UNet2D"):
        load_released(folder)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("vae", {"norm_num_groups": 0}, r"vae.config\.json: expected an AutoencoderKL's"),
        ("vae", {"scaling_factor": 1.0}, r"vae.config\.json: expected scaling_factor 0\.18215"),
        ("vae", {"block_out_channels": "x"}, r"vae.config\.json: expected an AutoencoderKL's"),
        ("scheduler", {"beta_schedule": "weird"}, "scheduler_config.json: expected a DDIMSch"),
        ("scheduler", {"prediction_type": "v_prediction"}, "expected .* 'epsilon', found .*v_pred"),
        ("scheduler", None, "expected ImageDream's schedule with beta_end 0.012.*, found beta_end"),
    ],
)
def test_configurations_that_are_not_imagedreams_are_refused(folder, file, changes, message):
    path = next((folder / file).glob("*config.json"))
    found = {} if changes is None else json.loads(path.read_text()) | changes
    path.write_text(json.dumps(found))
    with pytest.raises(InvalidWeights, match=message):
        load_released(folder)


def test_a_part_cut_short_names_its_file(folder):
    path = folder / "unet/diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InvalidWeights, match=r"diffusion_pytorch_model.safetensors: expected a w"):
        load_released(folder)


@pytest.mark.shared
@torch.no_grad()
@pytest.mark.parametrize("form", ["file", "folder"])
def test_tiny_release_equals_the_public_loaders(imagedream, form):
    facts = json.loads((imagedream / "loader/config.json").read_text())
    architecture = Architecture(unet=facts["unet"], autoencoder=facts["vae_ddconfig"])
    path = imagedream / "loader" / ("tiny-ldm.pt" if form == "file" else "tiny-diffusers")
    parts: ReleasedParts = load_released(path, architecture)
    io = load_file(imagedream / "loader/io.safetensors")
    names = ("x", "timesteps", "context", "camera", "ip", "ip_img")
    close = {"atol": 5e-6, "rtol": 0}
    out = parts.unet(*(io[f"unet.{name}"] for name in names), num_frames=5)
    torch.testing.assert_close(out, io["unet.out"], **close)
    mean = parts.autoencoder.encode(io["vae.image"]).latent_dist.mean
    torch.testing.assert_close(mean, io["vae.mean"], **close)
    decoded = parts.autoencoder.decode(io["vae.mean"]).sample
    torch.testing.assert_close(decoded, io["vae.decoded"], **close)


@pytest.mark.shared
def test_the_original_file_at_real_size_is_consumed_whole(imagedream):
    """On the meta device: every one of the 1719 names is a buffer or ends in a module."""
    shapes = json.loads((imagedream / "ipmv_ldm_checkpoint_keys.json").read_text())
    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    assert len(tensors) == 1719
    parts = parts_from_original(tensors, RELEASED)
    counts = [
        sum(p.numel() for p in module.parameters())
        for module in (parts.unet, parts.autoencoder, parts.clip.text, parts.clip.image)
    ]
    assert counts == [941_672_900, 83_653_863, 340_387_840, 630_766_080]


@pytest.mark.shared
def test_missing_and_surplus_at_real_size_are_listed(imagedream):
    shapes = json.loads((imagedream / "ipmv_ldm_checkpoint_keys.json").read_text())
    tensors = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    for key in shapes:
        if "image_embed.layers." in key:
            del tensors[key]
    with pytest.raises(InvalidWeights, match=r"Missing \(44\): .*, and 12 more") as caught:
        parts_from_original(tensors, RELEASED)
    (note,) = caught.value.__cause__.__notes__
    assert note.startswith("Missing (44): image_embed.layers.0.0.norm1.bias, ")
    assert note.count("image_embed.layers.") == 44
