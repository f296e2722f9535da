"""A reduction, or an activation of a head, whose default a call may replace by what is not read: it is open."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

FUNCTION = f"""

def objective(y, x, m, s, reduction="mean"):
    return F.mse_loss(y, x, reduction=reduction) + ({KL}).sum()
"""
CLASS = f"""

class Objective(nn.Module):
    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, y, x, m, s):
        return F.mse_loss(y, x, reduction=self.reduction) + ({KL}).sum()
"""
TRAIN = """

def fit(loader, options):
    net, objective = Net(), {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = {called}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
_ALONE = ("objective", "objective(y, x, m, s{})")
_MADE = ("Objective({})", "objective(y, x, m, s)")
UNREAD = ("options.reduction", 'reduction=options["reduction"]', "**options")


def _text(scene: str, given: str) -> str:
    loss, (made, called) = (FUNCTION, _ALONE) if scene == "a function" else (CLASS, _MADE)
    named = f", {given}" if given and scene == "a function" else given
    train = TRAIN.format(made=made.format(named), called=called.format(named))
    if scene == "a function":
        train = train.replace("net, objective = Net(), objective", "net = Net()")
    return HEAD + MODEL + FORWARD + loss + train


@pytest.mark.parametrize("given", UNREAD)
@pytest.mark.parametrize("scene", ["a function", "a class"])
def test_a_reduction_that_is_not_read_is_no_default(scene: str, given: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": _text(scene, given)})
    assert codes(report) == []
    assert not {"VAE502", "VAE504"} & {code for judgement in report.judgements for code in judgement.clean}


@pytest.mark.parametrize("given", ["", '"mean"', 'reduction="mean"'])
@pytest.mark.parametrize("scene", ["a function", "a class"])
def test_a_reduction_that_nobody_replaces_is_named(scene: str, given: str, tmp_path: Path) -> None:
    assert "VAE504" in codes(linted(tmp_path, {"net.py": _text(scene, given)}))


@pytest.mark.parametrize("scene", ["a function", "a class"])
def test_a_sum_that_is_given_is_clean(scene: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": _text(scene, '"sum"')})
    assert codes(report) == []
    assert any("VAE504" in judgement.clean for judgement in report.judgements)


HEADS = (
    HEAD
    + """

class Encoder(nn.Module):
    def __init__(self, wide=33, bounded={usual}):
        super().__init__()
        self.bounded = bounded
        self.body, self.to_m, self.to_s = nn.Linear(84, wide), nn.Linear(wide, 7), nn.Linear(wide, 7)

    def forward(self, x):
        h = torch.relu(self.body(x))
        m, s = self.to_m(h), self.to_s(h)
        if self.bounded:
            m = torch.tanh(m)
        return m, s


class Net(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.encoder, self.back = Encoder({given}), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.encoder(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s
"""
    + TRAIN.replace("net, objective = Net(), {made}", "net = Net(options)").format(
        called=f'(F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()'
    )
)


@pytest.mark.parametrize("given", ["**options", '**options["encoder"]', "**vars(options)", "wide=48, **options"])
@pytest.mark.parametrize("usual", [True, False])
def test_an_activation_that_no_code_asks_for_is_open(usual: bool, given: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEADS.format(usual=usual, given=given)})
    assert codes(report) == []
    assert not any("VAE204" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize(
    ("usual", "given", "where"),
    [
        (True, "", ""),
        (False, "bounded=True", ""),
        (False, "bounded=True, **options", ""),
        (False, "bounded=options.bounded", "where options.bounded"),
    ],
)
def test_an_activation_that_code_asks_for_is_named(usual: bool, given: str, where: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEADS.format(usual=usual, given=given)})
    assert codes(report) == ["VAE204"]
    assert where in report.findings[0].message
