"""KLs that layers keep, and that a loss collects by going through all modules of a model."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """from helpers import walk


class Drawn(nn.Module):
    def __init__(self, wide, narrow):
        super().__init__()
        self.a, self.b = nn.Linear(wide, narrow), nn.Linear(wide, narrow)

    def forward(self, h):
        m, s = self.a(h), self.b(h)
        self.kept = 0.5 * (m.pow(2) + s.exp() - 1 - s).sum()
        return m + torch.exp({std}) * torch.randn_like(m)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.there = nn.Sequential(Drawn(33, 11), Drawn(11, 7))
        self.back = nn.Linear(7, 33)
        for each in self.modules():
            if isinstance(each, nn.Linear):
                nn.init.xavier_normal_(each.weight)

    def forward(self, x):
        return self.back(self.there(x))

    def penalty(self):
        {penalty}


def train(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        loss = F.mse_loss(net(x), x, reduction="sum") + net.penalty()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
COLLECTED = {
    "of a class": "return sum(each.kept for each in self.modules() if isinstance(each, Drawn))",
    "with the attribute": "return sum(each.kept for each in self.modules() if hasattr(each, 'kept'))",
    "by names": """total = 0.0
        for name, each in self.named_modules():
            if isinstance(each, Drawn):
                total = total + each.kept
        return total""",
}


@pytest.mark.parametrize("penalty", COLLECTED)
@pytest.mark.parametrize(("std", "expected"), [("0.5 * s", []), ("s", ["VAE201"])])
def test_what_all_modules_of_a_class_keep_is_in_the_loss(
    penalty: str, std: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(std=std, penalty=COLLECTED[penalty])})
    assert codes(report) == expected
    assert any({"VAE302", "VAE305"} <= set(judgement.clean) for judgement in report.judgements)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        ("return sum(each.kept for each in walk(self))", []),
        ("return sum(getattr(each, 'kept') for each in walk(self))", []),
        ("return sum(each.other for each in walk(self))", ["VAE305"]),
        ("return 0.0", ["VAE305"]),
        # The children of the model are no layers that draw: these lie one deeper.
        ("return sum(each.kept for each in self.children() if isinstance(each, Drawn))", ["VAE305"]),
    ],
)
def test_a_kl_that_may_be_collected_by_what_is_not_read_is_left_open(
    penalty: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(std="0.5 * s", penalty=penalty)})
    assert codes(report) == expected
    assert not any("VAE305" in judgement.clean for judgement in report.judgements)


OF_APPLY = TEXT.replace(
    'loss = F.mse_loss(net(x), x, reduction="sum") + net.penalty()',
    """y, found = net(x), []

        def collect(module):
            {collected}

        net.apply(collect)
        loss = F.mse_loss(y, x, reduction="sum") + sum(found)""",
)


@pytest.mark.parametrize(
    ("collected", "expected"),
    [
        ("found.append(getattr(module, 'kept', 0.0) if isinstance(module, nn.Linear) else module.kept)", []),
        ("if isinstance(module, Drawn):\n                found.append(module.kept)", []),
        ("module.eval()", ["VAE305"]),
    ],
)
def test_what_a_function_collects_from_each_module_is_left_open(
    collected: str, expected: list[str], tmp_path: Path
) -> None:
    text = OF_APPLY.format(std="0.5 * s", penalty="return 0.0", collected=collected)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == expected
    assert not any("VAE305" in judgement.clean for judgement in report.judgements)
