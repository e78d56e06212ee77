"""Raw features to Gaussians, and Gaussians to files (3DGS PLY, antimatter15's .splat)."""
