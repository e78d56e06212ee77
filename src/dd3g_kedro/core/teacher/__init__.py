"""U_base: ImageDream, its conditioning, deterministic DDIM and noise prediction."""
