"""A VAE is one subject of a report: its loss is told of with it, and alone only where it is alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.linter import lint
from vae_checked.reports import all_examined, render

HEAD = "import torch\nimport torch.nn.functional as F\n\n\n"
MODEL, _, _ = find("VAE201").bad.partition("def loss_function")
LOSS = """\
def loss_function(x_hat, x, mu, logvar):
    recon = F.mse_loss(x_hat, x)
    return recon - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
SHOWN = [{"verbose": True}, {"format_name": "html"}]


@pytest.mark.parametrize("options", SHOWN, ids=["text", "html"])
def test_the_loss_of_a_vae_is_told_of_with_it(options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(MODEL + LOSS, encoding="utf-8")
    report = lint(path)
    assert {facts.subject for facts in report.facts} == {f"{path}:VAE", f"{path}:loss_function"}
    shown = render(report, **options)  # type: ignore[arg-type]
    assert "vae.py:VAE" in shown
    assert "vae.py:loss_function" not in shown


@pytest.mark.parametrize("options", SHOWN, ids=["text", "html"])
def test_a_loss_alone_is_told_of(options: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    path.write_text(HEAD + LOSS, encoding="utf-8")
    assert "loss.py:loss_function" in render(lint(path), **options)  # type: ignore[arg-type]


BOUNDS = """\
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back = torch.nn.Linear(84, 8), torch.nn.Linear(4, 84)

    def forward(self, x):
        m, s = self.trunk(x).chunk(2, dim=1)
        self.kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def {one}(net: Net, x):
    y, m, s = net(x)
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())


def {other}(net: Net, x):
    y, m, s = net(x)
    return F.l1_loss(y, x, reduction="sum") - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())
"""


@pytest.mark.parametrize(("one", "other"), [("elbo", "iwae"), ("ELBO", "IWAE"), ("Bound", "Tighter")])
def test_a_function_is_no_vae_however_it_is_named(one: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(HEAD + BOUNDS.format(one=one, other=other), encoding="utf-8")
    report = lint(path)
    assert [each.subject for each in all_examined(report) if each.is_vae] == [f"{path}:Net"]
    assert {finding.subject for finding in report.findings} == {f"{path}:{one}", f"{path}:{other}"}
    assert not any(finding.also for finding in report.findings)


def test_a_function_alone_is_nothing_to_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = HEAD + LOSS.replace("loss_function", "ELBO")
    Path("loss.py").write_text(text + "\n\n" + MODEL.replace("class VAE", "class Other"), encoding="utf-8")
    shown = render(lint("loss.py"), verbose=True)
    assert "audit loss:Other" in shown
    assert "audit loss:ELBO" not in shown


def test_a_model_that_a_function_trains_is_to_be_audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head, _, bounds = BOUNDS.partition("\n\ndef {one}")
    assert bounds
    step = """

def step(model, x):
    y, m, s = model(x)
    loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss.backward()
"""
    Path("net.py").write_text(HEAD + head + step, encoding="utf-8")
    report = lint("net.py")
    assert any(each.subject == "net.py:Net" and not each.is_function for each in all_examined(report))
    assert "audit net:Net" in render(report, verbose=True)


SHARED = """

def draw(m, s):
    return m + torch.exp({exponent}) * torch.randn_like(s)


class Narrow(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def loss(self, x):
        m, s = self.to_m(x), self.to_s(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return F.mse_loss(self.back(draw(m, s)), x, reduction="sum") + kl


class Wide(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(84, 11), nn.Linear(84, 11), nn.Linear(11, 84)

    def loss(self, x):
        m, s = self.first(x), self.second(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return F.l1_loss(self.last(draw(m, s)), x, reduction="sum") + kl
"""


@pytest.mark.parametrize(("exponent", "words"), [("s", "1 error"), ("0.5 * s", "no finding")])
def test_what_two_vaes_share_is_told_in_the_line_of_both(exponent: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    path.write_text(HEAD + SHARED.format(exponent=exponent), encoding="utf-8")
    lines = render(lint(path), "text").splitlines()
    for name in ("Narrow", "Wide"):
        (line,) = [each for each in lines if f"{path}:{name}: " in each and "checked and clean" in each]
        assert f"{name}: {words}; " in line
    assert sum("error: VAE201" in each for each in lines) == (exponent == "s")


TRAINED = """\
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, latents):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, latents), nn.Linear(84, latents)
        self.back = nn.Linear(latents, 84)


class Narrow(Net):
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp({narrow}) * torch.randn_like(s)), m, s

    def score(self, x):
        return F.mse_loss(self(x)[0], x, reduction="sum")


class Wide(Net):
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp({wide}) * torch.randn_like(s)), m, s

    def score(self, x):
        return F.l1_loss(self(x)[0], x, reduction="sum")


loader = torch.utils.data.DataLoader(torch.randn(50, 84), batch_size=5)
narrow, wide = Narrow(7), Wide(11)
steps = torch.optim.Adam([*narrow.parameters(), *wide.parameters()])
for x in loader:
    steps.zero_grad()
    y, m, s = narrow(x)
    (F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
    y, m, s = wide(x)
    (F.l1_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
    steps.step()
"""


@pytest.mark.parametrize("wrong", [("Narrow",), ("Wide",), ("Narrow", "Wide"), ()])
def test_what_a_script_trains_is_told_by_the_model_that_is_wrong(wrong: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "vae.py"
    exponents = {name.lower(): "s" if name in wrong else "0.5 * s" for name in ("Narrow", "Wide")}
    path.write_text(HEAD + TRAINED.format(**exponents), encoding="utf-8")
    lines = render(lint(path), "text").splitlines()
    for name in ("Narrow", "Wide"):
        (line,) = [each for each in lines if f"{path}:{name}: " in each and "checked and clean" in each]
        assert f"{name}: {'1 error' if name in wrong else 'no finding'}; " in line
