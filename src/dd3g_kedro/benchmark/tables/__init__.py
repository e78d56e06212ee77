"""What an evaluation looks like: Table I, figures, picture sheets."""
