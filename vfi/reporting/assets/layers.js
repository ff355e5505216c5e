// What is kept of a layer, as a bar and in words.
"use strict";

function kept(cell, width, whole) {
  cell.classList.toggle("empty", width === 0);
  cell.style.setProperty("--kept", `${(100 * width) / whole}%`);
  cell.innerHTML = `<i aria-hidden="true"></i> <span>${width} of ${whole}${width ? "" : ": empty"}</span>`;
}
