"""What the source calls a loss, by the names of values, of functions and of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_checked.linter.symbols.observations import Root


def called_loss(root: Root) -> bool:
    """Whether the source calls a value a loss: its name, its function's, or its key."""
    if root.kind == "assign":
        return is_loss_name(root.name)
    if root.kind != "return":
        return False
    if isinstance(root.value, dict):
        return True
    return root.function is not None and is_loss_name(root.function.name)


def is_loss_name(name: str) -> bool:
    """Whether a name is that of what is minimised: no bound, unless it is the negative of one."""
    bare = name.lower().replace("_", "")
    return ("loss" in bare or "criterion" in bare or bare in ("trainingstep", "nelbo", "objective", "cost")) and (
        "elbo" not in bare or "neg" in bare or bare == "nelbo"
    )
