"""Assignment: what a target is bound to, whatever its form."""

from __future__ import annotations

import ast

from vae_checked.linter.files import syntax
from vae_checked.linter.interpreter import arguments, derived_containers, in_place, parts, put_in
from vae_checked.linter.interpreter.context import UNREAD, Context, Result
from vae_checked.linter.interpreter.filled import by_element
from vae_checked.linter.symbols.expression import ELEMENTWISE, TRANSPARENT, Expr, Site, opaque
from vae_checked.linter.symbols.unknown_keys import key_of
from vae_checked.linter.symbols.values import (
    Choice,
    Class,
    Function,
    Instance,
    Layer,
    Loader,
    Partial,
    Scope,
    Value,
    apart,
)
from vae_checked.linter.symbols.values import Sequence as Layers
from vae_checked.linter.torch_model import own_leaves, transforms

# Layers that keep the first axis as it is, and how many of them are gone through.
_OF_ROWS, _MOST_LAYERS = ("Linear", "Dropout", "BatchNorm", "LayerNorm"), 64
# What is called later, by the name of the attribute that it was set as.
_CALLED = (Function, Class, Instance, Layer, Layers, Partial, Choice)


def bind(context: Context, target: ast.expr, value: Value, scope: Scope, written: ast.AST) -> None:
    """Assign `value`, written at node `written`, to a target; roots and names are recorded."""
    if isinstance(target, ast.Name):
        if isinstance(value, Expr) and _is_loaded(value) and _is_model(scope.names.get(target.id)):
            # What is saved under the name of a model and loaded over it is of its class.
            value = scope.names[target.id]
        scope.names[target.id] = value
        context.root(value, "assign", target.id, written)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _bind_many(context, target, value, scope, written)
    elif isinstance(target, ast.Attribute):
        if target.attr == "requires_grad" and value is True and isinstance(target.value, ast.Name):
            own = own_leaves.learned(scope.names.get(target.value.id), context.serial(), context.site(target))
            if own is not None:
                bind(context, target.value, own, scope, written)
        owner = context.eval(target.value, scope)
        set_attribute(context, owner, target.attr, value, context.site(target))
        if target.attr == "data" and isinstance(owner, Expr):
            # Its gradient stays that of what it was.
            in_place.into_part(context, target.value, owner, ..., scope)
        if target.attr in transforms.OF_SETS and isinstance(owner, Loader):
            _set_transform(context, target.value, owner, value, scope, target)
        context.root(value, "assign", target.attr, written)
    elif isinstance(target, ast.Subscript):
        owner, key = context.eval(target.value, scope), context.eval(target.slice, scope)
        if isinstance(owner, (dict, list, Instance)):
            parts.store(owner, key, value)
        elif isinstance(owner, Layers) and isinstance(key, (str, int, Expr)):
            named = key_of(key)
            if isinstance(named, int) and -len(owner.items) <= named < len(owner.items):
                # Counted from the end, and by place where its layers have names.
                named = list(owner.items)[named]
            owner.items[named if isinstance(named, str) else str(named)] = value
        elif isinstance(owner, Expr) and isinstance(target.value, (ast.Name, ast.Attribute)):
            changed = parts.written_into(owner, key, value, context.site(target))
            if changed is not None:
                in_place.into(context, owner, scope, context.site(target))
                bind(context, target.value, changed, scope, target)
            else:
                _hand_on(context, value)
                in_place.into_part(context, target.value, owner, key, scope)
                if isinstance(key, str):
                    put_in.store(context, owner, key, value)
        elif isinstance(owner, Expr):
            _fill(context, target, key, value, scope)
            _hand_on(context, value)
        context.root(value, "assign", str(key) if isinstance(key, str) else "", written)
    elif isinstance(target, ast.Starred):
        bind(context, target.value, value, scope, written)


def _fill(context: Context, target: ast.Subscript, key: Value, value: Value, scope: Scope) -> None:
    """Bind what was made to be filled anew, once an element of it is another: `x[i][j] = 1`."""
    whole: ast.expr = target
    while isinstance(whole, ast.Subscript):
        whole = whole.value
    owner = context.eval(whole, scope) if isinstance(whole, ast.Name) and not isinstance(key, str) else None
    changed = by_element(owner, value, context.site(target)) if isinstance(owner, Expr) else None
    if changed is not None and isinstance(whole, ast.Name):
        bind(context, syntax.as_store(whole), changed, scope, target)


def _set_transform(
    context: Context, target: ast.expr, held: Loader, value: Value, scope: Scope, written: ast.Attribute
) -> None:
    """Bind a data set that is given another transform, or what it is the set of: `loader.dataset.transform = ...`."""
    while isinstance(target, ast.Attribute) and isinstance(context.eval(target.value, scope), Loader):
        target = target.value
    if isinstance(target, (ast.Name, ast.Attribute)):
        changed = transforms.set_later(context, held, value, context.site(written))
        bind(context, syntax.as_store(target), changed, scope, written)


def _is_loaded(value: Expr) -> bool:
    while value.op in TRANSPARENT and value.args:
        value = value.args[0]
    return value.op == "opaque" and value.get("name") == "torch.load"


def _is_model(value: Value) -> bool:
    return isinstance(value, Instance) and value.cls.is_module


