#!/usr/bin/python3
"""The pictures of tools/example-text-over-photo, which calls this:

    tools/text_over_photo.py packages                       the Debian packages that are needed
    tools/text_over_photo.py photos UNPACKED FOLDER         cuts their photographs to FOLDER/train, val and test
    tools/text_over_photo.py pages UNPACKED FOLDER          renders pages with their fonts, likewise
    tools/text_over_photo.py versos UNPACKED FOLDER         gray pages as they shine through from behind: mirrored, blurred
    tools/text_over_photo.py scores BLENDS FOUND            PSNR of each source, beside that of the blend itself
    tools/text_over_photo.py picture BLENDS FOUND NAME FILE blend NAME and what was found in it, side by side

UNPACKED holds the files of the packages. All pictures are 1024 x 768. A motif, a font and a text are in one part only,
so a model has seen nothing of what it is tested on. BLENDS is what `unblend mix` makes, FOUND what `unblend separate`
makes of it. The same packages give the same pictures. Needs what `tools/setup letters` installs.

Exit code: 0 made, 1 it could not, 2 wrong usage.
"""
import argparse
import sys
from pathlib import Path

try:
    import numpy
    from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
except ImportError as missing:
    sys.exit(f"text_over_photo: {missing}; `tools/setup letters` installs what it needs")

WIDE, HIGH = 1024, 768
PLASMA, MATE = "usr/share/wallpapers/{}/contents/images/2560x1600.jpg", "usr/share/backgrounds/mate/nature/{}.jpg"
LOMIRI, LXQT = "usr/share/backgrounds/{}.jpg", "usr/share/lxqt/wallpapers/{}"
PALAPELI = "usr/share/palapeli/collection/{}.jpg"

# Package, path of its photographs, and their names. Drawings, renderings and other sizes of a motif are left out.
PHOTOS = {
    "train": [
        ("plasma-workspace-wallpapers", PLASMA, "FallenLeaf Path DarkestHour summer_1am Kite OneStandsOut ColdRipple Grey"),
        ("mate-backgrounds", MATE, "Garden Dune Wood Aqua TwoWings Storm GreenMeadow RainDrops Blinds FreshFlower"),
        ("lomiri-wallpapers-16.04", LOMIRI,
         "Picture_1A_by_freespace Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi Dragonfly_by_Bolly "
         "friends_by_Aitzol_Berasategi sunset_by_Aitzol_Berasategi free_by_Peter_Nerlich Picture_0B_by_freespace "
         "Bridge_by_Sander_Klootwijk"),
        ("lomiri-wallpapers-20.04", LOMIRI, "Kleiber_by_Lukas_Baubkus"),
        ("lxqt-themes", LXQT,
         "fog.jpg after-the-rain.jpg Butterfly-Kenneth-Wimer.jpg beam.png Valendas.png drop.png butterfly.png "
         "this-is-not-windows.jpg"),
        ("palapeli-data", PALAPELI, "cincinnati-bridge european-honey-bee citrus-fruits"),
    ],
    "val": [
        ("plasma-workspace-wallpapers", PLASMA, "BytheWater"),
        ("mate-backgrounds", MATE, "YellowFlower"),
        ("lomiri-wallpapers-16.04", LOMIRI, "life_by_Aitzol_Berasategi"),
        ("lxqt-themes", LXQT, "cloud.png"),
        ("palapeli-data", PALAPELI, "panther-chameleon-female"),
    ],
    "test": [
        ("plasma-workspace-wallpapers", PLASMA, "EveningGlow ColorfulCups"),
        ("mate-backgrounds", MATE, "LadyBird"),
        ("lomiri-wallpapers-16.04", LOMIRI, "picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt"),
        ("lxqt-themes", LXQT, "flowers.png appleflower.png"),
        ("palapeli-data", PALAPELI, "castle-maintenon"),
    ],
}

# Packages of fonts, words in /usr/share/common-licenses, and how many pages.
PAGES = {
    "train": ("fonts-dejavu-core fonts-dejavu-extra fonts-liberation fonts-freefont-ttf fonts-open-sans "
              "fonts-linuxlibertine fonts-roboto-unhinted fonts-cabin", "GPL-1 GPL-2 GPL-3 LGPL-2 LGPL-2.1 GFDL-1.3", 200),
    "val": ("fonts-crosextra-carlito", "Artistic MPL-2.0", 20),
    "test": ("fonts-lato fonts-crosextra-caladea fonts-vollkorn", "Apache-2.0 CC0-1.0", 40),
}
TEXTS = Path("/usr/share/common-licenses")
CAPTIONS = {"text": "the text in it, as found", "photo": "the photograph in it, as found", "recto": "the page, as found",
            "verso": "what shines through, as found"}


def packages():
    names = [package for part in PHOTOS.values() for package, _, _ in part]
    return sorted({*names, *(name for fonts, _, _ in PAGES.values() for name in fonts.split())})


