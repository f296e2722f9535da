"""`audit_latents()`: whether the user's helpers around a VAE undo each other, measured on latents that are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from vae_checked.auditor.latents.stand_in import Recorded, standing_in
from vae_checked.auditor.report import AuditReport
from vae_checked.auditor.restoring.restored import Restored
from vae_checked.catalogue import judge
from vae_checked.errors import UsageError
from vae_checked.facts import Fact, Facts, Interval, Latents, Origin
from vae_checked.finding import Provenance
from vae_checked.latent_facts import AffineMap, PretrainedVAE
from vae_checked.laws.seeding import seed_draws
from vae_checked.mathematics.affine_maps import number, plus, undoing

# Beyond this part of its spread a value does not lie on a line.
_TOLERANCE = 0.02
# As far as helpers in half precision let a latent come back.
_SAME = 5e-3
_LARGE = 40.0


@dataclass(frozen=True, slots=True)
class _Trip:
    """One way there and back: the latents that `encode` gave, what the helper made of them, what reached `decode`."""

    known: Tensor
    helped: Tensor
    decoded: Tensor
    encoded: Tensor
    picture: Any
    changed: bool


def audit_latents(
    encode: Callable[[Tensor], Any],
    decode: Callable[[Any], Any],
    *,
    vae: Any,
    pictures: Tensor,
    symmetric: bool | None = None,
    seed: int = 0,
) -> AuditReport:
    """Run the helpers `encode` and `decode` around a VAE whose latents are known, and judge scaling, shift and range.

    While they run, `vae` gives known latents and known pictures in its own wrappings; it is afterwards as it was.

    Args:
        encode: takes pictures (B, C, H, W), or what else the VAE takes, and returns latents.
        decode: takes these latents and returns pictures.
        vae: the object with `encode` and `decode` that both helpers use.
        pictures: an example of what `encode` is given, with both ends of its range in it.
        symmetric: whether the VAE takes pictures in [-1, 1]; known for those of diffusers.
        seed: of the known latents and pictures.

    Returns:
        The findings, and what was measured of both helpers.

    Raises:
        UsageError: `vae` has no such methods, or no helper calls them.

    Examples:
        >>> pictures = torch.rand(2, 3, 32, 48)  # doctest: +SKIP
        >>> report = audit_latents(to_latents, to_pictures, vae=vae, pictures=pictures)  # doctest: +SKIP
        >>> report.raise_for_findings()  # doctest: +SKIP
    """
    for name in ("encode", "decode"):
        if not callable(getattr(vae, name, None)):
            raise UsageError(f"a {type(vae).__name__} has no method {name}: give the VAE that the helpers use")
    start = time.perf_counter()
    modules = [vae] if isinstance(vae, nn.Module) else []
    with torch.no_grad(), _kept(modules):
        seed_draws(seed)
        trips = [_trip(encode, decode, vae, pictures, size) for size in (1.0, _LARGE)]
    latents, unobserved = _measured(trips[0], trips[1], _model(vae, symmetric))
    subject = type(vae).__name__
    facts = tuple(replace(Facts(subject), latents=each) for each in latents)
    judgements = tuple(map(judge, facts))
    findings = tuple(finding for each in judgements for finding in each.findings)
    recognised = (f"{subject}: latents of shape {tuple(trips[0].known.shape)}",)
    return AuditReport(findings, judgements, facts, recognised, tuple(unobserved), time.perf_counter() - start)


def _kept(modules: Sequence[nn.Module]) -> Restored:
    return Restored(*modules) if modules else Restored(nn.Identity())


def _trip(
    encode: Callable[[Tensor], Any], decode: Callable[[Any], Any], vae: Any, pictures: Tensor, size: float
) -> _Trip:
    """There and back once, with latents that are about as large as `size`."""
    recorded = Recorded(lambda own: _latent(own, size), _picture)
    with standing_in(vae, recorded):
        made = encode(pictures.clone())
        if not recorded.given:
            raise UsageError("encode does not call vae.encode: give the helper, and the VAE that it uses")
        known = _joined(recorded.given)
        if _tensor(made, known) is None:
            known = recorded.given[0]
        helped = _tensor(made, known)
        if helped is None:
            raise UsageError("encode returns no tensor that has the size of the latents")
        before = helped.detach().clone()
        picture = decode(made)
        if not recorded.decoded:
            raise UsageError("decode does not call vae.decode: give the helper, and the VAE that it uses")
    changed = not torch.equal(before, helped)
    decoded = _joined(recorded.decoded)
    if decoded.shape != known.shape:
        decoded = recorded.decoded[0]
    return _Trip(known, before, decoded, recorded.encoded[0], picture, changed)


def _joined(parts: list[Tensor]) -> Tensor:
    """What several calls were given or gave, one sample, frame or slice of a batch each, as one tensor."""
    alike = all(part.shape[1:] == parts[0].shape[1:] for part in parts)
    return torch.cat(parts) if alike else parts[0]


def _latent(own: Tensor, size: float) -> Tensor:
    """Latents of the shape of the VAE's own, normal, with values beyond 1 in every channel."""
    drawn = torch.randn(own.shape, dtype=torch.float32) * size
    return drawn.to(own)


