"""Files and pictures that other programs open: 3DGS PLY, splat, turntable."""
