"""Identity testing: expressions evaluated at points, in plain Python, and compared with closed forms."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from vae_checked.linter.expression import TRANSPARENT, Expr

NAN = math.nan


def _softplus(x: float) -> float:
    return math.log1p(math.exp(-abs(x))) + max(x, 0.0)


_UNARY: dict[str, Callable[[float], float]] = {
    "exp": math.exp, "log": math.log, "log1p": math.log1p, "expm1": math.expm1, "sqrt": math.sqrt,
    "rsqrt": lambda x: 1.0 / math.sqrt(x), "abs": abs, "square": lambda x: x * x, "reciprocal": lambda x: 1.0 / x,
    "neg": lambda x: -x, "tanh": math.tanh, "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: 0.5 * (1.0 + math.tanh(0.5 * x)), "logsigmoid": lambda x: -_softplus(-x),
    "silu": lambda x: x * 0.5 * (1.0 + math.tanh(0.5 * x)), "softsign": lambda x: x / (1.0 + abs(x)),
    "gelu": lambda x: 0.5 * x * (1.0 + math.erf(x / math.sqrt(2.0))), "erf": math.erf,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "relu6": lambda x: min(max(x, 0.0), 6.0), "hardsigmoid": lambda x: min(max(x / 6.0 + 0.5, 0.0), 1.0),
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0, "floor": math.floor, "ceil": math.ceil, "round": round,
    "sin": math.sin, "cos": math.cos, "nan_to_num": lambda x: x, "mish": lambda x: x * math.tanh(_softplus(x)),
    "tanhshrink": lambda x: x - math.tanh(x), "celu": lambda x: x if x > 0 else math.expm1(x),
    "logit": lambda x: math.log(x / (1.0 - x)),
}  # fmt: skip
_PARAMETRIC: dict[str, Callable[[float, float], float]] = {
    "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "prelu": lambda x, a: x if x > 0 else a * x,
    "elu": lambda x, a: x if x > 0 else a * math.expm1(x),
    "softplus": lambda x, b: _softplus(b * x) / b,
}
_BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y,
    "maximum": max, "minimum": min,
}  # fmt: skip


def _power(x: float, y: float) -> float:
    result = x**y
    return result if isinstance(result, (int, float)) else NAN


def evaluate(expr: Expr, given: Mapping[int, float], salt: int = 0) -> float:
    """The value of one element of `expr`, with `given` values for some nodes; NaN where it has none.

    Every tensor is taken as constant over its elements and every axis as of length 1, so that sums, means and divisions
    by a size leave a value as it is. Nodes that are not elementwise get a value drawn from their structure and `salt`.
    """
    return Program(expr, given)(given, salt)


class Program:
    """An expression put in order of evaluation, for the evaluation at many points; `given` as for `evaluate`."""

    def __init__(self, expr: Expr, given: Iterable[int]) -> None:
        self.result = expr.uid
        self.steps: list[tuple[Expr, tuple[int, ...]]] = []
        seen = set(given)
        stack: list[tuple[Expr, bool]] = [(expr, False)]
        while stack:
            node, ready = stack.pop()
            if node.uid in seen:
                continue
            children = _children(node)
            if not ready and children:
                stack.append((node, True))
                stack.extend((child, False) for child in children if child.uid not in seen)
                continue
            seen.add(node.uid)
            self.steps.append((node, tuple(child.uid for child in children)))

    def __call__(self, given: Mapping[int, float], salt: int = 0) -> float:
        memo: dict[int, float] = dict(given)
        for node, children in self.steps:
            try:
                memo[node.uid] = _apply(node, [memo[child] for child in children], salt)
            except (ValueError, OverflowError, ZeroDivisionError):
                memo[node.uid] = NAN
        return memo[self.result]


def _children(node: Expr) -> Sequence[Expr]:
    if node.op in _UNARY or node.op in _BINARY or node.op in _PARAMETRIC or node.op in ("pow", "clamp"):
        return node.args
    if node.op in TRANSPARENT or node.op in ("sum", "mean"):
        return node.args[:1]
    if node.op == "where":
        return node.args[1:]
    return ()


def _apply(node: Expr, values: list[float], salt: int) -> float:
    op = node.op
    if op == "const":
        return node.value
    if op in _UNARY:
        return _UNARY[op](values[0])
    if op in _BINARY:
        return _BINARY[op](values[0], values[1])
    if op in _PARAMETRIC:
        parameter = node.get("parameter")
        return _PARAMETRIC[op](values[0], parameter if isinstance(parameter, float) else 1.0)
    if op == "pow":
        return _power(values[0], values[1])
    if op == "clamp":
        low, high = node.get("low"), node.get("high")
        x = values[0] if not isinstance(low, (int, float)) else max(values[0], low)
        return x if not isinstance(high, (int, float)) else min(x, high)
    if op in TRANSPARENT or op in ("sum", "mean"):
        return values[0] if values else NAN
    if op == "where":
        return values[0] if values[0] == values[1] else NAN
    if op == "size":
        return 1.0
    return random.Random(node.uid ^ salt * 0x9E3779B9).uniform(0.4, 2.6)  # noqa: S311  a probe point, no secret


def leaves(expr: Expr, stop: Iterable[int] = (), most: int | None = None) -> list[Expr]:
    """The nodes at which an elementwise evaluation of `expr` ends, constants and sizes left out, each once.

    The nodes whose uids are in `stop` are taken as given: neither they nor what is below them alone is listed. The
    search ends when more than `most` are found.
    """
    found: dict[int, Expr] = {}
    seen: set[int] = set(stop)
    stack = [expr]
    while stack and (most is None or len(found) <= most):
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        children = _children(node)
        if children:
            stack.extend(reversed(children))
        elif node.op not in ("const", "size"):
            found[node.uid] = node
    return list(found.values())


def close(x: float, y: float, tolerance: float = 1e-4) -> bool:
    """Whether two values agree up to a relative tolerance (and the small epsilons that people add)."""
    return math.isfinite(x) and math.isfinite(y) and abs(x - y) <= tolerance * max(1e-2, abs(x), abs(y))


def fit(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float] | None:
    """The coefficients with which the columns of `rows` add up to `values`, None when they do not (or not uniquely).

    Gaussian elimination with partial pivoting on the normal equations' square part: as many rows as columns solve, the
    rest must agree.
    """
    width = len(rows[0])
    matrix = [[*row, value] for row, value in zip(rows[:width], values[:width], strict=True)]
    for column in range(width):
        pivot = max(range(column, width), key=lambda index: abs(matrix[index][column]))
        if abs(matrix[pivot][column]) < 1e-9:
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for index in range(width):
            if index != column:
                ratio = matrix[index][column] / matrix[column][column]
                matrix[index] = [x - ratio * y for x, y in zip(matrix[index], matrix[column], strict=True)]
    solution = [matrix[index][width] / matrix[index][index] for index in range(width)]
    for row, value in zip(rows[width:], values[width:], strict=True):
        total = sum(x * y for x, y in zip(row, solution, strict=True))
        if not close(total, value, 1e-5):
            return None
    return [0.0 if abs(x) < 1e-7 else x for x in solution]


def points(seed: int, count: int, low: float, high: float) -> list[float]:
    """`count` numbers spread over [low, high], the same for the same seed; none at the ends or at round values."""
    generator = random.Random(seed)  # noqa: S311  probe points, no secret
    step = (high - low) / count
    return [low + step * (index + 0.2 + 0.6 * generator.random()) for index in range(count)]


def finite(values: Iterable[float]) -> bool:
    """Whether all values are finite."""
    return all(map(math.isfinite, values))
