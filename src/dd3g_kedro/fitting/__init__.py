"""Per-object optimisation of Gaussians: to posed pictures, and by the teacher's score."""
