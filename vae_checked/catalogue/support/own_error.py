"""The reconstruction error as its own code calls it, reduced otherwise: a remedy that can be put in its place."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from vae_checked.catalogue.support.names import loss_function, names_of
from vae_checked.catalogue.support.written import expression_in, last
from vae_checked.facts import Facts, Likelihood, Origin, Reduction

# Keywords that say how a loss is reduced, of today and of old; one takes their place.
_REDUCING = frozenset(("reduction", "size_average", "reduce"))
_SIDES = 2
# By what a distribution is given the one parameter that is a prediction.
_OF_A_PARAMETER = frozenset(("probs", "logits", "loc", "rate"))
# What takes the sum or the mean of an error.
_TAKEN = frozenset(("sum", "mean"))
# As much of a term that has no name is written out; and what stands for the error while its line is put together.
_MOST_WRITTEN, _PLACE = 100, "the_error"
# What a density's own method is but for the constants of its scale.
_OF_DENSITIES = {
    Likelihood.MSE: "the squared error of a Gaussian density",
    Likelihood.L1: "the absolute error of a Laplace density",
}


def loss_in_words(facts: Facts) -> str:
    """The reconstruction loss by its name, of a density that is written as one by what it is; "" where unknown."""
    kind = facts.recon.kind
    if kind is None:
        return ""
    return str(kind.value) if _density(facts) is None else _OF_DENSITIES.get(kind.value, str(kind.value))


def written_kl(facts: Facts) -> str:
    """What a remedy calls the KL: by its name, or as it is written where it has none."""
    fact = facts.kl.reduced or facts.kl.form
    return _named_or_written(facts, "kl", None if fact is None else fact.origin)


def written_error(facts: Facts) -> str:
    """What a remedy calls the error: by its name, or as it is written where it has none."""
    fact = facts.recon.reduced or facts.recon.kind
    return _named_or_written(facts, "recon", None if fact is None else fact.origin)


def _named_or_written(facts: Facts, role: str, origin: Origin | None) -> str:
    source = "" if origin is None or role in facts.names else " ".join(origin.source.split())
    is_whole = bool(source) and len(source) <= _MOST_WRITTEN and _is_product(expression_in(source))
    return source if is_whole else str(getattr(names_of(facts), role))


def _is_product(written: ast.expr | None) -> bool:
    """Whether an expression can be divided as it stands."""
    return isinstance(written, (ast.Call, ast.UnaryOp)) or (
        isinstance(written, ast.BinOp) and isinstance(written.op, (ast.Mult, ast.Div))
    )


def summed(facts: Facts) -> str | None:
    """The error summed over a sample, and over the batch as the KL beside it is; None where torch has no such loss.

    Of tokens the rows are no samples, and are summed as well. Signs and factors of the line are kept.
    """
    function = loss_function(facts)
    if function is None:
        return None
    anew = _summed(facts, function)
    reduced = facts.recon.reduced or facts.recon.kind
    return anew if reduced is None else _with_factors(reduced.origin, function, anew)


def _with_factors(origin: Origin, function: str, anew: str) -> str:
    """What stands in the place of an error, with the signs and factors that its line has around it."""
    line = None if origin.place is None else expression_in(origin.place.text)
    call = density_in(origin) or next(iter(_calls(origin, function)), None)
    if line is None or call is None:
        return anew
    parents = {id(inner): outer for outer in ast.walk(line) for inner in ast.iter_child_nodes(outer)}
    written = ast.dump(call)
    node = next((each for each in ast.walk(line) if isinstance(each, ast.Call) and ast.dump(each) == written), None)
    if node is None:
        return anew
    top = core = _reduced_in(node, parents)
    while (outer := parents.get(id(top))) is not None and _scales(outer, top):
        top = outer
    if top is core:
        return anew
    for each in ast.walk(top):
        for name, value in ast.iter_fields(each):
            if value is core:
                setattr(each, name, ast.Name(_PLACE))
    return ast.unparse(top).replace(_PLACE, anew)


def _reduced_in(node: ast.AST, parents: Mapping[int, ast.AST]) -> ast.AST:
    """An error with the sum or the mean that is taken of it: as a method, or by a function."""
    outer = parents.get(id(node))
    if isinstance(outer, ast.Attribute) and outer.attr in _TAKEN:
        return parents.get(id(outer), node)
    is_taken = isinstance(outer, ast.Call) and node in outer.args and last(outer.func) in _TAKEN
    return outer if is_taken and outer is not None else node


def _scales(outer: ast.AST, inner: ast.AST) -> bool:
    if isinstance(outer, ast.BinOp):
        other = outer.right if outer.left is inner else outer.left
        is_number = isinstance(other, (ast.Constant, ast.Name, ast.Attribute))
        return is_number and (isinstance(outer.op, ast.Mult) or (isinstance(outer.op, ast.Div) and outer.left is inner))
    return isinstance(outer, ast.UnaryOp) and isinstance(outer.op, ast.USub)


def _summed(facts: Facts, function: str) -> str:
    kl, kind = facts.kl.reduced, facts.recon.kind
    over_batch = None if kl is None or kl.value.explicit or kl.value.over_batch else kl.value.batch
    density = _density(facts)
    if density is not None:
        rows, total = f"{ast.unparse(density)}.flatten(1).sum(dim=1)", f"{ast.unparse(density)}.sum()"
        whole = total if over_batch is Reduction.SUM else f"{total} / len({ast.unparse(density.args[0])})"
        return whole if over_batch in (Reduction.SUM, Reduction.MEAN) else rows
    call, target = _written(facts, function)
    if over_batch is Reduction.SUM or _is_of_each(facts, target):
        return f'{call}, reduction="sum")'
    if over_batch is Reduction.MEAN or (kind is not None and kind.value is Likelihood.CROSS_ENTROPY):
        return f'{call}, reduction="sum") / len({target})'
    return f'{call}, reduction="none").flatten(1).sum(dim=1)'


def _is_of_each(facts: Facts, target: str) -> bool:
    """Whether the target of an error is what a comprehension in its line goes through: that of one sample alone."""
    reduced = facts.recon.reduced or facts.recon.kind
    place = None if reduced is None else reduced.origin.place
    line = None if place is None else expression_in(place.text)
    inside = () if line is None else ast.walk(line)
    targets = (node.target for node in inside if isinstance(node, ast.comprehension))
    names = {node.id for each in targets for node in ast.walk(each) if isinstance(node, ast.Name)}
    return target in names


def _density(facts: Facts) -> ast.Call | None:
    """The call of a distribution's `log_prob`, where an error is written so; None where it is written otherwise."""
    reduced = facts.recon.reduced or facts.recon.kind
    return None if reduced is None else density_in(reduced.origin)


