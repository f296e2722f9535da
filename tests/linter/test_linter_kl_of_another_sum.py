"""A KL in a loss that is returned, and not differentiated: `loss = error + kl`, and then `error.backward()`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.linter import LintReport

SCENE = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

def objective(y, x, m, s):
    error = F.mse_loss(y, x, reduction="none").sum(1).mean()
    kl = ({KL}).mean()
    loss = error + kl
    return loss, error, kl


def fit(net, loader, other=None):
    optimizer = torch.optim.Adam(net.parameters())
    seen = []
    for x in loader:
        y, m, s = net(x)
        loss, error, kl = objective(y, x, m, s)
        optimizer.zero_grad()
        {{differentiated}}
        optimizer.step()
        seen.append(loss.item() + kl.item())
    return seen


def score(net, loader):
    net.eval()
    total = 0.0
    with torch.no_grad():
        for x in loader:
            y, m, s = net(x)
            total += objective(y, x, m, s)[0].item()
    return total


def main(loader):
    net = Net()
    for _ in range(9):
        fit(net, loader)
        print(score(net, loader))
"""
)
# A training by the whole loss.
GOING_ON = "def go_on" + SCENE.partition("def fit")[2].partition("def score")[0].replace(
    "{differentiated}", "loss.backward()"
)


def clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


@pytest.mark.parametrize(
    "differentiated",
    [
        "error.backward()",
        "(2 * error).backward()",
        "error.mean().backward()",
        "error.backward(); print(kl, loss)",
        'error.backward(); other.add_scalar("kl", kl, 1)',
    ],
)
def test_the_error_alone_is_differentiated(differentiated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.replace("{differentiated}", differentiated)})
    assert codes(report) == ["VAE305"]
    (finding,) = report.findings
    assert finding.place is not None
    assert "s.exp()" in finding.place.text


@pytest.mark.parametrize(
    "differentiated",
    [
        "loss.backward()",
        "error.backward(retain_graph=True); kl.backward()",
        "(error + 0.1 * kl).backward()",
        "(error if other else loss).backward()",
    ],
)
def test_the_kl_is_differentiated_too(differentiated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.replace("{differentiated}", differentiated)})
    assert "VAE305" not in codes(report)


@pytest.mark.parametrize("differentiated", ["loss.backward()", "(0.5 * loss).backward()"])
def test_a_loss_that_is_differentiated_whole_has_its_kl(differentiated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.replace("{differentiated}", differentiated)})
    assert codes(report) == []
    assert "VAE305" in clean(report)


@pytest.mark.parametrize(
    "differentiated",
    ["error.backward(); other(kl)", "error.backward(); other.minimise(loss)"],
)
def test_what_takes_the_kl_may_train_by_it(differentiated: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCENE.replace("{differentiated}", differentiated)})
    assert codes(report) == []
    assert "VAE305" not in clean(report)


def test_a_warm_up_without_the_kl_trains_by_it_later(tmp_path: Path) -> None:
    text = SCENE.replace("{differentiated}", "error.backward()")
    text = text.replace("def score", f"{GOING_ON}def score").replace(
        "        fit(net, loader)\n", "        fit(net, loader)\n        go_on(net, loader)\n"
    )
    assert codes(linted(tmp_path, {"net.py": text})) == []


def test_another_training_of_its_own_may_have_the_kl(tmp_path: Path) -> None:
    text = SCENE.replace("{differentiated}", "error.backward()")
    assert (
        codes(linted(tmp_path, {"net.py": f"{text}\n\n{GOING_ON}def later(loader):\n    go_on(Net(), loader)\n"})) == []
    )


@pytest.mark.parametrize(
    ("whole", "instead"),
    [
        ("self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))", "self.back(m)"),
        ("    seen = []\n", "    net.trunk.requires_grad_(False)\n    seen = []\n"),
    ],
    ids=["an autoencoder", "one of several stages"],
)
def test_what_is_trained_by_an_error_on_purpose_is_left_open(whole: str, instead: str, tmp_path: Path) -> None:
    text = SCENE.replace("{differentiated}", "error.backward()")
    assert whole in text
    report = linted(tmp_path, {"net.py": text.replace(whole, instead)})
    assert codes(report) == []
    assert "VAE305" not in clean(report)
