"""Looks at the page of a gallery in chromium and works with it: tests/test_gallery_page.sh runs this.

    gallery_page.py CHROMIUM TEST_GALLERY FOLDER [RUNS]

TEST_GALLERY makes a page of a manifest. The pictures, the pages and the browser's profile are in FOLDER.
RUNS says how often the page of a thousand pictures is opened.
"""
import functools
import html.parser
import json
import os
import re
import subprocess
import sys
import time

from browser import Browser, address_of, colours, png

CHROMIUM, WRITER, FOLDER = sys.argv[1:4]
RUNS = int(sys.argv[4]) if len(sys.argv) > 4 else 1
SIZES = ((1280, 800), (400, 800))
failures = 0


def check(name, good, *seen):
    global failures
    print(f"{'ok' if good else 'FAILED'}: {name}", flush=True)
    if not good:
        failures += 1
        for value in seen:
            print(f"  | {value!r}", flush=True)


def check_equal(name, seen, wanted):
    check(name, seen == wanted, seen, wanted)


# ---- Pages ----

@functools.cache
def picture(number, layer, width, height):
    """Stripes of gray, other ones for each picture and layer."""
    return png(width, height, bytes((x * (3 + layer) + y * (5 + number)) * 7 % 256 for y in range(height)
                                    for x in range(width)))


def file_of(folder, number, name, sources, width, height, **more):
    """What the manifest says of a picture; its results are written."""
    written = {}
    for layer, kind in enumerate(["input", *sources, "residual"]):
        written[kind] = f"{name}.{kind}.png"
        path = os.path.join(os.fsencode(folder), more.get("bytes_of", str.encode)(written[kind]))
        with open(path, "wb") as out:
            out.write(picture(number % 16, layer, width, height))
    more.pop("bytes_of", None)
    return {"input": name, "status": "done", "width": width, "height": height,
            "outputs": {kind: written[kind] for kind in sources},
            "extras": {kind: written[kind] for kind in ("input", "residual")},
            "residual": {"mse": 0.001, "psnr": 30 + number % 7}, **more}


def make_page(name, sources, files, **more):
    """Its address. files(folder) says what the manifest lists."""
    folder = os.path.join(FOLDER, name)
    os.makedirs(folder, exist_ok=True)
    manifest = {"unblend": "0", "model": "models/some-model.safetensors", "device": "a device", "input": "/in",
                "output": folder, "complete": True, "sources": sources, "files": files(folder), **more}
    with open(f"{folder}/manifest.json", "w", encoding="utf-8") as out:
        json.dump(manifest, out)
    subprocess.run([WRITER, f"{folder}/manifest.json", f"{folder}/index.html"], check=True)
    return address_of(f"{folder}/index.html")


WARNING = "unlike what the model was trained on: </script> brighter"
ERROR = "broken.png: damaged PNG"


def some_files(folder):
    def make(number, name, text, photo, **more):
        scores = {"text": {"psnr": text, "ssim": 0.9}, "photo": {"psnr": photo, "ssim": None}}
        return file_of(folder, number, name, ["text", "photo"], 64, 48, scores=scores, **more)

    return [make(0, "cat.png", 30, 31), make(1, "dog.png", 40, 20.5, warning=WARNING),
            {"input": "broken.png", "status": "failed", "error": ERROR},
            make(2, "owl.png", None, 25, residual={"mse": 0, "psnr": None})]


ODD_NAMES = ["two  blanks.png", "\"quotes\" 'and' `ticks`.png", "a#b?c%20d%.png", "<b>&amp;<img src=x onerror=alert(1)>.png",
             "new\nline\ttab.png", "<!--<script>document.title = 1;", "back\\slash \\u003c \\x41.png", "c:d.png",
             "\u2028 \u202e \U0001f431 \u732b.png"]


def not_utf8(name):
    return name.encode().replace(b"\\xFF", b"\xff")


# ---- HTML ----

