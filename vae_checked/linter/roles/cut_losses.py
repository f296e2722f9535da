"""The number of a loss, differentiated in its place: whichever model it is of, it gives that no gradient."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from vae_checked.facts import Facts
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell
from vae_checked.linter.symbols.values import Module
from vae_checked.linter.torch_model.optimizers import BACKWARD
from vae_checked.record import replace

_PATH = "training.without_gradient"
_CUTTING = frozenset(("detach", "detach_", "data", "item", "numpy", "tolist"))
_MAKING = frozenset(("tensor", "Tensor", "FloatTensor", "Variable", "Parameter"))
_DIFFERENTIATING = re.compile(rf"\.[\s\\]*(?:{'|'.join(sorted(BACKWARD))})\b")
# What is in front of it, as far as it is names: `loss`, `self.data.loss`.
_NAMES = re.compile(r"[\w.]*$")
_MOST_LETTERS = 200


def left_open(facts: Iterable[Facts], modules: Iterable[Module]) -> Iterator[Facts]:
    """Facts of one project: that a model gets a gradient is open where a file of it differentiates a number alone."""
    cut = any(cell.read_once(_differentiates_a_number) for module in modules for cell in module.file.cells)
    reason = "the number of a loss is differentiated, which may be the one of this model"
    for item in facts:
        known = item.training.without_gradient
        is_clean = cut and known is not None and not known.value
        yield replace(item, elsewhere={_PATH: reason, **item.elsewhere}) if is_clean else item


def _differentiates_a_number(cell: Cell) -> bool:
    text = cell.text
    if not any(
        _may_be_cut(text[max(found.start() - _MOST_LETTERS, 0) : found.start()])
        for found in _DIFFERENTIATING.finditer(text)
    ):
        # Of most files the tree, which may be let go by now, is not asked for.
        return False
    calls = (node.func for node in syntax.descendants(cell.tree) if isinstance(node, ast.Call))
    methods = (called for called in calls if isinstance(called, ast.Attribute))
    return any(method.attr in BACKWARD and _is_cut(method.value) for method in methods)


def _may_be_cut(written: str) -> bool:
    """Whether what ends in front of a call may be cut from what it is made of: `loss.data`, the end of a call."""
    before = written.rstrip("\\ \t\n")
    names = _NAMES.search(before)
    return before.endswith((")", "]")) or (names is not None and not _CUTTING.isdisjoint(names[0].split(".")))


def _is_cut(node: ast.expr) -> bool:
    """Whether a value has no gradient of what it was made of: `loss.detach().requires_grad_()`."""
    while True:
        if isinstance(node, ast.Attribute):
            if node.attr in _CUTTING:
                return True
            node = node.value
        elif isinstance(node, ast.Call):
            name = syntax.called(node)
            if name == "tensor" and node.args:
                return True
            node = node.args[0] if name in _MAKING and node.args else node.func
        else:
            return False
