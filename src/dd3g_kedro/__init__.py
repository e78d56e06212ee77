"""DD3G: distil a multi-view diffusion model into an image-to-3D-Gaussians generator."""

__version__ = "0.1.0"
