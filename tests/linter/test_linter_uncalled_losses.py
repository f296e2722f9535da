"""Losses that nothing calls: what the one model returns goes to the parameters that their formulas tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, joined, linted

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.first, self.second = nn.Linear(31, 17), nn.Linear(17, 5), nn.Linear(17, 5)
        self.back = nn.Linear(5, 31)

    def forward(self, x):
        h = torch.relu(self.body(x))
        mu, logvar = self.first(h), self.second(h)
        z = mu + torch.exp({scale} * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.back(z)), mu, logvar

"""
RIGHT, WRONG = MODEL.format(scale="0.5"), MODEL.format(scale="1.0")
KL = "-0.5 * torch.sum(1 + {s} - {m} ** 2 - {s}.exp())"
NAMED = KL.format(m="mu", s="logvar")
LOSSES = {
    "a reconstruction by another name": f"""
def objective(guess, x, mu, logvar):
    return F.binary_cross_entropy(guess, x, reduction="sum") + {NAMED}
""",
    "a picture by another name": f"""
def objective(x_hat, wanted, mu, logvar):
    return ((x_hat - wanted) ** 2).sum() + {NAMED}
""",
    "names that say nothing": f"""
def objective(p, q, a, b):
    return F.binary_cross_entropy(p.flatten(1), q.flatten(1), reduction="sum") + {KL.format(m="a", s="b")}
""",
    "names of one side only": f"""
def objective(x_, x, mu, logvar):
    return F.binary_cross_entropy(x_, x, reduction="sum") + {NAMED}
""",
    "a module": f"""
class Objective(nn.Module):
    def forward(self, x_hat, x, mu, logvar):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + {NAMED}
""",
    "a module with a weight": f"""
class Objective(nn.Module):
    def __init__(self, beta):
        super().__init__()
        self.beta = beta

    def forward(self, x_hat, x, mu, logvar):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + self.beta * {NAMED}
""",
    "an object that is called": f"""
class Objective:
    def __call__(self, x_hat, x, mu, logvar):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + {NAMED}
""",
    "a function for each part": f"""
def reconstruction_error(x_hat, x):
    return F.binary_cross_entropy(x_hat, x, reduction="sum")


def divergence(mu, logvar):
    return {NAMED}
""",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_a_loss_that_nothing_calls_is_joined(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": RIGHT + loss})
    assert joined(report)
    assert codes(report) == []


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_a_sampler_of_another_scale_is_found(loss: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WRONG + loss})) == ["VAE201"]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_a_loss_in_a_file_beside_the_model_is_joined(loss: str, tmp_path: Path) -> None:
    head = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
    assert codes(linted(tmp_path, {"net.py": WRONG, "losses.py": head + loss})) == ["VAE201"]


def test_a_divergence_by_itself_is_held_against_the_sampler(tmp_path: Path) -> None:
    alone = f"\ndef divergence(mu, logvar):\n    return {NAMED}\n"
    assert codes(linted(tmp_path, {"net.py": WRONG + alone})) == ["VAE201"]
    assert codes(linted(tmp_path, {"net.py": RIGHT + alone})) == []


def test_two_models_share_no_loss_that_nothing_calls(tmp_path: Path) -> None:
    other = WRONG.replace("class Net", "class Other").partition("class Other")[2]
    report = linted(tmp_path, {"net.py": RIGHT + "\nclass Other" + other + LOSSES["a module"]})
    assert codes(report) == []


def test_nothing_is_said_of_the_balance_of_parts_that_nothing_adds(tmp_path: Path) -> None:
    parts = LOSSES["a function for each part"].replace('x, reduction="sum")\n\n\ndef', 'x, reduction="mean")\n\n\ndef')
    report = linted(tmp_path, {"net.py": RIGHT + parts})
    assert codes(report) == []
    (facts,) = joined(report)
    assert facts.kl.sign is None


def test_parts_are_apart_where_there_are_two_of_a_kind(tmp_path: Path) -> None:
    parts = LOSSES["a function for each part"]
    report = linted(
        tmp_path,
        {
            "net.py": RIGHT
            + parts
            + "\n\ndef reconstruction_of_counts(x_hat, x):\n    return F.poisson_nll_loss(x_hat, x)\n"
        },
    )
    assert not joined(report)


# ------------------------------------------------------------------- a loss that nothing brings to a model

