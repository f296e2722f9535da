"""Records behave as the standard library's data classes do, case by case, and cost a start next to nothing."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from vae_checked import record

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


def declare(maker: Any) -> dict[str, Any]:
    """The same classes, made by the decorator and `field` of `maker` (the standard module, or ours)."""
    dataclass, field = maker.dataclass, maker.field

    @dataclass(frozen=True, slots=True)
    class Point:
        x: float
        y: float = 2.0
        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False, repr=False)
        origin: ClassVar[str] = "here"

        @property
        def norm(self) -> float:
            return (self.x**2 + self.y**2) ** 0.5

    @dataclass(frozen=True, slots=True)
    class Box(Generic[T]):
        value: T

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str = "none"
        size: int

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError(f"size is {self.size}")

    @dataclass(slots=True)
    class Open:
        count: int = 0
        made: list[int] = field(init=False, default_factory=list)
        later: str = field(init=False)

    @dataclass(slots=True, eq=False)
    class Node:
        children: list[Any] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Base:
        a: int
        b: int = 5

    @dataclass(frozen=True, slots=True)
    class Derived(Base):
        c: int = 7

    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    return {each.__name__: each for each in (Point, Box, Named, Open, Node, Base, Derived, Empty)}


def cycle(node: Any) -> Any:
    node.children.append(node)
    return node


OURS, THEIRS = declare(record), declare(dataclasses)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name)
        for name, case in {
            "repr": lambda m: repr(m["Point"](1.5)),
            "repr of keywords": lambda m: repr(m["Named"](size=3)),
            "repr of a cycle": lambda m: repr(cycle(m["Node"]())),
            "equal": lambda m: m["Point"](1.0, 3.0) == m["Point"](1.0, y=3.0, note="other"),
            "unequal": lambda m: m["Point"](1.0) == m["Point"](2.0),
            "unequal to another kind": lambda m: m["Base"](1, 5) == m["Derived"](1, 5),
            "identity only": lambda m: m["Node"]() == m["Node"](),
            "hash": lambda m: hash(m["Base"](1)) == hash(m["Base"](1, 5)),
            "hash of the changeable": lambda m: m["Open"].__hash__,
            "hash by identity": lambda m: m["Node"].__hash__ is object.__hash__,
            "own lists": lambda m: m["Node"]().children is m["Node"]().children,
            "generic": lambda m: repr(m["Box"](3)),
            "match": lambda m: m["Derived"].__match_args__,
            "match without keywords": lambda m: m["Named"].__match_args__,
            "inherited": lambda m: repr(m["Derived"](1, c=2)),
            "slots": lambda m: (m["Point"].__slots__, m["Derived"].__slots__, hasattr(m["Point"](1.0), "__dict__")),
            "class variable": lambda m: m["Point"].origin,
            "property": lambda m: m["Point"](3.0, 4.0).norm,
            "not given, made": lambda m: m["Open"](4).made,
            "empty": lambda m: (m["Empty"]() == m["Empty"](), repr(m["Empty"]())),
            "replace": lambda m: repr(dataclasses.replace(m["Point"](1.0), y=9.0)),
            "is_dataclass": lambda m: (dataclasses.is_dataclass(m["Box"]), dataclasses.is_dataclass(m["Box"](1))),
            "fields": lambda m: [(f.name, f.compare, f.repr) for f in dataclasses.fields(m["Point"])],
            "asdict": lambda m: dataclasses.asdict(m["Box"](m["Base"](1))),
            "deepcopy": lambda m: copy.deepcopy(m["Point"](1.0, tags=["a"])) == m["Point"](1.0, tags=["a"]),
            "copy": lambda m: repr(copy.copy(m["Derived"](1, 2, 3))),
            "docstring name": lambda m: (m["Point"].__name__, m["Point"].__qualname__, m["Point"].__module__),
        }.items()
    ],
)
def test_a_record_does_what_a_data_class_does(case: Any) -> None:
    assert case(OURS) == case(THEIRS)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (lambda m: m["Point"](), TypeError),
        (lambda m: m["Point"](1.0, z=3), TypeError),
        (lambda m: m["Named"]("a", 3), TypeError),
        (lambda m: m["Open"](made=[]), TypeError),
        (lambda m: m["Named"](size=-1), ValueError),
        (lambda m: setattr(m["Point"](1.0), "x", 2.0), dataclasses.FrozenInstanceError),
        (lambda m: delattr(m["Point"](1.0), "x"), dataclasses.FrozenInstanceError),
        (lambda m: setattr(m["Open"](), "unheard", 1), AttributeError),
        (lambda m: m["Open"]().later, AttributeError),
        (lambda m: hash(m["Point"](1.0)), TypeError),
    ],
)
def test_a_record_refuses_what_a_data_class_refuses(case: Any, kind: type[Exception]) -> None:
    for made in (OURS, THEIRS):
        with pytest.raises(kind):
            case(made)


@record.dataclass(frozen=True, slots=True)
class Kept:
    """At module level, since pickle finds classes by name."""

    left: int
    right: tuple[int, ...] = ()


def test_a_record_survives_pickling() -> None:
    kept = Kept(3, (5, 7))
    again = pickle.loads(pickle.dumps(kept))  # noqa: S301  its own bytes
    assert again == kept
    assert again is not kept


def test_our_own_fields_and_replace_need_no_dataclasses() -> None:
    assert [each.name for each in record.fields(Kept)] == ["left", "right"]
    assert record.replace(Kept(3), right=(9,)) == Kept(3, (9,))


def test_a_record_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="every record has slots"):
        record.dataclass(frozen=True)


def test_making_records_imports_no_dataclasses() -> None:
    script = (
        "import sys\nfrom vae_checked.record import dataclass, replace\n"
        "@dataclass(frozen=True, slots=True)\nclass P:\n    x: int\n"
        "replace(P(1), x=2)\nprint('dataclasses' in sys.modules, 'inspect' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "False"]
