"""Ranges in the source: where data lie, what a decoder can reach, what confines a posterior's heads."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest

from vae_checked.catalogue import find
from vae_checked.facts import Interval
from vae_checked.linter import LintReport, lint

MODEL = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


class FaceVAE(nn.Module):
    def __init__(self, size=9):
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(3 * 20 * 24, 64), nn.ELU())
        self.loc = nn.Linear(64, size)
        self.spread = nn.Linear(64, size)
        self.draw = nn.Sequential(nn.Linear(size, 64), nn.ELU(), nn.Linear(64, 3 * 20 * 24){tail})

    def forward(self, faces):
        h = self.trunk(faces)
        mu, logvar = self.loc(h), self.spread(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return {output}.view(-1, 3, 20, 24), mu, logvar


def elbo(recon, x, mu, logvar):
    error = F.mse_loss(recon, x, reduction="sum") / x.size(0)
    divergence = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return error + divergence
"""
TRAIN = """\
from torch.utils.data import DataLoader
{imports}


{definitions}
def fit(net, folder, optimizer):
    {transform}
    for batch, _ in DataLoader({dataset}, batch_size=32):
        drawn, mu, logvar = net(batch)
        loss = elbo(drawn, batch, mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
FOLDER = "datasets.ImageFolder(folder, transform=steps)"
VISION = "from torchvision import datasets, transforms"
SYMMETRIC = (
    (VISION, "steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])", ""),
    (
        "from torchvision import datasets\nimport torchvision.transforms as T\nMEAN = [0.5] * 3",
        "steps = T.Compose([T.Resize((20, 24)), T.ToTensor(), T.Normalize(mean=MEAN, std=MEAN)])",
        "",
    ),
    (VISION, "steps = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda t: t * 2 - 1)])", ""),
    (
        "import torch\nfrom torchvision import datasets\nfrom torchvision.transforms import v2",
        "steps = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5], [0.5])])",
        "",
    ),
    (
        VISION,
        (
            "steps = transforms.Compose([transforms.ToTensor(), transforms.RandomAutocontrast(1),\n"
            "        transforms.Normalize((0.5,), (0.5,)), transforms.RandomErasing()])"
        ),
        "",
    ),
    (
        VISION,
        (
            "steps = transforms.Compose([transforms.RandomPosterize(4), transforms.RandomEqualize(),\n"
            "        transforms.ToTensor(), transforms.RandomInvert(), transforms.Normalize((0.5,), (0.5,))])"
        ),
        "",
    ),
    (
        VISION,
        "steps = transforms.Compose([transforms.ToTensor(), centred])",
        "def centred(t):\n    return (t - 0.5) / 0.5\n\n\n",
    ),
)
UNIT_STEPS = (
    (VISION, "steps = transforms.ToTensor()", ""),
    (VISION, "steps = transforms.Compose([transforms.CenterCrop(20), transforms.ToTensor()])", ""),
    (VISION, "steps = transforms.Compose([transforms.ToTensor(), transforms.RandomErasing(value=1.0)])", ""),
    (VISION, "steps = transforms.Compose([transforms.AugMix(), transforms.ToTensor()])", ""),
    (VISION, "steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.0,), (1.0,))])", ""),
    (VISION, "steps = transforms.Compose([transforms.ToTensor(), transforms.Lambda(lambda t: t.flatten())])", ""),
    (VISION, "steps = transforms.Compose([transforms.PILToTensor(), transforms.Lambda(lambda t: t / 255.0)])", ""),
)
IMAGENET = (
    VISION,
    (
        "steps = transforms.Compose([transforms.ToTensor(),\n"
        "        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])"
    ),
    "",
)
SIGMOID, TANH, LINEAR = (", nn.Sigmoid()", "self.draw(z)"), ("", "torch.tanh(self.draw(z))"), ("", "self.draw(z)")


STEPS_ALONE = """\
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
loader = DataLoader(datasets.ImageFolder("pictures", steps), batch_size=5)
"""


def model(tail: str, output: str) -> str:
    return MODEL.format(tail=tail, output=output)


def train(imports: str, transform: str, definitions: str, dataset: str = FOLDER) -> str:
    return TRAIN.format(imports=imports, transform=transform, definitions=definitions, dataset=dataset)


def read(folder: Path, **files: str) -> LintReport:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return lint([folder])


def codes(report: LintReport) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("pipeline", SYMMETRIC)
def test_a_sigmoid_against_symmetric_data_is_named_with_the_transform(
    pipeline: tuple[str, str, str], tmp_path: Path
) -> None:
    report = read(tmp_path, net=model(*SIGMOID), fit="from net import elbo\n" + train(*pipeline))
    assert codes(report) == {"VAE403"}
    (finding,) = report.findings
    places = [(each.message, Path(each.place.path).name) for each in finding.related]
    assert places == [("the data", "fit.py"), ("the loss that compares both", "net.py")]
    assert "[-1, 1]" in (finding.evidence or "")


@pytest.mark.parametrize("pipeline", SYMMETRIC)
@pytest.mark.parametrize("end", [TANH, LINEAR])
def test_symmetric_data_are_reached_by_a_tanh_and_by_a_line(
    pipeline: tuple[str, str, str], end: tuple[str, str], tmp_path: Path
) -> None:
    report = read(tmp_path, net=model(*end), fit="from net import elbo\n" + train(*pipeline))
    assert report.findings == ()
    assert {facts.data.interval.value for facts in report.facts if facts.data.interval} == {Interval(-1.0, 1.0)}


@pytest.mark.parametrize("pipeline", UNIT_STEPS)
def test_a_tanh_against_pixels_in_the_unit_interval_is_named(pipeline: tuple[str, str, str], tmp_path: Path) -> None:
    assert codes(read(tmp_path, net=model(*TANH), fit="from net import elbo\n" + train(*pipeline))) == {"VAE403"}


@pytest.mark.parametrize("pipeline", UNIT_STEPS)
def test_a_sigmoid_fits_pixels_in_the_unit_interval(pipeline: tuple[str, str, str], tmp_path: Path) -> None:
    assert read(tmp_path, net=model(*SIGMOID), fit="from net import elbo\n" + train(*pipeline)).findings == ()


def test_what_lies_beyond_a_tanh_after_imagenet_is_reached_by_a_line(tmp_path: Path) -> None:
    assert codes(read(tmp_path, net=model(*TANH), fit="from net import elbo\n" + train(*IMAGENET))) == {"VAE403"}
    assert read(tmp_path, net=model(*LINEAR), fit="from net import elbo\n" + train(*IMAGENET)).findings == ()


def test_everything_in_one_file_is_read_alike(tmp_path: Path) -> None:
    assert codes(read(tmp_path, whole=model(*SIGMOID) + "\n\n" + train(*SYMMETRIC[0]))) == {"VAE403"}


@pytest.mark.parametrize(
    ("definitions", "transform", "dataset"),
    [
        ("", "steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(*folder.moments)])", FOLDER),
        ("", "steps = transforms.Compose([transforms.ToTensor(), folder.extra])", FOLDER),
        # A picture that is no tensor yet is normalised by nothing.
        ("", "steps = transforms.Compose([transforms.Normalize((0.5,), (0.5,)), transforms.ToTensor()])", FOLDER),
        # What changes colours is for pixels in [0, 1], and what fills may fill with anything.
        *(
            ("", f"steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5), {step}])", FOLDER)
            for step in ("transforms.RandomInvert()", "transforms.RandomErasing(value=3)", "transforms.AugMix()")
        ),
        ("", "steps = None", "folder"),
        ("", "steps = transforms.Compose([transforms.RandomCrop(20)])", "datasets.ImageFolder(folder, steps)"),
    ],
)
def test_data_that_are_not_understood_are_not_judged(
    definitions: str, transform: str, dataset: str, tmp_path: Path
) -> None:
    text = train(VISION, transform, definitions, dataset)
    report = read(tmp_path, net=model(*TANH), fit="from net import elbo\n" + text)
    assert report.findings == ()
    assert all(facts.data.interval is None for facts in report.facts)


def test_pipelines_that_disagree_say_nothing(tmp_path: Path) -> None:
    report = read(
        tmp_path,
        net=model(*TANH),
        fit=train(*UNIT_STEPS[1]),
        other=train(*SYMMETRIC[0]),
        run="import fit\nimport net\nimport other\n",
    )
    assert report.findings == ()


def test_the_pipeline_of_another_folder_says_nothing_beside_the_own(tmp_path: Path) -> None:
    for name, steps in (("one", SYMMETRIC[0]), ("two", UNIT_STEPS[1])):
        (tmp_path / name).mkdir()
        read(tmp_path / name, net=model(*TANH), fit="from net import elbo\n" + train(*steps))
    findings = lint([tmp_path]).findings
    assert {(finding.code, Path(finding.place.path).parent.name) for finding in findings if finding.place} == {
        ("VAE403", "two")
    }


def test_a_pipeline_that_nothing_links_to_the_model_says_nothing_of_it(tmp_path: Path) -> None:
    assert read(tmp_path, net=model(*SIGMOID), fit=STEPS_ALONE).findings == ()
    both = "from fit import loader\nfrom net import elbo\n\nprint(loader, elbo)\n"
    assert codes(read(tmp_path, net=model(*SIGMOID), fit=STEPS_ALONE, run=both)) == {"VAE403"}


def test_data_of_who_uses_a_model_are_heard_beside_nearer_ones(tmp_path: Path) -> None:
    # The notebook that trains the model lies farther off than data that another one encodes with it.
    (tmp_path / "nets").mkdir()
    for name, text in (("net", model(*SIGMOID)), ("scenes", STEPS_ALONE)):
        (tmp_path / "nets" / f"{name}.py").write_text(text, encoding="utf-8")
    both = "from nets.scenes import loader\nfrom nets.net import elbo\n\nprint(loader, elbo)\n"
    assert codes(read(tmp_path, run=both)) == {"VAE403"}
    trained = "from nets.net import elbo\n" + train(*UNIT_STEPS[1])
    assert codes(read(tmp_path, run=both, fit=trained)) == set()
    assert codes(read(tmp_path, run=both, fit=train(*UNIT_STEPS[1]))) == {"VAE403"}


OWN = """
class Points(torch.utils.data.Dataset):
    def __init__(self, points):
        self.points = points

    def __getitem__(self, place):
        return {item}, 0
