"""Objects with true views: stored, drawn from meshes, GSO, RTMV, or pictures without truth."""
