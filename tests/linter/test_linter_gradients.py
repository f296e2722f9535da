"""The gradient through z: blocked only where every use of z that trains something was read and is blocked."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, LAYERS, MODEL, TRUNK, codes, linted

TRAINER = (
    HEAD
    + """from torch.distributions import Normal


class Net(nn.Module):
    def __init__(self, painter):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)
        self.judge, self.back = nn.Linear(7, 3), nn.Linear(7, 84)
        self.painter = painter

    def forward(self, x):
        h = self.trunk(x)
        return self.to_m(h), self.to_s(h)

    def step(self, x, y):
        m, s = self(x)
        {draw}
        kl = {kl}
        side = F.cross_entropy(self.judge(z.detach()), y)
        {use}
        return loss


def fit(loader, painter):
    net = Net(painter)
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in loader:
        loss = net.step(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
DRAW = "z = m + torch.exp(0.5 * s) * torch.randn_like(s)"
SAMPLE = "z = Normal(m, torch.exp(0.5 * s)).sample()"
SQUARES = "F.mse_loss(self.back({}), x, reduction='none').sum(1).mean()"
USES = {
    "an error that is read": (DRAW, f"loss = side + kl.mean() + {SQUARES.format('z')}", []),
    "an error of whole numbers": (DRAW, f"loss = side + kl.mean() + {SQUARES.format('z.long().float()')}", ["VAE206"]),
    "an error of a number's other type": (DRAW, f"loss = side + kl.mean() + {SQUARES.format('z.double()')}", []),
    "an error that is read, cut": (DRAW, f"loss = side + kl.mean() + {SQUARES.format('z.detach()')}", ["VAE206"]),
    "an error that is not read": (DRAW, "loss = side + kl.mean() + self.painter.error(x, z)", []),
    "one in a dict": (DRAW, "loss = side + kl.mean() + self.painter.error(x, {'at': z})", []),
    "one in a dict of keywords": (DRAW, "loss = side + kl.mean() + self.painter.error(x, **dict(at=z))", []),
    "one of a distribution": (
        DRAW,
        "loss = side + kl.mean() + self.painter.error(x, Normal(z, torch.ones_like(z)))",
        [],
    ),
    "one that is not read, cut": (DRAW, "loss = side + kl.mean() + self.painter.error(x, z.detach())", ["VAE206"]),
    "terms in a dict": (
        DRAW,
        "terms = {'a': side, 'b': kl.mean(), 'c': self.painter.error(x, z)}\n        loss = sum(terms.values())",
        [],
    ),
    "shown beside a cut": (
        DRAW,
        f"self.last = self.painter.show(z)\n        loss = side + kl.mean() + {SQUARES.format('z.detach()')}",
        [],
    ),
    "no gradient in the draw": (SAMPLE, f"loss = side + kl.mean() + {SQUARES.format('z')}", ["VAE206"]),
    "none in the draw, the mean decoded": (
        SAMPLE,
        f"loss = side + kl.mean() + {SQUARES.format('m')} + {SQUARES.format('z')}",
        [],
    ),
    "a second draw with a gradient": (
        f"{SAMPLE}\n        w = Normal(m, torch.exp(0.5 * s)).rsample()",
        f"loss = side + kl.mean() + {SQUARES.format('z')} + self.painter.error(x, w)",
        [],
    ),
    "a draw under no_grad": (
        f"with torch.no_grad():\n            {DRAW}",
        f"loss = side + kl.mean() + {SQUARES.format('z')}",
        ["VAE206"],
    ),
    "the width under no_grad": (
        "with torch.inference_mode():\n            w = torch.exp(0.5 * s)\n        z = m + w * torch.randn_like(s)",
        f"loss = side + kl.mean() + {SQUARES.format('z')}",
        ["VAE206"],
    ),
    "a width that is bounded in place under no_grad": (
        "with torch.no_grad():\n            s.clamp_(-9, 9)\n        z = m + torch.exp(0.5 * s) * torch.randn_like(s)",
        f"loss = side + kl.mean() + {SQUARES.format('z')}",
        [],
    ),
    "a bounded width under no_grad": (
        "with torch.no_grad():\n            w = s.clamp(-9, 9)\n        z = m + torch.exp(w) * torch.randn_like(s)",
        f"loss = side + kl.mean() + {SQUARES.format('z')}",
        ["VAE206"],
    ),
    "eps alone under no_grad": (
        "with torch.no_grad():\n            e = torch.randn_like(s)\n        z = m + torch.exp(0.5 * s) * e",
        f"loss = side + kl.mean() + {SQUARES.format('z')}",
        [],
    ),
    "a use under no_grad alone": (
        DRAW,
        f"with torch.no_grad():\n            side = side + {SQUARES.format('z')}\n        loss = side + kl.mean()",
        ["VAE206"],
    ),
    "another use under no_grad": (
        f"{DRAW}\n        with torch.no_grad():\n            w = {SQUARES.format('z')}",
        f"loss = w + kl.mean() + {SQUARES.format('z')}",
        [],
    ),
    "heads without gradient and no KL": (
        f"with torch.no_grad():\n            m, s = self(x)\n        {DRAW}",
        SQUARES.format("z").join(("loss = side + ", "")),
        [],
    ),
    "its size alone beside a cut": (
        DRAW,
        f"loss = side + kl.mean() / z.shape[1] + {SQUARES.format('z.detach()')}",
        ["VAE206"],
    ),
}


@pytest.mark.parametrize(("draw", "use", "expected"), USES.values(), ids=USES)
def test_uses_of_a_sample(draw: str, use: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINER.format(draw=draw, use=use, kl=KL)})
    assert [code for code in codes(report) if code == "VAE206"] == expected


