from __future__ import annotations

from dd3g_kedro.datasets.kept_text import KeptTextDataset


def test_an_empty_text_leaves_the_file_as_it_is(tmp_path):
    stored = KeptTextDataset(filepath=str(tmp_path / "folder" / "page.html"))
    assert stored.load() is None
    stored.save("")
    assert not stored.exists()
    stored.save("größer")
    stored.save("")
    assert stored.load() == "größer"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["page.html"]
