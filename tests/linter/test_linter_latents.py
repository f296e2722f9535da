"""Noise that is added to something: a posterior is known by its KL, or by a decoder whose output meets the input."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

from vae_checked.linter import LintReport

NETS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, sizes=(21, 6)):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(sizes[0], 40), nn.ReLU())
        self.to_m, self.to_s = nn.Linear(40, sizes[1]), nn.Linear(40, sizes[1])
        self.log_std = nn.Parameter(torch.zeros(sizes[1]))
        self.back = nn.Linear(sizes[1], sizes[0])
        self.register_buffer("rates", torch.linspace(1e-4, 0.03, 700))

{methods}
"""
)
# A mean that is confined, as VAE204 would have it, and noise of the width of a head for std.
NO_POSTERIOR = {
    "an action": """
    def forward(self, state):
        mean, log_std = torch.tanh(self.to_m(self.body(state))), self.to_s(self.body(state))
        action = mean + torch.exp(log_std) * torch.randn_like(mean)
        return action, -0.5 * (((action - mean) / torch.exp(log_std)) ** 2).sum(-1) - log_std.sum(-1)
""",
    "an action that is judged": """
    def forward(self, state):
        mean, log_std = torch.tanh(self.to_m(self.body(state))), self.to_s(self.body(state))
        action = mean + torch.exp(log_std) * torch.randn_like(mean)
        density = -0.5 * (((action - mean) / torch.exp(log_std)) ** 2).sum(-1) - log_std.sum(-1)
        return (0.2 * density - self.back(action).mean(-1)).mean()
""",
    "an action with a spread of its own": """
    def forward(self, state):
        mean = torch.tanh(self.to_m(self.body(state)))
        return self.back(mean + self.log_std.exp() * torch.randn_like(mean))
""",
    "pictures with noise": """
    def forward(self, pictures, t):
        x = torch.sigmoid(pictures)
        rate = self.rates[t].view(-1, 1)
        noise = torch.randn_like(x)
        return F.mse_loss(self.back(self.to_m(self.body(x * (1 - rate).sqrt() + rate.sqrt() * noise))), noise)
""",
    "the denoised picture": """
    def forward(self, pictures, t):
        x = torch.sigmoid(pictures)
        rate = self.rates[t].view(-1, 1)
        noisy = x * (1 - rate).sqrt() + rate.sqrt() * torch.randn_like(x)
        return F.mse_loss(self.back(self.to_m(self.body(noisy))), x)
""",
    "a step back": """
    def forward(self, x, t):
        rate = self.rates[t].view(-1, 1)
        mean = torch.clamp((x - rate * self.back(self.to_m(self.body(x)))) / (1 - rate).sqrt(), -1, 1)
        logvar = torch.log(rate)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(x)
""",
    "latents of another model": """
    def forward(self, vae, pictures, t):
        latents = vae.encode(pictures)
        mean, std = self.schedule.marginal(latents, t)
        return F.mse_loss(self.back(torch.sigmoid(mean) + std * torch.randn_like(mean)), latents)
""",
    "a draw from learned priors": """
    def generate(self, count=5):
        z = torch.randn(count, 21)
        for step in self.steps:
            mu, logvar = torch.chunk(step(z), 2, dim=1)
            z = torch.tanh(mu) + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(z)
""",
    "products of what is drawn and something else": """
    def forward(self, x, edges):
        one = torch.tanh(edges @ (x @ self.weight))
        return (one + torch.exp(edges @ (x @ self.other)) * torch.randn_like(one)) @ self.weight.t()
""",
    "a draw from a learned prior of a class": """
    def generate(self, label):
        h = self.body(torch.cat([label, torch.randn(len(label), 16)], dim=1))
        one, two = torch.tanh(self.to_m(h)), self.to_s(h)
        return self.back(one + torch.exp(0.5 * two) * torch.randn_like(one))
""",
}


