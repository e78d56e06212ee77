"""Distances between pictures: PSNR, SSIM, LPIPS; sRGB in [0, 1]."""
