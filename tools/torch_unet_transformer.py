"""The UNet-Transformer of configs/unet-transformer.ini as a PyTorch model with Keras semantics.

Here the activation precedes the batch norm; in the U-Net it follows it.
"""
import math

import torch
from torch import nn
from torch.nn import functional

from torch_common import (BatchNorm, Conv, ConvTranspose, Dense, LayerNorm, glorot_uniform, he_normal, require_counts,
                          to_nchw, to_nhwc)


def to_tokens(x):
    """(N, C, H, W) to (N, H * W, C), row by row."""
    return x.flatten(2).transpose(1, 2)


def to_image(tokens, height, width):
    """(N, H * W, C) to (N, C, H, W)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)


# ---- transformer ----

class HeadsIn(nn.Module):
    """Tokens (N, T, width) to one query, key or value per head (N, heads, T, size)."""

    def __init__(self, width, heads, size):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(width, heads, size))
        self.bias = nn.Parameter(torch.zeros(heads, size))
        glorot_uniform(self.kernel)

    def forward(self, x):
        flat = functional.linear(x, self.kernel.flatten(1).t(), self.bias.flatten())
        return flat.unflatten(-1, self.bias.shape).transpose(1, 2)


class HeadsOut(nn.Module):
    """Joins the heads (N, heads, T, size) to tokens (N, T, width)."""

    def __init__(self, width, heads, size):
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(heads, size, width))
        self.bias = nn.Parameter(torch.zeros(width))
        glorot_uniform(self.kernel)

    def forward(self, x):
        return functional.linear(x.transpose(1, 2).flatten(2), self.kernel.flatten(0, 1).t(), self.bias)


class Attention(nn.Module):
    """Multi-head self-attention; size is the width of the keys of each head."""

    def __init__(self, width, heads, size):
        super().__init__()
        self.query = HeadsIn(width, heads, size)
        self.key = HeadsIn(width, heads, size)
        self.value = HeadsIn(width, heads, size)
        self.output = HeadsOut(width, heads, size)
        self.scale = 1 / math.sqrt(size)

    def forward(self, x):
        scores = (self.query(x) * self.scale) @ self.key(x).transpose(2, 3)
        return self.output(scores.softmax(-1) @ self.value(x))


class TransformerBlock(nn.Module):
    """Pre-norm encoder block on tokens (N, T, width)."""

    def __init__(self, width, heads, size, hidden, dropout):
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attention = Attention(width, heads, size)
        self.norm2 = LayerNorm(width)
        self.ffn1 = Dense(width, hidden)
        self.ffn2 = Dense(hidden, width)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.ffn2(self.relu(self.ffn1(self.norm2(x)))))


class Position(nn.Module):
    """Adds a table (tokens, width) to the tokens; the table is trained or stays at its random start."""
    keras_tensors = {"table": ("", (0, 1))}

    def __init__(self, tokens, width, trained):
        super().__init__()
        table = torch.randn(tokens, width)
        if trained:
            self.table = nn.Parameter(table)
        else:
            self.register_buffer("table", table)

    def forward(self, x):
        return x + self.table


class Bottleneck(nn.Module):
    def __init__(self, inputs, side, width, heads, hidden, blocks, dropout, train_position):
        super().__init__()
        self.embed = Dense(inputs, width)
        self.position = Position(side * side, width, train_position)
        self.blocks = blocks
        for number in range(1, blocks + 1):
            self.add_module(f"block{number}", TransformerBlock(width, heads, width, hidden, dropout))

    def forward(self, x):
        tokens = self.position(self.embed(to_tokens(x)))
        for number in range(1, self.blocks + 1):
            tokens = getattr(self, f"block{number}")(tokens)
        return to_image(tokens, *x.shape[2:])


# ---- CBAM ----

class Maximum(nn.Module):
    """The maximum over some axes, which stay as size 1."""

    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.amax(self.axes, keepdim=True)


class Cbam(nn.Module):
    """Scales each channel, then each pixel, by an attention between 0 and 1."""

    def __init__(self, channels, ratio):
        super().__init__()
        self.mlp1 = Dense(channels, channels // ratio, he_normal)
        self.mlp2 = Dense(channels // ratio, channels, he_normal)
        self.spatial = Conv(2, 1, size=7, bias=False, initialise=he_normal)
        self.relu = nn.ReLU()
        self.channel_maximum = Maximum(1)
        self.pixel_maximum = Maximum(2, 3)

    def mlp(self, pooled):
        return self.mlp2(self.relu(self.mlp1(pooled.flatten(1))))

    def forward(self, x):
        channel = torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(self.pixel_maximum(x)))
        x = x * channel[:, :, None, None]
        pooled = torch.cat([x.mean(1, keepdim=True), self.channel_maximum(x)], dim=1)
        return x * torch.sigmoid(self.spatial(pooled))


# ---- the two halves ----

class Encoder(nn.Module):
    """2 x [conv 3x3 -> ReLU]."""

    def __init__(self, inputs, filters):
        super().__init__()
        self.conv1 = Conv(inputs, filters)
        self.conv2 = Conv(filters, filters)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv2(self.relu(self.conv1(x))))


class Stage(nn.Module):
    """Doubles the size, joins the skip, convolves, attends."""

    def __init__(self, inputs, filters, ratio, cbam):
        super().__init__()
        self.up = ConvTranspose(inputs, filters)
        self.norm1 = BatchNorm(filters)
        self.conv = Conv(2 * filters, filters)
        self.norm2 = BatchNorm(filters)
        self.cbam = Cbam(filters, ratio) if cbam else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x, skip):
        x = self.norm1(self.relu(self.up(x)))
        x = self.norm2(self.relu(self.conv(torch.cat([x, skip], dim=1))))
        return self.cbam(x)


class SubBlock(nn.Module):
    """Autoencoder at half the size, with one transformer block inside; it replaces the features."""

    def __init__(self, filters, dropout):
        super().__init__()
        self.conv = Conv(filters, filters, stride=2)
        self.norm1 = BatchNorm(filters)
        self.block = TransformerBlock(filters, 2, filters, 2 * filters, dropout)
        self.up = ConvTranspose(filters, filters)
        self.norm2 = BatchNorm(filters)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.norm1(self.relu(self.conv(x)))
        x = to_image(self.block(to_tokens(x)), *x.shape[2:])
        return self.norm2(self.relu(self.up(x)))


class Decoder(nn.Module):
    def __init__(self, inputs, filters, ratio, cbam, sub_blocks, dropout):
        super().__init__()
        self.stage1 = Stage(inputs, 4 * filters, ratio, cbam)
        self.stage2 = Stage(4 * filters, 2 * filters, ratio, cbam)
        self.sub = SubBlock(2 * filters, dropout) if sub_blocks else nn.Identity()
        self.stage3 = Stage(2 * filters, filters, ratio, cbam)

    def forward(self, x, skip1, skip2, skip3):
        x = self.stage2(self.stage1(x, skip3), skip2)
        return self.stage3(self.sub(x), skip1)


class UNetTransformer(nn.Module):
    """Mixture (N, side, side, 1) in, both sources of that shape out.

    The defaults are the reference's, the widths are there for tiny models. Without the transformer
    the decoders start from the encoder's last pool.
    """

    def __init__(self, filters=32, ratio=16, side=32, width=192, heads=4, hidden=640, blocks=3, dropout=0.1,
                 cbam=True, sub_blocks=True, transformer=True, train_position=True):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder1 = Encoder(1, filters)
        self.encoder2 = Encoder(filters, 2 * filters)
        self.encoder3 = Encoder(2 * filters, 4 * filters)
        deepest = 4 * filters
        self.bottleneck = nn.Identity()
        if transformer:
            self.bottleneck = Bottleneck(deepest, side // 8, width, heads, hidden, blocks, dropout, train_position)
            deepest = width
        self.decoder_a = Decoder(deepest, filters, ratio, cbam, sub_blocks, dropout)
        self.decoder_b = Decoder(deepest, filters, ratio, cbam, sub_blocks, dropout)
        self.head_a = Conv(filters, 1)
        self.head_b = Conv(filters, 1)

    def forward(self, x):
        skip1 = self.encoder1(to_nchw(x))
        skip2 = self.encoder2(self.pool(skip1))
        skip3 = self.encoder3(self.pool(skip2))
        x = self.bottleneck(self.pool(skip3))
        a = self.head_a(self.decoder_a(x, skip1, skip2, skip3))
        b = self.head_b(self.decoder_b(x, skip1, skip2, skip3))
        return to_nhwc(torch.sigmoid(a)), to_nhwc(torch.sigmoid(b))


def check_parameter_counts():
    """Stops unless the size is that of the reference, which does not count the position table (16 x 192)."""
    table = 16 * 192
    require_counts(UNetTransformer(), 4491402 + table, 4489098 + table, "UNet-Transformer")
    require_counts(UNetTransformer(train_position=False), 4491402 + table, 4489098,
                   "UNet-Transformer with a fixed position table")
