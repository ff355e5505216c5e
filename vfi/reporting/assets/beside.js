// <vfi-beside original result slowness rate>: two videos, or two pictures, with a divider between.
"use strict";

class Beside extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    const pictures = /\.(png|jpe?g|webp|bmp|gif)$/i;
    const [original, result] = [this.getAttribute("original"), this.getAttribute("result")];
    const stills = pictures.test(original) && pictures.test(result);
    this.attachShadow({ mode: "open" }).innerHTML = `<style>${Beside.style}</style>
      <figure><div class="stage"></div>
      <input class="divider" type="range" min="0" max="100" step="0.5" value="50"
        aria-label="divider: original on the left, result on the right"></figure>
      <div class="bar"${stills ? " hidden" : ""}>
        <button class="play" aria-label="play or pause">▶</button>
        <button class="back" aria-label="a frame back">‹</button>
        <button class="on" aria-label="a frame on">›</button>
        <input class="seek" type="range" min="0" max="1" step="0.001" value="0" aria-label="time">
        <select class="speed" aria-label="speed"><option value="0.25">¼×</option>
        <option value="0.5">½×</option><option value="1" selected>1×</option></select>
      </div><p class="note" hidden>your browser cannot play the original; the result is shown</p>`;
    const find = (name) => this.shadowRoot.querySelector(name);
    const stage = find(".stage");
    this.sides = [["result", result], ["original", original]].map(([name, source]) => {
      const side = document.createElement(pictures.test(source) ? "img" : "video");
      Object.assign(side, { className: name, src: source, muted: true, loop: true, playsInline: true });
      side.setAttribute(stills ? "alt" : "aria-label", name);
      stage.append(side);
      return side;
    });
    for (const name of ["original", "result"]) {
      const tag = Object.assign(document.createElement("span"), { textContent: name });
      tag.className = `tag ${name}`;
      stage.append(tag);
    }
    this.sides[1].addEventListener("error", () => {
      find(".note").hidden = false;
      this.divide(0);
    });
    find(".divider").addEventListener("input", (event) => this.divide(event.target.value));
    this.divide(50);
    if (!stills) this.control(find);
  }

  /** Shows the original up to this percentage of the width. */
  divide(place) {
    this.shadowRoot.querySelector(".divider").value = place;
    this.style.setProperty("--place", `${place}%`);
  }

  get slowness() { return Number(this.getAttribute("slowness")) || 1; }

  control(find) {
    const [result, original] = this.sides;
    const moves = original instanceof HTMLVideoElement;
    const follow = (exact) => {
      if (!moves || !original.duration) return;
      const wanted = Math.min(result.currentTime / this.slowness, original.duration);
      if (exact || Math.abs(original.currentTime - wanted) > 0.1) original.currentTime = wanted;
    };
    const step = (frames) => {
      result.pause();
      result.currentTime = Math.max(0, result.currentTime + frames / (Number(this.getAttribute("rate")) || 25));
    };
    const speed = () => {
      result.playbackRate = Number(find(".speed").value);
      if (moves) original.playbackRate = Math.max(result.playbackRate / this.slowness, 0.0625);
    };
    find(".play").addEventListener("click", () => (result.paused ? result.play() : result.pause()));
    find(".back").addEventListener("click", () => step(-1));
    find(".on").addEventListener("click", () => step(1));
    find(".seek").addEventListener("input", (event) => {
      result.currentTime = event.target.value * result.duration;
    });
    find(".speed").addEventListener("change", speed);
    result.addEventListener("loadedmetadata", speed);
    result.addEventListener("timeupdate", () => {
      find(".seek").value = result.currentTime / result.duration || 0;
      follow(result.paused);
    });
    result.addEventListener("seeked", () => follow(true));
    for (const name of ["play", "pause"]) {
      result.addEventListener(name, () => {
        find(".play").textContent = result.paused ? "▶" : "❚❚";
        if (moves) original[name]();
        follow(true);
      });
    }
  }
}

Beside.style = `
  :host { display: block; }
  figure { margin: 0; position: relative; }
  .stage { position: relative; overflow: hidden; border-radius: 6px; background: #000; line-height: 0; }
  .stage > video, .stage > img { width: 100%; max-height: 70vh; object-fit: contain; }
  .stage > video.original, .stage > img.original { position: absolute; inset: 0; height: 100%; clip-path: inset(0 calc(100% - var(--place)) 0 0); }
  .stage::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--place); width: 2px;
    background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
  .tag { position: absolute; top: 6px; padding: 2px 8px; border-radius: 4px; font: 13px/1.4 system-ui;
    color: #fff; background: #000b; }
  .tag.original { left: 6px; } .tag.result { right: 6px; }
  .divider { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0;
    cursor: ew-resize; touch-action: pan-y; }
  .divider:focus-visible { opacity: 1; background: none; appearance: none; outline: 3px solid #4a90e2; }
  .bar { display: flex; gap: 6px; padding-top: 6px; align-items: center; font: 15px system-ui; }
  .bar[hidden] { display: none; }
  .bar button, .bar select { min-width: 40px; min-height: 40px; font: inherit; color: inherit;
    background: #8882; border: 1px solid #8886; border-radius: 6px; }
  .bar select { color-scheme: light dark; }
  .seek { flex: 1; min-width: 40px; }
  .note { font: 13px system-ui; margin: 4px 0; }
`;
customElements.define("vfi-beside", Beside);
