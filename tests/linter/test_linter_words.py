"""What a finding says: in the user's own names, at the line where they must look, a remedy that is another line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vae_checked.catalogue import CATALOGUE, find
from vae_checked.catalogue.mistake import Observer
from vae_checked.finding import Finding
from vae_checked.linter import lint

READ = [mistake for mistake in CATALOGUE if Observer.LINT in mistake.seen_by]
# The field's names in the catalogue's modules, and others.
OWN = {"mu": "z_mean", "logvar": "lnvar", "std": "width", "eps": "jitter", "x_hat": "reconstructed", "kl": "price",
       "recon": "miss"}  # fmt: skip


def found(folder: Path, text: str, *, code: str = "") -> Finding:
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    findings = [each for each in lint([path]).findings if code in ("", each.code)]
    assert len(findings) == 1, findings
    return findings[0]


def renamed(text: str) -> str:
    for name, own in OWN.items():
        text = re.sub(rf"(?<![\w.\"]){name}\b(?!\()", own, text)
    return text


@pytest.mark.parametrize("mistake", READ, ids=lambda mistake: mistake.code)
def test_a_remedy_is_never_the_line_that_is_flagged(mistake: object, tmp_path: Path) -> None:
    code = getattr(mistake, "code", "")
    path = tmp_path / "bad.py"
    path.write_text(find(code).bad, encoding="utf-8")
    report = lint([path], select=[code])
    assert report.findings
    for finding in report.findings:
        assert finding.place is not None
        assert finding.fix.strip() != finding.place.text.partition("#")[0].strip()


# What a remedy may not be made of, where the user calls it otherwise.
SPOKEN = ("VAE201", "VAE202", "VAE203", "VAE301", "VAE302", "VAE303", "VAE304", "VAE401", "VAE402", "VAE404", "VAE501",
          "VAE502", "VAE503", "VAE504", "VAE505")  # fmt: skip


@pytest.mark.parametrize("code", SPOKEN)
def test_a_remedy_is_in_the_users_own_names(code: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(renamed(find(code).bad), encoding="utf-8")
    findings = [each for each in lint([path]).findings if each.code == code]
    assert findings
    for finding in findings:
        words = set(re.findall(r"\b[A-Za-z_]\w*", f"{finding.fix} {finding.message} {finding.evidence}"))
        assert not words & (OWN.keys() - {"std", "eps"}), finding
        assert words & set(OWN.values()) or code == "VAE401", finding


VAE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(91, 14), nn.Linear(7, 91)

    def encode(self, x):
        a, b = self.enc(x).chunk(2, dim=1)
        return a, {head}

    def forward(self, x):
        m, {name} = self.encode(x)
        z = m + {std} * torch.randn_like(m)
        return self.dec(z), m, {name}


def cost(out, x, m, {name}):
    miss = F.mse_loss(out, x, reduction="none").sum(dim=1)
    price = {kl}
    {total}


def step(net, x):
    out, m, {name} = net(x)
    cost(out, x, m, {name}).backward()
"""
OF_LOGVAR = "-0.5 * torch.sum(1 + {name} - m**2 - {name}.exp(), dim=1)"
TOTAL = "return (miss + price).mean()"


def vae(*, name: str, std: str, kl: str = OF_LOGVAR, head: str = "b", total: str = TOTAL) -> str:
    return VAE.format(name=name, std=std.format(name=name), kl=kl.format(name=name), head=head, total=total)


@pytest.mark.parametrize(
    ("name", "head", "std", "remedy"),
    [
        ("width", "F.softplus(b)", "{name}",
         "price = 0.5 * torch.sum(m.pow(2) + width.pow(2) - 1 - 2 * width.log(), dim=1)"),
        ("log_std", "b", "torch.exp({name})",
         "price = -0.5 * torch.sum(1 + 2 * log_std - m.pow(2) - (2 * log_std).exp(), dim=1)"),
    ],
    ids=["by its range", "by the name of a logarithm"],
)  # fmt: skip
def test_the_kl_is_named_where_it_misreads_the_head(
    name: str, head: str, std: str, remedy: str, tmp_path: Path
) -> None:
    finding = found(tmp_path, vae(name=name, head=head, std=std), code="VAE201")
    assert finding.place is not None
    assert finding.place.text.strip().startswith("price = ")
    assert finding.fix == remedy
    assert [each.message for each in finding.related] == ["the sampler"]
    assert f"the KL reads {name} as log variance" in finding.message


