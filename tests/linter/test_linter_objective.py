"""The loss as the linter reads it: signs, factors, reductions, balance, and whether the KL is part of it at all.

Each mistake is written in several ways, and each stands beside a twin that computes the right thing in the same way.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, codes, looped, loss_codes, read

from vae_checked.linter import lint

SIGNS = {
    "the closed form without its minus": (
        f"{RECON}\nkl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon + kl",
        ["VAE302"],
    ),
    "the positive form, added": (
        f"{RECON}\nkl = 0.5 * torch.sum(mu ** 2 + logvar.exp() - 1 - logvar)\nloss = recon + kl",
        [],
    ),
    "the positive form, subtracted": (
        f"{RECON}\nkl = 0.5 * torch.sum(mu ** 2 + logvar.exp() - 1 - logvar)\nloss = recon - kl",
        ["VAE302"],
    ),
    "minus the KL, subtracted": (
        f"{RECON}\nneg = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon - neg",
        [],
    ),
    "in place": (f"loss = 0\n{RECON}\n{KL}\nloss += recon\nloss -= kl", ["VAE302"]),
    "in place, right": (f"loss = 0\n{RECON}\n{KL}\nloss += recon\nloss += kl", []),
    "a bound, its negative minimised": (f"{RECON}\n{KL}\nelbo = -recon - kl\nloss = -elbo", []),
    "a bound with the KL added, its negative minimised": (
        f"{RECON}\n{KL}\nelbo = -recon + kl\nloss = -elbo",
        ["VAE302"],
    ),
    "distributions": (
        f"{RECON}\nkl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum()\nloss = recon + kl",
        [],
    ),
    "distributions, subtracted": (
        f"{RECON}\nkl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum()\nloss = recon - kl",
        ["VAE302"],
    ),
    "a weight with a minus": (f"{RECON}\n{KL}\nloss = recon + -BETA * kl", ["VAE302"]),
    "a minus in the weight of a negative form": (
        f"{RECON}\nkl = -BETA / 2 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon + kl",
        [],
    ),
    "the reconstruction maximised": (f"{RECON}\n{KL}\nloss = kl - recon", ["VAE505"]),
    "a log likelihood, subtracted": ("recon = Normal(out, 1.0).log_prob(x).sum()\n" + KL + "\nloss = kl - recon", []),
    "a margin: an adversary's KL": (f"{RECON}\n{KL}\nloss = recon + F.relu(25.0 - kl)", []),
}


@pytest.mark.parametrize(("body", "expected"), SIGNS.values(), ids=SIGNS)
def test_sign(body: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, body) == expected


@pytest.mark.parametrize(("joined", "sign"), [("recon + 0.3 * kl", 1), ("recon - 0.3 * kl", None)])
def test_a_mask_beside_the_error_hides_no_sign_of_the_kl(joined: str, sign: int | None, tmp_path: Path) -> None:
    """Where the error's own sign is not known, a loss that grows with the KL shows that the KL's is right."""
    recon = "blank = torch.lt(x, 0.01)\nrecon = (F.l1_loss(out, x, reduction='none') * ~blank).mean()"
    body = f"{recon}\n{KL}\nloss = {joined}"
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{body}\nloss.backward()")))
    signs = {facts.kl.sign and facts.kl.sign.value for facts in report.facts if facts.kl.form is not None}
    assert signs == {sign}
    assert "VAE302" not in {finding.code for finding in report.findings}


def test_a_bound_that_is_returned_and_maximised_is_right(tmp_path: Path) -> None:
    body = """
def elbo(out, x, mu, logvar):
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
    return -recon - kl