RAW = WRONG.replace("torch.sigmoid(self.back(z))", "self.back(z)")
LEFT_OVER = f"""
import torch
from torch.nn import functional as F


def objective(x_hat, x, mu, logvar):
    return F.binary_cross_entropy(x_hat, x, reduction="sum") + {NAMED}
"""
HANDED = """
class Fitting:
    def __init__(self, net, loss):
        self.net, self.loss = net, loss

    def step(self, x):
        x_hat, mu, logvar = self.net(x)
        total = self.loss(x_hat, x, mu, logvar)
        total.backward()
"""
BRINGS = """
import torch
from objectives import objective
from net import Net

optimizer = torch.optim.Adam(registered(Net).parameters())
for x in registered("digits"):
    registered(objective)(x).backward()
    optimizer.step()
"""


@pytest.mark.parametrize("handed", [False, True])
@pytest.mark.parametrize("met", [False, True])
def test_a_loss_asks_nothing_of_an_output_that_no_file_brings_to_it(met: bool, handed: bool, tmp_path: Path) -> None:
    files = {"net.py": RAW, "objectives.py": LEFT_OVER}
    if handed:
        files["fitting.py"] = "import torch\nfrom net import Net\n" + HANDED
    if met:
        files["main.py"] = BRINGS
    found = codes(linted(tmp_path, files))
    # What draws and KL make of the head for std is wrong whatever else is put together.
    assert "VAE201" in found
    assert ("VAE402" in found) is met


CHOSEN = """
import torch
from torch import nn
from torch.nn import functional as F


def by_logvar(m, s):
    return m + torch.exp(0.5 * s) * torch.randn_like(s)


def by_std(m, s):
    return m + s * torch.randn_like(s)


def kl_logvar(m, s):
    return 0.5 * torch.sum(torch.exp(s) + m**2 - 1 - s, 1)


def kl_std(m, s):
    return 0.5 * torch.sum(s**2 + m**2 - 1 - torch.log(s**2), 1)


class Net(nn.Module):
    def __init__(self, kind="logvar"):
        super().__init__()
        self.first, self.second, self.back = nn.Linear(31, 5), nn.Linear(31, 5), nn.Linear(5, 31)
        if kind == "logvar":
            self.draw, self.apart = {ways}
        else:
            self.draw, self.apart = by_std, kl_std

    def forward(self, x):
        m, s = self.first(x), self.second(x)
        return self.back(self.draw(m, s)), m, s

    def loss(self, x):
        y, m, s = self(x)
        return F.mse_loss(y, x, reduction="none").sum(1).mean() + self.apart(m, s).mean()
"""


