"""What looks like the batch and is another axis or count: steps in front, modalities in a list, stacked columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LAYERS, MODEL, codes, linted

IMPORTED = HEAD + "from torch.distributions import Normal, kl_divergence\n"
OVER_TIME = (
    IMPORTED
    + """

class Net(nn.Module):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(seen, latents), nn.Linear(seen, latents)
        self.back = nn.Linear(latents, seen)

    def forward(self, frames):
        ms, ss, zs = [], [], []
        for frame in frames.unbind(1):
            m, s = self.to_m(frame), self.to_s(frame)
            ms.append(m)
            ss.append(s)
            zs.append(m + torch.exp(0.5 * s) * torch.randn_like(m))
        return [torch.stack(each, dim={axis}) for each in (zs, ms, ss)]


def fit(loader):
    net = Net()
    for x in loader:
        z, m, s = net(x)
        error = F.mse_loss(net.back(z), x, reduction='none').mean(0).sum()
        kl = {kl}.mean(dim=0).sum()
        (error + kl).backward()
"""
)
PER_LATENT = "(-0.5 * (1 + s - m.pow(2) - s.exp()))"


@pytest.mark.parametrize(
    ("axis", "kl"),
    [(1, PER_LATENT), (-2, PER_LATENT)],
    ids=["behind the batch", "before the last"],
)
def test_what_is_stacked_behind_the_batch_leaves_that_in_front(axis: int, kl: str, tmp_path: Path) -> None:
    text = OVER_TIME.format(axis=axis, kl=kl)
    assert codes(linted(tmp_path, {"net.py": text})) == []


STEPS_IN_FRONT = (
    IMPORTED
    + """

class Net(nn.Module):
    def __init__(self, seen=33, latents=7):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(seen, latents), nn.Linear(seen, latents)
        self.back = nn.Linear(latents, seen)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), m[-1], s[-1]


def fit(loader):
    net = Net()
    for x in loader:
        y, m, s = net(x)
        error = -Normal(y, 1.0).log_prob(x).sum(dim={axes}).mean(dim=0)
        kl = kl_divergence(Normal(m, torch.exp(0.5 * s)), Normal(torch.zeros_like(m), 1.0)).sum(dim=1).mean(dim=0)
        (error + kl).backward()
"""
)


@pytest.mark.parametrize("axes", ["(0, 2)", "(0, -1)", "(2, 0)"])
def test_an_axis_that_a_sum_leaves_between_others_may_be_the_batch(axes: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": STEPS_IN_FRONT.format(axes=axes)})) == []


OF_SEVERAL = (
    HEAD
    + MODEL
    + FORWARD
    + """
    def loss(self, xs, ys):
        y, m, s = self(torch.cat(xs, dim=1))
        error = 0.0
        for wanted, part in zip(ys, y.chunk(2, dim=1)):
            error += F.mse_loss(part, wanted, reduction="none").sum(dim=1).mean()
        error /= {count}
        kl = {kl}
        return error + kl.mean()


def fit(loader, net: Net):
    for x, y in loader:
        net.loss(x, y).backward()
"""
)


@pytest.mark.parametrize(("count", "expected"), [("len(ys)", []), ("ys[0].shape[0]", ["VAE504"])])
def test_the_number_of_modalities_is_no_batch_size(count: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": OF_SEVERAL.format(count=count, kl=KL)})) == expected


SHOWN = (
    IMPORTED
    + MODEL
    + FORWARD
    + """

def fit(loader):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        kl = {kl}
        {shown}
        loss = weighed(F.mse_loss(y, x, reduction="none").sum(1), kl)
        loss.mean().backward()
"""
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("print(tracked(kl, y).peak.flatten(start_dim=1).sum(1).mean(0))", []),
        ("print(kl.sum().mean(0))", ["VAE304"]),
    ],
    ids=["of what is unread", "of the KL"],
)
def test_a_mean_of_what_an_unread_call_makes_of_a_kl(shown: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SHOWN.format(kl=KL, shown=shown)})
    assert [code for code in codes(report) if code == "VAE304"] == expected


SPLIT = (
    HEAD
    + "from sklearn.model_selection import train_test_split\n"
    + MODEL
    + FORWARD
    + """

