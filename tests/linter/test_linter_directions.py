"""Of two learned Gaussians the posterior is the one whose sample is decoded: a KL from the other one is reversed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

START = (
    HEAD
    + """from dataclasses import dataclass
from torch.distributions import Independent, Normal, kl_divergence

"""
)
NET = """
class Net(nn.Module):
    def __init__(self, seen=33, told=5, latents=7):
        super().__init__()
        self.to_q, self.to_p = nn.Linear(seen + told, 2 * latents), nn.Linear(told, 2 * latents)
        self.back = nn.Linear(latents + told, seen)

    def forward(self, x, c):
        {forward}


def fit(net, loader, optimizer):
    for x, c in loader:
        {returned} = net(x, c)
        error = F.mse_loss(y, x, reduction="none").sum(-1)
        loss = (error + {kl}).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
CLASSES = """
@dataclass
class Gaussian:
    mean: torch.Tensor
    s: torch.Tensor

    def draw(self):
        return self.mean + torch.exp(self.s) * torch.randn_like(self.mean)

    def kl(self, prior):
        wide = torch.exp(2 * (self.s - prior.s))
        near = ((self.mean - prior.mean) / torch.exp(prior.s)) ** 2
        return 0.5 * (wide + near - 1) - self.s + prior.s


def heads(layer, x):
    return layer(x).chunk(2, -1)


"""
OBJECTS = """q = Gaussian(*heads(self.to_q, torch.cat([x, c], -1)))
        p = Gaussian(*heads(self.to_p, c))
        return self.back(torch.cat([{sampled}.draw(), c], -1)), q, p"""
DISTRIBUTIONS = """m, s = self.to_q(torch.cat([x, c], -1)).chunk(2, -1)
        q = Independent(Normal(m, torch.exp(s)), 1)
        m, s = self.to_p(c).chunk(2, -1)
        p = Independent(Normal(m, torch.exp(s)), 1)
        return self.back(torch.cat([{sampled}.rsample(), c], -1)), q, p"""
TENSORS = """qm, qs = self.to_q(torch.cat([x, c], -1)).chunk(2, -1)
        pm, ps = self.to_p(c).chunk(2, -1)
        z = {sampled}m + F.softplus({sampled}s) * torch.randn_like({sampled}m)
        return self.back(torch.cat([z, c], -1)), qm, F.softplus(qs), pm, F.softplus(ps)"""
# How the model is written, what it returns, and the KL with its arguments open.
FORMS = {
    "own class": (OBJECTS, "y, q, p", "{one}.kl({other}).sum(-1)"),
    "torch's own": (DISTRIBUTIONS, "y, q, p", "kl_divergence({one}, {other})"),
    "tensors": (
        TENSORS,
        "y, qm, qs, pm, ps",
        "kl_divergence(Normal({one}m, {one}s), Normal({other}m, {other}s)).sum(-1)",
    ),
    "by hand": (
        TENSORS,
        "y, qm, qs, pm, ps",
        "(torch.log({other}s / {one}s) + ({one}s ** 2 + ({one}m - {other}m) ** 2) / (2 * {other}s ** 2) - 0.5).sum(-1)",
    ),
}


def read(tmp_path: Path, form: str, sampled: str, kl: str) -> LintReport:
    forward, returned, _ = FORMS[form]
    body = NET.format(forward=forward.format(sampled=sampled), returned=returned, kl=kl)
    return linted(tmp_path, {"net.py": START + CLASSES + body})


@pytest.mark.parametrize("form", FORMS)
def test_the_kl_from_the_posterior_that_is_decoded(form: str, tmp_path: Path) -> None:
    report = read(tmp_path, form, "q", FORMS[form][2].format(one="q", other="p"))
    assert codes(report) == []
    assert any({"VAE201", "VAE306"} <= set(each.clean) for each in report.judgements)


@pytest.mark.parametrize("form", FORMS)
def test_the_kl_to_the_posterior_that_is_decoded_is_reversed(form: str, tmp_path: Path) -> None:
    report = read(tmp_path, form, "q", FORMS[form][2].format(one="p", other="q"))
    assert codes(report) == ["VAE306"]
    assert not any("VAE306" in each.clean for each in report.judgements)


@pytest.mark.parametrize(
    ("form", "fix"),
    [
        ("own class", "kl = torch.distributions.kl_divergence(posterior, prior)"),
        ("torch's own", "loss = (error + kl_divergence(q, p)).mean()"),
        ("tensors", "loss = (error + kl_divergence(Normal(qm, qs), Normal(pm, ps)).sum(-1)).mean()"),
        ("by hand", "kl = (torch.log(ps / qs) + (qs ** 2 + (qm - pm) ** 2) / (2 * ps ** 2) - 0.5).sum(-1)"),
    ],
)
def test_the_remedy_is_the_other_way_round_as_it_is_written(form: str, fix: str, tmp_path: Path) -> None:
    (finding,) = read(tmp_path, form, "q", FORMS[form][2].format(one="p", other="q")).findings
    assert finding.fix == fix


