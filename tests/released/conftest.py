from tests.teacher_fixtures import (  # noqa: F401, the fixtures of this folder
    imagedream,
    randomise,
    released_unet,
    tiny_config,
    tiny_unet,
)
