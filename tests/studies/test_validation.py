"""Falsifiable: a validation passes on the right law, and fails on a wrong law or on a rival that it cannot reject."""

from __future__ import annotations

import json
from dataclasses import replace

import langevin_ib as lib
import pytest
from langevin_ib.studies.validation import (
    ALPHA,
    CASES,
    REJECTION,
    Case,
    Lifetimes,
    Validation,
    Verdict,
    Virials,
    figure,
    orbits,
    overview,
    summary,
    table,
    validate,
    write,
)

# The case of the command line, coarser and shorter; it takes a third of a second.
SHORT = replace(CASES["product-ambient"], step_size=0.05, time=60.0, burn_in=40.0, walkers=16_384)


@pytest.fixture(scope="module")
def right() -> Validation:
    validation = validate(SHORT, seed=1, progress=False)
    assert validation is not None
    return validation


def no_constants(name: str) -> None:
    raise AssertionError(f"{name} in a JSON file")


class TestTheRightLaw:
    def test_passes_and_every_rival_is_rejected(self, right) -> None:
        assert right.passed
        assert right.comparison.consistent(ALPHA)
        assert len(right.rivals) == 4
        assert all(rival.pvalue < REJECTION for _, rival in right.rivals.values())

    def test_passes_under_other_seeds(self) -> None:
        """Each seed raises a false alarm once in a thousand."""
        for seed in range(2, 8):
            validation = validate(SHORT, seed=seed, progress=False)
            assert validation is not None
            assert validation.comparison.consistent(ALPHA)

    def test_without_extrapolation_the_step_is_seen(self, right) -> None:
        assert right.comparison.discretisation is not None
        assert right.comparison.discretisation.pvalue_coarse < ALPHA

    def test_both_runs_are_those_of_the_case(self, right) -> None:
        assert right.coarse.settings.step_size == 2 * right.fine.settings.step_size == 0.05
        assert (right.coarse.steps, right.fine.steps) == (2000, 4000)
        assert (right.coarse.settings.burn_in, right.fine.settings.burn_in) == (800, 1600)
        assert right.walker_steps == 16_384 * 6000
        # The same Brownian paths, in steps twice as long.
        assert right.coarse.settings.key == right.fine.settings.key
        assert (right.coarse.settings.substeps, right.fine.settings.substeps) == (2, 1)
        assert right.rate > 0

    def test_is_reproducible(self, right) -> None:
        again = validate(SHORT, seed=1, threads=2, progress=False)
        assert again is not None
        assert again.comparison.pvalue == right.comparison.pvalue
        assert again.coarse["theta"] == right.coarse["theta"]

    def test_table_holds_what_a_reader_needs(self, right) -> None:
        text = table(right)
        for part in ("product-ambient: theta under Ambient", "d theta", "  ok: ", "extrapolated to 0", "walker-steps"):
            assert part in text
        assert text.count("  rejected") == 4
        assert "FAILED" not in text
        assert "NOT REJECTED" not in text
        assert max(map(len, text.splitlines())) <= 140

    def test_files_are_written(self, right, tmp_path) -> None:
        picture, data = write(right, tmp_path / "a" / "b")
        assert picture.read_bytes().startswith(b"\x89PNG")
        found = json.loads(data.read_text(encoding="utf-8"), parse_constant=no_constants)
        assert found == json.loads(json.dumps(summary(right)))
        assert found["passed"] is True
        assert found["comparison"]["pvalue"] == right.comparison.pvalue
        assert set(found["rivals"]) == set(right.rivals)
        # Enough to repeat the run: the keys themselves, besides all that the case says.
        assert [int(key, 16) for key in found["keys"]] == [run.settings.key for run in (right.coarse, right.fine)]

    def test_figure_shows_law_and_rivals(self, right) -> None:
        drawing = figure(right)
        labels = " ".join(
            text.get_text() for ax in drawing.axes for text in (ax.get_legend() or ax).findobj(match_text)
        )
        for name in right.rivals:
            assert name in labels


def match_text(artist) -> bool:
    return hasattr(artist, "get_text")


class TestAWrongLaw:
    def test_fails(self, monkeypatch, right, tmp_path) -> None:
        law = Case.law
        monkeypatch.setattr(Case, "law", lambda case: law(replace(case, temperature=1.05 * case.temperature)))
        validation = validate(SHORT, seed=1, progress=False)
        assert validation is not None
        assert not validation.passed
        assert "FAILED: a right law has" in table(validation)
        assert summary(validation)["passed"] is False
        _, data = write(validation, tmp_path)
        assert json.loads(data.read_text(encoding="utf-8"), parse_constant=no_constants)["passed"] is False
        # Nothing else has changed.
        assert validation.coarse["theta"] == right.coarse["theta"]

    @pytest.mark.parametrize("name", ["no correction", "half exponent", "slice law"])
    def test_any_rival_in_its_place_fails(self, name, right) -> None:
        law, comparison = right.rivals[name]
        impostor = replace(right, law=law, comparison=comparison)
        assert not impostor.passed
        assert "FAILED" in table(impostor)


