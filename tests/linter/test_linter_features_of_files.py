"""Features of files: each file is a sample, and what was averaged over its frames is no mean over the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

from vae_checked.facts import Reduction

READ = """
import os
import librosa


def of_file(path):
    wave, rate = librosa.load(path)
    frames = librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=84)
    return np.mean(frames.T, axis=0)


def of_folder(top):
    rows = []
    for name in os.listdir(top):
        rows.append(of_file(os.path.join(top, name)))
    return {rows}


def fit(top):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    x = torch.tensor(of_folder(top), dtype=torch.float32)
    for epoch in range(31):
        out, m, s = net(x)
        recon = torch.mean((out - x) ** 2)
        kl = -0.5 * torch.{kl}
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


fit("waves")
"""
EACH_MEAN, EACH_SUM = "mean(1 + s - m.pow(2) - s.exp())", "sum(1 + s - m.pow(2) - s.exp())"
WAYS = ("np.array(rows)", "np.stack(rows)", "np.array([of_file(name) for name in os.listdir(top)])", "rows")


@pytest.mark.parametrize("rows", WAYS)
def test_the_mean_over_the_frames_of_a_file_leaves_the_batch_its_axis(rows: str, tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + READ
    report = linted(tmp_path, {"train.py": source.format(rows=rows, kl=EACH_MEAN)})
    assert not codes(report)
    assert [facts.kl.reduced.value.batch for facts in report.facts if facts.kl.reduced] == [Reduction.MEAN]


def test_a_kl_summed_over_such_rows_is_named(tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + READ
    report = linted(tmp_path, {"train.py": source.format(rows=WAYS[0], kl=EACH_SUM)})
    assert "VAE504" in codes(report)


@pytest.mark.parametrize("rows", ["h.mean(0)", "torch.stack([self.to_h(h).mean(0), h.amax(0)]).view(-1)"])
def test_a_set_that_is_described_by_the_mean_of_its_rows_has_none(rows: str, tmp_path: Path) -> None:
    source = (
        HEAD
        + LAYERS.replace("84, 7), nn.Linear(84, 7)", "33, 7), nn.Linear(33, 7)")
        + f"""        self.to_h = nn.Linear(84, 33)

    def forward(self, x):
        h = torch.relu(self.to_h(x))
        row = {rows}
        m, s = self.to_m(row), self.to_s(row)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
        + READ
    )
    report = linted(tmp_path, {"train.py": source.format(rows=WAYS[0], kl=EACH_SUM)})
    assert "VAE504" not in codes(report)
    assert not [facts.kl.reduced for facts in report.facts if facts.kl.reduced]
