"""What the auditor makes of losses: likelihoods, regularisers, weights, and what it leaves undecided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn
from torch import distributions as D

from vae_checked.auditor import AuditReport, audit
from vae_checked.facts import Likelihood, Parametrisation, Reduction
from vae_checked.finding import Severity


def kl_of(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp())


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return kl_of(mu, logvar).sum(1).mean()


def squares(x_hat: Tensor, x: Tensor) -> Tensor:
    return (x_hat - x).square().flatten(1).sum(1)


def reported(loss: Callable[..., Any]) -> AuditReport:
    torch.manual_seed(4)
    return audit(zoo.Base(), "B 3 8 12", loss, data_range=(0, 1))


# ------------------------------------------------------------------------------------------ reconstruction

# The reconstruction, the likelihood that it is, and its weight beside the sum over a sample of the kind's own error.
ERRORS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Likelihood | None, float | None]] = {
    "mse": (lambda p, x: F.mse_loss(p, x, reduction="sum") / len(x), Likelihood.MSE, 1.0),
    "mse by hand": (lambda p, x: (p - x).pow(2).sum() / len(x), Likelihood.MSE, 1.0),
    "half": (lambda p, x: 0.5 * squares(p, x).mean(), Likelihood.MSE, 0.5),
    "normal": (lambda p, x: -D.Normal(p, 0.1).log_prob(x).sum((1, 2, 3)).mean(), Likelihood.MSE, 50.0),
    "flattened": (lambda p, x: squares(p.view(-1, 288), x.view(-1, 288)).mean(), Likelihood.MSE, 1.0),
    "l1": (lambda p, x: F.l1_loss(p, x, reduction="sum") / len(x), Likelihood.L1, 1.0),
    "huber": (lambda p, x: F.smooth_l1_loss(p, x, reduction="sum") / len(x), Likelihood.SMOOTH_L1, 1.0),
    "bce": (lambda p, x: nn.BCELoss(reduction="sum")(p, x) / len(x), Likelihood.BCE, 1.0),
    "bce by hand": (
        lambda p, x: -(x * (p + 1e-8).log() + (1 - x) * (1 - p + 1e-8).log()).sum() / len(x),
        Likelihood.BCE,
        1.0,
    ),
    "cross entropy": (lambda p, x: -(x * p.log()).sum() / len(x), Likelihood.CROSS_ENTROPY, 1.0),
    "counts by the logarithm of their rate": (
        lambda p, x: F.poisson_nll_loss(p, x, reduction="sum") / len(x),
        Likelihood.POISSON,
        1.0,
    ),
    "counts by their rate": (
        lambda p, x: F.poisson_nll_loss(p, x, log_input=False, reduction="sum") / len(x),
        Likelihood.POISSON,
        1.0,
    ),
    "counts of a distribution": (
        lambda p, x: -D.Poisson(p, validate_args=False).log_prob(x).sum() / len(x),
        Likelihood.POISSON,
        1.0,
    ),
    "counts by hand": (lambda p, x: 3 * (p - x * (p + 1e-8).log()).sum() / len(x), Likelihood.POISSON, 3.0),
    "counts less their best": (lambda p, x: (x * (x / p).log() - x + p).sum() / len(x), Likelihood.POISSON, 1.0),
    "bernoulli": (
        lambda p, x: -D.Bernoulli(probs=p, validate_args=False).log_prob(x).sum() / len(x),
        Likelihood.BCE_WITH_LOGITS,  # on the logits that the distribution makes of its probabilities
        1.0,
    ),
    "logits by hand": (
        lambda p, x: (F.softplus(torch.logit(p)) - x * torch.logit(p)).sum() / len(x),
        Likelihood.BCE_WITH_LOGITS,  # the logit, written twice, is one value, and both terms are functions of it
        1.0,
    ),
    "log": (lambda p, x: 100 * squares(p, x).mean().log(), Likelihood.MSE, None),
    "norm": (lambda p, x: torch.norm(p - x), Likelihood.MSE, None),
    "two": (lambda p, x: (p - x).abs().sum() + (p - x).square().sum(), None, None),
    "waiting times": (lambda p, x: (p.log() + x / p).sum(), None, None),
    "counts that are spread": (
        lambda p, x: -D.NegativeBinomial(4.0, logits=p.log(), validate_args=False).log_prob(x).sum(),
        None,
        None,
    ),
    "masked": (lambda p, x: ((p - x).square() * (x > 0.5)).sum(), None, None),
    "cosine": (lambda p, x: 1 - F.cosine_similarity(p.flatten(1), x.flatten(1)).mean(), None, None),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_likelihood_is_known_by_its_gradient(name: str) -> None:
    error, kind, weight = ERRORS[name]
    report = reported(lambda x_hat, x, mu, logvar: error(x_hat, x) + kl(mu, logvar))
    facts = report.facts[0]
    assert [finding.code for finding in report.findings] == []
    if kind is None:
        assert facts.recon.kind is None
        assert "recon.kind" in facts.unobserved
        return
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is kind
    beta = facts.objective.effective_beta
    if weight is None:
        assert beta is None
        assert "changes with the data" in facts.unobserved["recon.reduced"]
    else:
        assert beta is not None
        assert beta.value.value == pytest.approx(1 / weight, rel=1e-3)


def test_a_learned_variance_is_a_gaussian_likelihood() -> None:
    class Learned(zoo.Base):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = nn.Linear(zoo.LATENTS, 2 * zoo.PIXELS)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            mean, log_scale = self.decoder(self.sample(mu, logvar)).view(-1, 2, *zoo.INPUT).unbind(1)
            error = F.gaussian_nll_loss(mean, x, log_scale.exp(), reduction="none").sum((1, 2, 3))
            return {"x_hat": mean, "loss": (error + kl_of(mu, logvar).sum(1)).mean()}

    report = audit(Learned(), "B 3 8 12", data_range=(0, 1))
    assert report.facts[0].recon.kind is not None
    assert report.facts[0].recon.kind.value is Likelihood.GAUSSIAN_NLL
    assert [finding.code for finding in report.findings] == []


# ---------------------------------------------------------------------------------------------- regularisers


def mmd(mu: Tensor, logvar: Tensor) -> Tensor:
    prior = torch.randn_like(mu)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-(a[:, None] - b[None]).square().mean(2))

    return kernel(mu, mu).mean() + kernel(prior, prior).mean() - 2 * kernel(mu, prior).mean()


# Regularisers that are no plain KL and no mistake either: what is left undecided, and why.
OTHERS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], str, str]] = {
    "capacity": (lambda m, s: 10 * (kl_of(m, s).sum(1) - 25).abs().mean(), "kl.factor", "a capacity"),
    "free bits": (lambda m, s: kl_of(m, s).clamp(min=0.5).sum(1).mean(), "kl.factor", "free bits"),
    "free bits of the batch": (lambda m, s: kl_of(m, s).mean(0).clamp(min=0.5).sum(), "kl.factor", "free bits"),
    "a floor": (lambda m, s: kl(m, s).clamp(min=3.0), "kl.factor", "free bits"),
    "another prior": (
        lambda m, s: D.kl_divergence(D.Normal(m, (s / 2).exp()), D.Normal(1.0, 3.0)).sum(1).mean(),
        "kl.form",
        "the KL to N(1, 9), a prior that was chosen",
    ),
    "mmd": (mmd, "kl.form", "depends on other latents or other samples"),
    "a KL and an mmd": (lambda m, s: kl(m, s) + 9 * mmd(m, s), "kl.factor", "as an MMD does, is added to it"),
    "weight 0": (lambda m, s, weight=0.0: weight * kl(m, s), "kl.form", "its weight is 0 in this run"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_regulariser_is_left_undecided_with_its_reason(name: str) -> None:
    regulariser, path, reason = OTHERS[name]
    report = reported(lambda x_hat, x, mu, logvar: squares(x_hat, x).mean() + regulariser(mu, logvar))
    assert [finding.code for finding in report.findings] == []
    assert reason in report.facts[0].unobserved[path]


def test_a_prior_whose_mean_alone_is_learned_is_one_of_two_gaussians() -> None:
    class Learned(zoo.Base):
        def __init__(self) -> None:
            super().__init__()
            self.prior_mean = nn.Parameter(torch.full((zoo.LATENTS,), 0.3))

        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
            posterior, prior = D.Normal(mu, (logvar / 2).exp()), D.Normal(self.prior_mean, 1.0)
            return squares(x_hat, x).mean() + D.kl_divergence(posterior, prior).sum(1).mean()

    report = audit(Learned(), "B 3 8 12", data_range=(0, 1))
    assert [finding.code for finding in report.findings] == []
    (form,) = (each.kl.form for each in report.facts)
    assert form is not None
    assert (form.value.learned, form.value.parametrisation) == (True, Parametrisation.LOGVAR)


# Formulas near the KL, each the KL of no parametrisation.
WRONG: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "no square": lambda m, s: -0.5 * (1 + s - m.abs() - s.exp()),
    "mu weighs twice": lambda m, s: -0.5 * (1 + s - 2 * m.square() - s.exp()),
    "a half lost on logvar": lambda m, s: 0.5 * (m.square() + s.exp() - 1) - s,
    "std for variance": lambda m, s: -0.5 * (1 + s - m.square() - (s / 2).exp()),
    "sign of logvar": lambda m, s: -0.5 * (1 - s - m.square() - s.exp()),
    "only the mean": lambda m, s: 0.5 * m.square(),
}


@pytest.mark.parametrize(("capacity", "codes"), [(0.0, ["VAE301"]), (25.0, [])])
def test_a_wrong_formula_is_named_under_the_abs_of_a_capacity_of_nothing(capacity: float, codes: list[str]) -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        wrong = -0.5 * (1 + logvar - mu.square() - (2 * logvar).exp()).sum(1).mean()
        return squares(x_hat, x).mean() + 10 * (wrong - capacity).abs()

    assert [finding.code for finding in reported(loss).findings] == codes


@pytest.mark.parametrize("name", WRONG)
def test_the_kl_of_no_parametrisation_is_named_with_its_values(name: str) -> None:
    formula = WRONG[name]
    report = reported(lambda x_hat, x, mu, logvar: squares(x_hat, x).mean() + formula(mu, logvar).sum(1).mean())
    assert "VAE301" in [finding.code for finding in report.findings]
    form = report.facts[0].kl.form
    assert form is not None
    values = {(mu, s): value for mu, s, value, _ in form.value.values}
    scales = [value / _at(formula, mu, s) for (mu, s), value in values.items() if abs(_at(formula, mu, s)) > 1e-6]
    assert len(scales) >= 2
    assert scales == pytest.approx([scales[0]] * len(scales), rel=1e-2), "one unit for all values"


def _at(formula: Callable[[Tensor, Tensor], Tensor], mu: float, s: float) -> float:
    """The formula, counted from the prior."""
    zero = torch.zeros(())
    return float(formula(torch.tensor(mu), torch.tensor(s)) - formula(zero, zero))


# ------------------------------------------------------------------------------------------------- weights


def test_a_weight_by_name_is_no_lost_half() -> None:
    for beta in (0.1, 4.0, 1.0):
        facts = reported(lambda x_hat, x, mu, logvar, b=beta: squares(x_hat, x).mean() + b * kl(mu, logvar)).facts[0]
        assert facts.kl.factor is not None
        assert facts.kl.factor.value.explicit
        assert facts.objective.effective_beta is not None
        assert facts.objective.effective_beta.value.value == pytest.approx(beta, rel=1e-3)


def test_a_lost_half_beside_a_weight_that_has_a_name_is_weighed_by_that() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 3.0) -> Tensor:
        doubled = -(1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
        return F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x) + beta * doubled

    report = reported(loss)
    assert report.findings == ()
    assert "VAE303" in report.judgements[0].weighted
    assert report.facts[0].objective.effective_beta is not None
    assert report.facts[0].objective.effective_beta.value.value == pytest.approx(6.0, rel=1e-3)


def test_a_weight_that_moves_nothing_is_named() -> None:
    def loss(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, kl_weight: float = 3.0) -> Tensor:
        return squares(x_hat, x).mean() + kl(mu, logvar)

    report = reported(loss)
    (finding,) = report.findings
    assert finding.code == "VAE305"
    assert "kl_weight" in finding.message


def test_a_kl_that_is_computed_and_has_no_gradient_is_not_in_the_loss() -> None:
    report = reported(lambda x_hat, x, mu, logvar: squares(x_hat, x).mean() + kl(mu, logvar).item())
    assert "VAE305" in [finding.code for finding in report.findings]


def mean_squares(x_hat: Tensor, x: Tensor) -> Tensor:
    return F.mse_loss(x_hat, x)


def test_a_kl_that_exchanges_the_heads_is_told_from_a_wrong_formula() -> None:
    class Exchanged(zoo.Base):
        def training_step(self, batch: Any, batch_idx: int) -> Tensor:
            x_hat, mu, logvar = self(batch[0])
            return zoo.standard_loss(x_hat, batch[0], logvar, mu)

    report = audit(Exchanged(), "B 3 8 12", data_range=(0, 1))
    assert [finding.code for finding in report.findings] == ["VAE205"]


def test_heads_in_another_order_are_put_where_their_names_say() -> None:
    class SecondFirst(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            x_hat, mu, logvar = super().forward(x)
            return x_hat, logvar, mu

    report = audit(SecondFirst(), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert any("mu = output[2], logvar = output[1]" in line for line in report.recognised)
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("VAE205", Severity.WARNING), "handed over in order they are exchanged"
    assert finding.place is not None
    assert "def standard_loss" in finding.place.text

    by_name = audit(SecondFirst(), "B 3 8 12", lambda x_hat, x, logvar, mu: zoo.standard_loss(x_hat, x, mu, logvar))
    assert [finding.code for finding in by_name.findings] == []


def test_one_layer_run_twice_is_both_heads_in_a_pair() -> None:
    class Twice(zoo.Base):
        def forward(self, x: Tensor) -> Any:
            h = self.encoder(x)
            mu, logvar = self.fc_mu(h), self.fc_mu(h)
            return self.decode(self.sample(mu, logvar)), (mu, logvar)

    report = audit(Twice(), "B 3 8 12", zoo.standard_loss, data_range=(0, 1))
    assert "VAE205" in {finding.code for finding in report.findings}
    assert any("mu = output[1][0], logvar = output[1][1]" in line for line in report.recognised)


def test_a_loss_of_the_reconstruction_alone_says_that_the_kl_was_not_seen() -> None:
    report = reported(mean_squares)
    assert [finding.code for finding in report.findings] == []
    assert "one may be added elsewhere" in report.facts[0].unobserved["kl.form"]


# ---------------------------------------------------------------------------------------- what a loss returns

RETURNS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "a scalar": lambda r, k: r.mean() + k.mean(),
    "a loss per sample": lambda r, k: r + k,
    "the loss first": lambda r, k: (r.mean() + k.mean(), r.mean(), k.mean()),
    "the loss last": lambda r, k: (k.mean(), r.mean(), r.mean() + k.mean()),
    "its terms": lambda r, k: (r.mean(), k.mean()),
    "a dictionary": lambda r, k: {"recon": r.mean(), "loss": r.mean() + k.mean(), "kld": k.mean().detach()},
    "a dictionary of terms": lambda r, k: {"mse": r.mean(), "kld": k.mean()},
    "numbers beside it": lambda r, k: (r.mean() + k.mean(), {"recon": r.mean().item()}),
}


@pytest.mark.parametrize("name", RETURNS)
def test_the_total_is_found_in_what_a_loss_returns(name: str) -> None:
    combine = RETURNS[name]
    report = reported(lambda x_hat, x, mu, logvar: combine(squares(x_hat, x), kl_of(mu, logvar).sum(1)))
    facts = report.facts[0]
    batch = Reduction.KEPT if name == "a loss per sample" else Reduction.MEAN
    assert [finding.code for finding in report.findings] == []
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    for term in (facts.kl.reduced, facts.recon.reduced):
        assert term is not None
        assert (term.value.batch, term.value.event) == (batch, Reduction.SUM)


# --------------------------------------------------------------------------------------- how it takes its arguments


class Criterion(nn.Module):
    """A loss module whose `__call__` is its own."""

    def __call__(self, x: Tensor, x_hat: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return zoo.standard_loss(x_hat, x, mu, logvar)


class Module(nn.Module):
    def forward(self, outputs: Tensor, targets: Tensor, mean: Tensor | None = None, log_var: Any = None) -> Tensor:
        assert mean is not None
        return zoo.standard_loss(outputs, targets, mean, log_var)


def recon_x_first(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return zoo.standard_loss(recon_x, x, mu, logvar)


def as_torch_has_it(input: Tensor, target: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:  # noqa: A002  torch's name
    return zoo.standard_loss(input, target, mu, logvar)


TAKES: dict[str, Callable[..., Tensor]] = {
    "recon_x, x": recon_x_first,
    "x first": lambda x, x_hat, mean, log_var: zoo.standard_loss(x_hat, x, mean, log_var),
    "heads first": lambda mu, logvar, decoded, x: zoo.standard_loss(decoded, x, mu, logvar),
    "input, target": as_torch_has_it,
    "output, x": lambda output, x: zoo.standard_loss(output[0], x, output[1], output[2]),
    "by keyword": lambda recon, x, *, mu, logvar: zoo.standard_loss(recon, x, mu, logvar),
    "a default": lambda x_hat, x, mu, logvar, beta=1.0: zoo.standard_loss(x_hat, x, mu, logvar),
    "heads with a default": lambda x_hat, x, mu=None, logvar=None: zoo.standard_loss(x_hat, x, mu, logvar),
    "a module": Module(),
    "a module with a call of its own": Criterion(),
}


@pytest.mark.parametrize("name", TAKES)
def test_a_loss_takes_what_it_names(name: str) -> None:
    facts = reported(TAKES[name]).facts[0]
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE


class Stepping(zoo.Base):
    """A training step as Lightning has it, on pairs of pictures and labels."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        x, _ = batch
        x_hat, mu, logvar = self(x)
        return zoo.standard_loss(x_hat, x, mu, logvar)


