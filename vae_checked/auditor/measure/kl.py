"""The KL term by its gradient: which closed form it is, its weight, sign and reductions, and whether it is there.

The reconstruction is held still. eps is +1 and then -1 and the gradients averaged, which is exact for every KL that is
quadratic in eps: a KL estimated from the sample z is measured as its closed form would be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_checked.auditor.latents import Latent
from vae_checked.auditor.observe import Observation
from vae_checked.auditor.replay import replay
from vae_checked.auditor.tape import Tape
from vae_checked.auditor.words import origin_of, place_of
from vae_checked.facts import Interval, KLForm, Origin, Parametrisation, gaussian_kl

_CLOSE = 2e-3
_ROUNDING = 1e-4
_POINTS = (-1.0, 0.0, 2.0)
_POINTS_POSITIVE = (0.25, 1.0, 4.0)
_AT = ((0.0, 0.7), (0.6, 0.7), (1.5, -1.1), (-0.8, 1.9))
_AT_POSITIVE = ((0.0, 0.7), (0.6, 0.7), (1.5, 0.4), (-0.8, 1.9))


@dataclass(frozen=True, slots=True)
class KLMeasured:
    """`form` None where the term is something else, with the reason in `why`; `weight` that of one latent's KL."""

    form: KLForm | None
    weight: float | None
    origin: Origin
    why: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class _Drawn:
    mu: Tensor
    second: Tensor
    by_mu: Tensor
    by_second: Tensor


@dataclass(frozen=True, slots=True)
class _Term:
    """One latent's heads, noise and loss by their numbers, and the values that stay as recorded meanwhile."""

    seen: Observation
    latent: Latent
    mu: int
    second: int
    total: int
    positive: bool
    held: dict[int, Tensor]

    @property
    def tape(self) -> Tape:
        return self.seen.run.tape

    def like(self, number: int, content: float) -> Tensor:
        """A tensor of one content in the shape of a value."""
        return torch.full_like(self.tape.values[number].tensor, content, requires_grad=False)

    def chosen(self, mu: Tensor, second: Tensor, eps: float) -> dict[int, Tensor]:
        noise = {number: self.like(number, eps) for number in self.latent.every_eps}
        return {self.mu: mu, self.second: second, **noise, **self.held}

    def draw(self, seed: int) -> tuple[Tensor, Tensor]:
        """Both heads drawn afresh."""
        generator = torch.Generator().manual_seed(seed)
        found = []
        for number, low, high in ((self.mu, -2.0, 2.0), (self.second, *((0.3, 2.5) if self.positive else (-2.0, 2.0)))):
            recorded = self.tape.values[number].tensor
            drawn = low + (high - low) * torch.rand(recorded.shape, generator=generator, dtype=torch.float64)
            found.append(drawn.to(device=recorded.device, dtype=recorded.dtype))
        return found[0], found[1]

    def gradients(self, mu: Tensor, second: Tensor) -> _Drawn | None:
        """d loss / d heads, averaged over eps = +1 and -1; None where the loss cannot be run or is not finite."""
        sums = [torch.zeros_like(mu), torch.zeros_like(second)]
        for sign in (1.0, -1.0):
            leaves = mu.clone().requires_grad_(), second.clone().requires_grad_()
            try:
                total = replay(self.tape, self.chosen(*leaves, sign), (self.total,), grad=True)[self.total]
                if not total.requires_grad:
                    continue
                found = torch.autograd.grad(total.sum(), leaves, allow_unused=True)
            except (RuntimeError, ValueError):
                return None
            for place, gradient in enumerate(found):
                if gradient is not None:
                    sums[place] = sums[place] + 0.5 * gradient
        if not all(torch.isfinite(each).all() for each in sums):
            return None
        return _Drawn(mu, second, sums[0], sums[1])

    def value(self, mu: float, second: float) -> float:
        """The loss with all heads alike, averaged over eps = +1 and -1."""
        found = 0.0
        for sign in (1.0, -1.0):
            chosen = self.chosen(self.like(self.mu, mu), self.like(self.second, second), sign)
            found += 0.5 * float(replay(self.tape, chosen, (self.total,))[self.total].double().sum())
        return found


