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


class Spares(zoo.Base):
    """A layer that nothing uses, which lines that no constructor ran assign as well."""

    def grown(self) -> None:
        self.spare = nn.Linear(7, 2)


class Assigned(Spares):
    def __init__(self) -> None:
        super().__init__()
        # self.spare = nn.Linear(8, 3)
        self.spare = nn.Linear(5, 3)
        self.spare = nn.Linear(4, 3)  # the last


class Returned(Spares):
    def __init__(self) -> None:
        super().__init__()
        if False:
            self.spare = nn.Linear(9, 3)
        self.spare = nn.Linear(4, 3)  # the only one
        return
        self.spare = nn.Linear(5, 3)


class Filled(Spares):
    def __init__(self) -> None:
        super().__init__()
        self.spare, self.names = nn.Linear(4, 3), {}  # with another
        self.spare.weight.data = torch.full((3, 4), 0.1)
        self.names[self.spare] = "spare"


class Branched(Spares):
    def __init__(self, wide: bool = True) -> None:
        super().__init__()
        if wide:
            self.spare = nn.Linear(9, 3)
        else:
            self.spare = nn.Linear(4, 3)


@pytest.mark.parametrize(
    ("model", "mark"),
    [(Assigned, "# the last"), (Returned, "# the only one"), (Filled, "# with another"), (Branched, None)],
)
def test_a_layer_is_placed_where_it_was_made_or_nowhere(model: type[zoo.Base], mark: str | None) -> None:
    torch.manual_seed(4)
    (finding,) = audit(model(), "B 3 8 12", loss).findings
    assert finding.code == "VAE601"
    assert (finding.place is None) is (mark is None)
    assert finding.place is None or str(finding.place.text).endswith(str(mark))
