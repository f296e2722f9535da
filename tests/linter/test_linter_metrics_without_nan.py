"""NaN that is replaced in a number which nobody minimises, as a metric is, hides nothing from the training."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, codes, linted

TEXT = (
    HEAD
    + """
import numpy as np

past = []
to_m, to_s, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)
optimizer = torch.optim.Adam([*to_m.parameters(), *to_s.parameters(), *back.parameters()])


def step(x):
    m, s = to_m(x), to_s(x)
    y = back(m + torch.exp(0.5 * s) * torch.randn_like(s))
    loss = (F.mse_loss(y, x, reduction="none").sum(1) + {kl}).mean()
    {ending}
"""
)
REPLACED = {
    "minimised": ("torch.nan_to_num(loss).backward()", ["VAE604"]),
    "minimised by the caller": ("return torch.nan_to_num(loss)", ["VAE604"]),
    "returned beside": ("loss.backward(); return torch.nan_to_num(loss)", []),
    "averaged over what is behind": ("loss.backward(); past.append(loss.item()); print(np.nanmean(past))", []),
    "a mean that leaves it out": ("loss.nanmean().backward()", ["VAE604"]),
    "printed": ("loss.backward(); error = torch.nan_to_num(loss, 0.0) / 10; print(error)", []),
}


@pytest.mark.parametrize(("ending", "expected"), REPLACED.values(), ids=REPLACED)
def test_nan_is_hidden_in_what_is_minimised_alone(ending: str, expected: list[str], tmp_path: Path) -> None:
    found = codes(linted(tmp_path, {"fit.py": TEXT.format(ending=ending, kl=KL)}))
    assert [code for code in found if code == "VAE604"] == expected


RANKS = (
    HEAD
    + """
back = nn.Linear(7, 84)


def step(network, to_m, to_s, data):
    seen = network(data)
    x = seen * torch.isfinite(seen)
    m, s = to_m(x), to_s(x)
    y = back(m + torch.exp(0.5 * s) * torch.randn_like(s))
    if {asked}:
        kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(dim=1).mean()
    else:
        kl = {otherwise}
    (F.mse_loss(y, x, reduction="none").sum(1).mean() + kl).backward()
"""
)


@pytest.mark.parametrize(
    ("asked", "otherwise", "expected"),
    [("m.dim() > 1", "(m * s).mean()", []), ("torch.isfinite(s).all()", "0.0", ["VAE604"])],
)
def test_a_condition_is_asked_what_it_tests(asked: str, otherwise: str, expected: list[str], tmp_path: Path) -> None:
    found = codes(linted(tmp_path, {"fit.py": RANKS.format(asked=asked, otherwise=otherwise)}))
    assert [code for code in found if code == "VAE604"] == expected


MEASURED = (
    HEAD
    + """
back = nn.Linear(7, 84)


def perplexity(to_m, to_s, data):
    total = 0.0
    for x in data:
        m, s = to_m(x), to_s(x)
        y = back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        bound = F.mse_loss(y, x, reduction="none").sum(1).mean() - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(dim=1).mean()
        rate = torch.div({shown}, x.shape[1])
        if rate == rate:
            total += rate
    return total
"""
)


@pytest.mark.parametrize(("shown", "expected"), [("bound.data", []), ("bound.item()", []), ("bound", ["VAE604"])])
def test_what_has_no_gradient_hides_no_nan_from_the_training(shown: str, expected: list[str], tmp_path: Path) -> None:
    found = codes(linted(tmp_path, {"fit.py": MEASURED.format(shown=shown)}))
    assert [code for code in found if code == "VAE604"] == expected


WITHIN = TEXT.replace("m, s = to_m(x), to_s(x)", "{data}\n    m, s = {heads}").replace(
    "y = back(m + torch.exp(0.5 * s) * torch.randn_like(s))",
    "z = {latent}\n    y = {output}",
)
AS_IT_IS = {
    "data": "pass",
    "heads": "to_m(x), to_s(x)",
    "latent": "m + torch.exp(0.5 * s) * torch.randn_like(s)",
    "output": "back(z)",
    "ending": "loss.backward()",
}
# What is found, and whether it is clean where nothing is.
INSIDE = {
    "what decodes": ({"output": "torch.nan_to_num(back(z))"}, ["VAE604"], False),
    "what decodes, rescaled": ({"output": "torch.sigmoid(torch.nan_to_num(back(z)))"}, ["VAE604"], False),
    "a head": ({"heads": "to_m(x), torch.nan_to_num(to_s(x))"}, [], False),
    "what a decoder goes on with": ({"output": "back(torch.nan_to_num(torch.softmax(z, dim=1)))"}, [], False),
    "data": ({"data": "x = torch.nan_to_num(x)"}, [], True),
    "nothing": ({}, [], True),
}


@pytest.mark.parametrize(("changed", "expected", "is_clean"), INSIDE.values(), ids=INSIDE)
def test_nan_is_hidden_in_what_a_term_is_made_of(
    changed: dict[str, str], expected: list[str], is_clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"fit.py": WITHIN.format(kl=KL, **{**AS_IT_IS, **changed})})
    assert codes(report) == expected
    assert any("VAE604" in judgement.clean for judgement in report.judgements) is is_clean
