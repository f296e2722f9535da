"""Outputs that are laid out first and filled step by step, or put together of steps: they are read as any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_checked.auditor import audit
from vae_checked.auditor.recording.recorder import Recorder
from vae_checked.auditor.recording.replay import replay

Function = Callable[[Tensor], Tensor]
WAYS = ("zeros", "empty", "stack", "cat", "transposed")


class Steps(nn.Module):
    """A decoder that gives one row after another."""

    def __init__(self, way: str, close: Function = torch.sigmoid, move: Function = lambda h: h) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(6, 8), nn.Linear(4, 6)
        self.way, self.close, self.move = way, close, move

    def put_together(self, rows: list[Tensor], like: Tensor) -> Tensor:
        if self.way == "stack":
            return torch.stack(rows, 1)
        if self.way == "cat":
            return torch.cat([row.unsqueeze(1) for row in rows], 1)
        if self.way == "transposed":
            made = torch.zeros(len(rows), *rows[0].shape)
            for place, row in enumerate(rows):
                made[place] = row
            return made.transpose(0, 1)
        made = torch.zeros(like.shape) if self.way == "zeros" else torch.empty_like(like)
        for place, row in enumerate(rows):
            made[:, place, :] = row
        return made

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.encoder(x.mean(1)).chunk(2, 1)
        z = mu + torch.randn_like(logvar) * torch.exp(0.5 * logvar)
        rows = [self.move(self.close(self.decoder(z * (1 + step)))) for step in range(x.shape[1])]
        return self.put_together(rows, x), mu, logvar


def elbo(x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    error = F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1).mean()
    return error - 0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()


def twice(h: Tensor) -> Tensor:
    return h.sigmoid().sigmoid()


def half(h: Tensor) -> Tensor:
    return h.relu().sigmoid()


@pytest.mark.parametrize("way", WAYS)
def test_a_right_decoder_that_gives_steps_is_checked_and_clean(way: str) -> None:
    report = audit(Steps(way), "B 5 6", elbo, data_range=(0, 1))
    assert report.findings == ()
    clean = {code for judgement in report.judgements for code in judgement.clean}
    assert clean >= {"VAE105", "VAE106", "VAE206", "VAE402", "VAE403", "VAE405", "VAE406", "VAE501", "VAE502"}
    output = report.facts[0].output
    assert output.interval is not None
    assert str(output.interval.value) == "(0, 1)"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("close", "code"), [(twice, "VAE405"), (half, "VAE406"), (torch.tanh, "VAE402")])
def test_a_wrong_end_of_every_step_is_named(way: str, close: Function, code: str) -> None:
    report = audit(Steps(way, close), "B 5 6", elbo, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == [code]


@pytest.mark.parametrize("way", WAYS)
def test_steps_that_mix_the_samples_are_named(way: str) -> None:
    report = audit(Steps(way, move=lambda h: h.roll(1, 0)), "B 5 6", elbo, data_range=(0, 1))
    assert [finding.code for finding in report.findings] == ["VAE106"]


@pytest.mark.parametrize("way", WAYS)
def test_steps_that_end_in_two_ways_are_not_called_clean(way: str) -> None:
    calls = iter(range(1000))
    report = audit(Steps(way, lambda h: twice(h) if next(calls) % 2 else h.sigmoid()), "B 5 6", elbo)
    clean = {code for judgement in report.judgements for code in judgement.clean}
    assert not clean & {"VAE405", "VAE406"}


def test_a_half_filled_output_is_not_taken_for_its_steps() -> None:
    class Half(Steps):
        def put_together(self, rows: list[Tensor], like: Tensor) -> Tensor:
            made = torch.zeros(like.shape) - 2
            made[:, 0] = rows[0]
            return made

    report = audit(Half("zeros"), "B 5 6", F.mse_loss)
    assert report.facts[0].output.interval is None


def test_a_part_that_nobody_wrote_to_is_what_it_was() -> None:
    def function(x: Tensor) -> Tensor:
        made = x.exp()
        left, right = made.chunk(2, 1)
        left.sigmoid_()
        return right * 2

    x, other = torch.rand(5, 4), torch.rand(5, 4)
    recorder = Recorder([("x", x)], {})
    with recorder:
        out = function(x)
    number = recorder.find(out)
    assert number is not None
    assert all(not step.gathers for step in recorder.tape.steps)
    assert torch.equal(replay(recorder.tape, {recorder.input_numbers["x"]: other}, (number,))[number], function(other))
