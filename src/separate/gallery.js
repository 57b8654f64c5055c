"use strict";

// ---- Small things ----

const part = id => document.getElementById(id);

// An element. Children may be texts; names of files come into the page in this way only.
function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties))
        if (name in element)
            element[name] = value;
        else
            element.setAttribute(name, value);
    element.append(...children);
    return element;
}

// Names of files hold whatever they like; control characters are shown by their symbols.
const legible = name => name.replace(/[\0-\x1f]/g, c => String.fromCharCode(0x2400 + c.charCodeAt(0)));
const address = name => name.split("/").map(encodeURIComponent).join("/");
// The manifest is UTF-8: in a name that is not, each foreign byte is written as \xNN there.
const addressOfBytes = name => address(name).replace(/%5Cx([89A-F][0-9A-F])/g, "%$1");

// PSNR is null for what has no error: nothing is better.
const goodness = psnr => psnr === null ? Infinity : psnr;
const decibels = psnr => psnr === null ? "exact" : `${psnr.toFixed(1)} dB`;
// SSIM is null for pictures that are too small for it.
const scoreText = ({psnr, ssim}) => [psnr === undefined ? "" : decibels(psnr),
    typeof ssim === "number" ? `SSIM ${ssim.toFixed(3)}` : ""].filter(Boolean).join(", ");
const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// Shows a file of this folder; where there is none, missing(image) is called.
function makeImage(file, missing, properties) {
    const image = make("img", {draggable: false, ...properties});
    const addresses = [...new Set([addressOfBytes(file), address(file)])];
    const tryNext = () => addresses.length ? image.src = addresses.shift() : missing(image);
    image.onerror = tryNext;
    tryNext();
    return image;
}

// ---- What the manifest says ----

const manifest = JSON.parse(part("manifest").textContent);
const entries = (manifest.files || []).map(makeEntry);

// A mark is what pictures are sorted by, the worst first; without it a picture comes last.
function makeEntry(file, number) {
    const {input, status, warning, error, residual, scores = {}} = file;
    const marks = Object.values(scores).map(({psnr}) => goodness(psnr)).filter(mark => mark !== undefined);
    return {
        ...file, number, name: input, pictures: picturesOf(file),
        searched: [input, warning, error].join("\n").toLowerCase(),
        residualMark: goodness(residual?.psnr),
        scoreMark: marks.length ? Math.min(...marks) : undefined,
        troubleMark: status === "failed" ? 0 : warning ? 1 : status === "done" ? undefined : 2,
    };
}

// In the order in which they are shown: the input, the sources, the residual.
function picturesOf({outputs = {}, extras = {}, scores = {}}) {
    const sources = manifest.sources || Object.keys(outputs);
    const others = Object.keys(extras).filter(name => name !== "input" && name !== "residual");
    const source = label => ({key: `source ${label}`, label, file: outputs[label], score: scores[label]});
    const extra = label => ({key: `extra ${label}`, label, file: extras[label], isResidual: label === "residual"});
    return [
        ...["input"].map(extra), ...sources.map(source), ...[...others, "residual"].map(extra),
    ].filter(picture => typeof picture.file === "string");
}

function factsOf({width, height, residual, status, scores = {}}) {
    const known = Object.entries(scores).filter(([, {psnr}]) => psnr !== undefined);
    return [
        width ? `${width} × ${height}` : "",
        residual?.psnr === null ? "no residual" : residual?.psnr ? `residual ${decibels(residual.psnr)}` : "",
        status === "pending" ? "not separated yet" : "",
        ...known.map(([source, {psnr}]) => `${source} ${decibels(psnr)}`),
    ].filter(Boolean).join(" · ");
}

