"""What every step of a distillation goes through, compiled."""

from __future__ import annotations

import torch

from dd3g_kedro.core.student.blocks import TransformerBlock
from dd3g_kedro.core.student.pattern_extraction import ResBlock, SpatialTransformer3D
from dd3g_kedro.core.student.weights import Student
from dd3g_kedro.core.teacher.teacher import Teacher


def compile_for_distillation(student: Student, teacher: Teacher) -> None:
    """Part by part, in place: equal parts are compiled once."""
    torch._functorch.config.donated_buffer = False  # the loop asks each term for its own gradients
    torch.backends.cudnn.benchmark = True
    torch._dynamo.config.recompile_limit = 64  # four levels, with and without gradients
    teacher.asked.network.compile()
    encoder = teacher.autoencoder.encoder
    repeated = (TransformerBlock, ResBlock, SpatialTransformer3D)
    own = (module for module in student.modules() if isinstance(module, repeated))
    for part in (*own, *encoder.down_blocks, encoder.mid_block):
        part.compile(dynamic=False)
