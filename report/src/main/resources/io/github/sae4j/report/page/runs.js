"use strict";
/* The part of the page about runs: summary, curves, histograms, comparison, setup. */
const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
/* Keys are whatever a log holds, "constructor" too: what is looked up by them has no prototype. */
const runs = { xName: "step", charts: Object.create(null), hidden: new Set() };

/* Charts of the log, in the order in which one looks at them. Keys that begin with eval/ are of
   held-out rows, and go with the key of the same last part; keys that nobody knows get a chart. */
const CHARTS = [
  { id: "fvu", title: "Variance not explained (FVU)", hint: "0 is perfect, 1 as bad as the mean of the rows", keys: ["metrics/fvu"], log: true },
  { id: "loss", title: "Loss", hint: "what is minimised, and its terms", prefix: "losses/" },
  { id: "dead", title: "Dead latents", hint: "have not fired within the window of the run", prefix: "sparsity/", also: ["eval/never_fired"] },
  { id: "l0", title: "L0", hint: "active latents of a row, on average", keys: ["metrics/l0"] },
  { id: "ev", title: "Explained variance", hint: "1 − FVU; legacy: the mean over rows, as SAELens logs it", keys: ["metrics/explained_variance", "metrics/explained_variance_legacy"] },
  { id: "lr", title: "Learning rate", hint: "", keys: ["details/current_learning_rate"] },
  { id: "gradient", title: "Gradient norm", hint: "before clipping", keys: ["details/gradient_norm"], log: true },
  { id: "speed", title: "Rows per second", hint: "of training steps, waiting for rows included", keys: ["rows/s"] },
];
/* Not curves of their own: positions, and what rows per second is made of. */
const NOT_SHOWN = ["details/n_training_samples", "details/step_seconds", "details/data_seconds", "rows/s", "step"];

const NAMES = {
  __proto__: null,
  "losses/overall_loss": "overall", "losses/mse_loss": "reconstruction",
  "losses/auxiliary_reconstruction_loss": "AuxK", "losses/multi_topk_loss": "Multi-TopK",
  "losses/inner_mse_loss": "nested", "sparsity/dead_features": "dead",
  "metrics/explained_variance_legacy": "legacy", "details/current_learning_rate": "learning rate",
  "details/gradient_norm": "gradient norm", "metrics/fvu": "FVU", "metrics/l0": "L0",
  "metrics/explained_variance": "explained variance", "rows/s": "rows/s", "metrics/never_fired": "never fired",
};

/** Columns of a run's log, with rows per second where the log allows it. */
function columnsOf(run) {
  const m = run.metrics;
  const columns = Object.assign(Object.create(null), m.columns);
  const seconds = columns["details/step_seconds"];
  const samples = columns["details/n_training_samples"];
  if (seconds && samples) {
    const waits = columns["details/data_seconds"] || [];
    columns["rows/s"] = m.step.map((step, i) => {
      const rows = i > 0 ? (samples[i] - samples[i - 1]) / (step - m.step[i - 1]) : samples[0] / step;
      const time = seconds[i] + (waits[i] || 0);
      return time > 0 && Number.isFinite(rows) ? rows / time : null;
    });
    if (columns["rows/s"].length > 1 && m.lines_per_point > 1) columns["rows/s"][0] = columns["rows/s"][1];
  }
  return columns;
}

const lastPart = (key) => key.slice(key.lastIndexOf("/") + 1);
const ofHeldOut = (key) => /^(eval|evaluation|held_out)\//.test(key);

/** Which keys go into which chart. */
function layout(all) {
  const keys = [...new Set(all.flatMap((run) => Object.keys(columnsOf(run))))];
  const left = new Set(keys.filter((key) => !NOT_SHOWN.includes(key)));
  const found = [];
  for (const kind of CHARTS) {
    // Runs beside each other have one curve each.
    const wanted = kind.keys && all.length > 1 ? kind.keys.slice(0, 1) : kind.keys;
    const mine = kind.keys
      ? wanted.filter((key) => keys.includes(key))
      : keys.filter((key) => key.startsWith(kind.prefix));
    const heldOut = keys.filter((key) => (kind.also || []).includes(key) || ofHeldOut(key) && mine.concat(wanted || []).some((m) => lastPart(m) === lastPart(key)));
    const used = [...mine, ...heldOut].filter((key) => all.length === 1 || kind.id !== "loss" || key === "losses/overall_loss" || !mine.includes("losses/overall_loss"));
    [...mine, ...heldOut, ...(kind.keys || [])].forEach((key) => left.delete(key));
    if (used.length && used.some((key) => all.some((run) => (columnsOf(run)[key] || []).some((v) => v !== null)))) {
      found.push({ ...kind, used });
    }
  }
  const others = Object.create(null);
  for (const key of left) (others[ofHeldOut(key) ? "eval/" + lastPart(key) : key] ||= []).push(key);
  for (const [name, used] of Object.entries(others)) {
    found.push({ id: name, title: name, hint: ofHeldOut(name) ? "on held-out rows" : "", used, extra: true });
  }
  return found;
}

