"""A model, what it is built of and what trains it are one VAE, however a project puts them together."""

from __future__ import annotations

import json
from pathlib import Path

from joined_parts import IMPORTS, NETS, TERMS, joined, read

from vae_checked.facts import Parametrisation

TRAINER = f"""{IMPORTS}{TERMS}
class Trainer:
    def __init__(self, network, kind, optimizer):
        self.network, self.kind, self.optimizer = network, kind, optimizer

    def error(self, out, x):
        if self.kind == "normal":
            return F.mse_loss(out, x, reduction="sum")
        return F.binary_cross_entropy_with_logits(out, x, reduction="sum")

    def fit(self, loader):
        for x, _ in loader:
            out, m, s = self.network(x)
            loss = self.error(out, x) + kl_of(m, s)
            loss.backward()
            self.optimizer.step()
"""
SCRIPT = """\
from nets import Net
from trainer import Trainer

net = Net({width})
Trainer(net, "{kind}", None).fit(None)
"""
# Every part is built by the constructor of one base class.
NESTED = f"""{IMPORTS}

class Part(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.build(*sizes)


class Draw(Part):
    def build(self, width):
        self.head = nn.Linear(width, 14)

    def forward(self, x):
        m, s = self.head(x).chunk(2, dim=1)
        z = m + torch.exp({{half}}s) * torch.randn_like(s)
        return z, -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


class Stage(Part):
    def build(self, width, number):
        self.draws = nn.ModuleList([Draw(width) for _ in range(number)])
        self.back = nn.Linear(7, width)

    def forward(self, x):
        kls = []
        for draw in self.draws:
            z, kl = draw(x)
            x = self.back(z)
            kls.append(kl)
        return x, kls


class Coder(Part):
    def build(self, width, number):
        self.stage = Stage(width, number)

    def forward(self, x):
        return self.stage(x)


class Net(Part):
    def build(self, width=84):
        self.coder = Coder(width, 1)

    def forward(self, x):
        out, kls = self.coder(x)
        return F.mse_loss(out, x, reduction="sum") + sum(kls)
"""


def test_a_package_that_imports_all_of_its_parts_gives_them_their_base(tmp_path: Path) -> None:
    base = "import torch.nn as nn\n\n\nclass Base(nn.Module):\n    pass\n"
    net = NETS.partition("class Plain")[0].replace("(nn.Module)", "(Base)")
    report = read(
        tmp_path,
        {
            "nets/__init__.py": "from .base import *\nfrom .anet import *\n",
            "nets/base.py": base,
            "nets/anet.py": net.replace("import torch\n", "import torch\nfrom nets import Base\n", 1),
            "trainer.py": TRAINER,
        },
    )
    assert joined(report)
    # Which of the trainer's losses is meant for the sigmoid of this model, only whoever sets both knows.
    assert [finding.code for finding in report.findings] == []


def test_a_script_that_trains_a_model_says_which_loss_it_is_trained_with(tmp_path: Path) -> None:
    for kind, found in (("normal", []), ("bernoulli", ["VAE401"])):
        files = {"nets.py": NETS, "trainer.py": TRAINER, "main.py": SCRIPT.format(width=9, kind=kind)}
        report = read(tmp_path, files)
        assert joined(report)
        assert [finding.code for finding in report.findings] == found


def test_a_notebook_that_hands_parts_to_a_trainer_joins_them(tmp_path: Path) -> None:
    parts = f"""{IMPORTS}

class There(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(784, width), nn.Linear(784, width)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m + torch.exp({{half}}s) * torch.randn_like(s), m, s


class Back(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.to_x = nn.Linear(width, 784)

    def forward(self, z):
        return torch.sigmoid(self.to_x(z))
"""
    trainer = f"""{IMPORTS}{TERMS}
def fit(both, term, loader, optimizer):
    there, back = both
    for x, _ in loader:
        z, m, s = there(x)
        loss = term(back(z), x) + kl_of(m, s)
        loss.backward()
        optimizer.step()
"""
    cells = [
        "import torch\nfrom parts.nets import *\nfrom parts.trainer import *",
        "both = [There(9), Back(9)]",
        "fit(both, error, None, None)",
    ]
    walk = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})
    for half, found in (("0.5 * ", []), ("", ["VAE201"])):
        files = {"parts/nets.py": parts.format(half=half), "parts/trainer.py": trainer, "walk.ipynb": walk}
        report = read(tmp_path, files)
        assert joined(report)
        assert [finding.code for finding in report.findings] == found


def test_what_an_engine_of_another_library_is_handed_trains(tmp_path: Path) -> None:
    engine = f"""\
from ignite.engine import Engine
from nets import Net
{IMPORTS}{TERMS}
def run(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())

    def update(engine, batch):
        x, _ = batch
        out, m, s = net(x)
        loss = error(out, x) {{sign}} kl_of(m, s)
        loss.backward()
        optimizer.step()
        return loss.item()

    trainer = Engine(update)
    trainer.run(loader, max_epochs=5)
"""
    for sign, found in (("+", []), ("-", ["VAE302"])):
        report = read(tmp_path, {"nets.py": NETS, "engine.py": engine.format(sign=sign)})
        assert joined(report)
        assert [finding.code for finding in report.findings] == found


