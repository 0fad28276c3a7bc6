"""Children are kept alive, end with their parent, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.errors import Conflict
from portal.management import processes
from portal.management.processes import Child, Supervisor
from tests.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """A supervisor whose signal handlers and children do not outlive the test."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    made = Supervisor(say=lambda line: None)
    yield made
    made.stop()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def pid_of(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_a_killed_child_is_started_again(supervisor) -> None:
    child = supervisor.add(Child("sleeper", SLEEPER))
    first = pid_of(child)
    os.kill(first, signal.SIGKILL)
    assert supervisor.wait(20, until=lambda: child.is_alive and pid_of(child) != first)


def test_a_child_that_keeps_dying_is_started_ever_more_rarely() -> None:
    child = Child("brief", SLEEPER, born=100.0)
    pauses = []
    for _ in range(8):
        child.schedule(now=child.born + 1)
        pauses.append(child.due - child.born - 1)
    assert pauses == [0, 1, 3, 7, 15, 30, 30, 30]
    child.schedule(now=child.born + 3600)
    assert child.due == child.born + 3600


def test_a_child_hears_one_polite_signal_and_nothing_is_left(supervisor, tmp_path) -> None:
    program = f"""
        import signal, subprocess, sys, time
        def note(number, frame):
            with open({str(tmp_path / "heard")!r}, "a") as notes:
                notes.write(signal.Signals(number).name + " ")
            raise SystemExit
        signal.signal(signal.SIGTERM, note)
        signal.signal(signal.SIGINT, note)
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open({str(tmp_path / "pid")!r} + ".new", "w") as file:
            file.write(str(grandchild.pid))
        import os
        os.rename({str(tmp_path / "pid")!r} + ".new", {str(tmp_path / "pid")!r})
        time.sleep(600)
    """
    child = supervisor.add(Child("parent", [sys.executable, "-c", textwrap.dedent(program)]))
    assert supervisor.wait(20, until=(tmp_path / "pid").exists)
    supervisor.stop()
    assert (tmp_path / "heard").read_text() == "SIGTERM "
    assert not is_running(pid_of(child))
    assert eventually(lambda: not is_running(int((tmp_path / "pid").read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_children_do_not_outlive_a_killed_supervisor(tmp_path) -> None:
    program = f"""
        import sys
        from portal.management.processes import Child, Supervisor
        supervisor = Supervisor(print)
        child = supervisor.add(Child("sleeper", {SLEEPER!r}))
        print(child.process.pid, flush=True)
        supervisor.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: not is_running(pid))


def test_two_errands_run_side_by_side_and_each_says_how_it_went(supervisor, tmp_path) -> None:
    meeting = """
        import pathlib, sys, time
        mine, other = map(pathlib.Path, sys.argv[1:])
        mine.touch()
        while not other.exists():
            time.sleep(0.02)
        raise SystemExit(mine.name == "bad")
    """
    command = [sys.executable, "-c", textwrap.dedent(meeting)]
    good, bad = str(tmp_path / "good"), str(tmp_path / "bad")
    first = supervisor.begin(Child("first", [*command, good, bad]))
    assert not supervisor.run(Child("second", [*command, bad, good]))
    assert supervisor.finish(first)


def test_an_errand_that_nobody_waited_for_ends_with_the_rest(supervisor) -> None:
    errand = supervisor.begin(Child("sleeper", SLEEPER))
    supervisor.stop()
    assert not is_running(pid_of(errand))


def test_ctrl_c_asks_the_supervisor_to_stop(supervisor) -> None:
    supervisor.add(Child("sleeper", SLEEPER))
    signal.raise_signal(signal.SIGINT)
    assert supervisor.wait() is False


def test_a_taken_port_is_said_clearly() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} .* PORT={port + 1}"):
            processes.listen("127.0.0.1", port)


def test_a_data_folder_serves_one_portal_at_a_time(tmp_path) -> None:
    first = processes.hold(tmp_path)
    with pytest.raises(Conflict, match=f"already runs on the data folder .* {os.getpid()}"):
        processes.hold(tmp_path)
    first.close()
    processes.hold(tmp_path).close()


def test_a_server_that_says_anything_but_200_does_not_answer(free_port) -> None:
    assert not processes.answers("127.0.0.1", free_port())
