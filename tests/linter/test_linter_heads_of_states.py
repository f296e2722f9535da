"""Heads that are the states of a recurrent layer: the tanh in it stays, and a layer behind it makes them free."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

NET = """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.{name} = nn.{kind}(5, 14, batch_first=True)
        self.free = nn.Linear(14, 14)
        self.back = nn.Linear(7, 5)

    def forward(self, x):
        h = {states}
        m, s = h[..., :7], h[..., 7:]
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1).mean()
        loss = F.mse_loss(y, x, reduction="none").sum(-1).mean() + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
LAYERS = [("rnn", "LSTM"), ("gru", "GRU"), ("lstm_of_steps", "LSTM")]


@pytest.mark.parametrize(("name", "kind"), LAYERS)
def test_the_remedy_of_states_is_a_layer_behind_them(name: str, kind: str, tmp_path: Path) -> None:
    text = HEAD + NET.format(name=name, kind=kind, states=f"self.{name}(x)[0]")
    (found,) = linted(tmp_path, {"net.py": text}).findings
    assert found.code == "VAE204"
    assert f"confined by the states of self.{name}: m and" in found.message
    assert found.fix == f"put a linear layer behind self.{name}, before m and s"


@pytest.mark.parametrize(("name", "kind"), LAYERS)
def test_heads_of_a_layer_behind_the_states_are_free(name: str, kind: str, tmp_path: Path) -> None:
    text = HEAD + NET.format(name=name, kind=kind, states=f"self.free(self.{name}(x)[0])")
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize("activation", ["torch.tanh(self.free(x0))", "self.tanh_of(x0)"])
def test_the_remedy_of_an_activation_takes_it_away(activation: str, tmp_path: Path) -> None:
    more = "\n    def tanh_of(self, h):\n        return torch.tanh(self.free(h))\n\n    def forward"
    text = HEAD + NET.format(name="rnn", kind="LSTM", states=activation.replace("x0", "self.rnn(x)[0]"))
    (found,) = linted(tmp_path, {"net.py": text.replace("\n    def forward", more)}).findings
    assert (found.code, found.fix) == ("VAE204", "take torch.tanh away from m and s")
