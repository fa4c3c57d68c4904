"use strict";
/* The part of the page about latents. Its numbers are packed; they are unpacked when it is first
   shown, and only the latent that is looked at is drawn. */
const F = { ready: null, columns: {}, order: [], chosen: null };
const SHOWN_IN_LIST = 300;

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

/** Inflates the columns; resolves once. */
function unpack() {
  F.ready ||= (async () => {
    const text = document.getElementById("packed").textContent;
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const buffer = await new Response(stream).arrayBuffer();
    for (const column of page.data.features.packed.columns) {
      F.columns[column.name] = new TYPES[column.type](buffer, column.at, column.length);
    }
    const c = F.columns;
    F.place = new Map();
    c.listed.forEach((latent, i) => F.place.set(latent, i));
    F.shadeAt = new Uint32Array(c.place_row.length + 1);
    for (let i = 0; i < c.place_row.length; i++) F.shadeAt[i + 1] = F.shadeAt[i] + c.place_left[i] + c.place_right[i] + 1;
  })();
  return F.ready;
}

const data = () => page.data.features;
const density = (latent) => F.columns.fired[latent] / data().rows;
const labelOf = (latent) => data().labels[latent];
const strength = (latent) => Math.abs(F.columns.mean[latent]) * F.columns.norm[latent];
const mass = (latent) => strength(latent) * F.columns.fired[latent];
const surprise = (latent) => (F.columns.fired[latent] < 8 ? 0 : -strength(latent) * Math.log2(density(latent)));

/* How the list can be ordered; the words are what the page says of each. */
const ORDERS = [
  ["mass", "most active", "summed contribution: activation times decoder norm", (a, b) => mass(b) - mass(a)],
  ["dense", "densest", "share of rows on which it fires", (a, b) => F.columns.fired[b] - F.columns.fired[a]],
  ["surprise", "most surprising", "rare and strong: mean contribution times −log2 of the density; at least 8 firings", (a, b) => surprise(b) - surprise(a)],
  ["rare", "rarest", "fires least, but fires", (a, b) => F.columns.fired[a] - F.columns.fired[b]],
  ["strongest", "largest activation", "times decoder norm", (a, b) => F.columns.largest[b] * F.columns.norm[b] - F.columns.largest[a] * F.columns.norm[a]],
  ["id", "number", "", (a, b) => a - b],
];

function textOf(row) {
  const c = F.columns;
  if (!c.run_row) return null;
  let lo = 0, hi = c.run_row.length - 1;
  while (lo < hi) {
    const middle = (lo + hi + 1) >> 1;
    if (c.run_row[middle] <= row) lo = middle; else hi = middle - 1;
  }
  const at = c.run_start[lo] + (row - c.run_row[lo]);
  return at < c.run_start[lo + 1] ? data().texts[c.tokens[at]] : null;
}

const clean = (text) => (text || "").trim();

/** What a latent fires on most strongly: the tokens of its strongest places, each once. */
function peaks(latent, most) {
  const i = F.place.get(latent);
  if (i === undefined || !data().texts_known) return [];
  const c = F.columns, seen = new Map();
  for (let p = c.place_start[i]; p < c.place_start[i + 1]; p++) {
    if (c.place_band[p] !== 0) continue;
    const token = clean(textOf(c.place_row[p]));
    const key = token.toLowerCase();
    if (token && !seen.has(key)) seen.set(key, token);
    if (seen.size >= most) break;
  }
  return [...seen.values()];
}

/** Which latents have which token among those they fire on most strongly. */
function tokenIndex() {
  if (F.tokens) return F.tokens;
  F.tokens = new Map();
  const c = F.columns;
  c.listed.forEach((latent, i) => {
    for (let p = c.place_start[i]; p < c.place_start[i + 1]; p++) {
      if (c.place_band[p] !== 0) continue;
      const token = clean(textOf(c.place_row[p])).toLowerCase();
      if (!token) continue;
      const known = F.tokens.get(token);
      const share = c.place_value[p] / (c.largest[latent] || 1);
      if (!known) F.tokens.set(token, new Map([[latent, share]]));
      else known.set(latent, (known.get(latent) || 0) + share);
    }
  });
  return F.tokens;
}

