"""Draws and KLs of trained heads in methods that no training runs: `vary(x)`, `generate(mu, logvar)`, `kl_per_unit(x)`.

A model is evaluated method by method where nobody calls them, and how its heads are trained stands in another one.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable, Iterator

from vae_checked.facts import KL, Facts, Heads, KLForm, NoiseLaw, Parametrisation, Sampler
from vae_checked.finding import Place, is_named
from vae_checked.linter.roles import latents, partners, readings
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite, curve, fitting_head, is_scalar
from vae_checked.linter.symbols.expression import Expr, strip
from vae_checked.linter.symbols.numeric import leaves
from vae_checked.mathematics.names import words_of
from vae_checked.record import replace

_SAMPLER = ("sampler.std", "sampler.noise", "sampler.gradient_reaches", "sampler.timing")
_CLOSE = 1e-6
_STD = frozenset(("std", "sigma", "stddev"))
# A place in the code of a subject.
_Where = tuple[str, Place | None]
# Both heads, by the layers that make them; None where they are handed over.
_Heads = tuple[Hashable, Hashable] | None


class DrawnAgain:
    """Over all evaluations, how heads are trained, and who else draws with them, or measures their KL."""

    def __init__(self) -> None:
        self._trained: dict[_Heads, set[KLForm]] = {}
        # Where z is drawn that trains, with the form of its KL, and by class where any z is drawn.
        self._places: dict[Place | None, set[KLForm]] = {}
        self._of_class: dict[str, set[Place | None]] = {}
        # Per subject and place the heads of what is drawn and how it reads them, and the heads of what is measured; and
        # the places that may train.
        self._drawn: dict[_Where, tuple[_Heads, Parametrisation | None]] = {}
        self._measured: dict[_Where, _Heads] = {}
        # Where the KLs that train are written, and per subject and place how others read heads that are handed over.
        self._kls: set[Place | None] = set()
        self._aside: dict[_Where, Parametrisation | None] = {}
        self._training: set[_Where] = set()

    def note(
        self,
        facts: Facts,
        site: SamplerSite | None,
        kl: Divergence | None,
        recon: Reconstruction | None,
        losses: Losses,
    ) -> None:
        """Take note of a draw, or a KL, of an evaluation: whether it trains, and with which heads."""
        form, drawn, measured = facts.kl.form, (facts.subject, _drawn_at(facts)), _measured(facts)
        if site is not None:
            self._of_class.setdefault(facts.subject, set()).add(drawn[1])
            if kl is not None and recon is not None and form is not None:
                self._note_trained(site, kl, facts, losses)
        if recon is not None or losses.backward:
            self._training |= {drawn, measured}
        elif site is not None and (kl is not None or losses.trains(site.z) or not _is_right(facts)):
            self._training.add(drawn)
            if form is not None and kl is not None and not losses.ends and _heads(kl.location, kl.head) is None:
                self._aside[measured] = form.value.parametrisation
        elif site is not None:
            self._note_drawn(drawn, site)
        elif kl is not None and form is not None and (heads := _heads(kl.location, kl.head)) is not None:
            self._measured[measured] = heads

    def _note_trained(self, site: SamplerSite, kl: Divergence, facts: Facts, losses: Losses) -> None:
        form = facts.kl.form
        if form is not None and losses.trains(site.z) and partners.agrees(site, kl):
            self._trained.setdefault(_heads(kl.location, kl.head), set()).add(_essence(form.value))
            self._places.setdefault(_drawn_at(facts), set()).add(_essence(form.value))
            self._kls.add(form.origin.place)

    def _note_drawn(self, drawn: _Where, site: SamplerSite) -> None:
        scale = _below_factors(site.scale)
        head = fitting_head(scale)
        found = None if head is None else curve(scale, head)
        given = all(map(latents.is_given, (site.location, *leaves(scale))))
        heads = _heads(site.location, head)
        if found is not None and (given or heads is not None):
            # What is handed over as the std is read as nothing else.
            is_as_it_comes = given and head is not None and not _STD.isdisjoint(words_of(str(head.get("name"))))
            self._drawn[drawn] = None if given else heads, None if is_as_it_comes else found[0]

    def told(self, found: Iterable[Facts]) -> Iterator[Facts]:
        """The facts, without what draws with trained heads, or measures them, as what trains them reads them.

        What is asked of these heads is asked where they train.
        """
        for item in found:
            form, drawn, measured = item.kl.form, (item.subject, _drawn_at(item)), _measured(item)
            if form is None and item.recon.kind is None and self._is_read_alike(drawn, item):
                yield replace(item, sampler=Sampler(), heads=Heads())
            elif form is not None and drawn[1] is None and self._is_measured_alike(measured, item):
                yield replace(item, kl=KL(), heads=Heads())
            elif drawn[1] is not None and self._is_put_aside(measured, drawn[1], item):
                yield replace(item, kl=KL())
            else:
                yield item

    def _is_read_alike(self, drawn: _Where, item: Facts) -> bool:
        known = self._drawn.get(drawn)
        if known is None or drawn in self._training or drawn[1] in self._places or item.sampler.std is None:
            return False
        heads, own = known
        own_ways = self._ways_of_class(drawn[0])
        ways = own_ways if heads is None else self._trained.get(heads, set())
        read_as = {form.parametrisation for form in ways}
        return bool(own_ways) and len(read_as) == 1 and own in (None, *read_as)

    def _is_measured_alike(self, measured: _Where, item: Facts) -> bool:
        form = item.kl.form
        heads = None if measured in self._training else self._measured.get(measured)
        if form is None or heads is None or not _is_unscaled(item):
            return False
        return bool(self._ways_of_class(measured[0])) and self._trained.get(heads) == {_essence(form.value)}

    def _is_put_aside(self, measured: _Where, drawn: Place, item: Facts) -> bool:
        """Whether a KL of what is drawn stands in no loss, as one to another posterior: another KL trains it."""
        own = self._aside.get(measured)
        if own is None or measured in self._training or measured[1] in self._kls or not _is_unscaled(item):
            return False
        return {form.parametrisation for form in self._places.get(drawn, ())} == {own}

    def _ways_of_class(self, subject: str) -> set[KLForm]:
        """The KLs of what a class draws where it is trained: none of one that only inherits its layers."""
        places = self._of_class.get(subject, set()) if is_named(subject) else set()
        return {form for place in places for form in self._places.get(place, ())}


def _below_factors(scale: Expr) -> Expr:
    """A scale without the arguments and settings that it is multiplied by, or divided: a temperature."""
    node = strip(scale)
    while node.op in ("mul", "div"):
        below = [arg for arg in node.args if not _is_argument(strip(arg), node)]
        if len(below) != 1 or (node.op == "div" and below[0] is not node.args[0]):
            break
        node = strip(below[0])
    return node


def _is_argument(factor: Expr, product: Expr) -> bool:
    """Whether a factor is handed over, or a setting; a number may be one that is left to its default."""
    if factor.op != "const":
        return factor.op == "atom" or is_scalar(factor)
    written = None if product.site is None else product.site.node
    return (
        isinstance(written, ast.BinOp)
        and isinstance(written.op, (ast.Mult, ast.Div))
        and not any(isinstance(side, ast.Constant) for side in (written.left, written.right))
    )


def _is_unscaled(item: Facts) -> bool:
    factor = item.kl.factor
    return factor is None or abs(factor.value.value - 1) < _CLOSE


def _is_right(facts: Facts) -> bool:
    """Whether eps is normal, and drawn for each latent of each sample: a factor that can be set is there for that."""
    noise, shared = facts.sampler.noise, facts.sampler.shared_over
    if noise is None or (shared is not None and shared.value):
        return False
    law = noise.value.law
    return law is NoiseLaw.STANDARD_NORMAL or (law is NoiseLaw.NORMAL and bool(noise.value.setting))


def _heads(location: Expr, head: Expr | None) -> _Heads:
    made = readings.known_head(strip(location)), readings.known_head(head)
    return None if None in made else made


def _essence(form: KLForm) -> KLForm:
    """A form without what differs from one spelling of it to another."""
    return replace(form, points=(), values=(), written=None, sampled=False)


def _measured(facts: Facts) -> _Where:
    return facts.subject, None if facts.kl.form is None else facts.kl.form.origin.place


def _drawn_at(facts: Facts) -> Place | None:
    places = (fact.origin.place for fact in map(facts.get, _SAMPLER) if fact is not None)
    return next((place for place in places if place is not None), None)
