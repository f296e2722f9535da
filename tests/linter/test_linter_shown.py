"""What is only shown beside the loss, a mean of the KL for the log, is not what is minimised."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

NET = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)

    def forward(self, x):
        mu, logvar = self.to_m(x), self.to_s(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def errors(x_hat, x):
    return F.mse_loss(x_hat, x, reduction="sum").div(x.size(0))


def kls(mu, logvar):
    if mu.data.ndimension() == 4:
        mu = mu.view(mu.size(0), mu.size(1))
    if logvar.data.ndimension() == 4:
        logvar = logvar.view(logvar.size(0), logvar.size(1))
    each = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
    shown = 0.5 * (mu * mu + logvar.exp() - 1 - logvar)
    return each.sum(1).mean(0, True), shown.mean(1).mean(0, True)


def train(loader, bar, aim, weight):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        x_hat, mu, logvar = net(x)
        error, (total, mean) = errors(x_hat, x), kls(mu, logvar)
        if aim == "H":
            loss = error + weight * total
        elif aim == "B":
            loss = error + weight * (total - 9.0).abs()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_per_latent = error + mean
        bar.write("{:.3f} {:.3f} {:.3f}".format(error.item(), total.item(), loss_per_latent.item()))
"""
)


def test_a_mean_kl_that_is_written_is_not_the_one_in_the_loss(tmp_path: Path) -> None:
    assert codes(linted(tmp_path / "written", {"net.py": NET})) == []
    averaged = NET.replace("error + weight * total", "error + mean")
    assert codes(linted(tmp_path / "averaged", {"net.py": averaged})) == ["VAE503"]


THROUGH_A_COPY = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, beta, seen=84, latents=7):
        super().__init__()
        self.beta = beta
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return [self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), x, m, s]

    def losses(self, y, x, m, s):
        error = F.mse_loss(y, x)
        kl = torch.mean(-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1), dim=0)
        return {"loss": error + self.beta * kl, "error": error, "kl": kl}
"""
)
VALIDATED = """\
import argparse
import torch
import torch.nn as nn
from tensorboardX import SummaryWriter
from net import Net


def fit(opts):
    loader = make(opts, "train")
    validation = make(opts, "test")
    net = Net(beta=opts.beta)
    if opts.several:
        net = nn.DataParallel(net)
    log = SummaryWriter("logs")
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(opts.epochs):
        for turn, data in enumerate(loader):
            x = data["picture"]
            out = net(x)
            if opts.several:
                losses = net.module.losses(*out)
            else:
                losses = net.losses(*out)
            loss = losses["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.add_scalar("Loss/loss", loss.item(), turn)
            if opts.often > 0 and turn % opts.often == 0:
                shown, divergence = 0.0, 0.0
                with torch.no_grad():
                    for data in validation:
                        x = data["picture"]
                        out = net(x)
                        if opts.several:
                            others = net.module.losses(*out)
                        else:
                            others = net.losses(*out)
                        shown += others["error"].mean()
                        divergence += others["kl"].mean()
                    shown /= len(validation)
                    divergence /= len(validation)
                    log.add_scalar("VAL/loss", shown, turn)
                    log.add_scalar("VAL/kl", divergence, turn)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--beta", type=float, default=1.0)
    fit(parser.parse_args())
"""


def test_a_divergence_of_validation_is_judged_in_training(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": THROUGH_A_COPY, "main.py": VALIDATED})) == []


MEASURED = """

def fit(net, loader, optimizer):
    for x in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum"){trained}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def measure(net, loader, weight):
    found = {{"error": 0.0, "kl": 0.0}}
    {without}:
        for x in loader:
            y, m, s = net(x)
            found["error"] += (weight * F.mse_loss(y, x, reduction="sum")).item()
            kl = 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)
            found["kl"] += (weight * kl).item()
    return found


def train(settings):
    net = Net()
    fit(net, settings.loader, torch.optim.Adam(net.parameters()))
    return measure(net, settings.loader, settings.weight)
"""


@pytest.mark.parametrize("without", ["with torch.no_grad()", "if weight"])
def test_a_kl_that_a_validation_counts_is_in_no_loss_of_it(without: str, tmp_path: Path) -> None:
    trained = " - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())"
    text = HEAD + MODEL + FORWARD + MEASURED.format(trained=trained, without=without)
    assert codes(linted(tmp_path, {"net.py": text})) == []


UNREAD = (
    HEAD
    + """
