"""Losses that take a model's result whole, or both heads as a pair, and take it apart themselves."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

FORWARD = """
    def forward(self, x):
        m, logvar = self.encode(x)
        return {returned}

    def drawn(self, m, logvar):
        return self.back(m + torch.exp({exponent} * logvar) * torch.randn_like(m))
"""
CRITERION = (
    HEAD
    + """

def vae_loss({parameters}):
    {unpacked} = heads
    error = F.mse_loss(recon, x, reduction="none").sum(1)
    return (error - 0.5 * torch.sum(1 + logvar - m.pow(2) - logvar.exp(), dim=1)).mean()
"""
)
WAYS = {
    "the whole result": ("self.drawn(m, logvar), m, logvar", "x, heads", "recon, m, logvar"),
    "a pair of heads": ("self.drawn(m, logvar), (m, logvar)", "recon, x, heads", "m, logvar"),
    "a pair of heads first": ("(m, logvar), self.drawn(m, logvar)", "heads, recon, x", "m, logvar"),
}


@pytest.mark.parametrize(("returned", "parameters", "unpacked"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("exponent", "named"), [("0.5", []), ("1.0", ["VAE201"])])
def test_a_loss_meets_the_sampler_of_what_it_takes_apart(
    tmp_path: Path, returned: str, parameters: str, unpacked: str, exponent: str, named: list[str]
) -> None:
    net = HEAD + MODEL + FORWARD.format(returned=returned, exponent=exponent)
    loss = CRITERION.format(parameters=parameters, unpacked=unpacked)

    report = linted(tmp_path, {"net.py": net, "loss.py": loss})

    assert codes(report) == named
    assert any(facts.kl.form is not None and facts.sampler.std is not None for facts in report.facts)


@pytest.mark.parametrize(
    ("loss", "order", "swapped"),
    [
        ("F.mse_loss({})", "x, y", False),
        ("F.l1_loss({})", "x, y", False),
        ("F.binary_cross_entropy({})", "x, y", True),
        ("F.binary_cross_entropy({})", "y, x", False),
    ],
)
def test_arguments_of_a_symmetric_loss_have_no_order(tmp_path: Path, loss: str, order: str, swapped: bool) -> None:
    forward = """
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {loss} - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + forward.format(loss=loss.format(order))})

    told = [facts.recon.swapped for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [swapped]


@pytest.mark.parametrize("moved", [".permute(0, 2, 1)", ".transpose(1, 2)", ".view(-1, 12, 7).mT"])
def test_an_activation_is_seen_behind_a_change_of_layout(tmp_path: Path, moved: str) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)).unflatten(1, (7, 12)){moved}
        recon = F.mse_loss(y, x, reduction="none").sum((1, 2))
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + forward})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("sigmoid",)]


@pytest.mark.parametrize("output", ["0.5 * (y.mul(3).tanh() + 1)", "1 - y.tanh() / 2", "-y.tanh()"])
def test_an_activation_is_seen_behind_what_scales_and_shifts_it(tmp_path: Path, output: str) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.to_x(m + torch.exp(0.5 * s) * torch.randn_like(s))
        recon = F.mse_loss({output}, x, reduction="none").sum(1)
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    layer = "        self.to_x = nn.Linear(7, 84)\n\n    def encode"
    report = linted(tmp_path, {"net.py": (HEAD + MODEL + forward).replace("\n    def encode", layer)})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("tanh",)]


@pytest.mark.parametrize("order", ["x, y", "y, x"])
def test_the_prediction_is_the_side_that_is_computed_from_the_other(tmp_path: Path, order: str) -> None:
    # The sampler is behind a call that is not read: no z tells the sides apart.
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(mystery.drawn(m, s))
        return F.l1_loss({order}) - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())
"""
    report = linted(tmp_path, {"net.py": HEAD + "import mystery\n" + MODEL + forward})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("sigmoid",)]


HALVES = {
    "chunk": "self.both(h).chunk(2, 1)",
    "split": "torch.split(self.both(h), 11, dim=1)",
    "split by sizes": "self.both(h).split([11, 11], -1)",
    "tensor_split": "torch.tensor_split(self.both(h), 2, dim=1)",
    "tensor_split at a place": "torch.tensor_split(self.both(h), (11,), dim=-1)",
}


@pytest.mark.parametrize("halves", HALVES.values(), ids=HALVES)
def test_latents_are_those_of_one_head_of_a_layer_that_makes_both(tmp_path: Path, halves: str) -> None:
    net = f"""

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(84, 33), nn.ReLU())
        self.both = nn.Linear(33, 22)
        self.back = nn.Linear(11, 84)

    def forward(self, x):
        h = self.trunk(x)
        m, s = {halves}
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        recon = F.mse_loss(y, x, reduction="none").sum(1)
        return (recon - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp(), 1)).mean()
"""
    report = linted(tmp_path, {"net.py": HEAD + net})

    betas = [facts.objective.effective_beta for facts in report.facts if facts.objective.effective_beta is not None]
    assert [[(size.name, size.value, size.power) for size in fact.value.factors] for fact in betas] == [
        [("latents", 11, -1)]
    ]


def test_a_view_above_a_cross_entropy_by_hand_is_of_the_prediction(tmp_path: Path) -> None:
    forward = """
    def forward(self, x):
        m, s = self.encode(x.flatten(1))
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)).view(-1, 3, 4, 7)
        recon = -(x * torch.log(y + 1e-8) + (1 - x) * torch.log(1 - y + 1e-8)).sum((1, 2, 3))
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + forward})

    shapes = [facts.output.shape for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value.output for fact in shapes] == ["B 3 4 7"]


