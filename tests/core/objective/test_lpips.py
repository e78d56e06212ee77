import socket
import warnings

import pytest
import torch
from torch import nn

from dd3g_kedro.core.errors import InvalidWeights, MissingWeights
from dd3g_kedro.core.objective.lpips import SOURCES, Lpips


def backbone_state(backbone):
    """Random weights under torchvision's names, the convolutions only."""
    from torchvision import models

    with torch.device("meta"):
        features = {"vgg": models.vgg16, "alex": models.alexnet}[backbone]().features
    features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            layer.weight.data.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
    return {f"features.{name}": value for name, value in features.state_dict().items()}


@pytest.fixture(scope="module", params=["alex", "vgg"])
def weights(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("lpips") / SOURCES[request.param].file
    classifier = {"classifier.6.bias": torch.zeros(1000)}  # as in torchvision's files
    torch.save(backbone_state(request.param) | classifier, path)
    return request.param, path


@pytest.fixture(scope="module")
def metric(weights):
    return Lpips(*weights)


def pictures(seed):
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def built_by_hand(backbone, path):
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = lpips.LPIPS(net=backbone, pnet_rand=True, verbose=False)
    state = torch.load(path)
    for name, parameter in net.net.named_parameters():
        parameter.data.copy_(state[f"features.{name.split('.', 1)[1]}"])
    return net


def test_distances_are_those_of_the_package(weights, metric):
    found = metric(pictures(0), pictures(1))
    with torch.no_grad():
        expected = built_by_hand(*weights)(2 * pictures(0) - 1, 2 * pictures(1) - 1).flatten()
    assert found.shape == (2,)
    assert (expected > 0.01).all()
    torch.testing.assert_close(found, expected)


def test_equal_pictures_have_no_distance_and_order_does_not_matter(metric):
    assert metric(pictures(0), pictures(0)).tolist() == [0, 0]
    torch.testing.assert_close(metric(pictures(0), pictures(1)), metric(pictures(1), pictures(0)))


def test_gradient_reaches_the_picture_and_only_the_picture(metric):
    images = pictures(0).requires_grad_()
    before = metric(images, pictures(1)).sum()
    before.backward()
    assert images.grad.isfinite().all()
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    with torch.no_grad():
        after = metric(images - 1e-2 * images.grad / images.grad.norm(), pictures(1)).sum()
    assert after < before


def test_it_stays_in_evaluation_mode_and_float32(metric):
    expected = metric(pictures(0), pictures(1))
    nn.ModuleList([metric]).train()
    assert not any(module.training for module in metric.modules())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(metric(pictures(0), pictures(1)), expected)


def test_missing_weights_say_what_to_download_and_where_to_put_it(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    path = tmp_path / "vgg.pth"
    with pytest.raises(MissingWeights, match=r"vgg16-397923af\.pth.*data/00_pretrained/") as caught:
        Lpips("vgg", path)
    assert str(path) in str(caught.value)
    assert not path.exists()


def test_files_of_another_kind_are_named(tmp_path, weights):
    backbone, sound = weights
    path = tmp_path / "weights.pth"
    path.write_bytes(sound.read_bytes()[:1000])
    with pytest.raises(InvalidWeights, match=r"weights\.pth.*cannot be read"):
        Lpips(backbone, path)
    torch.save({"model": torch.zeros(3)}, path)
    with pytest.raises(InvalidWeights, match=r"keys features\.\*"):
        Lpips(backbone, path)
    state = torch.load(sound)
    del state["features.0.bias"]
    torch.save(state, path)
    with pytest.raises(InvalidWeights, match=r"features\.0\.bias is missing"):
        Lpips(backbone, path)
    other = {"vgg": "alex", "alex": "vgg"}[backbone]
    with pytest.raises(InvalidWeights, match="missing or of another shape"):
        Lpips(other, sound)


def test_files_with_code_are_not_executed(tmp_path):
    class Code:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "weights.pth"
    torch.save({"features.0.weight": Code()}, path)
    with pytest.raises(InvalidWeights, match="cannot be read"):
        Lpips("vgg", path)
    assert not (tmp_path / "executed").exists()


def test_an_unknown_backbone_is_named(tmp_path):
    with pytest.raises((ValueError, TypeError), match=r"backbone|squeeze"):
        Lpips("squeeze", tmp_path / "weights.pth")
