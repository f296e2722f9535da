"""A gradient that code stores by hand between `backward` and the step: what moves the layers is not the loss alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from small_vaes.fragments import FIT, FORWARD, HEAD, MODEL, codes, linted

from vae_checked.linter.files.source import Cell
from vae_checked.linter.roles.stored_gradients import Stored, stored_by

LINES = """        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def is_clean(tmp_path: Path, between: str, made: str = "net.parameters()") -> bool:
    """Whether VAE601 is called clean of a training that does something between `backward` and the step."""
    assert LINES in FIT
    inside = "".join(f"        {line}\n" for line in between.splitlines())
    training = FIT.replace(LINES, LINES.replace("        optimizer.step()\n", f"{inside}        optimizer.step()\n"))
    training = training.replace("Adam(net.parameters())", f"Adam({made})")
    report = linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + training})
    assert codes(report) == []
    assert report.vaes
    return any("VAE601" in each.clean for each in report.vaes)


ERASING = {
    "zeros": "for each in net.back.parameters():\n    each.grad = torch.zeros_like(each)",
    "zeros of its shape": "for each in net.back.parameters():\n    each.grad = torch.zeros_like(each.grad)",
    "its data": "for each in net.back.parameters():\n    each.grad.data = torch.zeros(3)",
    "a draw": "for each in net.parameters():\n    each.grad = torch.randn_like(each)",
    "a draw in place": "for each in net.parameters():\n    each.grad.normal_()",
    "another number": "for each in net.parameters():\n    each.grad.fill_(1.0)",
    "the weights": "for each in [p for p in net.parameters() if p.requires_grad]:\n    each.grad = 0.1 * each",
    "times 0": "for each in net.back.parameters():\n    each.grad *= 0.0",
    "times 0 in place": "for each in net.back.parameters():\n    each.grad.mul_(0)",
    "times 0 anew": "for each in net.back.parameters():\n    each.grad = 0 * each.grad",
    "by its name": "for each in net.back.parameters():\n    setattr(each, 'grad', None)",
    "deleted": "for each in net.back.parameters():\n    del each.grad",
    "all at once": "torch._foreach_zero_([each.grad for each in net.back.parameters()])",
    "a part of the model": "net.back.zero_grad()",
}
KEEPING = {
    "clipped": "for each in net.parameters():\n    each.grad.clamp_(-1, 1)",
    "clipped anew": "for each in net.parameters():\n    each.grad = each.grad.clamp(-1, 1)",
    "scaled": "for each in net.parameters():\n    each.grad *= 0.5",
    "scaled in place": "for each in net.parameters():\n    each.grad.mul_(0.5)",
    "without NaN": "for each in net.parameters():\n    each.grad = torch.nan_to_num(each.grad)",
    "with noise": "for each in net.parameters():\n    each.grad += 0.01 * torch.randn_like(each)",
    "kept and put back": (
        "kept = [each.grad.clone() for each in net.parameters()]\n"
        "for each, one in zip(net.parameters(), kept):\n    each.grad = one"
    ),
    "what was made of them": (
        "kept = []\nfor each in net.parameters():\n    kept.append(each.grad / 2)\nhalves = [each for each in kept]\n"
        "for each, one in zip(net.parameters(), halves):\n    each.grad.copy_(one)"
    ),
    "what a list was extended by": (
        "kept = []\nkept.extend(each.grad / 2 for each in net.parameters())\n"
        "for each, one in zip(net.parameters(), kept):\n    each.grad.copy_(one)"
    ),
    "shown": "print(sum(each.grad.norm() for each in net.parameters()))",
}


@pytest.mark.parametrize("between", ERASING.values(), ids=ERASING)
def test_what_is_stored_in_the_place_of_a_gradient_is_not_clean(between: str, tmp_path: Path) -> None:
    assert not is_clean(tmp_path, between)


@pytest.mark.parametrize("between", KEEPING.values(), ids=KEEPING)
def test_a_gradient_that_is_made_of_itself_is_clean(between: str, tmp_path: Path) -> None:
    assert is_clean(tmp_path, between)


@pytest.mark.parametrize("cleared", ["net.zero_grad()", "net.back.zero_grad()", "decoder.zero_grad()"])
def test_what_is_cleared_may_be_in_an_optimizer_of_a_list(cleared: str, tmp_path: Path) -> None:
    assert not is_clean(tmp_path, cleared, "[each for each in net.parameters()]")


def test_another_optimizer_that_is_cleared_takes_nothing(tmp_path: Path) -> None:
    assert is_clean(tmp_path, "beside = torch.optim.SGD(judge.parameters(), 0.1)\nbeside.zero_grad()")
    assert is_clean(tmp_path, "judge.zero_grad()")


PROJECTED = """\
kept = []
for term in terms:
    optimizer.zero_grad()
    term.backward(retain_graph=True)
    kept.append([each.grad.clone() for each in net.parameters()])
for each, one in zip(net.parameters(), project(kept)):
    each.grad = one
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("p.grad = one", Stored.GIVEN),
        ("p.grad = term", Stored.REPLACED),
        ("p.grad, q.grad = kept[0], None", Stored.GIVEN),
        ("p.grad = None", Stored.CLEARED),
        ("p.grad.copy_(averaged_grads[name])", Stored.GIVEN),
        ("p.grad += 0", Stored.GIVEN),
        ("p.grad *= 0", Stored.CLEARED),
        ("p.grad.copy_(p)", Stored.REPLACED),
        ("setattr(p, 'grad', one)", Stored.GIVEN),
        ("setattr(p, 'weight', one)", None),
        ("p.data = one", None),
        ("one = p.grad", None),
        ("print(p.grad)", None),
    ],
)
def test_what_a_statement_stores_for_a_gradient(statement: str, expected: Stored | None) -> None:
    """Gradients of several losses that are projected, as by PCGrad, are kept by names that tell nothing."""
    tree = ast.parse(PROJECTED + statement)
    assert stored_by(tree.body[-1], Cell(tree, PROJECTED, None)) is expected
