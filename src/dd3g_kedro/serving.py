"""The registered model: an image goes in, a PLY file comes out.

MLflow runs this file to build the model (models from code), so nothing is pickled:
`mlflow models serve -m models:/dd3g-student@champion --env-manager local`, then POST
`{"inputs": [{"image": "<base64 of a PNG>", "seed": 0}]}` to /invocations.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from pathlib import Path
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext
from pydantic import BaseModel, Field

_LARGEST = 64 * 2**20  # characters of base64; larger pictures are refused before decoding


class ImageIn(BaseModel):
    """One picture of an object, RGBA or on a uniform background, and the seed of N."""

    image: str = Field(max_length=_LARGEST)
    seed: int = Field(default=0, ge=0, lt=2**63)


def _written(image: str, folder: Path) -> Path:
    path = folder / "image"
    try:
        path.write_bytes(base64.b64decode(image, validate=True))
    except binascii.Error as error:
        raise ValueError(f"image must be a picture's bytes in base64: {error}") from error
    return path


class ImageToGaussians(PythonModel):
    """G_theta behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the student once, when the server starts."""
        from dd3g_kedro.core.devices import default_device
        from dd3g_kedro.core.student.weights import load_student

        self._student = load_student(context.artifacts["student"]).to(default_device())

    def predict(  # type: ignore[override] # models with type hints leave the context out
        self,
        model_input: list[ImageIn],
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> list[str]:
        """Base64 of one PLY file (3DGS layout) for each picture; the same seed, the same file.

        Raises:
            MlflowException: a picture cannot be used; the server answers 400 with the reason.
        """
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import BAD_REQUEST

        from dd3g_kedro.core.errors import DD3GError

        try:
            return [self._lift(request) for request in model_input]
        except (DD3GError, ValueError) as error:
            told = re.sub(r"\S*dd3g-\w+/image", "image", str(error))  # not the server's own paths
            raise MlflowException(told, error_code=BAD_REQUEST) from error

    def _lift(self, request: ImageIn) -> str:
        from dd3g_kedro.formats.ply import write_ply
        from dd3g_kedro.generation.lifting import generate
        from dd3g_kedro.pictures.config import ImageLimits
        from dd3g_kedro.pictures.reading import read_rgba

        with tempfile.TemporaryDirectory(prefix="dd3g-") as name:
            folder = Path(name)
            picture = _written(request.image, folder)
            rgba = read_rgba(picture, ImageLimits(), remove_background=True)
            gaussians = generate(self._student, rgba, request.seed)
            write_ply(gaussians, folder / "object.ply")
            return base64.b64encode((folder / "object.ply").read_bytes()).decode()


mlflow.models.set_model(ImageToGaussians())
