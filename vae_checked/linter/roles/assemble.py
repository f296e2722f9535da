"""From one evaluation to Facts: which sampler, KL, reconstruction and output belong together."""

from __future__ import annotations

from collections.abc import Sequence

from vae_checked.facts import Data, Fact, Facts, Family, Heads, HeadSource, Likelihood, Output, Sampler
from vae_checked.linter.evaluations.evaluation import Evaluation, expressions
from vae_checked.linter.roles import (
    batches_of_one,
    chosen_models,
    class_draws,
    copies,
    decoded_draws,
    densities_apart,
    directions,
    divergences,
    drawn_apart,
    experts,
    further_errors,
    gaps,
    latent_differences,
    loss_arms,
    moments,
    naming,
    near_kls,
    number_targets,
    other_posteriors,
    partner_errors,
    partners,
    phi,
    prior,
    reconstructions,
    relabelled,
    relative_noise,
    samplers,
    settings_apart,
    targets,
    tempered,
    thresholds,
    training,
    unread_errors,
    unread_priors,
    validations,
    ways,
    weights,
)
from vae_checked.linter.roles.across import Across
from vae_checked.linter.roles.alike import few_alike
from vae_checked.linter.roles.clipped_heads import common_head
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.drawn_means import read_with
from vae_checked.linter.roles.kl import is_opposed, kl_facts
from vae_checked.linter.roles.likelihood import compare_with_several, data_facts, output_facts, recon_facts, sides
from vae_checked.linter.roles.loop_turns import of_a_turn
from vae_checked.linter.roles.misread_heads import misread
from vae_checked.linter.roles.objective import Losses, objective_facts
from vae_checked.linter.roles.parts_of_heads import of_whole_heads
from vae_checked.linter.roles.posterior import heads_facts, may_be_drawn_from, sampler_facts
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.symbols.expression import (
    ELEMENTWISE,
    KL,
    NOISE,
    SAMPLE,
    Expr,
    Graph,
    origin,
    strip,
    walk,
)
from vae_checked.linter.symbols.gradient_flow import is_of_places
from vae_checked.record import replace

# The draws among which those are looked for that are joined with a KL, and how many of these tell what is decoded.
_MAX_LOOKED, _MOST_LATENTS = 24, 4
# What is made for these can be known by its range alone, whatever it is of.
_OF_PROBABILITIES = frozenset((Likelihood.BCE, Likelihood.BCE_WITH_LOGITS))
# What tells a KL that nothing is asked of: it trains nothing, and another one of the same VAE does.
_BESIDE = (validations.is_measured, validations.is_left_over, validations.is_of_arguments)
_Parts = tuple[Graph, list[SamplerSite], list[Divergence], list[Reconstruction]]


