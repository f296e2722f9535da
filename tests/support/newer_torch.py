"""What an older torch cannot do, and the tests that are left out for it."""

from __future__ import annotations

import pytest
import torch.distributed.fsdp
import torch.export

TORCH = tuple(int(part) for part in torch.__version__.split(".")[:2])
HAS_OPEN_AXES = hasattr(torch.export.Dim, "AUTO")
OPEN_AXES = pytest.mark.skipif(
    not HAS_OPEN_AXES, reason="this torch.export cannot leave an axis open: nothing is compared"
)
# torch 2.6 has it for GPUs alone: it asks streams for what those of a CPU do not have there.
HAS_FSDP2 = hasattr(torch.distributed.fsdp, "fully_shard") and hasattr(torch.cpu.Stream, "record_event")
TELLS_SAVED_TENSOR_HOOKS = hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks")
# torch 2.4 refuses it itself: "DDPOptimizer backend: Found a higher order op in the graph".
COMPILES_CHECKPOINTS_UNDER_DDP = TORCH >= (2, 6)
