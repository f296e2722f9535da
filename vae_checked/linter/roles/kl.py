"""Facts of the KL term: its form, factor, sign and reduction."""

from __future__ import annotations

from vae_checked.facts import KL, Fact, Factor, KLForm, Origin, Reduced
from vae_checked.linter.expression import Expr, contains, origin
from vae_checked.linter.roles import reductions
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.reconstructions import Reconstruction


def kl_facts(kl: Divergence | None, recon: Reconstruction | None, totals: list[Expr]) -> KL:
    if kl is None:
        return KL()
    where = origin(kl.term)
    points: tuple[tuple[float, float], ...] = ()
    form = Fact(KLForm(kl.parametrisation, points, kl.values), where)
    total = total_of(kl.term, recon, totals)
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


def total_of(term: Expr, recon: Reconstruction | None, totals: list[Expr]) -> Expr | None:
    """The largest loss that holds a term and its reconstruction."""
    best: Expr | None = None
    for total in totals:
        whole = contains(total, term.uid) and (recon is None or contains(total, recon.term.uid))
        if whole and (best is None or contains(total, best.uid)):
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
    return Fact(Factor(value, explicit or not is_log_likelihood(recon)), where)


def is_log_likelihood(recon: Reconstruction) -> bool:
    """Whether a reconstruction loss is a log-likelihood as it stands (a squared error leaves its factor open)."""
    return recon.kind.value.startswith("bce")
