"""A project's own distributions: classes that keep their parameters, draw, and return a KL to the prior or another."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from vae_checked.linter import LintReport, lint

IMPORTS = """\
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


"""
PARTS = {
    "chunked": """\
class Diagonal:
    def __init__(self, parameters, deterministic=False):
        self.mean, scale = parameters.chunk(2, dim=1)
        self.std = F.softplus(scale) + 1e-4
        self.var = self.std * self.std
        self.logvar = torch.log(self.var)
        self.deterministic = deterministic
""",
    "given or chunked": """\
class Diagonal:
    def __init__(self, mean=None, logvar=None, params=None):
        if params is not None:
            self.mean, self.logvar = params.chunk(2, dim=-1)
        else:
            self.mean, self.logvar = mean, logvar
        self.std = torch.exp(0.5 * self.logvar)
        self.var = self.std.pow(2)
""",
    "a dataclass": """\
@dataclass
class Diagonal:
    mean: torch.Tensor
    std: torch.Tensor

    def __post_init__(self):
        self.var = self.std**2
        self.logvar = self.var.log()
""",
}
DRAW = """
    def sample(self):
        return self.mean + self.std * torch.randn_like(self.std)
"""
OTHERS = {"in text": 'other: "Diagonal | None" = None', "bare": "other=None", "by its class": "other: Diagonal = None"}
KL = """
    def kl(self, {other}):
        if other is None:
            return {alone}
        ratio = self.var / other.var
        distance = torch.pow(self.mean - other.mean, 2) / other.var
        return 0.5 * ({beside}).sum(1)
"""
ALONE = "0.5 * (self.mean * self.mean + self.var - self.logvar - 1.0).sum(1)"
BESIDE = "distance + ratio - self.logvar + other.logvar - 1"


def read(folder: Path, parts: str = "chunked", other: str = "in text", **formulas: str) -> LintReport:
    """Lint a class of one kind; `alone` is its KL to N(0, I), `beside` the brackets of that to another object."""
    path = folder / "distributions.py"
    kl = KL.format(other=OTHERS[other], **{"alone": ALONE, "beside": BESIDE, **formulas})
    path.write_text(IMPORTS + PARTS[parts] + DRAW + kl, encoding="utf-8")
    return lint([path])


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("other", OTHERS)
def test_right_forms_are_read_as_such(parts: str, other: str, tmp_path: Path) -> None:
    report = read(tmp_path, parts, other)
    assert report.findings == ()
    forms = [facts.kl.form.value for facts in report.facts if facts.kl.form is not None]
    # The one to N(0, I), and the one to another object of the class.
    assert len(forms) >= 2
    assert all(form.parametrisation is not None for form in forms)


WRONG = {
    "a sign": "distance + ratio + self.logvar - other.logvar - 1",
    "a sign of the ratio": "distance - ratio - self.logvar + other.logvar - 1",
    "no square of the ratio": "distance + ratio.sqrt() - self.logvar + other.logvar - 1",
    "a half too few": "distance + ratio + 0.5 * (other.logvar - self.logvar) - 1",
}


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_forms_beside_another_object_are_named(parts: str, wrong: str, tmp_path: Path) -> None:
    findings = read(tmp_path, parts, beside=WRONG[wrong]).findings
    assert {finding.code for finding in findings} == {"VAE301"}
    line = (tmp_path / "distributions.py").read_text(encoding="utf-8").splitlines()
    places = [finding.place for finding in findings if finding.place is not None]
    assert all("distance" in line[place.line - 1] for place in places)


@pytest.mark.parametrize("parts", PARTS)
def test_an_attribute_like_another_ones_makes_no_pair(parts: str, tmp_path: Path) -> None:
    """What takes a tensor and asks for its shape takes no other object of the class."""
    path = tmp_path / "distributions.py"
    nll = """
    def nll(self, sample):
        return 0.5 * (self.logvar + (sample - self.mean) ** 2 / self.var).sum() / sample.shape[0]
"""
    path.write_text(IMPORTS + PARTS[parts] + DRAW + nll, encoding="utf-8")
    assert lint([path]).findings == ()


DOUBLED = "(self.mean * self.mean + self.var - self.logvar - 1.0).sum(1)"


@pytest.mark.parametrize("parts", PARTS)
def test_a_kl_without_its_half_is_none_by_that_name(parts: str, tmp_path: Path) -> None:
    findings = read(tmp_path, parts, alone=DOUBLED).findings
    assert {finding.code for finding in findings} == {"VAE303"}
    assert all(" 2 times" in finding.message for finding in findings)


@pytest.mark.parametrize("name", ["kl_loss", "weighted_kl", "regularizer"])
def test_twice_the_kl_by_another_name_is_left_open(name: str, tmp_path: Path) -> None:
    """A term of the loss may carry any factor: beside a squared error it belongs to the error's variance."""
    path = tmp_path / "distributions.py"
    method = f"\n    def {name}(self):\n        return {DOUBLED}\n"
    path.write_text(IMPORTS + PARTS["chunked"] + DRAW + method, encoding="utf-8")
    report = lint([path])
    assert report.findings == ()
    assert any(facts.kl.form is not None for facts in report.facts)


def test_a_weight_in_a_method_called_kl_is_chosen(tmp_path: Path) -> None:
    assert read(tmp_path, alone=f"self.beta * {DOUBLED}").findings == ()


def test_a_released_autoencoder_is_named_where_its_kl_is_wrong(tmp_path: Path) -> None:
    """diffusers 0.42.1: `kl()` lacks the half, `kl(other)` has a difference of log variances of the wrong sign."""
    package = find_spec("diffusers")
    if package is None or not package.submodule_search_locations:
        pytest.skip("diffusers is not installed")
    installed = Path(package.submodule_search_locations[0]).parent
    model = "diffusers/models/autoencoders/autoencoder_oobleck.py"
    # The two files that the KL and the draw are in: read where they are, all of diffusers would be read with them.
    for name in (model, "diffusers/utils/torch_utils.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes((installed / name).read_bytes())
    lines = (tmp_path / model).read_text(encoding="utf-8").splitlines()
    if "kl = normalized_diff + var_ratio + logvar_diff - 1" not in map(str.strip, lines):
        pytest.skip("another version of diffusers, whose KL is written otherwise")
    found = {finding.code: finding.place for finding in lint([tmp_path]).findings}
    assert found.keys() == {"VAE301", "VAE303"}
    named = {code: lines[place.line - 1] for code, place in found.items() if place is not None}
    assert "logvar_diff" in named["VAE301"]
    assert "self.logvar - 1.0" in named["VAE303"]
