from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.student.weights import Student, load_student, save_student


@pytest.fixture
def images(smoke):
    torch.manual_seed(3)
    return torch.rand(2, 3, smoke.image_size, smoke.image_size)


@pytest.fixture
def file(tmp_path, student):
    path = tmp_path / "student.safetensors"
    save_student(path, student, half=False)
    return path


def metadata(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as stream:
        return stream.metadata()


def assert_same(first, second):
    for name in vars(first):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), rtol=0, atol=0)


def test_a_seed_gives_the_same_object_again(student, images):
    assert_same(student.lift(images, [7, 8]), student.lift(images, [7, 8]))


def test_another_seed_gives_another_object(student, images):
    same_image = images[:1].expand(2, -1, -1, -1)
    means = student.lift(same_image, [7, 8]).means
    assert not torch.allclose(means[0], means[1])


def test_an_object_does_not_depend_on_its_companions(student, images):
    together, alone = student.lift(images, [7, 8]), student.lift(images[1:], [8])
    torch.testing.assert_close(together.means[1:], alone.means, atol=1e-5, rtol=1e-4)


def test_the_same_seed_builds_the_same_untrained_student(smoke):
    first, second = (Student.from_config(smoke, seed=5).state_dict() for _ in range(2))
    other = Student.from_config(smoke, seed=6).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_building_a_student_leaves_the_global_randomness_alone(smoke):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    Student.from_config(smoke, seed=5)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_lifting_under_bfloat16_keeps_the_rays_exact(student, images):
    seen = {}
    student.generator.register_forward_pre_hook(lambda _, values: seen.update(rays=values[2]))
    student.lift(images, [1, 2])
    exact = seen["rays"]
    with torch.autocast("cpu", torch.bfloat16):
        student.lift(images, [1, 2])
    torch.testing.assert_close(seen["rays"], exact, rtol=0, atol=0)


def test_the_front_camera_is_the_second_view(student, smoke):
    centre = student.rays(1)[0, 1, :3, 3:5, 3:5].mean(dim=(1, 2))  # looks from +x to the origin
    assert smoke.azimuths_deg[1] == 0
    assert centre[0] < -0.9
    assert abs(float(centre[1])) < 1e-5


def test_seeds_must_be_one_an_image(student, images):
    with pytest.raises(ValueError, match="seeds must be one an image, 2, got 1"):
        student.lift(images, [7])


def test_float32_weights_come_back_exactly(student, file, images):
    loaded = load_student(file)
    assert loaded.config == student.config
    assert_same(loaded.lift(images, [1, 2]), student.eval().lift(images, [1, 2]))


def test_the_same_student_is_the_same_file_every_time(tmp_path, student):
    """safetensors alone writes two files in sixteen tries."""
    files = [tmp_path / f"{number}.safetensors" for number in range(16)]
    for file in files:
        save_student(file, student)
    assert len({file.read_bytes() for file in files}) == 1
    assert len({load_student(file).fingerprint for file in files[:2]}) == 1


def test_float16_weights_come_back_as_float32_within_its_precision(tmp_path, student, file):
    half = tmp_path / "half.safetensors"
    save_student(half, student)
    assert half.stat().st_size < 0.6 * file.stat().st_size
    for name, tensor in load_student(half).generator.state_dict().items():
        assert tensor.dtype == torch.float32
        expected = student.generator.state_dict()[name]
        torch.testing.assert_close(tensor, expected, rtol=1e-3, atol=1e-7)


def test_the_ablation_without_patterns_comes_back_too(tmp_path, smoke, replace_pepd, images):
    student = Student.from_config(replace_pepd(smoke, pattern_extraction=None), seed=0)
    save_student(tmp_path / "pd.safetensors", student, half=False)
    loaded = load_student(tmp_path / "pd.safetensors")
    assert_same(loaded.lift(images, [1, 2]), student.lift(images, [1, 2]))


def test_a_loaded_student_needs_no_pretrained_folder(tmp_path, student, smoke, replace_pepd, file):
    encoder = replace(smoke.pepd.image_encoder, weights="nowhere", trainable=False)
    student.config = replace_pepd(smoke, image_encoder=encoder)
    save_student(file, student)
    loaded = load_student(file)
    assert not any(p.requires_grad for p in loaded.generator.image_encoder.network.parameters())
    assert all(p.requires_grad for p in loaded.generator.progressive_decoding.parameters())


def test_a_weight_that_does_not_fit_float16_is_not_saved_and_the_old_file_stays(student, file):
    before = file.read_bytes()
    with torch.no_grad():
        student.generator.progressive_decoding.embedding[0, 0] = 1e6
    with pytest.raises(ValueError, match=r"progressive_decoding\.embedding is not finite"):
        save_student(file, student)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def refusal(path):
    """What is said, which is one line that names the file."""
    with pytest.raises(InvalidWeights) as caught:
        load_student(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_file_says_how_to_get_one(tmp_path):
    with pytest.raises(MissingWeights, match=r"no file\. Get it again .*dvc pull.*distill"):
        load_student(tmp_path / "student.safetensors")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html><html>404</html>", "a web page of 31 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"PK\x03\x04" + bytes(100), "a pickled checkpoint, which is never opened"),
        (b"", "a damaged or cut-off file of 0 bytes"),
        (bytes(200), "a damaged or cut-off file"),
    ],
)
def test_other_kinds_of_file_are_told_apart(tmp_path, content, found):
    path = tmp_path / "student.safetensors"
    path.write_bytes(content)
    assert found in refusal(path)


@pytest.mark.parametrize("kept", [4, 100, 5_000, -1])
def test_a_file_cut_short_anywhere_is_refused(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    assert "found a damaged or cut-off file" in refusal(file)


def test_another_version_is_refused(file):
    save_file(load_file(file), file, metadata(file) | {"format": "dd3g-kedro student 0"})
    expected = r"expected .* 'dd3g-kedro student 1', found 'dd3g-kedro student 0'"
    assert re.search(expected, refusal(file))


def test_other_safetensors_files_are_refused(file):
    save_file(load_file(file), file)
    assert "found 'no format at all'" in refusal(file)


def test_a_configuration_of_another_version_is_refused(file):
    config = json.loads(metadata(file)["config"])
    config["pepd"]["depth"] = 3
    save_file(load_file(file), file, metadata(file) | {"config": json.dumps(config)})
    assert "student.pepd.depth is not a known key" in refusal(file)


def test_missing_and_surplus_weights_are_named(file):
    tensors, kept = load_file(file), metadata(file)
    tensors["progressive_decoding.spare"] = tensors.pop("progressive_decoding.embedding")
    save_file(tensors, file, kept)
    named = "lacks progressive_decoding.embedding; has the unknown progressive_decoding.spa"
    assert named in refusal(file)


def test_a_weight_of_another_shape_is_named(file):
    tensors, kept = load_file(file), metadata(file)
    name = "progressive_decoding.embedding"
    tensors[name] = tensors[name][:, :5].contiguous()
    save_file(tensors, file, kept)
    named = "has progressive_decoding.embedding of shape [67, 5], not [67, 32]"
    assert named in refusal(file)


def test_weights_that_are_not_numbers_are_refused(file):
    tensors, kept = load_file(file), metadata(file)
    tensors["progressive_decoding.embedding"][0, 0] = float("nan")
    save_file(tensors, file, kept)
    named = "has values in progressive_decoding.embedding that are not finite"
    assert named in refusal(file)
