// The page of `vfi compare`: what is shown, and what people do to it.
"use strict";

const LOUPE = 180;  // pixels across
const LOUPE_ZOOM = 4;
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

const state = {
  step: 0, left: data.names.length > 2 ? 1 : 0, right: data.names.length - 1, divider: 0.5, playing: false, beside: false,
  error: false, flow: false, loupe: false,
};
const pictures = new Pictures(data.pictures);
const painter = new Painter(data, pictures, state);
const view = new View(...data.size);
const made = data.steps.map((step, number) => number).filter((number) => !data.steps[number].kept && !data.steps[number].cut);
let players = [];
let busy = false;
let again = false;

const divider = new Divider(state, draw);
const loupe = document.createElement("canvas");
loupe.id = "loupe";
loupe.hidden = true;

function build() {
  const shown = state.beside ? data.names.map((_, name) => [name]) : [[state.left, state.right]];
  players = shown.map((names) => new Player(painter, view, names.length > 1 ? ["left", "right"] : ["left"]));
  $("players").className = state.beside ? "beside" : "divided";
  $("players").replaceChildren(...players.map((player) => player.element));
  if (!state.beside) players[0].element.append(divider.element);
  players.forEach((player) => listen(player));
  fit();
}

function fit() {
  for (const player of players) {
    player.canvas.style.width = "0";
    player.fit(state.beside ? player.element.clientWidth : $("players").clientWidth);
  }
  draw();
}

function score(step, name) {
  if (name === 0) return step.kept ? "kept" : "left out";
  if (step.kept) return "kept";
  return step.cut ? "scene cut: held" : `${step.psnr[name - 1].toFixed(2)} dB`;
}

/** Draws the step when its pictures are ready; what changes meanwhile is drawn next. */
async function draw() {
  if (busy) return void (again = true);
  busy = true;
  do {
    again = false;
    const step = data.steps[state.step];
    const shown = state.beside ? data.names.map((_, name) => [name]) : [[state.left, state.right]];
    await pictures.ready(painter.numbers(step, shown.flat())).catch((error) => console.error(error));
    shown.forEach((names, place) => {
      const texts = names.map((name) => `${data.names[name]} · ${score(step, name)}`);
      players[place]?.draw(step, names, state.divider, texts);
    });
    tell(step);
  } while (again);
  busy = false;
}

function tell(step) {
  $("seek").value = state.step;
  $("where").value = `frame ${step.number}, ${step.time.toFixed(3)} s`;
  divider.show();
  players.forEach((player) => player.element.classList.toggle("zoomed", view.zoom > 1));
  document.querySelectorAll("#charts .on").forEach((point) => point.classList.remove("on"));
  document.querySelectorAll(`#charts [data-frame="${state.step}"]`).forEach((point) => point.classList.add("on"));
}

function go(step) {
  state.step = Math.min(Math.max(step, 0), data.steps.length - 1);
  draw();
}

function show(side, name) {
  state[side] = name;
  $(side).value = name;
  rank();
  draw();
}

function toggle(name) {
  state[name] = !state[name];
  $(name === "loupe" ? "loupe-on" : name).setAttribute("aria-pressed", state[name]);
  if (name === "error") $("legend").hidden = !state.error;
  if (name === "loupe") loupe.hidden = true;
  if (name === "beside") build();
  draw();
}

function zoom(level, x = view.x, y = view.y) {
  view.set(level, x, y);
  $("zoom").value = level;
  draw();
}

// Playing: the clock runs at the chosen speed, and a step is shown for as long as in the video.
function play() {
  turnPlaying(state, $("play"));
  if (state.playing) requestAnimationFrame((now) => tick(now, now, data.steps[state.step].time));
}

function tick(now, before, time) {
  if (!state.playing) return;
  if (!busy) time += (now - before) / 1000 * Number($("speed").value);
  const end = data.steps[data.steps.length - 1].time + data.last;
  if (time >= end) time = data.steps[0].time;
  let step = data.steps.findLastIndex((one) => one.time <= time + 1e-6);
  if (step < 0) step = 0;
  if (step !== state.step) {
    const moved = Math.abs(step - state.step) > 1 && time < data.steps[state.step].time;
    if (!moved || step === 0) go(step);
  }
  requestAnimationFrame((next) => tick(next, now, time));
}

/** The frames that a model finds hardest, as pictures to go there. */
function rank() {
  const name = state.right || state.left || 1;
  $("whose").textContent = data.names[name] ?? "";
  const worst = made.toSorted((a, b) => data.steps[a].psnr[name - 1] - data.steps[b].psnr[name - 1]);
  $("worst").replaceChildren(...worst.slice(0, 12).map((number) => {
    const step = data.steps[number];
    const item = document.createElement("li");
    const button = document.createElement("button");
    const image = new Image();
    image.src = pictures.get(step.made[name - 1]).src;
    image.alt = "";
    button.append(image, `frame ${step.number}: ${step.psnr[name - 1].toFixed(2)} dB, SSIM ${step.ssim[name - 1].toFixed(4)}`);
    button.dataset.frame = number;
    button.addEventListener("click", () => reveal(number));
    item.append(button);
    return item;
  }));
}

function reveal(step) {
  if (state.playing) play();
  go(step);
  $("players").scrollIntoView({ block: "nearest" });
}

