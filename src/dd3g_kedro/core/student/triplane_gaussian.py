"""TGS: TriplaneGaussian (Table II, a; [35]), distilled like PEPD."""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from dd3g_kedro.core.gaussians.activation import (
    LOG_SCALE_FLOOR,
    squeezed_sigmoid,
    unit_quaternions,
)
from dd3g_kedro.core.geometry.config import CameraRig
from dd3g_kedro.core.geometry.pinhole import front_camera, to_picture
from dd3g_kedro.core.student.blocks import Attention, feed_forward, full_precision, start_near
from dd3g_kedro.core.student.config import TriplaneGaussianConfig
from dd3g_kedro.core.student.image_encoder import ImageEncoder
from dd3g_kedro.core.student.progressive_decoding import ball
from dd3g_kedro.core.types import Gaussians

_PLANES = ((0, 1), (0, 2), (1, 2))  # xy, xz, yz
_SPREAD = 0.6  # Ours: radius of the untrained coarse cloud, a ball, in `bound`


class QueryBlock(nn.Module):
    """Pre-norm residual block: attention among the queries, then to the image tokens, then FF."""

    def __init__(self, config: TriplaneGaussianConfig) -> None:
        super().__init__()
        width, head_width = config.width, config.head_width
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.self_attention = Attention(width, head_width)
        self.cross_attention = Attention(width, head_width, config.image_encoder.width)
        self.feed_forward = feed_forward(width, config.mlp_ratio)

    def forward(
        self, tokens: Float[Tensor, "b t d"], image_tokens: Float[Tensor, "b s e"]
    ) -> Float[Tensor, "b t d"]:
        """Add the three branches."""
        tokens = tokens + self.self_attention(self.norms[0](tokens))
        tokens = tokens + self.cross_attention(self.norms[1](tokens), image_tokens)
        return tokens + self.feed_forward(self.norms[2](tokens))


class QueryTransformer(nn.Module):
    """Learned queries that attend to each other and to the image tokens, block by block.

    Ours: the released blocks are modulated by the camera; it is fixed here, so that would be one
    constant, and it is left out.
    """

    def __init__(self, config: TriplaneGaussianConfig, queries: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, config.width) * 0.5)
        self.blocks = nn.ModuleList(QueryBlock(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, image_tokens: Float[Tensor, "b s e"]) -> Float[Tensor, "b t d"]:
        """One token a query."""
        tokens = repeat(self.queries, "t d -> b t d", b=len(image_tokens))
        for block in self.blocks:
            tokens = block(tokens, image_tokens)
        return self.norm(tokens)


class Split(nn.Module):
    """Every point becomes several, at most `reach` away from it along each axis.

    Ours: it stands for Snowflake Point Deconvolution, without its skip-transformer: children get
    features by one linear layer from their parent's, and move by what another makes of those.
    """

    def __init__(self, width: int, count: int, reach: float) -> None:
        super().__init__()
        self.count, self.reach = count, reach
        self.to_children = nn.Linear(width, count * width)
        self.to_offset = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3))

    def forward(
        self, points: Float[Tensor, "b n 3"], features: Float[Tensor, "b n d"]
    ) -> tuple[Float[Tensor, "b m 3"], Float[Tensor, "b m d"]]:
        """Children beside each other, parent by parent."""
        own = rearrange(self.to_children(features), "b n (k d) -> b (n k) d", k=self.count)
        features = repeat(features, "b n d -> b (n k) d", k=self.count) + F.gelu(own)
        points = repeat(points, "b n c -> b (n k) c", k=self.count)
        return points + self.reach * self.to_offset(features).tanh(), features


def sample_planes(
    planes: Float[Tensor, "b 3 c y x"], points: Float[Tensor, "b g 3"], bound: float
) -> Float[Tensor, "b g d"]:
    """The xy, xz and yz planes over [-bound, bound]^2, bilinearly at the points, side by side.

    A plane's columns run along the first of its axes, its rows along the second.
    """
    grid = torch.stack([points[..., pair] for pair in _PLANES], dim=1) / bound  # b p g 2
    sampled = sample_maps(rearrange(planes, "b p c y x -> (b p) c y x"), grid.flatten(0, 1))
    return rearrange(sampled, "(b p) g c -> b g (p c)", p=len(_PLANES))


def sample_maps(
    maps: Float[Tensor, "n c y x"], at: Float[Tensor, "n g 2"]
) -> Float[Tensor, "n g c"]:
    """Maps at (column, row) in [-1, 1], edge to edge, bilinearly; outside as at the edge."""
    sampled = F.grid_sample(maps, at[:, :, None], padding_mode="border", align_corners=False)
    return rearrange(sampled, "n c g 1 -> n g c")