function curvesOf(all, kind) {
  const curves = [];
  all.forEach((run, r) => {
    const columns = columnsOf(run);
    kind.used.forEach((key, k) => {
      const y = columns[key];
      if (!y || y.every((v) => v === null)) return;
      if (kind.prefix && all.length === 1 && kind.used.length > 1 && y.every((v) => !v)) return; // a term the run has not
      const x = runs.xName === "rows" && columns["details/n_training_samples"] ? columns["details/n_training_samples"] : run.metrics.step;
      const range = Object.hasOwn(run.metrics.ranges, key) && run.metrics.ranges[key];
      const heldOut = ofHeldOut(key);
      const name = (NAMES[key.replace(/^(eval|evaluation|held_out)\//, "metrics/")] || NAMES[key] || lastPart(key)) + (heldOut ? ", held out" : "");
      const keep = heldOut ? y.map((v, i) => i).filter((i) => y[i] !== null) : null;
      curves.push({
        label: all.length === 1 ? name : run.name + (kind.used.length > 1 ? " · " + name : ""),
        colour: COLOURS[(all.length === 1 ? k : r) % COLOURS.length],
        dash: all.length > 1 ? k > 0 : heldOut, run: r,
        hidden: runs.hidden.has(r), points: heldOut && keep.length < 60,
        x: keep ? keep.map((i) => x[i]) : x, y: keep ? keep.map((i) => y[i]) : y,
        lo: range && all.length === 1 && !heldOut ? range[0] : null, hi: range && all.length === 1 && !heldOut ? range[1] : null,
      });
    });
  });
  return curves;
}

const chartSpec = (all, kind) => ({
  title: kind.title, hint: kind.id === "fvu" && whitened(all) ? kind.hint + "; of whitened rows while training" : kind.hint, log: kind.log, linked: "log", xLabel: runs.xName, curves: curvesOf(all, kind),
});

function lastOf(run, key) {
  const y = run.metrics.columns[key] || [];
  for (let i = y.length - 1; i >= 0; i--) if (y[i] !== null) return y[i];
  return null;
}

function training(run) {
  return (run.config && run.config.training) || {};
}

/** Whether the FVU of batches is of other rows than that of an evaluation. */
const whitened = (all) => all.some((run) => training(run).normalize_activations === "covariance_whitening");

/** The newest numbers of one run. */
function tiles(run) {
  const e = run.evaluation;
  const list = el("dl", { class: "tiles", id: "tiles" });
  const add = (...t) => list.append(tile(...t));
  const trainFvu = lastOf(run, "metrics/fvu");
  const heldFvu = e ? e.fvu : lastOf(run, "eval/fvu");
  if (heldFvu !== null && heldFvu !== undefined) {
    add("FVU, held out", fmt(heldFvu), trainFvu === null ? null : "in training " + fmt(trainFvu));
    add("Explained variance", fmt(e ? e.explained_variance : 1 - heldFvu), "on held-out rows");
  } else if (trainFvu !== null) {
    add("FVU, training", fmt(trainFvu), "of the last batch logged");
  }
  add("L0", fmt(e ? e.l0 : lastOf(run, "metrics/l0")), training(run).k ? "k " + fmt(training(run).k) : null);
  const dSae = dictionarySize(run);
  const dead = lastOf(run, "sparsity/dead_features");
  if (dead !== null) add("Dead", fmt(dead), dSae ? percent(dead / dSae) + " of " + count(dSae) : "latents");
  if (e) {
    add("Never fired", fmt(e.never_fired), percent(e.never_fired_fraction) + ", on " + count(e.rows) + " held-out rows");
    add("Cosine similarity", fmt(e.cosine_similarity), "of row and reconstruction");
  }
  const speed = (columnsOf(run)["rows/s"] || []).filter((v) => v !== null).slice(-20);
  if (speed.length) add("Rows per second", short(speed.sort((a, b) => a - b)[speed.length >> 1]), "median of the last lines");
  const steps = run.metrics.step;
  if (steps.length) add("Steps", fmt(steps[steps.length - 1]), lastOf(run, "details/n_training_samples") ? short(lastOf(run, "details/n_training_samples")) + " rows trained on" : null);
  return list;
}

function dictionarySize(run) {
  const t = training(run);
  if (t.d_sae) return t.d_sae;
  const width = run.config && run.config.data && run.config.data.width;
  return t.expansion_factor && width ? t.expansion_factor * width : null;
}

/** A warning: a line, or an object as the run recorded it. */
function warning(w) {
  if (typeof w === "string") return el("li", {}, bdi(w));
  return el("li", {},
    w.step ? el("b", {}, "Step " + fmt(w.step) + ". ") : null, bdi(w.message ?? JSON.stringify(w)),
    w.advice ? el("div", { class: "advice" }, bdi(w.advice)) : null);
}

function warnings(run) {
  const all = run.warnings || [];
  const notes = (run.notes || []).map((note) => el("p", { class: "note" }, bdi(note)));
  if (run.metrics.unread) notes.push(el("p", { class: "note" }, count(run.metrics.unread) + " lines of the log cannot be read and are left out."));
  if (!all.length) return [el("p", { class: "fine" }, "No warning was recorded for this run."), notes];
  return [el("ul", { class: "warnings", "aria-label": "Warnings" }, all.map(warning)), notes];
}

/** Warnings of several runs: each once, with the runs that it is of. */
function warningsOfAll(all) {
  const found = new Map();
  for (const run of all) {
    for (const w of [...(run.warnings || []), ...(run.notes || [])]) {
      const key = typeof w === "string" ? w : JSON.stringify([w.message, w.advice, w.step]);
      if (!found.has(key)) found.set(key, { w, names: [] });
      found.get(key).names.push(run.name);
    }
  }
  return el("ul", { class: "warnings" }, [...found.values()].map(({ w, names }) => {
    const item = warning(w);
    item.append(el("div", { class: "of" }, names.length === page.data.runs.length ? "of every run" : names.map((n, i) => [i ? ", " : "of ", bdi(n)])));
    return item;
  }));
}

function controls(all) {
  const axis = (name, label) => el("button", {
    type: "button", class: "small", "aria-pressed": String(runs.xName === name),
    onclick: () => { runs.xName = name; redraw(); },
  }, label);
  const bar = el("div", { class: "controls", id: "controls" });
  const fill = () => bar.replaceChildren(
    el("span", { class: "group" }, "Along ", axis("step", "steps"), axis("rows", "rows")),
    el("button", { type: "button", class: "small", onclick: () => charts.all.forEach((c) => c.spec.linked && c.reset()) }, "Show all"),
    ...(all.length > 1 ? [el("span", { class: "group", role: "group", "aria-label": "Runs shown" }, all.map((run, r) => el("button", {
      type: "button", class: "chip small", "aria-pressed": String(!runs.hidden.has(r)),
      onclick: () => { if (!runs.hidden.delete(r)) runs.hidden.add(r); redraw(); },
    }, el("span", { class: "dot", style: { background: "var(" + COLOURS[r % COLOURS.length] + ")" } }), bdi(run.name))))] : []),
    el("span", {}, "Drag over a chart to zoom, double-click for all; every chart follows."));
  function redraw() {
    fill();
    for (const kind of runs.kinds) runs.charts[kind.id].update(chartSpec(page.data.runs, kind));
    for (const histogram of runs.histograms || []) histogram();
  }
  fill();
  return bar;
}

function densities(all) {
  const section = el("div", { class: "charts narrow" });
  const add = (title, hint, xLabel, pick, log) => {
    const spec = () => ({
      title, hint, bars: true, log, xLabel,
      curves: all.map((run, r) => ({ run, r, h: pick(run) })).filter((c) => c.h && c.h.counts.some((n) => n > 0)).map((c) => ({
        ...bins(trimmed(c.h), all.length === 1 ? "latents" : c.run.name, COLOURS[c.r % COLOURS.length]), hidden: runs.hidden.has(c.r),
      })),
    });
    if (!spec().curves.length) return;
    const made = chart(spec());
    (runs.histograms ||= []).push(() => made.update(spec()));
    section.append(made.node);
  };
  add("Feature density", "latents by log10 of the share of rows on which they fire, on held-out rows; at −10 those that never did", "log10 density",
    (run) => run.evaluation && run.evaluation.feature_density);
  const unit = all.every((run) => !run.weights || run.weights.decoder_norm.counts.filter((n) => n > 0).length === 1);
  add("Decoder norm", "length of each latent's direction" + (unit ? "; all the same, as where norms are folded into the activations" : ""), "norm",
    (run) => run.weights && run.weights.decoder_norm);
  add("Encoder and decoder", "cosine of the direction a latent reads and the one it writes", "cosine", (run) => run.weights && run.weights.cosine);
  const errors = page.data.features && page.data.features.errors;
  if (all.length === 1 && errors) {
    const made = chart({
      title: "Reconstruction error by row", hint: "squared error of a row over the mean variance; its mean is the FVU, " + fmt(errors.mean),
      bars: true, xLabel: "error", curves: [bins(errors, "rows", "--c2")],
    });
    section.append(made.node);
  }
  return section.childElementCount ? section : null;
}

/** Without the empty bins at both ends, but for one. */
function trimmed(h) {
  const edges = h.edges || h.log10_edges;
  const first = Math.max(0, h.counts.findIndex((n) => n > 0) - 1);
  let last = h.counts.length;
  while (last > 1 && h.counts[last - 1] === 0) last--;
  last = Math.min(h.counts.length, last + 1);
  return last - first < 8 ? { edges, counts: h.counts } : { edges: edges.slice(first, last + 1), counts: h.counts.slice(first, last) };
}

/** What distinguishes runs: options whose values differ. */
function differences(all) {
  const flat = all.map((run) => ({ ...training(run), device: run.config && run.config.device }));
  const keys = [...new Set(flat.flatMap((f) => Object.keys(f)))];
  return keys.filter((key) => new Set(flat.map((f) => JSON.stringify(f[key] ?? null))).size > 1)
    .map((key) => ({ key, values: flat.map((f) => f[key] ?? null) }));
}

/* Whether errors of whitened rows would stand beside those of rows as they are, which held-out ones are. */
const mixed = (all) => new Set(all.map((run) => !run.evaluation && whitened([run]))).size > 1;

function comparison(all) {
  const columns = [
    ["FVU", (r) => r.evaluation ? r.evaluation.fvu : lastOf(r, "metrics/fvu"), -1],
    ["explained variance", (r) => r.evaluation ? r.evaluation.explained_variance : lastOf(r, "metrics/explained_variance"), 1],
    ["L0", (r) => r.evaluation ? r.evaluation.l0 : lastOf(r, "metrics/l0"), 0],
    ["cosine", (r) => r.evaluation && r.evaluation.cosine_similarity, 1],
    ["dead", (r) => lastOf(r, "sparsity/dead_features"), -1],
    ["never fired", (r) => r.evaluation && r.evaluation.never_fired_fraction, -1, percent],
    ["steps", (r) => r.metrics.step[r.metrics.step.length - 1], 0],
  ];
  const best = columns.map(([name, get, sense]) => {
    if (mixed(all) && (name === "FVU" || name === "explained variance")) return null;
    const values = all.map(get).filter((v) => typeof v === "number");
    return sense === 0 || values.length < 2 || new Set(values).size < 2 ? null : sense > 0 ? Math.max(...values) : Math.min(...values);
  });
  const rows = all.map((run, r) => [
    el("span", { class: "chip" }, el("span", { class: "dot", style: { background: "var(" + COLOURS[r % COLOURS.length] + ")" } }), bdi(run.name)),
    ...columns.map(([, get, , show], i) => {
      const value = get(run);
      return el("span", { class: value !== null && value === best[i] ? "best" : null }, value === null || value === undefined ? "–" : (show || fmt)(value));
    }),
  ]);
  const differ = differences(all);
  return [
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs compared" },
      table(["run", ...columns.map(([name]) => ({ text: name, number: true }))], rows, "Metrics of each run")),
    el("p", { class: "note" }, all.every((run) => run.evaluation)
      ? "On each run's held-out rows; the best of a column is bold."
      : "On held-out rows where a run has been evaluated, else of the last batch logged" + (whitened(all) ? ", whitened as it was" : "") + "; the best of a column is bold."
        + (mixed(all) ? " FVU of whitened rows says nothing beside that of rows as they are: there none is, and no chart sets it against L0." : "")),
    el("h3", {}, "What differs"),
    differ.length
      ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Options that differ" },
          table(["option", ...all.map((run) => clipped(run.name, 40))], differ.map((d) => [d.key, ...d.values.map((v) => el("span", {}, v === null ? "–" : bdi(typeof v === "number" ? fmt(v) : String(v))))]), "Options that differ"))
      : el("p", { class: "note" }, "No option of training differs."),
  ];
}

/** FVU against L0: what no other run beats in both. */
function pareto(all) {
  if (mixed(all)) return null;
  const points = all.map((run, r) => ({
    r, name: run.name, l0: run.evaluation ? run.evaluation.l0 : lastOf(run, "metrics/l0"), fvu: run.evaluation ? run.evaluation.fvu : lastOf(run, "metrics/fvu"),
  })).filter((p) => p.l0 > 0 && p.fvu > 0);
  if (points.length < 2) return null;
  const front = points.filter((p) => !points.some((q) => q !== p && q.l0 <= p.l0 && q.fvu <= p.fvu && (q.l0 < p.l0 || q.fvu < p.fvu))).sort((a, b) => a.l0 - b.l0);
  const W = 640, H = 300, L = 56, B = 36, T = 14, Rr = 18;
  const scale = (values, from, to) => {
    let lo = Math.log(Math.min(...values)), hi = Math.log(Math.max(...values));
    const pad = Math.max(0.06, (hi - lo) * 0.12);
    lo -= pad; hi += pad;
    return { at: (v) => from + ((Math.log(v) - lo) / (hi - lo)) * (to - from), ticks: ticks(Math.exp(lo), Math.exp(hi)) };
  };
  const x = scale(points.map((p) => p.l0), L, W - Rr);
  const y = scale(points.map((p) => p.fvu), H - B, T);
  return el("figure", { class: "chart trade" },
    el("figcaption", {}, el("h3", {}, "Sparsity against error")),
    el("p", { class: "hint" }, "FVU and L0, both logarithmic: down and left is better; the dashed line joins runs that no other beats in both (" + front.map((p) => p.name).join(", ") + ")"),
    el("svg", { class: "pareto", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "FVU against L0: " + points.map((p) => p.name + " " + fmt(p.l0) + ", " + fmt(p.fvu)).join("; ") },
      x.ticks.map((v) => el("g", {}, el("line", { class: "axis", x1: x.at(v), x2: x.at(v), y1: T, y2: H - B }), el("text", { x: x.at(v), y: H - B + 15, "text-anchor": "middle" }, short(v)))),
      y.ticks.map((v) => el("g", {}, el("line", { class: "axis", x1: L, x2: W - Rr, y1: y.at(v), y2: y.at(v) }), el("text", { x: L - 7, y: y.at(v) + 4, "text-anchor": "end" }, short(v)))),
      el("text", { x: (L + W) / 2, y: H - 3, "text-anchor": "middle" }, "L0"),
      el("text", { x: 4, y: T + 2 }, "FVU"),
      el("polyline", { class: "front", points: front.map((p) => x.at(p.l0) + "," + y.at(p.fvu)).join(" ") }),
      points.map((p) => el("g", {},
        el("circle", { cx: x.at(p.l0), cy: y.at(p.fvu), r: 5.5, style: { fill: "var(" + COLOURS[p.r % COLOURS.length] + ")" } }, el("title", {}, p.name + ": L0 " + fmt(p.l0) + ", FVU " + fmt(p.fvu))),
        points.length <= 12 ? el("text", { class: "name", x: x.at(p.l0) + (x.at(p.l0) > W * 0.7 ? -9 : 9), y: y.at(p.fvu) - 7, "text-anchor": x.at(p.l0) > W * 0.7 ? "end" : "start" }, clipped(p.name, 28)) : null))));
}

/** Round numbers within a logarithmic range. */
function ticks(lo, hi) {
  const found = [];
  for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++) {
    for (const m of [1, 1.5, 2, 3, 4, 5, 7]) {
      const v = m * 10 ** e;
      if (v >= lo && v <= hi) found.push(v);
    }
  }
  if (found.length > 8) return found.filter((v) => /^[125]/.test(v.toExponential()));
  if (found.length > 2) return found;
  const unit = 10 ** Math.floor(Math.log10(hi - lo));
  const step = [0.1, 0.2, 0.5, 1, 2].map((m) => m * unit).find((width) => (hi - lo) / width <= 6) || unit;
  const even = [];
  for (let v = Math.ceil(lo / step) * step; v <= hi; v += step) even.push(Number(v.toPrecision(6)));
  return even;
}

