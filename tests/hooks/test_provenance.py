from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dd3g_kedro.hooks import provenance


def run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file and a folder that DVC has taken in."""
    root = tmp_path_factory.mktemp("dvc")
    (root / "shards" / "deep").mkdir(parents=True)
    (root / "shards" / "b.parquet").write_bytes(b"two")
    (root / "shards" / "deep" / "a.parquet").write_bytes(b"one")
    (root / "shards" / "c é.txt").write_bytes(b"three")
    (root / "weights.bin").write_bytes(bytes(range(256)) * 5000)
    dvc = (sys.executable, "-m", "dvc")
    run(root, *dvc, "init", "-q", "--no-scm")
    run(root, *dvc, "add", "-q", "shards", "weights.bin")
    return root


@pytest.mark.parametrize("name", ["shards", "weights.bin"])
def test_content_is_named_as_dvc_names_it(added: Path, name: str):
    recorded = yaml.safe_load((added / f"{name}.dvc").read_text())["outs"][0]["md5"]
    assert provenance.content_id(added / name) == recorded
    assert provenance.recorded_id(added / name, added) == recorded


def test_what_is_too_large_to_hash_takes_dvcs_record(added: Path, monkeypatch: pytest.MonkeyPatch):
    expected = provenance.content_id(added / "shards")
    monkeypatch.setattr(provenance, "HASHED_AT_MOST", 1)
    assert provenance.content_id(added / "shards") is None
    assert provenance.dataset_id(added / "shards", added) == expected
    (added / "other").mkdir(exist_ok=True)
    (added / "other" / "x").write_bytes(b"xx")
    assert provenance.dataset_id(added / "other", added) == "unknown"


def test_changed_content_changes_its_name(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"one")
    before = provenance.content_id(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = provenance.content_id(tmp_path)
    (tmp_path / "b").write_bytes(b"two")
    assert len({before, renamed, provenance.content_id(tmp_path)}) == 3


def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path):
    assert "git.commit" not in provenance.code_tags(tmp_path)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    run(tmp_path, "git", "init", "-q")
    (tmp_path / "file").write_text("1")
    run(tmp_path, "git", "add", "file")
    run(tmp_path, "git", *identity, "commit", "-qm", "first")
    clean = provenance.code_tags(tmp_path)
    (tmp_path / "file").write_text("2")
    dirty = provenance.code_tags(tmp_path)
    assert len(clean["git.commit"]) == 40
    assert clean["git.commit"] == dirty["git.commit"]
    assert (clean["git.dirty"], dirty["git.dirty"]) == ("false", "true")


def test_packages_are_listed_as_pip_would():
    lines = provenance.installed_packages().splitlines()
    assert any(line.startswith("kedro==") for line in lines)
    assert all(line.count("==") == 1 for line in lines)
