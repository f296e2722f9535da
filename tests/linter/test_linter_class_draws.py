"""Probabilities of classes that nothing is drawn by: what keeps them apart, or even, is no KL of a posterior."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FIT, HEAD, LAYERS, LAYERS_FORWARD, codes, linted

TEXT = (
    HEAD
    + """import math
from torch import distributions


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.worth, self.back = nn.Linear(84, 9), nn.Linear(84, 1), nn.Linear(9, 84)
        self.experts = nn.ModuleList(nn.Linear(84, 84) for _ in range(9))


def fit(loader, weight):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, label in loader:
        scores = net.body(x)
        q = F.softmax(scores, dim=-1)
        kl = {kl}
        {error}
        loss = error {sign} kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
KL = "torch.sum(q * (F.log_softmax(scores, dim=-1) + math.log(9)), dim=-1).mean()"
EVEN = "torch.sum(q.mean(0) * torch.log(q.mean(0) * 9.0 + 1e-8))"
OTHERS = {
    "a classifier": "error = F.cross_entropy(scores, label)",
    "a classifier by its sum": "error = F.cross_entropy(scores, label, reduction='sum')",
    "a gate": "y = sum(q[:, i, None] * e(x) for i, e in enumerate(net.experts))\n"
    "        error = F.mse_loss(y, x, reduction='sum')",
    "a policy": "action = distributions.Categorical(q).sample()\n"
    "        error = F.mse_loss(net.worth(x)[:, 0], label, reduction='sum')",
}
DRAWN = {
    "by a function": "F.gumbel_softmax(scores, tau=0.7)",
    "by noise": "F.softmax(scores - torch.log(-torch.log(torch.rand_like(scores))), dim=-1)",
    "by a distribution": "distributions.RelaxedOneHotCategorical(torch.tensor(0.7), logits=scores).rsample()",
}


@pytest.mark.parametrize("sign", ["+", "-", "+ weight *"])
@pytest.mark.parametrize("kl", [KL, EVEN])
@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS)
def test_what_keeps_classes_apart_or_even_is_no_kl(error: str, kl: str, sign: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": TEXT.format(kl=kl, error=error, sign=sign)})
    assert codes(report) == []
    assert report.vaes == []


@pytest.mark.parametrize(("sign", "found"), [("+", []), ("-", ["VAE302"])])
@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
def test_a_class_that_is_drawn_and_decoded_is_a_latent(drawn: str, sign: str, found: list[str], tmp_path: Path) -> None:
    error = f"y = net.back({drawn})\n        error = F.mse_loss(y, x, reduction='none').sum(1).mean()"
    report = linted(tmp_path, {"train.py": TEXT.format(kl=KL, error=error, sign=sign)})
    assert codes(report) == found
    assert [facts.kl.form is not None for facts in report.facts] == [True]


def test_a_formula_by_itself_may_be_of_a_posterior(tmp_path: Path) -> None:
    formula = "torch.sum(q * (F.log_softmax(scores, dim=-1) - 1 / 9), dim=-1).mean()"
    function = f"\n\ndef kl_of(scores):\n    q = F.softmax(scores, dim=-1)\n    return {formula}\n"
    assert codes(linted(tmp_path, {"net.py": HEAD + LAYERS + LAYERS_FORWARD + FIT + function})) == ["VAE301"]
