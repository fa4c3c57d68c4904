"use strict";
/* What all parts of the page use. Texts reach the page as text nodes only, never as markup. */
const page = {
  data: JSON.parse(document.getElementById("data").textContent),
  themed: [], // called when colours change
};

/** An element: el("p", {class: "x", onclick: f}, child, "text", ...). */
function el(tag, properties, ...children) {
  const svg = ["svg", "g", "path", "rect", "line", "circle", "text", "title", "polyline"];
  const node = svg.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

/** Text from elsewhere: its direction and marks stay its own. */
const bdi = (text) => el("bdi", {}, clipped(String(text), 400));

function clipped(text, most) {
  return text.length <= most ? text : text.slice(0, most) + "… (" + count(text.length) + " characters)";
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function count(n) {
  return Math.round(n).toLocaleString("en-US");
}

/** A number for people: four digits that count. */
function fmt(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return count(value);
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-3) return value.toExponential(Math.max(0, digits - 2)).replace("e+", "e");
  if (size >= 1000) return count(value);
  return String(Number(value.toPrecision(digits)));
}

/** For axes and lists: 1.2k, 3.4M. */
function short(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size >= 1e9) return Number((value / 1e9).toPrecision(3)) + "G";
  if (size >= 1e6) return Number((value / 1e6).toPrecision(3)) + "M";
  if (size >= 1e4) return Number((value / 1e3).toPrecision(3)) + "k";
  if (size >= 1 || size === 0) return String(Number(value.toPrecision(4)));
  if (size < 1e-3) return value.toExponential(1).replace(".0e", "e");
  return String(Number(value.toPrecision(3)));
}

function percent(share) {
  if (share === null || share === undefined) return "–";
  const value = 100 * share;
  if (value === 0 || value >= 10) return Number(value.toFixed(1)) + "%";
  if (value >= 0.01) return Number(value.toPrecision(2)) + "%";
  return value.toExponential(1).replace("e-", "e−") + "%";
}

function say(text) {
  document.getElementById("say").textContent = text;
}

function tile(name, value, note) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("small", {}, note) : null));
}

function table(head, rows, caption) {
  return el(
    "table", {},
    caption ? el("caption", { class: "unseen" }, caption) : null,
    el("thead", {}, el("tr", {}, head.map((name) =>
      el("th", { scope: "col", class: name.number ? "n" : null }, name.text ?? name)))),
    el("tbody", {}, rows.map((row) =>
      el("tr", {}, row.map((cell, i) =>
        i === 0
          ? el("th", { scope: "row" }, cell)
          : el("td", { class: head[i].number ? "n" : null }, cell))))));
}

/* The theme: the system's, or the one that was chosen here. */
(function theme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = "system";
  try {
    chosen = localStorage.getItem("sae4j-theme") || "system";
  } catch (e) {
    chosen = "system"; // a page from a file may have no storage
  }
  let printing = false;
  function apply() {
    const dark = !printing && (chosen === "dark" || (chosen === "system" && system.matches));
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = "Theme: " + chosen;
    for (const redraw of page.themed) redraw();
  }
  button.addEventListener("click", () => {
    chosen = { system: "light", light: "dark", dark: "system" }[chosen] || "system";
    try {
      localStorage.setItem("sae4j-theme", chosen);
    } catch (e) {
      // it lasts as long as the page
    }
    apply();
  });
  system.addEventListener("change", apply);
  addEventListener("beforeprint", () => { printing = true; apply(); });
  addEventListener("afterprint", () => { printing = false; apply(); });
  apply();
})();
