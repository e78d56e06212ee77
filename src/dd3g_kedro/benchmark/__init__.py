"""Scores of image-to-views methods against ground-truth views (Table I)."""
