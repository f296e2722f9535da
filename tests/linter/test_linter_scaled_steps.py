"""Steps that a scaler or a function takes for the optimizer: there is a gradient where something is differentiated."""

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

def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = objective(y, x, m, s)
        {steps}
"""
)


def trained(steps: tuple[str, ...]) -> str:
    return TRAINED.format(steps="\n        ".join(steps))


SCALED = {
    "never differentiated": ("scaled = scaler.scale(loss)",),
    "only shown": ("print(scaler.scale(loss))",),
    "not scaled either": ("total = loss.item()",),
}


@pytest.mark.parametrize("steps", SCALED.values(), ids=SCALED)
def test_a_scaler_moves_what_nothing_is_differentiated_for(steps: tuple[str, ...], tmp_path: Path) -> None:
    before, moved = ("scaler = torch.cuda.amp.GradScaler()", "optimizer.zero_grad()"), "scaler.step(optimizer)"
    (finding,) = linted(tmp_path, {"net.py": trained((*before, *steps, moved, "scaler.update()"))}).findings
    assert finding.code == "VAE601"
    assert finding.place is not None
    assert finding.place.text.strip() == moved
    (tmp_path / "net.py").unlink()
    steps = (*before, "scaler.scale(loss).backward()", moved, "scaler.update()")
    report = linted(tmp_path, {"net.py": trained(steps)})
    assert codes(report) == []
    assert any("VAE601" in vae.clean for vae in report.vaes)


CLOSED = """def closure():
            optimizer.zero_grad()
            loss = objective(*net(x)[:1], x, *net(x)[1:])
            {between}
            return loss"""


@pytest.mark.parametrize(("between", "clean"), [("loss.backward()", True), ("print(loss.item())", False)])
def test_a_function_of_a_step_that_differentiates_nothing_is_open(between: str, clean: bool, tmp_path: Path) -> None:
    closed = CLOSED.format(between=between)
    report = linted(tmp_path, {"net.py": trained((closed, "optimizer.step(closure)"))})
    assert codes(report) == []
    assert any("VAE601" in vae.clean for vae in report.vaes) is clean
