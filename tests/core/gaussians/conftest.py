from tests.gaussian_fixtures import make_object  # noqa: F401, the fixture of this folder
