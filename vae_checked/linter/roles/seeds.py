"""Where a seed is set before eps is drawn, and whether the same eps then comes at every step."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from vae_checked.facts import Origin
from vae_checked.linter.files import syntax
from vae_checked.linter.files.source import SourceCell
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Site
from vae_checked.record import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_REPEATED = (ast.For, ast.AsyncFor, ast.While, *_FUNCTIONS)
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign)
# Functions and methods of torch that follow its random state.
_FUNCTIONS_OF_TORCH = frozenset("randn randn_like normal rand rand_like".split())
_METHODS_OF_TORCH = frozenset("normal_ uniform_ rsample sample".split())
# What may stand in the argument of a seed that is the same each time.
_READS = frozenset({"int", "os.environ.get", "os.getenv"})


def is_seeded(site: SamplerSite) -> bool:
    """Whether a seed is set each time before eps is drawn: in the innermost loop or function around the draw.

    One of another branch is not set where the draw is reached, and that of a generator is of no draw that takes none.
    """
    written = _drawn_near_a_seed(site)
    if written is None:
        return False
    around = innermost(written, written.node)
    elsewhere = _never_before(around, written.node)
    if isinstance(written.node, ast.Call) and not any(each.arg == "generator" for each in written.node.keywords):
        elsewhere |= _of_generators(around)
    return any(_seeds(node) and id(node) not in elsewhere for node in syntax.descendants(around))


def _never_before(around: ast.stmt, draw: ast.AST) -> set[int]:
    """What stands in branches that are not taken on the way to a draw: beside its own, or that leave before it."""
    found: set[int] = set()
    for choice in syntax.descendants(around):
        if isinstance(choice, ast.If):
            blocks = (choice.body, choice.orelse)
            inside = [any(holds(each, draw) for each in block) for block in blocks]
            for block, is_own in zip(blocks, inside, strict=True):
                leaves = bool(block) and isinstance(block[-1], (ast.Return, ast.Raise))
                if not is_own and (any(inside) or leaves):
                    found.update(id(node) for each in block for node in syntax.descendants(each))
    return found


def _of_generators(around: ast.stmt) -> set[int]:
    """The seeds that are set for a generator which is made here, not for torch's own random state."""
    nodes = list(syntax.descendants(around))
    made = {
        ast.unparse(target)
        for node in nodes
        if isinstance(node, ast.Assign) and makes_a_generator(node.value)
        for target in node.targets
    }
    seeds = (node for node in nodes if isinstance(node, ast.Attribute) and _seeds(node))
    return {id(seed) for seed in seeds if makes_a_generator(seed.value) or ast.unparse(seed.value) in made}


