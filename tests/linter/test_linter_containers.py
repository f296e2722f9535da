"""Containers of layers: what they are asked for and is not known is no layer of theirs, and not themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

TEXT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ELU())
        self.heads = {container}
        self.heads.add_module(names[0], nn.Linear(33, 14))
        self.heads.add_module("second", nn.Linear(33, 14))
        self.back = nn.Linear(7, 84)

    def forward(self, x, name):
        m, s = {head}(self.trunk(x)).chunk(2, dim=1)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.mse_loss(y, x, reduction="none").sum(1) + {kl}
"""
)


@pytest.mark.parametrize("container", ["nn.ModuleList()", "nn.Sequential()"])
@pytest.mark.parametrize(
    "head",
    [
        "self.heads.get_submodule(name)",
        'self.heads.get_submodule("second")',
        "self.heads.picked(name)",
        "self.heads[1]",
    ],
)
def test_a_part_of_a_container_is_not_its_input(container: str, head: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TEXT.format(container=container, head=head, kl=KL)})) == []


FILLED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(10, 84)

    def decode(self, z, y):
        whole = {made}
        whole[:, :7] = {first}
        whole[:, 7:] = {second}
        return self.back(whole)

    def forward(self, x, y):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.rand_like(s)
        return F.mse_loss(self.decode(z, y), x, reduction="none").sum(1) + {kl}
"""
)


@pytest.mark.parametrize("made", ["torch.empty(z.shape[0], 10)", "torch.zeros(len(z), 10)"])
@pytest.mark.parametrize(("first", "second"), [("z", "y"), ("y", "z")])
def test_what_is_filled_column_by_column_holds_all_of_them(made: str, first: str, second: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": FILLED.format(made=made, first=first, second=second, kl=KL)})
    assert codes(report) == ["VAE202"]
    assert any(facts.sampler.gradient_reaches and facts.recon.kind for facts in report.facts)


LOADERS = (
    HEAD
    + """from collections import OrderedDict

to_m, to_s, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
optimizer = torch.optim.Adam([*to_m.parameters(), *to_s.parameters(), *back.parameters()])
for mode, loader in {loaders}.items():
    for x, c in loader:
        m, s = to_m(x), to_s(x)
        y = back(m + torch.exp(s) * torch.randn_like(s))
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + {kl}).mean()
        loss.backward()
        optimizer.step()
"""
)
HELD = [
    'OrderedDict({"train": DataLoader(Dataset())})',
    'OrderedDict([("train", DataLoader(Dataset()))])',
    "OrderedDict(train=DataLoader(Dataset()))",
    'OrderedDict({"test": DataLoader(Dataset())}, train=DataLoader(Dataset()))',
]


@pytest.mark.parametrize("loaders", HELD)
def test_loaders_in_an_ordered_dict_are_run_through(loaders: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"fit.py": LOADERS.format(loaders=loaders, kl=KL)})) == ["VAE201"]


STACKED = (
    HEAD
    + """
from collections import OrderedDict


class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        last = len(sizes)
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        {stacked}
        self.back = nn.Sequential({made})

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return F.binary_cross_entropy(y, x, reduction="none").sum(1) + {kl}
"""
)
BELOW, ABOVE = '("lin", nn.Linear(7, 33)), ("act", nn.ReLU())', 'f"lin{last}": nn.Linear(33, 84)'
NUMBERED = {
    "pairs": (f'pairs = [{BELOW}, (f"lin{{last}}", nn.Linear(33, 84)), (f"act{{last}}", LAST)]', "OrderedDict(pairs)"),
    "a dict of pairs": (
        f'pairs = [{BELOW}, ("lin%d" % last, nn.Linear(33, 84)), ("act%d" % last, LAST)]',
        "dict(pairs)",
    ),
    "zipped": (
        'names, parts = ["a", "b", f"c{last}", f"d{last}"], [nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84), LAST]',
        "OrderedDict(zip(names, parts))",
    ),
    "a comprehension": (
        'names, parts = ["a", "b", f"c{last}", f"d{last}"], [nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84), LAST]',
        "{name: part for name, part in zip(names, parts)}",
    ),
    "a display": (
        f'pairs = {{"lin": nn.Linear(7, 33), "act": nn.ReLU(), {ABOVE}, f"act{{last}}": LAST}}',
        "OrderedDict(pairs)",
    ),
    "an update": (f'held = OrderedDict([{BELOW}]); held.update({{{ABOVE}, f"act{{last}}": LAST}})', "held"),
    "an update by pairs": (
        f'held = dict([{BELOW}]); held.update([(f"lin{{last}}", nn.Linear(33, 84)), (f"act{{last}}", LAST)])',
        "held",
    ),
    "by default": (
        f'held = dict([{BELOW}]); held.setdefault("lin%d" % last, nn.Linear(33, 84)); held.setdefault(last, LAST)',
        "held",
    ),
}


@pytest.mark.parametrize(("last", "expected"), [("nn.Sigmoid()", []), ("nn.Softplus()", ["VAE402"])])
@pytest.mark.parametrize(("stacked", "made"), NUMBERED.values(), ids=NUMBERED)
def test_a_layer_whose_name_is_not_known_stands_in_its_place(
    stacked: str, made: str, last: str, expected: list[str], tmp_path: Path
) -> None:
    text = STACKED.format(stacked=stacked.replace("LAST", last), made=made, kl=KL)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


BY_SCALE = (
    HEAD
    + """

def scales_of(text):
    return [int(each) for each in text.split(",")]


class Net(nn.Module):
    def __init__(self, text):
        super().__init__()
        self.scales = scales_of(text)
        self.a, self.b, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)

    def forward(self, x):
        {made}
        z = mean + torch.exp({std}) * torch.randn_like(mean)
        maps = {{scale: torch.zeros_like(x) for scale in self.scales}}
        for scale in self.scales:
            maps[scale] = self.back(z)
        kl = 0.5 * (mean.pow(2) + second.exp() - 1 - second).sum()
        loss = F.mse_loss(maps[32], x, reduction="sum") + kl
        return loss
"""
)
HEADS = "mean, second = self.a(x), self.b(x)"


@pytest.mark.parametrize(("std", "expected"), [("0.5 * second", []), ("second", ["VAE201"])])
def test_what_is_kept_under_an_unknown_key_may_be_asked_for_by_a_number(
    std: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": BY_SCALE.format(made=HEADS, std=std)})
    assert codes(report) == expected
    assert any({"VAE206", "VAE302"} <= set(judgement.clean) for judgement in report.judgements)


def test_two_keys_of_what_is_kept_under_unknown_ones_are_two_values(tmp_path: Path) -> None:
    made = "heads = {each: self.a(x) for each in self.scales}\n        mean, second = heads[1], heads[2]"
    assert codes(linted(tmp_path, {"net.py": BY_SCALE.format(made=made, std="0.5 * second")})) == []
