"""A slip on a slide: its form fails on an instance, the corrected form holds there."""

from __future__ import annotations

from dataclasses import replace

from steepest.theorems.certificate import Certificate, Evidence, Hypothesis


def erratum(corrected: Certificate, slide: Certificate, as_written: str) -> Certificate:
    """The corrected certificate, provided that the slide's form is seen to fail on the instance.

    Args:
        corrected: the corrected form's certificate.
        slide: the same run against the slide's form.
        as_written: that form, in words.
    """
    worst = slide.worst
    if slide.holds is False and worst is not None:
        at = (
            f"{slide.measured[worst]:.6g} > {slide.bound[worst]:.6g} at step {slide.steps[worst]:g}"
        )
        seen = Hypothesis(f"as the slide has it it fails: {as_written}", Evidence.MEASURED, at)
    else:
        seen = Hypothesis(
            f"as the slide has it it fails: {as_written}",
            Evidence.VIOLATED,
            "but on this instance it holds",
        )
    return replace(corrected, hypotheses=(*corrected.hypotheses, seen))
