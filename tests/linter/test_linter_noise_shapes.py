"""The shape in which noise is drawn: broadcast against the heads it is shared, where training says it may not be."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

TRAINED = (
    HEAD
    + "from torch.distributions import Normal\n"
    + MODEL
    + FORWARD.replace("torch.randn_like(s)", "{noise}")
    + """
    def width(self):
        return self.settings.width

{method}

def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {kl}
        loss.mean().backward()
"""
)
SHARED = [
    "torch.randn(s.shape[1])",
    "torch.randn(s.shape[1:])",
    "torch.randn(*s.shape[1:])",
    "torch.randn(*s.shape[1:2])",
    "torch.randn((1,) + s.shape[1:])",
    "torch.randn(s.shape[1:][0])",
    "torch.randn(*s.shape[:1], 1)",
    "torch.randn(7)",
    "torch.randn(1, 7)",
    "torch.randn(7).view(1, -1)",
    "torch.randn(self.width())",
    "torch.randn((self.settings.width,))",
    "torch.normal(torch.zeros(self.settings.width), 1.0)",
    "torch.normal(torch.zeros(7), torch.ones(7))",
    "torch.normal(mean=torch.tensor([0 for i in range(s.shape[1])]).float(), std=1)",
    "torch.normal(0.0, 1.0, size=(s.size(1),))",
    "torch.Tensor(np.random.normal(size=(self.settings.width), scale=1.0)).cuda()",
    "torch.from_numpy(np.random.randn(7)).float()",
    "Normal(0.0, 1.0).sample(m.shape[1:])",
    "Normal(torch.zeros(7), torch.ones(7)).sample()",
    "Normal(torch.zeros(7), torch.ones(7)).sample((1,))",
    "torch.zeros(7).normal_()",
    "torch.empty(self.settings.width).normal_(mean=0, std=1)",
    "torch.empty((1, self.settings.width)).normal_()",
    "torch.empty_like(s[:1]).normal_(0.0, 1.0)",
]
OWN = [
    "torch.randn((5,) + s.shape)",
    "torch.randn((self.settings.draws + 1,) + s.size())",
    "torch.randn(torch.Size([5]) + s.shape)",
    "torch.randn(s.shape[:-1] + (7,))",
    "torch.randn(tuple(int(n) for n in s.shape))",
    "torch.randn(s.numel()).reshape(s.shape)",
    "torch.randn(s.shape[0] * s.shape[1]).view(s.shape[0], -1)",
    "torch.randn(s.shape[0] * 7).view(-1, 7)",
    "torch.randn(s.shape[1], s.shape[0]).t()",
    "torch.randn((1, m.size()[0], m.size()[1]))[0]",
    "torch.randn((1, m.size(0), m.size(1)))",
    "torch.randn(1, *m.shape)",
    "torch.randn(3, m.shape[0], 7)",
    "torch.randn(*m.size())",
    "torch.randn(*m.shape)",
    "torch.randn(*m.shape[:2])",
    "torch.randn(*m.shape[:-1], 7)",
    "torch.randn(tuple(m.shape))",
    "torch.randn(m.shape[0], m.shape[1])",
    "torch.randn(len(m), 7)",
    "torch.randn(x.size(0), self.settings.width)",
    "torch.normal(torch.zeros(m.shape), 1.0)",
    "torch.normal(torch.zeros_like(m), torch.ones_like(m))",
    "torch.normal(0.0, 1.0, size=m.size())",
    "torch.from_numpy(np.random.normal(size=m.shape)).float()",
    "Normal(0.0, 1.0).sample(m.shape)",
    "Normal(torch.tensor([0.0]), torch.tensor([1.0])).sample(m.shape).squeeze(-1)",
    "Normal(torch.zeros(7), torch.ones(7)).sample((m.shape[0],))",
    "Normal(torch.zeros(7), torch.ones(7)).sample(m.shape[:1])",
    "torch.randn(*self.settings.sizes)",
    "torch.empty(*self.settings.sizes).normal_()",
    "torch.empty(widths.of(m)).normal_()",
    "torch.empty_like(m).normal_(0.0, 1.0)",
    "torch.empty(x.size(0), self.settings.width).normal_()",
    "Normal(torch.tensor(0.0), torch.tensor(1.0)).sample(self.settings.sizes)",
    "Normal(0.0, 1.0).sample(widths.of(m))",
    "torch.randn(widths.of(m))",
    "torch.randn(m.shape if self.settings.own else widths.of(m))",
    "torch.randn((widths.padded(m) if self.settings.own else m).shape)",
]


@pytest.mark.parametrize("noise", SHARED)
def test_noise_of_fewer_axes_or_of_one_row_is_shared(noise: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TRAINED.format(noise=noise, kl=KL, method="")})) == ["VAE203"]


@pytest.mark.parametrize("noise", OWN)
def test_noise_of_every_sample_is_silent(noise: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": TRAINED.format(noise=noise, kl=KL, method="")})) == []


ONE = """
    def repaint(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * {noise})
