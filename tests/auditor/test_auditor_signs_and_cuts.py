"""Where a term gets its minus and a sample loses its gradient, as both observers see it, and what no line tells."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from both_observers import plain
from both_observers.observing import Seen
from small_vaes import spellings as zoo
from torch import Tensor

from vae_checked.auditor import AuditReport, audit

TEXT = f"""\
{plain.MODEL}{plain.LOSS}    bce = F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=1)
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    loss = bce + kld
    return loss.mean()
"""
KL = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)"


def seen(*changes: tuple[str, str]) -> Seen:
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return plain.seen(text)


def standing(report: AuditReport, code: str) -> str:
    (judgement,) = report.judgements
    return plain.standing(judgement, code)


SIGNS = {
    "in the sum": ("VAE302", ("bce + kld", "bce - kld  # here")),
    "in a sum of its own": ("VAE302", ("loss = bce + kld", "loss = bce\n    loss -= kld  # here")),
    "by a weight": ("VAE302", ("bce + kld", "bce + -1.0 * kld  # here")),
    "by the weight of a sum": ("VAE302", ("bce + kld", "torch.add(bce, kld, alpha=-1)  # here")),
    "by a name": ("VAE302", ("    loss =", "    kld = -kld  # here\n    loss =")),
    "in its formula": ("VAE302", ("kld = -0.5", "kld = 0.5"), ("exp(), dim=1)", "exp(), dim=1)  # here")),
    "of the error": ("VAE505", ("bce + kld", "kld - bce  # here")),
    "of the error's line": ("VAE505", ("bce = F", "bce = -F"), ("sum(dim=1)\n", "sum(dim=1)  # here\n")),
}


@pytest.mark.parametrize("name", SIGNS)
def test_a_minus_is_placed_where_it_is_written(name: str) -> None:
    code, *changes = SIGNS[name]
    both = seen(*changes)
    for report in (both.measured, both.read):
        (finding,) = report.findings
        assert finding.code == code
        assert finding.place is not None
        assert finding.place.text.endswith("# here")
        assert "bce + kld" in finding.fix
    assert both.measured.findings[0].fix == both.read.findings[0].fix


BOUNDS = {
    "minus the whole": ("return loss.mean()", "return -loss.mean()"),
    "a likelihood less the KL": ("loss = bce + kld", "loss = -bce - kld"),
    "a likelihood less free bits": ("loss = bce + kld", "loss = -bce - torch.clamp(kld, min=5.5)"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_bound_may_be_maximised_elsewhere(name: str) -> None:
    report = seen(BOUNDS[name]).measured
    assert report.findings == ()
    assert [standing(report, code) for code in ("VAE302", "VAE505")] == ["open", "open"]
    assert "a bound that is maximised elsewhere" in report.facts[0].unobserved["kl.sign"]


def test_a_sum_written_as_a_difference_is_no_second_minus() -> None:
    change = ("    loss = bce + kld", "    kld = -kld  # here\n    loss = torch.sub(bce, kld, alpha=-1)")
    (finding,) = seen(change).measured.findings
    assert finding.code == "VAE302"
    assert finding.place is not None
    assert finding.place.text.endswith("# here")


def test_free_bits_that_are_taken_away_from_an_error_are_named() -> None:
    (finding,) = seen(("bce + kld", "bce - torch.clamp(kld, min=5.5)")).measured.findings
    assert finding.code == "VAE302"


class Maximised(zoo.Base):
    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        x_hat, mu, logvar = self(batch[0])
        return -zoo.standard_loss(x_hat, batch[0], mu, logvar)


def test_what_a_training_step_returns_is_minimised() -> None:
    torch.manual_seed(3)
    found = {finding.code for finding in audit(Maximised(), "B 3 8 12").findings}
    assert found == {"VAE302", "VAE505"}


CUTS = {
    "behind the draw": (
        "        return torch.sig",
        "        z = z.detach()  # here\n        return torch.sig",
        "z.detach()",
    ),
    "in the call": (
        "z = self.drawn(mu, logvar)",
        "z = self.drawn(mu, logvar).detach()  # here",
        "self.drawn(mu, logvar).detach()",
    ),
    "in an argument": (
        "torch.sigmoid(self.back(z)), mu, logvar",
        "torch.sigmoid(self.back(z.detach())), mu, logvar  # here",
        "z.detach()",
    ),
    "of one head": (
        "torch.exp(0.5 * logvar) * torch.randn_like(mu)",
        "torch.exp(0.5 * logvar).detach() * torch.randn_like(mu)  # here",
        "torch.exp(0.5 * logvar).detach()",
    ),
    "in a block": (
        "        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)",
        (
            "        with torch.no_grad():  # here\n"
            "            z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
            "        return z"
        ),
        "torch.no_grad()",
    ),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_sample_that_is_drawn_right_is_told_where_its_gradient_ends(name: str) -> None:
    before, after, written = CUTS[name]
    (finding,) = seen((before, after)).measured.findings
    assert finding.code == "VAE206"
    assert finding.fix.startswith(f"leave the gradient to z: {written}")
    (related,) = finding.related
    assert related.place.text.endswith("# here")


def test_a_head_below_zero_read_as_a_variance_is_named_of_the_sampler() -> None:
    both = seen((KL, "0.5 * torch.sum(mu.pow(2) + logvar - 1 - torch.log(logvar + 1e-8), dim=1)"))
    for report in (both.measured, both.read):
        (finding,) = report.findings
        assert finding.code == "VAE201"
        assert "reads logvar as variance" in finding.message
        assert finding.fix == f"kld = {KL}"


LOOP = """\
    total = 0
    for i in range(x.size(0)):
        kld = -0.5 * torch.sum(1 + logvar[i] - mu[i].pow(2) - logvar[i].exp())
        total = total + F.binary_cross_entropy(x_hat[i], x[i], reduction="sum") + kld
    return total / x.size(0)