def test_the_line_that_stops_the_gradient_is_shown(tmp_path: Path) -> None:
    use = f"loss = side + kl.mean() + {SQUARES.format('z.detach()')}"
    text = TRAINER.format(draw=DRAW, use=use, kl=KL)
    finding = next(found for found in linted(tmp_path, {"net.py": text}).findings if found.code == "VAE206")
    lines = text.splitlines()
    (stopped,) = (related.place for related in finding.related if related.message == "the gradient stops here")
    assert stopped is not None
    assert "z.detach()" in lines[stopped.line - 1]
    assert finding.fix == f"leave the gradient to z: z.detach() at {stopped} has none"


DRAWN = """
    @torch.no_grad()
    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        h = self.trunk(x)"""


def test_a_function_under_no_grad_hands_on_no_gradient(tmp_path: Path) -> None:
    use = f"loss = kl.mean() + {SQUARES.format('z')}"
    text = TRAINER.format(draw="z = self.draw(m, s)", use=use, kl=KL)
    decorated = text.replace("\n    def forward(self, x):\n        h = self.trunk(x)", DRAWN)
    assert codes(linted(tmp_path, {"net.py": decorated})) == ["VAE206"]
    (tmp_path / "net.py").write_text(decorated.replace("    @torch.no_grad()\n", ""))
    assert codes(linted(tmp_path, {})) == []


CHECK = """

def check(loader, painter):
    net = Net(painter)
    with torch.no_grad():
        for x, y in loader:
            loss = net.step(x, y)
    for x, y in loader:
        with torch.no_grad():
            m, s = net(x)
            out = net.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        loss = F.mse_loss(out, x, reduction="none").sum(1).mean() + ({kl}).mean()
    return loss
"""


def test_evaluation_under_no_grad_needs_no_gradient(tmp_path: Path) -> None:
    text = TRAINER.format(draw=DRAW, use=f"loss = kl.mean() + {SQUARES.format('z')}", kl=KL)
    assert codes(linted(tmp_path, {"net.py": text + CHECK.format(kl=KL)})) == []


PARTS = """

def fit(loader, net, painter):
    for x, y in loader:
        m, s = net(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        value = F.mse_loss(net.judge(z.detach()), y)
        loss = value + ({kl}).mean() + painter(z).log_prob(x).sum(-1).neg().mean()
        loss.backward()
"""


def test_a_side_path_is_not_the_reconstruction(tmp_path: Path) -> None:
    """A mean beside a summed KL says nothing where the term is no reconstruction of z."""
    assert codes(linted(tmp_path, {"net.py": HEAD + PARTS.format(kl=KL)})) == []


UNREAD = (
    HEAD
    + """

def fit(net, loader):
    for x, y in loader:
        m, s, z = net.observe(x)
        value = F.mse_loss(net.judge({given}), y)
        loss = value + ({kl}).mean() - net.back(z).log_prob(x).sum(-1).mean()
        loss.backward()
"""
)