function showTotals() {
    const {model, device, scores = {}, not_pictures: others = []} = manifest;
    const add = (className, text, title = "") => part("totals").append(make("span", {className, title}, text));
    const addCount = (className, is, one, many, always = false) => {
        const count = entries.filter(is).length;
        if (count || always)
            add(className, counted(count, one, many));
    };
    if (model) {
        part("model").textContent = legible(model.split("/").pop().replace(/\.safetensors$/, ""));
        part("model").title = [model, device].filter(Boolean).join("\n");
    }
    addCount("", ({status}) => status === "done", "separated", "separated", true);
    addCount("failure", ({status}) => status === "failed", "failed", "failed");
    addCount("warning", ({status}) => status === "pending", "not separated yet", "not separated yet");
    addCount("warning", ({warning}) => warning, "warning", "warnings");
    for (const [source, score] of Object.entries(scores))
        add("faint", `${source}: ${scoreText(score)}`, "Of all pictures whose truth is known");
    if (others.length)
        add("faint", counted(others.length, "other file", "other files"), others.map(legible).join("\n"));
}

// ---- The list ----

let shown = entries; // in their order, as the filter leaves them
let current = null;

const orders = {
    name: {label: "Name", of: entry => entry.number},
    residual: {label: "Residual, worst first", of: entry => entry.residualMark},
    score: {label: "Score, worst first", of: entry => entry.scoreMark},
    trouble: {label: "Trouble first", of: entry => entry.troubleMark},
};

function makeThumbnail({pictures: [first], width, error}) {
    const frame = make("span", {className: width <= 48 ? "small thumbnail" : "thumbnail"});
    if (first)
        frame.append(makeImage(first.file, image => image.replaceWith("?"),
            {alt: "", loading: "lazy", decoding: "async"}));
    else
        frame.append(make("span", {className: error ? "failure" : "faint", "aria-hidden": true},
            error ? "✕" : "…"));
    return frame;
}

function makeItem(entry) {
    const {name, warning, error} = entry;
    const about = make("span", {className: "line about number"}, factsOf(entry));
    if (warning)
        about.prepend(make("b", {className: "warning"}, "⚠ ", make("span", {className: "spoken"}, "warning ")));
    if (error)
        about.append(make("b", {className: "failure"}, "failed: "), error);
    const title = [name, warning, error].filter(Boolean).join("\n");
    entry.link = make("a", {href: `#${encodeURIComponent(name)}`, title}, makeThumbnail(entry),
        make("span", {}, make("span", {className: "line"}, make("bdi", {}, legible(name))), about));
    entry.item = make("li", {}, entry.link);
}

function arrange() {
    const wanted = part("filter").value.trim().toLowerCase();
    const {of} = orders[part("sort").value];
    const rank = entry => of(entry) ?? Infinity;
    shown = entries.filter(entry => entry.searched.includes(wanted));
    shown.sort((a, b) => rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : a.number - b.number);
    part("list").replaceChildren(...shown.map(entry => entry.item));
    part("shown").textContent = shown.length < entries.length ? `${shown.length} of ${entries.length}`
        : counted(entries.length, "picture", "pictures");
    showPosition();
}

function startList() {
    for (const [name, {label, of}] of Object.entries(orders))
        if (name === "name" || entries.some(entry => of(entry) !== undefined))
            part("sort").append(make("option", {value: name}, label));
    entries.forEach(makeItem);
    part("filter").oninput = arrange;
    part("sort").onchange = () => {
        arrange();
        if (shown.length)
            show(shown[0]);
    };
    part("list").onclick = () => current && rememberNow(); // before the link leads away from it
    arrange();
}

// ---- The picture ----

function show(entry) {
    const before = current;
    current = entry;
    if (before?.width !== entry.width || before?.height !== entry.height)
        view.fitted = true;
    document.title = `${legible(entry.name)} – unblend`;
    part("name").replaceChildren(make("bdi", {}, legible(entry.name)));
    part("facts").textContent = factsOf(entry);
    for (const [id, text] of [["warning", entry.warning], ["failure", entry.error]]) {
        part(id).textContent = text || "";
        part(id).hidden = !text;
    }
    part("controls").hidden = !entry.pictures.length;
    part("strength").hidden = !entry.pictures.some(picture => picture.isResidual);
    fillStage();
    before?.link.removeAttribute("aria-current");
    entry.link.setAttribute("aria-current", "page");
    entry.item.scrollIntoView({block: "nearest", inline: "nearest"});
    if (part("list").contains(document.activeElement))
        entry.link.focus({preventScroll: true});
    showPosition();
    remember();
    preload();
}

