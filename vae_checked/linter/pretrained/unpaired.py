"""Why latents are not judged by their two ends: what was read of each, and what is not known of them."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.facts import Origin
from vae_checked.latent_facts import AffineMap, Use
from vae_checked.linter.pretrained.ends import Decoded, Encoded
from vae_checked.linter.pretrained.pairs import Agreement, agreement
from vae_checked.linter.pretrained.quantities import OF_A_VAE

# Of each end so many maps are said, of calls that have several.
_MOST = 3


def reason(encoded: Sequence[Encoded], decoded: Sequence[Decoded], encodings: Sequence[Origin]) -> str:
    """What was read of the ends of one piece of code, and why it does not tell whether they undo each other.

    `encodings` are its calls of `encode`, whatever becomes of what they give.
    """
    behind = _said([(each.applied, each.use is Use.OPEN, each.at) for each in encoded])
    behind = behind or _said([(AffineMap(), True, at) for at in encodings[:1]])
    before = _said([(each.applied, each.use is Use.OPEN, each.call) for each in decoded])
    if not before:
        return f"behind encode {behind}, and no decode of these latents was read"
    if not behind:
        return f"before decode {before}, and no encode of these latents was read"
    read = f"behind encode {behind}, before decode {before}"
    agreed = {agreement(one.applied, other.applied) for one in encoded for other in decoded}
    maps = [*(each.applied for each in encoded), *(each.applied for each in decoded)]
    names = {name for applied in maps for name in applied.names} - OF_A_VAE
    if Agreement.OPEN in agreed and len(names) > 1:
        return f"{read}: whether {_listed(sorted(names))} are one number is not known"
    return f"{read}: that one undoes the other was not read"


def _said(ends: Sequence[tuple[AffineMap, bool, Origin]]) -> str:
    """`z -> z * k (train.py:40)`, one for each map, which may have more to it; empty without any."""
    first = {_words(applied, is_open): at for applied, is_open, at in reversed(ends)}
    return " or ".join(
        words + (f" ({at.place})" if at.place is not None else "") for words, at in list(first.items())[:_MOST]
    )


def _words(applied: AffineMap, is_open: bool) -> str:
    if applied.is_identity:
        return f"{'something that is not read' if is_open else 'nothing'} is done"
    return f"z -> {applied}" + (" and something that is not read" if is_open else "")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
