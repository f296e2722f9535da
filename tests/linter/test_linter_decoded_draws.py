"""A draw around what the decoder made, as of a chain's next picture: no posterior's, whatever its arguments' names."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, TRUNK, codes, joined, linted

NET = (
    HEAD
    + TRUNK
    + """\
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU())
        self.to_y, self.to_w = nn.Linear(33, 84), nn.Linear(33, 84)

    def drawn(self, m, s):
        return m + torch.exp({std}) * torch.randn_like(s)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        {draw}
        g = self.back(z)
        return self.to_y(g), self.to_w(g), m, s


def shaken(mu, logvar):
    return mu + torch.exp({wide}) * torch.{noise}(logvar)


def fit(loader, every):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        now = x
{steps}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
TERMS = """\
y, w, m, s = net(now)
kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
term = F.gaussian_nll_loss(y, x, w.exp(), reduction="sum") / len(x) + kl
"""
NEXT = "y, w, m, s = net(now)\nnow = shaken(y, w)\n"


def indented(text: str, by: int) -> str:
    return "".join(" " * by + line + "\n" for line in text.splitlines())


BEFORE = f"for _ in range(4):\n    with torch.no_grad():\n{indented(NEXT, 8)}{TERMS}loss = term"
WITHIN = (
    f"loss = 0\nfor _ in range(4):\n{indented(TERMS, 4)}"
    "    loss = loss + term / 4\n    with torch.no_grad():\n        now = shaken(y, w)"
)
STEPS = {
    "before the loss": BEFORE,
    "beside each loss": WITHIN,
    "by a setting": f"if every:\n{indented(WITHIN, 4)}else:\n{indented(BEFORE, 4)}",
}
DRAW = "z = self.drawn(m, s)"
LAWS = [("0.5 * logvar", "randn_like"), ("logvar", "rand_like")]


def written(steps: str, *, draw: str = DRAW, std: str = "0.5 * s", law: tuple[str, str] = LAWS[0]) -> dict[str, str]:
    wide, noise = law
    return {"net.py": NET.format(draw=draw, std=std, wide=wide, noise=noise, steps=indented(steps, 8))}


@pytest.mark.parametrize("law", LAWS, ids=["as a posterior", "otherwise"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_chain_of_pictures_draws_with_no_posterior(steps: str, law: tuple[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, written(steps, law=law))
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize(("std", "expected"), [("0.5 * s", []), ("s", ["VAE201"])])
@pytest.mark.parametrize("given", ["torch.sigmoid(self.to_y(g))", "0.5 * torch.tanh(self.to_y(g)) + 0.5"])
def test_a_picture_may_be_bounded_before_it_is_drawn_around(
    given: str, std: str, expected: list[str], tmp_path: Path
) -> None:
    files = written(BEFORE, std=std, law=LAWS[1])
    assert files["net.py"].count("return self.to_y(g),") == 1
    files["net.py"] = files["net.py"].replace("return self.to_y(g),", f"return {given},")
    assert codes(linted(tmp_path, files)) == expected


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_latent_of_the_chain_without_gradient_is_still_named(steps: str, tmp_path: Path) -> None:
    draw = f"with torch.no_grad():\n            {DRAW}"
    assert codes(linted(tmp_path, written(steps, draw=draw))) == ["VAE206"]


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_latent_of_the_chain_with_another_std_is_still_named(steps: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, written(steps, std="s"))) == ["VAE201"]


def test_one_function_that_draws_both_is_judged_by_the_latent(tmp_path: Path) -> None:
    files = written(WITHIN, std="0.5 * s", draw="z = shaken(m, s)", law=("logvar", "randn_like"))
    assert codes(linted(tmp_path, files)) == ["VAE201"]


OUTSIDE = """\
import torch
import torch.nn.functional as F


def shaken(mu, logvar):
    return mu + torch.exp(logvar) * torch.rand_like(logvar)


def fit(net, loader):
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, w, m, s = net(x)
        with torch.no_grad():
            now = shaken({drawn})
        y, w, m, s = net(now)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        loss = F.mse_loss(y, x, reduction="sum") / len(x) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("drawn", "expected"), [("y, w", []), ("m, s", ["VAE202"])])
def test_a_model_from_elsewhere_makes_the_picture(drawn: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"fit.py": OUTSIDE.format(drawn=drawn)})) == expected


TWO_LEVELS = (
    HEAD
    + LAYERS
    + """        self.to_n, self.to_t, self.last = nn.Linear(7, 84), nn.Linear(7, 84), nn.Linear(84, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        n, t = self.to_n(z), self.to_t(z)
        return self.last(n + torch.exp({std}) * torch.randn_like(t)), m, s, n, t


def fit(loader):
    net = Net()
    for x in loader:
        y, m, s, n, t = net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) - 0.5 * torch.sum(1 + t - n.pow(2) - t.exp())
        loss = F.mse_loss(y, x, reduction="sum") + F.mse_loss(n, x, reduction="sum") + kl
        loss.backward()
"""
)


@pytest.mark.parametrize(("std", "expected"), [("0.5 * t", []), ("t", ["VAE201"])])
def test_a_mean_that_a_kl_reads_is_a_posterior_though_compared(std: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TWO_LEVELS.format(std=std)})) == expected
