"""Our kernels beside their peers: `./run bench`.

A file that declares `TASKS` adds a task: its cases, contestants, the error against a reference, and the targets that are judged
from the rows. Each contestant runs in a process of its own, pinned to its cores, with its own packages.
"""
