// Records the microphone as it is: one channel, without echo cancellation, noise suppression or gain control.
const COLLECTOR = `registerProcessor("collector", class extends AudioWorkletProcessor {
  process(inputs) {
    if (inputs[0].length) this.port.postMessage(inputs[0][0].slice());
    return true;
  }
});`;

const MICROPHONE_ERRORS = {
  NotFoundError: "No microphone was found. Connect one, or choose a file.",
  NotAllowedError: "The browser may not use the microphone. Allow it beside the address of this page, or choose a file.",
  NotReadableError: "The microphone cannot be opened; another program may use it. Or choose a file.",
};

class Recorder {
  constructor(longest, ended) { Object.assign(this, {longest, ended, blocks: [], count: 0, peak: 0}); }

  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers record only on pages of this machine (127.0.0.1 or localhost) or by https. Choose a file.");
    }
    const audio = {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({audio});
    } catch (error) {
      throw new Error(MICROPHONE_ERRORS[error.name] || "The microphone cannot be used: " + error.message);
    }
    this.context = new AudioContext();
    const address = URL.createObjectURL(new Blob([COLLECTOR], {type: "text/javascript"}));
    await this.context.audioWorklet.addModule(address);
    URL.revokeObjectURL(address);
    this.node = new AudioWorkletNode(this.context, "collector", {numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit"});
    this.node.port.onmessage = event => this.take(event.data);
    this.context.createMediaStreamSource(this.stream).connect(this.node);
    this.stream.getAudioTracks()[0].onended = () => this.ended("The microphone was disconnected; what it recorded is kept.");
  }

  take(block) {
    this.blocks.push(block);
    this.count += block.length;
    for (const value of block) this.peak = Math.max(this.peak, Math.abs(value));
    if (this.seconds >= this.longest) this.ended("The longest recording is reached.");
  }

  get seconds() { return this.context ? this.count / this.context.sampleRate : 0; }

  level() {
    const peak = this.peak;
    this.peak = 0;
    return peak;
  }

  async stop() {
    const rate = this.context.sampleRate;
    this.node.port.onmessage = null;
    this.stream.getTracks().forEach(track => { track.onended = null; track.stop(); });
    await this.context.close();
    return wav(this.blocks, this.count, rate);
  }
}

// A 16-bit WAV file of blocks of samples.
function wav(blocks, count, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const letters = (at, text) => Array.from(text).forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  letters(0, "RIFF"); view.setUint32(4, 36 + 2 * count, true); letters(8, "WAVEfmt "); view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  letters(36, "data"); view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const block of blocks) {
    for (const value of block) {
      view.setInt16(at, Math.max(-32768, Math.min(32767, Math.round(value * 32768))), true);
      at += 2;
    }
  }
  return new Blob([view], {type: "audio/wav"});
}

let recorder = null;

async function toggleRecording() {
  if (recorder) return finishRecording();
  const fresh = new Recorder(studio.most_s, note => attempt(() => finishRecording(note)));
  await fresh.start();
  recorder = fresh;
  showRecording();
  return undefined;
}

async function finishRecording(note = "") {
  const done = recorder;
  if (!done) return;
  recorder = null;
  showRecording();
  const sound = await done.stop();
  const now = new Date(), two = number => String(number).padStart(2, "0");
  await upload(sound, "recording-" + two(now.getHours()) + two(now.getMinutes()) + two(now.getSeconds()) + ".wav");
  if (note) alarm(note);
}

function showRecording() {
  const on = recorder !== null;
  $("record").textContent = on ? "Stop" : "Record";
  $("record").classList.toggle("recording", on);
  $("elapsed").hidden = $("level").hidden = !on;
  if (!on) return;
  $("elapsed").textContent = recorder.seconds.toFixed(1) + " s";
  $("level").value = recorder.level();
  setTimeout(showRecording, 100);
}
