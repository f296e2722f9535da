"""The same thing in another form: moved to a device, of a registry, under a key, drawn in either branch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, joined, linted

MOVED = """from tools.utils import cudable, weight_of
from batches import move_to_device


class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x, weight):
        m, s = self.to_m(x), self.to_s(x)
        eps = cudable(torch.from_numpy(np.random.normal(size=s.size())).float())
        return self.back(m + weight * s.exp() * eps), m, s


class Trainer:
    def __init__(self, settings):
        self.net = cudable(Drawing())
        self.schedule = settings.schedule
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def step(self, x):
        x = move_to_device(x, "cuda")
        y, m, s = self.net(x, weight_of(self.schedule, self.turns))
        error = F.mse_loss(y, x, reduction="sum")
        loss = error - 0.5 * torch.sum(1 + {second} - m.pow(2) - {variance})
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
REGISTERED = """

class Squared(nn.Module):
    def forward(self, found, x, test=False):
        y, m, s = found
        return F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + {second} - m.pow(2) - {variance})


class Absolute(nn.Module):
    def forward(self, found, x, test=False):
        y, m, s = found
        return F.l1_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + {second} - m.pow(2) - {variance})


LOSSES = {{"squared": Squared(), "absolute": Absolute()}}


def fit(settings, loader):
    net, criterion = Net(), LOSSES[settings["loss"]]
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        optimizer.zero_grad()
        criterion(net(x), x).backward()
        optimizer.step()
"""
KEYED = """

class Trainer:
    def __init__(self, nets, optimizers):
        self.nets, self.optimizers = nets, optimizers

    def step(self, x):
        y, found = self.nets["vae"](x)
        m, s = found["heads"]
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + {second} - m.pow(2) - {variance})
        self.optimizers["vae"].zero_grad()
        loss.backward()
        self.optimizers["vae"].step()


class Parted(nn.Module):
    def __init__(self, width, others):
        super().__init__()
        self.width = [] if not width else 2 * [width]
        self.sizes = self.width + others
        self.others = others
        self.there, self.back = nn.Linear(84, sum(self.sizes)), nn.Linear(7, 84)

    def heads(self, x):
        parts = self.there(x).split(self.sizes, dim=1)
        found = {{}}
        i = 0
        if self.width:
            i += 2
            found["heads"] = parts[:i]
        if self.others:
            found["others"] = parts[i:]
        return found

    def draw(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)

    def forward(self, x):
        found = self.heads(x)
        drawn = []
        if "heads" in found.keys():
            drawn = [self.draw(*found["heads"])]
        if "others" in found.keys():
            drawn.extend(F.gumbel_softmax(each) for each in found["others"])
        return self.back(torch.cat(drawn, dim=1)), found
"""
EITHER = """import scipy.sparse as sparse


def dense(x):
    if not sparse.isspmatrix_coo(x):
        x = x.tocoo()
    return sparse.coo_matrix(x)


class Drawing(nn.Module):
    def __init__(self, settings, links, more):
        super().__init__()
        self.settings = settings
        self.links = torch.sparse.mm(torch.FloatTensor(dense(links)), torch.FloatTensor(dense(more)))
        self.to_m, self.to_s = nn.Parameter(torch.randn(84, 7)), nn.Parameter(torch.randn(84, 7))

    def forward(self, x):
        x = torch.mm(self.links, torch.FloatTensor(dense(x)))
        m, s = torch.mm(x, self.to_m), torch.mm(x, self.to_s)
        eps = torch.randn(x.size(0), 7).cuda() if self.settings.cuda else torch.randn(x.size(0), 7)
        z = m + torch.exp(0.5 * s) * eps
        if self.settings.name.find("dense") != -1:
            y = torch.sigmoid(torch.matmul(z, z.t()) + 1)
        else:
            y = torch.sigmoid(torch.matmul(z, z.t()))
        error = F.binary_cross_entropy(y, self.links, reduction="sum")
        return error - 0.5 * torch.sum(1 + {second} - m.pow(2) - {variance})
"""
FORMS = {
    "moved": (HEAD + MOVED, ("2 * s", "s.exp().pow(2)"), ("s", "s.exp()")),
    "registered": (HEAD + MODEL + FORWARD + REGISTERED, ("s", "s.exp()"), ("2 * s", "s.exp().pow(2)")),
    "keyed": (HEAD + KEYED, ("s", "s.exp()"), ("2 * s", "s.exp().pow(2)")),
    "either": (HEAD + EITHER, ("s", "s.exp()"), ("2 * s", "s.exp().pow(2)")),
}


@pytest.mark.parametrize("form", FORMS)
def test_another_form_of_the_same_is_followed(form: str, tmp_path: Path) -> None:
    text, right, wrong = FORMS[form]
    reports = [
        linted(tmp_path / name, {"net.py": text.format(second=heads[0], variance=heads[1])})
        for name, heads in (("right", right), ("wrong", wrong))
    ]
    assert all(map(joined, reports))
    assert [codes(report) for report in reports] == [[], ["VAE201"]]
