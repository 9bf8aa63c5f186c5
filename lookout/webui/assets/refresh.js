"use strict";
// Keeps a page current without reloading it: every few seconds the page is fetched again, and each part marked
// data-live whose content changed is replaced. Scroll position, open details, focus and a selection survive.
(() => {
  const seconds = Number(document.body.dataset.refresh);
  if (!(seconds > 0)) return;

  const selecting = () => {
    const selection = document.getSelection();
    return selection !== null && !selection.isCollapsed;
  };

  const replace = (part, fresh) => {
    if (part.innerHTML === fresh.innerHTML && part.className === fresh.className) return;
    for (const details of part.querySelectorAll("details[id]")) {
      const twin = fresh.querySelector("#" + CSS.escape(details.id));
      if (twin) twin.open = details.open;
    }
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.className = fresh.className;
    part.replaceChildren(...fresh.childNodes);
    if (focused) document.getElementById(focused)?.focus();
  };

  const refresh = async () => {
    if (document.hidden || selecting()) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error("status " + answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const fresh of page.querySelectorAll("[data-live]")) {
        const part = document.getElementById(fresh.id);
        if (part) replace(part, fresh);
      }
      document.title = page.title;
      document.documentElement.classList.remove("lost");
    } catch {
      document.documentElement.classList.add("lost");
    }
  };

  const loop = async () => {
    await refresh();
    setTimeout(loop, seconds * 1000);
  };
  setTimeout(loop, seconds * 1000);
  document.addEventListener("visibilitychange", refresh);
})();
