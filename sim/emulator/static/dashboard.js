"use strict";
// Everything that is shown comes from the event stream; text is set as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const SECONDS = 300;
const OUTCOMES = [["c-succeeded", "succeeded"], ["c-limited", "rate limited (429)"], ["c-failed", "failed otherwise"]];
const PRESETS = [
  ["a storm of 503, 80 %, for 1 minute", {storm: {status: 503, for: "1m", probability: 0.8}}],
  ["a storm of 429 with retry-after 5 s, for 1 minute", {storm: {status: 429, for: "1m", retry_after: "5s"}}],
  ["overload (529) until stopped", {refuse: {status: 529}}],
  ["fail the next 3 with 500", {refuse: {status: 500, count: 3}}],
  ["reset every second connection", {reset: {probability: 0.5}}],
  ["half-sent bodies", {half_body: {}}],
  ["answers that never come, for 1 minute", {stall: {for: "1m"}}],
  ["slow drips", {drip: {}}],
  ["answers 5 times as slow, for 1 minute", {latency: {factor: 5, for: "1m"}}],
];

const token = new URLSearchParams(location.hash.slice(1)).get("token") || sessionStorage.getItem("keystorm-token");
if (token) sessionStorage.setItem("keystorm-token", token);
const headers = token ? {authorization: "Bearer " + token} : {};

const node = (name, text, kind) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const shape = (name, values, kind) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) made.setAttribute(key, value);
  if (kind) made.setAttribute("class", kind);
  return made;
};
const whole = (value) => Math.round(value).toLocaleString("en-US");
const share = (part, all) => (all ? (100 * part / all).toFixed(part === all || !part ? 0 : 1) + " %" : "–");
const dollars = (value) => "$" + value.toLocaleString("en-US", value && Math.abs(value) < 1
  ? {minimumFractionDigits: 4, maximumFractionDigits: 4} : {minimumFractionDigits: 2, maximumFractionDigits: 2});
const duration = (s) => s < 60 ? s.toFixed(s < 10 ? 1 : 0) + " s" : s < 3600 ? Math.floor(s / 60) + " min " + Math.round(s % 60) + " s"
  : s < 86400 ? Math.floor(s / 3600) + " h " + Math.round(s % 3600 / 60) + " min" : (s / 86400).toFixed(1) + " days";

// One horizontal bar: parts as [share of the whole, class], marks as shares.
function bar(name, said, parts, options = {}) {
  const made = node("div", undefined, "bar" + (options.tall ? " tall" : ""));
  const line = node("p");
  line.append(node("b", name), node("span", said, options.alert ? "alert" : ""));
  const svg = shape("svg", {viewBox: "0 0 1000 10", preserveAspectRatio: "none", role: "img", "aria-label": name + ": " + said});
  let x = 0;
  for (const [size, kind, title] of parts) {
    const width = Math.max(0, Math.min(1000 - x, size * 1000));
    const part = shape("rect", {x, y: 0, width, height: 10}, kind);
    if (title) { const tip = shape("title", {}); tip.textContent = title; part.append(tip); }
    svg.append(part);
    x += width;
  }
  for (const mark of options.marks || []) svg.append(shape("rect", {x: mark * 1000 - 1.5, y: 0, width: 3, height: 10}, "c-mark"));
  made.append(line, svg);
  if (options.below) made.append(node("p", options.below, "reasons"));
  return made;
}

function legend(id, entries) {
  $(id).replaceChildren(...entries.map(([kind, text]) => {
    const one = node("span");
    const key = shape("svg", {viewBox: "0 0 10 10", "aria-hidden": "true"});
    key.append(shape("rect", {width: 10, height: 10, rx: 2}, kind));
    one.append(key, text);
    return one;
  }));
}