def test_parts_of_parts_are_built_by_the_constructor_they_share(tmp_path: Path) -> None:
    for half, std in (("0.5 * ", Parametrisation.LOGVAR), ("", Parametrisation.LOG_STD)):
        report = read(tmp_path, {"net.py": NESTED.format(half=half)})
        (facts,) = joined(report)
        assert facts.sampler.std is not None
        assert facts.sampler.std.value.parametrisation is std
        assert [finding.code for finding in report.findings] == ([] if half else ["VAE201"])


def test_a_kl_by_its_name_is_read_where_nothing_is_drawn_beside_it(tmp_path: Path) -> None:
    term = "KL = (1 + d.pow(2).log() - m.pow(2) - d.pow(2)).sum()"
    report = read(tmp_path, {"term.py": f"import torch\n\n\ndef term(m, d):\n    {term}\n    return -0.5 * KL\n"})
    assert report.files_concerned == 1
    assert [facts.kl.form.value.parametrisation for facts in report.facts if facts.kl.form] == [Parametrisation.STD]


PARTS = f"""{IMPORTS}

class Lines(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(size, width), nn.Linear(size, width)

    def draw(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return m + torch.exp({{half}}s) * torch.randn_like(s), m, s


class Pictures(Lines):
    def draw(self, x):
        return super().draw(x.flatten(1))


class Flat(nn.Module):
    def __init__(self, width, size):
        super().__init__()
        self.back = nn.Linear(width, size)

    def score(self, z, x):
        return F.binary_cross_entropy_with_logits(self.back(z), x, reduction="sum")


class Wide(Flat):
    def __init__(self, width, size, depth):
        super().__init__(width, size)
        self.more = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])


class Whole(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        z, m, s = self.encoder.draw(x)
        return self.decoder.score(z, x) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


ENCODERS = {{{{"lines": Lines, "pictures": Pictures}}}}
DECODERS = {{{{"flat": Flat, "wide": Wide}}}}


def make(options):
    encoder = ENCODERS[options["encoder"]["name"]](**options["encoder"]["sizes"])
    return Whole(encoder=encoder, decoder=DECODERS[options["decoder"]["name"]](**options["decoder"]["sizes"]))


def train(options, loader):
    net = make(options)
    for x, _ in loader:
        net(x).backward()
"""


def test_parts_that_are_chosen_by_name_and_given_settings_are_read(tmp_path: Path) -> None:
    for half, found in (("0.5 * ", []), ("", ["VAE201"])):
        report = read(tmp_path, {"net.py": PARTS.format(half=half)})
        assert joined(report)
        assert [finding.code for finding in report.findings] == found


MOVED = f"""\
from nets import Net
from torch.utils.data import DataLoader
{IMPORTS}{TERMS}
def moved(things):
    if torch.cuda.is_available():
        if {{several}}:
            return [each.cuda() for each in things]
        return things.cuda()
    return things


def train(rows):
    net = moved(Net())
    for x, _ in DataLoader(rows, batch_size=23):
        x = moved(x)
        out, m, s = net(x)
        (error(out, x) {{sign}} kl_of(m, s)).backward()
"""
SEVERAL = (
    "type(things) == tuple or type(things) == list",
    "type(things) in (tuple, list)",
    "type(things) is not torch.Tensor and type(things) is not Net",
    "isinstance(things, (tuple, list))",
    "hasattr(things, '__len__')",
)


def test_what_moves_one_thing_or_several_hands_on_the_one_it_is_given(tmp_path: Path) -> None:
    for several in SEVERAL:
        for sign, found in (("+", []), ("-", ["VAE302"])):
            report = read(tmp_path, {"nets.py": NETS, "train.py": MOVED.format(several=several, sign=sign)})
            assert joined(report), several
            assert [finding.code for finding in report.findings] == found


OF_CLASS = f"""\
{IMPORTS}

class Net(nn.Module):
    def __init__(self, width, beta):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(784, width), nn.Linear(784, width), nn.Linear(width, 784)
        self.beta = beta

    @classmethod
    def of(cls, settings, width=9):
        return cls(width, beta=settings.get("beta", 1.0))

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        error = F.binary_cross_entropy_with_logits(self.back(z), x, reduction="sum")
        return error {{sign}} self.beta * 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())

    def fresh(self, settings):
        return self.of(settings, width=11)


def train(settings, loader):
    net = {{made}}
    for x, _ in loader:
        net(x).backward()
"""


def test_a_method_of_a_class_makes_an_object_of_it(tmp_path: Path) -> None:
    for made in ("Net.of(settings)", "Net(7, 1.0).fresh(settings)"):
        for sign, found in (("-", []), ("+", ["VAE302"])):
            report = read(tmp_path, {"net.py": OF_CLASS.format(made=made, sign=sign)})
            assert "train" in [facts.subject.rpartition(":")[2] for facts in joined(report)], made
            assert [finding.code for finding in report.findings] == found
