"""Layers with Keras semantics for the PyTorch twins, and a safetensors reader and writer.

Inside, tensors are NCHW and kernels have the layouts PyTorch is fast with. At the edge everything has our names and
layouts, which are those of Keras: named_views() gives each tensor of a model as a view in that layout, so reading and
writing through it need no second copy.
"""
import copy
import json
import math
import struct

import numpy
import torch
from torch import nn
from torch.nn import functional


# ---- initialisers ----

def fans(kernel):
    """(fan in, fan out) of a kernel in Keras layout, as Keras counts them."""
    receptive = math.prod(kernel.shape[:-2])
    return kernel.shape[-2] * receptive, kernel.shape[-1] * receptive


@torch.no_grad()
def glorot_uniform(kernel):
    limit = math.sqrt(6 / sum(fans(kernel)))
    kernel.uniform_(-limit, limit)


@torch.no_grad()
def he_normal(kernel):
    """Normal cut off at two deviations; the constant restores the deviation that the cut takes away."""
    deviation = math.sqrt(2 / fans(kernel)[0]) / 0.87962566103423978
    drawn = torch.empty(kernel.shape, dtype=kernel.dtype)
    nn.init.trunc_normal_(drawn, 0, deviation, -2 * deviation, 2 * deviation)
    kernel.copy_(drawn)


# ---- layers ----

class Conv(nn.Conv2d):
    """Convolution with 'same' padding; with stride 2 (on even sizes) that is 0 before and 1 after."""
    keras_tensors = {"weight": ("kernel", (2, 3, 1, 0))}

    def __init__(self, inputs, outputs, size=3, stride=1, bias=True, initialise=glorot_uniform):
        super().__init__(inputs, outputs, size, stride, padding=size // 2 if stride == 1 else 0, bias=bias)
        initialise(self.weight.permute(2, 3, 1, 0))
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, x):
        if self.stride[0] == 2:
            x = functional.pad(x, (0, 1, 0, 1))
        return super().forward(x)


class ConvTranspose(nn.ConvTranspose2d):
    """Transposed convolution 3x3, stride 2, 'same': the exact gradient of Conv with stride 2.

    out[2 * o + k] += x[o] * kernel[k] reaches one row and one column past 2N; these are cut off.
    With subpixel set, the same sums are made by a plain convolution, for which PyTorch has a faster path:
    even rows are kernel[2] * x[o - 1] + kernel[0] * x[o], odd rows kernel[1] * x[o] (columns likewise), so a 2x2
    kernel gives the 2x2 outputs of a pixel as 4 channels.
    """
    keras_tensors = {"weight": ("kernel", (2, 3, 1, 0))}
    subpixel = False

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 3, stride=2)
        glorot_uniform(self.weight.permute(2, 3, 1, 0))
        nn.init.zeros_(self.bias)

    def forward(self, x):
        if self.subpixel:
            return self.forward_subpixel(x)
        return super().forward(x)[:, :, :-1, :-1]

    def forward_subpixel(self, x):
        taps = [[2, 0], [3, 1]]  # [row of the output][x[o - 1], x[o]]; number 3 is the zero put behind the kernel
        kernel = functional.pad(self.weight, (0, 1, 0, 1))[:, :, taps][..., taps]  # (in, out, row, tap, column, tap)
        kernel = kernel.permute(1, 2, 4, 0, 3, 5).reshape(4 * self.out_channels, self.in_channels, 2, 2)
        y = functional.conv2d(functional.pad(x, (1, 0, 1, 0)), kernel, self.bias.repeat_interleave(4))
        return functional.pixel_shuffle(y, 2)


class Dense(nn.Module):
    """x (..., inputs) times kernel (inputs, outputs), plus bias (outputs)."""

    def __init__(self, inputs, outputs, initialise=glorot_uniform):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        initialise(self.kernel)

    def forward(self, x):
        return functional.linear(x, self.kernel.t(), self.bias)


