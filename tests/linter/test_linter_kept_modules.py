"""Modules that something unknown keeps under a name: no functions of tensors of that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

TEXT = """\
import torch
from torch import nn
from torch.nn import functional as F
from transformers import GPT2LMHeadModel


class Net(nn.Module):
    text = GPT2LMHeadModel.from_pretrained("distilgpt2")
    block = text.transformer.h[-1]

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.encoder(x).chunk(2, dim=1)
        out = self.decoder(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {out}, m, s


net = Net()


def step(x):
    out, m, s = net(x)
    error = F.binary_cross_entropy_with_logits(out, x, reduction="sum") / x.shape[0]
    kl = torch.mean(-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1), dim=0)
    (error + kl).backward()
"""


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        # What was loaded is in evaluation, and who keeps a module switches it as he likes.
        ("Net.block.mlp.dropout(out)", []),
        ("Net.block.sigmoid(out)", []),
        ("F.dropout(out)", ["VAE603"]),
        ("out.sigmoid()", ["VAE401"]),
    ],
)
def test_a_kept_module_is_no_function_of_its_name(out: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TEXT.format(out=out)})
    assert codes(report) == expected
    # It takes its argument, and what it makes of that is not known.
    judged = {code for each in report.judgements for code in each.clean}
    assert "VAE201" in judged
    assert ("VAE603" in judged) == (out == "out.sigmoid()")
