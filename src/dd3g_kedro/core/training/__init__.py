"""Loops that fit networks: the teacher's parts and the student (Sec. III-C)."""
