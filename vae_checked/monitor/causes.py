"""Why the KL goes to 0 and all samples look alike, or why nothing is learned: causes, distinguished by measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vae_checked.monitor.reading import Cause, Diagnosis, Reading
from vae_checked.monitor.updates import Followed, trained_over

PATIENCE = 3
"""As many readings in a row must show a collapse: a model that has hardly begun has a small KL as well."""
_CLEAR = 0.5
"""The part of the bound below which the effective beta is no cause; the bound is an estimate from one batch."""
_UNUSED = 0.01


def diagnose(readings: Sequence[Reading]) -> tuple[tuple[Diagnosis, ...], str]:
    """The causes at the last of `readings`, and why there is none for a collapse whose cause is not seen."""
    last = readings[-1]
    if last.follows_z is None:
        return (), ""
    if last.reaches_encoder is False and last.follows_z > 0:
        return (_no_gradient(),), ""
    if last.follows_z == 0:
        return (_unused(last),), ""
    recent = readings[-PATIENCE:]
    if len(recent) < PATIENCE:
        return (), ""
    collapsed = all(each.collapsed for each in recent) and not _rises(recent)
    by_another_way = all(each.around is not None for each in recent)
    ignored = all(each.follows_z is not None and each.follows_z < _UNUSED for each in recent)
    if by_another_way and (collapsed or ignored):
        return (_unused(last),), ""
    if not collapsed:
        return (), ""
    return _by_beta(last)


def _rises(recent: Sequence[Reading]) -> bool:
    first, last = recent[0].kl, recent[-1].kl
    return first is not None and last is not None and last > 1.1 * first


def _no_gradient() -> Diagnosis:
    return Diagnosis(
        Cause.NO_GRADIENT,
        "x_hat follows z, and the gradient of x_hat reaches no mu: the encoder learns from the KL alone",
        "draw z with rsample() or as mu + std * eps; no detach(), sample() or no_grad() between mu and the decoder",
    )


def _unused(reading: Reading) -> Diagnosis:
    share = f"{100 * (reading.follows_z or 0.0):.2g}% of its change"
    if reading.around is None:
        return Diagnosis(
            Cause.UNUSED_Z,
            "x_hat is the same when z is swapped between the samples, and x does not reach it by another way either",
            "see that decode() gets z, and that no dead or zeroed layer stands at the decoder's entrance",
        )
    if "heads" in reading.around:
        return Diagnosis(
            Cause.UNUSED_Z,
            f"x_hat follows x {reading.around}: z makes {share}",
            "decode z, not mu, in training",
        )
    return Diagnosis(
        Cause.UNUSED_Z,
        f"x_hat follows x {reading.around}: when x and z are swapped between the samples, z makes {share}",
        "let the decoder see x through z alone: no skip connections; drop or mask what teacher forcing feeds it",
    )


def _by_beta(reading: Reading) -> tuple[tuple[Diagnosis, ...], str]:
    balance, largest = reading.balance, reading.largest_variance
    kl = reading.kl or 0.0
    most = max(reading.variance_per_latent or (0.0,))
    state = f"no latent is active (KL {kl:.2g} nats in all, Var_x(mu) at most {most:.2g})"
    if balance is None:
        return (), f"why {state}: the effective beta was not seen"
    if largest is None:
        return (), f"why {state}: the effective beta is {balance}, and for {balance.error} no bound is known"
    if balance.beta > largest:
        return (
            Diagnosis(
                Cause.LARGE_BETA,
                f"{state}; the effective beta is {balance}, and with these data no latent pays for its KL above "
                f"{largest:.3g}, the largest principal variance in units of the error",
                f"multiply the weight of the KL by {largest / balance.beta:.2g} or less, or sum the reconstruction "
                "over the elements of x as the KL is summed over the latents",
            ),
        ), ""
    if balance.beta > _CLEAR * largest:
        near = f"the effective beta is {balance}, near {largest:.3g}, above which no latent pays for its KL"
        return (), f"why {state}: {near}; lower it and see"
    return (
        Diagnosis(
            Cause.COLLAPSE,
            f"{state}, although the reconstruction's gradient reaches the encoder, x_hat follows z, and the effective "
            f"beta of {balance.beta:.3g} is below {largest:.3g}, where a latent pays for its KL",
            "start with a KL weight of 0 and raise it (KL annealing), allow free bits, or make the decoder weaker or "
            "easier to train",
        ),
    ), ""


# ------------------------------------------------------------------------------------------------ the training


def diagnose_training(looks: Sequence[tuple[int, Mapping[str, Followed]]]) -> tuple[Diagnosis, ...]:
    """What looks at the gradients, each with its step, say of the loop around the model; the last three count."""
    recent = list(looks)[-PATIENCE:]
    seen = trained_over([followed for _, followed in recent]) if len(recent) == PATIENCE else None
    if seen is None:
        return ()
    since = f"from step {recent[0][0]} to {recent[-1][0]}"
    if seen.kept == seen.followed:
        return (
            Diagnosis(
                Cause.KEPT_GRADIENTS,
                f"parameters are updated between two backward passes, and {since} each pass still found the gradients "
                "of the one before it: every step goes along the sum of all gradients so far",
                "call optimizer.zero_grad() once per update, before backward()",
            ),
        )
    if len(seen.resting) == seen.followed:
        # Without anything left over no gradients are accumulated for an update that is still to come.
        return (_unused_gradients(since),) if seen.erased else ()
    return (_left_out(seen.resting, seen.followed, since),) if seen.resting else ()


def _unused_gradients(since: str) -> Diagnosis:
    return Diagnosis(
        Cause.UNUSED_GRADIENTS,
        f"gradients reach the parameters, and {since} none of these has moved; at the next pass the gradients are gone",
        "call optimizer.step() after backward() and before zero_grad(), with a learning rate above 0",
    )


def _left_out(resting: Sequence[str], count: int, since: str) -> Diagnosis:
    names = ", ".join(resting[:3]) + (f" and {len(resting) - 3} more" if len(resting) > 3 else "")
    return Diagnosis(
        Cause.LEFT_OUT,
        f"gradients reach {names}, which {since} have not moved, while {count - len(resting)} other parameters have",
        "hand them to the optimizer, or say requires_grad_(False) where they are to stay",
    )
