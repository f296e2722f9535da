"""Lines that several latents of one model share, said once for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OF_ONE = re.compile(r"^(?P<model>.*) \(latent (?P<place>\d+) of (?P<count>\d+)\)(?P<rest>.*)$", re.DOTALL)


def together(lines: Sequence[str]) -> list[str]:
    """The lines, those that differ in their latent alone as one: `VAE (latents 1-4, 6 of 7): ...`.

    It stands where the first of them stood.
    """
    places: dict[tuple[str, str, str], list[int]] = {}
    kept: list[str | tuple[str, str, str]] = []
    for line in lines:
        match = _OF_ONE.match(line)
        if match is None:
            kept.append(line)
            continue
        key = (match["model"], match["count"], match["rest"])
        if key not in places:
            kept.append(key)
        places.setdefault(key, []).append(int(match["place"]))
    return [line if isinstance(line, str) else _told(*line, places[line]) for line in kept]


def _told(model: str, count: str, rest: str, places: list[int]) -> str:
    if len(places) == 1:
        return f"{model} (latent {places[0]} of {count}){rest}"
    return f"{model} (latents {', '.join(_runs(sorted(set(places))))} of {count}){rest}"


def _runs(places: list[int]) -> list[str]:
    """`1-4`, `6`: numbers that follow on each other as one."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return [str(first) if first == last else f"{first}-{last}" for first, last in runs]