const SETUP = [
  ["The SAE", ["recipe", "architecture", "d_sae", "expansion_factor", "k", "relu_before_topk", "rescale_acts_by_decoder_norm", "apply_b_dec_to_input", "normalize_activations", "topk_threshold_lr", "threshold_start_step"]],
  ["Length and data", ["train_batch_size", "gradient_accumulation", "training_samples", "epochs", "steps", "seed", "shuffle_seed", "eval_fraction"]],
  ["Learning rate and optimizer", ["lr", "lr_scheduler", "lr_warm_up_steps", "lr_decay_steps", "lr_end", "n_restart_cycles", "adam_beta1", "adam_beta2", "adam_epsilon", "clip_grad_norm"]],
];

function setup(run) {
  const config = run.config || {};
  if (!Object.keys(config).length) return [el("p", { class: "note" }, "The run has no config.json.")];
  const t = { ...training(run) };
  const groups = SETUP.map(([name, keys]) => {
    const rows = keys.filter((key) => key in t && t[key] !== null).map((key) => { const v = t[key]; delete t[key]; return [key, v]; });
    keys.forEach((key) => delete t[key]);
    return [name, rows];
  });
  groups.push(["Loss, dead latents and the rest", Object.entries(t).filter(([, v]) => v !== null)]);
  const environment = [];
  for (const [key, value] of Object.entries(config.versions || {})) environment.push([key, value]);
  if (config.device) environment.push(["device", config.device]);
  for (const [key, value] of Object.entries(config.tensors || {})) environment.push([key, value]);
  for (const [key, value] of Object.entries(config.options || {})) environment.push([key, value]);
  for (const [key, value] of Object.entries(config.data || {})) if (["rows", "width", "files", "types"].includes(key)) environment.push(["data, " + key, value]);
  groups.push(["Environment and input", environment]);
  return [
    el("div", { class: "columns" }, groups.filter(([, rows]) => rows.length).map(([name, rows]) => el("section", {},
      el("h3", {}, name), table(["option", "value"], rows.map(([k, v]) => [k, shownValue(v)]), name)))),
    config.command_line ? [el("h3", {}, "Command"), el("p", {}, el("code", { style: { overflowWrap: "anywhere" } }, bdi("sae4j " + config.command_line.join(" "))))] : null,
  ];
}

