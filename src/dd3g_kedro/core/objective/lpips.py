"""LPIPS with weights from this machine; the network is never touched."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights

Backbone = Literal["vgg", "alex"]


class _Source(NamedTuple):
    model: str
    file: str
    bytes: str


SOURCES = {
    "vgg": _Source("VGG-16", "vgg16-397923af.pth", "528 MB"),
    "alex": _Source("AlexNet", "alexnet-owt-7be5be79.pth", "233 MB"),
}
_HOME = "https://download.pytorch.org/models/"
_FOLDER = "data/00_pretrained/"


class Lpips(nn.Module):
    """Learned perceptual distance, version 0.1 (Zhang et al. 2018): lambda_2's term in Eq. 4.

    The backbone is torchvision's ImageNet classifier, read from `weights`; the linear layers on
    top of it come with the package `lpips`. Frozen, always in evaluation mode, in float32.
    """

    def __init__(self, backbone: Backbone, weights: str | Path) -> None:
        """Read the backbone from torchvision's state dict (the classifier's layers may be absent).

        Raises:
            MissingWeights: there is no such file; the message says where to get it.
            InvalidWeights: the file holds something else.
        """
        super().__init__()
        if backbone not in SOURCES:
            raise ValueError(f"lpips.backbone must be one of {sorted(SOURCES)}, got {backbone!r}")
        features = _read_features(backbone, Path(weights))
        self.backbone = backbone
        self.metric = _assemble(backbone, features, Path(weights))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Lpips:
        """Stay in evaluation mode: the linear layers hold dropout."""
        del mode
        return super().train(False)

    def forward(
        self, images: Float[Tensor, "n 3 h w"], targets: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, " n"]:
        """Distance of each picture to its target, sRGB in [0, 1]."""
        with torch.autocast(images.device.type, enabled=False):
            return self.metric(images.float(), targets.float(), normalize=True).flatten()


def _read_features(backbone: Backbone, path: Path) -> dict[str, Tensor]:
    source = SOURCES[backbone]
    if not path.is_file():
        raise MissingWeights(
            f"{path}: LPIPS ({backbone}) needs torchvision's {source.model} weights, "
            f"this file does not exist. Download {_HOME}{source.file} ({source.bytes}), "
            f"put it into {_FOLDER} of the project and name it in the configuration"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidWeights(
            f"{path}: expected torchvision's {source.model} state dict, cannot be read ({reason}); "
            f"download {_HOME}{source.file} again"
        ) from error
    features = {
        name: tensor
        for name, tensor in (content.items() if isinstance(content, dict) else ())
        if isinstance(name, str) and name.startswith("features.") and isinstance(tensor, Tensor)
    }
    if not features:
        raise InvalidWeights(
            f"{path}: expected torchvision's {source.model} state dict with keys features.*, "
            f"found none; download {_HOME}{source.file}"
        )
    return features


def _assemble(backbone: Backbone, features: dict[str, Tensor], path: Path) -> nn.Module:
    import lpips

    # On the meta device: random weights of 138 M parameters would only be thrown away.
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips calls torchvision in a deprecated way
        metric = lpips.LPIPS(net=backbone, pnet_rand=True, pretrained=False, verbose=False)
    metric.scaling_layer = lpips.ScalingLayer()
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{backbone}.pth"
    metric.load_state_dict(
        torch.load(linear, map_location="cpu", weights_only=True), strict=False, assign=True
    )
    expected = {name: value.shape for name, value in metric.net.state_dict().items()}
    found = {name: features.get(f"features.{name.split('.', 1)[1]}") for name in expected}
    wrong = [
        name.split(".", 1)[1]
        for name, value in found.items()
        if value is None or value.shape != expected[name]
    ]
    if wrong:
        raise InvalidWeights(
            f"{path}: expected the layers of {SOURCES[backbone].model}, features.{wrong[0]} is "
            f"missing or of another shape; download {_HOME}{SOURCES[backbone].file}"
        )
    metric.net.load_state_dict(
        {name: value.float() for name, value in found.items() if value is not None}, assign=True
    )
    return metric
