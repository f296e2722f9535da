"""Code that is handed a model, or a model that is handed a loss, is read with the one of the project that fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from joined_parts import IMPORTS, NETS, TERMS, joined, read, script

# How a trainer reads a model that it is handed, and what the model has.
KEPT = {
    "kl": (
        "self.kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())\n        return self.back(z)",
        "out = self.net(x)\n            loss = error(out, x) + self.net.kl",
    ),
    "heads": (
        "self.m, self.s = m, s\n        return self.back(z)",
        "out = self.net(x)\n            loss = error(out, x) + kl_of(self.net.m, self.net.s)",
    ),
    "wrapped": (
        "return self.back(z), m, s",
        "out, m, s = self.net.module(x)\n            loss = error(out, x) + kl_of(m, s)",
    ),
    "container": (
        "return self.back(z), m, s",
        'out, m, s = self.net["vae"](x)\n            loss = error(out, x) + kl_of(m, s)',
    ),
}
TRAINER = f"""\
import hydra
{IMPORTS}{TERMS}
class Trainer:
    def __init__(self, net):
        self.net = MADE

    def fit(self, loader):
        for x, _ in loader:
            STEP
            loss.backward()
"""


@pytest.mark.parametrize("form", KEPT)
def test_a_trainer_reads_what_its_model_keeps(form: str, tmp_path: Path) -> None:
    end, step = KEPT[form]
    nets = NETS.replace("return self.back(z), m, s", end)
    report = read(tmp_path, {"nets.py": nets, "trainer.py": TRAINER.replace("MADE", "net").replace("STEP", step)})
    assert [finding.code for finding in report.findings] == []
    assert {facts.subject.rpartition(":")[2] for facts in joined(report)} == {"Net"}


@pytest.mark.parametrize("made", ["net()", "hydra.utils.instantiate(net.model)"])
def test_a_trainer_whose_model_a_factory_makes_is_read_with_it(made: str, tmp_path: Path) -> None:
    step = "out, m, s = self.net(x)\n            loss = error(out, x) + kl_of(m, s)"
    report = read(tmp_path, {"nets.py": NETS, "trainer.py": TRAINER.replace("MADE", made).replace("STEP", step)})
    assert [finding.code for finding in report.findings] == []
    assert {facts.subject.rpartition(":")[2] for facts in joined(report)} == {"Net"}


DISTRIBUTION = """\
class Net(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.to_m = nn.Linear(784, width)
        self.to_s = nn.Linear(784, width)
        self.back = nn.Sequential(nn.Linear(width, 784), nn.Sigmoid())

    def encode(self, x):
        return torch.distributions.Normal(self.to_m(x), torch.exp(0.5 * self.to_s(x)))

    def decode(self, z):
        return self.back(z)
"""


def test_a_trainer_draws_from_the_distribution_of_its_model(tmp_path: Path) -> None:
    step = """q = self.net.encode(x)
            p = torch.distributions.Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
            out = self.net.decode(q.rsample())
            loss = error(out, x) + torch.distributions.kl_divergence(q, p).sum()"""
    files = {
        "nets.py": f"{IMPORTS}\n\n{DISTRIBUTION}",
        "trainer.py": TRAINER.replace("MADE", "net").replace("STEP", step),
    }
    report = read(tmp_path, files)
    assert [finding.code for finding in report.findings] == []
    assert {facts.subject.rpartition(":")[2] for facts in joined(report)} == {"Net"}


def test_a_script_whose_model_comes_from_elsewhere_is_read_with_it(tmp_path: Path) -> None:
    text = f"""\
from library import args, make
{IMPORTS}{TERMS}
net = make(args)
for x, _ in args.loader:
    out, m, s = net(x)
    loss = error(out, x) + kl_of(m, s)
    loss.backward()
"""
    report = read(tmp_path, {"nets.py": NETS, "script.py": text})
    assert [finding.code for finding in report.findings] == []
    assert {facts.subject.rpartition(":")[2] for facts in joined(report)} == {"Net"}


def test_a_model_stands_in_for_nothing_beside_another_one(tmp_path: Path) -> None:
    activation = NETS.replace("F.relu(self.trunk(x))", "getattr(F, self.kind)(self.trunk(x))").replace(
        "self.trunk =", 'self.kind = "relu" if width else None\n        self.trunk ='
    )
    text = script("Net(args.width)", "from nets import Net\n").replace("net(x)", "net(args.scale(x))")
    report = read(tmp_path, {"nets.py": activation, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert {facts.sampler.std.origin.place for facts in joined(report) if facts.sampler.std} != set()
    assert len({facts.subject for facts in joined(report)}) == 1


def test_a_tensor_filled_by_columns_depends_on_what_it_is_filled_with(tmp_path: Path) -> None:
    nets = NETS.replace(
        "return self.back(z), m, s",
        """made = self.back(z)
        out = torch.zeros_like(made)[..., :784]
        out[..., 0] = made[..., 0]
        out[..., 1] = made[..., 1]
        return out, m, s""",
    )
    report = read(tmp_path, {"nets.py": nets, "train.py": script("Net(args.width)", "from nets import Net\n")})
    assert joined(report)


LOSSES = f"""\
{IMPORTS}

def squared(target, out, m, s):
    kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1)DIVIDED
    return nn.MSELoss(reduction="sum")(out, target), kl


