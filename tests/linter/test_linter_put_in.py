"""What a model puts into the batch that it is handed, under a text, is what others find there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, codes, joined, linted

NET = (
    HEAD
    + """

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(90, 6), nn.Linear(90, 6)

    def forward(self, batch):
        return {{"m": self.to_m(batch["x"]), "s": self.to_s(batch["x"])}}


class Net(nn.Module):
    def __init__(self, ablated):
        super().__init__()
        self.encoder, self.back, self.ablated = Encoder(), nn.Linear(6, 90), ablated

    def sample(self, batch):
        return batch["m"] + torch.exp({half}batch["s"]) * torch.randn_like(batch["s"])

    def forward(self, batch):
        {encoded}
        {drawn}
        batch["y"] = self.back(batch["z"])
        return batch


def error(batch):
    return F.mse_loss(batch["y"], batch["x"], reduction="sum")


def divergence(batch):
    return -0.5 * torch.sum(1 + batch["s"] - batch["m"].pow(2) - batch["s"].exp())


def train(loader, ablated):
    net = Net(ablated)
    optimizer = torch.optim.Adam(net.parameters())
    for batch in loader:
        optimizer.zero_grad()
        batch = net(batch)
        loss = {loss}
        loss.backward()
        optimizer.step()
"""
)
USUAL = {
    "half": "0.5 * ",
    "encoded": "batch.update(self.encoder(batch))",
    "drawn": 'batch["z"] = self.sample(batch)',
    "loss": "error(batch) + divergence(batch)",
}
JOINED = {
    "put in one by one": {
        "encoded": 'found = self.encoder(batch)\n        batch["m"], batch["s"] = found["m"], found["s"]'
    },
    "all at once": {},
    "by names": {"encoded": "batch.update(**self.encoder(batch))"},
    "asked for": {"loss": 'F.mse_loss(batch.get("y"), batch["x"], reduction="sum") + divergence(batch)'},
    "overwritten": {"drawn": 'batch["z"] = batch["m"]\n        batch["z"] = self.sample(batch)'},
    "under another name": {"drawn": 'batch["q"] = self.sample(batch)\n        batch["z"] = batch.get("q")'},
    "moved": {"encoded": 'batch = batch.to("cuda")\n        batch.update(self.encoder(batch))'},
}


def text(**parts: str) -> dict[str, str]:
    return {"net.py": NET.format(**{**USUAL, **parts})}


@pytest.mark.parametrize("parts", JOINED.values(), ids=JOINED)
def test_what_is_put_into_a_batch_is_found_in_it(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path / "right", text(**parts))
    assert joined(report)
    assert codes(report) == []
    assert codes(linted(tmp_path / "wrong", text(**parts, half=""))) == ["VAE201"]


def test_what_one_branch_puts_there_is_not_taken_for_the_other(tmp_path: Path) -> None:
    drawn = 'if self.ablated:\n            batch["z"] = {one}\n        else:\n            batch["z"] = {other}'
    sides = ("self.sample(batch)", 'batch["m"]')
    for place, (one, other) in enumerate((sides, sides[::-1])):
        report = linted(tmp_path / str(place), text(drawn=drawn.format(one=one, other=other)))
        assert codes(report) == []
        assert joined(report)


def test_what_is_put_there_in_one_branch_alone_is_left_open(tmp_path: Path) -> None:
    drawn = 'batch["z"] = batch["m"]\n        if self.ablated:\n            batch["z"] = self.sample(batch)'
    assert codes(linted(tmp_path / "put", text(drawn=drawn))) == []
    alone = 'if self.ablated:\n            batch["z"] = self.sample(batch)'
    assert codes(linted(tmp_path / "alone", text(drawn=alone))) == []
    raised = 'if not self.ablated:\n            raise ValueError\n        batch["z"] = self.sample(batch)'
    assert joined(linted(tmp_path / "raised", text(drawn=raised)))


def test_what_is_put_there_before_code_raises_is_not_there(tmp_path: Path) -> None:
    drawn = "if self.ablated:\n            {one}\n        else:\n            {other}"
    kept, raised = 'batch["z"] = self.sample(batch)', 'batch["z"] = batch["m"]\n            raise ValueError'
    for place, (one, other) in enumerate(((kept, raised), (raised, kept))):
        report = linted(tmp_path / str(place), text(drawn=drawn.format(one=one, other=other)))
        assert codes(report) == []
        assert joined(report)


def test_the_mean_alone_in_a_batch_is_no_sample(tmp_path: Path) -> None:
    assert not joined(linted(tmp_path, text(drawn='batch["z"] = batch["m"]')))


@pytest.mark.parametrize("encoded", ["{}", "**{}"], ids=["all at once", "by names"])
def test_what_a_part_does_to_a_head_is_found_in_the_batch(encoded: str, tmp_path: Path) -> None:
    net = text(encoded=f"batch.update({encoded.format('self.encoder(batch)')})")["net.py"]
    confined = net.replace('self.to_s(batch["x"])', 'torch.relu(self.to_s(batch["x"]))')
    assert confined != net
    assert codes(linted(tmp_path, {"net.py": confined})) == ["VAE204"]


@pytest.mark.parametrize("y", ['batch["y"]', 'batch.get("y")'], ids=["by its text", "asked for"])
def test_what_a_decoder_leaves_in_the_batch_is_compared_as_it_is(y: str, tmp_path: Path) -> None:
    loss = f'F.binary_cross_entropy({y}, batch["x"], reduction="sum") + divergence(batch)'
    assert codes(linted(tmp_path, text(loss=loss))) == ["VAE402"]


HANDED_OUT = (
    HEAD
    + LAYERS
    + f"""
    def forward(self, x, table):
        m, s = self.to_m(x), self.to_s(x)
        table = table.update({{"z": m + torch.exp(0.5 * s) * torch.randn_like(s)}})
        y = self.back(table["z"])
        return (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()
"""
)


def test_a_table_that_hands_itself_out_has_what_was_put_there(tmp_path: Path) -> None:
    right, wrong = (
        linted(tmp_path / name, {"net.py": HANDED_OUT.replace("0.5 * s)", f"{factor} * s)")})
        for name, factor in (("right", "0.5"), ("wrong", "1.0"))
    )
    assert codes(right) == []
    assert joined(right)
    assert codes(wrong) == ["VAE201"]
