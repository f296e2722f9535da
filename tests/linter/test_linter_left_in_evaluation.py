"""Noise of training alone, in a model that may be left in evaluation while it is trained: not called clean."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.reports import all_examined

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.out = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)

    def draw(self, m, s):
        if {asked}:
            return m + torch.exp(0.5 * s) * torch.randn_like(s)
        return m

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return torch.sigmoid(self.out(self.draw(m, s))), m, s


def loss_of(net, x):
    rec, m, s = net(x)
    return F.binary_cross_entropy(rec, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def tested(net, loader):
    net.eval()
    with torch.no_grad():
        return sum(loss_of(net, x) for x in loader)


def shown(net, x):
    net.eval()
    print(net(x)[0])
    net.train()


def train(loader, critic):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    {before}
    for epoch in range(9):
        {each_epoch}
        for x in loader:
            {each_step}
            loss = loss_of(net, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        {after}
"""
)
PLACES = dict.fromkeys(("before", "each_epoch", "each_step", "after"), "pass")
LEFT = {
    "before the loops": {"before": "net.eval()"},
    "after an epoch": {"before": "net.train()", "after": "net.eval(); print(net(x))"},
    "in a function that is called after an epoch": {"before": "net.train()", "after": "tested(net, loader)"},
    "by train": {"each_step": "net.train(False)"},
    "on a condition": {"each_epoch": "if epoch > 3: net.eval()"},
    "where it is made": {"before": "net = Net().eval()"},
    "where it is made, and moved": {"before": "net = Net().eval().cpu()"},
}
TRAINED = {
    "no mode at all": {},
    "training in each epoch": {"each_epoch": "net.train()", "after": "tested(net, loader)"},
    "training in each step": {"before": "net.eval()", "each_step": "net.train()"},
    "back to training": {"after": "shown(net, x)"},
    "another model": {"before": "critic.eval()"},
    "another model where it is made": {"before": "critic = nn.Linear(91, 5).eval()"},
    "where it is made, and back": {"before": "net = Net().eval()\n    net.train()"},
}


def clean(folder: Path, places: dict[str, str], asked: str = "self.training") -> bool:
    report = linted(folder, {"net.py": NET.format(asked=asked, **{**PLACES, **places})})
    assert codes(report) == []
    assert any("VAE301" in judgement.clean for judgement in report.judgements)
    return any("VAE207" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize("places", LEFT.values(), ids=LEFT)
def test_noise_is_open_where_the_model_may_be_left_in_evaluation(places: dict[str, str], tmp_path: Path) -> None:
    assert not clean(tmp_path, places)
    # Noise that is drawn in either mode is none of it.
    (tmp_path / "net.py").unlink()
    assert clean(tmp_path, places, asked="True")


@pytest.mark.parametrize("places", TRAINED.values(), ids=TRAINED)
def test_noise_is_clean_where_the_model_is_in_training(places: dict[str, str], tmp_path: Path) -> None:
    assert clean(tmp_path, places)


HELPERS = """\
def left(net):
    net.eval()


class Held:
    def __init__(self, net):
        self.net = net

    def show(self):
        print(self.net)
"""


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("from modes import left", "left(net)"),
        ("import modes", "modes.left(net)"),
        ("import modes as m", "m.left(net)"),
        ("from modes import Held", "held = Held(net); held.net.eval(); held.show()"),
    ],
)
def test_noise_is_open_where_another_file_sets_the_mode(imported: str, called: str, tmp_path: Path) -> None:
    (tmp_path / "modes.py").write_text(HELPERS)
    text = f"{imported}\n" + NET.format(asked="self.training", **{**PLACES, "before": called})
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert not any("VAE207" in judgement.clean for judgement in report.judgements)
    (tmp_path / "modes.py").write_text(HELPERS.replace("eval()", "train()"))
    report = linted(tmp_path, {"net.py": text.replace("held.net.eval()", "held.net.train()")})
    assert any("VAE207" in judgement.clean for judgement in report.judgements)


