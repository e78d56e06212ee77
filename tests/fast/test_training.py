"""What a distillation's parts are compiled under: switches of torch that it does not promise."""

from __future__ import annotations

import torch
from tests.fakes import tiny_student, tiny_teacher

from dd3g_kedro.fast.training import compile_for_distillation


def test_torch_still_has_the_switches_that_are_thrown():
    """Compiling waits for the first call; a switch that is gone raises here, not on a GPU."""
    teacher, benchmark = tiny_teacher(), torch.backends.cudnn.benchmark
    functorch, dynamo = torch._functorch.config, torch._dynamo.config
    assert isinstance(functorch.donated_buffer, bool)
    assert isinstance(dynamo.recompile_limit, int)
    with functorch.patch(donated_buffer=True), dynamo.patch(recompile_limit=8):
        compile_for_distillation(tiny_student(), teacher)
        assert functorch.donated_buffer is False
        assert dynamo.recompile_limit == 64
    torch.backends.cudnn.benchmark = benchmark
    assert teacher.asked.network._compiled_call_impl is not None
