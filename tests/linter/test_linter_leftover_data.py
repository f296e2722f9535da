"""A class of data that no code names any more, beside one that is used: its pictures are not what a model is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter.files.ast_budget import MOST, AstBudget

DATA = (
    HEAD
    + """from lightning import LightningDataModule
from torchvision import datasets, transforms


class Genes(LightningDataModule):
    def __init__(self, counts):
        super().__init__()
        self.counts = counts

    def train_dataloader(self):
        return DataLoader(self.counts, batch_size=32, shuffle=True)


class Pictures(LightningDataModule):
    def setup(self, stage=None):
        steps = transforms.Compose([transforms.Resize(9), transforms.ToTensor()])
        self.held = datasets.CelebA("faces", split="train", transform=steps)

    def train_dataloader(self):
        return DataLoader(self.held, batch_size=32, shuffle=True)
"""
)
NET = (
    HEAD
    + """import data
from lightning import LightningModule


class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.back = nn.Sequential(nn.Linear(7, 84), nn.Tanh())

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def training_step(self, batch, number):
        y, m, s = self(batch)
        return F.mse_loss(y, batch, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
"""
)
USES = {
    "of the other": ("from data import Genes\nfrom net import Net\n\nheld = Genes(np.load('a.npy'))\n", []),
    "by its file": ("import data\nfrom net import Net\n\nheld = data.Genes(np.load('a.npy'))\n", []),
    "of the pictures": ("from data import Pictures\nfrom net import Net\n\nheld = Pictures()\n", ["VAE403"]),
    "by a text": ("import data\nfrom net import Net\n\nheld = getattr(data, 'Pictures')()\n", ["VAE403"]),
    "of both": ("from data import Genes, Pictures\nfrom net import Net\n\nheld = Pictures()\n", ["VAE403"]),
    "of none": ("from net import Net\n\nheld = None\n", ["VAE403"]),
}


@pytest.mark.parametrize(("use", "expected"), USES.values(), ids=list(USES))
def test_data_that_nobody_takes_tell_no_range(use: str, expected: list[str], tmp_path: Path) -> None:
    fit = HEAD + "from lightning import Trainer\n" + use + "Trainer(max_epochs=5).fit(Net(), datamodule=held)\n"
    assert codes(linted(tmp_path, {"data.py": DATA, "net.py": NET, "fit.py": fit})) == expected


def test_data_that_a_file_may_take_which_is_not_read_tell_their_range(tmp_path: Path) -> None:
    fit = HEAD + "from data import *\nfrom net import Net\n\nheld = Pictures()\n"
    assert codes(linted(tmp_path, {"data.py": DATA, "net.py": NET, "fit.py": fit})) == ["VAE403"]


# ------------------------------------------------------------------------------ a model that is run out of sight

OUT_OF_SIGHT = HEAD + "import own\nfrom data import {0}\nfrom net import Net\n\nown.run(Net(), {0}('a'))\n"
ANOTHER_NAME = DATA.replace("import LightningDataModule", "import LightningDataModule as Base").replace(
    "(LightningDataModule)", "(Base)"
)
CENTRED = """

class Centred(LightningDataModule):
    def setup(self, stage=None):
        steps = [transforms.Resize(9), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
        self.held = datasets.CelebA("faces", split="train", transform=transforms.Compose(steps))

    def train_dataloader(self):
        return DataLoader(self.held, batch_size=32, shuffle=True)
"""
KEPT = CENTRED.replace("class Centred", "@DATA.register_module()\nclass Centred")


@pytest.mark.parametrize(("taken", "expected"), [("Genes", []), ("Pictures", ["VAE403"])])
@pytest.mark.parametrize("data", [DATA, ANOTHER_NAME], ids=["a base", "one by another name"])
@pytest.mark.parametrize("most", [MOST, 500], ids=["all held", "functions parsed again"])
def test_pictures_that_nobody_makes_tell_no_range(
    most: int, data: str, taken: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AstBudget.__init__, "__defaults__", (most,))
    files = {"data.py": data, "net.py": NET, "fit.py": OUT_OF_SIGHT.format(taken)}
    assert codes(linted(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("more", "settings", "expected"),
    [
        (CENTRED, "data:\n  _target_: data.Centred\n", []),
        (CENTRED, "data:\n  _target_: data.Pictures\n", ["VAE403"]),
        (CENTRED, "", ["VAE403"]),
        (KEPT, "", []),
    ],
    ids=["by settings", "settings of another", "by none", "decorated"],
)
def test_a_class_that_settings_or_a_decorator_keep_is_none_left_over(
    more: str, settings: str, expected: list[str], tmp_path: Path
) -> None:
    files = {
        "data.py": DATA.replace("from torchvision", "from kept import DATA\nfrom torchvision") + more,
        "net.py": NET,
    }
    files |= {"fit.py": OUT_OF_SIGHT.format("Pictures"), "configs/train.yaml": settings}
    assert codes(linted(tmp_path, files)) == expected


# ------------------------------------------------------------------------ a model that is run on data of their own

BESIDE = (
    HEAD
    + """from torchvision import datasets, transforms


class Genes(Dataset):
    def __init__(self, path):
        self.held = torch.from_numpy(np.load(path))

    def __len__(self):
        return len(self.held)

    def __getitem__(self, index):
        return self.held[index]


def faces(root):
    steps = transforms.Compose([transforms.Resize(9), transforms.ToTensor()])
    return DataLoader(datasets.ImageFolder(root, transform=steps), batch_size=32)
"""
)
RUN = (
    HEAD
    + """from data import Genes, faces
from net import Net

net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in {held}:
    y, m, s = net({x})
    loss = F.mse_loss(y, {x}, reduction="sum") + 0.5 * torch.sum(m ** 2 + s.exp() - s - 1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
SHOW = HEAD + "from data import faces\n\nfor x, _ in faces('faces'):\n    nn.Linear(84, 1)(x).mean().backward()\n"
GENES = RUN.format(held="DataLoader(Genes('genes.npy'), batch_size=32)", x="x")
TENSORS = RUN.format(held="DataLoader(torch.from_numpy(np.load('genes.npy')), batch_size=32)", x="x")
FACES = RUN.format(held="faces('faces')", x="x[0]")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"fit.py": GENES}, []),
        ({"fit.py": TENSORS}, []),
        ({"fit.py": FACES}, ["VAE403"]),
        ({"fit.py": GENES, "again.py": FACES}, ["VAE403"]),
        ({}, ["VAE403"]),
    ],
    ids=["its own", "tensors", "pictures", "both", "nothing"],
)
def test_a_model_that_is_run_on_own_data_is_given_no_pictures(
    files: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    net = NET.replace("import data\n", "from data import faces\n").replace("LightningModule", "nn.Module")
    net = net.replace("from lightning import nn.Module\n", "")
    assert codes(linted(tmp_path, {"data.py": BESIDE, "net.py": net, "show.py": SHOW, **files})) == expected


@pytest.mark.parametrize(("run", "named"), [("Net", {"net.py:Other"}), ("Other", {"net.py:Net"})])
def test_of_models_of_one_base_the_other_may_be_given_pictures(run: str, named: set[str], tmp_path: Path) -> None:
    net = NET.replace("import data\n", "from data import faces\n").replace("LightningModule", "nn.Module")
    net = net.replace("from lightning import nn.Module\n", "").replace("class Net", "class Base")
    net += "\n\nclass Net(Base):\n    pass\n\n\nclass Other(Base):\n    pass\n"
    fit = GENES.replace("import Net", f"import {run}").replace("Net()", f"{run}()")
    report = linted(tmp_path, {"data.py": BESIDE, "net.py": net, "show.py": SHOW, "fit.py": fit})
    assert {each.code for each in report.findings} == {"VAE403"}
    assert {each.subject.rpartition("/")[2] for each in report.findings} == named


PAINTED = """

class Painted(Dataset):
    def __init__(self, names, steps):
        self.names, self.steps = names, steps

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        picture = Image.open(self.names[index])
        return self.steps(picture.convert("L")), self.steps(picture)


def painted(names):
    steps = transforms.Compose([transforms.Resize(9), transforms.ToTensor()])
    return DataLoader(Painted(names, steps), batch_size=32)
"""


@pytest.mark.parametrize(("end", "expected"), [("Tanh", ["VAE403"]), ("Sigmoid", [])])
def test_own_pictures_that_a_pipeline_makes_are_given_to_a_model(end: str, expected: list[str], tmp_path: Path) -> None:
    net = NET.replace("import data\n", "from data import faces\n").replace("LightningModule", "nn.Module")
    net = net.replace("from lightning import nn.Module\n", "").replace("nn.Tanh()", f"nn.{end}()")
    fit = RUN.format(held="painted(names)", x="x").replace("Genes, faces", "painted").replace("for x in", "for g, x in")
    files = {
        "data.py": BESIDE.replace("import numpy", "from PIL import Image\nimport numpy") + PAINTED,
        "net.py": net,
        "fit.py": fit.replace("net(x)", "net(g)").replace("net = Net()", "net = Net()\nnames = sorted(open('names'))"),
    }
    assert codes(linted(tmp_path, files)) == expected


UNREAD = """

class Kept(Dataset):
    def __init__(self, path):
        self.held, self.steps = torch.load(path), transforms.Compose([transforms.Resize(9), transforms.ToTensor()])

    def __len__(self):
        return len(self.held)

    def __getitem__(self, index):
        return self.held.picture(index, self.steps)
"""


def test_a_data_set_with_steps_that_is_not_read_may_be_of_pictures(tmp_path: Path) -> None:
    net = NET.replace("import data\n", "from data import faces\n").replace("LightningModule", "nn.Module")
    net = net.replace("from lightning import nn.Module\n", "")
    fit = RUN.format(held="DataLoader(Kept('kept.pt'), batch_size=32)", x="x").replace("Genes, faces", "Kept")
    assert codes(linted(tmp_path, {"data.py": BESIDE + UNREAD, "net.py": net, "fit.py": fit})) == ["VAE403"]


@pytest.mark.parametrize(("use", "expected"), [USES["of the other"], USES["of the pictures"]])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "    def setup(self, stage=None):",
            "    def setup(self, stage=None):\n        super(Pictures, self).setup(stage)",
        ),
        (
            "class Pictures(LightningDataModule):",
            "class Pictures:\n    def __getitem__(self, index):\n        return self.held[index]\n",
        ),
    ],
    ids=["that names itself", "by its items"],
)
def test_a_class_of_data_is_known_by_its_items_and_not_used_by_itself(
    old: str, new: str, use: str, expected: list[str], tmp_path: Path
) -> None:
    assert DATA.count(old) == 1
    fit = HEAD + "from lightning import Trainer\n" + use + "Trainer(max_epochs=5).fit(Net(), datamodule=held)\n"
    assert codes(linted(tmp_path, {"data.py": DATA.replace(old, new), "net.py": NET, "fit.py": fit})) == expected
