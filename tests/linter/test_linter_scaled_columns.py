"""Columns of a table: where those lie that scikit-learn's scalers or a formula by hand have scaled."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

TRAINED = (
    HEAD
    + "import pandas as pd\n"
    + "from sklearn.model_selection import train_test_split\n"
    + "from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler, scale\n"
    + "from torch.utils.data import TensorDataset\n"
    + MODEL.replace("nn.Sigmoid()", "{end}")
    + FORWARD
    + """

class Rows(Dataset):
    def __init__(self, rows):
        self.rows = torch.tensor(rows, dtype=torch.float32)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, place):
        return self.rows[place], 0


def loaded(path):
    rows = pd.read_csv(path).values
{loaded}


def fit(path, optimizer):
    net = Net()
    for batch in loaded(path):
        x = batch[0]
        optimizer.zero_grad()
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
        optimizer.step()
"""
)
ROUTES = {
    "as tensors": """
        rows = {scaler}.fit_transform(rows)
        return DataLoader(TensorDataset(torch.tensor(rows, dtype=torch.float32)), batch_size=32)
    """,
    "split before": """
        seen, held = train_test_split(rows, test_size=0.2)
        scaler = {scaler}
        seen, held = scaler.fit_transform(seen), scaler.transform(held)
        return DataLoader(TensorDataset(torch.FloatTensor(seen)), batch_size=32)
    """,
    "split after, beside labels": """
        scaled = {scaler}.fit_transform(rows[:, 1:])
        seen, held, classes, others = train_test_split(scaled, rows[:, 0], test_size=0.2)
        return DataLoader(TensorDataset(torch.from_numpy(seen).float(), torch.from_numpy(classes)), batch_size=32)
    """,
    "a data set of its own": """
        scaler = {scaler}
        scaler.fit(rows)
        return DataLoader(Rows(scaler.transform(rows)), batch_size=32)
    """,
    "a table again": """
        table = pd.DataFrame({scaler}.fit_transform(rows), columns=["a", "b"])
        return DataLoader(TensorDataset(torch.tensor(table.values).float()), batch_size=32)
    """,
}


def text(route: str, scaler: str, end: str) -> str:
    lines = (line.removeprefix("    ") for line in route.replace("{scaler}", scaler).strip("\n").splitlines())
    return TRAINED.replace("{loaded}", "\n".join(lines)).replace("{end}", end)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize("end", ["nn.Sigmoid()", "nn.Tanh()", "nn.ReLU()"])
def test_a_bounded_output_does_not_reach_centred_columns(route: str, end: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(route, "StandardScaler()", end)})
    assert codes(report) == ["VAE403"]
    assert "on both sides of 0" in report.findings[0].message


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize(
    ("scaler", "end"),
    [
        ("StandardScaler()", "nn.Identity()"),
        ("MinMaxScaler()", "nn.Sigmoid()"),
        ("MinMaxScaler((0, 1))", "nn.Sigmoid()"),
        ("MinMaxScaler(feature_range=(-1, 1))", "nn.Tanh()"),
    ],
)
def test_an_output_that_fits_scaled_columns_is_clean(route: str, scaler: str, end: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(route, scaler, end)})
    assert codes(report) == []
    assert any("VAE403" in judgement.clean for judgement in report.judgements)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_columns_between_minus_1_and_1_and_a_sigmoid(route: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": text(route, "MinMaxScaler(feature_range=(-1, 1))", "nn.Sigmoid()")})) == [
        "VAE403"
    ]


@pytest.mark.parametrize(
    "scaler",
    [
        "StandardScaler(with_mean=False)",
        "RobustScaler()",
        "MinMaxScaler(feature_range=pd.read_csv('ends.csv'))",
        "StandardScaler(with_mean=pd.read_csv('ends.csv').centred)",
    ],
)
def test_a_scaler_that_leaves_the_range_open(scaler: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text(ROUTES["as tensors"], scaler, "nn.Sigmoid()")})
    assert codes(report) == []
    assert not any("VAE403" in judgement.clean for judgement in report.judgements)


BY_HAND = [
    ("(rows - rows.mean(axis=0)) / rows.std(axis=0)", "nn.Sigmoid()", ["VAE403"]),
    ("(rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-8)", "nn.Tanh()", ["VAE403"]),
    ("(rows - np.mean(rows, axis=0)) / np.std(rows, axis=0)", "nn.ReLU()", ["VAE403"]),
    ("scale(rows)", "nn.Sigmoid()", ["VAE403"]),
    ("(rows - rows.mean(axis=0)) / rows.std(axis=0)", "nn.Identity()", []),
    ("(rows - rows.min()) / (rows.max() - rows.min())", "nn.Sigmoid()", []),
    ("(rows - rows.min(axis=0)) / (rows.max(axis=0) - rows.min(axis=0) + 1e-8)", "nn.Sigmoid()", []),
    ("(rows - rows.min()) / (rows.max() - rows.min())", "nn.Tanh()", ["VAE403"]),
    # Of other numbers than these: neither says where they lie.
    ("(rows - table.mean(axis=0)) / rows.std(axis=0)", "nn.Sigmoid()", []),
    ("(rows - rows.mean(axis=0)) / table.std(axis=0)", "nn.Sigmoid()", []),
    ("rows / rows.std(axis=0)", "nn.Sigmoid()", []),
    ("rows - rows.min()", "nn.Sigmoid()", []),
]


@pytest.mark.parametrize(("formula", "end", "expected"), BY_HAND)
def test_columns_that_are_scaled_by_hand(formula: str, end: str, expected: list[str], tmp_path: Path) -> None:
    route = f"""
        table = pd.read_csv("other.csv").values
        rows = {formula}
        return DataLoader(TensorDataset(torch.tensor(rows).float()), batch_size=32)
    """
    report = linted(tmp_path, {"net.py": text(route, "", end)})
    assert codes(report) == expected
    known = bool(expected) or end == "nn.Identity()" or "rows.max" in formula
    assert any("VAE403" in judgement.clean for judgement in report.judgements) is (known and not expected)


def test_labels_beside_scaled_columns_are_not_scaled(tmp_path: Path) -> None:
    route = """
        scaled = StandardScaler().fit_transform(rows[:, 1:])
        seen, held, others, rest = train_test_split(scaled, rows[:, :1], test_size=0.2)
        return DataLoader(TensorDataset(torch.from_numpy(others).float()), batch_size=32)
    """
    assert codes(linted(tmp_path, {"net.py": text(route, "", "nn.Sigmoid()")})) == []


SCALED_LATENTS = """
    def shown(self, x):
        return StandardScaler().fit_transform(self.encode(x)[0].detach().numpy())

    def ended(self, x):
        return MinMaxScaler().fit_transform(self.encode(x)[0].detach().numpy())


