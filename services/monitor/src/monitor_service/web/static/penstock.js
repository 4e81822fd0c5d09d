// Keeps a page current. Everything is rendered by the server: this fetches it again and puts it in
// place, so a page without scripts shows the same, as of when it was loaded.
"use strict";

const LONGEST_PAUSE = 30000;

function enhance(part) {
  // The end of a log says what broke.
  for (const tail of part.querySelectorAll("pre.tail")) tail.scrollTop = tail.scrollHeight;
  for (const button of part.querySelectorAll("button[data-copy]")) button.hidden = false;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

async function fragment(query) {
  const wanted = new URLSearchParams(query);
  wanted.set("fragment", "1");
  const answer = await fetch(`?${wanted}`, { headers: { Accept: "text/html" } });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content;
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function reading(part) {
  const selection = document.getSelection();
  return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
}

function swap(old, fresh) {
  const open = [...old.querySelectorAll("details[open]")].map((details) => details.id);
  const scrolled = [...old.querySelectorAll("pre")].map((block) => block.scrollLeft);
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && (focused.id ? `#${focused.id}` : `a[href="${focused.getAttribute("href")}"]`);
  const was = old.dataset.state;
  old.replaceWith(fresh);
  enhance(fresh);
  for (const id of open) fresh.querySelector(`#${id}`)?.setAttribute("open", "");
  fresh.querySelectorAll("pre").forEach((block, index) => { block.scrollLeft = scrolled[index] || 0; });
  if (place) fresh.querySelector(place)?.focus({ preventScroll: true });
  if (was && was !== fresh.dataset.state) say(`The flow is now ${fresh.dataset.state}.`);
}

async function keepCurrent() {
  let wait = 0;
  for (;;) {
    const live = document.getElementById("live");
    const every = Number(live?.dataset.every);
    if (!every) return;
    await pause(Math.min(wait || every, LONGEST_PAUSE));
    await visible();
    if (reading(live)) continue;
    try {
      swap(live, (await fragment(location.search)).getElementById("live"));
      wait = 0;
    } catch {
      wait = (wait || every) * 2;
    }
  }
}

function atTheEnd() {
  return window.innerHeight + window.scrollY >= document.body.scrollHeight - 40;
}

async function followLog() {
  const log = document.getElementById("log");
  let quiet = 250;
  for (;;) {
    const end = log?.querySelector(".end");
    if (!end || end.dataset.more === undefined) return;
    await visible();
    try {
      const fresh = await fragment(`after=${encodeURIComponent(end.dataset.next)}&line=${end.dataset.line}`);
      const stick = atTheEnd();
      const grew = fresh.querySelector(".end").dataset.next !== end.dataset.next;
      end.replaceWith(fresh);
      if (stick) window.scrollTo(0, document.body.scrollHeight);
      quiet = grew ? 250 : Math.min(quiet * 1.5, 3000);
    } catch {
      quiet = LONGEST_PAUSE;
    }
    showState(log.querySelector(".end").dataset.state);
    await pause(quiet);
  }
}

function showState(state) {
  const pill = document.querySelector("#job-state .state");
  if (pill.textContent.trim() === state) return;
  const drawn = { "timed-out": "failed", lost: "failed", cancelled: "aborted" }[state] || state;
  pill.className = `state s-${drawn}`;
  pill.querySelector("svg").setAttribute("class", `icon i-${drawn}`);
  pill.querySelector("use").setAttribute("href", `#i-${drawn}`);
  pill.lastChild.textContent = state;
  say(`The job is now ${state}.`);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied.");
  } catch {
    document.getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

enhance(document);
if (document.getElementById("log")) followLog();
else keepCurrent();
