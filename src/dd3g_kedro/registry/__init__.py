"""Which registered student serves: the better one, measured the same way."""
