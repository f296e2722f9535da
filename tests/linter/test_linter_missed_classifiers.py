"""A network beside a VAE that its loss has a gradient by: whether an optimizer holds all that is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.reports import all_examined

SCENE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(60, 5), nn.Linear(60, 5), nn.Linear(5, 60)

    def encoded(self, x):
        return self.to_m(x), self.to_s(x)

    def forward(self, x):
        m, s = self.encoded(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net, kinds = Net(), nn.Linear(5, 3)
{before}
steps = torch.optim.Adam({held})
for x, kind in DataLoader(Dataset(), batch_size=8):
    y, m, s = net(x)
    loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss = loss + F.cross_entropy({scores}, kind, reduction="sum")
    steps.zero_grad()
    loss.backward()
    steps.step()
    {after}
"""
)
ALONE, BOTH = "net.parameters()", "[*net.parameters(), *kinds.parameters()]"
SCORES = "kinds(m)"


def clean_of_602(tmp_path: Path, held: str, scores: str = SCORES, before: str = "", after: str = "pass") -> bool:
    """Whether nothing is found, and an optimizer is said to hold all."""
    report = linted(tmp_path, {"net.py": SCENE.format(held=held, scores=scores, before=before, after=after)})
    assert codes(report) == []
    return "VAE602" in {code for each in all_examined(report) if each.is_vae for code in each.clean}


def test_a_classifier_that_no_optimizer_holds_is_named(tmp_path: Path) -> None:
    text = SCENE.format(held=ALONE, scores=SCORES, before="", after="pass")
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.code == "VAE602"
    assert "kinds" in finding.message
    assert "net" not in finding.message
    assert clean_of_602(tmp_path, BOTH)


def test_a_classifier_in_the_model_is_named_by_itself(tmp_path: Path) -> None:
    text = SCENE.format(held=ALONE, scores="net.kinds(m)", before="", after="pass")
    text = text.replace("net, kinds = Net(), nn.Linear(5, 3)", "net = Net()")
    text = text.replace("    def encoded", "        self.kinds = nn.Linear(5, 3)\n\n    def encoded")
    parts = "[*net.to_m.parameters(), *net.to_s.parameters(), *net.back.parameters()]"
    (finding,) = linted(tmp_path, {"net.py": text.replace(ALONE, parts)}).findings
    assert finding.code == "VAE602"
    assert finding.message == "no optimizer holds net.kinds"
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize(
    ("scores", "before", "after"),
    [
        # It is judged by its gradient: without one it is only read.
        ("kinds(m).detach()", "", "pass"),
        (SCORES, 'kinds.load_state_dict(torch.load("kinds"))', "pass"),
        (SCORES, "for each in kinds.parameters():\n    each.requires_grad = False", "pass"),
        (SCORES, "more = torch.optim.SGD(kinds.parameters(), lr=0.1)", "more.step()"),
    ],
)
def test_a_classifier_that_is_kept_or_moved_elsewhere_is_none(
    scores: str, before: str, after: str, tmp_path: Path
) -> None:
    assert clean_of_602(tmp_path, ALONE, scores, before, after)


LIT = """
import lightning


class Lit(lightning.LightningModule):
    def __init__(self, net, kinds=None):
        super().__init__()
        self.net, self.kinds = net, kinds

    def configure_optimizers(self):
        return torch.optim.Adam(self.{held}parameters())

    def training_step(self, batch, _):
        x, kind = batch
        y, m, s = self.net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        if self.kinds:
            loss = loss + F.cross_entropy(self.kinds(m), kind, reduction="sum")
        return loss


lightning.Trainer().fit(Lit(Net(), nn.Linear(5, 3)), DataLoader(Dataset(), batch_size=8))
"""


@pytest.mark.parametrize(("held", "whole"), [("net.", False), ("", True)])
def test_a_classifier_that_a_trainer_is_given_counts(held: str, whole: bool, tmp_path: Path) -> None:
    scene = SCENE[: SCENE.index("net, kinds")] + LIT.replace("{held}", held)
    report = linted(tmp_path, {"net.py": scene})
    assert codes(report) == ([] if whole else ["VAE602"])
    clean = {code for each in all_examined(report) if each.is_vae for code in each.clean}
    assert ("VAE602" in clean) is whole
