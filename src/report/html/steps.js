// Maps beside each other become one that a reader steps through. The page is XML too: no less-than here.
for (const group of document.querySelectorAll(".steps")) {
  const steps = [...group.querySelectorAll(".step")];
  if (steps.length === 1) continue;
  const bar = document.createElement("div");
  bar.className = "stepper";
  const make = (label, by) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.setAttribute("aria-label", by === -1 ? "Earlier" : "Later");
    button.onclick = () => show(Number(slider.value) + by);
    return button;
  };
  const slider = document.createElement("input");
  slider.type = "range";
  slider.max = steps.length - 1;
  slider.value = 0;
  slider.setAttribute("aria-label", "Moment of the map");
  slider.oninput = () => show(Number(slider.value));
  const show = (index) => {
    const at = Math.max(0, Math.min(steps.length - 1, index));
    slider.value = at;
    slider.setAttribute("aria-valuetext", steps[at].querySelector("figcaption").innerText);
    steps.forEach((step, i) => step.classList.toggle("shown", i === at));
  };
  bar.append(make("‹", -1), slider, make("›", 1));
  group.prepend(bar);
  group.classList.add("live");
  show(0);
}
