"""What a head can be, as the linter reads it and as the auditor reads it from a recorded run: the same interval."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.auditor.measure.intervals import interval_of
from vae_checked.auditor.recognition.graph import Graph
from vae_checked.auditor.recording.recorder import Recorder
from vae_checked.facts import Interval
from vae_checked.linter import lint

INF = math.inf
SOURCE = """\
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(12, 9)
        self.to_h = nn.Linear(9, 5)
        self.to_v = nn.Linear(9, 5)
        self.other = nn.Linear(9, 5)
        self.act = {module}
        self.back = nn.Linear(5, 12)

    def location(self, hidden):
        h, g = self.to_h(hidden), self.other(hidden)
        {head}
        return m

    def forward(self, x):
        hidden = torch.tanh(self.trunk(x))
        m, s = self.location(hidden), self.to_v(hidden)
        out = self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        return torch.mean(((out - x) ** 2).sum(dim=1) + kl)
"""
# How a head is made, the module it may use, and where it lies; None where that is not known.
HEADS: dict[str, tuple[str, str, tuple[float, float] | None]] = {
    "elu by keyword": ("m = F.elu(h, alpha=8)", "None", (-8.0, INF)),
    "elu by position": ("m = F.elu(h, 8.0, True)", "None", (-8.0, INF)),
    "ELU": ("m = self.act(h)", "nn.ELU(alpha=8)", (-8.0, INF)),
    "ELU by position": ("m = self.act(h)", "nn.ELU(8, True)", (-8.0, INF)),
    "CELU": ("m = self.act(h)", "nn.CELU(6.5)", (-6.5, INF)),
    "leaky relu of what is not negative": ("m = F.leaky_relu(-h.relu(), negative_slope=0.3)", "None", (-INF, 0.0)),
    "leaky relu that turns up": ("m = F.leaky_relu(h, -0.3)", "None", (0.0, INF)),
    "LeakyReLU after tanh": ("m = self.act(torch.tanh(h))", "nn.LeakyReLU(0.2)", (-0.2, 1.0)),
    "softplus with beta": ("m = -F.softplus(torch.tanh(h), beta=5)", "None", (-1.00134, -0.00134)),
    "softplus cut early": ("m = F.softplus(h, threshold=-5)", "None", (-5.0, INF)),
    "Softplus": ("m = self.act(h) - 7", "nn.Softplus(2, -6)", (-10.0, INF)),
    "hardtanh by keyword": ("m = F.hardtanh(h, min_val=-9, max_val=3)", "None", (-9.0, 3.0)),
    "Hardtanh by position": ("m = self.act(h)", "nn.Hardtanh(-9, 3)", (-9.0, 3.0)),
    "clamp by keyword": ("m = h.clamp(max=4, min=-6)", "None", (-6.0, 4.0)),
    "clamp by position": ("m = torch.clamp(h, -6, 4)", "None", (-6.0, 4.0)),
    "clamp from below": ("m = h.clamp(min=-6)", "None", (-6.0, INF)),
    "clamp_max": ("m = torch.clamp_max(h, 4)", "None", (-INF, 4.0)),
    "clamp in place": ("m = h.clamp_(-6, 4)", "None", (-6.0, 4.0)),
    "threshold": ("m = F.threshold(h, -5.0, 20.0)", "None", (-5.0, INF)),
    "Threshold": ("m = self.act(h)", "nn.Threshold(-2.0, -7.0)", (-7.0, INF)),
    "relu6": ("m = F.relu6(h)", "None", (0.0, 6.0)),
    "selu": ("m = F.selu(h)", "None", (-1.7581, INF)),
    "gelu": ("m = F.gelu(h)", "None", (-0.17, INF)),
    "silu by hand": ("m = h * torch.sigmoid(h)", "None", (-0.2785, INF)),
    "softsign": ("m = F.softsign(h)", "None", (-1.0, 1.0)),
    "logsigmoid": ("m = F.logsigmoid(h)", "None", (-INF, 0.0)),
    "hardswish": ("m = F.hardswish(h)", "None", (-0.375, INF)),
    "atan": ("m = torch.atan(h)", "None", (-math.pi / 2, math.pi / 2)),
    "sin": ("m = 3 * torch.sin(h)", "None", (-3.0, 3.0)),
    "asinh": ("m = torch.asinh(h)", "None", (-INF, INF)),
    "log1p of exp": ("m = torch.log1p(torch.exp(h))", "None", (0.0, INF)),
    "erf": ("m = 4 * torch.erf(h)", "None", (-4.0, 4.0)),
    "maximum": ("m = torch.maximum(h, g.tanh())", "None", (-1.0, INF)),
    "addcmul": ("m = torch.addcmul(g.tanh(), h.sigmoid(), h.sigmoid(), value=-2)", "None", (-3.0, 1.0)),
    "lerp": ("m = torch.lerp(h.sigmoid(), g.tanh(), 0.25)", "None", (-0.25, 1.0)),
    "blend": ("a = h.sigmoid(); m = a * g.sigmoid() + (1 - a)", "None", (0.0, 1.0)),
    "add with alpha": ("m = torch.add(h.tanh(), g.sigmoid(), alpha=3)", "None", (-1.0, 4.0)),
    "log2": ("m = torch.log2(1 + h.sigmoid())", "None", (0.0, 1.0)),
    "a power": ("m = h.sigmoid() ** 3 - 2", "None", (-2.0, -1.0)),
    "two to a power": ("m = 2 ** h.tanh()", "None", (0.5, 2.0)),
    "PReLU": ("m = self.act(h)", "nn.PReLU()", (-INF, INF)),
    "a softplus that is kept away from 0": ("m = torch.log(F.softplus(h) + 1e-4)", "None", (math.log(1e-4), INF)),
}


def read(text: str, folder: Path) -> Interval | None:
    """What the linter says of the mean."""
    path = folder / "net.py"
    path.write_text(text, encoding="utf-8")
    (facts,) = lint([str(path)]).facts
    return None if facts.heads.mu is None else facts.heads.mu.value


def recorded(text: str) -> Interval | None:
    """What the auditor says of it, from a run."""
    names: dict[str, type[nn.Module]] = {}
    exec(text, names)  # noqa: S102  a module of this test's own
    torch.manual_seed(5)
    model = names["Net"]()
    hidden = torch.randn(4, 9)
    recorder = Recorder([("hidden", hidden)], dict(model.named_parameters()))
    with recorder:
        head = model.location(hidden)
    number = recorder.find(head)
    assert number is not None
    return interval_of(recorder.tape, Graph(recorder.tape), number)


@pytest.mark.parametrize("name", HEADS)
def test_both_observers_say_where_a_head_lies(name: str, tmp_path: Path) -> None:
    head, module, expected = HEADS[name]
    text = SOURCE.format(head=head, module=module)
    for found in (read(text, tmp_path), recorded(text)):
        assert found is not None
        assert (found.low, found.high) == pytest.approx(expected, abs=0.011)


@pytest.mark.parametrize(
    "head",
    [
        "m = self.get_submodule(self.name)(h)",
        "m = 2 * self.get_submodule(self.name)(torch.tanh(h))",
        "m = getattr(self, self.name)(torch.tanh(h))",
        "m = self.table[self.name](torch.sigmoid(h))",
        "m = torch.special.bessel_j0(h)",
        "m = F.elu(h, alpha=self.alpha)",
        "m = h.clamp(min=self.least)",
    ],
)
def test_what_the_linter_cannot_resolve_lies_nowhere_it_knows(head: str, tmp_path: Path) -> None:
    assert read(SOURCE.format(head=head, module="None"), tmp_path) is None


@pytest.mark.parametrize(("alpha", "confined"), [(1, True), (8, False)])
def test_the_parameter_of_an_activation_decides_whether_it_confines(alpha: int, confined: bool, tmp_path: Path) -> None:
    text = SOURCE.format(head="m = h", module="None").replace("self.to_v(hidden)", f"F.elu(self.to_v(hidden), {alpha})")
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    names: dict[str, type[nn.Module]] = {}
    exec(compile(text, str(path), "exec"), names)  # noqa: S102  a module of this test's own
    torch.manual_seed(8)
    for findings in (lint([str(path)]).findings, audit(names["Net"](), torch.randn(4, 12)).findings):
        told = [finding for finding in findings if finding.code == "VAE204"]
        assert len(told) == confined
        assert all("(0.6065, inf)" in str(finding.evidence) for finding in told)


@pytest.mark.parametrize("name", HEADS)
def test_a_wide_head_stays_in_its_interval_and_comes_near_its_ends(name: str) -> None:
    head, module, (low, high) = HEADS[name]
    names: dict[str, type[nn.Module]] = {}
    exec(SOURCE.format(head=head, module=module), names)  # noqa: S102  a module of this test's own
    torch.manual_seed(6)
    model = names["Net"]().double()
    model.to_h, model.other = Same(), Turned()
    values = 4.0 * torch.randn(60_000, 5, dtype=torch.float64) ** 3
    m = model.location(values).detach()
    assert low - 1e-2 <= float(m.min())
    assert float(m.max()) <= high + 1e-2
    for end, reached in ((low, float(m.min())), (high, float(m.max()))):
        assert abs(end - reached) < 0.06 * max(1.0, abs(end)) if math.isfinite(end) else abs(reached) > 3.0


class Same(nn.Module):
    """Stands where a layer was whose outputs can be any numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


class Turned(nn.Module):
    """The same numbers, each at another place."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(0).clone()
