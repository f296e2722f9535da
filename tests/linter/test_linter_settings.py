"""What a setting or a turn of training decides: each way is examined by itself, and none is blamed for another."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.facts import Likelihood, Parametrisation

# ------------------------------------------------------------------------------- one head, read by a setting

SETTING = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        std = torch.exp({exponent} * s) if self.settings["logged"] else s
        return {{"picture": self.back(m + std * torch.randn_like(std)), "mean": m, "spread": s}}


def fit(settings, loader):
    net = Net(settings)
    for x, _ in loader:
        out = net(x)
        m, s = out["mean"], out["spread"]
        if settings["logged"]:
            kl = {logged}
        else:
            kl = 0.5 * torch.sum(s ** 2 + m ** 2 - 1 - torch.log(s ** 2), dim=1)
        loss = F.mse_loss(out["picture"], x, reduction="none").sum(1) + kl
        loss.mean().backward()
"""
)


def test_a_setting_that_says_what_the_second_head_is_mixes_no_formulas(tmp_path: Path) -> None:
    right = SETTING.format(exponent="0.5", logged=KL)
    report = linted(tmp_path, {"net.py": right})
    assert report.findings == ()
    curves = {facts.sampler.std.value.parametrisation for facts in report.facts if facts.sampler.std is not None}
    assert curves == {Parametrisation.LOGVAR, Parametrisation.STD}


def test_a_formula_that_fits_under_no_setting_is_named(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SETTING.format(exponent="1.0", logged=KL)})) == ["VAE201"]


# ------------------------------------------------------------------------------------ training in turns

TURNS = (
    HEAD
    + MODEL
    + """

def draw(m, s):
    return m + torch.exp(0.5 * s) * torch.randn_like(s)


def divergence(m, s):
    return {kl}


def fit(loader):
    net = Net()
    for x, _ in loader:
        m, s = net.encode(x)
        z = draw(m, s)
        recon = net.back({first})
        loss = F.mse_loss(recon, x, reduction="none").sum(1).mean() + divergence(m, s).mean()
        loss.backward()
        fake = net.back(torch.randn(5, 7))
        m_fake, s_fake = net.encode({fake})
        again = net.back(draw(m_fake, s_fake).detach())
        turn = F.mse_loss(again, fake, reduction="none").sum(1).mean() + divergence(m_fake, s_fake).mean()
        turn.backward()
"""
)


def test_a_sample_detached_for_the_decoders_turn_is_no_mistake(tmp_path: Path) -> None:
    right = TURNS.format(kl=KL, first="z", fake="fake.detach()")
    assert codes(linted(tmp_path, {"net.py": right})) == []


def test_a_sample_that_is_always_detached_is_named(tmp_path: Path) -> None:
    wrong = TURNS.format(kl=KL, first="z.detach()", fake="fake")
    assert "VAE206" in codes(linted(tmp_path, {"net.py": wrong}))


# ------------------------------------------------------------------------------------- parts named by a setting

STACKS = """
class Back(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.parts = nn.Sequential()
        for i, (one, other) in enumerate(zip(sizes[:-1], sizes[1:])):
            self.parts.add_module(name=f"L{i}", module=nn.Linear(one, other))
            if i + 2 < len(sizes):
                self.parts.add_module(name=f"A{i}", module=nn.ReLU())
            else:
                self.parts.add_module(name="last", module=nn.Sigmoid())

    def forward(self, z):
        return self.parts(z)
"""
LISTED = """
class Back(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        parts = []
        for i in range(len(sizes) - 1):
            parts.append(nn.Linear(sizes[i], sizes[i + 1]))
            if i < len(sizes) - 2:
                parts.extend([nn.BatchNorm1d(sizes[i + 1]), nn.ReLU()])
            else:
                parts.append(nn.Sigmoid())
        self.parts = nn.Sequential(*parts)

    def forward(self, z):
        return self.parts(z)
"""
WITH_BACK = (
    HEAD
    + """
{back}

class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.trunk = nn.Linear(84, 33)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = Back({sizes})

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def vae_loss(x_hat, x, mu, logvar):
    m, s = mu, logvar
    return {loss}(x_hat, x, reduction="sum") + ({kl}).sum()
"""
)


