"""How the KL of maps of latents is reduced: what is left behind a sum over the channels is no axis of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, joined, linted

from vae_checked.facts import Reduction

SCENE = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = {encoder}
        self.decoder = {decoder}

    def forward(self, x):
        m, s = torch.chunk(self.encoder(x), 2, dim=1)
        return self.decoder(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, _ in DataLoader(Dataset()):
    y, m, s = net(x)
    kl = (-0.5 * (1 + s - m.pow(2) - s.exp())).{reduced}
    loss = F.mse_loss(y, x, reduction="sum") / len(x) + kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
MAPS = {
    "of sequences": ("nn.Conv1d(3, 10, 3, padding=1)", "nn.Conv1d(5, 3, 3, padding=1)"),
    "of pictures": ("nn.Conv2d(3, 10, 4, 4)", "nn.ConvTranspose2d(5, 3, 4, 4)"),
    "of films": ("nn.Conv3d(3, 10, 4, 4)", "nn.ConvTranspose3d(5, 3, 4, 4)"),
}
OF_AXES = {"VAE304", "VAE503"}


@pytest.mark.parametrize(("encoder", "decoder"), MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("reduced", ["sum(1).mean()", "sum(dim=1).mean(0).mean()"])
def test_a_mean_over_places_is_no_mean_over_the_batch_alone(
    encoder: str, decoder: str, reduced: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": SCENE.format(encoder=encoder, decoder=decoder, reduced=reduced)})
    (facts,), (judgement,) = joined(report), report.judgements
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.MEAN, None)
    assert not report.findings
    assert judgement.undecided.keys() >= OF_AXES


@pytest.mark.parametrize(("encoder", "decoder"), MAPS.values(), ids=MAPS)
def test_a_sum_over_all_axes_of_maps_is_known(encoder: str, decoder: str, tmp_path: Path) -> None:
    report = linted(
        tmp_path, {"net.py": SCENE.format(encoder=encoder, decoder=decoder, reduced="flatten(1).sum(1).mean()")}
    )
    (facts,), (judgement,) = joined(report), report.judgements
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.MEAN, Reduction.SUM)
    assert {*judgement.clean} >= OF_AXES