function neighbour(step, way) {
  const next = way > 0 ? made.find((one) => one > step) : made.findLast((one) => one < step);
  return next ?? step;
}

function magnify(player, event) {
  const box = player.canvas.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  loupe.hidden = !state.loupe || x < 0 || y < 0 || x > box.width || y > box.height;
  if (loupe.hidden) return;
  if (loupe.parentNode !== player.element) player.element.append(loupe);
  loupe.width = loupe.height = LOUPE * devicePixelRatio;
  Object.assign(loupe.style, { width: `${LOUPE}px`, height: `${LOUPE}px`, left: `${x - LOUPE / 2}px`, top: `${y - LOUPE / 2}px` });
  const scale = player.scale * LOUPE_ZOOM;
  const [across, down] = player.at(event);
  const half = loupe.width / scale / 2;
  const split = view.left + state.divider * view.width / view.zoom;
  const names = state.beside ? [players.indexOf(player)] : [state.left, state.right];
  const cut = Math.min(Math.max(Math.round((split - across + half) * scale), 0), loupe.width);
  player.drawInto(loupe.getContext("2d"), data.steps[state.step], names, cut, across - half, down - half, scale);
}

function listen(player) {
  let held = null;
  player.element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const pan = view.zoom > 1 && event.target !== divider.element;
    if (!pan && state.beside) return;
    held = pan ? { from: player.at(event) } : {};
    player.element.setPointerCapture(event.pointerId);
    if (!pan) follow(event);
    divider.element.focus({ preventScroll: true });
    event.preventDefault();
  });
  const follow = (event) => {
    if (held.from) {
      const [x, y] = player.at(event);
      zoom(view.zoom, view.x + held.from[0] - x, view.y + held.from[1] - y);
    } else {
      divider.follow(player, event);
    }
  };
  player.element.addEventListener("pointermove", (event) => {
    if (held) follow(event);
    magnify(player, event);
  });
  for (const end of ["pointerup", "pointercancel"]) player.element.addEventListener(end, () => (held = null));
  player.element.addEventListener("pointerleave", () => (loupe.hidden = true));
  player.element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const level = view.zoom * (event.deltaY < 0 ? 2 : 0.5);
    if (level >= 1 && level <= 8) zoom(level, ...player.at(event));
  }, { passive: false });
}

function turn(select, by) {
  select.selectedIndex = Math.min(Math.max(select.selectedIndex + by, 0), select.length - 1);
  select.dispatchEvent(new Event("change"));
}

const KEYS = {
  " ": play,
  ArrowLeft: (shift) => go(shift ? neighbour(state.step, -1) : state.step - 1),
  ArrowRight: (shift) => go(shift ? neighbour(state.step, 1) : state.step + 1),
  Home: () => go(0),
  End: () => go(data.steps.length - 1),
  "[": () => divider.move(-0.02),
  "]": () => divider.move(0.02),
  ",": () => turn($("speed"), -1),
  ".": () => turn($("speed"), 1),
  "-": () => turn($("zoom"), -1),
  "+": () => turn($("zoom"), 1),
  "=": () => turn($("zoom"), 1),
  b: () => toggle("beside"),
  e: () => toggle("error"),
  f: () => toggle("flow"),
  l: () => toggle("loupe"),
  w: () => $("worst").querySelector("button")?.click(),
};

document.addEventListener("keydown", (event) => {
  const { target, key, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select, input")) return;
  if (target.matches("button") && (key === " " || key === "Enter")) return;
  const digit = /^Digit([1-9])$/.exec(event.code);
  if (digit && digit[1] <= data.names.length) show(shiftKey ? "left" : "right", digit[1] - 1);
  else if (KEYS[key]) KEYS[key](shiftKey);
  else return;
  event.preventDefault();
});

for (const side of ["left", "right"]) {
  $(side).replaceChildren(...data.names.map((name, value) => new Option(name, value)));
  $(side).value = state[side];
  $(side).addEventListener("change", () => show(side, Number($(side).value)));
}
for (const name of ["beside", "error", "flow"]) $(name).addEventListener("click", () => toggle(name));
$("loupe-on").addEventListener("click", () => toggle("loupe"));
$("play").addEventListener("click", play);
$("back").addEventListener("click", () => go(state.step - 1));
$("next").addEventListener("click", () => go(state.step + 1));
$("zoom").addEventListener("change", () => zoom(Number($("zoom").value)));
$("seek").max = data.steps.length - 1;
$("seek").addEventListener("input", () => go(Number($("seek").value)));
$("legend").querySelector("i").style.background = `linear-gradient(90deg, ${data.colours.join(", ")})`;
$("charts").addEventListener("click", (event) => {
  const points = event.target.closest("svg")?.querySelectorAll("[data-frame]") ?? [];
  const far = (point) => {
    const box = point.querySelector(".hit").getBoundingClientRect();
    return Math.hypot(box.x + box.width / 2 - event.clientX, (box.y + box.height / 2 - event.clientY) / 4);
  };
  const nearest = [...points].sort((a, b) => far(a) - far(b))[0];
  if (nearest) reveal(Number(nearest.dataset.frame));
});
if (!data.steps.some((step) => !step.kept && step.flow.some(Boolean))) $("flow").hidden = true;
addEventListener("resize", fit);
rank();
build();
go(Number($("worst").querySelector("button").dataset.frame));
