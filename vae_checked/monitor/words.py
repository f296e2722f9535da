"""A reading in one line, and as named numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_checked.monitor.reading import Reading

_COLUMNS = 80
_BETWEEN = " | "

_SHOWN = ("x_hat", "mu", "head for std")


def line(reading: Reading) -> str:
    """The reading for a person: one line, with what was not seen left out."""
    words = [f"step {reading.step}"]
    words += [f"{name} {value:.4g}" for name, value in reading.terms.items()]
    if reading.kl is not None:
        words.append(
            f"KL {reading.kl:.3g} nats, {reading.active_units} of {len(reading.kl_per_latent or ())} latents active "
            f"({reading.active_by_kl} by KL)"
        )
    if reading.balance is not None:
        words.append(f"effective beta {reading.balance}")
    words += [f"{name} {low:.2g}..{high:.2g}" for name, (low, high) in reading.ranges.items() if name in _SHOWN]
    if reading.recon_gradient is not None and reading.kl_gradient is not None:
        words.append(
            f"gradient at the heads: reconstruction {reading.recon_gradient:.2g}, KL {reading.kl_gradient:.2g}"
        )
    if reading.moved_by_z is not None:
        words.append(f"z moves x_hat by {100 * reading.moved_by_z:.3g}% of the data's spread")
    if reading.around is not None:
        words.append(f"x reaches x_hat {reading.around}")
    return " | ".join(words)


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """The values as a row of bars between the least and the greatest; a blank for what is not finite."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] if math.isfinite(value) else " " for value in values)


def short_line(reading: Reading, kls: Sequence[float]) -> list[tuple[str, str]]:
    """The reading for a person who watches: what changes, in 80 columns, in pieces with the colour of each.

    kls: the KLs so far, the last its own. A colour is "" for that of other text.
    """
    step = [(f"step {reading.step}", "dim")]
    terms = [(f"{name} {value:.3g}", "") for name, value in reading.terms.items()]
    seen: list[tuple[str, str]] = []
    if reading.kl is not None:
        seen.append((f"KL {reading.kl:.3g} nats {sparkline(kls)}", "cyan"))
        active = f"{reading.active_units}/{len(reading.kl_per_latent or ())} active"
        seen.append((active, "bold red" if reading.active_units == 0 else "green"))
    if reading.balance is not None:
        seen.append((f"beta {reading.balance.beta:.4g}", "magenta"))

    def fits() -> bool:
        parts = [*step, *terms, *seen]
        return sum(len(text) for text, _ in parts) + len(_BETWEEN) * (len(parts) - 1) <= _COLUMNS

    while terms and not fits():
        terms.pop()  # what the caller gave himself is in every other place that he writes to
    while seen and not fits():
        seen.pop()
    pieces = [*step, *terms, *seen]
    return [piece for number, each in enumerate(pieces) for piece in ([(_BETWEEN, "dim"), each] if number else [each])]


def told(reading: Reading, known: set[str]) -> list[str]:
    """The lines below a reading that were not said before; `known` takes them in."""
    lines = [f"step {reading.step}: {each}" for each in reading.causes if each.cause not in known]
    known -= {cause for cause in known if "not seen: " not in cause} - {str(each.cause) for each in reading.causes}
    known |= {each.cause for each in reading.causes}
    for reason in reading.unobserved:
        text = f"not seen: {reason}"
        if text not in known:
            known.add(text)
            lines.append(f"step {reading.step}: {text}")
    return lines


def numbers(reading: Reading) -> dict[str, float | None]:
    """The reading as named numbers, the same names for every reading of one model; None is not seen."""
    found: dict[str, float | None] = {
        **reading.terms,
        "kl_nats": reading.kl,
        "active_units": reading.active_units,
        "active_by_kl": reading.active_by_kl,
        "effective_beta": None if reading.balance is None else reading.balance.beta,
        "largest_variance": reading.largest_variance,
        "recon_gradient": reading.recon_gradient,
        "kl_gradient": reading.kl_gradient,
        "follows_z": reading.follows_z,
        "moved_by_z": reading.moved_by_z,
    }
    for name in ("x", "x_hat", "mu", "head for std", "std"):
        low, high = reading.ranges.get(name, (None, None))
        key = name.replace(" ", "_")
        found |= {f"{key}_min": low, f"{key}_max": high}
    return found
