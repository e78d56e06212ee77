"""The report: what `evaluate` and `ablate` stored, as one page that needs nothing but itself."""
