"""The inputs of a model whose shapes are inferred: a specification with a size to vary, and what is drawn to it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vae_checked.adapters import Inputs
from vae_checked.errors import UsageError
from vae_checked.input_spec import HELP, Spec, parse_spec


def varied_spec(text: str) -> Spec:
    """The specification that `text` writes; UsageError when it is none, or has no letter."""
    spec = parse_spec(text)
    if not spec.symbols:
        raise UsageError(f"input {text!r} has no letter, so no size to vary: {HELP}")
    return spec


def draw(spec: Spec, sizes: Mapping[str, int], dtype: torch.dtype, device: torch.device | str) -> Inputs:
    """Inputs of these sizes: data uniform in [0, 1), labels below their number; on `meta` nothing is drawn."""
    args: list[Tensor] = []
    kwargs: dict[str, Tensor] = {}
    for each in spec.inputs:
        shape = [sizes[axis] if isinstance(axis, str) else axis for axis in each.axes]
        if torch.device(device).type == "meta":
            # A draw imports the compiler, which takes as long as torch itself.
            tensor = torch.empty(shape, dtype=dtype if each.labels is None else torch.int64, device=device)
        elif each.labels is None:
            tensor = torch.rand(shape, dtype=dtype, device=device)
        else:
            tensor = torch.randint(0, each.labels, shape, device=device)
        if each.name is None:
            args.append(tensor)
        else:
            kwargs[each.name] = tensor
    if spec.one_mapping:
        return Inputs((kwargs,))
    return Inputs(tuple(args), kwargs or None)


def guess_spec(model: nn.Module) -> str:
    """The specification that the model's first layer takes; UsageError when it does not say one."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            return f"B {layer.in_features}"
        if isinstance(layer, nn.RNNCellBase) or (isinstance(layer, nn.RNNBase) and layer.batch_first):
            return f"B T {layer.input_size}"
        for kind, axes in ((nn.Conv1d, "T"), (nn.Conv2d, "H W"), (nn.Conv3d, "D H W")):
            if isinstance(layer, kind):
                return f"B {layer.in_channels} {axes}"
    raise UsageError(f"no input is known for {type(model).__name__}: {HELP}")
