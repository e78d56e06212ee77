"""The package's description: the README, readable away from its repository.

A package index shows no file of ours. With an address under `[project.urls]` in pyproject.toml
(`Repository = "https://..."`) pictures and links lead there; without one pictures are left out and
links keep their words.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)")


def description(readme: str, repository: str | None) -> str:
    """The README without relative pictures and links."""

    def absolute(match: re.Match[str]) -> str:
        picture, words, target = match.groups()
        if repository is None:
            return "" if picture else words
        kind = "raw" if picture else "blob"
        return f"{picture}[{words}]({repository.rstrip('/')}/{kind}/HEAD/{target})"

    return _LINK.sub(absolute, readme)


if __name__ == "__main__":  # as setuptools runs it
    from setuptools import setup

    _PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=description(
            (_ROOT / "README.md").read_text(encoding="utf-8"),
            _PROJECT.get("urls", {}).get("Repository"),
        ),
        long_description_content_type="text/markdown",
    )
