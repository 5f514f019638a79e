// The strip of codes: drawn on a canvas, a span of it selected with mouse or keys, changed by a list of edits.
const BOOK_HEIGHT = 30;

const strip = {codes: null, frame: 0, edits: [], first: 0, last: 0, key: "", model: ""};

function edited(codes, edits) {
  return edits.reduce((books, edit) => books.map((book, number) => {
    const before = book.slice(0, edit.start), span = book.slice(edit.start, edit.stop), after = book.slice(edit.stop);
    if (edit.kind === "delete") return before.concat(after);
    if (edit.kind === "repeat") return before.concat(...Array(edit.times + 1).fill(span), after);
    return number === edit.book ? before.concat(span.map(() => edit.code), after) : book;
  }), codes);
}

function codesNow() { return strip.codes ? edited(strip.codes, strip.edits) : null; }

function stripSeconds() { return strip.codes ? codesNow()[0].length * strip.frame : 0; }

function drawStrip() {
  const codes = codesNow(), canvas = $("canvas");
  $("codes").hidden = $("editing").hidden = !codes;
  if (!codes) return;
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = BOOK_HEIGHT * codes.length;
  canvas.width = Math.min(32000, Math.round(width * ratio));
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d"), scale = canvas.width / codes[0].length;
  pen.font = Math.round(11 * ratio) + "px ui-monospace, monospace";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  codes.forEach((book, row) => book.forEach((code, at) => {
    // Neighbouring numbers get colours far apart: the golden angle.
    pen.fillStyle = "hsl(" + (code * 137.5) % 360 + " 45% 78%)";
    pen.fillRect(at * scale, row * BOOK_HEIGHT * ratio, scale + 1, BOOK_HEIGHT * ratio - 1);
    if (scale > pen.measureText(code).width + 2 * ratio) {
      pen.fillStyle = "#1f2933";
      pen.fillText(code, (at + 0.5) * scale, (row + 0.5) * BOOK_HEIGHT * ratio);
    }
  }));
  pen.strokeStyle = "#000";
  pen.lineWidth = 2 * ratio;
  const left = strip.first * scale, right = (strip.last + 1) * scale;
  pen.strokeRect(left + ratio, ratio, Math.max(2 * ratio, right - left - 2 * ratio), canvas.height - 2 * ratio);
}

function select(first, last) {
  const count = codesNow()[0].length, within = value => Math.max(0, Math.min(count - 1, value || 0));
  [strip.first, strip.last] = [within(Math.min(first, last)), within(Math.max(first, last))];
  $("first").value = strip.first;
  $("last").value = strip.last;
  $("first").max = $("last").max = count - 1;
  const book = Number($("book").value) || 0, chosen = codesNow()[book].slice(strip.first, strip.last + 1);
  const shown = chosen.slice(0, 12).join(" ") + (chosen.length > 12 ? " ..." : "");
  $("selection").textContent = seconds(strip.first * strip.frame) + " to " + seconds((strip.last + 1) * strip.frame) + ": " + shown;
  drawStrip();
}

function frameAt(event) {
  const box = $("canvas").getBoundingClientRect();
  return Math.floor((event.clientX - box.left) / box.width * codesNow()[0].length);
}

function changeStrip(edit) {
  strip.edits.push(edit);
  if (edit.kind !== "replace" && codesNow()[0].length === 0) {
    strip.edits.pop();
    throw new Error("All codes would be deleted; leave at least one.");
  }
  if (edit.kind === "replace" && !(edit.code >= 0 && edit.code < studio.model().codebook_sizes[edit.book])) {
    strip.edits.pop();
    throw new Error("Codes of this codebook are 0 to " + (studio.model().codebook_sizes[edit.book] - 1) + ".");
  }
  stripChanged();
}

function stripChanged() {
  $("undo").disabled = $("hear").disabled = strip.edits.length === 0;
  $("edits").textContent = ["", "1 edit"][strip.edits.length] ?? strip.edits.length + " edits";
  layOut();
  select(strip.first, strip.last);
}

function prepareStrip() {
  let anchor = null;
  const surface = $("strip");
  surface.addEventListener("pointerdown", event => {
    anchor = event.shiftKey ? strip.first : frameAt(event);
    surface.setPointerCapture(event.pointerId);
    select(anchor, frameAt(event));
  });
  surface.addEventListener("pointermove", event => { if (anchor !== null) select(anchor, frameAt(event)); });
  for (const name of ["pointerup", "pointercancel"]) surface.addEventListener(name, () => { anchor = null; });
  surface.addEventListener("keydown", event => {
    const step = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
    if (step === undefined) return;
    event.preventDefault();
    select(event.shiftKey ? strip.first : strip.first + step, event.shiftKey ? strip.last + step : strip.first + step);
  });
  $("first").addEventListener("change", () => select(Number($("first").value), Math.max(Number($("first").value), strip.last)));
  $("last").addEventListener("change", () => select(Math.min(Number($("last").value), strip.first), Number($("last").value)));
  $("book").addEventListener("change", () => select(strip.first, strip.last));
  const span = kind => ({kind, start: strip.first, stop: strip.last + 1});
  $("replace").onclick = () => attempt(() => changeStrip({...span("replace"), book: Number($("book").value), code: Number($("code").value)}));
  $("repeat").onclick = () => attempt(() => changeStrip({...span("repeat"), times: Math.max(1, Math.min(20, Number($("times").value)))}));
  $("delete").onclick = () => attempt(() => changeStrip(span("delete")));
  $("undo").onclick = () => { strip.edits.pop(); stripChanged(); };
}
