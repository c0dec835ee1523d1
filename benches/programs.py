#!/usr/bin/env python3
"""Compares builds of the program: how soon they start, what commands cost, and the daemon under load.

benches/programs.py [--mb N] [--rounds N] NAME=PROGRAM...

Processor time is what is compared, since it suffers least from others on the machine. Rounds alternate between the programs, and the
median is given.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = "2026-11-27T10:00:00.%06dZ %s request %d of user %d took %d ms: GET /api/v1/items/%d HTTP/1.1 from 10.%d.%d.7\n"
BATCH_LINES = 2_000
BATCHES = 150


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=256, help="size of the log that commands read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("programs", nargs="+", metavar="NAME=PROGRAM")
    args = parser.parse_args()
    programs = dict(program.split("=", 1) for program in args.programs)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "app.log"
        write_log(log, args.mb << 20)
        rows = {
            "size of the file, MB": lambda program: os.path.getsize(program) / 1e6,
            "start (--version, 50 times), ms of CPU each": lambda program: 1e3 * cost([program, "--version"], 50)[0],
            "scan, ms of CPU": lambda program: 1e3 * cost([program, "scan", log])[0],
            "scan, peak MB": lambda program: cost([program, "scan", log])[1],
            "patterns --all, ms of CPU": lambda program: 1e3 * cost([program, "patterns", "--all", log])[0],
            "patterns --all, peak MB": lambda program: cost([program, "patterns", "--all", log])[1],
            "replay, ms of CPU": lambda program: 1e3 * cost([program, "replay", log])[0],
            "replay, peak MB": lambda program: cost([program, "replay", log])[1],
        }
        table = {name: [[] for _ in programs] for name in rows}
        for _ in range(args.rounds):
            for name, measure in rows.items():
                for column, program in enumerate(programs.values()):
                    table[name][column].append(measure(program))
            for column, program in enumerate(programs.values()):
                for name, value in daemon(program, Path(folder)).items():
                    table.setdefault(name, [[] for _ in programs])[column].append(value)
    print("| | " + " | ".join(programs) + " |")
    print("|---|" + "---|" * len(programs))
    for name, columns in table.items():
        print(f"| {name} | " + " | ".join(f"{statistics.median(values):.3g}" for values in columns) + " |")


def write_log(path, size):
    with open(path, "w") as file:
        n = 0
        while file.tell() < size:
            file.writelines(line(n + i) for i in range(10_000))
            n += 10_000


def line(n):
    level = "ERROR" if n % 100 == 0 else "INFO"
    return LINE % (n % 1_000_000, level, n, n % 977, n % 313, n % 4099, n % 251, n % 241)


def cost(command, times=1):
    """Seconds of processor time of one run, and its peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = 0
    for _ in range(times):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        peak = max(peak, usage.ru_maxrss / 1e3)
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            sys.exit(f"{command} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / times, peak


def daemon(program, folder):
    """A daemon with a state and an alert by pattern, whose log grows by batches."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        log = Path(place) / "grown.log"
        log.touch()
        config = Path(place) / "spiketail.toml"
        config.write_text(
            f'[watch.app]\npaths = ["{log}"]\n[alert.new]\nwhen = "new"\nlearn = "0s"\n[alert.many]\nover = 1\nby = "pattern"\n'
            f'[output.file]\ntype = "json"\npath = "{place}/events"\n'
        )
        child = subprocess.Popen([program, "run", "-c", config, "--state", Path(place) / "state"], stdout=subprocess.DEVNULL)
        events = Path(place) / "events"
        until(lambda: events.exists() and '"started"' in events.read_text(), child)
        status = Path(f"/proc/{child.pid}/status")
        begun = memory(status, "VmRSS")
        with open(log, "a", buffering=1 << 20) as file:
            for batch in range(BATCHES):
                file.writelines(line(batch * BATCH_LINES + i) for i in range(BATCH_LINES))
                file.flush()
                time.sleep(0.02)
        total = f'"total":{BATCHES * BATCH_LINES // 100},'
        until(lambda: total in events.read_text(), child)
        loaded = memory(status, "VmRSS")
        peak = memory(status, "VmHWM")
        child.terminate()
        _, ended, usage = os.wait4(child.pid, 0)
        child.returncode = ended
        if ended != 0:
            sys.exit(f"{program} run failed")
        return {
            "daemon at its start, MB": begun,
            "daemon after 300,000 lines, MB": loaded,
            "daemon at its peak, MB": peak,
            "daemon, ms of CPU": 1e3 * (usage.ru_utime + usage.ru_stime),
        }


def until(is_so, child):
    for _ in range(1_200):
        if is_so():
            return
        if child.poll() is not None:
            sys.exit(f"{child.args[0]} ended")
        time.sleep(0.05)
    sys.exit(f"{child.args[0]} takes too long")


def memory(status, field):
    text = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(text.split()[1]) / 1e3


if __name__ == "__main__":
    main()