@pytest.mark.parametrize("form", FORMS)
def test_a_sum_of_both_directions_is_meant(form: str, tmp_path: Path) -> None:
    kl = FORMS[form][2]
    both = f"{kl.format(one='q', other='p')} + {kl.format(one='p', other='q')}"
    assert codes(read(tmp_path, form, "q", both)) == []


FIXED = [
    ("own class", "Gaussian(*heads(self.to_p, c))", "Gaussian(*(h.detach() for h in heads(self.to_p, c)))"),
    ("torch's own", "self.to_p(c).chunk(2, -1)", "self.to_p(c).detach().chunk(2, -1)"),
    ("tensors", "pm, F.softplus(ps)", "pm.detach(), F.softplus(ps).detach()"),
    ("tensors", "pm, F.softplus(ps)", "*(F.pad(p.detach(), (0, 0, 0, 1))[:-1] for p in (pm, F.softplus(ps)))"),
]


@pytest.mark.parametrize(("form", "trained", "fixed"), FIXED, ids=[fixed for _, _, fixed in FIXED])
def test_a_posterior_that_is_drawn_to_fixed_heads_is_not_accused(
    form: str, trained: str, fixed: str, tmp_path: Path
) -> None:
    forward, returned, kl = FORMS[form]
    body = NET.format(forward=forward.format(sampled="q"), returned=returned, kl=kl.format(one="p", other="q"))
    assert trained in body
    assert codes(linted(tmp_path, {"net.py": START + CLASSES + body.replace(trained, fixed)})) == []


ALONE = """

def objective(y, x, qm, qs, pm, ps):
    kl = kl_divergence(Normal(qm, qs.exp()), Normal(pm, ps.exp())).sum(-1)
    return (F.mse_loss(y, x, reduction="none").sum(-1) + kl).mean()
"""


def test_nothing_is_said_of_the_direction_where_no_sample_tells_it(tmp_path: Path) -> None:
    report = linted(tmp_path, {"loss.py": START + ALONE})
    assert codes(report) == []
    assert report.judgements
    assert not any("VAE306" in each.clean for each in report.judgements)


CHOSEN = """
class Net(nn.Module):
    def __init__(self, seen=33, told=5, latents=7):
        super().__init__()
        self.to_q, self.to_p = nn.Linear(seen + told, 2 * latents), nn.Linear({sees}, 2 * latents)
        self.back = nn.Linear(latents + told, seen)

    def forward(self, x, c, from_prior=False):
        {one_mean}, {one_s} = self.to_q(torch.cat([x, c], -1)).chunk(2, -1)
        {other_mean}, {other_s} = self.to_p({given}).chunk(2, -1)
        mean, s = ({other_mean}, {other_s}) if from_prior else ({one_mean}, {one_s})
        z = mean + torch.exp(0.5 * s) * torch.randn_like(mean)
        near = ({one_mean} - {other_mean}) ** 2 / {other_s}.exp()
        kl = 0.5 * ({other_s} - {one_s} + ({one_s} - {other_s}).exp() + near - 1).sum(-1)
        return self.back(torch.cat([z, c], -1)), kl
"""
POST = {"one_mean": "post_mean", "one_s": "post_s", "other_mean": "prior_mean", "other_s": "prior_s"}
WIDE = {"one_mean": "wide_mean", "one_s": "wide_s", "other_mean": "near_mean", "other_s": "near_s"}
NAMED, UNNAMED = (CHOSEN.format(sees="seen", given="x", **names) for names in (POST, WIDE))
UNSEEING = CHOSEN.format(sees="told", given="c", **WIDE)
SHOWN = """

def {name}(net, x, c, beta):
    y, kl = net(x, c, from_prior=True)
    error = F.mse_loss(y, x, reduction="none").sum(-1).mean()
    loss = error + beta * kl.mean()
    return loss
"""
DIFFERENTIATED = """

def fit(net, x, c, optimizer):
    y, kl = net(x, c, from_prior=True)
    loss = F.mse_loss(y, x, reduction="none").sum(-1).mean() + kl.mean()
    loss.backward()
    optimizer.step()
"""
LIGHTNING = """

class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def {name}(self, batch, index):
        x, c = batch
        y, kl = self.net(x, c, from_prior=True)
        return F.mse_loss(y, x, reduction="none").sum(-1).mean() + kl.mean()
"""


