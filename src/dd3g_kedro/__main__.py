"""`python -m dd3g_kedro` runs a pipeline where the package is installed without its project."""

from __future__ import annotations

import sys
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*arguments: Any, **keywords: Any) -> Any:
    """Run the project's `run` command."""
    configure_project("dd3g_kedro")
    keywords["standalone_mode"] = not hasattr(sys, "ps1")
    return find_run_command("dd3g_kedro")(*arguments, **keywords)


if __name__ == "__main__":
    main()
