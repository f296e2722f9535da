"""A recurrent layer that is handed one sequence at a time: what is drawn for its last state is of one row as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

TEXT = (
    HEAD
    + """

class Words(nn.Module):
    def __init__(self, letters=29):
        super().__init__()
        self.letters, self.steps = nn.Embedding(letters, 33), nn.{layer}
        self.to_m, self.to_s = nn.Linear(21, 7), nn.Linear(21, 7)
        self.back = nn.Linear(7, 55)

    def forward(self, word, start):
        seen = self.letters(word){shaped}
        _, last = {run}
        m, s = self.to_m(last), self.to_s(last)
        return self.back(m + torch.exp(0.5 * s) * torch.randn(1, 1, 7)), m, s


def fit(words):
    net = Words()
    optimizer = torch.optim.Adam(net.parameters())
    for word, start, wanted in words:
        y, m, s = net(word, start)
        loss = F.mse_loss(y, wanted, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
STEPS = "self.steps(seen)"
# Of each: the layer, how the letters are shaped for it, how it is run; and the shape of several sequences.
ONE = {
    "view": ("GRU(33, 21)", ".view(len(word), 1, -1)", STEPS, ".view(len(word), 5, -1)"),
    "reshape": ("RNN(33, 21)", ".reshape(-1, 1, 33)", STEPS, ".reshape(-1, 5, 33)"),
    "unsqueeze": ("GRU(33, 21, batch_first=False)", ".unsqueeze(1)", STEPS, ""),
    "index": ("GRU(33, 21)", "[:, None]", STEPS, ""),
    "state": ("GRU(33, 21)", ".view(len(word), 1, -1)", "self.steps(seen, start)", ".view(len(word), 5, -1)"),
    "cell": ("LSTM(33, 21)", ".view(len(word), 1, -1)", "self.steps(seen, (start, start))", ""),
}


def _text(layer: str, shaped: str, run: str) -> str:
    text = TEXT.format(layer=layer, shaped=shaped, run=run)
    return text.replace("_, last", "_, (last, _)") if layer.startswith("LSTM") else text


@pytest.mark.parametrize("name", ONE)
def test_a_draw_for_one_sequence_is_shared_by_nothing(name: str, tmp_path: Path) -> None:
    layer, shaped, run, of_several = ONE[name]

    assert codes(linted(tmp_path / "one", {"words.py": _text(layer, shaped, run)})) == []
    assert codes(linted(tmp_path / "several", {"words.py": _text(layer, of_several, run)})) == ["VAE203"]


@pytest.mark.parametrize("layer", ["GRU(33, 21, batch_first=True)", "RNN(33, 21, 1, 'tanh', True, True)"])
def test_sequences_of_one_step_are_as_many_as_rows(layer: str, tmp_path: Path) -> None:
    text = _text(layer, ".view(len(word), 1, -1)", STEPS)
    assert codes(linted(tmp_path, {"words.py": text})) == ["VAE203"]
