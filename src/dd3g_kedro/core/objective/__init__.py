"""What the student is trained for (Sec. III-C)."""
