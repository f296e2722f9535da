"""The names that the field gives to the tensors of a VAE; they break ties and never overrule what was measured."""

from __future__ import annotations

import re

from vae_checked.adapters.subject import Role

_NAMES: dict[Role, str] = {
    Role.RECONSTRUCTION: (
        "x_hat xhat recon recons recon_x x_recon recons_x x_recons reconstruction reconstructions reconstructed "
        "reconstructed_x x_reconstructed reconstructed_input recon_batch recon_data recon_img recon_images rec x_rec "
        "rec_x x_tilde x_out x_pred x_logits logits decoded decoder_output dec dec_output generated x_prime x_bar "
        "x_reconst y_hat yhat y_pred pred preds prediction predictions outputs output out recon_output sample xr"
    ),
    Role.INPUT: (
        "x input inputs target targets data batch img image images imgs original x_true x_in orig x_orig "
        "true_x real ground_truth gt y x_input source src x_batch samples"
    ),
    Role.MU: (
        "mu mean means mus z_mean z_mu mean_z mu_z q_mu qmu q_mean loc m means_z latent_mean mu_q enc_mu "
        "posterior_mean embedding z_loc"
    ),
    Role.SECOND: (
        "logvar log_var logvars lv logsigma log_sigma logstd log_std sigma std var z_logvar z_log_var logvar_z "
        "log_var_z z_logsigma z_std z_sigma q_logvar q_log_var scale ln_var log_variance logsigma2 log_sigma2 "
        "log_covariance stddev variance sigma2 log_sigma_sq logsd logs enc_logvar posterior_logvar z_scale"
    ),
    Role.LATENT: "z latent latents z_sample sampled_z code codes z_samples latent_sample latent_z",
    Role.LOSS: "loss total_loss elbo_loss vae_loss neg_elbo nelbo objective train_loss loss_total",
    Role.KL: "kl kld kl_loss kld_loss reg_loss kl_div kl_divergence latent_loss kl_term loss_kl loss_kld reg",
    Role.RECONSTRUCTION_ERROR: (
        "recon_loss reconstruction_loss rec_loss mse bce recons_loss loss_recon likelihood recon_error loss_rec nll"
    ),
}
_STEMS = ("recon", "decoded", "x_hat", "predicted")
_ROLES = {name: role for role, names in _NAMES.items() for name in names.split()}


def role_of(name: str) -> Role | None:
    """The role that `name` has in the field (`recon_x`, `logVar`, `zMean`), or None."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().strip("_")
    known = _ROLES.get(snake) or _ROLES.get(snake.replace("_", ""))
    if known is not None or "loss" in snake:
        return known
    return Role.RECONSTRUCTION if any(stem in snake for stem in _STEMS) else None
