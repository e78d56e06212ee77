"""The user study of Sec. IV-A."""