"""
    assert loss_codes(tmp_path, body) == []


FACTORS = {
    "a lost half": ("kl = -torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon + kl", ["VAE303"]),
    "a lost half, the positive form": (
        "kl = torch.sum(logvar.exp() + mu.pow(2) - 1 - logvar)\nloss = recon + kl",
        ["VAE303"],
    ),
    "a lost half, in the loss's line": ("loss = recon - (1 + logvar - mu ** 2 - logvar.exp()).sum()", ["VAE303"]),
    "halved twice": ("kl = -0.25 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon + kl", ["VAE303"]),
    "the half after the sum": (
        "kl = torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nkl *= -0.5\nloss = recon + kl",
        [],
    ),
    "the half as a division": ("kl = torch.sum(logvar.exp() + mu ** 2 - 1 - logvar) / 2\nloss = recon + kl", []),
    "a weight by name": ("kl = -BETA * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\nloss = recon + kl", []),
    "a number of its own": (f"{KL}\nloss = recon + 0.5 * kl", []),
    "both halved": (f"{KL}\nloss = 0.5 * (recon + kl)", []),
}


@pytest.mark.parametrize(("body", "expected"), FACTORS.values(), ids=FACTORS)
def test_factor(body: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, f"{RECON}\n{body}") == expected


RETURNS = {
    "a scalar": "    return recon + kl\n",
    "a tuple": "    return recon + kl, recon, kl\n",
    "a dict": "    return {'loss': recon + kl, 'recon': recon.detach(), 'kl': kl.detach()}\n",
    "a local": "    total = recon\n    total = total + kl\n    return total\n",
    "a list summed": "    parts = []\n    parts.append(recon)\n    parts.append(kl)\n    return sum(parts)\n",
}


@pytest.mark.parametrize("ending", RETURNS.values(), ids=RETURNS)
@pytest.mark.parametrize(("minus", "expected"), [("-", []), ("", ["VAE302"])], ids=["right", "flipped"])
def test_losses_are_found_however_they_are_handed_on(
    ending: str, minus: str, expected: list[str], tmp_path: Path
) -> None:
    text = f"""
def vae_loss(out, x, mu, logvar):
    recon = F.mse_loss(out, x, reduction="sum")
    kl = {minus}0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
{ending}"""
    assert loss_codes(tmp_path, text) == expected


def test_a_base_class_does_not_blame_the_kl_for_the_reconstructions_sign(tmp_path: Path) -> None:
    text = """
