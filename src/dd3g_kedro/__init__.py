"""DD3G: distil a multi-view diffusion model into an image-to-3D-Gaussians generator."""

import os

__version__ = "0.1.0"

# Else MKL may add in another order from run to run, and the same training ends in other last bits.
# Read when MKL is first used, so set before anything computes; whoever sets them is not overruled.
os.environ.setdefault("MKL_CBWR", "AUTO")
os.environ.setdefault("MKL_DYNAMIC", "FALSE")
