"""The student with its configuration, and its file: safetensors with the configuration inside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from dd3g_kedro.core.config_building import build, plain
from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.files import written_whole
from dd3g_kedro.core.geometry.cameras import orbit, plucker_rays
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.student.config import (
    Architecture,
    SplatterImageConfig,
    StudentConfig,
    TriplaneGaussianConfig,
)
from dd3g_kedro.core.student.image_encoder import ImageEncoder
from dd3g_kedro.core.student.pepd import PEPD
from dd3g_kedro.core.student.splatter_image import SplatterImage
from dd3g_kedro.core.student.triplane_gaussian import TriplaneGaussian
from dd3g_kedro.core.types import AntialiasedGaussians, Cameras, Gaussians

_FORMAT = "dd3g-kedro student 1"
_AGAIN = "Get it again (`dvc pull`), or train it (`kedro run --pipelines=distill`)."


def build_generator(config: StudentConfig) -> nn.Module:
    """The untrained network, called as `student.pepd.Generator`.

    Raises:
        MissingWeights: the image encoder's weights are not there.
        InvalidWeights: they are damaged or of another size.
    """
    return _build(config, config.architecture)


def build_empty_generator(config: StudentConfig) -> nn.Module:
    """The network to be filled from a file that holds all its weights, the image encoder's too."""
    chosen = config.architecture
    if not isinstance(chosen, SplatterImageConfig):
        encoder = replace(chosen.image_encoder, weights=None, trainable=True)
        chosen = replace(chosen, image_encoder=encoder)
    return _build(config, chosen)


def _build(config: StudentConfig, chosen: Architecture) -> nn.Module:
    if isinstance(chosen, SplatterImageConfig):
        return SplatterImage(chosen, config.elevation_deg, config.rig)
    if isinstance(chosen, TriplaneGaussianConfig):
        return TriplaneGaussian(chosen, config.elevation_deg, config.rig)
    return PEPD.from_config(chosen, config.elevation_deg, config.rig)


class Student(nn.Module):
    """G_theta and what it must know to lift an image: its cameras and the size of its noise."""

    def __init__(self, generator: nn.Module, config: StudentConfig) -> None:
        super().__init__()
        self.generator = generator
        self.config = config
        self.fingerprint: str | None = None  # SHA-256 of the file that it was read from

    @classmethod
    def from_config(cls, config: StudentConfig, seed: int) -> Student:
        """An untrained student; the seed fixes its weights.

        Raises:
            MissingWeights: the image encoder's weights are not there.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(build_generator(config), config)

    def freeze(self) -> None:
        """Let everything learn but what the configuration keeps: pretrained image features."""
        self.generator.requires_grad_(requires_grad=True)
        for part in self.generator.modules():
            if isinstance(part, ImageEncoder):
                part.freeze()

    @property
    def cameras(self) -> Cameras:
        """C: the views that the student was trained at."""
        azimuth = torch.tensor([self.config.azimuths_deg]).deg2rad()
        elevation = torch.full_like(azimuth, self.config.elevation_deg).deg2rad()
        with torch.autocast("cpu", enabled=False):
            return orbit(azimuth, elevation, self.config.rig)

    def noise(self, seeds: Sequence[int]) -> Float[Tensor, "b v c y x"]:
        """N of each seed, as the teacher drew it."""
        config = self.config
        views, size = len(config.azimuths_deg), config.latent_size
        return noise_from_seeds(seeds, (views, config.latent_channels, size, size))

    def rays(self, count: int) -> Float[Tensor, "{count} v 6 y x"]:
        """C as the network takes it, for `count` objects."""
        size = self.config.latent_size
        with torch.autocast("cpu", enabled=False):  # directions are no place for bfloat16
            return plucker_rays(self.cameras.expand(count), size, size)

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],
        rays: Float[Tensor, "b v 6 y x"],
    ) -> Gaussians:
        """G_theta(N, C, II); C as rays at the latents' resolution."""
        gaussians = self.generator(input_image, noise, rays)
        return AntialiasedGaussians(**vars(gaussians)) if self.config.antialiased else gaussians

    @torch.no_grad()
    def lift(self, input_images: Float[Tensor, "b 3 h w"], seeds: Sequence[int]) -> Gaussians:
        """Turn images, composited on a background, into objects; a seed gives its object again."""
        if len(seeds) != len(input_images):
            raise ValueError(f"seeds must be one an image, {len(input_images)}, got {len(seeds)}")
        device = next(self.parameters()).device
        noise, rays = self.noise(seeds), self.rays(len(seeds))
        return self(input_images.to(device), noise.to(device), rays.to(device))


