import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.released.checkpoints import find_tensors, read_json, read_tensors

TENSORS = {"a": torch.arange(1000.0), "b": torch.ones(3, dtype=torch.float16)}


@pytest.fixture(params=["weights.safetensors", "weights.pt", "weights.bin"])
def path(request, tmp_path):
    path = tmp_path / request.param
    (save_file if path.suffix == ".safetensors" else torch.save)(TENSORS, path)
    return path


def test_tensors_round_trip(path):
    read = read_tensors(path)
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[key], TENSORS[key]) for key in TENSORS)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_files_are_refused(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InvalidWeights, match="probably cut short; download it again") as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kept", [1, 7, 10, 100, 511])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_cut_short_near_their_start_are_refused(tmp_path, kept, zipped):
    path = tmp_path / "weights.pt"
    torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InvalidWeights, match=r"weights\.pt: expected a whole file of weights"):
        read_tensors(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(path, value):
    tensors = TENSORS | {"b": torch.full((3,), value, dtype=torch.float16)}
    (save_file if path.suffix == ".safetensors" else torch.save)(tensors, path)
    with pytest.raises(InvalidWeights, match="infinite ones or NaN in b"):
        read_tensors(path)


def test_tensors_need_names(tmp_path):
    torch.save({1: torch.ones(2)}, tmp_path / "weights.pt")
    with pytest.raises(InvalidWeights, match=r"1 entries are something else \(first: 1\)"):
        read_tensors(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"\xef\xbb\xbf<html><title>404</title>", "found a web page"),
        (b"Entry not found", r"found text \(it starts with 'Entry not found'\)"),
        (b'{"error": "Invalid credentials"}', "found text"),
        (b"\n<!DOCTYPE html><title>404</title>", "found a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_other_content_is_told(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InvalidWeights, match=message):
        read_tensors(path)


def test_missing_files_say_where_to_get_them(tmp_path):
    with pytest.raises(MissingWeights, match=r"Get sd-v2.1-base-4view-ipmv.pt from"):
        read_tensors(tmp_path / "none.pt")
    torch.save(TENSORS, tmp_path / "weights.npz")
    with pytest.raises(InvalidWeights, match=r"found \.npz"):
        read_tensors(tmp_path / "weights.npz")


class Burglar:
    """Its pickle writes a file when loaded naively."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [torch.save, lambda x, p: p.write_bytes(pickle.dumps(x))])
def test_code_in_a_pickle_is_not_run(tmp_path, write):
    write({"weights": Burglar(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(InvalidWeights, match="asks to run code"):
        read_tensors(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_trainers_wrapping_is_undone_but_other_content_refused(tmp_path):
    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": TENSORS, "epoch": 3}, path)
    assert read_tensors(path).keys() == TENSORS.keys()
    torch.save({**TENSORS, "epoch": 3}, path)
    with pytest.raises(InvalidWeights, match=r"1 entries are something else \(first: epoch\)"):
        read_tensors(path)
    torch.save([1, 2], path)
    with pytest.raises(InvalidWeights, match="found list"):
        read_tensors(path)


def test_folders_are_searched_in_order(tmp_path):
    with pytest.raises(InvalidWeights, match=r"expected model.safetensors \(or .bin\).*found \[\]"):
        find_tensors(tmp_path, "model")
    torch.save({"old": torch.ones(1)}, tmp_path / "model.bin")
    assert find_tensors(tmp_path, "other", "model").keys() == {"old"}
    save_file(TENSORS, tmp_path / "model.safetensors")
    assert find_tensors(tmp_path, "model").keys() == TENSORS.keys()


def test_configurations_must_be_json_objects(tmp_path):
    path = tmp_path / "config.json"
    with pytest.raises(InvalidWeights, match="expected this file beside the weights"):
        read_json(path)
    path.write_text("<html>")
    with pytest.raises(InvalidWeights, match="expected JSON, found something else"):
        read_json(path)
    path.write_text(json.dumps([1]))
    with pytest.raises(InvalidWeights, match="expected a JSON object"):
        read_json(path)