def exchanged(density: ast.Call) -> str | None:
    """A density with the parameter of its distribution and its value in each other's place; None where one is apart."""
    made = density.func.value if isinstance(density.func, ast.Attribute) else None
    if not isinstance(made, ast.Call) or len(density.args) != 1:
        return None
    given = [*made.args[:1], *(each.value for each in made.keywords if each.arg in _OF_A_PARAMETER)]
    if len(given) != 1:
        return None
    (parameter,), (value,) = given, density.args
    texts = {ast.dump(parameter): value, ast.dump(value): parameter}
    args = [texts.get(ast.dump(each), each) for each in made.args]
    keywords = [ast.keyword(each.arg, texts.get(ast.dump(each.value), each.value)) for each in made.keywords]
    anew = ast.Attribute(ast.Call(made.func, args, keywords), "log_prob")
    return ast.unparse(ast.Call(anew, [parameter], density.keywords))


def density_in(origin: Origin) -> ast.Call | None:
    """The call of `log_prob` that an error is written as; None where it is written otherwise."""
    written = expression_in(origin.source)
    calls = [] if written is None else [node for node in ast.walk(written) if isinstance(node, ast.Call) and node.args]
    found = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "log_prob"]
    return found[0] if len(found) == 1 else None


def _written(facts: Facts, function: str) -> tuple[str, str]:
    """The call of the error up to its reduction, and the target: as they are written, or by the names of both."""
    names, reduced = names_of(facts), facts.recon.reduced or facts.recon.kind
    for call in () if reduced is None else _calls(reduced.origin, function):
        if any(isinstance(each, ast.Starred) for each in call.args):
            continue
        by_name = {each.arg: each.value for each in call.keywords if each.arg is not None}
        sides = [*call.args[:_SIDES], *(by_name[name] for name in ("input", "target") if name in by_name)]
        own = ast.unparse(call.func)
        is_function = _is_of(own, function)
        if len(sides) == _SIDES and (is_function or len(call.args) == _SIDES == len(call.args) + len(by_name)):
            # A loss that is an object is reduced where it is made.
            given = [ast.unparse(each) for each in call.args]
            given += [f"{name}={ast.unparse(each)}" for name, each in by_name.items() if name not in _REDUCING]
            return f"{own if is_function else function}({', '.join(given)}", ast.unparse(sides[1])
    return f"{function}({names.x_hat}, {names.x}", names.x


def _calls(origin: Origin, function: str) -> list[ast.Call]:
    """The call of an error: the expression that was read, or the only one of the function in the line that ran."""
    call = expression_in(origin.source)
    if isinstance(call, ast.Call):
        return [call]
    line = None if origin.place is None else expression_in(origin.place.text)
    found = [] if line is None else [node for node in ast.walk(line) if isinstance(node, ast.Call)]
    own = [node for node in found if _is_of(ast.unparse(node.func), function)]
    return own if len(own) == 1 else []


def _is_of(own: str, function: str) -> bool:
    return own.rpartition(".")[2] == function.rpartition(".")[2]
