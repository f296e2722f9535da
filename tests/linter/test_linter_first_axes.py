"""Which size divides an error: of sequences that have the steps first, the second is that of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue import Judgement
from vae_checked.linter import lint

SCENE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


class Sentences(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return torch.tensor(self.items[place])


def steps_first(items):
    return {put_together}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(500, 48)
        self.rnn = nn.GRU(48, 96{first})
        self.to_mu = nn.Linear(96, 20)
        self.to_logvar = nn.Linear(96, 20)
        self.decoder = nn.Linear(20, 30 * 500)

    def forward(self, words):
        _, state = self.rnn(self.embed(words))
        h = state[-1]
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(logvar)
        return self.decoder(z), mu, logvar


def train(items):
    loader = {loader}
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for words in loader:
        {turn}
        scores, mu, logvar = net(words)
        error = {error}
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
        optimizer.zero_grad()
        (error + kl).backward()
        optimizer.step()
"""
SUMMED = 'F.cross_entropy(scores.reshape(-1, 500), words.reshape(-1), reduction="sum") / {divisor}'
EACH = 'F.cross_entropy(scores.view(-1, 30, 500).permute({axes}), words, reduction="none")'
STEPS_FIRST, SAMPLES_FIRST = EACH.format(axes="1, 2, 0"), EACH.format(axes="0, 2, 1")
PLAIN = "DataLoader(Sentences(items), batch_size=32, shuffle=True)"
OWN = "DataLoader(Sentences(items), batch_size=32, shuffle=True, collate_fn=steps_first)"
UNREAD = "make_batches(items)"


def judgement_of(folder: Path, **parts: str) -> Judgement:
    """What is said of the axes that the error is reduced over."""
    path = folder / "train.py"
    parts = {"error": SUMMED.format(**parts), **parts} if "divisor" in parts else parts
    chosen = {"put_together": "pad_sequence(items)", "first": "", "loader": PLAIN, "turn": "pass", **parts}
    path.write_text(SCENE.format(**chosen), encoding="utf-8")
    report = lint([path], select=["VAE501", "VAE504"])
    (facts,), (judgement,) = report.facts, report.judgements
    assert facts.kl.form is not None, "the KL was not seen"
    assert facts.recon.kind is not None, "the error was not seen"
    return judgement


def judged(folder: Path, **parts: str) -> tuple[bool, bool]:
    """Whether something is named of these axes, and whether VAE504 is clean."""
    judgement = judgement_of(folder, **parts)
    return bool(judgement.findings), "VAE504" in judgement.clean


NAMED, CLEAN, OPEN = (True, False), (False, True), (False, False)
TURNS = [
    "words = words.t()",
    "words = words.T.contiguous()",
    "words = words.transpose(0, 1)",
    "words = words.swapaxes(1, 0)",
    "words = words.permute(1, 0)",
]


@pytest.mark.parametrize("turn", TURNS)
def test_of_turned_sequences_the_second_size_is_that_of_the_batch(tmp_path: Path, turn: str) -> None:
    assert judged(tmp_path, turn=turn, divisor="words.size(1)") == CLEAN
    assert judged(tmp_path, turn=turn, divisor="words.size(0)") == NAMED


@pytest.mark.parametrize("divisor", ["words.size(0)", "words.shape[0]", "len(words)"])
def test_a_batch_that_is_turned_and_back_has_the_samples_first(tmp_path: Path, divisor: str) -> None:
    parts = {"first": ", batch_first=True", "turn": "words = words.t().transpose(0, 1)"}
    assert judged(tmp_path, divisor=divisor, **parts) == CLEAN
    assert judged(tmp_path, divisor="words.size(1)", **parts) == NAMED


@pytest.mark.parametrize("put_together", ["pad_sequence(items)", "torch.stack(items, dim=1)", "torch.stack(items).t()"])
def test_what_code_of_its_own_puts_together_may_have_the_steps_first(tmp_path: Path, put_together: str) -> None:
    assert judged(tmp_path, loader=OWN, put_together=put_together, divisor="words.size(1)") == OPEN


@pytest.mark.parametrize("turn", ["words = words.text", "words = words[0]", 'words = words["ids"]', "pass"])
def test_the_second_size_of_an_unread_batch_may_be_that_of_the_samples(tmp_path: Path, turn: str) -> None:
    assert judged(tmp_path, loader=UNREAD, turn=turn, divisor="words.size(1)") == OPEN


@pytest.mark.parametrize("divisor", ["words.size(1)", "words.shape[1]", "words.size(-1)"])
def test_the_second_size_of_a_batch_of_a_loader_is_no_batch_size(tmp_path: Path, divisor: str) -> None:
    assert judged(tmp_path, first=", batch_first=True", divisor=divisor) == NAMED
    assert judged(tmp_path, first=", batch_first=True", divisor="words.size(0)") == CLEAN


def test_an_error_of_each_step_is_added_up_over_the_steps(tmp_path: Path) -> None:
    plain = {"first": ", batch_first=True", "error": f"{SAMPLES_FIRST}.sum(1).mean()"}
    assert judged(tmp_path, **plain) == CLEAN
    assert judged(tmp_path, **{**plain, "error": f"{SAMPLES_FIRST}.sum(0).mean()"})[0]


@pytest.mark.parametrize("reduced", ["sum(0).mean()", "sum(dim=0).mean(0)", "sum(1).mean()"])
@pytest.mark.parametrize("parts", [{"turn": "words = words.t()"}, {"turn": "words = words.permute(1, 0)"}])
def test_which_axis_of_turned_steps_is_added_up_stays_open(tmp_path: Path, reduced: str, parts: dict[str, str]) -> None:
    judgement = judgement_of(tmp_path, error=f"{STEPS_FIRST}.{reduced}", **parts)
    assert not judgement.findings
    assert not judgement.clean


def test_an_own_batch_may_be_added_up_over_its_first_axis(tmp_path: Path) -> None:
    judgement = judgement_of(tmp_path, loader=OWN, error=f"{STEPS_FIRST}.sum(0).mean()")
    assert not judgement.findings
    assert not judgement.clean


LOSS = """\
import torch
import torch.nn.functional as F


def loss(scores, words, mu, logvar):
    {sizes} = words.size()
    error = F.cross_entropy(scores.reshape(-1, 500), words.reshape(-1), reduction="sum") / {size}
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return error + kl
"""


@pytest.mark.parametrize("size", ["batch_size", "bs", "B"])
def test_a_second_size_that_is_called_the_batch_size_may_be_that(tmp_path: Path, size: str) -> None:
    path = tmp_path / "loss.py"
    found = dict[str, tuple[bool, bool]]()
    for sizes in (f"steps, {size}", f"{size}, steps"):
        path.write_text(LOSS.format(sizes=sizes, size=size), encoding="utf-8")
        report = lint([path], select=["VAE504"])
        (judgement,) = report.judgements
        found[sizes] = bool(judgement.findings), "VAE504" in judgement.clean
    assert found == {f"steps, {size}": OPEN, f"{size}, steps": CLEAN}


def test_a_second_size_called_a_number_of_points_is_no_batch_size(tmp_path: Path) -> None:
    path = tmp_path / "loss.py"
    path.write_text(LOSS.format(sizes="B, N", size="N"), encoding="utf-8")
    assert [finding.code for finding in lint([path], select=["VAE504"]).findings] == ["VAE504"]
