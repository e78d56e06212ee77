"""DD3G: distil a multi-view diffusion model into an image-to-3D-Gaussians generator."""

import os

__version__ = "0.1.0"

# Else MKL may add in another order from run to run, and the same training ends in other last bits.
# Read when MKL is first used, so set before anything computes; whoever sets them is not overruled.
os.environ.setdefault("MKL_CBWR", "AUTO")
os.environ.setdefault("MKL_DYNAMIC", "FALSE")

# Nothing is sent home by any library, unless someone asks for it.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
