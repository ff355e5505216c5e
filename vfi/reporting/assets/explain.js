// The pruning explorer: one slider, and what two policies do at its ratio.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const names = Object.keys(data.channels);
  const total = names.reduce((sum, name) => sum + data.channels[name], 0);
  const percent = (part) => `${(100 * part).toFixed(part < 0.1 && part ? 1 : 0)} %`;
  const ratios = [...new Set(Object.values(data.levels).flat().map((level) => level.asked))].sort((a, b) => a - b);

  // Scores along a logarithmic axis; channels of nothing but zeros lie at its left end.
  const scores = names.flatMap((name) => data.scores[name]);
  const some = scores.filter((score) => score > 0);
  const [low, high] = [Math.log10(Math.min(...some)), Math.log10(Math.max(...some))];
  const part = (score) => (score > 0 ? (Math.log10(score) - low) / (high - low || 1) : 0);

  const svg = (width, height, label, inside) =>
    `<svg class="chart naive" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${inside}</svg>`;

  function ticks() {
    const found = [];
    for (let power = Math.floor(low); power <= high; power++)
      for (const digit of high - low > 2 ? [1] : [1, 2, 5]) found.push(digit * 10 ** power);
    return found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  }

  /** How many channels there are of each importance, in the two colours of staying and going. */
  function histogram(threshold) {
    const [left, right, base, top, bins] = [40, 700, 160, 36, 44];
    const counts = Array.from({ length: bins }, () => [0, 0]);
    for (const score of scores) {
      const bin = Math.min(bins - 1, Math.floor(part(score) * bins));
      counts[bin][score < threshold ? 0 : 1]++;
    }
    const most = Math.max(...counts.map(([goes, stays]) => goes + stays));
    const wide = (right - left) / bins;
    const tall = (count) => (count / most) * (base - top);
    const bars = counts.map(([goes, stays], bin) => {
      const x = left + bin * wide + 0.5;
      const bar = (kind, count, below) => count
        ? `<rect class="${kind}" x="${x}" width="${wide - 1}" y="${base - tall(below + count)}" height="${tall(count)}"/>` : "";
      return bar("goes", goes, 0) + bar("stays", stays, goes);
    });
    const at = (value) => left + part(value) * (right - left);
    const marks = ticks().map((value) => `<text class="middle" x="${at(value)}" y="${base + 16}">${Number(value.toPrecision(3))}</text>`);
    const below = scores.filter((score) => score < threshold).length;
    const late = part(threshold) > 0.6;
    const said = `${below} of ${total} channels are below the threshold of ${threshold.toPrecision(3)}`;
    return svg(760, 200, said, [
      `<path class="grid" d="M${left} ${base}H${right}"/>`, ...bars, ...marks,
      `<text class="label" x="6" y="14">channels</text>`,
      `<text class="label middle" x="${(left + right) / 2}" y="${base + 36}">sum of the absolute weights of a channel (logarithmic)</text>`,
      `<path class="threshold" d="M${at(threshold)} ${top - 18}V${base + 4}"/>`,
      `<text class="${late ? "end" : ""}" x="${at(threshold) + (late ? -6 : 6)}" y="${top - 8}">threshold ${threshold.toPrecision(3)}: ${below} go, ${total - below} stay</text>`,
    ].join(""));
  }

  /** The channels of a layer as lines: short ones go. */
  function rug(name, threshold) {
    const line = (score, reach) => `M${(part(score) * 220).toFixed(1)} ${10 - reach}v${2 * reach}`;
    const of = (goes, reach) => data.scores[name].filter((s) => s < threshold === goes).map((s) => line(s, reach)).join("");
    const gone = data.scores[name].filter((score) => score < threshold).length;
    return `<svg class="naive" viewBox="0 0 220 20" role="img" aria-label="${gone} of ${data.channels[name]} below the threshold">` +
      `<path class="goes" d="${of(true, 4)}"/><path class="stays" d="${of(false, 9)}"/>` +
      `<path class="threshold" d="M${part(threshold) * 220} 0V20"/></svg>`;
  }

  const found = (policy, asked) => data.levels[policy].find((level) => level.asked === asked);

  function verdict(asked) {
    const lines = ["naive", "aware"].map((policy) => {
      const level = found(policy, asked);
      const cells = level
        ? [percent(level.ratio), percent(level.macs / data.macs), level.emptied.length]
        : ["cannot", "–", "–"];
      return `<tr><th scope="row">${policy}</th>${cells.map((cell) => `<td class="number">${cell}</td>`).join("")}</tr>`;
    });
    return `<table><thead><tr><th scope="col">policy</th><th scope="col">channels removed</th><th scope="col">MACs left</th>` +
      `<th scope="col">layers emptied</th></tr></thead><tbody>${lines.join("")}</tbody></table>`;
  }

  function show() {
    const asked = ratios[$("ratio").value];
    const [naive, aware] = [found("naive", asked), found("aware", asked)];
    $("percent").value = percent(asked);
    $("ratio").setAttribute("aria-valuetext", percent(asked));
    $("verdict").innerHTML = verdict(asked);
    const gone = naive.emptied;
    $("emptied").textContent = gone.length
      ? `The naive threshold empties ${gone.length} of ${names.length} layers, and what reads them computes on nothing: ${gone.join(", ")}.`
      : "The naive threshold leaves something of every layer.";
    $("importance").innerHTML = histogram(naive.threshold);
    for (const row of document.querySelectorAll("#layers [data-layer]")) {
      const { layer } = row.dataset;
      kept(row.querySelector(".kept.naive"), naive.widths[layer], data.channels[layer]);
      if (aware) kept(row.querySelector(".kept.aware"), aware.widths[layer], data.channels[layer]);
      else row.querySelector(".kept.aware").textContent = "–";
      row.querySelector(".rug").innerHTML = rug(layer, naive.threshold);
    }
  }

  $("ratio").max = ratios.length - 1;
  const nearest = ratios.map((ratio) => Math.abs(ratio - data.ratio));
  $("ratio").value = nearest.indexOf(Math.min(...nearest));
  $("ratio").addEventListener("input", show);
  show();
})();
