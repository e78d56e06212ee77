"""Truth: the layers of torch and diffusers, as they run when nothing is compiled."""

import copy
import os
import subprocess
import sys

import pytest
import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from dd3g_kedro.fast.compiled_layers import (
    CompiledGroupNorm,
    CompiledResnetBlock,
    group_norm,
    lay_out_for_the_compiler,
)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("groups", [1, 3, 12])
@torch.no_grad()
def test_a_groups_statistics_follow_from_its_channels(groups, shift):
    torch.manual_seed(0)
    layer = nn.GroupNorm(groups, 12, eps=1e-3).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    maps = torch.randn(2, 12, 5, 3, dtype=torch.double) * 2 + 7
    added = torch.randn(2, 12, dtype=torch.double) if shift else None
    whole = maps if added is None else maps + added[..., None, None]
    torch.testing.assert_close(group_norm(maps, layer, added), layer(whole), rtol=0, atol=1e-12)


@torch.no_grad()
def test_half_precision_is_normalised_in_single():
    """A mean far above the spread is where bfloat16 statistics would fail."""
    layer = nn.GroupNorm(2, 8)
    maps = (torch.randn(3, 8, 16, 16, generator=torch.Generator().manual_seed(0)) + 50).bfloat16()
    found = group_norm(maps, copy.deepcopy(layer).bfloat16())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(maps.float()), rtol=0, atol=1e-3)


COMPILED = """
import copy, torch
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import nn
from dd3g_kedro.fast.compiled_layers import *

torch.manual_seed(0)
class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        common = dict(in_channels=8, temb_channels=6, groups=4)
        self.same = ResnetBlock2D(**common)
        self.wider = ResnetBlock2D(**common, out_channels=12, output_scale_factor=2.0)
        self.transformer = Transformer2DModel(
            2, 8, in_channels=12, norm_num_groups=4, use_linear_projection=True)

    def forward(self, maps, temb):
        return self.transformer(self.wider(self.same(maps, temb), temb), return_dict=False)[0]

with torch.no_grad():
    plain = Parts().double().eval()
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    quick = copy.deepcopy(plain)
    lay_out_for_the_compiler(quick)
    kinds = [type(part) for part in quick.modules()]
    assert kinds.count(CompiledResnetBlock) == 2 and CompiledLinear in kinds
    assert ResnetBlock2D not in kinds and nn.GroupNorm not in kinds
    maps, temb = torch.randn(3, 8, 5, 4).double(), torch.randn(3, 6).double()
    expected = plain(maps, temb)
    assert torch.equal(quick(maps, temb), expected)  # not compiled: diffusers' own

    seen = []
    def backend(graph, _):
        seen.extend(node.target for node in graph.graph.nodes)
        return graph
    found = torch.compile(quick, fullgraph=True, backend=backend)(maps, temb)
    assert torch.var_mean in seen and torch.nn.functional.group_norm not in seen
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
"""


def failure(code: str, **settings: str) -> str:
    """What it says in its own process, because the tests' type checks cannot be compiled."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | settings,
        check=False,
        capture_output=True,
        text=True,
    )
    return f"{done.returncode}: {done.stderr[-2000:]}" if done.returncode else ""


@pytest.mark.slow
def test_compiled_they_compute_what_diffusers_layers_do():
    assert failure(COMPILED) == ""


CACHED = """
import torch
from torch import nn
from torch._dynamo.utils import counters
from dd3g_kedro.fast.compiled_layers import compile_for_sampling

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(64, 64), nn.LayerNorm(64)

    def forward(self, rows):
        return FORWARD

torch.manual_seed(0)
torch.set_grad_enabled(False)
with torch.device(DEVICE):
    network, rows = Network(), torch.randn(16, 64)
expected = network(rows)
COMPILE(network)
torch.testing.assert_close(network(rows), expected, rtol=0, atol=1e-2)
assert counters["aot_autograd"]["total"] == 1
found = sum(counters["inductor"]["fxgraph_cache_" + kind] for kind in ("hit", "miss"))
assert found == EXPECTED, found
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiler", "expected"),
    [("compile_for_sampling", "0"), ("lambda network: network.compile()", "1")],
)
def test_a_choice_of_kernels_is_not_taken_from_the_cache_of_graphs(tmp_path, compiler, expected):
    """The second row says that what the first counts is counted."""
    words = {"FORWARD": "self.layer(rows)", "DEVICE": "'cpu'", "COMPILE": f"({compiler})"}
    code = CACHED.replace("EXPECTED", expected)
    for word, value in words.items():
        code = code.replace(word, value)
    assert failure(code, TORCHINDUCTOR_CACHE_DIR=str(tmp_path)) == ""


@pytest.mark.gpu
def test_on_a_gpu_a_second_process_samples_too(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    words = {"FORWARD": "self.norm(self.layer(rows))", "DEVICE": "'cuda'", "EXPECTED": "0"}
    code = CACHED.replace("COMPILE", "compile_for_sampling")
    for word, value in words.items():
        code = code.replace(word, value)
    for _ in range(2):
        assert failure(code, TORCHINDUCTOR_CACHE_DIR=str(tmp_path)) == ""


def test_what_does_more_stays_as_it_is():
    def block(**kind: object) -> ResnetBlock2D:
        return ResnetBlock2D(in_channels=8, **({"temb_channels": 6, "groups": 4} | kind))

    kept = (
        *({"up": True}, {"down": True}, {"temb_channels": None}, {"skip_time_act": True}),
        *({"time_embedding_norm": "scale_shift"}, {"non_linearity": "mish"}),
        {"out_channels": 12, "conv_shortcut_bias": False},
    )
    layers = nn.ModuleList([block(), *(block(**kind) for kind in kept), nn.GroupNorm(2, 4)])
    lay_out_for_the_compiler(layers)
    assert [type(layer) for layer in layers] == [
        CompiledResnetBlock,
        *[ResnetBlock2D] * len(kept),
        CompiledGroupNorm,
    ]
