"""A KL that waits for a turn of the training: whether it is ever in the loss is asked of the turns by their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, NAMED, NAMED_FORWARD, linted

NET = NAMED + NAMED_FORWARD
FIT = (
    HEAD
    + NET
    + """

def fit(loader, epochs{default}, warm=5):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    print(warm)
    for epoch in range({turns}):
        for x, _ in loader:
            y, mu, logvar = net(x)
            mse = ((y - x) ** 2).sum()
            kl = 0.5 * torch.sum(torch.exp(logvar) + mu**2 - 1.0 - logvar)
            loss = {loss}
            steps.zero_grad()
            loss.backward()
            steps.step()
"""
)
# How the KL is weighed, and whether it is in the loss in some of 50 turns.
WEIGHTS = {
    "whole parts of 20": ("mse + (epoch // 20) * kl", True),
    "whole parts of 20, at most one": ("mse + min(1, epoch // 20) * kl", True),
    "whole parts of 100": ("mse + (epoch // 100) * kl", False),
    "an integer": ("mse + int(epoch / 20) * kl", True),
    "an integer that is 0": ("mse + int(epoch / 100) * kl", False),
    "rounded to 0": ("mse + round(epoch / 200) * kl", False),
    "a comparison": ("mse + float(epoch > 20) * kl", True),
    "a comparison that never holds": ("mse + (epoch > 100) * kl", False),
    "between two turns": ("mse + float(epoch > 20 and epoch < 30) * kl", True),
    "after one turn and before another": ("mse + float(epoch > 30 and epoch < 20) * kl", False),
    "after one turn or another": ("mse + float(epoch > 100 or epoch > 20) * kl", True),
    "not before a turn": ("mse + float(not epoch < 20) * kl", True),
    "not before one that never comes": ("mse + float(not epoch < 100) * kl", False),
    "chosen": ("mse + (1.0 if epoch > 20 else 0.0) * kl", True),
    "never chosen": ("mse + (1.0 if epoch > 100 else 0.0) * kl", False),
    "a loss that is chosen": ("mse + kl if epoch > 20 else mse", True),
    "a loss that is never chosen": ("mse + kl if epoch > 100 else mse", False),
    "what is over 100": ("mse + max(0, epoch - 100) * kl", False),
    "what is over 20": ("mse + max(0, epoch - 20) * kl", True),
    "less and less": ("mse + max(0.0, 1.0 - epoch / 20) * kl", True),
    "rising": ("mse + min(1.0, epoch / 20) * kl", True),
    "a remainder that is 0": ("mse + (epoch % 1) * kl", False),
    "a remainder": ("mse + (epoch % 10) * kl", True),
}
# What is above 0 from the first or the second turn on needs no training of some length.
AT_ONCE = ("less and less", "rising", "a remainder")


def verdict(text: str, tmp_path: Path) -> str:
    """What is said of VAE305."""
    report = linted(tmp_path, {"net.py": text})
    (vae,) = report.vaes
    return "found" if "VAE305" in vae.found else "clean" if "VAE305" in vae.clean else "open"


@pytest.mark.parametrize(("loss", "counts"), WEIGHTS.values(), ids=WEIGHTS)
def test_a_kl_counts_where_some_turn_has_it(loss: str, counts: bool, tmp_path: Path) -> None:
    text = FIT.format(default="=50", turns="epochs", loss=loss)
    assert verdict(text, tmp_path) == ("clean" if counts else "open")


@pytest.mark.parametrize(
    ("turns", "expected"), [("0, 50, 10", "found"), ("0, 50, 5", "clean"), ("45, 50, 10", "clean"), ("50", "clean")]
)
def test_turns_that_are_left_out_have_no_weight(turns: str, expected: str, tmp_path: Path) -> None:
    text = FIT.format(default="", turns=turns, loss="mse + (epoch // 45) * kl")
    assert verdict(text, tmp_path) == expected


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ("epoch // 999", "clean"),
        ("epoch // 1000", "found"),
        ("float(epoch > 400 and epoch < 600)", "clean"),
        ("float(epoch > 600 and epoch < 400)", "found"),
    ],
)
def test_of_many_turns_those_in_between_and_the_last_are_asked(weight: str, expected: str, tmp_path: Path) -> None:
    assert verdict(FIT.format(default="", turns="1000", loss=f"mse + {weight} * kl"), tmp_path) == expected


@pytest.mark.parametrize(("weight", "expected"), [("epoch // 20", "open"), ("(epoch + 1)", "clean")])
def test_turns_that_a_trainer_counts_may_be_few(weight: str, expected: str, tmp_path: Path) -> None:
    text = FIT.format(default="", turns="epochs", loss=f"mse + ({weight}) * kl").replace("epoch +", "epoch+")
    text = text.replace("(epoch", "(trainer.current_epoch").replace("warm=5", "warm=5, trainer=None")
    assert verdict(text, tmp_path) == expected


@pytest.mark.parametrize("name", [name for name, (_, counts) in WEIGHTS.items() if counts])
def test_a_kl_is_left_open_where_training_may_end_before(name: str, tmp_path: Path) -> None:
    text = FIT.format(default="", turns="epochs", loss=WEIGHTS[name][0])
    assert verdict(text, tmp_path) == ("clean" if name in AT_ONCE else "open")


@pytest.mark.parametrize("default", ["=50", ""])
@pytest.mark.parametrize("weight", ["epoch // epochs", "int(epoch / epochs)", "float(epoch > epochs)"])
def test_a_weight_that_the_number_of_turns_keeps_at_0_is_named(weight: str, default: str, tmp_path: Path) -> None:
    loss = f"mse + ({weight}) * kl"
    report = linted(tmp_path, {"net.py": FIT.format(default=default, turns="epochs", loss=loss)})
    (finding,) = report.findings
    assert finding.code == "VAE305"
    assert finding.fix is not None
    assert "is 0 in each" in finding.fix


@pytest.mark.parametrize("turns", ["1, epochs + 1", "epochs"])
@pytest.mark.parametrize("weight", ["epoch / epochs", "(epoch + 1) // epochs", "(10 * epoch) // epochs"])
def test_a_weight_that_reaches_one_at_the_end_is_not_named(weight: str, turns: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": FIT.format(default="=50", turns=turns, loss=f"mse + ({weight}) * kl")})
    assert not report.findings
    assert verdict(FIT.format(default="=50", turns=turns, loss=f"mse + ({weight}) * kl"), tmp_path) == "clean"


# What is set before a loop, how it moves there, and a loss that it chooses.
STEPS = {
    "counted": ("n = 0", "n += 1", "mse if n < 5 else mse + kl"),
    "added to itself": ("n = 0", "n = n + 1", "mse + kl if n > 5 else mse"),
    "rising": ("beta = 0.0", "beta = min(1.0, beta + 0.1)", "mse + kl if beta > 0 else mse"),
    "a flag": ("first = True", "first = False", "mse if first else mse + kl"),
    "by a rate": ("beta, rate = 0.0, 0.1", "beta += rate", "mse + kl if beta > 0 else mse"),
    "added to itself by a rate": ("beta, rate = 0.0, 0.1", "beta = beta + rate", "mse + kl if beta > 0 else mse"),
    "by the rows of a batch": ("seen = 0", "seen += len(x)", "mse + kl if seen > 1000 else mse"),
    "nothing at first": ("best = None", "best = loss.item()", "mse if best is None else mse + kl"),
}
LOOP = (
    HEAD
    + NET
    + """

