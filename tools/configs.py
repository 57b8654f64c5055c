"""What the tools that run experiments share: what `unblend info` says of a config, and the list of experiments."""
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXPERIMENTS = os.path.join(ROOT, "docs", "experiments")
SMALL = os.path.join(EXPERIMENTS, "small.ini")
UNBLEND = os.path.join(ROOT, "build", "unblend")


def sets(overrides):
    """The options that override keys, from a list of KEY=VALUE."""
    return [part for override in overrides for part in ("--set", override)]


def describe(config, overrides, unblend=UNBLEND):
    """What `unblend info --json` says of a config under overrides; where it fails it has said why."""
    done = subprocess.run([unblend, "info", config, "--json", *sets(overrides)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def experiments():
    """{name: overrides of small.ini} of every experiment in list.txt."""
    with open(os.path.join(EXPERIMENTS, "list.txt"), encoding="utf-8") as file:
        lines = [shlex.split(line, comments=True) for line in file]
    return {words[0]: words[1:] for words in lines if words}
