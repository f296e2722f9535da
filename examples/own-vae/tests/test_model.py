"""The team's own tests beside those of the plugin: contracts, and a property on drawn sizes."""

import pytest
import torch
from digits_vae import VAE
from hypothesis import given, settings

from vae_checked.strategies import Sizes, images

PICTURES = images(Sizes(B=3, C=1, H=12, W=16, L=5))


def test_a_picture_on_its_side_is_refused():
    with pytest.raises(TypeError, match=r"VAE\.encode\(x\): axis 1 \(C\) is 3, the contract says 1"):
        VAE().encode(torch.zeros(2, 3, 12, 16))


@given(PICTURES)
@settings(max_examples=5, deadline=None)
def test_a_model_in_evaluation_decodes_what_it_encodes(x):
    model = VAE().eval()
    assert model.decode(model.encode(x)[0]).shape == x.shape
