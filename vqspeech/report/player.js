"use strict";
document.querySelectorAll(".clip").forEach(function (clip) {
  var sound = clip.querySelector("audio"), strip = clip.querySelector(".strip"), head = clip.querySelector(".strip i");
  function follow() {
    if (head && sound.duration) { head.style.opacity = 1; head.style.left = 100 * sound.currentTime / sound.duration + "%"; }
    if (!sound.paused) { requestAnimationFrame(follow); }
  }
  sound.addEventListener("play", function () {
    document.querySelectorAll("audio").forEach(function (other) { if (other !== sound) { other.pause(); } });
    clip.classList.add("playing");
    follow();
  });
  sound.addEventListener("seeked", follow);
  ["pause", "ended"].forEach(function (name) { sound.addEventListener(name, function () { clip.classList.remove("playing"); }); });
  if (strip) {
    strip.addEventListener("click", function (event) {
      var box = strip.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
      function seek() { sound.currentTime = share * sound.duration; sound.play(); }
      if (sound.duration) { seek(); } else { sound.addEventListener("loadedmetadata", seek, { once: true }); sound.load(); sound.preload = "auto"; }
    });
  }
});
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
