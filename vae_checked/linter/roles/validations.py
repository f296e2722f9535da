"""What a validation computes once more, without a gradient, of what is trained beside it."""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterable

from vae_checked.facts import Fact, KLForm
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.files import syntax
from vae_checked.linter.roles import masked_draws, modes, partners, samplers, shown, ways
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import NO_GRAD, TRANSPARENT, Expr, Graph, origin, strip, walk

_PARTS = frozenset(("part", "item", "index"))
# What makes something else of what it is given.
_DECODING = frozenset(("layer", "matmul", "detach"))
_MADE = _DECODING | {"call", "opaque"}
_ELEMENTWISE = frozenset(("exp", "clamp", "softplus", "mul"))
# What is handed over, and what takes one entry of it or gives it another shape.
_HANDED = TRANSPARENT | _PARTS | {"atom", "const"}
# What stands for input where nothing is read that could be data.
_MADE_UP = frozenset(("noise", "const"))


def of_training(form: Fact[KLForm] | None, kl: Divergence | None, losses: Losses) -> Fact[KLForm] | None:
    """The form of a KL, at the line that trains where a validation repeats it: what is asked of it is asked there.

    A formula of its own, or of other heads, is reported at its own line. Of one that is shown, beside a loss that has
    something else of both heads in it, nothing is reported: what trains them is not read.
    """
    if form is None or kl is None or losses.is_differentiated(kl):
        return form
    if shown.is_met_in_steps_shown(losses.roots_with(kl.term), losses.evaluation):
        return _at_one_of(form, [each for each in _repeated(kl, losses) if _is_of_training_step(each, losses)])
    if not losses.backward:
        return form
    if _is_made_of_heads(kl, losses.backward, losses):
        return None
    if not _is_without_gradient(kl.term, losses):
        return form
    return _at_one_of(form, filter(losses.is_differentiated, _repeated(kl, losses)))


def _repeated(kl: Divergence, losses: Losses) -> list[Divergence]:
    """The KLs of a loss that are of the heads and the form of one."""
    kind = _kind(kl)
    return [other for other in losses.kls if _kind(other) == kind]


def _at_one_of(form: Fact[KLForm], trained: Iterable[Divergence]) -> Fact[KLForm]:
    """A form at the line of one of those that train; at its own where it is one of them, or where there are none."""
    places = [origin(other.term) for other in trained]
    known = any(each.place == form.origin.place for each in places)
    return form if known or not places else Fact(form.value, places[0])


def _is_of_training_step(kl: Divergence, losses: Losses) -> bool:
    return any(
        root.function is not None and root.function.name == "training_step" for root in losses.roots_with(kl.term)
    )


def is_shown_alone(kl: Divergence, graph: Graph, evaluation: Evaluation) -> bool:
    """Whether a KL stands in nothing that is differentiated, where something is."""
    values = evaluation.read_once(_differentiated)
    ends = [graph.rewritten.get(value.uid, value) for value in values]
    return bool(ends) and not any(graph.holds(end, kl.term.uid) for end in ends)


def _differentiated(evaluation: Evaluation) -> list[Expr]:
    """What is differentiated, in all ways through its branches."""
    roots = (root.value for root in evaluation.observations.roots if root.kind == "backward")
    return ways.in_all(evaluation, [value for value in roots if isinstance(value, Expr)])


def is_shown(site: SamplerSite, kl: Divergence | None, found: Iterable[SamplerSite], losses: Losses) -> bool:
    """Whether a draw without a gradient repeats one that is trained, and is compared with nothing: for a picture.

    So does one that is compared in no loss that is read with its KL, as where the evidence is estimated by weights of
    many draws, or an error alone is measured; and one that no loss has, where what is decoded is made of several, or
    masked.
    """
    if _is_between_others(site, found, losses):
        return True
    if not losses.backward:
        return False
    mixed = not losses.trains(site.z) and masked_draws.is_no_draw(site, None, losses.graph)
    if not mixed and not _is_without_gradient(site.z, losses):
        return False
    compared = [recon for recon in losses.recons if losses.holds_one(recon, site.z.uid)]
    if compared and (mixed or _is_asked_for(site, kl or partners.kl_of(site, list(losses.kls)), compared, losses)):
        return False
    kind = _kind_of(site)
    return any(other.z.uid != site.z.uid and _kind_of(other) == kind and losses.trains(other.z) for other in found)


def _is_between_others(site: SamplerSite, found: Iterable[SamplerSite], losses: Losses) -> bool:
    """Whether a mean is made of several that one layer gives of several inputs, without a gradient and for no error.

    It is that of no posterior, as where a picture between two others is asked for: what is trained draws with one.
    """
    if not _is_without_gradient(site.z, losses):
        return False
    made = _layers_below(site.location)
    layers = {node.get("serial") for node in made}
    if len({node.uid for node in made}) < 2 or len(layers) != 1:
        return False
    if any(losses.holds_one(recon, site.z.uid) for recon in losses.recons):
        return False
    trained = (each for each in found if losses.trains(each.z) and not _is_without_gradient(each.z, losses))
    return any({node.get("serial") for node in _layers_below(each.location)} == layers for each in trained)


