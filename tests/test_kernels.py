"""Forked kernels: as good as plain ones, and strangers to each other."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill  # noqa: F401 - it loads the engines: ours can't be imported before it
import pytest
from jupyter_client.manager import AsyncKernelManager

from byoc_helpers import batch, handover, kernels
from byoc_helpers.chapters import CHAPTERS, TEARDOWN
from byoc_helpers.engine import Kernels
from byoc_helpers.partners import load_all
from byoc_helpers.presence import DESTROY_VARIABLE
from byoc_helpers.secrets import remember

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.skipif(not kernels.available(), reason="kernels can't be forked here")


@contextlib.asynccontextmanager
async def kernel(token=None, **launch):
    manager = AsyncKernelManager(kernel_name="python3")
    kernels.fork_kernel(manager, token)
    await manager.start_kernel(**launch)
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    try:
        yield manager, client
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def printed(client, code):
    asked, said = client.execute(code), ""
    while True:
        message = await client.get_iopub_msg(timeout=20)
        if message["parent_header"].get("msg_id") != asked:
            continue
        content = message["content"]
        said += content.get("text", "") or "".join(content.get("traceback", []))
        if content.get("execution_state") == "idle":
            return said.strip()


def gone(pid):
    """Has it ended, with all its threads? Its first one may have while others have not."""
    for _ in range(200):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3] or len(os.listdir(f"/proc/{pid}/task")) > 1:
                time.sleep(0.05)
                continue
        return True
    return False


def test_each_kernel_has_its_own_environment_folder_and_names(tmp_path):
    async def both():
        (tmp_path / "a").mkdir()
        environment = dict(os.environ)
        async with (kernel(env={**environment, "WORD": "one"}, cwd=str(tmp_path / "a")) as (_, first),
                    kernel(env={**environment, "OTHER": "two"}, cwd=str(tmp_path)) as (_, second)):
            await printed(first, "x = 1")
            look = "import os; print(os.getcwd(), os.environ.get('WORD'), os.environ.get('OTHER'), 'x' in globals())"
            return await printed(first, look), await printed(second, look)

    one, two = asyncio.run(both())
    assert one == f"{tmp_path / 'a'} one None True"
    assert two == f"{tmp_path} None two False"


def test_the_nursery_holds_nothing_of_the_callers_environment():
    """A kernel could otherwise read another partner's secret in its own memory."""
    code = ("import os; os.environ['PARTNER_PASSWORD'] = 'swordfish'\n"
            "from byoc_helpers import kernels\n"
            "n = kernels._nursery(); print('swordfish' in open(f'/proc/{n.process.pid}/environ').read())")
    shown = subprocess.run([sys.executable, "-c", code], env={**os.environ, "OTHER_PASSWORD": "swordfish"}, capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"


def test_the_nursery_has_one_thread():
    """Another would not live on in the forks, while a lock that it held would."""
    async def look():
        async with kernel() as (_, client):
            await printed(client, "1")
            return os.listdir(f"/proc/{kernels._nursery().process.pid}/task")

    assert len(asyncio.run(look())) == 1


def test_no_chapter_imports_what_the_nursery_could_have(tmp_path):
    """What each kernel imports for itself, each chapter of each partner pays for."""
    look = ("import sys; from byoc_helpers import warm; models = 'PureCloudPlatformClientV2.models.'\n"
            "assert not (late := sorted({m.removeprefix(models) for m in sys.modules if m.startswith(models)} - {*warm.MODELS})), late")
    for chapter in (*CHAPTERS, TEARDOWN):
        notebook = nbformat.read(ROOT / "notebooks" / f"{chapter.name}.ipynb", 4)
        notebook.cells.append(nbformat.v4.new_code_cell(look))
        nbformat.write(notebook, tmp_path / f"{chapter.name}.ipynb")
    (tmp_path / "p.yaml").write_text((ROOT / "params" / "demo.yaml").read_text("utf-8").replace("PartnerABC", "Late imports"), "utf-8")
    partners = load_all([tmp_path / "p.yaml"])
    result = batch.run_all(partners, batch.Run(tmp_path / "out", notebooks=tmp_path))[0]
    gone = batch.run_all(partners, batch.Run(tmp_path / "out", (TEARDOWN,), notebooks=tmp_path, environment={DESTROY_VARIABLE: "Late imports"}))[0]
    assert [(c.chapter, c.message) for c in (*result.chapters, *gone.chapters)] == [(c.name, "") for c in (*CHAPTERS, TEARDOWN)]


def test_the_connection_file_is_not_written_again():
    """Whoever started the kernel reads it just then, and would find it empty."""
    code = ("import os; from ipykernel.kernelapp import IPKernelApp; app = IPKernelApp.instance(); file = app.abs_connection_file\n"
            "os.utime(file, (1, 1)); app.write_connection_file(); print(os.stat(file).st_mtime, os.path.getsize(file) > 0)")

    async def look():
        async with kernel() as (_, client):
            return await printed(client, code)

    assert asyncio.run(look()) == "1.0 True"


def test_arguments_of_others_are_read_as_a_plain_kernel_reads_them():
    async def look():
        async with kernel(extra_arguments=["--debug", "--InteractiveShell.autocall=1"]) as (_, client):
            return await printed(client, "print(get_ipython().parent.parent.log_level, get_ipython().autocall)")

    assert asyncio.run(look()).endswith("10 1")


def test_a_kernel_runs_its_own_random_numbers():
    async def two():
        async with kernel() as (_, a), kernel() as (_, b):
            code = "import random, uuid; print(random.random(), uuid.uuid4())"
            return await printed(a, code), await printed(b, code)

    a, b = asyncio.run(two())
    assert a.split()[0] != b.split()[0] and a.split()[1] != b.split()[1]


def test_shutting_down_leaves_no_process_and_no_file():
    async def once():
        async with kernel() as (manager, client):
            return int(await printed(client, "import os; print(os.getpid())")), Path(manager.connection_file).parent

    pid, folder = asyncio.run(once())
    assert gone(pid) and not folder.exists()


def test_kernels_and_nursery_end_with_a_killed_caller():
    code = """
import asyncio, os, signal, sys
sys.path.insert(0, "tests")
import test_kernels as t
from byoc_helpers import kernels
async def main():
    async with t.kernel() as (manager, client):
        print(await t.printed(client, "import os; print(os.getpid())"), kernels._nursery().process.pid, kernels._nursery().folder, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    shown = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert shown.returncode == -signal.SIGKILL, shown.stderr
    kernel_pid, nursery_pid, folder = shown.stdout.split()
    assert gone(kernel_pid) and gone(nursery_pid) and not Path(folder).exists()


def test_a_dead_kernel_is_noticed_and_a_dead_nursery_replaced():
    async def die():
        async with kernel() as (manager, client):
            client.execute("import os; os._exit(3)")
            for _ in range(100):
                if not await manager.is_alive():
                    return True
                await asyncio.sleep(0.05)

    assert asyncio.run(die())
    old = kernels._nursery()
    old.process.kill()
    old.process.wait()

    async def again():
        async with kernel() as (_, client):
            return await printed(client, "print('here')")

    assert asyncio.run(again()) == "here"
    assert kernels._nursery() is not old


def test_each_notebook_gets_a_fresh_kernel_that_started_during_the_one_before():
    """None is left over, and one that died while it waited is replaced."""
    look = "import os; print(os.getpid(), os.environ.get('WORD'), 'x' in globals()); x = 1"

    async def ask(manager):
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        said = (await printed(client, look)).split()
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        return said

    async def two(ahead):
        first = await ahead.take()
        await ahead.start_ahead()
        waiting = ahead._ahead.provisioner.pid
        a, b = await ask(first), await ask(await ahead.take())
        assert b[0] == str(waiting) != a[0] and a[1:] == b[1:] == ["one", "False"]
        await ahead.start_ahead()
        os.kill(ahead._ahead.provisioner.pid, signal.SIGKILL)
        assert gone(ahead._ahead.provisioner.pid)
        dead = ahead._ahead.provisioner.pid
        c = await ask(await ahead.take())
        assert c[0] != str(dead) and c[1:] == ["one", "False"]
        await ahead.start_ahead()
        assert ahead._ahead is None, "after the last there is none to start"

    with Kernels(3, {**os.environ, "WORD": "one"}) as ahead:
        asyncio.run(two(ahead))

    async def begin(ahead):
        await ahead.start_ahead()
        return ahead._ahead.provisioner.pid, Path(ahead._ahead.connection_file).parent

    with Kernels(1) as ahead:
        pid, folder = asyncio.run(begin(ahead))
    assert gone(pid) and not folder.exists()


def test_without_forking_a_plain_kernel_does_the_same(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)

    async def plain():
        async with kernel() as (manager, client):
            return type(manager.provisioner).__name__, await printed(client, "print('here')")

    assert asyncio.run(plain()) == ("LocalProvisioner", "here")


def test_the_sdk_is_whole_in_a_forked_kernel():
    """Its modules come when their classes are asked for, in each way a class can be; they are the very classes of the SDK."""
    import PureCloudPlatformClientV2 as sdk

    names = sorted(n for n in dir(sdk) if n[0].isupper())[::40]
    code = ("import PureCloudPlatformClientV2 as sdk, importlib, sys\n"
            "few = len([m for m in sys.modules if m.startswith('PureCloud')]) < 200\n"
            "from PureCloudPlatformClientV2 import Trunk\n"
            "from PureCloudPlatformClientV2.models.site import Site\n"
            "import PureCloudPlatformClientV2.rest\n"
            "print(few, Site is sdk.Site is sdk.models.Site, importlib.import_module('PureCloudPlatformClientV2.models.site').Site is Site,\n"
            "      sdk.models.Trunk is Trunk, sdk.rest.__name__, hasattr(sdk, 'Nonsense'), eval('sdk.models.' + 'Edge').__module__,\n"
            f"      [getattr(sdk, n).__module__ for n in {names}], type(sdk.UsersApi().api_client.deserialize).__name__)")

    async def look():
        async with kernel() as (_, client):
            return await printed(client, code)

    same = [getattr(sdk, n).__module__ for n in names]
    assert asyncio.run(look()) == f"True True True True PureCloudPlatformClientV2.rest False PureCloudPlatformClientV2.models.edge {same} method"


def test_what_a_kernel_writes_past_the_notebook_is_masked(capfd):
    """What this process knows, what the kernel left for the next one, and what looks like it."""
    remember("PastTheNotebook1")
    code = ("import os, subprocess; from byoc_helpers import handover; handover.leave('me', 'LeftForTheNext22')\n"
            "os.write(2, b'x PastTheNotebook1 y\\n'); print('done')\n"
            "subprocess.run(['sh', '-c', 'echo authorization: basic U29tZWJvZHk6c2VjcmV0 LeftForTheNext22 >&2; printf \"\\\\033[2K\" >&2'])")

    async def write():
        token = handover.memory()
        async with kernel(token=token) as (_, client):
            await printed(client, code)
        os.close(token)

    asyncio.run(write())
    said = capfd.readouterr().err
    assert "x ******** y" in said and "authorization: basic ******** ********" in said
    assert not [word for word in ("PastTheNotebook1", "LeftForTheNext22", "U29tZWJvZHk6c2VjcmV0", "\x1b") if word in said]


def test_nothing_that_lies_in_the_callers_folder_is_imported(tmp_path):
    """Kernels hold secrets, and the record names the version of this package."""
    (tmp_path / "phonenumbers.py").write_text("open('was_here', 'w')")
    (tmp_path / "byoc_helpers").mkdir()
    (tmp_path / "byoc_helpers" / "__init__.py").write_text("open('was_here', 'w')")
    code = ("import asyncio, papermill; from byoc_helpers.engine import Kernels\n"
            "async def one():\n"
            "    manager = await Kernels(1).take(); client = manager.client(); client.start_channels()\n"
            "    await client.wait_for_ready(timeout=60); client.stop_channels(); await manager.shutdown_kernel(now=True)\n"
            "asyncio.run(one()); print('ran')")
    said = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert said.stdout == "ran\n" and sorted(p.name for p in tmp_path.iterdir()) == ["byoc_helpers", "phonenumbers.py"]
