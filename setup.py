"""Which folders are packages: vqspeech/ as it lies, and the top-level recipes/ as ``vqspeech.recipes``. All else: pyproject.toml."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["vqspeech", "vqspeech.*"], exclude=["*__pycache__*"]),
        "vqspeech.recipes",
        *(f"vqspeech.recipes.{name}" for name in find_namespace_packages("recipes", exclude=["*__pycache__*"])),
    ],
    package_dir={"vqspeech.recipes": "recipes"},
)
