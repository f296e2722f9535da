"""Items that are taken from a data set by their place: they lie where those lie that a loop over it is handed."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS_FORWARD, SQUASHED, codes, linted

TRAIN = """
from torch.utils.data import TensorDataset
from torchvision import datasets, transforms

{data}
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for {given}:
    out, m, s = net(x)
    recon = F.binary_cross_entropy(out, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    loss = recon + kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
TABLE = """
rows = np.loadtxt("table.csv")
scaled = {scaled}
whole = TensorDataset(torch.tensor(scaled, dtype=torch.float32))
"""
STANDARD = "(rows - rows.mean(axis=0)) / rows.std(axis=0)"
UNIT = "(rows - rows.min(axis=0)) / (rows.max(axis=0) - rows.min(axis=0))"
SLICES = {
    "rows of both axes": ("first = whole[:500, :]", "x in DataLoader(first[0], batch_size=31)"),
    "rows": ("first = whole[:500]", "x in DataLoader(first[0], batch_size=31)"),
    "unpacked": ("(first,) = whole[:500]", "x in DataLoader(first, batch_size=31)"),
}
PICTURES = """
whole = datasets.MNIST(".", transform=transforms.Compose([{transforms}]))
pictures = [whole[place][0].view(1, -1) for place in range(500)]
"""
SHIFTED = "transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))"


def of_table(way: str, scaled: str) -> str:
    taken, given = SLICES[way]
    data = TABLE.format(scaled=scaled) + taken
    return HEAD + SQUASHED + LAYERS_FORWARD + TRAIN.format(data=data, given=given)


@pytest.mark.parametrize("way", SLICES)
def test_a_part_of_a_set_of_tensors_lies_where_the_set_lies(way: str, tmp_path: Path) -> None:
    assert "VAE403" in codes(linted(tmp_path, {"train.py": of_table(way, STANDARD)}))


@pytest.mark.parametrize("way", SLICES)
def test_a_part_of_a_set_between_0_and_1_suits_a_cross_entropy(way: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"train.py": of_table(way, UNIT)})
    assert "VAE403" not in codes(report)
    assert [facts.data.interval.value.low for facts in report.facts if facts.data.interval] == [0.0]


@pytest.mark.parametrize(("moved", "is_named"), [(SHIFTED, True), ("transforms.ToTensor()", False)])
def test_a_picture_of_a_set_is_what_its_transforms_make(moved: str, is_named: bool, tmp_path: Path) -> None:
    data = PICTURES.format(transforms=moved)
    source = HEAD + SQUASHED + LAYERS_FORWARD + TRAIN.format(data=data, given="x in pictures")
    assert ("VAE403" in codes(linted(tmp_path, {"train.py": source}))) is is_named


def test_the_label_of_an_item_is_no_picture(tmp_path: Path) -> None:
    data = PICTURES.format(transforms=SHIFTED).replace("[0].view", "[1].view")
    source = HEAD + SQUASHED + LAYERS_FORWARD + TRAIN.format(data=data, given="x in pictures")
    assert "VAE403" not in codes(linted(tmp_path, {"train.py": source}))


SHELF = """
from torch.utils.data import IterableDataset


class Shelf(IterableDataset):
    def __init__(self, held{given}):
        self.held = held{kept}

    def __iter__(self):
        for one in self.held:
            yield {handed}


steps = transforms.Compose([transforms.Resize(9), {steps}])
shelf = Shelf(np.load("rows.npy"){handing})
"""
PLAIN = {"given": "", "kept": "", "handed": "one", "handing": ""}
STEPPED = {
    "given": ", steps",
    "kept": "\n        self.steps = steps",
    "handed": "self.steps(one)",
    "handing": ", steps",
}


@pytest.mark.parametrize("moved", [SHIFTED, "transforms.ToTensor()"])
def test_what_a_set_hands_out_in_turn_lies_where_no_other_steps_say(moved: str, tmp_path: Path) -> None:
    text = TRAIN.format(data=SHELF.format(steps=moved, **PLAIN), given="x in DataLoader(shelf, batch_size=31)")
    report = linted(tmp_path, {"train.py": HEAD + SQUASHED + LAYERS_FORWARD + text})
    assert codes(report) == []
    clean = {code for vae in report.vaes for code in vae.clean}
    assert not clean & {"VAE104", "VAE403"}


@pytest.mark.parametrize(("moved", "is_named"), [(SHIFTED, True), ("transforms.ToTensor()", False)])
def test_what_a_set_hands_out_in_turn_lies_where_its_own_steps_put_it(
    moved: str, is_named: bool, tmp_path: Path
) -> None:
    text = TRAIN.format(data=SHELF.format(steps=moved, **STEPPED), given="x in DataLoader(shelf, batch_size=31)")
    report = linted(tmp_path, {"train.py": HEAD + SQUASHED + LAYERS_FORWARD + text})
    assert ("VAE403" in codes(report)) is is_named
