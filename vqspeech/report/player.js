"use strict";
document.querySelectorAll(".clip").forEach(function (clip) {
  var sound = clip.querySelector("audio"), heads = clip.querySelectorAll("i"), drawing = clip.querySelector(".codes svg");
  var note = clip.querySelector(".codes p"), summary = note && note.textContent, frames = drawing && drawing.viewBox.baseVal.width;
  var books = drawing ? drawing.dataset.codes.split(",").map(function (row) { return row.split(" "); }) : [];
  function name(share) {
    var frame = Math.min(Math.floor(share * frames), books[0].length - 1);
    var values = books.map(function (row) { return row[frame]; }).join(", ");
    note.textContent = (books.length > 1 ? "codes " : "code ") + values + " in frame " + frame;
  }
  function follow() {
    var share = sound.currentTime / sound.duration;
    if (sound.duration) {
      heads.forEach(function (head) { head.style.opacity = 1; head.style.left = 100 * share + "%"; });
      if (note) { name(share); }
    }
    if (!sound.paused) { requestAnimationFrame(follow); }
  }
  sound.addEventListener("play", function () {
    document.querySelectorAll("audio").forEach(function (other) { if (other !== sound) { other.pause(); } });
    clip.classList.add("playing");
    follow();
  });
  sound.addEventListener("seeked", follow);
  ["pause", "ended"].forEach(function (name) { sound.addEventListener(name, function () { clip.classList.remove("playing"); }); });
  function at(event) {
    var box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  }
  clip.querySelectorAll(".strip, .codes svg").forEach(function (strip) {
    strip.addEventListener("click", function (event) {
      var share = at(event);
      function seek() { sound.currentTime = share * sound.duration; sound.play(); }
      if (sound.duration) { seek(); } else { sound.addEventListener("loadedmetadata", seek, { once: true }); sound.preload = "auto"; sound.load(); }
    });
  });
  if (drawing) {
    drawing.addEventListener("pointermove", function (event) { name(at(event)); });
    drawing.addEventListener("pointerleave", function () { note.textContent = summary; });
  }
});
function mark() {
  document.querySelectorAll(".scrolls").forEach(function (box) {
    var wider = box.scrollWidth > box.clientWidth;
    ["tabindex", "role", "aria-label"].forEach(function (name, place) {
      if (wider) { box.setAttribute(name, ["0", "group", box.dataset.name || "Table"][place]); } else { box.removeAttribute(name); }
    });
  });
}
addEventListener("load", mark);
addEventListener("resize", mark);
mark();
document.querySelectorAll(".command button").forEach(function (button) {
  button.addEventListener("click", function () {
    var text = button.previousElementSibling.textContent, range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (navigator.clipboard) { navigator.clipboard.writeText(text); } else { document.execCommand("copy"); }
    button.textContent = "Copied";
  });
});
