"""Losses that take a model's result whole, or both heads as a pair, and take it apart themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, MODEL, codes, linted

FORWARD = """
    def forward(self, x):
        m, logvar = self.encode(x)
        return {returned}

    def drawn(self, m, logvar):
        return self.back(m + torch.exp({exponent} * logvar) * torch.randn_like(m))
"""
CRITERION = (
    HEAD
    + """

def vae_loss({parameters}):
    {unpacked} = heads
    error = F.mse_loss(recon, x, reduction="none").sum(1)
    return (error - 0.5 * torch.sum(1 + logvar - m.pow(2) - logvar.exp(), dim=1)).mean()
"""
)
WAYS = {
    "the whole result": ("self.drawn(m, logvar), m, logvar", "x, heads", "recon, m, logvar"),
    "a pair of heads": ("self.drawn(m, logvar), (m, logvar)", "recon, x, heads", "m, logvar"),
    "a pair of heads first": ("(m, logvar), self.drawn(m, logvar)", "heads, recon, x", "m, logvar"),
}


@pytest.mark.parametrize(("returned", "parameters", "unpacked"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("exponent", "named"), [("0.5", []), ("1.0", ["VAE201"])])
def test_a_loss_meets_the_sampler_of_what_it_takes_apart(
    tmp_path: Path, returned: str, parameters: str, unpacked: str, exponent: str, named: list[str]
) -> None:
    net = HEAD + MODEL + FORWARD.format(returned=returned, exponent=exponent)
    loss = CRITERION.format(parameters=parameters, unpacked=unpacked)

    report = linted(tmp_path, {"net.py": net, "loss.py": loss})

    assert codes(report) == named
    assert any(facts.kl.form is not None and facts.sampler.std is not None for facts in report.facts)


@pytest.mark.parametrize(
    ("loss", "order", "swapped"),
    [
        ("F.mse_loss({})", "x, y", False),
        ("F.l1_loss({})", "x, y", False),
        ("F.binary_cross_entropy({})", "x, y", True),
        ("F.binary_cross_entropy({})", "y, x", False),
    ],
)
def test_arguments_of_a_symmetric_loss_have_no_order(tmp_path: Path, loss: str, order: str, swapped: bool) -> None:
    forward = """
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {loss} - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + forward.format(loss=loss.format(order))})

    told = [facts.recon.swapped for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [swapped]


@pytest.mark.parametrize("moved", [".permute(0, 2, 1)", ".transpose(1, 2)", ".view(-1, 12, 7).mT"])
def test_an_activation_is_seen_behind_a_change_of_layout(tmp_path: Path, moved: str) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)).unflatten(1, (7, 12)){moved}
        recon = F.mse_loss(y, x, reduction="none").sum((1, 2))
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + forward})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("sigmoid",)]


@pytest.mark.parametrize("output", ["0.5 * (y.mul(3).tanh() + 1)", "1 - y.tanh() / 2", "-y.tanh()"])
def test_an_activation_is_seen_behind_what_scales_and_shifts_it(tmp_path: Path, output: str) -> None:
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.to_x(m + torch.exp(0.5 * s) * torch.randn_like(s))
        recon = F.mse_loss({output}, x, reduction="none").sum(1)
        return recon - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
"""
    layer = "        self.to_x = nn.Linear(7, 84)\n\n    def encode"
    report = linted(tmp_path, {"net.py": (HEAD + MODEL + forward).replace("\n    def encode", layer)})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("tanh",)]


@pytest.mark.parametrize("order", ["x, y", "y, x"])
def test_the_prediction_is_the_side_that_is_computed_from_the_other(tmp_path: Path, order: str) -> None:
    # The sampler is behind a call that is not read: no z tells the sides apart.
    forward = f"""
    def forward(self, x):
        m, s = self.encode(x)
        y = self.back(mystery.drawn(m, s))
        return F.l1_loss({order}) - 0.5 * torch.mean(1 + s - m.pow(2) - s.exp())
"""
    report = linted(tmp_path, {"net.py": HEAD + "import mystery\n" + MODEL + forward})

    told = [facts.output.activations for facts in report.facts if facts.recon.kind is not None]
    assert [fact is not None and fact.value for fact in told] == [("sigmoid",)]
