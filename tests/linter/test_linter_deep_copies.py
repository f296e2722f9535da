"""A deep copy of a model has layers of its own: an optimizer of a copy holds none of those that are trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, FORWARD, HEAD, MODEL, codes, linted

from vae_checked.linter import LintReport
from vae_checked.reports import all_examined

TRAINED = (
    "import copy\nfrom copy import deepcopy\n"
    + HEAD
    + MODEL
    + FORWARD
    + FIT.replace("optimizer = torch.optim.Adam(net.parameters())", "{built}")
)
OF_A_COPY = (
    "optimizer = torch.optim.Adam(copy.deepcopy(net).parameters())",
    "optimizer = torch.optim.Adam(deepcopy(net).parameters(), lr=1e-3)",
    "twin = copy.deepcopy(net)\n    optimizer = torch.optim.SGD(twin.parameters(), lr=1e-3)",
    "copied = copy.deepcopy\n    optimizer = torch.optim.Adam(copied(net).parameters())",
    "twins = list(map(deepcopy, [net]))\n    optimizer = torch.optim.Adam(twins[0].parameters())",
    "twins = [net, nn.Linear(7, 7)]\n    optimizer = torch.optim.Adam(twins[1].parameters())",
)
OF_THE_MODEL = (
    "net = copy.deepcopy(net)\n    optimizer = torch.optim.Adam(net.parameters())",
    "optimizer = torch.optim.Adam(net.parameters())\n    best = copy.deepcopy(net)",
    "twins = [net, nn.Linear(7, 7)]\n    optimizer = torch.optim.Adam(twins[0].parameters())",
    "optimizer = torch.optim.Adam([*net.parameters(), *copy.deepcopy(net).parameters()])",
)


def clean(report: LintReport) -> set[str]:
    return {code for each in all_examined(report) if each.is_vae for code in each.clean}


@pytest.mark.parametrize("built", OF_A_COPY)
def test_an_optimizer_of_a_copy_holds_no_layer_of_the_model(built: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TRAINED.format(built=built)})
    assert "VAE602" not in clean(report)
    assert "VAE301" in clean(report)


@pytest.mark.parametrize("built", OF_THE_MODEL)
def test_an_optimizer_of_the_model_holds_it_beside_a_copy(built: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TRAINED.format(built=built)})
    assert codes(report) == []
    assert "VAE602" in clean(report)


def test_a_part_that_an_optimizer_has_a_copy_of_is_named(tmp_path: Path) -> None:
    parts = "*net.trunk.parameters(), *copy.deepcopy(net.to_m).parameters(), *net.to_s.parameters()"
    built = f"optimizer = torch.optim.Adam([{parts}, *net.back.parameters()])"
    (finding,) = linted(tmp_path, {"train.py": TRAINED.format(built=built)}).findings
    assert finding.code == "VAE602"
    assert "to_m" in finding.message
    right = built.replace("copy.deepcopy(net.to_m)", "net.to_m")
    assert codes(linted(tmp_path, {"train.py": TRAINED.format(built=right)})) == []


FOLLOWING = {
    "by its data": "q.data = 0.99 * q.data + 0.01 * p.data",
    "in place": "q.data.mul_(0.99).add_(p.data, alpha=0.01)",
    "as a blend": "q.data.lerp_(p.data, 0.01)",
}


@pytest.mark.parametrize("update", FOLLOWING.values(), ids=FOLLOWING)
def test_a_copy_that_follows_the_model_is_not_accused(update: str, tmp_path: Path) -> None:
    text = TRAINED.format(built="optimizer = torch.optim.Adam(net.parameters())")
    text = text.replace(
        "33, 84), nn.Sigmoid())\n", "33, 84), nn.Sigmoid())\n        self.slow = deepcopy(self.trunk)\n"
    )
    text = text.replace(
        "        optimizer.step()",
        "        optimizer.step()\n        for p, q in zip(net.trunk.parameters(), net.slow.parameters()):\n"
        f"            {update}",
    )
    text = text.replace("loss = (", "loss = F.mse_loss(net.trunk(x), net.slow(x).detach()) + (")
    report = linted(tmp_path, {"train.py": text})
    assert codes(report) == []
    assert "VAE601" not in clean(report)
    assert text.count("torch.exp(0.5 * s)") == 1
    wrong = text.replace("torch.exp(0.5 * s)", "torch.exp(s)")
    assert codes(linted(tmp_path, {"train.py": wrong})) == ["VAE201"]
