"""A model that is chosen by name, wrapped, or trained by a loss put together elsewhere is one VAE with its loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from joined_parts import IMPORTS, NETS, TERMS, joined, read, script

# How a model comes by a name that is not known, and the imports that this takes.
CHOSEN = {
    "attribute": ("getattr(nets, args.kind)(args.width)", "import nets\n"),
    "entry": ('{"net": Net, "plain": Plain}[args.kind](args.width)', "from nets import Net, Plain\n"),
    "entry asked for": ('{"plain": Plain, "net": Net}.get(args.kind)(args.width)', "from nets import Net, Plain\n"),
    "global": ("globals()[args.kind](args.width)", "from nets import *\n"),
    "global asked for": ("globals().get(args.kind)(args.width)", "from nets import Plain, Net\n"),
    "evaluated": ("eval(args.kind)(args.width)", "from nets import Plain, Net\n"),
    "variables": ("vars(nets)[args.kind](args.width)", "import nets\n"),
    "dict of a module": ("nets.__dict__[args.kind](args.width)", "import nets\n"),
    "own module": (
        "getattr(sys.modules[__name__], args.kind)(args.width)",
        "import sys\nfrom nets import Plain, Net\n",
    ),
    "class": ("(Plain if args.plain else Net)(args.width)", "from nets import Plain, Net\n"),
    "loaded": ("torch.load(args.file) if args.file else Net(args.width)", "from nets import Net\n"),
    "loaded over it": ("Net(args.width)\n    net = torch.load(args.file).cuda()", "from nets import Net\n"),
    "file": ('importlib.import_module(f"parts.{args.file}").Net(args.width)', "import importlib\n"),
    "file, added": (
        'getattr(importlib.import_module("parts." + args.file), args.kind)(args.width)',
        "import importlib\n",
    ),
    "file, filled in": ('importlib.import_module("parts.%s" % args.file).Net(args.width)', "import importlib\n"),
    "file, formatted": ('importlib.import_module("parts.{}".format(args.file)).Net(args.width)', "import importlib\n"),
    "file, by the built-in": (
        'getattr(__import__("parts." + args.file, fromlist=["Net"]), args.kind)(args.width)',
        "",
    ),
    "file, by the built-in, known": ('getattr(__import__("nets"), args.kind)(args.width)', ""),
    "file, known": ('getattr(importlib.import_module("nets"), args.kind)(args.width)', "import importlib\n"),
}


@pytest.mark.parametrize("form", CHOSEN)
def test_a_model_by_an_unknown_name_is_the_one_that_draws(form: str, tmp_path: Path) -> None:
    report = read(tmp_path, {"nets.py": NETS, "parts/nets.py": NETS, "train.py": script(*CHOSEN[form])})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_model_by_an_unknown_name_is_accused_of_what_it_does(tmp_path: Path) -> None:
    wrong = NETS.replace("torch.exp(0.5 * s)", "torch.exp(s)")
    report = read(tmp_path, {"nets.py": wrong, "train.py": script(*CHOSEN["attribute"])})
    assert [(finding.code, finding.place and finding.place.line) for finding in report.findings] == [("VAE201", 17)]


def test_a_model_of_another_number_of_arguments_is_not_chosen(tmp_path: Path) -> None:
    other = NETS.replace("width=20", "width, depth")
    report = read(
        tmp_path, {"nets.py": other, "train.py": script("getattr(nets, args.kind)(1, 2, 3)", "import nets\n")}
    )
    assert joined(report) == []


@pytest.mark.parametrize(("first", "second"), [("Plain", "Net"), ("Net", "Plain")])
def test_a_factory_of_models_makes_the_one_that_draws(first: str, second: str, tmp_path: Path) -> None:
    made = f"""\
from nets import Net, Plain


def make(args):
    if args.kind == "{first.lower()}":
        return {first}(args.width)
    if args.kind == "{second.lower()}":
        return {second}(args.width)
    raise ValueError(args.kind)


