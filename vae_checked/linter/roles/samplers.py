"""The sampler is `a + f(b) * eps`, whatever the names."""

from __future__ import annotations

import ast
import math
from functools import lru_cache

from vae_checked.facts import Origin, Parametrisation
from vae_checked.linter.roles import batch_sizes, given_numbers, in_tests, process_steps, quantiles, repeated_draws
from vae_checked.linter.roles.local_values import local_values
from vae_checked.linter.symbols.expression import (
    CARRIED,
    CARRIERS,
    DRAWN,
    ELEMENTWISE,
    TRANSPARENT,
    Expr,
    Graph,
    Site,
    const,
    contains,
    elementwise,
    origin,
    strip,
    written,
)
from vae_checked.linter.symbols.numeric import Formula, Program, close, finite, leaves, settled
from vae_checked.linter.symbols.structures import once_per_structure, once_per_structures
from vae_checked.linter.torch_model import columns
from vae_checked.mathematics.gaussians import fit_std, std_at
from vae_checked.record import dataclass, field, replace

SHOWN = (-1.0, 0.0, 2.0)
SHOWN_POSITIVE = (0.5, 1.0, 2.0)
PROBES = (-1.3, -0.4, 0.7, 1.9)
PROBES_POSITIVE = (0.3, 0.7, 1.6, 2.7)
# Heads, and what of them makes a std of about that of the prior.
_NEAR = (-0.6, -0.3, 0.15, 0.3, 0.6, 0.75, 0.9, 1.15)
_LEAST_NEAR, _MOST_NEAR = 0.7, 1.4
CLOSE = 2e-3
# A log variance or a log std as it may well be, and what has a sign of its own.
_BELOW = -0.4
_OF_LOGS = (Parametrisation.LOGVAR, Parametrisation.LOG_STD)
_MAX_CHAIN = 24
# Draws at one place from the same heads, as an unrolled loop has them, that are looked at.
_MAX_ALIKE = 4
_FACTORS = 2
_HALF = 0.5
# A head as it is, of which no std was made.
_UNCOMPUTED = frozenset(("layer", "atom", "item", "part", "index"))
_MOST_KEPT = 512
_COMPUTED = (ast.Call, ast.BinOp)
_DISCRETE = frozenset(("bernoulli", "bernoulli_", "poisson", "multinomial", "binomial"))
_OF_SETTINGS = frozenset(("opaque", "call", "item", "spread"))


@dataclass(frozen=True, slots=True)
class SamplerSite:
    """z = location + scale * (factor * noise + shift); `detached` when no gradient passes from z to the heads.

    `factor` and `shift` are the numbers that the draw itself is multiplied by and moved, before a head takes part, and
    `eps` is what they make of it; it is `bent` where it is another function of the draw. `repeated` is what scales z
    with the same scale and moves it by the same location.
    """

    z: Expr
    location: Expr
    scale: Expr
    noise: Expr
    eps: Expr
    detached: bool
    factor: float = 1.0
    shift: float = 0.0
    bent: bool = False
    repeated: Expr | None = None
    _fitting: list[Expr | None] = field(default_factory=list, repr=False, compare=False)
    _head: list[Expr | None] = field(default_factory=list, repr=False, compare=False)

    @property
    def fitting_head(self) -> Expr | None:
        """The node that the scale is an exact function of, as the function of this name finds it: looked for once."""
        if not self._fitting:
            self._fitting.append(fitting_head(self.scale))
        return self._fitting[0]

    @property
    def head(self) -> Expr | None:
        """The one node that the scale is computed from elementwise, None when there are several or none; as above."""
        if not self._head:
            found = [node for node in leaves(self.scale) if not is_scalar(node)]
            self._head.append(found[0] if len(found) == 1 else None)
        return self._head[0]


def scale_origin(site: SamplerSite, head: Expr | None) -> Origin:
    """Where the scale is written: what computes it, or else the head that is taken for it, in its product with eps."""
    scale = written(site.scale)
    operand = _operand_of(site, scale)
    if scale.op in ELEMENTWISE and (head is None or written(head).uid != scale.uid):
        # Equal formulas are one value, which the KL or another loss may have written too.
        computed = None if operand is None else _computation(operand)
        return origin(scale) if computed is None else computed.origin
    return origin(scale) if operand is None else operand.origin


