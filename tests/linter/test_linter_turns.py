"""Models over time: what each turn of a loop writes into a list, and the stacks that are made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODEL = (
    HEAD
    + """from torch.distributions import Normal, kl_divergence


class Dynamics(nn.Module):
    def __init__(self, belief=19, state=7, seen=33):
        super().__init__()
        self.cell = nn.GRUCell(state, belief)
        self.to_prior = {prior}
        self.to_posterior = nn.Linear(belief + seen, 2 * state)

    def turn(self, state, belief, frame):
        belief = self.cell(state, belief)
        pm, ps = torch.chunk(self.to_prior(belief), 2, dim=1)
        m, s = torch.chunk(self.to_posterior(torch.cat([belief, frame], dim=1)), 2, dim=1)
        return belief, pm, ps, m, s

    def forward(self, state, belief, frames):
        turns = frames.size(0)
{body}


def fit(loader, state, belief):
    net, back = Dynamics(), nn.Linear(7, 33)
    optimizer = torch.optim.Adam([*net.parameters(), *back.parameters()])
    for x in loader:
        states, m, s, pm, ps = net(state, belief, x)
        error = F.mse_loss(back(states), x, reduction="none").sum(2).mean((0, 1))
        kl = ({kl}).sum(2).mean((0, 1))
        optimizer.zero_grad()
        (error + kl).backward()
        optimizer.step()
"""
)
BODIES = {
    "appended": """
        rows = []
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = m + torch.exp({half} * s) * torch.randn_like(m)
            rows.append((state, m, s, pm, ps))
        return [torch.stack(column, dim=0) for column in zip(*rows)]
""",
    "lists that are appended to": """
        states, ms, ss, pms, pss = [], [], [], [], []
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = m + torch.exp({half} * s) * torch.randn_like(m)
            states.append(state)
            ms.append(m)
            ss.append(s)
            pms.append(pm)
            pss.append(ps)
        return [torch.stack(each, dim=0) for each in (states, ms, ss, pms, pss)]
""",
    "places that are filled": """
        states, ms, ss, pms, pss = [[torch.empty(0)] * (turns + 1) for _ in range(5)]
        states[0] = state
        for t in range(turns):
            belief, pms[t + 1], pss[t + 1], ms[t + 1], ss[t + 1] = self.turn(states[t], belief, frames[t])
            states[t + 1] = ms[t + 1] + torch.exp({half} * ss[t + 1]) * torch.randn_like(ms[t + 1])
        return [torch.stack(each[1:], dim=0) for each in (states, ms, ss, pms, pss)]
""",
    "places that are filled, up to an end": """
        states, ms, ss, pms, pss = [[None] * turns for _ in range(5)]
        for t in range(turns):
            belief, pms[t], pss[t], ms[t], ss[t] = self.turn(state, belief, frames[t])
            state = states[t] = ms[t] + torch.exp({half} * ss[t]) * torch.randn_like(ms[t])
        return [torch.stack(each[:turns], dim=0) for each in (states, ms, ss, pms, pss)]
""",
}
BODIES["places that are filled, all of them"] = BODIES["places that are filled, up to an end"].replace("[:turns]", "")
STANDARD = "-0.5 * (1 + s - m.pow(2) - s.exp())"
LEARNED = "kl_divergence(Normal(m, torch.exp(0.5 * s)), Normal(pm, torch.exp(0.5 * ps)))"


def scene(body: str, half: float, kl: str) -> str:
    """A training whose prior is a layer where the KL is that to it: one that no KL asks for gets no gradient."""
    prior = "nn.Linear(belief, 2 * state)" if kl == LEARNED else "lambda belief: torch.zeros(len(belief), 14)"
    return MODEL.format(body=body.format(half=half), kl=kl, prior=prior)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("kl", [STANDARD, LEARNED], ids=["standard prior", "learned prior"])
def test_the_parts_of_a_model_over_time_are_joined(body: str, kl: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": scene(body, 0.5, kl)})
    assert codes(report) == []
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_kl_that_reads_the_head_of_each_turn_otherwise(body: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": scene(body, 1.0, STANDARD)})
    assert codes(report) == ["VAE201"]


KNOWN = {
    "a list of so many places": BODIES["places that are filled, all of them"].replace("* turns", "* 3"),
    "a list of so many places and one before": BODIES["places that are filled"],
    "a stack without its first turn": BODIES["places that are filled"].replace(
        "torch.stack(each[1:], dim=0)", "torch.stack(each, dim=0)[1:]"
    ),
}


@pytest.mark.parametrize("body", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize(("half", "expected"), [(0.5, []), (1.0, ["VAE201"])])
@pytest.mark.parametrize("kl", [STANDARD, LEARNED], ids=["standard prior", "learned prior"])
def test_turns_of_a_known_number_are_read_one_by_one(
    body: str, half: float, expected: list[str], kl: str, tmp_path: Path
) -> None:
    text = scene(body, half, kl).replace("turns = frames.size(0)", "turns = 3")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


LAYERS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, depth, width=33):
        super().__init__()
        widths = [{first}] + [width] * depth
        layers = []
        for i in range(len(widths) - 1):
            layers.append(nn.Linear(widths[i], widths[i + 1]))
            if i < len(widths) - 2:
                layers.append(nn.ReLU())
        self.trunk = nn.Sequential(*layers)
        self.to_m, self.to_s, self.back = nn.Linear(width, 7), nn.Linear(width, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def loss(net, x):
    y, m, s = net(x)
    return F.mse_loss(y, x, reduction="none").sum(1).mean() + ({kl}).sum(1).mean()
"""
)


def test_widths_of_an_unknown_number_of_layers_are_no_model_over_time(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": LAYERS.format(first=84, kl=STANDARD)})) == []