function shownValue(value) {
  if (Array.isArray(value)) return bdi(value.map((v) => (typeof v === "object" ? JSON.stringify(v) : String(v))).join(", "));
  if (value !== null && typeof value === "object") return bdi(JSON.stringify(value));
  return bdi(typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(6))) : String(value));
}

function evaluationTable(e, caption) {
  return table(["metric", { text: "value", number: true }],
    Object.entries(e).filter(([, v]) => v === null || typeof v !== "object").map(([k, v]) => [k, v === null ? "undefined" : el("span", { "data-metric": k, title: String(v) }, fmt(v, 6))]), caption);
}

/** The panel of runs. */
function runsPanel() {
  const all = page.data.runs;
  const panel = el("div", { id: "runs" });
  runs.kinds = layout(all);
  const drawn = (kind) => (runs.charts[kind.id] = chart(chartSpec(all, kind))).node;
  const extra = runs.kinds.filter((kind) => kind.extra);
  const grid = el("div", {},
    el("div", { class: "charts", id: "curves" }, runs.kinds.filter((kind) => !kind.extra).map(drawn)),
    extra.length ? el("details", { id: "more" }, el("summary", {}, extra.length + (extra.length === 1 ? " more curve" : " more curves")),
      el("div", { class: "charts" }, extra.map(drawn))) : null);
  const some = all.some((run) => run.metrics.step.length);
  if (all.length === 1) {
    const run = all[0];
    panel.append(
      el("h2", {}, run.finished ? "How it went" : "How it goes"), tiles(run), el("div", { id: "warnings" }, warnings(run)),
      el("h2", {}, "Training"),
      some ? controls(all) : "", some ? grid : el("p", { class: "note" }, "The run has not logged anything yet."),
      thinned(run));
    const learned = densities(all);
    if (learned) panel.append(el("h2", {}, "What the dictionary looks like"), learned);
    if (run.evaluation) {
      panel.append(el("details", {}, el("summary", {}, "All metrics on the held-out rows"), evaluationTable(run.evaluation, "Metrics on held-out rows")));
    }
    panel.append(el("h2", {}, "Setup"), ...setup(run).flat(2).filter(Boolean));
  } else {
    panel.append(el("h2", {}, all.length + " runs"), ...SUMMARY.slice(0, 2).map((part) => partOf(part, all)));
    panel.append(el("h2", {}, "Training"), some ? controls(all) : "", grid);
    const learned = densities(all);
    if (learned) panel.append(el("h2", {}, "Dictionaries"), learned);
    panel.append(partOf(SUMMARY[2], all));
  }
  return panel;
}

