"""What the last call of a stage bound, for the eye: `print(shapes_of(model.encode))`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vae_checked.contracts.annotations import EMPTY, Signature
from vae_checked.contracts.binding import Bindings, first_mismatch
from vae_checked.contracts.message import value_text


def describe_call(
    stage: str, signature: Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> str:
    """A call that kept its contract, in words: every annotated value, and under it what the axes stand for."""
    bound = signature.parameters.bind(*args, **kwargs)
    bound.apply_defaults()
    bindings = Bindings(bound.arguments)
    passed = []
    for where, hint, value in signature.passed(args, kwargs):
        if hint is not EMPTY:
            first_mismatch(hint, value, where, bindings)
            passed.append(f"{where}: {value_text(value)}")
    returned = ""
    if signature.result is not EMPTY:
        first_mismatch(signature.result, result, "result", bindings)
        returned = f" -> {value_text(result)}"
    axes = ", ".join(f"{name} = {bound.size}" for name, bound in bindings.names.items())
    return f"{stage}({', '.join(passed)}){returned}" + (f"\n{axes}" if axes else "")
