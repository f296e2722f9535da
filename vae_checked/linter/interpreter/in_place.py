"""What code writes into tensors in place: the tensor changes for whoever has it, and for what it is a view of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter.context import Context
from vae_checked.linter.symbols.expression import ELEMENTWISE, Expr, Site
from vae_checked.linter.symbols.registered import is_learned
from vae_checked.linter.symbols.values import External, Function, Scope, Value
from vae_checked.mathematics.ops import OPERATIONS, Kind

# What shares its memory with what it is taken from.
_VIEWS = frozenset(
    name for name, record in OPERATIONS.items() if record.kind in (Kind.RESHAPE, Kind.MOVE, Kind.PART)
) - {"repeat", "diag"} | {"detach", "written", "item", "index"}
# In place by their names, and yet no element is another afterwards.
_KEPT = frozenset(
    "requires_grad_ share_memory_ detach_ squeeze_ unsqueeze_ t_ transpose_ swapaxes_ swapdims_ retain_grad_".split()
)
# Made anew wherever they are written, and one number for all: as many tensors as places.
_BLANK = frozenset(("const", "empty"))
# What may be no tensor, but a list or a table of them.
_UNKNOWN = frozenset("atom attribute batch call data item opaque".split())
# What may be a number of Python's, of which an operator in place makes another one.
_NUMBERS = frozenset("atom attribute call const opaque phi size shape sum mean".split())


def is_in_place(method: str) -> bool:
    """Whether a method changes the tensor that it is called on, by its name."""
    return method.endswith("_") and not method.endswith("__")


def is_of_values(method: str) -> bool:
    """Whether a method in place gives a tensor other elements."""
    return is_in_place(method) and method not in _KEPT


def is_whole(key: Value) -> bool:
    """Whether an index picks all of a tensor: `x[:]`, `x[...]`, `x[:, :]`."""
    parts = key if isinstance(key, tuple) and key else (key,)
    return all(part is Ellipsis or (isinstance(part, slice) and part == slice(None)) for part in parts)


def into_part(context: Context, target: ast.expr, owner: Expr, key: Value, scope: Scope) -> None:
    """Take note that a part of a tensor, which code has by `target`, was written over."""
    if is_learned(owner) or isinstance(key, str) or (isinstance(key, int) and owner.op in _UNKNOWN):
        return
    if isinstance(target, ast.Name):
        known = scope.names.get(target.id)
        if isinstance(known, Expr) and known.uid == owner.uid:
            scope.names[target.id] = as_written(owner, context.site(target))
    into(context, owner, scope, context.site(target))


def by_call(context: Context, call: ast.Call, value: Value, scope: Scope) -> ast.Name | None:
    """Take note of what a call, whose result is dropped, writes into: by its name, or as it is given what it fills.

    `x[:, :3].sigmoid_()`, `torch.sigmoid_(x)`, `torch.sub(x, 1, out=x)`; the name that stands for `value` afterwards.
    """
    is_named = is_of_values(syntax.called(call))
    filled = next((keyword.value for keyword in call.keywords if keyword.arg == "out"), None)
    if not is_named and filled is None:
        return None
    target = context.eval(call.func, scope)
    if isinstance(target, Function) or (isinstance(target, External) and ".init." in target.dotted):
        # What a function of the project does was followed; first values are no others.
        return None
    if filled is None:
        is_method = isinstance(call.func, ast.Attribute) and not isinstance(target, External)
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        filled = owner if is_method else next(iter(call.args), None)
    tensor = context.eval(filled, scope) if isinstance(filled, (ast.Name, ast.Subscript)) else None
    if not isinstance(tensor, Expr) or is_learned(tensor):
        return None
    into(context, tensor, scope, context.site(call))
    is_known = isinstance(target, External) and isinstance(value, Expr) and value.op != "opaque"
    return filled if is_known and isinstance(filled, ast.Name) else None


def by_operator(context: Context, tensor: Expr, scope: Scope, site: Site) -> None:
    """Take note of what `x += 1` writes into: a tensor, and nothing where the name may stand for a number."""
    if _is_tensor(tensor):
        into(context, tensor, scope, site)


def into(context: Context, tensor: Expr, scope: Scope, site: Site) -> None:
    """Take note that a tensor is another than it was: under its other names, and what it is a view of as well.

    A function that stands in another one may have it by a name of that.
    """
    changed = {each.uid for each in _same_memory(tensor)}
    at: Scope | None = scope
    while at is not None and (at is scope or at.parent is not None):
        for name, value in at.names.items():
            if isinstance(value, Expr) and value.uid in changed:
                at.names[name] = as_written(value, site)
        at = at.parent
    given = context.frames[-1].given if context.frames else ()
    # Whoever called has it by a name of his own.
    context.observations.written |= changed & {each.uid for each in given if isinstance(each, Expr)}


def as_written(tensor: Expr, site: Site | None) -> Expr:
    """A tensor after something was written into it that is not followed."""
    return tensor if tensor.op == "written" else Expr("written", (tensor,), (), site)


def _same_memory(tensor: Expr) -> Iterator[Expr]:
    node = tensor
    while node.op not in _BLANK and not is_learned(node):
        yield node
        if node.op not in _VIEWS or not node.args:
            return
        node = node.args[0]


def _is_tensor(value: Expr) -> bool:
    """Whether a value is surely a tensor, or made of one element by element."""
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.op not in _NUMBERS and node.op not in ELEMENTWISE:
            return True
        if node.op in ELEMENTWISE and node.uid not in seen:
            seen.add(node.uid)
            stack += node.args
    return False
