"""Layers that what is differentiated does not move: of an unused loss, of another part, or switched off."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODED, ENCODER, FORWARD, HEAD, KL, LOOP, MODEL, OBJECTIVE, linted

from vae_checked.linter import LintReport


def clean(report: LintReport) -> set[str]:
    return {code for vae in report.vaes for code in vae.clean}


BESIDE = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + LOOP.format(
        loss="""loss = objective(y, x, m, s)
        spread = torch.relu(1 - m.var(0)).mean()
        whole = loss + spread""",
        differentiated="{differentiated}.backward()",
    )
)


@pytest.mark.parametrize(
    ("differentiated", "given"),
    [("whole", True), ("loss", True), ("(0.5 * whole)", True), ("spread", False), ("(2 * spread)", False)],
)
def test_layers_that_only_an_unused_loss_moves_are_open(differentiated: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": BESIDE.format(differentiated=differentiated)})
    assert ("VAE601" in clean(report)) is given


@pytest.mark.parametrize(
    ("frozen", "given"),
    [
        ("pass", True),
        ("net.to_s.requires_grad_(False)", False),
        ("net.to_s.weight.requires_grad = False", False),
        ("[p.requires_grad_(False) for p in net.to_s.parameters()]", False),
        ("freeze(net.to_s)", False),
        ("discriminator.requires_grad_(False)", True),
    ],
)
def test_layers_that_are_switched_off_have_no_gradient(frozen: str, given: bool, tmp_path: Path) -> None:
    text = BESIDE.format(differentiated="whole").replace("    net = Net()\n", f"    net = Net()\n    {frozen}\n")
    assert ("VAE601" in clean(linted(tmp_path, {"net.py": text}))) is given


PARTS = (
    HEAD
    + ENCODER
    + ENCODED
    + LOOP.format(
        loss=f"""error, kl = F.mse_loss(y, x, reduction="none").sum(1).mean(), ({KL}).mean()
        loss = error + kl""",
        differentiated="{differentiated}",
    )
)


@pytest.mark.parametrize(
    ("differentiated", "given"),
    [
        ("loss.backward()", True),
        ("error.backward(retain_graph=True); kl.backward()", True),
        ("kl.backward()", False),
        ("(2 * kl).backward()", False),
    ],
)
def test_an_encoder_is_not_all_of_a_model(differentiated: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": PARTS.replace("{differentiated}", differentiated)})
    assert ("VAE601" in clean(report)) is given


OWN = (
    HEAD
    + MODEL.replace("self.to_s =", "self.judge, self.to_s = nn.Linear(7, 5),")
    + """
    def forward(self, x, labels):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        loss = F.mse_loss(self.back(z), x, reduction="sum") + KL
        {called} = F.cross_entropy(self.judge(z), labels)
        return loss, {called}