function tiles(state) {
  const r = state.requests;
  const entries = [
    ["answered", whole(r.answered)], ["succeeded", share(r.succeeded, r.answered)], ["rate limited (429)", whole(r.rate_limited)],
    ["failed otherwise", whole(r.failed)], ["being answered", whole(r.in_flight)], ["spent", dollars(r.cost_usd)],
  ];
  $("tiles").replaceChildren(...entries.map(([name, value]) => {
    const one = node("div");
    one.append(node("dt", name), node("dd", value));
    return one;
  }));
}

function seconds(state) {
  const svg = $("seconds"), width = svg.clientWidth || 1000, height = 120;
  const now = Math.floor(state.clock.wall_unix_ns / 1e9), recent = state.by_second.filter((one) => one[0] > now - SECONDS);
  const most = Math.max(1, ...recent.map((one) => one[1] + one[2] + one[3]));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const parts = [shape("line", {x1: 0, x2: width, y1: 18, y2: 18})];
  const label = shape("text", {x: 0, y: 12});
  label.textContent = whole(most) + " a second";
  parts.push(label);
  const step = width / SECONDS;
  for (const [second, ...counts] of recent) {
    let y = height;
    counts.forEach((count, at) => {
      const size = count / most * (height - 18);
      y -= size;
      if (count) parts.push(shape("rect", {x: width - (now - second + 1) * step, y, width: Math.max(1, step - 0.6), height: size}, OUTCOMES[at][0]));
    });
  }
  svg.replaceChildren(...parts);
}

function spend(state) {
  const bars = state.spend.map((cap) => {
    const used = cap.spent_usd / cap.cap_usd, over = cap.alerts.some((alert) => used >= alert);
    const held = cap.held_usd ? `, ${dollars(cap.held_usd)} held` : "";
    const per = cap.amount.slice(cap.amount.indexOf("/"));
    return bar(cap.name, `${dollars(cap.spent_usd)} of ${dollars(cap.cap_usd)}${per} (${(100 * used).toFixed(1)} %)${held}`,
      [[used, used >= 1 ? "c-failed" : over ? "c-limited" : "c-spent"], [cap.held_usd / cap.cap_usd, "c-held"]], {marks: cap.alerts, alert: over});
  });
  const most = Math.max(1e-9, ...state.projects.map((one) => one.cost_usd));
  if (!bars.length) bars.push(node("p", "This configuration has no spend caps; by project:", "empty"),
    ...state.projects.map((one) => bar(one.name, dollars(one.cost_usd), [[one.cost_usd / most, "c-spent"]])));
  $("spend").replaceChildren(...bars);
}

function limits(state) {
  const bars = state.limits.map((one) => {
    const left = one.left / one.capacity;
    const full = one.full_in_s ? `, full in ${duration(one.full_in_s)}` : "";
    return bar(one.name, `${whole(one.left)} of ${whole(one.capacity)} left${full}` + (one.rate ? ` · ${one.rate.replace(/^\d+/, (count) => whole(+count))}` : ""),
      [[left, left < 0.2 ? "c-low" : "c-left"]]);
  });
  $("limits").replaceChildren(...(bars.length ? bars : [node("p", "This configuration has no limits.", "empty")]));
}

const colours = new Map();
const colour = (reason) => {
  if (!colours.has(reason)) colours.set(reason, "c-" + Math.min(7, colours.size));
  return colours.get(reason);
};

function projects(state) {
  const total = (one) => one.succeeded + Object.values(one.refusals).reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...state.projects.map(total));
  $("projects").replaceChildren(...state.projects.map((one) => {
    const refused = Object.entries(one.refusals).sort((a, b) => b[1] - a[1]);
    const parts = [[one.succeeded / most, "c-succeeded", `succeeded: ${whole(one.succeeded)}`],
      ...refused.map(([reason, count]) => [count / most, colour(reason), `${reason}: ${whole(count)}`])];
    const teams = one.teams.length && !one.name.endsWith("/" + one.teams.join()) ? ` (${one.teams.join(", ")})` : "";
    return bar(one.name + teams, `${whole(one.succeeded)} succeeded, ${whole(total(one) - one.succeeded)} not · ${dollars(one.cost_usd)}`,
      parts, {tall: true, below: refused.map(([reason, count]) => `${reason} ${whole(count)}`).join(" · ")});
  }));
  legend("reasons", [["c-succeeded", "succeeded"], ...[...colours].map(([reason, kind]) => [kind, reason])]);
}

