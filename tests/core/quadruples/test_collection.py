"""A folder of quadruples equals a fresh one whatever was there before, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import TINY_SAMPLING, tiny_quadruples, tiny_teacher, write_images

from dd3g_kedro.core.errors import DD3GError, InvalidShard
from dd3g_kedro.core.files import alone_in, written_whole
from dd3g_kedro.core.quadruples.sampling import QuadrupleSampler
from dd3g_kedro.core.quadruples.shards import QuadrupleShards, encode_png, read_shard, rows_of
from dd3g_kedro.factory.sampling import sample

ONE = replace(TINY_SAMPLING, batch_size=1)  # then a quadruple's bits depend on nothing but itself


def hashes(folder: Path) -> dict[str, str]:
    """What DVC sees."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


@pytest.fixture
def sampled(monkeypatch) -> list[tuple[str, int]]:
    """Every quadruple that the teacher is asked for."""
    asked: list[tuple[str, int]] = []
    views = QuadrupleSampler.views

    def counted(self, jobs):
        asked.extend(jobs)
        return views(self, jobs)

    monkeypatch.setattr(QuadrupleSampler, "views", counted)
    return asked


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> dict[int, tuple[Path, dict[str, Path]]]:
    """Collections of 1, 3 and 4 pictures, each made in one go."""
    made = {}
    for count in (1, 3, 4):
        folder = tmp_path_factory.mktemp(f"fresh{count}")
        images = write_images(folder / "images", count)
        made[count] = sample(images, tiny_teacher(), ONE, folder / "quadruples"), images
    return made


def test_an_added_picture_costs_its_own_quadruples_and_ends_like_a_fresh_collection(
    fresh, tmp_path, sampled
):
    whole, images = fresh[4]
    newcomer = sorted(images)[0]  # it comes first, so every shard changes
    rest = {image_id: path for image_id, path in images.items() if image_id != newcomer}
    folder = sample(rest, tiny_teacher(), ONE, tmp_path / "quadruples")
    sampled.clear()
    sample(images, tiny_teacher(), ONE, folder)
    assert {image_id for image_id, _ in sampled} == {newcomer}
    assert len(sampled) == 2
    assert hashes(folder) == hashes(whole)


def test_one_picture_and_back_costs_nothing_and_loses_nothing(fresh, tmp_path, sampled):
    whole, images = fresh[4]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    sample(images, tiny_teacher(), replace(ONE, images=1), folder)
    assert len(QuadrupleShards(folder).require()) == 2
    sample(images, tiny_teacher(), ONE, folder)
    assert sampled == []
    assert hashes(folder) == hashes(whole)


def test_other_portions_and_more_seeds_are_made_of_what_is_there(fresh, tmp_path, sampled):
    whole, images = fresh[3]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    sample(images, tiny_teacher(), replace(ONE, shard_size=5), folder)
    assert sampled == []
    assert [shard.rows for shard in QuadrupleShards(folder).require().listed] == [5, 1]
    sample(images, tiny_teacher(), replace(ONE, seeds_per_image=3), folder)
    assert len(sampled) == 3


def test_two_that_sample_into_one_folder_at_once_are_told_to_wait(tmp_path):
    images, teacher = write_images(tmp_path / "images", 1), tiny_teacher()
    folder = tmp_path / "quadruples"
    with alone_in(folder), pytest.raises(DD3GError, match=f"quadruples: process {os.getpid()} is"):
        sample(images, teacher, TINY_SAMPLING, folder)
    (folder / ".in_use").write_text("4194305")  # of one that was killed: nobody holds it
    sample(images, teacher, TINY_SAMPLING, folder)
    assert {path.name for path in folder.iterdir()} == {"00000.parquet", "manifest.json"}


@pytest.mark.parametrize("change", [{"steps": 1}, {"guidance_scale": 3.0}, {"seed": 4}, "teacher"])
def test_what_another_setting_made_is_set_aside_and_found_again(fresh, tmp_path, sampled, change):
    whole, images = fresh[1]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    teacher = tiny_teacher(1) if change == "teacher" else tiny_teacher()
    sample(images, teacher, ONE if change == "teacher" else replace(ONE, **change), folder)
    assert len(sampled) == 2
    assert hashes(folder).keys() == hashes(whole).keys()
    assert not set(hashes(folder).values()) & set(hashes(whole).values())
    sample(images, tiny_teacher(), ONE, folder)
    assert len(sampled) == 2
    assert hashes(folder) == hashes(whole)


def test_anything_else_leaves_the_folder_and_is_kept(fresh, tmp_path):
    whole, images = fresh[1]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    (folder / "notes.txt").write_text("mine")
    (folder / "00007.parquet").write_bytes(b"a shard of before there were manifests")
    (folder / ".00003.parquet.17.partial").write_bytes(b"of a run that was killed")
    sample(images, tiny_teacher(), ONE, folder)
    assert hashes(folder) == hashes(whole)
    unknown = folder.parent / "kept" / "quadruples" / "unknown"
    assert {p.suffix: p.read_bytes()[:4] for p in unknown.iterdir()} == {
        ".txt": b"mine",
        ".parquet": b"a sh",
    }


