import math
import struct

import pytest
import torch

from dd3g_kedro.core.errors import InvalidGaussians
from dd3g_kedro.core.types import AntialiasedGaussians, Gaussians
from dd3g_kedro.formats.ply import read_ply, write_ply

HEADER = b"""ply
format binary_little_endian 1.0
element vertex 2
property float x
property float y
property float z
property float nx
property float ny
property float nz
property float f_dc_0
property float f_dc_1
property float f_dc_2
property float opacity
property float scale_0
property float scale_1
property float scale_2
property float rot_0
property float rot_1
property float rot_2
property float rot_3
end_header
"""


def two_gaussians():
    return Gaussians(
        means=torch.tensor([[[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]]),
        log_scales=torch.tensor([[[-3.0, -4.0, -5.0], [-6.0, -7.0, -8.0]]]),
        quaternions=torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.5, -0.5, 0.5, -0.5]]]),
        colors=torch.tensor([[[0.0, 0.5, 1.0], [0.25, 0.75, 0.5]]]),
        opacities=torch.tensor([[0.5, 0.9]]),
    )


def test_the_bytes_are_those_of_the_3dgs_layout(tmp_path):
    write_ply(two_gaussians(), tmp_path / "object.ply")
    content = (tmp_path / "object.ply").read_bytes()
    assert content.startswith(HEADER)
    body = content[len(HEADER) :]
    assert len(body) == 2 * 17 * 4
    first, second = struct.unpack("<17f", body[:68]), struct.unpack("<17f", body[68:])
    c0 = 0.28209479177387814
    assert first == pytest.approx(
        (1, 2, 3, 0, 0, 0, -0.5 / c0, 0, 0.5 / c0, 0, -3, -4, -5, 1, 0, 0, 0), abs=1e-6
    )
    assert second == pytest.approx(
        (
            *(-1, -2, -3, 0, 0, 0, -0.25 / c0, 0.25 / c0, 0),
            *(math.log(9), -6, -7, -8, 0.5, -0.5, 0.5, -0.5),
        ),
        abs=1e-6,
    )


def test_the_mode_of_drawing_is_named_and_changes_no_number(tmp_path):
    classic, antialiased = tmp_path / "classic.ply", tmp_path / "antialiased.ply"
    write_ply(two_gaussians(), classic)
    write_ply(AntialiasedGaussians(**vars(two_gaussians())), antialiased)
    comment = b"comment rasterize_mode antialiased\n"
    assert antialiased.read_bytes().replace(comment, b"") == classic.read_bytes()
    assert antialiased.read_bytes() != classic.read_bytes()
    assert read_ply(antialiased).antialiased
    assert not read_ply(classic).antialiased


def test_round_trip_loses_less_than_a_millionth(tmp_path, make_object):
    gaussians = make_object(2000)
    write_ply(gaussians, tmp_path / "object.ply")
    found = read_ply(tmp_path / "object.ply")
    for name, value in vars(gaussians).items():
        torch.testing.assert_close(getattr(found, name), value, rtol=0, atol=1e-6, msg=name)


def test_saturated_opacities_survive(tmp_path, make_object):
    gaussians = make_object(2)
    gaussians.opacities[:] = torch.tensor([[0.0, 1.0]])
    write_ply(gaussians, tmp_path / "object.ply")
    found = read_ply(tmp_path / "object.ply").opacities
    torch.testing.assert_close(found, gaussians.opacities, rtol=0, atol=2e-6)
    assert (found > 0).all()
    assert (found < 1).all()


@pytest.mark.parametrize("count", [0, 1])
def test_empty_and_single_objects_round_trip(tmp_path, make_object, count):
    write_ply(make_object(count), tmp_path / "object.ply")
    assert read_ply(tmp_path / "object.ply").means.shape == (1, count, 3)


def test_files_of_other_programs_are_read(tmp_path):
    """Properties in another order, comments, no normals, zero f_rest, long quaternions."""
    names = ["opacity", "rot_0", "rot_1", "rot_2", "rot_3", "scale_0", "scale_1", "scale_2"]
    names += ["f_rest_0", "f_dc_0", "f_dc_1", "f_dc_2", "x", "y", "z"]
    lines = ["ply", "format binary_little_endian 1.0", "comment made elsewhere", "element vertex 1"]
    lines += [f"property float {name}" for name in names] + ["end_header", ""]
    values = struct.pack("<15f", 0, 0, 2, 0, 0, -1, -2, -3, 0, 0, 0, 0, 7, 8, 9)
    (tmp_path / "other.ply").write_bytes("\n".join(lines).encode() + values)
    found = read_ply(tmp_path / "other.ply")
    assert found.means.tolist() == [[[7, 8, 9]]]
    assert found.log_scales.tolist() == [[[-1, -2, -3]]]
    assert found.quaternions.tolist() == [[[0, 1, 0, 0]]]
    assert found.colors.tolist() == [[[0.5, 0.5, 0.5]]]
    assert found.opacities.tolist() == [[0.5]]


def damage(content, old, new):
    assert old in content
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:-1], "expected 136 bytes after it, found 135; the file is cut short"),
        (lambda c: c + b"\0", "found 137"),
        (lambda c: c[:100], "found no such header"),
        (lambda c: b"", "found no such header"),
        (lambda c: b"\x89PNG" + c, "found no such header"),
        (lambda c: damage(c, b"binary_little_endian", b"ascii"), "format ascii 1.0"),
        (lambda c: damage(c, b"binary_little", b"binary_big"), "binary_big_endian"),
        (lambda c: damage(c, b"vertex 2", b"vertex two"), "element vertex two"),
        (lambda c: damage(c, b"float rot_0", b"double rot_0"), "property double rot_0"),
        (lambda c: damage(c, b"rot_3", b"rotat"), r"missing \['rot_3'\]"),
        (lambda c: damage(c, b"end_h", b"element face 1\nend_h"), "element face 1"),
        (
            lambda c: damage(c, b"float nx", b"float f_rest_0")[:-68] + b"\0\0\x80\x3f" * 17,
            "f_rest",
        ),
        (lambda c: c[:-4] + struct.pack("<f", math.nan), "quaternions of Gaussian 1 is nan"),
    ],
    ids=lambda value: value if isinstance(value, str) else "change",
)
def test_damaged_files_are_named_with_what_is_wrong(tmp_path, change, message):
    path = tmp_path / "object.ply"
    write_ply(two_gaussians(), path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InvalidGaussians, match=message) as caught:
        read_ply(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidGaussians, match=r"nothing\.ply.*No such file"):
        read_ply(tmp_path / "nothing.ply")


def test_a_batch_or_nan_is_not_written(tmp_path, make_object):
    with pytest.raises(ValueError, match="a batch of 2"):
        write_ply(make_object(batch=2), tmp_path / "object.ply")
    gaussians = make_object()
    gaussians.colors[0, 3, 1] = math.nan
    with pytest.raises(InvalidGaussians, match="1 values of colors are NaN"):
        write_ply(gaussians, tmp_path / "object.ply")
    assert not list(tmp_path.iterdir())
