"""The documentation site's pages and files that lie outside docs/, and links to them.

The repository's pages link to each other as GitHub wants it; in the site docs/ is the root.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s]+)")


def _in_repository(page: str, target: str) -> PurePosixPath:
    """Where a link of a page leads, from the repository's root."""
    folder = _ROOT if page in _OUTSIDE else _ROOT / "docs"
    return PurePosixPath((folder / target).resolve().relative_to(_ROOT).as_posix())


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root, and whatever any page links to outside docs/."""
    outside = set(_OUTSIDE)
    for page in [*_OUTSIDE, *(file.src_uri for file in files.documentation_pages())]:
        text = (_ROOT / page if page in _OUTSIDE else _ROOT / "docs" / page).read_text()
        for target in _LINK.findall(text):
            path = _in_repository(page, target.partition("#")[0] or page)
            if path.parts[0] != "docs" and (_ROOT / path).is_file():
                outside.add(path.as_posix())
    for path in sorted(outside):
        files.append(File.generated(config, path, abs_src_path=str(_ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point links to where the site has their targets."""
    source = page.file.src_uri
    if source not in _OUTSIDE and not (_ROOT / "docs" / source).is_file():
        return markdown

    def moved(match: re.Match[str]) -> str:
        target, _, anchor = match[0].partition("#")
        place = _in_repository(source, target).as_posix().removeprefix("docs/")
        return f"{place}#{anchor}" if anchor else place

    return _LINK.sub(moved, markdown)