# A model that is handed to what trains it, and methods that other files call in an order that is not seen.
HANDED = (
    NET[: NET.index("\n\ndef tested")].replace("{asked}", "self.training")
    + """

def trained(net, optimizer, loader):
    {mode}
    for x in loader:
        loss = loss_of(net, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    {after}
"""
)
GRAPHS = (
    HEAD
    + """
from torch_geometric.nn import VGAE, GCNConv


class Encoder(nn.Module):
    def __init__(self, wide, narrow):
        super().__init__()
        self.first = GCNConv(wide, 2 * narrow)
        self.to_m, self.to_s = GCNConv(2 * narrow, narrow), GCNConv(2 * narrow, narrow)

    def forward(self, x, links):
        h = self.first(x, links).relu()
        return self.to_m(h, links), self.to_s(h, links)


class Training:
    def __init__(self):
        self.net = VGAE(Encoder(12, 5))
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def step(self, graph):
        {mode}
        z = self.net.encode(graph.x, graph.edges)
        loss = self.net.recon_loss(z, graph.edges) + self.net.kl_loss() / 84
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    @torch.no_grad()
    def shown(self, graph):
        {after}
        print(self.net.encode(graph.x, graph.edges))
"""
)


@pytest.mark.parametrize(("scene", "net"), [(HANDED, "net"), (GRAPHS, "self.net")], ids=["handed", "by others"])
@pytest.mark.parametrize(
    ("mode", "after", "expected"),
    [
        ("pass", "{net}.eval()", False),
        ("pass", "{net}.train(False)", False),
        ("{net}.train()", "{net}.eval()", True),
        ("pass", "{net}.eval(); print({net}(0)); {net}.train()", True),
        # Another network is none of it.
        ("pass", "self.critic.eval()", True),
        ("pass", "pass", True),
    ],
)
def test_noise_is_open_where_nothing_that_is_read_undoes_an_evaluation(
    scene: str, net: str, mode: str, after: str, expected: bool, tmp_path: Path
) -> None:
    text = scene.replace("{mode}", mode.format(net=net)).replace("{after}", after.format(net=net))
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert any("VAE207" in each.clean for each in all_examined(report)) is expected


STEPS = (
    HEAD
    + """

def step(net, optimizer, x):
    rec, m, s = net(x)
    loss = F.binary_cross_entropy(rec, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def shown(net, x):
    net.train()
    return net(x)
"""
)
RUN = (
    HEAD
    + """{imported}
from net import Net


def left(model):
    model.eval()


def back(model):
    model.train()


def run(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    {mode}
    for x in loader:
        {step}(net, optimizer, x)
"""
)


@pytest.mark.parametrize(
    ("imported", "step"),
    [("import steps", "steps.step"), ("import steps as s", "s.step"), ("from steps import step", "step")],
)
@pytest.mark.parametrize(
    ("mode", "is_clean"), [("net.eval()", False), ("left(net)", False), ("back(net)", True), ("net.train()", True)]
)
def test_the_mode_is_that_of_the_file_that_calls_a_step(
    mode: str, is_clean: bool, imported: str, step: str, tmp_path: Path
) -> None:
    net = NET[: NET.index("\n\ndef loss_of")].replace("{asked}", "self.training")
    run = RUN.format(imported=imported, mode=mode, step=step)
    report = linted(tmp_path, {"net.py": net, "steps.py": STEPS, "run.py": run})
    assert codes(report) == []
    assert any("VAE207" in judgement.clean for judgement in report.judgements) is is_clean


def test_a_part_that_is_no_vae_may_be_left_in_evaluation(tmp_path: Path) -> None:
    """Whether it has noise is not asked: the noise of the model is not called missing."""
    run = RUN.format(imported="import steps", mode="net.judge.eval()", step="steps.step")
    net = NET[: NET.index("\n\ndef loss_of")].replace("{asked}", "self.training")
    judged = net.replace("    def draw", "        self.judge = torchvision.models.vgg16()\n\n    def draw")
    assert codes(linted(tmp_path, {"net.py": judged, "steps.py": STEPS, "run.py": run})) == []
