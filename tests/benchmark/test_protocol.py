"""Protocols are frozen: what they say is pinned here, a change needs a new version."""

from __future__ import annotations

import json
import sys
from dataclasses import FrozenInstanceError
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
from tests.known_objects import protocol_file

from dd3g_kedro.benchmark.comparison import benchmark_handles
from dd3g_kedro.benchmark.config import EvaluateConfig
from dd3g_kedro.benchmark.protocol import load_protocol, protocols
from dd3g_kedro.benchmark.scores.names import ALIGNED, LOOKS, SCORES, USED_GAUSSIANS
from dd3g_kedro.benchmark.truth.stored_views import StoredViews
from dd3g_kedro.benchmark.truth.views import ObjectHandle
from dd3g_kedro.core.errors import DD3GError
from dd3g_kedro.objects.config import CollectConfig
from dd3g_kedro.objects.objects import planned_objects

# SHA-256 of each one's content. Do not correct a digest: give the protocol another version.
FROZEN = {
    "demo-1": "0f6e660872dd9f02fb70f3976dc6e3f10986d81f85e9a15e4e014aec6f320cbd",
    "gso-dd3g-1": "95a5f9c2996ffff0169dd1a720f5f97097ad1ffece7e1744444b056c7be301e5",
    "gso-sync30-1": "f4453e2b7c1abb47d485a04e69de998998d6242e08e11b51281b5b96a417ba90",
    "images-1": "2e5cc5f2bad1c0c2db2f3d2649fe4ec411296fc5f8c58dfa28ee93fbc8eb4a9a",
    "meshes-1": "f6960258ddeef21e398f0cbe914de9566f7f6ba7d9d6ffbda698627ce0fe4cb2",
    "pack-test-1": "2e342d2961a00cb1cb75d99450bcbc5db96fa220e9f703d287342878e6939753",
    "rtmv-bricks-1": "88723e3cad9fbdc98c6eb558f35f8dd08e5c589bf899727746717a3664ed1d20",
    "smoke-1": "e7b1dc17bec3d43e75faf3c21d57385ab322d66b0785c3d581d4eed20a84d411",
}


def test_no_protocol_ever_changes():
    assert {known: load_protocol(known).digest for known in protocols()} == FROZEN


def test_a_digest_is_the_contents_and_not_the_files(tmp_path: Path):
    path = Path(protocol_file(tmp_path))
    before = load_protocol(str(path)).digest
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert load_protocol(str(path)).digest == before
    path.write_text(json.dumps(content | {"notes": ["other"]}))
    assert load_protocol(str(path)).digest != before


def test_a_loaded_protocol_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        load_protocol("demo").background = 0.5


def test_every_score_is_defined():
    for known in protocols():
        manifest = load_protocol(known)
        ours = {*LOOKS, USED_GAUSSIANS}  # of every protocol, and of none
        wanted = {score.removeprefix(ALIGNED) for score in SCORES} - ours
        wanted = wanted | {ALIGNED, "novel_"} if manifest.has_truth else {"clip_similarity"}
        assert set(manifest.metrics) == wanted, known
        assert manifest.id == known
        assert manifest.notes


@pytest.mark.parametrize(
    ("name", "views", "elevation", "size", "objects"),
    [
        ("gso-dd3g", 12, 5, 256, 130),
        ("gso-sync30", 16, 30, 256, 30),
        ("demo", 12, 5, 256, 12),
        ("smoke", 4, 5, 64, 2),
        ("meshes", 12, 5, 256, None),
        ("images", 12, 5, 256, None),
    ],
)
def test_the_cameras_are_those_of_the_survey(name, views, elevation, size, objects):
    manifest = load_protocol(name)
    assert manifest.ring.azimuths_deg == tuple(360 * k / views for k in range(views))
    assert manifest.ring.elevation_deg == manifest.input_elevation_deg == elevation
    assert (manifest.drawing.size, manifest.background) == (size, 1)
    assert manifest.drawing.rig.radius == 1.5
    assert manifest.drawing.rig.fov_deg == pytest.approx(49.1, abs=0.05)
    found = manifest.objects
    assert (None if found is None else len(set(found))) == objects


def test_syncdreamers_objects_are_in_both_protocols():
    assert load_protocol("gso-dd3g").objects[:30] == load_protocol("gso-sync30").objects


