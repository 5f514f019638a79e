// What the page knows, and what its controls do.
const studio = {
  models: [], priors: [], clips: [], most_s: 0, most_bytes: 0, pending: new Set(),
  model() { return this.models.find(model => model.name === $("model").value); },
};

function fill(list, items, kept = list.value) {
  list.replaceChildren(...items.map(([value, text]) => element("option", {value, textContent: text})));
  if (items.some(([value]) => value === kept)) list.value = kept;
}

async function refresh() {
  Object.assign(studio, await askJson("GET", "/api/state"));
  $("limits").textContent = Math.floor(studio.most_bytes / 1048576) + " MB and " + studio.most_s + " s";
  fill($("model"), studio.models.map(model => [model.name, model.name + " (" + model.decoder + ")"]));
  const ids = new Set(studio.clips.map(clip => clip.id)), roots = studio.clips.filter(clip => !ids.has(clip.source));
  fill($("recording"), roots.length === 0 ? [["", "none yet"]] : roots.map(clip => [clip.id, clip.name + ", " + seconds(clip.seconds)]));
  $("recording").disabled = $("forget").disabled = roots.length === 0;
  $("compare").hidden = studio.models.length < 2;
  showMaking();
  await modelChanged();
}

async function modelChanged() {
  const model = studio.model();
  if (!model) return;
  fill($("speaker"), model.speakers.map(one => [one.id, one.note ? one.id + " (" + one.note + ")" : one.id]));
  $("intonation").disabled = !model.takes_pitch;
  voicesChanged();
  fill($("book"), model.codebook_sizes.map((size, number) => [String(number), (number + 1) + " (" + size + " codes)"]));
  await recordingChanged();
}

async function recordingChanged() {
  const chosen = studio.clips.find(clip => clip.id === $("recording").value);
  $("convert").disabled = !chosen || (chosen.kind === "sample" && chosen.model !== $("model").value);
  $("compare").disabled = !chosen || chosen.kind !== "recording";
  await showCodes(chosen);
  await showClips();
}

// The strip shows the codes of the recording by the chosen model, once it was converted by it.
async function showCodes(chosen) {
  const made = chosen && [chosen, ...studio.clips.filter(clip => clip.source === chosen.id)].find(
    clip => clip.has_codes && clip.kind !== "edit" && clip.model === $("model").value);
  const key = made ? chosen.id + " " + made.model : "";
  if (key === strip.key) return;
  Object.assign(strip, {key, codes: null, edits: [], first: 0, last: 0});
  if (!made) return drawStrip();
  const {codes, frame_s} = await askJson("GET", "/api/clips/" + made.id + "/codes");
  Object.assign(strip, {codes, frame: frame_s, model: made.model});
  $("strip-model").textContent = "of " + made.model + ", " + codes[0].length + " codes at " + (1 / frame_s).toFixed(1) + " Hz";
  $("codes").hidden = $("editing").hidden = false;
  stripChanged();
}

async function choose(list, value, changed) {
  $(list).value = value;
  await changed();
}

async function upload(content, name) {
  if (content.size > studio.most_bytes) {
    throw new Error(name + " has " + Math.ceil(content.size / 1048576) + " MB; at most " + Math.floor(studio.most_bytes / 1048576) + " MB are taken.");
  }
  say("Reading " + name + " ...");
  let clip;
  try {
    clip = await (await ask("POST", "/api/clips?name=" + encodeURIComponent(name), content)).json();
  } catch (error) {
    say("");
    throw error;
  }
  await refresh();
  await choose("recording", clip.id, recordingChanged);
  say(name + " is ready, " + seconds(clip.seconds) + ".");
}

async function submit(request) {
  const job = await askJson("POST", "/api/jobs", request);
  studio.pending.add(job.id);
  watchJobs();
}

function wish(model = studio.model(), speaker = $("speaker").value) {
  return {model: model.name, speaker, intonation: $("intonation").value, seed: Math.max(0, Number($("seed").value) || 0),
    temperature: $("temperature").value === "" ? 1 : Number($("temperature").value)};
}

async function convert(edits = []) {
  await submit({kind: "convert", clip: $("recording").value, edits, ...wish()});
}

async function compare() {
  for (const model of studio.models) {
    const ids = model.speakers.map(one => one.id), same = ids.includes($("speaker").value);
    await submit({kind: "convert", clip: $("recording").value, ...wish(model, same ? $("speaker").value : ids[0] || "")});
  }
}

