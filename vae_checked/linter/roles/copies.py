"""A head that is handed on twice, in the place of one that is computed and never read."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from vae_checked.facts import Fact, HeadSource
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.symbols.expression import Expr, walk
from vae_checked.linter.symbols.observations import Root
from vae_checked.mathematics.names import Role, likely_role_of

_HEADS = (Role.MU, Role.SECOND)


def find(evaluation: Evaluation) -> Iterator[Fact[HeadSource]]:
    """The results of functions in which one head stands twice."""
    for root in evaluation.observations.roots:
        if root.kind == "return" and root.function is not None and isinstance(root.value, tuple):
            uids = Counter(part.uid for part in root.value if isinstance(part, Expr) and part.op != "const")
            if uids and max(uids.values()) > 1 and _forgets(evaluation, root):
                yield Fact(HeadSource.REPEATED, root.site.origin)


def _forgets(evaluation: Evaluation, root: Root) -> bool:
    """Whether a head is named twice in a result, and another one that a layer makes is read nowhere."""
    assert root.function is not None  # noqa: S101  only called on what a function returns
    function = root.function.node
    returned = next((node for node in ast.walk(root.site.node) if isinstance(node, ast.Tuple)), None)
    named = Counter(item.id for item in returned.elts if isinstance(item, ast.Name)) if returned is not None else {}
    twice = [name for name, count in named.items() if count > 1 and likely_role_of(name) in _HEADS]
    if not twice:
        return False
    read = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }
    return any(
        other.kind == "assign"
        and other.function is not None
        and other.function.node is function
        and likely_role_of(other.name) in _HEADS
        and other.name not in read
        and isinstance(other.value, Expr)
        and any(node.op == "layer" for node in walk(other.value))
        for other in evaluation.observations.roots
    )
