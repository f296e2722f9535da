"""A uniform draw that is put through the quantiles of a law is drawn from that, and is no noise of the wrong law."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, looped, read

DRAWS = {
    "logistic": ("torch.log(u) - torch.log1p(-u)", []),
    "logistic as a quotient": ("torch.log(u / (1 - u))", []),
    "logistic by its name": ("0.5 * torch.logit(u)", []),
    "gumbel": ("-torch.log(-torch.log(u))", []),
    "gumbel of minima": ("torch.log(-torch.log(u))", []),
    "exponential": ("-torch.log(1 - u) / 2", []),
    "exponential, clamped": ("-torch.log(1 - torch.clamp(u, min=1e-7, max=1 - 1e-7))", []),
    "laplace": ("-torch.sign(u - 0.5) * torch.log(1 - 2 * (u - 0.5).abs())", []),
    "a square": ("u ** 2", ["VAE202"]),
    "a uniform draw": ("u", ["VAE202"]),
    "around 0": ("(u - 0.5) * 2", ["VAE202"]),
    "a sine": ("torch.sin(6.28 * u)", ["VAE202"]),
}


@pytest.mark.parametrize(("noise", "found"), DRAWS.values(), ids=DRAWS)
def test_what_is_made_of_a_uniform_draw(noise: str, found: list[str], tmp_path: Path) -> None:
    model = MODEL.replace("torch.randn_like(m)", f"({noise})").replace(
        "        z = ", "        u = torch.rand_like(m)\n        z = "
    )
    report = read(tmp_path, model + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl")))
    assert [finding.code for finding in report.findings] == found
    assert not any("VAE202" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(("width", "found"), [(2, []), (3, ["VAE202"])])
def test_a_uniform_draw_by_the_quantiles_of_a_normal(width: int, found: list[str], tmp_path: Path) -> None:
    noise = f"math.sqrt({width}) * torch.erfinv(2 * torch.rand_like(m) - 1)"
    model = "import math\n" + MODEL.replace("torch.randn_like(m)", f"({noise})")
    report = read(tmp_path, model + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl")))
    assert [finding.code for finding in report.findings] == found
    assert any("VAE202" in vae.clean for vae in report.vaes) is not bool(found)


BETWEEN = """
        std = torch.exp(0.5 * s)
        low, high = ({ends} - m) / std
        below, above = 0.5 * (1 + torch.erf(low / 2 ** 0.5)), 0.5 * (1 + torch.erf(high / 2 ** 0.5))
        part = below + torch.rand_like(m) * (above - below)
        z = """


@pytest.mark.parametrize(
    ("drawn", "found"),
    [
        ("m + std * 2 ** 0.5 * torch.erfinv((2 * part - 1).clamp(-0.999, 0.999))", set()),
        ("m + std * torch.special.ndtri(part)", set()),
        ("m + std * torch.distributions.Normal(0.0, 1.0).icdf(part)", set()),
        ("part", {"VAE202", "VAE204"}),
    ],
    ids=["the error function's inverse", "the normal one's by name", "that of a law", "a probability itself"],
)
def test_a_normal_draw_between_bounds(drawn: str, found: set[str], tmp_path: Path) -> None:
    """It is the quantile of a uniform draw between two probabilities, which the heads and the bounds tell."""
    start, _, end = MODEL.partition("        z = ")
    model = start + BETWEEN.format(ends="torch.tensor([[[-1.0]], [[1.0]]])")[1:] + drawn + end[end.index("\n") :]
    report = read(tmp_path, model + LOOP.format(body=looped(f"{RECON}\n{KL}\nloss = recon + kl")))
    assert {finding.code for finding in report.findings} & {"VAE202", "VAE204"} == found


@pytest.mark.parametrize(
    ("drawn", "decoded", "found"),
    [
        ("m + torch.exp(s / 2) * torch.rand_like(m)", "torch.erfinv(0.9 * torch.tanh(self.back(z)))", "VAE202"),
        ("m + torch.exp(s) * torch.randn_like(m)", "self.back(torch.erfinv(0.9 * z))", "VAE201"),
    ],
    ids=["of what is decoded", "of a normal draw"],
)
def test_another_quantile_excuses_no_draw(drawn: str, decoded: str, found: str, tmp_path: Path) -> None:
    model = MODEL.replace("m + torch.exp(s / 2) * torch.randn_like(m)", drawn)
    assert "self.back(z), m, s" in model
    model = model.replace("self.back(z), m, s", f"{decoded}, m, s")
    report = read(
        tmp_path,
        model + LOOP.format(body=looped(f'recon = F.mse_loss(out, x, reduction="sum")\n{KL}\nloss = recon + kl')),
    )
    assert found in {finding.code for finding in report.findings}
