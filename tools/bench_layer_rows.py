"""Single layers: our kernels beside oneDNN's and OpenBLAS', a row for each distinct shape of a network.

A speed counts only if both sides computed the same. Operations are those of direct convolutions and products, so
Winograd's speeds can exceed what the machine can multiply.
"""
import json
import math
import os
import statistics
import subprocess

from bench_common import THREADS, Worker, config_words, peer_environment, take_turns

PASSES = {"forward": "forward", "input_gradient": "input gradient", "weight_gradient": "weight gradient"}
TOLERANCE = 1e-4
SECONDS_IN_TURN = 0.05
# A pass of so many operations keeps both cores busy, if the machine is free.
LARGE, BUSY = 1e8, 0.75


def list_shapes(program, options):
    """[(shape, number of layers, name of the first)]"""
    if options.shapes:
        return [(shape, 1, "") for shape in options.shapes]
    lines = subprocess.run([program, "--list", *config_words(options)], check=True, stdout=subprocess.PIPE, text=True)
    return [(shape, int(count), name) for shape, count, name in map(str.split, lines.stdout.splitlines())]


def same(ours, theirs):
    """Whether two answers to `check` tell of the same values; none of them may be missing, that is, not finite."""
    if None in (ours["sum"], theirs["sum"], *ours["samples"], *theirs["samples"]):
        return False
    largest = max(abs(value) for value in theirs["samples"])
    return (math.isclose(ours["sum"], theirs["sum"], rel_tol=TOLERANCE) and
            all(abs(one - other) <= TOLERANCE * largest for one, other in zip(ours["samples"], theirs["samples"])))


def turn(worker, what):
    seconds = worker.seconds(what, 3) / 3
    return worker, what, max(1, math.ceil(SECONDS_IN_TURN / max(seconds, 1e-9)))


class Row:
    """One shape: of each pass both sides' median seconds, or None if they differ in what they computed."""

    def __init__(self, index, shape, count, workers, rounds):
        ours, theirs = workers
        self.shape, self.count, self.flops = shape, count, ours.about["flops"][index]
        self.checks = {name: [json.loads(worker.ask(f"check {name} {index}")) for worker in workers]
                       for name in PASSES}
        good = [name for name, checks in self.checks.items() if same(*checks)]
        turns = [turn(worker, f"{name} {index}") for name in good for worker in workers]
        convolution = shape.startswith(("conv", "up"))
        extra = [(theirs, f"peak {index}", 1)] + ([turn(ours, f"pack {index}")] if convolution else [])
        medians = [statistics.median(seconds) for seconds in take_turns(rounds, turns + extra, twice=True)]
        self.seconds = {name: None for name in PASSES}
        self.seconds.update(zip(good, zip(medians[0::2], medians[1::2])))
        self.peak = 2 * 2048 ** 3 / medians[len(turns)]
        self.pack = medians[-1] if convolution else None

    def print(self):
        cells = []
        for seconds in self.seconds.values():
            if seconds is None:
                cells.append(f"{'results differ':>27}")
                continue
            ours, theirs = (self.flops / side for side in seconds)
            cells.append(f"{ours / 1e9:8.1f}{theirs / 1e9:8.1f}{ours / theirs:6.2f}{ours / self.peak:5.0%}")
        pack = f"{self.pack * 1e6:8.0f}" if self.pack else ""
        print(f"{self.shape:26}{self.count:4}", *cells, pack, flush=True)


def print_totals(rows):
    """What all layers of the network take together."""
    for name, title in PASSES.items():
        if any(row.seconds[name] is None for row in rows):
            continue
        ours, theirs = (sum(row.count * row.seconds[name][side] for row in rows) for side in (0, 1))
        print(f"{title:16} of all layers: ours {ours * 1e3:8.2f} ms, theirs {theirs * 1e3:8.2f} ms, "
              f"ratio {theirs / ours:.2f}")
    peaks = [row.peak / 1e9 for row in rows]
    print(f"OpenBLAS sgemm of 2048^3: {statistics.median(peaks):.1f} GFLOP/s ({min(peaks):.1f} to {max(peaks):.1f})")


def print_doubts(rows):
    cores = [side["cores"] for row in rows if row.flops >= LARGE for sides in row.checks.values() for side in sides]
    idle = sum(busy < BUSY * THREADS for busy in cores)
    if idle:
        print(f"Do not trust these figures: {idle} of {len(cores)} large passes did not get {THREADS} cores.")


def print_choices(rows):
    print("\nhow theirs was computed, and the cores that ours and theirs kept busy")
    for row in rows:
        for name, (ours, theirs) in row.checks.items():
            print(f"{row.shape:26}{PASSES[name]:17}{theirs['chosen']:44}{ours['cores']:5.2f}{theirs['cores']:5.2f}")


def measure_layers(options):
    """Prints the table; False if any results differ."""
    folder = os.path.join(options.build, "tools")
    program = os.path.join(folder, "bench_layers")
    shapes = list_shapes(program, options)
    words = [shape for shape, _, _ in shapes]
    workers = [Worker("bench_layers", [program, *words]),
               Worker("bench_onednn", [os.path.join(folder, "bench_onednn"), *["--openblas"] * options.openblas, *words],
                      environment=peer_environment())]
    for title, worker in zip(("ours  ", "theirs"), workers):
        print(title, json.dumps({key: value for key, value in worker.about.items() if key != "flops"}))
    print(f"\n{'GFLOP/s':30}", *[f"{title:>27}" for title in PASSES.values()], "    pack")
    print(f"{'shape':24}layers", *[f"{'ours':>8}{'theirs':>8}{'ratio':>6}{'peak':>5}" for _ in PASSES], "      us")
    rows = []
    for index, (shape, count, _) in enumerate(shapes):
        rows.append(Row(index, shape, count, workers, options.rounds))
        rows[-1].print()
    print()
    print_totals(rows)
    print_doubts(rows)
    print_choices(rows)
    for worker in workers:
        worker.quit()
    return all(None not in row.seconds.values() for row in rows)
