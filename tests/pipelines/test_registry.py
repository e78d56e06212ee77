from __future__ import annotations

from pathlib import Path

from dd3g_kedro.pipeline_registry import DEFAULT, NAMES, register_pipelines


def test_every_pipeline_folder_is_registered_under_its_name():
    import dd3g_kedro.pipelines

    folder = Path(dd3g_kedro.pipelines.__file__).parent
    folders = {path.parent.name for path in folder.glob("*/pipeline.py")}
    assert set(register_pipelines()) == folders | {"__default__"}
    assert set(NAMES) == folders


def test_default_is_the_chain_from_pictures_to_the_report():
    pipelines = register_pipelines()
    assert DEFAULT == ("validate", "sample", "distill", "evaluate", "report")
    expected = {node.name for name in DEFAULT for node in pipelines[name].nodes}
    assert {node.name for node in pipelines["__default__"].nodes} == expected


def test_the_chain_joins_at_its_datasets():
    """Each link reads what an earlier one writes: a renamed dataset breaks the chain here."""
    pipelines = register_pipelines()
    for index, name in enumerate(DEFAULT[1:], start=1):
        earlier = set().union(*(pipelines[n].all_outputs() for n in DEFAULT[:index]))
        assert pipelines[name].inputs() & earlier, name
