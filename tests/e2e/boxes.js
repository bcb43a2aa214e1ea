// What a reader would complain about in the open page: text that is cut, that lies on other text, or that leaves the page.
// Everything is measured: the boxes of every line of text that is shown, against each other and against what holds them.
(() => {
  const NEAR = 1.5; // CSS pixels that boxes may share: line boxes are taller than their letters
  const wide = document.documentElement.clientWidth;
  const shown = (element) => {
    if (!element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
    for (let one = element; one; one = one.parentElement) if (getComputedStyle(one).clipPath !== "none") return false;
    return true;
  };
  const told = (text) => text.trim().replace(/\s+/g, " ").slice(0, 60);

  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const holder = node.parentElement;
    if (!node.data.trim() || holder.closest("script, style, title, desc") || !shown(holder)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const turned = holder.closest("text")?.getAttribute("transform")?.includes("rotate");
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      // The letters of a line fill about the middle three quarters of its box.
      const trim = box.height * 0.14;
      lines.push({
        text: told(node.data), holder, turned,
        left: box.left, right: box.right, top: box.top + trim, bottom: box.bottom - trim,
      });
    }
  }

  const found = [];
  for (const line of lines) {
    if (line.left < -NEAR || line.right > wide + NEAR) found.push(`leaves the page: ${line.text}`);
    for (let one = line.holder; one && one !== document.body; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const box = one.getBoundingClientRect();
      if (line.right > box.right + NEAR || line.left < box.left - NEAR || line.bottom > box.bottom + NEAR)
        found.push(`is cut: ${line.text}`);
    }
    const drawing = line.holder.closest("svg");
    if (drawing) {
      const box = drawing.getBoundingClientRect();
      if (line.left < box.left - 3 || line.right > box.right + 3 || line.top < box.top - 3 || line.bottom > box.bottom + 3)
        found.push(`leaves its drawing, ${line.holder.closest("figure")?.id}: ${line.text}`);
    }
  }

  const flat = lines.filter((line) => !line.turned).sort((one, two) => one.top - two.top);
  for (let at = 0; at < flat.length; at++) {
    for (let next = at + 1; next < flat.length && flat[next].top < flat[at].bottom; next++) {
      const [one, two] = [flat[at], flat[next]];
      if (one.holder === two.holder && one.holder.tagName !== "text") continue;
      const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
      const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
      if (across > NEAR && down > NEAR)
        found.push(`${one.holder.closest("figure, section")?.id}: “${one.text}” lies on “${two.text}”`);
    }
  }

  for (const table of document.querySelectorAll("table")) {
    const box = table.getBoundingClientRect();
    if (box.width && box.right > wide + NEAR) found.push(`a table leaves the page: ${told(table.caption?.textContent ?? "")}`);
  }
  return { wide: document.documentElement.scrollWidth - wide, lines: lines.length, found: [...new Set(found)] };
})()