class BatchNorm(nn.Module):
    """Batch norm over (N, H, W) whose moving variance averages the biased variance.

    PyTorch averages the unbiased one; so it is asked for the statistics of this batch alone (momentum 1),
    which are made biased and averaged here.
    """
    momentum = 0.99
    epsilon = 1e-3

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("moving_mean", torch.zeros(channels))
        self.register_buffer("moving_variance", torch.ones(channels))

    def forward(self, x):
        if not self.training:
            return functional.batch_norm(x, self.moving_mean, self.moving_variance, self.gamma, self.beta,
                                         training=False, eps=self.epsilon)
        mean = torch.zeros_like(self.moving_mean)
        variance = torch.zeros_like(self.moving_variance)
        y = functional.batch_norm(x, mean, variance, self.gamma, self.beta, training=True, momentum=1.0,
                                  eps=self.epsilon)
        count = x.numel() // x.shape[1]
        self.moving_mean.lerp_(mean, 1 - self.momentum)
        self.moving_variance.lerp_(variance * ((count - 1) / count), 1 - self.momentum)
        return y


class LayerNorm(nn.Module):
    """Norm over the last axis."""
    epsilon = 1e-6

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.beta = nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return functional.layer_norm(x, self.gamma.shape, self.gamma, self.beta, self.epsilon)


# ---- models seen from outside ----

def to_nchw(x):
    return x.permute(0, 3, 1, 2)


def to_nhwc(x):
    return x.permute(0, 2, 3, 1)


def named_views(model, pick=lambda tensor: tensor):
    """{our name: view in our layout} of every parameter and moving statistic, in the order layers are created.

    pick chooses what is viewed: the tensor itself, or for example its gradient; None leaves the tensor out.
    A layer's keras_tensors gives name and axes of the tensors that differ from PyTorch's; the name "" stands for
    the layer's own.
    """
    views = {}
    for path, layer in model.named_modules():
        renamed = getattr(layer, "keras_tensors", {})
        own = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
        for attribute, tensor in own:
            name, axes = renamed.get(attribute, (attribute, range(tensor.dim())))
            picked = pick(tensor)
            if picked is not None:
                full_name = f"{path.replace('.', '/')}/{name}".strip("/")
                views[full_name] = picked.detach().permute(*axes)
    return views


def named_gradients(model):
    return named_views(model, lambda tensor: tensor.grad)


def losses(outputs, targets):
    """Mean squared error of each head; training minimises their sum."""
    return [functional.mse_loss(output, target) for output, target in zip(outputs, targets)]


def count_parameters(model):
    """(total, trainable) as Keras counts them: the total includes the moving statistics."""
    trainable = sum(parameter.numel() for parameter in model.parameters())
    return trainable + sum(buffer.numel() for buffer in model.buffers()), trainable


def require_counts(model, total, trainable, what):
    counted = count_parameters(model)
    if counted != (total, trainable):
        raise AssertionError(f"{what}: {counted} parameters (total, trainable), the reference has {(total, trainable)}")


# ---- ways to run a model ----

LAYOUTS = {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}


def variants(model):
    """{name: copy of the model} for every memory layout and way to run the transposed convolutions."""
    models = {}
    for layout, order in LAYOUTS.items():
        for way in ("direct", "subpixel"):
            variant = models[f"{layout}, {way}"] = copy.deepcopy(model).to(memory_format=order)
            for layer in variant.modules():
                if isinstance(layer, ConvTranspose):
                    layer.subpixel = way == "subpixel"
    return models


# ---- safetensors: 8 bytes header size, JSON header, then the tensors, little-endian ----

def write_safetensors(path, tensors, metadata):
    """Writes {name: array} as F32 and {key: string} as metadata."""
    arrays = {name: numpy.array(value, dtype="<f4", order="C") for name, value in tensors.items()}
    header, offset = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())


def read_safetensors(path):
    """Returns ({name: F32 array}, metadata)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = numpy.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
    return tensors, metadata
