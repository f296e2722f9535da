"""Code that takes its model from outside is read with the one model of the project that fits it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.trunk = nn.Linear(784, 33)
        self.to_m = nn.Linear(33, width)
        self.to_s = nn.Linear(33, width)
        self.back = nn.Sequential(nn.Linear(width, 33), nn.ReLU(), nn.Linear(33, 784), nn.Sigmoid())

    def encode(self, x):
        h = F.relu(self.trunk(x))
        return self.to_m(h), self.to_s(h)

    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return RESULT
"""
OTHER = """\
import torch
import torch.nn as nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(784, 784)

    def forward(self, x):
        return self.layer(x + 0.1 * torch.randn_like(x)), x, x
"""
# A trainer of each form, the result of the model that it reads, and where the KL stands.
TRAINERS = {
    "attribute": (
        """\
class Trainer:
    def __init__(self, network, options):
        self.network = network.to(options.device)

    def step(self, x):
        out, m, s = self.network(x)
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return recon + kl
""",
        "self.back(z), m, s",
    ),
    "inherited": (
        """\
class Trainer(library.Trainer):
    def compute(self, batch):
        x = batch[0].to(self.device)
        out, m, s = self.model.forward(x)
        recon = F.binary_cross_entropy(out, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return {"loss": recon + kl}
""",
        "self.back(z), m, s",
    ),
    "function": (
        """\
def epoch(vae, loader, optimizer):
    for x, _ in loader:
        made = vae(x)
        recon = F.binary_cross_entropy(made["out"], x, reduction="sum")
        kl = -0.5 * torch.sum(1 + made["s"] - made["m"].pow(2) - made["s"].exp())
        loss = recon + kl
        loss.backward()
        optimizer.step()
""",
        '{"out": self.back(z), "m": m, "s": s}',
    ),
    "nested": (
        """\
def loss_of(net, x):
    out, (m, s) = net(x)
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    return recon + kl
""",
        "self.back(z), (m, s)",
    ),
}
HEAD = "import library\nimport torch\nimport torch.nn.functional as F\n\n\n"


def read(folder: Path, model: str, trainer: str, **others: str) -> LintReport:
    texts = {"net": model, "trainer": HEAD + trainer, **others}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return lint([folder])