def facts_of(evaluation: Evaluation, across: Across) -> list[Facts]:
    """The facts of every VAE in an evaluation: one per sampler, or one per KL where no sampler is seen.

    What tells something of a model that may stand in another evaluation is noted in `across`.
    """
    across.scales.read_given(evaluation.subject, evaluation.observations.fed)
    across.unused.see(evaluation)
    values = evaluation.values()
    twice = [Facts(evaluation.subject, heads=Heads(source=source)) for source in copies.find(evaluation)]
    twice += relabelled.facts(evaluation)
    if not _may_hold_parts(values):
        return twice
    graph, found, kls, recons = evaluation.read_once(_read)
    across.decoded.note(evaluation.read_once(_read_all)[1], found)
    if not (found or kls or recons):
        if prior.may_draw(values):
            across.prior.read(evaluation.subject, graph, [], (), Losses(evaluation, graph, [], [], []).ends)
        return twice
    across.scales.read_trained(graph, kls, evaluation.data)
    unread = _unread(graph, found, kls, recons)
    losses = Losses(evaluation, graph, found, kls, recons, unread.values())
    across.unused.note(losses)
    across.unmoved.note(losses)
    across.left_out.note(losses)
    across.uncalled.note(losses)
    if (
        evaluation.model is None
    ):  # what a loss that nothing calls is handed is the encoder's input, whatever it is scaled by
        across.targets.read(evaluation.subject, recons, losses.backward)
    facts: list[Facts] = []
    posterior: list[SamplerSite] = []
    used: dict[int, Divergence] = {}
    of_kl: set[int] = set()
    for site in found:
        kl = partners.trained_of(site, kls, losses)
        looked_at = drawn_apart.facts(site, kl, losses, across)
        if looked_at is not None:
            facts.extend(looked_at)
            continue
        if validations.is_shown(site, kl, found, losses):
            if kl is not None:
                used[kl.term.uid] = kl
            continue
        if kl is not None:
            kl = settings_apart.beside(site, kl, losses)
            used[kl.term.uid] = kl
            of_kl.add(site.z.uid)
        posterior.append(site)
        decoded, other = partner_errors.of_sampler(site, recons, kl, losses), unread.get(site.z.uid)
        if other is not None and any(losses.holds_one(recon, site.z.uid) for recon in decoded):
            decoded = [other]
        beside: list[Reconstruction | None] = [*decoded] or [other]
        own = [_facts(across, site, kl, recon, losses) for recon in beside]
        for item, recon in zip(further_errors.left_open(own, site, kl, decoded, losses), beside, strict=True):
            facts.extend(loss_arms.facts(item, site, kl, recon, losses))
        facts.extend(further_errors.facts(site, decoded, losses))
        across.readings.read(site, facts[-1], evaluation)
        if kl is not None:
            facts.extend(Facts(evaluation.subject, sampler=each) for each in training.decoded_means(kl, site, losses))
    for site in posterior:
        facts.extend(Facts(evaluation.subject, sampler=sampler) for sampler in training.without_eps(losses, site))
    others = other_posteriors.find(
        losses, [recon for site in posterior for recon in partner_errors.of_sampler(site, recons, None, losses)]
    )
    facts.extend(each.told(_facts(across, each.site, None, each.recon, losses)) for each in others)
    facts.extend(weights.facts(evaluation.subject, found, kls))
    facts.extend(experts.facts(evaluation.subject, found))
    across.prior.read(evaluation.subject, graph, posterior, of_kl, losses.ends)
    apart = (kl for kl in kls if kl.term.uid not in used and not directions.is_beside(kl, used.values()))
    for kl in few_alike(apart, losses):
        if any(is_beside(kl, used.values(), losses) for is_beside in _BESIDE):
            continue
        drawn = partners.on_another_way(kl, posterior, used.values(), losses)
        recon = partner_errors.of_kl(kl, drawn, recons, losses)
        own = [_facts(across, drawn, kl, recon, losses)]
        if drawn is not None:
            own = [*further_errors.left_open(own, drawn, kl, filter(None, [recon]), losses)]
        facts.extend(each for item in own for each in loss_arms.facts(item, drawn, kl, recon, losses))
    facts.extend(twice)
    if not facts and recons:
        decoded = [recon for recon in recons if _is_told(recon)]
        facts.extend(_facts(across, None, None, recon, losses) for recon in decoded)
    return facts


def _may_hold_parts(values: Sequence[Expr]) -> bool:
    """Whether a part of a VAE may stand in one of the values: known by the kinds of operations in them."""
    return any(value.bits & NOISE or phi.tells(value) for value in values) and (
        any(map(phi.may_tell, values)) or prior.may_draw(values)
    )


def has_departing_kl(evaluation: Evaluation) -> bool:
    """Whether a KL is that of no parametrisation, or may read its head otherwise than the sampler that it belongs to.

    Where it is False, `facts_of` has no such facts: the answer without what these take.
    """
    if not _may_hold_parts(evaluation.values()):
        return False
    _, found, kls, _ = evaluation.read_once(_read)
    if any(kl.offset or (kl.parametrisation is None and kl.family is Family.GAUSSIAN) for kl in kls):
        return True
    for site in found:
        kl = partners.kl_of(site, kls)
        if kl is not None and settings_apart.alike(site, kls):
            # A setting may have the one where it has not the other.
            return True
        std = None if kl is None else sampler_facts(site, common_head(site, kl), kl).std
        if kl is not None and std is not None and std.value.parametrisation is not kl.parametrisation:
            return True
    return False


