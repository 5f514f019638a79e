"""The layout of a run directory."""

from vqspeech.runs import RunDirectory


def test_a_run_keeps_its_layout(tmp_path):
    """Old runs, plugins and scripts rely on these names."""
    run = RunDirectory(tmp_path)
    names = {name: str(getattr(run, name).relative_to(tmp_path)) for name in (
        "config", "store", "checkpoints", "best", "metrics", "tensorboard", "codes", "stages", "listening", "pictures",
        "analyses", "report", "results")}  # fmt: skip
    assert names == {
        "config": "config.json",
        "store": "store",
        "checkpoints": "checkpoints",
        "best": "checkpoints/best.json",
        "metrics": "metrics.jsonl",
        "tensorboard": "tensorboard",
        "codes": "codes.parquet",
        "stages": "stages",
        "listening": "listening",
        "pictures": "pictures",
        "analyses": "analyses",
        "report": "report",
        "results": "results.json",
    }


def test_checkpoints_are_found_in_order_of_their_steps(tmp_path):
    run = RunDirectory(tmp_path)
    assert run.list_checkpoints() == []
    for step in (1000, 20, 300):
        run.checkpoint(step).mkdir(parents=True)
    (run.checkpoints / ".step-00000400.part").mkdir()
    assert [path.name for path in run.list_checkpoints()] == ["step-00000020", "step-00000300", "step-00001000"]
    assert RunDirectory.of_checkpoint(run.checkpoint(20)) == run


def test_clearing_deletes_what_vqspeech_makes_and_nothing_else(tmp_path):
    run = RunDirectory(tmp_path)
    for path in run.contents:
        path.mkdir() if path.suffix == "" else path.touch()
    run.checkpoint(3).mkdir()
    (tmp_path / "notes.txt").touch()
    run.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    run.clear()
