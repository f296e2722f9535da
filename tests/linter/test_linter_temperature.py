"""A scale of eps that is an argument: what one call asks for is no mistake where another draws from N(0, 1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.reports import all_examined

CALLS = (
    HEAD
    + MODEL
    + f"""
    def sample(self, x, scale=1.0):
        m, s = self.encode(x)
        eps = torch.empty_like(m).normal_(0, scale)
        return m + torch.exp(0.5 * s) * eps, m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        z, m, s = net.sample(x{{training}})
        loss = F.mse_loss(net.back(z), x, reduction="none").sum(1) + {KL}
        loss.mean().backward()
    return net


def validate(net: Net, loader):
    net = Net()
    net.eval()
    return [net.back(net.sample(x, scale=1e-6)[0]).round() for x, _ in loader]
"""
)


def test_a_validation_with_hardly_any_noise_is_no_mistake(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": CALLS.format(training="")})) == []


def test_noise_that_is_scaled_in_training_too_is_named(tmp_path: Path) -> None:
    assert "VAE202" in codes(linted(tmp_path, {"net.py": CALLS.format(training=", scale=0.1")}))


EPS = {
    "as it is drawn": ("torch.randn_like(s)", []),
    "halved": ("0.5 * torch.randn_like(s)", ["VAE202"]),
    "halved by a division": ("torch.randn_like(s) / 2", ["VAE202"]),
    "moved": ("torch.randn_like(s) + 1", ["VAE202"]),
    "moved and moved back": ("(torch.randn_like(s) + 1) - 1", []),
    "turned round": ("-torch.randn_like(s)", []),
    "uniform and centred": ("2 * torch.rand_like(s) - 1", ["VAE202"]),
}


@pytest.mark.parametrize(("eps", "expected"), EPS.values(), ids=EPS)
def test_what_a_number_does_to_a_draw_is_of_the_noise(tmp_path: Path, eps: str, expected: list[str]) -> None:
    text = HEAD + MODEL + FORWARD.replace("torch.randn_like(s)", f"({eps})")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == expected
    assert [facts.sampler.std is not None for facts in report.facts] == [True]


@pytest.mark.parametrize("eps", ["0.5 * torch.randn_like(s)", "torch.randn_like(s) / 2", "2 * torch.rand_like(s) - 1"])
def test_the_line_of_what_a_number_does_to_a_draw_is_named(tmp_path: Path, eps: str) -> None:
    forward = FORWARD.replace("return", "e = torch.exp(0.5 * s)\n        return").replace(
        "torch.exp(0.5 * s) * ", "e * "
    )
    text = HEAD + MODEL + forward.replace("torch.randn_like(s)", f"({eps})")
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert (finding.code, finding.place and finding.place.column) == ("VAE202", text.splitlines()[-1].index(eps) + 1)


HEAD_AS_STD = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        e = torch.randn_like(s)
        z = {z}
        return self.back(z), m, s


def loss(net, x):
    y, m, s = net(x)
    return F.binary_cross_entropy(y, x, reduction="none").sum(1) + {kl}
"""
)


@pytest.mark.parametrize(
    "z", ["m + e * s", "m + s * e", "m + e.mul(s)", "m + torch.mul(e, s)", "e.mul(s).add(m)", "m - e * s"]
)
def test_a_head_that_is_taken_for_std_is_named_where_it_is(tmp_path: Path, z: str) -> None:
    text = HEAD_AS_STD.format(z=z, kl=KL)
    found = [finding for finding in linted(tmp_path, {"net.py": text}).findings if finding.code == "VAE201"]
    line = next(line for line in text.splitlines() if "z = " in line)
    assert [finding.place and finding.place.column for finding in found] == [len(line) - len(z) + z.index("s") + 1]
    assert [finding.message.partition(",")[0] for finding in found] == ["the sampler uses s as std"]


@pytest.mark.parametrize("scaled", ["(0.7 * torch.randn_like(s))", "torch.randn_like(s) * 0.7"])
def test_a_temperature_of_what_is_only_generated_is_no_mistake(tmp_path: Path, scaled: str) -> None:
    method = f"""
    def generate(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * {scaled})
"""
    assert codes(linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + method})) == []


@pytest.mark.parametrize("draw", ["(0.01 * torch.randn_like(s))", "torch.zeros_like(s).normal_(mean=0, std=0.01)"])
def test_a_forward_pass_that_draws_in_training_alone_trains(tmp_path: Path, draw: str) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * {draw} if self.training else m
        return self.back(z), m, s
"""
    assert codes(linted(tmp_path, {"net.py": HEAD + MODEL + forward})) == ["VAE202"]


WITH_LOSS = (
    HEAD
    + MODEL
    + f"""
    def forward(self, x, spread=1.0):
        m, s = self.encode(x)
        z = m + s.exp().sqrt() * torch.randn_like(m) * spread
        return F.mse_loss(self.back(z), x, reduction="none").sum(1) + {KL}


class Trainer:
    def __init__(self):
        self.net = Net()
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def fit(self, x):
        loss = self.net(x).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def score(self, x):
        loss = self.net(x, spread={{spread}})
        return loss.mean()
"""
)


@pytest.mark.parametrize("spread", ["0.0", "0", "1.0"])
def test_a_call_that_leaves_the_noise_out_reads_no_head_otherwise(spread: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WITH_LOSS.format(spread=spread)})) == []


@pytest.mark.parametrize(
    ("noise", "reason"),
    [
        ("self.settings.scale * torch.randn_like(s)", "self.settings.scale scales the noise"),
        ("(torch.randn_like(s) / self.settings['scale'])", "self.settings['scale'] scales the noise"),
        ("torch.randn_like(s)", None),
    ],
)
def test_noise_that_a_setting_scales_is_not_called_standard(noise: str, reason: str | None, tmp_path: Path) -> None:
    forward = FORWARD.replace("torch.randn_like(s)", noise)
    loss = f"""
    def loss(self, x):
        y, m, s = self(x)
        return (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()
"""
    (vae,) = (each for each in all_examined(linted(tmp_path, {"net.py": HEAD + MODEL + forward + loss})) if each.is_vae)
    assert not vae.found
    if reason is None:
        assert "VAE202" in vae.clean
    else:
        assert reason in str(vae.views[0].unobserved["sampler.noise"])
        assert "VAE202" in vae.undecided


SCALED_TWICE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(35, 7), nn.Linear(35, 7), nn.Linear(7, 35)

    def draw(self, m, s):
        std = s.mul(0.5).exp_()
        eps = torch.randn(std.size())
        {scaled}
        return {drawn}

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(self.draw(m, s)), m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        kl = {kl}
        (F.mse_loss(y, x, reduction="sum") + kl.sum()).backward()
"""
)


@pytest.mark.parametrize(
    ("scaled", "drawn", "expected"),
    [
        ("eps = eps.mul(std)", "eps.mul(std).add_(m)", ["the sampler uses exp(s) as std"]),
        ("eps = eps * std", "m + eps.mul(std)", ["the sampler uses exp(s) as std"]),
        ("pass", "eps.mul(std).add_(m)", []),
    ],
    ids=["scaled twice by methods", "scaled twice by an operator", "scaled once"],
)
def test_noise_that_is_scaled_twice_is_named_by_what_it_is(
    scaled: str, drawn: str, expected: list[str], tmp_path: Path
) -> None:
    text = SCALED_TWICE.format(scaled=scaled, drawn=drawn, kl=KL)
    found = [finding for finding in linted(tmp_path, {"net.py": text}).findings if finding.code == "VAE201"]
    assert [finding.message.partition(",")[0] for finding in found] == expected
