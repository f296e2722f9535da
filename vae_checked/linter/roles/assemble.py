"""From one scene to Facts: which sampler, KL, reconstruction and output belong together, and what each is."""

from __future__ import annotations

from collections.abc import Iterable

from vae_checked.facts import (
    KL,
    Axis,
    Data,
    Fact,
    Factor,
    Facts,
    Head,
    Heads,
    HeadSource,
    Interval,
    KLForm,
    Noise,
    NoiseLaw,
    NoiseTiming,
    Origin,
    Output,
    Parametrisation,
    Recon,
    Reduced,
    Sampler,
    StdCurve,
)
from vae_checked.linter.expression import TRANSPARENT, Expr, contains, strip, walk
from vae_checked.linter.intervals import interval_of
from vae_checked.linter.roles import divergences, phi, reconstructions, reductions, samplers
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.roles.samplers import SamplerSite
from vae_checked.linter.scenes import Scene


def origin(expr: Expr) -> Origin:
    """Where an expression is written."""
    return expr.site.origin if expr.site is not None else Origin()


def facts_of(scene: Scene) -> list[Facts]:
    """The facts of every VAE in a scene: one per sampler, or one per KL where no sampler is seen."""
    values = phi.resolved(scene.values())
    found = samplers.find(values)
    cuts = [node for site in found for node in (site.scale, *(head for head in (site.head,) if head is not None))]
    kls = divergences.find(values, cuts)
    recons = reconstructions.find(values)
    totals = _totals(values, kls, recons)
    facts: list[Facts] = []
    used: set[int] = set()
    for site in found:
        kl = _kl_of(site, kls)
        if kl is not None:
            used.add(kl.term.uid)
        facts.append(_facts(scene, site, kl, _recon_of(site, recons, kl, totals), totals))
    for kl in kls:
        if kl.term.uid not in used:
            facts.append(_facts(scene, None, kl, _recon_of(None, recons, kl, totals), totals))
    if not facts and recons:
        facts.extend(_facts(scene, None, None, recon, totals) for recon in recons)
    return facts


def _totals(values: Iterable[Expr], kls: list[Divergence], recons: list[Reconstruction]) -> list[Expr]:
    """Expressions that hold both a KL and a reconstruction: losses."""
    wanted_kl = [kl.term.uid for kl in kls]
    wanted_recon = [recon.term.uid for recon in recons]
    return [
        value
        for value in values
        if divergences.contains_any(value, wanted_kl) and divergences.contains_any(value, wanted_recon)
    ]


def _kl_of(site: SamplerSite, kls: list[Divergence]) -> Divergence | None:
    """The KL of a sampler's heads: it shares a head with it."""
    inside = {node.uid for node in walk(site.scale) if node.op != "const"}
    for kl in kls:
        if kl.head.uid in inside and strip(kl.location).uid == strip(site.location).uid:
            return kl
    for kl in kls:
        if kl.head.uid in inside or strip(kl.head).uid in inside:
            return kl
    for kl in kls:
        if strip(kl.location).uid == strip(site.location).uid and site.head is not None:
            return kl
    return None


def _recon_of(
    site: SamplerSite | None, recons: list[Reconstruction], kl: Divergence | None, totals: list[Expr]
) -> Reconstruction | None:
    """The reconstruction of a sampler's z; else the only one that stands beside the KL."""
    if site is not None:
        for recon in recons:
            if contains(recon.first, site.z.uid) != contains(recon.second, site.z.uid):
                return recon
        return None
    if kl is not None:
        beside = [
            recon
            for recon in recons
            if any(contains(total, recon.term.uid) and contains(total, kl.term.uid) for total in totals)
        ]
        if len(beside) == 1:
            return beside[0]
    return None


def _facts(
    scene: Scene,
    site: SamplerSite | None,
    kl: Divergence | None,
    recon: Reconstruction | None,
    totals: list[Expr],
) -> Facts:
    head = _common_head(site, kl)
    prediction, target = _sides(site, recon)
    return Facts(
        subject=scene.subject,
        sampler=_sampler(site, head),
        heads=_heads(site, head),
        kl=_kl(kl, recon, totals),
        output=_output(prediction),
        recon=_recon(site, recon, totals),
        data=_data(target),
    )


def _common_head(site: SamplerSite | None, kl: Divergence | None) -> Expr | None:
    """The node from which sampler and KL both read the second head."""
    if site is None:
        return None
    if kl is not None and contains(site.scale, kl.head.uid):
        return kl.head
    if kl is not None and contains(site.scale, strip(kl.head).uid):
        return strip(kl.head)
    return site.head