def _computation(operand: Site) -> Site | None:
    """Where an operand is computed: where it stands, or in the same function under its name, if once."""
    node = operand.node
    if isinstance(node, ast.Name):
        function = batch_sizes.function_around(node, operand.source.cell)
        values = [] if function is None else local_values(function, node.id, operand.source.cell)
        return Site(operand.source, values[0]) if len(values) == 1 and isinstance(values[0], _COMPUTED) else None
    return operand if isinstance(node, _COMPUTED) else None


def _operand_of(site: SamplerSite, scale: Expr) -> Site | None:
    """The scale as it is written in its product with eps."""
    stack = list(site.z.args)
    while stack:
        node = stack.pop()
        if node.op == "mul" and node.site is not None and node.get("known") == "scale":
            # A distribution draws, and the scale is what it was made with.
            return node.site if written(node.args[0]).uid == scale.uid else None
        if node.op == "mul" and node.site is not None:
            for arg, operand in zip(node.args, _operands(node.site.node), strict=False):
                if written(arg).uid == scale.uid:
                    return Site(node.site.source, operand)
        if node.op in ("mul", "neg") or node.op in TRANSPARENT:
            stack.extend(node.args)
    return None


def _operands(product: ast.AST) -> list[ast.expr]:
    """The two factors of a product as they are written, none where it is written in another way."""
    if isinstance(product, ast.BinOp):
        return [product.left, product.right]
    if not isinstance(product, ast.Call):
        return []
    owner = [product.func.value] if isinstance(product.func, ast.Attribute) else []
    operands = product.args if len(product.args) == _FACTORS else [*owner, *product.args]
    return operands if len(operands) == _FACTORS else []


def fitting_head(scale: Expr) -> Expr | None:
    """The node that a scale is an exact function of: the deepest one in which it is of a known parametrisation.

    `exp(0.5 * softplus(h))` is a log variance that is a softplus, and `softplus(h)` a std; None where nothing fits.
    """
    chain: dict[int, Expr] = {}
    stack = [scale]
    while stack and len(chain) < _MAX_CHAIN:
        node = stack.pop()
        if node.uid in chain or node.op == "const" or is_scalar(node):
            continue
        chain[node.uid] = node
        if node.op in ELEMENTWISE or node.op in TRANSPARENT:
            stack.extend(node.args)
    for node in reversed(chain.values()):
        found = curve(scale, node, clipped=False)
        if found is not None and found[0] is not None:
            return node
    return None


@once_per_structure
def is_scalar(node: Expr) -> bool:
    """Whether a leaf looks like a number by which an author scales: an attribute, a weight, a global, a size.

    What a function of another library makes of settings alone, as of a schedule and a step, is one too; what a part of
    a model makes of a graph's attributes is none.
    """
    if node.op in ("attribute", "weight", "training", "size") or (node.op == "item" and is_scalar(node.args[0])):
        return True
    if given_numbers.is_given(node):
        return True
    if node.op != "opaque" or not node.args or str(node.get("name")).startswith("method:") or is_by_chance(node):
        return False
    return all(map(is_setting, node.args))


def unknown_factor(scale: Expr) -> Expr | None:
    """A setting that multiplies a whole scale, or divides it, by a number that is not known; None where none does."""
    stack = [scale]
    while stack:
        node = stack.pop()
        if node.op in ("mul", "div", "neg", "reciprocal") or (node.op in TRANSPARENT and node.args):
            stack.extend(node.args)
        elif is_setting(node) and node.op != "const":
            return node
    return None


def is_by_chance(node: Expr) -> bool:
    """Whether a value is drawn from a discrete distribution, in which a tensor says how likely each number is."""
    return node.op in ("opaque", "call") and str(node.get("name")).rpartition(".")[2] in _DISCRETE


def is_setting(node: Expr) -> bool:
    """Whether a value is made of attributes, texts and numbers alone."""
    return node.op in ("attribute", "const") or (node.op in _OF_SETTINGS and all(map(is_setting, node.args)))