def save_student(path: str | Path, student: Student, half: bool = True) -> None:
    """Write the weights, as float16 if `half`, with the configuration as the file's metadata.

    Raises:
        ValueError: a weight is not finite, or too large for float16.
    """
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {}
    for name, tensor in student.generator.state_dict().items():
        tensors[name] = tensor.detach().to("cpu", dtype).contiguous()
        if not bool(tensors[name].isfinite().all()):
            raise ValueError(f"student weight {name} is not finite in {dtype}; it was not saved")
    config = json.dumps(plain(student.config), sort_keys=True)
    with written_whole(path) as temporary:
        temporary.write_bytes(_ordered(save(tensors, {"format": _FORMAT, "config": config})))


def _ordered(file: bytes) -> bytes:
    """The same safetensors file, its metadata sorted: safetensors shuffles them at each start.

    Equal students become equal files, and have equal fingerprints.
    """
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)  # tensors start at a multiple of 8
    return len(text).to_bytes(8, "little") + text + file[end:]


def load_student(path: str | Path) -> Student:
    """Read what `save_student` wrote; float32, on the CPU, in evaluation mode.

    Raises:
        MissingWeights: there is no such file.
        InvalidWeights: it is damaged, another kind of file, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingWeights(f"{path}: expected a student's weights, found no file. {_AGAIN}")
    metadata, tensors = _read(path)
    if metadata.get("format") != _FORMAT:
        found = metadata.get("format", "no format at all")
        raise InvalidWeights(
            f"{path}: expected a safetensors file of format {_FORMAT!r}, found {found!r}. Use the "
            f"version of this project that wrote it, or: {_AGAIN}"
        )
    try:
        config = build(StudentConfig, json.loads(metadata["config"]), "student")
    except (KeyError, ValueError) as error:
        raise InvalidWeights(
            f"{path}: its configuration does not fit this version: {error}. {_AGAIN}"
        ) from error
    with torch.device("meta"):
        generator = build_empty_generator(config)
    _require_same_tensors(path, generator.state_dict(), tensors)
    generator.load_state_dict({name: t.float() for name, t in tensors.items()}, assign=True)
    for part in generator.modules():
        if isinstance(part, ImageEncoder) and not isinstance(
            config.architecture, SplatterImageConfig
        ):
            part.trainable = config.architecture.image_encoder.trainable
    student = Student(generator, config).eval()
    student.freeze()
    with path.open("rb") as stream:
        student.fingerprint = hashlib.file_digest(stream, "sha256").hexdigest()
    return student


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            return stream.metadata() or {}, tensors
    except (SafetensorError, OSError) as error:
        with path.open("rb") as raw:
            start = raw.read(64).lstrip()
        raise InvalidWeights(
            f"{path}: expected a student's weights (safetensors), found {_kind(start)} of "
            f"{path.stat().st_size:,} bytes ({error}). {_AGAIN}"
        ) from error


def _kind(start: bytes) -> str:
    if start[:1] == b"<":
        return "a web page"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if start.startswith((b"PK", b"\x80")):
        return "a pickled checkpoint, which is never opened,"
    return "a damaged or cut-off file"


def _require_same_tensors(
    path: Path, expected: dict[str, Tensor], found: dict[str, Tensor]
) -> None:
    wrong = [f"lacks {name}" for name in expected if name not in found]
    wrong += [f"has the unknown {name}" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        want, have = list(expected[name].shape), list(found[name].shape)
        if want != have:
            wrong.append(f"has {name} of shape {have}, not {want}")
        elif not bool(found[name].isfinite().all()):
            wrong.append(f"has values in {name} that are not finite")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InvalidWeights(
            f"{path}: expected the weights of the student that it describes, but it "
            f"{'; '.join(wrong[:3])}{more}. {_AGAIN}"
        )