"""


def test_rows_that_a_loop_compares_are_samples_of_a_batch() -> None:
    body = TEXT[TEXT.index("    bce = ") :]
    codes = [f"VAE{number}" for number in (303, 304, 501, 502, 503, 504)]
    right = seen((body, LOOP)).measured
    assert [standing(right, code) for code in codes] == ["clean"] * len(codes)
    wrong = seen((body, LOOP.replace("+ kld\n", "+ kld / x.size(0)\n"))).measured
    assert {finding.code for finding in wrong.findings} == {"VAE504"}


def test_terms_that_a_loss_returns_apart_are_weighed_elsewhere() -> None:
    for returned in ("bce.mean(), kld.mean()", "{'error': bce.mean(), 'kl': kld.mean()}"):
        report = seen(("return loss.mean()", f"return {returned}")).measured
        assert report.findings == ()
        assert [standing(report, code) for code in ("VAE303", "VAE503")] == ["weighted"] * 2


def test_a_kl_that_the_model_keeps_is_called_by_the_name_of_its_attribute() -> None:
    kept = "        self.kl = -torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)\n        return torch.sigmoid"
    method = "def loss(self, x_hat, x, mu, logvar):\n        return loss_function(x_hat, x, mu, logvar, self)\n\n    "
    both = seen(
        ("        return torch.sigmoid", kept),
        (f"    kld = {KL}\n", ""),
        ("loss_function(x_hat, x, mu, logvar)", "loss_function(x_hat, x, mu, logvar, model)"),
        ("bce + kld", "bce + model.kl"),
        ("def forward(self, x)", f"{method}def forward(self, x)"),
    )
    (finding,) = both.measured.findings
    assert finding.fix == f"self.kl = {KL}"


def test_the_error_is_called_by_the_name_of_its_statement() -> None:
    report = seen(('"none").sum(dim=1)', '"none").mean(dim=0).sum()')).measured
    (finding,) = [each for each in report.findings if each.code == "VAE501"]
    assert finding.fix.startswith("bce = ")


SHOWN = {
    "a width": (
        "VAE201",
        "return mu + torch.exp(0.5",
        "print(torch.exp(logvar).sum())\n        return mu + torch.exp(1.0",
    ),
    "an error": (
        "VAE501",
        '    bce = F.binary_cross_entropy(x_hat, x, reduction="none").sum(dim=1)',
        (
            '    print(F.binary_cross_entropy(x_hat, x, reduction="none").mean(dim=0).sum().item())\n'
            '    bce = F.binary_cross_entropy(x_hat, x, reduction="none").mean(dim=0).sum()'
        ),
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_computed_to_be_shown_is_no_place_of_what_is_used(name: str) -> None:
    code, before, after = SHOWN[name]
    (finding,) = [each for each in seen((before, after)).measured.findings if each.code == code]
    assert finding.place is not None
    assert "print" not in finding.place.text


def whole(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = F.mse_loss(x_hat, x, reduction="sum") - kl
    return loss / len(x)


def test_a_statement_with_the_kl_in_it_gives_the_error_no_name() -> None:
    torch.manual_seed(3)
    (finding,) = audit(zoo.Base(), "B 3 8 12", whole).findings
    assert finding.fix.startswith("recon + kl, with kl = ")
