import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import pytest
import torch

from dd3g_kedro.core.rendering import render as module
from dd3g_kedro.core.rendering.render import render
from dd3g_kedro.core.types import AntialiasedGaussians, Cameras, Gaussians

ATTRIBUTES = [field.name for field in fields(Gaussians)]


def leaves(gaussians):
    values = (value.clone().requires_grad_() for value in vars(gaussians).values())
    return type(gaussians)(*values)


def double(value):
    return type(value)(*(part.double() for part in vars(value).values()))


def gradients(draw, gaussians, cameras, size, background, mask=1.0):
    """Gradients of a random linear form of images and alphas, over the pixels of a mask."""
    gaussians, background = leaves(gaussians), background.clone().requires_grad_()
    renders = draw(gaussians, cameras, size, background)
    images, alphas = renders if isinstance(renders, tuple) else vars(renders).values()
    generator = torch.Generator().manual_seed(1)
    loss = sum(
        (mask * value * torch.randn(value.shape, generator=generator).to(value)).sum()
        for value in (images, alphas)
    )
    loss.backward()
    return {name: getattr(gaussians, name).grad for name in ATTRIBUTES} | {
        "background": background.grad
    }


def relative(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def one_gaussian(mean=(0.0, 0.0, 0.0), scale=0.05, color=(1.0, 0.5, 0.0), opacity=0.8):
    return Gaussians(
        torch.tensor([[mean]]),
        torch.full((1, 1, 3), math.log(scale)),
        torch.tensor([[[1.0, 0.0, 0.0, 0.0]]]),
        torch.tensor([[color]]),
        torch.tensor([[opacity]]),
    )


SCENES = [(24, 0.7), (37, 4.0), (66, 1.5)]  # size, sigma in pixels


@pytest.fixture(params=[False, True], ids=["classic", "antialiased"])
def antialiased(request):
    return request.param


@pytest.fixture(params=SCENES, ids=str)
def scene(request, make_gaussians, make_cameras, antialiased):
    size, pixels = request.param
    gaussians = make_gaussians(
        batch=2, count=150, pixels=pixels, size=size, antialiased=antialiased
    )
    cameras = make_cameras(0, 130, elevation_deg=20, batch=2)
    return gaussians, cameras, size, torch.tensor([[0.2, 0.5, 0.9], [1.0, 0.0, 0.4]])


def test_pictures_are_those_of_the_dense_oracle(scene, dense_render, decided_pixels):
    gaussians, cameras, size, background = scene
    found = render(*scene)
    exact = double(gaussians), double(cameras), size
    images, alphas = dense_render(*exact, background.double())
    mask = decided_pixels(*exact)
    assert mask.mean() > 0.9
    torch.testing.assert_close(mask * found.images, mask * images, rtol=0, atol=5e-6)
    torch.testing.assert_close(mask * found.alphas, mask * alphas, rtol=0, atol=5e-6)
    torch.testing.assert_close(found.images.double(), images, rtol=0, atol=5e-3)


def test_gradients_are_those_of_the_dense_oracle(scene, dense_render, decided_pixels):
    gaussians, cameras, size, background = scene
    exact = double(gaussians), double(cameras), size
    mask = decided_pixels(*exact)
    found = gradients(render, *scene, mask=mask.float())
    expected = gradients(dense_render, *exact, background.double(), mask=mask)
    for name, value in found.items():
        assert relative(value.double(), expected[name]) < 1e-5, name


def test_oracle_gradients_are_finite_differences(
    make_gaussians, make_cameras, dense_render, antialiased
):
    gaussians = make_gaussians(
        count=5, pixels=2.0, size=8, dtype=torch.float64, antialiased=antialiased
    )
    cameras = make_cameras(30, dtype=torch.float64)
    background = torch.full((1, 3), 0.3, dtype=torch.float64)

    def draw(background, *values):
        return dense_render(type(gaussians)(*values), cameras, 8, background)

    inputs = [value.requires_grad_() for value in (background, *vars(gaussians).values())]
    assert torch.autograd.gradcheck(draw, inputs, fast_mode=True)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_gradients_are_finite_differences(make_gaussians, make_cameras, name, antialiased):
    gaussians = make_gaussians(count=40, pixels=3.0, size=32, antialiased=antialiased)
    cameras = make_cameras(0, 90)
    target = torch.rand(1, 2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    background = torch.full((1, 3), 0.5)

    def loss(gaussians):
        return (render(gaussians, cameras, 32, background).images - target).double().square().sum()

    leaf = leaves(gaussians)
    loss(leaf).backward()
    slope = getattr(leaf, name).grad
    # The cut at alpha = 1/255 is no part of the gradient, by gsplat's definition: hence the 8 %.
    step = 1e-3 * slope / slope.norm()  # along the gradient the slope is the gradient's norm
    value = getattr(gaussians, name)
    up, down = (loss(replace(gaussians, **{name: value + sign * step})) for sign in (1, -1))
    assert ((up - down) / 2e-3).item() == pytest.approx(slope.norm().item(), rel=0.08)


@pytest.mark.parametrize("scale", [0.05, 0.004])
def test_a_round_gaussian_is_its_closed_form(make_cameras, scale, antialiased):
    size, opacity = 33, 0.8
    gaussians = one_gaussian(scale=scale, color=(1.0, 0.5, 0.0), opacity=opacity)
    if antialiased:
        gaussians = AntialiasedGaussians(**vars(gaussians))
    renders = render(gaussians, make_cameras(0), size, torch.zeros(1, 3))
    focal = size * 0.5 / math.tan(math.radians(49.1) / 2)
    sharp = (focal * scale / 1.5) ** 2
    variance = sharp + 0.3
    if antialiased:  # its light is what it was before the blur
        opacity = opacity * sharp / variance
    offset = torch.arange(size) - size // 2
    squared = offset[:, None] ** 2 + offset**2
    alpha = opacity * torch.exp(-0.5 * squared / variance)
    alpha = torch.where(alpha >= 1 / 255, alpha, 0)
    torch.testing.assert_close(renders.alphas[0, 0, 0], alpha, rtol=1e-5, atol=1e-6)
    expected = torch.stack([alpha, 0.5 * alpha, 0 * alpha])
    torch.testing.assert_close(renders.images[0, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("mean", "azimuth", "side"),
    [
        ((0.0, 0.3, 0.0), 0, "right"),  # the front camera stands at +x, looks along -x, +y is right
        ((0.0, 0.0, 0.3), 0, "top"),
        ((0.3, 0.0, 0.0), 90, "left"),  # from the object's left-hand side, the front is on the left
        ((0.3, 0.0, 0.0), 270, "right"),
        ((0.0, 0.3, 0.0), 180, "left"),
    ],
)
def test_world_directions_land_on_the_right_side(make_cameras, mean, azimuth, side):
    alpha = render(one_gaussian(mean), make_cameras(azimuth), 32, torch.zeros(1, 3)).alphas[0, 0, 0]
    halves = {
        "left": alpha[:, :16],
        "right": alpha[:, 16:],
        "top": alpha[:16],
    }
    assert halves[side].sum() > 0.999 * alpha.sum() > 1


def test_nearer_gaussians_cover_farther_ones(make_cameras):
    front = one_gaussian((0.3, 0.0, 0.0), color=(1.0, 0.0, 0.0), opacity=0.98)
    back = one_gaussian((-0.3, 0.0, 0.0), color=(0.0, 0.0, 1.0), opacity=0.98)
    both = Gaussians(
        *(torch.cat(pair, 1) for pair in zip(*map(tuple_of, (back, front)), strict=True))
    )
    seen = render(both, make_cameras(0, 180), 33, torch.zeros(1, 3)).images[0, :, :, 16, 16]
    torch.testing.assert_close(seen[0], torch.tensor([0.98, 0.0, 0.02 * 0.98]))
    torch.testing.assert_close(seen[1], torch.tensor([0.02 * 0.98, 0.0, 0.98]))


def tuple_of(gaussians):
    return tuple(vars(gaussians).values())


def test_what_lies_behind_an_opaque_wall_changes_nothing(make_cameras, make_gaussians):
    size, count = 40, 900
    grid = torch.linspace(-0.7, 0.7, 30)
    y, z = (part.reshape(1, -1) for part in torch.meshgrid(grid, grid, indexing="ij"))
    walls = [
        Gaussians(
            torch.stack([torch.full_like(y, x), y, z], dim=-1),
            torch.full((1, count, 3), math.log(0.06)),
            torch.tensor([1.0, 0, 0, 0]).expand(1, count, 4),
            torch.full((1, count, 3), x),
            torch.full((1, count), 0.99),
        )
        for x in (0.4, 0.42)
    ]
    hidden = make_gaussians(count=600, seed=5)
    hidden = replace(hidden, means=0.4 * hidden.means)
    scene = Gaussians(
        *(torch.cat(part, 1) for part in zip(*map(tuple_of, [*walls, hidden]), strict=True))
    )
    wall = scene_part(scene, slice(0, 2 * count))
    cameras, background = make_cameras(0), torch.ones(1, 3)
    alone, together = (render(part, cameras, size, background) for part in (wall, scene))
    assert alone.alphas.min() > 0.99
    assert torch.equal(alone.images, together.images)
    found = gradients(render, scene, cameras, size, background)
    expected = gradients(render, wall, cameras, size, background)
    for name in ATTRIBUTES:
        assert not found[name][:, 2 * count :].any()
        assert torch.equal(found[name][:, : 2 * count], expected[name])


def scene_part(gaussians, part):
    return Gaussians(*(value[:, part] for value in tuple_of(gaussians)))


def test_background_shows_through_what_is_not_covered(make_gaussians, make_cameras):
    gaussians, cameras = make_gaussians(batch=2, count=50), make_cameras(0, 90, batch=2)
    background = torch.rand(2, 3).requires_grad_()
    renders = render(gaussians, cameras, 32, background)
    renders.images.sum().backward()
    expected = (1 - renders.alphas).sum(dim=(1, 2, 3, 4))[:, None].expand(2, 3)
    torch.testing.assert_close(background.grad, expected)


def test_views_and_objects_keep_their_order(make_gaussians, make_cameras):
    gaussians, cameras = make_gaussians(batch=3, count=60), make_cameras(0, 80, 200, batch=3)
    background = torch.rand(3, 3)
    whole = render(gaussians, cameras, 48, background)
    for b in range(3):
        for v in range(3):
            camera = Cameras(
                cameras.world_to_camera[b : b + 1, v : v + 1],
                cameras.intrinsics[b : b + 1, v : v + 1],
            )
            single = render(gaussians[b : b + 1], camera, 48, background[b : b + 1])
            torch.testing.assert_close(single.images[0, 0], whole.images[b, v], rtol=0, atol=1e-5)
            torch.testing.assert_close(single.alphas[0, 0], whole.alphas[b, v], rtol=0, atol=1e-5)


def test_the_order_of_the_gaussians_does_not_matter(make_gaussians, make_cameras):
    gaussians, cameras = make_gaussians(count=200), make_cameras(0)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    shuffled = Gaussians(*(value[:, order] for value in tuple_of(gaussians)))
    first, second = (render(g, cameras, 64, torch.ones(1, 3)) for g in (gaussians, shuffled))
    torch.testing.assert_close(first.images, second.images, rtol=0, atol=1e-6)


def test_gradients_repeat_bit_for_bit_on_any_number_of_threads(make_gaussians, make_cameras):
    gaussians, cameras = make_gaussians(count=500, pixels=3.0), make_cameras(0, 90)
    background = torch.ones(1, 3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = gradients(render, gaussians, cameras, 100, background)
        torch.set_num_threads(4)
        second = gradients(render, gaussians, cameras, 100, background)
    finally:
        torch.set_num_threads(threads)
    for name in ATTRIBUTES:
        assert torch.equal(first[name], second[name]), name


def test_concurrent_calls_do_not_disturb_each_other(make_gaussians, make_cameras):
    gaussians, cameras, background = (
        make_gaussians(count=300),
        make_cameras(0, 90),
        torch.ones(1, 3),
    )
    expected = render(gaussians, cameras, 64, background).images
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda _: render(gaussians, cameras, 64, background).images, range(8))
        )
    assert all(torch.equal(images, expected) for images in found)


def degenerate(**changes):
    """A sound Gaussian, a strange one and a sound one, in this order."""
    sound = one_gaussian()
    rows = [
        sound,
        replace(sound, **{k: torch.tensor(v)[None, None] for k, v in changes.items()}),
        sound,
    ]
    return Gaussians(*(torch.cat(part, 1) for part in zip(*map(tuple_of, rows), strict=True)))


@pytest.mark.parametrize(
    "changes",
    [
        {"means": [3.0, 0.0, 0.0]},  # behind the camera
        {"means": [1.5, 0.0, 0.0]},  # at its centre
        {"means": [1.5 - 0.0100001, 0.0, 0.0]},  # just past the near plane
        {"means": [1.4899, 0.3, 0.3]},  # near plane, far to the side
        {"means": [0.0, 40.0, 0.0]},  # off-screen
        {"means": [1e30, 0.0, 0.0]},
        {"opacities": 0.0},
        {"opacities": 1.0},
        {"quaternions": [0.0, 0.0, 0.0, 0.0]},
        {"quaternions": [1e-20, 1e-20, 0.0, 0.0]},
        {"log_scales": [0.0, -20.0, -20.0], "quaternions": [0.3, 0.2, -0.5, 0.7]},  # needle
        {"log_scales": [-100.0, -100.0, -100.0]},
        {"log_scales": [23.0, 23.0, 23.0]},
    ],
    ids=str,
)
def test_degenerate_gaussians_stay_finite(make_cameras, changes):
    found = gradients(render, degenerate(**changes), make_cameras(0, 45), 32, torch.ones(1, 3))
    renders = render(degenerate(**changes), make_cameras(0, 45), 32, torch.ones(1, 3))
    assert renders.images.isfinite().all()
    assert -1e-6 <= renders.alphas.min() <= renders.alphas.max() <= 1
    for name, value in found.items():
        assert value.isfinite().all(), name


@pytest.mark.parametrize("changes", [{"means": [3.0, 0.0, 0.0]}, {"opacities": 0.0039}], ids=str)
def test_what_cannot_be_seen_leaves_no_trace(make_cameras, changes):
    scene, cameras = degenerate(**changes), make_cameras(0)
    without = Gaussians(*(value[:, [0, 2]] for value in tuple_of(scene)))
    first, second = (render(g, cameras, 32, torch.zeros(1, 3)) for g in (scene, without))
    assert torch.equal(first.images, second.images)
    found = gradients(render, scene, cameras, 32, torch.zeros(1, 3))
    assert all(not found[name][:, 1].any() for name in ATTRIBUTES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", [math.nan, 0.0, 0.0]),
        ("log_scales", [-3.0, math.nan, -3.0]),
        ("quaternions", [1.0, 0.0, math.nan, 0.0]),
        ("opacities", math.nan),
    ],
)
def test_nan_geometry_is_not_drawn_and_its_gradient_says_so(make_cameras, name, value):
    scene = degenerate(**{name: value})
    renders = render(scene, make_cameras(0, 90), 32, torch.ones(1, 3))
    assert renders.images.isfinite().all()
    slope = gradients(render, scene, make_cameras(0, 90), 32, torch.ones(1, 3))[name]
    assert slope[:, [0, 2]].isfinite().all()
    assert slope[:, 1].isnan().any()  # a broken student must not train on in silence


def test_a_needle_keeps_its_digits(make_cameras, dense_render):
    needle = degenerate(log_scales=[-0.7, -9.0, -9.0], quaternions=[0.92, 0.1, 0.3, 0.2])
    cameras, background = make_cameras(20), torch.zeros(1, 3)
    found = render(needle, cameras, 256, background).images
    expected, _ = dense_render(double(needle), double(cameras), 256, background.double())
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4)


