"""Weight files that came from elsewhere: tensors out, or an error that says what the file is."""

from __future__ import annotations

import codecs
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_SMALLEST = 8  # bytes
_HEAD = 512  # bytes looked at to tell what a file is
_PICKLED = (".pt", ".pth", ".ckpt", ".bin")
RELEASED_FILE = "sd-v2.1-base-4view-ipmv.pt"
GET_RELEASED = (
    f"Get {RELEASED_FILE} from huggingface.co/Peng-Wang/ImageDream, or the whole folder of "
    "huggingface.co/ashawkey/imagedream-ipmv-diffusers, and name it in teacher.weights."
)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a `.safetensors` file, or a pickle of tensors; code in a pickle is never run.

    Raises:
        MissingWeights: there is no such file.
        InvalidWeights: it is cut short, a web page, a pointer to the real file, holds code,
            something other than tensors, or numbers that are not finite.
    """
    if not path.is_file():
        raise MissingWeights(f"{path}: expected a file of weights, found none. {GET_RELEASED}")
    _refuse_other_content(path)
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        try:
            return _finite(path, load_file(path))
        except SafetensorError as error:
            raise _damaged(path, error) from error
    if suffix in _PICKLED:
        return _finite(path, _only_tensors(path, _unpickle(path)))
    raise InvalidWeights(
        f"{path}: expected weights as .safetensors or {', '.join(_PICKLED)}, found "
        f"{path.suffix or 'no suffix'}. {GET_RELEASED}"
    )


def _damaged(path: Path, error: Exception) -> InvalidWeights:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return InvalidWeights(
        f"{path}: expected a whole file of weights, but its {path.stat().st_size:,} bytes cannot "
        f"be read ({reason}). It is probably cut short; download it again and compare its size."
    )


def _refuse_other_content(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise InvalidWeights(f"{path}: expected weights, found an empty file. Download it again.")
    if len(head) < _SMALLEST:
        raise _damaged(path, ValueError("too few for any weights"))
    if head.startswith(b"version https://git-lfs"):
        raise InvalidWeights(
            f"{path}: expected weights, found a Git LFS pointer to them. Run `git lfs pull` there."
        )
    text = head.removeprefix(codecs.BOM_UTF8).decode("latin-1").lstrip()
    if text[:1] == "<" or text[:_SMALLEST].isprintable():  # no format of weights begins so
        kind = "a web page" if text[:1] == "<" else "text"
        raise InvalidWeights(
            f"{path}: expected weights, found {kind} (it starts with {text[:15]!r}). The download "
            "was answered with an error or a login page; download it again, signed in where that "
            "is asked for."
        )


def _unpickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights" not in str(error).lower():
            raise _damaged(path, error) from error
        raise InvalidWeights(
            f"{path}: expected tensors only, found a pickle that asks to run code or is no file of "
            "weights. It was not executed. Use the .safetensors form of the same weights."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise _damaged(path, error) from error


def _only_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]  # as trainers save it
    if not isinstance(content, Mapping):
        raise InvalidWeights(
            f"{path}: expected a dictionary of tensors, found {type(content).__name__}. "
            f"{GET_RELEASED}"
        )
    others = [
        str(key)
        for key, value in content.items()
        if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if others:
        raise InvalidWeights(
            f"{path}: expected a dictionary of named tensors, but {len(others)} entries are "
            f"something else (first: {others[0]}). {GET_RELEASED}"
        )
    return dict(content)


def _finite(path: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for key, tensor in tensors.items():
        if tensor.dtype in _FLOATS and not bool(tensor.isfinite().all()):
            raise InvalidWeights(
                f"{path}: expected finite numbers, found infinite ones or NaN in {key}. It is "
                "damaged, or was cast to a type of too small a range; download it again."
            )
    return tensors


def read_json(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises:
        InvalidWeights: it is missing or no JSON object.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InvalidWeights(
            f"{path}: expected this file beside the weights, found none. {GET_RELEASED}"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidWeights(
            f"{path}: expected JSON, found something else ({error}). Download it again."
        ) from error
    if not isinstance(content, dict):
        raise InvalidWeights(f"{path}: expected a JSON object. Download it again.")
    return content


def find_tensors(folder: Path, *stems: str) -> dict[str, Tensor]:
    """Read the first of `stem`.safetensors and `stem`.bin that a folder has.

    Raises:
        InvalidWeights: none is there, or as `read_tensors`.
    """
    for stem in stems:
        for suffix in (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin"):
            if (folder / f"{stem}{suffix}").is_file():
                return read_tensors(folder / f"{stem}{suffix}")
    found = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else "no such folder"
    raise InvalidWeights(
        f"{folder}: expected {' or '.join(f'{stem}.safetensors (or .bin)' for stem in stems)}, "
        f"found {found}. {GET_RELEASED}"
    )
