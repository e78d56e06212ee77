"""What a run was made from: code, data, machine. Only the standard library."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path

# Hashing more than this at every start would be felt; DVC's own record is taken instead.
HASHED_AT_MOST = 256 * 2**20  # bytes
_DVC_VARIABLES = {
    "DVC_STAGE": "dvc.stage",
    "DVC_EXP_NAME": "dvc.exp_name",
    "DVC_EXP_BASELINE_REV": "dvc.exp_baseline_rev",
}


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None  # no git, or not a repository: the run has no commit to name
    return done.stdout.strip()


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def code_tags(root: Path) -> dict[str, str]:
    """The git commit, whether files differ from it, the lock of DVC and the stage being run."""
    tags = {}
    if commit := _git(root, "rev-parse", "HEAD"):
        tags["git.commit"] = commit
        tags["git.dirty"] = str(bool(_git(root, "status", "--porcelain"))).lower()
    if (lock := root / "dvc.lock").is_file():
        tags["dvc.lock.md5"] = _md5(lock)
    return tags | {
        tag: os.environ[name] for name, tag in _DVC_VARIABLES.items() if name in os.environ
    }


def content_id(path: Path) -> str | None:
    """The md5 under which DVC would keep this file or folder, None where it would take too long.

    A folder's id is the md5 of DVC's listing of it, with `.dir` behind: the same text stands in
    `dvc.lock` and in `*.dvc`.
    """
    if path.is_file():
        return _md5(path) if path.stat().st_size <= HASHED_AT_MOST else None
    files = sorted(p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    if sum(p.stat().st_size for p in files) > HASHED_AT_MOST:
        return None
    listing = [{"md5": _md5(p), "relpath": p.relative_to(path).as_posix()} for p in files]
    listing.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(listing, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + ".dir"


def recorded_id(path: Path, root: Path) -> str | None:
    """The md5 that `dvc.lock` or `<path>.dvc` holds for a path."""
    import yaml

    pointer = path.with_name(path.name + ".dvc")
    if pointer.is_file():
        outs = yaml.safe_load(pointer.read_text())["outs"]
        return str(outs[0].get("md5"))
    lock = root / "dvc.lock"
    stages = yaml.safe_load(lock.read_text()).get("stages", {}) if lock.is_file() else {}
    for stage in stages.values():
        for out in stage.get("outs", []):
            if (root / out["path"]).resolve() == path.resolve():
                return f"{out.get('md5')} (recorded)"
    return None


def dataset_id(path: Path, root: Path) -> str:
    """What identifies the content at a path: its md5, else DVC's record of it, else `unknown`."""
    return content_id(path) or recorded_id(path, root) or "unknown"


def installed_packages() -> str:
    """Every distribution with its version, one a line, as `pip freeze` writes it."""
    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found, key=str.lower))


def _gpus() -> list[str]:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:  # no library, no driver or no device: each has its own class
        return (
            [] if "NVML" in type(error).__name__ or isinstance(error, ImportError) else [str(error)]
        )
    count = pynvml.nvmlDeviceGetCount()
    return [
        str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(i))) for i in range(count)
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def machine() -> dict[str, object]:
    """The processor, its cores, memory, graphics cards, Python and the operating system."""
    pages = (
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    )
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "gpus": _gpus(),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