def activate_around(
    points: Float[Tensor, "b g 3"],
    config: TriplaneGaussianConfig,
    *,
    offsets: Float[Tensor, "b g 3"],
    log_scales: Float[Tensor, "b g 3"],
    quaternions: Float[Tensor, "b g 4"],
    colors: Float[Tensor, "b g 3"],
    opacities: Float[Tensor, "b g"],
) -> Gaussians:
    """One Gaussian a point from raw values, in float32.

    Its mean is within `offset_bound` of the point (sigmoid, centred), scale exp up to
    `scale_limit`, quaternion q / |q|, colour and opacity sigmoid.

    Ours: colours do not depend on the view, where TGS has harmonics of degree 3, as no other
    method here has them; log s is not below -9, where it is invisible. That is TGS's own
    activation: PEPD's (-9, -3) does not bind it.
    """
    return Gaussians(
        means=points + config.offset_bound * (2 * offsets.sigmoid() - 1),
        log_scales=log_scales.clamp(LOG_SCALE_FLOOR, math.log(config.scale_limit)),
        quaternions=unit_quaternions(quaternions),
        colors=colors.sigmoid(),
        opacities=squeezed_sigmoid(opacities),
    )


class TriplaneGaussian(nn.Module):
    """G = TGS(II): a point cloud and a triplane from the image tokens; N and C are not used.

    The input's camera is fixed, as the paper fixes it (Sec. IV-C); Ours: azimuth 0, the student's
    elevation and rig. Departs: TGS supervises its points with those of 3D data (Chamfer, EMD),
    which DD3G has none of; only the renderings teach them here. Of the input image the points see
    features and colours, not its mask, which a composited picture does not have.
    """

    def __init__(
        self, config: TriplaneGaussianConfig, elevation_deg: float, rig: CameraRig
    ) -> None:
        super().__init__()
        self.config, self.elevation_deg, self.rig = config, elevation_deg, rig
        width, channels = config.width, config.plane_channels
        self.image_encoder = ImageEncoder(config.image_encoder)
        self.point_transformer = QueryTransformer(config, config.points)
        self.plane_transformer = QueryTransformer(config, len(_PLANES) * config.plane_size**2)
        self.anchors = nn.Parameter(torch.empty(config.points, 3))
        self.anchors.data.copy_(ball(config.points, _SPREAD * config.bound))
        self.to_points = start_near(torch.zeros(3), width)
        self.splits = nn.ModuleList(
            Split(width, count, config.split_reach / 2**step)
            for step, count in enumerate(config.splits)
        )
        self.to_planes = nn.ConvTranspose2d(width, channels, 2, stride=2)
        features = len(_PLANES) * channels + config.image_encoder.width + 3
        hidden = config.decoder_width
        self.decoder = nn.Sequential(
            *(nn.Linear(features, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        )
        opacity = config.initial_opacity
        starts = {
            "offsets": [0.0] * 3,
            "log_scales": [config.initial_log_scale] * 3,
            "quaternions": [1.0, 0.0, 0.0, 0.0],
            "colors": [0.0] * 3,
            "opacities": [math.log(opacity / (1 - opacity))],
        }
        self.heads = nn.ModuleDict(
            {name: start_near(torch.tensor(start), hidden) for name, start in starts.items()}
        )

    def forward(
        self,
        input_image: Float[Tensor, "b 3 h w"],
        noise: Float[Tensor, "b v c y x"],  # noqa: ARG002, as every generator's
        rays: Float[Tensor, "b v 6 y x"],  # noqa: ARG002
    ) -> Gaussians:
        """Lift pictures, sRGB in [0, 1]."""
        image_tokens = self.image_encoder(input_image)
        point_tokens = self.point_transformer(image_tokens)
        plane_tokens = self.plane_transformer(image_tokens)
        with full_precision(image_tokens):  # half precision would round positions
            points = self.cloud(point_tokens.float())
            seen = self.image_at(points, image_tokens.float(), input_image.float())
            planes = sample_planes(self.planes(plane_tokens.float()), points, self.config.bound)
            features = self.decoder(torch.cat([planes, seen], dim=-1))
            raw = {name: head(features) for name, head in self.heads.items()}
            raw["opacities"] = rearrange(raw["opacities"], "b g 1 -> b g")
            return activate_around(points, self.config, **raw)

    def cloud(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b g 3"]:
        """The final points: the coarse ones, split, then softly bounded to the planes' cube."""
        points = self.anchors + self.to_points(tokens)
        for split in self.splits:
            points, tokens = split(points, tokens)
        return self.config.bound * (points / self.config.bound).tanh()

    def planes(self, tokens: Float[Tensor, "b t d"]) -> Float[Tensor, "b 3 c y x"]:
        """The triplane at twice the tokens' resolution."""
        size, count = self.config.plane_size, len(_PLANES)
        maps = rearrange(tokens, "b (p y x) d -> (b p) d y x", p=count, y=size)
        return rearrange(self.to_planes(maps), "(b p) c y x -> b p c y x", p=count)

    def image_at(
        self,
        points: Float[Tensor, "b g 3"],
        image_tokens: Float[Tensor, "b s e"],
        input_image: Float[Tensor, "b 3 h w"],
    ) -> Float[Tensor, "b g f"]:
        """Image features and colours at the points' pixels; hidden points see what hides them."""
        camera = front_camera(self.elevation_deg, self.rig).to(points.device)
        at = 2 * to_picture(points, camera) - 1
        side = math.isqrt(image_tokens.shape[1] - 1)
        maps = rearrange(image_tokens[:, 1:], "b (y x) e -> b e y x", y=side)  # no class token
        return torch.cat([sample_maps(maps, at), sample_maps(input_image, at)], dim=-1)
