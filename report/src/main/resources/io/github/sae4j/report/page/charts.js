"use strict";
/* Charts: curves and histograms by uPlot, with a legend that follows the cursor, a table of the same
   numbers, and keys: arrows move, + and - zoom, 0 resets. */
const charts = { all: [], syncing: false };
page.themed.push(() => charts.all.forEach((chart) => chart.plot && chart.plot.redraw(false)));

const colour = (name) => css(name);

/**
 * One chart. spec: {title, hint, curves: [{label, colour, dash, x, y, lo, hi}], bars, log, xLabel,
 * linked}.
 */
function chart(spec) {
  const self = { plot: null, log: !!spec.log, spec };
  const host = el("div", {
    class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart",
    "aria-label": spec.title + ". " + summary(spec) +
      " Arrow keys read the values, plus and minus zoom, 0 shows all.",
    onkeydown: keys,
  });
  const legend = el("ul", { class: "legend" });
  const wide = el("div", { class: "scroll", hidden: true, tabindex: "0", role: "region", "aria-label": "Values of " + spec.title });
  const logButton = el("button", {
    type: "button", "aria-pressed": String(self.log), "aria-label": "Logarithmic axis of " + spec.title,
    onclick: () => {
      self.log = !self.log;
      logButton.setAttribute("aria-pressed", String(self.log));
      draw();
    },
  }, "log");
  const tableButton = el("button", {
    type: "button", "aria-pressed": "false", "aria-label": "Table of " + spec.title,
    onclick: () => {
      wide.hidden = !wide.hidden;
      tableButton.setAttribute("aria-pressed", String(!wide.hidden));
      if (!wide.hidden) wide.replaceChildren(asTable(self.spec));
    },
  }, "table");
  self.node = el("figure", { class: "chart" },
    el("figcaption", {}, el("h3", {}, spec.title), el("div", { class: "tools" }, logButton, tableButton)),
    spec.hint ? el("p", { class: "hint" }, spec.hint) : null,
    host, legend, wide);

  function shownCurves() {
    return self.spec.curves.filter((curve) => !curve.hidden);
  }

  function draw() {
    const keep = self.plot && !self.spec.bars ? { min: self.plot.scales.x.min, max: self.plot.scales.x.max } : null;
    if (self.plot) self.plot.destroy();
    self.plot = null;
    const curves = shownCurves();
    if (!curves.length || !host.isConnected) { showLegend(null); return; }
    const usable = (y) => (self.log ? y.map((v) => (v > 0 ? v : null)) : y);
    const tables = [];
    const series = [{}];
    const bands = [];
    for (const curve of curves) {
      const table = [curve.x, usable(curve.y)];
      const stroke = () => colour(curve.colour);
      series.push({
        label: curve.label, stroke, width: curve.points ? 0 : 1.6, dash: curve.dash ? [5, 4] : undefined, spanGaps: true,
        points: { show: !!curve.points || curve.x.length < 2, size: 6, fill: stroke },
        fill: self.spec.bars && curves.length === 1 ? () => colour(curve.colour) : undefined,
        paths: self.spec.bars
          ? curves.length === 1 ? uPlot.paths.bars({ size: [1, Infinity], gap: 1 }) : uPlot.paths.stepped({ align: 1 })
          : undefined,
      });
      if (curve.lo) {
        table.push(usable(curve.hi), usable(curve.lo));
        const at = series.length;
        series.push({ label: "", width: 0, stroke, points: { show: false }, spanGaps: true, band: true });
        series.push({ label: "", width: 0, stroke, points: { show: false }, spanGaps: true, band: true });
        bands.push({ series: [at, at + 1], fill: () => faint(curve.colour) });
      }
      tables.push(table);
    }
    const data = tables.length === 1 ? tables[0] : uPlot.join(tables);
    const axis = {
      stroke: () => colour("--muted"), font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif",
      grid: { stroke: () => colour("--grid"), width: 1 }, ticks: { stroke: () => colour("--grid"), width: 1, size: 4 },
    };
    const options = {
      width: Math.max(200, host.clientWidth), height: 190, legend: { show: false }, series, bands,
      padding: [8, 16, 0, 0],
      scales: { x: { time: false }, y: self.log ? { distr: 3, range: (u, lo, hi) => (lo > 0 && hi > 0 ? [lo / 1.15, hi * 1.15] : [0.1, 1]) } : self.spec.bars ? { range: (u, lo, hi) => [0, hi * 1.06 || 1] } : {} },
      axes: [
        { ...axis, size: 34, values: (u, ticks) => ticks.map(short), space: 56 },
        { ...axis, size: 52, values: (u, ticks) => ticks.map((v) => (v === null ? null : short(v))), space: 30 },
      ],
      cursor: {
        drag: { x: true, y: false, setScale: true }, y: false,
        sync: self.spec.linked ? { key: self.spec.linked, setSeries: false, scales: ["x", null] } : undefined,
        points: { size: 6 },
      },
      hooks: {
        setCursor: [(u) => showLegend(u.cursor.idx)],
        setScale: [(u, key) => key === "x" && self.spec.linked && zoomOthers(u)],
        ready: [(u) => u.over.addEventListener("dblclick", () => reset())],
      },
    };
    self.plot = new uPlot(options, data, host);
    self.plot.root.setAttribute("aria-hidden", "true");
    if (keep && keep.min !== null && keep.min !== undefined) quietly(() => self.plot.setScale("x", keep));
    showLegend(null);
  }

  function quietly(action) {
    const before = charts.syncing;
    charts.syncing = true;
    try { action(); } finally { charts.syncing = before; }
  }

  function zoomOthers(u) {
    if (charts.syncing || !u.scales.x || self.plot !== u) return;
    quietly(() => {
      for (const other of charts.all) {
        if (other !== self && other.plot && other.spec.linked === self.spec.linked) {
          other.plot.setScale("x", { min: u.scales.x.min, max: u.scales.x.max });
        }
      }
    });
  }

  function reset() {
    if (!self.plot) return;
    const x = self.plot.data[0];
    self.plot.setScale("x", { min: x[0], max: x[x.length - 1] });
  }
  self.reset = reset;

  function showLegend(idx) {
    const curves = shownCurves();
    const x = self.plot ? self.plot.data[0] : [];
    legend.replaceChildren(
      ...(idx !== null && idx !== undefined
        ? [el("li", {}, self.spec.bars ? binName(self.spec, curves[0], idx) : (self.spec.xLabel || "step") + " ", self.spec.bars ? null : el("b", {}, fmt(x[idx])))]
        : []),
      ...curves.map((curve) => el("li", {},
        el("span", { class: "swatch" + (curve.dash ? " dash" : ""), style: { borderTopColor: "var(" + curve.colour + ")" } }),
        bdi(curve.label), el("b", {}, fmt(valueAt(curve, idx === null || idx === undefined ? null : x[idx]))))));
  }

  function valueAt(curve, x) {
    if (x === null || x === undefined) {
      if (self.spec.bars) return curve.y.reduce((a, b) => a + (b || 0), 0);
      for (let i = curve.y.length - 1; i >= 0; i--) if (curve.y[i] !== null) return curve.y[i];
      return null;
    }
    const at = curve.x.indexOf(x);
    if (at >= 0 && curve.y[at] !== null) return curve.y[at];
    let found = null;
    for (let i = 0; i < curve.x.length && curve.x[i] <= x; i++) if (curve.y[i] !== null) found = curve.y[i];
    return self.spec.bars ? (at >= 0 ? curve.y[at] : null) : found;
  }

  function keys(event) {
    const u = self.plot;
    if (!u || event.target !== host || event.ctrlKey || event.altKey || event.metaKey) return;
    const x = u.data[0];
    const now = u.cursor.idx ?? (event.key === "ArrowRight" ? -1 : x.length);
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowRight: now + step, ArrowLeft: now - step, Home: 0, End: x.length - 1 };
    if (event.key in moves) {
      const idx = Math.max(0, Math.min(x.length - 1, moves[event.key]));
      u.setCursor({ left: u.valToPos(x[idx], "x"), top: 10 });
      showLegend(idx);
      say((self.spec.xLabel || "step") + " " + fmt(x[idx]) + ": " + shownCurves().map((c) => c.label + " " + fmt(valueAt(c, x[idx]))).join(", "));
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      const middle = u.cursor.idx !== null && u.cursor.idx !== undefined ? x[u.cursor.idx] : (u.scales.x.min + u.scales.x.max) / 2;
      const half = ((u.scales.x.max - u.scales.x.min) / 2) * (event.key === "-" ? 2 : 0.5);
      u.setScale("x", { min: Math.max(x[0], middle - half), max: Math.min(x[x.length - 1], middle + half) });
    } else if (event.key === "0" || event.key === "Escape") {
      reset();
    } else {
      return;
    }
    event.preventDefault();
  }

  self.draw = draw;
  self.update = (next) => { self.spec = next; draw(); };
  charts.all.push(self);
  new ResizeObserver(() => {
    if (!self.plot) { if (host.clientWidth > 0) draw(); return; }
    if (host.clientWidth > 0 && Math.abs(self.plot.width - host.clientWidth) > 1) self.plot.setSize({ width: host.clientWidth, height: 190 });
  }).observe(host);
  return self;
}

