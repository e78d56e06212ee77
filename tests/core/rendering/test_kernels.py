import os
import re
import subprocess
import sys

import numpy as np
import pytest
from numba import njit, types
from numba.core import caching

from dd3g_kedro.core.rendering import kernels
from dd3g_kedro.core.rendering.kernels import compiled

# Splats on one tile, forward and backward: how often the cache served, then every bit.
_BLEND = """
import sys
import numpy as np
from dd3g_kedro.core.rendering import kernels, selection
draw, count, size = np.random.default_rng(0), 200, kernels.TILE
means, spreads = size * draw.random((2, count), np.float32), np.full((2, count), 3, np.float32)
conics = np.float32([[0.1], [-0.02], [0.1]]) * (1 + draw.random((3, count), np.float32))
depths, opacities, *colors = 0.1 + draw.random((5, count), np.float32)
geometry = conics, opacities, np.stack(colors), size
keys = np.empty(count, np.uint64)
shown = selection.visible_keys(means, spreads, conics, depths, opacities, size, keys)
keys = np.sort(keys[:shown])
splats, boxes = np.empty((shown, 9), np.float32), np.empty((shown, 4), np.int32)
selection.gather(keys, means, spreads, *geometry, splats, boxes)
tile = splats, boxes, np.arange(shown, dtype=np.int32), 0, 0
forward = np.zeros((size, 4, kernels.STRIDE), np.float32)
forward[:, 0] = 1
kernels.blend_forward(*tile, forward.reshape(-1))
backward = draw.random((size + 1, 11, kernels.STRIDE), np.float32)
backward[:, 0] = 1
gradients = np.zeros((shown, 9), np.float32)
kernels.blend_backward(*tile, backward.reshape(-1), gradients)
print(sum(kernels.blend_backward.stats.cache_hits.values()), file=sys.stderr)
for part in (splats, boxes, forward, gradients):
    sys.stdout.buffer.write(part.tobytes())
"""


def test_exp2_is_exact_to_float32():
    power = np.linspace(-126, 0, 10_001, dtype=np.float32)
    found = np.array([kernels._exp2(value) for value in power])
    np.testing.assert_allclose(found, np.exp2(power.astype(np.float64)), rtol=3e-7)
    assert found[-1] == 1


def test_kernels_compile_where_no_folder_is_writable(monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    def successor(number):
        return number + 1

    assert compiled(successor)(41) == 42


def test_kernels_from_the_compiler_and_from_the_cache_agree_in_every_bit(tmp_path):
    """Else a training that goes on in a new process would end in other weights."""
    command = [sys.executable, "-c", _BLEND]
    place = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    compiling, reading = (
        subprocess.run(command, env=place, capture_output=True, check=True) for _ in range(2)
    )
    assert [int(compiling.stderr), int(reading.stderr)] == [0, 1]  # read from the cache
    assert np.frombuffer(compiling.stdout, np.float32).any()
    assert compiling.stdout == reading.stdout


@pytest.mark.parametrize("name", ["blend_forward", "_run_backward"])
def test_blending_runs_in_vector_instructions(name):
    """Scalar code gives the same pictures six times slower, and nothing else would tell."""
    kernel = njit(**kernels._OPTIONS)(getattr(kernels, name).py_func)
    floats, whole = types.float32[::1], types.int64
    splats, boxes = types.float32[:, ::1], types.int32[:, ::1]
    signature = {
        "blend_forward": (splats, boxes, types.int32[::1], whole, whole, floats),
        "_run_backward": (floats, whole, whole, whole, whole, whole, floats),
    }[name]
    kernel.compile(signature)
    (code,) = kernel.inspect_llvm().values()
    assert re.search(r"fmul .*<\d+ x float>", code)
