"use strict";

// Tabs. Arrow keys go from one to the next, as in every other program.
document.querySelectorAll(".tabs").forEach((tabs, number) => {
  const panels = [...tabs.querySelectorAll(":scope > .tab")];
  const list = document.createElement("div");
  list.className = "tab-buttons";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", tabs.dataset.label);
  const buttons = panels.map((panel, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.id = `tab-${number}-${i}`;
    button.textContent = panel.dataset.name;
    button.setAttribute("role", "tab");
    panel.id = panel.id || `panel-${number}-${i}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", button.id);
    button.setAttribute("aria-controls", panel.id);
    button.addEventListener("click", () => show(i));
    list.append(button);
    return button;
  });
  function show(chosen) {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === chosen));
      button.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
    panels[chosen].querySelectorAll(".drawing").forEach((d) => d.dispatchEvent(new Event("shown")));
  }
  list.addEventListener("keydown", (event) => {
    const now = buttons.indexOf(document.activeElement);
    const last = buttons.length - 1;
    const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1,
      Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(next);
    buttons[next].focus();
  });
  tabs.prepend(list);
  tabs.classList.add("ready");
  show(0);
});

// Drawings: what is seen of a picture is its viewBox.
class View {
  constructor(element, frame) {
    this.element = element;
    this.frame = frame;
    this.svg = element.querySelector("svg");
    const { x, y, width, height } = this.svg.viewBox.baseVal;
    this.whole = { x, y, width, height };
    this.natural = this.svg.width.baseVal.value / width || 1;
    // One unit of the picture is `scale` pixels; (x, y) is what the window's upper left shows.
    Object.assign(this, { x, y, scale: 1, placed: false });
    this.svg.setAttribute("preserveAspectRatio", "xMidYMin meet");
  }
  draw() {
    const box = this.frame.getBoundingClientRect();
    const [width, height] = [box.width / this.scale, box.height / this.scale];
    this.svg.setAttribute("viewBox", `${this.x} ${this.y} ${width} ${height}`);
  }
  // At first the text is of its own size, from the top on; `fitted` makes everything fit.
  place(fitted) {
    const box = this.frame.getBoundingClientRect();
    if (!box.width) return;
    const { x, y, width, height } = this.whole;
    const [wide, high] = [box.width / width, box.height / height];
    this.scale = fitted ? Math.min(wide, high) : Math.min(this.natural, Math.max(wide, high));
    this.x = x + (width - box.width / this.scale) / 2;
    this.y = fitted ? y + (height - box.height / this.scale) / 2 : y;
    this.placed = true;
    this.draw();
  }
  zoom(factor, at) {
    const box = this.frame.getBoundingClientRect();
    const [px, py] = at || [box.width / 2, box.height / 2];
    const next = Math.min(20, Math.max(0.02, this.scale * factor));
    this.x += px / this.scale - px / next;
    this.y += py / this.scale - py / next;
    this.scale = next;
    this.draw();
  }
  move(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.draw();
  }
  show() {
    if (this.placed) this.draw();
    else this.place(false);
  }
  forPaper() {
    const { x, y, width, height } = this.whole;
    this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
  }
}

document.querySelectorAll(".drawing").forEach((drawing) => {
  const frame = drawing.querySelector(".drawing-window");
  const views = [...frame.querySelectorAll(".drawing-view")].map((e) => new View(e, frame));
  if (!views.length) return;
  let now = 0;
  const seen = () => views[now];
  const tools = document.createElement("div");
  tools.className = "drawing-tools no-print";
  function add(text, name, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.title = name;
    button.setAttribute("aria-label", `${drawing.dataset.label}: ${name}`);
    button.addEventListener("click", act);
    tools.append(button);
    return button;
  }
  if (views.length > 1) {
    const fold = add("", "change how much is folded", () => choose((now + 1) % views.length));
    fold.classList.add("fold");
  }
  function choose(number) {
    now = number;
    views.forEach((view, i) => { view.element.hidden = i !== now; });
    const fold = tools.querySelector(".fold");
    frame.style.setProperty("--natural", `${seen().whole.height * seen().natural + 16}px`);
    if (fold) fold.textContent = `show ${views[(now + 1) % views.length].element.dataset.name}`;
    seen().show();
  }
  add("+", "enlarge", () => seen().zoom(1.25));
  add("−", "shrink", () => seen().zoom(0.8));
  add("all", "show all of it", () => seen().place(true));
  add("1:1", "natural size", () => seen().place(false));
  add("full screen", "full screen", () => document.fullscreenElement
    ? document.exitFullscreen() : drawing.requestFullscreen());
  drawing.prepend(tools);

  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label",
    `${drawing.dataset.label}. Arrow keys move it, plus and minus change its size, 0 shows all.`);
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const view = seen();
    const act = { ArrowLeft: () => view.move(-60, 0), ArrowRight: () => view.move(60, 0),
      ArrowUp: () => view.move(0, -60), ArrowDown: () => view.move(0, 60),
      "+": () => view.zoom(1.25), "=": () => view.zoom(1.25), "-": () => view.zoom(0.8),
      0: () => view.place(true) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  // The wheel alone scrolls the page; with Ctrl, or where the window has the focus, it enlarges.
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== frame) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    seen().zoom(Math.exp(-event.deltaY / 400), [event.clientX - box.left, event.clientY - box.top]);
  }, { passive: false });
  let last = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    last = [event.clientX, event.clientY];
    frame.setPointerCapture(event.pointerId);
    frame.classList.add("moving");
  });
  frame.addEventListener("pointermove", (event) => {
    if (!last) return;
    seen().move(last[0] - event.clientX, last[1] - event.clientY);
    last = [event.clientX, event.clientY];
  });
  for (const name of ["pointerup", "pointercancel"]) {
    frame.addEventListener(name, () => { last = null; frame.classList.remove("moving"); });
  }

  drawing.classList.add("ready");
  drawing.addEventListener("shown", () => seen().show());
  addEventListener("resize", () => seen().show());
  addEventListener("beforeprint", () => views.forEach((view) => view.forPaper()));
  addEventListener("afterprint", () => seen().show());
  choose(0);
});
