"""Ways of writing a VAE that hide its parts: each is recognised, says what is wrong with it, and nothing when right."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.linter.torch_model.functions import HANDLERS

# -------------------------------------------------------------------------------------- axes of length 1

GREY = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d({channels}, 12, 4, 2, 1), nn.ReLU(), nn.Flatten())
        self.to_m = nn.Linear(12 * 5 * 8, 7)
        self.to_s = nn.Linear(12 * 5 * 8, 7)
        self.up = nn.Linear(7, 12 * 5 * 8)
        self.out = nn.ConvTranspose2d(12, {channels}, 4, 2, 1)

    def forward(self, x):
        h = self.down(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return torch.sigmoid(self.out(self.up(z).view(-1, 12, 5, 8))), m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        recon = F.binary_cross_entropy(y, x, reduction="none").sum(dim=[2, 3]).mean()
        loss = recon + ({kl}).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(("channels", "expected"), [(1, []), (3, ["VAE501"])])
def test_a_mean_over_one_channel_is_a_sum(tmp_path: Path, channels: int, expected: list[str]) -> None:
    assert codes(linted(tmp_path, {"net.py": GREY.format(channels=channels, kl=KL)})) == expected


# ------------------------------------------------------------------------ pictures of which nothing is known

PICTURES = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Centred:
    def __call__(self, picture):
        return (picture - 0.5) / 0.5


class Digits(Dataset):
    def __init__(self):
        pixels = torchvision.datasets.MNIST("digits").data.numpy(){scaled}
        self.pixels = torch.from_numpy(np.{added}(pixels, 1)).float()
        self.steps = torchvision.transforms.Compose([torchvision.transforms.Resize(28), Centred()])

    def __getitem__(self, index):
        return self.steps(self.pixels[index])


def fit():
    net = Net()
    for x in DataLoader(Digits(), batch_size=5):
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="none").sum(1) + {kl}
        loss.mean().backward()
"""
)


def test_pictures_that_were_divided_before_are_not_taken_for_bytes(tmp_path: Path) -> None:
    for added in ("expand_dims", "some_wrapper"):
        text = PICTURES.format(scaled=" / 255.0", added=added, kl=KL)
        assert "VAE104" not in codes(linted(tmp_path, {"net.py": text}))


def test_pictures_that_were_not_divided_are_named(tmp_path: Path) -> None:
    assert "VAE104" in codes(linted(tmp_path, {"net.py": PICTURES.format(scaled="", added="expand_dims", kl=KL)}))


# --------------------------------------------------------------------------------- heads behind activations

CONFINED = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        h = self.trunk(x)
        m, s = {mean}, {second}
        return self.back(m + torch.exp({exponent} * s) * std_noise(s)), m, s


def std_noise(like):
    return like.new_tensor(torch.randn(like.size()))


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {kl}
        loss.mean().backward()
"""
)


@pytest.mark.parametrize(
    ("mean", "second", "exponent", "expected"),
    [
        ("self.to_m(h)", "self.to_s(h)", "0.5", []),
        ("torch.tanh(self.to_m(h))", "torch.tanh(self.to_s(h))", "0.5", ["VAE204"]),
        ("F.relu(self.to_m(h))", "F.relu(self.to_s(h))", "0.5", ["VAE204"]),
        ("torch.tanh(self.to_m(h))", "torch.tanh(self.to_s(h))", "1.0", ["VAE201", "VAE204"]),
    ],
)
def test_a_kl_is_read_behind_an_activation_on_both_heads(
    tmp_path: Path, mean: str, second: str, exponent: str, expected: list[str]
) -> None:
    text = CONFINED.format(mean=mean, second=second, exponent=exponent, kl=KL)
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == expected
    assert any(facts.kl.form is not None and facts.sampler.std is not None for facts in report.facts)


# ------------------------------------------------------------------------------- losses that stand elsewhere

LOSSES = """
    def forward(self, x, **options):
        m, s = self.encode(x)
        return (m, s), self.back(m + torch.exp({exponent} * s) * torch.randn_like(s))

{methods}
"""
APART = """
    def reconstruction_loss(self, x_hat, x):
        return nn.BCELoss(size_average=False)(x_hat, x) / x.size(0)

    def kl_divergence_loss(self, mean, logvar):
        return ({kl}).mean()
