"""`kedro run` with errors that a person can read."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from dd3g_kedro.failures import explain
from dd3g_kedro.leftovers import find_leftovers, remove, table


def _is_not_told_below(record: logging.LogRecord) -> bool:
    """A node's failure is this command's error: once is enough."""
    return record.levelno < logging.ERROR


class Interrupted(click.ClickException):
    """The run was stopped on purpose; shells know exit code 130 as that."""

    exit_code = 130


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
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as request:
            told = str(request) or "stopped; the same command goes on where work was saved"
            raise Interrupted(told) from request
        except Exception as error:
            message = explain(error)
            if message is None or os.environ.get("DD3G_TRACEBACK", "0") == "1":
                raise
            raise click.ClickException(message) from error


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


@cli.command()
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


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@click.option("--model", default="dd3g-student", show_default=True, help="Its registered name.")
def serve(port: int, model: str) -> None:
    """Serve the champion behind http://127.0.0.1:PORT/invocations, by MLflow."""
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    from dd3g_kedro.hooks.store import tracking_uri

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"port {port} of 127.0.0.1: expected a free one, found: {error.strerror}. Stop "
                "what listens there, or take another: make serve SERVE_PORT=5002"
            ) from error
    uri = tracking_uri(None, Path.cwd())
    database = Path(uri.removeprefix("sqlite:///"))
    try:
        if uri.startswith("sqlite:///") and not database.is_file():
            raise MlflowException(f"{database} does not exist")
        MlflowClient(tracking_uri=uri).get_model_version_by_alias(model, "champion")
    except MlflowException as error:
        raise click.ClickException(
            f"registered model {model} in {uri}: expected a version with the alias champion, "
            f"found none ({error.message}). A tracked `kedro run --pipelines=distill`, as in "
            "`make demo`, registers the shipped student as the champion, and yours beside it"
        ) from error
    os.environ["MLFLOW_TRACKING_URI"] = uri
    address = ("--host", "127.0.0.1", "--port", str(port))
    served = ("-m", f"models:/{model}@champion", "--env-manager", "local", *address)
    command = [sys.executable, "-m", "mlflow", "models", "serve", *served]
    os.execv(sys.executable, command)