def makes_a_generator(node: ast.expr) -> bool:
    """Whether a random state of its own is made."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Generator"


def repeated(site: SamplerSite) -> Origin | None:
    """Where the seed is set after which the same eps is drawn at every step; None where that is not sure.

    The seed is set before the draw, in its block or in one around it, on no condition of its own; it is that of the
    random state which the draw follows; and it is a number, or stands in a name or an attribute that nothing changes.
    """
    written = _drawn_near_a_seed(site)
    if written is None or not isinstance(written.node, ast.Call):
        return None
    around = innermost(written, written.node)
    z = site.z.site
    is_beside = z is not None and z.source is written.source and holds(around, z.node)
    if z is not None and is_beside and not _is_same_place(innermost(written, z.node), around):
        # Drawn once, before the steps that use it.
        return None
    draw = written.node
    given = next((keyword.value for keyword in draw.keywords if keyword.arg == "generator"), None)
    if given is None and not follows_torch(draw, written):
        return None
    seed = given if given is not None and _sets_a_seed(given) else _last_seed(around, draw, given, written)
    if seed is None or not _is_the_same(seed, around, written):
        return None
    return Site(written.source, seed).origin


def in_steps(site: SamplerSite, steps: Iterable[SeededStep]) -> tuple[bool, Origin | None]:
    """Whether a seed is set in what is done at each of the steps of training, and where, if the same eps follows it."""
    seen, drawn = False, site.noise.site
    for step in steps:
        seen = seen or step.seeds
        if step.seed is not None and drawn is not None and isinstance(drawn.node, ast.Call):
            given = any(keyword.arg == "generator" for keyword in drawn.node.keywords)
            if not given and follows_torch(drawn.node, drawn):
                return True, Site(step.source, step.seed).origin
    return seen, None


@dataclass(frozen=True, slots=True)
class SeededStep:
    """A step of training in a file that sets seeds: whether it seeds, and the `seed` that is always the same."""

    source: SourceCell
    seeds: bool
    seed: ast.Call | None


def seeded_steps(steps: Iterable[Site]) -> Iterator[SeededStep]:
    """The steps of training in files that set seeds, each place once, however often it is met."""
    for step in {id(each.node): each for each in steps}.values():
        if "manual_seed" not in step.source.cell.text or not any(
            _is_around(node, step.node) for node in step.source.cell.nodes
        ):
            continue
        around = innermost(step, step.node)
        given_back = put_back(around)
        seeds = any(_seeds(node) and id(node) not in given_back for node in syntax.descendants(around))
        # A function may make one step alone, as to look at a gradient.
        seed = None if isinstance(around, _FUNCTIONS) else _last_seed(around, step.node, None, step)
        yield SeededStep(step.source, seeds, seed if seed is not None and _is_the_same(seed, around, step) else None)


def seed_before(around: ast.stmt, node: ast.AST, written: Site) -> ast.Call | None:
    """The seed of torch that a node of a loop or function always comes after, if that is the same each time."""
    seed = _last_seed(around, node, None, written)
    return seed if seed is not None and _is_the_same(seed, around, written) else None


def put_back(body: ast.AST) -> frozenset[int]:
    """What stands where the random state is kept, and put back afterwards."""
    kept = (
        node
        for node in syntax.descendants(body)
        if isinstance(node, ast.With) and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
    )
    return frozenset(id(inner) for node in kept for inner in syntax.descendants(node))


def _drawn_near_a_seed(site: SamplerSite) -> Site | None:
    """Where eps is drawn, if it is in a loop or a function of a file that sets a seed anywhere."""
    written = site.noise.site
    if written is None or "manual_seed" not in written.source.cell.text:
        return None
    return written if any(_is_around(node, written.node) for node in written.source.cell.nodes) else None


def innermost(written: Site, node: ast.AST) -> ast.stmt:
    """The loop or function around a node that has one, the innermost."""
    around = [each for each in written.source.cell.nodes if _is_around(each, node)]
    return min(around, key=lambda each: (each.end_lineno or 0) - each.lineno)


def _is_around(node: ast.AST, wanted: ast.AST) -> TypeGuard[ast.stmt]:
    return isinstance(node, _REPEATED) and holds(node, wanted)


def holds(outer: ast.stmt, inner: ast.AST) -> bool:
    """Whether a node stands on the lines of a statement of its file."""
    return outer.lineno <= getattr(inner, "lineno", 0) <= (outer.end_lineno or 0)


def _is_same_place(one: ast.stmt | ast.expr, other: ast.stmt | ast.expr) -> bool:
    # A function's nodes may be parsed again: they are known by where they stand.
    return type(one) is type(other) and (one.lineno, one.col_offset) == (other.lineno, other.col_offset)


def _seeds(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "manual_seed"


def _sets_a_seed(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and _seeds(node.func) and len(node.args) == 1


def _last_seed(around: ast.stmt, draw: ast.AST, generator: ast.expr | None, written: Site) -> ast.Call | None:
    """The seed that a draw always comes after, None where another may be set on a condition."""
    before = [call for call in _seeds_before(around, draw) if _is_of(call, generator, written)]
    everywhere = [
        each for each in syntax.descendants(around) if _sets_a_seed(each) and _is_of(each, generator, written)
    ]
    return before[-1] if before and len(before) == len(everywhere) else None


def _seeds_before(around: ast.stmt, draw: ast.AST) -> Iterator[ast.Call]:
    """The seeds that are set before a draw whenever it is reached, in their order."""
    block: list[ast.stmt] = getattr(around, "body", [])
    while block:
        inner: list[ast.stmt] = []
        for statement in block:
            if holds(statement, draw):
                blocks = syntax.blocks([statement])
                inner = next((each for each in blocks if any(holds(one, draw) for one in each)), [])
                break
            if isinstance(statement, _SIMPLE):
                yield from filter(_sets_a_seed, syntax.descendants(statement))
        block = inner


def _is_of(seed: ast.Call, generator: ast.expr | None, written: Site) -> bool:
    """Whether a seed is that of the generator that a draw is given, or of torch itself where it is given none."""
    receiver = seed.func.value if isinstance(seed.func, ast.Attribute) else seed.func
    if generator is None:
        return _is_torch(receiver, written) or ast.unparse(receiver) == "torch.random"
    if ast.dump(receiver) == ast.dump(generator):
        return True
    # g = torch.Generator().manual_seed(3)
    assigned = (
        each for each in written.source.cell.nodes if isinstance(each, ast.Assign) and _is_same_place(each.value, seed)
    )
    return any(ast.unparse(target) == ast.unparse(generator) for each in assigned for target in each.targets)


def follows_torch(draw: ast.Call, written: Site) -> bool:
    """Whether a draw is one of torch's own."""
    if isinstance(draw.func, ast.Name):
        return draw.func.id in _FUNCTIONS_OF_TORCH
    if not isinstance(draw.func, ast.Attribute):
        return False
    if draw.func.attr in _METHODS_OF_TORCH:
        return True
    return draw.func.attr in _FUNCTIONS_OF_TORCH and _is_torch(draw.func.value, written)