def fit({given}loader):
    {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x, labels in loader:
        loss, side = net(x, labels)
        optimizer.zero_grad()
        {differentiated}
        optimizer.step()
        print(side.item())
"""
).replace("KL", KL.replace(", dim=1", ""))
DIFFERENTIATED = {
    "alone": ("loss.backward()", False),
    "scaled": ("(0.5 * loss).backward()", False),
    "added": ("(loss + side).backward()", True),
    "each by itself": ("loss.backward(retain_graph=True); side.backward()", True),
    "with a helper": ("both = loss + 0.3 * side; both.backward()", True),
    "as a number": ("(loss + side.item()).backward()", False),
}


@pytest.mark.parametrize(("differentiated", "given"), DIFFERENTIATED.values(), ids=DIFFERENTIATED)
@pytest.mark.parametrize(
    ("called", "why"),
    # What is not called a loss is none at all, and no reason is of it.
    [("label_loss", "no loss that is seen to be differentiated is computed from self.judge(z)"), ("shown", "")],
)
def test_what_is_only_called_a_loss_moves_nothing(
    differentiated: str, called: str, why: str, given: bool, tmp_path: Path
) -> None:
    text = OWN.format(differentiated=differentiated, called=called, given="", made="net = Net()")
    report = linted(tmp_path, {"net.py": text})
    assert [finding.code for finding in report.findings] == []
    assert ("VAE601" in clean(report)) is given
    reasons = [vae.undecided["VAE601"].reason for vae in report.vaes if "VAE601" in vae.undecided]
    assert reasons == ([] if given else [why])


@pytest.mark.parametrize(("differentiated", "given"), [("loss.backward()", False), ("(loss + side).backward()", True)])
def test_what_is_only_called_a_loss_moves_nothing_of_a_given_model(
    differentiated: str, given: bool, tmp_path: Path
) -> None:
    text = OWN.format(differentiated=differentiated, called="label_loss", given="net, ", made="pass")
    assert ("VAE601" in clean(linted(tmp_path, {"net.py": text}))) is given


# Two parts of one class are made in one place each: that one of them is moved says nothing of the other.
SHARED = OWN.replace(
    "\n\nclass Net",
    "\n\nclass Part(nn.Module):\n    def __init__(self, width):\n"
    "        super().__init__()\n        self.body = nn.Linear(7, width)\n\n"
    "    def forward(self, z):\n        return self.body(z)\n\n\nclass Net",
    1,
)
SHARED = SHARED.replace("self.judge, self.to_s = nn.Linear(7, 5),", "self.judge, self.to_s = Part(5),")
SHARED = SHARED.replace(
    "self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84), nn.Sigmoid())", "self.back = Part(84)"
)


@pytest.mark.parametrize(("differentiated", "given"), [("loss.backward()", False), ("(loss + side).backward()", True)])
def test_a_part_of_the_class_of_another_is_moved_by_itself(differentiated: str, given: bool, tmp_path: Path) -> None:
    text = SHARED.format(differentiated=differentiated, called="label_loss", given="", made="net = Net()")
    assert text.count("Part(") == 3
    assert ("VAE601" in clean(linted(tmp_path, {"net.py": text}))) is given


# Who differentiates: what is handed the loss, as an accelerator is, or the loss itself, whatever scales it as a whole.
HANDED = {
    "an accelerator": "accelerator.backward({})",
    "a fabric": "self.fabric.backward({})",
    "one of several": "engines[0].backward({})",
    "one that is made there": "Accelerator().backward({})",
    "by its name": "accelerator.backward(loss={})",
    "the model": "net.backward({})",
    "a module of Lightning": "self.manual_backward({})",
    "a scaler": "scaler.scale({}).backward()",
    "a scaler of a part": "scaler.scale({} / 4).backward()",
    "the library": "torch.autograd.backward({})",
    "the library, of several": "torch.autograd.backward([{}])",
    "half of it": "(0.5 * ({})).backward()",
    "its mean": "({}).mean().backward()",
    "less of its negative": "(-(-({}))).backward()",
    "by a gradient": "({}).backward(torch.ones_like(loss))",
}


@pytest.mark.parametrize(("loss", "given"), [("loss", False), ("loss + side", True)])
@pytest.mark.parametrize("made", ["net = Net()", "pass"], ids=["made", "handed in"])
@pytest.mark.parametrize("differentiated", HANDED.values(), ids=HANDED)
def test_a_second_loss_moves_nothing_whoever_differentiates(
    differentiated: str, made: str, loss: str, given: bool, tmp_path: Path
) -> None:
    text = OWN.format(
        differentiated=differentiated.format(loss),
        called="label_loss",
        given="net, " if made == "pass" else "",
        made=made,
    )
    report = linted(tmp_path, {"net.py": text})
    assert [finding.code for finding in report.findings] == []
    assert ("VAE601" in clean(report)) is given


@pytest.mark.parametrize(("loss", "given"), [("-loss", False), ("-(loss + side)", True)])
@pytest.mark.parametrize("made", ["net = Net()", "pass"], ids=["made", "handed in"])
def test_a_bound_that_is_turned_moves_what_it_holds(made: str, loss: str, given: bool, tmp_path: Path) -> None:
    text = OWN.replace("loss = F.mse_loss", "loss = -F.mse_loss").replace('"sum") + -0.5', '"sum") - -0.5')
    text = text.replace("{called} = F.", "{called} = -F.")
    text = text.format(
        differentiated=f"({loss}).backward()",
        called="label_elbo",
        given="net, " if made == "pass" else "",
        made=made,
    )
    report = linted(tmp_path, {"net.py": text})
    assert [finding.code for finding in report.findings] == []
    assert ("VAE601" in clean(report)) is given


LATER = """

def settle(net, loader):
    optimizer = torch.optim.SGD(net.judge.parameters(), lr=0.1)
    for x, labels in loader:
        loss, side = net(x, labels)
        optimizer.zero_grad()
        {differentiated}
        optimizer.step()
"""


@pytest.mark.parametrize(("differentiated", "given"), [("side.backward()", True), ("loss.backward()", False)])
def test_a_loss_that_another_training_differentiates_moves_its_layers(
    differentiated: str, given: bool, tmp_path: Path
) -> None:
    text = OWN.format(differentiated="loss.backward()", called="label_loss", given="", made="net = Net()")
    report = linted(tmp_path, {"net.py": text + LATER.format(differentiated=differentiated)})
    assert ("VAE601" in clean(report)) is given


STEP = (
    "import lightning\n"
    + OWN[: OWN.index("\n\ndef fit")].replace("nn.Module", "lightning.LightningModule")
    + """

    def training_step(self, batch, number):
        x, labels = batch
        loss, label_loss = self(x, labels)
        self.log("labels", label_loss)
        return {returned}
"""
)


@pytest.mark.parametrize(("returned", "given"), [("loss + label_loss", True), ("loss", False)])
def test_what_a_step_does_not_return_moves_nothing(returned: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": STEP.format(returned=returned, called="label_loss")})
    assert ("VAE601" in clean(report)) is given