"""
STATIC = """
    @staticmethod
    def loss_function(x_hat, x, mean, logvar, beta=3.0):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + beta * ({kl}).sum()
"""
OPTIONS = """
    def loss(self, x_hat, x, mean, logvar, **options):
        if "weight" not in options.keys():
            raise AttributeError("a weight is wanted")
        return F.binary_cross_entropy(x_hat, x, reduction="sum") + options["weight"] * ({kl}).sum()
"""
RELU_LAST = "nn.Linear(33, 84), nn.ReLU(), nn.Sigmoid()"


@pytest.mark.parametrize("methods", [APART, STATIC, OPTIONS])
@pytest.mark.parametrize(("exponent", "expected"), [("0.5", []), ("1.0", ["VAE201"])])
def test_losses_of_a_model_are_given_its_outputs(
    tmp_path: Path, methods: str, exponent: str, expected: list[str]
) -> None:
    written = methods.format(kl="-0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(), dim=1)")
    report = linted(tmp_path, {"net.py": HEAD + MODEL + LOSSES.format(exponent=exponent, methods=written)})
    assert codes(report) == expected
    assert any(facts.recon.kind is not None and facts.output.interval is not None for facts in report.facts)


@pytest.mark.parametrize("methods", [APART, STATIC, OPTIONS])
def test_the_output_of_a_model_is_seen_by_its_reconstruction_loss(tmp_path: Path, methods: str) -> None:
    model = MODEL.replace("nn.Linear(33, 84), nn.Sigmoid()", RELU_LAST)
    written = methods.format(kl="-0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(), dim=1)")
    text = HEAD + model + LOSSES.format(exponent="0.5", methods=written)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE406"]


SCRIPT = """
import torch
from net import Net
from training import fit

if __name__ == "__main__":
    torch.manual_seed(3)
    fit(Net(), torch.load("batches.pt"))
"""
TRAINING = """
import torch


def fit(model, loader):
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        (m, s), x_hat = model(x)
        loss = model.kl_divergence_loss(m, s){reduced} + model.reconstruction_loss(x_hat, x)
        loss.backward()
        optimizer.step()
"""


@pytest.mark.parametrize(("kl", "expected"), [(".sum(1).mean()", []), (".mean()", ["VAE503"])])
@pytest.mark.parametrize("folder", ["", "parts/"])
def test_a_script_says_which_model_is_trained(tmp_path: Path, kl: str, expected: list[str], folder: str) -> None:
    methods = APART.format(kl="0.5 * (mean ** 2 + logvar.exp() - 1 - logvar)").replace(").mean()", ")")
    net = HEAD + MODEL + LOSSES.format(exponent="0.5", methods=methods)
    files = {f"{folder}net.py": net, "training.py": TRAINING.format(reduced=kl), "main.py": SCRIPT}
    assert codes(linted(tmp_path, files)) == expected


def test_two_files_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    methods = APART.format(kl="0.5 * (mean ** 2 + logvar.exp() - 1 - logvar)").replace(").mean()", ")")
    net = HEAD + MODEL + LOSSES.format(exponent="0.5", methods=methods)
    files = {"a/net.py": net, "b/net.py": net, "training.py": TRAINING.format(reduced=".mean()"), "main.py": SCRIPT}
    assert codes(linted(tmp_path, files)) == []


# ------------------------------------------------------------------------------- losses put together in a loop

LOOPED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(84, 33)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.center, self.spread = nn.Linear(7, 84), nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return (m, s), [(self.center(one), self.spread(one)) for one in z]


def total(x, pairs, heads):
    m, s = heads
    kl = {sign}0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), 1)
{filling}
    return torch.mean(kl + errors)


def fit(loader):
    net = Net()
    for x, _ in loader:
        heads, pairs = net(x)
        loss = total(x, pairs, heads)
        loss.backward()
"""
)
FILLED = """\
    errors = torch.FloatTensor(5).zero_()
    for i, (center, spread) in enumerate(pairs):
        errors[i] = torch.sum(spread) + torch.sum((x[i] - center).pow(2) / (2 * spread.exp()))
"""
STACKED = """\
    errors = torch.stack([torch.sum(s) + torch.sum((x[0] - c).pow(2) / (2 * s.exp())) for c, s in pairs])
"""


