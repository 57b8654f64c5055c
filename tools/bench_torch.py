#!/usr/bin/python3
"""The benchmark peer: times the PyTorch twin of a model, training step and inference, on random data in float32.

PyTorch gets its best: at the start each memory layout is tried with each way to run the transposed convolutions, for
inference also as a frozen, optimised graph; all must give the same result, and the fastest is used. The first line
printed is a JSON object with versions, threads and these choices.
Then a driver on standard input says what to run, so that it can alternate with other programs:
    train K   runs K training steps (forward, backward, Adam) and prints the seconds they took
    infer K   the same for inference
    train-plain K, infer-plain K   the same with the network as it is written down: channels first, transposed
              convolutions as PyTorch has them, eager
    quit      ends
With --steps or --seconds nothing is read: both are run, and a second JSON object is printed.
"""
import argparse
import json
import math
import os
import sys
import time


def parse_options():
    parser = argparse.ArgumentParser(description="times the PyTorch twin of a model")
    parser.add_argument("--model", choices=["unet", "unet-transformer"], default="unet")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trials", type=int, default=4, help="timed steps of each choice")
    parser.add_argument("--what", choices=["train", "infer"], help="only this, instead of both")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="run that many steps of each kind, then end")
    length.add_argument("--seconds", type=float, help="run about that long for each kind, then end")
    return parser.parse_args()


options = parse_options()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(options.threads)  # before the import: the libraries read it when they are loaded

import numpy  # noqa: E402
import torch  # noqa: E402

import torch_unet  # noqa: E402
import torch_unet_transformer  # noqa: E402
from torch_common import losses, variants  # noqa: E402

PLAIN = "nchw, direct"


# ---- steps ----

def make_model():
    torch.manual_seed(1)
    if options.model == "unet":
        torch_unet.check_parameter_counts()
        return torch_unet.UNet(options.filters)
    torch_unet_transformer.check_parameter_counts()
    return torch_unet_transformer.UNetTransformer(options.filters)


def make_images():
    """Mixture and both targets, all (N, 32, 32, 1)."""
    a, b = torch.rand(2, options.batch, 32, 32, 1)
    return (a + b) / 2, a, b


def training_step(model, x, a, b):
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)

    def step():
        optimizer.zero_grad(set_to_none=True)
        head_losses = losses(model(x), (a, b))
        sum(head_losses).backward()
        optimizer.step()
        return head_losses
    return step


def inference_step(model, x):
    def step():
        with torch.no_grad():
            return model(x)
    return step


def training_candidates(model, images):
    return {name: training_step(variant, *images) for name, variant in variants(model).items()}


@torch.no_grad()
def freeze(model, x):
    return torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))


@torch.no_grad()
def inference_candidates(model, x):
    """Every variant, eager and frozen. What PyTorch cannot freeze is left out, and said on standard error."""
    models = variants(model.eval())
    for name, variant in list(models.items()):
        try:
            models[f"{name}, frozen"] = freeze(variant, x)
        except RuntimeError as error:
            print(f"bench_torch: {name} is not tried frozen: {error}", file=sys.stderr)
    expected = model(x)
    for variant in models.values():
        torch.testing.assert_close(variant(x), expected, rtol=1e-3, atol=1e-4)
    return {name: inference_step(variant, x) for name, variant in models.items()}


# ---- timing ----

def seconds_for(step, count):
    start = time.perf_counter()
    for _ in range(count):
        result = step()
    seconds = time.perf_counter() - start
    if not all(torch.isfinite(tensor).all() for tensor in result):
        raise SystemExit("bench_torch: the results are not finite, so the time would mean nothing")
    return seconds


def fastest(candidates):
    """The fastest step, its name, and the best milliseconds of all.

    The first two runs of each only warm up; then the candidates take turns, so that a busy moment of the machine
    does not decide.
    """
    for step in candidates.values():
        seconds_for(step, 2)
    best_seconds = dict.fromkeys(candidates, math.inf)
    for _ in range(options.trials):
        for name, step in candidates.items():
            best_seconds[name] = min(best_seconds[name], seconds_for(step, 1))
    best = min(best_seconds, key=best_seconds.get)
    return candidates[best], best, {name: round(1000 * seconds, 3) for name, seconds in best_seconds.items()}


def loaded_blas():
    """The file names of the BLAS libraries in this process; Debian's alternatives decide which."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line}
    return sorted({os.path.basename(path) for path in paths if ".so" in path})


def describe(choices):
    about = {
        "model": options.model, "filters": options.filters, "batch": options.batch,
        "torch": torch.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0],
        "threads": torch.get_num_threads(), "blas": loaded_blas(), "onednn": torch.backends.mkldnn.is_available(),
    }
    for kind, (name, milliseconds) in choices.items():
        about.update({f"{kind}_choice": name, f"{kind}_trials_ms": milliseconds})
    return about


# ---- what to run ----

def run_once(steps):
    report = {}
    for kind, step in steps.items():
        count = options.steps or max(1, round(options.seconds / seconds_for(step, 1)))
        seconds = seconds_for(step, count)
        report[kind] = {"steps": count, "seconds": round(seconds, 6),
                        "images_per_second": round(count * options.batch / seconds, 2)}
    print(json.dumps(report), flush=True)


def serve(steps):
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) != 2 or words[0] not in steps or not words[1].isdigit() or int(words[1]) == 0:
            raise SystemExit(f"bench_torch: cannot read {line.strip()!r}; say {' K, '.join(steps)} K (at least 1) or quit")
        print(f"{seconds_for(steps[words[0]], int(words[1])):.6f}", flush=True)


def main():
    torch.set_num_threads(options.threads)
    model, images = make_model(), make_images()
    steps, choices = {}, {}
    for kind in [options.what] if options.what else ["train", "infer"]:
        candidates = (training_candidates(model, images) if kind == "train" else
                      inference_candidates(model, images[0]))
        steps[kind], *choices[kind] = fastest(candidates)
        steps[f"{kind}-plain"] = candidates[PLAIN]
    print(json.dumps(describe(choices)), flush=True)
    if options.steps or options.seconds:
        run_once(steps)
    else:
        serve(steps)


main()
