// Keeps an open page current. Everything can be read, and done, without it.
"use strict";

(() => {
  const body = document.body;
  const sign = document.getElementById("live");
  const skew = Number(body.dataset.now) - Date.now();

  // Times: the server's clock counts, whatever this machine's says.
  const whole = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
  };
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const count = () => {
    const now = Date.now() + skew;
    for (const time of document.querySelectorAll("time[data-from]")) {
      const ahead = (Number(time.dataset.from) - now) / 1000;
      write(time, ahead > 0 ? `in ${whole(Math.ceil(ahead))}` : `${whole(-ahead)} ago`);
    }
    for (const time of document.querySelectorAll("time[data-since]")) {
      write(time, whole((now - Number(time.dataset.since)) / 1000));
    }
  };
  setInterval(count, 1000);

  // Puts new pieces in place of the old ones of the same id. What is typed, opened or focused stays so.
  const kept = (piece) => {
    const fields = new Map();
    for (const field of piece.querySelectorAll("input[id], select[id]")) {
      fields.set(field.id, field.type === "checkbox" ? field.checked : field.value);
    }
    const open = new Map();
    for (const details of piece.querySelectorAll("details[id]")) open.set(details.id, details.open);
    return { fields, open };
  };
  const restore = (piece, { fields, open }) => {
    for (const [id, value] of fields) {
      const field = piece.querySelector(`#${CSS.escape(id)}`);
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value;
      else if (field.type !== "hidden") field.value = value;
    }
    for (const [id, is] of open) {
      const details = piece.querySelector(`#${CSS.escape(id)}`);
      if (details) details.open = is;
    }
  };
  const name = (element) => {
    if (element.id) return `#${CSS.escape(element.id)}`;
    const details = element.closest("details[id]");
    if (details && element.tagName === "SUMMARY") return `#${CSS.escape(details.id)} > summary`;
    if (details && element.tagName === "BUTTON") return `#${CSS.escape(details.id)} button`;
    const href = element.getAttribute("href");
    return href ? `a[href="${CSS.escape(href)}"]` : null;
  };
  const put = (html) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    for (const piece of [...fresh.content.children]) {
      const old = piece.id && document.getElementById(piece.id);
      if (!old || old.outerHTML === piece.outerHTML) continue;
      const active = document.activeElement;
      const focused = old.contains(active) ? name(active) : null;
      const place = focused && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
      restore(piece, kept(old));
      const scroll = [...old.querySelectorAll(".wide")].map((wide) => wide.scrollLeft);
      old.replaceWith(piece);
      piece.querySelectorAll(".wide").forEach((wide, index) => (wide.scrollLeft = scroll[index] || 0));
      const again = focused && piece.querySelector(focused);
      if (again) {
        again.focus({ preventScroll: true });
        if (place && place[0] !== null) {
          try {
            again.setSelectionRange(place[0], place[1]);
          } catch {
            // Not every field has a selection.
          }
        }
      }
    }
    check();
    count();
  };

  // A button that needs something typed out waits for it. The server looks again.
  const check = () => {
    for (const field of document.querySelectorAll("input[data-must-be]")) {
      const is = field.value.trim() === field.dataset.mustBe;
      field.setCustomValidity(is || field.value === "" ? "" : `Type ${field.dataset.mustBe}`);
    }
  };
  document.addEventListener("input", check);
  check();

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // "/" goes to the search field.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const find = document.getElementById("find");
    if (!find) return;
    event.preventDefault();
    find.focus();
    find.select();
  });

  // The changes.
  const live = body.dataset.live;
  if (!live || !sign) return;
  const say = (state, text) => {
    sign.dataset.state = state;
    write(sign, text);
  };
  let source = null;
  let again = 0;
  let isOver = false;
  let isStale = false;
  let isAsking = false;
  const refresh = async () => {
    if (document.hidden) {
      isStale = true;
      return;
    }
    if (isAsking) return;
    isAsking = true;
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const results = page.getElementById("results");
      if (results) put(results.outerHTML);
    } catch {
      // The next change asks again.
    } finally {
      isAsking = false;
    }
  };
  const connect = () => {
    clearTimeout(again);
    source = new EventSource(live);
    source.onopen = () => say("on", "Live");
    source.addEventListener("page", (event) => put(event.data));
    source.addEventListener("changed", refresh);
    source.addEventListener("end", () => {
      isOver = true;
      source.close();
      say("over", "Nothing more follows");
    });
    source.onerror = () => {
      if (isOver) return;
      say("off", "Not current: the connection is lost");
      if (source.readyState === EventSource.CLOSED) again = setTimeout(connect, 5000);
    };
  };
  // A page that nobody sees takes nothing.
  document.addEventListener("visibilitychange", () => {
    if (isOver) return;
    if (document.hidden) {
      if (source) source.close();
      clearTimeout(again);
    } else {
      connect();
      if (isStale) refresh();
    }
  });
  addEventListener("pagehide", () => source && source.close());
  if (!document.hidden) connect();
})();
