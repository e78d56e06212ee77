"""What is expected of data, as Great Expectations suites.

Only `ImageTable`, the catalog's validator, is light; every other module imports Great Expectations
at its top and takes seconds: import those inside functions.
"""

from dd3g_kedro.expectations.image_table import ImageTable

__all__ = ["ImageTable"]
