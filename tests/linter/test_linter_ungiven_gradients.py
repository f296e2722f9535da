"""Training that differentiates nothing: steps of an optimizer without a backward, and heads without a gradient."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, OBJECTIVE, codes, linted

TRAINED = (
    HEAD
    + MODEL
    + FORWARD
    + OBJECTIVE
    + """

def fit(loader, {given}):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        optimizer.zero_grad()
        {between}
        optimizer.step()
        total = loss.item()
"""
)


# What shows a loss differentiates nothing.
SHOWN = (
    "print(float(loss))",
    'print(f"{loss.item():.4f}")',
    "other.add_scalar('loss', loss, 1)",
    "seen = []; seen.append(loss.item())",
)


def text(between: str, given: str = "other=None") -> str:
    return TRAINED.replace("{between}", between).replace("{given}", given)


def test_the_step_of_an_optimizer_in_capitals_is_one(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": text("pass").replace("optimizer", "OPTIMIZER")})) == ["VAE601"]
    assert codes(linted(tmp_path, {"net.py": text("loss.backward()").replace("optimizer", "OPTIMIZER")})) == []


@pytest.mark.parametrize("between", ["pass", "total = loss.item()", "seen = loss.detach()", *SHOWN])
def test_steps_that_nothing_is_differentiated_for(between: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(between)})
    assert codes(report) == ["VAE601"]
    (finding,) = report.findings
    assert finding.place is not None
    assert finding.place.text.strip() == "optimizer.step()"
    assert "backward() on the loss" in finding.fix
    assert not any("VAE305" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(
    "between",
    [
        "loss.backward()",
        "loss.sum().backward()",
        "other.backward(loss)",
        "other.manual_backward(loss)",
        'getattr(loss, "backward")()',
        "grads = torch.autograd.grad(loss, list(net.parameters()))",
        # What takes the loss may do it.
        "other(loss)",
        "other.minimise(loss)",
    ],
)
def test_a_loss_that_is_or_may_be_differentiated(between: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": text(between)})) == []


def test_steps_with_a_function_that_differentiates(tmp_path: Path) -> None:
    scene = text("pass").replace("optimizer.step()", "optimizer.step(other)")
    assert codes(linted(tmp_path, {"net.py": scene})) == []


def test_a_helper_of_another_file_that_differentiates(tmp_path: Path) -> None:
    helper = "def update(loss):\n    loss.backward()\n"
    scene = "from steps import update\n" + text("update(loss)")
    assert codes(linted(tmp_path, {"net.py": scene, "steps.py": helper})) == []


def test_a_file_that_only_looks_takes_no_steps(tmp_path: Path) -> None:
    scene = text("pass").replace("        optimizer.step()\n", "").replace("        optimizer.zero_grad()\n", "")
    assert codes(linted(tmp_path, {"net.py": scene})) == []


ORDERS = {
    "erased": ("loss.backward()", "optimizer.zero_grad()", "optimizer.step()"),
    "by another spelling": ("loss.backward()", "optimizer.zero_grad(set_to_none=True)", "optimizer.step()"),
    "of the model": ("loss.backward()", "net.zero_grad()", "optimizer.step()"),
    "scaled": ("scaler.scale(loss).backward()", "optimizer.zero_grad()", "scaler.step(optimizer)", "scaler.update()"),
    "handed over": ("other.backward(loss)", "optimizer.zero_grad()", "optimizer.step()"),
    "by a trainer": ("other.manual_backward(loss)", "optimizer.zero_grad()", "optimizer.step()"),
    "clipped": (
        "loss.backward()",
        "optimizer.zero_grad()",
        "clip_grad_norm_(net.parameters(), 1.0)",
        "optimizer.step()",
    ),
    "erased, with what is shown": (
        "loss.backward()",
        "print(loss.item())",
        "optimizer.zero_grad()",
        "optimizer.step()",
    ),
}
RIGHT = {
    "before": ("optimizer.zero_grad()", "loss.backward()", "optimizer.step()"),
    "after": ("loss.backward()", "optimizer.step()", "optimizer.zero_grad()"),
    "of another model": ("loss.backward()", "other.zero_grad()", "optimizer.step()"),
    "of another loss": ("other.backward(side)", "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"),
    "of another": ("loss.backward()", "other.zero_grad()", "optimizer.step()", "other.step()"),
    "of one of two models": (
        "if other: optimizer = torch.optim.Adam(other.parameters())",
        "loss.backward()",
        "other.zero_grad()",
        "optimizer.step()",
    ),
    "differentiated again": ("loss.backward()", "optimizer.zero_grad()", "(2 * loss).backward()", "optimizer.step()"),
    "differentiated by something": ("loss.backward()", "optimizer.zero_grad()", "other(loss)", "optimizer.step()"),
}


def in_order(steps: tuple[str, ...]) -> str:
    """The training with these statements in place of its own."""
    head, _, _ = text("pass").partition("        optimizer.zero_grad()")
    return head + "".join(f"        {step}\n" for step in steps)


@pytest.mark.parametrize("steps", ORDERS.values(), ids=ORDERS)
def test_a_gradient_that_is_erased_before_the_step(steps: tuple[str, ...], tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, {"net.py": in_order(steps)}).findings
    clearing = next(step for step in steps if "zero_grad" in step)
    assert finding.code == "VAE601"
    assert finding.place is not None
    assert finding.place.text.strip() == clearing
    assert finding.fix == f"call {clearing} before backward()"
    assert "erased before the optimizer's step" in finding.message


@pytest.mark.parametrize("steps", RIGHT.values(), ids=RIGHT)
def test_a_gradient_that_a_step_takes(steps: tuple[str, ...], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": in_order(steps)})) == []


BACK = ("loss.backward()", "kept = {p: p.grad for p in net.parameters()}", "optimizer.zero_grad()")
PUT_BACK = {
    "one by one": ("for p in net.parameters(): p.grad = kept[p]",),
    "added to": ("for p in net.parameters(): p.grad += kept[p]",),
    "by their data": ("for p in net.parameters(): p.grad.data = kept[p]",),
    "in place": ("for p in net.parameters(): p.grad[:] = kept[p]",),
    "of two": ("net.back.weight.grad, net.back.bias.grad = other",),
}


@pytest.mark.parametrize("back", PUT_BACK.values(), ids=PUT_BACK)
def test_gradients_that_are_put_back_are_not_erased(back: tuple[str, ...], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": in_order((*BACK, *back, "optimizer.step()"))})) == []
    for none in ("pass", "for p in net.parameters(): p.grad = None"):
        assert codes(linted(tmp_path, {"net.py": in_order((*BACK, none, "optimizer.step()"))})) == ["VAE601"]


PENALTY = "net.to_m.weight.abs().sum().backward()"
MAYBE = {
    "in the next round": ("optimizer.zero_grad()", "optimizer.step()", "loss.backward()"),
    "in one line": ("loss.backward(); optimizer.zero_grad(); print(len(x)); cleared(other); optimizer.step()",),
    "in some rounds": ("loss.backward()", "if other:", "    optimizer.zero_grad()", "    optimizer.step()"),
    "before a scheduler": ("loss.backward()", "optimizer.zero_grad()", "scheduler.step()", "optimizer.step()"),
    "one by one": ("loss.backward()", "for p in net.parameters():", "    p.grad = None", "optimizer.step()"),
    "in place": ("loss.backward()", "for p in net.parameters():", "    p.grad.zero_()", "optimizer.step()"),
    "one by one, before a scheduler": (
        "loss.backward()",
        "for p in net.parameters():",
        "    p.grad = None",
        "scheduler.step()",
        "optimizer.step()",
    ),
    "filled": ("loss.backward()", "for p in net.parameters():", "    p.grad.data.fill_(0)", "optimizer.step()"),
    "after a condition": ("if x.any():", "    loss.backward()", "optimizer.zero_grad()", "optimizer.step()"),
    "after a block": (
        "with amp.scale_loss(loss, optimizer) as scaled:",
        "    scaled.backward()",
        "optimizer.zero_grad()",
        "optimizer.step()",
    ),
    "by a function": ("loss.backward()", "cleared(optimizer)", "optimizer.step()"),
    "before the step of a function": ("loss.backward()", "moved(optimizer, True)"),
    "after a function": ("given(loss)", "optimizer.zero_grad()", "optimizer.step()"),
    "before another loss": ("loss.backward()", "optimizer.zero_grad()", "{penalty}", "optimizer.step()"),
    "of the model, before another loss": ("loss.backward()", "net.zero_grad()", "{penalty}", "optimizer.step()"),
    "one by one, before another loss": (
        "loss.backward()",
        "for p in net.parameters():",
        "    p.grad = None",
        "{penalty}",
        "optimizer.step()",
    ),
    "by a function, before another loss": ("loss.backward()", "cleared(optimizer)", "{penalty}", "optimizer.step()"),
    "before another loss and a scheduler": (
        "loss.backward()",
        "optimizer.zero_grad()",
        "{penalty}",
        "scheduler.step()",
        "optimizer.step()",
    ),
    "before another loss, and of another": (
        "loss.backward()",
        "other.zero_grad()",
        "optimizer.zero_grad()",
        "{penalty}",
        "other.step()",
        "optimizer.step()",
    ),
}
FUNCTIONS = """