def find(graph: Graph) -> list[SamplerSite]:
    """Every sampler in a graph, each once."""
    found: dict[int, SamplerSite] = {}
    drawn: dict[object, int] = {}
    for node in graph.nodes:
        if node.op in ("add", "sub") and any(arg.bits & CARRIED for arg in node.args):
            site = _read(node)
            if site is None or not _is_wanted(node, site, drawn) or in_tests.is_written(node):
                continue
            if process_steps.is_step(node, site.location, site.noise, site.factor, graph):
                continue
            if not quantiles.are_asked_for(node, site.noise, graph):
                found[node.uid] = site
    detached = _detached(graph, found)
    return [
        replace(site, detached=uid in detached, repeated=repeated_draws.again(site.z, site.location, site.scale, graph))
        for uid, site in found.items()
    ]


def _is_wanted(node: Expr, site: SamplerSite, drawn: dict[object, int]) -> bool:
    """Whether a draw is among the first few of its place from the same heads: a loop draws hundreds alike."""
    key = (node.site and id(node.site.node), strip(site.location).uid, site.scale.uid)
    drawn[key] = drawn.get(key, 0) + 1
    return drawn[key] <= _MAX_ALIKE


def _read(node: Expr) -> SamplerSite | None:
    for index in (0, 1):
        carried = _scaled_noise(node.args[index])
        if carried is None:
            continue
        scale, drawn = _with_its_half(*carried, node.args[index])
        scale, drawn = _with_its_root(scale, drawn)
        step = strip(scale)
        if step.op == "sub":
            scale = _beside(*reversed(step.args)) or scale
        location = node.args[1 - index]
        if contains(location, drawn.noise.uid):
            return _between(node)
        if location.op == "const" or not any(not is_scalar(leaf) for leaf in leaves(scale)):
            return None
        if _is_scaled_number(location, scale) or columns.are_statistics(location, scale):
            return None
        moved = drawn.factor, drawn.shift, drawn.bent
        return SamplerSite(node, location, scale, drawn.noise, drawn.eps, False, *moved)
    return None


def _between(node: Expr) -> SamplerSite | None:
    """A draw whose noise weighs a mean against what lies a std beside it: `lerp(m, m + s, eps)` is m + s * eps."""
    read = [found for found in map(weighed, node.args) if found is not None]
    if node.op != "add" or len(read) != len(node.args):
        return None
    for (kept, start), (drawn, end) in (read, read[::-1]):
        moved = kept.factor, kept.shift, drawn.shift
        if kept.noise.uid == drawn.noise.uid and moved == (-drawn.factor, 1.0, 0.0) and not (kept.bent or drawn.bent):
            scale = _beside(start, end)
            return (
                None if scale is None else SamplerSite(node, start, scale, drawn.noise, drawn.eps, False, drawn.factor)
            )
    return None


def weighed(product: Expr) -> tuple[_Draw, Expr] | None:
    """A draw, and what it is multiplied by; None where a value is no product of the two."""
    bare = strip(product)
    for one, other in (bare.args, bare.args[::-1]) if bare.op == "mul" else ():
        drawn = _draw(one) if one.bits & CARRIED else None
        if drawn is not None and not contains(other, drawn.noise.uid):
            return drawn, other
    return None


def _beside(start: Expr, end: Expr) -> Expr | None:
    """What is added to one value to make another; None where that is not written."""
    whole, uid = strip(end), strip(start).uid
    if whole.op == "sub" and strip(whole.args[0]).uid == uid:
        return Expr("neg", (whole.args[1],), (), whole.site)
    added = (
        [other for one, other in (whole.args, whole.args[::-1]) if strip(one).uid == uid] if whole.op == "add" else []
    )
    return added[0] if added else None


def _is_scaled_number(location: Expr, scale: Expr) -> bool:
    """Whether both sides follow from the same plain number, as in the uniform initial values of a weight."""
    numbers = leaves(scale)
    if not all(leaf.op == "atom" for leaf in numbers):
        return False
    return {leaf.uid for leaf in leaves(location)} == {leaf.uid for leaf in numbers}


