"use strict";
/* Small helpers. Text of logs only ever goes in as text nodes. */
let S = null, off = false, offSince = 0, zone;
const M = 60, H = 3600, D = 86400;
const $ = (s, r = document) => r.querySelector(s), $$ = (s, r = document) => [...r.querySelectorAll(s)];
/* A table that is laid out as cards stays a table. */
const ROLE = { table: 'table', thead: 'rowgroup', tbody: 'rowgroup', tr: 'row', td: 'cell', th: 1 };
function h(tag, a, ...kids) {
  const [t, ...c] = tag.split('.'), e = document.createElement(t || 'div');
  if (c.length) e.className = c.join(' ');
  if (ROLE[t]) e.setAttribute('role', t === 'th' ? (a && a.scope === 'row' ? 'rowheader' : 'columnheader') : ROLE[t]);
  for (const k in a || {}) {
    const v = a[k];
    if (v == null || v === false) continue;
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'v') e.style.setProperty('--v', v);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...kids.flat(9).filter(x => x != null && x !== false));
  return e;
}
const NS = 'http://www.w3.org/2000/svg';
function svg(tag, a, ...kids) {
  const e = document.createElementNS(NS, tag);
  for (const k in a) e.setAttribute(k, a[k]);
  e.append(...kids);
  return e;
}
const ICON = { critical: 'M5 0 10 9.5H0z', warning: 'M5 0l5 5-5 5-5-5z', info: 'M5 0a5 5 0 110 10A5 5 0 015 0z' };
const sev = (s, past) => h('span.sev.' + (ICON[s] ? s : 'info') + (past ? '.past' : ''), null,
  svg('svg', { viewBox: '0 0 10 10', 'aria-hidden': 'true' }, svg('path', { d: ICON[s] || ICON.info, fill: 'currentColor' })), s);
const fmt = (t, o) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...o }).format(new Date(t * 1e3));
const hms = t => fmt(t, { hour: '2-digit', minute: '2-digit', second: '2-digit' }), hm = t => fmt(t, { hour: '2-digit', minute: '2-digit' });
const isToday = t => fmt(t, { dateStyle: 'short' }) === fmt(S.now, { dateStyle: 'short' });
const when = t => t == null ? '–' : isToday(t) ? hm(t) : S.now - t < 7 * D
  ? fmt(t, { weekday: 'short', hour: '2-digit', minute: '2-digit' }).replace(',', '') : fmt(t, { day: 'numeric', month: 'short' });
const dur = s => {
  s = Math.max(0, Math.round(s));
  return s < 60 ? s + ' s' : s < H ? Math.floor(s / 60) + ' min' + (s % 60 && s < 20 * M ? ' ' + s % 60 + ' s' : '')
    : s < D ? Math.floor(s / H) + ' h' + (Math.floor(s % H / 60) ? ' ' + Math.floor(s % H / 60) + ' min' : '') : Math.floor(s / D) + ' d';
};
const ago = t => { if (t == null) return '–'; const s = S.now - t; return s < 1.5 ? 'now' : dur(s) + ' ago'; };
const n0 = x => x == null ? '–' : x < 10 && x % 1 ? x.toFixed(1) : Math.round(x).toLocaleString('en-US');
const bytes = b => {
  if (b < 1e3) return Math.round(b) + ' B';
  for (const u of ['kB', 'MB', 'GB', 'TB']) if ((b /= 1e3) < 1e3) return (b < 100 ? b.toFixed(1) : Math.round(b)) + ' ' + u;
  return Math.round(b) + ' PB';
};
const times = r => r >= 20 ? Math.round(r) + '×' : Math.round(r * 10) / 10 + '×';
const some = (n, what) => `${n0(n)} ${what}${n === 1 ? '' : 's'}`;
const time = (t, f = hms) => h('time', { datetime: new Date(t * 1e3).toISOString(), title: new Date(t * 1e3).toISOString() }, f(t));
const stamp = t => hms(t) + '.' + String(Math.floor(t % 1 * 1e3)).padStart(3, '0');
/* A long path is cut in the middle by CSS alone: the end never shrinks. */
function mid(p, href) {
  const s = p.indexOf('/', p.length - 18), k = p.length <= 22 ? p.length : s > 2 ? s : p.length - 12;
  return h(href ? 'a.mid' : 'span.mid', { href, title: p }, h('span.a', null, safe(p.slice(0, k))), h('span.b', null, safe(p.slice(k))));
}
const fileHref = p => '#/file?path=' + encodeURIComponent(p);
/* Control characters, bidi overrides and zero widths are shown, not obeyed. */
const BAD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
function safe(text) {
  const out = [];
  let run = '';
  for (const c of text) {
    if (!BAD.test(c)) { run += c; continue; }
    if (run) out.push(run);
    run = '';
    const n = c.codePointAt(0);
    out.push(h('i.esc', null, n === 27 ? 'ESC' : n < 32 || n === 127 ? '\\x' + n.toString(16).padStart(2, '0') : 'U+' + n.toString(16).toUpperCase().padStart(4, '0')));
  }
  if (run) out.push(run);
  return out;
}
const parts = p => p.parts.length ? p.parts.map(x => x === null
  ? h('i.w', { title: 'this part varies' }, h('span', { 'aria-hidden': 'true' }, '∗'), h('span.vh', null, '(varies)')) : safe(x)) : 'other lines';