def _layers_below(value: Expr) -> list[Expr]:
    """The layers that a value is made of, those that these are made of left out."""
    found: dict[int, Expr] = {}
    stack, seen = [value], set[int]()
    while stack:
        node = stack.pop()
        if node.uid in seen:
            continue
        seen.add(node.uid)
        if node.op == "layer":
            found[node.uid] = node
        else:
            stack.extend(node.args)
    return list(found.values())


def _is_asked_for(site: SamplerSite, kl: Divergence | None, compared: Iterable[Reconstruction], losses: Losses) -> bool:
    """Whether something is asked of the KL beside a draw: it is read in a loss with an error, or reads other heads."""
    if kl is None:
        return False
    return not partners.agrees(site, kl) or any(losses.read(kl, recon) is not None for recon in compared)


def is_measured(kl: Divergence, used: Iterable[Divergence], losses: Losses) -> bool:
    """Whether a KL in no loss measures a posterior that another KL trains, and reads its heads as the sampler does.

    It is of the same heads, as one that is logged for each latent; or of heads of the same layers, without a gradient
    by these or where a model is put into evaluation, as what counts the latents in use, or of made-up input on which a
    network is tried out. A formula of its own is reported.
    """
    if kl.parametrisation is None or not losses.backward or losses.is_differentiated(kl):
        return False
    trained = [other for other in used if losses.is_differentiated(other)]
    if any(_is_read_alike(kl, other, site) for other in trained for site in losses.samples):
        return True
    made = [node for node in walk(kl.location, kl.head) if node.op == "layer"]
    if not made:
        return False
    is_moved = any(losses.flow.reaches([kl.term], node.uid) for node in made)
    if is_moved and not (_is_evaluated(kl, losses) or _is_of_made_up_input(made)):
        return False
    layers = {node.get("serial") for node in made}
    return any(
        (other.family, other.parametrisation) == (kl.family, kl.parametrisation)
        and any(node.op == "layer" and node.get("serial") in layers for node in walk(other.head))
        for other in trained
    )


def _is_of_made_up_input(made: Iterable[Expr]) -> bool:
    """Whether layers are given nothing but what was drawn or written down."""
    given = [node for layer in made for arg in layer.args for node in walk(arg)]
    sources = [node.op for node in given if not node.args]
    return _MADE_UP.issuperset(sources) and "noise" in (node.op for node in given)


def _is_evaluated(kl: Divergence, losses: Losses) -> bool:
    """Whether one of the functions in which a KL stands puts something into evaluation, and none differentiates."""
    functions = {id(root.function): root.function.node for root in losses.roots_with(kl.term) if root.function}
    calls = [
        node for function in functions.values() for node in syntax.descendants(function) if isinstance(node, ast.Call)
    ]
    return any(map(modes.mode_set, calls)) and not any("backward" in syntax.called(call) for call in calls)


def _is_read_alike(one: Divergence, other: Divergence, site: SamplerSite) -> bool:
    """Whether two KLs are of the heads of one sampler, to the same prior, and read them as it does."""
    priors = [(kl.prior, kl.reversed, kl.prior_heads, kl.mixed_with) for kl in (one, other)]
    return priors[0] == priors[1] and all(
        partners.kl_of(site, [kl]) is not None and partners.agrees(site, kl) for kl in (one, other)
    )


def is_left_over(kl: Divergence, used: Iterable[Divergence], losses: Losses) -> bool:
    """Whether nothing is done with a KL in the function that computes it, and another one of its mean trains.

    So does an older version of a formula that was left in the code: whatever it is a KL of, nobody sees it.
    """
    if partners.trains(kl, losses) or not _is_of_trained_mean(kl, used, losses):
        return False
    roots = losses.roots_with(kl.term)
    functions = {id(root.function.node): root.function.node for root in roots if root.function is not None}
    if len(functions) != 1 or any(root.kind != "assign" or not root.name or root.function is None for root in roots):
        return False
    (function,) = functions.values()
    return shown.are_read_for_one_another({root.name for root in roots}, function)


def is_of_arguments(kl: Divergence, used: Iterable[Divergence], losses: Losses) -> bool:
    """Whether a KL in no loss is of what a method of a trainer is handed, and nobody here hands it anything.

    It is a formula that was left in the code, or one for other code to call, beside the one that trains. A formula of
    its own is reported.
    """
    if kl.parametrisation is None or kl.offset or losses.is_differentiated(kl):
        return False
    if not any(map(losses.is_differentiated, used)):
        return False
    sources = {node.op for node in walk(kl.location, kl.head, *(kl.prior_heads or ()))}
    functions = [root.function for root in losses.roots_with(kl.term) if root.function is not None]
    if not sources <= _HANDED or "atom" not in sources or any(function.owner is None for function in functions):
        return False
    return bool(functions) and _handed_on(losses.evaluation).isdisjoint(function.name for function in functions)


