"""What is trained, drawn after seeds and measured is gone through once for all samplers: counted by what is asked."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from many_samplers import many_samplers, many_shared_terms

from vae_checked.linter import lint
from vae_checked.linter.evaluations import plan
from vae_checked.linter.files import syntax
from vae_checked.linter.pretrained import caches
from vae_checked.linter.roles import (
    erased_gradients,
    kl,
    optimizers,
    phi,
    seeds,
    timings,
    unread_errors,
    warm_ups,
    ways,
)
from vae_checked.linter.symbols.expression import Expr, Graph, atom, const

STEPS = """

def steps(loader):
    vae = VAE()
    for x in loader:
        torch.manual_seed(3)
        vae(x).backward()
"""


def asked(monkeypatch: pytest.MonkeyPatch, owner: ModuleType, name: str, text: str, path: Path) -> int:
    """How often a function of a module is called where a text is linted."""
    calls: list[object] = []
    work: Callable[..., object] = getattr(owner, name)

    def counted(*given: object, **named: object) -> object:
        calls.append(given)
        return work(*given, **named)

    path.write_text(text, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, counted)
        lint([path])
    return len(calls)


@pytest.mark.parametrize(
    ("owner", "name"),
    [(ways, "in_all"), (seeds, "put_back")],
    ids=["differentiated", "seeds"],
)
def test_steps_of_training_are_read_once_for_all_samplers(
    owner: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few, many = (
        asked(monkeypatch, owner, name, f"{many_samplers(number)}{STEPS}", tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few == many


def test_what_makes_each_mean_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(monkeypatch, timings, "source_of", many_samplers(number), tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few < many < 6 * few


def test_what_a_method_returns_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(monkeypatch, phi, "resolved", many_shared_terms(number), tmp_path / "model.py") for number in (3, 12)
    )
    assert 0 < few < many < 6 * few
    assert kl.phi is phi


CHOSEN = """
import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, wide=None, deep=None):
        super().__init__()
        self.mu, self.s, self.d = nn.Linear(7, 3), nn.Linear(7, 3), nn.Linear(3, 7)
        self.wide, self.deep = wide, deep

    def forward(self, x):
        h = torch.relu(x) if self.wide else torch.tanh(x)
        mu, logvar = self.mu(h), self.s(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        loss = F.mse_loss(self.d(z), x, reduction="sum") if self.deep else F.l1_loss(self.d(z), x, reduction="sum")
        return loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def train(x):
    vae = VAE(x.wide, x.deep)
"""


def test_the_parts_of_a_model_are_numbered_once_whatever_it_observes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    few, many = (
        asked(
            monkeypatch,
            optimizers,
            "serials",
            CHOSEN + "    optimizer = torch.optim.Adam(vae.parameters())\n" + "    vae(x).backward()\n" * times,
            tmp_path / "model.py",
        )
        for times in (2, 12)
    )
    assert 0 < few < 40 > many


SHARED = """

def step(vae, x, optimizer):
    vae(x).backward()
    optimizer.step()
"""
CALLER = """

def run{number}(x):
    vae = VAE(True, False)
    step(vae, x, torch.optim.Adam(vae.parameters()))
"""


def test_what_may_erase_a_gradient_is_asked_once_for_all_callers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    callers = "".join(CALLER.format(number=number) for number in range(5))
    assert asked(monkeypatch, erased_gradients, "followings", CHOSEN + SHARED + callers, tmp_path / "model.py") == 1


def test_a_chain_of_calls_behind_a_backward_is_not_written_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(
            monkeypatch, ast, "unparse", f"{CHOSEN}    vae(x).backward()\n    print(x{chain})\n", tmp_path / "model.py"
        )
        for chain in (".exp()", ".exp()" * 60)
    )
    assert 0 < few == many


def test_what_is_in_no_other_loss_is_asked_once_for_all_errors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few, many = (
        asked(monkeypatch, unread_errors, "_largest", many_samplers(number), tmp_path / "model.py") for number in (3, 9)
    )
    assert 0 < many <= few


def test_whether_a_loss_holds_a_term_back_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    total, other = (Expr("add", (Expr("mul", (const(0.0), atom("kl"))), atom(name))) for name in ("one", "two"))
    graph = Graph([total, other])
    found: list[object] = []
    monkeypatch.setattr(warm_ups.reductions, "ways", lambda *given, **named: found.append(given) or [])
    assert not any(warm_ups.is_held_back(total, atom("kl").uid, graph) for _ in range(4))
    assert not warm_ups.is_held_back(other, atom("kl").uid, graph)
    assert len(found) == 2


USING = """
import torch
from diffusers import AutoencoderKL


class Pipeline:
    def __init__(self, unet, wide):
        self.unet, self.wide = unet, wide
        self.vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")

    def __call__(self, t, text):
        latents = torch.randn(1, 4, 64, 64) * torch.exp(t * t).log() if self.wide else torch.randn(1, 4, 64, 64)
        loss = self.unet(latents, t, text)[0]CALL
        latents = latents - loss.log() * loss * t
        return self.vae.decode(latents / 0.18215).sample
"""


def test_one_part_of_what_a_network_returns_is_no_pair_of_heads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, two = (
        asked(monkeypatch, ways, "most_conditions", USING.replace("CALL", call), tmp_path / "pipeline.py")
        for call in ("", " * self.unet(latents, t, text)[1]")
    )
    assert one < two


def test_what_decodes_is_not_searched_for_stored_latents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_codes, without = (
        asked(monkeypatch, caches, "may_read", text, tmp_path / "pipeline.py")
        for text in (USING.replace("CALL", ""), USING.replace("CALL", "").replace(".vae.decode(", ".show("))
    )
    assert with_codes < without


def test_methods_that_read_nothing_set_by_others_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    methods = "".join(f"\n    def step{place}(self, x):\n        return self.d(x) + {place}\n" for place in range(20))
    text = CHOSEN.replace(
        "\n\ndef train", f"\n    def encode(self, x):\n        self.kept = self.mu(x)\n{methods}\n\ndef train"
    )
    assert asked(monkeypatch, plan.syntax, "read", text, tmp_path / "model.py") < 30


LOOPED = """
from diffusers import AutoencoderKL


def sample(diffusion, model):
    vae = AutoencoderKL.from_pretrained("stabilityai/sd-vae-ft-mse")
    z = diffusion.p_sample_loop(model, (1, 4, 8, 8))
"""


def test_a_file_is_gone_through_once_for_all_that_is_decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole: list[ast.Module] = []
    nodes_of = syntax.descendants

    def counted(tree: ast.AST) -> Iterator[ast.AST]:
        whole.extend([tree] if isinstance(tree, ast.Module) else [])
        return nodes_of(tree)

    monkeypatch.setattr(syntax, "descendants", counted)
    path = tmp_path / "sample.py"
    for number in (1, 4):
        decoded = [f"vae.decode(z / 0.18215 + {place}).sample" for place in range(number)]
        path.write_text(f"{LOOPED}    return [{', '.join(decoded)}]\n", encoding="utf-8")
        lint([path])
    assert len(whole) == 2
