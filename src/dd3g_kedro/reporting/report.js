"use strict";
const root = document.documentElement;
const find = id => document.getElementById(id);
const all = (query, inside = document) => [...inside.querySelectorAll(query)];
function kept(name) { try { return localStorage.getItem("dd3g-report:" + name); } catch { return null; } }
function keep(name, value) { try { localStorage.setItem("dd3g-report:" + name, value); } catch { /* a page from disk may not */ } }

// Light or dark: as the system, until someone chooses.
const dark = matchMedia("(prefers-color-scheme: dark)");
function theme(name) { root.dataset.theme = name || kept("theme") || (dark.matches ? "dark" : "light"); }
function otherTheme() {
  theme(root.dataset.theme === "dark" ? "light" : "dark");
  keep("theme", root.dataset.theme);
}
dark.addEventListener("change", () => theme());
find("theme").onclick = otherTheme;

function toggleMethod(number) {
  const chip = document.querySelector(`.chip[data-method="${number}"]`);
  if (chip) chip.setAttribute("aria-pressed", String(!root.classList.toggle(`hide-m${number}`)));
}
for (const chip of all(".chip")) chip.onclick = () => toggleMethod(chip.dataset.method);

// The table of objects: sorted by a column, what has no number always last; searched by words.
const body = document.querySelector("#per-object tbody");
const lines = [...body.rows];
function valueOf(row, column) {
  const cell = row.classList.contains("failed") && column > 1 ? null : row.cells[column];
  if (!cell) return null;
  if (column < 2) return cell.textContent;
  return "value" in cell.dataset ? Number(cell.dataset.value) : null;
}
function sortBy(column, heading) {
  const falling = heading.getAttribute("aria-sort") === "ascending" || (column > 1 && !heading.hasAttribute("aria-sort"));
  for (const other of all("#per-object thead th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const order = lines.map((row, index) => [valueOf(row, column), index, row]).sort(([a, i], [b, j]) => {
    if (a === null || b === null) return (a === null) - (b === null) || i - j;
    const difference = typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true});
    return (falling ? -difference : difference) || i - j;
  });
  body.append(...order.map(([, , row]) => row));
}
all("#per-object thead th").forEach((heading, column) => {
  heading.querySelector("button").onclick = () => sortBy(column, heading);
});
function search() {
  const words = find("find").value.toLowerCase();
  let count = 0;
  for (const row of lines) {
    const there = row.textContent.toLowerCase().includes(words) && (!find("failures").checked || row.classList.contains("failed"));
    row.classList.toggle("gone", !there);
    count += there;
  }
  find("found").textContent = `${count} of ${lines.length} rows`;
}
find("find").oninput = find("failures").onchange = search;
search();

