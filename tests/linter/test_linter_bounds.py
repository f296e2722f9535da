"""A KL with a bound on a part of it, or with a small number added to its scale: it is one where no bound is reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

from vae_checked.catalogue import find
from vae_checked.catalogue.verdict import Found, Undecided
from vae_checked.facts import KL, Fact, Facts, KLForm, Origin, Parametrisation, Sampler, StdCurve
from vae_checked.linter.roles.bounds import without
from vae_checked.linter.symbols.expression import Expr, atom, const, walk

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        std = {std}
        z = m + std * torch.randn_like(std)
        kl = 0.5 * torch.sum({kl})
        return F.mse_loss(self.back(z), x, reduction="sum") + kl
"""
)
HALF, WHOLE, SOFT = "torch.exp(0.5 * s)", "torch.exp(s) + 1e-2", "F.softplus(s) + 1e-3"
BOUNDED = {
    "of one side": (HALF, "m.pow(2) + s.clamp(max=2.0).exp() - 1 - s"),
    "of the logarithm": (HALF, "m.pow(2) + s.exp() - 1 - s.clamp(-6.0, 2.0)"),
    "twice": (HALF, "m.pow(2) + s.clamp(-6.0, 2.0).clamp(-2.0, 2.0).exp() - 1 - s.clamp(-6.0, 2.0)"),
    "a minimum": (HALF, "m.pow(2) + torch.exp(torch.minimum(s, torch.tensor(2.0))) - 1 - s"),
    "a floor": (WHOLE, "m.pow(2) + std**2 - 1 - 2 * s"),
    "a floor of a soft one": (SOFT, "m.pow(2) + std**2 - 1 - 2 * torch.log(F.softplus(s))"),
}
WRONG = {
    "a sign": (HALF, "m.pow(2) + s.clamp(max=2.0).exp() - 1 + s"),
    "a factor": (WHOLE, "m.pow(2) + std**2 - 1 - s"),
    "an addition": ("torch.exp(s) + 0.2", "m.pow(2) + std**2 - 1 - 2 * s"),
    "no floor": ("torch.exp(s) + 0.7", "m.pow(2) + std**2 - 1 - 2 * s"),
}


@pytest.mark.parametrize(("std", "kl"), BOUNDED.values(), ids=list(BOUNDED))
def test_what_differs_from_a_kl_by_its_bounds_alone_is_not_named(std: str, kl: str, tmp_path: Path) -> None:
    assert "VAE301" not in codes(linted(tmp_path, {"net.py": NET.format(std=std, kl=kl)}))


@pytest.mark.parametrize(("std", "kl"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_within_its_bounds_is_named(std: str, kl: str, tmp_path: Path) -> None:
    assert "VAE301" in codes(linted(tmp_path, {"net.py": NET.format(std=std, kl=kl)}))


@pytest.mark.parametrize(("wider", "verdict"), [(1.0, Undecided), (1.4, Found)])
def test_one_std_at_every_point_is_no_disagreement(wider: float, verdict: type) -> None:
    curve = StdCurve(None, tuple((s, wider * 2.718281828 ** (0.5 * s)) for s in (0.3, 0.7, 1.6)))
    form = KLForm(Parametrisation.LOGVAR)
    here = Origin("torch.sqrt(torch.exp(s.clamp(-6, 2)))")
    facts = Facts("net.py:Net", sampler=Sampler(std=Fact(curve, here)), kl=KL(form=Fact(form, here)))
    assert isinstance(find("VAE201").judge(facts), verdict)


SAFE = (
    HEAD
    + """

def safe(held):
    if torch.isnan(held).any() or torch.isinf(held).any():
        fine = ~(torch.isnan(held) | torch.isinf(held))
        return torch.where(fine, held, torch.full_like(held, 0.0))
    return held


class Net(nn.Module):
    def __init__(self, flag):
        super().__init__()
        self.flag, self.gain, self.shift = flag, nn.Parameter(torch.zeros(7)), nn.Parameter(torch.zeros(7))
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def encode(self, x):
        s = self.to_s(x) if self.flag == 1 else None
        return safe(torch.exp(self.gain.clamp(-5.0, 5.0)) * self.to_m(x) + self.shift), s

    def draw(self, m, s):
        std = torch.sqrt(torch.exp(safe(s).clamp(-8.0, 2.0)).clamp(min=1e-8, max=99.0))
        return safe(safe(m).clamp(-50.0, 50.0) + std * torch.randn_like(m))


class Trainer:
    def __init__(self, flag):
        self.net = Net(flag)
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def kl(self, m, s):
        m = safe(m)
        if self.net.flag == 1 and s is not None:
            s = safe(s)
            cut = torch.clamp(s, min=-6.0, max=2.0)
            held = torch.clamp(m, min=-9.0, max=9.0)
            v = torch.exp(torch.clamp(cut, min=-2.0, max=2.0))
            kl = 0.5 * torch.sum(held.pow(2) + v - 1 {sign} cut, dim=1)
        else:
            held = torch.clamp(m, min=-9.0, max=9.0)
            kl = 0.5 * torch.sum(held.pow(2), dim=1)
        return torch.clamp(safe(kl.mean()), min=0.0)

    def loss(self, x):
        m, s = self.net.encode(x)
        y = self.net.back(self.net.draw(m, s))
        return safe(F.mse_loss(safe(y), x)) + safe(self.kl(m, s))

    def update(self, step, x):
        loss = self.loss(x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)


@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("+", ["VAE301"])])
def test_bounds_of_what_is_chosen_are_bounds_as_well(sign: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SAFE.format(sign=sign)})) == expected


def test_a_choice_that_is_bounded_twice_is_one_value_without_its_bounds() -> None:
    choice = Expr("phi", (atom("asked"), atom("given"), atom("other")), ())
    once = Expr("clamp", (choice, const(-6.0), const(2.0)), ())
    twice = Expr("clamp", (once, const(-2.0), const(2.0)), ())
    bare = without(Expr("sub", (Expr("exp", (twice,), ()), once), ()))
    (leaf,) = {each.uid: each for each in walk(bare) if not each.args}.values()
    assert leaf.op == "atom"
    assert without(choice) is choice


HEAD_ITSELF = atom("s")
SCALE = Expr("exp", (HEAD_ITSELF,), ())


@pytest.mark.parametrize(
    ("op", "inner", "number", "is_bound"),
    [
        ("add", SCALE, 0.01, True),
        ("add", SCALE, 0.2, False),
        ("add", SCALE, -0.01, False),
        ("add", HEAD_ITSELF, 0.01, False),
        ("minimum", HEAD_ITSELF, 2.0, True),
        ("maximum", HEAD_ITSELF, -6.0, True),
        ("mul", SCALE, 0.01, False),
    ],
)
def test_a_bound_is_one_of_a_number_and_a_floor_one_above_zero(
    op: str, inner: Expr, number: float, is_bound: bool
) -> None:
    for args in ((inner, const(number)), (const(number), inner)):
        written = Expr(op, args, ())
        assert without(written) is (inner if is_bound else written)