def test_nor_is_it_where_the_model_is_not_read(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": UNREAD.format(kl=KL, given="z.detach()")})) == []


CACHED = """
    def redraw(self, m, s, x, y):
        z = Normal(m, torch.exp(0.5 * s)).sample()
        return F.mse_loss(self.back(z), x) + F.cross_entropy(self.judge(z), y)


def fit(loader, painter):
"""


def test_heads_that_are_handed_over_may_need_no_gradient(tmp_path: Path) -> None:
    use = f"loss = side + kl.mean() + {SQUARES.format('z')}"
    text = TRAINER.format(draw=DRAW, use=use, kl=KL).replace("\n\ndef fit(loader, painter):\n", CACHED)
    assert "redraw" in text
    assert "VAE206" not in codes(linted(tmp_path, {"net.py": text}))


HANDED_ON = (
    HEAD
    + """

def step(net, x, y, drawn):
    h = net.trunk(x)
    m, s = net.to_m(h), net.to_s(h)
    z = m + torch.exp(0.5 * s) * torch.randn_like(s)
    loss = F.mse_loss(net.judge(z.detach()), y, reduction="none").sum(1).mean() + ({kl}).mean()
    return {handed}, loss
"""
)


@pytest.mark.parametrize(
    ("handed", "expected"),
    [
        ("z", []),
        ("z if drawn else m", []),
        ("m if drawn else h", ["VAE206"]),
        ("z.detach() if drawn else m", ["VAE206"]),
    ],
)
def test_a_sample_that_is_handed_on_in_a_branch_may_carry_it(handed: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HANDED_ON.format(kl=KL, handed=handed)})
    assert [code for code in codes(report) if code == "VAE206"] == expected


CALLERS = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        return self.to_m(x), self.to_s(x)

    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def loss(self, x, z, m, s):
        return ({error}) + ({kl}).mean()


def fit(loader, search, first):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        optimizer.zero_grad()
{steps}
        optimizer.step()
"""
)
CUT = "        m, s = {heads}\n        net.loss(x, net.draw({drawn}), m, s).backward()\n"
OPEN = CUT.format(heads="net(x)", drawn="m, s")
CALLS = {
    "cut in every call": (CUT.format(heads="net(x)", drawn="m.detach(), s.detach()"), "m, s"),
    "one head cut": (CUT.format(heads="net(x)", drawn="m, s.detach()"), "s"),
    "cut for heads of a search, open for the encoder's": (
        CUT.format(heads="search([x.new_zeros(5, 7), x.new_zeros(5, 7)], x)", drawn="m.detach(), s.detach()") + OPEN,
        None,
    ),
    "cut in a warm-up": (
        "        if first:\n"
        + "".join(f"    {line}\n" for line in CUT.format(heads="net(x)", drawn="m.detach(), s").splitlines())
        + OPEN,
        None,
    ),
}


@pytest.mark.parametrize(("steps", "blocked"), CALLS.values(), ids=CALLS)
def test_a_caller_that_cuts_the_heads(steps: str, blocked: str | None, tmp_path: Path) -> None:
    """Where the same line draws another sample with its gradient, nothing is wrong with it."""
    error = SQUARES.format("z")
    report = linted(tmp_path, {"net.py": CALLERS.format(steps=steps, error=error, kl=KL)})
    messages = [found.message for found in report.findings if found.code == "VAE206"]
    expected = [] if blocked is None else [f"the gradient does not pass through z to: {blocked}"]
    assert messages == expected


HANDED = (
    HEAD
    + TRUNK
    + """\
        self.to_p = nn.Linear(5, 14)
        self.back = nn.Linear(7, 84)

    def forward(self, x, c):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s, z, self.to_p(c).chunk(2, -1)


def error(y, x):
    return {error}


def divergence(m, s, n, t):
    return {kl}


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x, c in DataLoader(torch.load("pairs.pt"), batch_size=17):
    y, m, s, z, (n, t) = net(x, c)
    loss = error(y, x).sum(-1).mean() + divergence(m, s, n, t).sum(-1).mean() + 0.1 * net.back.weight.pow(2).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.save((z, n, t), "latents.pt")
"""
)
NORMAL = "-0.5 * (1 + {0} - {1} ** 2 - {0}.exp())"
TWO = "-0.5 * (1 + {s} - {t} - (({m} - {n}) ** 2 + {s}.exp()) / {t}.exp())"
CUTS = ["{}.data", "{}.detach()", "torch.tensor({})", "torch.from_numpy({}.detach().numpy())"]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("form", ["one", "two"])
def test_a_kl_of_arguments_that_lost_their_gradient_moves_nothing(form: str, cut: str, tmp_path: Path) -> None:
    names = {name: cut.format(name) for name in "msnt"}
    kl = NORMAL.format(names["s"], names["m"]) if form == "one" else TWO.format(**names)
    text = HANDED.format(error="(y - x) ** 2", kl=kl)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE305"]


@pytest.mark.parametrize("kl", [NORMAL.format("s", "m"), TWO.format(m="m", s="s", n="n.data", t="t.data")])
def test_a_kl_whose_posterior_keeps_its_gradient_is_clean(kl: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": HANDED.format(error="(y - x.data) ** 2", kl=kl)})) == []


@pytest.mark.parametrize("cut", CUTS)
def test_an_error_of_arguments_that_lost_their_gradient_is_named(cut: str, tmp_path: Path) -> None:
    text = HANDED.format(error=f"({cut.format('y')} - x) ** 2", kl=NORMAL.format("s", "m"))
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE206"]


FROZEN = (
    HEAD
    + MODEL
    + """
    @torch.no_grad()
    def through(self, x, other):
        m, s = other.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return other.back(z), ({kl})

    def forward(self, x, other):
        m, s = self.encode(x)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        seen, kept = self.through(y, other)
        return y * seen, ({kl}), kept


