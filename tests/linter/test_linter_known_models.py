"""VAEs of other libraries that a project trains by itself: their heads, their sample and their KL are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.reports import all_examined

ENCODER = (
    HEAD
    + """
{imported}


class Encoder(nn.Module):
    def __init__(self, wide, narrow):
        super().__init__()
        self.first = Conv(wide, 2 * narrow)
        self.to_m, self.to_s = Conv(2 * narrow, narrow), Conv(2 * narrow, narrow)

    def forward(self, x, links):
        h = self.first(x, links).relu()
        return self.to_m(h, links), self.to_s(h, links){bent}

{derived}

def train(graph, rate):
    model = {made}(Encoder(12, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(200):
        model.train()
        optimizer.zero_grad()
        {encoded}
        error = {error}
        loss = error {sign} (1 / graph.num_nodes) * model.kl_loss({heads})
        loss.backward()
        optimizer.step()
"""
)
NAMED = "from torch_geometric.nn import VGAE, GCNConv as Conv"
USED = {
    "as it is": {},
    "by the name of its package": {
        "imported": "import torch_geometric.nn as geometric\nfrom torch_geometric.nn import GCNConv as Conv",
        "made": "geometric.VGAE",
    },
    "derived from": {
        "derived": "\nclass Own(VGAE):\n    def where(self, z):\n        return z.mean(dim=0)\n\n",
        "made": "Own",
    },
    "with a forward of its own": {
        "derived": """
class Own(VGAE):
    def forward(self, x, links):
        z = self.encode(x, links)
        return self.recon_loss(z, links), z


""",
        "made": "Own",
        "encoded": "told, z = model(graph.x, graph.edges)",
        "error": "told",
    },
    "with an encode of its own": {
        "derived": "\nclass Own(VGAE):\n    def encode(self, x, links):\n        return self.encoder(x, links)\n\n",
        "made": "Own",
        "encoded": "m, s = model.encode(graph.x, graph.edges)\n        z = model.reparametrize(m, s)",
        "heads": "m, s",
    },
    "with an error of its own": {
        "derived": """
def both(z, there, absent):
    near = (z[there[0]] * z[there[1]]).sum(dim=1)
    far = (z[absent[0]] * z[absent[1]]).sum(dim=1)
    return F.binary_cross_entropy_with_logits(near, torch.ones_like(near)) + F.binary_cross_entropy_with_logits(
        far, torch.zeros_like(far)
    )

""",
        "error": "both(z, graph.edges, graph.others)",
    },
}


def graphs(**parts: str) -> dict[str, str]:
    usual = {
        "imported": NAMED,
        "bent": "",
        "derived": "",
        "made": "VGAE",
        "encoded": "z = model.encode(graph.x, graph.edges)",
        "error": "model.recon_loss(z, graph.edges)",
        "sign": "+",
        "heads": "",
    }
    return {"train.py": ENCODER.format(**{**usual, **parts})}


@pytest.mark.parametrize("parts", USED.values(), ids=USED)
def test_the_graph_vae_of_a_library_is_put_together(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, graphs(**parts))
    assert codes(report) == []
    assert joined(report)


@pytest.mark.parametrize("parts", USED.values(), ids=USED)
def test_what_code_does_with_the_graph_vae_is_judged(parts: dict[str, str], tmp_path: Path) -> None:
    report = linted(tmp_path, graphs(**{**parts, "sign": "-"}))
    assert codes(report) == ["VAE302"]
    report = linted(tmp_path / "bent", graphs(**{**parts, "bent": ".relu()"}))
    assert codes(report) == ["VAE204"]
    assert [each.place.path for each in report.findings if each.place] == [str(tmp_path / "bent" / "train.py")]


DECODER = """

class Raw(nn.Module):
    def forward(self, z, links, sigmoid=True):
        return {scores}


"""
SCORES = "(z[links[0]] * z[links[1]]).sum(dim=1)"
# By what decodes: what is named, and whether both ranges are clean.
DECODERS = {
    "probabilities": (f"torch.sigmoid({SCORES})", [], True),
    "a tanh": (f"torch.tanh({SCORES})", ["VAE402"], False),
    "scores": (SCORES, [], False),
}


@pytest.mark.parametrize(("scores", "expected", "clean"), DECODERS.values(), ids=DECODERS)
def test_links_are_there_or_not_and_their_probabilities_are_judged(
    scores: str, expected: list[str], clean: bool, tmp_path: Path
) -> None:
    made = graphs(derived=DECODER.format(scores=scores))
    made["train.py"] = made["train.py"].replace("VGAE(Encoder(12, 5))", "VGAE(Encoder(12, 5), Raw())")
    report = linted(tmp_path, made)
    (vae,) = all_examined(report)
    assert codes(report) == expected
    assert ({"VAE402", "VAE403"} <= set(vae.clean)) is clean
    assert vae.core_checked is (clean or bool(expected))


def test_two_errors_that_judge_two_codes_are_no_links(tmp_path: Path) -> None:
    error = USED["with an error of its own"]["derived"].replace("far = (z[", "far = (torch.randn_like(z)[")
    assert not joined(linted(tmp_path, graphs(derived=error, error="both(z, graph.edges, graph.others)")))


def test_a_class_of_the_project_of_the_same_name_is_its_own(tmp_path: Path) -> None:
    made = graphs(imported="from torch_geometric.nn import GCNConv as Conv\nfrom own import VGAE")
    made["own.py"] = HEAD + "\n\nclass VGAE(nn.Module):\n    def encode(self, x, links):\n        return x\n"
    assert not joined(linted(tmp_path, made))


PICTURES = (
    HEAD
    + """
from {library} import AutoencoderKL


def kl_of(m, s):
    each = 0.5 * torch.sum({formula}, dim=[1, 2, 3])
    return torch.sum(each) / each.shape[0]


def train(loader, rate):
    model = AutoencoderKL(spatial_dims=2, in_channels=1, out_channels=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for batch in loader:
        x = batch["image"]
        optimizer.zero_grad()
        {passed}
        loss = F.l1_loss(y.float(), x.float()) + 1e-6 * kl_of(m, s)
        loss.backward()
        optimizer.step()
"""
)
PASSED = {
    "whole": "y, m, s = model(x)",
    "in parts": "m, s = model.encode(x)\n        y = model.decode(model.sampling(m, s))",
}
OF_STD = "m.pow(2) + s.pow(2) - torch.log(s.pow(2)) - 1"


@pytest.mark.parametrize("library", ["monai.networks.nets", "generative.networks.nets"])
@pytest.mark.parametrize("passed", PASSED.values(), ids=PASSED)
def test_a_vae_that_hands_out_its_std_is_put_together(passed: str, library: str, tmp_path: Path) -> None:
    right = linted(tmp_path, {"train.py": PICTURES.format(library=library, passed=passed, formula=OF_STD)})
    assert codes(right) == []
    assert joined(right)
    wrong = {"train.py": PICTURES.format(library=library, passed=passed, formula="m.pow(2) + s.exp() - s - 1")}
    assert codes(linted(tmp_path / "wrong", wrong)) == ["VAE201"]


VOLUMES = (
    HEAD
    + """
from monai.networks.nets import VarAutoEncoder


class Trained(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.net = VarAutoEncoder(3, (1, 64, 64, 64), 1, 16, channels=(8, 16), strides=(2, 2){chosen})

    def forward(self, x):
        return self.net(x)


def train(loader, settings):
    model = Trained(settings)
    optimizer = torch.optim.Adam(model.parameters())
    for x in loader:
        y, m, s, _ = model(x)
        loss = {error}(y, x, reduction="sum") {sign} 0.5 * torch.sum({formula})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
OF_LOGVAR = "m.pow(2) + s.exp() - 1 - s"
LOGITS = "F.binary_cross_entropy_with_logits"


@pytest.mark.parametrize(
    ("error", "chosen", "sign", "formula", "expected"),
    [
        ("F.l1_loss", "", "+", OF_LOGVAR, []),
        ("F.l1_loss", "", "-", OF_LOGVAR, ["VAE302"]),
        ("F.l1_loss", "", "+", "m.pow(2) + (2 * s).exp() - 1 - 2 * s", ["VAE201"]),
        (LOGITS, "", "+", OF_LOGVAR, ["VAE401"]),
        (LOGITS, ", use_sigmoid=False", "+", OF_LOGVAR, []),
    ],
)
def test_a_vae_that_hands_out_its_log_variance_is_put_together(
    error: str, chosen: str, sign: str, formula: str, expected: list[str], tmp_path: Path
) -> None:
    text = VOLUMES.format(error=error, chosen=chosen, sign=sign, formula=formula)
    report = linted(tmp_path, {"train.py": text})
    assert codes(report) == expected
    assert joined(report)
