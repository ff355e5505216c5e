// The demo: reads frames, makes those between by ONNX Runtime Web, shows both under a divider.
import { ofClip, ofPictures } from "./frames.js";

const $ = (id) => document.getElementById(id);
const about = await (await fetch("demo.json")).json();
const threads = crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
const adapter = await navigator.gpu?.requestAdapter().catch(() => null);

const data = { names: ["original", ""], steps: [], size: [1, 1], grid: [1, 1] };
const state = { step: 0, divider: 0.5, playing: false, error: false, flow: false };
/** As the pictures of a page, but of canvases that are there already. */
const pictures = { all: [], get: (number) => pictures.all[number], add: (image) => pictures.all.push(canvasOf(image)) - 1 };
const runtimes = new Map();
const sessions = new Map();
let player = null;
let busy = false;

function tell(text, part = null, error = false) {
  $("state").textContent = text;
  $("state").className = error ? "error" : "";
  $("progress").hidden = part === null;
  $("progress").value = part ?? 0;
}

function canvasOf(image) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: image.width, height: image.height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** The runtime of a device, "wasm" or "webgpu"; each is fetched when it is first needed. */
async function runtime(device) {
  if (!runtimes.has(device)) {
    const ort = await import(`./ort.${device}.min.mjs`);
    // a thread of its own keeps the page alive; on a graphics device it waits for nothing
    Object.assign(ort.env.wasm, { numThreads: threads, proxy: device === "wasm", wasmPaths: new URL("./", import.meta.url).href });
    runtimes.set(device, ort);
  }
  return runtimes.get(device);
}

/** A model is fetched once, and compared with its hash. */
async function fetched(name) {
  const bytes = await (await fetch(`${name}.onnx`)).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const text = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (text !== about.files[`${name}.onnx`]) throw new Error(`${name}.onnx is damaged; load the page again`);
  return new Uint8Array(bytes);
}

/** A model ready to run, `(images, time) -> values`; one whose frames a graphics device makes wrongly is refused. */
async function network(name, device) {
  const key = `${name} ${device}`;
  if (!sessions.has(key)) {
    tell(`loading ${name}`, 0);
    const ort = await runtime(device);
    const bytes = await fetched(name);
    const ready = async (provider) => {
      const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider], logSeverityLevel: 3 });
      return async (images) => {
        const given = { frames: planes(ort, images), timestep: new ort.Tensor("float32", [0.5], [1]) };
        const made = await session.run(Object.fromEntries(session.inputNames.map((input) => [input, given[input]])));
        return made.frame.getData();
      };
    };
    const made = await ready(device);
    if (device === "webgpu") await compare(made, await ready("wasm"));
    sessions.set(key, made);
  }
  return sessions.get(key);
}

/** Makes sure that two devices make the same frame to a level, of waves that move. */
async function compare(one, other) {
  const pair = [0, 4].map((shift) => {
    const image = new ImageData(96, 64);
    for (let at = 0; at < image.data.length; at++)
      image.data[at] = 128 + 100 * Math.sin((((at >> 2) % 96) - shift) / (5 + (at % 4))) * Math.cos((at >> 2) / 96 / 7);
    return image;
  });
  const [values, expected] = [await one(pair), await other(pair)];
  if (values.some((value, at) => !(Math.abs(value - expected[at]) < 1 / 255)))
    throw new Error("this graphics device makes other frames than the processor; choose the processor");
}

/** Two frames as planes of floats in [0, 1]. */
function planes(ort, images) {
  const [{ width, height }] = images;
  const area = width * height;
  const values = new Float32Array(6 * area);
  images.forEach(({ data: bytes }, frame) => {
    for (let at = 0; at < area; at++)
      for (let channel = 0; channel < 3; channel++)
        values[(3 * frame + channel) * area + at] = bytes[4 * at + channel] / 255;
  });
  return new ort.Tensor("float32", values, [2, 3, height, width]);
}

function imageOf(values, width, height) {
  const image = new ImageData(width, height);
  const area = width * height;
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * at + channel] = Math.round(255 * Math.min(Math.max(values[channel * area + at], 0), 1));
    image.data[4 * at + 3] = 255;
  }
  return image;
}

function blend(first, second) {
  const image = new ImageData(first.width, first.height);
  for (let at = 0; at < image.data.length; at++) image.data[at] = (first.data[at] + second.data[at] + 1) >> 1;
  return image;
}

function psnr(one, other) {
  let sum = 0;
  for (let at = 0; at < one.data.length; at++) if (at % 4 < 3) sum += (one.data[at] - other.data[at]) ** 2;
  return 10 * Math.log10(255 ** 2 / Math.max(sum / (0.75 * one.data.length), 1e-5));
}

/** Makes what lies between frames: of two, the one in the middle; of more, every second one. */
async function make(frames) {
  const [name, device] = [$("model").value, $("device").value];
  const between = await network(name, device);
  const pairs = frames.length === 2 ? [[frames[0], null, frames[1]]]
    : frames.slice(2).filter((_, at) => at % 2 === 0).map((_, at) => frames.slice(2 * at, 2 * at + 3));
  const { width, height } = frames[0].image;
  Object.assign(pictures, { all: [] });
  Object.assign(data, { names: [frames.length === 2 ? "average" : "original", name], size: [width, height], steps: [] });
  const times = [];
  const keep = ({ time, image }) => data.steps.push({ kept: true, time, frame: pictures.add(image) });
  keep(frames[0]);
  for (const [number, [before, truth, after]] of pairs.entries()) {
    tell(`making frame ${number + 1} of ${pairs.length}`, number / pairs.length);
    const started = performance.now();
    const values = await between([before.image, after.image]);
    times.push(performance.now() - started);
    const image = imageOf(values, width, height);
    const original = truth?.image ?? blend(before.image, after.image);
    const score = truth && psnr(image, original);
    const time = truth?.time ?? (before.time + after.time) / 2;
    data.steps.push({ kept: false, time, frame: pictures.add(original), made: [pictures.add(image)], score });
    keep(after);
  }
  times.sort((a, b) => a - b);
  return { name, device, width, height, count: pairs.length, ms: times[times.length >> 1] };
}

