import math
import struct

import pytest
import torch

from dd3g_kedro.core.errors import InvalidGaussians
from dd3g_kedro.core.types import Gaussians
from dd3g_kedro.formats.splat import read_splat, write_splat


def test_the_bytes_are_those_of_the_splat_layout(tmp_path):
    gaussians = Gaussians(
        means=torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]),
        log_scales=torch.tensor([[[-5.0, -5.0, -5.0], [-3.0, -4.0, -5.0]]]),  # the second is larger
        quaternions=torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.5, -0.5, 0.5, -0.5]]]),
        colors=torch.tensor([[[0.0, 0.2, 1.0], [0.4, 0.6, 0.8]]]),
        opacities=torch.tensor([[0.6, 0.8]]),
    )
    write_splat(gaussians, tmp_path / "object.splat")
    content = (tmp_path / "object.splat").read_bytes()
    assert len(content) == 64
    first, second = (struct.unpack("<6f8B", content[i : i + 32]) for i in (0, 32))
    assert first[:6] == pytest.approx((4, 5, 6, math.exp(-3), math.exp(-4), math.exp(-5)))
    assert first[6:] == (102, 153, 204, 204, 192, 64, 192, 64)
    assert second[:6] == pytest.approx((1, 2, 3, *[math.exp(-5)] * 3))
    assert second[6:] == (0, 51, 255, 153, 255, 128, 128, 128)  # 128 * 1 + 128 does not fit: 255


def test_the_papers_object_takes_five_megabytes(tmp_path, make_object):
    write_splat(make_object(157_184), tmp_path / "object.splat")
    assert (tmp_path / "object.splat").stat().st_size == 5_029_888


def test_the_largest_and_most_opaque_come_first(tmp_path, make_object):
    gaussians = make_object(500)
    write_splat(gaussians, tmp_path / "object.splat")
    found = read_splat(tmp_path / "object.splat")
    volume = gaussians.log_scales.sum(-1).exp() * gaussians.opacities
    order = volume[0].argsort(descending=True)
    torch.testing.assert_close(found.means, gaussians.means[:, order])


def test_round_trip_loses_no_more_than_a_byte_holds(tmp_path, make_object):
    gaussians = make_object(500)
    write_splat(gaussians, tmp_path / "object.splat")
    found = read_splat(tmp_path / "object.splat")
    volume = gaussians.log_scales.sum(-1) + gaussians.opacities.log()
    order = volume[0].argsort(descending=True)
    limits = {"means": 0, "log_scales": 1e-5, "colors": 0.51 / 255, "opacities": 0.51 / 255}
    for name, limit in limits.items():
        expected = getattr(gaussians, name)[:, order]
        torch.testing.assert_close(getattr(found, name), expected, rtol=0, atol=limit)
    cosine = (found.quaternions * gaussians.quaternions[:, order]).sum(-1)
    assert cosine.min() > math.cos(math.radians(1))


def test_what_was_read_is_written_again_byte_for_byte(tmp_path, make_object):
    write_splat(make_object(500), tmp_path / "first.splat")
    write_splat(read_splat(tmp_path / "first.splat"), tmp_path / "second.splat")
    first, second = ((tmp_path / f"{name}.splat").read_bytes() for name in ("first", "second"))
    assert sorted(first[i : i + 28] for i in range(0, len(first), 32)) == sorted(
        second[i : i + 28] for i in range(0, len(second), 32)
    )  # all but the quaternion, which is brought to length 1 in between


def test_an_empty_object_round_trips(tmp_path, make_object):
    write_splat(make_object(0), tmp_path / "object.splat")
    assert read_splat(tmp_path / "object.splat").means.shape == (1, 0, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:-1], "found 95 bytes, 31 too many; the file is cut short"),
        (lambda c: c[:12] + struct.pack("<f", 0.0) + c[16:], "positive scales, found 0.0"),
        (lambda c: c[:12] + struct.pack("<f", math.nan) + c[16:], "positive scales, found nan"),
        (lambda c: struct.pack("<f", math.inf) + c[4:], "means of Gaussian 0 is inf"),
    ],
    ids=lambda value: value if isinstance(value, str) else "change",
)
def test_damaged_files_are_named_with_what_is_wrong(tmp_path, make_object, change, message):
    path = tmp_path / "object.splat"
    write_splat(make_object(3), path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InvalidGaussians, match=message) as caught:
        read_splat(path)
    assert str(path) in str(caught.value)