"""
    report = read(tmp_path, {"nets.py": NETS, "train.py": script("make(args)", made)})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


REGISTRY = """\
KINDS = {}


def register(name):
    def note(kind):
        KINDS[name] = kind
        return kind

    return note


def build(name, *args):
    return KINDS[name](*args)
"""
KINDS = """\
class Kinds:
    def __init__(self):
        self._kinds = {}

    def register(self, name=None):
        def note(kind):
            self._kinds[name or kind.__name__] = kind
            return kind

        return note

    def build(self, name, *args):
        return self._kinds[name](*args)


KINDS = Kinds()
register, build = KINDS.register, KINDS.build
"""


@pytest.mark.parametrize("registry", [REGISTRY, KINDS], ids=["dict", "object"])
def test_a_registry_has_what_its_decorator_was_put_on(registry: str, tmp_path: Path) -> None:
    nets = NETS.replace("class Net", '@register("net")\nclass Net').replace(
        "class Plain", '@register("p")\nclass Plain'
    )
    files = {
        "a_script.py": script("build(args.kind, args.width)", "import nets\nfrom kinds import build\n")
        + '\n\nif __name__ == "__main__":\n    main(None)\n',
        "kinds.py": registry,
        "nets.py": "from kinds import register\n" + nets,
    }
    report = read(tmp_path, files)
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


WRAPPED = {
    "accelerate": "net, optimizer = Accelerator().prepare(net, optimizer)",
    "accelerate, alone": "net = Accelerator().prepare(net)",
    "fabric": "net, optimizer = Fabric().setup(net, optimizer)",
    "apex": 'net, optimizer = amp.initialize(net, optimizer, opt_level="O1")',
    "deepspeed": "net, optimizer, _, _ = deepspeed.initialize(args=args, model=net, optimizer=optimizer)",
    "sharded": "net = FSDP(net)",
    "traced": "net = torch.jit.trace(net, torch.zeros(1, 784))",
    "batch norm": "net = nn.SyncBatchNorm.convert_sync_batchnorm(net)",
    "inner": "net = nn.DataParallel(net).module",
}
LIBRARIES = """\
import deepspeed
from accelerate import Accelerator
from apex import amp
from lightning.fabric import Fabric
from nets import Net
from torch.distributed.fsdp import FullyShardedDataParallel as FSDP
"""


@pytest.mark.parametrize("form", WRAPPED)
def test_a_wrapped_model_is_the_model(form: str, tmp_path: Path) -> None:
    text = script("Net(args.width)", LIBRARIES).replace("    train(net", f"    {WRAPPED[form]}\n    train(net")
    report = read(tmp_path, {"nets.py": NETS, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_model_in_half_precision_is_the_model(tmp_path: Path) -> None:
    halved = """

def as_half(value):
    return value.half() if isinstance(value, (torch.cuda.FloatTensor, torch.FloatTensor)) else value


def as_float(value):
    kind = value
    if isinstance(kind, nn.Parameter):
        kind = value.data
    if isinstance(kind, torch.cuda.HalfTensor):
        value = value.float()
    return value


