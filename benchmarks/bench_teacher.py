"""Time and work of the teacher: `pytest -s -o addopts= benchmarks/bench_teacher.py`.

(Without the options of the tests, whose type checks cannot be compiled.)

The full-size half needs a CUDA device (`-m gpu`, and `-k eager` or `-k compiled` for a part of it);
its weights are random, which costs the same time as the released ones.

Counted: 2.09 TFLOP a denoising step with guidance for one object at 256 px and 4 + 1 frames, 104
TFLOP a quadruple of 50 steps, half of it convolutions. A multiply and an add are two operations;
the counts are those of the plain network, also where a variant computes less.

Full size on one NVIDIA H200, torch 2.11, bfloat16. The ceiling is one product of 8192 x 8192 random
matrices, for 30 ms; under seconds of such products the clock falls and it is 670 to 750. Wanted: 5
quadruples a second, or 60 % of the ceiling; the first is harder.

| version, objects a batch | quadruples/s | of the ceiling | peak | GPU hours for 2.8 million |
|---|---|---|---|---|
| now, with the extra (`pip install .[hopper]`), 105 | 5.25 | 69 % of 795 | 15.3 GiB | 148 |
| the same, 105, on another H200 | 5.16 | 68 % of 788 | 15.3 GiB | 151 |
| the same, 105, there, in float16 | 4.96 | 65 % of 788 | 15.3 GiB | 157 |
| the same, 64 | 5.21 | 68 % of 795 | 11.4 GiB | 149 |
| the same, 64, on another H200 | 5.16 | 69 % of 783 | | 151 |
| before: sums by the compiler, GELU with a reciprocal, 64 | 5.02 | 66 % of 795 | 11.8 GiB | 155 |
| the same, 64, on another H200 | 4.92 | 65 % of 784 | 11.8 GiB | 158 |
| without the extra, all frames ask in the last layer, 64 | 4.78 | 63 % of 791 | 11.8 GiB | 163 |
| the same, 32 | 4.74 | 62 % of 795 | 8.6 GiB | 164 |
| diffusers' layers, compiled, 32 | 4.35 | 57 % | 9.2 GiB | 179 |
| now, with images encoded and views decoded, 105 | 4.52 | | 28.3 GiB | 172 |

105 objects make 132 tiles of 128 of the deepest level's tokens, as many as there are
multiprocessors. Of the last row's 23.3 s CLIP and the VAE's encoder take 1.3, the decoder 2.1, in
float32.

OI, compiled, against float32: 55.0 dB in bfloat16, 69.7 dB in float16. What a step is made of, as
profiled over three steps (over many the clock is 3 to 5 % lower), of two H200 that differ by 1.5 %,
now on the slower:

| kernel, 64 objects | before, ms | now, ms |
|---|---|---|
| convolutions | 85.5 | 87.0 |
| attention over an object's frames, 16 times | 50.1 | 50.9 |
| attention to text and image tokens, with its sum, 16 times | 3.6 | 3.7 |
| the gated unit's product and GELU, 16 times | 32.5 | 28.0 |
| other products, now most with their sum | 42.8 | 46.5 |
| norms, sums and copies | 34.8 | 25.2 |
| a step of 50, by the clock | 255.0 | 248.2 |

Isolated (by scripts that are not kept), ms: attention over 5120 tokens of 64 objects by cuDNN 4.3,
FlashAttention 4 3.9, a kernel of ours in Triton 4.3 to 4.6; a product of 320 columns with its bias
0.24, without 0.12; group norm and SiLU of 320 channels of 32 x 32 by Inductor 0.36, by the
channels' statistics 0.20, by a kernel of ours 0.27. Of 64 objects: a product of 320, 640, 1280
columns and as many terms by cuBLAS 0.23, 0.25, 0.20, with bias and sum by quack 0.38, 0.27, 0.20;
reading and writing such maps once more takes 0.2, 0.1 and 0.05. The gated product with an
exponential for GELU 1.95, 1.74, 1.78, with a reciprocal too 2.31, 1.82, 1.71, by quack 2.22, 1.62,
1.56: in the whole the last is no faster (5.12 and 5.11/s).
A layer norm's statistics taken along with the sums, and the norm in the next product, cost what
they save. CUDA graphs, and letting cuDNN try its kernels, change nothing. The upsampling
convolutions, 4 to 8, 8 to 16 and 16 to 32 cells, take 1.06, 4.20 and 5.67 ms as diffusers has them;
folded 0.46, 1.82 and 2.51 ms.

The mini teacher of `base` on two cores of an AMD EPYC with AVX-512 and bfloat16, torch 2.12, one
quadruple (128 px, 50 steps, guidance, decoding included), best of three on an idle machine:

| version | seconds |
|---|---|
| plain: diffusers, PyTorch's attention, float32 | 7.71 |
| half: the same in bfloat16 | 5.32 |
| products: attention as two products a head | 4.11 |
| now: also fused, folded, without the image's last frame | 3.98 |

The last two differ by less than the runs of one of them. On one H200 its network alone samples 216
quadruples a second compiled, 79 eager (256 objects a batch, 50 steps, random weights).

OI of the shipped teacher against float32, mean over eight of the embedded pictures and the lowest,
dB: in bfloat16 55.4 and 49.0 on a CPU, 55.3 and 50.7 on an H200; there in float16 76.3 and 69.9.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dd3g_kedro.core.config_building import build
from dd3g_kedro.core.devices import default_device, precision_dtype
from dd3g_kedro.core.noise import noise_from_seeds
from dd3g_kedro.core.objective.background import composite
from dd3g_kedro.core.teacher import attention
from dd3g_kedro.core.teacher.config import TeacherConfig, UNetConfig
from dd3g_kedro.core.teacher.schedule import guide, released_schedule, sample_latents
from dd3g_kedro.core.teacher.storage import load_teacher
from dd3g_kedro.core.teacher.teacher import Teacher
from dd3g_kedro.core.teacher.unet import MultiViewUNet
from dd3g_kedro.fast.compiled_layers import compile_for_sampling
from dd3g_kedro.mini_teacher.config import MiniTeacherConfig
from dd3g_kedro.mini_teacher.model import build_mini_teacher
from dd3g_kedro.pictures.config import ImageLimits
from dd3g_kedro.pictures.framing import square
from dd3g_kedro.pictures.reading import read_rgba
from dd3g_kedro.released.autoencoder import RELEASED_AUTOENCODER, autoencoder_config
from dd3g_kedro.released.clip import RELEASED_CLIP, vision_config

ROOT = Path(__file__).parents[1]
STEPS, GUIDANCE = 50, 5.0
MINI_GUIDANCE = 2.0  # as conf/base
PAPER_QUADRUPLES = 2_800_000


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Every layer keeps the size of what it is given; a fresh U-Net would be silent.

    And one of zeros, such as fresh memory holds, would be faster than any other.
    """
    generator = torch.Generator(next(module.parameters()).device).manual_seed(seed)
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5, generator=generator)
        else:
            nn.init.constant_(parameter, float(name.endswith("weight")))
    return module.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def mini():
    text = (ROOT / "conf" / "base" / "parameters_teacher.yml").read_text()
    config = build(MiniTeacherConfig, yaml.safe_load(text)["mini_teacher"], "mini_teacher")
    torch.set_num_threads(2)
    teacher = build_mini_teacher(config, seed=0)
    randomise(teacher.unet)
    return teacher.eval().requires_grad_(requires_grad=False)