@pytest.mark.parametrize(("ways", "expected"), [("by_logvar, kl_logvar", []), ("by_logvar, kl_std", ["VAE201"])])
def test_a_divergence_goes_with_the_sampler_that_a_setting_chooses(
    ways: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": CHOSEN.format(ways=ways)})) == expected


def test_a_divergence_that_no_file_hands_a_model_says_nothing_of_one(tmp_path: Path) -> None:
    apart = f"import torch\n\n\ndef active_units(mu, logvar):\n    return {NAMED}\n"
    assert codes(linted(tmp_path, {"net.py": WRONG, "units.py": apart})) == []
    named = {"net.py": f"from units import active_units\n{WRONG}", "units.py": apart}
    assert codes(linted(tmp_path, named)) == ["VAE201"]


CALLER = """
import torch

from losses import objective


def fit({given}loader):
    {made}
    for x, y in loader:
        x_hat, mu, logvar = net{through}(x)
        objective(x_hat, x, {heads}).backward()
"""


@pytest.mark.parametrize(
    ("given", "made", "through", "heads", "swapped"),
    [
        ("", "from net import Net; net = Net()", "", "mu, logvar", "clean"),
        ("", "from net import Net; net = Net()", "", "logvar, mu", "found"),
        ("net, ", "net.to('cuda')", ".run", "mu, logvar", "open"),
        ("net, ", "net.to('cuda')", ".run", "logvar, mu", "open"),
    ],
)
def test_the_order_of_the_heads_is_that_of_the_call(
    given: str, made: str, through: str, heads: str, swapped: str, tmp_path: Path
) -> None:
    files = {
        "net.py": RIGHT,
        "losses.py": f"import torch\nfrom torch.nn import functional as F\n{LOSSES['names of one side only']}",
        "fit.py": CALLER.format(given=given, made=made, through=through, heads=heads),
    }
    report = linted(tmp_path, files)
    assert joined(report)
    assert codes(report) == (["VAE205"] if swapped == "found" else [])
    if swapped != "found":
        assert any("VAE205" in judgement.clean for judgement in report.judgements) is (swapped == "clean")


DENSITIES = (
    RIGHT
    + """
def log_normal(x, m, lv):
    return -0.5 * (1.8378771 + lv + (x - m) ** 2 * torch.exp(-lv))


def fit(loader, optimizer):
    net = Net()
    for x in loader:
        x = x.view(-1, 31)
        x_hat, mu, logvar = net(x)
        error = -log_normal(x, x_hat, torch.zeros_like(x)).sum(1)
        (error + ({kl})).mean().backward()
        optimizer.step()


fit(make_rows(), make_optimizer())
"""
)


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        ("-0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum(1)", []),
        ("-0.5 * (1 + logvar - mu ** 2 - torch.exp(2 * logvar)).sum(1)", ["VAE301"]),
    ],
)
def test_a_density_of_the_data_that_was_called_is_none_of_the_latents(
    kl: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": DENSITIES.replace("{kl}", kl)})
    assert codes(report) == expected
    assert len([facts for facts in report.facts if facts.recon.kind]) == 1


TRAINED = f"""
class Plain(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x, x_hat, mu, logvar):
        return self.weight * F.mse_loss(x_hat, x) + {NAMED}


class Summed(nn.Module):
    def forward(self, x, x_hat, mu, logvar):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + {NAMED}
"""
LOOP = """
def one_epoch(model, loader, criterion, optimizer):
    for x, _ in loader:
        x_hat, mu, logvar = model(x)
        loss = criterion(x, x_hat, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
SCRIPT = """
import torch
import loop, losses, net
from data import loader

model = net.Net().to("cuda")
optimizer = torch.optim.Adam(model.parameters())
if __name__ == "__main__":
    loop.one_epoch(model, loader, losses.{criterion}, optimizer)
"""


@pytest.mark.parametrize(("model", "found"), [(RIGHT, []), (WRONG, ["VAE201"])], ids=["right", "wrong"])
def test_a_script_calls_one_of_several_losses(model: str, found: list[str], tmp_path: Path) -> None:
    texts = {"net.py": model, "losses.py": RIGHT.partition("class Net")[0] + TRAINED, "loop.py": LOOP}
    report = linted(tmp_path, {**texts, "go.py": SCRIPT.format(criterion="Summed()")})
    assert codes(report) == found
    places = {facts.recon.kind.origin.source for facts in joined(report) if facts.recon.kind}
    assert places == {'F.binary_cross_entropy(x_hat, x, reduction="sum")'}
    assert [vae.core_checked for vae in report.vaes if vae.subject.endswith(("Net", "go.py"))] == [True]


def test_losses_that_no_script_calls_are_each_tried(tmp_path: Path) -> None:
    texts = {"net.py": WRONG, "losses.py": RIGHT.partition("class Net")[0] + TRAINED, "loop.py": LOOP}
    report = linted(tmp_path, texts)
    places = {facts.recon.kind.origin.source for facts in joined(report) if facts.recon.kind}
    assert len(places) == 2
    assert "VAE201" in codes(report)


OF_A_PRIOR = f"""
class Prior(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 5), nn.Linear(3, 5)

    def forward(self, y):
        return self.first(y), self.second(y)


class PriorLoss(nn.Module):
    def forward(self, x_hat, x, mu_q, lv_q, mu_p, lv_p):
        q, p = (torch.distributions.Normal(m, torch.exp(0.5 * s)) for m, s in ((mu_q, lv_q), (mu_p, lv_p)))
        return F.mse_loss(x_hat, x, reduction="sum") + torch.distributions.kl_divergence(q, p).sum()


def first_loss(x_hat, x, mu, logvar):
    return F.mse_loss(x_hat, x, reduction="sum") + {NAMED}


net, prior, criterion = Net(), Prior(), PriorLoss()
optimizer = torch.optim.Adam([*net.parameters(), *prior.parameters()])
for x, y in loader:
    x_hat, mu, logvar = net(x)
    loss = {{loss}}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("loss", "found"),
    [("criterion(x_hat, x, mu, logvar, *prior(y))", []), ("first_loss(x_hat, x, mu, logvar)", ["VAE204"])],
)
def test_a_loss_that_another_one_took_the_place_of(loss: str, found: list[str], tmp_path: Path) -> None:
    kept = RIGHT.replace("self.second(h)", "self.second(h).clamp(-6.0, -2.2)")
    assert codes(linted(tmp_path, {"net.py": kept + OF_A_PRIOR.format(loss=loss)})) == found