/** Latents that a search means: by number, by label, by token; the best first, with the reason. */
function search(words) {
  const asked = words.trim().toLowerCase();
  const found = new Map();
  if (!asked) return null;
  const number = asked.replace(/^#/, "");
  if (/^[0-9]+$/.test(number) && Number(number) < data().latents) found.set(Number(number), 1e9);
  for (const [latent, text] of Object.entries(data().labels)) {
    if (text.toLowerCase().includes(asked)) found.set(Number(latent), Math.max(found.get(Number(latent)) || 0, 1e6));
  }
  if (data().texts_known) {
    for (const [token, latents] of tokenIndex()) {
      const weight = token === asked ? 1000 : token.startsWith(asked) && asked.length > 1 ? 1 : data().tokens ? 0 : token.includes(asked) ? 1 : 0;
      if (!weight) continue;
      for (const [latent, share] of latents) found.set(latent, Math.max(found.get(latent) || 0, weight * (1 + share)));
    }
  }
  return [...found.entries()].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([latent]) => latent);
}

function featuresPanel() {
  const d = data();
  const panel = el("div", { id: "features" });
  const opening = el("p", { class: "lead" }, "Unpacking …");
  panel.append(opening);
  unpack().then(() => {
    opening.remove();
    panel.append(...overview(d), browser(d));
    panel.dataset.ready = "true";
    if (page.shown) page.shown("features", F.asked);
  }).catch((e) => {
    opening.textContent = "The features of this page cannot be unpacked: " + e.message + ". A browser of 2023 or newer is needed.";
  });
  return panel;
}

function overview(d) {
  const parts = [el("h2", {}, "What the latents do")];
  const list = el("dl", { class: "tiles", id: "feature-tiles" });
  list.append(
    tile("Rows seen", fmt(d.rows), d.tokens ? "one token each" : d.texts_known ? "one text each" : "of activations"),
    tile("Latents that fire", fmt(d.alive), "of " + count(d.latents) + ", " + percent(d.alive / d.latents)),
    tile("L0", fmt(d.l0), "active latents of a row"));
  if (d.evaluation) list.append(tile("FVU on these rows", fmt(d.evaluation.fvu), "cosine similarity " + fmt(d.evaluation.cosine_similarity)));
  const frequent = F.columns.fired.reduce((n, f) => n + (f > 0.1 * d.rows ? 1 : 0), 0);
  list.append(tile("Dense latents", fmt(frequent), "fire on more than a tenth of the rows"));
  if (d.compare) {
    const replicated = d.compare.shares.find((s) => s.cosine === 0.7);
    list.append(tile("Found again", percent(replicated.share), "in " + clipped(d.compare.name, 40) + ", by a cosine of at least 0.7"));
  }
  parts.push(list, ...d.notes.map((note) => el("p", { class: "note" }, bdi(note))));
  return parts;
}

function browser(d) {
  const box = el("input", {
    type: "search", id: "search", autocomplete: "off", spellcheck: "false",
    placeholder: d.texts_known ? (d.tokens ? "number, label or token" : "number, label or text") : "number or label",
    oninput: () => relist(), onkeydown: (event) => {
      if (event.key === "Enter" && F.order.length) { open(F.order[0]); event.preventDefault(); }
      if (event.key === "ArrowDown") { list.querySelector("a")?.focus(); event.preventDefault(); }
    },
  });
  const order = el("select", { id: "order", onchange: () => relist() },
    ORDERS.map(([id, label]) => el("option", { value: id }, label)));
  const found = el("p", { class: "note", id: "found", role: "status" });
  const list = el("ol", { class: "list", id: "list", onkeydown: walk });
  const detail = el("section", { class: "detail", id: "detail", "aria-live": "off", "aria-label": "The latent chosen" });
  F.list = list;
  F.detail = detail;

  function relist() {
    const words = box.value;
    const hits = search(words);
    const [, , meaning, compare] = ORDERS.find(([id]) => id === order.value);
    if (hits) F.order = hits;
    else F.order = sorted(order.value, compare);
    found.textContent = hits
      ? hits.length ? count(hits.length) + (hits.length === 1 ? " latent fits" : " latents fit") : "No latent fits “" + clipped(words, 60) + "”. " + (d.texts_known ? "Tokens are searched among those on which a latent fires most strongly." : "")
      : (meaning ? "By " + meaning + ". " : "") + (F.order.length > SHOWN_IN_LIST ? "The first " + SHOWN_IN_LIST + " of " + count(F.order.length) + "." : "");
    list.replaceChildren(...F.order.slice(0, SHOWN_IN_LIST).map(item));
    mark();
  }

  function item(latent) {
    const label = labelOf(latent);
    const guess = label ? [] : peaks(latent, 5);
    return el("li", {}, el("a", { href: "#features/" + latent, "data-latent": latent },
      el("span", { class: "id" }, latent),
      el("span", { class: "what" + (label ? "" : " guess") }, label ? bdi(clipped(label, 120)) : guess.map((t, i) => [i ? " · " : "", bdi(clipped(t, 40))])),
      el("span", { class: "d" }, percent(density(latent)))));
  }

  function walk(event) {
    const all = [...list.querySelectorAll("a")];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) box.focus();
    else all[Math.min(to, all.length - 1)]?.focus();
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (document.getElementById("part-features").hidden) return;
    if (event.key === "/") { box.focus(); event.preventDefault(); }
    if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  });

  const side = el("div", { class: "side" },
    el("div", {}, el("label", { for: "search" }, "Search ", el("kbd", {}, "/")), box),
    el("div", {}, el("label", { for: "order" }, "Order"), order),
    found, list);
  setTimeout(relist);
  return el("div", {}, el("h2", {}, "Latents"), el("div", { class: "features" }, side, detail), worstRows(d), comparedWith(d));
}

