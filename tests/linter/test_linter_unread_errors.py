"""Reconstructions of a kind that is not read: known by what they hold, and nothing is said of what they need."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

from vae_checked.linter import LintReport

STEP = (
    HEAD
    + "import auraloss\nfrom critics import Critic, distance\n"
    + MODEL
    + """
    def topics(self, x):
        m, s = self.encode(x)
        z = m + torch.exp({std}) * torch.randn_like(s)
        return z, m, s

    def step(self, x, labels):
        z, m, s = self.topics(x)
        kl = """
    + KL
    + """
        {loss}
        loss.backward()
"""
)
WORDS = "torch.log(torch.mm(torch.softmax(z, dim=-1), self.words) + 1e-6)"
UNREAD = {
    "the log likelihood of words": f"loss = (-({WORDS} * x).sum(1) + kl).mean()",
    "a library's distance": "loss = auraloss.freq.STFTLoss()(self.back(z), x) + 0.3 * kl.mean()",
    "a function of another project": "loss = distance(x, self.back(z)).sum(1).mean() + kl.mean()",
    "a bound that is turned": "loss = -(distance(x, self.back(z)) - kl).mean()",
}
NONE = {
    "a critic of the latents": "loss = Critic()(z).mean() + kl.mean()",
    "no gradient to z": "loss = distance(x, self.back(z.detach())).mean() + kl.mean()",
    "nothing decoded": "loss = (z + s).sum(1).mean() + kl.mean()",
    "what a critic says": "loss = self.critic.adversarial(x, self.back(z)).mean() + kl.mean()",
    "the input alone": "loss = distance(x, labels).mean() + kl.mean()",
}


def read(tmp_path: Path, loss: str, std: str = "0.5 * s") -> LintReport:
    return linted(tmp_path, {"topics.py": STEP.format(loss=loss, std=std)})


@pytest.mark.parametrize("loss", UNREAD.values(), ids=UNREAD)
def test_a_term_of_decoded_latents_and_data_is_recognised(loss: str, tmp_path: Path) -> None:
    report = read(tmp_path, loss)
    assert codes(report) == []
    (facts,) = [each for each in report.facts if each.recon.unread]
    assert facts.sampler.std
    assert facts.kl.form
    assert facts.kl.in_loss
    assert facts.kl.in_loss.value is True
    assert facts.recon.kind is None
    assert any("sampler at" in line and "KL at" in line and "reconstruction at" in line for line in report.recognised)


@pytest.mark.parametrize("loss", NONE.values(), ids=NONE)
def test_a_term_of_something_else_is_no_reconstruction(loss: str, tmp_path: Path) -> None:
    report = read(tmp_path, loss)
    assert [facts for facts in report.facts if facts.kl.form]
    assert not [facts for facts in report.facts if facts.recon.unread or facts.recon.kind]


def test_the_sign_of_an_error_that_is_not_read_is_not_known(tmp_path: Path) -> None:
    report = read(tmp_path, "loss = (distance(x, self.back(z)) - kl).mean()")
    assert codes(report) == []
    assert all(facts.kl.sign is None for facts in report.facts)


def test_what_is_read_of_the_kl_is_judged_beside_it(tmp_path: Path) -> None:
    loss = UNREAD["the log likelihood of words"]
    assert codes(read(tmp_path, loss, std="s")) == ["VAE201"]


def test_the_encoders_input_is_the_data_before_anything_else(tmp_path: Path) -> None:
    loss = "loss = distance(self.back(z), labels).mean() + kl.mean() + distance(self.back(z), x).mean()"
    (facts,) = [each for each in read(tmp_path, loss).facts if each.recon.unread]
    assert facts.recon.unread
    assert facts.recon.unread.value == "distance(self.back(z), x)"


# A pass alone draws in each way that its activation may be chosen, before a step joins what it returns.
PASSES = (
    HEAD
    + """
class Topics(nn.Module):
    def __init__(self, kind):
        super().__init__()
        other = nn.ReLU() if kind == "relu" else nn.ELU() if kind == "elu" else nn.SELU()
        bend = nn.Tanh() if kind == "tanh" else other
        self.up = nn.Sequential(nn.Linear(84, 33), bend, nn.Linear(33, 33), bend)
        self.to_m, self.to_s, self.words = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(84, 7)

    def forward(self, x, counts):
        h = self.up(x)
        m, s = self.to_m(h), self.to_s(h)
        theta = F.softmax(m + torch.exp(0.5 * s) * torch.randn_like(s), dim=-1)
        beta = F.softmax(self.words.weight, dim=-1)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        return -(torch.log(torch.mm(theta, beta) + 1e-6) * counts).sum(1).mean(), kl

    def fit(self, rows, optimizer):
        for x in rows:
            error, kl = self(x, x)
            loss = error + kl
            loss.backward()
            optimizer.step()
"""
)


def test_a_loss_that_is_joined_after_many_passes_is_read(tmp_path: Path) -> None:
    report = linted(tmp_path, {"topics.py": PASSES})
    assert [each for each in report.facts if each.recon.unread and each.sampler.std and each.kl.in_loss]


def test_a_window_over_sizes_is_no_error_of_the_picture(tmp_path: Path) -> None:
    passed = """
    def forward(self, x):
        m, s = self.encode(x)
        out = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        width = {width}
        window = torch.Tensor([exp(-((at - width // 2) ** 2) / 4.5) for at in range(width)])
        return -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1), distance(out, x, window)
"""
    head = HEAD + "from math import exp\nfrom critics import distance\n" + MODEL
    for width in ("min(11, out.size(1))", "int(out.shape[1])", "out.size(1) - x.size(1)"):
        report = linted(tmp_path, {"net.py": head + passed.format(width=width)})
        assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form]
        assert not [facts for facts in report.facts if facts.recon.kind]


FIELDS = (
    HEAD
    + MODEL
    + """
    def step(self, batch):
        x, bent, label = batch
        m, s = self.encode(bent)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)
        told = F.kl_div(torch.log_softmax(self.back(z)[:, :9], dim=1), {compared}, reduction="sum")
        loss = {error} {sign} kl + told
        loss.backward()
"""
)
ERROR = 'F.mse_loss(self.back(z), x, reduction="sum")'


@pytest.mark.parametrize(("sign", "expected"), [("+", []), ("-", ["VAE302"])])
def test_a_label_in_the_same_batch_is_not_the_input(sign: str, expected: list[str], tmp_path: Path) -> None:
    text = FIELDS.format(compared="label", error=ERROR, sign=sign)
    report = linted(tmp_path, {"model.py": text})
    assert codes(report) == expected
    assert [facts.recon.kind.value for facts in report.facts if facts.recon.kind] == ["mse"]
    assert not any(facts.recon.unread for facts in report.facts)


def test_a_term_that_is_not_read_of_the_input_field_is_taken(tmp_path: Path) -> None:
    report = linted(tmp_path, {"model.py": FIELDS.format(compared="bent", error="0.0", sign="+")})
    assert codes(report) == []
    assert [facts for facts in report.facts if facts.recon.unread]