def cut(photo, count):
    """The whole photograph, then pieces of it at about twice the scale, as far as its pixels go."""
    yield ImageOps.fit(photo, (WIDE, HIGH), Image.LANCZOS)
    zoom = min(2, photo.width / WIDE, photo.height / HIGH)
    if zoom < 1.2:
        return
    large = ImageOps.fit(photo, (round(WIDE * zoom), round(HIGH * zoom)), Image.LANCZOS)
    right, down = large.width - WIDE, large.height - HIGH
    for x, y in [(0, 0), (right, down), (right, 0), (0, down)][:count - 1]:
        yield large.crop((x, y, x + WIDE, y + HIGH))


def photos(unpacked, folder):
    for part, sources in PHOTOS.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        motifs = pictures = 0
        for package, path, names in sources:
            for name in names.split():
                file = unpacked / package / path.format(name)
                if not file.is_file():  # another release of Debian has other pictures
                    print(f"{package} has no {path.format(name)}", file=sys.stderr)
                    continue
                motifs += 1
                photo = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
                for number, piece in enumerate(cut(photo, 5 if part == "train" else 3)):
                    piece.save(folder / part / f"{Path(name).stem}-{number}.jpg", quality=93, subsampling=0)
                    pictures += 1
        print(f"{part}: {pictures} pictures of {motifs} photographs", flush=True)
        if motifs < 3:
            sys.exit(f"text_over_photo: too few photographs for {part}")


def font_files(unpacked, names):
    """Upright and slanted faces that draw the letters, each differently."""
    letters, files = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", []
    for name in names.split():
        for path in sorted((unpacked / name).rglob("*.[ot]tf")):
            font = ImageFont.truetype(str(path), 40)
            if len({bytes(font.getmask(letter)) for letter in letters}) > 55:
                files.append(path)
    return files


