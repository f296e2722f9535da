"""What an optimizer holds that nothing steps is moved by none; and a loss that no step is handed trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, LOOP, MODEL, OBJECTIVE, codes, linted

from vae_checked.linter import LintReport
from vae_checked.reports import all_examined

ENCODER = "[*net.trunk.parameters(), *net.to_m.parameters(), *net.to_s.parameters()]"
TWO = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + f"""

def train(loader, moved=None):
    net = Net()
    first = torch.optim.Adam({ENCODER})
    last = torch.optim.Adam(net.back.parameters())
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        first.zero_grad()
        last.zero_grad()
        loss.backward()
        {{steps}}
    torch.save(last.state_dict(), "last.pt")
"""
)
HANDED = (
    "import pytorch_lightning as pl\n"
    + HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

class Training(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def training_step(self, batch, index):
        x, _ = batch
        y, m, s = self.net(x)
        loss = objective(y, x, m, s)
        self.log("loss", loss)
        {end}

    def configure_optimizers(self):
        return torch.optim.Adam(self.net.parameters())
"""
)
# Behind the module: nothing, or a trainer that runs it.
LAUNCHED = ("", "\n\npl.Trainer(max_epochs=3).fit(Training(), load())\n")
TRAINED = HEAD + MODEL + FORWARD + OBJECTIVE + LOOP.replace("{loss}", "loss = objective(y, x, m, s)")


def clean(report: LintReport) -> set[str]:
    return {code for each in all_examined(report) if each.is_vae for code in each.clean}


IDLE = (
    "first.step()",
    "first.step(); first.step()",
    "first.step(); last.param_groups[0]['lr'] = 1e-4",
    "first.step(); last.load_state_dict(torch.load('last.pt'))",
    # A schedule has its optimizer and moves the rate alone.
    "first.step(); torch.optim.lr_scheduler.StepLR(last, 9).step()",
    "first.step(); schedule = moved.get_cosine_schedule_with_warmup(last, 9, 99); schedule.step()",
    "first.step(); torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer=last)",
    "first.step(); print(last)",
    "first.step(); moved.unscale_(last)",
)


@pytest.mark.parametrize("steps", IDLE)
def test_what_an_optimizer_holds_that_nothing_steps_is_open(steps: str, tmp_path: Path) -> None:
    text = TWO.format(steps=steps)
    # As names of a function, and as attributes of a model.
    for kept in (text, text.replace("first", "net.first").replace("last", "net.last")):
        assert "VAE602" not in clean(linted(tmp_path, {"net.py": kept}))


@pytest.mark.parametrize(
    "steps",
    [
        "first.step(); last.step()",
        "[each.step() for each in (first, last)]",
        "first.step(); moved(last)",
        "first.step(); moved.step(last)",
        "first.step(); torch.optim.lr_scheduler.StepLR(last, 9).step(); last.step()",
        "first.step(); (lambda: last.step())()",
    ],
)
def test_optimizers_that_are_stepped_or_handed_over_hold_the_model(steps: str, tmp_path: Path) -> None:
    text = TWO.format(steps=steps)
    for kept in (text, text.replace("first", "net.first").replace("last", "net.last")):
        report = linted(tmp_path, {"net.py": kept})
        assert codes(report) == []
        assert "VAE602" in clean(report)


@pytest.mark.parametrize(
    "end",
    ["pass", "return None", "return loss.detach()", 'return {"loss": loss.item()}', "self.manual_backward(loss)"],
)
def test_a_step_that_hands_no_loss_on_leaves_its_gradient_open(end: str, tmp_path: Path) -> None:
    for run in LAUNCHED:
        report = linted(tmp_path, {"net.py": HANDED.format(end=end) + run})
        assert codes(report) == []
        assert "VAE301" in clean(report)
        assert "VAE601" not in clean(report)


