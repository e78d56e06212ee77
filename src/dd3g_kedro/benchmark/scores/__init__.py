"""What is measured of one object, and how sure the means are."""