class State:
    def __init__(self):
        self.n = 0
        {built}

    def count(self, rows=1):
        {counts}


n_all = 0


def fit(loader):
    {global_}
    net = Net()
    state = State()
    steps = torch.optim.Adam(net.parameters())
    {before}
    for {place}x in {batches}:
        y, mu, logvar = net(x)
        mse = ((y - x) ** 2).sum()
        kl = 0.5 * torch.sum(torch.exp(logvar) + mu**2 - 1.0 - logvar)
        loss = {loss}
        steps.zero_grad()
        loss.backward()
        steps.step()
        {moved}
"""
)
PLAIN = {
    "built": "pass",
    "counts": "self.n += 1",
    "global_": "",
    "before": "",
    "place": "",
    "batches": "loader",
    "moved": "",
}
OTHERS = {
    "the place of a batch": {"place": "n, ", "batches": "enumerate(loader)", "loss": "mse + kl if n > 5 else mse"},
    "an attribute": {"moved": "state.count()", "loss": "mse + kl if state.n > 5 else mse"},
    "a name of the module": {
        "global_": "global n_all",
        "moved": "n_all += 1",
        "loss": "mse + kl if n_all > 5 else mse",
    },
    "an attribute, by the rows of a batch": {
        "counts": "self.n += rows",
        "moved": "state.count(len(x))",
        "loss": "mse + kl if state.n > 5 else mse",
    },
    "an attribute, set to more": {
        "counts": "self.n = self.n + 1",
        "moved": "state.count()",
        "loss": "mse + kl if state.n > 5 else mse",
    },
    "a name of the module, set to more": {
        "global_": "global n_all",
        "moved": "n_all = n_all + len(x)",
        "loss": "mse + kl if n_all > 5 else mse",
    },
    **{name: {"before": before, "moved": moved, "loss": loss} for name, (before, moved, loss) in STEPS.items()},
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_what_moves_in_training_is_not_what_it_is_at_first(case: dict[str, str], tmp_path: Path) -> None:
    text = LOOP.format(**{**PLAIN, **{key: value or "pass" for key, value in case.items()}})
    assert not linted(tmp_path, {"net.py": text}).findings


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_what_stays_as_it_is_decides_as_before(case: dict[str, str], tmp_path: Path) -> None:
    kept = {**PLAIN, **case, "place": "", "batches": "loader", "moved": "", "before": case.get("before", "n = 0")}
    text = LOOP.format(**{**kept, "counts": "pass"})
    assert [finding.code for finding in linted(tmp_path, {"net.py": text}).findings] == ["VAE305"]


# Something else of the name moves, or the name moves nowhere but where it is built.
ELSEWHERE = {
    "a flag that is set to what it is": {"before": "first = True", "moved": "first = True", "asked": "first"},
    "a number that is built in two steps": {"built": "self.n += 1", "counts": "pass", "asked": "state.n < 5"},
    "a name of a function": {"before": "n_all = 0", "counts": "global n_all; n_all += 1", "asked": "n_all < 5"},
    "a name of another function": {"counts": "n_all = 0; n_all += 1", "asked": "n_all < 5"},
}


@pytest.mark.parametrize("case", ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_moves_under_that_name_elsewhere_is_no_number_of_turns(case: dict[str, str], tmp_path: Path) -> None:
    text = LOOP.format(**{**PLAIN, **case, "loss": f"mse if {case['asked']} else mse + kl"})
    assert [finding.code for finding in linted(tmp_path, {"net.py": text}).findings] == ["VAE305"]
