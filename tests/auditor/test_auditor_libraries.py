"""The auditor on models of diffusers and pythae, built from small configurations with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Interval, Likelihood, NoiseLaw, Parametrisation, Reduction

diffusers = pytest.importorskip("diffusers", reason="diffusers is an optional dependency")
pythae = pytest.importorskip("pythae.models", reason="pythae is an optional dependency")


def autoencoder_kl(**changes: Any) -> Any:
    torch.manual_seed(0)
    config: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 16),
        "latent_channels": 4,
        "norm_num_groups": 4,
        "sample_size": 20,
    }
    return diffusers.AutoencoderKL(**{**config, **changes})


def pythae_model(kind: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = getattr(pythae, f"{kind}Config")(input_dim=(1, 8, 12), latent_dim=5, **changes)
    return getattr(pythae, kind)(config)


def codes(report: AuditReport) -> list[str]:
    return [finding.code for finding in report.findings]


def test_autoencoder_kl_is_recognised_without_configuration() -> None:
    report = audit(autoencoder_kl(), "B 3 16 24", data_range=(-1, 1))
    assert codes(report) == []
    (facts,) = report.facts
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is Parametrisation.LOGVAR
    assert facts.sampler.noise is not None
    assert facts.sampler.noise.value.law is NoiseLaw.STANDARD_NORMAL
    assert facts.heads.second is not None
    assert facts.heads.second.value == Interval(-30.0, 20.0)
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.KEPT, Reduction.SUM)
    assert any("sample_posterior" in line for line in report.recognised)
    assert any("loss= settles it" in line for line in report.unobserved)


def test_autoencoder_kl_takes_its_input_from_its_configuration() -> None:
    report = audit(autoencoder_kl())
    assert any("'B 3 20 20', as the model's configuration declares" in line for line in report.recognised)
    assert codes(report) == []


def test_autoencoder_kl_is_judged_with_a_loss() -> None:
    def loss(output: Any, x: Any) -> Any:
        return (output.sample - x).square().sum((1, 2, 3)).mean() + output.latent_dist.kl().mean()

    report = audit(autoencoder_kl(), "B 3 16 24", loss, data_range=(-1, 1))
    assert codes(report) == []
    assert report.facts[0].recon.kind is not None
    assert report.facts[0].recon.kind.value is Likelihood.MSE
    assert report.facts[0].kl.reduced is not None
    assert report.facts[0].kl.reduced.value.batch is Reduction.MEAN


def test_the_posteriors_own_kl_is_judged() -> None:
    model = autoencoder_kl()
    encode = model.encode

    def wrong(x: Any) -> Any:
        encoded = encode(x)
        posterior = encoded.latent_dist
        posterior.kl = lambda: 0.5 * (posterior.mean**2 + posterior.std - 1.0 - posterior.logvar).sum((1, 2, 3))
        return encoded

    model.encode = wrong
    assert codes(audit(model, "B 3 16 24")) == ["VAE301"]


def test_a_sampler_that_reads_the_log_variance_as_log_std_is_named() -> None:
    model = autoencoder_kl()
    encode = model.encode

    def wrong(x: Any) -> Any:
        encoded = encode(x)
        encoded.latent_dist.std = encoded.latent_dist.logvar.exp()
        return encoded

    model.encode = wrong
    assert codes(audit(model, "B 3 16 24")) == ["VAE201"]


@pytest.mark.parametrize(
    ("model", "beta"),
    [
        (pythae_model("VAE"), 2.0),  # half the squared error, as N(x_hat, 1) has it
        (pythae_model("VAE", reconstruction_loss="bce"), 1.0),
        (pythae_model("BetaVAE", beta=4.0), 8.0),
    ],
    ids=["VAE", "VAE-bce", "BetaVAE"],
)
def test_pythaes_vaes_are_recognised_and_clean(model: Any, beta: float) -> None:
    report = audit(model, data_range=(0, 1))
    assert codes(report) == []
    (facts,) = report.facts
    assert facts.sampler.std is not None
    assert facts.sampler.std.value.parametrisation is Parametrisation.LOGVAR
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.objective.effective_beta is not None
    assert facts.objective.effective_beta.value.value == pytest.approx(beta, rel=1e-3)
    assert any("output.loss, which the model returns" in line for line in report.recognised)
    assert any("'B 1 8 12', as the model's configuration declares" in line for line in report.recognised)


def test_a_finding_points_into_the_source_that_ran() -> None:
    class Wrong(pythae.VAE):  # type: ignore[misc, name-defined]  # what importorskip returns has no types
        def _sample_gauss(self, mu: Any, std: Any) -> Any:
            eps = torch.rand_like(std)
            return mu + eps * std, eps

    report = audit(Wrong(pythae.VAEConfig(input_dim=(1, 8, 12), latent_dim=5)), data_range=(0, 1))
    (finding,) = report.findings
    assert finding.code == "VAE202"
    assert finding.place is not None
    assert finding.place.path.endswith("test_auditor_libraries.py")
    assert finding.place.text.strip() == "eps = torch.rand_like(std)"
