"""Thresholds on what a model makes of a batch of real data: active units, the size of its KL, its error."""

from __future__ import annotations

import pytest
from test_plugin import Run, project

__all__ = ["project"]  # a fixture, which pytest finds by its name

MODEL = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FACTORS = torch.linspace(-1, 1, 40).unsqueeze(1)


def batch():
    return FACTORS * torch.tensor([1.0, -1.0, 0.5, 2.0])


def labelled():
    return batch(), torch.arange(40)


loader = DataLoader(TensorDataset(batch(), torch.arange(40)), batch_size=40)


class Known(nn.Module):
    # Its first latent is the factor of the data, with a std of 0.1; the second is the prior.
    def __init__(self, scale=1.0):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(2, 4)
        with torch.no_grad():
            self.encoder.weight.zero_()
            self.encoder.weight[0, 0] = scale
            self.encoder.bias.copy_(torch.tensor([0.0, 0.0, -4.60517, 0.0]))
            self.decoder.weight.zero_()
            self.decoder.weight[:, 0] = torch.tensor([1.0, -1.0, 0.5, 2.0])
            self.decoder.bias.zero_()

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, 1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def loss(x_hat, x, mu, logvar):
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
    return ((x_hat - x).pow(2).sum(1) + kl).mean()
"""
TABLE = '[tool.vae-checked.models.known]\nmodel = "known:Known"\ninput = "B 4"\nloss = "known:loss"\n'
DATA = 'data = "known:batch"\n'


@pytest.mark.parametrize(
    ("item", "keys", "said"),
    [
        ("active-units", "min_active_units = 1", ""),
        ("active-units", "min_active_units = 2", "1 of 2 latents are active (Var_x(E[[]z|x]) > 0.01): 0.35, 0, *is 2"),
        ("kl-size", "min_kl = 1\nmax_kl = 3", ""),
        ("kl-size", "max_kl = 1.5", "the KL of a sample is 1.98* nats; by latent 1.98, 0, max_kl is 1.5"),
        ("kl-size", "min_kl = 2.5", "the KL of a sample is 1.98* nats; by latent 1.98, 0, min_kl is 2.5"),
        ("relative-error", "max_relative_error = 0.1", ""),
        ("relative-error", "max_relative_error = 0.001", "the squared error of the reconstruction is 0.0* of that of*"),
    ],
)
def test_what_lies_beyond_a_threshold_on_data_fails(
    project: Run, pytester: pytest.Pytester, item: str, keys: str, said: str
) -> None:
    pytester.makepyfile(known=MODEL)
    result = project(f"vae::known::{item}", tables=f"{TABLE}{DATA}{keys}\n", own_process=False)
    result.assert_outcomes(**{"failed" if said else "passed": 1})
    if said:
        result.stdout.fnmatch_lines([f"known: {said}", "  measured on the 40 samples of known:batch"])


@pytest.mark.parametrize("data", ["known:batch", "known:labelled", "known:loader"])
def test_data_are_a_batch_with_labels_or_without_or_a_loader(
    project: Run, pytester: pytest.Pytester, data: str
) -> None:
    pytester.makepyfile(known=MODEL)
    keys = f'{TABLE}data = "{data}"\nmin_active_units = 1\n'
    project("vae::known::active-units", tables=keys, own_process=False).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("min_active_units = 1", "min_active_units lacks the key data"),
        (f"{DATA}min_active_units = 1.5", "min_active_units is 1.5, not a number above 0 such as 8"),
        (f"{DATA}max_relative_error = 0", "max_relative_error is 0, not a number above 0 such as 0.5"),
        ("data = 3", "data is 3, not a string"),
    ],
)
def test_a_threshold_that_cannot_be_meant_stops_the_run(
    project: Run, pytester: pytest.Pytester, keys: str, said: str
) -> None:
    pytester.makepyfile(known=MODEL)
    result = project(tables=f"{TABLE}{keys}\n", own_process=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("known:missing", "*data 'known:missing'*"),
        ("known:broken", "*data 'known:broken' raised ValueError: no disk*"),
        ("known:text", "*give a*tensor*"),
    ],
)
def test_data_that_are_none_fail_with_their_name(project: Run, pytester: pytest.Pytester, data: str, said: str) -> None:
    more = "\n\ndef broken():\n    raise ValueError('no disk')\n\n\ndef text():\n    return 'B 4'\n"
    pytester.makepyfile(known=MODEL + more)
    keys = f'{TABLE}data = "{data}"\nmin_active_units = 1\n'
    result = project("vae::known::active-units", tables=keys, own_process=False)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])
