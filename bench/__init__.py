"""Our kernels beside their peers: `./run bench`. A file that declares `TASKS` adds a task."""