def _is_torch(node: ast.expr, written: Site) -> bool:
    if not isinstance(node, ast.Name):
        return False
    imports = (each for each in written.source.cell.nodes if isinstance(each, ast.Import))
    names = {alias.asname or alias.name for each in imports for alias in each.names if alias.name == "torch"}
    return node.id in (names or {"torch"})


def _is_the_same(seed: ast.Call, around: ast.stmt, written: Site) -> bool:
    """Whether a seed has the same argument at every step."""
    stack: list[ast.expr] = [seed.args[0]]
    seen: set[str] = set()
    while stack:
        for node in syntax.descendants(stack.pop()):
            if isinstance(node, ast.Call) and ast.unparse(node.func) not in _READS:
                return False
            if isinstance(node, ast.Attribute) and not _is_kept(node.attr, written):
                return False
            if isinstance(node, ast.Name) and node.id not in seen:
                seen.add(node.id)
                values = _bound_to(node.id, around)
                if values is None or _is_counted(node.id, written):
                    return False
                stack += values
    return True


def _bound_to(name: str, around: ast.stmt) -> list[ast.expr] | None:
    """What a name is assigned in a loop or function, nothing where it comes from outside; None where that varies."""
    values: list[ast.expr] = []
    for node in syntax.descendants(around):
        if isinstance(node, ast.arg) and node.arg == name and name != "self":
            return None
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            values.append(node.value)
    stores = sum(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for node in syntax.descendants(around)
    )
    return values if stores == len(values) <= 1 else None


def _is_counted(name: str, written: Site) -> bool:
    """Whether a file counts a name on, as it does a step."""
    return any(
        isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name
        for node in written.source.cell.nodes
    )


def _is_kept(attribute: str, written: Site) -> bool:
    """Whether an attribute is set where an object is made alone; one that no code here sets is to be called a seed.

    Others are kept up by whoever trains, as `self.global_step` is.
    """
    within = [node for node in written.source.cell.nodes if isinstance(node, _FUNCTIONS) and node.name == "__init__"]
    stored = [
        node
        for node in written.source.cell.nodes
        if isinstance(node, ast.Attribute) and node.attr == attribute and not isinstance(node.ctx, ast.Load)
    ]
    if not stored:
        return attribute == "environ" or "seed" in attribute.lower()
    return all(any(holds(each, node) for each in within) for node in stored)
