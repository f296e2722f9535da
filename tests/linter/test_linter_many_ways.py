"""Where values have more ways through their branches than can be looked at, fewer conditions take them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

from vae_checked.linter.roles import phi, ways
from vae_checked.linter.symbols.expression import PHI, Expr, atom


def chosen(number: int) -> Expr:
    """The sum of a loss and of three values, each of which a condition of its own chooses."""
    total = Expr("loss", (atom("x"), atom(f"y{number}")), (("kind", "mse"),))
    for place in range(3):
        sides = (Expr("exp", (atom(f"a{number}{place}"),)), atom(f"b{number}{place}"))
        total = Expr("add", (total, Expr("phi", (atom(f"condition{number}{place}"), *sides))))
    return total


def test_values_are_taken_apart_by_fewer_conditions_where_room_is_short() -> None:
    values = [chosen(number) for number in range(5)]
    most, found = phi.resolved_within(values, {}, 10_000)
    assert (most, len(found)) == (3, 5 * 2**3)
    assert not any(value.bits & PHI for value in found)
    fewer, left = phi.resolved_within(values, {}, 60)
    assert 0 < fewer < 3
    assert len(left) == 5 * 2**fewer
    # What the other conditions choose stays open.
    assert all(value.bits & PHI for value in left)
    none, whole = phi.resolved_within(values, {}, 0)
    assert (none, len(whole)) == (0, 5)


EITHER = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        std = torch.exp({factor} * s)
        if self.settings.wide:
            std = torch.exp(0.5 * s)
        return self.back(m + std * torch.randn_like(s)), m, s


def step(image, net):
    out, m, s = Net()(image)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    (F.mse_loss(out, image, reduction="none").sum(1) + kl).mean().backward()
"""
)


def test_what_was_not_taken_apart_is_neither_wrong_nor_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"net.py": EITHER.format(factor="0.7")}
    assert codes(linted(tmp_path, files)) == ["VAE201"]
    monkeypatch.setattr(ways, "_ROOM", 0)
    report = linted(tmp_path, files)
    assert codes(report) == []
    assert report.judgements
    assert not any("VAE201" in each.clean for each in report.judgements)
