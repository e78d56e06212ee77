"""Truth: diffusers' upsampler, which doubles the map before it convolves."""

import copy

import pytest
import torch
from diffusers.models.upsampling import Upsample2D
from torch import nn

from dd3g_kedro.fast.upsampling import FoldedUpsample, fold_upsampling


def upsamplers(**kind: object) -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([Upsample2D(6, out_channels=4, **kind)]).double()


@pytest.mark.parametrize("shape", [(2, 6, 1, 1), (3, 6, 5, 8)])
@torch.no_grad()
def test_the_folded_convolution_is_the_same_function(shape):
    plain = upsamplers(use_conv=True)
    fold_upsampling(quick := copy.deepcopy(plain))
    assert isinstance(quick[0], FoldedUpsample)
    maps = torch.randn(shape, dtype=torch.double)
    torch.testing.assert_close(quick[0](maps), plain[0](maps), rtol=0, atol=1e-13)


def test_what_is_not_doubled_and_convolved_stays_as_it_is():
    conv = {"use_conv": True}
    for kind in (
        *({"use_conv": False}, {"use_conv_transpose": True}, conv | {"norm_type": "ln_norm"}),
        *(conv | {"interpolate": False}, conv | {"kernel_size": 1, "padding": 0}),
        conv | {"padding": 0},
    ):
        kept = upsamplers(**kind)
        before = copy.deepcopy(kept.state_dict())
        fold_upsampling(kept)
        assert type(kept[0]) is Upsample2D
        assert all(torch.equal(kept.state_dict()[name], value) for name, value in before.items())


def test_another_size_is_refused():
    fold_upsampling(quick := upsamplers(use_conv=True))
    with pytest.raises(ValueError, match=r"doubles \(3, 3\), got \(5, 5\)"):
        quick[0](torch.zeros(1, 6, 3, 3, dtype=torch.double), (5, 5))
