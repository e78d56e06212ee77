"""What makes the networks fast on a GPU."""
