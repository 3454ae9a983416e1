"use strict";
// Moves through the steps. All texts are put in as text, so that none of them can be markup.
(() => {
  const { loss, steps, values, edges } = JSON.parse(document.getElementById("walk").textContent);
  const PRINTED_AT_MOST = 80;
  const by = (id) => document.getElementById(id);
  const panel = by("panel"), slider = by("slider"), goto = by("goto");
  const svg = document.querySelector("#picture svg");
  let now = 0;

  const el = (tag, attributes, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children.filter((child) => child !== null && child !== ""));
    return node;
  };

  // Values

  const paint = (picture) => {
    const scale = Math.max(2, Math.min(8, Math.floor(224 / Math.max(picture.width, picture.height))));
    const canvas = el("canvas", {
      width: picture.width, height: picture.height, role: "img",
      "aria-label": "The numbers as a picture: green above zero, red below",
      style: `width: ${picture.width * scale}px`,
    });
    const context = canvas.getContext("2d");
    const image = context.createImageData(picture.width, picture.height);
    const levels = atob(picture.levels);
    for (let place = 0; place < levels.length; place += 1) {
      const level = (levels.charCodeAt(place) - 128) / 127;
      const color = level > 0 ? [0, 130, 120] : [190, 50, 110];
      image.data.set([...color, Math.round(255 * Math.abs(level))], 4 * place);
    }
    context.putImageData(image, 0, 0);
    return canvas;
  };

  const heat = (level) => (level > 0 ? `p${level}` : level < 0 ? `m${-level}` : "");

  // `marks` are the numbers that the worked example is made of: value, row and column.
  const table = (value, place, marks) => {
    const isMarked = (i, j) => (marks || []).some(([v, r, c]) => v === place && r === i && c === j);
    const cell = (text, i, j, level) =>
      el("td", { class: isMarked(i, j) ? `${heat(level)} marked` : heat(level) }, text);
    const rows = value.rows.map((row, i) =>
      el("tr", null, ...row.map((text, j) => cell(text, i, j, value.heat[i][j]))));
    return el("div", { class: "scroll" }, el("table", null, el("tbody", null, ...rows)));
  };

  const array = (name, place, kind, marks) => {
    const figure = el("figure", { class: `array ${kind || ""}` }, el("figcaption", null, name));
    if (place === null || place === undefined) {
      figure.append(el("span", { class: "facts" }, "no numbers to show"));
      return figure;
    }
    const value = values[place];
    if (value.rows.length === 1 && value.rows[0].length === 1 && !value.part) {
      figure.append(el("span", { class: "one number" }, value.rows[0][0]));
      if (value.shape !== "a number") figure.append(el("span", { class: "facts" }, `shape ${value.shape}`));
      return figure;
    }
    const shown = [value.part, value.cut].filter(Boolean).join(", ");
    figure.append(el("span", { class: "facts" }, `shape ${value.shape}`),
      el("span", { class: "facts" }, value.facts));
    if (value.picture) figure.append(paint(value.picture));
    figure.append(table(value, place, marks));
    if (shown) figure.append(el("span", { class: "facts" }, `shown: ${shown}`));
    return figure;
  };

  const cards = (...children) => el("div", { class: "cards" }, ...children);
  const sign = (text) => el("span", { class: "sign" }, text);
  const formula = (text, rule) =>
    el("p", { class: rule ? "formula rule number" : "formula number" }, text);
  const worked = (text) => (text ? el("p", { class: "worked number" }, text) : null);

  const parts = (incoming) => incoming.parts.flatMap((part, place) => [
    place ? sign("+") : null,
    array(part.from ? `from ${part.from}` : "from the start", part.value, "gradient"),
  ]).filter(Boolean);

  // Steps

  const of = (phase) => steps.filter((step) => step.phase === phase);
  const number = (step) => of(step.phase).indexOf(step) + 1;
  const names = {
    given: () => "What is given",
    forward: (s) => `Forward ${number(s)} of ${of("forward").length}: ${s.name}`,
    backward: (s) => `Backward ${number(s)} of ${of("backward").length}: ${s.name}`,
    result: () => "The gradients",
  };
  const label = (step) => names[step.phase](step);

  const head = (step) => {
    const badge = label(step).split(":")[0];
    // "x · y." says nothing that the formula does not.
    const kind = step.settings ? `${step.type} (${step.settings})` : step.type;
    const words = /[a-z]{3}/i.test(step.words) ? `${kind}: ${step.words}` : kind;
    const about = [words, step.source && `made at ${step.source}`];
    return [
      el("span", { class: `badge ${step.phase}` }, badge),
      el("h2", null, step.name),
      el("p", { class: "muted" }, about.filter(Boolean).join(" — ")),
    ];
  };

  const draws = {
    given: (step) => {
      const kinds = { input: "Inputs", variable: "Variables", constant: "Constants" };
      const groups = Object.entries(kinds).flatMap(([kind, title]) => {
        const items = step.items.filter((item) => item.kind === kind);
        if (!items.length) return [];
        return [el("h3", null, title), cards(...items.map((i) => array(i.name, i.value, "value")))];
      });
      return [
        el("span", { class: "badge" }, "Start"), el("h2", null, "What is given"),
        el("p", null, "These numbers are there before anything is computed."), ...groups,
      ];
    },
    forward: (step) => [
      ...head(step), formula(step.formula), worked(step.worked),
      el("h3", null, "Goes in"),
      cards(...step.inputs.map((i) => array(i.name, i.value, "value", step.marks))),
      el("h3", null, "Comes out"),
      cards(...step.outputs.map((o) => array(o.name, o.value, "value", step.marks))),
    ],
    backward: (step) => [...head(step), ...step.incoming.flatMap(comesIn),
      el("h3", null, `What the rule of ${step.type} hands on`), ...step.handed.flatMap(handsOn),
      ...step.lost.map((l) => el("p", { class: "muted" }, `Nothing goes to ${l.name}: ${l.why}.`))],
    result: (step) => [
      el("span", { class: "badge" }, "Result"), el("h2", null, "The gradients"),
      el("p", null, `How ${step.loss || "the result"} changes with each of these numbers. Gradient `
        + "descent moves a variable w a little against its gradient: w ← w − rate · gradient."),
      el("h3", null, step.loss || "Result"), cards(array(step.loss, step.value, "value")),
      ...step.items.flatMap((item) => [
        el("h3", null, item.name),
        cards(array(item.name, item.value, "value"), ...(item.gradient
          ? [array(item.gradient.name, item.gradient.total, "gradient")]
          : [el("p", { class: "muted" }, "no gradient: the result does not depend on it smoothly")])),
        ...(item.gradient && item.gradient.parts.length > 1
          ? [el("p", { class: "sum-note" }, `${item.name} is used ${item.gradient.parts.length} times:`
              + " its gradient is the sum of what came back from "
              + item.gradient.parts.map((p) => p.from).join(" and ") + ".")] : []),
      ]),
    ],
  };

  const comesIn = (incoming) => {
    const title = `${incoming.letter} = ${incoming.name}`;
    const start = incoming.parts.some((part) => !part.from);
    const several = incoming.parts.length > 1;
    const text = start && !several
      ? "The way back begins here: a result changes by 1 as it changes by 1 itself."
      : several
        ? `${incoming.parts.length} nodes used this value: what comes back from each adds up.` : "";
    const sum = several ? [...parts(incoming), sign("="), array(title, incoming.total, "gradient")]
      : [array(start ? title : `${title}, from ${incoming.parts[0].from}`, incoming.total, "gradient")];
    return [el("h3", null, "Comes in"), text && el("p", { class: several ? "sum-note" : "" }, text),
      cards(...sum)].filter(Boolean);
  };

  const handsOn = (given) => {
    const rule = given.rule ? `${given.name} = ${given.rule}` : given.name;
    const words = given.words.map((text) => el("p", { class: "muted" }, text));
    const found = [formula(given.of > 1 ? `${given.name} gets ${given.rule || "a part"}` : rule, true),
      ...words, worked(given.worked), cards(array(given.of > 1 ? "this part" : given.name, given.value, "gradient"),
        ...(given.sum === null ? [] : [sign("→"), array(
          given.number === given.of ? "the sum of all parts" : `the sum of ${given.number} parts`,
          given.sum, "gradient")]))];
    if (given.of > 1) {
      found.push(el("p", { class: "sum-note" }, `Part ${given.number} of ${given.of}: the value is `
        + `used ${given.of} times, and what comes back adds up.`));
    }
    return found.filter(Boolean);
  };

  const legend = () => el("p", { class: "legend" }, "Colours in tables: ",
    el("span", { class: "p3" }, "above zero"), " ", el("span", { class: "m3" }, "below zero"),
    ", stronger for larger numbers of the same table. A frame: what the example is made of.");

  const render = (step) => {
    const shown = draws[step.phase](step).filter(Boolean);
    const tables = shown.some((part) => part.querySelector("td, canvas"));
    return tables ? [...shown, legend()] : shown;
  };

  // The picture

  const nodes = new Map(), arrows = new Map();
  if (svg) {
    const natural = svg.viewBox.baseVal.width * 4 / 3;
    const fit = () => {
      // As wide as there is room, but not so small that nobody can read it.
      const room = by("picture").clientWidth - 18;
      svg.style.width = `${Math.min(natural, Math.max(room, 0.8 * natural))}px`;
    };
    svg.removeAttribute("width");
    svg.removeAttribute("height");
    window.addEventListener("resize", fit);
    fit();
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `The graph of ${loss}; the steps tell it in words`);
    svg.querySelectorAll("g.node").forEach((g) => nodes.set(g.id, g));
    svg.querySelectorAll("g.edge").forEach((g) => arrows.set(g.id, g));
    // Tooltips of the file that Graphviz makes say nothing that the page does not.
    svg.querySelectorAll("g.edge > title, g.graph > title").forEach((title) => title.remove());
    nodes.forEach((g, id) => g.addEventListener("click", () => show(placeOf(id))));
  }

  const placeOf = (id) => {
    const back = steps[now].phase === "backward" || steps[now].phase === "result";
    const wanted = [back ? "backward" : "forward", back ? "forward" : "backward"];
    const places = wanted.map((p) => steps.findIndex((s) => s.phase === p && s.node === id));
    return Math.max(places[0] >= 0 ? places[0] : places[1], 0);
  };

  const colour = () => {
    if (!svg) return;
    const past = steps.slice(0, now + 1), step = steps[now];
    const done = new Set([...steps[0].nodes,
      ...past.filter((s) => s.phase === "forward").map((s) => s.node)]);
    const back = new Set(past.filter((s) => s.phase === "backward").map((s) => s.node));
    const given = new Map(past.filter((s) => s.phase === "backward")
      .flatMap((s) => s.handed.map((h) => [h.edge, s])));
    svg.classList.toggle("backward", step.phase === "backward");
    nodes.forEach((g, id) => {
      g.classList.toggle("done", done.has(id));
      g.classList.toggle("back", back.has(id));
      g.classList.toggle("now", id === step.node);
    });
    const waiting = new Set(edges.filter(([id, , , back]) => back && !given.has(id))
      .map(([, tail]) => tail));
    nodes.forEach((g, id) => g.classList.toggle("has-sum", given.size > 0 && !waiting.has(id)));
    for (const [id, tail, head] of edges) {
      const g = arrows.get(id);
      if (!g) continue;
      g.classList.toggle("has-value", done.has(tail));
      g.classList.toggle("has-gradient", given.has(id));
      g.classList.toggle("flows", step.phase === "forward" && head === step.node);
      g.classList.toggle("returns", given.get(id) === step);
    }
    const current = nodes.get(step.node), frame = by("picture");
    if (current) {
      const a = current.getBoundingClientRect(), b = frame.getBoundingClientRect();
      frame.scrollTop += a.top + a.height / 2 - b.top - b.height / 2;
      frame.scrollLeft += a.left + a.width / 2 - b.left - b.width / 2;
    }
  };

  // Moving

  const show = (place) => {
    now = Math.max(0, Math.min(steps.length - 1, place));
    panel.replaceChildren(...render(steps[now]));
    colour();
    slider.value = now;
    slider.setAttribute("aria-valuetext", label(steps[now]));
    goto.value = now;
    by("status").textContent = label(steps[now]);
    by("first").disabled = by("before").disabled = now === 0;
    by("last").disabled = by("after").disabled = now === steps.length - 1;
    by("phases").childNodes.forEach((bar, i) => bar.classList.toggle("past", i <= now));
    try { history.replaceState(null, "", `#step-${now}`); } catch { /* inside of a frame */ }
  };

  const keys = {
    ArrowRight: () => now + 1, ArrowDown: () => now + 1, " ": () => now + 1,
    ArrowLeft: () => now - 1, ArrowUp: () => now - 1, Home: () => 0, End: () => steps.length - 1,
  };
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.altKey || event.ctrlKey || event.metaKey || target === goto) return;
    if (target === slider && event.key !== " ") return; // it moves by itself
    if (event.key === " " && target instanceof HTMLButtonElement) return;
    if (target === by("picture") && event.key.startsWith("Arrow")) return; // it scrolls
    if (!keys[event.key]) return;
    event.preventDefault();
    show(event.key === " " && event.shiftKey ? now - 1 : keys[event.key]());
  });

  slider.max = steps.length - 1;
  slider.addEventListener("input", () => show(Number(slider.value)));
  goto.append(...steps.map((step, i) => el("option", { value: i }, label(step))));
  goto.addEventListener("change", () => show(Number(goto.value)));
  by("phases").append(...steps.map((step) => el("span", { class: step.phase })));
  by("first").addEventListener("click", () => show(0));
  by("before").addEventListener("click", () => show(now - 1));
  by("after").addEventListener("click", () => show(now + 1));
  by("last").addEventListener("click", () => show(steps.length - 1));

  // On paper all steps stand below each other, where they are not too many.
  const printed = steps.length <= PRINTED_AT_MOST;
  document.body.classList.toggle("printed", printed);
  let before = 0;
  window.addEventListener("beforeprint", () => {
    before = now;
    if (!printed) return;
    show(steps.length - 1);
    by("all").replaceChildren(...steps.map((step) => el("article", null, ...render(step))));
  });
  window.addEventListener("afterprint", () => { by("all").replaceChildren(); show(before); });

  const fromAddress = () => Number((/^#step-(\d+)$/.exec(location.hash) || [0, 0])[1]);
  window.addEventListener("hashchange", () => show(fromAddress()));
  show(fromAddress());
})();
