"""What an audit runs and does not decide: none of it is called checked and clean."""

from __future__ import annotations

import re

import pytest
import torch
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import AuditReport, audit
from vae_checked.catalogue.support.example import edit
from vae_checked.reports import render

SIGNATURE = "def loss_function(x_hat, x, mu, logvar):"
TOTAL = "    return (recon + kl).mean()\n"
OUTPUT = "torch.sigmoid(self.decoder(z))"

# (what is not decided, its code, the changes that make it so)
UNDECIDED = [
    ("a KL times 0", "VAE305", [(TOTAL, "    return (recon + 0.0 * kl).mean()\n")]),
    ("a number that moves nothing", "VAE305", [(SIGNATURE, SIGNATURE.replace(")", ", strength=4.0)"))]),
    ("a doubled KL beside a squared error", "VAE303", [("kl = -0.5 * torch", "kl = -torch")]),
    ("a mask of what differs from itself", "VAE604", [(TOTAL, f"    kl[kl != kl] = 0.25\n{TOTAL}")]),
    ("a branch on NaN", "VAE604", [(TOTAL, f"    kl = recon if kl.isnan().any() else kl\n{TOTAL}")]),
    ("a squashing that has no name here", "VAE405", [(OUTPUT, "torch.sigmoid(torch.special.i0e(self.decoder(z)))")]),
]


def audited(changes: list[tuple[str, str]]) -> AuditReport:
    names: dict[str, object] = {"__name__": "module"}
    exec(compile(edit(*changes), "module.py", "exec"), names)  # noqa: S102  the catalogue's own text
    torch.manual_seed(3)
    build = names["VAE"]
    assert callable(build)
    return audit(build(), "B 3 8 12", names["loss_function"], data_range=(0.0, 1.0))


def clean(report: AuditReport) -> set[str]:
    return {code for judgement in report.judgements for code in judgement.clean}


@pytest.mark.parametrize("code", sorted({code for _, code, _ in UNDECIDED}))
def test_the_unchanged_model_is_clean(code: str) -> None:
    assert code in clean(audited([]))


@pytest.mark.parametrize(("code", "changes"), [pytest.param(code, made, id=what) for what, code, made in UNDECIDED])
def test_what_was_not_decided_is_not_clean(code: str, changes: list[tuple[str, str]]) -> None:
    report = audited(changes)
    assert code not in {finding.code for finding in report.findings}
    assert code not in clean(report)
    assert all(code in judgement.undecided for judgement in report.judgements)


def test_without_a_loss_nothing_is_said_of_nan_in_it() -> None:
    names: dict[str, object] = {"__name__": "module"}
    exec(compile(edit(), "module.py", "exec"), names)  # noqa: S102  the catalogue's own text
    build = names["VAE"]
    assert callable(build)
    assert "VAE604" not in clean(audit(build(), "B 3 8 12"))


def test_a_model_that_overflows_before_z_is_told_where() -> None:
    class Large(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Linear(40, 8), nn.Linear(4, 40)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            mu, logvar = (500.0 * self.encoder(x)).chunk(2, 1)
            return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar

    torch.manual_seed(0)
    report = audit(Large(), "B 40", data_range=(0, 255))
    assert report.findings == ()
    reason = report.facts[0].unobserved["sampler.std"]
    assert re.search(r"exp is not finite \(\S+test_auditor_undecided.py:\d+\)", reason)
    assert reason in str(report), "a short report says so too"
    assert not any("taken for no posterior" in line for line in report.unobserved)
    masked = audit(Masked(), "B 40")
    assert masked.findings == ()
    assert masked.facts[0].sampler.std is not None, "an infinity that a softmax takes back ends nothing"


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(40, 8), nn.Linear(4, 40)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        weights = x.masked_fill(x < 0.5, -torch.inf).softmax(1)
        mu, logvar = self.encoder(weights).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


@pytest.mark.parametrize("verbose", [False, True])
def test_every_open_code_is_listed_with_its_reason(verbose: bool) -> None:
    report = audited([("kl = -0.5 * torch", "kl = -torch")])
    lines = render(report, verbose=verbose).partition("not decided:\n")[2].partition("\n\n")[0].splitlines()
    listed = {f"VAE{code}" for line in lines for code in re.findall(r"\b[1-8]\d\d\b", line.partition(": VAE")[2])}
    (judgement,) = report.judgements
    assert listed == set(judgement.undecided)
    assert any("VAE303: next to mse, whose own variance is open" in line for line in lines)
    assert len(lines) == len(set(lines))


class Stepping(zoo.Base):
    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        return zoo.standard_loss(*self(batch[0])[:1], batch[0], *self(batch[0])[1:])


def test_a_loss_measured_by_itself_says_nothing_of_the_training_around() -> None:
    torch.manual_seed(3)
    around = "what a training loop adds to it or weighs it by was not seen"
    by_itself, whole = audit(zoo.Base(), "B 3 8 12", zoo.standard_loss), audit(Stepping(), "B 3 8 12")
    for verbose in (False, True):
        assert render(by_itself, verbose=verbose).count(f"standard_loss was measured as it is returned: {around}") == 1
        assert around not in render(whole, verbose=verbose)
