"""Data of two scales: a model that is trained on pixels in [0, 1] and handed raw bytes by another script."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import codes, linted

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class ShapeVAE(nn.Module):
    def __init__(self, size=11):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 24, 4, 2, 1), nn.ELU(), nn.Flatten(), nn.Linear(24 * 10 * 12, 50))
        self.loc = nn.Linear(50, size)
        self.spread = nn.Linear(50, size)
        self.draw = nn.Sequential(nn.Linear(size, 50), nn.ELU(), nn.Linear(50, 3 * 20 * 24))

    def encode(self, picture):
        h = self.trunk(picture)
        return self.loc(h), self.spread(h)

    def forward(self, picture):
        mu, logvar = self.encode(picture)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.draw(z).view(-1, 3, 20, 24), mu, logvar


def elbo(drawn, picture, mu, logvar):
    error = F.mse_loss(drawn, picture, reduction="sum") / picture.size(0)
    return error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
"""
TRAIN = """\
import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from model import ShapeVAE, elbo


def fit(root):
    pictures = datasets.CIFAR10(root, train=True, transform=transforms.ToTensor())
    net = ShapeVAE()
    optimizer = torch.optim.Adam(net.parameters())
    for batch, _ in DataLoader(pictures, batch_size=32):
        drawn, mu, logvar = net(batch)
        loss = elbo(drawn, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
HANDED = """\
import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from model import ShapeVAE, elbo


