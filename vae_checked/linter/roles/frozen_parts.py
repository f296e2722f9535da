"""Parts that code takes out of training: of an encoder that learns nothing any more no loss needs the KL."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection

from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.symbols.values import Module

_FLAG = "requires_grad"
# What takes the parts that it is handed out of training, by its name.
_FREEZING = re.compile(r"(?<!un)(?<!un_)freeze", re.IGNORECASE)
# Where networks come from that were trained before, and judge what is decoded.
_LIBRARIES = frozenset("torchvision timm lpips piq facenet_pytorch".split())
# Parts that are frozen by turns, or that only judge what is decoded.
_JUDGES = re.compile(r"disc|critic|netD|lpips|vgg|percep|classif|inception|resnet", re.IGNORECASE)


def freezes(evaluation: Evaluation) -> bool:
    """Whether a file of an evaluation takes the parameters of anything but a judge out of training."""
    return any(module.read_once(_freezes) for module in evaluation.modules())


def loop_over_parameters(node: ast.AST) -> list[ast.AST]:
    """What stands in a loop over all parameters of something that switches their gradients off, and does no more."""
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call) or syntax.called(node.iter) != "parameters":
        return []
    off = (_is_switched_off(each.value if isinstance(each, ast.Expr) else each) for each in node.body)
    return list(syntax.descendants(node)) if all(off) else []


def of_libraries(nodes: Collection[ast.AST]) -> frozenset[str]:
    """What is bound, as it is written, to nothing but networks of libraries: no part of any model of the project."""
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in nodes
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0] in _LIBRARIES
    }
    bound = Counter(
        ast.unparse(node)
        for node in nodes
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store)
    )
    bound.update(node.arg for node in nodes if isinstance(node, ast.arg))
    made = Counter(
        ast.unparse(node.targets[0])
        for node in nodes
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_made_of(node.value, imported)
    )
    return frozenset(name for name, count in made.items() if bound[name] == count)


def handed(nodes: Collection[ast.AST]) -> frozenset[str]:
    """The names that stand for one thing after another: what a function is handed, and what a loop has in hand."""
    loops = (node.target for node in nodes if isinstance(node, (ast.For, ast.AsyncFor)))
    looped = (each.id for target in loops for each in syntax.descendants(target) if isinstance(each, ast.Name))
    return frozenset((*looped, *(node.arg for node in nodes if isinstance(node, ast.arg))))


def _is_made_of(value: ast.expr, imported: set[str]) -> bool:
    """Whether a call is one of a library, which is handed nothing that may be a part of a model."""
    names = {each.id for each in syntax.descendants(value) if isinstance(each, ast.Name)} - {"device"}
    return bool(names) and names <= imported and any(isinstance(each, ast.Call) for each in syntax.descendants(value))


_Loop = ast.For | ast.AsyncFor | ast.ListComp | ast.GeneratorExp


def _freezes(module: Module) -> bool:
    of, looped = module.file.of, set[int]()
    loops: tuple[_Loop, ...] = (*of(ast.For), *of(ast.AsyncFor), *of(ast.ListComp), *of(ast.GeneratorExp))
    for node in loops:
        off = _switched_off_in(node)
        looped |= set(map(id, off))
        if off and any(_JUDGES.search(owner) is None for owner in _owners(node)):
            return True
    whole = (node for node in of(ast.Call) if id(node) not in looped)
    if any(_is_of_a_weight(node) and _JUDGES.search(ast.unparse(node)) is None for node in of(ast.Assign)):
        return True
    return any(
        (_is_switched_off(node) and _JUDGES.search(ast.unparse(node.func)) is None)
        or (_FREEZING.search(syntax.called(node)) is not None and _JUDGES.search(ast.unparse(node)) is None)
        for node in whole
    )


def _is_of_a_weight(node: ast.Assign) -> bool:
    """Whether the flag of a layer's own weight or bias is set to False, by their names."""
    owners = [each.value for each in node.targets if isinstance(each, ast.Attribute)]
    weights = (isinstance(each, ast.Attribute) and each.attr in ("weight", "bias") for each in owners)
    return _is_switched_off(node) and all(weights)


def _switched_off_in(loop: _Loop) -> list[ast.AST]:
    """What a loop does to what it goes through that takes it out of training."""
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        return [item for each in loop.body for item in syntax.descendants(each) if _is_switched_off(item)]
    return [loop.elt] if _is_switched_off(loop.elt) else []


def _owners(loop: _Loop) -> list[str]:
    """Whose parameters a loop goes through, as it is written; all that it goes through where it names none."""
    gone_through = loop.iter if isinstance(loop, (ast.For, ast.AsyncFor)) else loop.generators[-1].iter
    asked = [
        ast.unparse(each)
        for each in syntax.descendants(gone_through)
        if isinstance(each, ast.Call) and syntax.called(each) in ("parameters", "named_parameters")
    ]
    return asked or [ast.unparse(gone_through)]


def _is_switched_off(node: ast.AST) -> bool:
    """Whether a statement or a call sets nothing but the flag of some parameters, and sets it to False."""
    if isinstance(node, ast.Assign):
        are_flags = all(isinstance(each, ast.Attribute) and each.attr == _FLAG for each in node.targets)
        return are_flags and _is_false([node.value])
    called = node.func if isinstance(node, ast.Call) else None
    is_flag = isinstance(called, ast.Attribute) and called.attr == f"{_FLAG}_"
    given = [*node.args[:1], *(each.value for each in node.keywords)] if isinstance(node, ast.Call) else []
    return is_flag and _is_false(given)


def _is_false(values: list[ast.expr]) -> bool:
    return any(isinstance(value, ast.Constant) and value.value is False for value in values)