"""


def test_data_that_a_file_holds_itself_are_not_those_of_what_it_imports(tmp_path: Path) -> None:
    imported = "from fit import loader\n"
    assert codes(read(tmp_path, net=imported + model(*SIGMOID), fit=STEPS_ALONE)) == {"VAE403"}
    own = imported + model(*SIGMOID) + OWN.format(item="torch.tensor(self.points[place])")
    assert codes(read(tmp_path, net=own, fit=STEPS_ALONE)) == set()
    passed = imported + model(*SIGMOID) + OWN.format(item="self.transform(self.points[place])")
    assert codes(read(tmp_path, net=passed, fit=STEPS_ALONE)) == {"VAE403"}


def test_a_package_joins_its_models_with_the_data_of_whoever_imports_it(tmp_path: Path) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "net.py").write_text(model(*SIGMOID), encoding="utf-8")
    (tmp_path / "nets" / "__init__.py").write_text("from .net import *\n", encoding="utf-8")
    run = "from fit import loader\nfrom nets import *\n\nprint(loader)\n"
    assert codes(read(tmp_path, fit=STEPS_ALONE, run=run)) == {"VAE403"}


def test_data_rescaled_before_the_model_are_not_judged_by_transforms(tmp_path: Path) -> None:
    text = train(*UNIT_STEPS[1]).replace("        drawn,", "        batch = batch * 2 - 1\n        drawn,")
    assert read(tmp_path, net=model(*TANH), fit=text).findings == ()


PICTURES = """\
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset


class Faces(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __getitem__(self, index):
        picture = Image.open(self.paths[index]).convert("RGB").resize((24, 20))
        {scale}
        return torch.from_numpy(picture).permute(2, 0, 1)


def loader(paths):
    return DataLoader(Faces(paths), batch_size=48, shuffle=True)
"""
RUN = """\
from net import FaceVAE, elbo
from pictures import loader


def run(paths, optimizer):
    net = FaceVAE()
    for faces in loader(paths):
        loss = elbo(net(faces)[0], faces, *net(faces)[1:])
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    "scale",
    [
        "picture = np.array(picture, dtype=np.float32)",
        "picture = np.asarray(picture).astype('float32')",
        "picture = np.array(picture).astype(np.float32) / 1.0",
    ],
)
def test_bytes_against_a_sigmoid_are_named(scale: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, net=model(*SIGMOID), pictures=PICTURES.format(scale=scale), run=RUN)) == {"VAE104"}


@pytest.mark.parametrize(
    "scale",
    [
        "picture = np.array(picture, dtype=np.float32) / 255",
        "picture = np.asarray(picture).astype('float32') * (1 / 255.0)",
        "picture = np.array(picture).astype(np.float32)\n        picture /= 255.0",
    ],
)
def test_bytes_divided_once_fit_a_sigmoid_and_twice_none(scale: str, tmp_path: Path) -> None:
    text = PICTURES.format(scale=scale)
    assert read(tmp_path, net=model(*SIGMOID), pictures=text, run=RUN).findings == ()
    twice = text.replace("return torch.from_numpy(picture)", "return torch.from_numpy(picture / 255)")
    assert codes(read(tmp_path, net=model(*SIGMOID), pictures=twice, run=RUN)) == {"VAE104"}


