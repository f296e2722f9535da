"""What a lock of shapes holds: models by name, each with its facts and tables, and the lines they stand at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vae_checked.errors import UsageError
from vae_checked.shapes.fold import unfold
from vae_checked.shapes.model import ModelShapes

TABLES = ("buffers", "layers", "parameters", "stages")
FACTS = ("constraint", "input", "latent", "reconstruction", "smallest")
RUN = ("adapter", "kwargs", "loss", "model", "spec")


class DamagedLockError(UsageError):
    """A text that is no whole lock: where and what, and in `remedy` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One model of a lock: `facts` by name, `run` how it is built, and one table per kind of entry."""

    facts: Mapping[str, str]
    stages: Mapping[str, str]
    layers: Mapping[str, str]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]
    run: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Mapping[str, str]:
        """The table `name` of TABLES."""
        found: Mapping[str, str] = getattr(self, name)
        return found


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that was read: its models by name, and the line of each entry by (model, table, key as written)."""

    models: Mapping[str, LockedModel]
    lines: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def line(self, model: str, table: str = "", key: str = "") -> int:
        """The line at which an entry stands, folded or not; that of its model, or 1, where there is no such entry."""
        known = self.lines.get((model, table, key))
        if known is not None:
            return known
        for (name, where, written), line in self.lines.items():
            if (name, where) == (model, table) and (written == key or key in unfold({written: ""})):
                return line
        return self.lines.get((model, "", ""), 1)


def locked(shapes: ModelShapes, run: Mapping[str, str] | None = None) -> LockedModel:
    """What of `shapes` is locked; `run` says how to build the model again."""
    facts = {
        "constraint": shapes.constraint,
        "input": shapes.input,
        "latent": shapes.latent,
        "reconstruction": shapes.reconstruction,
        "smallest": shapes.smallest,
    }
    return LockedModel(
        facts={key: value for key, value in facts.items() if value},
        stages={entry.key: str(entry) for entry in shapes.stages},
        layers={entry.key: str(entry) for entry in shapes.layers},
        parameters=dict(shapes.parameters),
        buffers=dict(shapes.buffers),
        run=dict(run or {}),
    )
