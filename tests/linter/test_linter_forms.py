"""What formulas have in common that differ in their leaves alone, and what is then read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import lint
from vae_checked.linter.roles import divergences, forms
from vae_checked.linter.symbols.expression import Expr, Graph, atom, const
from vae_checked.linter.symbols.structures import Structures


def no_kl(block: str) -> tuple[Expr, list[Expr]]:
    """A formula with a logarithm and a square that is no KL, and more of its nodes than are tried as heads for std."""
    mu, s, w = (atom(f"{name}{block}") for name in ("mu", "s", "w"))
    scales = [Expr("exp", (Expr("mul", (s, const(0.3 + 0.2 * place))),)) for place in range(11)]
    term = Expr("mul", (Expr("square", (mu,)), w))
    for scale in scales:
        term = Expr("add", (term, Expr("sub", (scale, Expr("log", (Expr("add", (scale, w)),))))))
    return Expr("sum", (term,)), scales


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the terms that are looked at for a KL, in order."""
    read: list[int] = []
    read_of = divergences._read

    def counted(
        node: Expr, wanted: list[Expr], known: list[tuple[Expr, Expr]], set_aside: list[divergences.Divergence]
    ) -> divergences.Divergence | None:
        read.append(node.uid)
        return read_of(node, wanted, known, set_aside)

    monkeypatch.setattr(divergences, "_read", counted)
    return read


def test_a_formula_that_is_no_kl_is_refused_once_for_all_evaluations(read: list[int]) -> None:
    term, cuts = no_kl("first")
    with Structures():
        assert divergences.find(Graph([term]), cuts) == []
        once = len(read)
        for block in ("second", "third"):
            term, cuts = no_kl(block)
            assert divergences.find(Graph([term]), cuts) == []
        assert len(read) == once > 0
        # In another order others are among the few that are tried.
        assert divergences.find(Graph([term]), cuts[::-1]) == []
        assert len(read) > once


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((3, 7, 2), (3, 7, 2), True),
        # Which of them are tried is what counts, and only the first two are.
        ((3, 7, 2), (7, 3, 5), True),
        ((3, 7, 2), (3, 2, 7), False),
        ((3, 3, 2), (3, 3, 5), True),
        ((3,), (7,), False),
        # Where none is marked, those are tried that can be.
        ((), (3,), False),
    ],
)
def test_a_form_has_the_cuts_that_are_tried(one: tuple[int, ...], other: tuple[int, ...], same: bool) -> None:
    found = []
    for block, places in (("one", one), ("other", other)):
        term, cuts = no_kl(block)
        marked: dict[int, list[int]] = {}
        for order, place in enumerate(places):
            marked.setdefault(cuts[place].uid, []).append(order)
        found.append(forms.form(term, marked, [], 2))
    assert (found[0] == found[1]) is same


def test_a_formula_of_nested_leaves_that_is_no_kl_of_any_is_refused_once(read: list[int]) -> None:
    def term(block: str) -> Expr:
        """A formula of no KL whose second leaf is made from its first."""
        mu = atom(f"mu{block}")
        s = Expr("layer", (mu,), (("kind", "Linear"), ("serial", f"s{block}")))
        inner = Expr("sub", (Expr("square", (mu,)), Expr("mul", (s, Expr("log", (Expr("exp", (mu,)),))))))
        return Expr("sum", (Expr("add", (inner, Expr("exp", (s,)))),), (("axes", "all"),))

    with Structures():
        assert divergences.find(Graph([term("first")])) == []
        once = len(read)
        assert divergences.find(Graph([term("second")])) == []
        assert len(read) == once > 0


def test_what_is_no_kl_for_its_nested_heads_may_be_one_of_others() -> None:
    def linear(value: Expr, serial: int) -> Expr:
        return Expr("layer", (value,), (("kind", "Linear"), ("serial", serial)))

    def attempt(mu: Expr, logvar: Expr) -> Expr:
        """The KL with the sign of mu^2 wrong."""
        first = Expr("add", (Expr("add", (const(1.0), logvar)), Expr("square", (mu,))))
        inner = Expr("sub", (first, Expr("exp", (logvar,))))
        return Expr("sum", (Expr("mul", (const(-0.5), inner)),), (("axes", "all"),))

    x = atom("x")
    logvar = linear(x, 101)
    with Structures():
        assert not divergences.find(Graph([attempt(linear(logvar, 102), logvar)]))
        assert len(divergences.find(Graph([attempt(linear(x, 103), linear(x, 104))]))) == 1


def test_what_is_no_kl_of_a_number_that_is_not_read_may_be_one_of_heads() -> None:
    def attempt(mu: Expr, logvar: Expr) -> Expr:
        """The KL with the sign of mu^2 wrong."""
        first = Expr("add", (Expr("add", (const(1.0), logvar)), Expr("square", (mu,))))
        return Expr("mul", (const(-0.5), Expr("sub", (first, Expr("exp", (logvar,))))))

    def head(serial: int) -> Expr:
        return Expr("layer", (atom("x"),), (("kind", "Linear"), ("serial", serial)))

    number = Expr("opaque", (const(3.5),), (("name", "numbers.read"), ("serial", 7)))
    with Structures():
        assert not divergences.find(Graph([attempt(head(201), number)]))
        assert len(divergences.find(Graph([attempt(head(202), Expr("opaque", (head(203),), number.attrs))]))) == 1


TESTED = """
import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_mu, self.to_log_std, self.kl = nn.Linear(31, 7), nn.Linear(31, 7), 0

    def forward(self, x):
        mu, std = self.to_mu(x), torch.exp(self.to_log_std(x))
        self.kl = (std ** 2 + mu ** 2 - torch.log(std) - 1 / 2).sum()
        return mu + std * torch.randn_like(std)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Encoder(), nn.Linear(7, 31)

    def forward(self, x):
        return self.back(self.encoder(x))


def test(net: Net, loader):
    with torch.no_grad():
        for x, _ in loader:
            y = net(x)
            error = F.mse_loss(y, x, reduction="sum")
            kl = net.encoder.kl
            print(error.item(), kl.item())


net = Net()
test(net, make_loader())
"""


def test_a_formula_is_shown_where_it_is_written_and_not_at_a_block(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(TESTED)
    wrong = [finding for finding in lint([path]).findings if finding.code == "VAE301"]
    assert [finding.place.text.strip() for finding in wrong if finding.place] == [
        "self.kl = (std ** 2 + mu ** 2 - torch.log(std) - 1 / 2).sum()"
    ]


def test_a_schedule_that_is_nearly_a_number_is_no_attempt_at_a_kl() -> None:
    step, middle = Expr("add", (atom("start"), const(1))), atom("middle")
    for slope in (0.001, -0.001):
        rise = Expr("exp", (Expr("mul", (const(slope), Expr("sub", (middle, step)))),))
        schedule = Expr("detach", (Expr("div", (const(1), Expr("add", (const(1), rise)))),))
        assert divergences.find(Graph([schedule])) == []
    # Of one number that changes and settings: beside a large constant it has the curve of q log q in few digits.
    for settings in (atom("milestone"), Expr("attribute", (atom("options"),), (("name", "milestone"),))):
        moved = Expr("sub", (step, Expr("add", (settings, const(500)))))
        fall = Expr("exp", (Expr("mul", (const(-0.01), moved)),))
        assert divergences.find(Graph([Expr("add", (const(1), fall))])) == []