class Outline(html.parser.HTMLParser):
    """Elements that are open, names of elements, and tags that close what is not open."""
    EMPTY = {"meta", "link", "input"}

    def __init__(self, page):
        super().__init__()
        self.open, self.names, self.wrong = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.names += [value for name, value in attributes if name == "id"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def is_html():
    with open(f"{FOLDER}/some/index.html", encoding="utf-8") as file:
        page = file.read()
    outline = Outline(page)
    check_equal("every element ends where it should", (outline.wrong, outline.open), ([], []))
    check_equal("no two have one name", len(outline.names), len(set(outline.names)))
    wanted = set(re.findall(r'part\("(\w+)"\)', page)) - {"wipe"}  # which the script makes
    check_equal("all that the script looks for is there", wanted - set(outline.names), set())


# ---- What is on the page ----

NAME = "document.getElementById('name').textContent"
LOADED = """(() => { const all = [...document.querySelectorAll('#stage img')];
    return all.length > 0 && all.every(image => image.complete && image.naturalWidth > 0); })()"""
SOURCES = "[...document.querySelectorAll('#stage img')].map(image => decodeURIComponent(image.src.split('/').pop()))"
LISTED = "[...document.querySelectorAll('#list bdi')].map(name => name.textContent)"
TRANSFORM = "getComputedStyle(document.querySelector('#stage img')).transform"
FRAME = """(() => { const box = document.querySelector('.frame').getBoundingClientRect();
    return [box.left, box.top, box.width, box.height]; })()"""
WIPE = "document.getElementById('stage').style.getPropertyValue('--wipe')"


def text(page, identity):
    return page.evaluate(f"document.getElementById('{identity}').innerText")


def transform(page):
    """Of the first picture: scale, left, top."""
    matrix = [float(value) for value in page.evaluate(TRANSFORM)[7:-1].split(",")]
    return matrix[0], matrix[4], matrix[5]


def point_of(page, at_x, at_y):
    """Which point of the picture lies at a point of the window."""
    left, top, *_ = page.evaluate(FRAME)
    scale, x, y = transform(page)
    return (at_x - left - x) / scale, (at_y - top - y) / scale


def middle_of(page):
    left, top, width, height = page.evaluate(FRAME)
    return (transform(page)[0], *point_of(page, left + width / 2, top + height / 2))


def near(some, other, most=0.01):
    return all(abs(a - b) <= most for a, b in zip(some, other, strict=True))


# ---- The cases ----

def looks(page, address):
    page.open(address)
    check("all pictures of the first one are loaded", page.until(LOADED), page.evaluate(SOURCES))
    check_equal("it is the first", page.evaluate(NAME), "cat.png")
    check_equal("with input, sources and residual", page.evaluate(SOURCES),
                [f"cat.png.{kind}.png" for kind in ("input", "text", "photo", "residual")])
    check_equal("and what is known of it", text(page, "facts"),
                "64 × 48 · residual 30.0 dB · text 30.0 dB · photo 31.0 dB")
    totals = text(page, "totals")
    for part in ("3 separated", "1 failed", "1 warning", "text: 28.1 dB, SSIM 0.900", "1 other file"):
        check(f"the header says {part}", part in totals, totals)
    check_equal("and the model's name", text(page, "model"), "some-model")
    check("nothing is wider than the window",
          page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
    frames = page.evaluate("""[...document.querySelectorAll('.frame')].map(frame => frame.getBoundingClientRect())
        .map(box => [Math.round(box.width), Math.round(box.height), box.bottom <= innerHeight, box.right <= innerWidth])""")
    check("all frames are of one size and in the window",
          len({tuple(frame) for frame in frames}) == 1 and frames[0][2:] == [True, True]
          and min(frames[0][:2]) > 60, frames)
    seen = colours(page.screenshot(scale=0.25))
    check("there is something to be seen", seen > 50, seen)


def turns_pages(page):
    page.key("ArrowRight")
    check_equal("right: the next picture", page.evaluate(NAME), "dog.png")
    check("it is loaded", page.until(LOADED), page.evaluate(SOURCES))
    check_equal("its pictures are its own", page.evaluate(SOURCES)[1], "dog.png.text.png")
    check_equal("its warning is shown", text(page, "warning"), WARNING)
    check("the address says which it is", page.until("location.hash === '#dog.png'"), page.evaluate("location.hash"))
    check_equal("the list marks it",
                page.evaluate("document.querySelector('#list [aria-current] bdi').textContent"), "dog.png")
    page.key("j")
    check_equal("j: the next one has failed", page.evaluate(NAME), "broken.png")
    check_equal("which says why", text(page, "failure"), ERROR)
    check("and shows no pictures", page.evaluate("document.querySelector('#stage img') === null"))
    page.key("ArrowRight")
    page.key("ArrowRight")
    check_equal("after the last there is none", page.evaluate(NAME), "owl.png")
    check("without a residual", text(page, "facts").startswith("64 × 48 · no residual · text exact"),
          text(page, "facts"))
    for key in ("k", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        page.key(key)
    check_equal("left and k lead back", page.evaluate(NAME), "cat.png")
    page.evaluate("document.querySelectorAll('#list a')[1].click()")
    check("a click on the list", page.until(f"{NAME} === 'dog.png'"))
    page.evaluate("history.back()")
    check("and the way back", page.until(f"{NAME} === 'cat.png'"))
    check("neighbours are there before they are asked for", page.until(
        "preloaded.length === 4 && preloaded.every(image => image.complete && image.naturalWidth > 0)"))


def zooms(page):
    fitted = transform(page)
    left, top, width, height = page.evaluate(FRAME)
    check("the whole picture is shown",
          near((fitted[0],), (min(width / 64, height / 48),)), fitted, width, height)
    page.key("+")
    check("+ enlarges", near((transform(page)[0],), (fitted[0] * 2 ** 0.5,)), fitted, transform(page))
    page.key("-")
    check("- makes smaller", near((transform(page)[0],), fitted[:1]), fitted, transform(page))
    page.key("1")
    check("1 is 100 %", transform(page)[0] == 1 and text(page, "level") == "100 %", transform(page))
    check("where pixels are not sharp", page.evaluate(
        "getComputedStyle(document.querySelector('#stage img')).imageRendering") == "auto")
    page.key("0")
    check("0 is all of it", near(transform(page), fitted), transform(page))
    x, y = round(left + width * 0.3), round(top + height * 0.4)
    before = point_of(page, x, y)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    check("the wheel doubles", page.until(f"new DOMMatrix({TRANSFORM}).a > {fitted[0] * 1.99}"), transform(page))
    check("around the point under it", near(point_of(page, x, y), before), point_of(page, x, y), before)
    check("above 200 % pixels are squares", page.evaluate(
        "getComputedStyle(document.querySelector('#stage img')).imageRendering") == "pixelated")
    page.drag(x, y, x + 20, y - 12)
    check("a drag takes the picture along", near(point_of(page, x + 20, y - 12), before),
          point_of(page, x + 20, y - 12), before)
    check("all pictures go along", page.evaluate("""new Set([...document.querySelectorAll('#stage img')]
        .map(image => getComputedStyle(image).transform)).size""") == 1)
    kept = middle_of(page)
    page.key("ArrowRight")
    check("the next picture of this size shows the same part", near(middle_of(page), kept), middle_of(page), kept)
    page.key("ArrowLeft")
    page.double_click(x, y)
    check("a double click is all of it", near(transform(page), fitted), transform(page))
    before = point_of(page, x, y)
    page.pinch(x, y, 20, 40)
    check("two fingers enlarge", near((transform(page)[0],), (fitted[0] * 2,), 0.1), transform(page), fitted)
    check("what is between them", near(point_of(page, x, y), before, 0.3), point_of(page, x, y), before)
    page.key("0")


def compares(page):
    page.key("s")
    check("s: two pictures", page.until(f"{LOADED} && {SOURCES}.length === 2"), page.evaluate(SOURCES))
    check_equal("the input upon the first source", page.evaluate(SOURCES), ["cat.png.text.png", "cat.png.input.png"])
    check_equal("half of it", page.evaluate(WIPE), "50%")
    before, kept = page.screenshot(), transform(page)
    left, top, width, height = page.evaluate(FRAME)
    page.drag(left + width / 2, top + height / 3, left + width / 4, top + height / 3)
    check("the divider can be dragged", near((float(page.evaluate(WIPE)[:-1]),), (25,), 0.5), page.evaluate(WIPE))
    check("and the slider follows", near((float(page.evaluate("document.getElementById('wipe').value")),), (25,), 0.5))
    check("the picture does not", near(transform(page), kept), transform(page), kept)
    check("it looks otherwise", page.screenshot() != before)
    page.evaluate("document.getElementById('wipe').focus()")
    at = float(page.evaluate(WIPE)[:-1])
    page.key("ArrowRight")
    check("arrows move the slider that has the focus", float(page.evaluate(WIPE)[:-1]) > at, page.evaluate(WIPE))
    check_equal("and not the picture", page.evaluate(NAME), "cat.png")
    page.key("j")
    check_equal("j does", page.evaluate(NAME), "dog.png")
    check("and leaves the slider the focus", page.evaluate("document.activeElement.id") == "wipe")
    page.evaluate("document.activeElement.blur()")
    page.evaluate("""(() => { const choice = document.querySelectorAll('#stage select')[1];
        choice.value = 'extra residual'; choice.onchange(); })()""")
    check("other pictures can be chosen", page.until(LOADED) and
          page.evaluate(SOURCES) == ["dog.png.residual.png", "dog.png.input.png"], page.evaluate(SOURCES))
    page.evaluate("document.activeElement.blur()")
    page.key("k")
    check_equal("and stay chosen", page.evaluate(SOURCES), ["cat.png.residual.png", "cat.png.input.png"])
    page.key("s")
    check("s again: all", page.until(f"{LOADED} && {SOURCES}.length === 4"), page.evaluate(SOURCES))


def contrasts(page):
    page.evaluate("(() => { const slider = document.getElementById('contrast'); slider.value = 3; slider.oninput(); })()")
    filters = page.evaluate("[...document.querySelectorAll('#stage img')].map(image => getComputedStyle(image).filter)")
    check_equal("only the residual has more contrast", [value.split()[-1] for value in filters],
                ["none", "none", "none", "contrast(8)"])
    check_equal("as much as is said", text(page, "times"), "8")


def filters_and_sorts(page):
    page.key("f")
    check_equal("f: the filter", page.evaluate("document.activeElement.id"), "filter")
    page.type("OW")
    check_equal("has those of that name", page.evaluate(LISTED), ["owl.png"])
    check_equal("and says how many", text(page, "shown"), "1 of 4")
    check_equal("letters are no keys there", page.evaluate(NAME), "cat.png")
    page.key("Enter")
    page.key("ArrowRight")
    check_equal("next is the first of those", page.evaluate(NAME), "owl.png")
    page.evaluate("(() => { const f = document.getElementById('filter'); f.value = 'brighter'; f.oninput(); })()")
    check_equal("warnings are searched", page.evaluate(LISTED), ["dog.png"])
    page.evaluate("(() => { const f = document.getElementById('filter'); f.value = ''; f.oninput(); })()")
    check_equal("without a filter all are back", len(page.evaluate(LISTED)), 4)
    for order, wanted in (("residual", "cat.png dog.png broken.png owl.png"),
                          ("score", "dog.png owl.png cat.png broken.png"),
                          ("trouble", "broken.png dog.png cat.png owl.png"),
                          ("name", "cat.png dog.png broken.png owl.png")):
        page.evaluate(f"(() => {{ const s = document.getElementById('sort'); s.value = '{order}'; s.onchange(); }})()")
        check_equal(f"by {order}", " ".join(page.evaluate(LISTED)), wanted)
        check_equal("the first is shown", page.evaluate(NAME), wanted.split()[0])


def remembers(page, address):
    page.open(f"{address}#owl.png")
    check_equal("an address can name a picture", page.evaluate(NAME), "owl.png")
    page.open(f"{address}#%E0%A4%A")
    check_equal("one that names none gives the first", page.evaluate(NAME), "cat.png")
    page.key("?")
    check("?: help", page.evaluate("document.getElementById('help').open"))
    page.key("Escape")
    check("Esc closes it", page.until("!document.getElementById('help').open"))


def is_light_and_dark(page):
    shots = {}
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shots[scheme] = sum(int(value) for value in background[4:-1].split(","))
    check("light and dark", shots["light"] > 600 and shots["dark"] < 150, shots)
    page.prefer("light")


def works_with(page, address):
    looks(page, address)
    turns_pages(page)
    zooms(page)
    compares(page)
    contrasts(page)
    filters_and_sorts(page)
    check_equal("the console is silent", page.errors, [])
    remembers(page, address)
    is_light_and_dark(page)
    check_equal("and stays so", page.errors, [])


def takes_any_name(page):
    def files(folder):
        return [*(file_of(folder, number, name, ["text", "photo"], 20, 16) for number, name in enumerate(ODD_NAMES)),
                file_of(folder, 50, "not \\xFF UTF-8.png", ["text", "photo"], 20, 16, bytes_of=not_utf8)]

    page.open(make_page("odd", ["text", "photo"], files))
    for name in [*ODD_NAMES, "not \\xFF UTF-8.png"]:
        shown = name.replace("\n", "\u240a").replace("\t", "\u2409")
        check(f"{name!r} is shown", page.until(LOADED) and page.evaluate(NAME) == shown, page.evaluate(NAME),
              page.evaluate("[...document.querySelectorAll('#stage img')].map(image => image.src)"))
        page.until("location.hash !== ''")
        page.evaluate("new Promise(done => setTimeout(done, 200))")  # the address follows
        page.reload()
        check_equal("and found again", page.evaluate(NAME), shown)
        page.key("ArrowRight")
    check_equal("the console is silent", page.errors, [])


def shows_what_there_is(page):
    def files(folder):
        full = file_of(folder, 0, "full.png", ["a", "b", "c", "d"], 300, 20)
        bare = file_of(folder, 1, "bare.png", ["a", "b", "c", "d"], 40, 90)
        gone = file_of(folder, 2, "gone.png", ["a", "b", "c", "d"], 40, 90)
        os.remove(f"{folder}/gone.png.c.png")
        for key in ("extras", "width", "height", "residual"):
            del bare[key]
        return [full, bare, {"input": "later.png", "status": "pending"}, gone]

    page.open(make_page("four", ["a", "b", "c", "d"], files))
    check("four sources, six pictures", page.until(f"{LOADED} && {SOURCES}.length === 6"), page.evaluate(SOURCES))
    check_equal("wide ones in one column", page.evaluate("getComputedStyle(stage).gridTemplateColumns.split(' ').length"), 1)
    page.key("j")
    check("without extras, the sources", page.until(f"{LOADED} && {SOURCES}.length === 4"), page.evaluate(SOURCES))
    check("their size is that of the files", page.until("document.getElementById('facts').textContent === '40 × 90'"),
          text(page, "facts"))
    scale = transform(page)[0]
    *_, width, height = page.evaluate(FRAME)
    check("by which they fit", near((scale,), (min(width / 40, height / 90),)), scale, width, height)
    check_equal("no slider for a residual", page.evaluate("document.getElementById('strength').hidden"), True)
    check_equal("the console is silent", page.errors, [])
    page.key("j")
    check_equal("a picture that is still to come", text(page, "facts"), "not separated yet")
    page.key("j")
    check("a file that is gone is named", page.until(
        "document.querySelector('#stage .missing')?.textContent === 'gone.png.c.png cannot be shown'"))

    page.open(make_page("none", ["a", "b"], lambda folder: []))
    check_equal("without pictures the page says so", page.evaluate("document.querySelector('main').innerText.trim()"),
                "No pictures were separated.")
    for key in "j", "s", "+", "0", "?":
        page.key(key)
    check_equal("and keys do no harm", page.errors, [])
    page.open(make_page("failed", ["a", "b"], lambda folder: [{"input": "x.png", "status": "failed", "error": ERROR}]))
    check_equal("if all have failed, why", text(page, "failure"), ERROR)


def opens_a_thousand(page):
    def files(folder):
        return [file_of(folder, number, f"{number:04}.png", ["text", "photo"], 28, 28) for number in range(1000)]

    address = make_page("thousand", ["text", "photo"], files)
    seconds = []
    for _ in range(RUNS):
        page.open(address)
        check("the first of a thousand is loaded", page.until(LOADED))
        seconds.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
    print(f"1,000 pictures: load event after {sorted(seconds)[len(seconds) // 2]:.2f} s (median of {RUNS}; "
          f"{min(seconds):.2f} to {max(seconds):.2f})")
    check("in good time", min(seconds) < 10, seconds)
    check_equal("all are listed", len(page.evaluate(LISTED)), 1000)
    fetched = page.evaluate("[...document.querySelectorAll('#list img')].filter(image => image.naturalWidth).length")
    check("but only those in sight are loaded", 0 < fetched < 200, fetched)
    started = time.monotonic()
    for _ in range(50):
        page.key("ArrowRight")
    check("50 steps take a moment", page.evaluate(NAME) == "0050.png" and time.monotonic() - started < 10,
          page.evaluate(NAME), time.monotonic() - started)
    check("the list follows", page.evaluate("""(() => {
        const item = document.querySelector('#list [aria-current]').getBoundingClientRect();
        const list = document.getElementById('list').getBoundingClientRect();
        return item.top >= list.top - 1 && item.bottom <= list.bottom + 1; })()"""))
    check("and its pictures are there", page.until(LOADED))
    check_equal("the console is silent", page.errors, [])


def main():
    scores = {"text": {"psnr": 28.1, "ssim": 0.9}, "photo": {"psnr": 27, "ssim": None}}
    address = make_page("some", ["text", "photo"], some_files, scores=scores, not_pictures=["notes.txt"])
    is_html()
    with Browser(CHROMIUM, f"{FOLDER}/profile") as page:
        for width, height in SIZES:
            print(f"---- {width} x {height} ----")
            page.resize(width, height)
            works_with(page, address)
        page.resize(*SIZES[0])
        takes_any_name(page)
        shows_what_there_is(page)
        opens_a_thousand(page)


main()
sys.exit(failures > 0)
