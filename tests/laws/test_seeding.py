"""Seeding what a model draws from: as torch does it, and on the CPU alone where there is no device."""

from __future__ import annotations

import pytest
import torch

from vae_checked.laws.seeding import seed_draws


def test_the_numbers_of_the_cpu_are_those_of_torchs_own_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(23)
        expected = torch.randn(7), torch.rand(3)
        torch.randn(5)
        seed_draws(23)
        assert torch.equal(torch.randn(7), expected[0])
        assert torch.equal(torch.rand(3), expected[1])


@pytest.mark.parametrize("device", [torch.cuda, torch.xpu, torch.mtia], ids=lambda each: each.__name__)
def test_every_device_that_there_is_gets_the_seed(device: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(device, "manual_seed_all", seeded.append)
    with torch.random.fork_rng(devices=[]):
        for there in (False, True):
            monkeypatch.setattr(device, "is_available", lambda there=there: there)
            seed_draws(29)
            drawn = torch.randn(7)
            torch.manual_seed(29)
            assert torch.equal(drawn, torch.randn(7))
    # Where there is none, torch's own call alone; where there is one, ours beside it.
    assert seeded == [29] * 3