@pytest.mark.parametrize("method", NO_POSTERIOR.values(), ids=NO_POSTERIOR)
def test_noise_that_is_no_posterior(method: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NETS.format(methods=method)})
    assert codes(report) == []
    assert all(facts.sampler.noise is None for facts in report.facts)


POSTERIOR = {
    "decoded, of noisy data": """
    def forward(self, x):
        h = self.body(x + 0.1 * torch.randn_like(x))
        one, two = torch.tanh(self.to_m(h)), self.to_s(h)
        return self.back(one + torch.exp(0.5 * two) * torch.randn_like(one)), one, two
""",
    "decoded": """
    def forward(self, x):
        h = self.body(x)
        one, two = torch.tanh(self.to_m(h)), self.to_s(h)
        return self.back(one + torch.exp(0.5 * two) * torch.randn_like(one)), one, two
""",
    "compared": """
    def forward(self, x):
        h = self.body(x)
        one, two = torch.tanh(self.to_m(h)), self.to_s(h)
        z = one + torch.exp(0.5 * two) * torch.randn_like(one)
        density = -0.5 * (((z - one) / torch.exp(0.5 * two)) ** 2).sum(-1)
        return F.mse_loss(self.back(z), x) + self.more(density)
""",
    "products of samples": """
    def forward(self, x, edges):
        one = torch.tanh(edges.mm(x.mm(self.weight)))
        z = one + torch.exp(edges.mm(x.mm(self.other))) * torch.randn(len(x), 7)
        return torch.sigmoid(torch.matmul(z, z.t()))
""",
    "products of samples, by an operator": """
    def forward(self, x, edges):
        one = torch.tanh(edges @ (x @ self.weight))
        z = one + torch.exp(edges @ (x @ self.other)) * torch.randn_like(one)
        return (z @ z.transpose(0, 1)).sigmoid()
""",
    "with a spread of its own, compared": """
    def forward(self, x):
        mu = torch.tanh(self.to_m(self.body(x)))
        std = torch.exp(self.to_s(self.body(x)))
        return F.mse_loss(self.back(mu + std * torch.randn_like(mu)), x)
""",
}


