"""What the source calls the tensors of a VAE, where messages speak of them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from vae_checked.linter.roles.densities_apart import is_shared
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.reductions import formula_in
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import Expr, Site, strip
from vae_checked.mathematics.names import Role, likely_role_of

_ASSIGNED = re.compile(r"\s*((?:self\.)?[A-Za-z_]\w*)\s*(?::[^=]+|[-+*/])?=(?!=)")
# A name, with what it is taken from, that is not called.
_NAME = re.compile(r"(?<![\w.])(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*\b(?!\s*[.(])")
# What stands before a term that is added to another one, and behind one that another is added to.
_ADDED_TO, _PLUS = re.compile(r"[\w)\]]\s*[-+]"), re.compile(r"[)\]\s]*[-+]")
# A name that is given to what is computed of another one.
_MADE = re.compile(
    r"^[ \t]*(\w+)[ \t]*=[^=\n](?:[^\n]{0,99}[\w)][ \t]{0,9}\*|[^\n]{0,99}\b(?:exp|log|pow|square|sqrt)\()",
    re.MULTILINE,
)
_LONGEST = 40


def names_in(
    known: Mapping[int, Sequence[str]],
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    sides: tuple[Expr | None, Expr | None],
) -> dict[str, str]:
    """By role the name of each part of a VAE; `known` are the names that expressions went by, `sides` x_hat and x.

    The heads are called as the KL calls them, the parts of a sampler as they are where it draws; `kl_std` is there
    where the KL is written of the std.
    """
    formula = None if kl is None else formula_in(kl.term).site
    drawn = None if site is None else site.z.site
    loss = None if recon is None else recon.term.site
    found = {
        "kl": _assigned(formula),
        "recon": _assigned(loss),
        "x_hat": _called(sides[0], known, loss),
        "x": _called(sides[1], known, loss),
    }
    if found["kl"] == found["recon"]:
        # Two functions that each return their `loss`: no name of both tells them apart.
        found["kl"] = found["recon"] = None
    if kl is not None and is_shared(formula_in(kl.term)):
        # What the sum of several terms is called, the KL among them is not.
        found["kl"] = None
    if kl is not None:
        found["mu"] = _called(kl.location, known, formula) or _by_role(Role.MU, formula)
        found["second"] = _called(kl.head, known, formula) or _by_role(Role.SECOND, formula)
    if site is not None:
        found |= {"std": _called(site.scale, known, drawn), "z": _called(site.z, known, None) or _assigned(drawn)}
        found |= {"eps": _called(site.noise, known, drawn) or _assigned(site.noise.site)}
        found["mu"] = found.get("mu") or _called(site.location, known, drawn)
        head = site.fitting_head or site.head
        found["second"] = found.get("second") or _called(head, known, drawn)
        found["second"] = found["second"] or _by_role(Role.SECOND, site.scale.site)
        if kl is not None and _called(kl.head, known, None) is None and found["std"] == found["second"]:
            # What the KL is written of is the std itself: the head that it is made of has no name.
            found["kl_std"] = found["std"]
    found |= _told_apart(("x_hat", "x"), sides, found, known, loss)
    if kl is not None:
        found |= _told_apart(("mu", "second"), (kl.location, kl.head), found, known, formula)
        found |= _exchanged((kl.location, kl.head), found, known, formula)
    elif site is not None:
        head = site.fitting_head or site.head
        found |= _told_apart(("mu", "second"), (site.location, head), found, known, drawn)
    return {role: name for role, name in found.items() if name is not None}


def _told_apart(
    roles: tuple[str, str],
    values: tuple[Expr | None, Expr | None],
    found: Mapping[str, str | None],
    known: Mapping[int, Sequence[str]],
    where: Site | None,
) -> dict[str, str | None]:
    """Other names for two values that have one: a network may call what it makes as it calls what it is given.

    The one that the text at `where` has another name for takes that; where it has one for neither, or for both, each
    takes its other name, if there is one.
    """
    shared = found.get(roles[0])
    if shared is None or shared != found.get(roles[1]) or _is_one_value(*values):
        return {}
    others = [_called(value, known, where, without=shared) for value in values]
    text = "" if where is None else where.source.segment(where.node)
    written = [other is not None and re.search(rf"\b{re.escape(other)}\b", text) is not None for other in others]
    if not any(others):
        # No name of both tells them apart.
        return dict.fromkeys(roles)
    if written[0] != written[1]:
        others = [other if is_there else shared for other, is_there in zip(others, written, strict=True)]
    return {role: other or shared for role, other in zip(roles, others, strict=True)}


def _exchanged(
    heads: tuple[Expr, Expr], found: Mapping[str, str | None], known: Mapping[int, Sequence[str]], where: Site | None
) -> dict[str, str | None]:
    """The names that two heads were given last, where each went by that of the other before: the formula has both."""
    names = found.get("mu"), found.get("second")
    if None in names or names[0] == names[1]:
        return {}
    others = tuple(_called(head, known, where, name) for head, name in zip(heads, names, strict=True))
    if others != names[::-1]:
        return {}
    last = tuple(_latest(head, known, names) for head in heads)
    return {"mu": last[0], "second": last[1]} if last[0] != last[1] else {}


def _latest(value: Expr, known: Mapping[int, Sequence[str]], names: tuple[str | None, ...]) -> str | None:
    given = [name for name in (*known.get(strip(value).uid, ()), *known.get(value.uid, ())) if name in names]
    return given[-1] if given else None


def _is_one_value(one: Expr | None, other: Expr | None) -> bool:
    return one is not None and other is not None and strip(one).uid == strip(other).uid


def _called(
    value: Expr | None, known: Mapping[int, Sequence[str]], where: Site | None, without: str | None = None
) -> str | None:
    """The name of a value as it is written in the text at `where`, else the first that it went by.

    `without` is a name that is another value's there.
    """
    if value is None:
        return None
    names = [*known.get(value.uid, ()), *known.get(strip(value).uid, ())]
    names = [name for name in dict.fromkeys(names) if name.isidentifier() and not keyword.iskeyword(name)]
    names = [name for name in names if name != without]
    text = "" if where is None else where.source.segment(where.node)
    for name in names:
        written = re.search(rf"(?:\b[A-Za-z_]\w*\.)*\b{name}\b(?!\s*\()", text)
        if written is not None and len(written[0]) <= _LONGEST:
            return written[0]
    return names[0] if names else None


def _by_role(role: Role, where: Site | None) -> str | None:
    """The one name in the text at `where` that the field gives to this role, if it is no square or log of another."""
    text = "" if where is None else where.source.segment(where.node)
    named = {name for name in _NAME.findall(text) if likely_role_of(name.rpartition(".")[2]) is role}
    if where is not None and named:
        named -= _made_in(where.source.cell.text)
    return named.pop() if len(named) == 1 else None


@lru_cache(maxsize=8)
def _made_in(text: str) -> frozenset[str]:
    """The names that a file gives to what is computed of other names."""
    return frozenset(found[1] for found in _MADE.finditer(text))


def _assigned(where: Site | None) -> str | None:
    """What the statement assigns on whose first line an expression begins; None where it is one term of several."""
    if where is None:
        return None
    place = where.place
    found = _ASSIGNED.match(place.text)
    if found is None or _ADDED_TO.search(place.text[found.end() : place.column - 1]):
        return None
    after = place.text[place.end_column - 1 :] if place.end_line == place.line and place.end_column else ""
    return None if _PLUS.match(after) else found[1]
