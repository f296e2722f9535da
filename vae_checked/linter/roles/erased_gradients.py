"""Gradients that are erased between `backward` and the step that would take them: nothing is trained by them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from vae_checked.facts import Fact, Ungiven
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import Cell, SourceCell
from vae_checked.linter.roles.after_backward import followings, functions_of, in_order
from vae_checked.linter.roles.batch_sizes import function_around
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.stored_gradients import Stored, stored_by
from vae_checked.linter.symbols.expression import Expr, Site
from vae_checked.linter.torch_model.optimizers import BACKWARD, NAMES, is_schedule

# What may stand between the two, and differentiates nothing: it shows or keeps numbers, or clips what there is.
_HARMLESS = frozenset(
    "item detach cpu numpy float int str len print append update log info debug write add_scalar set_postfix "
    "set_description parameters clip_grad_norm_ clip_grad_value_ unscale_".split()
)


def erased(losses: Losses) -> Fact[Ungiven] | None:
    """Where `zero_grad()` stands after a `backward()` and before the step of the same optimizer; None elsewhere.

    The three are statements of one block, in this order, with nothing between them that may differentiate anew, or
    that puts gradients back. What is cleared is the optimizer, or the model whose parameters it was made of.
    """
    for source, block, place in losses.read_once(differentiations):
        call = _erasing(block[place + 1 :], source.cell)
        if call is not None:
            return Fact(Ungiven.ERASED, Site(source, call).origin)
    return None


def may_erase(losses: Losses) -> bool:
    """Whether a gradient is cleared before the first step that would take it, at any depth in what follows.

    A branch may be skipped, and what stands between may give another gradient: this says no more than that it may be.
    """
    return any(_may_be_erased(block[place], source.cell) for source, block, place in losses.read_once(differentiations))


def _may_be_erased(statement: ast.stmt, cell: Cell) -> bool:
    """The same of one statement that differentiates, which the losses of several evaluations share."""
    known = cell.read_once(_known)
    if statement not in known:
        known[statement] = any(_may_erase(following, statement, cell) for following in followings(cell, statement))
    return known[statement]


def _known(_: Cell) -> dict[ast.stmt, bool]:
    """What was found of the statements of a file, of those that were asked for."""
    return {}


def _may_erase(following: Sequence[ast.stmt], own: ast.stmt, cell: Cell) -> bool:
    cleared: set[str] = set()
    stepped: set[str] = set()
    # Of what was cleared before something else was differentiated every step takes the gradient of that alone.
    replaced: set[str] = set()
    for statement in in_order(following, cell.read_once(functions_of)):
        stored = stored_by(statement, cell)
        if stored is not None:
            # What is stored one by one has no owner to go by, so that it counts for the first step alone. Of another
            # value it is not known what it moves.
            cleared = cleared - {""} if stored is Stored.GIVEN else cleared | {""}
        for call in (each for each in syntax.descendants(statement) if isinstance(each, ast.Call)):
            method = call.func
            if not isinstance(method, ast.Attribute):
                continue
            if "backward" in method.attr:
                if stepped or not cleared or statement is own:
                    return bool(stepped and replaced)
                replaced |= cleared
            if method.attr == "zero_grad":
                cleared.add(ast.unparse(method.value))
            elif method.attr == "step" and not (replaced and is_schedule(method.value)):
                optimizer = ast.unparse(call.args[0] if call.args else method.value)
                held = holding(optimizer, cell) | ({""} if not stepped else set())
                if replaced and not held & replaced:
                    return False
                if not replaced and optimizer not in stepped and _is_cleared(held, cleared, cell):
                    return True
                stepped.add(optimizer)
    return bool(stepped and replaced)


def _is_cleared(held: set[str], cleared: set[str], cell: Cell) -> bool:
    """Whether what was cleared is an optimizer, its model, or may be a part of it.

    Of an optimizer whose model no name tells that may be anything but another optimizer.
    """
    if held & cleared or any(each.startswith(f"{owner}.") for each in cleared for owner in held if owner):
        return True
    made = {ast.unparse(target) for node in cell.of(ast.Assign) if _makes_optimizer(node) for target in node.targets}
    return len(held - {""}) == 1 and any(each and each not in made and "opt" not in each.lower() for each in cleared)


def _makes_optimizer(node: ast.Assign) -> bool:
    return isinstance(node.value, ast.Call) and syntax.called(node.value) in NAMES


def differentiations(losses: Losses) -> list[tuple[SourceCell, list[ast.stmt], int]]:
    """Where the loss is differentiated: the file, the block, and the place of the statement in it."""
    found = []
    roots, totals = losses.evaluation.observations.roots, {value.uid for value in losses.totals}
    own = [root for root in roots if root.kind == "backward"]
    named = [root for root in roots if root.name and isinstance(root.value, Expr) and root.value.uid in totals]
    taken = {id(root.site.node) for root in own}
    names = {(None if root.function is None else id(root.function.node), root.name) for root in named}
    for source in {id(root.site.source.cell): root.site.source for root in (*own, *named)}.values():
        for block, place, call, owner in source.cell.read_once(_backward):
            if _differentiates(call, owner, taken, names, source.cell):
                found.append((source, block, place))
    return found


def _backward(cell: Cell) -> list[tuple[list[ast.stmt], int, ast.Call, ast.expr]]:
    """The statements of a file that call a `backward`: block, place in it, the call, and what it is called on."""
    return [
        (block, place, call, call.func.value)
        for block in syntax.blocks(cell.nodes)
        for place, statement in enumerate(block)
        if (call := _call(statement)) and isinstance(call.func, ast.Attribute) and call.func.attr in BACKWARD
    ]


def _differentiates(
    call: ast.Call, owner: ast.expr, taken: set[int], names: set[tuple[int | None, str]], cell: Cell
) -> bool:
    """Whether a call of a `backward` is `loss.backward()`, or is handed a loss by its name."""
    if id(owner) in taken:
        return True
    loss = call.args[0] if call.args else None
    around = function_around(call, cell)
    return isinstance(loss, ast.Name) and (None if around is None else id(around), loss.id) in names


def _erasing(following: Sequence[ast.stmt], cell: Cell) -> ast.Call | None:
    """The first call that clears what the next step of an optimizer would take."""
    cleared: dict[str, ast.Call] = {}
    for statement in following:
        call = _call(statement)
        method = call.func if call is not None and isinstance(call.func, ast.Attribute) else None
        if call is not None and method is not None and method.attr == "zero_grad":
            cleared.setdefault(ast.unparse(method.value), call)
        elif call is not None and method is not None and method.attr == "step":
            # `scaler.step(optimizer)` too; a step of another optimizer takes what this loss gave.
            optimizer = ast.unparse(call.args[0] if call.args else method.value)
            return next((made for owner, made in cleared.items() if owner in holding(optimizer, cell)), None)
        elif stored_by(statement, cell) in (Stored.GIVEN, Stored.REPLACED):
            # What was kept before is put back, or something else is stored.
            return None
        elif any(
            syntax.called(each) not in _HARMLESS for each in syntax.descendants(statement) if isinstance(each, ast.Call)
        ):
            return None
    return None


def holding(optimizer: str, cell: Cell) -> set[str]:
    """The names by which its gradients are cleared: its own, and that of the one model that it is made of."""
    made = [
        node.value.args[0]
        for node in cell.nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args
        if syntax.called(node.value) in NAMES and optimizer in map(ast.unparse, node.targets)
    ]
    models = {
        ast.unparse(each.func.value)
        for each in made
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "parameters"
    }
    return {optimizer, *(models if len(models) == len(made) == 1 else ())}


def _call(statement: ast.stmt) -> ast.Call | None:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return value if isinstance(value, ast.Call) else None