class SteppingOnPictures(zoo.Base):
    """The same on pictures alone, and with more than the loss in what it returns."""

    def training_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        x_hat, mu, logvar = self(batch.float())
        return {"loss": zoo.standard_loss(x_hat, batch, mu, logvar), "kl": kl(mu, logvar).detach()}


@pytest.mark.parametrize("model", [Stepping, SteppingOnPictures])
def test_a_training_step_is_found_and_runs_the_model(model: type[nn.Module]) -> None:
    report = audit(model(), "B 3 8 12", data_range=(0, 1))
    facts = report.facts[0]
    assert any("training_step, which runs the model itself" in line for line in report.recognised)
    assert [finding.code for finding in report.findings] == []
    assert facts.kl.form is not None
    assert facts.kl.form.value.parametrisation is Parametrisation.LOGVAR
    assert facts.recon.kind is not None
    assert facts.recon.kind.value is Likelihood.MSE


def test_a_loss_that_takes_the_input_alone_runs_the_model_itself() -> None:
    class Whole(zoo.Base):
        def elbo(self, x: Tensor) -> Tensor:
            return zoo.standard_loss(*[self(x)[0], x, *self.encode(x)])

        def elbo_of_another(self, x: Tensor) -> Tensor:
            return zoo.standard_loss(*[self(x)[0], x, *self.encode(0.9 * x)])

        def objective(self, x: Tensor) -> Tensor:
            x_hat, mu, logvar = self(x)
            return zoo.standard_loss(x_hat, x, mu, logvar)

    report = audit(Whole(), "B 3 8 12", "objective", data_range=(0, 1))
    facts = report.facts[0]
    assert any("objective, which runs the model itself" in line for line in report.recognised)
    assert facts.kl.form is not None
    assert facts.recon.kind is not None
    again = audit(Whole(), "B 3 8 12", "elbo", data_range=(0, 1))
    assert again.facts[0].kl.form is not None, "what is encoded twice has one pair of heads"
    another = audit(Whole(), "B 3 8 12", "elbo_of_another", data_range=(0, 1))
    assert "by another way than these heads" in another.facts[0].unobserved["kl.form"]
    assert [finding.code for each in (report, again, another) for finding in each.findings] == []