class Page:
    """A sheet of paper, filled from top to bottom; random says with what."""

    def __init__(self, fonts, words, random):
        self.fonts, self.words, self.random = fonts, words, random
        self.paper = (255, 255, 255) if random.random() < 0.6 else self.tint()
        self.image = Image.new("RGB", (WIDE, HIGH), self.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.ink = self.colour() if random.random() < 0.25 else (int(random.integers(0, 60)),) * 3
        self.accent = self.colour() if random.random() < 0.6 else self.ink

    def tint(self):
        """White that is a little yellow or gray."""
        high = int(self.random.integers(242, 254))
        return high, high - int(self.random.integers(0, 4)), high - int(self.random.integers(0, 12))

    def colour(self):
        """Dark enough to be read on paper: as printers of two colours have them."""
        strong, weak, middle = self.random.uniform(90, 190), self.random.uniform(0, 50), self.random.uniform(0, 110)
        values = numpy.array([strong, weak, middle])
        return tuple(int(value) for value in self.random.permutation(values))

    def font(self, size):
        return ImageFont.truetype(str(self.fonts[self.random.integers(len(self.fonts))]), int(size))

    def some(self, count):
        at = int(self.random.integers(max(1, len(self.words) - count)))
        return self.words[at:at + count]

    def lines(self, words, font, width):
        line = []
        for word in words:
            if line and font.getlength(" ".join([*line, word])) > width:
                yield line
                line = []
            line.append(word)
        if line:
            yield line

    def paragraph(self, words, font, x, y, width, bottom, colour, justified=False):
        """Where the next one may begin."""
        step = int(font.size * self.random.uniform(1.15, 1.5))
        rows = list(self.lines(words, font, width))
        for number, row in enumerate(rows):
            if y + step > bottom:
                return bottom
            gap = font.getlength(" ")
            if justified and len(row) > 1 and number + 1 < len(rows):
                gap = (width - sum(font.getlength(word) for word in row)) / (len(row) - 1)
            at = x
            for word in row:
                self.draw.text((at, y), word, fill=colour, font=font)
                at += font.getlength(word) + gap
            y += step
        return y + step // 2

    def column(self, x, y, width, bottom, size):
        body, heading = self.font(size), self.font(size * self.random.uniform(1.2, 1.9))
        justified, listed = self.random.random(2) < (0.5, 0.25)
        while y + 2 * size < bottom:
            kind = self.random.random()
            if kind < 0.2:
                y = self.paragraph(self.some(int(self.random.integers(2, 6))), heading, x, y, width, bottom, self.accent)
            elif kind < 0.27:
                self.draw.line((x, y, x + width, y), fill=self.accent, width=int(self.random.integers(1, 4)))
                y += size
            elif listed:
                words = self.some(int(self.random.integers(4, 20)))
                self.draw.text((x, y), "•", fill=self.ink, font=body)
                y = self.paragraph(words, body, x + 1.3 * size, y, width - 1.3 * size, bottom, self.ink)
            else:
                words = self.some(int(self.random.integers(20, 90)))
                y = self.paragraph(words, body, x, y, width, bottom, self.ink, justified)

    def fill(self):
        random = self.random
        left, top = int(random.integers(15, 70)), int(random.integers(10, 60))
        right, bottom = WIDE - int(random.integers(15, 70)), HIGH - int(random.integers(10, 60))
        if random.random() < 0.5:
            title = self.font(random.uniform(36, 90))
            top = self.paragraph(self.some(int(random.integers(2, 6))), title, left, top, right - left, bottom, self.accent)
        size = float(numpy.exp(random.uniform(numpy.log(12), numpy.log(44))))
        columns = int(random.integers(1, 4)) if size < 22 else 1
        gap = 2 * size
        width = (right - left - gap * (columns - 1)) / columns
        for column in range(columns):
            self.column(left + column * (width + gap), top, width, bottom, size)
        return self.image


def behind(page, random):
    """What of a page is seen from its other side: the less, the thicker the paper is."""
    faint = numpy.asarray(ImageOps.mirror(page.convert("L").filter(ImageFilter.GaussianBlur(random.uniform(0.7, 2.5)))))
    faint = 255 - random.uniform(0.2, 0.6) * (faint.max() - faint.astype(numpy.float64))
    return Image.fromarray(faint.round().astype(numpy.uint8))


def pages(unpacked, folder, finish=lambda page, random: page, seed=1):
    for number, (part, (fonts, texts, count)) in enumerate(PAGES.items()):
        (folder / part).mkdir(parents=True, exist_ok=True)
        files = font_files(unpacked, fonts)
        words = " ".join((TEXTS / name).read_text(encoding="utf-8") for name in texts.split()).split()
        words = [word for word in words if len(word) <= 20 and any(letter.isalnum() for letter in word)]
        if not files:
            sys.exit(f"text_over_photo: no fonts for {part}")
        random = numpy.random.default_rng([seed, number])
        for page in range(count):
            finish(Page(files, words, random).fill(), random).save(folder / part / f"page-{page:03}.png")
        print(f"{part}: {count} pages in {len(files)} fonts", flush=True)


def versos(unpacked, folder):
    pages(unpacked, folder, behind, seed=2)


def pixels(path):
    return numpy.asarray(Image.open(path).convert("RGB"), dtype=numpy.float64) / 255


def psnr(one, other):
    return -10 * numpy.log10(max(numpy.mean((one - other) ** 2), 1e-10))


def scores(blends, found):
    names = sorted(path.stem for path in blends.glob("*.png"))
    sources = dict.fromkeys(path.name.split(".")[1] for path in (blends / "truth").glob("*.png"))
    print(f"{'':8}{'the blend itself':>18}{'what was found':>18}{'gain':>10}")
    for source in sorted(sources, reverse=True):
        before = after = 0.0
        for name in names:
            truth = pixels(blends / "truth" / f"{name}.{source}.png")
            before += psnr(pixels(blends / f"{name}.png"), truth) / len(names)
            after += psnr(pixels(found / f"{name}.{source}.png"), truth) / len(names)
        print(f"{source:8}{before:15.2f} dB{after:15.2f} dB{after - before:+7.2f} dB")


def picture(blends, found, name, file):
    """Pictures under captions, wide enough to be read on a page."""
    wide, high, gap, band = 560, 420, 10, 34
    font = ImageFont.truetype("DejaVuSans.ttf", 20)
    sheet = Image.new("RGB", (3 * wide + 4 * gap, high + band + gap), "white")
    draw = ImageDraw.Draw(sheet)
    shown = [("a blend", blends / f"{name}.png")]
    shown += [(CAPTIONS[source], found / f"{name}.{source}.png") for source in CAPTIONS
              if (found / f"{name}.{source}.png").exists()]
    for number, (caption, path) in enumerate(shown):
        x = gap + number * (wide + gap)
        draw.text((x, 6), caption, fill="black", font=font)
        image = Image.open(path).convert("RGB").resize((wide, high), Image.LANCZOS)
        sheet.paste(image, (x, band))
    sheet.save(file, quality=88)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True)
    for task, arguments in {"packages": (), "photos": ("unpacked", "folder"), "pages": ("unpacked", "folder"),
                            "versos": ("unpacked", "folder"), "scores": ("blends", "found"),
                            "picture": ("blends", "found", "name", "file")}.items():
        one = tasks.add_parser(task)
        for argument in arguments:
            one.add_argument(argument, type=str if argument == "name" else Path)
    given = vars(parser.parse_args())
    task = given.pop("task")
    try:
        if task == "packages":
            print(*packages())
        else:
            {"photos": photos, "pages": pages, "versos": versos, "scores": scores, "picture": picture}[task](**given)
    except OSError as trouble:
        sys.exit(f"text_over_photo: {trouble}")


if __name__ == "__main__":
    main()
