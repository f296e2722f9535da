"""Pieces without a model around them: a loss, a KL, a view, each in a file of its own, judged where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint
from vae_checked.linter.files import prefilter

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.functional import binary_cross_entropy_with_logits as of_logits

"""


def read(folder: Path, text: str) -> LintReport:
    path = folder / "piece.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return lint([path])


def named(folder: Path, text: str) -> dict[str, str]:
    """Per code the line that is named, without its blanks."""
    lines = (HEAD + text).splitlines()
    found = read(folder, text).findings
    return {each.code: lines[each.place.line - 1].strip() for each in found if each.place is not None}


# ------------------------------------------------------------------------------------------------- losses

LOSSES = {
    "in one line": ("return F.binary_cross_entropy_with_logits(torch.sigmoid(a), y)", "VAE401"),
    "by a method": ("return of_logits(a.sigmoid(), y)", "VAE401"),
    "by modules": ("return nn.BCEWithLogitsLoss(reduction='sum')(nn.Sigmoid()(a).view(-1, 91), y)", "VAE401"),
    "scores": ("return of_logits(torch.softmax(a, dim=1), y)", "VAE401"),
    "tanh": ("return F.binary_cross_entropy(torch.tanh(a), y)", "VAE402"),
    "no activation that ends in 1": ("return nn.BCELoss()(F.softplus(a), y)", "VAE402"),
    "twice": ("return F.binary_cross_entropy(torch.sigmoid(torch.sigmoid(a)), y)", "VAE405"),
    "half the range": ("return F.binary_cross_entropy(torch.sigmoid(torch.relu(a)), y)", "VAE406"),
}
RIGHT_LOSSES = {
    "logits": "return F.binary_cross_entropy_with_logits(a, y)",
    "probabilities": "return F.binary_cross_entropy(torch.sigmoid(a), y)",
    "soft labels": "return F.binary_cross_entropy_with_logits(a, torch.sigmoid(y))",
    "what is not known": "return F.binary_cross_entropy(a, y)",
    "a difference": "return of_logits(torch.sigmoid(a) - torch.sigmoid(y), torch.ones_like(a))",
    "scaled to logits": "return of_logits(8 * torch.sigmoid(a) - 4, y)",
    "back to logits": "return of_logits(torch.logit(torch.sigmoid(a)), y)",
    "another loss": "return F.mse_loss(torch.sigmoid(a), y)",
    "a margin": "return F.l1_loss(torch.tanh(a), 3 * y)",
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_alone_is_judged_by_what_its_prediction_passed(name: str, tmp_path: Path) -> None:
    line, code = LOSSES[name]
    found = named(tmp_path, f"def cost(a, y):\n    {line}\n")
    assert found == {code: line}


@pytest.mark.parametrize("line", RIGHT_LOSSES.values(), ids=RIGHT_LOSSES)
def test_a_right_loss_alone_is_not_named(line: str, tmp_path: Path) -> None:
    assert named(tmp_path, f"def cost(a, y):\n    {line}\n") == {}


# A file that has nothing of a VAE is not parsed.
BESIDE = "def error(a, y):\n    return F.mse_loss(a, y)\n\n\n"
CLASSES = {
    "softmax twice": "return F.cross_entropy(torch.softmax(a, dim=1), y)",
    "softmax twice, by modules": "return nn.CrossEntropyLoss()(nn.Softmax(dim=-1)(a), y)",
    "softmax below a log softmax": "return F.nll_loss(F.log_softmax(a.softmax(1), dim=1), y)",
    "softmax below one by hand": "return -(y * F.log_softmax(torch.softmax(a, 1), dim=1)).sum(1).mean()",
    "sigmoid below a softmax": "return F.cross_entropy(torch.sigmoid(a), y)",
}
RIGHT_CLASSES = {
    "classes": "return F.cross_entropy(a, y)",
    "classes by their log probabilities": "return F.nll_loss(F.log_softmax(a, dim=1), y)",
    "classes by a log softmax of its own, once more": "return F.cross_entropy(F.log_softmax(a, dim=1), y)",
    "classes by the log of a softmax": "return F.nll_loss(torch.log(torch.softmax(a, dim=1) + 1e-8), y)",
    "classes, scaled to scores": "return F.cross_entropy(16 * torch.softmax(a, dim=1), y)",
}


@pytest.mark.parametrize("line", CLASSES.values(), ids=CLASSES)
def test_a_softmax_before_the_softmax_of_the_loss_is_one_too_many(line: str, tmp_path: Path) -> None:
    report = read(tmp_path, f"{BESIDE}def cost(a, y):\n    {line}\n")
    assert [(each.code, each.place.line) for each in report.findings if each.place is not None] == [("VAE405", 11)]
    assert "the softmax of the loss" in report.findings[0].message


@pytest.mark.parametrize("line", RIGHT_CLASSES.values(), ids=RIGHT_CLASSES)
def test_scores_of_classes_may_be_bounded_once(line: str, tmp_path: Path) -> None:
    assert named(tmp_path, f"{BESIDE}def cost(a, y):\n    {line}\n") == {}


CHOSEN = """
class Scores(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.net, self.cost = nn.Linear(91, 33), nn.CrossEntropyLoss()
        {choice}

    def forward(self, x):
        return {scores}

    def loss(self, x, y):
        return self.cost(self(x), y)
"""


@pytest.mark.parametrize(
    ("choice", "scores", "found"),
    [
        ("self.end = nn.Softmax(dim=-1)", "self.end(self.net(x))", ["VAE405"]),
        ("self.end = nn.Softmax(dim=-1) if act == 'softmax' else nn.ReLU()", "self.end(self.net(x))", []),
        ("self.end = nn.Softmax(dim=-1)", "self.end(self.net(x)) if self.shown else self.net(x)", []),
    ],
)
def test_an_activation_that_a_setting_chooses_is_not_judged(
    choice: str, scores: str, found: list[str], tmp_path: Path
) -> None:
    report = read(tmp_path, BESIDE + CHOSEN.format(choice=choice, scores=scores))
    assert [each.code for each in report.findings] == found


NETWORK = """
class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(91, 33), nn.LeakyReLU(0.2), nn.Linear(33, 1){end})
        self.cost = nn.{loss}()

    def forward(self, x):
        return self.net(x)

    def loss(self, x, y):
        return self.cost(self(x), y)
"""
ENDS = {
    "sigmoid beside logits": (", nn.Sigmoid()", "BCEWithLogitsLoss", {"VAE401"}),
    "none beside probabilities": ("", "BCELoss", {"VAE402"}),
    "logits": ("", "BCEWithLogitsLoss", set()),
    "probabilities": (", nn.Sigmoid()", "BCELoss", set()),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_network_that_is_no_vae_is_named_where_it_is_certain(name: str, tmp_path: Path) -> None:
    end, loss, expected = ENDS[name]
    report = read(tmp_path, NETWORK.format(end=end, loss=loss))
    assert {finding.code for finding in report.findings} == expected
    assert report.subjects == 0


# ------------------------------------------------------------------------------------------------- views

ENCODER = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d({channels}, 16, 3)

    def forward(self, x):
        {unpacked}
        {view}
        return self.conv(x)
"""
UNPACKED = "B, H, W, C = x.shape"
VIEWS = {
    "by names": (UNPACKED, "x = x.view(B, C, H, W)"),
    "a number for the colours": (UNPACKED, "x = x.view(B, 3, H, W)"),
    "sizes": ("b, h, w, c = x.size()", "x = x.contiguous().reshape(b, 3, h, w)"),
    "all but one": ("n, h, w, c = x.shape", "x = x.view(-1, c, h, w)"),
    "one left open": ("n, h, w, c = x.shape", "x = x.view(n, -1, h, w)"),
    "by numbers": ("pass", "x = x.reshape(x.shape[0], x.shape[3], x.shape[1], x.shape[2])"),
    "in a tuple": (UNPACKED, "x = x.reshape((B, C, H, W)).float()"),
    "scaled before": (UNPACKED, "x = x.view(B, 3, H, W) / 255"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_by_which_axes_change_places_is_named(name: str, tmp_path: Path) -> None:
    unpacked, view = VIEWS[name]
    found = named(tmp_path, ENCODER.format(channels=3, unpacked=unpacked, view=view))
    assert found == {"VAE101": view}


RIGHT_VIEWS = {
    "permuted": (3, UNPACKED, "x = x.permute(0, 3, 1, 2)"),
    "permuted by the same names": (3, UNPACKED, "x = x.permute(0, 3, 1, 2).reshape(B, C, H, W)"),
    "as it is": (3, "B, C, H, W = x.shape", "x = x.view(B, C, H, W)"),
    "as it is, a number for the colours": (3, "B, C, H, W = x.shape", "x = x.view(B, 3, H, W)"),
    "one colour": (1, UNPACKED, "x = x.view(B, 1, H, W)"),
    "one colour by its name": (1, UNPACKED, "x = x.view(B, C, H, W)"),
    "frames into the batch": (3, "B, T, H, W = x.shape", "x = x.view(B * T // 3, 3, H, W)"),
    "of another tensor": (3, "B, H, W, C = y.shape", "x = x.view(B, C, H, W)"),
}


@pytest.mark.parametrize("name", RIGHT_VIEWS)
def test_a_view_that_keeps_the_order_is_not_named(name: str, tmp_path: Path) -> None:
    channels, unpacked, view = RIGHT_VIEWS[name]
    assert named(tmp_path, ENCODER.format(channels=channels, unpacked=unpacked, view=view)) == {}


def test_a_function_that_turns_a_picture_by_a_view_is_named(tmp_path: Path) -> None:
    text = "def turned(picture):\n    B, H, W, C = picture.shape\n    return picture.view(B, 3, H, W)\n"
    assert named(tmp_path, text) == {"VAE101": "return picture.view(B, 3, H, W)"}


def test_a_picture_out_of_a_convolution_is_not_turned_by_a_view(tmp_path: Path) -> None:
    text = (
        "def shown(h):\n    h = nn.ConvTranspose2d(7, 3, 4)(h)\n    n, c, height, width = h.shape\n"
        "    return h.view(n, height, width, c)\n"
    )
    assert named(tmp_path, text) == {"VAE101": "return h.view(n, height, width, c)"}


def test_heads_of_attention_are_no_business_of_ours(tmp_path: Path) -> None:
    text = "def split(q):\n    B, N, T, D = q.shape\n    return q.reshape(B, T, N, D)\n"
    report = read(tmp_path, text)
    assert report.findings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a, b, c, d = x.shape\nx.view(a, d, b, c)", True),
        (b"a, b, c, d = x.shape\nx.view(a, b, c, d)", False),
        (b"a, b, c, d = x.shape\nx.permute(0, 3, 1, 2).reshape(a, d, b, c)", False),
        (b"a, b, c, d = x.shape\nx.view(a, b * c, d)", False),
        (b"x.view(x.shape[0], x.shape[2], x.shape[1], 7)", True),
        (b"x.view(x.shape[0], -1)", False),
        (b"a, b, c, d = x.shape", False),
    ],
)
def test_a_file_is_read_for_a_view_alone_where_it_may_be_wrong(text: bytes, expected: bool) -> None:
    assert prefilter.relabels(text) is expected
    assert prefilter.concerns_vae(b"import torch\n" + text) is expected


# ------------------------------------------------------------------------------------------- a KL, a classifier


def test_a_kl_in_a_file_of_its_own_is_judged_by_its_formula(tmp_path: Path) -> None:
    wrong = "def kl(mu, logvar):\n    return -0.5 * (1 + logvar - mu**2 - logvar.exp() ** 2).sum(1)\n"
    assert set(named(tmp_path, wrong)) == {"VAE301"}
    assert named(tmp_path, wrong.replace(" ** 2).sum", ").sum")) == {}


CLASSIFIER = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 16, 3), nn.Linear(16, 10)

    def forward(self, x):
        B, C, H, W = x.shape
        h = F.relu(self.conv(x)).mean(dim=(2, 3))
        return self.out(F.dropout(h, 0.3, training=self.training))


def fit(net, loader):
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in loader:
        loss = F.cross_entropy(net(x), y) + 0.1 * F.mse_loss(torch.sigmoid(net(x)), F.one_hot(y, 10).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


fit(Net(), [])
"""


def test_a_right_classifier_is_silent(tmp_path: Path) -> None:
    report = read(tmp_path, CLASSIFIER)
    assert report.findings == ()
    assert report.subjects == 0
