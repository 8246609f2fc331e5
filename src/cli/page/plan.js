"use strict";
// The page is whole without this: it only filters and sorts the datasets.
(() => {
  const table = document.getElementById("datasets-table");
  if (!table) return;
  document.documentElement.classList.add("script");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const search = document.getElementById("search");
  const kind = document.getElementById("kind");
  const shown = document.getElementById("shown");
  const text = new Map(rows.map((row) => [row, row.textContent.toLocaleLowerCase()]));

  const filter = () => {
    const words = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const kinds = row.dataset.kinds.split(" ");
      const match = words.every((word) => text.get(row).includes(word)) && (!kind.value || kinds.includes(kind.value));
      row.hidden = !match;
      if (match) count += 1;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };

  const collator = new Intl.Collator(undefined, { numeric: true });
  const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const sort = (header) => {
    const column = header.cellIndex;
    const numeric = header.classList.contains("number");
    // Numbers are wanted largest first.
    const first = numeric ? "descending" : "ascending";
    const other = numeric ? "ascending" : "descending";
    const way = header.getAttribute("aria-sort") === first ? other : first;
    for (const each of header.parentNode.cells) each.setAttribute("aria-sort", "none");
    header.setAttribute("aria-sort", way);
    const sign = way === "ascending" ? 1 : -1;
    const compare = numeric
      ? (a, b) => Number(value(a, column)) - Number(value(b, column))
      : (a, b) => collator.compare(value(a, column), value(b, column));
    rows.sort((a, b) => sign * compare(a, b));
    body.append(...rows);
  };

  for (const header of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(header));
  }
  search.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  filter();
})();
