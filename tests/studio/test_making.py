"""Edited codes, samples and new voices, over HTTP."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from studio_page import Page, wav
from studio_prior import a_prior
from voiced import speech

from vqspeech.codec.load import load_speech
from vqspeech.encoding import decode_table
from vqspeech.generation import generate
from vqspeech.nn.decoders.protocol import SpeakOptions
from vqspeech.studio import jobs, models, work
from vqspeech.studio.models import StudioModels
from vqspeech.studio.server import StudioServer
from vqspeech.studio.work import Studio


@pytest.fixture(scope="module")
def run(runs, tmp_path_factory):
    """A run that the studio loads, and that a test deletes."""
    return Path(shutil.copytree(runs[0], tmp_path_factory.mktemp("making") / "mine"))


@pytest.fixture(scope="module")
def prior(run):
    return a_prior(load_speech(run))


@pytest.fixture(scope="module")
def server(run, runs, prior, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "load_prior", lambda path: prior)
        made = StudioModels([str(runs[1]), str(run)], ["priors/of-mine"])
    out = tmp_path_factory.mktemp("voices")
    with Studio(made, out=out, most_s=10) as studio, StudioServer(studio) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def page(server):
    return Page(server)


def test_edited_codes_are_heard(page, recording):
    wish = {"kind": "convert", "clip": page.upload(recording)["id"], "model": "mine", "speaker": "p226"}
    (plain,) = page.do(**wish)
    edits = [{"kind": "delete", "start": 0, "stop": 15}, {"kind": "repeat", "start": 3, "stop": 10, "times": 2}]
    (made,) = page.do(**wish, edits=edits)
    (codes,) = page.json("GET", f"/api/clips/{plain['id']}/codes")["codes"]
    (after,) = page.json("GET", f"/api/clips/{made['id']}/codes")["codes"]
    assert (made["kind"], len(codes)) == ("edit", 55) and after == codes[15:25] + codes[18:25] * 2 + codes[25:]
    assert len(page.sound(made)[0]) == len(after) * 320 and np.abs(page.sound(made)[0]).max() > 0.01
    (replaced,) = page.do(**wish, edits=[{"kind": "replace", "start": 5, "stop": 9, "code": 7}])
    changed = page.sound(replaced)[0][: 55 * 320] != np.pad(page.sound(plain)[0], (0, 55 * 320))[: 55 * 320]
    assert changed[5 * 320 : 9 * 320].any()
    job = page.json("POST", "/api/jobs", {**wish, "edits": [{"kind": "delete", "start": 50, "stop": 56}]})
    assert "there are 55" in page.end(job)["message"]


def test_a_sample_is_that_of_the_command(page, run, prior):
    state = page.json("GET", "/api/state")["priors"]
    assert state == [{"name": "of-mine", "model": "mine", "conditions": ["p225", "p226"]}]
    wish = {"kind": "sample", "prior": "of-mine", "speaker": "p226", "seconds": 1.5, "seed": 5, "temperature": 0.7}
    (made,) = page.do(**wish)
    codec = load_speech(run)
    table = generate(codec, [prior], 1, frames=75, conditions=["p226"], seed=5, temperature=0.7)
    speech = decode_table(codec, table, None, SpeakOptions(seed=5, temperature=0.7))
    assert made["kind"] == "sample" and made["name"] == "of-mine-5"
    np.testing.assert_allclose(page.sound(made)[0], speech.waveforms[0], atol=2**-15)
    edits = [{"kind": "delete", "start": 0, "stop": 70}]
    (edited,) = page.do(kind="convert", clip=made["id"], model="mine", speaker="p226", edits=edits)
    assert len(page.sound(edited)[0]) == 5 * 320
    status, message = page.refused(
        "POST", "/api/jobs", {"kind": "convert", "clip": made["id"], "model": "wavenet", "speaker": "p226"}
    )
    assert status == 400 and "does not have" in message


def test_a_voice_is_added_and_used(page, server, recording):
    mine = page.upload(wav(speech(8.0)), "me.wav")
    wish = {"kind": "voice", "model": "mine", "name": "me", "clips": [mine["id"]], "steps": 2}
    ended = page.end(page.json("POST", "/api/jobs", wish))
    assert (ended["state"], ended["results"]) == ("done", ["mine+me"]), ended
    (path,) = server.studio.out.iterdir()
    assert path.name == "mine-me" and load_speech(path).speakers == ("p225", "p226", "me")
    (model,) = [one for one in page.json("GET", "/api/state")["models"] if one["name"] == "mine+me"]
    assert model["speakers"][2] == {"id": "me", "note": "added from 8 s of speech"}
    (made,) = page.do(kind="convert", clip=page.upload(recording)["id"], model="mine+me", speaker="me")
    assert made["speaker"] == "me"
    again = page.end(page.json("POST", "/api/jobs", wish | {"model": "mine+me"}))
    assert again["state"] == "failed" and "a voice 'me' already" in again["message"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "../../me"}, "'../../me' is not allowed"),
        ({"name": ""}, "not allowed"),
        ({"clips": []}, "no recordings"),
        ({"clips": "all"}, "clips is"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_unusable_voices_are_refused(page, recording, values, says):
    wish = {"kind": "voice", "model": "mine", "name": "me", "clips": [page.upload(recording)["id"]]} | values
    status, message = page.refused("POST", "/api/jobs", wish)
    assert status == 400 and says in message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"prior": "none"}, "unknown prior 'none'"),
        ({"seconds": 1000}, "seconds is"),
        ({"seconds": 0}, "seconds is"),
        ({"top_p": 0}, "top_p is"),
        ({"speaker": "x"}, "unknown speaker"),
        ({"seconds": 10**400}, "digits"),
    ],
)
def test_unusable_samples_are_refused(page, values, says):
    status, message = page.refused(
        "POST", "/api/jobs", {"kind": "sample", "prior": "of-mine", "speaker": "p226"} | values
    )
    assert status == 400 and says in message


def test_too_little_speech_is_told_by_the_job(page, recording):
    wish = {"kind": "voice", "model": "mine", "name": "short", "clips": [page.upload(recording)["id"]]}
    ended = page.end(page.json("POST", "/api/jobs", wish))
    assert ended["state"] == "failed" and "a voice needs" in ended["message"]


def test_a_recording_chosen_many_times_is_taken_once(page, recording, monkeypatch):
    heard = []
    monkeypatch.setattr(
        work, "add_voice", lambda run, name, folders, *_, **__: heard.extend(Path(folders[0]).iterdir())
    )
    wish = {"kind": "voice", "model": "mine", "name": "many", "clips": [page.upload(recording)["id"]] * 1000}
    page.end(page.json("POST", "/api/jobs", wish))
    assert [path.name for path in heard] == ["0.wav"]


def test_no_job_works_in_a_folder_that_is_deleted(monkeypatch, tmp_path, runs):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    there, running = [], threading.Event()

    def until_the_end(task):
        running.set()
        try:
            while True:
                task.check()
        finally:
            there.append(studio._folder.is_dir())

    with Studio(StudioModels([str(runs[1])])) as studio:
        studio.queue.submit("voice", None, until_the_end)
        assert running.wait(5)
    assert there == [True] and list(tmp_path.iterdir()) == []


def test_cancel_ends_a_job_within_its_work(page, server, recording, monkeypatch):
    running = threading.Event()

    def report(task, done, total, note=""):
        running.set()
        while True:
            task.check()

    monkeypatch.setattr(jobs.Task, "report", report)
    before = len(page.json("GET", "/api/state")["clips"])
    wish = {"kind": "convert", "clip": page.upload(recording)["id"], "model": "mine", "speaker": "p226"}
    job = page.json("POST", "/api/jobs", wish)
    assert running.wait(10)
    page.json("DELETE", f"/api/jobs/{job['id']}")
    assert page.end(job)["state"] == "cancelled"
    monkeypatch.undo()
    assert len(page.json("GET", "/api/state")["clips"]) == before + 1
    assert len(page.do(**wish)) == 1


def test_a_deleted_recording_takes_its_codes_along(page, server, recording):
    clip = page.upload(recording)
    page.do(kind="convert", clip=clip["id"], model="mine", speaker="p226")
    assert clip["id"] in {key[0] for key in server.studio._codes}
    page.json("DELETE", f"/api/clips/{clip['id']}")
    assert clip["id"] not in {key[0] for key in server.studio._codes}


def test_a_recording_deleted_while_it_is_encoded_leaves_no_codes(page, server, recording, monkeypatch):
    clip, encode = page.upload(recording), work.encode_clip

    def meanwhile(*given):
        encoded = encode(*given)
        page.json("DELETE", f"/api/clips/{clip['id']}")
        return encoded

    monkeypatch.setattr(work, "encode_clip", meanwhile)
    page.do(kind="convert", clip=clip["id"], model="mine", speaker="p226")
    assert clip["id"] not in {key[0] for key in server.studio._codes}


def test_the_first_model_is_warmed_up(server):
    job = server.studio.warm_up()
    while not job.ended:
        server.studio.queue.news("nobody", -1, 0.01)
    assert (job.state, job.results) == ("done", [])


def test_a_run_that_is_deleted_meanwhile_still_converts(page, run, recording):
    shutil.rmtree(run)
    clip = page.upload(recording)
    (made,) = page.do(kind="convert", clip=clip["id"], model="mine", speaker="p226")
    assert made["kind"] == "conversion"
    ended = page.end(
        page.json("POST", "/api/jobs", {"kind": "voice", "model": "mine", "name": "b", "clips": [clip["id"]]})
    )
    assert ended["state"] == "failed" and "mine" in ended["message"] and "no run directory" in ended["message"]
