"""What must hold on every page, asked of a browser: each expression gives a list of complaints."""

from __future__ import annotations

#: The page is no wider than the window, and nothing is outside; only boxes of their own are moved sideways.
WIDTH = """(() => {
  const page = document.documentElement;
  const lost = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right < 0 && !e.closest('.skip, .list > thead'));
  if (lost.length) return [`left of the page: ${lost[0].outerHTML.slice(0, 80)}`];
  if (page.scrollWidth <= innerWidth) return [];
  const wide = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth);
  return [`${page.scrollWidth} > ${innerWidth}: ${wide.slice(0, 3).map(e => e.outerHTML.slice(0, 80))}`];
})()"""

#: One h1, before all others; no level is left out.
HEADINGS = """(() => {
  const levels = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => +e.tagName[1]);
  const bad = levels.filter((level, at) => level > (at ? levels[at - 1] + 1 : 1) || (at && level == 1));
  return bad.length || !levels.length ? ['headings: ' + levels] : [];
})()"""

#: What can be used has a name, pictures have a text, language and main part are named, no id is there twice.
NAMES = """(() => {
  const said = [];
  for (const e of document.querySelectorAll('input:not([type=hidden]),textarea'))
    if (!e.labels.length || !e.labels[0].textContent.trim()) said.push('no label: ' + e.outerHTML);
  for (const e of document.querySelectorAll('a,button,summary'))
    if (!e.textContent.trim() && !e.querySelector('img[alt]')) said.push('no name: ' + e.outerHTML);
  for (const e of document.querySelectorAll('img:not([alt])')) said.push('no text: ' + e.outerHTML);
  for (const e of document.querySelectorAll('[role=region]:not([aria-label])'))
    said.push('no label: ' + e.outerHTML);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size < ids.length) said.push('ids: ' + ids);
  if (!document.documentElement.lang) said.push('no language');
  if (document.querySelectorAll('main').length != 1) said.push('not one main part');
  return said;
})()"""

#: Text and its background differ as WCAG's level AA asks for.
CONTRAST = """(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length == 3 || c[3] == 1) return c;
    }
    return [255, 255, 255];
  };
  const said = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(style.color)), light(behind(e))].sort((x, y) => y - x);
    const px = parseFloat(style.fontSize);
    const large = px >= 24 || (px >= 18.66 && +style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) said.add(`contrast ${ratio.toFixed(1)}: ${e.tagName}.${e.className}`);
  }
  return [...said];
})()"""

#: How light the page's background is, from 0 to 1.
BACKGROUND = """(() => {
  const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  return (r + g + b) / 765;
})()"""

#: What the keyboard has to reach, numbered in the page's order; how many there are.
NUMBER_ALL = """(() => {
  const all = [...document.querySelectorAll(
    'a[href],button,input:not([type=hidden]),textarea,summary,[tabindex="0"]')]
    .filter(e => e.getClientRects().length && !e.closest('details:not([open]) > :not(summary)'));
  all.forEach((e, at) => e.dataset.at = at);
  return all.length;
})()"""

#: The number of what has the focus (-1: nothing, -2: what has no number), and whether that can be seen.
FOCUSED = """(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return [-1, true];
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const outlined = style.outlineStyle != 'none' && parseFloat(style.outlineWidth) >= 2;
  return [+(e.dataset.at ?? -2), outlined && box.right > 0];
})()"""