/** What a device is, in words. */
function described(device) {
  if (device === "webgpu")
    return `graphics device, WebGPU${adapter.info.isFallbackAdapter ? ", imitated by the processor" : ""} (${adapter.info.vendor} ${adapter.info.architecture})`;
  return `processor, WebAssembly with SIMD, ${threads} of ${navigator.hardwareConcurrency} threads` +
    (crossOriginIsolated ? "" : " (more need a server that isolates the page)");
}

function report({ name, device, width, height, count, ms }) {
  const scores = data.steps.map((step) => step.score).filter(Boolean);
  const rows = [
    ["model", name],
    ["a frame", `${ms.toFixed(0)} ms of ${width}x${height} pixels${count > 1 ? `, median of ${count}` : ""}`],
    ["device", described(device)],
    ["PSNR", scores.length ? `${(scores.reduce((a, b) => a + b) / scores.length).toFixed(2)} dB, mean` : "the truth is not known"],
  ];
  $("told").tBodies[0].replaceChildren(...rows.map(([head, text]) => {
    const row = document.createElement("tr");
    const [th, td] = ["th", "td"].map((tag) => row.appendChild(document.createElement(tag)));
    th.scope = "row";
    [th.textContent, td.textContent] = [head, text];
    return row;
  }));
}

async function run(read) {
  if (busy) return;
  busy = true;
  try {
    const found = await make(await read());
    report(found);
    $("result").hidden = false;
    build();
    go(1);
    tell(`made ${found.count} frame${found.count > 1 ? "s" : ""}`);
  } catch (error) {
    tell(error.message, null, true);
  } finally {
    busy = false;
  }
}

function given(files) {
  const [first, second] = files;
  const side = Number($("side").value);
  if (files.length === 2 && files.every((file) => file.type.startsWith("image/"))) return run(() => ofPictures([first, second], side));
  if (files.length === 1 && first.type.startsWith("video/")) return run(() => ofClip(first, side, tell));
  tell("give two pictures, or one clip", null, true);
}

// The player of the compare page, with its divider.
const divider = new Divider(state, draw);

function build() {
  player = new Player(new Painter(data, pictures, state), new View(...data.size), ["left", "right"]);
  player.element.append(divider.element);
  $("players").replaceChildren(player.element);
  let held = false;
  player.element.addEventListener("pointerdown", (event) => {
    held = true;
    player.element.setPointerCapture(event.pointerId);
    divider.follow(player, event);
    divider.element.focus({ preventScroll: true });
    event.preventDefault();
  });
  player.element.addEventListener("pointermove", (event) => held && divider.follow(player, event));
  for (const end of ["pointerup", "pointercancel"]) player.element.addEventListener(end, () => (held = false));
  $("seek").max = data.steps.length - 1;
  player.fit($("players").clientWidth);
}

function draw() {
  const step = data.steps[state.step];
  const said = step.kept ? "given" : step.score ? `${step.score.toFixed(2)} dB` : "made";
  const texts = [step.kept ? "given" : data.names[0], step.kept ? "given" : `${data.names[1]} · ${said}`];
  player.draw(step, [0, 1], state.divider, texts);
  divider.show();
  $("seek").value = state.step;
  $("where").value = `${state.step + 1} of ${data.steps.length}`;
  $("save").href = pictures.get(step.kept ? step.frame : step.made[0]).toDataURL("image/png");
}

function go(step) {
  state.step = (step + data.steps.length) % data.steps.length;
  draw();
}

function play() {
  turnPlaying(state, $("play"));
  const tick = () => {
    if (!state.playing) return;
    go(state.step + 1);
    setTimeout(tick, data.steps.length > 3 ? 120 : 500);
  };
  setTimeout(tick, 120);
}

$("play").addEventListener("click", play);
$("back").addEventListener("click", () => go(state.step - 1));
$("next").addEventListener("click", () => go(state.step + 1));
$("seek").addEventListener("input", () => go(Number($("seek").value)));
$("files").addEventListener("change", () => given([...$("files").files]));
$("sample").addEventListener("click", async () => {
  const blobs = await Promise.all(["first.png", "second.png"].map(async (name) => (await fetch(name)).blob()));
  run(() => ofPictures(blobs, Number($("side").value)));
});
for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  $("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", over);
    if (kind === "drop") given([...event.dataTransfer.files]);
  });
}
addEventListener("resize", () => player && (player.fit($("players").clientWidth), draw()));
$("model").replaceChildren(...about.models.map((name) => new Option(name)));
const devices = [new Option("processor", "wasm"), ...(adapter ? [new Option("graphics device", "webgpu")] : [])];
$("device").replaceChildren(...devices);
if (adapter && !adapter.info.isFallbackAdapter) $("device").value = "webgpu";
tell("ready");