def objective(x, y, mu, logvar, count=1152):
    size = x.shape[0]
    error = ((x - y) ** 2).sum(dim=(1, 2, 3)).sum(dim=0)
    apart = (-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)).sum(dim=0)
    loss = (count / size) * apart + error
    return {returned}, error, apart
"""
)


@pytest.mark.parametrize(("returned", "expected"), [("error + apart", []), ("loss", ["VAE504"])])
def test_a_loss_that_nothing_reads_is_none(returned: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"loss.py": UNREAD.format(returned=returned)})) == expected


TRIED = (
    HEAD
    + MODEL
    + FORWARD
    + """

def error(y, x):
    return F.binary_cross_entropy(y, x, reduction="sum")


net = Net()
for x in DataLoader(records, 32):
    y, m, s = net(x)
    (error({given}) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
shown = next(iter(DataLoader(records, 5)))
y, _, _ = net(shown)
error(shown, y)
"""
)


@pytest.mark.parametrize(("given", "expected"), [("y, x", []), ("x, y", ["VAE404"])])
def test_a_loss_that_is_called_once_more_is_only_tried(given: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TRIED.format(given=given)})) == expected


ATTACKED = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        return m + torch.exp(0.5 * s) * torch.randn_like(s), kl


def attack(net, loader):
    judge = nn.Linear(7, 5)
    optimizer = torch.optim.Adam(judge.parameters())
    for x, group in loader:
        {given}
        loss = nn.CrossEntropyLoss()({output}, {wanted})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


attack(Net(), DataLoader(Groups()))
"""
)
WHOLE = "z, _ = net(x)"
OF_LATENTS = {
    "without gradient": ("with torch.no_grad():\n            " + WHOLE, "judge(z)", "group", []),
    "detached": (WHOLE, "judge(z.detach())", "group", []),
    "decoded": (WHOLE, "net.back(z)", "x", ["VAE305"]),
}


@pytest.mark.parametrize(("given", "output", "wanted", "expected"), OF_LATENTS.values(), ids=OF_LATENTS)
def test_a_classifier_of_latents_leaves_no_kl_out(
    given: str, output: str, wanted: str, expected: list[str], tmp_path: Path
) -> None:
    text = ATTACKED.format(given=given, output=output, wanted=wanted)
    assert [code for code in codes(linted(tmp_path, {"attack.py": text})) if code == "VAE305"] == expected


SCORED = (
    HEAD
    + MODEL
    + FORWARD
    + """

{off}
def scores(net, loader):
    found = []
    for x, _ in loader:
        {block}y, m, s = net(x)
        error = F.mse_loss(y, x, reduction="none").mean(1)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        loss = error + kl
        found.append(loss)
    return torch.cat(found)


scores(Net(), DataLoader(Rows()))
"""
)
OFF = {
    "a decorator": ("@torch.no_grad()", "", []),
    "another": ("@torch.inference_mode()", "", []),
    "none": ("", "", ["VAE502"]),
}


@pytest.mark.parametrize(("off", "block", "expected"), OFF.values(), ids=OFF)
def test_a_score_without_gradient_has_no_balance(off: str, block: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"rows.py": SCORED.format(off=off, block=block)})) == expected


SHOWN_LATER = (
    HEAD
    + MODEL
    + FORWARD
    + """

def loss_of(y, x, m, s):
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def show(net, criterion, picture):
    net.eval()
    with torch.no_grad():
        y, m, s = net(picture)
    score = criterion(y, picture, m, s)
    print(score.item())


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(rows):
    y, m, s = net(x)
    loss = loss_of(y, x, {trained})
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
show(net, loss_of, one)
"""
)


def test_a_score_without_gradient_leaves_the_kl_of_the_loss_known(tmp_path: Path) -> None:
    report = linted(tmp_path / "right", {"net.py": SHOWN_LATER.format(trained="m, s")})
    assert codes(report) == []
    assert ["VAE305" in each.clean for each in report.vaes] == [True]
    cut = linted(tmp_path / "cut", {"net.py": SHOWN_LATER.format(trained="m.detach(), s.detach()")})
    assert codes(cut) == ["VAE305"]
