"""Modalities by name: what a loop keeps in dicts of modules and of tensors, by keys that nothing tells."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

ENCODER = """
from torch.distributions import Normal, kl_divergence


class Encoder(nn.Module):
    def __init__(self, wide, narrow):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(wide, narrow), nn.Linear(wide, narrow)

    def forward(self, x):
        return Normal(self.to_m(x), torch.exp({half} * self.to_s(x)))
"""
FIT = """

def fit(loader, sizes):
    model = Several(sizes)
    optimizer = torch.optim.Adam(model.parameters())
    for given in loader:
        given = {{name: x.cuda() for name, x in given.items()}}
        optimizer.zero_grad()
        {call}.backward()
        optimizer.step()
"""
IN_A_LOOP = """

class Several(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.names = list(sizes.keys())
        self.encoders, self.decoders = nn.ModuleDict(), nn.ModuleDict()
        for name in self.names:
            self.encoders[name] = Encoder(sizes[name], 7)
            self.decoders[name] = nn.Linear(7, sizes[name])
"""
AT_ONCE = """

class Several(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.encoders = nn.ModuleDict({name: Encoder(size, 7) for name, size in sizes.items()})
        self.decoders = nn.ModuleDict({name: nn.Linear(7, size) for name, size in sizes.items()})
"""
ADDED_UP = """
    def forward(self, given):
        total = 0.0
        for name, encoder in self.encoders.items():
            q = encoder(given[name])
            y = self.decoders[name](q.rsample())
            total += F.mse_loss(y, given[name], reduction="none").sum(1).mean()
            total += kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
        return total
"""
KEPT = """
    def forward(self, **given):
        q, error, kl = {}, {}, {}
        for name, encoder in self.encoders.items():
            q[name] = encoder(given[name])
        z = {name: each.rsample() for name, each in q.items()}
        for name, each in q.items():
            kl[name] = kl_divergence(each, Normal(0.0, 1.0)).sum(1).mean()
        for name, decoder in self.decoders.items():
            error[name] = F.mse_loss(decoder(z.get(name)), given[name], reduction="none").sum(1).mean()
        return sum(error.values()) + sum(kl[name] for name in given.keys())
"""


def _several(made: str, run: str, half: str) -> str:
    call = "model(**given)" if "**given" in run else "model(given)"
    return HEAD + ENCODER.format(half=half) + made + run + FIT.format(call=call)


@pytest.mark.parametrize("run", [ADDED_UP, KEPT], ids=["added up", "kept by name"])
@pytest.mark.parametrize("made", [IN_A_LOOP, AT_ONCE], ids=["in a loop", "at once"])
def test_modules_under_names_that_are_not_known_are_joined(tmp_path: Path, made: str, run: str) -> None:
    report = linted(tmp_path, {"train.py": _several(made, run, "0.5")})
    assert joined(report)
    assert codes(report) == []


@pytest.mark.parametrize("run", [ADDED_UP, KEPT], ids=["added up", "kept by name"])
def test_a_clipped_mean_under_such_names_is_named(tmp_path: Path, run: str) -> None:
    text = _several(IN_A_LOOP, run, "0.5").replace("Normal(self.to_m(x)", "Normal(torch.relu(self.to_m(x))")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE204"]


TWO_TEXTS = """
class Several(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.to_m = nn.ModuleDict({name: nn.Linear(size, 7) for name, size in sizes.items()})
        self.to_s = nn.ModuleDict({name: nn.Linear(size, 7) for name, size in sizes.items()})
        self.back = nn.ModuleDict({name: nn.Linear(7, size) for name, size in sizes.items()})

    def forward(self, given):
        found = {}
        for name, x in given.items():
            m, s = self.to_m[name](x), self.to_s[name](x)
            found[f"mean_{name}"] = m
            found[f"second_{name}"] = s
            found[f"y_{name}"] = self.back[name](m + torch.exp(0.5 * s) * torch.randn_like(s))
        total = 0.0
        for name in given:
            m, s = found[f"mean_{name}"], found[f"second_{name}"]
            total = total + F.mse_loss(found[f"y_{name}"], given[name], reduction="sum")
            total = total - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return total
"""


@pytest.mark.parametrize(("std", "expected"), [("0.5 * s", []), ("s", ["VAE201"])])
def test_texts_around_a_name_that_is_not_known_tell_entries_apart(
    std: str, expected: list[str], tmp_path: Path
) -> None:
    whole = HEAD + TWO_TEXTS.replace("0.5 * s)", f"{std})") + FIT.format(call="model(given)")
    report = linted(tmp_path, {"train.py": whole})
    assert joined(report)
    assert codes(report) == expected


STEPS = """
class Ladder(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.depth = depth
        self.up = nn.ModuleDict()
        self.up["0"] = nn.Linear(84, 14)
        self.back = nn.Linear(7, 84)

    def forward(self, x):
        m, s = {}, {}
        for step in range(self.depth):
            m[step], s[step] = self.up["0"](x).chunk(2, dim=1)
        z = m[step] + torch.exp(0.5 * s[step]) * torch.randn_like(s[step])
        kl = 0.0
        for step in range(self.depth):
            apart, ratio = m[step] - m[step + 1], (s[step] - s[step + 1]).exp()
            kl = kl + 0.5 * torch.sum(ratio + apart.pow(2) / s[step + 1].exp() - 1 - s[step] + s[step + 1])
        return F.mse_loss(self.back(z), x, reduction="sum") + kl


def fit(loader, depth):
    model = Ladder(depth)
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        optimizer.zero_grad()
        model(x).backward()
        optimizer.step()
"""


def test_the_entry_of_the_next_step_is_not_that_of_this_one(tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": HEAD + STEPS})
    assert codes(report) == []
    assert joined(report)
    for right, wrong, code in (
        ("torch.exp(0.5 * s[step])", "torch.exp(s[step])", "VAE201"),
        ("- 1 - s[step] +", "- 1 + s[step] +", "VAE301"),
    ):
        assert STEPS.count(right) == 1
        assert codes(linted(tmp_path, {"train.py": HEAD + STEPS.replace(right, wrong)})) == [code]
