// New voices from recordings, and new sounds from a prior.
function showMaking() {
  const box = $("voice-clips"), ticked = new Set(Array.from(box.querySelectorAll("input:checked"), input => input.value));
  const labels = studio.clips.filter(clip => clip.kind === "recording").map(clip => {
    const input = element("input", {type: "checkbox", value: clip.id, checked: ticked.has(clip.id), onchange: voicesChanged});
    return element("label", {}, input, clip.name + ", " + seconds(clip.seconds));
  });
  box.replaceChildren(box.querySelector("legend"), ...labels);
  $("voice-place").textContent = studio.keeps_voices ?
    "The model with the voice is kept in " + studio.keeps_voices + "." :
    "The voice is gone when the studio ends; start it with --out DIR to keep it.";
  $("sampling").hidden = studio.priors.length === 0;
  fill($("prior"), studio.priors.map(prior => [prior.name, prior.name + " of " + prior.model]));
  priorChanged();
}

function voicesChanged() {
  const model = studio.model(), ticked = $("voice-clips").querySelectorAll("input:checked").length;
  $("add-voice").disabled = !model || !model.takes_voices || !ticked || !$("voice-name").value.trim();
}

function priorChanged() {
  const prior = studio.priors.find(one => one.name === $("prior").value);
  if (prior) fill($("condition"), prior.conditions.map(name => [name, name]));
}

function prepareMaking() {
  $("voice-name").oninput = voicesChanged;
  $("prior").onchange = priorChanged;
  $("add-voice").onclick = () => attempt(() => submit({
    kind: "voice", model: $("model").value, name: $("voice-name").value.trim(),
    clips: Array.from($("voice-clips").querySelectorAll("input:checked"), input => input.value),
  }));
  $("sample").onclick = () => attempt(() => submit({
    kind: "sample", prior: $("prior").value, speaker: $("condition").value, seconds: Number($("sample-seconds").value),
    temperature: Number($("sample-temperature").value), top_p: Number($("top-p").value), seed: Number($("sample-seed").value),
  }));
}
