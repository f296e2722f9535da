"""One head read in two ways: by the sampler that training goes through, and by another that only draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vae_checked.facts import KL, Fact, Facts, KLForm, Parametrisation, Sampler, StdCurve
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.roles import missed_beside
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.samplers import SamplerSite, curve
from vae_checked.linter.roles.validations import source_of
from vae_checked.linter.symbols.expression import Expr, built_at, strip
from vae_checked.linter.symbols.observations import ProjectObservations
from vae_checked.record import dataclass

# What may bound a layer's output, for all that read it alike.
_PICKING = frozenset(("part", "item", "index"))
# What makes a std, or another positive number, of any: who reads the output as it comes reads it otherwise.
_MAPPING = frozenset(("softplus", "relu", "tanh", "abs"))
_BOUNDING = frozenset(("clamp", "maximum", "minimum", "softplus", "relu", "tanh", "abs"))
# The place where a head's layer was built, and which part of its output, bounded in which way, the head is.
Head = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    subject: str
    head: Head
    std: Fact[StdCurve]
    read_as: Parametrisation
    function: object
    names: Mapping[str, str]
    evaluation: int
    layer: frozenset[int]


class Readings:
    """How the heads of the project are read: the model may be trained in another evaluation than it is used in."""

    def __init__(self, observed: ProjectObservations) -> None:
        self._observed = observed
        self._trained: dict[Head, set[Fact[KLForm]]] = {}
        # By a head and the evaluation that trains it: which layers make it there.
        self._layers: dict[tuple[Head, int], frozenset[int]] = {}
        self._current: tuple[int, Evaluation | None] = (0, None)
        self._drawn: list[_Drawn] = []
        # The functions that draw from a head as it is trained: what else they make of it, they do by a setting.
        self._functions: set[tuple[Head, object]] = set()

    def read(self, site: SamplerSite, facts: Facts, evaluation: Evaluation) -> bool:
        """Take note of how one sampler reads its head for std, and of the KL that trains it if there is one.

        False where it is not known how, or what head that is.
        """
        std, form, head = facts.sampler.std, facts.kl.form, known_head(site.fitting_head)
        read_as = None if std is None else std.value.parametrisation
        if std is None or head is None or read_as is None:
            return False
        if form is None:
            function = _function_around(site, evaluation)
            at = self._number(evaluation), _layer_of(site.fitting_head)
            self._drawn.append(_Drawn(facts.subject, head, std, read_as, function, facts.names, *at))
            bare = _below_mappings(site.fitting_head)
            made = None if bare is None else curve(site.scale, bare, clipped=False)
            below = None if made is None else known_head(bare)
            if bare is not None and made is not None and below is not None:
                names = {**facts.names, "second": next(iter(evaluation.observations.names.get(bare.uid, ())), "s")}
                whole = Fact(StdCurve(*made), std.origin)
                self._drawn.append(_Drawn(facts.subject, below, whole, read_as, function, names, *at))
        elif form.value.parametrisation is read_as is _own_reading(site):
            self._trained.setdefault(head, set()).add(form)
            here = head, self._number(evaluation)
            self._layers[here] = self._layers.get(here, frozenset()) | _layer_of(site.fitting_head)
            self._functions.add((head, _function_around(site, evaluation)))
        return True

    def facts(self) -> list[Facts]:
        """The samplers that read a head in another way than the one in which it is trained."""
        found = []
        for drawn in self._drawn:
            forms = self._trained.get(drawn.head, set())
            ways = {form.value.parametrisation for form in forms}
            chosen = drawn.function is not None and (drawn.head, drawn.function) in self._functions
            if not chosen and len(ways) == 1 and drawn.read_as not in ways and not self._is_of_new(drawn):
                form = min(forms, key=lambda item: str(item.origin.place))
                found.append(Facts(drawn.subject, sampler=Sampler(std=drawn.std), kl=KL(form=form), names=drawn.names))
        return found

    def _number(self, evaluation: Evaluation) -> int:
        """The number of an evaluation; they are read one after the other."""
        number, last = self._current
        if last is not evaluation:
            self._current = number + 1, evaluation
        return self._current[0]

    def _is_of_new(self, drawn: _Drawn) -> bool:
        """Whether a draw is of an object that nothing trains or fills, beside another of its class that is trained.

        What such an object makes is tried out, as the shapes are: it learnt no reading.
        """
        trained = self._layers.get((drawn.head, drawn.evaluation), frozenset())
        return bool(trained and missed_beside.layers(trained, drawn.layer, self._observed))


def is_of_trained_mean(site: SamplerSite, kls: Iterable[Divergence]) -> bool:
    """Whether the layers that make the mean of a KL make that of a draw too, of whatever input in whichever object."""
    made, head = source_of(site.location), known_head(site.location)
    return any(source_of(kl.location) == made or (head is not None and known_head(kl.location) == head) for kl in kls)


def _function_around(site: SamplerSite, evaluation: Evaluation) -> object:
    """The place of the function in which z is drawn, the innermost; None where it is drawn in none."""
    written = site.z.site
    line = 0 if written is None else getattr(written.node, "lineno", 0)
    around = [
        (function.node.lineno, function.scope.module.path)
        for function in evaluation.functions()
        if written is not None
        and function.scope.module.path == written.source.path
        and function.node.lineno <= line <= (function.node.end_lineno or 0)
    ]
    return max(around, default=None)


def _own_reading(site: SamplerSite) -> Parametrisation | None:
    """How a sampler reads its own head; beside a KL it says how it reads the KL's, which may be computed from it."""
    head = site.fitting_head
    found = None if head is None else curve(site.scale, head)
    return None if found is None else found[0]


def _below_mappings(head: Expr | None) -> Expr | None:
    """What a head for std is made of by a function to positive numbers or small ones; None where it is not."""
    node, mapped = head, False
    while node is not None and strip(node).op in _MAPPING:
        node, mapped = strip(node).args[0], True
    return node if mapped else None


def _layer_of(head: Expr | None) -> frozenset[int]:
    """The number of the layer whose output a known head is; none where another value is called."""
    node = None if head is None else strip(head)
    while node is not None and node.op in _PICKING | _BOUNDING | _MAPPING and node.args:
        inner = [arg for arg in node.args if arg.op != "const"]
        node = strip(inner[0]) if len(inner) == 1 else None
    number = None if node is None or node.op != "layer" else node.get("serial")
    return frozenset((number,)) if isinstance(number, int) else frozenset()


def known_head(head: Expr | None) -> Head | None:
    """What tells a head for std from others, None where it is no layer's output as it comes, or as that is bounded.

    What makes it may be handed over, as an encoder is: it is then known by where the model takes it.
    """
    node: Expr | None = None if head is None else strip(head)
    parts: list[object] = []
    while node is not None and node.op in _PICKING | _BOUNDING and node.args:
        parts.append((node.op, node.get("index"), node.get("key")))
        inner = [arg for arg in node.args if arg.op != "const"]
        node = strip(inner[0]) if len(inner) == 1 else None
    built: Head | None = built_at(node) if node is not None and node.op == "layer" else None
    if node is not None and built is None and node.op == "opaque" and node.get("name") == "call" and node.args:
        built = _taken_at(*node.args)
    return None if built is None else (*built, *parts)


def _taken_at(made_by: Expr, *given: Expr) -> Head | None:
    """The place where a model takes what is called with one value here: what more is said of it may ask for another."""
    if made_by.op != "atom" or made_by.site is None or len(given) != 1:
        return None
    place = made_by.site.place
    return place.path, place.cell, place.line, place.column, made_by.get("name")
