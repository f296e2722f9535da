"""As what the head for std of a VAE is read, where the sampler and the KL do not agree about it as well."""

from __future__ import annotations

from vae_checked.facts import Facts, Parametrisation
from vae_checked.mathematics.names import reading_of

_LOGARITHMS = frozenset((Parametrisation.LOGVAR, Parametrisation.LOG_STD))


def reading(facts: Facts) -> Parametrisation | None:
    """What remedies take the head for std for: what the sampler does, and the KL where it is the sampler that departs.

    Two remedies of one VAE then end at the same one, in whatever order they are followed.
    """
    std, form = facts.sampler.std, facts.kl.form
    drawn = None if std is None else std.value.parametrisation
    read_as = None if form is None else form.value.parametrisation
    if read_as is None or read_as is drawn:
        return drawn or _as_written(facts)
    if std is None:
        return read_as
    return drawn if kl_departs(facts, drawn, read_as) else read_as


def _as_written(facts: Facts) -> Parametrisation | None:
    """A width, where the formula of a KL takes the logarithm of a head that no sampler was seen to draw with."""
    form, name = facts.kl.form, facts.names.get("second", "")
    written = "" if form is None else form.origin.source.replace(" ", "")
    if not name or not (f"log({name})" in written or f"{name}.log()" in written):
        return None
    return Parametrisation.VAR if reading_of(name) is Parametrisation.VAR else Parametrisation.STD


def kl_departs(facts: Facts, drawn: Parametrisation | None, read_as: Parametrisation) -> bool:
    """Whether it is the KL that reads the head as something else than it is called, or than its range tells.

    A head that can be negative is no width, whatever it is called: what takes it for a logarithm is right.
    """
    head = facts.heads.second
    if drawn not in _LOGARITHMS and read_as in _LOGARITHMS and head is not None and head.value.low < 0.0:
        return False
    if drawn is None or read_as not in _LOGARITHMS:
        positive = False
    else:
        positive = drawn not in _LOGARITHMS and head is not None and head.value.low >= 0.0
    return positive or (drawn is not None and reading_of(facts.names.get("second", "")) is drawn)