@pytest.mark.parametrize("filling", [FILLED, STACKED])
@pytest.mark.parametrize(("sign", "expected"), [("-", []), ("", ["VAE302"])])
def test_the_sign_of_a_kl_beside_errors_of_single_samples(
    tmp_path: Path, filling: str, sign: str, expected: list[str]
) -> None:
    assert codes(linted(tmp_path, {"net.py": LOOPED.format(sign=sign, filling=filling)})) == expected


BINARISED = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        return {last}(self.back[2](torch.relu(m + torch.exp(0.5 * s) * torch.randn_like(s)))), m, s


def fit(loader):
    net = Net()
    for x, _ in loader:
        target = {target}
        y, m, s = net(target)
        loss = F.mse_loss(y, target, reduction="none").sum(1) + {kl}
        loss.mean().backward()
"""
)


@pytest.mark.parametrize("target", ["(x > 0.5).float()", "torch.bernoulli(x)"])
@pytest.mark.parametrize(("last", "expected"), [("torch.sigmoid", []), ("torch.tanh", ["VAE403"])])
def test_what_is_drawn_or_compared_is_zero_or_one(tmp_path: Path, target: str, last: str, expected: list[str]) -> None:
    text = BINARISED.format(last=last, target=target, kl=KL)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


HELD = (
    HEAD
    + MODEL
    + """
        self.noise = torch.distributions.MultivariateNormal(torch.{mean}(7), torch.eye(7))

    def forward(self, x):
        mu, sigma = self.encode(x)
        return self.back(mu + sigma * self.noise.rsample(mu.shape[:1]))
"""
)


@pytest.mark.parametrize(("mean", "expected"), [("zeros", []), ("ones", ["VAE202"])])
def test_noise_of_a_distribution_that_the_model_holds(tmp_path: Path, mean: str, expected: list[str]) -> None:
    text = HELD.format(mean=mean).replace("\n    def encode", "{held}\n    def encode")
    held = text[text.index("        self.noise") : text.index("    def forward")].rstrip() + "\n"
    assert codes(linted(tmp_path, {"net.py": text.replace(held, "").replace("{held}", held)})) == expected


# ---------------------------------------------------------------------------------- calls of every spelling

CALLS = (
    "",
    "x",
    "x, y",
    "x, y, 2, x",
    "None",
    "*x",
    "3",
    "'a'",
    "(1, 2)",
    "[x, y]",
    "x, None",
    "x, (1, 2)",
    "x, 1, True",
)
KEYWORDS = ("input", "other", "dim", "axis", "min", "max", "tensor1", "end", "value", "mean", "loc", "size", "pic")


def test_no_way_of_calling_a_function_ends_the_run(tmp_path: Path) -> None:
    given = [
        f"({call})" for call in (*CALLS, *(f"{name}=x" for name in KEYWORDS), *(f"x, {name}=y" for name in KEYWORDS))
    ]
    names = [f"torch.{name}" for name in HANDLERS]
    names += [f"x.{name}_" for name in ("addcmul", "lerp", "clamp_min", "pow", "sub")]
    names += ["F.mse_loss", "F.kl_div", "torch.normal", "torch.distributions.Normal", "nn.Linear", "nn.BCELoss()"]
    names += ["torchvision.transforms.functional.to_tensor", "torchvision.transforms.Compose", "DataLoader"]
    bodies = (
        f"\n\ndef f{index}(x, y):\n" + "".join(f"    z = torch.randn_like(x)\n    {name}{call}\n" for call in given)
        for index, name in enumerate(names)
    )
    report = linted(tmp_path, {"calls.py": HEAD + "".join(bodies)})
    assert report.files_concerned == 1
    assert report.unread == ()


def test_a_product_is_added_by_keyword(tmp_path: Path) -> None:
    text = (
        HEAD
        + MODEL
        + """
    def forward(self, x):
        m, s = self.encode(x)
        z = torch.addcmul(m, tensor1=torch.exp(s), tensor2=torch.randn_like(s))
        loss = F.binary_cross_entropy(self.back(z), x, reduction="none").sum(1) + {kl}
        return loss.mean()
"""
    ).format(kl=KL)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE201"]
