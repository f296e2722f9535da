"""Posterior parts in records: named tuples, dataclasses, dicts of lists, and what code copies and stacks of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

START = (
    HEAD
    + """import dataclasses
from collections import defaultdict, namedtuple
from typing import NamedTuple
from torch.distributions import Independent, Normal, kl_divergence

"""
)
MODEL = """

class Dynamics(nn.Module):
    def __init__(self, belief=19, state=7, seen=33):
        super().__init__()
        self.cell = nn.GRUCell(state, belief)
        self.to_prior, self.to_posterior = nn.Linear(belief, 2 * state), nn.Linear(belief + seen, 2 * state)

    def heads(self, layer, x):
        m, s = torch.chunk(layer(x), 2, dim=-1)
        return m, F.softplus(s) + 0.1

    def turn(self, state, belief, frame):
        belief = self.cell(state, belief)
        pm, ps = self.heads(self.to_prior, belief)
        m, s = self.heads(self.to_posterior, torch.cat([belief, frame], dim=-1))
        return belief, pm, ps, m, s

    def forward(self, state, belief, frames):
{body}


class World(nn.Module):
    def __init__(self, seen=33, state=7):
        super().__init__()
        self.dynamics, self.back = Dynamics(), nn.Linear(state, seen)


def fit(world, loader, state, belief, free=3.0):
    optimizer = torch.optim.Adam(world.parameters())
    for x in loader:
        states, m, s, pm, ps = world.dynamics(state, belief, x)
        error = F.mse_loss(world.back(states), x, reduction="none").sum(2).mean((0, 1))
        kl = kl_divergence(Independent(Normal(m, s), 1), Independent(Normal(pm, ps), 1))
        loss = error + torch.max(kl, kl.new_full(kl.size(), free)).mean((0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
DRAW = "m + {std} * torch.randn_like(m)"
PARTS = "".join(f"    {name}: object\n" for name in ("z", "m", "s", "pm", "ps"))
RECORD = {
    "a named tuple": ('Turn = namedtuple("Turn", ["z", "m", "s", "pm", "ps"])', "getattr(turn, name)"),
    "a named tuple, its parts in one text": ('Turn = namedtuple("Turn", "z, m s pm ps")', "turn._asdict()[name]"),
    "a class of named tuples": (
        "class Turn(NamedTuple):\n" + PARTS,
        "turn._replace(z=turn.z)._asdict()[name]",
    ),
    "a dataclass": (
        "@dataclasses.dataclass\nclass Turn:\n" + PARTS,
        "dataclasses.asdict(dataclasses.replace(turn, z=turn.z))[name]",
    ),
    "the variables of a dataclass": ("@dataclasses.dataclass\nclass Turn:\n" + PARTS, "vars(turn)[name]"),
}
OF_RECORDS = """
        turns = []
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = {draw}
            turns.append(Turn(state, m, s, pm, ps))
        return [torch.stack([{part} for turn in turns], dim=0) for name in ("z", "m", "s", "pm", "ps")]"""
OF_DICTS = {
    "a dict of stacks": """
        turns = []
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = {draw}
            turns.append({{"z": state, "m": m, "s": s, "pm": pm, "ps": ps}})
        stacks = {{name: torch.stack([turn[name] for turn in turns]) for name in turns[0]}}
        return [stacks[name] for name in ("z", "m", "s", "pm", "ps")]""",
    "lists that a dict makes": """
        kept = defaultdict(list)
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = {draw}
            for name, value in (("z", state), ("m", m), ("s", s), ("pm", pm), ("ps", ps)):
                kept[name].append(value)
        return [torch.stack(kept[name]) for name in ("z", "m", "s", "pm", "ps")]""",
    "lists that are set by default": """
        kept = {{}}
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            state = {draw}
            for name, value in (("z", state), ("m", m), ("s", s), ("pm", pm), ("ps", ps)):
                kept.setdefault(name, []).append(value)
        return [torch.stack(kept[name]) for name in ("z", "m", "s", "pm", "ps")]""",
    "entries of a number that is not known": """
        z, mean, std, pms, pss = {{}}, {{}}, {{}}, {{}}, {{}}
        for t in range(frames.size(0)):
            belief, pms[t], pss[t], mean[t], std[t] = self.turn(state, belief, frames[t])
            m, s = mean[t], std[t]
            state = z[t] = {draw}
        return [torch.stack(list(each.values())) for each in (z, mean, std, pms, pss)]""",
    "entries that a branch fills": """
        turns = []
        for frame in frames:
            belief, pm, ps, m, s = self.turn(state, belief, frame)
            turn = {{"m": m, "s": s, "pm": pm, "ps": ps}}
            if belief.sum() > state.sum():
                turn["z"] = {draw}
            else:
                turn["z"] = m
            state = turn["z"]
            turns.append(turn)
        return [torch.stack([turn[name] for turn in turns]) for name in ("z", "m", "s", "pm", "ps")]""",
}


@pytest.mark.parametrize(("std", "expected"), [("s", []), ("s.sqrt()", ["VAE201"])], ids=["right", "wrong"])
@pytest.mark.parametrize(("record", "part"), RECORD.values(), ids=RECORD)
def test_turns_that_are_kept_in_records(record: str, part: str, std: str, expected: list[str], tmp_path: Path) -> None:
    body = OF_RECORDS.format(draw=DRAW.format(std=std), part=part)
    report = linted(tmp_path, {"net.py": START + record + MODEL.format(body=body)})
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


@pytest.mark.parametrize(("std", "expected"), [("s", []), ("s.sqrt()", ["VAE201"])], ids=["right", "wrong"])
@pytest.mark.parametrize("body", OF_DICTS.values(), ids=OF_DICTS)
def test_turns_that_are_kept_in_dicts(body: str, std: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": START + MODEL.format(body=body.format(draw=DRAW.format(std=std)))})
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


def test_a_model_is_told_by_the_parts_that_code_takes_of_it(tmp_path: Path) -> None:
    body = OF_DICTS["a dict of stacks"].format(draw=DRAW.format(std="s.sqrt()"))
    whole = START + MODEL.format(body=body)
    model, _, trainer = whole.partition("def fit(world")
    other = model.replace("class Dynamics", "class Flat").replace("class World", "class Plain")
    other = other.replace("Dynamics()", "Flat()").replace("self.dynamics,", "self.flow,")
    held = "def fit(world" + trainer.replace("world.", "world.agent.model.")
    files = {"model.py": model, "other.py": other, "train.py": START + held}
    report = linted(tmp_path, files)
    assert [finding.place.path.rpartition("/")[2] for finding in report.findings if finding.place] == ["model.py"]
    assert codes(report) == ["VAE201"]
