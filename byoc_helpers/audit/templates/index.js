(() => {
  const rows = document.getElementById("rows"), tools = document.getElementById("tools"), shown = document.getElementById("shown");
  if (!rows) return;
  const field = (id) => document.getElementById(id);
  const fields = { q: field("q"), status: field("status"), target: field("target"), mode: field("mode"), latest: field("latest") };
  const runs = [...rows.rows].map((row) => {
    const data = row.dataset;
    const words = [row.cells[0].textContent, row.cells[1].textContent, data.s, data.t, data.m, data.c,
      row.cells[row.cells.length - 5].textContent, row.cells[row.cells.length - 4].textContent, row.cells[row.cells.length - 3].textContent];
    return { row, text: words.join(" ").toLowerCase(), status: data.s, target: data.t, mode: data.m, latest: "l" in data };
  });
  const count = (n) => n.toLocaleString("en");
  const AT_ONCE = 200; // a browser takes a second to lay out a thousand rows
  const more = field("more");
  let timer = 0, all = false;
  const filter = () => {
    const parts = fields.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const run of runs) {
      const fits = parts.every((part) => run.text.includes(part)) && (!fields.latest.checked || run.latest)
        && ["status", "target", "mode"].every((key) => !fields[key].value || run[key] === fields[key].value);
      const seen = fits && (all || n < AT_ONCE);
      if (run.row.hidden === seen) run.row.hidden = !seen;
      n += fits;
    }
    more.hidden = all || n <= AT_ONCE;
    more.textContent = `Show all ${count(n)}, not only the first ${AT_ONCE}`;
    shown.textContent = n === runs.length ? `${count(n)} ${n === 1 ? "run" : "runs"}` : `${count(n)} of ${count(runs.length)} runs`;
    field("none").hidden = n > 0;
  };
  const remember = () => {
    const asked = new URLSearchParams();
    for (const [key, one] of Object.entries(fields)) {
      const value = key === "latest" ? (one.checked ? "1" : "") : one.value;
      if (value) asked.set(key, value);
    }
    try { history.replaceState(null, "", "#" + asked); } catch { /* a viewer without addresses of its own */ }
  };
  const recall = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const [key, one] of Object.entries(fields)) {
      if (key === "latest") one.checked = asked.get(key) === "1";
      else one.value = asked.get(key) ?? "";
      if (one.selectedIndex === -1) one.value = "";
    }
    filter();
  };
  const changed = () => { clearTimeout(timer); timer = setTimeout(() => { all = false; filter(); remember(); }, 60); };
  tools.addEventListener("input", changed);
  tools.addEventListener("submit", (event) => event.preventDefault());
  field("clear").addEventListener("click", () => {
    for (const [key, one] of Object.entries(fields)) if (key === "latest") one.checked = false; else one.value = "";
    all = false; filter(); remember(); fields.q.focus();
  });
  more.addEventListener("click", () => {
    const next = runs.filter((run) => !run.row.hidden).at(-1).row;
    all = true; filter();
    next.querySelector("a").focus();
  });
  addEventListener("hashchange", recall);
  tools.hidden = false;
  recall();
})();