def measure_kl(
    seen: Observation, latent: Latent, interval: Interval | None, *, with_values: bool = True
) -> KLMeasured | None:
    """The KL of one latent; None without a loss or without a second head. `with_values`: at chosen points as well."""
    if seen.total is None or latent.second is None:
        return None
    positive = interval is not None and interval.low >= 0
    held = held_still(seen, latent, seen.total)
    term = _Term(seen, latent, latent.location, latent.second, seen.total, positive, held)
    ahead = seen.graph.between((term.mu, term.second), term.total, held)
    if term.total not in seen.graph.descendants((term.mu, term.second), held):
        if _encoded_again(term):
            return KLMeasured(None, None, Origin(), "the loss runs the encoder again: its heads are not forward's")
        return KLMeasured(
            None, None, Origin(), "the loss follows from the heads through the reconstruction alone", True
        )
    origin = _origin(term, ahead)
    if term.second == term.mu:
        return KLMeasured(None, None, origin, "both heads are one tensor, so that their gradients cannot be told apart")
    found = [term.gradients(*term.draw(seed)) for seed in (1, 2)]
    drawn = [each for each in found if each is not None]
    if len(drawn) < len(found):
        return KLMeasured(None, None, origin, "the loss cannot be run with other heads, or gives no finite gradient")
    if all(float(d.by_mu.abs().max()) == 0 and float(d.by_second.abs().max()) == 0 for d in drawn):
        return KLMeasured(None, None, origin, "the loss does not change with the heads", True)
    fitted = _fit(drawn, positive)
    if fitted is not None:
        parametrisation, is_reversed, weight = fitted
        points = tuple((s, parametrisation.std(s)) for s in (_POINTS_POSITIVE if positive else _POINTS))
        values = _values(term, parametrisation, is_reversed, weight) if with_values else ()
        return KLMeasured(KLForm(parametrisation, points, values, is_reversed), weight, origin)
    why = _something_else(term, ahead, drawn[0])
    if why:
        return KLMeasured(None, None, origin, why)
    kind, is_reversed, weight = _nearest_form(term, drawn[0])
    return KLMeasured(KLForm(None, values=_values(term, kind, is_reversed, weight)), None, origin)


def held_still(seen: Observation, latent: Latent, total: int) -> dict[int, Tensor]:
    """The values that stay as recorded: the prediction; z as well, where it reaches the loss through the decoder."""
    tape, graph = seen.run.tape, seen.graph
    held = [] if seen.join is None else list(seen.join.predictions)
    ahead = graph.between(latent.every_z, total, held)
    by_decoder = any(
        tape.values[number].sources == Tape.PARAMETER
        for step in tape.steps
        if any(output in ahead for output in step.outputs)
        for number in step.inputs
    )
    if by_decoder:
        held += latent.every_z
    return {number: tape.values[number].data for number in held}


def _encoded_again(term: _Term) -> bool:
    """Whether the loss follows from input and parameters by a way that touches neither heads nor prediction."""
    tape = term.tape
    cut = {*term.held, *(n for latent in term.seen.latents for n in (latent.location, latent.second, *latent.every_z))}
    both = Tape.INPUT | Tape.PARAMETER
    before = term.seen.graph.ancestors(term.total, without={n for n in cut if n is not None}) - {term.total}
    after = term.seen.graph.descendants({n for n in cut if n is not None})
    return any(tape.values[n].sources & both == both and n not in after for n in before)


def _origin(term: _Term, ahead: set[int]) -> Origin:
    """The last step on the way that still has one number per latent: where the KL is written."""
    tape = term.tape
    on = ahead - {term.mu, term.second}
    size = tape.values[term.mu].tensor.numel()
    steps = [
        step
        for step in tape.steps
        if any(n in on and not tape.drawn(n) and tape.values[n].tensor.numel() >= size for n in step.outputs)
    ]
    if not steps:
        return origin_of(tape, term.total, term.seen.loss_name)
    return Origin(term.seen.loss_name, place_of(steps[-1]))


# ------------------------------------------------------------------------------------------------ fitting


