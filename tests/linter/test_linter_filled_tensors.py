"""Data that are made of one number and filled element by element: all those numbers are in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LOOP, SQUASHED, codes, linted

from vae_checked.linter import LintReport

MODEL = SQUASHED.replace("class Net", "\nclass Net")
FORWARD = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s
"""
LOSS = (
    'loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())',
    "loss.backward()",
)
DATA = """

def rooms(plans):
    kept = {made}
    for i, plan in enumerate(plans):
        for thing in plan:
            {filled}
    return DataLoader({handed}, batch_size=33)
"""
ZEROS = "torch.zeros(len(plans), 84)"
IN_TURNS = "if thing.turned:\n                kept{at} = -1\n            else:\n                kept{at} = 1"
BY_ELEMENT = "[i][thing.place]"


def _report(tmp_path: Path, filled: str, made: str = ZEROS, handed: str = "kept") -> LintReport:
    data = DATA.format(made=made, filled=filled, handed=handed)
    fit = LOOP.format(loss=LOSS[0], differentiated=LOSS[1]) + "\n\nfit(rooms(plans_of('rooms.json')))\n"
    return linted(tmp_path, {"rooms.py": HEAD + data + MODEL + FORWARD + fit})


def _ends(report: LintReport) -> list[tuple[float, float]]:
    known = [facts.data.interval.value for facts in report.facts if facts.data.interval is not None]
    return sorted({(each.low, each.high) for each in known})


# Of each: how an element is written, how the data are made, what the loader is handed, and where they lie.
FILLED = {
    "element": (f"kept{BY_ELEMENT} = -1", ZEROS, "kept", (-1, 0)),
    "key": ("kept[i, thing.place] = -1", ZEROS, "kept", (-1, 0)),
    "bytes": (f"kept{BY_ELEMENT} = 255", ZEROS, "kept", (0, 255)),
    "deeper": ("kept[i][thing.row][thing.place] = -1", "torch.zeros(len(plans), 12, 7)", "kept.flatten(1)", (-1, 0)),
    "ways": (IN_TURNS.format(at=BY_ELEMENT), ZEROS, "kept", (-1, 1)),
    "ways by key": (IN_TURNS.format(at="[i, thing.place]"), ZEROS, "kept", (-1, 1)),
    "one after another": (f"kept{BY_ELEMENT} = -1\n            kept[i][thing.other] = 1", ZEROS, "kept", (-1, 1)),
    "before a choice": (f"kept[i][0] = -1\n            {IN_TURNS.format(at=BY_ELEMENT)}", ZEROS, "kept", (-1, 1)),
    "array": (f"kept{BY_ELEMENT} = -1", "np.zeros((len(plans), 84))", "torch.from_numpy(kept).float()", (-1, 0)),
    "ones": (f"kept{BY_ELEMENT} = -1", "torch.ones(len(plans), 84)", "kept", (-1, 1)),
    "full": (f"kept{BY_ELEMENT} = 0.5", "torch.full((len(plans), 84), -1.0)", "kept", (-1, 0.5)),
}


@pytest.mark.parametrize("name", FILLED)
def test_targets_of_a_cross_entropy_are_named_that_hold_other_numbers(name: str, tmp_path: Path) -> None:
    filled, made, handed, ends = FILLED[name]
    report = _report(tmp_path, filled, made, handed)

    assert _ends(report) == [ends]
    assert codes(report) == ["VAE104" if ends == (0, 255) else "VAE403"]


# Of each: how elements are written that are 0 and 1 then, or that nothing is known of.
WITHIN = {
    "marks": (f"kept{BY_ELEMENT} = 1", [(0, 1)]),
    "marks by key": ("kept[i, thing.place] = 1", [(0, 1)]),
    "where something is": (f"if thing.seen:\n                kept{BY_ELEMENT} = 1", [(0, 1)]),
    "read": (f"kept{BY_ELEMENT} = thing.height", []),
    "read beside": (f"kept{BY_ELEMENT} = thing.height\n            kept[i][0] = 1", []),
    "read after": (f"kept[i][0] = -1\n            kept{BY_ELEMENT} = thing.height", []),
    "read by key": ("kept[i, thing.place] = thing.height\n            kept[i, 0] = 1\n            kept[i, 1] = -1", []),
    "named": ('kept[i]["place"] = -1', []),
}


@pytest.mark.parametrize("name", WITHIN)
def test_nothing_is_named_of_marks_and_of_what_is_not_known(name: str, tmp_path: Path) -> None:
    filled, ends = WITHIN[name]
    report = _report(tmp_path, filled)

    assert _ends(report) == ends
    assert codes(report) == []


PLAIN = """

def fit(kept):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for at in range(0, len(kept), 33):
        x = {batch}
        y, m, s = net(x)
        {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


fit(rooms(plans_of('rooms.json')))
"""
BATCHES = {
    "slice": "kept[at : at + 33]",
    "flattened": "kept[at : at + 33].view(-1, 84)",
    "permuted": "kept[torch.randperm(len(kept))][at : at + 33]",
    "picked": "kept[torch.randint(0, len(kept), (33,))]",
}


@pytest.mark.parametrize("name", BATCHES)
def test_rows_of_them_are_as_all_are(name: str, tmp_path: Path) -> None:
    data = DATA.format(made=ZEROS, filled=f"kept{BY_ELEMENT} = -1", handed="").replace(
        "DataLoader(, batch_size=33)", "kept"
    )
    fit = PLAIN.format(loss=LOSS[0], batch=BATCHES[name])
    report = linted(tmp_path, {"rooms.py": HEAD + data + MODEL + FORWARD + fit})

    assert _ends(report) == [(-1, 0)]
    assert codes(report) == ["VAE403"]