function showPosition() {
    const at = shown.indexOf(current);
    part("position").textContent = at < 0 ? "" : `${at + 1} of ${shown.length}`;
    part("previous").disabled = !neighbour(-1);
    part("next").disabled = !neighbour(1);
}

// From a picture that the filter has hidden, the way leads to the first one of the list.
const neighbour = step => shown.includes(current) ? shown[shown.indexOf(current) + step] : shown[0];

function go(step) {
    const entry = neighbour(step);
    if (entry)
        show(entry);
}

// Whoever comes by the address, or again, finds the same picture. Browsers refuse addresses that change
// too often, as with a key held down.
let remembering = 0;
function remember() {
    clearTimeout(remembering);
    remembering = setTimeout(rememberNow, 150);
}

function rememberNow() {
    clearTimeout(remembering);
    history.replaceState(null, "", current.link.hash);
}

function addressed() {
    const hash = location.hash.slice(1);
    try {
        return entries.find(entry => entry.name === decodeURIComponent(hash));
    } catch {
        return undefined; // not an address of ours
    }
}

function showAddressed() {
    const entry = addressed();
    if (entry && entry !== current)
        show(entry);
    return Boolean(entry);
}

let preloaded = [];
function preload() {
    const pictures = [1, -1].map(neighbour).flatMap(entry => entry?.pictures || []);
    preloaded = pictures.map(picture => makeImage(picture.file, () => {}, {}));
}

function makePicture({file, label, isResidual}, entry) {
    const missing = image => image.replaceWith(
        make("span", {className: "missing"}, `${legible(file)} cannot be shown`));
    const image = makeImage(file, missing,
        {alt: `${label} of ${entry.name}`, className: isResidual ? "residual" : "", decoding: "sync"});
    image.onload = () => learnSize(entry, image);
    return image;
}

const makeScore = ({score}, className = "") =>
    make("span", {className: `number ${className}`}, score ? scoreText(score) : "");

function makePanel(picture) {
    const caption = make("figcaption", {}, make("b", {title: picture.label}, picture.label), makeScore(picture));
    return make("figure", {}, caption, make("div", {className: "frame"}, makePicture(picture, current)));
}

function fillStage() {
    const {pictures} = current, stage = part("stage");
    const wiping = document.activeElement.id === "wipe";
    stage.hidden = !pictures.length;
    stage.classList.toggle("comparison", comparing);
    stage.replaceChildren(...(comparing && pictures.length ? [makeComparison()] : pictures.map(makePanel)));
    if (wiping)
        part("wipe")?.focus();
    drawView();
}

// ---- Zoom and pan, the same for all frames ----

const view = {fitted: true, scale: 1, x: 0, y: 0}; // the picture's point in the middle of each frame
const largestScale = 64;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// A manifest need not say how large a picture is; its file does.
function learnSize(entry, image) {
    if (entry.width)
        return;
    [entry.width, entry.height] = [image.naturalWidth, image.naturalHeight];
    if (entry !== current)
        return;
    part("facts").textContent = factsOf(entry);
    drawView();
}

const isInSight = () => current?.width && current.pictures.length;

function frameSize() {
    const {width, height} = part("stage").querySelector(".frame").getBoundingClientRect();
    return [width, height];
}

function fittingScale() {
    const [width, height] = frameSize();
    return Math.min(width / current.width, height / current.height, largestScale);
}

