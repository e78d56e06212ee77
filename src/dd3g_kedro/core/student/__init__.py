"""G_theta: the student (Sec. III-B)."""