@pytest.fixture
def without_tf32():
    """Products and convolutions in float32 as they are on a CPU."""
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    for switch in switches:
        switch.allow_tf32 = False
    yield
    for switch, usual in zip(switches, before, strict=True):
        switch.allow_tf32 = usual


@pytest.mark.parametrize("version", ["plain", "half", "products", "now"])
def bench_mini_quadruple(benchmark, mini, monkeypatch, version):
    """From the network as diffusers runs it in float32 to what `sample` does, a step each."""
    unet = copy.deepcopy(mini.unet).eval()
    if version == "now":
        unet.prepare_for_sampling()
    if version != "plain":
        unet = unet.to(torch.bfloat16)
    if version in ("plain", "half"):
        monkeypatch.setattr(attention, "_LONG", 10**9)
    monkeypatch.setattr(mini, "fast_unet", lambda: unet)
    generator = torch.Generator().manual_seed(0)
    size = mini.config.image_size
    images = torch.rand(1, 3, size, size, generator=generator)
    noise = torch.randn(1, *mini.latent_shape, generator=generator)

    @torch.no_grad()
    def quadruple() -> Tensor:
        condition = mini.condition(images)
        latents = mini.sample(noise, condition, mini.frames(1, 0.1), STEPS, GUIDANCE)
        return mini.decode(latents.flatten(0, 1))

    benchmark.pedantic(quadruple, rounds=3, warmup_rounds=1)


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", ["eager", "compiled"])
def bench_mini_batch(benchmark, mini, monkeypatch, version):
    """The network alone, 256 objects a batch, as `conf/gpu` samples; not on a CPU."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    batch, device = 256, torch.device("cuda")
    teacher = copy.deepcopy(mini).ready_on(device)
    if version == "compiled":
        monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)  # as `sample` sets it
        compile_for_sampling(teacher.fast_unet().network)
    generator = torch.Generator().manual_seed(0)
    size = teacher.config.image_size
    noise = torch.randn(batch, *teacher.latent_shape, generator=generator).to(device)
    with torch.inference_mode():
        known = teacher.condition(torch.rand(batch, 3, size, size, generator=generator).to(device))

    @torch.inference_mode()
    def quadruples(steps: int = STEPS) -> None:
        teacher.sample(noise, known, teacher.frames(batch, 0.1), steps, MINI_GUIDANCE)
        torch.cuda.synchronize()

    quadruples(steps=2)
    benchmark.pedantic(quadruples, rounds=3)
    benchmark.extra_info["quadruples_per_second"] = batch / benchmark.stats.stats.min
    print("mini", version, benchmark.extra_info)  # noqa: T201 a benchmark's result
    torch.compiler.reset()


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("without_tf32")
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def bench_mini_accuracy(benchmark, precision):
    """PSNR of OI against float32 without TF32, by the shipped teacher of the embedded pictures."""
    folder, pictures = (ROOT / "data" / part for part in ("06_models/teacher", "01_raw/images"))
    device = default_device()
    if not folder.is_dir() or not pictures.is_dir():
        pytest.skip("needs the embedded data: make data")
    if precision == "fp16" and device.type == "cpu":
        pytest.skip("needs a CUDA device")
    teacher = load_teacher(folder)
    files = sorted(pictures.glob("*.png"))[:8]
    size = teacher.config.image_size
    rgba = torch.stack([square(read_rgba(file, ImageLimits()), size) for file in files])
    input_images = composite(rgba, torch.ones(len(rgba), 3)).to(device)
    noise = noise_from_seeds(range(len(rgba)), teacher.latent_shape).to(device)

    @torch.inference_mode()
    def images(precision: str) -> Tensor:
        teacher.ready_on(device, precision_dtype("precision", precision, device))
        cameras = teacher.frames(len(rgba), math.radians(teacher.config.elevation_deg))
        known = teacher.condition(input_images)
        return teacher.decode_views(teacher.sample(noise, known, cameras, STEPS, MINI_GUIDANCE))

    exact = images("no")
    half = benchmark.pedantic(images, args=(precision,), rounds=1)
    psnr = -10 * (half - exact).square().flatten(1).mean(1).log10()
    benchmark.extra_info |= {"psnr_db": psnr.mean().item(), "lowest": psnr.min().item()}
    print("mini", device.type, precision, benchmark.extra_info)  # noqa: T201 a benchmark's result


# the released size ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ceiling() -> float:
    """bfloat16 operations a second of one large product of random matrices."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(20):
        a @ b
    torch.cuda.synchronize()
    return 20 * 2 * 8192**3 / (time.perf_counter() - begun)