@pytest.mark.parametrize("fault", ["cut short", "rotten", "gone"])
def test_only_a_damaged_shard_is_made_again(fresh, tmp_path, sampled, fault):
    whole, images = fresh[3]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    path = folder / "00001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(content if fault == "rotten" else content[:100])
    with pytest.raises(InvalidShard, match=r"00001\.parquet.*kedro run --pipelines=sample"):
        QuadrupleShards(folder).require()
    sample(images, tiny_teacher(), ONE, folder)
    assert len(sampled) == 2
    assert hashes(folder) == hashes(whole)


def test_rotten_bytes_name_their_file_wherever_they_are(fresh, tmp_path):
    """Of the pictures, which make up nearly all of a shard."""
    folder = shutil.copytree(fresh[1][0], tmp_path / "quadruples")
    path = folder / "00000.parquet"
    whole = path.read_bytes()
    view = rows_of(read_shard(path))[0].output_images[2]
    place = whole.index(view)
    for offset in range(0, len(view), 97):
        rotten = bytearray(whole)
        rotten[place + offset] ^= 1
        path.write_bytes(rotten)
        with pytest.raises(InvalidShard, match=r"00000\.parquet: expected a whole shard"):
            QuadrupleShards(folder)[0]


def test_a_kept_shard_that_rots_is_not_taken(fresh, tmp_path, sampled):
    whole, images = fresh[3]
    folder = shutil.copytree(whole, tmp_path / "quadruples")
    sample(images, tiny_teacher(), replace(ONE, images=1), folder)
    kept = sorted((folder.parent / "kept" / "quadruples").glob("*/*.parquet"))
    content = bytearray(kept[0].read_bytes())
    content[len(content) // 3] ^= 255
    kept[0].write_bytes(content)
    sample(images, tiny_teacher(), ONE, folder)
    assert len(sampled) == 2
    assert hashes(folder) == hashes(whole)


def test_readers_follow_the_manifest_and_refuse_what_is_not_finished(fresh, tmp_path):
    folder = shutil.copytree(fresh[3][0], tmp_path / "quadruples")
    shutil.copy(folder / "00001.parquet", folder / "00009.parquet")
    assert len(QuadrupleShards(folder).require()) == 6
    document = json.loads((folder / "manifest.json").read_text())
    assert (document["planned"], document["complete"]) == (6, True)
    document["shards"][2]["sha256"] = None
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InvalidShard, match=r"the sampling was not finished"):
        QuadrupleShards(folder).require()
    (folder / "00002.parquet").unlink()
    with pytest.raises(InvalidShard, match=r"2 of 6 quadruples are missing.*00002\.parquet"):
        QuadrupleShards(folder).require()
    (folder / "manifest.json").write_text('{"shards": [{"name": "../x", "rows": 1, "sha256": ""}]}')
    with pytest.raises(InvalidShard, match=r"manifest\.json: expected a list of shards"):
        QuadrupleShards(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(InvalidShard, match="expected quadruple shards and their manifest"):
        QuadrupleShards(folder).require()


def test_a_full_disk_leaves_whole_shards_and_the_run_goes_on(fresh, tmp_path, monkeypatch):
    whole, images = fresh[3]
    written = []

    def full(path):
        if Path(path).suffix == ".parquet" and len(written) == 1:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        return written_whole(path)

    with monkeypatch.context() as patch:
        patch.setattr("dd3g_kedro.core.quadruples.shards.written_whole", full)
        with pytest.raises(OSError, match=r"No space left.*parquet"):
            sample(images, tiny_teacher(), ONE, tmp_path / "quadruples")
    there = hashes(tmp_path / "quadruples")
    assert set(there) == {"manifest.json", "00000.parquet"}
    with pytest.raises(InvalidShard, match=r"4 of 6 quadruples are missing"):
        QuadrupleShards(tmp_path / "quadruples").require()
    sample(images, tiny_teacher(), ONE, tmp_path / "quadruples")
    assert hashes(tmp_path / "quadruples") == hashes(whole)


@pytest.mark.slow
def test_two_processes_make_what_one_makes(fresh, tmp_path):
    whole, images = fresh[4]
    sample(images, tiny_teacher(), replace(ONE, processes=2), tmp_path / "quadruples")
    assert hashes(tmp_path / "quadruples") == hashes(whole)


def test_the_fingerprint_follows_the_bytes(tmp_path):
    shards, _, _ = tiny_quadruples(tmp_path, count=1)
    row = rows_of(read_shard(shards.paths[0]))[0]
    assert encode_png is not None and row.output_images
    document = json.loads((shards.folder / "manifest.json").read_text())
    before = shards.fingerprint
    document["shards"][0]["sha256"] = "0" * 64
    (shards.folder / "manifest.json").write_text(json.dumps(document))
    assert QuadrupleShards(shards.folder).fingerprint != before
