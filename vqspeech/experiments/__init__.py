"""Experiments: the engine of recipes, with stages, settings, results and report."""

from vqspeech.experiments.engine import Experiment, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest

__all__ = ["Experiment", "RecipeOutcome", "RecipeRequest", "Result", "Results", "Stage", "run_experiment", "say"]
