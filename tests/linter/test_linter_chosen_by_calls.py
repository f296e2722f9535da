"""A class that every call makes by another choice than its default: nothing is said of what nobody makes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TRAINER = (
    HEAD
    + """

class Trainer:
    def __init__(self, kind="plain", rate=1e-3):
        self.kind = kind
        self.enc, self.dec = nn.Linear(91, 14), nn.Linear(7, 91)
        self.error = nn.MSELoss(reduction="sum") if kind == "square" else nn.BCEWithLogitsLoss(reduction="sum")

    def fit(self, loader):
        optimizer = torch.optim.Adam([*self.enc.parameters(), *self.dec.parameters()])
        for x, _ in loader:
            m, s = self.enc(x).chunk(2, dim=1)
            out = self.dec(m + torch.exp(0.5 * s) * torch.randn_like(s))
            if self.kind == "logits":
                error = self.error(out, x)
            else:
                error = self.error(torch.sigmoid(out), x)
            loss = error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
)
MAIN = """\
import torch

from trainer import Trainer


torch.manual_seed(0)


def run(rate):
    options = {{"kind": "logits", "rate": rate}}
    {calls}


if __name__ == "__main__":
    run(0.1)
"""
LOGITS = 'schedule(Trainer(kind=options["kind"], rate=rate))'


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (LOGITS, []),
        ('schedule(Trainer("logits"))', []),
        (f'{LOGITS}\n    schedule(Trainer("logits", 0.5))', []),
        # Some call makes one by the default, or by another choice that is as wrong.
        (f"{LOGITS}\n    schedule(Trainer(rate=rate))", ["VAE401"]),
        (f'{LOGITS}\n    schedule(Trainer("other"))', ["VAE401"]),
        ('schedule(Trainer("other"))', ["VAE401"]),
        ("schedule(Trainer(rate=rate))", ["VAE401"]),
    ],
)
def test_a_class_is_read_as_all_calls_make_it(calls: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"trainer.py": TRAINER, "main.py": MAIN.format(calls=calls)})
    assert codes(report) == expected
    assert any("VAE301" in judgement.clean for judgement in report.judgements)


TWO_OPTIONS = (
    TRAINER.replace('kind="plain", rate=1e-3', 'kind="plain", end="plain"')
    .replace("        self.kind = kind\n", "        self.kind, self.end = kind, end\n")
    .replace("self.error(torch.sigmoid(out), x)", "self.error(out, x)")
    .replace(
        "            if self.kind",
        '            if self.end == "sigmoid":\n                out = torch.sigmoid(out)\n            if self.kind',
    )
)
THREE_CALLS = 'schedule(Trainer("square", "none"), Trainer("logits", "none"), Trainer("square", "sigmoid"))'


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (THREE_CALLS, []),
        (THREE_CALLS.replace('("square", "sigmoid")', '("logits", "sigmoid")'), ["VAE401"]),
    ],
)
def test_choices_are_those_that_one_call_gives_together(calls: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"trainer.py": TWO_OPTIONS, "main.py": MAIN.format(calls=calls)})
    assert codes(report) == expected
    assert any("VAE301" in judgement.clean for judgement in report.judgements)


NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, deterministic=False):
        super().__init__()
        self.deterministic = deterministic
        self.to_m, self.to_s, self.out = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)

    def draw(self, m, s):
        return m if self.deterministic else m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return torch.sigmoid(self.out(self.draw(m, s))), m, s


def train(loader):
    net = Net({given})
    for x, _ in loader:
        rec, m, s = net(x)
        loss = F.binary_cross_entropy(rec, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
"""
)


@pytest.mark.parametrize(("given", "expected"), [("", []), ("deterministic=True", ["VAE207"]), ("True", ["VAE207"])])
def test_no_noise_is_called_clean_that_the_only_call_switches_off(
    given: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": NET.format(given=given)})
    assert codes(report) == expected
    assert any("VAE207" in judgement.clean for judgement in report.judgements) is not bool(expected)


KINDS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, kind="bce", {more}):
        super().__init__()
        self.enc, self.dec, self.kind = nn.Linear(84, 14), nn.Linear(7, 84), kind

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.dec(z), mu, logvar

    def objective(self, x_hat, x, mu, logvar):
        if self.kind == "bce":
            error = F.binary_cross_entropy(x_hat, x, reduction="none").sum(1)
        elif self.kind == "absolute":
            error = F.l1_loss(x_hat, x, reduction="none").sum(1)
        else:
            error = F.mse_loss(x_hat, x, reduction="none").sum(1)
        return (error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)).mean()


def first(rate):
    return {first}


def second(rate):
    return {second}
"""
)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ('Net(kind="square")', 'Net(kind="absolute")', []),
        ('Net(kind="square")', 'Net("square")', []),
        ('Net(kind="square", rate=rate)', 'Net("absolute", rate)', []),
        # One of them is as wrong, or made by the default; of what one is made by nothing is known.
        ('Net(kind="square")', 'Net(kind="bce")', ["VAE402"]),
        ('Net(kind="bce")', 'Net(kind="square")', ["VAE402"]),
        ('Net(kind="square")', "Net(rate=rate)", ["VAE402"]),
        ('Net(kind="square")', "Net(kind=rate)", ["VAE402"]),
    ],
)
def test_a_class_is_read_as_each_call_makes_it(first: str, second: str, expected: list[str], tmp_path: Path) -> None:
    text = KINDS.replace("{more}", "rate=0.1").replace("{first}", first).replace("{second}", second)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


HANDED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, bend={default}, end={end}):
        super().__init__()
        self.to_m, self.to_s, self.out = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)
        self.bend, self.end = bend, end

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        m = {bent}
        y = self.out(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return y if self.end is None else self.end(y), m, s


def made(rate):
    return {call}


def loss_function(y, x, m, s):
    return F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""
)
TEXT = 'F.relu(m) if self.bend == "relu" else m'


@pytest.mark.parametrize(
    ("default", "end", "bent", "call", "expected"),
    [
        ('"relu"', "torch.sigmoid", TEXT, 'Net("none")', []),
        ('"relu"', "torch.sigmoid", TEXT, "Net()", ["VAE204"]),
        ('"relu"', "torch.sigmoid", TEXT, 'Net("relu")', ["VAE204"]),
        ("nn.ReLU()", "torch.sigmoid", "self.bend(m)", "Net(nn.Identity())", []),
        ("nn.ReLU()", "torch.sigmoid", "self.bend(m)", "Net(bend=nn.ReLU())", ["VAE204"]),
        ("None", "None", "m", "Net(end=torch.sigmoid)", []),
        ("None", "None", "m", "Net(end=nn.Sigmoid())", []),
        ("None", "None", "m", "Net(end=torch.tanh)", ["VAE402"]),
        ("None", "torch.sigmoid", "m", "Net(end=None)", ["VAE402"]),
    ],
)
def test_a_loss_that_nothing_calls_is_put_to_what_calls_make(
    default: str, end: str, bent: str, call: str, expected: list[str], tmp_path: Path
) -> None:
    text = HANDED.format(default=default, end=end, bent=bent, call=call)
    assert codes(linted(tmp_path, {"net.py": text})) == expected