class Halved(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner.half()

    def forward(self, x):
        return tuple(as_float(item) for item in self.inner(as_half(x)))
"""
    made = "Halved(Net(args.width)) if args.half else Net(args.width)"
    report = read(tmp_path, {"nets.py": NETS + halved, "train.py": script(made, "from nets import Halved, Net\n")})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_decoder_that_attends_to_z_by_keyword_decodes_it(tmp_path: Path) -> None:
    nets = NETS.replace(
        "nn.Sequential(nn.Linear(width, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())",
        "nn.Linear(width, 784)\n        self.ask = nn.Embedding(5, width)\n"
        "        self.mix = nn.MultiheadAttention(width, 2)",
    ).replace(
        "return self.back(z), m, s",
        "made, _ = self.mix(query=self.ask.weight, key=z, value=z)\n"
        "        return torch.sigmoid(self.back(made)), m, s",
    )
    report = read(tmp_path, {"nets.py": nets, "train.py": script("Net(args.width)", "from nets import Net\n")})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_an_object_filled_by_names_has_these_attributes(tmp_path: Path) -> None:
    nets = NETS.replace(
        "return self.back(z), m, s",
        """kept = Result()
        for name, value in {"out": self.back(z), "m": m, "s": s}.items():
            kept.__setattr__(name, value)
        return kept.out, kept.m, kept.s""",
    ).replace("class Net(", "class Result:\n    pass\n\n\nclass Net(")
    report = read(tmp_path, {"nets.py": nets, "train.py": script("Net(args.width)", "from nets import Net\n")})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_an_optimizer_asks_its_closure_for_the_loss(tmp_path: Path) -> None:
    text = f"""\
from nets import Net
{IMPORTS}{TERMS}
def main(args):
    net = Net(args.width)
    optimizer = torch.optim.LBFGS(net.parameters())
    for x, _ in args.loader:
        out, m, s = net(x)

        def closure():
            loss = error(out, x) + kl_of(m, s)
            loss.backward()
            return loss

        optimizer.step(closure)
"""
    report = read(tmp_path, {"nets.py": NETS, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_loss_class_by_name_is_the_one_with_a_divergence(tmp_path: Path) -> None:
    losses = f"""\
{IMPORTS}{TERMS}
class Error(nn.Module):
    def forward(self, out, x, m, s):
        return error(out, x)


class Bound(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.beta = beta

    def forward(self, out, x, m, s):
        return error(out, x) + self.beta * kl_of(m, s)


KINDS = {{"error": Error, "bound": Bound}}
"""
    text = f"""\
import losses
from nets import Net
{IMPORTS}
def main(args):
    net = Net(args.width)
    criterion = losses.KINDS[args.loss]()
    for x, _ in args.loader:
        out, m, s = net(x)
        loss = criterion(out, x, m, s)
        loss.backward()
"""
    report = read(tmp_path, {"losses.py": losses, "nets.py": NETS, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_file_of_a_folder_without_an_init_file_is_imported(tmp_path: Path) -> None:
    text = script("getattr(parts.nets, args.kind)(args.width)", "import parts.nets\n")
    report = read(tmp_path, {"parts/nets.py": NETS, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_noise_without_a_scale_is_no_reason_to_choose_a_model(tmp_path: Path) -> None:
    recurrent = """

class Recurrent(nn.Module):
    def __init__(self, width=20):
        super().__init__()
        self.cell = nn.LSTM(784, 784)
        self.first = torch.randn(1, 1, 784), torch.randn(1, 1, 784)

    def forward(self, x):
        out, _ = self.cell(x, self.first)
        return out, None, None


"""
    head, _, rest = NETS.partition("class Net")
    nets = f"{head.rstrip()}{recurrent}class Net{rest}"
    report = read(tmp_path, {"nets.py": nets, "train.py": script(*CHOSEN["attribute"])})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_the_only_class_that_the_arguments_fit_is_made(tmp_path: Path) -> None:
    loss = f"""\
{IMPORTS}

class Error(nn.Module):
    def forward(self, out, x):
        return F.binary_cross_entropy(out, x, reduction="sum")
"""
    made = "getattr(losses, args.loss)()"
    text = script("Net(args.width)", "import losses\nfrom nets import Net\n").replace(
        "loss = error(out, x) + kl_of(m, s)", f"loss = {made}(out, x) + kl_of(m, s)"
    )
    report = read(tmp_path, {"losses.py": loss, "nets.py": NETS, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert joined(report)


def test_a_branch_by_a_part_of_a_models_name_is_the_one_taken(tmp_path: Path) -> None:
    nets = NETS.replace("        self.trunk", '        self.name = "small Net"\n        self.trunk')
    text = script("Net(args.width)", "from nets import Net\n").replace(
        "loss = error(out, x) + kl_of(m, s)",
        """if "Net" in net.name:
            loss = error(out, x) + kl_of(m, s)
        else:
            loss = F.mse_loss(out, x, reduction="sum") - kl_of(m, s)""",
    )
    report = read(tmp_path, {"nets.py": nets, "train.py": text})
    assert [finding.code for finding in report.findings] == []
    assert {str(facts.recon.kind.value) for facts in joined(report) if facts.recon.kind} == {"bce"}


# How a package gives what its files have, and how one of these asks for another.
PACKAGES = {
    "by its whole name": ("from pack import nets, train\n", "from pack import nets\n", "nets.Net"),
    "by a dot": ("from . import nets, train\n", "from . import nets\n", "nets.Net"),
    "of a file": ("from pack.nets import Net\nfrom pack import train\n", "import pack\n", "pack.Net"),
    "what it has itself": ("from pack import nets, train\nKIND = nets.Net\n", "from . import KIND\n", "KIND"),
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_may_import_its_own_files(package: str, tmp_path: Path) -> None:
    init, head, made = PACKAGES[package]
    files = {
        "pack/__init__.py": f"{init}\n__all__ = [train]\n",
        "pack/nets.py": NETS,
        "pack/train.py": script(f"{made}(args.width)", head),
    }
    report = read(tmp_path, files)
    assert {facts.subject.rpartition("/")[2] for facts in joined(report)} == {"train.py:main"}


ASKING = f"""\
{IMPORTS}

class Kept({{base}}):
    def __init__(self, width, scores=None, *, width_of_scores=None):
        super().__init__()
        if scores == "squares":
            self.cost = nn.MSELoss(reduction="sum")
        elif scores == "bits":
            self.cost = nn.BCEWithLogitsLoss(reduction="sum")
        else:
            raise ValueError(scores)
        self.to_m, self.to_s, self.back = nn.Linear(784, width), nn.Linear(784, width), nn.Linear(width, 784)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(s) * torch.randn_like(s)
        return self.cost(self.back(z), x) - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
"""


@pytest.mark.parametrize("base", ["nn.Module", "Base"])
def test_a_model_that_asks_for_what_is_none_by_default_is_given_it(base: str, tmp_path: Path) -> None:
    text = ASKING.format(base=base).replace("import torch\n", "import torch\nfrom elsewhere import Base\n", 1)
    report = read(tmp_path, {"kept.py": text})
    assert [(finding.code, finding.place and finding.place.line) for finding in report.findings] == [("VAE201", 20)]
    assert joined(report)


WORDS = """
import argparse
import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--kind", type=str, default="GRU")
args = parser.parse_args()


class Words(nn.Module):
    def __init__(self, kind, wide=20):
        super().__init__()
        self.before = nn.Embedding(100, wide)
        self.rnn = getattr({owner}, kind)(wide, wide)
        self.after = nn.Linear(wide, 100)

    def forward(self, given, state):
        seen, state = self.rnn(self.before(given), state)
        return self.after(seen), state


net = Words(args.kind)
criterion = nn.CrossEntropyLoss()


def detached(state):
    return state.data


def train(rows):
    state = torch.zeros(1, 5, 20)
    total_loss = 0
    for given, wanted in rows:
        state = detached(state)
        out, state = net(given, state)
        loss = criterion(out.view(-1, 100), wanted)
        loss.backward()
        total_loss += len(given) * loss.data
    return total_loss


train(make_rows())
"""
DRAWING = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(20, 7), nn.Linear(20, 7), nn.Linear(7, 20)

    def forward(self, x, state):
        m, s = self.to_m(state), self.to_s(state)
        kl = -0.5 * torch.sum(1 + s - m ** 2 - s.exp(), dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), kl
"""


@pytest.mark.parametrize("owner", ["nn", "torch.nn"])
def test_a_layer_of_torch_by_an_unknown_name_is_no_model(owner: str, tmp_path: Path) -> None:
    words = WORDS.replace("{owner}", owner)
    report = read(tmp_path, {"nets.py": DRAWING, "words/main.py": words})
    assert joined(report) == []
