"""What reading costs: bounded by what is written, not by the ways through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_checked.catalogue import find
from vae_checked.facts import REAL
from vae_checked.linter import lint, signs, source
from vae_checked.linter.expression import Expr, atom, const, is_formula
from vae_checked.linter.interpret import MAX_PLAIN_STEPS, MAX_STEPS
from vae_checked.linter.intervals import interval_of
from vae_checked.linter.project import Project
from vae_checked.linter.roles import phi
from vae_checked.linter.roles.reductions import is_whole, rank_of
from vae_checked.linter.scenes import build

BAD = find("VAE201").bad
TRAIN = "def train(x):\n    out, mu, logvar = VAE()(x)\n    loss_function(out, x, mu, logvar).backward()\n"
HEAD = "import torch\nfrom torch import nn\n"


def doubled(leaf: Expr, times: int = 200) -> Expr:
    """x + x of x + x of ...: few nodes, and more ways through them than could ever be gone."""
    for _ in range(times):
        leaf = Expr("add", (leaf, leaf))
    return leaf


def test_a_value_used_twice_at_every_step_is_read_once() -> None:
    linear = Expr("layer", (atom("x"),), (("kind", "Linear"), ("rank", 2)))
    assert interval_of(doubled(linear, 30)) == REAL
    assert rank_of(doubled(linear, 30)) == 2
    assert is_whole(doubled(Expr("sum", (linear,), (("axes", "all"),))))
    assert not is_whole(doubled(linear))


def test_a_network_is_no_formula() -> None:
    x = atom("x")
    assert is_formula(doubled(x, 90))
    assert not is_formula(doubled(x, 150))


def test_only_what_may_be_a_term_is_taken_apart_in_all_ways() -> None:
    x, y = atom("x"), atom("y")
    branch = Expr("phi", (atom("wide"), Expr("relu", (x,)), y))
    assert len(phi.resolved([Expr("add", (branch, const(1.0)))])) == 1
    error = Expr("square", (Expr("sub", (branch, y)),))
    assert {each.args[0].args[0].op for each in phi.resolved([error])} == {"relu", "atom"}


@pytest.mark.parametrize(
    ("text", "concerned"),
    [
        ("import torch\nz = mu + torch.exp(0.5 * s) * torch.randn_like(mu)\n", True),
        ("import torch\nz = m + std * torch.rand_like(std)\n", True),
        ("from torch.distributions import Normal\nz = Normal(m, s).rsample()\n", True),
        ("from torch.nn import functional as F\nloss = F.mse_loss(x_hat, x)\n", True),
        ("import torch\nx = torch.randn(3)\nx.sum().backward()\n", True),
        ("import torch\nx = torch.randn(3)\n", False),
        ("import torch\nw = nn.Parameter(torch.randn(3) / 3 ** 0.5)\n", False),
        ("import torch\nnn.init.normal_(layer.weight)\ny = torch.exp(x)\n", False),
        ("import numpy\nz = m + std * numpy.random.randn(3)\n", False),
    ],
)
def test_what_a_file_mentions_says_whether_it_is_parsed(text: str, concerned: bool) -> None:
    assert signs.concerns_vae(text.encode()) is concerned


def test_a_file_that_draws_is_read_when_it_calls_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(BAD, encoding="utf-8")
    (tmp_path / "sample.py").write_text(
        "import torch\nfrom model import VAE\nVAE()(torch.randn(2))\n", encoding="utf-8"
    )
    (tmp_path / "other.py").write_text("import torch\nprint(torch.randn(2))\n", encoding="utf-8")
    report = lint([tmp_path])
    assert (report.files_read, report.files_concerned) == (3, 2)


@pytest.mark.parametrize(("folder", "found"), [("site-packages", []), ("sources", ["VAE201"])])
def test_a_package_installed_beside_another_one_is_not_read_for_it(
    folder: str, found: list[str], tmp_path: Path
) -> None:
    place = tmp_path / folder
    model, loss = BAD.split("def loss_function", 1)
    for name, text in (
        ("ours/model.py", f"from theirs.loss import loss_function\n{model}{TRAIN}"),
        ("theirs/loss.py", f"{HEAD}from torch.nn import functional as F\n\n\ndef loss_function{loss}"),
    ):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(text, encoding="utf-8")
    report = lint([place / "ours"])
    assert [finding.code for finding in report.findings] == found


def test_settings_that_take_long_are_left(tmp_path: Path) -> None:
    loop = "    for i in range(12):\n        for j in range(12):\n            for k in range(12):\n"
    loop += "                x = x + i * j\n"
    (tmp_path / "settings.py").write_text(f"def settings(x):\n{loop}    return x\n", encoding="utf-8")
    calls = "from settings import settings\n" + "settings(1)\n" * 40
    project = Project()
    text = calls + BAD
    module = project.add(source.parse(str(tmp_path / "model.py"), text.encode()))
    build(project, [module])
    assert 0 < MAX_STEPS - project.interpreter.remaining < MAX_PLAIN_STEPS + 4_000
    (tmp_path / "model.py").write_text(text, encoding="utf-8")
    assert [finding.code for finding in lint([tmp_path]).findings] == ["VAE201"]
