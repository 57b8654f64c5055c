"""A chromium without a window, driven through its debugging pipe; for the tests of pages.

    with Browser(program, profile_directory) as page:
        page.open("file:///tmp/index.html")
        page.key("ArrowRight")
        page.evaluate("document.title")
        page.errors                 what the console said that is not good
"""
import base64
import json
import os
import select
import subprocess
import time
import urllib.parse
import zlib


class Browser:
    def __init__(self, program, profile, size=(1280, 800)):
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        os.set_inheritable(to_browser, True)
        os.set_inheritable(from_browser, True)
        # the browser reads from 3 and writes to 4
        plumbing = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        arguments = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-extensions", "--mute-audio",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync",
                     "--hide-scrollbars", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                     # containers and root have no sandbox; the pages are our own
                     "--no-sandbox", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(["bash", "-c", plumbing, "bash", program, *arguments, "about:blank"],
                                         close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._buffer, self._events, self._session = 0, b"", [], None
        self.errors = []
        pages = self._send("Target.getTargets")["targetInfos"]
        target = next(info["targetId"] for info in pages if info["type"] == "page")
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        self.resize(*size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._session = None
            self._send("Browser.close")
            self._process.wait(10)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    # ---- The protocol: JSON, a zero byte after each message ----

    def _send(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(time.monotonic() + 60)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _receive(self, deadline):
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], max(0, deadline - time.monotonic()))[0]:
                raise RuntimeError("the browser does not answer")
            some = os.read(self._in, 1 << 20)
            if not some:
                raise RuntimeError("the browser has ended")
            self._buffer += some
        message, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(message)
        if "method" in message:
            self._events.append(message["method"])
            self._note_errors(message["method"], message["params"])
        return message

    def _note_errors(self, method, what):
        if method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.errors.append(str([argument.get("value") for argument in what["args"]]))
        elif method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = what["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.errors.append(f"asks the network for {url}")

    # ---- The page ----

    def open(self, url):
        """Until everything that it asks for at once is there."""
        self.errors.clear()
        self._load("Page.navigate", url="about:blank")  # so that an address with another hash is opened anew
        self._load("Page.navigate", url=url)

    def reload(self):
        self._load("Page.reload")

    def _load(self, method, **parameters):
        self._events.clear()
        self._send(method, **parameters)
        while "Page.loadEventFired" not in self._events:
            self._receive(time.monotonic() + 60)

    def evaluate(self, expression):
        result = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def until(self, expression, seconds=10):
        """Whether it becomes true in that time."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def resize(self, width, height):
        self._size = (width, height)
        self._send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                   mobile=False)

    def prefer(self, scheme):
        self._send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def key(self, key):
        event = {"key": key, "windowsVirtualKeyCode": {"Escape": 27, "Enter": 13}.get(key, 0)}
        if len(key) == 1:
            event["text"] = key
        self._send("Input.dispatchKeyEvent", type="keyDown", **event)
        self._send("Input.dispatchKeyEvent", type="keyUp", **{**event, "text": ""})

    def type(self, text):
        for letter in text:
            self.key(letter)

    def mouse(self, kind, x, y, **more):
        self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, x, y, to_x, to_y):
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseMoved", (x + to_x) / 2, (y + to_y) / 2, button="left", buttons=1)
        self.mouse("mouseMoved", to_x, to_y, button="left", buttons=1)
        self.mouse("mouseReleased", to_x, to_y, button="left", clickCount=1)

    def pinch(self, x, y, before, after):
        """Two fingers around a point, from one distance of each to another."""
        for kind, distance in (("touchStart", before), ("touchMove", (before + after) / 2), ("touchMove", after)):
            self._send("Input.dispatchTouchEvent", type=kind,
                       touchPoints=[{"x": x - distance, "y": y, "id": 1}, {"x": x + distance, "y": y, "id": 2}])
        self._send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def double_click(self, x, y):
        for count in (1, 2):
            self.mouse("mousePressed", x, y, button="left", clickCount=count)
            self.mouse("mouseReleased", x, y, button="left", clickCount=count)

    def screenshot(self, path=None, scale=1):
        """The bytes of a PNG, also written to the path."""
        clip = {"x": 0, "y": 0, "width": self._size[0], "height": self._size[1], "scale": scale}
        png = base64.b64decode(self._send("Page.captureScreenshot", format="png", clip=clip)["data"])
        if path:
            with open(path, "wb") as out:
                out.write(png)
        return png


def address_of(path):
    return "file://" + urllib.parse.quote(os.path.abspath(os.fsencode(path)))


# ---- PNG, as far as the tests need it ----

def png(width, height, pixels):
    """A picture of 8 bits; gray if there is a byte a pixel, else red, green, blue."""
    channels = len(pixels) // (width * height)
    row = width * channels
    lines = b"".join(b"\0" + bytes(pixels[y * row:(y + 1) * row]) for y in range(height))

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0 if channels == 1 else 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def colours(picture):
    """How many different ones a PNG of 8 bits a channel has, as screenshots are."""
    width, channels = int.from_bytes(picture[16:20], "big"), {0: 1, 2: 3, 6: 4}[picture[25]]
    data, at = b"", 8
    while at < len(picture):
        length = int.from_bytes(picture[at:at + 4], "big")
        if picture[at + 4:at + 8] == b"IDAT":
            data += picture[at + 8:at + 8 + length]
        at += length + 12
    lines, row = zlib.decompress(data), width * channels
    above, seen = bytes(row), set()
    for start in range(0, len(lines), row + 1):
        above = _unfiltered(lines[start], lines[start + 1:start + 1 + row], above, channels)
        seen.update(zip(*(above[c::channels] for c in range(channels))))
    return len(seen)


def _unfiltered(kind, line, above, channels):
    """A line of a PNG, from its differences to its neighbours."""
    line = bytearray(line)
    for i, value in enumerate(line):
        left, up = line[i - channels] if i >= channels else 0, above[i]
        corner = above[i - channels] if i >= channels else 0
        if kind == 4:  # Paeth: the neighbour that is nearest to left + up - corner
            guess = min((left, up, corner), key=lambda neighbour: abs(left + up - corner - neighbour))
        else:
            guess = (0, left, up, (left + up) // 2)[kind]
        line[i] = (value + guess) % 256
    return bytes(line)
