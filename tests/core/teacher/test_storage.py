import json

import pytest
import torch
from tests.fakes import SIZE, tiny_teacher

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.teacher.storage import fingerprint, load_teacher, save_teacher


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher"
    save_teacher(tiny_teacher(), path, torch.float32)
    return path


def test_a_saved_teacher_samples_the_same_views(folder):
    teacher, again = tiny_teacher(), load_teacher(folder)
    image = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(1, *teacher.latent_shape, generator=torch.Generator().manual_seed(1))
    views = [t.sample(noise, t.condition(image), t.frames(1, 0.1), 2) for t in (teacher, again)]
    torch.testing.assert_close(*views, rtol=0, atol=0)
    assert again.config == teacher.config


def test_the_parts_are_diffusers_and_transformers_own_folders(folder):
    from diffusers import AutoencoderKL, DDIMScheduler
    from transformers import CLIPVisionModel

    assert AutoencoderKL.from_pretrained(folder / "autoencoder").config.latent_channels == 4
    assert DDIMScheduler.from_pretrained(folder / "scheduler").config.rescale_betas_zero_snr
    assert CLIPVisionModel.from_pretrained(folder / "image_encoder").config.hidden_size == 16


def test_the_fingerprint_is_of_the_bytes(folder, tmp_path):
    teacher = load_teacher(folder)
    assert teacher.fingerprint == fingerprint(folder)
    save_teacher(teacher, tmp_path / "again", torch.float32)
    assert fingerprint(tmp_path / "again") == fingerprint(folder)
    with torch.no_grad():
        next(teacher.unet.parameters()).add_(1)
    save_teacher(teacher, tmp_path / "other", torch.float32)
    assert fingerprint(tmp_path / "other") != fingerprint(folder)


def test_no_folder_says_how_to_get_one(tmp_path):
    with pytest.raises(MissingWeights, match=r"teacher\.json.*dvc pull"):
        load_teacher(tmp_path / "none")


@pytest.mark.parametrize(
    "victim", ["unet/diffusion_pytorch_model.safetensors", "text.safetensors", "teacher.json"]
)
def test_a_damaged_part_is_told_in_one_paragraph(folder, tmp_path, victim):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / victim).write_bytes(b"<html>not found</html>")
    with pytest.raises(InvalidWeights, match="broken"):
        load_teacher(broken)


def test_another_versions_folder_is_refused(folder, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    head = json.loads((other / "teacher.json").read_text())
    (other / "teacher.json").write_text(json.dumps(head | {"format": "dd3g-kedro teacher 9"}))
    with pytest.raises(InvalidWeights, match="teacher 9"):
        load_teacher(other)
