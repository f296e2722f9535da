"""A draw from the prior that goes on from a trained z, as an imagined step does, is no draw of the posterior."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.finding import Place

WORLD = (
    HEAD
    + """
from torch.distributions import Normal, kl_divergence


class World(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(7, 13)
        self.ahead, self.seen = nn.Linear(13, 14), nn.Linear(13 + 84, 14)
        self.back, self.judge, self.actor = nn.Linear(20, 84), nn.Linear(20, 1), nn.Linear(20, 3)

    def both(self, made):
        m, s = torch.chunk(made, 2, dim=-1)
        return m, F.softplus(s) + 0.1

    def forward(self, x):
        h, z = torch.zeros(len(x), 13), torch.zeros(len(x), 7)
        made, terms = [], []
        for t in range(x.shape[1]):
            h = self.cell(z, h)
            pm, ps = self.both(self.ahead(h))
            qm, qs = self.both(self.seen(torch.cat([h, x[:, t]], -1)))
            {drawn}
            made.append(self.back(torch.cat([h, z], -1)))
            terms.append(kl_divergence(Normal(qm, qs), Normal(pm, ps)).sum(-1))
        return torch.stack(made, 1), torch.stack(terms, 1), h, z
"""
)
IMAGINE = """
    def imagine(self, h, z):
        h = self.cell(z, h)
        m, s = self.both(self.ahead(h))
        return h, {ahead}
"""
STEP = """

def step(world, opt, other, x):
    y, kl, h, z = world(x)
    loss = F.mse_loss(y, x, reduction="sum") / len(x) + kl.sum(1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    {after}


def learn(world, other, h, z):
    with torch.no_grad():
        {imagined}
    {wanted}
    other.zero_grad()
    wanted.backward()
    other.step()
"""
DRAWN = "z = Normal(qm, qs).rsample()"
WANTED = {
    "a critic": "value = world.judge(torch.cat([h, z], -1))\n    wanted = F.mse_loss(value, torch.ones_like(value))",
    "an actor": "act = torch.tanh(world.actor(torch.cat([h, z], -1)))\n    wanted = -act.mean()",
}
AHEAD = {
    "by distributions": "Normal(m, s).rsample()",
    "by hand": "m + s * torch.randn_like(s)",
    "by sample": "Normal(m, s).sample()",
}
LEARN = "learn(world, other, h, z)"
HERE = "h, z = world.imagine(h, z)"
# The prior of the step that was trained, of the same h.
SAME = "z = world.same(h)"
OF_SAME = "\n    def same(self, h):\n        m, s = self.both(self.ahead(h))\n        return {ahead}\n"


def written(
    wanted: str, ahead: str, *, drawn: str = DRAWN, split: bool = False, imagined: str = HERE
) -> dict[str, str]:
    world = WORLD.format(drawn=drawn) + (IMAGINE + OF_SAME).format(ahead=ahead)
    steps = STEP.format(after=LEARN, imagined=imagined, wanted=wanted)
    if split:
        return {"net.py": world, "steps.py": HEAD + steps.lstrip("\n") + "\n\nfrom net import World\n" + BUILT}
    return {"net.py": world + steps + BUILT}


BUILT = """

def main(loader):
    world = World()
    opt = torch.optim.Adam(world.parameters())
    other = torch.optim.Adam(world.judge.parameters())
    for x in loader:
        step(world, opt, other, x)
"""


@pytest.mark.parametrize("split", [False, True], ids=["one file", "two files"])
@pytest.mark.parametrize("imagined", [HERE, SAME], ids=["the next step", "the same step"])
@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED)
def test_an_imagined_draw_is_not_the_posteriors(
    wanted: str, ahead: str, imagined: str, split: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, written(wanted, ahead, split=split, imagined=imagined))
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize(
    "drawn",
    ["z = Normal(qm, qs).sample()", "with torch.no_grad():\n                z = Normal(qm, qs).rsample()"],
    ids=["by sample", "under no_grad"],
)
@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED)
def test_a_posterior_without_gradient_is_named_with_it(wanted: str, drawn: str, tmp_path: Path) -> None:
    report = linted(tmp_path, written(wanted, AHEAD["by distributions"], drawn=drawn))
    (found,) = report.findings
    assert found.code == "VAE206"
    assert isinstance(found.place, Place)
    assert "Normal(qm, qs)" in found.place.text