def test_pixels_put_around_zero_by_hand_fit_a_tanh(tmp_path: Path) -> None:
    text = PICTURES.format(scale="picture = np.array(picture).astype(np.float32) / 127.5 - 1")
    assert read(tmp_path, net=model(*TANH), pictures=text, run=RUN).findings == ()
    assert codes(read(tmp_path, net=model(*SIGMOID), pictures=text, run=RUN)) == {"VAE403"}


HEADS = """\
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Erf(nn.Module):
    def forward(self, x):
        return 0.5 * x * {gelu}


class Posterior(nn.Module):
    def __init__(self, features=21, size=4):
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(features, 30), nn.ReLU())
        self.loc = nn.Linear(30, size)
        self.spread = nn.Linear(30, size)
        self.both = nn.Sequential(nn.Linear(30, 2 * size){end})
        self.norm = nn.BatchNorm1d(size)
        self.back = nn.Linear(size, features)

    def forward(self, x):
        h = self.shared(x)
        {heads}
        return self.back(mu + {std} * torch.randn_like(mu))
"""
OPEN, LOGVAR = "mu, s = self.loc(h), self.spread(h)", "torch.exp(0.5 * s)"
FREE_GELU = "(1 + torch.erf(x / math.sqrt(2)))"


@pytest.mark.parametrize(
    ("heads", "std", "end"),
    [
        ("mu, s = F.relu(self.loc(h)), self.spread(h)", LOGVAR, ""),
        ("mu, s = self.loc(h), F.softplus(self.spread(h))", LOGVAR, ""),
        ("mu, s = self.loc(h), torch.tanh(self.spread(h))", "s.mul(0.5).exp()", ""),
        ("mu, s = self.both(h).chunk(2, dim=-1)", LOGVAR, ", nn.ReLU()"),
        ("mu, s = torch.split(self.both(h), 4, dim=1)", "s.exp().sqrt()", ", nn.Softplus()"),
        ("mu, s = self.loc(h), self.spread(h).relu()", "torch.exp(s)", ""),
        ("mu, s = Erf()(self.loc(h)), self.spread(h)", LOGVAR, ""),
        ("mu, s = self.norm(self.loc(h)).sigmoid(), self.spread(h)", LOGVAR, ""),
        ("mu, s = self.loc(h), 1 + F.softplus(self.spread(h))", "s", ""),
    ],
)
def test_a_confined_head_is_named(heads: str, std: str, end: str, tmp_path: Path) -> None:
    text = HEADS.format(heads=heads, std=std, end=end, gelu="torch.erf(x / math.sqrt(2))")
    assert codes(read(tmp_path, posterior=text)) == {"VAE204"}