function binName(spec, curve, idx) {
  const edges = curve.edges;
  if (!edges || idx + 1 >= edges.length) return "";
  return [(spec.xLabel || "") + " ", el("b", {}, fmt(edges[idx], 3) + " to " + fmt(edges[idx + 1], 3))];
}

function faint(name) {
  return "color-mix(in srgb, " + colour(name) + " 16%, transparent)";
}

/** What a curve does, in words, for those who do not see it. */
function summary(spec) {
  if (spec.bars) {
    return spec.curves.map((c) => {
      const all = c.y.reduce((a, b) => a + (b || 0), 0);
      const top = c.y.indexOf(Math.max(...c.y));
      return c.label + ": " + count(all) + " in all, most from " + fmt(c.edges[top], 3) + " to " + fmt(c.edges[top + 1], 3) + ".";
    }).join(" ");
  }
  return spec.curves.map((c) => {
    const seen = c.y.filter((v) => v !== null);
    if (!seen.length) return c.label + ": no values.";
    return c.label + " from " + fmt(seen[0]) + " to " + fmt(seen[seen.length - 1]) + ", smallest " +
      fmt(Math.min(...seen)) + ", largest " + fmt(Math.max(...seen)) + ".";
  }).join(" ");
}

/** At most 200 lines of what a chart shows. */
function asTable(spec) {
  const curves = spec.curves.filter((curve) => !curve.hidden);
  if (spec.bars) {
    const rows = curves.flatMap((c) => c.y.map((v, i) => [bdi(c.label), fmt(c.edges[i], 4), fmt(c.edges[i + 1], 4), fmt(v)]));
    return table(["", { text: "from", number: true }, { text: "to", number: true }, { text: "count", number: true }], rows, spec.title);
  }
  const xs = [...new Set(curves.flatMap((c) => c.x))].sort((a, b) => a - b);
  const every = Math.ceil(xs.length / 200);
  const rows = xs.filter((x, i) => i % every === 0 || i === xs.length - 1).map((x) =>
    [fmt(x), ...curves.map((c) => { const at = c.x.indexOf(x); return at < 0 ? "" : fmt(c.y[at]); })]);
  return table([spec.xLabel || "step", ...curves.map((c) => ({ text: clipped(c.label, 60), number: true }))], rows, spec.title);
}

/** A histogram {edges, counts} as a curve of bars. */
function bins(histogram, label, colourName) {
  const edges = histogram.edges || histogram.log10_edges;
  return {
    label, colour: colourName, edges, x: edges.slice(0, -1).map((v, i) => (v + edges[i + 1]) / 2), y: histogram.counts.slice(),
  };
}
