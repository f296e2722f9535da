"""What is recognised of a VAE where its parts meet is told, though its class was examined by itself as well."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_samples import FACTS, LintLike

from vae_checked.catalogue import Judgement
from vae_checked.facts import KL, Fact, KLForm, Likelihood, Origin, Parametrisation, Recon, Sampler
from vae_checked.finding import Place
from vae_checked.linter import lint
from vae_checked.reports import render
from vae_checked.reports.standing import of_whole

LINES = ["model.py:VAE: KL at loss.py:88", "run.py: sampler at model.py:42, KL at loss.py:88"]


@pytest.mark.parametrize(("own", "expected"), [(FACTS.sampler, LINES[:1]), (Sampler(), LINES)])
def test_a_function_in_which_more_is_recognised_has_a_line(own: Sampler, expected: list[str]) -> None:
    written = Origin("kl", Place("loss.py", 88, 5))
    kl, recon = KL(form=Fact(KLForm(Parametrisation.LOGVAR), written)), Recon(kind=Fact(Likelihood.MSE, written))
    whole = replace(FACTS, subject="run.py", kl=kl, recon=recon)
    facts = (replace(whole, subject="model.py:VAE", sampler=own), whole)
    judgements = tuple(Judgement(each.subject, (), (), {}) for each in facts)
    assert of_whole(LintLike(findings=(), judgements=judgements, facts=facts), [*LINES, *LINES]) == expected


MODEL = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_h, self.to_x = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        mu, logvar = self.to_h(x).chunk(2, dim=1)
        x_hat = self.to_x(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return {"error": F.mse_loss(x_hat, x, reduction="sum"), "kl": kl}
"""
TRAIN = """
import torch
from model import VAE


def train(batches):
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters())
    for x in batches:
        terms = model(x)
        loss = terms["error"] + terms["kl"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


train(torch.load("batches.pt"))
"""


_MARKS = "checked and clean:", "not seen in the source: "


def test_what_is_clean_is_not_said_to_be_unseen(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(TRAIN)
    text = render(lint([tmp_path]), verbose=True)
    clean, left_open = (re.findall(r"\b(?:VAE)?(\d{3})\b", text.partition(mark)[2].split(";")[0]) for mark in _MARKS)
    assert {"302", "304", "305"} <= set(clean)
    assert left_open
    assert not set(clean) & set(left_open)
    assert "train.py: kl: closed form for s as log variance; factor 1; summed" in text
    assert "train.py: sampler:" not in text
