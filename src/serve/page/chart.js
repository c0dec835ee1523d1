"use strict";
/* Rates with what was usual, by uPlot. */
const css = n => getComputedStyle(document.documentElement).getPropertyValue(n).trim();
const charts = new Set();
const RANGE = { '1h': ['Hour', 'hour'], '24h': ['Day', 'day'], '7d': ['Week', 'week'], all: ['All', 'whole time'] };
let mainRange = null;
async function series(range, query) {
  if (S.series) return S.series[query.pattern || (query.rule ? query.watch + ' ' + query.rule : '')] || { start: S.now, step: 60, mean: [], max: [], lo: [], hi: [], alerts: [] };
  const q = new URLSearchParams({ range, ...query });
  const answer = await fetch('/api/v1/series?' + q);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
/* `o`: title, unit, range, query, now: a function that gives the rate of the minute that slides, main: it follows the keys. */
function chart(box, o) {
  const read = h('p.read', { 'aria-live': 'off' }), plot = h('div.plot', { role: 'img', 'aria-label': 'Rates are being fetched.' });
  /* Of a pattern, an hour is kept. */
  const ranges = S.series ? ['all'] : o.query && o.query.pattern ? ['1h'] : ['1h', '24h', '7d'];
  let u, s, range = S.series ? 'all' : o.range || '1h', asked = 0;
  const seg = h('span.seg', { role: 'group', 'aria-label': 'Time range' }, ranges.map(r =>
    h('button', { type: 'button', 'aria-pressed': String(r === range), 'data-r': r, onclick: () => set(r) }, RANGE[r][0])));
  const legend = h('div.key');
  box.replaceChildren(h('div.ch', null, o.title, ranges.length > 1 && seg), read, plot, legend);
  function set(r) {
    if (!ranges.includes(r)) return;
    range = r;
    if (o.main) mainRange = r;
    $$('button', seg).forEach(b => b.setAttribute('aria-pressed', String(b.dataset.r === r)));
    return refresh();
  }
  async function refresh() {
    const mine = ++asked;
    try {
      const found = await series(range, o.query || {});
      if (mine !== asked) return;
      s = found;
      draw();
    } catch (why) {
      if (mine === asked && !s) read.textContent = 'The rates cannot be shown: ' + why.message;
    }
  }
  const say = i => {
    const x = s.start + i * s.step, wide = s.step > 60;
    read.replaceChildren(h('b', null, n0(s.mean[i])), wide ? ' a minute on average from ' : ' in the minute from ', wide ? when(x) : hm(x),
      wide && s.max[i] != null ? `, highest ${n0(s.max[i])}` : '', s.hi[i] != null ? ` · usual ${n0(s.lo[i])} to ${n0(s.hi[i])}` : S.agent.learning ? ' · no band yet: still learning' : '');
  };
  function draw() {
    if (!s || !plot.isConnected) return;
    if (u) u.destroy();
    plot.textContent = '';
    const last = s.mean.length - 1;
    if (last < 0) { read.textContent = 'No line yet.'; return; }
    if (range === '1h' && o.now && !S.series) s.mean[last] = o.now();
    const x = s.mean.map((_, i) => s.start + i * s.step), over = i => s.hi[i] != null && s.mean[i] > s.hi[i] * 1.02;
    const above = s.mean.map((v, i) => over(i) || over(i - 1) || over(i + 1) ? v : null);
    const peak = s.mean.reduce((a, v, i) => v > s.mean[a] || s.mean[a] == null ? i : a, 0);
    plot.setAttribute('aria-label', `${o.unit || 'Errors a minute'}, ${RANGE[range][1]}: ${S.series ? 'at the end' : 'now'} ${n0(s.mean[last])}` +
      (s.hi[last] != null ? `, usual ${n0(s.lo[last])} to ${n0(s.hi[last])}` : '') + `, highest ${n0(s.mean[peak])} at ${when(x[peak])}.`);
    say(last);
    const marks = o.query && o.query.pattern ? [] : s.alerts;
    key_(s.hi.some(v => v != null), marks.length);
    u = new uPlot(options(x, s, marks, range, plot, i => say(i == null ? last : i)), [x, s.lo, s.hi, s.mean, above], plot);
  }
  function key_(hasBand, hasMarks) {
    const icon = (...kids) => svg('svg', { viewBox: '0 0 16 10', 'aria-hidden': 'true' }, ...kids);
    legend.replaceChildren(...[h('span', null, icon(svg('path', { d: 'M0 7l5-3 4 3 7-6', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6 })), o.unit || 'errors a minute'),
      hasBand && h('span', null, icon(svg('rect', { width: 16, height: 10, rx: 2, fill: css('--acc'), opacity: .3 })), 'usual at this time'),
      hasMarks && h('span', null, icon(svg('path', { d: 'M0 0h16v3H0zM3 3v7h1.5V3z', fill: css('--red') })), 'alert')].filter(Boolean));
  }
  const c = { draw, set, refresh, plot, main: o.main, shown: () => u && [u.scales.x.min, u.scales.x.max] };
  charts.add(c);
  if (o.main && mainRange && !S.series) range = mainRange, $$('button', seg).forEach(b => b.setAttribute('aria-pressed', String(b.dataset.r === range)));
  requestAnimationFrame(refresh);
  return c;
}
function options(x, s, marks, range, plot, say) {
  const ax = { stroke: css('--mut'), font: '12px system-ui,sans-serif', grid: { stroke: css('--grid'), width: 1 }, ticks: { show: false } };
  const tz = zone || Intl.DateTimeFormat().resolvedOptions().timeZone, long = x[x.length - 1] - x[0] > 2 * D;
  const line = (stroke, width, show = false) => ({ stroke, width, points: { show } }), isLone = s.mean.filter(v => v != null).length < 2;
  return {
    width: plot.clientWidth || 300, height: plot.clientHeight || 170, tzDate: t => uPlot.tzDate(new Date(t * 1e3), tz), legend: { show: false }, padding: [14, 20, 0, 0],
    cursor: { y: false, drag: { x: !!S.series, y: false }, points: { size: 7 } },
    scales: { y: { range: (u, a, b) => [0, Math.max(b * 1.06, 5)] } },
    axes: [{ ...ax, size: 26, gap: 4, space: 70, values: (u, v) => v.map(t => long ? fmt(t, { weekday: 'short', day: 'numeric' }) : hm(t)) },
      { ...ax, size: 46, gap: 6, space: 38, values: (u, v) => v.map(n => n >= 1e4 ? n / 1e3 + 'k' : n.toLocaleString('en-US')) }],
    series: [{}, line('transparent', 0), line('transparent', 0), line(css('--ink'), 1.5, isLone), line(css('--red'), 2)],
    bands: [{ series: [2, 1], fill: css('--band') }, { series: [4, 2], fill: css('--exc') }],
    hooks: { setCursor: [u => say(u.cursor.idx)], draw: [u => drawMarks(u, marks)] },
  };
}
function drawMarks(u, marks) {
  const c = u.ctx, r = devicePixelRatio, b = u.bbox, from = u.scales.x.min, to = u.scales.x.max;
  c.save();
  for (const m of marks.filter(m => m.to >= from && m.from <= to)) {
    const x0 = Math.max(b.left, u.valToPos(m.from, 'x', true)), x1 = Math.min(b.left + b.width, u.valToPos(m.to, 'x', true));
    c.fillStyle = c.strokeStyle = css(m.severity === 'critical' ? '--red' : m.severity === 'warning' ? '--amb' : '--acc');
    c.fillRect(x0, b.top - 9 * r, Math.max(3 * r, x1 - x0), 3 * r);
    if (m.from < from) continue;
    c.beginPath(); c.moveTo(x0 - 4.5 * r, b.top - 9 * r); c.lineTo(x0 + 4.5 * r, b.top - 9 * r); c.lineTo(x0, b.top - r); c.fill();
    c.setLineDash([3 * r, 3 * r]); c.lineWidth = r; c.globalAlpha = .65;
    c.beginPath(); c.moveTo(x0, b.top); c.lineTo(x0, b.top + b.height); c.stroke();
    c.globalAlpha = 1; c.setLineDash([]);
  }
  c.restore();
}
const drawCharts = () => charts.forEach(c => c.plot.isConnected ? c.draw() : charts.delete(c));
const refreshCharts = () => charts.forEach(c => c.plot.isConnected ? c.refresh() : charts.delete(c));
let resizing;
addEventListener('resize', () => { clearTimeout(resizing); resizing = setTimeout(drawCharts, 120); });
