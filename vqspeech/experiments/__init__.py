"""Experiments: the engine that runs a recipe's declared stages, its settings, its results and its report."""

from vqspeech.experiments.engine import Experiment, Result, Results, Stage, run_experiment, say
from vqspeech.experiments.request import RecipeOutcome, RecipeRequest

__all__ = ["Experiment", "RecipeOutcome", "RecipeRequest", "Result", "Results", "Stage", "run_experiment", "say"]
