"""Whether all layers of a model get a gradient, where a part of it is of code that is not read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LOOP, linted

from vae_checked.linter import LintReport

NET = (
    HEAD
    + """from torchvision import models


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.whole = models.resnet18({given})
        {part}
        self.to_m, self.to_s, self.back = nn.Linear(19, 7), nn.Linear(19, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu({used})
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
    + LOOP.format(loss=f"loss = ((y - x) ** 2).sum(1).mean() + ({KL}).mean()", differentiated="loss.backward()")
)
OF_ALL = {"all of it": ("pass", "self.whole(x)"), "its own name": ("self.first = self.whole", "self.first(x)")}
OF_SOME = {
    "children": ("self.some = nn.Sequential(*list(self.whole.children())[:-1])", "self.some(x).flatten(1)"),
    "those of a part": ("self.some = nn.Sequential(*self.whole.layer1.children())", "self.some(x)"),
    "one by its name": ("self.some = self.whole.layer1", "self.some(x)"),
    "one in the pass": ("pass", "self.whole.layer1(x)"),
    "two in a row": ("pass", "self.whole.layer2(self.whole.layer1(x))"),
}


def _clean(report: LintReport) -> set[str]:
    assert report.findings == ()
    return {code for each in report.vaes for code in each.clean}


@pytest.mark.parametrize("given", ["", "weights=None"])
@pytest.mark.parametrize(("part", "used"), OF_ALL.values(), ids=OF_ALL)
def test_a_model_of_a_library_that_is_run_has_its_gradient(part: str, used: str, given: str, tmp_path: Path) -> None:
    text = NET.format(part=part, used=used, given=given)
    assert {"VAE301", "VAE601"} <= _clean(linted(tmp_path, {"net.py": text}))


@pytest.mark.parametrize("given", ["", "weights=None"])
@pytest.mark.parametrize(("part", "used"), OF_SOME.values(), ids=OF_SOME)
def test_what_is_left_of_a_library_s_model_may_have_none(part: str, used: str, given: str, tmp_path: Path) -> None:
    clean = _clean(linted(tmp_path, {"net.py": NET.format(part=part, used=used, given=given)}))
    assert "VAE301" in clean
    assert "VAE601" not in clean


WRAPPED = (
    HEAD
    + """from far_away.models import Root


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


class Whole({base}):
    def __init__(self):
        super().__init__()
        self.body = Body()
        {held}

    def forward(self, x):
        return self.body(x)

    def step(self, batch):
        y, m, s = self(batch)
"""
    + f"        loss = ((y - batch) ** 2).sum(1).mean() + ({KL}).mean()\n        loss.backward()\n        return loss\n"
)
SPARE = ["self.spare = nn.Parameter(torch.zeros(5))", "self.spare = nn.Linear(11, 5)"]


@pytest.mark.parametrize("base", ["nn.Module", "Root"])
@pytest.mark.parametrize("held", SPARE)
def test_what_a_wrapper_holds_beside_a_model_may_have_no_gradient(held: str, base: str, tmp_path: Path) -> None:
    assert "VAE601" not in _clean(linted(tmp_path, {"net.py": WRAPPED.format(base=base, held=held)}))


@pytest.mark.parametrize("base", ["nn.Module", "Root"])
def test_a_wrapper_that_holds_a_model_alone_has_its_gradient(base: str, tmp_path: Path) -> None:
    assert "VAE601" in _clean(linted(tmp_path, {"net.py": WRAPPED.format(base=base, held="pass")}))