def fit(loader, optimizer):
    net, other = Net(), Net()
    for x, _ in loader:
        y, kl, kept = net(x, other)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + {sum}).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


def test_a_model_that_runs_under_no_grad_as_a_whole_is_kept(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": FROZEN.format(kl=KL, sum="kl + kept")})) == []
    assert codes(linted(tmp_path, {"net.py": FROZEN.format(kl=KL, sum="kl.detach() + kept")})) == ["VAE305"]


STAGES = (
    HEAD
    + MODEL
    + """
    def draw(self, x):
        m, s = self.encode(x)
        return m + torch.exp(0.5 * s) * torch.randn_like(s), m, s


class Second(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_n, self.to_t = nn.Linear(7, 3), nn.Linear(7, 3)
        self.back = nn.Linear(3, 7)

    def forward(self, codes):
        n, t = self.to_n(codes), self.to_t(codes)
        return self.back(n + torch.exp(0.5 * t) * torch.randn_like(t)), n, t


class Stages:
    def __init__(self, inner):
        self.first, self.inner, self.own = Net(), inner, Second()

    def step(self, x):
        z, m, s = self.first.draw(x)
        codes = z.detach()
        {second}
        kl = {of_first}-0.5 * torch.sum(1 + t - n ** 2 - t.exp())
        loss = F.mse_loss(out, {target}, reduction="sum") + kl
        loss.backward()
"""
)
OWN = "out, n, t = self.own(codes)"
GIVEN = "w, n, t = self.inner(codes)\n        out = self.inner.back(w)"
OF_FIRST = "-0.5 * torch.sum(1 + s - m ** 2 - s.exp()) "
STAGE = {
    "a second stage": (OWN, "", "codes", []),
    "a second stage that is not read": (GIVEN, "", "codes", []),
    "a first stage that the loss trains": (f"{OWN}\n        out = self.first.back(codes)", OF_FIRST, "x", ["VAE206"]),
}


@pytest.mark.parametrize(("second", "of_first", "target", "expected"), STAGE.values(), ids=STAGE)
def test_a_first_stage_is_data_of_the_second(
    second: str, of_first: str, target: str, expected: list[str], tmp_path: Path
) -> None:
    text = STAGES.format(second=second, of_first=of_first, target=target)
    assert codes(linted(tmp_path, {"stages.py": text})) == expected


PARTED = (
    HEAD
    + MODEL
    + """

def density(z, m, s):
    return (-0.5 * (np.log(2 * np.pi) + s + (z - m) ** 2 / s.exp())).sum(1)


def fit(net, loader, optimizer, beta):
    for x, _ in loader:
        m, s = net.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        error = F.binary_cross_entropy(net.back(z), x, reduction="none").sum(1)
        of_q, of_prior = density(z, m, s), density(z, torch.zeros_like(m), torch.zeros_like(s))
        pairs = density_of_all(z, m, s)
        kl = (of_q.detach() - of_prior.detach()).mean()
        loss = error.mean(){terms}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
TERMS = " + (of_q - pairs).mean() + beta * pairs.mean() - of_prior.mean()"


@pytest.mark.parametrize(("terms", "expected"), [(TERMS, []), ("", ["VAE305"])])
def test_a_kl_that_is_shown_of_densities_that_are_trained(terms: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": PARTED.replace("{terms}", terms)})) == expected


SHOWN = "\n\ndef show(net, x):\n    print(net(x)[0].detach())\n"


def test_a_draw_without_gradient_is_named_once_whatever_is_shown(tmp_path: Path) -> None:
    text = TRAINER.format(draw=SAMPLE, use=f"loss = side + kl.mean() + {SQUARES.format('z')}", kl=KL)
    found = linted(tmp_path, {"net.py": text + SHOWN}).findings
    places = [finding.place for finding in found if finding.code == "VAE206"]
    assert [place and text.splitlines()[place.line - 1].strip() for place in places] == [SAMPLE]
