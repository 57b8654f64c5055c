"""What the benchmarks share: programs that run what they are told, taking turns."""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
THREADS = len(os.sched_getaffinity(0))  # of each side: every core that we may use
CONFIGS = {"unet": "unet-small.ini", "unet-transformer": "unet-transformer.ini"}


def config_words(options):
    """The config of the options' network and what differs from it, as our programs take them."""
    return [os.path.join(ROOT, "configs", CONFIGS[options.model]), f"model.filters={options.filters}",
            f"train.batch={options.batch}", f"data.directory={os.path.join(ROOT, 'tests', 'sample')}"]


class Worker:
    """A program that runs what it is told on standard input and answers with seconds."""

    def __init__(self, name, command, messages=None, environment=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages,
                                        env=environment or our_environment(), text=True)
        self.about = json.loads(self.read())

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"tools/bench: {self.name} ended early")
        return line

    def ask(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        return self.read()

    def seconds(self, what, steps):
        return float(self.ask(f"{what} {steps}"))

    def quit(self):
        self.process.stdin.write("quit\n")
        self.process.stdin.flush()
        self.process.wait()


def build_programs(options, *names):
    """What is timed is what the sources say now."""
    folder = os.path.relpath(options.build, ROOT)
    done = subprocess.run(["make", "--silent", "-C", ROOT, f"BUILD={folder}",
                           *(os.path.join(folder, "tools", name) for name in names)], stdout=sys.stderr)
    if done.returncode:
        sys.exit(f"tools/bench: {', '.join(names)} cannot be built")


def our_environment():
    """PoCL takes every core of the machine, also those that we may not use."""
    return {**os.environ, "POCL_MAX_PTHREAD_COUNT": str(THREADS)}


def peer_environment():
    """As many threads, and what makes PyTorch fastest.

    OpenBLAS finds out by itself which CPU it runs on. Its threads sleep rather than spin between products, since
    they would take a core from OpenMP's threads, which convolutions run on: a factor of 3 in places.
    """
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    return {**environment, "OMP_NUM_THREADS": str(THREADS), "OPENBLAS_NUM_THREADS": str(THREADS),
            "OPENBLAS_THREAD_TIMEOUT": "4"}


def take_turns(rounds, turns, twice=False):
    """Lists of seconds a step, one for each turn (worker, what, steps).

    With twice, each turn is run once more before it is timed: the threads of the program before may still spin,
    waiting for work, and a core is only free when they sleep.
    """
    times = [[] for _ in turns]
    for worker, what, _ in turns:  # caches and clocks
        worker.seconds(what, 2)
    for _ in range(rounds):
        for (worker, what, steps), seconds in zip(turns, times):
            if twice:
                worker.seconds(what, steps)
            seconds.append(worker.seconds(what, steps) / steps)
    return times
