"use strict";
/* Puts the parts together and shows the one that the address names. */
(function start() {
  const parts = [];
  if (page.data.runs.length) parts.push(["runs", page.data.runs.length === 1 ? "Run" : "Runs", runsPanel]);
  if (page.data.features) parts.push(["features", "Features", featuresPanel]);
  const nav = document.getElementById("nav");
  const main = document.getElementById("main");
  const made = {};
  function address() {
    try {
      return decodeURIComponent(location.hash.slice(1)).split("/");
    } catch {
      return [""]; // a damaged link leads to the first part
    }
  }
  function show() {
    const asked = address();
    const name = parts.some(([id]) => id === asked[0]) ? asked[0] : parts[0][0];
    for (const [id, , build] of parts) {
      if (id === name && !made[id]) {
        made[id] = el("div", { id: "part-" + id });
        main.append(made[id]);
        made[id].append(build());
      }
      if (made[id]) made[id].hidden = id !== name;
    }
    for (const link of nav.children) {
      if (link.dataset.part === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (page.shown) page.shown(name, asked[1]);
  }
  if (parts.length > 1) {
    nav.append(...parts.map(([id, label]) => el("a", { href: "#" + id, "data-part": id }, label)));
  }
  document.getElementById("made").append(
    "Made by sae4j " + page.data.version + " on " + page.data.created.replace("T", " ").replace("Z", " UTC") + ". ",
    el("span", { id: "live" }, page.data.live_seconds ? "Live." : ""));
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  addEventListener("hashchange", show);
  show();
  live();
})();
