#!/usr/bin/python3
"""Which blocks are worth building: trains a U-Net of PyTorch with other blocks in place of its pairs of convolutions.

    tools/torch_blocks.py plain            the pair: convolution, norm, ReLU, convolution
    tools/torch_blocks.py gated --seed 2

The network and its recipe are `residual-333` of docs/experiments/list.txt, for --steps steps. In each of the five modules
BLOCK takes the place of the residual pair, with about as many multiply-adds; the first convolution of a module stays:

    plain       3x3 - norm - ReLU - 3x3
    dilated     the same, the second with a dilation of 2
    depthwise   two residual blocks of: 5x5 depthwise - norm - 1x1 to 4 times the channels - ReLU - 1x1 (Liu et al. 2022)
    gated       3x3 to two thirds of the channels, twice; one half times the sigmoid of the other - 3x3 (Dauphin et al. 2017)
    channels    plain, then each channel times a weight found from the means of all (Hu et al. 2018)
    tokens      plain; at the lowest resolution a transformer block of 4 heads (Vaswani et al. 2017) instead

Prints one JSON object: the block, seed, steps, million multiply-adds of a picture, parameters, seconds, and the mean
squared error of 50,000 pairs of held-out training images. Needs `make data` and PyTorch.
"""
import argparse
import configparser
import json
import os
import time

import torch
from torch import nn
from torch.nn import functional

from configs import SMALL, describe, experiments
from torch_common import BatchNorm, Conv, ConvTranspose, LayerNorm, count_parameters
from torch_recipe import Recipe, held_out_error, numbers, split_sets
from torch_unet import Level, UNet

LOWEST = 64  # filters at the lowest resolution


# ---- blocks: from activated features to what is added to the module's first convolution ----

class DilatedConv(Conv):
    def forward(self, x):
        return functional.conv2d(x, self.weight, self.bias, padding=2, dilation=2)


class Pair(nn.Sequential):
    def __init__(self, filters, second=Conv):
        super().__init__(Conv(filters, filters), BatchNorm(filters), nn.ReLU(), second(filters, filters))


class Depthwise(nn.Module):
    """Two residual blocks; what both add is handed on."""

    class Block(nn.Sequential):
        def __init__(self, filters, size=5, widening=4):
            spread = nn.Conv2d(filters, filters, size, padding=size // 2, groups=filters)
            super().__init__(spread, BatchNorm(filters), Conv(filters, widening * filters, 1), nn.ReLU(),
                             Conv(widening * filters, filters, 1))

    def __init__(self, filters):
        super().__init__()
        self.first, self.second = self.Block(filters), self.Block(filters)

    def forward(self, x):
        y = self.first(x)
        return y + self.second(x + y)


class Gated(nn.Module):
    def __init__(self, filters):
        super().__init__()
        inside = round(filters * 2 / 3)
        self.spread, self.norm, self.gather = Conv(filters, 2 * inside), BatchNorm(2 * inside), Conv(inside, filters)

    def forward(self, x):
        values, gates = self.norm(self.spread(x)).chunk(2, dim=1)
        return self.gather(values * torch.sigmoid(gates))


class ChannelAttention(nn.Module):
    def __init__(self, filters, ratio=4):
        super().__init__()
        self.pair = Pair(filters)
        self.weights = nn.Sequential(Conv(filters, filters // ratio, 1), nn.ReLU(), Conv(filters // ratio, filters, 1))

    def forward(self, x):
        y = self.pair(x)
        return y * torch.sigmoid(self.weights(y.mean((2, 3), keepdim=True)))


class Tokens(nn.Module):
    """A pre-norm transformer block over the pixels, with a position embedding."""
    heads = 4

    def __init__(self, filters, pixels=64):
        super().__init__()
        self.position = nn.Parameter(torch.zeros(pixels, filters))
        self.before_attention, self.before_dense = LayerNorm(filters), LayerNorm(filters)
        self.query, self.key, self.value, self.output = (Conv(filters, filters, 1) for _ in range(4))
        self.dense = nn.Sequential(Conv(filters, 4 * filters, 1), nn.ReLU(), Conv(4 * filters, filters, 1))

    def attend(self, x):
        n, filters, height, width = x.shape
        query, key, value = (layer(x).reshape(n, self.heads, filters // self.heads, height * width)
                             for layer in (self.query, self.key, self.value))
        weights = torch.softmax(query.transpose(2, 3) @ key * (filters // self.heads) ** -0.5, dim=3)
        return self.output((value @ weights.transpose(2, 3)).reshape(x.shape))

    def forward(self, x):
        start = x
        x = x + self.position.t().reshape(1, -1, *x.shape[2:])
        x = x + self.attend(self.normalised(self.before_attention, x))
        return x + self.dense(self.normalised(self.before_dense, x)) - start

    @staticmethod
    def normalised(norm, x):
        return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


BLOCKS = {
    "plain": Pair,
    "dilated": lambda filters: Pair(filters, DilatedConv),
    "depthwise": Depthwise,
    "gated": Gated,
    "channels": ChannelAttention,
    "tokens": lambda filters: (Tokens if filters == LOWEST else Pair)(filters),
}


class BlockLevel(Level):
    """A module of one convolution and a residual block."""

    def __init__(self, make_block, inputs, filters, convolutions, activation, decodes, residual, batch_norm, gated):
        super().__init__(inputs, filters, 1, activation, decodes, residual, batch_norm, gated)
        self.block = make_block(filters)
        self.last_norm = BatchNorm(filters)

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([self.up(x), skip], dim=1)
        x = self.conv1(x)
        return self.activation(self.last_norm(x + self.block(self.activate(1, x))))


# ---- the experiment ----

def read_experiment():
    """The config of `residual-333` in force."""
    config = configparser.ConfigParser()
    config.read_string(describe(SMALL, experiments()["residual-333"])["config"])
    return config


def count_multiply_adds(network):
    """Of convolutions, for one picture. What attention multiplies besides is 3 % of a transformer block."""
    counted = [0]

    def count(layer, inputs, output):
        pixels = inputs[0] if isinstance(layer, ConvTranspose) else output
        counted[0] += layer.weight.numel() * pixels.shape[2] * pixels.shape[3]

    hooks = [layer.register_forward_hook(count) for layer in network.modules()
             if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 32, 32, 1))
    for hook in hooks:
        hook.remove()
    return counted[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("block", choices=BLOCKS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    config = read_experiment()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(options.seed)
    training, held_out = split_sets(config["data"], options.seed)
    network = UNet(numbers(config["model"]["filters"]), consistent=True,
                   make_level=lambda *rest: BlockLevel(BLOCKS[options.block], *rest)).to(memory_format=torch.channels_last)
    multiply_adds = count_multiply_adds(network)
    recipe = Recipe(network.train(), config["train"], options.steps)
    start = time.perf_counter()
    for step in range(options.steps):
        recipe.step(step, training)
    seconds = time.perf_counter() - start
    print(json.dumps({"block": options.block, "seed": options.seed, "steps": options.steps,
                      "million_multiply_adds": multiply_adds / 1e6, "parameters": count_parameters(network)[0],
                      "seconds": seconds, "mse": held_out_error(network, held_out)}))


if __name__ == "__main__":
    main()