/* What is said of several runs beside their curves, and changes with them. */
const SUMMARY = [
  ["compared", comparison],
  ["trade", (all) => {
    const scatter = pareto(all);
    return scatter ? [el("h2", {}, "Trade-off"), scatter] : [];
  }],
  ["warned", (all) => {
    const warned = all.filter((run) => (run.warnings || []).length || (run.notes || []).length);
    return warned.length ? [el("h2", {}, "Warnings"), warningsOfAll(warned)] : [];
  }],
];

const partOf = ([id, build], all) => el("div", { id }, build(all));

/** Puts a part anew; who reads a wide table stays where they are in it. */
function renewSummary(part, all) {
  const old = document.getElementById(part[0]);
  const fresh = partOf(part, all);
  const before = [...old.querySelectorAll(".scroll")];
  const focused = before.indexOf(document.activeElement);
  const left = before.map((box) => box.scrollLeft);
  old.replaceWith(fresh);
  const after = fresh.querySelectorAll(".scroll");
  left.forEach((x, i) => { if (after[i]) after[i].scrollLeft = x; });
  if (focused >= 0 && after[focused]) after[focused].focus({ preventScroll: true });
}

function thinned(run) {
  return run.metrics.lines_per_point > 1
    ? el("p", { class: "note" }, "The log has " + count(run.metrics.lines) + " lines; each point is the mean of up to " + count(run.metrics.lines_per_point) + ", and the band shows the smallest and the largest of them.")
    : "";
}

