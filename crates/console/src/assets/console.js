// What the console does beyond reading: results that move as they arrive, and a file read into a form.
// Everything is there without it.
"use strict";

/** The counts of a script, as they change: numbers in the page, and the parts of its bar. */
function live(section) {
  const sign = section.querySelector("[data-live-sign]");
  const total = section.querySelector('[data-count="total"]');
  const rects = [...section.querySelectorAll("rect[data-state]")];
  const bar = section.querySelector("svg.bar");
  const width = 1000;
  let shown;
  const events = new EventSource(section.dataset.live);
  const say = (text, on) => {
    sign.textContent = text;
    sign.classList.toggle("on", on);
  };
  events.addEventListener("open", () => say("live", true));
  events.addEventListener("error", () => say("connecting", false));
  events.addEventListener("counts", (event) => {
    const counts = JSON.parse(event.data);
    const sum = Object.values(counts).reduce((all, count) => all + count, 0);
    let at = 0;
    for (const rect of rects) {
      const count = counts[rect.dataset.state] ?? 0;
      const x = sum ? Math.floor((at * width) / sum) : 0;
      const end = sum ? Math.floor(((at + count) * width) / sum) : 0;
      rect.setAttribute("x", x);
      rect.setAttribute("width", end - x);
      at += count;
    }
    for (const element of section.querySelectorAll("[data-count]")) {
      const name = element.dataset.count;
      if (name !== "total") element.textContent = counts[name] ?? 0;
    }
    total.textContent = sum;
    const label = rects
      .filter((rect) => counts[rect.dataset.state])
      .map((rect) => `${rect.dataset.state} ${counts[rect.dataset.state]}`);
    bar.setAttribute("aria-label", label.join(", "));
    // The table is not changed under the reader's eyes; a link says that there is more.
    const news = document.querySelector("[data-news]");
    if (shown && shown !== event.data && news) news.hidden = false;
    shown = event.data;
  });
  addEventListener("pagehide", () => events.close());
}

/** A file's text into the field of a form. */
function upload(field) {
  const target = document.getElementById(field.dataset.upload);
  const name = document.getElementById("fileName");
  field.hidden = false;
  field.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    target.value = await file.text();
    if (name && !name.value) name.value = file.name;
  });
}

for (const section of document.querySelectorAll("[data-live]")) live(section);
for (const field of document.querySelectorAll("[data-upload]")) upload(field);
