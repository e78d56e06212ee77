from __future__ import annotations

import pandas as pd

from dd3g_kedro.datasets.kept_text import KeptTableDataset, KeptTextDataset, KeptVersionsDataset


def test_an_empty_text_leaves_the_file_as_it_is(tmp_path):
    stored = KeptTextDataset(filepath=str(tmp_path / "folder" / "page.html"))
    assert stored.load() is None
    stored.save("")
    assert not stored.exists()
    stored.save("größer")
    stored.save("")
    assert stored.load() == "größer"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["page.html"]


def test_every_version_of_a_text_is_kept(tmp_path):
    path = tmp_path / "key.json"
    path.write_text("from before")
    stored = KeptVersionsDataset(filepath=str(path))
    for text in ("first", "second", ""):
        stored.save(text)
    assert path.read_text() == "second"
    assert stored.load()[0] == "second"
    assert sorted(stored.load()) == ["first", "from before", "second"]
    assert KeptVersionsDataset(filepath=str(tmp_path / "absent.json")).load() == []


def test_an_empty_table_leaves_what_was_collected(tmp_path):
    stored = KeptTableDataset(filepath=str(tmp_path / "t.csv"), save_args={"index": False})
    empty, full = pd.DataFrame(columns=["a"]), pd.DataFrame({"a": [1]})
    stored.save(empty)
    assert stored.load().empty  # whoever reads it finds a table
    for table in (full, empty):
        stored.save(table)
    assert stored.load().equals(full)