@pytest.mark.parametrize("back", [STACKS, LISTED])
@pytest.mark.parametrize("loss", ["F.binary_cross_entropy", "F.binary_cross_entropy_with_logits"])
def test_layers_of_either_branch_are_not_run_one_after_another(tmp_path: Path, back: str, loss: str) -> None:
    unknown = WITH_BACK.format(back=back, sizes="sizes", loss=loss, kl=KL)
    known = WITH_BACK.format(back=back, sizes="(7, 33, 84)", loss=loss, kl=KL)
    expected = ["VAE401"] if loss.endswith("logits") else []
    # The last turn ends in a sigmoid, however many come before it.
    assert codes(linted(tmp_path, {"net.py": unknown})) == expected
    assert codes(linted(tmp_path, {"net.py": known})) == expected


CHOSEN = (
    HEAD
    + MODEL.replace("nn.Linear(33, 84), nn.Sigmoid()", "nn.Linear(33, 84)")
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return {last}(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))), m, s


def fit(loader, options):
    net = Net(options)
    criterion = nn.BCELoss(reduction="sum") if options.bits else nn.{other}(reduction="sum")
    for x, _ in loader:
        y, m, s = net(x)
        loss = criterion(y, x) + ({kl}).sum()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("last", "other", "expected"),
    [
        ("torch.sigmoid", "MSELoss", []),
        ("torch.sigmoid", "BCEWithLogitsLoss", ["VAE401"]),
        ("torch.tanh", "MSELoss", ["VAE402"]),
        ("(torch.sigmoid if self.settings else torch.tanh)", "MSELoss", []),
    ],
)
def test_both_losses_of_a_setting_are_examined(tmp_path: Path, last: str, other: str, expected: list[str]) -> None:
    assert codes(linted(tmp_path, {"net.py": CHOSEN.format(last=last, other=other, kl=KL)})) == expected


AGAIN = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(s) * torch.randn_like(s)), m, s


def made(options):
    import torch.nn as nn

    return {{"l1": nn.L1Loss(reduction="sum"), "l2": nn.MSELoss(reduction="sum")}}[options.kind]


if __name__ == "__main__":
    import torch.nn as nn

    net = Net()
    for x, _ in torch.load("batches.pt"):
        y, m, s = net(x)
        loss = made(torch.load("options.pt"))(y, x) + ({kl}).sum()
        loss.backward()
"""
)


def test_a_name_imported_again_in_a_branch_is_what_it_was(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": AGAIN.format(kl=KL)})
    assert codes(report) == ["VAE201"]
    kinds = {facts.recon.kind.value for facts in report.facts if facts.recon.kind is not None}
    assert kinds == {Likelihood.L1, Likelihood.MSE}


def test_an_import_that_a_branch_used_first_stays_what_it_was(tmp_path: Path) -> None:
    net = HEAD + MODEL + LATE
    main = MAIN_LATE.format(kl=KL)
    assert codes(linted(tmp_path, {"net.py": net, "train.py": main})) == ["VAE201"]


LATE = """
    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(s) * torch.randn_like(s)), m, s
"""
MAIN_LATE = """
import sys
import torch
import torch.nn.functional as F
from net import Net

if len(sys.argv) > 1:
    print(Net())
net = Net()
for x, _ in torch.load("batches.pt"):
    y, m, s = net(x)
    loss = F.mse_loss(y, x, reduction="sum") + ({kl}).sum()
    loss.backward()
"""


# ------------------------------------------------------------------------------------- terms that only look alike

SPATIAL = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 12, 4, 2, 1), nn.ReLU(), nn.Conv2d(12, {twice}, 5, 1, 0))
        self.up = nn.Sequential(nn.ConvTranspose2d(7, 12, 5, 1, 0), nn.ReLU(), nn.ConvTranspose2d(12, 3, 4, 2, 1))

    def forward(self, x):
        m, s = self.down(x).chunk(2, dim=1)
        kl = torch.distributions.kl_divergence(
            torch.distributions.Normal(m, s.mul(0.5).exp()),
            torch.distributions.Normal(torch.zeros_like(m), torch.ones_like(s)),
        ){reduced}
        return torch.sigmoid(self.up(m + torch.exp(0.5 * s) * torch.randn_like(s))), kl


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, kl = net(x)
        loss = F.mse_loss(y, x, reduction="sum") / x.size(0) + kl
        shown = F.mse_loss(y, x).item() + kl.item()
        print(shown)
        loss.backward()
"""
)


