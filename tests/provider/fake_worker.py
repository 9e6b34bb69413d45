"""A worker that behaves as its first argument says; needs no engine. Run as a script."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def say(event: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def hello(protocol: int = 1) -> None:
    say("hello", protocol=protocol, backend="0", python="3", jax="0", device="cpu", devices=["cpu:0"], pid=os.getpid())


def wait_for_cancel(ends: bool = True) -> None:
    for line in sys.stdin:
        if ends and json.loads(line) == {"command": "cancel"}:
            say("cancelled")
            sys.exit(3)
    os._exit(4)


def listen_in_background() -> None:
    threading.Thread(target=wait_for_cancel, args=(False,), daemon=True).start()


def part_file(job: dict, name: str) -> Path:
    path = Path(job["outputs"][name])
    return path.with_name(f".{path.stem}.{job['id']}.part{path.suffix}")


def run(job_path: str) -> None:
    """Copy QUALITY to every raster output and remember the job beside the first."""
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    hello()
    say("progress", fraction=0.5, step="Computing")
    say("message", text="half way")
    say("warning", text="careful")
    raster = job["parameters"].get("QUALITY") or job["parameters"]["MOVEMENT"]
    for path in job["outputs"].values():
        if path.endswith(".tif"):
            shutil.copy(raster, path)
        else:
            Path(path).write_text(json.dumps(job), encoding="utf-8")
    record = os.environ.get("FAKE_WORKER_RECORD")
    if record:
        Path(record).write_text(json.dumps(job), encoding="utf-8")
        shutil.copy(raster, record + ".quality.tif")
    say("result", numbers={"C": 2.5, "ECA": 3.0}, outputs=job["outputs"], usage={"seconds": 0.1, "peak_memory": 1e6})


def fail(job_path: str) -> None:
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    part_file(job, "FUNCTIONAL_HABITAT").write_text("half", encoding="utf-8")
    say("error", code="output", parameter="FUNCTIONAL_HABITAT", message="The disk is full.", remedy="Free some space.")
    sys.exit(1)


def main(mode: str, arguments: list[str]) -> None:
    """Behave."""
    if mode in ("run", "fail"):
        return {"run": run, "fail": fail}[mode](arguments[-1])
    if mode == "run_mode":  # what stands between is the mode of `run JOB`
        return main(arguments[0], arguments[1:])
    if mode == "protocol":
        return hello(protocol=99)
    hello()
    if mode == "result":
        say("progress", fraction=0.25, step="Computing")
        say("result", numbers={"C": 1.5}, outputs={"A": "/a.tif"}, usage={"seconds": 1.0})
    elif mode == "error":
        say("error", code="bad_input", parameter="QUALITY", message="It is empty.", remedy="Fill it.")
        sys.exit(1)
    elif mode == "garbage":
        sys.stdout.buffer.write(b'\xff\xfe not json\n{broken\n[1, 2]\n{"event": 5}\n"text"\n{"event": "unheard"}\n\n')
        sys.stdout.buffer.write(b'{"event": "progress"}\n{"event": "progress", "fraction": "x"}\n')
        sys.stdout.buffer.flush()
        say("result", numbers={"C": 1.0}, outputs={})
    elif mode == "silent":
        listen_in_background()
        time.sleep(60)
    elif mode == "traceback":
        sys.stderr.write("".join(f"line {number}\n" for number in range(100)))
        raise RuntimeError("what went wrong")
    elif mode == "killed":
        sys.stderr.write("the last words\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "polite":
        wait_for_cancel()
    elif mode in ("stubborn", "stubborn_family"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if mode == "stubborn_family":
            child = subprocess.Popen([sys.executable, __file__, "stubborn_child"], stdin=subprocess.DEVNULL)
            say("message", text=f"child {child.pid}")
        while True:
            say("heartbeat")
            time.sleep(0.05)
    elif mode == "stubborn_child":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif mode == "lingering":
        say("result", numbers={}, outputs={})
        time.sleep(60)
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