class TestARivalThatIsRight:
    def test_is_reported_as_not_rejected_and_fails(self, monkeypatch) -> None:
        rivals = Case.rivals
        monkeypatch.setattr(Case, "rivals", lambda self: rivals(self) | {"the same": self.law()})
        validation = validate(SHORT, seed=1, progress=False)
        assert validation is not None
        assert validation.comparison.consistent(ALPHA)
        assert not validation.passed
        (line,) = [line for line in table(validation).splitlines() if "rival: the same" in line]
        assert "NOT REJECTED at p < 1e-06" in line
        assert table(validation).count("  rejected") == 4


class TestInterrupted:
    @pytest.mark.parametrize("runs", [0, 1])
    def test_there_is_no_validation(self, monkeypatch, runs) -> None:
        made = []

        def stop(self: Case, step_size: float, rng: object, **machine: object) -> lib.Run:
            made.append(lib.sample(self.model, temperature=1.0, step_size=0.1, steps=10, walkers=8, progress=False))
            return replace(made[-1], interrupted=len(made) > runs)

        monkeypatch.setattr(Case, "sample", stop)
        assert validate(SHORT, progress=False) is None
        assert len(made) == runs + 1


def test_quick_is_a_twentieth() -> None:
    case = CASES["product-ambient"]
    assert case.quick() == replace(case, time=case.time / 20)
    patient = CASES["neuron-3"]
    assert patient.quick() == replace(patient, time=patient.shortest)


def test_cases_are_called_by_their_names() -> None:
    assert all(case.name == name for name, case in CASES.items())


def test_the_full_size_is_the_promised_one() -> None:
    """At least 10^10 walker-steps, observed or not, at both step sizes together."""
    case = CASES["product-ambient"]
    steps = sum((case.burn_in + case.time) / h for h in (case.step_size, case.step_size / 2))
    assert steps * case.walkers >= 1e10


EXACT = replace(CASES["product-fixman"], time=30.0, walkers=4096)


class TestAnExactScheme:
    """One run: there is no step to extrapolate from."""

    @pytest.fixture(scope="class")
    @classmethod
    def verdict(cls) -> Verdict:
        verdict = EXACT.validate(seed=1, progress=False)
        assert verdict is not None
        return verdict

    def test_passes_on_one_run(self, verdict) -> None:
        assert verdict.passed
        assert verdict.fine is None
        assert "mala, 9" in table(verdict)
        assert json.loads(json.dumps(summary(verdict), allow_nan=False))["steps"] == [500]

    def test_is_drawn(self, verdict, tmp_path) -> None:
        assert all(path.stat().st_size > 500 for path in write(verdict, tmp_path))


class TestLifetimes:
    ROW = replace(CASES["absorption"], walkers=16_384, step_size=0.02)

    @pytest.fixture(scope="class")
    @classmethod
    def verdict(cls) -> Verdict:
        verdict = cls.ROW.validate(seed=1, progress=False)
        assert verdict is not None
        return verdict

    def test_the_law_is_consistent_and_the_exponential_one_rejected(self, verdict) -> None:
        assert verdict.is_consistent
        assert verdict.rival_pvalues["exponential"] < REJECTION

    def test_every_walker_is_counted_once(self, verdict) -> None:
        assert verdict.times.total == self.ROW.walkers
        assert verdict.times.overflow == (verdict.run.absorption_times > 20.0 + 0.01).sum()

    def test_a_law_of_another_start_fails(self, verdict, monkeypatch) -> None:
        law = Lifetimes.law
        monkeypatch.setattr(Lifetimes, "law", lambda row: law(replace(row, start=1.3)))
        wrong = self.ROW.validate(seed=1, progress=False)
        assert wrong is not None
        assert not wrong.passed

    def test_is_written(self, verdict, tmp_path) -> None:
        assert all(path.stat().st_size > 500 for path in write(verdict, tmp_path))
        assert "alive at the end" in table(verdict)


class TestVirials:
    @pytest.mark.parametrize("name", ["virial-neuron", "virial-pair"])
    def test_identities_hold_and_wrong_values_are_rejected(self, name, tmp_path) -> None:
        verdict = replace(CASES[name], time=20.0).validate(seed=1, progress=False)
        assert verdict is not None
        assert verdict.is_consistent
        assert verdict.rival_pvalues["one dimension more"] < REJECTION
        assert all(path.stat().st_size > 500 for path in write(verdict, tmp_path))

    def test_a_process_at_another_temperature_fails(self, monkeypatch) -> None:
        identities = Virials.identities
        monkeypatch.setattr(Virials, "identities", lambda row: identities(replace(row, temperature=0.32)))
        verdict = replace(CASES["virial-pair"], time=20.0).validate(seed=1, progress=False)
        assert verdict is not None
        assert not verdict.passed


def test_overview_and_orbits_are_drawn(right) -> None:
    drawing = overview([right, right])
    assert [label.get_text() for label in drawing.axes[0].get_yticklabels()] == ["product-ambient"] * 2
    (ax,) = orbits().axes
    assert ax.get_legend() is not None


def test_every_system_of_the_paper_has_a_row() -> None:
    prefixes = (
        "product",
        "depth",
        "neuron",
        "column",
        "attention",
        "gl2",
        "diagonal",
        "hadamard",
        "absorption",
        "virial",
    )
    for prefix in prefixes:
        assert any(name.startswith(prefix) for name in CASES)
