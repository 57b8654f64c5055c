#!/usr/bin/python3
"""The peer of tools/time-to-quality: trains the PyTorch twin of a config's network by the config's own recipe.

    tools/torch_recipe.py CONFIG STEPS [LAST] < /dev/null

CONFIG is a config in force, as `unblend info --json` has it: a U-Net of two gray sources, adam or muon, a constant rate
or a cosine, a batch that may grow. STEPS is the length of the whole training, which the cosine follows; after LAST steps
(default: STEPS) it stops. The first twenty steps are not timed. Of four ways to lay out memory and run the transposed
convolutions the fastest is taken. Prints a JSON object: seconds a step, and where all steps were made the mean squared
error of 50,000 held-out pairs.
"""
import configparser
import json
import math
import os
import sys
import time

import numpy
import torch

from torch_common import BatchNorm, losses, variants
from torch_unet import UNet

WARM_STEPS = 20
HELD_OUT_PAIRS = 50_000
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


# ---- the config ----

def read_config(path):
    config = configparser.ConfigParser()
    config.read(path)
    return config


def refuse_what_has_no_twin(config):
    train, data = config["train"], config["data"]
    plain = {"average": "0", "clip_norm": "0", "start_from": '""'}
    strange = [f"train.{key} = {train[key]}" for key, value in plain.items() if train[key] != value]
    strange += [f"[{section}]" for section in config.sections() if section.startswith("stage.")]
    if train["schedule"] not in ("constant", "cosine") or train["optimizer"] not in ("adam", "muon"):
        strange.append(f"train.schedule = {train['schedule']}, train.optimizer = {train['optimizer']}")
    if data["shift"] != "0" or "true" in data["flip"] or data["channels"] != "1" or data["size"] != "32x32":
        strange.append("other pictures than 32 x 32 in gray, as they are")
    if strange:
        sys.exit(f"torch_recipe: there is no twin of {'; '.join(strange)}")


def unquoted(text):
    return text.strip().strip('"')


def numbers(text):
    values = [int(word) for word in text.replace(",", " ").split()]
    return values[0] if len(values) == 1 else values


def build_network(model):
    if model["architecture"] != "unet":
        sys.exit("torch_recipe: only U-Nets have a twin here")
    return UNet(numbers(model["filters"]), int(model["modules"]), numbers(model["convolutions"]), model["activation"],
                model["residual"] == "true", model["batch_norm"] == "true", model["consistent"] == "true",
                model["gated"] == "true")


# ---- data ----

def read_pictures(directory):
    path = os.path.join(directory, "train-images-idx3-ubyte")
    if not os.path.exists(path):
        sys.exit(f"torch_recipe: {path} is missing; the twin reads sets as `make data` leaves them")
    with open(path, "rb") as file:
        count, height, width = numpy.frombuffer(file.read(16), ">i4")[1:]
        pictures = numpy.frombuffer(file.read(), numpy.uint8).reshape(count, height, width)
    border = (32 - height) // 2
    return torch.from_numpy(numpy.pad(pictures, ((0, 0), (border, border), (border, border))))


class Pairs:
    """Random pairs of one part of both sets."""

    def __init__(self, sets, seed):
        self.sets = sets
        self.random = torch.Generator().manual_seed(seed)

    def draw(self, batch):
        a, b = (pictures[torch.randint(len(pictures), (batch,), generator=self.random)].float()[..., None] / 255
                for pictures in self.sets)
        return (a + b) / 2, a, b


def split_sets(data, seed):
    parts = [], []
    for number, name in enumerate(data["sources"].split(",")):
        pictures = read_pictures(os.path.join(unquoted(data["directory"]), unquoted(name)))
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed * 10 + number))
        training = len(pictures) - int(len(pictures) * float(data["validation"]))
        parts[0].append(pictures[order[:training]])
        parts[1].append(pictures[order[training:]])
    return Pairs(parts[0], seed), Pairs(parts[1], seed)


# ---- the recipe ----

def orthogonalise(matrix):
    """By its Gram matrix, as src/train/muon.h has it."""
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[0] < matrix.shape[1]
    gram = matrix @ matrix.T if wide else matrix.T @ matrix
    scale = 1 / (gram.trace().sqrt() + 1e-7)
    gram, product = gram * scale**2, scale * torch.eye(len(gram))
    for iteration in range(5):
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        product = torch.addmm(product, product, polynomial, beta=a)
        if iteration < 4:
            gram = torch.addmm(gram, gram, polynomial, beta=a)
            gram = torch.addmm(gram, gram, polynomial, beta=a)
    return product @ matrix if wide else matrix @ product