def cleared(optimizer):
    optimizer.zero_grad()


def given(loss):
    loss.backward()


def moved(optimizer, first):
    {before}
    optimizer.step()
    optimizer.zero_grad()

"""
TAKEN = {
    "in the next round": ("optimizer.step()", "optimizer.zero_grad()", "loss.backward()"),
    "in one line": ("optimizer.zero_grad(); loss.backward(); optimizer.step()",),
    "in some rounds": ("loss.backward()", "if other:", "    optimizer.step()", "    optimizer.zero_grad()"),
    "before a scheduler": ("loss.backward()", "optimizer.step()", "optimizer.zero_grad()", "scheduler.step()"),
    "one by one": ("loss.backward()", "optimizer.step()", "for p in net.parameters():", "    p.grad = None"),
    "one by one, before the step of another": (
        "loss.backward()",
        "optimizer.step()",
        "for p in net.parameters():",
        "    p.grad = None",
        "other.step()",
    ),
    "before another loss": ("loss.backward()", "optimizer.step()", "optimizer.zero_grad()", "{penalty}"),
    "beside another loss": ("optimizer.zero_grad()", "loss.backward()", "{penalty}", "optimizer.step()"),
    "with the loss of another": (
        "loss.backward()",
        "other.zero_grad()",
        "{penalty}",
        "other.step()",
        "optimizer.step()",
    ),
    "left out": ("loss.backward()", "if other:", "    optimizer.zero_grad()", "    continue", "optimizer.step()"),
    "of another": ("loss.backward()", "if other:", "    other.zero_grad()", "optimizer.step()"),
    "before a function clears it": ("loss.backward()", "optimizer.step()", "cleared(optimizer)"),
    "before, by a function": ("cleared(optimizer)", "given(loss)", "optimizer.step()"),
    "by the step of a function": ("loss.backward()", "moved(optimizer, False)"),
    "after a condition": ("if x.any():", "    loss.backward()", "optimizer.step()", "optimizer.zero_grad()"),
    "in place": ("loss.backward()", "optimizer.step()", "for p in net.parameters():", "    p.grad.zero_()"),
    "one by one, before": ("for p in net.parameters(): p.grad = None", "loss.backward()", "optimizer.step()"),
    "in place, of something else": ("loss.backward()", "other[0].fill_(0)", "optimizer.step()"),
}


def with_functions(steps: tuple[str, ...]) -> dict[str, str]:
    """The training with these statements, and the functions that they call."""
    steps = tuple(step.format(penalty=PENALTY) for step in steps)
    clears = any("moved(optimizer, True)" in step for step in steps)
    functions = FUNCTIONS.format(before="optimizer.zero_grad()" if clears else "pass")
    called = any(f"{name}(" in step for step in steps for name in ("cleared", "given", "moved"))
    return {"net.py": in_order(steps).replace("\n\ndef fit", f"{functions if called else ''}\n\ndef fit")}


@pytest.mark.parametrize("steps", MAYBE.values(), ids=MAYBE)
def test_a_gradient_that_may_be_erased_is_not_called_clean(steps: tuple[str, ...], tmp_path: Path) -> None:
    report = linted(tmp_path, with_functions(steps))
    assert codes(report) == []
    assert not any("VAE601" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize("steps", TAKEN.values(), ids=TAKEN)
def test_a_gradient_that_is_taken_first_is_called_clean(steps: tuple[str, ...], tmp_path: Path) -> None:
    report = linted(tmp_path, with_functions(steps))
    assert codes(report) == []
    assert any("VAE601" in vae.clean for vae in report.vaes)


HEADS = "        return self.to_m(h), self.to_s(h)\n"
KEPT = {
    "both": "        with torch.no_grad():\n            return self.to_m(h), self.to_s(h)\n",
    "the second": "        with torch.no_grad():\n            s = self.to_s(h)\n        return self.to_m(h), s\n",
}


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_kl_of_heads_without_gradient_is_not_called_clean(kept: str, tmp_path: Path) -> None:
    scene = text("loss.backward()")
    assert HEADS in scene
    report = linted(tmp_path, {"net.py": scene.replace(HEADS, kept)})
    assert codes(report) == []
    assert not any({"VAE305", "VAE601", "VAE206"} & set(vae.clean) for vae in report.vaes)
    right = linted(tmp_path, {"net.py": scene})
    assert any({"VAE305", "VAE601", "VAE206"} <= set(vae.clean) for vae in right.vaes)


@pytest.mark.parametrize(
    ("between", "clean"),
    [("other.fit(x)", False), ("other(loss)", False), ("loss.backward(); other.fit(x)", True)],
)
def test_no_gradient_is_called_given_where_nothing_takes_it(between: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(between)})
    assert codes(report) == []
    assert any("VAE601" in vae.clean for vae in report.vaes) is clean


SAME = {
    "the data": "y, x, m, s = x, x, m, s",
    "the data, flat": "y, x = x.flatten(1), x.flatten(1)",
    "on a device": "y = x.to(m.device)",
}


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
def test_data_compared_with_themselves_train_no_decoder(same: str, tmp_path: Path) -> None:
    mixed = text("loss.backward()").replace("def objective(y, x, m, s):\n", f"def objective(y, x, m, s):\n    {same}\n")
    report = linted(tmp_path, {"net.py": mixed})
    assert codes(report) == ["VAE601"]
    (finding,) = report.findings
    assert "the data are compared with themselves" in finding.message
    assert finding.fix.startswith("compare what is decoded with the data in F.binary_cross_entropy(")


def test_a_posterior_that_is_held_against_itself_is_no_data(tmp_path: Path) -> None:
    """As in the KL of each posterior to each other one, where the names of the two are not known."""
    same = "mu1 = mu2 = x\n    y, x = mu1, mu2"
    mixed = text("loss.backward()").replace("def objective(y, x, m, s):\n", f"def objective(y, x, m, s):\n    {same}\n")
    assert "VAE601" not in codes(linted(tmp_path, {"net.py": mixed}))


@pytest.mark.parametrize("other", ["y = y", "y, x = y.flatten(1), x.flatten(1)", "y = torch.relu(y)"])
def test_what_is_decoded_and_the_data_are_two_things(other: str, tmp_path: Path) -> None:
    mixed = text("loss.backward()").replace(
        "def objective(y, x, m, s):\n", f"def objective(y, x, m, s):\n    {other}\n"
    )
    assert "VAE601" not in codes(linted(tmp_path, {"net.py": mixed}))


MIXED = "def objective(y, x, m, s):\n"
WRITTEN = {
    "a slice of a copy": "full = x.clone(); full[:, 9:] = y[:, 9:]; y = full",
    "in place": "full = x.clone(); full[:, 9:].copy_(y[:, 9:]); y = full",
    "by narrow": "full = x.clone(); full.narrow(1, 9, 9).copy_(y[:, 9:18]); y = full",
    "added to a slice": "full = x.clone(); full[:, 9:] += y[:, 9:]; y = full",
    "by a name of the slice": "full = x.clone(); part = full[:, 9:]; part[:] = y[:, 9:]; y = full",
    "by a loop": "full = x.clone()\n    for row, new in zip(full, y):\n        row[9:] = new[9:]\n    y = full",
    "by a function": "full = x.clone(); put(full, y); y = full",
    "what may be a copy, by a loop": (
        "full = x.to(m.device)\n    for row, new in zip(full, y):\n        row.swapped(new)\n    y = full"
    ),
    "what may be a copy": "full = x.to(m.device); full[:, 9:] = y[:, 9:]; y = full",
    "what may be a copy, in place": "full = x.to(m.device); full[:, 9:].copy_(y[:, 9:]); y = full",
    "what may be a copy, by its part": "full = x.to(m.device); part = full[:, 9:]; part[:] = y[:, 9:]; y = full",
    "what may be a copy, by something": "full = x.to(m.device); put(full, y); y = full",
    "its data": "full = x.to(m.device); full.data = y; y = full",
    "as out": "full = x.to(m.device); merged(y, out=full); y = full",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_copy_that_is_decoded_into_is_not_the_data(written: str, tmp_path: Path) -> None:
    mixed = text("loss.backward()").replace(MIXED, f"{MIXED}    {written}\n")
    report = linted(tmp_path, {"net.py": mixed})
    assert codes(report) == []
    assert not any("VAE601" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(
    "other",
    [
        "seen = {}; seen['batch'] = 1",
        "kept = m.clone(); kept[:, 2:] = 0",
        "print(x)",
        "torch.zeros(2).add_(1)",
        "x.requires_grad_()",
        "shown(x)",
    ],
)
def test_what_is_written_elsewhere_leaves_the_data_compared(other: str, tmp_path: Path) -> None:
    shown = "def shown(pictures):\n    print(pictures.mean())\n\n\n"
    mixed = text("loss.backward()").replace(MIXED, f"{shown}{MIXED}    y = x; {other}\n")
    assert codes(linted(tmp_path, {"net.py": mixed})) == ["VAE601"]


SEVERAL = """
import torch
import torch.nn as nn


