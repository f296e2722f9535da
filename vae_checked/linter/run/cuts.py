"""What the report says where an evaluation ended before its code did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vae_checked.finding import Place, Remark, RemarkKind
from vae_checked.linter.evaluations.evaluation import Evaluation

_PACKAGE = Path(__file__).parents[2]


class Cuts:
    """The remarks on what was not examined, each place once."""

    def __init__(self) -> None:
        self._remarks: dict[tuple[Place, RemarkKind], Remark] = {}
        self._spent: set[str] = set()

    def note(self, evaluation: Evaluation) -> Place | None:
        """Take note of where an evaluation ended too early; the first such place, None where it did not."""
        first = None
        for cut in evaluation.observations.cuts:
            place = Place(evaluation.module.path, 1) if cut.site is None else cut.site.place
            first = first or place
            name = evaluation.subject.removeprefix(evaluation.module.path).lstrip(":") or "the file"
            if cut.of_file and cut.fault is None:
                if evaluation.module.path not in self._spent:
                    self._spent.add(evaluation.module.path)
                    what = "from here on nothing of the file is examined: it takes more work than one file is given"
                    self._add(RemarkKind.UNEXAMINED, what, place)
            elif cut.fault is None:
                what = f"{name} is not examined from here on: this takes more work than one evaluation is given"
                self._add(RemarkKind.UNEXAMINED, what, place)
            else:
                self._add(RemarkKind.INTERNAL_ERROR, f"{name} is not examined from here on: {_told(cut.fault)}", place)
        return first

    def note_end(self, evaluation: Evaluation) -> Place:
        """Take note of the evaluation with which that of a whole project ends too early; its place."""
        place = Place(evaluation.module.path, 1)
        what = "from here on nothing of the project is examined: it takes more work than one run is given"
        self._add(RemarkKind.UNEXAMINED, f"{what}; lint its folders one by one", place)
        return place

    def note_error(self, path: str, what: str, error: Exception) -> None:
        """Take note of an error of this tool itself that no evaluation answers for."""
        self._add(RemarkKind.INTERNAL_ERROR, f"{what} is not examined: {_told(error)}", Place(path, 1))

    def _add(self, kind: RemarkKind, message: str, place: Place) -> None:
        self._remarks.setdefault((place, kind), Remark(kind, message, place))

    def __iter__(self) -> Iterator[Remark]:
        return iter(self._remarks.values())


def _told(error: Exception) -> str:
    """`OverflowError in linter/symbols/values.py:12 of vae-checked: please report it`."""
    import traceback  # noqa: PLC0415  Python 3.14's loads dataclasses, which a run without an error needs not

    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    where = f" in {Path(own[-1].filename).relative_to(_PACKAGE).as_posix()}:{own[-1].lineno}" if own else ""
    return f"{type(error).__name__}{where} of vae-checked: please report it"
