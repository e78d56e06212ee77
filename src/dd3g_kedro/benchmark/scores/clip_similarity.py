"""CLIP similarity between the input and rendered views, with weights from this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.types import to_bytes

_GET = (
    "Download config.json, preprocessor_config.json and model.safetensors of "
    "huggingface.co/openai/clip-vit-large-patch14 (1.7 GB), or of another CLIP in this form, "
    "put them into data/00_pretrained/clip-vit-large-patch14 of the project and name that folder "
    "in the configuration"
)
WEIGHTS = "model.safetensors"
_TOWER = ("vision_model.", "visual_projection.")
_BUFFER = ".position_ids"  # stored by older versions, counted anew by today's


class ClipSimilarity(nn.Module):
    """Cosine of CLIP's projected image embeddings: the CLIP similarity of Fig. 5 (Sec. IV-A).

    Only the vision tower is read, frozen, in float32, and not by `from_pretrained`, which draws
    random weights for what a file lacks. Pictures are prepared as the folder's
    preprocessor_config.json says (without one as CLIP was trained): 8 bits, bicubic resize of the
    shorter side by PIL, centre crop, CLIP's mean and deviation. Ours: the paper names no CLIP
    variant, so numbers of different folders must not be compared.
    """

    def __init__(self, folder: str | Path, device: torch.device | str = "cpu") -> None:
        """Read a transformers CLIP folder: config.json and model.safetensors.

        Raises:
            MissingWeights: the folder or a file is not there; the message says where to get it.
            InvalidWeights: they are damaged or of another model.
        """
        super().__init__()
        folder = Path(folder)
        config = _vision_config(folder)
        self.tower = _read_tower(folder, config)
        self.prepare = _read_preparation(folder, config.image_size)
        self.requires_grad_(False)
        self.eval().to(device)

    @torch.inference_mode()
    def forward(
        self, image: Float[Tensor, "3 h w"], views: Float[Tensor, "v 3 y x"]
    ) -> list[float]:
        """Similarity in [-1, 1] of every view to the input image, sRGB in [0, 1] on backgrounds.

        Raises:
            ValueError: a pixel is not finite.
        """
        embeddings = self._embed([image, *views])
        return F.cosine_similarity(embeddings[:1], embeddings[1:]).tolist()

    def _embed(self, pictures: list[Float[Tensor, "3 _ _"]]) -> Float[Tensor, "n d"]:
        for index, picture in enumerate(pictures):
            if not bool(picture.isfinite().all()):
                name = f"view {index - 1}" if index else "the input image"
                raise ValueError(f"CLIP similarity: expected finite pixels, {name} has NaN or inf")
        levels = [to_bytes(picture).cpu().numpy() for picture in pictures]
        pixels = self.prepare(levels, input_data_format="channels_first", return_tensors="pt")
        device = next(self.tower.parameters()).device
        with torch.autocast(device.type, enabled=False):
            return self.tower(pixels["pixel_values"].to(device)).image_embeds


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise MissingWeights(
            f"{path}: CLIP similarity needs a CLIP folder, this file does not exist. {_GET}"
        ) from error
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidWeights(
            f"{path}: expected JSON, cannot be read ({reason}); download it again"
        ) from error
    if not isinstance(content, dict):
        raise InvalidWeights(f"{path}: expected a JSON object; download it again")
    return content


def _vision_config(folder: Path) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CLIPConfig

    path = folder / "config.json"
    content = _read_json(path)
    if content.get("model_type") != "clip" or "vision_config" not in content:
        raise InvalidWeights(
            f"{path}: expected a CLIP model with a vision_config, found "
            f"{content.get('model_type', 'another configuration')!r}. {_GET}"
        )
    image_side = {key: value for key, value in content.items() if not key.startswith("text_")}
    try:
        config = CLIPConfig.from_dict(image_side)
    except (StrictDataclassError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise InvalidWeights(
            f"{path}: expected a CLIP configuration, refused ({_first_line(error)}); {_GET}"
        ) from error
    config.vision_config.projection_dim = config.projection_dim  # the model as a whole decides
    return config.vision_config


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def _read_tower(folder: Path, config: Any) -> nn.Module:
    from transformers import CLIPVisionModelWithProjection

    path = folder / WEIGHTS
    tensors = _read_tensors(path)
    # On the meta device: drawing random weights takes seconds and they would be thrown away.
    with torch.device("meta"):
        tower = CLIPVisionModelWithProjection(config)
    expected = {name: tensor.shape for name, tensor in tower.state_dict().items()}
    wrong = [n for n, shape in expected.items() if n not in tensors or tensors[n].shape != shape]
    if wrong or len(tensors) > len(expected):
        name = min(wrong or set(tensors) - set(expected))
        found = tuple(tensors[name].shape) if name in tensors else "nothing"
        raise InvalidWeights(
            f"{path}: expected the vision tower of its config.json, {name} should be "
            f"{tuple(expected.get(name, ())) or 'absent'}, found {found}. {_GET}"
        )
    tower.load_state_dict(tensors, assign=True)
    embeddings = tower.vision_model.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions)[None]
    return tower


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The vision tower's part of the file, in float32."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingWeights(
            f"{path}: CLIP similarity needs these weights, this file does not exist. {_GET}"
        )
    try:
        with safe_open(path, framework="pt") as stored:
            names = [n for n in stored.keys() if n.startswith(_TOWER)]  # noqa: SIM118
            names = [name for name in names if not name.endswith(_BUFFER)]
            tensors = {name: stored.get_tensor(name).float() for name in names}
    except (SafetensorError, OSError) as error:
        with path.open("rb") as stream:
            page = stream.read(64).lstrip().startswith(b"<")
        found = "a web page (an error or a login)" if page else _first_line(error)
        raise InvalidWeights(
            f"{path}: expected a whole safetensors file, found {found}. {_GET}"
        ) from error
    bad = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if bad:
        raise InvalidWeights(f"{path}: {bad[0]} holds NaN or infinity; download the file again")
    return tensors


def _read_preparation(folder: Path, image_size: int) -> Any:
    from transformers import CLIPImageProcessorPil

    path = folder / "preprocessor_config.json"
    square = {"height": image_size, "width": image_size}
    if not path.is_file():
        return CLIPImageProcessorPil(size={"shortest_edge": image_size}, crop_size=square)
    try:
        prepare = CLIPImageProcessorPil(**_read_json(path))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise InvalidWeights(
            f"{path}: expected CLIP's preparation of pictures, refused ({_first_line(error)}); "
            "download it again"
        ) from error
    if (crop := dict(prepare.crop_size)) != square:
        raise InvalidWeights(
            f"{path}: prepares pictures of {crop}, but the model of config.json sees {square}; "
            "take both files from one model"
        )
    return prepare
