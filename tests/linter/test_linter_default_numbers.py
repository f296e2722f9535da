"""A number that is a command-line option has the value that nobody has to give, where that scales all noise."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

SCENE = (
    HEAD
    + MODEL.replace("self.settings = settings", "self.scale = settings.scale")
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + {drawn}), m, s


{before}if __name__ == "__main__":
    import argparse
    import prepared

    parser = argparse.ArgumentParser()
    parser.add_argument("--scale"{option})
    parser.add_argument("--again", action="store_true")
    args = parser.parse_args()
    {more}
    net = Net(args)
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in DataLoader(Dataset()):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
SMALL = ", type=float, default=1e-2"
TIMES = "torch.exp(0.5 * s) * (self.scale * torch.randn_like(s))"
NAMED = {
    "a product": (TIMES, SMALL, "pass"),
    "another order": ("torch.randn_like(s) * torch.exp(0.5 * s) * self.scale", SMALL, "pass"),
    "parsed again": (TIMES, SMALL, "if args.again:\n        args = parser.parse_args([])"),
    "a whole number": (TIMES, ", type=int, default=3", "pass"),
    "shown": (TIMES, SMALL, 'print(vars(args), [f"{k}: {v}" for k, v in vars(args).items()])'),
    "another one is set": (TIMES, SMALL, 'args.again = True; setattr(args, "again", False)'),
}
LEFT = {
    "no scale": (TIMES, ", type=float, default=1.0", "pass"),
    "no noise": (TIMES, ", type=float, default=0", "pass"),
    "no default": (TIMES, ", type=float", "pass"),
    "asked for": (TIMES, ", type=float, required=True", "pass"),
    "given": (TIMES, SMALL, "args.scale = 1.0"),
    "given by another name": (TIMES, SMALL, "same = args; same.scale = 1.0"),
    "given with another": (TIMES, SMALL, "args.again, args.scale = True, 1.0"),
    "given by a function": (TIMES, SMALL, "prepare(args)"),
    "given by a function of another file": (TIMES, SMALL, "prepared.full(args)"),
    "set by another name": (TIMES, SMALL, 'same = args; setattr(same, "scale", 1.0)'),
    "set in a table": (TIMES, SMALL, 'vars(args)["scale"] = 1.0'),
    "set in a table with a name": (TIMES, SMALL, 'table = vars(args); table["scale"] = 1.0'),
    "set": (TIMES, SMALL, 'setattr(args, "scale", 1.0)'),
    "from a file": (TIMES, SMALL, 'args.__dict__.update(torch.load("settings"))'),
    "another default": (TIMES, SMALL, "parser.set_defaults(scale=1.0)"),
    "called with": (TIMES, SMALL, 'args = parser.parse_args(["--scale", "1"])'),
    "parsed into": (TIMES, SMALL, 'parser.parse_args(["--scale", "1"], namespace=args)'),
    "twice": (TIMES.replace("self.scale", "self.scale * self.scale"), SMALL, "pass"),
    "divided by as well": (TIMES.replace("torch.randn_like(s)", "torch.randn_like(s) / self.scale"), SMALL, "pass"),
    "divided by": ("torch.exp(0.5 * s) * torch.randn_like(s) / self.scale", SMALL, "pass"),
}


@pytest.mark.parametrize(("drawn", "option", "more"), NAMED.values(), ids=NAMED)
def test_noise_is_scaled_as_an_option_is_by_default(drawn: str, option: str, more: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": SCENE.format(drawn=drawn, option=option, more=more, before="")})
    assert [each.message.rpartition(", ")[2] for each in report.findings if each.code == "VAE202"] == [
        "as scale is by default"
    ]


@pytest.mark.parametrize(("drawn", "option", "more"), LEFT.values(), ids=LEFT)
def test_noise_is_left_open_where_its_scale_is_another_or_unknown(
    drawn: str, option: str, more: str, tmp_path: Path
) -> None:
    before = "def prepare(options):\n    options.scale = 1.0\n\n\n" if "prepare(" in more else ""
    scene = SCENE.format(drawn=drawn, option=option, more=more, before=before)
    report = linted(tmp_path, {"train.py": scene, "prepared.py": "def full(options):\n    options.scale = 1.0\n"})
    assert "VAE202" not in codes(report)
