// Requests to the server of this page; every answer other than 2xx is an Error with the server's words.
const PAGE_ID = (() => {
  // Kept over a reload, so that jobs go on; another tab has another one.
  let id = sessionStorage.getItem("page");
  if (!id) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("page", id);
  }
  return id;
})();

const $ = id => document.getElementById(id);

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {method, body, headers: {"X-Token": TOKEN, "X-Page": PAGE_ID}});
  } catch (error) {
    throw new Error("The studio does not answer. Does `vqspeech studio` still run?");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

async function askJson(method, path, value) {
  return (await ask(method, path, value === undefined ? undefined : JSON.stringify(value))).json();
}

function say(text) { $("status").textContent = text; }

function alarm(text) {
  $("alarm").textContent = text;
  $("alarm").hidden = !text;
}

// Runs what a control asks for; what fails is shown.
async function attempt(work) {
  alarm("");
  try { return await work(); } catch (error) { alarm(error.message); return undefined; }
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function seconds(value) { return value.toFixed(2) + " s"; }