@pytest.mark.parametrize("method", POSTERIOR.values(), ids=POSTERIOR)
def test_what_is_decoded_or_compared_is_one(method: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": NETS.format(methods=method)})) == ["VAE204"]


@pytest.mark.parametrize(("mean", "known"), [("mu", True), ("x", False)])
def test_a_function_of_two_heads_is_told_by_their_names(mean: str, known: bool, tmp_path: Path) -> None:
    text = (
        f"{HEAD}\n\ndef draw({mean}, logvar):\n    return {mean} + torch.exp(0.5 * logvar) * torch.rand_like({mean})\n"
    )
    assert codes(linted(tmp_path, {"draw.py": text})) == (["VAE202"] if known else [])


ROWS = (
    HEAD
    + """

def paint(net, loader):
    means, logvars = zip(*[net.encode(x) for x, _ in loader])
    m, s = torch.cat(means){pick}, torch.cat(logvars){pick}
    return net.back(torch.randn(1, 7) * torch.exp(0.5 * s) + m)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def encode(self, x):
        return self.to_m(x), self.to_s(x)


def run(loader):
    paint(Net(), loader)
"""
)


def test_a_draw_from_the_mean_of_many_inputs_shares_nothing(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": ROWS.format(pick=".mean(0)")})) == []


BLOCKS = (
    HEAD
    + """

class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.fc = nn.Linear(i, o)

    def forward(self, x):
        return F.relu(self.fc(x))


class Net(nn.Module):
    def __init__(self, k=7):
        super().__init__()
        self.trunk = Block(84, 33)
        self.to_m, self.to_s = nn.Linear(33, k), nn.Linear(33, k)
        self.back = nn.Sequential(Block(k, 33), nn.Linear(33, 84))

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), m, s


class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(Block(64, 33), nn.Linear(33, 84))

    def forward(self, noise):
        return self.net(noise)


net, painter = Net(), Painter()


def check():
    return Block(5, 9)(torch.rand(3, 5)), {drawn}
"""
)


def blocks(folder: Path, drawn: str) -> LintReport:
    return linted(folder, {"net.py": BLOCKS.format(drawn=drawn)})


def test_uniform_noise_is_named_where_the_decoder_takes_it(tmp_path: Path) -> None:
    assert codes(blocks(tmp_path, "net.back(torch.rand(11, 7))")) == ["VAE202"]


TRIED = {
    "shown in size": ("z = torch.rand(11, 7)\n    y = net.back(z)\n    print(y.size(), z.shape)", []),
    "shown in shape": ("print(net.back(torch.rand(11, 7)).shape)", []),
    "held to a shape": ("y = net.back(torch.rand(11, 7))\n    assert y.shape == (11, 84)", []),
    "shown": ("z = torch.rand(11, 7)\n    y = net.back(z)\n    print(y.size())\n    plt.imshow(y[0])", ["VAE202"]),
    "put away": ("y = net.back(torch.rand(11, 7))\n    save(y, y.shape)", ["VAE202"]),
}


@pytest.mark.parametrize(("tried", "expected"), TRIED.values(), ids=TRIED)
def test_what_a_decoder_is_tried_with_is_no_draw_from_the_prior(
    tried: str, expected: list[str], tmp_path: Path
) -> None:
    text = BLOCKS.format(drawn="None").replace("def check():\n", f"def check():\n    {tried}\n")
    assert codes(linted(tmp_path, {"net.py": text})) == expected


@pytest.mark.parametrize("name", ["test_net.py", "net_test.py", "tests/test_net.py"])
def test_what_a_test_feeds_to_the_decoder_is_no_draw_from_the_prior(name: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {name: BLOCKS.format(drawn="net.back(torch.rand(11, 7))")})) == []


@pytest.mark.parametrize("name", ["tests/blocks.py", "net/test/blocks.py"])
@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("    return Block(5, 9)", "    assert net.to_m.out_features == 7\n    return Block(5, 9)"),
        ("def check():", "def test_blocks():"),
        ("import torchvision\n", "import torchvision\nimport pytest\n"),
        ("import torchvision\n", "import torchvision\nfrom unittest import TestCase\n"),
    ],
)
def test_a_folder_of_tests_holds_tests_where_they_say_so(name: str, plain: str, written: str, tmp_path: Path) -> None:
    text = BLOCKS.format(drawn="net.back(torch.rand(11, 7))")
    assert plain in text
    assert codes(linted(tmp_path / "a", {name: text.replace(plain, written)})) == []
    assert codes(linted(tmp_path / "b", {name: text})) == ["VAE202"]


ENCODED = """

def search(x, steps):
    start = {start}
    if start.shape[1] != 7:
        start = net.to_m(net.trunk(start))
    for _ in range(steps):
        slope = torch.autograd.grad(net.back(start).sum(), [start])[0]
        start.data += 0.1 * slope
    return net.back(start)
"""


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("torch.rand(x.shape)", []),
        ("torch.rand(11, 7, requires_grad=True)", []),
        ("torch.randn(x.shape)", []),
    ],
)
def test_where_a_search_for_a_latent_starts_is_no_draw_from_the_prior(
    start: str, expected: list[str], tmp_path: Path
) -> None:
    text = BLOCKS.format(drawn="0") + ENCODED.format(start=start)
    assert codes(linted(tmp_path, {"net.py": text})) == expected
    straight = text.replace("    if start.shape[1] != 7:\n        start = net.to_m(net.trunk(start))\n", "")
    assert codes(linted(tmp_path, {"net.py": straight})) == (["VAE202"] if start == "torch.rand(x.shape)" else [])


def test_a_block_of_another_model_is_no_decoder(tmp_path: Path) -> None:
    assert codes(blocks(tmp_path, "painter(torch.rand(11, 64))")) == []