let watching = false;

// Asks for news while jobs of this page wait or run; its silence tells the server that the page is gone.
async function watchJobs() {
  if (watching) return;
  watching = true;
  let after = -1;
  try {
    for (let open = true; open;) {
      const news = await askJson("GET", "/api/jobs?after=" + after);
      after = news.version;
      await showJobs(news.jobs);
      open = news.jobs.some(job => job.state === "waiting" || job.state === "running");
    }
  } catch (error) { alarm(error.message); }
  watching = false;
}

async function showJobs(jobs) {
  const open = jobs.filter(job => job.state === "waiting" || job.state === "running");
  $("work").hidden = open.length === 0;
  // Buttons stay the same elements, so that they keep the focus.
  const rows = new Map(Array.from($("jobs").children, row => [row.dataset.job, row]));
  $("jobs").replaceChildren(...open.map(job => rows.get(job.id) || jobRow(job)));
  for (const job of open) {
    const row = Array.from($("jobs").children).find(one => one.dataset.job === job.id), bar = row.querySelector("progress");
    if (job.state === "running" && job.total) Object.assign(bar, {max: job.total, value: job.done});
    const ahead = job.before === 1 ? "waits for 1 job" : "waits for " + job.before + " jobs";
    row.querySelector(".figure").textContent = job.state === "waiting" ? ahead : job.note;
  }
  for (const job of jobs.filter(one => studio.pending.has(one.id) && !open.includes(one))) {
    studio.pending.delete(job.id);
    if (job.state === "failed") alarm(job.title + ": " + job.message);
    else if (job.state === "cancelled") say(job.title + " was cancelled.");
    else await jobDone(job);
  }
}

async function jobDone(job) {
  await refresh();
  say(job.title + " is done.");
  const made = studio.clips.find(clip => clip.id === job.results[0]);
  if (made && made.kind === "sample") await choose("recording", made.id, recordingChanged);
  if (!made) {
    await choose("model", job.results[0], modelChanged);
    $("speaker").value = studio.model().speakers.at(-1).id;
  }
  const row = shown.get(job.results[0]);
  if (row && studio.pending.size === 0) row.querySelector("audio").play().catch(() => {});
}

function jobRow(job) {
  const bar = element("progress", {});
  bar.setAttribute("aria-label", "Progress of " + job.title);
  const cancel = element("button", {type: "button", textContent: "Cancel", onclick: () => attempt(() => ask("DELETE", "/api/jobs/" + job.id))});
  cancel.setAttribute("aria-label", "Cancel " + job.title);
  const row = element("li", {}, element("span", {className: "title", textContent: job.title}), bar, element("span", {className: "figure"}), cancel);
  row.dataset.job = job.id;
  studio.pending.add(job.id);
  return row;
}

function prepareDrop() {
  const area = $("drop");
  const files = event => Array.from(event.dataTransfer.types).includes("Files");
  for (const name of ["dragover", "dragenter"]) {
    document.addEventListener(name, event => { if (files(event)) { event.preventDefault(); area.classList.add("over"); } });
  }
  document.addEventListener("dragleave", event => { if (!event.relatedTarget) area.classList.remove("over"); });
  document.addEventListener("drop", event => {
    if (!files(event)) return;
    event.preventDefault();
    area.classList.remove("over");
    const file = event.dataTransfer.files[0];
    if (file) attempt(() => upload(file, file.name));
  });
}

$("record").onclick = () => attempt(toggleRecording);
$("file").onchange = event => attempt(async () => {
  const file = event.target.files[0];
  if (file) await upload(file, file.name);
  event.target.value = "";
});
$("model").onchange = () => attempt(modelChanged);
$("recording").onchange = () => attempt(recordingChanged);
$("forget").onclick = () => attempt(async () => {
  for (const clip of visibleClips().reverse()) await removeClip(clip);
  say("The recording and what was made of it are deleted.");
});
$("convert").onclick = () => attempt(() => convert());
$("compare").onclick = () => attempt(compare);
$("hear").onclick = () => attempt(() => convert(strip.edits));
$("wider").onclick = () => zoomBy(2);
$("narrower").onclick = () => zoomBy(0.5);
addEventListener("resize", layOut);
prepareDrop();
prepareStrip();
prepareMaking();
attempt(async () => {
  await refresh();
  watchJobs();
});
