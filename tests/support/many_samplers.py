"""Models with so many samplers as are asked for, as text."""

from __future__ import annotations

HEAD = "import torch\nfrom torch import nn\n"


def many_samplers(number: int) -> str:
    """A model with as many pairs of heads and decoders, each with its terms in one loss."""
    made = "".join(
        f"        self.mu{i}, self.s{i} = nn.Linear(5, 3), nn.Linear(5, 3)\n"
        f"        self.d{i} = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 7))\n"
        for i in range(number)
    )
    used = "".join(
        f"        mu, logvar = self.mu{i}(h), self.s{i}(h)\n"
        "        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
        f"        loss = loss + F.mse_loss(self.d{i}(z), x, reduction='sum')\n"
        "        loss = loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n"
        for i in range(number)
    )
    return _model(made, used)


def chained_samplers(number: int) -> str:
    """A model without a KL in which every sample is decoded, and the next pair of heads is made from it."""
    made = "".join(
        f"        self.mu{i}, self.s{i} = nn.Linear(5, 3), nn.Linear(5, 3)\n"
        f"        self.d{i}, self.up{i} = nn.Sequential(nn.Dropout(0.1), nn.Linear(3, 7)), nn.Linear(3, 5)\n"
        for i in range(number)
    )
    used = "".join(
        f"        mu, logvar = self.mu{i}(h), self.s{i}(h)\n"
        "        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
        f"        loss = loss + F.mse_loss(self.d{i}(z), x, reduction='sum')\n"
        f"        h = torch.relu(self.up{i}(z))\n"
        for i in range(number)
    )
    return _model(made, used)


def many_decoded_means(number: int) -> str:
    """A model of many pairs of heads, each with its KL, that draws and decodes the means."""
    layers = "nn.Linear(5, 3), nn.Linear(5, 3), nn.Linear(3, 7)"
    made = "".join(f"        self.mu{i}, self.s{i}, self.d{i} = {layers}\n" for i in range(number))
    used = "".join(
        f"        mu, logvar = self.mu{i}(h), self.s{i}(h)\n"
        "        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)\n"
        "        upper = mu + torch.exp(0.5 * logvar)\n"
        f"        loss = loss + F.mse_loss(self.d{i}(mu), x, reduction='sum')\n"
        "        loss = loss - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\n"
        for i in range(number)
    )
    return _model(made, used)


def many_shared_terms(number: int) -> str:
    """A model of many pairs of heads, whose KLs are all written in one method of what draws."""
    normal = (
        "class Normal:\n    def __init__(self, mu, logvar):\n        self.mu, self.logvar = mu, logvar\n\n"
        "    def draw(self):\n        return self.mu + torch.exp(0.5 * self.logvar) * torch.randn_like(self.mu)\n\n"
        "    def kl(self):\n"
        "        return -0.5 * torch.sum(1 + self.logvar - self.mu.pow(2) - self.logvar.exp(), dim=-1)\n\n\n"
    )
    made = "".join(
        f"        self.mu{i}, self.s{i}, self.up{i} = nn.Linear(5, 3), nn.Linear(5, 3), nn.Linear(3, 5)\n"
        for i in range(number)
    )
    used = "".join(
        f"        q = Normal(self.mu{i}(h), self.s{i}(h))\n"
        f"        h = torch.relu(self.up{i}(q.draw()))\n"
        "        kls.append(q.kl())\n"
        for i in range(number)
    )
    return (
        _model(made, f"        kls = []\n{used}")
        .replace("class VAE", f"{normal}class VAE")
        .replace("return loss", "return h, kls")
    )


def _model(made: str, used: str) -> str:
    return (
        f"{HEAD}from torch.nn import functional as F\n\n\nclass VAE(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n        self.body = nn.Linear(7, 5)\n{made}\n    def forward(self, x):\n"
        f"        h = torch.relu(self.body(x))\n        loss = 0.0\n{used}        return loss\n\n\n"
        "def train(x):\n    VAE()(x).backward()\n"
    )
