// Sounds with their players and spectrograms, on one time axis.
const shown = new Map();
let zoom = 1;

async function clipRow(clip) {
  if (shown.has(clip.id)) return shown.get(clip.id);
  const [sound, picture] = await Promise.all(["sound", "spectrogram"].map(async what =>
    URL.createObjectURL(await (await ask("GET", "/api/clips/" + clip.id + "/" + what)).blob())));
  const audio = element("audio", {controls: true, src: sound, preload: "auto"});
  const title = clip.kind === "recording" ? "Recording" : {conversion: "Conversion", edit: "Edited codes", sample: "Sample"}[clip.kind];
  audio.setAttribute("aria-label", title + " " + clip.name);
  const download = element("a", {href: sound, download: clip.name + ".wav", textContent: "Download"});
  download.setAttribute("aria-label", "Download " + clip.name);
  const head = element("div", {className: "head"}, element("b", {textContent: title}),
    element("span", {className: "speaker", textContent: clip.speaker ? clip.speaker + " by " + clip.model : clip.name}), audio, download);
  if (clip.kind !== "recording") {
    const remove = element("button", {type: "button", textContent: "Delete", onclick: () => attempt(() => removeClip(clip))});
    remove.setAttribute("aria-label", "Delete " + clip.name);
    head.append(remove);
  }
  if (clip.note) head.append(element("span", {className: "figure", textContent: clip.note}));
  const image = element("img", {src: picture, alt: "Spectrogram of " + clip.name});
  const frame = element("div", {className: "picture"}, image);
  const row = element("div", {className: "clip-row"}, head, frame);
  row.dataset.kind = clip.kind;
  frame.addEventListener("click", event => {
    const box = frame.getBoundingClientRect();
    audio.currentTime = (event.clientX - box.left) / box.width * audio.duration;
    audio.play();
  });
  followPlayer(audio);
  shown.set(clip.id, row);
  return row;
}

function followPlayer(audio) {
  const head = $("playhead");
  function follow() {
    head.style.left = 100 * audio.currentTime / longest() + "%";
    head.style.visibility = "visible";
    if (audio.paused) return;
    keepInView(audio.currentTime / longest() * $("track").clientWidth);
    requestAnimationFrame(follow);
  }
  audio.addEventListener("play", () => {
    document.querySelectorAll("audio").forEach(other => { if (other !== audio) other.pause(); });
    follow();
  });
  audio.addEventListener("seeked", follow);
}

// Scrolls a magnified timeline when the play head leaves what is seen of it.
function keepInView(place) {
  const timeline = $("timeline"), before = timeline.scrollLeft;
  if (place < before || place > before + timeline.clientWidth) timeline.scrollLeft = place - 0.1 * timeline.clientWidth;
}

function forgetRow(id) {
  const row = shown.get(id);
  if (!row) return;
  for (const part of row.querySelectorAll("audio, img")) URL.revokeObjectURL(part.src);
  row.remove();
  shown.delete(id);
}

async function removeClip(clip) {
  await ask("DELETE", "/api/clips/" + clip.id);
  forgetRow(clip.id);
  await refresh();
}

// The sounds of the chosen recording: itself and what was made of it; or one that was made of nothing.
function visibleClips() {
  const chosen = studio.clips.find(clip => clip.id === $("recording").value);
  return chosen ? [chosen, ...studio.clips.filter(clip => clip.source === chosen.id).reverse()] : [];
}

function longest() { return Math.max(0.01, stripSeconds(), ...visibleClips().map(clip => clip.seconds)); }

function layOut() {
  const total = longest(), track = $("track"), view = $("timeline").clientWidth;
  $("timeline").style.setProperty("--view", view + "px");
  track.style.width = 100 * zoom + "%";
  for (const clip of visibleClips()) {
    const row = shown.get(clip.id);
    if (row) row.querySelector(".picture").style.width = 100 * clip.seconds / total + "%";
  }
  $("strip").style.width = 100 * stripSeconds() / total + "%";
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60].find(one => one / total * view * zoom > 60) || 120;
  const ticks = Array.from({length: Math.floor(total / step) + 1}, (_, n) => {
    const tick = element("span", {textContent: (n * step).toFixed(step < 1 ? 1 : 0) + " s"});
    tick.style.left = 100 * n * step / total + "%";
    return tick;
  });
  $("axis").replaceChildren(...ticks);
  $("narrower").disabled = zoom <= 1;
  $("wider").disabled = view * zoom >= 16000;
  drawStrip();
}

function zoomBy(factor) {
  const timeline = $("timeline"), middle = (timeline.scrollLeft + timeline.clientWidth / 2) / timeline.scrollWidth;
  zoom = Math.max(1, zoom * factor);
  layOut();
  timeline.scrollLeft = middle * timeline.scrollWidth - timeline.clientWidth / 2;
}

async function showClips() {
  const clips = visibleClips();
  $("listening").hidden = clips.length === 0;
  const rows = await Promise.all(clips.map(clipRow));
  $("source").replaceChildren(...rows.slice(0, 1));
  $("results").replaceChildren(...rows.slice(1));
  for (const id of [...shown.keys()]) {
    if (!studio.clips.some(clip => clip.id === id)) forgetRow(id);
  }
  layOut();
}
