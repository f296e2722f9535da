"""Errors of single samples: a loop, a sum or a stack takes them over the batch, and says what becomes of that."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

from vae_checked.reports import all_examined

MEAN, SUM = f"({KL}).mean()", f"({KL}).sum()"
EACH = "F.mse_loss(a, b, reduction='{}') for a, b in zip(y, x)"
APPENDED = """errors = []
        for i in range({count}):
            errors.append(F.mse_loss(y[i], x[i], reduction="sum"))
        error = torch.stack(errors).mean()"""
ADDED = """error = 0
        for i in range({count}):
            error = error + F.mse_loss(y[i], x[i], reduction="{kind}")
        error = error / x.size(0)"""
# By what is done with the errors: what is named beside a KL that is averaged over the batch, and beside one summed.
CASES = {
    "stacked and averaged": (f"error = torch.stack([{EACH.format('sum')}]).mean()", [], ["VAE504"]),
    "averaged along the stack": (f"error = torch.stack([{EACH.format('sum')}]).mean(0)", [], ["VAE504"]),
    "stacked and summed": (f"error = torch.stack([{EACH.format('sum')}]).sum()", ["VAE504"], []),
    "each averaged, all averaged": (
        f"error = torch.stack([{EACH.format('mean')}]).mean()",
        ["VAE502"],
        ["VAE502", "VAE504"],
    ),
    "each averaged, all summed": (f"error = torch.stack([{EACH.format('mean')}]).sum()", ["VAE501"], ["VAE501"]),
    "added": (f"error = sum({EACH.format('sum')})", ["VAE504"], []),
    "added and divided": (f"error = sum({EACH.format('sum')}) / len(x)", [], ["VAE504"]),
    "each averaged, added": (f"error = sum({EACH.format('mean')})", ["VAE501"], ["VAE501"]),
    "each averaged, added, divided": (
        f"error = sum({EACH.format('mean')}) / len(x)",
        ["VAE502"],
        ["VAE502", "VAE504"],
    ),
    "by hand": ("error = torch.stack([((a - b) ** 2).sum() for a, b in zip(y, x)]).mean()", [], ["VAE504"]),
    "by hand, along its axis": (
        "error = torch.stack([((a - b) ** 2).sum(0) for a, b in zip(y, x)]).mean()",
        [],
        ["VAE504"],
    ),
    "appended": (APPENDED.format(count="x.shape[0]"), [], ["VAE504"]),
    "in a loop": (ADDED.format(count="len(x)", kind="sum"), [], ["VAE504"]),
    "in a loop by a name": (ADDED.format(count="batch_size", kind="sum"), [], ["VAE504"]),
    "in a loop, each averaged": (ADDED.format(count="x.size(0)", kind="mean"), ["VAE502"], ["VAE502", "VAE504"]),
}


def _trained(error: str, kl: str) -> str:
    loss = LOOP.format(loss=f"{error}\n        loss = error + {kl}", differentiated="loss.backward()")
    return HEAD + LAYERS + LAYERS_FORWARD + loss


@pytest.mark.parametrize(("error", "expected"), [case[:2] for case in CASES.values()], ids=CASES)
def test_a_loop_over_samples_takes_the_batch(error: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": _trained(error, MEAN)})) == expected


@pytest.mark.parametrize(("error", "expected"), [case[::2] for case in CASES.values()], ids=CASES)
def test_so_it_does_beside_a_kl_that_is_summed(error: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"train.py": _trained(error, SUM)})) == expected


STEPS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.steps, self.back = nn.GRU(7, 33), nn.Linear(33, 84)

    def forward(self, x):
        m, s = self.to_m(x[0]), self.to_s(x[0])
        z = m + torch.randn_like(m) * torch.exp(0.5 * s)
        return self.back(self.steps(z.expand(len(x), -1, -1))[0]), m, s
"""


@pytest.mark.parametrize(("kind", "kl", "expected"), [("sum", SUM, []), ("sum", MEAN, ["VAE504"])])
def test_a_loop_over_the_steps_of_a_sequence_takes_no_batch(
    kind: str, kl: str, expected: list[str], tmp_path: Path
) -> None:
    error = f"error = sum({EACH.format(kind)})"
    loop = LOOP.format(loss=f"{error}\n        loss = error + {kl}", differentiated="loss.backward()")
    assert codes(linted(tmp_path, {"steps.py": HEAD + STEPS + loop})) == expected


ALONE = f"""for i in range(len(x)):
            loss = F.mse_loss(y[i], x[i], reduction="sum") + {MEAN}
            loss.backward(retain_graph=True)
            optimizer.step()"""


def test_a_sample_that_is_differentiated_by_itself_is_left_open(tmp_path: Path) -> None:
    loop = LOOP.format(loss=ALONE, differentiated="print(i)")
    report = linted(tmp_path, {"alone.py": HEAD + LAYERS + LAYERS_FORWARD + loop})
    (vae,) = all_examined(report)
    assert not codes(report)
    assert "VAE301" in vae.clean
    assert not {"VAE502", "VAE504"} & {*vae.clean}
