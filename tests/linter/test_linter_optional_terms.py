"""A training whose options choose the KL, its weight or further errors: each way through them is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

from vae_checked.linter import LintReport

# A loss whose KL keeps a few nats of each latent, where somebody asks for that, and whose error may have a second part.
TEXT = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD
    + """

def plain(m, s):
    return -0.5 * torch.mean(torch.sum(1 + s - m.pow(2) - s.exp(), dim=1))


def kept(m, s, bits):
    each = -0.5 * ({formula})
    return each.mean(dim=0).clamp(min=bits).sum()


def spectral(y, x):
    return F.mse_loss(torch.fft.rfft(y).abs(), torch.fft.rfft(x).abs())


def cvae_loss(y, x, m, s, beta=1.0, bits=0.0, weight=0.0):
    error = F.mse_loss(y, x)
    {further}
    raw = plain(m, s)
    kl = {chosen}
    return error {sign} beta * kl, error, raw
"""
    + LOOP.format(loss="loss, error, raw = cvae_loss(y, x, m, s{options})", differentiated="loss.backward()").replace(
        "(loader)", "(loader, options)"
    )
)
FORMULA = "1 + s - m.pow(2) - s.exp()"
FURTHER = "if weight > 0.0:\n        error = error + weight * spectral(y, x)"
CHOSEN = "kept(m, s, bits) if bits > 0.0 else raw"
OPTIONS = ", options.beta, bits=options.bits, weight=options.weight"


def _report(
    folder: Path,
    *,
    further: str = FURTHER,
    chosen: str = CHOSEN,
    options: str = OPTIONS,
    formula: str = FORMULA,
    sign: str = "+",
) -> LintReport:
    text = TEXT.format(further=further, chosen=chosen, options=options, formula=formula, sign=sign)
    return linted(folder, {"net.py": text})


def _whole(report: LintReport) -> list[str]:
    return [each.subject.rpartition(":")[2] for each in report.vaes if each.core_checked]


@pytest.mark.parametrize("options", ["", ", 0.25", OPTIONS, ", bits=0.3, weight=options.weight"])
@pytest.mark.parametrize("further", ["pass", FURTHER])
@pytest.mark.parametrize("chosen", ["raw", "kept(m, s, 0.3)", CHOSEN])
def test_each_kl_that_an_option_chooses_is_read(chosen: str, further: str, options: str, tmp_path: Path) -> None:
    report = _report(tmp_path, further=further, chosen=chosen, options=options)
    assert codes(report) == []
    assert _whole(report) == ["fit"]


@pytest.mark.parametrize("options", ["", OPTIONS])
@pytest.mark.parametrize("chosen", ["raw", CHOSEN])
def test_a_kl_that_is_subtracted_is_named_in_each_way(chosen: str, options: str, tmp_path: Path) -> None:
    assert "VAE302" in codes(_report(tmp_path, chosen=chosen, options=options, sign="-"))


@pytest.mark.parametrize("options", ["", OPTIONS])
@pytest.mark.parametrize("chosen", ["raw", CHOSEN])
def test_a_formula_that_today_s_options_leave_out_is_read_by_itself(chosen: str, options: str, tmp_path: Path) -> None:
    report = _report(tmp_path, chosen=chosen, options=options, formula="1 + s - m.pow(2) - 0.5 * s.exp()")
    assert codes(report) == ["VAE301"]


# A function that is handed heads of pictures or of vectors, and that other options stand next to.
LAID_OUT = (
    HEAD
    + LAYERS.replace("nn.Linear(84, 7), nn.Linear(84, 7)", "nn.Sequential(part(), nn.Linear(19, 14)), None")
    + """
    def forward(self, x):
        both = self.to_m(x)
        m, s = both[:, :7], both[:, 7:]
        y = self.back(m + torch.randn_like(m) * torch.exp(0.5 * s))
        if y.shape[0] != self.size:
            y = y.view(y.shape[0], 84)
        return y, m, s


def error_of(y, x, kind):
    if kind == "bernoulli":
        error = F.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)
    elif kind == "gaussian":
        error = F.mse_loss(torch.sigmoid(y), x, reduction="sum") / len(x)
    else:
        error = None
    return error


def kl_of(m, s):
    if m.data.ndimension() == 4:
        m = {m}
    if s.data.ndimension() == 4:
        s = {s}
    return (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1).mean(0, True)
"""
    + LOOP.format(
        loss="error = error_of(y, x, options['kind'])\n        loss = error {sign} options['beta'] * kl_of(m, s)",
        differentiated="loss.backward()",
    ).replace("(loader)", "(loader, options)")
).replace("from torch import nn\n", "from torch import nn\nfrom parts import part\n")


# Both heads, as they are laid out where they are pictures.
VIEWED = {"m": "m.view(m.size(0), m.size(1))", "s": "s.view(s.size(0), s.size(1))"}


@pytest.mark.parametrize(("sign", "found"), [("+", []), ("-", ["VAE302"])])
def test_how_heads_are_laid_out_is_no_choice_of_another_kl(sign: str, found: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": LAID_OUT.format(**VIEWED, sign=sign)})
    assert codes(report) == found
    assert _whole(report) == ["fit"]


def test_a_choice_between_two_heads_is_one_of_another_kl(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": LAID_OUT.format(m=VIEWED["m"], s="s + 1", sign="+")})
    assert codes(report) == ["VAE201"]