const plain = p => p.parts.map(x => x === null ? '∗' : x).join('');
const tag = p => p.state === 'new' ? h('span.tag.new', null, 'NEW')
  : p.state === 'risen' ? h('span.tag.risen', null, 'RISEN ', times(p.ratio || p.now / Math.max(1, p.usual)))
  : h('span.tag.usual', null, p.state === 'seen' ? 'seen' : p.now < .05 ? 'quiet' : 'usual');
const bar = (v, cls, label) => h('span.bar' + (cls || ''), null, h('i', { 'aria-hidden': 'true' }, h('i', { v: Math.min(100, Math.max(0, v || 0)) })), label);
function spark(vals, from, cls) {
  const max = Math.max(...vals, 4), n = vals.length, s = svg('svg', { class: 'spark', viewBox: `0 0 ${n * 2} 24`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  const path = (a, b, c) => {
    let d = '';
    for (let i = a; i < b; i++) {
      const y = vals[i] / max * 23;
      if (y > 0) d += `M${i * 2} 24v-${Math.max(1, y).toFixed(1)}h1.5v${Math.max(1, y).toFixed(1)}z`;
    }
    if (d) s.append(svg('path', { d, class: c }));
  };
  path(0, from, 'u');
  path(from, n, cls);
  return s;
}
const ln = l => h('div.ln', null, time(l.at, stamp), h('span.p', null, mid(l.source || l.path)), h('span.x', null, safe(l.text)));
const cmd = (label, c) => h('span.cmd', null, label, h('code', null, c), navigator.clipboard && h('button.btn', { type: 'button', 'aria-label': 'Copy: ' + c, onclick: e => {
  const b = e.target;
  navigator.clipboard.writeText(c).then(() => { b.textContent = 'Copied'; setTimeout(() => b.textContent = 'Copy', 1500); }, () => {});
} }, 'Copy'));
const stat = (k, v, cls) => h('div' + (cls || ''), null, h('dt', null, k), h('dd', null, v));
const sum = (list, f) => list.reduce((s, x) => s + f(x), 0);
const key = p => p.watch + '\0' + p.rule + '\0' + p.id;
const perMin = () => sum(S.rules, r => r.per_min);
const usualNow = () => {
  const known = S.rules.filter(r => r.usual);
  return known.length && known.length === S.rules.filter(r => r.per_min || r.usual).length
    ? { lo: sum(known, r => r.usual.lo), mid: sum(known, r => r.usual.mid), hi: sum(known, r => r.usual.hi) } : null;
};
const trendNow = () => S.rules.reduce((t, r) => t.map((v, i) => v + (r.trend[i] || 0)), Array(60).fill(0));
const firing = () => S.alerts.length + S.alerts_more;