@pytest.mark.parametrize(("reduced", "expected"), [(".sum(1).mean()", []), (".mean()", ["VAE503"])])
def test_axes_of_a_convolution_that_may_be_single_settle_nothing(
    tmp_path: Path, reduced: str, expected: list[str]
) -> None:
    assert codes(linted(tmp_path, {"net.py": SPATIAL.format(twice=14, reduced=reduced)})) == expected


SHOWN = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(loader):
    net = Net()
    judge = nn.Sequential(nn.Linear(84, 1), nn.Sigmoid())
    for x, _ in loader:
        y, m, s = net(x)
        kl = ({kl}).mean()
        fooled = F.binary_cross_entropy(judge(y), torch.ones(5, 1))
        loss = F.mse_loss(y, x, reduction="none").sum(1).mean() + kl + fooled
        bits = F.mse_loss(y, x) + kl
        print(bits)
        {minimised}.backward()
"""
)


@pytest.mark.parametrize(("minimised", "expected"), [("loss", []), ("bits", ["VAE502"])])
def test_a_figure_that_is_only_shown_is_no_loss(tmp_path: Path, minimised: str, expected: list[str]) -> None:
    text = SHOWN.format(kl=KL, minimised=minimised)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


def test_the_label_of_a_discriminator_is_no_target(tmp_path: Path) -> None:
    text = SHOWN.format(kl=KL, minimised="(kl + fooled)")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert all(facts.data.interval is None or facts.data.interval.value.width for facts in report.facts)


DRAWN = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(net: Net, loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") + ({kl}).sum()
        loss.backward()
    shown(net, loader)


def shown(net, loader):
    net.eval()
    for x, _ in loader:
        m, s = net.encode(x)
        print(torch.distributions.Normal(m, {scale}).sample())
"""
)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("torch.exp(s / 2)", []),
        ("s.exp()", ["VAE201"]),
        ("s.exp().sqrt()", []),
        ("torch.exp(s / 2) * 0.7", []),
        ("s.exp() * 0.7", ["VAE201"]),
    ],
)
def test_a_head_is_read_alike_where_it_is_only_drawn_from(tmp_path: Path, scale: str, expected: list[str]) -> None:
    report = linted(tmp_path, {"net.py": DRAWN.format(kl=KL, scale=scale)})
    assert codes(report) == expected
    assert all(finding.related for finding in report.findings)


# ------------------------------------------------------------------------------------ what is only applied in passing

SCORES = """
import torch
from torchvision import transforms


def scores(pictures, net):
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.485] * 3, [0.229] * 3)])
    {use}
"""
APPLIED = "return [net(steps(picture)) for picture in pictures]"
HELD_BY = (
    "import torchvision\n    return torch.utils.data.DataLoader(torchvision.datasets.CIFAR10('x', transform=steps))"
)


@pytest.mark.parametrize(("use", "expected"), [(APPLIED, []), (HELD_BY, ["VAE403"])])
def test_steps_for_another_network_are_no_data_of_the_model(tmp_path: Path, use: str, expected: list[str]) -> None:
    net = SHOWN.format(kl=KL, minimised="loss")
    files = {"net.py": net, "scores.py": SCORES.format(use=use), "run.py": "import net\nimport scores\n"}
    assert codes(linted(tmp_path, files)) == expected


BOUNDED = (
    HEAD
    + MODEL
    + """
    def forward(self, x, low, high):
        m, s = self.encode(x)
        mu = nn.Hardtanh(min_val={low}, max_val={high})(m)
        return self.back(mu + torch.exp(0.5 * s) * torch.randn_like(s))
"""
)


@pytest.mark.parametrize(("low", "high", "expected"), [("low", "high", []), ("-1", "1", ["VAE204"])])
def test_bounds_that_are_not_known_are_not_the_usual_ones(
    tmp_path: Path, low: str, high: str, expected: list[str]
) -> None:
    assert codes(linted(tmp_path, {"net.py": BOUNDED.format(low=low, high=high)})) == expected
