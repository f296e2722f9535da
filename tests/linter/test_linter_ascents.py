"""Training that climbs a bound: gradients that are turned round, or steps that add them, say nothing of the sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, codes, linted

FIT = """

def fit(loader):
    net = Net()
    {before}
    optimizer = torch.optim.SGD(net.parameters(), {rate})
    for x in loader:
        y, m, s = net(x)
        bound = -F.mse_loss(y, x, reduction="none").sum(1) + 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)
        mean = bound.mean()
        optimizer.zero_grad()
        {differentiated}
        {step}
"""
EACH = "for p in net.parameters():\n            "
BARE = "with torch.no_grad():\n            for p in net.parameters():\n                "


def trained(differentiated: str = "mean.backward()", step: str = "optimizer.step()", **other: str) -> str:
    settings = {"before": "pass", "rate": "lr=0.01", **other}
    return HEAD + LAYERS + LAYERS_FORWARD + FIT.format(differentiated=differentiated, step=step, **settings)


CLIMBS = {
    "a gradient of -1": {"differentiated": "mean.backward(torch.tensor(-1.0))"},
    "a gradient by its name": {"differentiated": "bound.backward(gradient=-torch.ones_like(bound) / len(x))"},
    "a gradient beside the bound": {"differentiated": "torch.autograd.backward([bound], [-torch.ones_like(bound)])"},
    "turned round": {"step": f"{EACH}p.grad.neg_()\n        optimizer.step()"},
    "turned round, its data": {"step": f"{EACH}p.grad.data.mul_(-1)\n        optimizer.step()"},
    "multiplied": {"step": f"{EACH}p.grad *= -1\n        optimizer.step()"},
    "replaced": {"step": f"{EACH}p.grad = -p.grad\n        optimizer.step()"},
    "replaced by a call": {"step": f"{EACH}p.grad = torch.neg(p.grad)\n        optimizer.step()"},
    "added": {"step": f"{BARE}p += 0.01 * p.grad"},
    "added to the data": {"step": f"{EACH}p.data += 0.01 * p.grad.data"},
    "added in place": {"step": f"{BARE}p.add_(0.01 * p.grad)"},
    "added by a rate": {"step": f"{BARE}p.add_(p.grad, alpha=0.01)"},
    "a rate below 0": {"rate": "lr=-0.01"},
    "a hook": {"before": "for p in net.parameters():\n        p.register_hook(lambda grad: -grad)"},
    "the optimizer": {"rate": "lr=0.01, maximize=True"},
    "the optimizer, by a setting": {"rate": "lr=0.01, maximize=options.climb"},
    "the optimizer, by its options": {"rate": "**{'lr': 0.01, 'maximize': True}"},
    "the optimizer, set later": {"step": "optimizer.param_groups[0]['maximize'] = True\n        optimizer.step()"},
}
FALLS = {
    "as it is": {},
    "clipped": {"step": f"{EACH}p.grad.data.clamp_(-1, 1)\n        optimizer.step()"},
    "divided": {"step": f"{EACH}p.grad /= 4\n        optimizer.step()"},
    "with a decay": {"step": f"{EACH}p.grad.add_(p.data, alpha=0.1)\n        optimizer.step()"},
    "taken off": {"step": f"{BARE}p -= 0.01 * p.grad"},
    "added by a rate below 0": {"step": f"{BARE}p.add_(p.grad, alpha=-0.01)"},
    "not the optimizer": {"rate": "lr=0.01, maximize=False"},
    "not the optimizer, by its options": {"rate": "**{'lr': 0.01, 'maximize': False}"},
    "its product taken off": {"step": f"{EACH}p.data.add_(-0.01 * p.grad)"},
}


@pytest.mark.parametrize("parts", CLIMBS.values(), ids=CLIMBS)
def test_a_bound_that_is_climbed_is_not_named(parts: dict[str, str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": trained(**parts)})) == []


@pytest.mark.parametrize("parts", FALLS.values(), ids=FALLS)
def test_a_bound_that_is_minimised_is_named(parts: dict[str, str], tmp_path: Path) -> None:
    assert "VAE505" in codes(linted(tmp_path, {"net.py": trained(**parts)}))


def clean(folder: Path, parts: dict[str, str]) -> set[str]:
    """What is clean of the loss in the place of the bound."""
    text = trained(**parts).replace("bound = -F", "bound = F").replace(" + 0.5 * (1 + s", " - 0.5 * (1 + s")
    report = linted(folder, {"net.py": text})
    assert codes(report) == []
    return {code for each in report.judgements for code in each.clean} & {"VAE302", "VAE505"}


@pytest.mark.parametrize("parts", CLIMBS.values(), ids=CLIMBS)
def test_a_loss_that_is_climbed_is_not_called_clean(parts: dict[str, str], tmp_path: Path) -> None:
    assert clean(tmp_path, parts) == set()


@pytest.mark.parametrize("parts", FALLS.values(), ids=FALLS)
def test_a_loss_that_is_minimised_is_clean(parts: dict[str, str], tmp_path: Path) -> None:
    assert clean(tmp_path, parts) == {"VAE302", "VAE505"}


@pytest.mark.parametrize("differentiated", ["helper.backward(-mean)", "torch.autograd.backward(-mean)"])
def test_a_loss_that_a_helper_is_handed_is_no_gradient(differentiated: str, tmp_path: Path) -> None:
    text = trained(differentiated).replace("0.5 * (1 + s", "-0.5 * (1 + s")
    assert "VAE302" in codes(linted(tmp_path, {"net.py": text}))