function faults(state) {
  const items = state.faults.map((one) => {
    const made = node("li");
    const until = one.until_s === null ? "until stopped" : `from ${duration(one.from_s)} to ${duration(one.until_s)}`;
    made.append(node("b", one.kind, one.active ? "on" : ""), node("span", one.summary), node("span", until));
    if (one.hits !== null) made.append(node("span", `${whole(one.hits)} hits`));
    if (one.id !== null) {
      const stop = node("button", "Stop");
      stop.type = "button";
      stop.addEventListener("click", () => act("DELETE", "faults/" + one.id));
      made.append(stop);
    } else made.append(node("span", "in the scenario"));
    return made;
  });
  $("faults").replaceChildren(...(items.length ? items : [node("li", "None at work and none to come.", "empty")]));
}

function recent(state) {
  $("recent").replaceChildren(...state.recent.map((one) => {
    const row = node("tr"), time = new Date(one.date_ns / 1e6).toLocaleTimeString("en-GB");
    const cells = [[time], [one.project === "/" ? "–" : one.project], [one.status + (one.fault ? " " + one.fault : ""), "s" + String(one.status)[0]],
      [one.refused_by || "–"], [one.team || "–"], [one.model || "–"], [one.attempt + 1, "n"], [whole(one.tokens), "n"],
      [dollars(one.cost_usd), "n"], [one.seconds.toFixed(2), "n"]];
    row.append(...cells.map(([text, kind]) => node("td", text, kind)));
    return row;
  }));
}

function show(state) {
  document.title = `${state.scenario} · keystorm serve`;
  const small = node("small", state.configuration);
  $("title").replaceChildren(state.scenario, small);
  $("question").textContent = state.question;
  const speed = state.clock.speed === 1 ? "" : ` at ${state.clock.speed}× speed`;
  $("where").textContent = `${location.host}, ${duration(state.clock.virtual_ns / 1e9)} in${speed}`;
  for (const part of [tiles, seconds, spend, limits, projects, faults, recent]) part(state);
}

function link(kind, text) {
  $("link").className = "link " + kind;
  $("link").textContent = text;
}

async function act(method, path, said) {
  const body = said === undefined ? undefined : JSON.stringify(said);
  try {
    const answer = await fetch(path, {method, headers, body});
    const found = await answer.json();
    $("said").textContent = answer.ok ? "Done." : found.error.message;
  } catch (error) {
    $("said").textContent = "The server does not answer.";
  }
}

// The event stream through fetch, which can carry the token; EventSource can't.
async function listen() {
  const answer = await fetch("events", {headers});
  if (!answer.ok) throw new Error(answer.status === 401 ? "a token is needed: open /keystorm/#token=TOKEN" : "status " + answer.status);
  link("live", "live");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const {value, done} = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    const last = events.filter((event) => event.startsWith("event: state")).pop();
    if (last) show(JSON.parse(last.slice(last.indexOf("data: ") + 6)));
  }
}

async function forever() {
  for (;;) {
    let why = "connection lost, trying again";
    try { await listen(); } catch (error) { if (/token|status/.test(error.message)) why = error.message; }
    link("lost", why);
    await new Promise((later) => setTimeout(later, 1000));
  }
}

legend("outcomes", OUTCOMES);
$("preset").append(...PRESETS.map(([text], at) => Object.assign(node("option", text), {value: at})));
$("inject").addEventListener("click", () => act("POST", "faults", PRESETS[$("preset").value][1]));
$("advance").addEventListener("click", () => act("POST", "budgets/advance", {}));
forever();
