"""How alike pictures are: PSNR, SSIM, LPIPS, CLIP similarity; sRGB in [0, 1]."""
