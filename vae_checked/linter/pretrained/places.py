"""In which code the values of an evaluation are made."""

from __future__ import annotations

from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.pretrained.ends import Where
from vae_checked.linter.symbols.expression import Expr
from vae_checked.linter.symbols.observations import Root
from vae_checked.linter.symbols.values import Function


class Places:
    """The code in which each value of one evaluation was made first."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._file = Where(evaluation.module.path)
        self._found: dict[int, Where] = {}
        opened: set[int] = set()
        for root in evaluation.observations.roots:
            where = self.of_root(root)
            stack = [root.value] if isinstance(root.value, Expr) else [*expressions(root.value, opened)]
            while stack:
                node = stack.pop()
                if node.uid not in self._found:
                    self._found[node.uid] = where
                    stack.extend(node.args)

    def of(self, node: Expr) -> Where:
        """The code in which a value was made."""
        return self._found.get(node.uid) or self._file

    def put(self, node: Expr, function: Function | None) -> None:
        """Take note of a value that stands for a call in a function."""
        self._found[node.uid] = self._file if function is None else _of_function(function)

    def stand_for(self, node: Expr, other: Expr) -> None:
        """Take note of a value that stands for another one."""
        self._found[node.uid] = self.of(other)

    def of_root(self, root: Root) -> Where:
        """The code that a value at the edge of a statement stands in."""
        if root.function is None:
            path = root.site.source.path
            return Where(path) if path else self._file
        return _of_function(root.function)


def _of_function(function: Function) -> Where:
    owner = "" if function.owner is None else function.owner.name
    return Where(function.scope.module.path, owner, function.name)