def test_no_gaussians_show_the_background(make_gaussians, make_cameras):
    background = torch.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
    renders = render(make_gaussians(count=0), make_cameras(0, 90), 16, background)
    assert renders.images.shape == (1, 2, 3, 16, 16)
    assert torch.equal(renders.images, background[:, None, :, None, None].expand(1, 2, 3, 16, 16))
    assert not renders.alphas.any()
    renders.images.sum().backward()
    assert torch.equal(background.grad, torch.full((1, 3), 512.0))


def test_autocast_changes_nothing(make_gaussians, make_cameras):
    gaussians, cameras, background = make_gaussians(), make_cameras(0), torch.ones(1, 3)
    expected = render(gaussians, cameras, 32, background).images
    with torch.autocast("cpu", torch.bfloat16):
        found = render(gaussians, cameras, 32, background).images
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_mismatched_batches_are_named(make_gaussians, make_cameras):
    with pytest.raises(ValueError, match=r"'gaussians': 2, 'cameras': 1.*Cameras\.expand"):
        render(make_gaussians(batch=2), make_cameras(0), 16, torch.ones(2, 3))
    with pytest.raises(ValueError, match="size must be at least 1"):
        render(make_gaussians(), make_cameras(0), 0, torch.ones(1, 3))


def test_the_package_does_not_start_numba_or_gsplat():
    assert not {"numba", "gsplat"} & set(vars(module))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="gsplat's kernels need CUDA")
@pytest.mark.parametrize("pixels", [1.0, 3.0])
def test_cpu_and_gsplat_draw_the_same(make_gaussians, make_cameras, pixels, antialiased):
    gaussians = make_gaussians(
        batch=2, count=16_384, pixels=pixels, size=128, antialiased=antialiased
    )
    cameras = make_cameras(0, 90, 180, 270, batch=2)
    background = torch.rand(2, 3)
    on_cpu = render(gaussians, cameras, 128, background)
    on_cuda = render(gaussians.to("cuda"), cameras.to("cuda"), 128, background.cuda())
    for name in ("images", "alphas"):
        difference = (getattr(on_cpu, name) - getattr(on_cuda, name).cpu()).abs()
        assert difference.max() < 5e-3  # single threshold flips in float32
        assert difference.quantile(0.999) < 5e-6
    expected = gradients(render, gaussians, cameras, 128, background)
    found = gradients(
        lambda g, c, s, b: render(g.to("cuda"), c.to("cuda"), s, b.cuda()),
        gaussians,
        cameras,
        128,
        background,
    )
    for name, value in found.items():
        assert relative(value, expected[name]) < 1e-3, name
