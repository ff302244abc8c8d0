"""Beyond one machine: a real Dask scheduler and workers in processes of their own, records in an S3 store (moto's server)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import distributed
import httpx
import pytest
import yaml
from orgs import BYOC

from byoc_helpers import batch, sandbox
from byoc_helpers.exceptions import RecordError, RunbookError
from byoc_helpers.partners import load_all
from byoc_helpers.shelf import Shelf

ROOT = Path(__file__).resolve().parent.parent
DEMO = yaml.safe_load((ROOT / "params" / "demo.yaml").read_text("utf-8"))
COUNT = 20 if os.environ.get("BYOC_TEST_FULL") else 4


@pytest.fixture
def store(monkeypatch):
    """An empty bucket; its address."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (("AWS_ENDPOINT_URL", f"http://{host}:{port}"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"),
                        ("AWS_DEFAULT_REGION", "eu-west-1")):
        monkeypatch.setenv(name, value)
    httpx.post(f"http://{host}:{port}/moto-api/reset")  # what it held lives in this process
    boto3.client("s3").create_bucket(Bucket="records", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield "s3://records/byoc"
    server.stop()


@pytest.fixture
def cluster(tmp_path, store):
    """A scheduler and two workers, each a process of its own, that know the store; the address and the workers."""
    where = tmp_path / "scheduler.json"
    scheduler = _start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", where)
    workers = []
    try:
        address = _address(where)
        workers = [_start("worker", address, "--host", "127.0.0.1", "--nthreads", "2", "--no-nanny", "--no-dashboard",
                          "--local-directory", tmp_path / f"w{n}") for n in range(2)]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _start(kind, *arguments):
    log = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + kind, *map(str, arguments)], stdout=log, stderr=log, cwd=ROOT)


def _address(where):
    for _ in range(300):
        if where.exists() and where.stat().st_size:
            return json.loads(where.read_text())["address"]
        time.sleep(0.1)
    raise TimeoutError("the scheduler did not start")


def partners(folder, word, count, **changes):
    """Params files of `count` partners; the last one's have these changes."""
    folder.mkdir()
    for n in range(count):
        number = f"+33156{len(word):02d}{n:04d}"
        own = {"partner": f"{word} {n}", "identifier": f"{word.lower()}{n}", "termination_domain": f"{word.lower()}-{n}",
               "phone_numbers": [number], "emergency_number": number, "assignments": [{"number": number, "person": "alice@example.com"}]}
        (folder / f"{n:03}.yaml").write_text(yaml.safe_dump(DEMO | own | (changes if n == count - 1 else {}), allow_unicode=True), "utf-8")
    return folder


def byoc(*arguments):
    return subprocess.Popen([*BYOC, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, cwd=ROOT)


def test_a_killed_worker_a_bad_partner_and_a_storm_cost_nothing_but_time(cluster, store, tmp_path):
    """One of two workers is killed in mid-run, every fifth call is refused with 429, one partner's params name a site that
    isn't there: the others are done after one --resume, and all records are in the store."""
    address, workers = cluster
    folder, good = partners(tmp_path / "p", "Far", COUNT, edge_site="No such site"), range(COUNT - 1)
    box = sandbox.ensure_running()
    box.faults([{"kind": "status", "status": 429, "retry_after": 0.05, "every": 5}])
    run = byoc("run", folder, "--scheduler", address, "--out", store, "--json")
    shelf = Shelf(store)
    for _ in range(300):
        if any(shelf.read(f"far-{n}", record, ".ipynb") for n in good for record in shelf.records(f"far-{n}")) or run.poll() is not None:
            break
        time.sleep(0.2)
    workers[0].send_signal(signal.SIGKILL)
    said, errors = run.communicate(timeout=600)
    box.faults([])
    assert run.returncode == 1, errors
    results = json.loads(said)
    assert "No such site" in results[-1]["chapters"][-1]["message"]
    assert "✔ 08_cross_check" in errors  # heard of as it went on
    assert all(r["record"].startswith(f"{store}/far-{n}") for n, r in enumerate(results))

    again = byoc("run", folder, "--out", store, "--json", "--resume")  # here, without the cluster
    said, errors = again.communicate(timeout=600)
    resumed = json.loads(said)
    assert [r["status"] for r in resumed] == ["passed"] * len(good) + ["failed"], errors
    for n in good:
        records = shelf.records(f"far-{n}")
        assert {name for record in records for name in shelf.read(f"far-{n}", record, ".ipynb")} == {f"{c.name}.ipynb" for c in batch.CHAPTERS}
    page = shelf._store[0].cat_file("records/byoc/index.html").decode()
    assert all(f"Far {n}" in page for n in good)


def test_ctrl_c_lets_the_workers_end_their_chapters(cluster, tmp_path):
    address, _ = cluster
    folder, out = partners(tmp_path / "p", "Halt", 6), tmp_path / "out"
    run = byoc("run", folder, "--scheduler", address, "--out", out)
    for _ in range(600):
        if list(out.rglob("01_*.ipynb")):
            break
        time.sleep(0.1)
    os.kill(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=120)
    assert run.returncode == 130, errors
    assert said.count("interrupted") == 6 and "Traceback" not in errors
    assert not list(out.rglob("*.partial.ipynb"))


def test_no_scheduler_and_no_store_are_sentences(tmp_path, store, monkeypatch):
    from byoc_helpers.cluster import Cluster

    with pytest.raises(RunbookError, match=r"There is no Dask scheduler at tcp://127.0.0.1:9 .*Check the address"):
        Cluster("tcp://127.0.0.1:9")
    loaded = load_all([partners(tmp_path / "p", "Gone", 1)])
    with pytest.raises(RecordError, match=r"The records' place s3://nobodys/x can't be used .*Check the address"):
        batch.run_all(loaded, batch.Run("s3://nobodys/x"))
    with pytest.raises(RecordError, match=r"--out gopher://x"):
        batch.run_all(loaded, batch.Run("gopher://x"))
