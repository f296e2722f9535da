"""A picture that transforms leave one: a tensor is made of it where code asks whether it is one yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, SQUASHED, codes, linted
from small_vaes.fragments import LAYERS_FORWARD as FORWARD

DATA = """
from PIL import Image
from torchvision import transforms
from torchvision.transforms.functional import to_tensor


class Faces(Dataset):
    def __init__(self, files, transform=None):
        self.files, self.transform = files, transform
        self.to_tensor = to_tensor

    def __getitem__(self, place):
        image = Image.open(self.files[place]).convert("RGB")
        if self.transform is not None:
            image = self.transform(image)
        {made}
        return image


data = Faces(["one.png"], transforms.Compose([{steps}]))
"""
TRAINING = f"""
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(data, batch_size=32):
    x = x.flatten(1)
    y, m, s = net(x)
    loss = (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
ASKED = "if not isinstance(image, torch.Tensor):\n            image = self.to_tensor(image)"
STEPS = {
    "none": "",
    "geometric": "transforms.Resize((64, 48)), transforms.RandomHorizontalFlip()",
    "of colours": "transforms.RandomAutocontrast(), transforms.Grayscale()",
    "at random": "transforms.RandomApply([transforms.ColorJitter(0.2)]), transforms.CenterCrop(48)",
    "tensors": "transforms.Resize((64, 48)), transforms.ToTensor()",
}


def found(steps: str, made: str, folder: Path) -> list[str]:
    text = HEAD + SQUASHED + FORWARD + DATA.format(made=made, steps=steps) + TRAINING
    return codes(linted(folder, {"train.py": text}))


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_a_picture_is_made_a_tensor_of_where_it_is_none(steps: str, tmp_path: Path) -> None:
    assert found(steps, ASKED, tmp_path) == []


@pytest.mark.parametrize(
    ("steps", "made"),
    [
        (
            "transforms.Resize((64, 48)), transforms.PILToTensor()",
            ASKED.replace("image = self", "pass  # image = self"),
        ),
        ("transforms.Resize((64, 48))", "image = torch.from_numpy(np.array(image)).float()"),
        ("transforms.PILToTensor(), transforms.Resize((64, 48))", "image = image.float()"),
    ],
    ids=["bytes of a tensor", "bytes of an array", "bytes of a tensor that is resized"],
)
def test_bytes_that_nothing_divides_are_named(steps: str, made: str, tmp_path: Path) -> None:
    assert found(steps, made, tmp_path) == ["VAE104"]
