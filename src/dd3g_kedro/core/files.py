"""Files are written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dd3g_kedro.core.errors import DD3GError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without error.

    The block may create a file or a folder there. Whatever stood at `path` is replaced; on an
    error it stays as it was and the temporary path is removed.

    Raises:
        OSError: the disk is full or not writable; the message names the path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        elif path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        told = os.strerror(error.errno)  # pyarrow's own words name no file
        raise OSError(error.errno, told, str(path)) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


IN_USE = ".in_use"  # in a folder that a process holds


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for one process; the system lets go of it when the process is gone.

    Raises:
        DD3GError: another one holds it.
    """
    path = folder / IN_USE
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a+") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                held.seek(0)
                raise DD3GError(
                    f"{folder}: process {held.read() or '?'} is at work here. Wait until it "
                    "has ended, or stop it, and start the same command again."
                ) from error
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(held.fileno())):
                continue  # the other one has just ended and taken the file with it
            held.truncate(0)
            held.write(str(os.getpid()))
            held.flush()
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
