"use strict";
const modes = ["side", "flicker", "wipe", "difference"];

class Viewer {
  constructor(root) {
    this.root = root;
    this.stage = root.querySelector(".stage");
    this.images = [...root.querySelectorAll("img")];
    this.slider = root.querySelector(".slider");
    this.zoom = 1;
    this.chosen = false;
    for (const radio of root.querySelectorAll("input[type=radio]"))
      radio.addEventListener("change", () => this.compare(radio.value));
    root.querySelector(".in").addEventListener("click", () => this.step(1));
    root.querySelector(".out").addEventListener("click", () => this.step(-1));
    root.querySelector(".toggle").addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.wipe(Number(this.slider.value)));
    this.wipe(50);
    this.compare("side");
  }

  step(by) {
    this.chosen = true;
    this.scale(this.zoom + by);
  }

  fit() {
    if (this.chosen) return;
    const columns = this.root.clientWidth >= 640 ? 2 : 1;
    const room = (this.stage.clientWidth - 24 - 12 * (columns - 1)) / columns;
    this.scale(Math.floor(Math.min(room, 512) / this.images[0].getAttribute("width")));
  }

  scale(zoom) {
    this.zoom = Math.min(Math.max(Math.round(zoom), 1), 32);
    for (const image of this.images) {
      image.style.width = image.getAttribute("width") * this.zoom + "px";
      image.style.height = image.getAttribute("height") * this.zoom + "px";
    }
    this.root.querySelector(".factor").textContent = this.zoom + "×";
  }

  compare(mode) {
    const radio = this.root.querySelector(`input[value=${mode}]`);
    if (!radio) return;
    radio.checked = true;
    this.root.dataset.mode = mode;
    this.say();
  }

  toggle() {
    if (this.root.dataset.mode !== "flicker") this.compare("flicker");
    this.root.dataset.shown = this.root.dataset.shown === "target" ? "stimulus" : "target";
    this.say();
  }

  wipe(percent) {
    this.slider.value = percent;
    this.root.style.setProperty("--wipe", this.slider.value + "%");
    this.say();
  }

  label(role) {
    const image = this.root.querySelector("." + role + " img");
    return image ? image.alt : "";
  }

  say() {
    const mode = this.root.dataset.mode;
    const texts = {
      side: "",
      flicker: this.label(this.root.dataset.shown),
      wipe: this.label("target") + " on the left, " + this.label("stimulus") + " on the right",
      difference: this.label("difference"),
    };
    this.root.querySelector(".shown").textContent = texts[mode];
  }
}

const viewers = [...document.querySelectorAll(".viewer")].map((root) => new Viewer(root));
const current = () => viewers.find((viewer) => !viewer.root.closest("article").hidden);
current().fit();

window.addEventListener("resize", () => current().fit());

const entry = document.getElementById("entry");
if (entry)
  entry.addEventListener("change", () => {
    for (const article of document.querySelectorAll("article")) article.hidden = article.id !== "entry-" + entry.value;
    current().fit();
  });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const viewer = current();
  const on = event.target;
  const inControl = on.matches("select") || (on.matches("input") && on.type !== "radio");
  if (event.key === " ") {
    if (on.matches("button, select")) return;
    viewer.toggle();
  } else if (event.key === "+" || event.key === "=") viewer.step(1);
  else if (event.key === "-") viewer.step(-1);
  else if (modes[Number(event.key) - 1] && !inControl) viewer.compare(modes[Number(event.key) - 1]);
  else if (viewer.root.dataset.mode === "wipe" && !on.matches("input, select") && event.key === "ArrowLeft")
    viewer.wipe(Number(viewer.slider.value) - 5);
  else if (viewer.root.dataset.mode === "wipe" && !on.matches("input, select") && event.key === "ArrowRight")
    viewer.wipe(Number(viewer.slider.value) + 5);
  else return;
  event.preventDefault();
});
