"""What surrounds quack's products, with PyTorch's in their place; the kernels on a GPU."""

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from tests.teacher_scripts import TINY_UNET

STANDS_IN = """
import sys, types

class Epilogue:
    def __init__(self, function):
        self.function = function

    def __call__(self, rows, weight, total, *, config, bias):
        assert rows.is_contiguous() and total.is_contiguous() and bias.shape == (1, weight.shape[1])
        calls.append(config)
        found = self.function(rows.float() @ weight.float(), total.float(), bias.float())
        return {name: part.to(rows.dtype) for name, part in found.items()}

parts = {
    "epilogue": {},
    "epilogue.frontend": {"gemm_epilogue": lambda **_: Epilogue},
    "epilogue.ops": {"RowVecLoad": str},
    "gemm_config": {"GemmConfig": lambda **kind: (kind["tile_m"], kind["tile_n"])},
}
sys.modules["quack"] = types.ModuleType("quack")
for name, names in parts.items():
    sys.modules["quack." + name] = module = types.ModuleType(name)
    vars(module).update(names)
"""

SETTING = """
import copy, torch
from torch import nn
from diffusers.models.resnet import ResnetBlock2D

torch.manual_seed(0)
torch.set_grad_enabled(False)
calls = []
from dd3g_kedro.fast import fused_sums
from dd3g_kedro.fast.compiled_layers import *
def close(found, expected, atol):
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=atol)
"""

PRODUCTS = """
WIDE, DEEP = (128, 160), (192, 128)
for depth, columns, tiles in ((64, 320, WIDE), (24, 40, WIDE), (5120, 1280, DEEP)):
    total, rows = torch.randn(2, 37, columns), torch.randn(2, 37, depth)
    weight, bias = torch.randn(columns, depth) / depth**0.5, torch.randn(columns)
    expected = total.double() + rows.double() @ weight.double().T + bias.double()
    halves = [part.half() for part in (total, rows, weight, bias)]
    exact = halves[0].double() + halves[1].double() @ halves[2].double().T + halves[3].double()
    close(fused_sums.add_product(*halves), exact, 4e-3)
    strided = halves[0].mT.contiguous().mT
    close(fused_sums.add_product(strided, *halves[1:]), exact, 4e-3)
    assert calls == [] or calls[-1] == tiles, calls

    plain = CompiledLinear(depth, columns)
    plain.weight.copy_(weight)
    plain.bias.copy_(bias)
    network = nn.ModuleList([copy.deepcopy(plain), nn.Linear(8, 8)])
    fused_sums.sum_in_products(network)
    assert [type(layer) for layer in network] == [fused_sums.SummingLinear, nn.Linear]
    single = network[0].add_to(total, rows)
    assert torch.equal(single, plain.add_to(total, rows))
    close(network[0].half().add_to(*halves[:2]), expected, 1e-2)
odd = fused_sums.SummingLinear(12, 16).half()  # 12: not what its loads are aligned to
seen = len(calls)
rows, total = torch.randn(3, 12).half(), torch.randn(3, 16).half()
assert torch.equal(odd.add_to(total, rows), total + odd(rows)) and len(calls) == seen
"""

NETWORK = (
    TINY_UNET
    + """
accelerate.find_spec = lambda name: name.startswith("quack")
accelerate._use_kernels(unet.network, "cuda")
for layer in unet.network.modules():
    assert type(layer) not in (CompiledLinear, CompiledResnetBlock), layer
usual = (plain.float() - expected).norm() / expected.norm()
quick = unet.half()
for compiled in (False, True):
    calls.clear()
    if compiled:
        quick.network.compile(backend="aot_eager", fullgraph=True)
    found = quick(*inputs)
    # 4 transformers of three branches and a projection, 5 shortcuts; where nothing is compiled,
    # shortcuts and all projections but the last are diffusers' own
    assert len(calls) == (21 if compiled else 13), len(calls)
    error = (found.float() - expected).norm() / expected.norm()
    assert error < 1.2 * usual, (error, usual)
"""
)


def failure(code: str) -> str:
    """What it says in its own process, because PyTorch registers an operator once."""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    return f"{done.returncode}: {done.stderr[-2000:]}" if done.returncode else ""


@pytest.mark.slow
@pytest.mark.parametrize("code", [PRODUCTS, NETWORK])
def test_sums_in_half_precision_go_through_it(code):
    assert failure(STANDS_IN + SETTING + code) == ""


@pytest.mark.gpu
def test_on_a_gpu_the_sums_are_those_of_double_precision():
    if not torch.cuda.is_available() or torch.cuda.get_device_capability()[0] != 9:
        pytest.skip("needs a Hopper GPU")
    if find_spec("quack") is None:
        pytest.skip("needs the extra hopper")
    on_gpu = 'torch.set_default_device("cuda")\n'
    assert failure(SETTING + on_gpu + PRODUCTS) == ""
