"""Classes of other libraries by which code makes and trains a VAE: what their methods do, where code calls them.

torch_geometric's VGAE hands out a sample and keeps its heads for `kl_loss`; MONAI's AutoencoderKL hands out its mean
and its standard deviation; a registry makes by a name what was put into it. Each is written here as a class of a
project would be, with what is known of it and no more. What such a class computes stands where it is called.
"""

from __future__ import annotations

from vae_checked.linter.files import source as reading
from vae_checked.linter.symbols.values import Module

_GRAPHS = """
import torch
import torch.nn as nn
from torch_geometric.utils import drawn


class InnerProductDecoder(nn.Module):
    def forward(self, z, edge_index, sigmoid=True):
        value = (z[edge_index[0]] * z[edge_index[1]]).sum(dim=1)
        return torch.sigmoid(value) if sigmoid else value

    def forward_all(self, z, sigmoid=True):
        value = torch.matmul(z, z.t())
        return torch.sigmoid(value) if sigmoid else value


class GAE(nn.Module):
    def __init__(self, encoder, decoder=None):
        super().__init__()
        self.encoder = encoder
        self.decoder = InnerProductDecoder() if decoder is None else decoder

    def forward(self, *args, **kwargs):
        return self.encoder(*args, **kwargs)

    def encode(self, *args, **kwargs):
        return self.encoder(*args, **kwargs)

    def decode(self, *args, **kwargs):
        return self.decoder(*args, **kwargs)

    def recon_loss(self, z, pos_edge_index, neg_edge_index=None):
        there = -torch.log(self.decoder(z, pos_edge_index, sigmoid=True) + 1e-15).mean()
        if neg_edge_index is None:
            neg_edge_index = drawn(pos_edge_index)
        return there - torch.log(1 - self.decoder(z, neg_edge_index, sigmoid=True) + 1e-15).mean()


class VGAE(GAE):
    def reparametrize(self, mu, logstd):
        if self.training:
            return mu + torch.randn_like(logstd) * torch.exp(logstd)
        return mu

    def encode(self, *args, **kwargs):
        self.__mu__, self.__logstd__ = self.encoder(*args, **kwargs)
        self.__logstd__ = self.__logstd__.clamp(max=10)
        return self.reparametrize(self.__mu__, self.__logstd__)

    def kl_loss(self, mu=None, logstd=None):
        mu = self.__mu__ if mu is None else mu
        logstd = self.__logstd__ if logstd is None else logstd.clamp(max=10)
        return -0.5 * torch.mean(torch.sum(1 + 2 * logstd - mu**2 - logstd.exp() ** 2, dim=1))
"""
_PICTURES = """
import torch
import torch.nn as nn


class AutoencoderKL(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()
        self.encoder = nn.Conv3d(1, 8, 3)
        self.quant_conv_mu = nn.Conv3d(8, 4, 1)
        self.quant_conv_log_sigma = nn.Conv3d(8, 4, 1)
        self.decoder = nn.Conv3d(4, 1, 3)

    def encode(self, x):
        h = self.encoder(x)
        z_log_var = torch.clamp(self.quant_conv_log_sigma(h), -30.0, 20.0)
        return self.quant_conv_mu(h), torch.exp(z_log_var / 2)

    def sampling(self, z_mu, z_sigma):
        return z_mu + torch.randn_like(z_sigma) * z_sigma

    def decode(self, z):
        return self.decoder(z)

    def reconstruct(self, x):
        z_mu, _ = self.encode(x)
        return self.decode(z_mu)

    def forward(self, x):
        z_mu, z_sigma = self.encode(x)
        return self.decode(self.sampling(z_mu, z_sigma)), z_mu, z_sigma

    def encode_stage_2_inputs(self, x):
        z_mu, z_sigma = self.encode(x)
        return self.sampling(z_mu, z_sigma)

    def decode_stage_2_outputs(self, z):
        return self.decode(z)
"""
_REGISTRIES = """
class Registry:
    def __init__(self, name, *args, **kwargs):
        self._kept = {}

    def register_module(self, name=None, force=False, module=None):
        return self.register(module, name)

    def register(self, obj=None, name=None):
        def keep(made):
            self._kept[made.__name__ if name is None else name] = made
            return made

        return keep if obj is None else keep(obj)

    def build(self, cfg, *args, **kwargs):
        return self._kept[cfg["type"]](*args, **kwargs)

    def get(self, key):
        return self._kept[key]
"""
# By the package and a part of the path to the class: what is written of it.
_KNOWN = {
    ("torch_geometric", "nn", "GAE"): _GRAPHS,
    ("torch_geometric", "nn", "VGAE"): _GRAPHS,
    ("torch_geometric", "nn", "InnerProductDecoder"): _GRAPHS,
    ("monai", "nets", "AutoencoderKL"): _PICTURES,
    ("generative", "nets", "AutoencoderKL"): _PICTURES,
    ("mmengine", "", "Registry"): _REGISTRIES,
    ("mmcv", "", "Registry"): _REGISTRIES,
    ("fvcore", "registry", "Registry"): _REGISTRIES,
}


def written(dotted: str) -> str:
    """What is known of a class by its dotted name; empty of any other."""
    parts = dotted.split(".")
    return next((text for (top, part, name), text in _KNOWN.items() if _is(parts, top, part, name)), "")


def _is(parts: list[str], top: str, part: str, name: str) -> bool:
    return parts[0] == top and part in ("", *parts) and parts[-1] == name


def module(text: str) -> Module:
    """A file that nobody has, with what is written of some classes."""
    made = Module("<known>", reading.parse("<known>", text))
    made.given, made.known = False, True
    return made
