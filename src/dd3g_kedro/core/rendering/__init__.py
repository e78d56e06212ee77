"""R(G, C): Gaussians to pictures, gsplat on CUDA, Numba on the CPU; the only home of pixels."""