def codes(report: LintReport) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize("form", TRAINERS)
def test_a_trainer_is_read_with_the_model_that_fits(form: str, tmp_path: Path) -> None:
    trainer, result = TRAINERS[form]
    model = MODEL.replace("RESULT", result)
    report = read(tmp_path, model, trainer, other=OTHER)
    assert codes(report) == []
    joined = [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
    assert {facts.subject.rpartition(":")[2] for facts in joined} == {"Net"}
    wrong = {
        "VAE201": model.replace("0.5 * s", "s"),
        "VAE204": model.replace("self.to_m(h), self", "torch.relu(self.to_m(h)), self"),
        "VAE402": model.replace(", nn.Sigmoid()", ""),
    }
    for code, text in wrong.items():
        assert codes(read(tmp_path, text, trainer, other=OTHER)) == [code]


def test_heads_that_a_trainer_takes_in_the_other_order_are_named(tmp_path: Path) -> None:
    trainer, result = TRAINERS["attribute"]
    exchanged = trainer.replace("out, m, s = ", "out, s, m = ")
    assert codes(read(tmp_path, MODEL.replace("RESULT", result), exchanged)) == ["VAE205"]


def test_of_two_models_that_fit_the_one_that_agrees_is_joined(tmp_path: Path) -> None:
    trainer, result = TRAINERS["attribute"]
    model = MODEL.replace("RESULT", result)
    wrong, second = model.replace("0.5 * s", "s"), model.replace("class Net", "class Wide")
    assert codes(read(tmp_path, wrong, trainer)) == ["VAE201"]
    for first, models in ((wrong, ["Wide"]), (model, ["Net", "Wide"])):
        report = read(tmp_path, first, trainer, second=second)
        assert codes(report) == []
        joined = [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
        assert sorted(facts.subject.rpartition(":")[2] for facts in joined) == models


@pytest.mark.parametrize("near", ["the same file", "imported"])
def test_the_nearest_model_that_fits_is_meant(near: str, tmp_path: Path) -> None:
    trainer, result = TRAINERS["attribute"]
    model = MODEL.replace("RESULT", result)
    wrong, second = model.replace("0.5 * s", "s"), model.replace("class Net", "class Wide")
    if near == "imported":
        report = read(tmp_path, wrong, "from net import Net\n\n" + trainer, second=second)
    else:
        report = read(tmp_path, second, wrong + trainer)
    assert codes(report) == ["VAE201"]


def test_a_model_whose_result_is_another_does_not_fit(tmp_path: Path) -> None:
    trainer, _ = TRAINERS["attribute"]
    model = MODEL.replace("RESULT", "self.back(z), z, h").replace("m, s = self.encode(x)", "m, s, h = self.encode(x)")
    model = model.replace("self.to_m(h), self.to_s(h)", "self.to_m(h), self.to_s(h), h").replace("0.5 * s", "s")
    report = read(tmp_path, model, trainer)
    assert codes(report) == []
    assert not any(facts.sampler.std and facts.kl.form for facts in report.facts)


LEVELS = """

class Levels(nn.Module):
    def __init__(self, count=3):
        super().__init__()
        self.down = nn.ModuleList(nn.Linear(784 if i == 0 else 33, 33) for i in range(count))
        self.heads = nn.ModuleList(nn.Linear(33, 14) for _ in range(count))
        self.back = nn.Linear(7 * count, 784)

    def forward(self, x):
        h, drawn, terms = x, [], []
        for down, head in zip(self.down, self.heads):
            h = F.relu(down(h))
            m, s = head(h).chunk(2, -1)
            drawn.append(m + torch.exp(0.5 * s) * torch.randn_like(m))
            terms.append(-0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1))
        return self.back(torch.cat(drawn, -1)), terms


def fit(net, loader, optimizer):
    for x in loader:
        out, terms = net(x)
        loss = ERROR
        JOINED
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
JOINED = {
    "one by one": "for term in terms:\n            loss = loss + term.mean()",
    "python's sum": "loss = loss + sum(terms).mean()",
    "a sum of means": "loss = loss + sum(term.mean() for term in terms)",
    "a stack": "loss = loss + torch.stack(terms).sum(0).mean()",
    "a stack, over levels last": "loss = loss + torch.stack(terms, dim=1).sum(1).mean()",
    "added in place": (
        "total = 0.0\n        for term in terms:\n            total += term.mean(0)\n        loss += total"
    ),
}


@pytest.mark.parametrize("joined", JOINED.values(), ids=JOINED)
@pytest.mark.parametrize(
    ("error", "expected"),
    [("F.mse_loss(out, x)", ["VAE502"]), ("F.mse_loss(out, x, reduction='none').sum(-1).mean()", [])],
    ids=["a mean", "a sum"],
)
def test_terms_of_levels_that_a_trainer_adds_up(error: str, expected: list[str], joined: str, tmp_path: Path) -> None:
    report = read(tmp_path, "", LEVELS.replace("ERROR", error).replace("JOINED", joined).replace("nn.", "torch.nn."))
    assert codes(report) == expected
    joined_up = [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
    assert {facts.subject.rpartition(":")[2] for facts in joined_up} == {"Levels"}
    assert any({"VAE302", "VAE305"} <= set(each.clean) for each in report.judgements)


DERIVED = """

class Raw(Net):
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back[:-1](z), m, s
"""


def test_a_loss_may_be_for_a_model_that_is_derived_from_the_one_that_fits(tmp_path: Path) -> None:
    trainer, result = TRAINERS["attribute"]
    model = MODEL.replace("RESULT", result)
    logits = trainer.replace("binary_cross_entropy", "binary_cross_entropy_with_logits")
    assert codes(read(tmp_path, model, logits)) == ["VAE401"]
    assert codes(read(tmp_path, model + DERIVED, logits)) == []
    assert codes(read(tmp_path, model.replace("0.5 * s", "s") + DERIVED, logits)) == ["VAE201"]


# A model that returns its own KL, and a training of another file that is handed a model.
WITH_KL = """\
import torch
import torch.nn as nn
from torch.distributions import Normal, kl_divergence


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(784, width), nn.Linear(784, width)
        self.back = nn.Linear(width, 784)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        q = Normal(m, (0.5 * s).exp())
        kl = kl_divergence(q, Normal(torch.zeros_like(m), torch.ones_like(s)))
        return RESULT
"""
HANDED = """\
import torch
import torch.nn.functional as F


def train(net, loader, steps):
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, _ = net(x)
        loss = F.mse_loss(out, x, reduction="sum") + 0.01 * out.abs().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("result", "codes"),
    [("self.back(q.rsample()), kl", ["VAE305"]), ("self.back(q.rsample()), kl, m, s", [])],
    ids=["fits", "has more parts than the training takes"],
)
def test_a_model_is_trained_by_code_that_can_take_its_result_apart(
    result: str, codes: list[str], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text(WITH_KL.replace("RESULT", result))
    (tmp_path / "plain.py").write_text(HANDED)
    report = lint([tmp_path])
    assert [each.code for each in report.findings] == codes


BOTTLENECK = """\
import torch
import torch.nn as nn


class Gaussian(nn.Module):
    def forward(self, h):
        m, s = torch.chunk(h, 2, dim=1)
        std = torch.exp(0.5 * s)
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - 1.0 - s) / h.shape[0]
        return m + std * torch.randn_like(m), kl, m, std
"""
FEATURES = """\
class Matching(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def features_loss(self, made, x):
        ours, theirs = self.network(made), self.network(x)
        loss = 0
        for scale in range(len(ours)):
            {compared}
        return loss
"""
COMPARED = {
    "of each scale": "loss += F.l1_loss(ours[scale], theirs[scale].detach())",
    "of each layer of each": """for layer in range(len(ours[scale]) - 1):
                loss += F.l1_loss(ours[scale][layer], theirs[scale][layer].detach())""",
}


@pytest.mark.parametrize("compared", COMPARED.values(), ids=COMPARED)
def test_features_that_a_loop_compares_are_no_results_of_a_vae(compared: str, tmp_path: Path) -> None:
    trainer = "import torch.nn as nn\n" + FEATURES.format(compared=compared)
    report = read(tmp_path, BOTTLENECK, trainer)
    assert codes(report) == []
    assert all(facts.recon.kind is None for facts in report.facts)


# A model that returns its terms by names, one that has no KL, and two trainings that are handed one of them.
WITH_TERMS = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(784, 13), nn.Linear(784, 13)
        self.back = nn.Linear(13, 784)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = 0.5 * (m.pow(2) + s.exp() - 1.0 - s).sum(1).mean()
        return {"error": F.mse_loss(self.back(z), x, reduction="none").sum(1).mean(), "kl": kl}
"""
PLAIN = """import torch.nn as nn
import torch.nn.functional as F


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(784, 17), nn.Linear(17, 784)

    def forward(self, x):
        return {"error": F.mse_loss(self.back(self.there(x)), x)}
"""
TRAINED = """import torch


def fit_FORM(net, loader):
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        made = net(x)
        optimizer.zero_grad()
        loss = LOSS
        loss.backward()
        optimizer.step()
"""
PART = """\
class Back(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, 784)

    def forward(self, z):
        return self.layer(z)
"""
FITS_PLAIN = TRAINED.replace("FORM", "plain")
FITS_DRAWING = TRAINED.replace("FORM", "drawing").replace("LOSS", 'made["error"] + 0.3 * made["kl"]')


@pytest.mark.parametrize("error", ['made["error"]', 'made["error"] + 0.01 * made["error"] ** 2'])
@pytest.mark.parametrize(
    "known",
    [
        "by the other training",
        "by what it imports",
        "by what stands in it",
        "by what another file has",
        "there is none",
    ],
)
def test_code_without_a_kl_may_train_a_model_that_has_none(error: str, known: str, tmp_path: Path) -> None:
    fit = FITS_PLAIN.replace("LOSS", error)
    texts = {"net": WITH_TERMS, "plain": PLAIN, "fit_plain": fit}
    if known == "by the other training":
        texts["fit_drawing"] = FITS_DRAWING
    elif known == "by what it imports":
        texts["fit_plain"] = "from plain import Plain\n" + fit
    elif known == "by what stands in it":
        texts["fit_plain"] = texts.pop("plain") + "\n\n" + fit
    elif known == "there is none":
        del texts["plain"]
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    report = lint([tmp_path])
    assert codes(report) == (["VAE305"] if known == "there is none" else [])
    # Where no code is known to train it, nothing is said of what reaches its loss.
    assert any("VAE305" in each.clean for each in report.judgements) is (known == "by the other training")


def test_parts_of_a_model_are_no_others_that_a_training_may_be_for(tmp_path: Path) -> None:
    model = WITH_TERMS.replace("class Drawing", PART + "\n\nclass Drawing").replace(
        "self.back = nn.Linear(13, 784)", "self.back = Back(13)"
    )
    fit = "from net import Back, Drawing\n" + FITS_PLAIN.replace("LOSS", 'made["error"]')
    (tmp_path / "net.py").write_text(model, encoding="utf-8")
    (tmp_path / "fit.py").write_text(fit, encoding="utf-8")
    assert codes(lint([tmp_path])) == ["VAE305"]
