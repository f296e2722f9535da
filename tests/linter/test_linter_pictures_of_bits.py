"""Pictures that PIL makes of black and white alone: NumPy and a transform take their pixels for 0 and 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, SQUASHED, codes, linted

TRAINED = """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


class Scans(Dataset):
    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        scan = Image.open(self.paths[index]).resize((12, 7)){converted}
        return {taken}.flatten()


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(Scans(["scan.png"]), batch_size=5):
    y, m, s = net(x)
    loss = (F.mse_loss(y, x, reduction="none").sum(1) - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
ARRAY = "torch.from_numpy(np.array(scan)).float()"
TENSOR = "torchvision.transforms.ToTensor()(scan)"
RIGHT = {
    "truth values": ('.convert("1")', ARRAY),
    "by the mode's name": ('.convert(mode="1")', ARRAY),
    "turned": ('.convert("1").rotate(90)', ARRAY),
    "in a tensor": ('.convert("1")', TENSOR),
    "by way of grey": ('.convert("L").convert("1")', ARRAY),
    "grey again": ('.convert("1").convert("L")', f"({ARRAY} / 255)"),
    "grey again, in a tensor": ('.convert("1").convert("L")', TENSOR),
    "grey": ('.convert("L")', f"({ARRAY} / 255)"),
}
WRONG = {
    "truth values, divided": ('.convert("1")', f"({ARRAY} / 255)"),
    "grey again": ('.convert("1").convert("L")', ARRAY),
    "grey": ('.convert("L")', ARRAY),
    "in a tensor, divided": ('.convert("1")', f"({TENSOR} / 255)"),
}


def text_of(converted: str, taken: str) -> str:
    trained = TRAINED.format(converted=converted, taken=taken)
    return f"{HEAD}from PIL import Image\n{SQUASHED}{trained}"


@pytest.mark.parametrize(("converted", "taken"), RIGHT.values(), ids=RIGHT)
def test_pixels_of_bits_lie_where_the_output_does(converted: str, taken: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": text_of(converted, taken)})
    assert codes(report) == []
    assert any("VAE104" in each.clean for each in report.judgements)


@pytest.mark.parametrize(("converted", "taken"), WRONG.values(), ids=WRONG)
def test_pixels_on_another_scale_are_named(converted: str, taken: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": text_of(converted, taken)})) == ["VAE104"]
