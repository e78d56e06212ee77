import pytest
import torch

from dd3g_kedro.core.devices import network_dtype, precision_dtype
from dd3g_kedro.core.errors import DD3GError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("mixed_precision", "dtype"),
    [("no", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_precisions_have_accelerate_s_names(mixed_precision, dtype):
    assert precision_dtype("key", mixed_precision, GPU) == dtype


def test_auto_is_what_the_hardware_multiplies_fastest():
    assert precision_dtype("key", "auto", GPU) == torch.bfloat16
    assert precision_dtype("key", "auto", CPU) == network_dtype(CPU)


def test_float16_on_a_cpu_names_the_key():
    with pytest.raises(DD3GError, match=r"sampling\.mixed_precision: expected .* got fp16; change"):
        precision_dtype("sampling.mixed_precision", "fp16", CPU)
