"""A setting that code asks by `bool(setting)` chooses as the setting does: neither branch is left unread."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    "import argparse\n"
    + HEAD
    + """

class Encoder(nn.Module):
    def __init__(self, labelled=False):
        super().__init__()
        self.labelled = labelled
        width = 94 if labelled else 84
        self.to_m, self.to_s = nn.Linear(width, 7), nn.Linear(width, 7)

    def forward(self, x):
        h = x.view(-1, 94) if self.labelled else x.view(-1, 84)
        return self.to_m(h), self.to_s(h)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.back = Encoder(), nn.Linear(7, 84)

    def forward(self, x, label):
        m, s = self.encode(x)
        z = m + {std} * torch.randn_like(m)
        return self.back(z), m, s


class Labelled(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.back = Encoder(labelled=True), nn.Linear(7, 84)

    def forward(self, x, label):
        mean, spread = self.encode(torch.cat([x, F.one_hot(label, 10)], dim=1))
        m, s = mean[:, :7] + spread[:, 7:].sum(1, keepdim=True), spread[:, :7] + mean[:, 7:].sum(1, keepdim=True)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), mean, spread


class Training:
    def __init__(self, net, loader, labelled):
        self.net, self.loader, self.labelled = net, loader, labelled
        self.optimizer = torch.optim.Adam(net.parameters())

    def train(self):
        for x, label in self.loader:
            if not self.labelled:
                label = F.one_hot(label, 10)
            y, m, s = self.net(x, label)
            loss = (F.mse_loss(y, x, reduction="none").sum(1) - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()


def main(loader):
    parser = argparse.ArgumentParser()
    parser.add_argument("--labelled", default=False)
    args = parser.parse_args()
    labelled = {asked}
    if labelled:
        net = Labelled()
    else:
        net = Plain()
    Training(net, loader, labelled).train()


if __name__ == "__main__":
    main(DataLoader(torchvision.datasets.MNIST(".", train=True)))
"""
)


@pytest.mark.parametrize("asked", ["args.labelled", "bool(args.labelled)", "bool(0)", "bool('')", "bool(None)"])
@pytest.mark.parametrize(
    ("std", "named"), [("torch.exp(0.5 * s)", []), ("torch.exp(s)", ["VAE201"]), ("s", ["VAE201"])]
)
def test_both_branches_of_a_flag_are_read(asked: str, std: str, named: list[str], tmp_path: Path) -> None:
    text = SCENE.replace("{asked}", asked).replace("{std}", std)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == named
    assert any("VAE301" in vae.clean for vae in report.vaes)
