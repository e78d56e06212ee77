"""U_base: a multi-view diffusion model with its latents, conditioning and guidance."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import CLIPVisionModel

from dd3g_kedro.core.geometry.cameras import orbit
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.teacher.attention import KeysValues
from dd3g_kedro.core.teacher.cameras import camera_conditioning, frame_azimuths
from dd3g_kedro.core.teacher.clip import image_tokens
from dd3g_kedro.core.teacher.config import TeacherConfig
from dd3g_kedro.core.teacher.imagenet_tokens import ImagenetTokens
from dd3g_kedro.core.teacher.preprocessing import (
    autoencoder_pixels,
    clip_pixels,
    normalise_for_clip,
    shown_to_clip,
)
from dd3g_kedro.core.teacher.schedule import guide, noise_from_output, sample_latents
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.core.types import Cameras

_DECODED = 64  # images at once


@dataclass(frozen=True)
class ImageCondition:
    """What the teacher knows of the input images; computed once, used at every step."""

    tokens: Float[Tensor, "b i d"]  # the Resampler's, of the image encoder's tokens
    latents: Float[Tensor, "b c y x"]  # clean, the pixel controller's frame

    def unconditional(self, empty: Float[Tensor, "1 i d"]) -> ImageCondition:
        """The guidance's other half: tokens of all-zero features, zero latents."""
        return ImageCondition(empty.expand_as(self.tokens), torch.zeros_like(self.latents))

    def __getitem__(self, index: slice | Tensor) -> ImageCondition:
        """A part of the batch."""
        return ImageCondition(self.tokens[index], self.latents[index])


@dataclass(frozen=True)
class _Halves:
    """Guidance's halves in one batch, unconditional first; constant while sampling."""

    keys_values: tuple[KeysValues, ...]
    latents: Float[Tensor, "s c y x"]