def _sampler(site: SamplerSite | None, head: Expr | None) -> Sampler:
    if site is None:
        return Sampler()
    std: Fact[StdCurve] | None = None
    if head is not None:
        found = samplers.curve(site.scale, head)
        if found is not None:
            std = Fact(StdCurve(*found), origin(_written(site.scale)))
    return Sampler(
        std=std,
        noise=_noise(site.noise),
        shared_over=_shared(site),
        gradient_reaches=_gradient(site),
        timing=Fact(NoiseTiming(training=True), origin(site.z)),
    )


def _written(expr: Expr) -> Expr:
    """The node below transparent ones that has a text of its own."""
    while expr.op in TRANSPARENT and expr.args and expr.op not in ("view", "reshape"):
        expr = expr.args[0]
    return expr


def _noise(noise: Expr) -> Fact[Noise] | None:
    law, mean, std = noise.get("law"), noise.get("mean"), noise.get("std")
    if not isinstance(law, NoiseLaw):
        return None
    return Fact(
        Noise(law, mean if isinstance(mean, float) else None, std if isinstance(std, float) else None), origin(noise)
    )


def _shared(site: SamplerSite) -> Fact[frozenset[Axis]] | None:
    """Which axes share one draw, from the sizes that are written; None where the shape is not known."""
    if site.noise.args:
        return Fact(frozenset(), origin(site.noise))
    shape = site.noise.get("shape")
    if not isinstance(shape, tuple):
        return None
    shared: set[Axis] = set()
    if len(shape) >= 2 and shape[0] == 1:
        shared.add(Axis.BATCH)
    if len(shape) == 2 and shape[1] == 1:
        shared.add(Axis.LATENT)
    if len(shape) == 1 and isinstance(shape[0], tuple) and shape[0][1] in (1, -1):
        shared.add(Axis.BATCH)
    return Fact(frozenset(shared), origin(site.noise))


def _gradient(site: SamplerSite) -> Fact[frozenset[Head]]:
    if site.detached:
        return Fact(frozenset(), origin(site.z))
    reached = {Head.MU, Head.SECOND}
    if samplers.strip_detach(site.scale):
        reached.discard(Head.SECOND)
    return Fact(frozenset(reached), origin(site.z))


def _heads(site: SamplerSite | None, head: Expr | None) -> Heads:
    if site is None:
        return Heads()
    location = interval_of(site.location)
    second = None
    if head is not None and _is_log(site, head):
        second = interval_of(head)
    return Heads(
        mu=None if location is None else Fact(location, _decisive(site.location)),
        second=None if second is None or head is None else Fact(second, _decisive(head)),
        source=_source(site, head),
    )


def _is_log(site: SamplerSite, head: Expr) -> bool:
    """Whether the second head is a logarithm: only then must it be free to take any sign."""
    found = samplers.curve(site.scale, head)
    return found is not None and found[0] in (Parametrisation.LOGVAR, Parametrisation.LOG_STD)


def _decisive(expr: Expr) -> Origin:
    """The operation that makes a head's interval."""
    node = expr
    while node.op in TRANSPARENT and node.args:
        node = node.args[0]
    while node.op in ("part", "index", "item", "layer") and node.args and node.op != "layer":
        node = strip(node.args[0])
    return origin(node if node.site is not None else expr)


def _source(site: SamplerSite, head: Expr | None) -> Fact[HeadSource] | None:
    if head is None:
        return None
    location, second = strip(site.location), strip(head)
    if location.op == "layer" and second.op == "layer":
        same = location.uid == second.uid
        return Fact(HeadSource.DUPLICATED if same else HeadSource.DISTINCT, origin(second))
    if location.op in ("layer", "part", "item", "index") and location.uid == second.uid:
        return Fact(HeadSource.DUPLICATED, origin(second))
    return None


