"""What another term of a loss does, and not the error or the KL that is read: it does not make these clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, NAMED, linted

from vae_checked.reports import render

NET = (
    HEAD
    + NAMED
    + """
    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.back({decoded}), mu, logvar, z


def fit(loader, name):
    net = Net()
    steps = {optimizer}
    for x, _ in loader:
        y, mu, logvar, z = net(x)
        mse = ((y - x) ** 2).sum()
        kl = {kl}
        loss = mse + kl{more}
        steps.zero_grad()
        loss.backward()
        {step}
"""
)
CLOSED = "0.5 * torch.sum(torch.exp(logvar) + mu**2 - 1.0 - logvar)"
SAMPLED = "(0.5 * z ** 2 - 0.5 * (logvar + (z - mu) ** 2 / logvar.exp())).sum()"
PLAIN = {
    "decoded": "z",
    "kl": CLOSED,
    "more": "",
    "optimizer": "torch.optim.Adam(net.parameters())",
    "step": "steps.step()",
}


def clean(tmp_path: Path, **changed: str) -> set[str]:
    """The codes that are called clean of the whole."""
    report = linted(tmp_path, {"net.py": NET.format(**{**PLAIN, **changed})})
    assert not report.findings
    (vae,) = report.vaes
    return set(vae.clean)


@pytest.mark.parametrize("more", ["", " + 0.1 * (z ** 2).sum()", " + torch.logsumexp(-(z ** 2), 1).sum()"])
@pytest.mark.parametrize("kl", [CLOSED, SAMPLED], ids=["closed", "sampled"])
def test_a_density_of_z_is_no_way_through_the_decoder(kl: str, more: str, tmp_path: Path) -> None:
    assert "VAE206" in clean(tmp_path, kl=kl, more=more)
    if kl == SAMPLED or more:
        assert "VAE206" not in clean(tmp_path, kl=kl, more=more, decoded="z.detach()")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (" + (z ** 2).sum()", True),
        (" + torch.nan_to_num((z ** 2).sum())", False),
        (" + torch.nan_to_num(x).sum()", True),
    ],
)
def test_a_nan_that_another_term_hides_leaves_the_loss_open(more: str, expected: bool, tmp_path: Path) -> None:
    assert ("VAE604" in clean(tmp_path, more=more)) is expected


@pytest.mark.parametrize("made", ["torch.optim.Adam", "getattr(torch.optim, name)", "OPTIMIZERS[name]"])
def test_an_optimizer_that_a_name_chooses_steps_too(made: str, tmp_path: Path) -> None:
    assert "VAE601" in clean(tmp_path, optimizer=f"{made}(net.parameters())")


@pytest.mark.parametrize("made", ["getattr(torch.optim, name)", "OPTIMIZERS[name]"])
def test_what_a_name_chooses_and_nothing_steps_leaves_the_gradients_open(made: str, tmp_path: Path) -> None:
    changed = {"optimizer": f"{made}(net.parameters())", "step": "print(loss.item())"}
    assert "VAE601" not in clean(tmp_path, **changed)


LOSS = (
    HEAD
    + """

def objective(y, x, mu, logvar, {given}):
    mse = F.mse_loss(y, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return mse + kl - {given}.sum()
"""
)


@pytest.mark.parametrize(("given", "expected"), [("log_det", False), ("logdet_sum", False), ("votes", True)])
def test_a_loss_that_is_handed_a_determinant_has_its_prior_elsewhere(
    given: str, expected: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"losses.py": LOSS.format(given=given)})
    assert not report.findings
    assert [("VAE301" in vae.clean) for vae in report.vaes] == [expected]


@pytest.mark.parametrize(("kl", "how"), [(CLOSED, "closed form"), (SAMPLED, "an estimate by a draw")])
def test_the_facts_say_whether_a_kl_is_a_closed_form(kl: str, how: str, tmp_path: Path) -> None:
    text = render(linted(tmp_path, {"net.py": NET.format(**{**PLAIN, "kl": kl})}), verbose=True)
    assert f": kl: {how} for s as log variance" in text