def test_a_sampler_and_a_kl_of_the_same_layers_belong_together(tmp_path: Path) -> None:
    # std is spelled in two ways, and the mean that the KL is found at is the one below the ReLU.
    forward = """
    def forward(self, x):
        m, s = self.encode(x)
        m, s = m.relu(), s.clamp(-20, 10)
        y = self.back(m + torch.exp(2 * s).sqrt() * torch.randn_like(s))
        kl = torch.distributions.kl_divergence(torch.distributions.Normal(m, torch.exp(s)), PRIOR).sum(1)
        return F.mse_loss(y, x, reduction="none").sum(1) + kl
"""
    prior = "PRIOR = torch.distributions.Normal(0.0, 1.0)\n"
    report = linted(tmp_path, {"net.py": HEAD + prior + MODEL + forward})

    assert [(facts.sampler.std is not None, facts.kl.form is not None) for facts in report.facts] == [(True, True)]


def test_a_std_that_is_an_exp_is_read_alike_by_the_model_alone(tmp_path: Path) -> None:
    net = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84), nn.Sigmoid())

    def forward(self, x):
        h = self.trunk(x)
        m, std = 3 * torch.tanh(self.to_m(h)), torch.exp(self.to_s(h))
        return self.back(m + std * torch.randn_like(m)), m, std


def vae_loss(recon, x, mu, std):
    error = F.mse_loss(recon, x, reduction="none").sum(1)
    return (error + 0.5 * torch.sum(mu * mu + std * std - 1 - 2 * std.log(), 1)).mean()


def train(loader):
    net = Net()
    for x, _ in loader:
        out, mu, std = net(x)
        vae_loss(out, x, mu, std).backward()


def embed(loader):
    net = Net()
    return [net(x)[0] for x, _ in loader]
"""
    assert codes(linted(tmp_path, {"net.py": HEAD + net})) == []


@pytest.mark.parametrize(
    ("decoder", "guarded", "interval"),
    [("y.clamp(0, 1)", "p", (0.0, 1.0)), ("y", "p.clamp(1e-6, 1 - 1e-6)", (-math.inf, math.inf))],
    ids=["the decoder's own", "what keeps a logarithm finite"],
)
def test_a_clamp_is_the_decoders_end_or_the_guard_of_a_logarithm(
    tmp_path: Path, decoder: str, guarded: str, interval: tuple[float, float]
) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.to_x(m + torch.exp(0.5 * s) * torch.randn_like(s))
        p = {decoder}
        p = {guarded}
        recon = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1)
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    layer = "        self.to_x = nn.Linear(7, 84)\n\n    def encode"
    report = linted(tmp_path, {"net.py": (HEAD + MODEL + forward).replace("\n    def encode", layer)})

    told = [facts.output.interval for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and (fact.value.low, fact.value.high) for fact in told] == [interval]


BY_KEYS = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(s) * torch.randn_like(s)
        return {{"mean": m, "picture": self.back(z), "logvar": s}}

    def {name}(self, x, given):
        m, s = {read}
        error = F.binary_cross_entropy(given["picture"], x, reduction="none").sum(1)
        return (error + {kl}).mean()
"""
)


@pytest.mark.parametrize(
    "read", ['given["mean"], given["logvar"]', 'given.get("mean"), given.get("logvar", None)'], ids=["index", "get"]
)
def test_a_loss_that_reads_the_models_dict_by_its_keys_is_handed_it(read: str, tmp_path: Path) -> None:
    text = BY_KEYS.format(name="compute_loss", read=read, kl=KL)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE201"]


@pytest.mark.parametrize(
    ("name", "read"),
    [("compute_loss", 'given["mean"], given["other"]'), ("show", 'given["mean"], given["logvar"]')],
    ids=["another key", "no loss"],
)
def test_a_dict_with_other_keys_is_another_one(name: str, read: str, tmp_path: Path) -> None:
    text = BY_KEYS.format(name=name, read=read, kl=KL)
    assert codes(linted(tmp_path, {"net.py": text})) == []


CHOSEN = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings
        self.trunk = nn.Linear(84, 33)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))

    def forward(self, x):
        h = self.trunk(x)
        if self.settings.deep:
            h = F.relu(h)
        if self.settings.wide:
            h = F.elu(h)
        if self.settings.long:
            h = F.gelu(h)
        m, s = self.to_m(h), self.to_s(h)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        {end}
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return F.binary_cross_entropy_with_logits(y, x, reduction="sum") + kl


def fit(settings, loader):
    net = Net(settings)
    for x in loader:
        loss = net(x)
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("y = torch.sigmoid(y) if self.settings.closed else y", []),
        ("y = torch.softmax(y, 1) if self.settings.closed else torch.tanh(y)", []),
        ("y = torch.sigmoid(y) if self.settings.closed else torch.sigmoid(y + x.mean())", ["VAE401"]),
        ("y = torch.sigmoid(y)", ["VAE401"]),
    ],
)
def test_an_activation_that_one_of_many_settings_chooses(end: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": CHOSEN.format(end=end)})) == expected