@pytest.mark.parametrize(
    ("name", "std", "remedy"),
    [
        ("logvar", "torch.exp({name})", "z = m + torch.exp(0.5 * logvar) * torch.randn_like(m)"),
        ("sigma", "{name}", "draw with torch.exp(0.5 * sigma), not with sigma"),
    ],
)
def test_the_sampler_is_named_where_it_misreads_the_head(name: str, std: str, remedy: str, tmp_path: Path) -> None:
    """A head without an activation may be negative: it is no std, whatever its name is, and has no logarithm."""
    finding = found(tmp_path, vae(name=name, std=std), code="VAE201")
    assert finding.place is not None
    assert finding.place.text.strip().startswith("z = ")
    assert finding.fix == remedy
    assert [each.message for each in finding.related] == ["the KL"]


def test_no_edit_is_shown_that_is_not_the_answer(tmp_path: Path) -> None:
    """Half of what is in the exponent already would be a quarter."""
    kl = "torch.sum(0.5 * (m**2 + (2 * {name}).exp() - 1) - {name}, dim=1)"
    finding = found(tmp_path, vae(name="spread", std="torch.exp(0.5 * {name})", kl=kl), code="VAE201")
    assert finding.fix == "std = torch.exp(spread)"
    assert not finding.mendable


MINUS = {
    "in the sum": ("0.5 * torch.sum(m**2 + {name}.exp() - 1 - {name}, dim=1)", "return (miss - price).mean()"),
    "in the formula": ("0.5 * torch.sum(1 + {name} - m**2 - {name}.exp(), dim=1)", TOTAL),
    "in a factor": ("0.5 * torch.sum(m**2 + {name}.exp() - 1 - {name}, dim=1)", "return (miss + -2.0 * price).mean()"),
}


@pytest.mark.parametrize("where", MINUS)
def test_a_wrong_sign_is_named_where_it_comes_in(where: str, tmp_path: Path) -> None:
    kl, total = MINUS[where]
    finding = found(tmp_path, vae(name="s", std="torch.exp(0.5 * {name})", kl=kl, total=total), code="VAE302")
    assert finding.place is not None
    text = finding.place.text.strip()
    assert text.startswith("price = " if where == "in the formula" else "return ")


def test_a_maximised_error_is_named_where_it_is_subtracted(tmp_path: Path) -> None:
    total = "total = price - miss\n    return total.mean()"
    finding = found(tmp_path, vae(name="s", std="torch.exp(0.5 * {name})", total=total), code="VAE505")
    assert finding.place is not None
    assert finding.place.text.strip() == "total = price - miss"


def test_exchanged_arguments_are_shown_in_the_right_order(tmp_path: Path) -> None:
    text = vae(name="s", std="torch.exp(0.5 * {name})").replace(
        "    miss = F.mse_loss(out, x, ", "    miss = F.binary_cross_entropy(x, torch.sigmoid(out), "
    )
    finding = found(tmp_path, text, code="VAE404")
    assert finding.fix.startswith("miss = F.binary_cross_entropy(torch.sigmoid(out), x, ")


SHARED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


def drawn(m, s):
    return m + torch.exp(0.5 * s) * torch.rand_like(m)
"""
USER = """

class {name}(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s, self.back = nn.Linear({width}, 7), nn.Linear({width}, 7), nn.Linear(7, {width})

    def forward(self, x):
        m, s = self.m(x), self.s(x)
        price = -0.5 * torch.sum(1 + s - m**2 - s.exp(), dim=1)
        return (F.mse_loss(self.back(drawn(m, s)), x, reduction="none").sum(1) + price).mean()
"""


def test_a_mistake_in_a_helper_is_listed_for_each_model(tmp_path: Path) -> None:
    users = [("Small", 31), ("Large", 57), ("Huge", 91)]
    text = SHARED + "".join(USER.format(name=name, width=width) for name, width in users)
    finding = found(tmp_path, text, code="VAE202")
    subjects = {subject.rpartition(":")[2] for subject in (finding.subject, *finding.also)}
    assert subjects == {"Small", "Large", "Huge"}


def test_a_view_is_shown_as_the_permute_that_was_meant(tmp_path: Path) -> None:
    text = (
        "import torch\n\n\ndef turned(pictures):\n"
        "    n, h, w, c = pictures.shape\n    return pictures.view(n, 3, h, w)  # first\n"
    )
    finding = found(tmp_path, text)
    assert finding.fix == "return pictures.permute(0, 3, 1, 2).contiguous()"