class Base(nn.Module):
    def total(self, out, x, mu, logvar):
        recon = F.mse_loss(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        return kl - recon


class Child(Base):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def forward(self, x):
        return self.net(x)


def fit(loader):
    model = Child()
    for x, _ in loader:
        x = x.view(-1, 91)
        out, mu, logvar = model(x)
        model.total(out, x, mu, logvar).backward()
"""
    assert loss_codes(tmp_path, text) == ["VAE505"]


MISSING = {
    "computed and dropped": (f"{RECON}\n{KL}\nloss = recon", ["VAE305"]),
    "computed and printed": (f"{RECON}\n{KL}\nprint('kl', kl.item())\nloss = recon", ["VAE305"]),
    "printed and used": (f"{RECON}\n{KL}\nprint('kl', kl.item())\nloss = recon + kl", []),
    "used after a warm-up": (f"{RECON}\n{KL}\nloss = recon\nif epoch > 3:\n    loss = loss + kl", []),
    "used by weight": (f"{RECON}\n{KL}\nloss = recon + BETA * kl", []),
    "detached": (f"{RECON}\n{KL}\nloss = recon + kl.detach()", ["VAE305"]),
    "weighted and detached": (f"{RECON}\n{KL}\nloss = recon + (BETA * kl).detach()", ["VAE305"]),
    "as a number": (f"{RECON}\n{KL}\nloss = recon + kl.item()", ["VAE305"]),
    "its data": (f"{RECON}\n{KL}\nloss = recon + kl.data", ["VAE305"]),
    "called a loss and detached": (f"{RECON}\nkl_loss = {KL[5:]}\nloss = recon + BETA * kl_loss.detach()", ["VAE305"]),
    "called a loss, as a number": (f"{RECON}\nkl_loss = {KL[5:]}\nloss = recon + kl_loss.item()", ["VAE305"]),
    "called a loss and used": (f"{RECON}\nkl_loss = {KL[5:]}\nloss = recon + BETA * kl_loss", []),
    "shown detached": (f"{RECON}\n{KL}\nloss = recon + kl\nshown = recon + kl.detach()", []),
    "by Python's float": (f"{RECON}\n{KL}\nloss = recon + float(kl)", ["VAE305"]),
    "a tensor made of it": (f"{RECON}\n{KL}\nloss = recon + torch.tensor(kl)", ["VAE305"]),
    "without gradient": (f"{RECON}\nwith torch.no_grad():\n    {KL}\nloss = recon + kl", ["VAE305"]),
    "shown without gradient": (f"{RECON}\n{KL}\nloss = recon + kl\nwith torch.no_grad():\n    seen = kl + 1", []),
    "clamped to one number": (f"{RECON}\n{KL}\nloss = recon + torch.clamp(kl, 2.0, max=2.0)", ["VAE305"]),
    "clamped to 0": (f"{RECON}\n{KL}\nloss = recon + kl.clamp(max=0.0)", ["VAE305"]),
    "no more than 0": (f"{RECON}\n{KL}\nloss = recon + torch.minimum(kl, torch.zeros_like(kl))", ["VAE305"]),
    "its negative cut": (f"{RECON}\n{KL}\nloss = recon + F.relu(-kl)", ["VAE305"]),
    "free bits": (f"{RECON}\n{KL}\nloss = recon + kl.clamp(min=3.0)", []),
    "free bits from above": (f"{RECON}\n{KL}\nloss = recon + torch.min(kl, torch.tensor(3.0))", []),
    "a capacity": (f"{RECON}\n{KL}\nloss = recon + kl.clamp(0.0, 4.0)", []),
    "a capacity of a setting": (f"{RECON}\n{KL}\nloss = recon + kl.clamp(BETA, BETA)", []),
}
STILL = "m, s = self.to_m(h), self.to_s(h)"


def test_the_line_is_the_one_that_leaves_a_number_of_the_kl(tmp_path: Path) -> None:
    text = MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\nkl = kl.clamp(max=0.0)\nloss = recon + kl"))
    (finding,) = read(tmp_path, text).findings
    assert finding.place is not None
    assert text.splitlines()[finding.place.line - 1].strip() == "kl = kl.clamp(max=0.0)"
    assert finding.fix == "leave kl as it is: kl.clamp(max=0.0) lets no value of it through"


def test_an_encoder_that_is_kept_as_it_is_needs_no_kl(tmp_path: Path) -> None:
    kept = MODEL.replace(STILL, f"with torch.no_grad():\n            {STILL}")
    assert kept != MODEL
    assert codes(tmp_path, f"{RECON}\n{KL}\nloss = recon + kl", kept) == []


@pytest.mark.parametrize(("body", "expected"), MISSING.values(), ids=MISSING)
def test_kl_in_loss(body: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, body) == expected


@pytest.mark.parametrize("bounds", ["BETA, BETA", "max=0.0 * BETA", "max=0.5", "0.1, 0.5"])
def test_a_bound_above_the_kl_leaves_it_open(bounds: str, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl.clamp({bounds})")))
    assert "VAE305" not in {code for judgement in report.judgements for code in judgement.clean}
    free = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl.clamp(min=0.5)")))
    assert "VAE305" in {code for judgement in free.judgements for code in judgement.clean}


def test_a_kl_times_a_name_of_0_is_neither_in_the_loss_nor_missing(tmp_path: Path) -> None:
    # An annealing begins so.
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{KL}\nbeta = 0.0\nloss = recon + beta * kl")))
    assert report.findings == ()
    assert "VAE305" not in {code for judgement in report.judgements for code in judgement.clean}


MULTIPLIERS = {
    "a multiplier": "loss = log_beta.exp() * (3.0 - kl).detach().mean()",
    "a temperature": "loss = -(F.softplus(log_beta) * (kl.detach() - 3.0)).mean()",
    "beside the error": "loss = recon + log_beta.exp() * (3.0 - kl.detach())",
    "of a layer": "loss = nn.Linear(3, 1)(torch.ones(3)).mean() * (3.0 - kl.detach())",
    "of what is not read": "loss = elsewhere.weight() * (3.0 - kl.detach())",
}
UNTRAINED = {
    "beside its multiplier": "dual = log_beta.exp() * (3.0 - kl).detach()\ndual.backward()\nloss = recon + kl.detach()",
    "times the error": "loss = recon * kl.detach()",
    "within what is weighed": "loss = log_beta.exp() * (recon + kl.detach())",
    "times an argument": "loss = recon + BETA * (kl.detach() - 3.0)",
}
LOG_BETA = "log_beta = nn.Parameter(torch.zeros(1))\n"


@pytest.mark.parametrize("body", MULTIPLIERS.values(), ids=MULTIPLIERS)
def test_a_kl_by_which_its_weight_is_trained_is_detached(body: str, tmp_path: Path) -> None:
    text = MODEL + LOOP.format(body=looped(f"{LOG_BETA}{RECON}\n{KL}\n{body}"))
    report = read(tmp_path, text)
    assert report.findings == ()
    assert "VAE305" not in {code for judgement in report.judgements for code in judgement.clean}


def test_a_kl_may_train_its_weight_beside_the_heads(tmp_path: Path) -> None:
    both = "beta = log_beta.exp()\nloss = recon + beta.detach() * kl + beta * (3.0 - kl.detach())"
    assert codes(tmp_path, f"{LOG_BETA}{RECON}\n{KL}\n{both}") == []


@pytest.mark.parametrize("body", UNTRAINED.values(), ids=UNTRAINED)
def test_a_detached_kl_that_trains_no_weight_is_missing(body: str, tmp_path: Path) -> None:
    assert codes(tmp_path, f"{LOG_BETA}{RECON}\n{KL}\n{body}") == ["VAE305"]


@pytest.mark.parametrize(("weight", "expected"), [("beta * kl", []), ("kl", ["VAE305"])], ids=["used", "unused"])
def test_a_weight_that_is_given_and_never_read(weight: str, expected: list[str], tmp_path: Path) -> None:
    text = f"""
def vae_loss(out, x, mu, logvar, beta=4.0):
    recon = F.mse_loss(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
    return recon + {weight}
"""
    assert loss_codes(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("weight", "expected"), [("self.kl_weight * kl", []), ("kl", ["VAE305"])], ids=["used", "unused"]
)
def test_a_weight_that_is_stored_and_never_read(weight: str, expected: list[str], tmp_path: Path) -> None:
    text = f"""
class Criterion(nn.Module):
    def __init__(self, kl_weight=1.0):
        super().__init__()
        self.kl_weight = kl_weight

    def forward(self, out, x, mu, logvar):
        recon = F.mse_loss(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        return recon + {weight}
"""
    assert loss_codes(tmp_path, text) == expected


BOUNDS = {
    "minus the bound, differentiated": ("elbo = -recon - kl\n(-elbo).backward()", []),
    "minus a wrong bound, differentiated": ("elbo = kl - recon\n(-elbo).backward()", ["VAE302"]),
    "minus the mean of a bound": ("bound = -(recon + kl)\nloss = -bound.mean()\nloss.backward()", []),
    "the bound itself, differentiated": ("elbo = -recon - kl\nelbo.backward()", ["VAE505"]),
    "the bound itself, ascended": ("torch.optim.SGD([x], maximize=True)\nelbo = -recon - kl\nelbo.backward()", []),
    "the bound itself, against its direction": ("elbo = -recon - kl\nelbo.backward(-torch.ones_like(elbo))", []),
    "kept in a dict": ("parts = {'recon': recon, 'kl': kl}\nloss = sum(parts.values())\nloss.backward()", []),
    "kept in a dict, subtracted": (
        "parts = {}\nparts['recon'] = recon\nparts['kl'] = kl\nloss = parts['recon'] - parts['kl']\nloss.backward()",
        ["VAE302"],
    ),
    "divided by the number of samples so far": ("loss = (recon + kl) / len(loader.dataset)\nloss.backward()", []),
    "a weight that warms up": ("loss = recon + min(1.0, epoch / 10) * kl\nloss.backward()", []),
    "a weight that warms up, subtracted": ("loss = recon - min(1.0, epoch / 10) * kl\nloss.backward()", ["VAE302"]),
    "free bits": ("loss = recon + torch.clamp(kl, min=3.0)\nloss.backward()", []),
    "subtracted free bits": ("loss = recon - torch.clamp(kl, min=3.0)\nloss.backward()", ["VAE302"]),
}


@pytest.mark.parametrize(("body", "expected"), BOUNDS.values(), ids=BOUNDS)
def test_what_is_minimised(body: str, expected: list[str], tmp_path: Path) -> None:
    loop = LOOP.split("            optimizer.zero_grad()", maxsplit=1)[0]
    indented = "\n".join(" " * 12 + line for line in f"{RECON}\n{KL}\n{body}".splitlines())
    found = read(tmp_path, MODEL + loop.format(body=indented))
    assert any(facts.kl.form is not None for facts in found.facts)
    assert sorted({finding.code for finding in found.findings}) == expected


LIKELIHOODS = {
    "cross entropy by hand": ("recon = -(x * torch.log(out) + (1 - x) * torch.log(1 - out)).sum()", 1),
    "cross entropy by hand, guarded": (
        "recon = -torch.sum(x * torch.log(out + 1e-8) + (1 - x) * torch.log(1 - out + 1e-8))",
        1,
    ),
    "log likelihood by hand": ("recon = (x * out.log() + (1 - x) * (1 - out).log()).sum()", -1),
    "Bernoulli": ("recon = torch.distributions.Bernoulli(out).log_prob(x).sum()", -1),
    "Gaussian": ("recon = Normal(out, 0.7).log_prob(x).sum()", -1),
    "squares by hand": ("recon = ((x - out) ** 2).sum()", 1),
}


@pytest.mark.parametrize("wrong", [False, True], ids=["right", "wrong"])
@pytest.mark.parametrize(("recon", "sign"), LIKELIHOODS.values(), ids=LIKELIHOODS)
def test_a_likelihood_by_any_name_has_its_sign_read(recon: str, sign: int, wrong: bool, tmp_path: Path) -> None:
    put = "recon" if (sign > 0) is not wrong else "-recon"
    assert codes(tmp_path, f"{recon}\n{KL}\nloss = kl + {put}") == (["VAE505"] if wrong else [])


@pytest.mark.parametrize("weight", [f"self.{name}" for name in ("weight", "gamma")])
def test_a_setting_of_one_is_a_setting(weight: str, tmp_path: Path) -> None:
    name = weight.removeprefix("self.")
    text = f"""
class Criterion(nn.Module):
    def __init__(self, {name}=1.0):
        super().__init__()
        {weight} = {name}

    def forward(self, out, x, mu, logvar):
        recon = F.mse_loss(out, x)
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1)
        return recon + {weight} * kl.mean()
"""
    assert loss_codes(tmp_path, text) == []


def test_nothing_is_said_of_the_places_of_a_map_that_may_be_one(tmp_path: Path) -> None:
    source = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, width, latents):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, width, 4, 2, 1), nn.Conv2d(width, latents * 2, 7), nn.BatchNorm2d(14))
        self.up = nn.Sequential(nn.ConvTranspose2d(latents, width, 7), nn.ConvTranspose2d(width, 3, 4, 2, 1))

    def forward(self, x):
        m, s = self.down(x).chunk(2, dim=1)
        q = Normal(m, torch.exp(0.5 * s))
        kl = kl_divergence(q, Normal(torch.zeros_like(m), torch.ones_like(s))).sum(1).mean()
        return self.up(q.rsample()), kl


def fit(loader, width, latents):
    net = Net(width, latents)
    for x in loader:
        out, kl = net(x)
        loss = F.mse_loss(out, x, reduction="sum") / x.size(0) + kl
        loss.backward()
"""
    (tmp_path / "net.py").write_text(source)

    report = lint([tmp_path])

    assert report.findings == ()
    assert any(facts.kl.form is not None for facts in report.facts)


PARSED = """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=48)
{parsed}


def loss_function(net, x):
    out, mu, logvar = Net()(x)
    recon = F.binary_cross_entropy(out, x.view(-1, 91))
    kl = {sign}0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
    kl /= args.batch_size * 91
    return recon + kl
"""


@pytest.mark.parametrize("parsed", ["args = parser.parse_args()", "args, _ = parser.parse_known_args()"])
@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_an_option_that_the_terms_are_scaled_by_hides_no_sign(
    sign: str, expected: list[str], parsed: str, tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(MODEL + PARSED.format(sign=sign, parsed=parsed))

    assert [finding.code for finding in lint([tmp_path]).findings] == expected


PER_SAMPLE = """\
recon = F.binary_cross_entropy(out, x, reduction="none").sum(1)
kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
"""


@pytest.mark.parametrize(
    ("total", "expected"),
    [("(recon + kl).sum()", []), ("(recon.sum() + kl).sum()", ["VAE504"]), ("(recon.mean() + kl).sum()", [])],
)
def test_a_total_that_is_added_to_every_sample_counts_as_often(total: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, f"{PER_SAMPLE}loss = {total}") == expected


WEIGHTS = {
    "behind the formula": ("kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp()) / 16", "loss = 10 * recon + kl"),
    "of the name": ("kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())", "loss = 10 * recon + kl / 16"),
    "as a factor": ("kl = -0.03125 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())", "loss = 10 * recon + kl"),
}


@pytest.mark.parametrize(("kl", "loss"), WEIGHTS.values(), ids=WEIGHTS)
def test_a_number_that_the_kl_is_divided_by_is_in_the_effective_beta(kl: str, loss: str, tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(f"{RECON}\n{kl}\n{loss}")))
    (beta,) = (facts.objective.effective_beta for facts in report.facts if facts.objective.effective_beta)
    assert beta.value.value == pytest.approx(1 / 160)
