"""A model that keeps its heads, and hands a loss of its own to a trainer: `Learner(data, vae, loss_func=vae.loss)`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

NET = (
    HEAD
    + """
from trainers import Learner


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)
        self.m = self.s = None

    def forward(self, x):
        {kept}
        return torch.sigmoid(self.back(self.m + torch.exp({half}self.s) * torch.randn_like(self.s)))

    def {name}(self, {sides}):
        error = F.binary_cross_entropy({sides}, reduction="sum")
        return error {sign} 0.5 * torch.sum(self.m.pow(2) + self.s.exp() - 1 - self.s)


net = Net()
Learner(torch.load("rows.pt"), net, loss_func=net.{name}).fit(10)
"""
)
USUAL = {
    "kept": "self.m, self.s = self.there(x).chunk(2, dim=1)",
    "half": "0.5 * ",
    "name": "loss_of_both",
    "sides": "shown, given",
    "sign": "+",
}
SIDES = {"by names that say nothing": "shown, given", "by their names": "x_hat, x"}


@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
def test_a_loss_of_what_the_model_keeps_is_joined(sides: str, tmp_path: Path) -> None:
    right = linted(tmp_path, {"net.py": NET.format(**{**USUAL, "sides": sides})})
    assert codes(right) == []
    assert joined(right)
    wrong = linted(tmp_path / "wrong", {"net.py": NET.format(**{**USUAL, "sides": sides, "sign": "-"})})
    assert codes(wrong) == ["VAE302"]


OTHER = {
    "a method that is no loss": {"name": "compared"},
    "heads that the forward does not keep": {"kept": "m, s = self.there(x).chunk(2, dim=1)"},
    "a side more": {"sides": "shown, given, weight"},
}


@pytest.mark.parametrize("other", OTHER.values(), ids=OTHER)
def test_what_is_no_loss_of_what_is_kept_is_not_judged(other: dict[str, str], tmp_path: Path) -> None:
    text = NET.format(**{**USUAL, "sign": "-", **other})
    text = text.replace("cross_entropy(shown, given, weight", "cross_entropy(shown, given")
    assert codes(linted(tmp_path, {"net.py": text})) == []


CELLS = (
    HEAD
    + """

class Posterior(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        self.cells = nn.ModuleList([nn.GRUCell(84, 84) for _ in range(layers)])
        self.states = self.begun()

    def begun(self):
        states = []
        for _ in range(self.layers):
            states.append(torch.zeros(12, 84))
        return states

    def forward(self, x):
        h = x
        for i in range(self.layers):
            self.states[i] = self.cells[i](h, self.states[i]){bent}
            h = self.states[i]
        m, s = h.chunk(2, dim=1)
        return m + torch.exp(0.5 * s) * torch.randn_like(s), m, s


def train(rows, layers):
    posterior, back = Posterior(layers), nn.Linear(42, 84)
    for x in DataLoader(rows, batch_size=12):
        z, m, s = posterior(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        (F.mse_loss(back(z), x, reduction="sum") + kl).backward()
"""
)


def test_the_state_that_a_cell_leaves_is_what_is_read(tmp_path: Path) -> None:
    right = linted(tmp_path, {"cells.py": CELLS.format(bent="")})
    assert codes(right) == []
    assert joined(right)
    assert codes(linted(tmp_path / "bent", {"cells.py": CELLS.format(bent=".relu()")})) == ["VAE204"]


TABLE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    @classmethod
    def of(cls, settings):
        return Net()

    def forward(self, x):
        m, s = self.there(x).chunk(2, dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.both = nn.Linear(84, 84)

    def forward(self, x):
        return self.both(x)


def prepare(settings):
    return Net.of(settings), bound


def factorise(settings):
    return Factors(), nn.MSELoss()


def bound(y, m, s, x):
    return F.mse_loss(y, x, reduction="sum") {sign} 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s)


KINDS = {{"plain": (factorise, "plain rows"), "drawn": (prepare, "rows")}}


def train(kind, settings, rows):
    make, name = KINDS[kind]
    net, loss = make(settings)
    for x in DataLoader(rows, batch_size=12):
        loss(*net(x), x).backward()
"""
)


def test_what_goes_together_in_a_table_is_chosen_together(tmp_path: Path) -> None:
    right = linted(tmp_path, {"table.py": TABLE.format(sign="+")})
    assert codes(right) == []
    assert [facts.subject for facts in joined(right) if "train" in facts.subject]
    assert codes(linted(tmp_path / "wrong", {"table.py": TABLE.format(sign="-")})) == ["VAE302"]
