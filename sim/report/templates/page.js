"use strict";
// Sort a table by the column whose heading is clicked; a second click turns the order around.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  table.tHead.querySelectorAll("button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const at = head.cellIndex;
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[at].dataset.sort ?? row.cells[at].textContent;
      const rows = [...body.rows].sort((one, two) => {
        const [a, b] = [key(one), key(two)];
        const numeric = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
        const order = a === "" ? 1 : b === "" ? -1 : numeric ? a - b : a.localeCompare(b);
        return a === "" || b === "" || !down ? order : -order;
      });
      body.append(...rows);
      table.classList.add("sorted");
    });
  });
}
