"""What is compared, and what it costs."""
