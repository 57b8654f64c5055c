"""The U-Net of configs/unet.ini as a PyTorch model with Keras semantics."""
import torch
from torch import nn

from torch_common import BatchNorm, Conv, ConvTranspose, require_counts, to_nchw, to_nhwc

ACTIVATIONS = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
}


def gated_filters(filters):
    """As src/models/unet.c has it."""
    wanted = (2 * filters + 2) // 3
    return wanted if filters < 16 else (wanted + 8) // 16 * 16


class Level(nn.Module):
    """One module of the encoder, or of the decoder (decodes=True), which starts by doubling the size and
    joining the skip. Then a row of [conv 3x3 -> batch norm -> activation], all with `filters` filters; or a
    residual one, whose pairs may be gated: src/models/unet.c says which layers that has.
    """

    def __init__(self, inputs, filters, convolutions, activation, decodes=False, residual=False, batch_norm=True,
                 gated=False):
        super().__init__()
        self.convolutions = convolutions
        self.residual = residual
        self.gated = gated
        self.activation = ACTIVATIONS[activation]()
        if decodes:
            self.up = ConvTranspose(inputs, filters)
            inputs = 2 * filters
        for number in range(1, convolutions + 1):
            starts_pair = gated and number % 2 == 0 and number < convolutions
            outputs = 2 * gated_filters(filters) if starts_pair else filters
            self.add_module(f"conv{number}", Conv(inputs, outputs))
            if batch_norm:
                self.add_module(f"norm{number}", BatchNorm(outputs))
            inputs = outputs // 2 if starts_pair else outputs

    def activate(self, number, x):
        norm = getattr(self, f"norm{number}", None)
        return self.activation(norm(x) if norm else x)

    def gate(self, number, x):
        norm = getattr(self, f"norm{number}", None)
        values, gates = (norm(x) if norm else x).chunk(2, dim=1)
        return values * torch.sigmoid(gates)

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([self.up(x), skip], dim=1)
        x = self.conv1(x)
        for number in range(2, self.convolutions + 1, 2 if self.residual else 1):
            y = getattr(self, f"conv{number}")(self.activate(number - 1, x))
            if self.residual and number < self.convolutions:
                y = getattr(self, f"conv{number + 1}")((self.gate if self.gated else self.activate)(number, y))
            x = x + y if self.residual else y
        return self.activate(self.convolutions, x)


def for_each(value, modules, doubled):
    """A number for every resolution, from one number or a list of them."""
    if isinstance(value, int):
        return [value << i if doubled else value for i in range(modules)]
    return list(value)


def make_consistent(x, a, b):
    """The two nearest pictures in 0..1 whose average is x; gradients go straight through the limits."""
    free = x + (a - b) / 2
    held = torch.minimum(torch.maximum(free, (2 * x - 1).clamp(min=0)), (2 * x).clamp(max=1))
    first = free + (held - free).detach()
    return first, 2 * x - first


class UNet(nn.Module):
    """Mixture (N, H, W, 1) in, both sources (N, H, W, 1) out; H and W are multiples of 2^(modules - 1)."""

    def __init__(self, filters=128, modules=3, convolutions=2, activation="relu", residual=False, batch_norm=True,
                 consistent=False, gated=False, make_level=Level):
        super().__init__()
        self.depth = modules
        self.consistent = consistent
        self.pool = nn.MaxPool2d(2)
        inputs = 1
        filters = for_each(filters, modules, doubled=True)
        convolutions = for_each(convolutions, modules, doubled=False)

        def level(inputs, number, decodes):
            return make_level(inputs, filters[number - 1], convolutions[number - 1], activation, decodes, residual,
                              batch_norm, gated)

        for number in range(1, modules + 1):
            self.add_module(f"encoder{number}", level(inputs, number, False))
            inputs = filters[number - 1]
        for number in range(modules - 1, 0, -1):
            self.add_module(f"decoder{number}", level(inputs, number, True))
            inputs = filters[number - 1]
        self.head_a = Conv(inputs, 1, size=1)
        self.head_b = Conv(inputs, 1, size=1)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x):
        mixture = x = to_nchw(x)
        skips = []
        for number in range(1, self.depth + 1):
            x = getattr(self, f"encoder{number}")(x)
            if number < self.depth:
                skips.append(x)
                x = self.pool(x)
        for number in range(self.depth - 1, 0, -1):
            x = getattr(self, f"decoder{number}")(x, skips.pop())
        outputs = self.head_a(x), self.head_b(x)
        if self.consistent:
            return tuple(to_nhwc(output) for output in make_consistent(mixture, *outputs))
        return tuple(to_nhwc(self.activation(output)) for output in outputs)


def check_parameter_counts():
    """Stops unless the sizes are those of the reference."""
    for filters, total, trainable in [(32, 519746, 518466), (64, 2071682, 2069122), (128, 8272130, 8267010)]:
        require_counts(UNet(filters), total, trainable, f"U-Net of {filters} filters")