def loaded"""


def test_latents_that_are_scaled_to_be_shown_are_no_data(tmp_path: Path) -> None:
    route = "        return DataLoader(TensorDataset(torch.tensor(rows).float()), batch_size=32)"
    scene = text(route, "", "nn.Tanh()").replace("\ndef loaded", SCALED_LATENTS.lstrip("\n"), 1)
    assert "def shown" in scene
    report = linted(tmp_path, {"net.py": scene})
    assert codes(report) == []
    assert not any("VAE403" in judgement.clean for judgement in report.judgements)


CLASSES = (
    TRAINED[: TRAINED.index("def loaded")]
    + """
def fit(rows, classes, optimizer):
    net = Net()
    scaled = StandardScaler().fit_transform(rows)
    held = TensorDataset(torch.FloatTensor(scaled), torch.FloatTensor(classes))
    for x, c in DataLoader(held, batch_size=32):
        y, m, s = net(x)
        error = F.binary_cross_entropy_with_logits(y, {target}, reduction="sum")
        optimizer.zero_grad()
        (error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(("target", "expected"), [("c", []), ("x", ["VAE403"])])
def test_the_labels_of_scaled_columns_are_not_scaled(target: str, expected: list[str], tmp_path: Path) -> None:
    text = CLASSES.format(end="nn.Identity()", target=target)
    assert codes(linted(tmp_path, {"net.py": text})) == expected
