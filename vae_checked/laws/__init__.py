"""What every correct VAE obeys: one law a file, and this register of them all."""

from __future__ import annotations

from vae_checked.errors import UsageError
from vae_checked.laws import (
    batch_concatenation,
    batch_order,
    decoder_shape,
    elbo_below_evidence,
    evaluation_is_deterministic,
    importance_weighted_bound,
    kl_additive_over_latents,
    kl_closed_form,
    kl_even_in_mu,
    kl_gradient,
    kl_grows_with_log_std,
    kl_grows_with_mu,
    kl_latent_order,
    kl_monte_carlo,
    kl_nonnegative,
    kl_summed_over_latents,
    kl_zero_at_prior,
    layout_moves_elements,
    layout_round_trip,
    loss_affine_in_beta,
    loss_is_batch_mean,
    noise_is_independent,
    noise_is_standard_normal,
    output_in_range,
    per_sample_shape,
    posterior_shape,
    precision_agreement,
    recon_closed_form,
    recon_gradient,
    recon_grows_with_error,
    recon_least_at_target,
    recon_pixel_order,
    recon_summed_over_event,
    recon_zero_at_target,
    reconstruction_shape,
    same_noise_same_sample,
    sample_gradient,
    sample_independence,
    sample_is_affine,
    sample_moments,
)
from vae_checked.laws.law import Law
from vae_checked.laws.stages import Sizes, Stages, stages_of
from vae_checked.laws.trial import InapplicableError, Violation

__all__ = ["LAWS", "InapplicableError", "Law", "Sizes", "Stages", "Violation", "find", "stages_of"]

LAWS: tuple[Law, ...] = (
    kl_nonnegative.LAW,
    kl_zero_at_prior.LAW,
    kl_closed_form.LAW,
    kl_monte_carlo.LAW,
    kl_gradient.LAW,
    kl_grows_with_mu.LAW,
    kl_grows_with_log_std.LAW,
    kl_even_in_mu.LAW,
    kl_additive_over_latents.LAW,
    kl_summed_over_latents.LAW,
    kl_latent_order.LAW,
    sample_is_affine.LAW,
    noise_is_standard_normal.LAW,
    noise_is_independent.LAW,
    sample_moments.LAW,
    same_noise_same_sample.LAW,
    sample_gradient.LAW,
    per_sample_shape.LAW,
    batch_order.LAW,
    sample_independence.LAW,
    batch_concatenation.LAW,
    recon_closed_form.LAW,
    recon_summed_over_event.LAW,
    recon_zero_at_target.LAW,
    recon_least_at_target.LAW,
    recon_grows_with_error.LAW,
    recon_pixel_order.LAW,
    recon_gradient.LAW,
    loss_affine_in_beta.LAW,
    loss_is_batch_mean.LAW,
    elbo_below_evidence.LAW,
    importance_weighted_bound.LAW,
    posterior_shape.LAW,
    decoder_shape.LAW,
    reconstruction_shape.LAW,
    output_in_range.LAW,
    evaluation_is_deterministic.LAW,
    layout_round_trip.LAW,
    layout_moves_elements.LAW,
    precision_agreement.LAW,
)


def find(name: str) -> Law:
    """The law of this name; UsageError when there is none."""
    for law in LAWS:
        if law.name == name.strip().lower():
            return law
    raise UsageError(f"no law {name!r}: choose one of {', '.join(law.name for law in LAWS)}")
