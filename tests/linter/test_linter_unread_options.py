"""Options of a loss that are given as a whole and are not read: its reduction may be among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

TRAIN = """
from functools import partial


def measured(out, x, reduction="mean"):
    return F.mse_loss(out, x, reduction=reduction)


class Error(nn.MSELoss):
    pass


def fit(loader, options):
    net = Net()
    error = {made}
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, m, s = net(x)
        recon = error({given})
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
BALANCE = {"VAE502", "VAE504"}
CALLS = {
    "a class": ("nn.MSELoss({})", "out, x"),
    "a class by its options in a dict": ("nn.MSELoss(reduce=None, {})", "out, x"),
    "a function": ("F.mse_loss", "out, x, {}"),
    "a derived class": ("Error({})", "out, x"),
    "a function to be called": ("partial(F.mse_loss, {})", "out, x"),
    "a class to be called": ("partial(nn.MSELoss, {})()", "out, x"),
    "a derived class to be called": ("partial(Error, {})()", "out, x"),
    "what is to be called, again": ("partial(partial(F.mse_loss, {}), reduce=None)", "out, x"),
    "what is to be called by its options": ("partial(F.mse_loss)", "out, x, {}"),
    "one of two functions": ("F.mse_loss if options.near else F.smooth_l1_loss", "out, x, {}"),
    "one of two functions to be called": ("partial(F.mse_loss if options.near else F.smooth_l1_loss, {})", "out, x"),
    "a function of the project to be called": ("partial(measured, {})", "out, x"),
}


def found(tmp_path: Path, call: str, options: str) -> set[str]:
    made, given = (text.format(options) for text in CALLS[call])
    source = HEAD + LAYERS + LAYERS_FORWARD + TRAIN.format(made=made, given=given)
    return set(codes(linted(tmp_path, {"train.py": source})))


@pytest.mark.parametrize("options", ["**options", "**vars(options)", "**options.of_loss"])
@pytest.mark.parametrize("call", CALLS)
def test_a_reduction_that_may_be_among_options_is_open(call: str, options: str, tmp_path: Path) -> None:
    assert not found(tmp_path, call, options) & BALANCE


@pytest.mark.parametrize(
    "options", ["**{'reduction': 'mean'}", "**dict(reduction='mean')", "**options, reduction='mean'"]
)
@pytest.mark.parametrize("call", CALLS)
def test_a_mean_that_is_written_is_named(call: str, options: str, tmp_path: Path) -> None:
    assert found(tmp_path, call, options) >= BALANCE


WHOLE = {"as it is": "options", "a copy": "dict(options)", "with one more": "{**options, 'rate': 0.1}"}
WEIGHED = """

def fit(loader, options):
    net = Net()
    settings = {settings}
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, m, s = net(x)
        recon = torch.sum((out - x) ** 2)
        kl = -torch.sum(1 + s - m.pow(2) - s.exp())
        loss = recon + settings.get("beta", 0.5) * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize("whole", WHOLE)
def test_a_loss_made_by_a_copy_of_options_is_open(whole: str, tmp_path: Path) -> None:
    assert not found(tmp_path, "a class", f"**{WHOLE[whole]}".replace("'rate': 0.1", "'reduce': None")) & BALANCE


@pytest.mark.parametrize("whole", WHOLE)
def test_a_weight_that_a_copy_of_options_may_have_is_no_number(whole: str, tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + WEIGHED.format(settings=WHOLE[whole])
    (facts,) = linted(tmp_path, {"train.py": source}).facts
    beta = facts.objective.effective_beta
    assert beta is None or beta.value.value is None


def test_a_default_that_nothing_replaces_is_the_weight(tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + WEIGHED.format(settings="{'rate': 0.1}")
    (facts,) = linted(tmp_path, {"train.py": source}).facts
    assert facts.objective.effective_beta is not None
    assert facts.objective.effective_beta.value.value == 1.0


@pytest.mark.parametrize(("given", "is_named"), [("**options", False), ("**{'p': 0.3}", True), ("p=0.3", True)])
def test_the_mode_of_a_dropout_may_be_among_options(given: str, is_named: bool, tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + WEIGHED.format(settings="{}")
    source = source.replace("def __init__(self)", "def __init__(self, options)").replace("Net()", "Net(options)")
    source = source.replace("super().__init__()", "super().__init__()\n        self.options = options")
    source = source.replace("self.to_m(x)", f"self.to_m(F.dropout(x, {given.replace('options', 'self.options')}))")
    assert ("VAE603" in codes(linted(tmp_path, {"train.py": source}))) is is_named


OF_AXES = """

def fit(loader, options):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, m, s = net(x)
        recon = {recon}
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = recon + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
KEPT = "F.mse_loss(out, x, reduction='none')"


@pytest.mark.parametrize("recon", [f"{KEPT}.mean({{}})", f"torch.mean({KEPT}, {{}})", f"torch.sum({KEPT}, {{}})"])
def test_the_axes_of_a_mean_may_be_among_options(recon: str, tmp_path: Path) -> None:
    source = HEAD + LAYERS + LAYERS_FORWARD + OF_AXES.format(recon=recon.format("**options"))
    report = linted(tmp_path, {"train.py": source})
    assert not codes(report)
    assert not [facts.recon.reduced for facts in report.facts if facts.recon.reduced]
    whole = HEAD + LAYERS + LAYERS_FORWARD + OF_AXES.format(recon=recon.format(""))
    assert bool(set(codes(linted(tmp_path, {"train.py": whole}))) & BALANCE) is ("mean" in recon)


LIMITS = {
    "a function": "torch.clamp(self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), {})",
    "a method": "self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)).clamp({})",
    "an activation": "F.hardtanh(self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), {})",
    "a module": "nn.Hardtanh({})(self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)))",
}


@pytest.mark.parametrize("way", LIMITS)
def test_the_limits_of_an_output_may_be_among_options(way: str, tmp_path: Path) -> None:
    loss = "F.binary_cross_entropy(out, x, reduction='sum')"
    forward = LAYERS_FORWARD.replace(
        "self.back(m + torch.randn_like(m) * torch.exp(0.5 * s))", LIMITS[way].format("**self.options")
    )
    source = HEAD + LAYERS + forward + OF_AXES.format(recon=loss)
    source = source.replace("def __init__(self)", "def __init__(self, options)").replace("Net()", "Net(options)")
    source = source.replace("super().__init__()", "super().__init__()\n        self.options = options")
    assert "VAE402" not in codes(linted(tmp_path, {"train.py": source}))
    written = "-1.0, 1.0" if way != "a function" else "min=-1.0, max=1.0"
    assert "VAE402" in codes(linted(tmp_path, {"train.py": source.replace("**self.options", written)}))
