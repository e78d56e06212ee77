"""Others' released weights, read into this project's networks."""