@pytest.fixture(scope="module")
def full() -> MultiViewUNet:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    with torch.device("meta"):
        unet = MultiViewUNet(UNetConfig())
    return randomise(unet.to_empty(device="cuda"))


def compiled(unet: MultiViewUNet) -> MultiViewUNet:
    compile_for_sampling(unet.prepare_for_sampling().network)
    return unet


VARIANTS: dict[str, Callable[[MultiViewUNet], MultiViewUNet]] = {
    "plain": lambda unet: unet,
    "eager": MultiViewUNet.prepare_for_sampling,
    "compiled": compiled,
    "float16": compiled,
}


def sampler(unet: nn.Module, batch: int) -> Callable[[int], Tensor]:
    """Sample `batch` objects; conditioning is made once, before."""
    dtype = unet.network.dtype

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape))).cuda()

    tokens = unet.embed_image_tokens(draw(2 * batch, 257, 1280))
    clean, context = draw(2 * batch, 4, 32, 32), draw(1, 77, 1024)
    camera = draw(1, 16).expand(batch * 10, -1)
    noise = draw(batch, 5, 4, 32, 32)

    known = unet.keys_values(context, tokens)

    def predict(latents: Tensor, timesteps: Tensor) -> Tensor:
        rows = latents.flatten(0, 1).repeat(2, 1, 1, 1).to(dtype)
        t = timesteps[:1].expand(len(rows))
        out = unet(rows, t, None, camera, ip_img=clean, keys_values=known).float()
        return guide(*out.chunk(2), GUIDANCE).unflatten(0, (batch, 5))

    descending = torch.arange(1, 1000, 1000 // STEPS).flip(0).tolist()

    @torch.no_grad()
    def sample(steps: int = STEPS) -> Tensor:
        return sample_latents(predict, noise, released_schedule(), STEPS, descending[:steps])

    return sample


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", [16, 32, 64, 105])
@pytest.mark.parametrize("variant", list(VARIANTS))
def bench_full_size(benchmark, ceiling, full, variant, batch):
    unet = VARIANTS[variant](copy.deepcopy(full))
    unet = unet.to(torch.float16 if variant == "float16" else torch.bfloat16)
    sample = sampler(unet, batch)
    begun = time.perf_counter()
    sample(3)
    torch.cuda.synchronize()
    benchmark.extra_info["seconds_of_first_steps"] = time.perf_counter() - begun
    if variant == "plain":
        with FlopCounterMode(display=False) as counter:
            sample(1)
        benchmark.extra_info["tflop_each"] = counter.get_total_flops() / batch * STEPS / 1e12
    torch.cuda.reset_peak_memory_stats()

    def timed() -> None:
        sample()
        torch.cuda.synchronize()

    benchmark.pedantic(timed, rounds=2)
    rate = batch / benchmark.stats.stats.min
    benchmark.extra_info |= {
        "quadruples_per_second": rate,
        "ceiling_tflops": ceiling / 1e12,
        "share_of_ceiling": rate * 104.1e12 / ceiling,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
        "gpu_hours_for_the_paper": PAPER_QUADRUPLES / rate / 3600,
    }
    print(variant, batch, benchmark.extra_info, flush=True)  # noqa: T201 a benchmark's result
    torch.compiler.reset()


@pytest.mark.gpu
@pytest.mark.timeout(900)
def bench_full_size_quadruples(benchmark, monkeypatch, full):
    """All that `sample` asks the teacher for: conditions, 50 steps compiled, decoded views."""
    from diffusers import AutoencoderKL
    from transformers import CLIPVisionModel

    batch = 105
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)  # as `sample` sets it
    config = TeacherConfig(image_size=256, encoder_size=224, unet=UNetConfig())
    with torch.device("cuda"):
        autoencoder = AutoencoderKL(**autoencoder_config(RELEASED_AUTOENCODER))
        image_encoder = CLIPVisionModel(vision_config(RELEASED_CLIP))
    parts = (copy.deepcopy(full), randomise(autoencoder), randomise(image_encoder))
    text = torch.randn(1, 77, 1024, generator=torch.Generator().manual_seed(0))
    teacher = Teacher(config, *parts, released_schedule(), text).ready_on(torch.device("cuda"))
    compile_for_sampling(teacher.fast_unet().network)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(batch, 3, 256, 256, generator=generator).cuda()
    noise = torch.randn(batch, *teacher.latent_shape, generator=generator).cuda()
    seconds = dict.fromkeys(("condition", "sample", "decode"), 0.0)

    def timed(part: str, made: Callable[[], object]) -> object:
        begun = time.perf_counter()
        result = made()
        torch.cuda.synchronize()
        seconds[part] = time.perf_counter() - begun
        return result

    @torch.inference_mode()
    def quadruples(steps: int = STEPS) -> None:
        known = timed("condition", lambda: teacher.condition(pictures))
        cameras = teacher.frames(batch, 0.1)
        latents = timed("sample", lambda: teacher.sample(noise, known, cameras, steps, GUIDANCE))
        timed("decode", lambda: teacher.decode_views(latents))

    quadruples(steps=2)
    torch.cuda.reset_peak_memory_stats()
    benchmark.pedantic(quadruples, rounds=2)
    rate = batch / benchmark.stats.stats.min
    benchmark.extra_info |= {
        "quadruples_per_second": rate,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
        "gpu_hours_for_the_paper": PAPER_QUADRUPLES / rate / 3600,
        "seconds": {part: round(value, 3) for part, value in seconds.items()},
    }
    print("whole", batch, benchmark.extra_info, flush=True)  # noqa: T201 a benchmark's result
    torch.compiler.reset()


@pytest.mark.gpu
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("without_tf32")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def bench_full_size_accuracy(benchmark, full, dtype):
    """PSNR of OI, compiled, against float32 without TF32; a random VAE in float32.

    Random weights know no scale: latents and pictures are each standardised by their own.
    """
    from diffusers import AutoencoderKL

    decoder = randomise(AutoencoderKL(**autoencoder_config(RELEASED_AUTOENCODER))).cuda()

    def images(unet: MultiViewUNet) -> Tensor:
        latents = sampler(unet, 1)()[0, :4]
        latents = latents / latents.std()  # random weights know no scale
        decoded = decoder.decode(latents).sample
        return (decoded - decoded.mean()) / decoded.std() / 6 + 0.5

    exact = images(full)
    fast = compiled(copy.deepcopy(full)).to(dtype)
    half = benchmark.pedantic(images, args=(fast,), rounds=1)
    assert exact.isfinite().all()
    psnr = -10 * (half - exact).square().mean().log10()
    benchmark.extra_info["psnr_db"] = psnr.item()
    print("accuracy", dtype, benchmark.extra_info)  # noqa: T201 a benchmark's result
    torch.compiler.reset()