function sorted(id, compare) {
  F.sorted ||= {};
  if (!F.sorted[id]) {
    const alive = [];
    for (let i = 0; i < data().latents; i++) if (F.columns.fired[i] > 0) alive.push(i);
    F.sorted[id] = alive.sort((a, b) => compare(a, b) || a - b);
  }
  return F.sorted[id];
}

function step(by) {
  const at = F.order.indexOf(F.chosen);
  const next = F.order[Math.max(0, Math.min(F.order.length - 1, at + by))];
  if (next !== undefined) open(next);
}

function open(latent) {
  location.hash = "#features/" + latent;
}

function mark() {
  for (const link of F.list.querySelectorAll("a")) {
    if (Number(link.dataset.latent) === F.chosen) {
      link.setAttribute("aria-current", "true");
      const box = F.list.getBoundingClientRect(), mine = link.getBoundingClientRect();
      if (mine.top < box.top || mine.bottom > box.bottom) F.list.scrollTop += mine.top - box.top - 40;
    } else link.removeAttribute("aria-current");
  }
}

/* Called by start.js when a part is shown, with what follows it in the address. */
page.shown = (part, what) => {
  if (part !== "features") return;
  F.asked = what;
  if (!F.detail) return;
  const known = /^[0-9]+$/.test(what || "") && Number(what) < data().latents;
  const latent = known ? Number(what) : (F.chosen ?? sorted("mass", ORDERS[0][3])[0]);
  if (latent === undefined) { F.detail.replaceChildren(el("p", { class: "note" }, "No latent fires on these rows.")); return; }
  const first = F.chosen === null;
  F.chosen = latent;
  F.detail.replaceChildren(...show(latent));
  if (!first) say("Latent " + latent + (labelOf(latent) ? ", " + labelOf(latent) : ""));
  mark();
};

function link(latent) {
  return el("a", { href: "#features/" + latent }, String(latent));
}

function what(latent) {
  if (!F.columns.fired[latent]) return "fires on none of these rows";
  return labelOf(latent) ? bdi(clipped(labelOf(latent), 80)) : peaks(latent, 4).map((t, i) => [i ? " · " : "", bdi(clipped(t, 30))]);
}

/** Everything about one latent. */
function show(latent) {
  const d = data(), c = F.columns;
  const i = F.place.get(latent);
  const label = labelOf(latent);
  const head = el("header", {},
    el("h2", { id: "latent" }, "Latent " + latent), label ? el("span", { class: "label" }, bdi(label)) : null,
    el("span", { style: { flex: "1" } }),
    el("button", { type: "button", class: "small", onclick: () => step(-1), title: "k" }, "Previous"),
    el("button", { type: "button", class: "small", onclick: () => step(1), title: "j" }, "Next"));
  const fired = c.fired[latent];
  const numbers = el("dl", { class: "tiles" },
    tile("Density", percent(density(latent)), count(fired) + " of " + count(d.rows) + " rows"),
    tile("Largest", fmt(c.largest[latent], 3), "mean " + fmt(c.mean[latent], 3) + " where it fires"),
    tile("Decoder norm", fmt(c.norm[latent], 3), null),
    c.cosine ? tile("Reads and writes", fmt(c.cosine[latent], 3), "cosine of encoder and decoder") : null);
  const parts = [head, numbers];
  if (!fired) return [...parts, el("p", { class: "note" }, "It fires on none of these rows.")];
  if (i === undefined) return [...parts, el("p", { class: "note" }, "The page holds no more of this latent.")];
  const edges = [...c.quantiles.subarray(i * (d.bands - 1), (i + 1) * (d.bands - 1))];
  parts.push(el("div", { class: "pair" },
    el("div", {}, el("h3", {}, "Activations"), histogramOf(i, latent, edges)),
    el("div", {}, el("h3", {}, "Nearest directions"), neighbours(i)),
    el("div", {}, el("h3", {}, "Fires together with"), partners(i)),
    d.compare ? el("div", {}, el("h3", {}, "In ", bdi(d.compare.name)), counterpart(i)) : null));
  parts.push(contexts(i, latent, edges));
  return parts;
}

