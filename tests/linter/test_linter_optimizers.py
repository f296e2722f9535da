"""What no optimizer holds: the optimizer of another object, of a part, of globals; and what is left out on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, KL, codes, linted

HEAD = """\
import itertools

import torch
import torch.nn as nn
import torch.nn.functional as F


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(91, 33)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        return self.to_m(h), self.to_s(h)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 91))

    def forward(self, x):
        m, s = self.encoder(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s


def cost(y, x, m, s):
    return (F.mse_loss(y, x, reduction="none").sum(1) + KL).mean()

""".replace("KL", KL)
LOOP = """

def train(loader):
    for x in loader:
        {step}
        loss = cost(y, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        {before}optimizer.step()
"""
WHOLE = "y, m, s = net(x)"
PARTS = "m, s = encoder(x)\n        y = decoder(m + torch.exp(0.5 * s) * torch.randn_like(s))"
TWO = "encoder = Encoder()\ndecoder = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 91))\n"
ONE = "net = Net()\n"


def program(built: str, step: str = WHOLE, before: str = "") -> str:
    return HEAD + built + LOOP.format(step=step, before=before)


FORGOTTEN = {
    "the decoder alone": (ONE + "optimizer = torch.optim.Adam(net.back.parameters())\n", WHOLE, "net.encoder"),
    "the encoder alone": (ONE + "optimizer = torch.optim.Adam(net.encoder.parameters())\n", WHOLE, "net.back"),
    "one global": (TWO + "optimizer = torch.optim.SGD(decoder.parameters(), 0.1)\n", PARTS, "encoder"),
    "the other global": (TWO + "optimizer = torch.optim.SGD(params=encoder.parameters(), lr=0.1)\n", PARTS, "decoder"),
    "groups of parts": (
        ONE
        + "optimizer = torch.optim.AdamW([{'params': net.encoder.trunk.parameters(), 'lr': 0.1},"
        + " {'params': net.back.parameters()}])\n",
        WHOLE,
        "net.encoder.to_m, net.encoder.to_s",
    ),
    "lists added": (
        ONE + "optimizer = torch.optim.Adam(list(net.encoder.to_m.parameters()) + list(net.back.parameters()))\n",
        WHOLE,
        "net.encoder.to_s, net.encoder.trunk",
    ),
    "another object of the same class": (
        ONE + "old = Net()\noptimizer = torch.optim.Adam([*old.parameters(), *net.back.parameters()])\n",
        WHOLE,
        "net.encoder",
    ),
    "what is clipped and counted": (
        ONE
        + "optimizer = torch.optim.Adam(net.back.parameters())\nprint(sum(p.numel() for p in net.parameters()))\n"
        + "for p in net.parameters():\n    nn.init.normal_(p)\n",
        WHOLE,
        "net.encoder",
    ),
    **{
        f"a part, where another network is frozen by {off}": (
            ONE
            + f"judge = nn.Linear(91, 1)\nfor p in judge.parameters():\n    p.{off}\n"
            + "optimizer = torch.optim.Adam(net.back.parameters())\n",
            WHOLE,
            "net.encoder",
        )
        for off in ("requires_grad = False", "requires_grad_(False)", "requires_grad_(requires_grad=False)")
    },
    "a part filled with what is trained": (
        ONE + "net.load_state_dict(torch.load('last.pt'))\noptimizer = torch.optim.Adam(net.back.parameters())\n",
        WHOLE,
        "net.encoder",
    ),
}


@pytest.mark.parametrize(("built", "step", "names"), FORGOTTEN.values(), ids=FORGOTTEN)
def test_what_no_optimizer_holds_is_named(built: str, step: str, names: str, tmp_path: Path) -> None:
    before = "nn.utils.clip_grad_norm_(net.parameters(), 1.0)\n        " if built.startswith(ONE) else ""
    text = program(built, step, before)
    findings = linted(tmp_path, {"train.py": text}).findings
    assert [finding.code for finding in findings] == ["VAE602"]
    assert names in findings[0].message
    assert findings[0].place is not None
    assert "torch.optim" in text.splitlines()[findings[0].place.line - 1]


RIGHT = {
    "all": (ONE + "optimizer = torch.optim.Adam(net.parameters())\n", WHOLE),
    "both": (TWO + "optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])\n", PARTS),
    "a chain": (
        TWO + "optimizer = torch.optim.Adam(itertools.chain(encoder.parameters(), decoder.parameters()))\n",
        PARTS,
    ),
    "lists joined before": (
        TWO
        + "given = list(encoder.parameters())\ngiven += list(decoder.parameters())\n"
        + "optimizer = torch.optim.Adam(given)\n",
        PARTS,
    ),
    "a list extended": (
        TWO
        + "given = list(encoder.parameters())\ngiven.extend(decoder.parameters())\n"
        + "optimizer = torch.optim.Adam(given)\n",
        PARTS,
    ),
    "parameters added to a list": (
        TWO
        + "given = list(encoder.parameters())\ngiven += decoder.parameters()\n"
        + "optimizer = torch.optim.Adam(given)\n",
        PARTS,
    ),
    "two optimizers": (
        TWO
        + "optimizer = torch.optim.Adam(encoder.parameters())\nother = torch.optim.Adam(decoder.parameters())\n"
        + "optimizer.register_step_post_hook(lambda *_: other.step())\n",
        PARTS,
    ),
    "what needs a gradient": (
        ONE + "optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, net.parameters()))\n",
        WHOLE,
    ),
    "all in one comprehension": (ONE + "optimizer = torch.optim.Adam([p for p in net.parameters()])\n", WHOLE),
}


@pytest.mark.parametrize(("built", "step"), RIGHT.values(), ids=RIGHT)
def test_what_holds_everything_is_clean(built: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": program(built, step)})
    assert codes(report) == []
    assert "VAE602" in {code for judgement in report.judgements for code in judgement.clean}


OPEN = {
    "a frozen part": (
        ONE + "net.encoder.requires_grad_(False)\noptimizer = torch.optim.Adam(net.back.parameters())\n",
        WHOLE,
    ),
    "a part frozen one by one": (
        ONE
        + "for p in net.encoder.parameters():\n    p.requires_grad = False\n"
        + "optimizer = torch.optim.Adam(net.back.parameters())\n",
        WHOLE,
    ),
    "a part frozen by calls": (
        ONE
        + "for p in net.encoder.parameters():\n    p.requires_grad_(False)\n"
        + "optimizer = torch.optim.Adam(net.back.parameters())\n",
        WHOLE,
    ),
    **{
        f"a part frozen as {part}, {off}": (
            ONE + "import settings\n"
            f"for p in {part}.parameters():\n    p.requires_grad{off}\n"
            "optimizer = torch.optim.Adam(net.back.parameters())\n",
            WHOLE,
        )
        for part in (
            "getattr(net, settings.PART)",
            "net.get_submodule(settings.PART)",
            "dict(net.named_children())[settings.PART]",
        )
        for off in (" = False", "_(False)")
    },
    "a decoder that was trained before": (
        TWO + "decoder.load_state_dict(torch.load('decoder.pt'))\noptimizer = torch.optim.Adam(encoder.parameters())\n",
        PARTS,
    ),
    "a group that is added later": (
        TWO
        + "optimizer = torch.optim.Adam(decoder.parameters())\n"
        + "optimizer.add_param_group({'params': encoder.parameters()})\n",
        PARTS,
    ),
    "an optimizer that is not read": (
        TWO + "optimizer = torch.optim.Adam(decoder.parameters())\nother = stepper(encoder.parameters())\n",
        PARTS,
    ),
    "parameters that are not read": (
        TWO + "optimizer = torch.optim.Adam(decoder.parameters())\nother = torch.optim.Adam(rest())\n",
        PARTS,
    ),
    "some, by their names": (
        ONE + "optimizer = torch.optim.Adam([p for n, p in net.named_parameters() if 'back' in n])\n",
        WHOLE,
    ),
    "a part by a setting": (
        TWO
        + "BOTH = False\ngiven = list(decoder.parameters())\nif BOTH:\n    given += list(encoder.parameters())\n"
        + "optimizer = torch.optim.Adam(given)\n",
        PARTS,
    ),
}


@pytest.mark.parametrize(("built", "step"), OPEN.values(), ids=OPEN)
def test_what_may_be_left_out_on_purpose_stays_open(built: str, step: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": program(built, step)})
    assert codes(report) == []
    assert "VAE602" not in {code for judgement in report.judgements for code in judgement.clean}


INNER = (
    HEAD
    + """
class Around(nn.Module):
    def __init__(self, encoder, back):
        super().__init__()
        self.encoder, self.back = encoder, back
        self.up = nn.Linear(5, 7)
        self.to_m, self.to_s = nn.Linear(7, 5), nn.Linear(7, 5)

    def forward(self, x):
        h, _ = self.encoder(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(self.up(z)), m, s


inner = Net()
net = Around(inner.encoder, inner.back)
optimizer = torch.optim.Adam({given}.parameters())
"""
)


@pytest.mark.parametrize(("given", "expected"), [("inner", ["VAE602"]), ("net", [])])
def test_the_parts_around_an_inner_autoencoder(given: str, expected: list[str], tmp_path: Path) -> None:
    text = INNER.replace("{given}", given) + LOOP.format(step=WHOLE, before="")
    report = linted(tmp_path, {"train.py": text})
    assert codes(report) == expected
    assert all("net.to_m, net.to_s, net.up" in finding.message for finding in report.findings)


STEP = """
class Trainer:
    def __init__(self):
        self.net = Net()
        self.optimizer = torch.optim.Adam(self.net.{given}parameters())

    def step(self, x):
        y, m, s = self.net(x)
        loss = cost(y, x, m, s)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""


@pytest.mark.parametrize(("given", "expected"), [("back.", ["VAE602"]), ("", [])])
def test_an_optimizer_that_a_trainer_holds(given: str, expected: list[str], tmp_path: Path) -> None:
    files = {"net.py": HEAD, "trainer.py": "import torch\nfrom net import Net, cost\n" + STEP.format(given=given)}
    assert codes(linted(tmp_path, files)) == expected


LISTED = HEAD.replace("self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)", "self.heads = {heads}").replace(
    "self.to_m(h), self.to_s(h)", "self.heads[0](h), self.heads[1](h)"
)
HEADS = "[nn.Linear(33, 7), nn.Linear(33, 7)]"
BY_NUMBER = "{0: nn.Linear(33, 7), 1: nn.Linear(33, 7)}"
BUILT = "net = Net()\noptimizer = torch.optim.Adam(net.parameters())\n"


@pytest.mark.parametrize("heads", [HEADS, f"tuple({HEADS})", BY_NUMBER])
def test_a_plain_container_of_layers_is_in_no_optimizer(heads: str, tmp_path: Path) -> None:
    text = LISTED.replace("{heads}", heads) + BUILT + LOOP.format(step=WHOLE, before="")
    (finding,) = linted(tmp_path, {"train.py": text}).findings
    assert finding.code == "VAE602"
    assert finding.message == "no optimizer holds net.encoder.heads"
    assert (
        finding.fix
        == "keep net.encoder.heads in an nn.ModuleList or nn.ModuleDict, so that parameters() has its layers"
    )


@pytest.mark.parametrize("heads", [f"nn.ModuleList({HEADS})", "nn.Sequential(nn.Linear(33, 7), nn.Linear(33, 7))"])
def test_a_container_that_the_model_knows_of_is_in_its_optimizer(heads: str, tmp_path: Path) -> None:
    text = LISTED.replace("{heads}", heads) + BUILT + LOOP.format(step=WHOLE, before="")
    assert linted(tmp_path, {"train.py": text}).findings == ()


BY_TURNS = (
    """
import torch
import torch.nn.functional as F
from torch import nn


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = {made}
        for turn in range(1, 4):
            self.steps[f"step {turn}"] = nn.Linear(91, 91)

    def forward(self, x):
        for turn in range(1, 4):
            x = torch.relu(self.steps[f"step {turn}"](x))
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = Trunk()
        self.to_m, self.to_s, self.back = nn.Linear(91, 7), nn.Linear(91, 7), nn.Linear(7, 91)

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), m, s
"""
    + FIT
)


@pytest.mark.parametrize(("made", "expected"), [("dict()", ["VAE602"]), ("{}", ["VAE602"]), ("nn.ModuleDict()", [])])
def test_layers_that_a_part_keeps_in_a_plain_dict(made: str, expected: list[str], tmp_path: Path) -> None:
    text = BY_TURNS.replace("{made}", made)
    assert codes(linted(tmp_path, {"train.py": text})) == expected


SEVERAL = (
    HEAD
    + """
class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.rest = None, nn.Linear(91, 91)


class Whole(nn.Module):
    def __init__(self, net, rest):
        super().__init__()
        self.net, self.rest = net, rest


inner, last = Net(), nn.Linear(91, 91)
if kind == "plain":
    {plain}
else:
    model = Whole(inner, last)
model.net = inner
optimizer = torch.optim.Adam(model.parameters())
"""
)
LAST = "y, m, s = inner(x)\n        y = last(y)"


@pytest.mark.parametrize(("plain", "expected"), [("model = Plain()", []), ("pass", [])])
def test_which_of_several_models_an_optimizer_holds_is_open(plain: str, expected: list[str], tmp_path: Path) -> None:
    text = SEVERAL.replace("{plain}", plain) + LOOP.format(step=LAST, before="")
    assert codes(linted(tmp_path, {"train.py": text})) == expected


def test_a_part_beside_the_one_model_of_an_optimizer_is_named(tmp_path: Path) -> None:
    text = SEVERAL.partition("if kind")[0] + "model = Plain()\nmodel.net = inner\n"
    text += "optimizer = torch.optim.Adam(model.parameters())\n" + LOOP.format(step=LAST, before="")
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE602"]


CHOSEN = """
if kind == "adam":
    optimizer = torch.optim.Adam({first})
elif kind == "sgd":
    optimizer = torch.optim.SGD({second}, lr=0.1)
else:
    raise ValueError(kind)
"""


@pytest.mark.parametrize("others", ["net.parameters()", "net.back.parameters()"], ids=["whole", "a part"])
def test_each_optimizer_that_a_setting_chooses_has_to_hold_all(others: str, tmp_path: Path) -> None:
    for first, second in (("net.parameters()", others), (others, "net.parameters()")):
        built = "import sys\nkind = sys.argv[1]\n" + ONE + CHOSEN.format(first=first, second=second)
        report = linted(tmp_path, {"train.py": program(built, WHOLE)})
        assert codes(report) == []
        assert any("VAE602" in vae.clean for vae in report.vaes) is (others == "net.parameters()")