// As many columns as show the pictures largest.
function arrangeFrames() {
    const stage = part("stage"), count = stage.children.length, gap = 8, caption = 24;
    let best = 1, largest = 0;
    for (let columns = 1; columns <= count && !comparing; columns++) {
        const rows = Math.ceil(count / columns);
        const width = (stage.clientWidth - gap * (columns - 1)) / columns;
        const height = (stage.clientHeight - gap * (rows - 1)) / rows - caption;
        const scale = Math.min(width / current.width, height / current.height);
        if (scale > largest)
            [best, largest] = [columns, scale];
    }
    stage.style.setProperty("--columns", best);
}

function drawView() {
    if (!isInSight())
        return;
    arrangeFrames();
    const [width, height] = frameSize(), stage = part("stage");
    stage.style.setProperty("--width", `${current.width}px`);
    stage.style.setProperty("--height", `${current.height}px`);
    if (view.fitted)
        Object.assign(view, {scale: fittingScale(), x: current.width / 2, y: current.height / 2});
    view.x = clamp(view.x, 0, current.width);
    view.y = clamp(view.y, 0, current.height);
    stage.style.setProperty("--scale", view.scale);
    stage.style.setProperty("--left", `${width / 2 - view.x * view.scale}px`);
    stage.style.setProperty("--top", `${height / 2 - view.y * view.scale}px`);
    stage.classList.toggle("enlarged", view.scale > 2);
    part("level").textContent = `${(view.scale * 100).toFixed(view.scale < 0.1 ? 1 : 0)} %`;
}

// Around a point of the frame, counted from its middle.
function zoom(factor, x = 0, y = 0) {
    if (!isInSight())
        return;
    const before = view.scale, lowest = Math.min(fittingScale(), 1) / 2;
    view.fitted = false;
    view.scale = clamp(before * factor, lowest, largestScale);
    view.x += x / before - x / view.scale;
    view.y += y / before - y / view.scale;
    drawView();
}

function fit() {
    view.fitted = true;
    drawView();
}

function move(x, y) {
    view.fitted = false;
    view.x -= x / view.scale;
    view.y -= y / view.scale;
    drawView();
}

function fromMiddle(frame, {clientX, clientY}) {
    const {left, top, width, height} = frame.getBoundingClientRect();
    return [clientX - left - width / 2, clientY - top - height / 2];
}

// One pointer drags, two pinch.
const pointers = new Map();

function pointerMoved(event) {
    const before = pointers.get(event.pointerId), frame = event.target.closest(".frame");
    const x = event.clientX - before?.clientX, y = event.clientY - before?.clientY;
    if (!frame || !(x || y))
        return;
    pointers.set(event.pointerId, event);
    const other = [...pointers.values()].find(({pointerId}) => pointerId !== event.pointerId);
    if (!other)
        return move(x, y);
    const distance = pointer => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY) || 1;
    const [[ownX, ownY], [otherX, otherY]] = [event, other].map(pointer => fromMiddle(frame, pointer));
    zoom(distance(event) / distance(before), (ownX + otherX) / 2, (ownY + otherY) / 2);
    move(x / 2, y / 2); // as far as the middle of both
}

function startView() {
    const stage = part("stage"), inFrame = event => event.target.closest(".frame");
    stage.addEventListener("wheel", event => {
        if (!inFrame(event))
            return;
        event.preventDefault();
        const pixels = event.deltaY * (event.deltaMode ? 16 : 1); // or lines
        zoom(2 ** (-pixels / (event.ctrlKey ? 100 : 300)), ...fromMiddle(inFrame(event), event));
    }, {passive: false});
    stage.addEventListener("pointerdown", event => {
        if (!inFrame(event) || event.button || event.target.closest(".divider"))
            return;
        inFrame(event).setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, event);
    });
    stage.addEventListener("pointermove", pointerMoved);
    for (const end of ["pointerup", "pointercancel"])
        stage.addEventListener(end, event => pointers.delete(event.pointerId));
    stage.addEventListener("dblclick", event => inFrame(event) && fit());
    new ResizeObserver(drawView).observe(stage);
    const contrast = () => {
        const strength = 2 ** part("contrast").value;
        part("times").textContent = Number(strength.toPrecision(2));
        stage.style.setProperty("--contrast", strength);
    };
    part("contrast").oninput = contrast;
    contrast();
}