def _is_told(recon: Reconstruction) -> bool:
    """Whether what a loss alone says of its prediction can be wrong: a network made it, or what it passed last."""
    prediction = sides(None, recon)[0] or recon.term
    if recon.kind in _OF_PROBABILITIES and reconstructions.activations(prediction)[1] is not None:
        return True
    if reconstructions.bounded_scores(recon) is not None:
        return True
    return any(node.op == "layer" for node in walk(prediction))


def is_joined(evaluation: Evaluation) -> bool:
    """Whether the function that was run has a value with a KL that reads the heads which a sampler draws with."""
    roots, script = evaluation.observations.roots, evaluation.subject == evaluation.module.path
    outer = (root.value for root in roots if root.depth == 1 or script)
    own = [value for each in outer for value in expressions(each)]
    return has_joined_in(evaluation, own)


def has_joined(evaluation: Evaluation) -> bool:
    """Whether any function that was run has a KL that reads the heads which a sampler draws with."""
    values = evaluation.values()
    if not any(map(_holds_kl, values)) or not any(value.bits & SAMPLE for value in values):
        return False
    return bool(evaluation.read_once(_joined))


def has_joined_in(evaluation: Evaluation, values: list[Expr]) -> bool:
    """Whether some values of an evaluation have a KL that reads the heads which a sampler draws with."""
    held = [value for value in values if _holds_kl(value)]
    if not held or not has_joined(evaluation):
        return False
    joined, graph = evaluation.read_once(_joined), evaluation.read_once(_read)[0]
    resolved = (graph.rewritten.get(value.uid, value) for value in ways.in_all(evaluation, held, _holds_kl))
    return not joined.isdisjoint(node.uid for node in walk(*resolved))


def _joined(evaluation: Evaluation) -> set[int]:
    """The terms that are KLs of the heads that a sampler draws with."""
    _, found, kls, _ = evaluation.read_once(_read)
    return {kl.term.uid for site in found if (kl := partners.kl_of(site, kls)) is not None}


def _holds_kl(value: Expr) -> bool:
    """Whether a KL may stand in a value."""
    return value.bits & KL == KL


def _read(evaluation: Evaluation) -> _Parts:
    """The parts of VAEs in an evaluation, without the draws around what is decoded, and without a share of a code."""
    graph, found, kls, recons = evaluation.read_once(_read_all)
    kept = relative_noise.left_out(decoded_draws.left_out(found, kls, recons, graph), kls)
    return graph, kept, kls, recons


def _read_all(evaluation: Evaluation) -> _Parts:
    """The values of an evaluation in all ways through their branches, and the parts of VAEs among them."""
    graph = Graph(ways.in_all(evaluation))
    found = samplers.find(graph)
    kls, recons = _terms(graph, found, evaluation)
    rewritten = densities_apart.put_together(
        graph, [site for site in found if partners.kl_of(site, kls) is None], _is_kl
    )
    if rewritten:
        graph = Graph([rewritten.get(value.uid, value) for value in graph.values], rewritten)
        found = samplers.find(graph)
        kls, recons = _terms(graph, found, evaluation)
    trained = [kl for kl in kls if not validations.is_shown_alone(kl, graph, evaluation)]
    near = near_kls.find(graph, [site for site in found if partners.kl_of(site, trained) is None])
    return graph, found, [*kls, *near], recons


def _is_kl(term: Expr, site: SamplerSite) -> bool:
    """Whether a term is a KL of the heads that a sampler draws with."""
    head = site.fitting_head or site.head
    return head is not None and divergences.is_kl_of(term, strip(site.location), head)


