"""Pictures of eps against N(0, 1), and of the KL that the code computes over the closed form."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import pytest

from vae_checked.catalogue import find
from vae_checked.facts import KL, Fact, Facts, KLForm, Noise, NoiseLaw, Sampler
from vae_checked.linter import lint
from vae_checked.reports import render
from vae_checked.reports.pictures import pictures


def drawn(source: str, label: str) -> list[ElementTree.Element]:
    """The pictures on the page of this source whose label begins so."""
    page = render(lint(["vae.py"], texts={"vae.py": source}), "html")
    found = [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.S)]
    return [each for each in found if str(each.get("aria-label")).startswith(label)]


def curve(picture: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    (line,) = (each for each in picture.iter("polyline") if each.get("class") == kind)
    points = (each.split(",") for each in str(line.get("points")).split())
    return [(float(x), float(y)) for x, y in points]


def test_uniform_noise_is_a_box_beside_the_normal_density() -> None:
    (picture,) = drawn(find("VAE202").bad, "eps is uniform: mean 0.5, std 0.289")
    box, assumed = curve(picture, "one"), curve(picture, "two")
    # From -4 to 4 over 420 units: 0 stands at 260, 1 at 312.5.
    assert [x for x, _ in box] == [50.0, 260.0, 260.0, 312.5, 312.5, 470.0]
    top = 210 - min(y for _, y in box)
    peak = 210 - min(y for _, y in assumed)
    assert top / peak == pytest.approx(math.sqrt(2 * math.pi), rel=2e-3)


def test_draws_are_shown_as_they_fell() -> None:
    shares = (*(0.0,) * 14, 0.25, 0.0, 0.5, 0.25, *(0.0,) * 14)
    noise = Noise(NoiseLaw.OTHER, 0.06, 0.3, shares)
    ((picture,),) = (
        [ElementTree.fromstring(svg) for caption, svg in pictures((facts,), ()) if caption.startswith("eps as")]
        for facts in [Facts("Model", sampler=Sampler(noise=Fact(noise)))]
    )
    outline = curve(picture, "one")
    # Bins are a quarter wide, 13.125 units: the 14th begins at -0.5.
    risen = [(x, y) for x, y in outline if y < 210]
    xs = [233.75, 246.875, 260.0, 273.125, 273.125, 286.25]
    assert [x for x, _ in risen] == pytest.approx(xs, abs=0.06)
    heights = [210 - y for _, y in risen]
    assert heights == pytest.approx([heights[0]] * 2 + [2 * heights[0]] * 2 + [heights[0]] * 2, rel=2e-3)


def test_normal_noise_lies_on_the_density_that_the_kl_assumes() -> None:
    for picture in drawn(find("VAE202").good, "eps is standard normal"):
        assert curve(picture, "one") == curve(picture, "two")


def test_a_wrong_kl_lies_beside_the_line() -> None:
    report = lint(["vae.py"], texts={"vae.py": find("VAE301").bad})
    form = next(facts.kl.form.value for facts in report.facts if facts.kl.form)
    (picture,) = drawn(find("VAE301").bad, "the KL of the code against the closed form")
    shares = [tuple(map(math.asinh, values[2:])) for values in form.values]
    low, high = min(map(min, shares)), max(map(max, shares))
    marks = [(float(str(each.get("cx"))), float(str(each.get("cy")))) for each in picture.iter("circle")]
    for (code, closed), (x, y) in zip(shares, marks, strict=True):
        assert (x - 60) / 270 == pytest.approx((closed - low) / (high - low), abs=1e-3)
        assert (220 - y) / 200 == pytest.approx((code - low) / (high - low), abs=1e-3)
    assert any(abs((x - 60) / 270 - (220 - y) / 200) > 0.05 for x, y in marks)


def test_a_right_kl_lies_on_the_line() -> None:
    (picture,) = drawn(find("VAE301").good, "the KL of the code against the closed form")
    for each in picture.iter("circle"):
        x, y = float(str(each.get("cx"))), float(str(each.get("cy")))
        assert (x - 60) / 270 == pytest.approx((220 - y) / 200, abs=1e-3)


def test_no_value_of_the_kl_is_written_over_another_one() -> None:
    values = ((0.3, 0.1, 0.90, 0.9), (0.2, 0.4, 0.91, 0.9), (0.5, 0.1, 0.92, 0.92), (1.0, -1.0, 9.0, 8.0))
    facts = Facts("Model", kl=KL(form=Fact(KLForm(None, values=values))))
    (svg,) = (svg for caption, svg in pictures((facts,), ()) if caption.startswith("The KL"))
    lines = [
        float(str(each.get("y"))) for each in ElementTree.fromstring(svg).iter("text") if " for " in str(each.text)
    ]
    assert len(lines) == len(values)
    assert all(above - below >= 11 for below, above in itertools.pairwise(sorted(lines)))  # letters of 11 pixels


def test_ranges_without_an_end_have_no_picture() -> None:
    linear = find("VAE202").good.replace("torch.sigmoid(", "(")
    assert drawn(linear, "decoder's output in (-inf, inf)") == []
