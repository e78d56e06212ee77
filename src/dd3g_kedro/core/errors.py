"""The few failures that a caller can act on.

Every message names the file or key, what was expected, what came and what to do.
"""


class DD3GError(Exception):
    """Base of all errors of this project; the message is meant to be read by a person."""


class InvalidImage(DD3GError):
    """A picture cannot be used: unreadable, opaque, empty, gigantic, animated, ..."""


class InvalidMesh(DD3GError):
    """A mesh file does not load or holds no surface."""


class InvalidGaussians(DD3GError):
    """A file of Gaussians is unreadable, truncated or of another layout, or holds no numbers."""


class InvalidWeights(DD3GError):
    """A checkpoint is missing, truncated, of another model or of another version."""


class MissingWeights(DD3GError):
    """Weights that the configuration asks for are not on this machine."""


class InvalidShard(DD3GError):
    """A quadruple shard is cut short or was made by another teacher."""


class TrainingDiverged(DD3GError):
    """Too many steps in a row had non-finite gradients."""
