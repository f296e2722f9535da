"""A setting's default is no proof that the branches of its other values are dead: formulas in these are read too."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

LOG_STD = "0.5 * torch.sum(m.pow(2) + torch.exp(2 * s) - 1 - 2 * s, dim=1)"
NONE = "0.5 * torch.sum(m.pow(2) + torch.exp(s) - 1 - 2 * s, dim=1)"
STEP = (
    HEAD
    + """
from net import Net
import settings

KIND = "plain"
net = Net()


def fit(loader, kind="plain"):
    for x, _ in loader:
        out, m, s = net(x)
        loss = F.mse_loss(out, x, reduction="none").sum(1)
        {branch}
        loss.mean().backward()
"""
)
BRANCHES = {
    "of a settings file": 'if settings.kind == "other":\n            loss = loss + {kl}',
    "of a global": 'if KIND == "other":\n            loss = loss + {kl}',
    "of a default": 'if kind == "other":\n            loss = loss + {kl}',
    "of an elif": (
        'if settings.kind == "plain":\n            loss = loss + 0\n        elif settings.kind == "other":\n'
        "            loss = loss + {kl}"
    ),
    "of an else": (
        'if settings.kind == "plain":\n            loss = loss + 0\n        else:\n            loss = loss + {kl}'
    ),
    "of what is not today's": 'if settings.kind != "plain":\n            loss = loss + {kl}',
}


def files(branch: str, kl: str) -> dict[str, str]:
    return {
        "settings.py": 'kind = "plain"\n',
        "net.py": HEAD + MODEL + FORWARD,
        "train.py": STEP.format(branch=branch.replace("{kl}", kl)),
    }


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
def test_a_formula_that_a_setting_leaves_out_is_judged(branch: str, tmp_path: Path) -> None:
    made = files(branch, NONE)
    (finding,) = linted(tmp_path, made).findings
    assert finding.code == "VAE301"
    assert finding.place is not None
    assert NONE in made["train.py"].splitlines()[finding.place.line - 1]


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
def test_a_right_formula_is_none(branch: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, files(branch, KL))) == []


# Two ways to read the second head, each with its own KL, chosen by one setting in both places.
MODES = (
    HEAD
    + MODEL
    + f"""
    def forward(self, x):
        m, s = self.encode(x)
        if self.settings.kind == "wide":
            z = m + torch.exp(s) * torch.randn_like(s)
        else:
            z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s


def cost(settings, y, x, m, s):
    if settings.kind == "wide":
        kl = {LOG_STD}
    else:
        kl = {KL}
    return (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
"""
)
USED = """\
import settings
import torch
from net import Net, cost

net = Net(settings)
optimizer = torch.optim.Adam(net.parameters())


def fit(loader):
    for x, _ in loader:
        y, m, s = net(x)
        cost(settings, y, x, m, s).backward()
"""
SWAPPED = MODES.replace(LOG_STD, "KL").replace(KL, LOG_STD).replace("= KL", f"= {KL}")


@pytest.mark.parametrize("kind", ["wide", "plain"])
def test_modes_are_not_judged_by_one_another(kind: str, tmp_path: Path) -> None:
    made = {"settings.py": f'kind = "{kind}"\n', "net.py": MODES, "fit.py": USED}
    assert codes(linted(tmp_path, made)) == []


@pytest.mark.parametrize("kind", ["wide", "plain"])
def test_a_sampler_and_a_kl_that_one_choice_joins_are_compared(kind: str, tmp_path: Path) -> None:
    made = {"settings.py": f'kind = "{kind}"\n', "net.py": SWAPPED, "fit.py": USED}
    assert codes(linted(tmp_path, made)) == ["VAE201"]
