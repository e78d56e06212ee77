"""What the documents name is there: links, targets, pipelines, nodes, parameters, paths."""

from __future__ import annotations

import dataclasses
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from kedro.pipeline import Pipeline
from kedro.validation import TypeExtractor

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "data/06_models/initial/MODEL_CARD.md",
]
LINK = re.compile(r"\]\((?!\w+:)([^)\s]*)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PARAMETER = re.compile(r"(?<![\w.\-])(\w+(?:\.\w+)*)=")
SETTING = re.compile(r"(?<![\w.\-/])([a-z]\w*(?:\.\w+)+)=")


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name)
def document(request: pytest.FixtureRequest) -> Path:
    return request.param


def code(text: str) -> list[str]:
    """The lines of code blocks, and what stands in backticks."""
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()[1:-1]]
    return [*lines, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]


def commands(texts: list[str], start: str) -> list[str]:
    """Commands that begin so, without their comments and what follows after `&&` or a comma."""
    found = (re.findall(rf"\b{start} [^#;&]*", text.partition(" #")[0]) for text in texts)
    return [command.strip() for several in found for command in several]


def anchors(path: Path) -> set[str]:
    """The headings of a document as GitHub and the site spell them."""
    plain = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def option(command: str, name: str) -> list[str]:
    found = re.search(rf"--{name}[= ](\S+)", command)
    return found[1].split(",") if found else []


def known(parameters: dict[str, Any], types: dict[str, type], key: str) -> bool:
    """Whether a key is there, has a default, or lies in a mapping that holds names of one's own."""
    value: Any = parameters
    kind: Any = None
    parts = key.split(".")
    for depth, part in enumerate(parts):
        if value is None or value == {}:
            return True
        hints = get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}
        if not isinstance(value, dict) or (part not in value and part not in hints):
            return False
        value = value.get(part)
        kind = types.get(".".join(parts[: depth + 1]), hints.get(part))
    return True


def test_the_readme_is_read_in_minutes():
    assert len((ROOT / "README.md").read_text().split()) <= 1200


def test_every_link_and_picture_is_there(document: Path):
    for link in LINK.findall(document.read_text()):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_picture_says_what_it_shows(document: Path):
    for told in re.findall(r"!\[([^\]]*)\]\(", document.read_text()):
        assert len(told) > 10, document.name


def test_every_make_target_is_there(document: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = code(document.read_text())
    named = {word for text in texts for word in re.findall(r"(?:^|&& )make ([a-z]+)", text)}
    assert named <= targets


def test_every_pipeline_node_namespace_and_environment_is_there(
    document: Path, registered: dict[str, Pipeline]
):
    for command in commands(code(document.read_text()), "kedro run"):
        names = [n for n in option(command, "pipelines?") if n not in ("NAME", "...")]
        assert set(names) <= set(registered), command
        whole = sum((registered[name] for name in names), Pipeline([]))
        assert set(option(command, "nodes")) <= {node.name for node in whole.nodes}, command
        spaces = {node.namespace for node in whole.nodes}
        assert set(option(command, "namespaces")) <= spaces, command
        for environment in set(option(command, "env")) - {"NAME"}:
            assert (ROOT / "conf" / environment).is_dir(), command


def test_every_parameter_is_there(document: Path, base):
    catalogs = "".join(path.read_text() for path in (ROOT / "conf/base").glob("catalog*.yml"))
    taken = set(re.findall(r"runtime_params:(\w+)", catalogs))
    types = TypeExtractor(base.pipelines).extract_types_from_pipelines()
    texts = code(document.read_text())
    named = {key for text in texts for key in PARAMETER.findall(text.partition("--params")[2])}
    named |= {key for text in texts for key in SETTING.findall(text)}
    examples = {"a.b"}
    for key in named - taken - examples:
        assert known(base.parameters, types, key), key


def test_every_path_in_the_repository_is_there(document: Path):
    for text in code(document.read_text()):
        for path in re.findall(r"(?<![\w/.\-])((?:[\w.]+/)+[\w.]+\.(?:py|ya?ml|json|csv))\b", text):
            if path.startswith(("data/", "conf/local/")) or "<" in text:
                continue
            places = (ROOT / path, ROOT / "src/dd3g_kedro" / path)
            assert any(place.exists() for place in places), path


def test_the_readme_lists_every_pipeline(registered: dict[str, Pipeline]):
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert set(rows) >= set(registered) - {"__default__"}


def test_the_architecture_names_every_room():
    told = set(re.findall(r"`([\w/]+)`", (ROOT / "docs/architecture.md").read_text()))
    rooms = {path.parent.name for path in (ROOT / "src/dd3g_kedro").glob("*/__init__.py")}
    assert rooms <= told


def test_citation_and_package_have_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_package_describes_itself_without_its_repository():
    """What a package index shows: no link that leads nowhere."""
    describe = runpy.run_path(str(ROOT / "setup.py"))["description"]
    readme = (ROOT / "README.md").read_text()
    told = describe(readme, "https://example.org/one/two")
    assert LINK.findall(told) == []
    assert "](https://example.org/one/two/raw/HEAD/docs/demo.png)" in told
    assert "[Results](https://example.org/one/two/blob/HEAD/docs/results.md)" in told
    alone = describe(readme, None)
    assert LINK.findall(alone) == []
    assert "![" not in alone
    assert "| Results | how good" in alone