// ---- Comparing two pictures ----

let comparing = false;
const compared = ["", ""]; // the keys of the left and the right picture
let wiped = 50;            // so far does the left one reach, in percent

function toggleComparison() {
    comparing = !comparing;
    part("compare").setAttribute("aria-pressed", comparing);
    if (current)
        fillStage();
}

function setWipe(percent) {
    wiped = clamp(percent, 0, 100);
    part("stage").style.setProperty("--wipe", `${wiped}%`);
    part("wipe").value = wiped;
}

// The pictures that were chosen, as far as this one has them; else the first two.
function chosenPictures() {
    const {pictures} = current;
    return compared.map((key, side) =>
        pictures.find(picture => picture.key === key) || pictures[Math.min(side, pictures.length - 1)]);
}

function makeChoice(side, chosen) {
    const options = current.pictures.map(({key, label}) =>
        make("option", {value: key, selected: key === chosen.key}, label));
    const choice = make("select", {"aria-label": side ? "Right picture" : "Left picture"}, ...options);
    choice.onchange = () => {
        compared[side] = choice.value;
        fillStage();
        part("stage").querySelectorAll("select")[side].focus();
    };
    return choice;
}

function makeComparison() {
    const [left, right] = chosenPictures();
    const divider = make("div", {className: "divider"});
    const frame = make("div", {className: "frame"}, makePicture(right, current),
        make("div", {className: "upper"}, makePicture(left, current)), divider);
    const wipe = make("input", {id: "wipe", type: "range", min: 0, max: 100, step: 0.5, value: wiped,
        "aria-label": "How far the left picture reaches"});
    wipe.oninput = () => setWipe(Number(wipe.value));
    divider.onpointerdown = event => divider.setPointerCapture(event.pointerId);
    divider.onpointermove = event => {
        if (divider.hasPointerCapture(event.pointerId))
            setWipe(50 + fromMiddle(frame, event)[0] / frameSize()[0] * 100);
    };
    part("stage").style.setProperty("--wipe", `${wiped}%`);
    return make("figure", {}, make("figcaption", {}, makeChoice(0, left), makeScore(left),
        makeScore(right, "push"), makeChoice(1, right)), frame, wipe);
}

// ---- Keys and buttons ----

const actions = {
    previous: () => go(-1), next: () => go(1), compare: toggleComparison, smaller: () => zoom(Math.SQRT1_2),
    larger: () => zoom(Math.SQRT2), fit, whole: () => zoom(1 / view.scale), ask: () => part("help").showModal(),
    filter: () => part("filter").focus(),
};
const keys = {
    ArrowLeft: "previous", k: "previous", ArrowRight: "next", j: "next", s: "compare",
    "-": "smaller", "+": "larger", "=": "larger", 0: "fit", 1: "whole", f: "filter", "?": "ask",
};

function keyPressed(event) {
    const {key, target} = event;
    if (event.ctrlKey || event.metaKey || event.altKey || part("help").open)
        return;
    if (target.matches("input[type=search]")) {
        if (key === "Escape" || key === "Enter")
            target.blur();
        return;
    }
    // what a slider or a list of choices does with a key, it keeps
    if (target.matches("select") || (target.matches("input") && key.startsWith("Arrow")))
        return;
    if (!Object.hasOwn(keys, key))
        return;
    event.preventDefault();
    part(keys[key]).click(); // as the button would, and not if it is disabled
}

// ---- Start ----

for (const [id, action] of Object.entries(actions))
    part(id).onclick = action;
document.addEventListener("keydown", keyPressed);
window.addEventListener("hashchange", showAddressed);
showTotals();
startList();
startView();
part("nothing").hidden = entries.length > 0;
part("picture").hidden = !entries.length;
if (entries.length && !showAddressed())
    show(entries.find(entry => entry.status === "done") || entries[0]);