class Logits(zoo.Base):
    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).view(-1, *zoo.INPUT)


def bce(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1).mean() + kl(mu, logvar)


def test_a_loss_that_torch_refuses_is_named_instead_of_ending_the_audit() -> None:
    torch.manual_seed(4)
    model = Logits()
    x = torch.rand(5, 3, 8, 12)
    x_hat, mu, logvar = model(x)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        bce(x_hat, x, mu, logvar)
    report = audit(model, "B 3 8 12", bce, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == ["VAE402"]
    assert any("should be between 0 and 1" in line for line in report.unobserved)
    assert not any("should be between" in line for line in reported(bce).unobserved)


class Judged(zoo.Base):
    """A discriminator, or nothing, in the place of the KL."""

    def __init__(self, judged: bool) -> None:
        super().__init__()
        self.judge = nn.Sequential(nn.Linear(zoo.LATENTS, 9), nn.ReLU(), nn.Linear(9, 1)) if judged else None

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        mu, logvar = self.encode(x)
        z = self.sample(mu, logvar)
        x_hat = self.decode(z)
        loss = squares(x_hat, x).mean()
        if self.judge is not None:
            loss = loss + F.softplus(-self.judge(z)).mean()
        return {"recon_x": x_hat, "mu": mu, "logvar": logvar, "loss": loss}


@pytest.mark.parametrize(("judged", "expected"), [(True, []), (False, ["VAE305"])])
def test_a_network_on_z_may_stand_in_the_place_of_the_kl(judged: bool, expected: list[str]) -> None:
    torch.manual_seed(4)
    report = audit(Judged(judged), "B 3 8 12", data_range=(0, 1))
    assert [finding.code for finding in report.findings] == expected
