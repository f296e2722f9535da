"""Parameters that no optimizer holds: of bare modules, of a step that trains one of several, tensors alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

TEXT = (
    HEAD
    + """import pytorch_lightning as pl


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList()
        for width in (84, 33):
            stage = nn.Module()
            stage.block = nn.Linear(width, 33)
            self.down.append(stage)

    def forward(self, x):
        for stage in self.down:
            x = F.relu(stage.block(x))
        return x


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.encoder, self.heads, self.back = Encoder(), nn.Linear(33, 14), nn.Linear(7, 84)
        self.critic = nn.Linear(84, 1)
        self.log_gamma = nn.Parameter(torch.zeros(1){made})

    def training_step(self, batch, place, optimizer_idx):
        m, s = self.heads(self.encoder(batch)).chunk(2, dim=1)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        if optimizer_idx == 0:
            error = F.mse_loss(y, batch, reduction="none").sum(1) / self.log_gamma.exp() + 84 * self.log_gamma
            kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
            return (error + kl).mean()
        return self.critic(y.detach()).mean()

    def configure_optimizers(self):
        first = torch.optim.Adam([{given}], lr=1e-3)
        return [first, torch.optim.Adam(self.critic.parameters(), lr=1e-3)], []
"""
)
ENCODER, HEADS, BACK = "*self.encoder.parameters()", "*self.heads.parameters()", "*self.back.parameters()"
SCENES = {
    "all": ((ENCODER, HEADS, BACK, "self.log_gamma"), "", None),
    "no heads": ((ENCODER, BACK, "self.log_gamma"), "", "heads"),
    "no encoder": ((HEADS, BACK, "self.log_gamma"), "", "encoder"),
    "no variance": ((ENCODER, HEADS, BACK), "", "log_gamma"),
    "a fixed variance": ((ENCODER, HEADS, BACK), ", requires_grad=False", None),
}


@pytest.mark.parametrize("scene", SCENES)
def test_what_no_optimizer_holds_is_named(scene: str, tmp_path: Path) -> None:
    given, made, forgotten = SCENES[scene]
    report = linted(tmp_path, {"net.py": TEXT.format(given=", ".join(given), made=made)})
    expected = [] if forgotten is None else [("VAE602", f"no optimizer holds {forgotten}")]
    assert [(finding.code, finding.message) for finding in report.findings] == expected