class Several(nn.Module):
    def __init__(self, names, encoders):
        super().__init__()
        self.names, self.encoders = names, encoders

    def apart(self, one, other):
        (m, s), (p, r) = one, other
        return -0.5 * torch.sum(1 - s.exp() / r.exp() - (m - p).pow(2) / r.exp() + s - r, dim=-1)

    def drawn(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def loss(self, batch):
        heads = {made}
        terms = []
        for one in self.names:
            m, s = heads[one]
            for other in self.names:
                terms.append(self.apart(heads[one], heads[other]).unsqueeze(1) * 0.3)
            terms.append(-0.5 * torch.sum(1 - s.exp() - m.pow(2) + s, dim=-1).unsqueeze(1) * 0.7)
        loss = torch.cat(terms, dim=1).sum(dim=1).mean()
        return loss
"""


MADE = ["{name: net(batch) for name, net in self.encoders.items()}", "dict(self.encoders(batch))", "batch"]


@pytest.mark.parametrize("made", MADE)
def test_two_entries_that_loops_have_in_hand_are_not_one(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"several.py": SEVERAL.replace("{made}", made)})) == []


TWICE = {
    "side by side": "for (x, _), (t, _) in zip(loader, loader):",
    "one loop in another": "for t, _ in loader:\n      for x, _ in loader:",
    "one after the other": "ahead = iter(loader)\n    while True:\n        x, t = next(ahead), next(ahead)",
}


@pytest.mark.parametrize("loop", [*TWICE.values(), "for x, _ in loader:\n        t = x"], ids=[*TWICE, "one batch"])
def test_two_batches_of_one_loader_are_not_the_same_data(loop: str, tmp_path: Path) -> None:
    mixed = (
        text("loss.backward()")
        .replace("for x, _ in loader:", loop)
        .replace("loss = objective(y,", "loss = objective(t,")
    )
    found = codes(linted(tmp_path, {"net.py": mixed}))
    assert found == (["VAE601"] if loop.endswith("t = x") else [])


def test_a_backward_in_the_file_of_another_network_gives_no_gradient(tmp_path: Path) -> None:
    other = """import torch


def fit_classifier(net, loader):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
"""
    vae = "from other import fit_classifier\n" + text("other.fit(x)") + "    fit_classifier(other, loader)\n"
    report = linted(tmp_path, {"net.py": vae, "other.py": other})
    assert not any("VAE601" in each.clean for each in report.vaes)