@pytest.mark.parametrize("name", ["compute_loss", "perplexity", "evaluate"])
def test_a_bound_that_is_only_shown_tells_no_direction(name: str, tmp_path: Path) -> None:
    report = linted(
        tmp_path, {"net.py": START + UNNAMED + SHOWN.format(name=name), "show.py": SCRIPT.format(name=name)}
    )
    assert codes(report) == []


SCRIPT = """
import torch
from net import Net, {name}

net = Net()
net.load_state_dict(torch.load("net.pt"))
for x, c in torch.load("held_out.pt"):
    print({name}(net, x, c, 0.5).item())
"""


def test_a_step_that_is_trained_tells_the_direction(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": START + UNNAMED + DIFFERENTIATED})) == ["VAE306"]


def test_a_draw_that_does_not_see_what_it_is_compared_with_tells_none(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": START + UNSEEING + DIFFERENTIATED})) == []


def test_names_that_say_otherwise_leave_the_direction_open(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": START + NAMED + DIFFERENTIATED})
    assert codes(report) == []


@pytest.mark.parametrize(("name", "expected"), [("training_step", ["VAE306"]), ("test_step", [])])
def test_a_step_of_lightning_tells_the_direction_in_training(name: str, expected: list[str], tmp_path: Path) -> None:
    text = START + "import pytorch_lightning as pl\n" + UNNAMED + LIGHTNING.format(name=name)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


APART = """
divergence = lambda m, s, n, t: 0.5 * (t - s + (s - t).exp() + (m - n) ** 2 / t.exp() - 1).sum(-1)
"""
USING = """
import torch
import torch.nn.functional as F
from torch import nn
from terms import divergence


def fit(to_q, to_p, back, x, c, beta, optimizer):
    m, s = to_q(x).chunk(2, -1)
    n, t = to_p(c).chunk(2, -1)
    z = m + torch.exp(0.5 * s) * torch.randn_like(m)
    error = F.mse_loss(back(z), x, reduction="none").sum(-1).mean()
    loss = error + beta * divergence({order}).mean()
    loss.backward()
    optimizer.step()
"""


def test_a_kl_in_another_file_is_placed_where_its_formula_is(tmp_path: Path) -> None:
    report = linted(tmp_path, {"terms.py": APART, "step.py": USING.format(order="n, t, m, s")})
    assert codes(report) == ["VAE306"]
    assert [finding.place.path.rpartition("/")[2] for finding in report.findings] == ["terms.py"]
    assert codes(linted(tmp_path, {"terms.py": APART, "step.py": USING.format(order="m, s, n, t")})) == []


WEIGHED = """
class Net(nn.Module):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)


def ratio(net, x):
    m, s = net.to_m(x), net.to_s(x)
    prior, posterior = Normal(torch.zeros_like(m), torch.ones_like(m)), Normal(m, torch.exp(0.5 * s))
    z = prior.rsample()
    error = F.mse_loss(net.back(z), x, reduction="none").sum(-1)
    return error + prior.log_prob(z).sum(-1) - posterior.log_prob(z).sum(-1)
"""


def test_a_ratio_at_a_draw_from_the_prior_is_a_kl_where_minimised(tmp_path: Path) -> None:
    weight = linted(
        tmp_path / "weight", {"net.py": START + WEIGHED + "\n\ndef weight(net, x):\n    return ratio(net, x).exp()\n"}
    )
    assert codes(weight) == []
    assert not any("VAE306" in each.clean for each in weight.judgements)
    step = "\n\ndef step(net, x):\n    loss = ratio(net, x).mean()\n    loss.backward()\n"
    assert codes(linted(tmp_path / "loss", {"net.py": START + WEIGHED + step})) == ["VAE306"]


SETTING = """
class Net(nn.Module):
    def __init__(self, settings, seen=33, told=5, latents=7):
        super().__init__()
        self.settings = settings
        self.to_q, self.to_p = nn.Linear(seen + told, 2 * latents), nn.Linear(seen, 2 * latents)
        self.back, self.more = nn.Linear(latents + told, seen), nn.Linear(seen + told, seen + told)

    def forward(self, x, c):
        both = torch.cat([x, c], -1)
        if self.settings.deep:
            both = F.relu(self.more(both))
        if self.settings.steep:
            c = F.gelu(c)
        wide_mean, wide_s = torch.chunk(self.to_q(both), 2, 1)
        near_mean, near_s = torch.chunk(self.to_p(F.elu(x) if self.settings.bent else x), 2, 1)
        if self.settings.from_prior:
            z = near_mean + torch.exp(0.5 * near_s) * torch.randn_like(near_mean)
        else:
            z = wide_mean + torch.exp(0.5 * wide_s) * torch.randn_like(wide_mean)
        y = self.back(torch.cat([z, F.tanh(c) if self.settings.told else c], -1))
        near = (wide_mean - near_mean) ** 2 / near_s.exp()
        kl = 0.5 * (near_s - wide_s + (wide_s - near_s).exp() + near - 1).sum(-1)
        return F.mse_loss(y, x, reduction="none").sum(-1).mean() + kl.mean()


def fit(settings, loader):
    net = Net(settings)
    for x, c in loader:
        loss = net(x, c)
        loss.backward()
"""


def test_a_setting_that_draws_from_the_prior_tells_no_direction(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": START + SETTING})) == []
    only = SETTING.replace("if self.settings.from_prior:", "if True:")
    assert codes(linted(tmp_path, {"net.py": START + only})) == ["VAE306"]


ALIGNED = """
class Words(nn.Module):
    def __init__(self, words=51, latents=7):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(words, latents), nn.Linear(words, latents)
        self.back = nn.Linear(latents, words)

    def forward(self, y):
        m, s = self.to_m(y), self.to_s(y)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), m, s


class Pictures(nn.Module):
    def __init__(self, seen=84, latents=7):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(seen, latents), nn.Linear(seen, latents)

    def forward(self, x):
        return self.to_m(x), self.to_s(x)


def apart(m1, s1, m2, s2):
    return 0.5 * (s2 - s1 + (s1 - s2).exp() + (m1 - m2) ** 2 / s2.exp() - 1).sum(1)


def fit(loader, optimizer):
    words, pictures = Words(), Pictures()
    for x, y in loader:
        near, wide = pictures(x)
        out, m, s = words(y)
        own = {own}
        loss = F.mse_loss(out, y, reduction="none").sum(1) + own + 10.0 * apart(near, wide, m, s)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("own", "expected"), [("-0.5 * (1 + s - m ** 2 - s.exp()).sum(1)", []), ("0.0", ["VAE306"])])
def test_a_gaussian_beside_the_fixed_prior_is_no_prior(own: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": START + ALIGNED.format(own=own)})) == expected


FIXED = (
    START
    + """
to_m, to_s, back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)


def step(x, optimizer):
    q = Normal(to_m(x), torch.exp(0.5 * to_s(x)))
    p = Normal(torch.zeros(7), torch.ones(7))
    error = F.mse_loss(back(q.rsample()), x, reduction="sum")
    {terms}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ("loss = error + 0.5 * (kl_divergence(q, p) + kl_divergence(p, q)).sum()", []),
        ("loss, shown = error + kl_divergence(q, p).sum(), kl_divergence(p, q).sum().item()", []),
        ("loss = error + kl_divergence(p, q).sum()", ["VAE306"]),
    ],
)
def test_the_other_direction_of_a_fixed_prior_is_meant_beside_its_kl(
    terms: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": FIXED.format(terms=terms)})) == expected


def test_a_kl_of_an_encoder_that_is_kept_as_it_is_is_not_missed(tmp_path: Path) -> None:
    text = FIXED.replace(
        "    q = Normal(to_m(x), torch.exp(0.5 * to_s(x)))", "    {heads}\n    q = Normal(m, torch.exp(0.5 * s))"
    )
    for heads, expected in (
        ("with torch.no_grad():\n        m, s = to_m(x), to_s(x)", []),
        ("m, s = to_m(x), to_s(x)", ["VAE305"]),
    ):
        shown = text.format(heads=heads, terms="loss, kl = error, kl_divergence(q, p).sum()\n    print(kl.item())")
        assert codes(linted(tmp_path, {"net.py": shown})) == expected


BOTH_DRAWN = """m, s = self.to_q(torch.cat([x, c], -1)).chunk(2, -1)
        q = Normal(m, torch.exp(s))
        m, s = self.to_p(c).chunk(2, -1)
        p = Normal(m, torch.exp(s))
        again = library.told({drawn}, c)
        return self.back(torch.cat([q.rsample(), c], -1)), q, p, again"""


@pytest.mark.parametrize(
    ("drawn", "added", "expected"),
    [
        ("p.rsample()", "again.score(x) + ", []),
        ("p.rsample()", "", ["VAE306"]),
        ("p.mean", "again.score(x) + ", ["VAE306"]),
    ],
)
def test_a_draw_from_either_that_is_trained_tells_no_direction(
    drawn: str, added: str, expected: list[str], tmp_path: Path
) -> None:
    body = NET.format(
        forward=BOTH_DRAWN.format(drawn=drawn),
        returned="y, q, p, again",
        kl=f"{added}kl_divergence(p, q).sum(-1)",
    )
    assert codes(linted(tmp_path, {"net.py": "import library\n" + START + body})) == expected