class Muon:
    """As src/train/muon.h has it, over kernels of convolutions as matrices (9 * in, out)."""

    def __init__(self, kernels):
        self.kernels = kernels
        self.moments = [torch.zeros_like(kernel) for kernel in kernels]

    @torch.no_grad()
    def step(self, rate):
        for kernel, moment in zip(self.kernels, self.moments):
            moment.lerp_(kernel.grad, 0.05)
            update = torch.lerp(moment, kernel.grad, 0.05).flatten(1)
            update = orthogonalise(update) * (0.2 * math.sqrt(max(update.shape)))
            kernel.sub_(update.view(kernel.shape), alpha=rate)


def is_matrix(parameter):
    """Kernels of one input channel, among them those of depthwise convolutions, are none."""
    return parameter.dim() > 1 and parameter.shape[1] > 1 and min(parameter.flatten(1).shape) >= 16


class Recipe:
    def __init__(self, network, train, steps):
        parameters = list(network.parameters())
        matrices = [p for p in parameters if is_matrix(p)] if train["optimizer"] == "muon" else []
        chosen = {id(p) for p in matrices}
        self.network, self.train, self.steps = network, train, steps
        self.muon = Muon(matrices)
        self.adam = torch.optim.Adam([p for p in parameters if id(p) not in chosen],
                                     betas=(0.9, float(train["beta_2"])), eps=1e-7)

    def part(self, step):
        """Of the rate, at this step."""
        warm_up, base = int(self.train["warmup_steps"]), float(self.train["learning_rate"])
        if self.train["schedule"] == "constant":
            return 1
        if float(self.train["minutes"]) == 0 and step < warm_up:
            return (step + 1) / warm_up
        low = float(self.train["rate_min"]) / base
        done = (step - warm_up) / (self.steps - warm_up) if float(self.train["minutes"]) == 0 else step / self.steps
        rise = min(1, (step + 1) / warm_up) if warm_up else 1
        return rise * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))

    def batches(self, step):
        """Batches of this step, as src/train/schedule.c has it."""
        last, batch = int(self.train["batch_last"]), int(self.train["batch"])
        doublings = int(math.log2(last / batch)) if last > batch else 0
        return 1 << min(int(step / self.steps * (doublings + 1)), doublings)

    def step(self, step, pairs):
        count = self.batches(step)
        if self.train["moving_averages"] == "warm":
            BatchNorm.momentum = min(0.99, (1 + step) / (10 + step))
        self.network.zero_grad(set_to_none=True)
        for _ in range(count):
            x, a, b = pairs.draw(int(self.train["batch"]))
            (sum(losses(self.network(x), (a, b))) / count).backward()
        part = self.part(step)
        self.adam.param_groups[0]["lr"] = float(self.train["learning_rate"]) * part
        self.adam.step()
        self.muon.step(float(self.train["muon_rate"]) * part)


def fastest(network, train, steps, pairs):
    timed = []
    for name, variant in variants(network).items():
        recipe = Recipe(variant.train(), train, steps)
        for step in range(2):
            recipe.step(step, pairs)
        start = time.perf_counter()
        for step in range(4):
            recipe.step(step, pairs)
        timed.append((time.perf_counter() - start, name))
    best = min(timed)[1]
    return best, variants(network)[best]


@torch.no_grad()
def held_out_error(network, pairs):
    network.eval()
    total, batch = 0.0, 250
    for _ in range(HELD_OUT_PAIRS // batch):
        x, a, b = pairs.draw(batch)
        total += sum(float(loss) for loss in losses(network(x), (a, b))) / 2
    return total / (HELD_OUT_PAIRS // batch)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    config, steps = read_config(sys.argv[1]), int(sys.argv[2])
    last = int(sys.argv[3]) if len(sys.argv) == 4 else steps
    if last <= WARM_STEPS:
        sys.exit(f"torch_recipe: {last} steps are too few to be timed; it takes more than {WARM_STEPS}")
    refuse_what_has_no_twin(config)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    seed = int(config["train"]["seed"])
    torch.manual_seed(seed)
    training, held_out = split_sets(config["data"], seed)
    way, network = fastest(build_network(config["model"]), config["train"], steps, training)
    recipe = Recipe(network.train(), config["train"], steps)
    start = time.perf_counter()
    for step in range(last):
        if step == WARM_STEPS:
            start = time.perf_counter()
        recipe.step(step, training)
    seconds = (time.perf_counter() - start) / (last - WARM_STEPS)
    error = held_out_error(network, held_out) if last == steps else None
    print(json.dumps({"torch": torch.__version__, "way": way, "steps": last, "seconds_per_step": seconds, "mse": error}))


if __name__ == "__main__":
    main()