def _handed_on(evaluation: Evaluation) -> frozenset[str]:
    """The names of methods that code hands to others, or keeps, without calling them there: `fit(self.divergence)`."""
    file = evaluation.module.file
    called = {id(call.func) for call in file.of(ast.Call)}
    return frozenset(node.attr for node in file.of(ast.Attribute) if id(node) not in called)


def _is_of_trained_mean(kl: Divergence, others: Iterable[Divergence], losses: Losses) -> bool:
    """Whether one of some other KLs is of the same mean and trains."""
    mean = strip(kl.location).uid
    return any(
        other is not kl and strip(other.location).uid == mean and partners.trains(other, losses) for other in others
    )


def is_beside_what_trains(kl: Divergence, losses: Losses) -> bool:
    """Whether a KL in no loss is beside another one of these heads that is, or beside what may be one and is not read.

    The loss has its KL then, as far as is known.
    """
    if partners.trains(kl, losses):
        return False
    if _is_of_trained_mean(kl, losses.kls, losses):
        return True
    if not losses.backward:
        return False
    # A density of what is drawn, or of what a flow makes of it, is written of the heads as well.
    unread = losses.graph.having("call", "opaque")
    trained = losses.flow.reached(losses.backward)
    return _is_made_of_heads(kl, losses.backward, losses, _MADE) or any(
        node.uid in trained and _is_made_of_heads(kl, [node], losses) for node in unread
    )


def other_loss(kl: Divergence, losses: Losses) -> Expr | None:
    """What the code calls its loss, where that has no gradient by a KL, and has both of its heads in it otherwise.

    The KL is only shown then, as with `.detach()`, wherever the loss is differentiated.
    """
    if losses.backward or losses.flow.reaches(losses.ends, kl.term.uid):
        return None
    return next((end for end in losses.ends if _is_made_of_heads(kl, [end], losses, _DECODING)), None)


def _is_made_of_heads(
    kl: Divergence, values: Iterable[Expr], losses: Losses, ending: frozenset[str] = frozenset()
) -> bool:
    """Whether values have both heads of a KL in them, on ways that pass nothing that is drawn with them.

    Nor any operation in `ending`.
    """
    drawn = {site.z.uid for site in losses.samples}
    wanted = {strip(kl.location).uid, strip(kl.head).uid}
    seen: set[int] = set()
    stack = list(values)
    while stack and not wanted <= seen:
        node = stack.pop()
        if node.uid not in seen and node.uid not in drawn:
            seen.add(node.uid)
            if node.op not in ending:
                stack.extend(node.args)
    return wanted <= seen


def _kind_of(site: SamplerSite) -> Hashable:
    law = tuple(site.noise.get(name) for name in ("law", "mean", "std"))
    return source_of(site.location), *_reading(site), law


def _reading(site: SamplerSite) -> tuple[Hashable, ...]:
    """As what a scale reads which head, in whatever method and words; else where it is written."""
    head = site.fitting_head
    found = None if head is None else samplers.curve(site.scale, head)
    if head is not None and found is not None and found[0] is not None:
        return source_of(head), strip(head).op, found[0]
    return source_of(site.scale), site.scale.op, None if site.scale.site is None else site.scale.site.node


def _is_without_gradient(value: Expr, losses: Losses) -> bool:
    """Whether a value stands in a block that switches gradients off, as far as it goes anywhere."""
    return not losses.read_once(_switched_off).isdisjoint(losses.graph.holding(value.uid))


def _switched_off(losses: Losses) -> frozenset[int]:
    """The uids of what stands in blocks that switch gradients off."""
    return frozenset(node.uid for node in losses.graph.having("detach") if node.get("known") == NO_GRAD)


def _kind(kl: Divergence) -> Hashable:
    heads = (kl.location, kl.head, *(kl.prior_heads or ()), *(() if kl.mixed_with is None else (kl.mixed_with,)))
    marks = (kl.prior, kl.reversed, kl.offset, kl.apart, kl.squareless, kl.entropyless)
    return kl.family, kl.parametrisation, f"{abs(kl.factor):.6g}", marks, tuple(map(source_of, heads))


def source_of(head: Expr) -> Hashable:
    """What makes a head, a layer or a model that is not known, and which part of that it is, whatever it was run on."""
    taken: list[Hashable] = []
    node = strip(head)
    while node.args and (node.op in _PARTS or node.op in _ELEMENTWISE):
        if node.op in _PARTS:
            taken.append((node.op, node.attrs))
        node = strip(next((arg for arg in node.args if arg.op != "const"), node.args[0]))
    if node.op == "opaque" and node.get("name") == "call":
        return (*taken, "called", node.args[0].uid)
    if node.op == "call" and _is_given(node.args[0]):
        # A part that was handed in, asked by a method: `self.net.encode(x)`, or `self.net.forward(x)` for a call.
        return (*taken, "called" if node.get("name") == "forward" else node.get("name"), node.args[0].uid)
    return (*taken, node.get("serial") if node.op == "layer" else node.uid)


def _is_given(value: Expr) -> bool:
    """Whether a value was handed in as a whole, or is an attribute of what was."""
    while value.op == "opaque" and str(value.get("name")).startswith("attribute:") and value.args:
        value = value.args[0]
    return value.op == "atom"