def _terms(
    graph: Graph, found: list[SamplerSite], evaluation: Evaluation
) -> tuple[list[Divergence], list[Reconstruction]]:
    """The KLs of a graph and its reconstructions."""
    held = divergences.find(graph, _cuts(found), _heads(found))
    errors = list(reconstructions.find(graph))
    terms = (kl for kl in held if not (directions.is_no_term(kl, found) or moments.are_heads_of(kl, found)))
    posteriors = (kl for kl in terms if class_draws.may_be_of_a_posterior(kl, errors, graph))
    whole = [of_whole_heads(of_a_turn(kl, found), found) for kl in posteriors]
    kls = [read_with(kl, found, graph) for kl in whole]
    recons = [
        recon
        for recon in errors
        if not latent_differences.is_of_latents(recon, found, kls, graph)
        and not number_targets.is_against_one(recon)
        and not targets.is_of_itself(recon)
        and not thresholds.is_only_compared(recon, graph, evaluation)
    ]
    return directions.directed(kls, found, recons, evaluation), recons


def _cuts(found: list[SamplerSite]) -> list[Expr]:
    """Nodes worth taking as the head for std of a KL."""
    return [node for site in found for node in (site.scale, site.head, site.location) if node is not None]


def _heads(found: list[SamplerSite]) -> list[tuple[Expr, Expr]]:
    """Both heads of every sampler, where they are computed elementwise from something else."""
    pairs = ((strip(site.location), site.fitting_head) for site in found)
    return [
        (location, head)
        for location, head in pairs
        if head is not None and (location.op in ELEMENTWISE or head.op in ELEMENTWISE)
    ]


def _unread(
    graph: Graph, found: list[SamplerSite], kls: list[Divergence], recons: list[Reconstruction]
) -> dict[int, Reconstruction]:
    """By a sampler's z what stands beside its KL and is not read, where no reconstruction of the input is made from it.

    An error of other data that is made from z, as of a label, stands for the reconstruction where it is the only one.
    """
    beside: dict[int, Reconstruction] = {}
    looked = 0
    for site in found[:_MAX_LOOKED] if kls else ():
        kl = partners.kl_of(site, kls)
        if kl is None:
            continue
        with_z, with_kl = graph.holding(site.z.uid), graph.holding(kl.term.uid)
        if with_z.isdisjoint(with_kl):
            # A pass alone, whose loss is put together elsewhere.
            continue
        looked += 1
        if looked > _MOST_LATENTS:
            # Of a hierarchy the first latents tell whether anything is decoded.
            break
        made = [recon for recon in recons if (recon.first.uid in with_z) is not (recon.second.uid in with_z)]
        added = [recon for recon in made if not with_kl.isdisjoint(graph.holding(recon.term.uid))]
        if (made and not added) or any(targets.is_of_input(recon, site, graph) for recon in added):
            continue
        term = unread_errors.beside(kl, site, graph, [recon.term for recon in added])
        if term is not None:
            beside[site.z.uid] = term
    return beside


def _is_apart(site: SamplerSite, sampler: Sampler, recon: Reconstruction, losses: Losses) -> bool:
    """Whether an error has no gradient by z, and another one may have it.

    What is compared may be where z's output has its largest entry: that trains whatever it is compared with. Or a judge
    of z learns its labels from z without its gradient, and what is decoded goes where nothing is read.
    """
    held = (side for side in (recon.first, recon.second) if losses.graph.holds(side, site.z.uid))
    cut = [side for side in held if not losses.flow.reaches([side], site.z.uid)]
    is_open = sampler.gradient_reaches is None and not site.detached
    return any(is_open or any(map(is_of_places, walk(side))) for side in cut)