def _with_its_half(scale: Expr, drawn: _Draw, product: Expr) -> tuple[Expr, _Draw]:
    """`eps * 0.5 * exp(s)` as a draw and its scale: a half in one product with exp(s) has left the exponent.

    So it has where the exponential was forgotten as well, in `eps * 0.5 * s`. As a scale of the noise it would be a
    choice of its own, as 0.5 * eps is before it, or beside exp(0.5 * s).
    """
    bare = strip(scale)
    if (drawn.factor, drawn.shift, drawn.bent) != (_HALF, 0.0, False) or not _is_written_in(drawn.eps, product):
        return scale, drawn
    left_out = bare.op == "exp" and strip(bare.args[0]).op not in ("mul", "div")
    if not left_out and bare.op not in _UNCOMPUTED:
        return scale, drawn
    return Expr("mul", (const(_HALF), scale), (), product.site), _Draw(drawn.noise, drawn.noise)


def _with_its_root(scale: Expr, drawn: _Draw) -> tuple[Expr, _Draw]:
    """`std * erfinv(p) * 2 ** 0.5` as a std and a draw: the root makes a normal draw of erfinv, wherever it stands.

    It is taken for that where the scale without it follows from a head that the whole scale does not follow from.
    """
    if not drawn.bent or strip(drawn.eps).op != "erfinv":
        return scale, drawn
    without = Expr("div", (scale, const(math.sqrt(2))), (), scale.site)
    head, whole = fitting_head(without), fitting_head(scale)
    if head is None or head.uid == without.uid or (whole is not None and not _is_below(head, whole)):
        return scale, drawn
    return without, replace(drawn, eps=Expr("mul", (const(math.sqrt(2)), drawn.eps), (), drawn.eps.site))


def _is_below(one: Expr, other: Expr) -> bool:
    return one.uid != other.uid and contains(other, one.uid)


def _is_written_in(factor: Expr, product: Expr) -> bool:
    """Whether a factor is spelled out where a product is, not under a name."""
    whole = None if product.site is None else product.site.node
    while isinstance(whole, ast.BinOp) and isinstance(whole.op, ast.Mult):
        if factor.site is not None and factor.site.node in (whole.left, whole.right):
            return True
        whole = whole.left
    return False


@dataclass(frozen=True, slots=True)
class _Draw:
    """A draw multiplied by a number, and moved by one: `eps` is what comes out, `bent` by another function."""

    noise: Expr
    eps: Expr
    factor: float = 1.0
    shift: float = 0.0
    bent: bool = False


def _draw(expr: Expr) -> _Draw | None:
    """`expr` as one draw that numbers alone scale and move, or another function of it; None where more takes part."""
    bare = strip(expr)
    moved = _moved(bare)
    if moved is not None or not bare.bits & DRAWN:
        return moved
    drawn = leaves(bare)
    return _Draw(drawn[0], bare, bent=True) if len(drawn) == 1 and drawn[0].op == "noise" else None


def _moved(bare: Expr) -> _Draw | None:
    if bare.op == "noise":
        return _Draw(bare, bare)
    if bare.op == "neg":
        inner = _moved(strip(bare.args[0]))
        return None if inner is None else _Draw(inner.noise, bare, -inner.factor, -inner.shift)
    if bare.op not in ("add", "sub", "mul", "div"):
        return None
    one, other = (strip(arg) for arg in bare.args)
    last = settled(other)
    value, first = (settled(one), False) if last is None else (last, True)
    inner = None if value is None else _moved(one if first else other)
    if inner is None or value is None:
        return None
    match bare.op:
        case "add":
            return _Draw(inner.noise, bare, inner.factor, inner.shift + value)
        case "sub":
            sign = 1.0 if first else -1.0
            return _Draw(inner.noise, bare, sign * inner.factor, sign * (inner.shift - value))
        case "mul":
            return _Draw(inner.noise, bare, inner.factor * value, inner.shift * value)
    return _Draw(inner.noise, bare, inner.factor / value, inner.shift / value) if first and value else None


