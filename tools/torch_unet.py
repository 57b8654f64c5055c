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


class Level(nn.Module):
    """One module of the encoder, or of the decoder (decodes=True), which starts by doubling the size and
    joining the skip. Then a row of [conv 3x3 -> batch norm -> activation], all with `filters` filters.
    """

    def __init__(self, inputs, filters, convolutions, activation, decodes=False):
        super().__init__()
        self.convolutions = convolutions
        self.activation = ACTIVATIONS[activation]()
        if decodes:
            self.up = ConvTranspose(inputs, filters)
            inputs = 2 * filters
        for number in range(1, convolutions + 1):
            self.add_module(f"conv{number}", Conv(inputs if number == 1 else filters, filters))
            self.add_module(f"norm{number}", BatchNorm(filters))

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([self.up(x), skip], dim=1)
        for number in range(1, self.convolutions + 1):
            x = getattr(self, f"conv{number}")(x)
            x = self.activation(getattr(self, f"norm{number}")(x))
        return x


class UNet(nn.Module):
    """Mixture (N, H, W, 1) in, both sources (N, H, W, 1) out; H and W are multiples of 2^(modules - 1)."""

    def __init__(self, filters=128, modules=3, convolutions=2, activation="relu"):
        super().__init__()
        self.depth = modules
        self.pool = nn.MaxPool2d(2)
        inputs = 1
        for number in range(1, modules + 1):
            outputs = filters << (number - 1)
            self.add_module(f"encoder{number}", Level(inputs, outputs, convolutions, activation))
            inputs = outputs
        for number in range(modules - 1, 0, -1):
            outputs = filters << (number - 1)
            self.add_module(f"decoder{number}", Level(inputs, outputs, convolutions, activation, decodes=True))
            inputs = outputs
        self.head_a = Conv(filters, 1, size=1)
        self.head_b = Conv(filters, 1, size=1)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x):
        x = to_nchw(x)
        skips = []
        for number in range(1, self.depth + 1):
            x = getattr(self, f"encoder{number}")(x)
            if number < self.depth:
                skips.append(x)
                x = self.pool(x)
        for number in range(self.depth - 1, 0, -1):
            x = getattr(self, f"decoder{number}")(x, skips.pop())
        return tuple(to_nhwc(self.activation(head(x))) for head in (self.head_a, self.head_b))


def check_parameter_counts():
    """Stops unless the sizes are those of the reference."""
    for filters, total, trainable in [(32, 519746, 518466), (64, 2071682, 2069122), (128, 8272130, 8267010)]:
        require_counts(UNet(filters), total, trainable, f"U-Net of {filters} filters")
