"""What names say: each name one role, however it is spelled, and which numbers weigh a KL or count a batch."""

from __future__ import annotations

import itertools

import pytest

from vae_checked.mathematics.names import _NAMES, Role, is_batch_size, is_kl_weight, likely_role_of, role_of


def test_each_name_has_one_role_and_stands_once() -> None:
    names = [name for listed in _NAMES.values() for name in listed.split()]
    assert sorted(names) == sorted(set(names))
    assert all(name == name.lower().replace("_", "") for name in names)
    assert _NAMES.keys() == set(Role)


SPELLINGS = {
    Role.MU: ("mu", "z_mean", "zMean", "MU", "latent_mean"),
    Role.SECOND: ("logvar", "log_var", "logVar", "log_sigma2", "zLogVar", "stddev"),
    Role.RECONSTRUCTION: ("x_hat", "recon_x", "reconX", "recon_images_2", "decoded_text", "y_pred"),
    Role.INPUT: ("x", "target", "original_x", "gt"),
    Role.LATENT: ("z", "z_sample"),
    Role.LOSS: ("loss", "total_loss", "neg_elbo"),
    Role.KL: ("kld_loss", "kl", "loss_kl"),
    Role.RECONSTRUCTION_ERROR: ("recon_loss", "bce"),
}


@pytest.mark.parametrize(("name", "role"), [(name, role) for role, names in SPELLINGS.items() for name in names])
def test_a_name_has_its_role_in_every_spelling(name: str, role: Role) -> None:
    assert role_of(name) is role
    assert likely_role_of(name) is role


@pytest.mark.parametrize("name", ["hidden", "h", "labels", "epoch", "my_loss", "fc1"])
def test_a_name_that_says_nothing_has_no_role(name: str) -> None:
    assert role_of(name) is None


@pytest.mark.parametrize(
    ("name", "role"),
    [("mu1", Role.MU), ("fc_mean", Role.MU), ("enc_logvar2", Role.SECOND), ("x_std_dev", Role.SECOND), ("fc1", None)],
)
def test_parts_of_a_name_are_a_guess(name: str, role: Role | None) -> None:
    assert role_of(name) is None
    assert likely_role_of(name) is role


def test_which_names_are_batch_sizes() -> None:
    sizes = ("batch_size", "args.batch_size", "batchSize", "BATCH_SIZE", "bs", "B", "train_bs", "self.batch")
    others = ("num_batches", "batch_idx", "n", "beta", "batches_per_epoch", "absolute", "jobs", "batch_weight")
    assert [name for name in itertools.chain(sizes, others) if is_batch_size(name)] == list(sizes)


def test_which_names_weigh_a_kl() -> None:
    weights = (
        *("beta", "lambda_kl", "kld_weight", "kl_w", "c_kl", "beta_vae", "kl_coef", "klWeight", "KL_WEIGHT", "klw"),
        *("self.kl_coeff", "w_kld", "alpha_kl", "kldweight", "kl_loss_weight", "M_N", "kl_div_scale", "lmbd_kl"),
    )
    others = (
        *("beta1", "alpha", "weight", "weight_decay", "kl", "kl_loss", "kl_anneal_steps", "use_kl_weight", "klein"),
        *("kl_weight_max", "recon_weight", "scale", "kl_warmup", "gamma", "lambda_l1"),
    )
    assert [name for name in itertools.chain(weights, others) if is_kl_weight(name)] == list(weights)
