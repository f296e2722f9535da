"""What both observers see of one VAE they see alike: every fact that both observed, and every verdict.

The catalogue's modules, the spellings and the planted mistakes are read by the linter and, built from the same text,
measured by the auditor. A verdict is never the opposite of the other's; facts may differ where the table says why.
Of the planted mistakes each is named by its audit, and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from both_observers.comparison import opposites, pairs
from both_observers.observing import Program, observe
from both_observers.programs import catalogue_programs, planted_programs, spelling_programs
from planted.pieces import DESIGNS

SOURCES: dict[str, Callable[[], list[Program]]] = {
    "catalogue": catalogue_programs,
    "spellings": spelling_programs,
    **{f"planted in {design.__name__}": partial(planted_programs, design) for design in DESIGNS},
}

# Per path and respect in which the two legitimately differ: why, and the sources of programs in which that shows.
DIFFERENT: dict[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("heads.source", "value"): (
        "the source tells what a call is handed twice from what one layer makes; measured, both are one value",
        frozenset(("planted in Inside", "planted in Sequential1d", "planted in Spatial", "spellings")),
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_both_observers_say_the_same(source: str) -> None:
    compared, different, against, misnamed = 0, Counter[tuple[str, str]](), [], {}
    programs = SOURCES[source]()
    for program in programs:
        seen = observe(program)
        named = {finding.code for finding in seen.measured.findings}
        if program.named is not None and not program.named <= named <= program.named | program.beside:
            misnamed[program.name] = named
        against += opposites(seen)
        found = pairs(seen)
        assert {"sampler.std", "recon.kind"} & {pair.path for pair in found}, f"{program.name}: hardly compared"
        compared += len(found)
        unexplained = [str(pair) for pair in found if {(pair.path, each) for each in pair.differs} - DIFFERENT.keys()]
        assert unexplained == []
        different.update((pair.path, each) for pair in found for each in pair.differs)
    assert misnamed == {}
    assert against == []
    assert compared > 15 * len(programs)
    # An entry of the table that no longer shows is taken out of it.
    assert set(different) == {entry for entry, (_, sources) in DIFFERENT.items() if source in sources}