"""


@pytest.mark.parametrize("noise", ["torch.randn(1, 7)", "torch.randn(7)", "torch.randn(s.shape[1])"])
def test_what_only_generates_may_draw_for_one_input(noise: str, tmp_path: Path) -> None:
    text = TRAINED.format(noise="torch.randn_like(s)", kl=KL, method=ONE.format(noise=noise))
    assert codes(linted(tmp_path, {"net.py": text})) == []


INNER = """
    def repaint(self, x):
        m, s = self.encode(x)
        return self.painter(m + torch.exp(0.5 * s) * torch.randn(1, 7))


class Painter(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(7, 84)

    def forward(self, z):
        return self.last(z)
"""


def test_the_forward_pass_of_a_decoder_trains_nothing_by_itself(tmp_path: Path) -> None:
    text = TRAINED.format(noise="torch.randn_like(s)", kl=KL, method=INNER)
    whole = text.replace("self.settings = settings", "self.settings, self.painter = settings, Painter()")
    assert "Painter()\n" in whole
    assert codes(linted(tmp_path, {"net.py": whole})) == []


HEADS = {
    "a linear layer over a flattened convolution": "self.to_m(self.trunk(x.flatten(start_dim=1)))",
    "a linear layer over two axes": "self.to_m(self.trunk(x.view(x.size(0), -1)))",
}


@pytest.mark.parametrize("mean", HEADS.values(), ids=HEADS)
def test_the_axes_of_heads_are_told_by_their_layers(mean: str, tmp_path: Path) -> None:
    text = (
        HEAD
        + MODEL
        + f"""
    def forward(self, x):
        m, s = {mean}, {mean.replace("to_m", "to_s")}
        return self.back(m + torch.exp(0.5 * s) * torch.randn(self.settings.width))
"""
    )
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE203"]


SUMMED = (
    HEAD
    + """

def fit(net, loader, width):
    for x, _ in loader:
        m, s = net.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn(width)
        kl = 0.5 * (m.pow(2) + s.exp() - s - 1){summed}
        loss = F.mse_loss(net.decode(z), x) + kl.mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("summed", "expected"), [(".sum(1)", ["VAE203"]), (".sum(axis=1)", ["VAE203"]), (".sum(-1)", []), ("", [])]
)
def test_the_axes_that_a_kl_is_summed_over_tell_how_many_there_are(
    summed: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": SUMMED.format(summed=summed)})
    assert [code for code in codes(report) if code == "VAE203"] == expected


SET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, seen=84, latents=1, rows=1):
        super().__init__()
        self.latents, self.rows = latents, rows
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * {noise}), m, s


