"""Trainings that differ in one thing, and what the difference does (Tables II-IV, Figs. 9, 10)."""
