"""What an LSTM, a GRU or a tanh RNN gives out lies in (-1, 1): a sigmoid behind it stays in the middle of [0, 1]."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

from vae_checked.linter import LintReport

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.to_m, self.to_s = nn.Linear(5, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.spread, self.more, self.steps, self.last = nn.Linear(7, 33), nn.Linear(7, 10), {steps}, nn.Linear(5, 5)

    def decode(self, z):
        h = self.spread(z).unsqueeze(1).repeat(1, 11, 1)
        {decoded}

    def forward(self, x):
        h = F.relu(self.enter(x)).mean(1)
        m, s = {heads}
        return self.decode(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = {error} + ({KL}).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


{data}
"""
)
HEADS = "self.to_m(h), self.to_s(h)"
BCE = "F.binary_cross_entropy(y, x, reduction='sum')"
LOGITS = "F.binary_cross_entropy_with_logits(y, x, reduction='sum')"
SQUARES = "F.mse_loss(y, x, reduction='sum')"
CLASSES = "F.cross_entropy(y.reshape(-1, 5), x.argmax(-1).reshape(-1), reduction='sum')"
LSTM, WIDE = "nn.LSTM(33, 5, batch_first=True)", "nn.LSTM(33, 9, proj_size=5, batch_first=True)"
GRU, RNN = "nn.GRU(33, 5, batch_first=True)", "nn.RNN(33, 5, batch_first=True)"
RECTIFIED = "nn.RNN(33, 5, nonlinearity='relu', batch_first=True)"
# What the decoder makes of `h`, the steps of a sequence.
ALL = "return torch.sigmoid(self.steps(h)[0])"
LAST = "return torch.sigmoid(self.steps(h)[0][:, -1]).unsqueeze(1)"
STATE = "_, (h, _) = self.steps(h); return torch.sigmoid(h[-1]).unsqueeze(1)"
MEMORY = "_, (_, c) = self.steps(h); return torch.sigmoid(c[-1]).unsqueeze(1)"
STATE_OF_ONE = "_, h = self.steps(h); return torch.sigmoid(h[-1]).unsqueeze(1)"
BEHIND = "return torch.sigmoid(self.last(self.steps(h)[0]))"
FROM_BOTH = "a, b = self.more(z).unsqueeze(0).chunk(2, -1); return torch.sigmoid(self.steps(h, (a, b))[0])"
FROM_STATE = "return torch.sigmoid(self.steps(h, self.more(z)[:, :5].unsqueeze(0))[0])"
BARE = "return self.steps(h)[0]"


def written(steps: str, decoded: str, error: str = BCE, heads: str = HEADS, data: str = "") -> str:
    return NET.format(steps=steps, decoded=decoded, error=error, heads=heads, KL=KL, data=data)


def report(folder: Path, text: str) -> LintReport:
    return linted(folder, {"net.py": text})


def ranges(found: LintReport) -> list[tuple[float, float]]:
    known = [facts.output.interval.value for facts in found.facts if facts.output.interval is not None]
    return sorted({(round(each.low, 3), round(each.high, 3)) for each in known})


SQUASHED = {
    "all outputs of an LSTM": (LSTM, ALL),
    "all outputs of a GRU": (GRU, ALL),
    "all outputs of an RNN": (RNN, ALL),
    "the last output": (LSTM, LAST),
    "the last state of an LSTM": (LSTM, STATE),
    "the last state of a GRU": (GRU, STATE_OF_ONE),
    "two states that an LSTM starts from": (LSTM, FROM_BOTH),
}
REACHING = {
    "a layer behind the LSTM": (LSTM, BEHIND),
    "a projection of the LSTM's own": (WIDE, ALL),
    "the memory of an LSTM": (LSTM, MEMORY),
    "a state that a GRU starts from": (GRU, FROM_STATE),
    "an RNN of another kind": (RECTIFIED, ALL),
}


@pytest.mark.parametrize("case", SQUASHED)
def test_a_sigmoid_of_what_a_recurrent_layer_gives(case: str, tmp_path: Path) -> None:
    found = report(tmp_path, written(*SQUASHED[case]))
    assert codes(found) == ["VAE405"]
    assert ranges(found) == [(0.269, 0.731)]
    assert "linear layer behind the" in (found.findings[0].fix or "")


@pytest.mark.parametrize("case", REACHING)
def test_a_sigmoid_that_reaches_all_of_its_range(case: str, tmp_path: Path) -> None:
    found = report(tmp_path, written(*REACHING[case]))
    assert codes(found) == []
    assert (0.269, 0.731) not in ranges(found)


@pytest.mark.parametrize("error", [LOGITS, CLASSES])
def test_logits_that_a_recurrent_layer_bounds(error: str, tmp_path: Path) -> None:
    found = report(tmp_path, written(LSTM, BARE, error))
    assert codes(found) == ["VAE405"]
    assert codes(report(tmp_path, written(LSTM, BEHIND.replace("torch.sigmoid", ""), error))) == []


SCALED = """
from sklearn.preprocessing import {scaler}

rows = {scaler}().fit_transform(np.load("rows.npy").reshape(-1, 5))
fit(DataLoader(torch.tensor(rows).float().reshape(-1, 11, 5), 8))
"""


def test_columns_whose_mean_was_taken_away_go_beyond_an_lstm(tmp_path: Path) -> None:
    data = SCALED.format(scaler="StandardScaler")
    found = report(tmp_path, written(LSTM, BARE, SQUARES, data=data))
    assert codes(found) == ["VAE403"]
    assert "by LSTM" in found.findings[0].message
    assert "put a linear layer behind the LSTM" in (found.findings[0].fix or "")
    assert codes(report(tmp_path, written(LSTM, BEHIND.replace("torch.sigmoid", ""), SQUARES, data=data))) == []


def test_a_recurrent_output_wider_than_the_data_is_left_open(tmp_path: Path) -> None:
    found = report(tmp_path, written(LSTM, BARE, SQUARES, data=SCALED.format(scaler="MinMaxScaler")))
    assert codes(found) == []
    assert any(facts.output.interval and facts.data.interval for facts in found.facts)
    assert not any("VAE403" in judgement.clean for judgement in found.judgements)
    # Data on both sides of 0, as far as the layer goes, are what it gives.
    both = SCALED.format(scaler="MinMaxScaler").replace("()", "(feature_range=(-1, 1))", 1)
    found = report(tmp_path, written(LSTM, BARE, SQUARES, data=both))
    assert codes(found) == []
    assert any("VAE403" in judgement.clean for judgement in found.judgements)


def test_a_mean_that_is_an_output_of_a_recurrent_layer_is_confined(tmp_path: Path) -> None:
    heads = "self.steps(x)[1][0][-1], self.to_s(h)"
    steps = "nn.LSTM(5, 7, batch_first=True)"
    decoded = "return torch.sigmoid(self.last(h[..., :5]))"
    assert codes(report(tmp_path, written(steps, decoded, heads=heads))) == ["VAE204"]
    behind = "self.to_m(F.pad(self.steps(x)[1][0][-1], (0, 26))), self.to_s(h)"
    assert codes(report(tmp_path, written(steps, decoded, heads=behind))) == []