@pytest.mark.parametrize(
    ("heads", "std", "end"),
    [
        (OPEN, LOGVAR, ""),
        (OPEN, "F.softplus(s)", ""),
        (OPEN, "s.clamp(-9, 11).mul(0.5).exp()", ""),
        ("mu, s = self.both(h).chunk(2, dim=-1)", LOGVAR, ""),
        ("mu, s = self.norm(self.loc(h)), F.leaky_relu(self.spread(h), 0.8)", LOGVAR, ""),
        ("mu, s = self.norm(F.relu(self.loc(h))), self.spread(h)", LOGVAR, ""),
        ("mu, s = self.loc(F.relu(h)), self.spread(torch.tanh(h))", LOGVAR, ""),
    ],
)
def test_free_heads_and_guards_are_silent(heads: str, std: str, end: str, tmp_path: Path) -> None:
    report = read(tmp_path, posterior=HEADS.format(heads=heads, std=std, end=end, gelu=FREE_GELU))
    assert report.findings == ()
    assert any(facts.heads.mu is not None and facts.heads.second is not None for facts in report.facts)


HANDED = """\
import torch
from torch import distributions, nn


class Recogniser(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body
        self.last, self.back = {last}, nn.Linear(3, 17)

    def forward(self, x):
        mu, logvar = self.last(self.body(x)).chunk(2, dim=1)
        q = distributions.Normal(mu, logvar.mul(0.5).exp())
        return self.back(distributions.Normal.rsample(q)), mu, logvar
"""
ENTRY = """\
import torch
from torch import nn

from recogniser import Recogniser


def main():
    body = nn.Sequential(nn.Linear(17, 40), nn.ReLU(), nn.Linear(40, 6){end})
    print(Recogniser(body)(torch.zeros(5, 17))[0].shape)


if __name__ == "__main__":
    main()
"""


def test_a_head_is_confined_by_the_body_that_a_script_hands_over(tmp_path: Path) -> None:
    handed = HANDED.format(last="nn.Identity()")
    assert read(tmp_path, recogniser=handed, entry=ENTRY.format(end="")).findings == ()
    (finding,) = read(tmp_path, recogniser=handed, entry=ENTRY.format(end=", nn.ReLU()")).findings
    assert finding.code == "VAE204"
    assert finding.place is not None
    assert (Path(finding.place.path).name, finding.place.line) == ("entry.py", 8)


def test_a_confining_layer_is_shown_where_applied_and_where_built(tmp_path: Path) -> None:
    text = HANDED.format(last="nn.Softplus()")
    (finding,) = read(tmp_path, recogniser=text).findings
    assert finding.code == "VAE204"
    assert finding.place is not None
    assert finding.place.line == 12
    assert [related.place.line for related in finding.related if related.message == "built here"] == [9]


def test_the_data_of_a_model_say_nothing_of_a_stranger_in_the_same_folder(tmp_path: Path) -> None:
    bad, good = find("VAE403").bad, find("VAE201").good
    (tmp_path / "own.py").write_text(bad, encoding="utf-8")
    (tmp_path / "stranger.py").write_text(good, encoding="utf-8")
    named = {PurePath(finding.place.path).name for finding in lint([tmp_path]).findings if finding.place is not None}
    assert named == {"own.py"}


def test_the_data_that_a_script_feeds_to_an_imported_model_speak_for_it(tmp_path: Path) -> None:
    model, loader = find("VAE403").bad.split("def train", 1)
    (tmp_path / "model.py").write_text(model, encoding="utf-8")
    noise = "import torch\nfrom model import VAE, loss_function\nprior = torch.randn(4, 5)\n"
    (tmp_path / "run.py").write_text(noise + "def train" + loader, encoding="utf-8")
    found = [finding for finding in lint([tmp_path]).findings if finding.code == "VAE403"]
    assert [PurePath(finding.place.path).name for finding in found if finding.place is not None] == ["model.py"]


SHOWN = """

net = FaceVAE()
steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
fit(net, "faces", torch.optim.Adam(net.parameters()))
face = transforms.ToTensor()(Image.open("face.png"))
shown, _, _ = net(face.unsqueeze(0))
"""


def test_a_picture_that_is_only_shown_is_no_target(tmp_path: Path) -> None:
    # What the trained model is handed for a look has another range than its data, and no loss compares the two.
    text = f"from PIL import Image\n{model(*TANH)}\n\n{train(*SYMMETRIC[0])}{SHOWN}"
    assert "VAE403" not in codes(read(tmp_path, book=text))
    alone = text.replace('fit(net, "faces", torch.optim.Adam(net.parameters()))\n', "")
    assert "VAE403" not in codes(read(tmp_path, book=alone))
