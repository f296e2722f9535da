"""Parameters without a gradient are placed: at the line that cuts it off, or at the layer that nothing uses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from small_vaes import spellings as zoo
from torch import Tensor, nn

from vae_checked.auditor import audit


def loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
    return F.mse_loss(recon_x, x, reduction="sum") / len(x) + kl


class Spare(zoo.Base):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))  # unused


class Cut(zoo.Base):
    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.encoder(x).detach()  # cut
        return self.fc_mu(h), self.fc_logvar(h)


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(3))  # never read


class Inner(zoo.Base):
    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale()


class InVain(zoo.Base):
    def __init__(self) -> None:
        super().__init__()
        self.spread = nn.Sequential(nn.Linear(zoo.LATENTS, 4), nn.Softplus())

    def decode(self, z: Tensor) -> Tensor:
        self.width = 2 * self.spread(z)  # judged by nothing
        return super().decode(z)


MARKS = [(Spare, "# unused"), (Cut, "# cut"), (Inner, "# never read"), (InVain, "# judged by nothing")]


@pytest.mark.parametrize(("model", "mark"), MARKS)
def test_a_parameter_without_gradient_has_a_file_and_a_line(model: type[zoo.Base], mark: str) -> None:
    torch.manual_seed(4)
    (finding,) = audit(model(), "B 3 8 12", loss).findings
    assert finding.code == "VAE601"
    assert finding.place is not None
    assert finding.place.path.endswith("test_auditor_untrained.py")
    assert finding.place.text is not None
    assert finding.place.text.endswith(mark)