def fit(data, loader):
    seen, held = train_test_split(data, test_size=0.2)
    net = Net()
    for x, _ in loader:
        y, m, s = net({given})
        error = F.mse_loss(y, {given}, reduction="sum")
        kl = {kl}
        loss = error + {weight} * kl.sum()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("weight", "given", "expected"),
    [
        ("(1 / seen.shape[0])", "x", []),
        ("(1 / x.shape[0])", "x", ["VAE504"]),
        ("(1 / seen.shape[0])", "seen", ["VAE504"]),
    ],
    ids=["of all data", "of the batch", "of data that are the batch"],
)
def test_the_number_of_all_data_is_no_batch_size(weight: str, given: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": SPLIT.format(weight=weight, given=given, kl=KL)})) == expected


BY_LEVEL = (
    HEAD
    + MODEL
    + FORWARD
    + """

def fit(loader, table):
    net = Net()
    for x, _ in loader:
        y, m, s = net(x)
        weighed = torch.zeros(1)
        weighed[0] = {weight} * {kl}.sum()
        loss = F.mse_loss(y, x, reduction="sum") + torch.sum(weighed)
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [("levels_of(table)[0]", []), ("torch.sigmoid(net.to_m(net.trunk(x)))", ["VAE304"])],
    ids=["an entry that is not read", "a gate for each sample"],
)
def test_a_weight_that_is_not_read_hands_no_total_to_samples(weight: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": BY_LEVEL.format(weight=weight, kl=KL)})) == expected


SAMPLES = (
    HEAD
    + """from torch.distributions import Normal, kl_divergence

to_m, to_s, back, wide = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84), nn.Linear(7, 84)


def step(x, count):
    q = Normal(to_m(x), torch.exp(0.5 * to_s(x)))
    z = q.rsample({shape})
    fits = Normal(back(z), torch.exp(wide(z))).log_prob({given})
    kl = kl_divergence(q, Normal(torch.zeros(7), torch.ones(7))).mean(dim=0).sum()
    (kl - {reduced}).backward()
"""
)


@pytest.mark.parametrize(
    ("shape", "given", "reduced", "expected"),
    [
        ("(count,)", "x.unsqueeze(0)", "fits.mean(dim=0).mean(dim=0).sum()", []),
        ("(count,)", "x[None]", "fits.mean(dim=0).mean(dim=0).sum()", []),
        ("", "x", "fits.mean(dim=0).mean(dim=0)", ["VAE502"]),
    ],
)
def test_an_axis_of_samples_is_put_before_the_batch(
    shape: str, given: str, reduced: str, expected: list[str], tmp_path: Path
) -> None:
    text = SAMPLES.format(shape=shape, given=given, reduced=reduced)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


def test_what_is_added_up_over_the_batch_together_shows_no_exchanged_axes(tmp_path: Path) -> None:
    loss = """
    def loss(self, x):
        m, s = self.encode(x)
        q = Normal(m, torch.exp(0.5 * s))
        z = q.rsample((5,)).transpose(0, 1)
        error = -Normal(self.back(z), 1.0).log_prob(x.unsqueeze(1)){error}
        kl = kl_divergence(q, Normal(0, 1)).mean(dim=-1)
        return (kl + error).sum()
"""
    for error in (".mean(dim=-1).mean(dim=-1)", ".mean(dim=1).sum(dim=-1)"):
        assert "VAE501" not in codes(linted(tmp_path, {"net.py": IMPORTED + MODEL + loss.format(error=error)}))
    assert codes(linted(tmp_path, {"net.py": IMPORTED + MODEL + loss.format(error=".mean(dim=-1).mean(dim=-1)")})) == []


def test_a_function_that_is_run_for_each_row_has_axes_of_a_row(tmp_path: Path) -> None:
    loss = f"""
    def loss(self, x):
        y, m, s = self(x)
        return {{error}} + ({KL}).mean()
"""
    mapped = "torch.vmap(lambda one, other: ((one - other) ** 2).sum())(y, x).mean()"
    whole = "((lambda one, other: ((one - other) ** 2).sum())(y, x)).mean()"
    for error, expected in ((mapped, []), (whole, ["VAE504"])):
        assert codes(linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + loss.format(error=error)})) == expected


OWNED = (
    HEAD
    + MODEL
    + FORWARD
    + """

class Fitting:
    def __init__(self, net):
        self.net = net

    def fit(self, loader):
        for x, _ in loader:
            given = {given}
            y, m, s = self.net(given)
            error = F.mse_loss(y, given, reduction="sum")
            kl = {kl}
            loss = error + {weight} * kl.sum()
            loss.backward()


Fitting(Net()).fit(open_data())
"""
)


@pytest.mark.parametrize(
    ("weight", "given", "expected"),
    [
        ("(1 / len(self.seen))", "x", []),
        ("(1 / len(self.folds[0]))", "x", []),
        ("(1 / len(x))", "x", ["VAE504"]),
        ("(1 / len(self.seen))", "self.seen", ["VAE504"]),
    ],
    ids=["of all data", "of a part of the data", "of the batch", "of data that are the batch"],
)
def test_the_length_of_what_an_object_keeps_from_elsewhere(
    weight: str, given: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": OWNED.format(weight=weight, given=given, kl=KL)})) == expected


COUNTED = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        kl = -0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(m)), kl


def fit(loader):
    net = Net()
    for x, _ in loader:
        y, kl = net(x)
        loss = (0.5 * torch.square(x - y).sum({axes}) + kl).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("list(range(x.dim()))[1:]", []),
        ("tuple(range(x.ndim))[1:]", []),
        ("[at for at in range(x.ndim)][1:]", []),
        ("sorted(range(x.dim()))[1:]", []),
        ("list(range(2))[1:]", []),
        ("list(range(2))", ["VAE504"]),
        ("", ["VAE504"]),
    ],
)
def test_what_is_left_of_axes_that_are_counted_is_not_none(axes: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": COUNTED.format(axes=axes)})) == expected


COUNTS = (
    HEAD
    + LAYERS
    + """
    def forward(self, x, target):
        m, s = self.to_m(x), self.to_s(x)
        y = self.back(m + s.exp() * torch.randn_like(m))
        count = {count}
        error = F.mse_loss(y, target, reduction="none").sum(1){of_error}
        rate = (-0.5 - s + 0.5 * (s.exp() ** 2 + m ** 2)).sum(1) / count
        return (error + rate).mean()


def fit(loader):
    net = Net()
    for x in loader:
        net((x - 0.3) / 0.7, 2 * x - 1).backward()
"""
)


@pytest.mark.parametrize(
    ("count", "of_error", "expected"),
    [
        ("target[0].numel()", " / count", []),
        ("x[0].numel()", " / count", []),
        ("len(x)", " / count", []),
        ("len(x)", "", ["VAE504"]),
    ],
)
def test_what_one_sample_has_divides_both_terms_alike(
    count: str, of_error: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": COUNTS.format(count=count, of_error=of_error)})) == expected


WEIGHTS = (
    HEAD
    + """
class Drawn(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.mu, self.rho = nn.Parameter(torch.empty(o, i)), nn.Parameter(torch.empty(o, i))

    def forward(self, x):
        return F.linear(x, self.mu + F.softplus(self.rho) * torch.randn_like(self.mu))

    def kl(self):
        sigma = F.softplus(self.rho)
        return (sigma.pow(2) + self.mu.pow(2) - 1 - 2 * sigma.log()).sum() / 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = Drawn(84, 40), Drawn(40, 10)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))

    def kl(self):
        return self.a.kl() + self.b.kl()


def fit(net, {loader}):
    for x, y in {loader}:
        loss = F.cross_entropy(net(x), y, reduction="sum") + net.kl() / len({loader})
        loss.backward()
"""
)


@pytest.mark.parametrize("loader", ["loader", "train_dataloader", "batches"])
def test_a_number_of_batches_is_no_size_of_one(loader: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WEIGHTS.format(loader=loader)})) == []
