import re

import numpy as np
import pytest
from numba import njit, types
from numba.core import caching

from dd3g_kedro.core.rendering import kernels
from dd3g_kedro.core.rendering.kernels import compiled


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
