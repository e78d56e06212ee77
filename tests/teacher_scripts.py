"""What the tests in their own processes begin with."""

TINY_UNET = """
import copy, torch
from torch import nn
from dd3g_kedro.core.teacher import unet as unets
from dd3g_kedro.core.teacher.config import UNetConfig
from dd3g_kedro.fast import accelerate
from dd3g_kedro.fast.accelerate import prepare_for_sampling
config = UNetConfig(model_channels=32, channel_mult=(1, 2), num_res_blocks=1, num_head_channels=16,
                    attention_resolutions=(1,), context_dim=8, ip_embedding_dim=12, ip_dim=3)
unet = unets.MultiViewUNet(config).eval()
for parameter in unet.parameters():
    nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
inputs = (torch.randn(10, 4, 8, 8), torch.full((10,), 981), torch.randn(1, 6, 8),
          torch.randn(10, 16), torch.randn(2, 7, 12), torch.randn(2, 4, 8, 8))
unet._check = lambda *_: None  # it refuses float16 on a CPU; Triton interprets no bfloat16
expected = prepare_for_sampling(unet)(*inputs)
plain = copy.deepcopy(unet).half()(*inputs)
torch.cuda.get_device_capability = lambda device=None: (9, 0)
"""
