// The page of a sweep: tells of the point that is pointed at, in both charts.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const made = (name, ...inside) => {
    const element = document.createElement(name);
    element.append(...inside);
    return element;
  };

  function layer(name, width, reason) {
    const bar = made("span");
    bar.className = "kept";
    kept(bar, width, data.channels[name]);
    const line = made("div", made("b", name), bar);
    if (reason) line.dataset.tip = reason;
    return line;
  }

  function tell(number) {
    const point = data.points[number];
    $("name").textContent = point.name;
    const rows = point.figures.map(([name, value]) => {
      const head = made("th", name);
      head.scope = "row";
      return made("tr", head, made("td", value));
    });
    $("figures").tBodies[0].replaceChildren(...rows);
    $("command").textContent = point.command;
    $("command").hidden = !point.command;
    const widths = Object.entries(point.widths);
    $("layers").replaceChildren(...widths.map(([name, width]) => layer(name, width, point.protected[name])));
    for (const mark of document.querySelectorAll("[data-point]")) {
      mark.classList.toggle("on", mark.dataset.point === String(number));
    }
  }

  const pointed = (event) => {
    const mark = event.target.closest?.("[data-point]");
    if (mark) tell(mark.dataset.point);
  };
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, pointed);
  tell(0);
})();