def _picture(own: Tensor) -> Tensor:
    """A picture of the shape of the VAE's own that goes from -1 to 1."""
    return torch.linspace(-1.0, 1.0, own.numel(), dtype=torch.float32).reshape(own.shape).to(own)


def _tensor(value: Any, like: Tensor) -> Tensor | None:
    """The tensor with as many elements as `like` in what a helper returns."""
    held: Iterator[Any] = iter((value,))
    if isinstance(value, (tuple, list)):
        held = iter(value)
    elif isinstance(value, Mapping):
        held = iter(value.values())
    found = (each for each in held if isinstance(each, Tensor) and each.numel() == like.numel())
    return next(found, None)


# -------------------------------------------------------------------------------------------- what was measured


def _origin(what: str) -> Origin:
    return Origin(what, how=Provenance.MEASURED)


def _model(vae: Any, symmetric: bool | None) -> PretrainedVAE:
    """What is known of a VAE: of a class by a usual name that stands elsewhere nothing is."""
    kind = type(vae).__name__ if type(vae).__module__.partition(".")[0] == "diffusers" else ""
    identity = str(getattr(vae, "name_or_path", "") or "")
    return PretrainedVAE("" if symmetric is False else kind, identity, symmetric is True)


def _measured(trip: _Trip, large: _Trip, vae: PretrainedVAE) -> tuple[list[Latents], list[str]]:
    """The facts of two trips, and what could not be observed."""
    found, unobserved = [], []
    here, back = _origin("encode"), _origin("decode")
    found.append(Latents(vae=Fact(vae, here), pixels=Fact(_interval(trip.encoded), here)))
    if trip.changed:
        found.append(Latents(in_place=Fact("decode", back)))
    inner = _line(trip.known, trip.helped)
    whole = _line(trip.known, trip.decoded)
    confined = _confined(trip, large)
    found.append(Latents(clamped=Fact(confined, back)))
    if inner is None or whole is None:
        if confined is None:
            unobserved.append("what the helpers make of a latent is no affine map of it")
        return found, unobserved
    channel = max(range(len(inner)), key=lambda each: abs(whole[each][0] - 1) + abs(whole[each][1]))
    scale, shift = inner[channel]
    total, rest = whole[channel]
    if scale == 0:
        return found, [*unobserved, "encode returns the same for all latents"]
    encoded = _map(scale, shift)
    undone = undoing(encoded)
    decoded = _map(total / scale, rest - total / scale * shift)
    if undone is not None and abs(total - 1) < _SAME:
        # What is left over is what was rounded on the way, or a shift.
        decoded = undone if abs(rest) < _SAME else AffineMap(undone.scale, plus(undone.shift, number(round(rest, 4))))
    found.append(Latents(encoded=Fact(encoded, here), decoded=Fact(decoded, back)))
    return found, unobserved


def _map(scale: float, shift: float) -> AffineMap:
    """A measured map, to the digits that are sure."""
    return AffineMap(number(float(f"{scale:.5g}")), number(round(shift, 4) + 0.0))


def _interval(values: Tensor) -> Interval:
    return Interval(round(float(values.min()), 4), round(float(values.max()), 4))


def _line(known: Tensor, made: Tensor) -> list[tuple[float, float]] | None:
    """Per channel the slope and the offset of what was made of known latents; None where these lie on no line."""
    if made.shape != known.shape:
        # An axis of one frame, or of one sample, moves no number.
        if [size for size in made.shape if size > 1] != [size for size in known.shape if size > 1]:
            return _reordered(known, made)
        made = made.reshape(known.shape)
    fitted = []
    for channel in range(known.shape[1]):
        x, y = known[:, channel].double().flatten(), made[:, channel].double().flatten()
        spread = float(x.var())
        slope = float(((x - x.mean()) * (y - y.mean())).mean() / ((x - x.mean()) ** 2).mean()) if spread else 0.0
        offset = float(y.mean() - slope * x.mean())
        if float((y - slope * x - offset).abs().max()) > _TOLERANCE * max(float(y.std()), 1e-6) + 1e-4:
            return None
        fitted.append((slope, offset))
    return fitted


def _reordered(known: Tensor, made: Tensor) -> list[tuple[float, float]] | None:
    """The line of latents that come back in another order, as packed ones and the frames of a video do.

    One map of all numbers keeps their ranks, or turns them about, wherever the numbers lie.
    """
    x, rising = known.double().flatten().sort().values, made.double().flatten().sort().values
    for y in (rising, rising.flip(0)):
        fitted = _line(x[:, None], y[:, None])
        if fitted is not None:
            return fitted * known.shape[1]
    return None


def _confined(trip: _Trip, large: _Trip) -> Interval | None:
    """Where latents are confined however large they are: on the scale of the helper, or of the VAE."""
    reached, further = _interval(trip.decoded), _interval(large.decoded)
    if further.width > 2 * max(reached.width, 1e-6):
        return None
    bound = max(abs(further.low), abs(further.high))
    inner = _line(large.known, large.helped)
    on_helper = bound if inner is None else bound * abs(inner[0][0])
    size = on_helper if abs(on_helper - 1) < _TOLERANCE else bound
    return Interval(-round(size, 3), round(size, 3))
