// Pictures on canvases: one for each name, or two names with a divider between them.
"use strict";

const APART = 24;  // pixels between arrows at least

/** The pictures of the page; each becomes an image when it is first wanted. */
class Pictures {
  constructor(texts) {
    this.texts = texts;
    this.images = new Map();
  }

  get(number) {
    let image = this.images.get(number);
    if (!image) {
      const bytes = Uint8Array.from(atob(this.texts[number]), (letter) => letter.charCodeAt(0));
      image = new Image();
      image.src = URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
      this.texts[number] = null;
      this.images.set(number, image);
    }
    return image;
  }

  /** Waits until they can be drawn at once, so that all players change together. */
  ready(numbers) {
    return Promise.all(numbers.map((number) => this.get(number).decode()));
  }
}

/** What is looked at: `x`, `y` in pixels of the picture are in the middle, `zoom` times enlarged. */
class View {
  constructor(width, height) {
    Object.assign(this, { width, height, zoom: 1, x: width / 2, y: height / 2 });
  }

  set(zoom, x, y) {
    this.zoom = zoom;
    const [halfX, halfY] = [this.width / zoom / 2, this.height / zoom / 2];
    this.x = Math.min(Math.max(x, halfX), this.width - halfX);
    this.y = Math.min(Math.max(y, halfY), this.height - halfY);
  }

  get left() { return this.x - this.width / this.zoom / 2; }
  get top() { return this.y - this.height / this.zoom / 2; }
}

/** Draws what a name shows of a step, `scale` device pixels to one of the picture. */
class Painter {
  constructor(data, pictures, options) {
    Object.assign(this, { data, pictures, options });
  }

  /** Numbers of the pictures needed: that of the frame, and of its errors if they are shown. */
  parts(step, name) {
    const made = name > 0 && !step.kept ? step.made[name - 1] : null;
    const held = name > 0 && step.cut;  // as interpolation does beside a cut
    const frame = made ?? (held ? step.held : step.frame);
    const error = this.options.error && made !== null ? step.error[name - 1] : null;
    return { frame, error };
  }

  numbers(step, names) {
    const parts = names.map((name) => this.parts(step, name));
    return parts.flatMap(({ frame, error }) => (error === null ? [frame] : [frame, error]));
  }

  paint(context, step, name, left, top, scale) {
    const { frame, error } = this.parts(step, name);
    const [width, height] = this.data.size;
    const place = [-left * scale, -top * scale, width * scale, height * scale];
    context.imageSmoothingEnabled = scale < 3;
    context.globalAlpha = this.options.error ? 0.3 : 1;
    context.drawImage(this.pictures.get(frame), ...place);
    context.globalAlpha = 1;
    if (error !== null) {
      context.globalCompositeOperation = "lighter";
      context.drawImage(this.pictures.get(error), ...place);
      context.globalCompositeOperation = "source-over";
    }
    const flow = this.options.flow && name > 0 && !step.kept ? step.flow[name - 1] : null;
    if (flow) this.arrows(context, flow, left, top, scale);
  }

  /** Motion from the frame before to the one after, as long as it is. */
  arrows(context, flow, left, top, scale) {
    const [columns, rows] = this.data.grid;
    const [width, height] = this.data.size;
    const path = new Path2D();
    const sparse = Math.ceil(APART * devicePixelRatio / (width / columns * scale));
    for (let cell = 0; cell < columns * rows; cell++) {
      if (cell % columns % sparse || Math.floor(cell / columns) % sparse) continue;
      const x = (((cell % columns) + 0.5) / columns * width - left) * scale;
      const y = ((Math.floor(cell / columns) + 0.5) / rows * height - top) * scale;
      const [dx, dy] = [flow[2 * cell] / 20 * scale, flow[2 * cell + 1] / 20 * scale];
      const length = Math.hypot(dx, dy);
      path.moveTo(x - dx, y - dy);
      path.lineTo(x + dx + 0.1, y + dy);
      if (length < 2) continue;
      const head = Math.min(6, length) / length;
      for (const turn of [2.6, -2.6]) {
        const [cos, sin] = [Math.cos(turn) * head, Math.sin(turn) * head];
        path.moveTo(x + dx, y + dy);
        path.lineTo(x + dx + dx * cos - dy * sin, y + dy + dx * sin + dy * cos);
      }
    }
    context.lineCap = "round";
    for (const [colour, thick] of [["#000000", 4], ["#ffffff", 1.8]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick * devicePixelRatio;
      context.stroke(path);
    }
  }
}

/** A canvas that shows one name, or two on either side of a divider. */
class Player {
  constructor(painter, view, labels) {
    Object.assign(this, { painter, view });
    this.element = document.createElement("figure");
    this.element.className = "player";
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.element.append(this.canvas);
    this.tags = labels.map((side) => {
      const tag = document.createElement("figcaption");
      tag.className = `tag ${side}`;
      this.element.append(tag);
      return tag;
    });
  }

  /** Gives the canvas as many pixels as the screen shows of it. */
  fit(width) {
    const [w, h] = this.painter.data.size;
    const shown = Math.min(width, innerHeight * 0.72 * w / h);
    this.canvas.style.width = `${shown}px`;
    this.canvas.width = Math.round(shown * devicePixelRatio);
    this.canvas.height = Math.round(shown * h / w * devicePixelRatio);
  }

  get scale() { return this.canvas.width / this.view.width * this.view.zoom; }

  /** Position in the picture of a pointer. */
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const part = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const { left, top, width, height, zoom } = this.view;
    return [left + part[0] * width / zoom, top + part[1] * height / zoom];
  }

  draw(step, names, divider, texts) {
    const context = this.canvas.getContext("2d");
    this.tags.forEach((tag, place) => (tag.textContent = texts[place]));
    this.canvas.setAttribute("aria-label", texts.join(", "));
    const split = Math.round(divider * this.canvas.width);
    this.drawInto(context, step, names, split, this.view.left, this.view.top, this.scale);
  }

  drawInto(context, step, names, split, left, top, scale) {
    const { width, height } = context.canvas;
    context.clearRect(0, 0, width, height);
    const sides = names.length > 1 ? [[0, split], [split, width]] : [[0, width]];
    sides.forEach(([from, to], place) => {
      if (to <= from) return;
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
      this.painter.paint(context, step, names[place], left, top, scale);
      context.restore();
    });
  }
}

/** The line between left and right; pointers and arrow keys move it, and all is drawn anew. */
class Divider {
  constructor(state, draw) {
    Object.assign(this, { state, draw, element: document.createElement("div") });
    Object.assign(this.element, { id: "divider", tabIndex: 0 });
    for (const [name, value] of Object.entries({
      role: "slider", "aria-label": "divider between left and right", "aria-valuemin": 0, "aria-valuemax": 100,
    })) this.element.setAttribute(name, value);
    this.element.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
      if (!by || event.shiftKey) return;
      this.move(by);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  move(by) { this.set(this.state.divider + by); }

  /** Goes to where a pointer is over a player. */
  follow(player, event) {
    const box = player.canvas.getBoundingClientRect();
    this.set((event.clientX - box.left) / box.width);
  }

  set(part) {
    this.state.divider = Math.min(Math.max(part, 0), 1);
    this.draw();
  }

  show() {
    this.element.style.left = `${this.state.divider * 100}%`;
    this.element.setAttribute("aria-valuenow", Math.round(this.state.divider * 100));
  }
}

/** Plays or stops, as the button then says. */
function turnPlaying(state, button) {
  state.playing = !state.playing;
  button.textContent = state.playing ? "Pause" : "Play";
  button.setAttribute("aria-pressed", state.playing);
}
