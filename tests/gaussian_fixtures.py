import pytest
import torch

from dd3g_kedro.core.gaussians.activation import activate


@pytest.fixture
def make_object():
    """One object of activated Gaussians: (count) -> Gaussians."""

    def make(count=50, batch=1, seed=0):
        generator = torch.Generator().manual_seed(seed)
        shapes = [(batch, count, width) for width in (3, 3, 4, 3)] + [(batch, count)]
        return activate(*(torch.randn(shape, generator=generator) for shape in shapes))

    return make
