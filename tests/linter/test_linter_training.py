"""What training does, as the linter reads it: gradient through z, noise, dropout, NaN, and what the optimizer holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue import CATALOGUE
from vae_checked.facts import Head, NoiseTiming
from vae_checked.linter import LintReport, lint

ALL = [mistake.code for mistake in CATALOGUE]

MODULE = """\
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.up = nn.Linear(7, 33)
        self.out = nn.Linear(33, 91)

    def encode(self, x):
        h = {hidden}
        return self.to_m(h), self.to_s(h)

    def latent(self, mu, logvar):
{latent}

    def decode(self, z):
        return torch.sigmoid(self.out(torch.relu(self.up(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.latent(mu, logvar)), mu, logvar

{methods}

def vae_loss(x_hat, x, mu, logvar):
    recon = F.binary_cross_entropy(x_hat, x, reduction="none").sum(1)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    loss = recon + kl
{ending}


def train(loader, epochs=3):
    model = Net()
    optimizer = torch.optim.Adam({parameters}, lr=1e-3)
    for _ in range(epochs):
        for x, _ in loader:
            x_hat, mu, logvar = model(x)
            loss = vae_loss(x_hat, x, mu, logvar)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
RIGHT = "return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"


def module(
    latent: str = RIGHT,
    hidden: str = "torch.relu(self.trunk(x))",
    ending: str = "return loss.mean()",
    parameters: str = "model.parameters()",
    methods: str = "",
) -> str:
    def block(text: str, depth: int) -> str:
        return "\n".join(" " * depth + line if line else line for line in text.splitlines())

    return MODULE.format(
        latent=block(latent, 8),
        hidden=hidden,
        ending=block(ending, 4),
        parameters=parameters,
        methods=block(methods, 4),
    )


def read(folder: Path, text: str) -> LintReport:
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    report = lint([path], select=ALL)
    assert report.facts, "the VAE was not seen"
    return report


def codes(folder: Path, text: str) -> list[str]:
    return sorted({finding.code for finding in read(folder, text).findings})


STD = "std = torch.exp(0.5 * logvar)\n"
REACHED = {
    "both heads": ("return mu + std * torch.randn_like(std)", {Head.MU, Head.SECOND}),
    "no mean": ("return mu.detach() + std * torch.randn_like(std)", {Head.SECOND}),
    "no std": ("return mu + std.detach() * torch.randn_like(std)", {Head.MU}),
    "no product": ("return mu + (std * torch.randn_like(std)).detach()", {Head.MU}),
    "neither": ("return (mu + std * torch.randn_like(std)).detach()", set()),
}


@pytest.mark.parametrize(("latent", "reached"), REACHED.values(), ids=REACHED)
def test_the_heads_that_a_gradient_reaches_through_z(latent: str, reached: set[Head], tmp_path: Path) -> None:
    found = [facts.sampler.gradient_reaches for facts in read(tmp_path, module(STD + latent)).facts]
    assert {fact.value for fact in found if fact is not None} == {frozenset(reached)}


DRAWS = {
    "eps": (RIGHT, []),
    "rsample": (f"{STD}return Normal(mu, std).rsample()", []),
    "sample": (f"{STD}return Normal(mu, std).sample()", ["VAE206"]),
    "sample of a name": (f"{STD}q = Normal(loc=mu, scale=std)\nz = q.sample()\nreturn z", ["VAE206"]),
    "normal": (f"{STD}return torch.normal(mu, std)", ["VAE206"]),
    "normal of eps alone": (f"{STD}return mu + std * torch.normal(0.0, 1.0, size=mu.shape)", []),
    "sample of eps alone": (f"{STD}return mu + std * Normal(0.0, 1.0).sample(mu.shape)", []),
    "data": (f"{STD}return mu + std.data * torch.randn_like(std)", ["VAE206"]),
    "detached": (f"{STD}z = mu + std * torch.randn_like(std)\nreturn z.detach()", ["VAE206"]),
    "detached eps": (f"{STD}eps = torch.randn_like(std).detach()\nreturn mu + std * eps", []),
    "the mean and std": (f"{STD}return mu + std", ["VAE207"]),
    "the mean and std, in place": (f"{STD}return mu.add(std)", ["VAE207"]),
    "the mean": ("return mu", ["VAE207"]),
    "an eps of zeros": (f"{STD}eps = torch.zeros_like(std)\nreturn mu + eps * std", ["VAE207"]),
    "noise in training": (f"if self.training:\n    {RIGHT}\nreturn mu", []),
    "noise in evaluation": (f"if self.training:\n    return mu\n{RIGHT}", ["VAE207"]),
    "noise in evaluation, asked with not": (f"if not self.training:\n    {RIGHT}\nreturn mu", ["VAE207"]),
    "the mean in evaluation, asked with not": (f"if not self.training:\n    return mu\n{RIGHT}", []),
    "one name for both, no eps in evaluation": (
        f"{STD}if self.training:\n    std = torch.randn_like(std).mul(std)\nreturn std.add_(mu)",
        ["VAE207"],
    ),
    "no eps in evaluation, asked with not": (
        f"{STD}if not self.training:\n    e = std\nelse:\n    e = std * torch.randn_like(std)\nreturn mu + e",
        ["VAE207"],
    ),
    "an eps of ones in evaluation": (
        f"{STD}eps = torch.randn_like(std) if self.training else torch.ones_like(std)\nreturn mu + eps * std",
        ["VAE207"],
    ),
    "an eps of zeros in evaluation": (
        f"{STD}eps = torch.randn_like(std) if self.training else torch.zeros_like(std)\nreturn mu + eps * std",
        [],
    ),
    "a scale for evaluation": (
        f"{STD}if not self.training:\n    std = 0.5 * std\nreturn mu + std * torch.randn_like(std)",
        [],
    ),
    "a sample as noise": (f"{STD}n = std * torch.randn_like(std) + mu\nreturn mu + std * n", ["VAE202"]),
    "a sample that is kept near the mean": (f"{STD}z = {RIGHT[7:]}\nreturn mu + 0.5 * (z - mu)", []),
    "the mean in evaluation, in one line": (f"noisy = {RIGHT[7:]}\nreturn noisy if self.training else mu", []),
}


@pytest.mark.parametrize(("latent", "expected"), DRAWS.values(), ids=DRAWS)
def test_draw(latent: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(latent)) == expected


# What a setting or shared weights leave open: the code that is then not called clean.
NOT_CLEAN = {
    "a setting that hands on the mean": ("VAE207", f"if self.options.plain:\n    return mu\n{RIGHT}"),
}


def clean(report: LintReport) -> set[str]:
    return {code for judgement in report.judgements for code in judgement.clean}


@pytest.mark.parametrize(("code", "latent"), NOT_CLEAN.values(), ids=NOT_CLEAN)
def test_what_is_left_open_is_not_clean(code: str, latent: str, tmp_path: Path) -> None:
    text = module(latent).replace("def __init__(self):", "def __init__(self, options):")
    report = read(
        tmp_path,
        text.replace("self.trunk =", "self.options = options\n        self.trunk =").replace("Net()", "Net({})"),
    )
    assert report.findings == ()
    assert code not in clean(report)
    assert code in clean(read(tmp_path, module()))


def test_heads_of_the_same_weights_are_not_clean(tmp_path: Path) -> None:
    tied = "self.to_s = nn.Linear(33, 7)\n        self.to_s.weight = self.to_m.weight"
    report = read(tmp_path, module().replace("self.to_s = nn.Linear(33, 7)", tied))
    assert "VAE205" not in clean(report)
    assert "VAE205" in clean(read(tmp_path, module()))


@pytest.mark.parametrize(
    "method",
    [
        "def make(self, x):\n    m, s = self.encode(x)\n    return self.decode(Normal(m, torch.exp(s / 2)).sample())",
        "def embed(self, x):\n    mu, logvar = self.encode(x)\n    return torch.normal(mu, torch.exp(0.5 * logvar))",
    ],
    ids=["generation", "embedding"],
)
def test_a_draw_that_no_loss_sees_needs_no_gradient(method: str, tmp_path: Path) -> None:
    assert codes(tmp_path, module(methods=method)) == []


def test_the_inverted_branch_is_told_from_no_noise_at_all(tmp_path: Path) -> None:
    latent, _ = DRAWS["noise in evaluation"]
    timings = [facts.sampler.timing for facts in read(tmp_path, module(latent)).facts]
    assert NoiseTiming(training=False, evaluation=True) in [fact.value for fact in timings if fact is not None]


OVERFLOWS = {
    "half": ("return mu + torch.exp(0.5 * logvar.half()).float() * torch.randn_like(mu)", ["VAE208"]),
    "half and clamped": (
        "return mu + torch.exp(0.5 * logvar.clamp(-20.0, 15.0).half()).float() * torch.randn_like(mu)",
        [],
    ),
    "single": (RIGHT, []),
}


@pytest.mark.parametrize(("latent", "expected"), OVERFLOWS.values(), ids=OVERFLOWS)
def test_overflow(latent: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(latent)) == expected


WHERE_FLOAT32_ENDS = {
    # exp(s) of the KL goes before the exp(s / 2) of the sampler: float32 ends at 3.4e38 = exp(88.72).
    "both exps": (RIGHT, 88.72),
    "a clamp in the sampler alone": (
        "return mu + torch.exp(0.5 * logvar.clamp(max=9.0)) * torch.randn_like(mu)",
        88.72,
    ),
    "a sampler that overflows first": ("return mu + torch.exp(4.0 * logvar) * torch.randn_like(mu)", 22.18),
}


@pytest.mark.parametrize(("latent", "at"), WHERE_FLOAT32_ENDS.values(), ids=WHERE_FLOAT32_ENDS)
def test_the_first_overflow_is_that_of_sampler_and_kl(latent: str, at: float, tmp_path: Path) -> None:
    found = [facts.heads.overflow for facts in read(tmp_path, module(latent)).facts if facts.kl.form is not None]
    assert found
    for fact in found:
        assert fact is not None
        assert fact.value.at == pytest.approx(at, rel=1e-3)


# torch takes the logarithm of (std_q / std_p)^2, which is rounded to 0 below 2^-150 = exp(-103.97).
DIVERGENCES = {
    "posterior to prior": ("Normal(mu, std), Normal(0.0, 1.0)", 88.72),
    "prior to posterior": ("Normal(0.0, 1.0), Normal(mu, std)", 103.97),
}


@pytest.mark.parametrize(("pair", "at"), DIVERGENCES.values(), ids=DIVERGENCES)
def test_where_a_kl_of_torch_overflows(pair: str, at: float, tmp_path: Path) -> None:
    formula = "-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)"
    text = module().replace(f"kl = {formula}", f"std = (0.5 * logvar).exp()\n    kl = kl_divergence({pair}).sum(1)")
    imported = text.replace("import Normal", "import Normal, kl_divergence")
    found = [facts.heads.overflow for facts in read(tmp_path, imported).facts if facts.kl.form is not None]
    assert found
    for fact in found:
        assert fact is not None
        assert fact.value.at == pytest.approx(at, rel=1e-3)


def test_a_sampler_without_a_kl_does_not_tell_what_overflows_first(tmp_path: Path) -> None:
    alone = MODULE[: MODULE.index("def vae_loss")].format(
        latent=" " * 8 + RIGHT, hidden="torch.relu(self.trunk(x))", methods=""
    )
    assert [facts.heads.overflow for facts in read(tmp_path, alone).facts] == [None]


DROPOUTS = {
    "functional": ("F.dropout(torch.relu(self.trunk(x)), 0.3)", ["VAE603"]),
    "functional by keyword": ("F.dropout(input=torch.relu(self.trunk(x)), p=0.3)", ["VAE603"]),
    "always on, and said so": ("F.dropout(torch.relu(self.trunk(x)), p=0.3, training=True)", []),
    "functional of images": ("F.dropout2d(torch.relu(self.trunk(x)), 0.3)", ["VAE603"]),
    "switched": ("F.dropout(torch.relu(self.trunk(x)), 0.3, self.training)", []),
    "switched by keyword": ("F.dropout(torch.relu(self.trunk(x)), p=0.3, training=self.training)", []),
    "of nothing": ("F.dropout(torch.relu(self.trunk(x)), 0.0)", []),
}


@pytest.mark.parametrize(("hidden", "expected"), DROPOUTS.values(), ids=DROPOUTS)
def test_dropout(hidden: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(hidden=hidden)) == expected


ASIDE = "def probe(self, x):\n    return self.side(F.dropout(self.trunk(x), 0.3))"


def test_dropout_beside_the_vae_is_not_its_own(tmp_path: Path) -> None:
    assert codes(tmp_path, module(methods=ASIDE)) == []


NET = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)

    def forward(self, x, rate):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return self.back(F.dropout(z, rate)), m, s


def cost(net, x, rate):
    y, m, s = net(x, rate)
    return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def fit(batches):
    net = Net()
    for x in batches:
        cost(net, x, 0.3).backward()


def check(batches):
    net = Net()
    return [cost(net, x, {rate}).item() for x in batches]
"""


@pytest.mark.parametrize(
    ("forward", "expected"),
    # Who evaluates the model was not read, and may hand over 0; a rate of the model's own is no choice of a caller.
    [("x, rate", []), ("x, rate=0.3", ["VAE603"])],
)
def test_a_rate_that_training_alone_hands_over(forward: str, expected: list[str], tmp_path: Path) -> None:
    text = NET[: NET.index("def check")].replace("def forward(self, x, rate)", f"def forward(self, {forward})")
    assert codes(tmp_path, text) == expected


@pytest.mark.parametrize(("rate", "expected"), [("0.0", []), ("0", []), ("0.3", ["VAE603"])])
def test_a_rate_that_evaluation_sets_to_zero_switches_it_off(rate: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, NET.format(rate=rate)) == expected


HIDDEN = {
    "shown": ("return loss.mean()", []),
    "nan_to_num": ("return torch.nan_to_num(loss).mean()", ["VAE604"]),
    "nan_to_num of the mean": ("return loss.mean().nan_to_num(0.0)", ["VAE604"]),
    "a mask by isnan": ("loss[torch.isnan(loss)] = 0.0\nreturn loss.mean()", ["VAE604"]),
    "a mask by inequality": ("loss[loss != loss] = 0\nreturn loss.mean()", ["VAE604"]),
    "where": ("loss = torch.where(torch.isnan(loss), torch.zeros_like(loss), loss)\nreturn loss.mean()", ["VAE604"]),
    "raised": ("if torch.isnan(loss).any():\n    raise ValueError('NaN')\nreturn loss.mean()", []),
    "a branch on isnan": (
        "if torch.isnan(kl).any():\n    kl = torch.zeros_like(kl)\nreturn (recon + kl).mean()",
        ["VAE604"],
    ),
    "a branch on a method": ("if kl.isnan().any():\n    kl = torch.tensor(0)\nreturn (recon + kl).mean()", ["VAE604"]),
    "a branch on a number": (
        "total = loss.mean()\nif math.isnan(total.item()):\n    total = torch.tensor(0.0)\nreturn total",
        ["VAE604"],
    ),
    "a branch on inequality": (
        "total = loss.mean()\nif total != total:\n    total = recon.mean()\nreturn total",
        ["VAE604"],
    ),
    "a branch on a head": (
        "total = recon\nif not torch.isnan(logvar).any():\n    total = recon + kl\nreturn total.mean()",
        ["VAE604"],
    ),
    "a choice in one line": ("kl = kl if torch.isfinite(kl).all() else 0.0\nreturn (recon + kl).mean()", ["VAE604"]),
    "another value returned": ("if torch.isnan(kl).any():\n    return recon.mean()\nreturn loss.mean()", ["VAE604"]),
    "a sum that leaves it out": ("return recon.mean() + torch.nansum(kl) / x.size(0)", ["VAE604"]),
    "a mean that leaves it out": ("return loss.nanmean()", ["VAE604"]),
    "missing data left out": (
        "recon = F.mse_loss(x_hat, x, reduction='none').nansum(1)\nreturn (recon + kl).mean()",
        [],
    ),
    "or infinite": (
        "if torch.isnan(kl).any() or torch.isinf(kl).any():\n    kl = 0 * recon\nreturn (recon + kl).mean()",
        ["VAE604"],
    ),
    "replaced and told": (
        "if torch.isnan(kl).any():\n    print('NaN')\n    kl = torch.zeros_like(kl)\nreturn (recon + kl).mean()",
        [],
    ),
    "only told": ("if torch.isnan(loss).any():\n    print('NaN')\nreturn loss.mean()", []),
    "left out": ("if torch.isnan(loss).any():\n    return None\nreturn loss.mean()", []),
    "missing data": (
        "if torch.isnan(x).any():\n    return recon.mean()\nreturn loss.mean()",
        [],
    ),
}


@pytest.mark.parametrize(("ending", "expected"), HIDDEN.values(), ids=HIDDEN)
def test_hidden_nan(ending: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(ending=ending)) == expected


SKIPPED = """\
            if torch.isnan(loss):
                continue
            optimizer.zero_grad()
"""


def test_a_step_that_is_left_out_hides_no_nan(tmp_path: Path) -> None:
    text = module().replace("            optimizer.zero_grad()\n", SKIPPED)
    assert codes(tmp_path, text) == []


SHOWN = """\
            loss.backward()
            shown = 0.0 if torch.isnan(loss) else float(loss)
            history.append(shown)
"""


def test_a_number_that_is_shown_in_place_of_a_nan_hides_none(tmp_path: Path) -> None:
    text = module().replace("            loss.backward()\n", SHOWN)
    assert "history" in text
    assert codes(tmp_path, text) == []
    text = text.replace("float(loss)", "loss").replace("            loss.backward()\n", "")
    assert codes(tmp_path, text.replace("history.append(shown)", "shown.backward()")) == ["VAE604"]


def test_a_sum_over_what_is_no_nan_leaves_it_open(tmp_path: Path) -> None:
    ending, _ = HIDDEN["missing data left out"]
    report = read(tmp_path, module(ending=ending))
    assert "VAE604" not in {code for judgement in report.judgements for code in judgement.clean}


def parts(*names: str) -> str:
    return "[" + ", ".join(f"*model.{name}.parameters()" for name in names) + "]"


PARAMETERS = {
    "all": ("model.parameters()", []),
    "every part": (parts("trunk", "to_m", "to_s", "up", "out"), []),
    "a head forgotten": (parts("trunk", "to_m", "up", "out"), ["VAE602"]),
    "lists added, a head forgotten": (
        "list(model.trunk.parameters()) + list(model.to_s.parameters()) + list(model.out.parameters())",
        ["VAE602"],
    ),
    "groups": (
        f"[{{'params': model.trunk.parameters()}}, {{'params': {parts('to_m', 'to_s')} + {parts('up', 'out')}}}]",
        [],
    ),
    "groups without the decoder": (
        f"[{{'params': model.trunk.parameters()}}, {{'params': {parts('to_m', 'to_s')}}}]",
        ["VAE602"],
    ),
}


@pytest.mark.parametrize(("parameters", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_optimizer(parameters: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(parameters=parameters)) == expected


def test_a_forgotten_head_is_named(tmp_path: Path) -> None:
    parameters, _ = PARAMETERS["a head forgotten"]
    finding = next(iter(read(tmp_path, module(parameters=parameters)).findings))
    assert "to_s" in finding.message


DETACHED = {
    "nothing": ("torch.relu(self.trunk(x))", []),
    "the trunk": ("torch.relu(self.trunk(x)).detach()", ["VAE601"]),
    "the trunk's data": ("self.trunk(x).data", ["VAE601"]),
    "the input": ("torch.relu(self.trunk(x.detach()))", []),
}


@pytest.mark.parametrize(("hidden", "expected"), DETACHED.values(), ids=DETACHED)
def test_detached_encoder(hidden: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, module(hidden=hidden)) == expected


UNUSED = "self.spare = nn.Linear(33, 7)"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (module(), True),
        (module().replace("self.up = nn", f"{UNUSED}\n        self.up = nn"), False),
        (
            MODULE[MODULE.index("def vae_loss") : MODULE.index("def train")].format(ending="    return loss.mean()"),
            False,
        ),
    ],
    ids=["every layer trained", "a layer that nothing calls", "a loss alone"],
)
def test_gradients_are_clean_only_where_every_layer_was_seen(text: str, clean: bool, tmp_path: Path) -> None:
    report = read(tmp_path, "import torch\nimport torch.nn.functional as F\n" + text)
    assert report.findings == ()
    assert ("VAE601" in {code for judgement in report.judgements for code in judgement.clean}) is clean
