"""`kedro run` with errors that a person can read."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS
from kedro.framework.session import KedroSession

from dd3g_kedro.failures import explain
from dd3g_kedro.hooks import tracking_wanted
from dd3g_kedro.leftovers import find_leftovers, remove, table


def _is_not_told_below(record: logging.LogRecord) -> bool:
    """A node's failure is this command's error: once is enough."""
    return record.levelno < logging.ERROR


_COMMAS = (
    " Commas separate items here: a value that holds one, such as a path, goes into a file under "
    "conf/local, as conf/base has them."
)


class Interrupted(click.ClickException):
    """The run was stopped on purpose; shells know exit code 130 as that."""

    exit_code = 130


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as request:
        told = str(request) or "stopped; the same command goes on where work was saved"
        raise Interrupted(told) from request
    except Exception as error:
        message = explain(error)
        if message is None or os.environ.get("DD3G_TRACEBACK", "0") == "1":
            raise
        raise click.ClickException(message) from error


class ExplainedCommand(click.Command):
    """A command that ends a failure people can mend with one paragraph and exit code 1.

    DD3G_TRACEBACK=1 shows the traceback instead; a bug always shows it.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: the failure in words.
        """
        logging.getLogger("kedro.pipeline.node").addFilter(_is_not_told_below)
        with _explained():
            return super().invoke(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed.

        Raises:
            click.ClickException: what cannot be read, in words.
        """
        try:
            with _explained():
                return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "`params`" in error.message:
                raise click.UsageError(error.message + _COMMAS, ctx) from error
            raise


@click.group(context_settings=CONTEXT_SETTINGS, name=__package__)
def cli() -> None:
    """Commands of dd3g-kedro."""


run = ExplainedCommand(
    name="run",
    callback=kedro_run.callback,
    params=kedro_run.params,
    help=kedro_run.help,
)
cli.add_command(run)


@cli.command(cls=ExplainedCommand)
@click.option("--data", type=click.Path(path_type=Path), default=Path("data"), show_default=True)
@click.option("--remove", "removed", is_flag=True, help="Delete what is listed, for good.")
def leftovers(data: Path, *, removed: bool) -> None:
    """List what was kept and no longer belongs to anything, with sizes."""
    found = find_leftovers(data)
    for line in table(found):
        click.echo(line)
    if removed:
        remove(found)
        click.echo("removed")
    elif found:
        click.echo("to remove it: kedro leftovers --remove, or make clean REMOVE=1")


@cli.command(cls=ExplainedCommand)
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
def serve(port: int) -> None:
    """Serve the champion behind http://127.0.0.1:PORT/invocations, by MLflow.

    Where there is none yet, the shipped student is registered and becomes it.
    """
    _require_free(port)
    model, version = _champion_or_shipped()
    click.echo(f"serving {model} version {version} at http://127.0.0.1:{port}/invocations")
    address = ("--host", "127.0.0.1", "--port", str(port))
    served = ("-m", f"models:/{model}/{version}", "--env-manager", "local", *address)
    command = [sys.executable, "-m", "mlflow", "models", "serve", *served]
    beside = Path(sys.executable).parent  # MLflow starts uvicorn by its name
    path = os.pathsep.join((str(beside), os.environ.get("PATH", os.defpath)))
    os.execve(sys.executable, command, {**os.environ, "PATH": path})


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} of 127.0.0.1: expected a free one, found: {error.strerror}. Stop "
                "what listens there, or take another: make serve SERVE_PORT=5002"
            ) from error


def _champion_or_shipped() -> tuple[str, str]:
    """The model's name and its champion: if there is none, the shipped student, registered now."""
    if not tracking_wanted():
        raise click.ClickException(
            "the registry is a part of tracking, which DD3G_TRACKING=0 or an installation without "
            "mlflow and kedro-mlflow switches off; expected it to be on"
        )
    from dd3g_kedro.hooks.store import served_student

    session = KedroSession.create(Path.cwd())
    with session:
        catalog = session.load_context().catalog  # tells MLflow where the store is, too
        uri, name, champion = served_student(lambda: catalog.load("student_registry"))
    if champion is None:
        raise click.ClickException(
            f"registered model {name} in {uri}: expected a version with the alias champion, and "
            "found neither that nor a shipped student to register. Fetch it (make data), or train "
            "one (kedro run --pipelines=distill) and promote it"
        )
    os.environ["MLFLOW_TRACKING_URI"] = uri
    return name, champion
