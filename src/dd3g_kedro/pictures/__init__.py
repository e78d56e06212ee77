"""Pictures: sRGB floats in [0, 1] with straight alpha."""