def binary(target, out, m, s):
    kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1)DIVIDED
    return nn.BCELoss(reduction="sum")(out, target), kl
"""
HANDED = """\

    def compute(self, batch, criterion):
        x = batch["x"]
        out, m, s = self(x)
        error, kl = criterion(x, out, m, s)
        return {"loss": error + kl}
"""
NET_WITH_LOSS = NETS.partition("class Plain")[0].rstrip() + "\n" + HANDED


@pytest.mark.parametrize(("divided", "expected"), [("", []), (" / m.shape[0]", ["VAE504", "VAE504"])])
def test_a_loss_that_is_handed_over_is_any_that_takes_the_heads(
    divided: str, expected: list[str], tmp_path: Path
) -> None:
    report = read(tmp_path, {"losses.py": LOSSES.replace("DIVIDED", divided), "nets.py": NET_WITH_LOSS})
    assert [finding.code for finding in report.findings] == expected
    assert len(joined(report)) == 2


def test_a_loss_class_that_is_handed_over_is_made_and_called(tmp_path: Path) -> None:
    loss = f"""\
{IMPORTS}

class Bound(nn.Module):
    def __init__(self, reduction):
        super().__init__()
        self.reduction = reduction

    def forward(self, target, out, m, s):
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - s - 1)
        return F.binary_cross_entropy(out, target, reduction="sum"), kl
"""
    report = read(tmp_path, {"losses.py": loss, "nets.py": NET_WITH_LOSS})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_loss_that_takes_the_heads_elsewhere_is_not_the_one_handed_over(tmp_path: Path) -> None:
    losses = LOSSES.replace("(target, out, m, s)", "(m, s, out, target)").replace("DIVIDED", " / m.shape[0]")
    report = read(tmp_path, {"losses.py": losses, "nets.py": NET_WITH_LOSS})
    assert [finding.code for finding in report.findings] == []
    assert joined(report) == []


def test_one_of_several_losses_says_nothing_of_the_output(tmp_path: Path) -> None:
    nets = NET_WITH_LOSS.replace("nn.Linear(33, 784), nn.Sigmoid())", "nn.Linear(33, 784))")
    report = read(tmp_path, {"losses.py": LOSSES.replace("DIVIDED", ""), "nets.py": nets})
    assert [finding.code for finding in report.findings] == []
    only = LOSSES.replace("DIVIDED", "").replace("def squared(target, out, m, s)", "def squared(out, m)")
    brings = "import torch\nfrom losses import binary\nfrom nets import Net\n\nregistered(Net, binary).backward()\n"
    report = read(tmp_path, {"losses.py": only, "nets.py": nets, "main.py": brings})
    assert [finding.code for finding in report.findings] == ["VAE402"]
