"""What is found once is not looked for again: values outside a graph, formulas alike, latents that were followed."""

from __future__ import annotations

import ast
import gc
import weakref
from pathlib import Path

import pytest
from counted import calls_of

from vae_checked.catalogue import find
from vae_checked.facts import KL
from vae_checked.latent_facts import PretrainedVAE
from vae_checked.linter import lint
from vae_checked.linter.evaluations import model_choices
from vae_checked.linter.evaluations.plan import Plan
from vae_checked.linter.files import ast_budget, source
from vae_checked.linter.files.ast_budget import let_go_of_top
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.pretrained.flow import Flow
from vae_checked.linter.pretrained.identities import Models
from vae_checked.linter.pretrained.settings import Settings
from vae_checked.linter.pretrained.vaes import Owner
from vae_checked.linter.roles import assemble, reader
from vae_checked.linter.roles.divergences import Divergence
from vae_checked.linter.roles.objective import JointLoss, Losses
from vae_checked.linter.roles.reconstructions import Reconstruction
from vae_checked.linter.symbols.expression import Expr, Graph, atom, const
from vae_checked.linter.symbols.values import Module

BAD = find("VAE201").bad
TRAIN = "def train(x):\n    out, mu, logvar = VAE()(x)\n    loss_function(out, x, mu, logvar).backward()\n"
HEAD = "import torch\nfrom torch import nn\n"
# A KL in each turn of a loop, of heads that are made from those of the turn before, and nothing drawn.
LADDER = """\
import torch
from torch import nn


class Ladder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.mu, self.s, self.back = nn.Linear(7, 5), nn.Linear(5, 3), nn.Linear(5, 3), nn.Linear(3, 7)

    def forward(self, x):
        loss = 0.0
        for turn in range(TURNS):
            h = torch.relu(self.body(x))
            mu, logvar = self.mu(h), self.s(h)
            loss = loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            x = self.back(mu)
        return loss


def train(x):
    Ladder()(x).backward()
"""


def test_a_value_outside_a_graph_is_gone_through_once() -> None:
    leaves_of_all = [atom(f"x{place}") for place in range(200)]
    total = leaves_of_all[0]
    for leaf in leaves_of_all[1:]:
        total = Expr("add", (total, leaf))
    graph = Graph(leaves_of_all)
    outside = Expr("neg", (Expr("mul", (total, const(2.5))),))
    other = atom("y")
    found: list[bool] = []
    calls = calls_of(lambda: found.extend(graph.holds(outside, leaf.uid) for leaf in (*leaves_of_all, other)))
    assert found == [True] * 200 + [False]
    assert calls < 25 * 200


def test_latents_that_were_followed_are_let_go_at_once(tmp_path: Path) -> None:
    used = "    z = vae.encode(x).latent_dist.sample() * 0.3\n    return vae.decode(z)\n"
    text = f"import torch\n\n\ndef shown(vae, x):\n{used}"
    project = Project()
    module = project.add(source.parse(str(tmp_path / "use.py"), text.encode()))
    *_, evaluation = Plan(project, reader).evaluations([module])
    flow = Flow(evaluation, Graph(evaluation.values()))
    assert flow.encodes
    assert flow.decodes
    kept = weakref.ref(flow)
    gc.disable()
    try:
        del flow
        assert kept() is None
    finally:
        gc.enable()


def test_divergences_alike_are_looked_at_a_few_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[Divergence] = []
    facts_of_one = assemble.kl_facts

    def counted(kl: Divergence | None, recon: Reconstruction | None, reading: JointLoss | None, losses: Losses) -> KL:
        looked_at.extend([] if kl is None else [kl])
        return facts_of_one(kl, recon, reading, losses)

    monkeypatch.setattr(assemble, "kl_facts", counted)
    times = []
    for turns in (6, 12):
        (tmp_path / "model.py").write_text(LADDER.replace("TURNS", str(turns)), encoding="utf-8")
        looked_at.clear()
        assert any(facts.kl.form for facts in lint([tmp_path]).facts)
        times.append(len(looked_at))
    assert times[0] == times[1]


def test_what_chooses_a_model_is_looked_for_where_one_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    choices_of = model_choices._choices

    def counted(module: Module) -> object:
        read.append(Path(module.path).name)
        return choices_of(module)

    monkeypatch.setattr(model_choices, "_choices", counted)
    (tmp_path / "trained.py").write_text(BAD + TRAIN, encoding="utf-8")
    (tmp_path / "drawn.py").write_text(f"{HEAD}from trained import VAE\n\nVAE()(torch.randn(7))\n", encoding="utf-8")
    lint([tmp_path])
    assert read == ["trained.py"]


def test_what_goes_by_two_names_is_run_once(tmp_path: Path) -> None:
    subjects = []
    for aliases in ("", "plugin, again = VAE, step\n"):
        text = f"{BAD}\n\ndef step(x):\n    return torch.exp(x)\n\n\n{aliases}"
        project = Project()
        module = project.add(source.parse(str(tmp_path / "model.py"), text.encode()))
        subjects.append([evaluation.subject for evaluation in Plan(project, reader).evaluations([module])])
    assert module.scope.names["plugin"] is module.scope.names["VAE"]
    assert {f"{module.path}:VAE", f"{module.path}:step"} <= {*subjects[0]}
    assert subjects[1] == subjects[0]


def test_the_calls_that_save_models_are_read_once_for_all_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = "    vae.save_pretrained(args.folder)\n    vae.save_pretrained('made')\n"
    text = f"import torch\n\n\ndef keep(vae, args):\n{saved}"
    project = Project()
    module = project.add(source.parse(str(tmp_path / "keep.py"), text.encode()))
    list(Plan(project, reader).evaluations([module]))
    let_go_of_top(module.file)
    read: list[str] = []
    parsed_of = ast_budget.parsed

    def counted(text: str) -> ast.Module:
        read.append(text)
        return parsed_of(text)

    monkeypatch.setattr(ast_budget, "parsed", counted)
    models = Models([module], Settings([module], project.disk))
    owners = [Owner(name, PretrainedVAE(identity=name, kind="AutoencoderKL")) for name in ("made", "other", "folder")]
    assert [models.built_by_default(owner) for owner in owners] == [None, None, None]
    assert len(read) == 1