@pytest.mark.parametrize(
    "end",
    [
        "return loss",
        'return {"loss": loss, "log": loss.detach()}',
        "return 2 * loss",
        "self.manual_backward(loss); self.optimizers().step()",
    ],
)
def test_a_step_that_hands_its_loss_on_gives_a_gradient(end: str, tmp_path: Path) -> None:
    for run in LAUNCHED:
        report = linted(tmp_path, {"net.py": HANDED.format(end=end) + run})
        assert codes(report) == []
        assert "VAE601" in clean(report)


@pytest.mark.parametrize(
    ("end", "given"),
    [
        ("return loss", False),
        ('return {"loss": loss}', False),
        ("self.manual_backward(loss); self.optimizers().step(); return loss", True),
    ],
)
def test_a_model_that_differentiates_by_itself_hands_its_trainer_no_loss(end: str, given: bool, tmp_path: Path) -> None:
    text = HANDED.format(end=end).replace(
        "self.net = Net()", "self.automatic_optimization = False\n        self.net = Net()"
    )
    for run in ("", "\n\npl.Trainer(max_epochs=3).fit(Training(), load())\n"):
        report = linted(tmp_path, {"net.py": text + run})
        assert codes(report) == []
        assert {"VAE601", "VAE602"} & clean(report) == ({"VAE601", "VAE602"} if given else set())


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("automatic_optimization = False", False),
        ("@property\n    def automatic_optimization(self):\n        return False", False),
        ("automatic_optimization = load('by_itself')", False),
        ("automatic_optimization = True", True),
        ("is_shown = False", True),
    ],
)
def test_a_class_says_whether_its_models_differentiate_by_themselves(said: str, given: bool, tmp_path: Path) -> None:
    text = HANDED.format(end="return loss").replace(
        "    def __init__(self):\n        super", f"    {said}\n\n    def __init__(self):\n        super"
    )
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert {"VAE601", "VAE602"} & clean(report) == ({"VAE601", "VAE602"} if given else set())


@pytest.mark.parametrize(
    ("differentiated", "given"),
    [
        ("loss.backward()", True),
        ("(loss + loss.detach()).backward()", True),
        ("torch.tensor(loss.item(), requires_grad=True).backward()", False),
        ("loss.detach().requires_grad_().backward()", False),
        ("loss.data.requires_grad_(True).backward()", False),
    ],
)
def test_the_number_of_a_loss_gives_no_gradient(differentiated: str, given: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.format(differentiated=differentiated)})
    assert ("VAE601" in clean(report)) is given


PASSED = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

def turn(net, loader, moving, *, shown=None):
    for x in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        moving.zero_grad()
        loss.backward()
        {step}


class Trainer:
    def __init__(self, net, mover):
        self.net, self.loader = net, DataLoader(torchvision.datasets.MNIST("."))
        self.held = mover

    def train(self):
        for x, _ in self.loader:
            y, m, s = self.net(x)
            loss = objective(y, x, m, s)
            self.held.zero_grad()
            loss.backward()
            {kept}


net = Net()
optimizer = torch.optim.Adam(net.parameters())
{run}
"""
)
RUNS = ("turn(net, loader, optimizer)", "turn(net, loader, moving=optimizer)", "Trainer(net, optimizer).train()")


@pytest.mark.parametrize("run", RUNS)
def test_an_optimizer_that_is_handed_over_and_not_stepped_there_is_open(run: str, tmp_path: Path) -> None:
    text = PASSED.format(step="moving.zero_grad()", kept="self.held.zero_grad()", run=run)
    assert "VAE602" not in clean(linted(tmp_path, {"net.py": text}))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("step", ["{}.step()", "unknown({})", "again = {}; again.step()", "[{}][0].step()"])
def test_an_optimizer_that_is_stepped_where_it_is_handed_to_holds_all(run: str, step: str, tmp_path: Path) -> None:
    text = PASSED.format(step=step.format("moving"), kept=step.format("self.held"), run=run)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert "VAE602" in clean(report)