def _slopes(kind: Parametrisation, is_reversed: bool, mu: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """d KL / d mu and d KL / d s of one latent; Kingma and Welling 2014, appendix B, by the chain rule."""
    std, by_s = {
        Parametrisation.LOGVAR: lambda: ((0.5 * s).exp(), 0.5 * (0.5 * s).exp()),
        Parametrisation.LOG_STD: lambda: (s.exp(), s.exp()),
        Parametrisation.STD: lambda: (s, torch.ones_like(s)),
        Parametrisation.VAR: lambda: (s.sqrt(), 0.5 / s.sqrt()),
    }[kind]()
    if is_reversed:
        return mu / std.square(), (1 / std - (1 + mu.square()) / std**3) * by_s
    return mu, (std - 1 / std) * by_s


def _fit(drawn: list[_Drawn], positive: bool) -> tuple[Parametrisation, bool, float] | None:
    for is_reversed in (False, True):
        for kind in Parametrisation:
            if kind is Parametrisation.VAR and not positive:
                continue
            weights = [_weight(draw, kind, is_reversed) for draw in drawn]
            first, *rest = weights
            if first is None:
                continue
            if all(other is not None and math.isclose(first, other, rel_tol=_CLOSE) for other in rest):
                return kind, is_reversed, first
    return None


def _weight(draw: _Drawn, kind: Parametrisation, is_reversed: bool) -> float | None:
    """The one factor between the measured gradients and the closed form's, None where there is none."""
    by_mu, by_second = _slopes(kind, is_reversed, draw.mu.double(), draw.second.double())
    if by_mu.shape != draw.by_mu.shape or by_second.shape != draw.by_second.shape:
        return None
    closed = torch.cat([by_mu.flatten(), by_second.flatten()])
    found = torch.cat([draw.by_mu.double().flatten(), draw.by_second.double().flatten()])
    weight = float(closed @ found / (closed @ closed))
    if not math.isfinite(weight) or weight == 0:
        return None
    left = (found - weight * closed).abs().max() / (weight * closed).abs().max()
    return weight if float(left) <= _CLOSE else None


# ---------------------------------------------------------------------------------------- what else it is


def _something_else(term: _Term, ahead: set[int], first: _Drawn) -> str:
    """Why a term that fits no closed form is no KL to N(0, I) gone wrong; empty when it is a sum over the latents."""
    tape = term.tape
    known = {*ahead, *term.held, term.mu, term.second}
    made = ahead - {term.mu, term.second}
    for step in tape.steps:
        if any(n in made for n in step.outputs) and any(
            tape.values[n].sources & Tape.PARAMETER and not tape.drawn(n) for n in step.inputs if n not in known
        ):
            return "parameters of the model take part in it: a learned prior, or another network"
    kind, is_reversed, _ = _nearest_form(term, first)
    if _moved_by_others(term, first, 0.1 * _nearest(first, kind, is_reversed)[1]):
        return "the term of one latent depends on other latents or other samples: it is no sum over the latents"
    return ""


def _moved_by_others(term: _Term, first: _Drawn, close: float) -> bool:
    """Whether the gradient at one element changes, by more than `close` relatively, when all the others do."""
    mu, second = first.mu * 0.5 + 0.11, first.second * 0.5 + (0.5 if term.positive else 0.17)
    mu.view(-1)[0], second.view(-1)[0] = first.mu.view(-1)[0], first.second.view(-1)[0]
    other = term.gradients(mu, second)
    if other is None:
        return True
    pairs = ((first.by_mu, other.by_mu), (first.by_second, other.by_second))
    size = max(float(gradient.view(-1)[0].abs()) for gradient, _ in pairs) or 1.0
    return any(float((a.view(-1)[0] - b.view(-1)[0]).abs()) > max(close, _ROUNDING) * size for a, b in pairs)


def _values(
    term: _Term, kind: Parametrisation, is_reversed: bool, weight: float
) -> tuple[tuple[float, float, float, float], ...]:
    """(mu, s, value of the term, KL(q || p)) for one latent, in units of the closed form, both counted from the prior.

    A constant in a loss has no effect, and a term that shares its loss with others has none that could be told.
    """
    count = term.tape.values[term.mu].tensor.numel()
    prior = 1.0 if kind in (Parametrisation.STD, Parametrisation.VAR) else 0.0
    base = term.value(0.0, prior)
    return tuple(
        (mu, s, (term.value(mu, s) - base) / (count * weight), gaussian_kl(mu, kind.std(s)))
        for mu, s in (_AT_POSITIVE if prior else _AT)
    )


def _nearest_form(term: _Term, first: _Drawn) -> tuple[Parametrisation, bool, float]:
    kinds = list(Parametrisation) if term.positive else [Parametrisation.LOGVAR, Parametrisation.LOG_STD]
    nearest = {
        (kind, is_reversed): _nearest(first, kind, is_reversed) for kind in kinds for is_reversed in (False, True)
    }
    (kind, is_reversed), (weight, _) = min(nearest.items(), key=lambda each: each[1][1])
    return kind, is_reversed, weight


def _nearest(draw: _Drawn, kind: Parametrisation, is_reversed: bool) -> tuple[float, float]:
    """The factor that brings the closed form nearest, and what is left, relatively."""
    by_mu, by_second = _slopes(kind, is_reversed, draw.mu.double(), draw.second.double())
    closed = torch.cat([by_mu.flatten(), by_second.flatten()])
    found = torch.cat([draw.by_mu.double().flatten(), draw.by_second.double().flatten()])
    weight = float(closed @ found / (closed @ closed)) or 1.0
    return weight, float((found - weight * closed).norm() / found.norm())