def _facts(
    across: Across,
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    losses: Losses,
) -> Facts:
    evaluation = losses.evaluation
    across.optimizers.read(losses, site, kl, recon)
    across.unused.read(losses, site, kl, recon)
    head = common_head(site, kl)
    # Beside a sampler, a KL that reads other heads than it draws with may mix two settings of the model.
    shown = kl if site is not None or not losses.draws else None
    if site is None and kl is not None and not may_be_drawn_from(kl, recon, losses):
        shown = None
    # What is not seen to be made from z may be another term of the loss: nothing is said of the balance of the two.
    made = recon is not None and (site is None or losses.holds_one(recon, site.z.uid))
    sampler = training.trained(sampler_facts(site, head, kl), site, kl, losses)
    if made and site is not None and recon is not None and _is_apart(site, sampler, recon, losses):
        made = False
    reading = losses.read(kl, recon) if kl is not None and recon is not None and made else None
    if kl is not None and recon is not None and reading is not None and is_opposed(kl, recon, reading, losses):
        reading = None
    kl_found = kl_facts(kl, recon, reading, losses)
    kl_found = replace(kl_found, form=validations.of_training(kl_found.form, kl, losses))
    density = unread_priors.own_density(site, losses) if kl is None and site is not None else None
    if density is not None:
        kl_found = replace(kl_found, unread=Fact(origin(density).source, origin(density)))
    trained_by = None if kl_found.in_loss is not None and not kl_found.in_loss.value else kl
    kl_found, recon_found = batches_of_one.averaged(kl_found, recon_facts(site, recon, kl, reading, losses), recon)
    prediction, target = sides(site, recon)
    if site is not None and kl is not None and sampler.std is not None:
        silent = not any(std for _, std in sampler.std.value.points)
        cooled = tempered.is_tempered(sampler, kl) and not losses.trains(site.z)
        if silent or cooled or settings_apart.are_chosen_apart(site, kl, losses):
            sampler = replace(sampler, std=None)
    if site is None and kl is not None:
        sampler = training.timing_without_noise(kl, recon, losses)
    output = output_facts(prediction, target, None if site is None else site.location, recon)
    if (
        recon is not None
        and prediction is not None
        and (
            reconstructions.is_optional(recon, prediction, losses.recons)
            or reconstructions.is_chosen(recon, losses.unsettled)
            or reconstructions.is_one_of_several(prediction, losses.unsettled)
        )
    ):
        # Which activation goes with which loss is up to whoever sets both.
        output = replace(output, interval=None, activations=None)
    if chosen_models.may_be_of_another(recon, losses):
        # What a loss needs of the output is asked of the one that goes with the model.
        output, recon_found = Output(), replace(recon_found, swapped=None)
    read_as = None if site is None or shown is None else misread(site, shown, losses.samples, losses.graph)
    with_kl = losses.roots_with(shown.term) if read_as is not None and shown is not None else ()
    heads = heads_facts(site, head, shown, losses, with_kl, read_as)
    if evaluation.order_is_supposed and heads.source is not None and heads.source.value is HeadSource.DISTINCT:
        heads = replace(heads, source=None)
    data_found = data_facts(
        site.location if prediction is None and site is not None else prediction,
        target,
        None if recon is None else recon.kind,
        None if losses.read_once(compare_with_several) else evaluation.data,
        site.location if site is not None else None if kl is None else kl.location,
    )
    if evaluation.observations.of_other_settings:
        # The data are those of a model that these settings name, and that is not the one which was taken.
        data_found = Data(axis_order=data_found.axis_order)
    found = Facts(
        subject=evaluation.subject,
        sampler=sampler,
        heads=replace(heads, overflow=training.overflow(head, site, trained_by, losses.graph)),
        kl=kl_found,
        output=output,
        recon=recon_found,
        data=data_found,
        objective=objective_facts(losses, kl, recon, reading, (kl_found.reduced, recon_found.reduced)),
        training=training.training_facts(losses, across.optimizers.observed, site, kl, recon),
        names=naming.names_in(evaluation.names(), site, kl, recon, (prediction, target)),
    )
    across.note(found, site, kl, recon, losses)
    return gaps.explained(found, site, kl, recon, reading, prediction, losses)