def fit(loader, optimizer):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="none").sum(1) + (-0.5 * (1 + s - m.pow(2) - s.exp())).sum(1)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        ("torch.randn(x.shape[0], self.latents)", []),
        ("torch.randn(self.rows, self.latents)", []),
        ("torch.empty((x.size(0), self.latents)).normal_(0, 1)", []),
        ("torch.normal(0, 1, (x.size(0), self.latents))", []),
        ("torch.normal(0.0, 1.0, size=(self.rows, self.latents))", []),
        ("torch.randn(x.shape[0], 1)", ["VAE203"]),
        ("torch.randn(torch.Size([1, self.latents]))", ["VAE203"]),
        ("torch.empty((x.size(0), 1)).normal_(0, 1)", ["VAE203"]),
    ],
)
def test_a_size_that_is_set_to_1_is_that_of_the_heads_too(noise: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SET.format(noise=noise)})) == expected


@pytest.mark.parametrize(("rows", "expected"), [("[1, 84]", []), ("[3, 84]", ["VAE203"])])
def test_a_draw_for_the_one_row_that_is_made_here(rows: str, expected: list[str], tmp_path: Path) -> None:
    text = TRAINED.format(noise="torch.randn_like(s)", kl=KL, method="")
    check = f"""

def check():
    net, x = Net(), torch.rand({rows})
    m, s = net.encode(x)
    y = net.back(m + torch.exp(0.5 * s) * torch.randn(1, 7))
    loss = (F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}).mean()
    loss.backward()
"""
    assert codes(linted(tmp_path, {"net.py": text + check})) == expected


HALVES = SET.replace(
    "self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents),",
    "self.both, self.back = nn.Linear(seen, 2 * latents),",
).replace("m, s = self.to_m(x), self.to_s(x)", "h = self.both(x)\n        m, s = {halves}")


@pytest.mark.parametrize("size", ["self.rows", "rows"])
@pytest.mark.parametrize(("latents", "expected"), [(1, []), (6, ["VAE203"])])
def test_a_size_that_is_set_to_1_beside_more_latents_is_shared(
    size: str, latents: int, expected: list[str], tmp_path: Path
) -> None:
    text = SET.format(noise=f"torch.randn(x.shape[0], {size})").replace("latents=1", f"latents={latents}")
    assert (
        codes(linted(tmp_path, {"net.py": text.replace("def forward(self, x):", "def forward(self, x, rows=1):")}))
        == expected
    )


@pytest.mark.parametrize("halves", ["h[:, : self.latents], h[:, self.latents :]", "h.chunk(2, dim=1)"])
@pytest.mark.parametrize(("latents", "expected"), [(1, []), (6, ["VAE203"])])
def test_the_latents_of_halves_are_half_of_the_layers(
    halves: str, latents: int, expected: list[str], tmp_path: Path
) -> None:
    text = HALVES.format(noise="torch.randn(x.shape[0], self.rows)", halves=halves)
    assert codes(linted(tmp_path, {"net.py": text.replace("latents=1", f"latents={latents}")})) == expected


STEPS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.heads, self.back = nn.LSTM(31, 13, batch_first=True), nn.Linear(13, 14), nn.Linear(7, 31)

    def forward(self, x):
        m, s = self.heads(self.body(x)[0]).chunk(2, dim=-1)
        z = m + torch.exp(0.5 * s) * {noise}
        return self.back(z), m, s


def fit(loader):
    net = Net()
    for x in loader:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("noise", "clean"),
    [
        ("torch.randn(m.size(0), 1, 7)", False),
        ("torch.randn(m.size(0), m.size(1), 1)", False),
        ("torch.randn(m.size(0), m.size(1), 7)", True),
        ("torch.randn(m.shape)", True),
    ],
)
def test_one_draw_for_all_steps_is_not_called_clean(noise: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": STEPS.replace("{noise}", noise)})
    assert any(facts.sampler.noise and facts.kl.form for facts in report.facts)
    assert any("VAE203" in judgement.clean for judgement in report.judgements) is clean