class Teacher(nn.Module):
    """ImageDream, whatever its size: `U_base` of Sec. III.

    Images are sRGB in [0, 1] outside and [-1, 1] inside. Latents are scaled to about unit variance.
    """

    text_tokens: Tensor
    alphas_cumprod: Tensor

    def __init__(
        self,
        config: TeacherConfig,
        unet: MultiViewUNet,
        autoencoder: AutoencoderKL,
        image_encoder: CLIPVisionModel,
        schedule: DDIMScheduler,
        text_tokens: Float[Tensor, "p t d"],  # of the negative prompt and the prompt, or of both
    ) -> None:
        super().__init__()
        self.config = config
        self.unet = unet
        self.autoencoder = autoencoder
        self.image_encoder = image_encoder
        self.imagenet: ImagenetTokens | None = None
        if config.imagenet_stages:
            patches = config.encoder_size // int(image_encoder.config.patch_size)
            width = config.unet.ip_embedding_dim
            self.imagenet = ImagenetTokens(config.imagenet_stages, patches, width)
        self.schedule = schedule
        self.register_buffer("text_tokens", text_tokens)
        self.register_buffer("alphas_cumprod", schedule.alphas_cumprod.clone(), persistent=False)
        self._asked: list[MultiViewUNet] = []  # a list hides it from `state_dict`
        self.fingerprint = ""  # set by `core.teacher.storage`

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.text_tokens.device

    @property
    def asked(self) -> MultiViewUNet:
        """The network that predicts: the U-Net itself, or what was given to `asking`."""
        return self._asked[0] if self._asked else self.unet

    def asking(self, unet: MultiViewUNet) -> Teacher:
        """This teacher, but predicting by another network: its own U-Net made fast (`fast`).

        All other parts are shared. What `unet` was made of does not follow later changes of the
        weights: make it anew after those.
        """
        other = copy.copy(self)
        other._modules = dict(self._modules)
        other._asked = [unet]
        return other

    def ready_on(self, device: torch.device) -> Teacher:
        """Moved to where it is used, its autoencoder laid out for a GPU's convolutions."""
        if device.type == "cuda":
            self.autoencoder.to(memory_format=torch.channels_last)
        return self.to(device).eval()

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(v, c, y, x): the shape of N for one object."""
        factor = 2 ** (len(self.autoencoder.config.block_out_channels) - 1)
        side = self.config.image_size // factor
        return self.config.views, int(self.autoencoder.config.latent_channels), side, side

    def frames(self, batch: int, elevation: float) -> Cameras:
        """C: the cameras of the four views; angles in radians."""
        azimuth = frame_azimuths().to(self.device)
        cameras = orbit(azimuth[None], torch.full_like(azimuth, elevation)[None], self.config.rig)
        return cameras.expand(batch)

    # latents --------------------------------------------------------------------------------

    def encode(
        self, images: Float[Tensor, "n 3 h w"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "n c y x"]:
        """Latents of images; differentiable.

        Departs: the posterior's mean; the released code samples it, which breaks the one-to-one
        map from N, C, II to OI that the method rests on. With a generator it is sampled here too.
        """
        return self._encode(images * 2 - 1, generator)

    def _encode(self, pixels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        posterior = self.autoencoder.encode(pixels).latent_dist
        latents = posterior.mean if generator is None else posterior.sample(generator)
        return latents * self.autoencoder.config.scaling_factor

    def decode(self, latents: Float[Tensor, "n c y x"]) -> Float[Tensor, "n 3 h w"]:
        """Images of latents, clamped to [0, 1]."""
        images = self.autoencoder.decode(latents / self.autoencoder.config.scaling_factor).sample
        return ((images + 1) / 2).clamp(0, 1)

    def decode_views(self, latents: Float[Tensor, "b v c y x"]) -> Float[Tensor, "b v 3 h w"]:
        """The images of many latents, some at a time: the decoder's maps are the largest of all."""
        parts = [self.decode(part) for part in latents.flatten(0, 1).split(_DECODED)]
        return torch.cat(parts).unflatten(0, latents.shape[:2])

    def encoder_features(self, images: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n d y x"]]:
        """Feature maps of the autoencoder's encoder, a level each; differentiable."""
        encoder = self.autoencoder.encoder
        levels, features = [], encoder.conv_in(images * 2 - 1)
        for block in encoder.down_blocks:
            features = block(features)
            levels.append(features)
        return levels

    # conditioning ---------------------------------------------------------------------------

    def image_features(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k e"]:
        """Tokens of the image encoder, before the Resampler."""
        return self._image_features(self._encoder_pixels(images))

    def _encoder_pixels(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 s s"]:
        size = self.config.encoder_size
        same = images.shape[-2:] == (size, size)
        return normalise_for_clip(images) if same else clip_pixels(images, size)

    def _image_features(self, pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b k e"]:
        tokens = image_tokens(self.image_encoder, pixels, self.config.encoder_layer)
        return tokens if self.imagenet is None else tokens + self.imagenet(shown_to_clip(pixels))

    @torch.no_grad()
    def condition(
        self,
        input_images: Float[Tensor, "b 3 s s"] | Sequence[Float[Tensor, "3 _ _"]],
        generator: torch.Generator | None = None,
    ) -> ImageCondition:
        """Encode the input images (II): squares of any size, composited on their background.

        The image encoder and the autoencoder each see them resized in their own way, as on LGM's
        route (`core.teacher.preprocessing`), so give them as large as they are. A picture that is
        given several times is resized once. With a generator the latents are sampled, as released.

        Raises:
            ValueError: one is not square.
        """
        places: slice | list[int] = slice(None)
        if isinstance(input_images, Tensor):
            batches = [input_images]
        else:
            different = {id(image): image for image in input_images}
            number = {name: place for place, name in enumerate(different)}
            batches = [image[None] for image in different.values()]
            places = [number[id(image)] for image in input_images]
        for images in batches:
            if images.shape[-2] != images.shape[-1]:
                raise ValueError(
                    "the teacher takes square input images, got one of "
                    f"{tuple(images.shape[-2:])}; use pictures.framing first"
                )
        size = self.config.image_size
        seen = torch.cat([self._encoder_pixels(images) for images in batches])[places]
        clean = torch.cat([autoencoder_pixels(images, size) for images in batches])[places]
        tokens = self.unet.embed_image_tokens(self._image_features(seen.to(self.device)))
        return ImageCondition(tokens, self._encode(clean.to(self.device), generator))

    def _empty_tokens(self, unet: MultiViewUNet) -> Float[Tensor, "1 i d"]:
        tokens = (self.config.encoder_size // int(self.image_encoder.config.patch_size)) ** 2 + 1
        width = self.config.unet.ip_embedding_dim
        return unet.embed_image_tokens(torch.zeros(1, tokens, width, device=self.device))

    # the network ----------------------------------------------------------------------------

    def forward(
        self,
        latents: Float[Tensor, "b v c y x"],
        timesteps: Int[Tensor, " b"],
        camera: Float[Tensor, "b v 16"],
        input_images: Float[Tensor, "b 3 h w"],
        input_latents: Float[Tensor, "b c y x"],
        keep: Bool[Tensor, " b"],
    ) -> Float[Tensor, "b v c y x"]:
        """The network's output for training; where `keep` is false the input image is withheld."""
        features = self.image_features(input_images)
        kept = keep.to(features.dtype)
        frames = latents.shape[1] + 1
        out = self.unet(
            rearrange(F.pad(latents, (0, 0) * 3 + (0, 1)), "b f c y x -> (b f) c y x"),
            repeat(timesteps, "b -> (b f)", f=frames),
            self.text_tokens[-1:],
            camera=rearrange(F.pad(camera, (0, 0, 0, 1)), "b f a -> (b f) a"),
            ip=features * kept.view(-1, 1, 1),
            ip_img=input_latents * kept.view(-1, 1, 1, 1),
            num_frames=frames,
        )
        return rearrange(out, "(b f) c y x -> b f c y x", f=frames)[:, :-1]

    @torch.no_grad()
    def predict(
        self,
        latents: Float[Tensor, "b v c y x"],
        timesteps: Int[Tensor, " b"],
        condition: ImageCondition,
        camera: Float[Tensor, "b v 16"],
        guidance_scale: float,
    ) -> tuple[Float[Tensor, "b v c y x"], Float[Tensor, "b v c y x"]]:
        """The U-Net's output with guidance, and its conditional half; both halves in one batch.

        What the output means (noise or velocity) is the schedule's `prediction_type`.
        """
        both = self._both_halves(condition, guidance_scale)
        return self._predict(latents, timesteps, both, camera, guidance_scale)

    def _both_halves(self, condition: ImageCondition, guidance_scale: float) -> _Halves:
        """The unconditional half, where guidance needs it, and the conditional one."""
        unet, halves = self.asked, [condition]
        if guidance_scale != 1:
            empty = self._empty_tokens(unet).to(condition.tokens)
            halves = [condition.unconditional(empty), condition]
        tokens = torch.cat([half.tokens for half in halves])
        return _Halves(
            unet.keys_values(self.text_tokens[-len(halves) :], tokens),
            torch.cat([half.latents for half in halves]),
        )

    def _predict(
        self,
        latents: Float[Tensor, "b v c y x"],
        timesteps: Int[Tensor, " b"],
        both: _Halves,
        camera: Float[Tensor, "b v 16"],
        guidance_scale: float,
    ) -> tuple[Float[Tensor, "b v c y x"], Float[Tensor, "b v c y x"]]:
        batch, views = latents.shape[:2]
        halves = len(both.latents) // batch
        rows = F.pad(latents, (0, 0) * 3 + (0, 1))  # the input image's frame
        camera_rows = F.pad(camera, (0, 0, 0, 1))  # its camera is all zero
        out = self.asked(
            repeat(rows, "b f c y x -> (s b f) c y x", s=halves),
            repeat(timesteps, "b -> (s b f)", s=halves, f=views + 1),
            None,
            camera=repeat(camera_rows, "b f a -> (s b f) a", s=halves),
            ip_img=both.latents,
            num_frames=views + 1,
            keys_values=both.keys_values,
        ).float()
        out = rearrange(out, "(s b f) c y x -> s b f c y x", s=halves, b=batch)[:, :, :views]
        return (guide(out[0], out[1], guidance_scale) if halves == 2 else out[0]), out[-1]

    def camera_vectors(self, cameras: Cameras) -> Float[Tensor, "b v 16"]:
        """What the U-Net is told of the cameras."""
        return camera_conditioning(cameras)

    @torch.no_grad()
    def sample(
        self,
        noise: Float[Tensor, "b v c y x"],
        condition: ImageCondition,
        cameras: Cameras,
        steps: int = 50,
        guidance_scale: float = 5.0,
        show_progress: bool = False,
    ) -> Float[Tensor, "b v c y x"]:
        """Simulate the ODE from N with deterministic DDIM (eta 0), Sec. III-A; return latents."""
        camera = self.camera_vectors(cameras)
        both = self._both_halves(condition, guidance_scale)

        def guided(latents: Tensor, timesteps: Tensor) -> Tensor:
            return self._predict(latents, timesteps, both, camera, guidance_scale)[0]

        return sample_latents(
            guided, noise.float(), self.schedule, steps, show_progress=show_progress
        )

    @torch.no_grad()
    def views(
        self,
        images: Float[Tensor, "b 3 _ _"] | Sequence[Float[Tensor, "3 _ _"]],
        seeds: Sequence[int],
        steps: int,
        guidance_scale: float,
        cameras: Cameras | None = None,
        temperature: float = 1.0,
    ) -> Float[Tensor, "b v 3 h w"]:
        """OI for each II and the N of its seed: what `quadruples` stores.

        Args:
            images: II, sRGB in [0, 1], on any device.
            seeds: one an image; N is drawn from each on the CPU.
            steps: of DDIM.
            guidance_scale: of classifier-free guidance.
            cameras: C of every object; None: the frames that the teacher was trained on.
            temperature: what N is multiplied by (Ours): the ODE starts nearer to its middle.
        """
        noise = temperature * noise_from_seeds(seeds, self.latent_shape).to(self.device)
        if cameras is None:
            cameras = self.frames(len(images), math.radians(self.config.elevation_deg))
        condition = self.condition(images)
        return self.decode_views(self.sample(noise, condition, cameras, steps, guidance_scale))

    def noise_from_output(
        self,
        output: Float[Tensor, "b v c y x"],
        latents: Float[Tensor, "b v c y x"],
        timesteps: Int[Tensor, " b"],
    ) -> Float[Tensor, "b v c y x"]:
        """eps_phi from the network's output, whatever the schedule's prediction type."""
        kind = self.schedule.config["prediction_type"]
        return noise_from_output(output, latents, self.alphas_cumprod[timesteps], kind)