// Pictures: all of a kind turn together. Frames lie row by row in one picture.
const kinds = {target: {frame: 0, timer: 0, wait: 450}, turning: {frame: 0, timer: 0, wait: 90}};
const near = new Set();
const watch = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (entry.isIntersecting) { near.add(entry.target); place(entry.target); } else near.delete(entry.target);
  }
}, {rootMargin: "300px"});
function kindOf(view) { return view.classList.contains("turning") ? "turning" : view.classList.contains("target") ? "target" : null; }
function framesOf(kind) {
  const range = document.querySelector(`.frame[data-kind=${kind}]`);
  return range ? Number(range.max) + 1 : 1;
}
function place(view) {
  const frame = kinds[kindOf(view)].frame;
  const columns = Number(view.dataset.columns), rows = Number(view.dataset.rows);
  const part = (index, count) => count > 1 ? 100 * index / (count - 1) : 0;
  view.style.setProperty("--x", part(frame % columns, columns) + "%");
  view.style.setProperty("--y", part(Math.floor(frame / columns), rows) + "%");
  const now = view.parentElement.querySelector(".now");
  if (now) now.textContent = now.dataset.scores.split(" ")[frame] ?? "–";
}
function turn(kind, frame) {
  const count = framesOf(kind);
  kinds[kind].frame = ((frame % count) + count) % count;
  for (const view of near) if (kindOf(view) === kind) place(view);
  for (const range of all(`.frame[data-kind=${kind}]`)) range.value = kinds[kind].frame;
  for (const output of all(`.place[data-kind=${kind}]`)) output.textContent = words(kind);
}
function words(kind) {
  const count = framesOf(kind), frame = kinds[kind].frame;
  if (kind === "turning") return `${Math.round(360 * frame / count)}°`;
  const angles = new Set(all("#pictures .object").map(object => object.dataset.azimuths.split(" ")[frame]));
  return `${frame + 1} of ${count}${angles.size === 1 ? ` · ${[...angles][0]}°` : ""}`;
}
function play(kind, on) {
  clearInterval(kinds[kind].timer);
  kinds[kind].timer = on ? setInterval(() => turn(kind, kinds[kind].frame + 1), kinds[kind].wait) : 0;
  for (const button of all(`.play[data-kind=${kind}]`)) button.textContent = on ? "Stop" : "Play";
}
for (const range of all(".frame")) range.oninput = () => { play(range.dataset.kind, false); turn(range.dataset.kind, Number(range.value)); };
for (const button of all(".play")) button.onclick = () => play(button.dataset.kind, !kinds[button.dataset.kind].timer);
for (const view of all(".view")) {
  const kind = kindOf(view);
  if (!kind) continue;
  watch.observe(view);
  view.onpointerdown = event => {
    const start = event.clientX, frame = kinds[kind].frame;
    play(kind, false);
    view.setPointerCapture(event.pointerId);
    view.onpointermove = moved => turn(kind, frame + Math.round((moved.clientX - start) / view.clientWidth * framesOf(kind)));
    view.onpointerup = view.onpointercancel = () => { view.onpointermove = null; };
  };
}
function differing(on) {
  const box = find("difference");
  if (!box) return;
  box.checked = on;
  root.classList.toggle("differing", on);
}
if (find("difference")) find("difference").onchange = event => differing(event.target.checked);

let standing = -1;
function step(by) {
  const objects = all("#pictures .object");
  if (!objects.length) return;
  standing = Math.min(Math.max(standing + by, 0), objects.length - 1);
  objects[standing].tabIndex = -1;
  objects[standing].focus({preventScroll: true});
  objects[standing].scrollIntoView({block: "start"});
}
function nearestKind() {
  const table = find("turntables").getBoundingClientRect();
  return framesOf("turning") > 1 && table.top < innerHeight / 2 ? "turning" : "target";
}
const pressed = {
  ArrowLeft: () => { play(nearestKind(), false); turn(nearestKind(), kinds[nearestKind()].frame - 1); },
  ArrowRight: () => { play(nearestKind(), false); turn(nearestKind(), kinds[nearestKind()].frame + 1); },
  " ": () => play(nearestKind(), !kinds[nearestKind()].timer),
  d: () => differing(!root.classList.contains("differing")),
  j: () => step(1), k: () => step(-1), t: otherTheme,
  "/": () => find("find").focus(), "?": () => find("help").showModal(),
};
find("keys").onclick = pressed["?"];
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || find("help").open) return;
  const typing = event.target.closest?.("input, button, summary, a, select, textarea");
  if (typing && !(event.target.type === "checkbox" && event.key !== " ")) {
    if (event.key === "Escape") event.target.blur();
    const own = event.target.matches("input[type=search], input[type=range]") || [" ", "Enter"].includes(event.key);
    if (own) return;
  }
  if (/^[1-9]$/.test(event.key)) return toggleMethod(Number(event.key) - 1);
  if (!(event.key in pressed)) return;
  event.preventDefault();
  pressed[event.key]();
});

const links = new Map(all("nav a").map(link => [link.hash.slice(1), link]));
function mark() {
  let current = "summary";
  for (const section of all("main > section")) if (section.getBoundingClientRect().top < 140) current = section.id;
  for (const [id, link] of links) {
    if (id === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}
const bar = document.querySelector(".bar");
new ResizeObserver(() => root.style.setProperty("--bar", bar.offsetHeight + "px")).observe(bar);
addEventListener("scroll", () => requestAnimationFrame(mark), {passive: true});
theme();
mark();
for (const kind of Object.keys(kinds)) turn(kind, 0);
if (framesOf("turning") > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches) play("turning", true);