def fit(net, loader, optimizer):
    for batch, _ in loader:
        drawn, mu, logvar = net(batch)
        loss = elbo(drawn, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    chosen = ShapeVAE()
    pictures = datasets.ImageFolder("pictures", transform=transforms.ToTensor())
    fit(chosen, DataLoader(pictures, batch_size=32), torch.optim.Adam(chosen.parameters()))
"""
USE = """\
import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from model import ShapeVAE


def embed(path, root):
    net = ShapeVAE()
{body}
    return mu
"""
# How raw bytes reach the encoder, and the same with what puts them on the scale of training.
WAYS = {
    "opencv": (
        "    picture = torch.from_numpy(cv2.imread(path)).permute(2, 0, 1)[None].float(){scaled}\n"
        "    mu, _ = net.encode(picture)"
    ),
    "pillow": (
        "    picture = np.array(Image.open(path).convert('RGB')).transpose(2, 0, 1)\n"
        "    _, mu, _ = net(torch.tensor(picture, dtype=torch.float32).unsqueeze(0){scaled})"
    ),
    "underlying": (
        "    loader = DataLoader(datasets.CIFAR10(root, transform=transforms.ToTensor()), batch_size=16)\n"
        "    for raw in loader.sampler.data_source.data:\n"
        "        mu, _ = net.encode(torch.from_numpy(raw.transpose(2, 0, 1)[np.newaxis]).float(){scaled})"
    ),
    "collected": (
        "    pictures = [raw.transpose(2, 0, 1) for raw in datasets.CIFAR10(root).data]\n"
        "    pictures = np.array(pictures)[np.arange(13)]\n"
        "    mu, _ = net.encode(torch.from_numpy(pictures).float(){scaled})"
    ),
}


@pytest.mark.parametrize("training", [TRAIN, HANDED], ids=["whole", "handed"])
@pytest.mark.parametrize("way", WAYS)
def test_raw_bytes_are_named_where_a_trained_encoder_is_handed_them(tmp_path: Path, way: str, training: str) -> None:
    files = {"model.py": MODEL, "train.py": training}

    bad = linted(tmp_path / "bad", {**files, "use.py": USE.format(body=WAYS[way].format(scaled=""))})
    good = linted(tmp_path / "good", {**files, "use.py": USE.format(body=WAYS[way].format(scaled=" / 255"))})

    assert codes(bad) == ["VAE104"]
    [finding] = bad.findings
    assert finding.place is not None
    assert finding.place.path.endswith("use.py")
    assert "255 times as large as those that the model is trained on" in finding.message
    assert "train.py" in finding.message
    assert finding.evidence == "data in [0, 255], the data that it is trained on in [0, 1]"
    assert codes(good) == []


# How a picture is read: into bytes, or by words for which a library may hand out other numbers.
READ_BY = {
    "skimage.io.imread(path)": ["VAE104"],
    "skimage.io.imread(path, as_gray=False)": ["VAE104"],
    "skimage.io.imread(path, as_gray=True)": [],
    "skimage.io.imread(path, as_grey=True)": [],
    "skimage.io.imread(path, True)": [],
    "skimage.io.imread(path, as_gray=GREY)": [],
    "cv2.imread(path, cv2.IMREAD_COLOR)": ["VAE104"],
    "cv2.imread(path, 0)": ["VAE104"],
    "cv2.imread(path, cv2.IMREAD_UNCHANGED)": [],
    "cv2.imread(path, -1)": [],
    "cv2.imread(path, flags=cv2.IMREAD_ANYDEPTH)": [],
    "cv2.imread(path, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)": [],
    "cv2.imdecode(path, cv2.IMREAD_UNCHANGED)": [],
}


@pytest.mark.parametrize("read", READ_BY)
def test_a_picture_is_bytes_where_it_is_read_into_bytes(tmp_path: Path, read: str) -> None:
    body = f"    mu, _ = net.encode(torch.from_numpy({read}).float()[None, None])"
    use = USE.format(body=body).replace("import cv2\n", "import cv2\nimport skimage.io\nfrom settings import GREY\n")

    report = linted(tmp_path, {"model.py": MODEL, "train.py": TRAIN, "use.py": use})

    assert codes(report) == READ_BY[read]


def test_a_picture_through_the_transform_of_training_is_silent(tmp_path: Path) -> None:
    body = "    mu, _ = net.encode(transforms.ToTensor()(Image.open(path)).unsqueeze(0))"

    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": TRAIN, "use.py": USE.format(body=body)})) == []


def test_nothing_is_said_where_two_trainings_disagree_on_the_scale(tmp_path: Path) -> None:
    raw = TRAIN.replace("transform=transforms.ToTensor()", "transform=transforms.PILToTensor()")
    use = USE.format(body=WAYS["opencv"].format(scaled=""))

    report = linted(tmp_path, {"model.py": MODEL, "train.py": TRAIN, "train_raw.py": raw, "use.py": use})

    assert codes(report) == []


SCORED = """\
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from model import ShapeVAE


def fit(net, loader, optimizer):
    for picture in loader:
        drawn, mu, logvar = net(picture)
        error = F.mse_loss(drawn, picture.float() / 255.0, reduction="none").sum(dim=(1, 2, 3))
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
        (error + kl).mean().backward()
        optimizer.step()


def scores(net, loader):
    found = []
    with torch.no_grad():
        for picture in loader:
            drawn, _, _ = net(picture)
            found.append(F.mse_loss(drawn, picture{scaled}, reduction="none").mean(dim=(1, 2, 3)))
    return found


if __name__ == "__main__":
    net = ShapeVAE()
    batches = DataLoader(torch.load("pictures.pt"), batch_size=16)
    fit(net, batches, torch.optim.Adam(net.parameters()))
    scores(net, batches)
"""


@pytest.mark.parametrize(
    ("scaled", "named"), [("", ["VAE104"]), (".float() / 255.0", []), (".float() * (1 / 255)", [])]
)
def test_a_score_compares_with_what_training_compares_with(tmp_path: Path, scaled: str, named: list[str]) -> None:
    report = linted(tmp_path, {"model.py": MODEL, "train.py": SCORED.format(scaled=scaled)})

    assert codes(report) == named
    for finding in report.findings:
        assert finding.place is not None
        assert (
            finding.place.line == SCORED.split("\n").index(next(t for t in SCORED.split("\n") if "found.app" in t)) + 1
        )


TRAINER = """\
import torch
import torch.nn.functional as F

from model import ShapeVAE


class Trainer:
    def __init__(self):
        self.net = ShapeVAE()
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def fit(self, loader):
        for picture, _ in loader:
            drawn, mu, logvar = self.net(picture)
            error = F.mse_loss(drawn, picture.float() / 255.0, reduction="none").sum(dim=(1, 2, 3))
            kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
            (error + kl).mean().backward()
            self.optimizer.step()

    def scores(self, loader):
        found = []
        with torch.no_grad():
            for picture, _ in loader:
                drawn, _, _ = self.net(picture)
                found.append(F.mse_loss(drawn, picture{scaled}, reduction="none").mean(dim=(1, 2, 3)))
        return found
"""


@pytest.mark.parametrize(("scaled", "named"), [("", ["VAE104"]), (".float() / 255.0", [])])
def test_the_batches_of_a_loader_that_nobody_hands_over_are_raw(tmp_path: Path, scaled: str, named: list[str]) -> None:
    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": TRAINER.format(scaled=scaled)})) == named


ITS_OWN_LOSS = """\
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from model import ShapeVAE


class ScoredVAE(ShapeVAE):
    def error(self, picture, drawn, mu, logvar):
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return F.mse_loss(drawn, picture, reduction="sum") + kl


def pictures(names):
    found = []
    for name in names:
        picture = np.array(Image.open(name)).reshape((1, 20, 24, 3))
        found.append(torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 255.0)
    return found


def fit(net, batches):
    optimizer = torch.optim.Adam(net.parameters())
    for picture in batches:
        drawn, mu, logvar = net(picture)
        optimizer.zero_grad()
        net.error(picture, drawn, mu, logvar).backward()
        optimizer.step()


def raw(net, names):
    for name in names:
        picture = torch.from_numpy(np.array(Image.open(name)).reshape((1, 20, 24, 3))).permute(0, 3, 1, 2).float()
        drawn, mu, logvar = net(picture{scaled})
        print(net.error(picture{scaled}, drawn, mu, logvar))


if __name__ == "__main__":
    net = ScoredVAE()
    fit(net, pictures(["a.png", "b.png"]))
    {also}
"""


@pytest.mark.parametrize(
    ("scaled", "also", "named"),
    [("", "", []), (" / 255", 'raw(net, ["c.png"])', []), ("", 'raw(net, ["c.png"])', ["VAE104"])],
)
def test_what_a_models_own_loss_takes_has_no_scale_of_its_own(
    tmp_path: Path, scaled: str, also: str, named: list[str]
) -> None:
    text = ITS_OWN_LOSS.format(scaled=scaled, also=also)

    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": text})) == named


def test_data_that_are_normalised_otherwise_elsewhere_are_no_output(tmp_path: Path) -> None:
    way = "transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,) * 3, (0.3081,) * 3)])"
    body = f"    mu, _ = net.encode({way}(Image.open(path)).unsqueeze(0))"

    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": TRAIN, "use.py": USE.format(body=body)})) == []


PICTURES = """\
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Faces(Dataset):
    def __init__(self, paths, transform=None):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        picture = Image.open(self.paths[index]).convert("RGB")
        return picture{taken} if self.transform is None else self.transform(picture)
"""
FACES = TRAIN.replace("from torch.utils.data import DataLoader\n", "from pictures import DataLoader, Faces\n").replace(
    "datasets.CIFAR10(root, train=True, transform=transforms.ToTensor())", "Faces(root, transforms.ToTensor())"
)
SEEN = """\
from pictures import DataLoader, Faces
from model import ShapeVAE


def latents(paths, state):
    net = ShapeVAE()
    net.load_state_dict(state)
    return [net.encode(batch)[0] for batch in DataLoader(Faces(paths), batch_size=32)]
"""


def test_a_picture_that_nothing_turns_into_a_tensor_makes_no_batch(tmp_path: Path) -> None:
    files = {"model.py": MODEL, "train.py": FACES, "use.py": SEEN}

    assert codes(linted(tmp_path / "picture", {**files, "pictures.py": PICTURES.format(taken="")})) == []
    # ToTensor would leave floats as they are: bytes are made floats where it is not applied.
    taken = PICTURES.replace('Image.open(self.paths[index]).convert("RGB")', "np.array(Image.open(self.paths[index]))")
    assert codes(linted(tmp_path / "array", {**files, "pictures.py": taken.format(taken=".astype(float)")})) == [
        "VAE104"
    ]


OWN = """\
import numpy as np
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets

from model import ShapeVAE, elbo


class CIFAR10(Dataset):
    def __init__(self, root):
        self.data = np.array(datasets.CIFAR10(root).data).astype("float32"){scaled}

    def __getitem__(self, index):
        return self.data[index].transpose(2, 0, 1), index


def fit(loader, optimizer, net):
    shown = loader.dataset.data[:20]
    for batch, _ in loader:
        drawn, mu, logvar = net(batch)
        elbo(drawn, batch, mu, logvar).backward()
        optimizer.step()
    return net(torch.FloatTensor(shown.transpose(0, 3, 1, 2)))


net = ShapeVAE()
fit(DataLoader(CIFAR10("pictures"), batch_size=32), torch.optim.Adam(net.parameters()), net)
"""


def test_an_own_class_of_a_known_name_holds_what_it_was_given(tmp_path: Path) -> None:
    text = OWN.replace("{scaled}", " / 255")
    assert codes(linted(tmp_path, {"model.py": MODEL, "train.py": "import torch\n" + text})) == []