def _bind_many(context: Context, target: ast.Tuple | ast.List, value: Value, scope: Scope, written: ast.AST) -> None:
    starred = [index for index, item in enumerate(target.elts) if isinstance(item, ast.Starred)]
    if isinstance(value, Expr) and (
        _is_of_rows(value) or _is_meant_of_another(context, written, len(target.elts), scope)
    ):
        site = context.site(written)
        context.observations.misfits.add(site.place)
        value = opaque("of another model", (value,), site)
    values = parts.unpack(context, value, len(target.elts), context.site(written), starred[0] if starred else None)
    for item, part in zip(target.elts, values, strict=True):
        bind(context, item, part, scope, written)


def _is_of_rows(value: Expr) -> bool:
    """Whether the first axis of a tensor is surely that of the batch, and what it is taken apart into its rows.

    It was put together along the second one, or follows from pictures, or from rows of numbers, by layers alone.
    """
    node = value
    for _ in range(_MOST_LAYERS):
        if node.op == "cat":
            return node.get("axis") == 1
        if node.op in ("flatten", "view", "reshape"):
            return _keeps_rows(node)
        if node.op == "layer" and node.get("rank") in (4, 5):
            return True
        is_plain = node.op in ELEMENTWISE or str(node.get("kind")).startswith(_OF_ROWS)
        if len(node.args) != 1 or not is_plain:
            return False
        node = node.args[0]
    return False


def _keeps_rows(node: Expr) -> bool:
    """Whether a shape has a row for each sample: `flatten(x, 1)`, `x.view(x.size(0), -1)`, `x.view(-1, 256)`."""
    sizes = node.get("sizes")
    if not isinstance(sizes, tuple):
        return False
    if node.op == "flatten":
        return sizes == (1,)
    return len(sizes) == 2 and (sizes[0] == -1 or isinstance(sizes[0], tuple))


def _is_meant_of_another(context: Context, written: ast.AST, count: int, scope: Scope) -> bool:
    """Whether one tensor is taken apart that a model gave, where a branch makes another that returns so many values."""
    if not isinstance(written, ast.Call) or not isinstance(written.func, (ast.Name, ast.Attribute)):
        return False
    model = context.eval(written.func, scope)
    other = model.other if isinstance(model, Instance) else None
    forward = None if other is None else other.cls.find("forward")
    returned = syntax.descendants(forward.node) if isinstance(forward, Function) else ()
    return any(
        isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == count
        for node in returned
    )


def set_attribute(context: Context, owner: Value, name: str, value: Value, site: Site) -> None:
    """owner.name = value, as far as an object keeps what it is given."""
    if name == "training" and value is True and isinstance(owner, Instance) and owner.cls.is_module:
        # That is how a module begins; what train() and eval() say of it later outlasts the constructor's word.
        owner.attributes.pop(name, None)
    elif isinstance(owner, (Instance, Layer)):
        owner.attributes[name] = owned = _owned(context, owner, value)
        if isinstance(owner, Instance):
            derived_containers.register(owner, name, owned)
        if isinstance(owner, Layer):
            owner.written[name] = site
    elif isinstance(owner, Choice):
        for each in (owner.one, owner.other):
            set_attribute(context, each, name, value, site)
    elif isinstance(owner, Loader):
        transforms.refill(owner, name, value)
    elif isinstance(owner, Class):
        owner.names[name] = value
    elif isinstance(owner, dict):
        # A namespace, whose parts are attributes and entries alike.
        owner[name] = value
    elif isinstance(owner, Expr):
        arguments.note_set(context, owner, name)
        if isinstance(value, _CALLED):
            context.observations.put_on[owner.uid, name] = value
        else:
            context.observations.put_on.pop((owner.uid, name), None)
            _hand_on(context, value)


def _hand_on(context: Context, value: Value) -> None:
    """Take note of what is put into something unknown."""
    if isinstance(value, Expr):
        context.observations.handed_on.add(value.uid)


def set_by_name(context: Context, owner: Value, name: Value, value: Value, site: Site) -> Result:
    """setattr(owner, name, value), however that is called; not read where neither is known."""
    if isinstance(name, str):
        set_attribute(context, owner, name, value, site)
        if isinstance(owner, Loader) and name in transforms.OF_SETS:
            # On another way it may keep the one that it has.
            left_open = transforms.set_later(context, owner, None, site)
            owner.interval, owner.site = left_open.interval, left_open.site
        return None
    if not isinstance(value, (Instance, Layer, Layers)):
        return UNREAD
    if isinstance(owner, (Instance, Layer)):
        # A name that is not known is taken for a new one.
        new = f"unknown {len(owner.attributes)}" if isinstance(owner, Instance) else ""
        set_attribute(context, owner, new, value, site)
    return None


def _owned(context: Context, owner: Instance | Layer, value: Value) -> Value:
    """What an attribute is set to: two parts that one call makes, as of a factory of layers, are two parts."""
    if not isinstance(value, Expr):
        return value
    same = [other for other in owner.attributes.values() if isinstance(other, Expr) and other.uid == value.uid]
    # What was only given another name is the very same.
    return apart(value, context.serial) if same and all(other is not value for other in same) else value