/** A page that is served while the run goes on asks for what is new. */
function live() {
  const seconds = page.data.live_seconds;
  if (!seconds) return;
  let failures = 0;
  async function ask() {
    try {
      const answer = await fetch(page.data.live, { cache: "no-store" });
      if (!answer.ok) throw new Error("status " + answer.status);
      const next = await answer.json();
      failures = 0;
      renew(next.runs);
    } catch (e) {
      failures++;
    }
    document.getElementById("live").textContent = failures > 2 ? "The server does not answer any more." : "Live, asked every " + seconds + " s.";
    setTimeout(ask, seconds * 1000 * Math.min(10, failures + 1));
  }
  setTimeout(ask, seconds * 1000);
}

function renew(next) {
  const names = (all) => JSON.stringify([all.map((r) => [r.finished, !!r.evaluation, r.metrics.step.length > 0]), layout(all).map((k) => k.id)]);
  const changed = names(page.data.runs) !== names(next);
  page.data.runs = next;
  if (changed) {
    charts.all.length = 0;
    runs.histograms = [];
    document.getElementById("runs").replaceWith(runsPanel());
    return;
  }
  for (const kind of layout(next)) runs.charts[kind.id].update(chartSpec(next, kind));
  if (next.length === 1) {
    document.getElementById("tiles").replaceWith(tiles(next[0]));
    document.getElementById("warnings").replaceChildren(...warnings(next[0]).flat());
  } else SUMMARY.forEach((part) => renewSummary(part, next));
}