@pytest.mark.parametrize(("environment", "protocol"), [("base", "demo"), ("smoke", "smoke")])
def test_the_stored_protocols_are_what_collect_draws(project, environment, protocol):
    collect = build_collect(project, environment)
    manifest = load_protocol(protocol)
    _, held_out = planned_objects(collect.objects)
    assert sorted(f"{family}_{number:04d}" for family, number in held_out) == list(manifest.objects)
    assert collect.benchmark == manifest.views
    assert collect.drawing == manifest.drawing


def build_collect(project: Path, environment: str) -> CollectConfig:
    from kedro.config import OmegaConfigLoader

    loader = OmegaConfigLoader(
        str(project / "conf"),
        base_env="base",
        default_run_env="base",
        env=environment,
        merge_strategy={"parameters": "soft"},
    )
    return CollectConfig(**loader["parameters"]["collect"])


def test_a_name_means_its_newest_version_and_unknown_ones_are_told():
    assert load_protocol("demo") == load_protocol("demo-1")
    with pytest.raises(ValueError, match=r"evaluate\.protocol: expected one of demo-1.*'demo-2'"):
        load_protocol("demo-2")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background": 2}, r"protocol\.background must lie in"),
        ({"size": 9}, r"protocol\.drawing\.size must be at least 11"),
        ({"input_elevation_deg": 30.0}, r"protocol\.input_elevation_deg must be the targets'"),
        ({"targets": 3}, r"exactly one of views and targets"),
        ({"source": "rtmv"}, r"protocol\.views must be null for rtmv"),
        ({"sourse": "gso"}, r"protocol\.sourse is not a known key; did you mean"),
        ({"version": "1"}, r"protocol\.version must be of type int"),
    ],
)
def test_a_wrong_manifest_names_its_file_and_key(tmp_path, changes, message):
    path = protocol_file(tmp_path, **changes)
    with pytest.raises(ValueError, match=r"known-1\.json is no protocol: .*" + message):
        load_protocol(path)


def test_another_content_under_a_frozen_id_is_refused(tmp_path):
    changed = protocol_file(tmp_path, name="demo", version=1)
    with pytest.raises(ValueError, match=r"demo-1, which is frozen .*0f6e660872dd, got \w{12}\)"):
        load_protocol(changed)
    frozen = files("dd3g_kedro.benchmark").joinpath("protocols", "demo-1.json").read_text()
    Path(changed).write_text(frozen)
    assert load_protocol(changed) == load_protocol("demo-1")
    assert load_protocol(protocol_file(tmp_path, name="demo", version=2)).id == "demo-2"


def test_files_that_hold_no_manifest_are_told(tmp_path):
    path = tmp_path / "x.json"
    with pytest.raises(ValueError, match=r"x\.json cannot be read"):
        load_protocol(str(path))
    path.write_text("{")
    with pytest.raises(ValueError, match=r"x\.json is no protocol"):
        load_protocol(str(path))


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [
        ("gso-sync30", "gso", "gso_objects"),
        ("rtmv-bricks", "rtmv", "rtmv_objects"),
        ("images", "image_folder", "image_objects"),
        ("meshes", "mesh_views", "mesh_objects"),
    ],
)
def test_a_loader_is_given_what_its_protocol_says(monkeypatch, tmp_path, name, module, function):
    given: list[tuple] = []

    def loader(*arguments):
        given.append(arguments)
        return [ObjectHandle("alarm", lambda: None), ObjectHandle("extra", lambda: None)]

    fake = ModuleType(f"dd3g_kedro.benchmark.truth.{module}")
    setattr(fake, function, loader)
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    config = EvaluateConfig(protocol=name, objects=str(tmp_path), clip=str(tmp_path))
    handles = benchmark_handles(StoredViews(tmp_path / "absent"), config)
    m = config.manifest
    assert given == {
        "gso-sync30": [(tmp_path, m.objects, m.drawing, m.views)],
        "rtmv-bricks": [(tmp_path, None, 256, 12)],
        "images": [(tmp_path, 256, m.drawing.rig, m.views)],
        "meshes": [(tmp_path, None, m.drawing, m.views)],
    }.get(name)
    if m.objects is None:
        assert [handle.name for handle in handles] == ["alarm", "extra"]
        return
    assert [handle.name for handle in handles] == list(m.objects)
    handles[0].load()
    with pytest.raises(DD3GError, match=rf"gso-sync30-1 names backpack, {tmp_path} has no such"):
        handles[1].load()
