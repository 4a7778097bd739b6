"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = Object.fromEntries(data.columns.map((name, i) => [name, i]));
const form = document.getElementById("filters");
const grid = document.getElementById("grid");
const count = document.getElementById("count");
const more = document.getElementById("more");
const viewer = document.getElementById("viewer");
const pair = document.getElementById("pair");
const STEP = 60;
const words = (name) => name.replaceAll("_", " ");
const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
let matching = [];
let drawn = 0;
let open = 0;

function select(name, label, options) {
  const box = element("select", { name }, ...options.map(([value, text]) => element("option", { value, textContent: text })));
  form.append(element("label", {}, label, box));
}

function levels(name) {
  const seen = new Set(data.rows.map((row) => row[at[name]]));
  return [...seen].sort((a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true })));
}
const severalSizes = levels("size").length > 1;

for (const name of [...data.factors, "stimulus", "verdict"]) {
  const found = levels(name);
  if (found.length > 1) select(name, words(name), [["", "all"], ...found.map((v) => [String(v), String(v)])]);
}
select("figure", "number shown", [["main", "as judged"], ...data.figures.map((n) => [n, words(n)])]);
select("order", "order", [["", "as planned"], ["down", "largest first"], ["up", "smallest first"]]);

function figure(i) {
  const name = form.elements.figure.value;
  const column = name === "main" ? data.main[i] : at[name];
  const value = column === null ? null : data.rows[i][column];
  return { name: column === null ? "" : words(data.columns[column]), value };
}

function filter() {
  const wanted = [...data.factors, "stimulus", "verdict"]
    .filter((name) => form.elements[name] && form.elements[name].value !== "")
    .map((name) => [at[name], form.elements[name].value]);
  matching = data.rows.map((_, i) => i).filter((i) => wanted.every(([c, v]) => String(data.rows[i][c]) === v));
  const order = form.elements.order.value;
  if (order) {
    const sign = order === "up" ? 1 : -1;
    const values = new Map(matching.map((i) => [i, figure(i).value]));
    matching.sort((a, b) => {
      const [x, y] = [values.get(a), values.get(b)];
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return sign * (x - y) || a - b;
    });
  }
  count.textContent = `${matching.length} of ${data.rows.length} stimuli`;
  grid.replaceChildren();
  drawn = 0;
  fill();
}

// Cards are made as the reader comes near them: thousands at once would be slow to lay out.
function fill() {
  while (drawn < matching.length && more.getBoundingClientRect().top < innerHeight + 800) draw();
}

function draw() {
  const next = matching.slice(drawn, drawn + STEP);
  grid.append(...next.map((i, k) => card(i, drawn + k)));
  drawn += next.length;
}

function picture(row) {
  const path = row[at.png8_path] ?? row[at.png16_path];
  return "../" + path.split("/").map(encodeURIComponent).join("/");
}

function card(i, place) {
  const row = data.rows[i];
  const { name, value } = figure(i);
  const title = data.factors.map((factor) => row[at[factor]]);
  const made = element("button", { type: "button", className: "card" },
    element("img", { src: picture(row), loading: "lazy", decoding: "async", alt: "", width: row[at.width], height: row[at.height] }),
    element("span", { className: "verdict", textContent: row[at.verdict] }),
    element("span", { textContent: `${title[0]}, ${title[1]}` }),
    element("span", { textContent: `${title[2]}${row[at.stimulus].startsWith("rank") ? " " + row[at.stimulus] : ""}, seed ${title[3]}${severalSizes ? ", " + row[at.size].replaceAll(" ", "\u00a0") : ""}` }),
    element("span", { className: "figure", textContent: value === null || value === undefined ? "" : `${name} ${value}` }));
  made.dataset.verdict = row[at.verdict];
  made.addEventListener("click", () => show(place));
  return made;
}

function show(place) {
  open = Math.max(0, Math.min(place, matching.length - 1));
  const row = data.rows[matching[open]];
  document.getElementById("name").textContent =
    data.factors.map((n) => `${n} ${row[at[n]]}`).join(", ") + `: ${row[at.verdict]}` +
    (row[at.status] === row[at.verdict] ? "" : ` (${row[at.status]})`);
  const [target, stimulus] = pair.querySelectorAll("img");
  target.src = "../" + row[at.target_png8_path].split("/").map(encodeURIComponent).join("/");
  stimulus.src = picture(row);
  const links = document.getElementById("links");
  links.replaceChildren("Files: ", ...data.files.filter((n) => row[at[n]]).flatMap((n, k) => {
    const href = "../" + row[at[n]].split("/").map(encodeURIComponent).join("/");
    return [k ? ", " : "", element("a", { href, textContent: row[at[n]].split("/").pop() })];
  }));
  const lines = data.figures.filter((n) => row[at[n]] !== null && row[at[n]] !== "").map((n) =>
    element("tr", {}, element("th", { scope: "row", textContent: words(n) }), element("td", { className: "number", textContent: row[at[n]] })));
  if (row[at.warnings]) {
    lines.push(element("tr", {}, element("th", { scope: "row", textContent: "warnings" }), element("td", { textContent: row[at.warnings] })));
  }
  document.getElementById("figures").replaceChildren(...lines);
  if (!viewer.open) viewer.showModal();
}

function toggle() {
  document.getElementById("flicker").checked = true;
  pair.classList.add("flicker");
  pair.dataset.shown = pair.dataset.shown === "stimulus" ? "target" : "stimulus";
}

form.addEventListener("change", filter);
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("before").addEventListener("click", () => show(open - 1));
document.getElementById("after").addEventListener("click", () => show(open + 1));
document.getElementById("toggle").addEventListener("click", toggle);
document.getElementById("flicker").addEventListener("change", (event) => {
  pair.classList.toggle("flicker", event.target.checked);
  pair.dataset.shown = "stimulus";
});
viewer.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.tagName !== "BUTTON") { toggle(); event.preventDefault(); }
  if (event.key === "ArrowLeft") show(open - 1);
  if (event.key === "ArrowRight") show(open + 1);
});
addEventListener("scroll", fill, { passive: true });
addEventListener("resize", fill, { passive: true });
filter();