function histogramOf(i, latent, edges) {
  const d = data(), c = F.columns;
  const bins = c.bins.subarray(i * d.bins, (i + 1) * d.bins);
  if (!(c.range[i] > 0)) return el("p", { class: "note" }, "No activation above 0 on these rows.");
  let used = d.bins;
  while (used > 1 && !bins[used - 1]) used--;
  const width = c.range[i] / d.bins, top = Math.max(...bins.subarray(0, used)), span = used * width;
  const W = 400, H = 110, B = 18, band = (v) => edges.filter((e) => v >= e).length;
  const x = (v) => (v / span) * W;
  const bars = [];
  for (let b = 0; b < used; b++) {
    if (!bins[b]) continue;
    const h = Math.max(1, (bins[b] / top) * (H - B - 6));
    bars.push(el("rect", { x: x(b * width) + 0.5, width: Math.max(1, x(width) - 1), y: H - B - h, height: h, style: { fill: "rgba(var(--fire), " + (0.35 + 0.65 * (band((b + 0.5) * width) / (d.bands - 1))) + ")" } },
      el("title", {}, fmt(b * width, 3) + " to " + fmt((b + 1) * width, 3) + ": " + count(bins[b]))));
  }
  const marks = edges.map((e, n) => el("line", { class: "axis", x1: x(e), x2: x(e), y1: 0, y2: H - B, "stroke-dasharray": "2 3" }, el("title", {}, (n + 1) * 20 + "% lie below " + fmt(e, 3))));
  const words = "Activations from 0 to " + fmt(c.largest[latent], 3) + "; a fifth of them each lies below " + edges.map((e) => fmt(e, 3)).join(", ") + " and the largest.";
  return [
    el("svg", { class: "bands", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": words }, bars, marks,
      el("line", { class: "axis", x1: 0, x2: W, y1: H - B, y2: H - B })),
    el("p", { class: "note" }, "0 to " + fmt(span, 3) + "; dashed: fifths of the positive activations, at " + edges.map((e) => fmt(e, 3)).join(", ") + "."),
  ];
}

function neighbours(i) {
  const d = data(), c = F.columns, rows = [];
  for (let n = i * d.neighbours; n < (i + 1) * d.neighbours; n++) {
    if (c.near[n] && c.near_cosine[n]) rows.push([c.near[n] - 1, (c.near_cosine[n] / 255).toFixed(2)]);
  }
  return links(rows, "by cosine of the decoder's rows", "No other direction is near.");
}

function partners(i) {
  const d = data(), c = F.columns, rows = [];
  for (let n = i * d.neighbours; n < (i + 1) * d.neighbours; n++) {
    if (c.together[n] && c.together_phi[n]) rows.push([c.together[n] - 1, (c.together_phi[n] / 255).toFixed(2) + " · " + Math.round((c.together_share[n] / 255) * 100) + "%"]);
  }
  const sampled = d.sampled_rows < d.rows ? "; on a sample of " + count(d.sampled_rows) + " rows, on " + count(c.sampled[i]) + " of which it fires" : "";
  return links(rows, "correlation φ of firing · share of its rows on which the other fires too" + sampled, "No other latent fires with it more often than by chance.");
}

function links(rows, hint, none) {
  if (!rows.length) return el("p", { class: "note" }, none);
  return [
    el("ul", { class: "links" }, rows.map(([latent, value]) => el("li", {}, link(latent), el("span", { class: "what" }, what(latent)), el("span", { class: "n" }, value)))),
    el("p", { class: "note" }, hint),
  ];
}

function counterpart(i) {
  const c = F.columns;
  if (!c.other[i]) return el("p", { class: "note" }, "It was not looked up.");
  const cosine = (c.other_cosine[i] / 255).toFixed(2);
  return el("p", {}, "Most like its latent ", el("b", {}, c.other[i] - 1), ", by a cosine of ", el("b", {}, cosine),
    c.other_mutual[i] ? ", which is most like this one in turn." : "; that one is more like another one here.");
}

/** A text with each token shaded by how active the latent is there. */
function context(p) {
  const c = F.columns, d = data();
  const row = c.place_row[p], left = c.place_left[p], right = c.place_right[p];
  const text = el("span", { class: "text" });
  if (!d.texts_known) text.append("row " + count(row));
  else for (let k = -left; k <= right; k++) {
    const shade = c.shades[F.shadeAt[p] + left + k];
    const token = textOf(row + k) ?? " ?";
    const span = el("span", { class: k === 0 && d.tokens ? "peak" : null, title: shade ? "about " + fmt((shade / 255) * c.largest[F.showing], 2) : null });
    if (shade) span.style.background = "rgba(var(--fire), calc(var(--shade) * " + (shade / 255).toFixed(3) + "))";
    span.append(bdi(visible(token)));
    text.append(span);
  }
  const source = c.place_source[p] ? d.sources[c.place_source[p] - 1] : null;
  return el("p", { class: "ctx", "data-row": row },
    el("span", { class: "v" }, fmt(c.place_value[p], 3)),
    el("span", {}, text, source ? el("span", { class: "from" }, bdi(source)) : null));
}

/** Line ends and tabs as signs, so that a context stays a line. */
const visible = (token) => token.replace(/\r?\n/g, "↵").replace(/\t/g, "⇥");

function contexts(i, latent, edges) {
  const d = data(), c = F.columns;
  F.showing = latent;
  const section = el("div", { id: "contexts" });
  const by = {};
  for (let p = c.place_start[i]; p < c.place_start[i + 1]; p++) (by[c.place_band[p]] ||= []).push(p);
  const names = (band) => band === 0 ? "Strongest" :
    "Sampled from " + (band === d.bands ? "the strongest fifth, above " + fmt(edges[band - 2], 3)
      : band === 1 ? "the weakest fifth, below " + fmt(edges[0], 3)
      : "activations of " + fmt(edges[band - 2], 3) + " to " + fmt(edges[band - 1], 3));
  section.append(el("h3", {}, d.texts_known ? "Where it fires" : "Rows on which it fires"));
  for (const band of [0, ...Array.from({ length: d.bands }, (_, k) => d.bands - k)]) {
    if (by[band]) section.append(el("h4", {}, names(band)), ...by[band].map(context));
  }
  return section;
}

function worstRows(d) {
  if (!d.worst || !d.worst.length) return null;
  return el("details", { id: "worst" }, el("summary", {}, "Rows that are reconstructed worst"),
    el("p", { class: "note" }, "Squared error over the mean variance of rows: 1 is as bad as their mean would be on average."),
    d.worst.map((w) => {
      const text = el("span", { class: "text" });
      if (!d.texts_known) text.append("row " + count(w.row));
      else for (let k = -w.left; k <= w.right; k++) text.append(el("span", { class: k === 0 ? "peak" : null }, bdi(visible(textOf(w.row + k) ?? " ?"))));
      return el("p", { class: "ctx" }, el("span", { class: "v" }, fmt(w.error, 3)),
        el("span", {}, text, w.source ? el("span", { class: "from" }, bdi(d.sources[w.source - 1])) : null));
    }));
}

function comparedWith(d) {
  if (!d.compare) return null;
  const m = d.compare;
  const box = el("div", { class: "charts" });
  box.append(chart({
    title: "Cosine with the nearest direction", hint: "of each latent that fires here, in " + clipped(m.name, 60), bars: true, xLabel: "cosine",
    curves: [bins(m.histogram, "latents", "--c4")],
  }).node);
  return el("div", { id: "compare" }, el("h2", {}, "Compared with ", bdi(m.name)),
    table(["of the " + count(m.compared) + " latents compared", { text: "share", number: true }], [
      ...m.shares.map((s) => ["have a direction there with a cosine of at least " + s.cosine, percent(s.share)]),
      ["are the other's nearest as well", percent(m.mutual)],
      ["mean cosine with the nearest", fmt(m.mean_cosine, 3)],
    ], "Latents found again in the other dictionary"), box);
}