def _scaled_noise(expr: Expr) -> tuple[Expr, _Draw] | None:
    """(scale, draw) when `expr` is a product of one draw and something computed; detached where the product is."""
    factors: list[tuple[Expr, bool]] = []
    bent: list[tuple[Expr, bool, _Draw]] = []
    drawn: _Draw | None = None
    detached = False
    negative = False
    stack = [(expr, False)]
    while stack:
        node, inverse = stack.pop()
        found = _draw(node) if node.bits & CARRIED else None
        if found is not None and found.bent:
            bent.append((node, inverse, found))
        elif found is not None:
            if drawn is not None or inverse:
                return None
            drawn = found
        elif not node.bits & CARRIED:
            # Whole as it is written: the KL reads it so.
            factors.append((node, inverse))
        elif node.op == "mul":
            stack.extend((arg, inverse) for arg in node.args)
        elif node.op == "div" and not inverse:
            stack.append((node.args[0], False))
            factors.append((node.args[1], True))
        elif node.op == "neg":
            negative = not negative
            stack.append((node.args[0], inverse))
        elif node.op in TRANSPARENT and node.args and strip(node).op in CARRIERS:
            detached = detached or node.op == "detach"
            stack.append((node.args[0], inverse))
        else:
            factors.append((node, inverse))
    if drawn is None and len(bent) == 1 and not bent[0][1]:
        drawn = bent[0][2]
    else:
        factors.extend((node, inverse) for node, inverse, _ in bent)
    if drawn is None or not factors or any(contains(factor, drawn.noise.uid) for factor, _ in factors):
        return None
    scale: Expr | None = None
    for factor, inverse in reversed(factors):
        if inverse:
            under = Expr("reciprocal", (factor,), (), expr.site)
            scale = under if scale is None else Expr("mul", (scale, under), (), expr.site)
        else:
            scale = factor if scale is None else Expr("mul", (scale, factor), (), expr.site)
    if scale is None:
        return None
    scale = Expr("neg", (scale,), (), scale.site) if negative else scale
    return Expr("detach", (scale,), (), scale.site) if detached else scale, drawn


def _detached(graph: Graph, found: dict[int, SamplerSite]) -> set[int]:
    """The samplers whose z is used only below a detach (`sample()` instead of `rsample()`)."""
    return {
        strip(node).uid
        for node in graph.nodes
        if node.op == "detach" and strip(node).uid in found and node.get("known") == "sample"
    }


@once_per_structures
def curve(
    scale: Expr, head: Expr, *, clipped: bool = True
) -> tuple[Parametrisation | None, tuple[tuple[float, float], ...]] | None:
    """How std follows from `head`: the parametrisation that fits, and points; None when it depends on more.

    With `clipped` a parametrisation may fit for positive numbers alone.
    """
    rest = leaves(scale, (head.uid,))
    if not all(is_scalar(leaf) for leaf in rest):
        return None
    formula = Program(scale, (*[leaf.uid for leaf in rest], head.uid)).formula
    return _curve(formula, len(rest), clipped, clipped and any(node.op == "clamp" for node in elementwise(scale)))


@lru_cache(maxsize=_MOST_KEPT)
def _curve(
    formula: Formula, scalars: int, clipped: bool, clamped: bool
) -> tuple[Parametrisation | None, tuple[tuple[float, float], ...]] | None:
    """`curve` of a formula of so many numbers and a head, read once for all that differ in their leaves alone."""
    ones = [1.0] * scalars

    def std(s: float) -> float:
        return abs(formula(*ones, s))

    whole = finite(std(s) for s in PROBES) and all(formula(*ones, s) > 0 for s in PROBES)
    # What clips a head (a ReLU, a floor) is the identity for positive numbers: there the parametrisation still shows.
    for probes in ((PROBES, PROBES_POSITIVE) if clipped else (PROBES,)) if whole else (PROBES_POSITIVE,):
        values = [std(s) for s in probes]
        if finite(values):
            parametrisation = fit_std(zip(probes, values, strict=True), CLOSE)
            shown = SHOWN if probes is PROBES else SHOWN_POSITIVE
            if parametrisation in _OF_LOGS and whole and not close(std(_BELOW), std_at(parametrisation, _BELOW), CLOSE):
                # Most logs are negative: what clips them at 0 makes another std of them.
                continue
            if parametrisation is not None:
                return parametrisation, tuple((s, std(s)) for s in shown)
    if clamped:
        # What keeps std from extremes is no other reading of the head.
        near = [(s, std(s)) for s in _NEAR]
        about = [(s, y) for s, y in near if _LEAST_NEAR < y < _MOST_NEAR]
        parametrisation = fit_std(about, CLOSE) if len(about) > _FACTORS else None
        if parametrisation is not None:
            return parametrisation, tuple(about[:3])
    points = tuple((s, std(s)) for s in (SHOWN if whole else SHOWN_POSITIVE))
    return (None, points) if finite(y for _, y in points) else None
