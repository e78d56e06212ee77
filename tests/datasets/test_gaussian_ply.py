import pytest
import torch
from kedro.io import DatasetError

from dd3g_kedro.core.gaussians.activation import activate
from dd3g_kedro.datasets.gaussian_ply import GaussianPLYDataset


def test_an_object_survives_the_catalog(tmp_path):
    shapes = [(1, 9, 3), (1, 9, 3), (1, 9, 4), (1, 9, 3), (1, 9)]
    gaussians = activate(*(torch.randn(shape) for shape in shapes))
    dataset = GaussianPLYDataset(filepath=str(tmp_path / "deep" / "object.ply"))
    assert not dataset.exists()
    dataset.save(gaussians)
    assert dataset.exists()
    torch.testing.assert_close(dataset.load().means, gaussians.means, rtol=0, atol=0)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nothing\.ply"):
        GaussianPLYDataset(filepath=str(tmp_path / "nothing.ply")).load()
