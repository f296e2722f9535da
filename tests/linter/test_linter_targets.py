"""Which error of a loss is the reconstruction: that of the encoder's input, not that of a label or of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

from vae_checked.linter import LintReport

STEP = (
    HEAD
    + "import torch.distributions as dist\nfrom critics import distance\n"
    + MODEL.replace(
        "nn.Sigmoid())", "nn.Sigmoid())\n        self.classes, self.groups = nn.Linear(3, 5), nn.Linear(33, 4)"
    )
    + """
    def step(self, x, y):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        labels = dist.Bernoulli(logits=self.classes(z[:, :3]))
        groups = self.groups(self.trunk(x))
        kl = """
    + KL
    + """
        {loss}
        loss.backward()
"""
)
PICTURE = "dist.Laplace(self.back(z), torch.ones_like(x)).log_prob(x).sum(dim=1)"
LABEL = "label = labels.log_prob({}).sum(dim=-1)\n        "
# Beside the likelihood of the picture.
BESIDE = {
    "a label": (f"{LABEL.format('y')}loss = -({{}} - kl - label).mean()", "l1"),
    "a label that is drawn": (f"{LABEL.format('labels.sample()')}loss = -({{}} - kl - label).mean()", "l1"),
    "a label that is learned": (f"{LABEL.format('y')}loss = -({{}} + 3.0 * label - kl).mean()", "l1"),
    "an entropy": (
        "label = F.cross_entropy(groups, F.softmax(groups, dim=-1))\n        loss = -({} - kl + label).mean()",
        "l1",
    ),
}
UNREAD = "distance(x, self.back(z))"


def read(tmp_path: Path, loss: str) -> LintReport:
    return linted(tmp_path, {"step.py": STEP.format(loss=loss)})


@pytest.mark.parametrize(("loss", "kind"), BESIDE.values(), ids=BESIDE)
def test_the_error_of_the_input_is_the_reconstruction(loss: str, kind: str, tmp_path: Path) -> None:
    report = read(tmp_path, loss.format(PICTURE))
    assert codes(report) == []
    (facts,) = [each for each in report.facts if each.sampler.std and each.recon.kind]
    assert facts.recon.kind
    assert facts.recon.kind.value == kind
    assert facts.recon.sign
    assert facts.recon.sign.value == 1


@pytest.mark.parametrize(("loss", "kind"), BESIDE.values(), ids=BESIDE)
def test_its_wrong_sign_is_found_beside_other_terms(loss: str, kind: str, tmp_path: Path) -> None:
    assert kind
    assert codes(read(tmp_path, loss.format(f"-{PICTURE}"))) == ["VAE505"]


@pytest.mark.parametrize(("label", "sign"), [("y", "-"), ("y", "+ 0.1 *"), ("labels.sample()", "+")])
def test_a_label_stands_for_no_unread_reconstruction(label: str, sign: str, tmp_path: Path) -> None:
    report = read(tmp_path, f"{LABEL.format(label)}loss = ({UNREAD} + kl {sign} label).mean()")
    assert codes(report) == []
    (facts,) = [each for each in report.facts if each.sampler.std and (each.recon.kind or each.recon.unread)]
    assert facts.recon.unread
    assert "distance" in facts.recon.unread.value
    assert facts.recon.sign is None


def test_a_label_alone_is_what_a_bottleneck_predicts(tmp_path: Path) -> None:
    wrong = read(tmp_path, f"{LABEL.format('y')}loss = (kl + label).mean()")
    assert codes(wrong) == ["VAE505"]
    assert codes(read(tmp_path, f"{LABEL.format('y')}loss = (kl - label).mean()")) == []


def test_the_entropy_of_a_categorical_posterior_is_no_error(tmp_path: Path) -> None:
    loss = "loss = (kl - F.cross_entropy(groups, F.softmax(groups, dim=-1))).mean()"
    report = read(tmp_path, loss)
    assert codes(report) == []
    assert not [facts for facts in report.facts if facts.recon.kind]


JUDGED = (
    HEAD
    + "from torch.autograd import Variable\n"
    + MODEL
    + """
    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)


def fit(loader, settings):
    net, judge = Net(), nn.Sequential(nn.Linear(84, 1), nn.Sigmoid())
    label = {label}
    given = Variable(torch.FloatTensor(settings.size, 84))
    for x, _ in loader:
        given.data.resize_(x.size()).copy_(x)
        m, s = net.encode(given)
        kl = torch.sum(1 + s - m.pow(2) - s.exp()).mul(-0.5)
        recon = F.mse_loss(net.back(net.draw(m, s)), given, reduction={reduction!r})
        {filled}
        again = judge(net.back(net.draw(*net.encode(given))))
        loss = recon + kl + nn.BCELoss()(again, label.view(-1, 1))
        loss.backward()
"""
)
LABELS = {
    "filled, under .data": ("Variable(torch.FloatTensor(settings.size))", "label.data.fill_(1)"),
    "filled": ("torch.FloatTensor(settings.size)", "label.fill_(1)"),
    "unknown": ("settings.label", "pass"),
}


@pytest.mark.parametrize("form", LABELS)
@pytest.mark.parametrize(("reduction", "expected"), [("sum", []), ("mean", ["VAE502", "VAE504"])])
def test_a_judge_of_what_is_drawn_once_more(reduction: str, expected: list[str], form: str, tmp_path: Path) -> None:
    label, filled = LABELS[form]
    report = linted(tmp_path, {"fit.py": JUDGED.format(label=label, filled=filled, reduction=reduction)})
    assert codes(report) == expected


FIRST_VALUES = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.back = nn.Linear(31, 7), nn.Linear(7, 31)
        self.s = nn.Parameter(torch.empty(7))
        {first}

    def forward(self, x):
        m = self.body(x)
        z = m + torch.exp(self.s) * torch.randn_like(m)
        return self.back(z), m, self.s


def fit(loader):
    net = Net()
    for x in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
"""
)


@pytest.mark.parametrize(
    "first",
    [
        "self.s.data.normal_(0.0, 0.01)",
        "self.s.data.fill_(-1.0)",
        "self.s.data.zero_()",
        "s = self.s; s.data.normal_(0.0, 0.01)",
        "with torch.no_grad(): self.s.normal_(0.0, 0.01)",
        "with torch.no_grad(): self.s.fill_(-1.0)",
    ],
)
def test_a_parameter_is_learned_from_its_first_values_on(first: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": FIRST_VALUES.format(first=first)})
    assert "VAE201" in codes(report)
