"""A weight of the KL that a setting chooses, of a model with so many settings that not all ways are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.reports import all_examined

SCENE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, deep, wide, tall):
        super().__init__()
        self.down, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.up, self.more = nn.Linear(7, 84), nn.Linear(84, 84)
        self.deep, self.wide, self.tall = deep, wide, tall

    def forward(self, x):
        h = self.down(x)
        m, s = self.to_m(h), self.to_s(h)
        y = self.up(m + torch.exp(0.5 * s) * torch.randn_like(s))
        if self.deep:
            y = y + self.more(y)
        if self.wide:
            y = y + x.mean()
        if self.tall:
            y = y + self.more(y)
        return y, m, s


def fit(args, loader):
    net = Net(args.deep, args.wide, args.tall)
    optimizer = torch.optim.Adam(net.parameters())
    for step, x in enumerate(loader):
        y, m, s = net(x)
        error = F.mse_loss(y, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        weight = {weight}
        loss = error {added} weight * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
WARM = "args.beta * min(1.0, step / args.warm) if args.warm else args.beta"
CHOSEN = {
    "warmed up": (WARM, "+", []),
    "one or another": ("args.beta if args.warm else args.other", "+", []),
    "none or one": ("0.0 if args.warm else args.beta", "+", []),
    "warmed up, with a minus": (WARM, "-", ["VAE302"]),
    "one or another, with a minus": ("args.beta if args.warm else args.other", "-", ["VAE302"]),
    "negative either way": ("-args.beta if args.warm else -args.other", "+", ["VAE302"]),
}


@pytest.mark.parametrize(("weight", "added", "found"), CHOSEN.values(), ids=CHOSEN)
def test_a_weight_that_a_setting_chooses_is_a_weight(weight: str, added: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(weight=weight, added=added)})
    assert joined(report)
    assert codes(report) == found


UNKNOWN = {
    "of either sign": "args.beta if args.warm else -args.other",
    "a number or what is computed of data": "args.beta if args.warm else x.mean()",
}


@pytest.mark.parametrize("weight", UNKNOWN.values(), ids=UNKNOWN)
def test_a_weight_of_unknown_sign_leaves_that_of_the_kl_open(weight: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(weight=weight, added="+")})
    assert codes(report) == []
    assert not any("VAE302" in vae.clean for vae in all_examined(report))