def _kl(kl: Divergence | None, recon: Reconstruction | None, totals: list[Expr]) -> KL:
    if kl is None:
        return KL()
    where = origin(kl.term)
    points: tuple[tuple[float, float], ...] = ()
    form = Fact(KLForm(kl.parametrisation, points, kl.values), where)
    total = _total_of(kl.term, recon, totals)
    sign: Fact[int] | None = None
    factor: Fact[Factor] | None = None
    in_loss: Fact[bool] | None = None
    chain = _chain(kl.term, kl)
    reduced: Reduced | None = None
    if total is not None and recon is not None:
        above = reductions.chains(total, kl.term.uid)
        beside = reductions.chains(total, recon.term.uid)
        if len(above) == 1 and len(beside) == 1:
            sign = Fact(_sign(kl.factor) * _chain_sign(above[0]) * _chain_sign(beside[0]), where)
            factor = _factor(kl, above[0], recon, where)
            in_loss = Fact(True, where)
        if len(above) == 1 and chain is not None:
            reduced = reductions.read((*above[0], *chain), reductions.rank_of(kl.head))
    elif chain is not None:
        reduced = None
    return KL(
        form=form,
        factor=factor,
        sign=sign,
        reduced=None if reduced is None else Fact(reduced, where),
        in_loss=in_loss,
    )


def _total_of(term: Expr, recon: Reconstruction | None, totals: list[Expr]) -> Expr | None:
    """The largest loss that holds a term and its reconstruction."""
    best: Expr | None = None
    for total in totals:
        if contains(total, term.uid) and (recon is None or contains(total, recon.term.uid)):
            if best is None or contains(total, best.uid):
                best = total
    return best


def _chain(term: Expr, kl: Divergence) -> tuple[reductions.Step, ...] | None:
    """The reductions inside a KL's own expression, down to its heads, when all paths agree."""
    found: set[tuple[reductions.Step, ...]] = set()
    for target in (kl.head.uid, kl.location.uid):
        for chain in reductions.chains(term, target):
            found.add(tuple(step for step in chain if step[0] in ("sum", "mean", "divided", "shape")))
    if len(found) == 1:
        return next(iter(found))
    return None


def _sign(value: float) -> int:
    return 1 if value > 0 else -1


def _chain_sign(chain: tuple[reductions.Step, ...]) -> int:
    sign = 1
    for kind, value in chain:
        if (kind == "sign") or (kind == "const" and isinstance(value, (int, float)) and value < 0):
            sign = -sign
    return sign


def _factor(
    kl: Divergence, above: tuple[reductions.Step, ...], recon: Reconstruction, where: Origin
) -> Fact[Factor] | None:
    value = abs(kl.factor)
    explicit = False
    for kind, number in above:
        if kind in ("weight", "times", "divided", "factor", "through"):
            explicit = True
        elif kind == "const" and isinstance(number, (int, float)):
            value *= abs(number)
            explicit = explicit or abs(number) not in (0.5, 2.0)
    return Fact(Factor(value, explicit or not reconstructions_is_log_likelihood(recon)), where)


def reconstructions_is_log_likelihood(recon: Reconstruction) -> bool:
    """Whether a reconstruction loss is a log-likelihood as it stands (a squared error leaves its factor open)."""
    return recon.kind.value.startswith("bce")


def _sides(site: SamplerSite | None, recon: Reconstruction | None) -> tuple[Expr | None, Expr | None]:
    """(prediction, target) of a reconstruction, whatever their order."""
    if recon is None:
        return None, None
    if site is not None and contains(recon.second, site.z.uid):
        return recon.second, recon.first
    return recon.first, recon.second


def _output(prediction: Expr | None) -> Output:
    if prediction is None:
        return Output()
    names, last = reconstructions.activations(prediction)
    interval = interval_of(prediction)
    where = origin(last or prediction)
    return Output(
        interval=None if interval is None else Fact(interval, where),
        activations=None if interval is None and not names else Fact(names, where),
    )


def _recon(site: SamplerSite | None, recon: Reconstruction | None, totals: list[Expr]) -> Recon:
    if recon is None:
        return Recon()
    where = origin(recon.term)
    swapped: Fact[bool] | None = None
    if site is not None:
        swapped = Fact(contains(recon.second, site.z.uid), where)
    total = _total_of(recon.term, recon, totals)
    reduced: Reduced | None = None
    if total is not None:
        above = reductions.chains(total, recon.term.uid)
        if len(above) == 1:
            reduced = reductions.read(above[0], reductions.rank_of(recon.term))
    return Recon(
        kind=Fact(recon.kind, where),
        swapped=swapped,
        reduced=None if reduced is None else Fact(reduced, where),
        ignored_attribute=Fact(recon.ignored[0] if recon.ignored else None, where),
    )


def _data(target: Expr | None) -> Data:
    if target is None:
        return Data()
    interval: Interval | None = interval_of(target)
    return Data(interval=None if interval is None else Fact(interval, origin(_written(target))))
