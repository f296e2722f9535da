"""Mistakes of the catalogue planted in the stages of the reference VAE, whose head for std is a log variance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from vae_checked.facts import Parametrisation
from vae_checked.laws import Stages
from vae_checked.laws.stages import given


def _sampler(std: Callable[[Tensor], Tensor], eps: Callable[[Tensor], Tensor]) -> Callable[[Stages], Stages]:
    return lambda stages: replace(stages, reparameterize=lambda mu, logvar: mu + std(logvar) * eps(mu))


def _kl(elements: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Stages], Stages]:
    return lambda stages: replace(stages, kl=lambda mu, logvar: elements(mu, logvar).flatten(1).sum(1))


def _std(logvar: Tensor) -> Tensor:
    return torch.exp(0.5 * logvar)


def _relabelled(x_nhwc: Tensor) -> Tensor:
    batch, height, width, channels = x_nhwc.shape
    return x_nhwc.reshape(batch, channels, height, width)


def _cropped(stages: Stages) -> Stages:
    decode, forward = given(stages.decode), given(stages.forward)
    return replace(stages, decode=lambda z: decode(z)[..., :-1], forward=lambda x: forward(x)[..., :-1])


def _mixing(stages: Stages) -> Stages:
    encode, kl = given(stages.encode), given(stages.kl)
    return replace(
        stages,
        encode=lambda x: encode(x + 0.5 * x.roll(1, 0)),
        kl=lambda mu, logvar: kl(mu + 0.5 * mu.roll(1, 0), logvar),
    )


def _without_gradient(stages: Stages) -> Stages:
    sample = given(stages.reparameterize)
    return replace(stages, reparameterize=lambda mu, logvar: sample(mu, logvar).detach())


def _recon(changed: Callable[[Callable[[Tensor, Tensor], Tensor], Tensor, Tensor], Tensor]) -> Callable[..., Stages]:
    def planted(stages: Stages) -> Stages:
        recon = given(stages.recon)
        return replace(stages, recon=lambda x_hat, x: changed(recon, x_hat, x))

    return planted


def _kl_unused(stages: Stages) -> Stages:
    loss, kl = given(stages.loss), given(stages.kl)
    return replace(
        stages,
        kl=lambda mu, logvar: kl(mu, logvar).detach(),
        loss=lambda recon, kl, beta: loss(recon, torch.zeros_like(kl), beta),
    )


def _out_of_range(stages: Stages) -> Stages:
    decode, recon = given(stages.decode), given(stages.recon)
    return replace(stages, decode=lambda z: 3 * decode(z) - 1, recon=lambda x_hat, x: recon(x_hat, 2 * x - 1))


def _summed_over_the_batch(stages: Stages) -> Stages:
    loss = given(stages.loss)
    return replace(stages, loss=lambda recon, kl, beta: loss(recon, len(kl) * kl, beta))


def _dropout_in_evaluation(stages: Stages) -> Stages:
    decode = given(stages.decode)
    return replace(stages, decode=lambda z: torch.dropout(decode(z), 0.3, train=True))


def _log_std_beside_the_kl(stages: Stages) -> Stages:
    """The sampler is believed, as it is of a model whose heads have no names: then it is the KL that is wrong."""
    return replace(_sampler(torch.exp, torch.randn_like)(stages), parametrisation=Parametrisation.LOG_STD)


# By code, and by how it is seen: the stages with the mistake, made out of stages without one.
PLANTED: dict[str, Callable[[Stages], Stages]] = {
    "VAE101": lambda stages: replace(stages, to_nchw=_relabelled),
    "VAE105": _cropped,
    "VAE106": _mixing,
    "VAE201": _sampler(torch.exp, torch.randn_like),
    "VAE201 beside the KL": _log_std_beside_the_kl,
    "VAE202": _sampler(_std, torch.rand_like),
    "VAE203": _sampler(_std, lambda mu: torch.randn_like(mu[:1])),
    "VAE204": _kl(lambda mu, s: 0.5 * (s.exp() + mu.relu().square() - 1 - s)),
    "VAE206": _without_gradient,
    "VAE207": _sampler(_std, torch.ones_like),
    "VAE301": _kl(lambda mu, s: 0.5 * (s.exp() + mu.abs() - 1 - s.square())),
    "VAE302": _kl(lambda mu, s: -0.5 * (s.exp() + mu.square() - 1 - s)),
    "VAE303": _kl(lambda mu, s: s.exp() + mu.square() - 1 - s),
    "VAE304": lambda stages: replace(
        stages, kl=lambda mu, s: 0.5 * (s.exp() + mu.square() - 1 - s).flatten(1).sum(0).mean()
    ),
    "VAE305": _kl_unused,
    "VAE306": _kl(lambda mu, s: 0.5 * ((1 + mu.square()) * (-s).exp() - 1 + s)),
    "VAE401": _recon(lambda recon, x_hat, x: recon(x_hat.sigmoid(), x)),
    "VAE403": _out_of_range,
    "VAE404": _recon(lambda recon, x_hat, x: recon(x, x_hat)),
    "VAE501": _recon(lambda _, x_hat, x: (x_hat - x).square().sum(1).mean()),
    "VAE502": _recon(lambda recon, x_hat, x: recon(x_hat, x) / x[0].numel()),
    "VAE503": _kl(lambda mu, s: 0.5 * (s.exp() + mu.square() - 1 - s) / mu[0].numel()),
    "VAE504": _summed_over_the_batch,
    "VAE505": _recon(lambda recon, x_hat, x: -recon(x_hat, x)),
    "VAE603": _dropout_in_evaluation,
}
