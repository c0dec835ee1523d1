"use strict";
/* Patterns, files, lines, and alerts that are over. Each section keeps its rows and changes what is in them. */
const isBusy = e => e.matches(':hover') || e.contains(document.activeElement) && document.activeElement !== document.body;
const share = p => { const x = p.now / (perMin() || 1) * 100; return (x && x < .95 ? '<1' : Math.round(x)) + ' %'; };
const rank = p => p.state === 'new' ? 0 : p.state === 'risen' ? 1 : 2;
function section(id, title, ...head) {
  const count = h('span.c');
  const s = h('section.card', { id, 'aria-labelledby': 'h-' + id }, h('div.sh', null, h('h2', { id: 'h-' + id, tabindex: -1 }, title), count, ...head));
  return [s, count];
}
function patternsSection() {
  const rows = new Map(), tb = h('tbody'), none = h('p.none', null, 'No line matched a rule yet.'), foot = h('p.none');
  const q = h('input', { type: 'search', placeholder: 'Filter patterns', 'aria-label': 'Filter patterns', id: 'pq', oninput: () => s.update() });
  const [s, count] = section('patterns', 'Patterns', h('div.fl', null, q));
  const table = h('table', null, h('caption.vh', null, 'Error patterns, new first, then risen, then by rate'), h('thead', null, h('tr', null,
    (S.series ? [['State'], ['Pattern'], ['Over time'], ['Highest/min', 1], ['Errors', 1], ['Share', 1], ['First seen', 1], ['Last seen', 1]]
      : [['State'], ['Pattern'], ['Last hour'], ['Usual/min', 1], ['Now/min', 1], ['Share now', 1], ['First seen', 1], ['Last seen', 1]]).map(([x, n]) => h('th' + (n ? '.num' : ''), { scope: 'col' }, x)))), tb);
  s.append(table, none, foot);
  const close = r => { if (r.detail) { r.detail.remove(); r.detail = null; delete r.dataset.open; r.button.setAttribute('aria-expanded', 'false'); } };
  const show = r => { rows.forEach(close); r.dataset.open = ''; r.button.setAttribute('aria-expanded', 'true'); r.after(r.detail = detail(r.p)); };
  function row(p) {
    const b = h('button.px', { type: 'button', 'aria-expanded': 'false' }, parts(p));
    const r = h('tr.pt', { 'data-id': p.id, onclick: () => {
      if (getSelection().toString()) return;
      const was = !!r.detail;
      was ? close(r) : show(r);
      history.replaceState(null, '', was ? '#/patterns' : '#/pattern/' + p.id);
    } }, h('td.cs'), h('td.cx', null, b), h('td.ct'), h('td.cp.num.mut'), h('td.cw'), h('td.ce'), h('td.cf'), h('td.cl'));
    r.button = b;
    return r;
  }
  function fill(r, p, max) {
    r.p = p;
    const [cs, , ct, cp, cw, ce, cf, cl] = r.children, usual = S.series ? n0(Math.max(...(S.series[p.id] || { mean: [0] }).mean)) : p.state === 'seen' ? '–' : n0(p.usual), text = plain(p);
    if (r.text !== text) { r.text = text; r.button.replaceChildren(...parts(p)); }
    cs.replaceChildren(tag(p));
    ct.replaceChildren(spark(p.trend, rank(p) < 2 && !S.series ? Math.max(0, p.trend.findIndex((v, i) => i > 0 && v > 3 * (p.usual + 1))) : 60, 'r'), h('span.vh', null, S.series ? 'over the whole time' : `last hour, at most ${Math.max(...p.trend)} a minute`));
    cp.textContent = usual;
    cw.replaceChildren(h('b', null, n0(p.now)), S.series ? '' : h('span.mut.ph', null, '/min'));
    ce.replaceChildren(bar(p.now / max * 100, '', h('span', null, share(p))), h('span.sv.mut', null, share(p), S.series ? '' : [', was ', usual]));
    cf.textContent = when(p.first);
    cl.replaceChildren(h('span.pre', null, 'first ', when(p.first), ', last '), S.series ? when(p.last) : ago(p.last));
  }
  s.update = () => {
    const list = [...S.patterns].sort((a, b) => rank(a) - rank(b) || b.now - a.now || b.total - a.total), max = Math.max(...list.map(p => p.now), 1), f = q.value.toLowerCase();
    const seen = new Set();
    let shown = 0;
    for (const p of list) {
      const k = key(p), r = rows.get(k) || row(p);
      rows.set(k, r);
      seen.add(k);
      fill(r, p, max);
      const fits = !f || (plain(p) + p.id).toLowerCase().includes(f);
      r.hidden = !fits;
      r.style.display = fits ? '' : 'none';
      if (!fits) close(r);
      shown += fits;
      if (!r.isConnected) tb.append(r);
    }
    rows.forEach((r, k) => { if (!seen.has(k)) { close(r); r.remove(); rows.delete(k); } });
    const order = list.map(p => rows.get(key(p))), now = [...tb.children].filter(e => e.matches('.pt'));
    if (!isBusy(table) && order.some((r, i) => r !== now[i])) for (const r of order) tb.append(r, ...(r.detail ? [r.detail] : []));
    const fresh = list.filter(p => p.state === 'new').length, risen = list.filter(p => p.state === 'risen').length, others = list.length - fresh - risen + S.patterns_more;
    count.textContent = f ? `${shown} of ${list.length}` : [fresh && fresh + ' new', risen && risen + ' risen', n0(others) + (fresh || risen ? ' others' : others === 1 ? ' pattern' : ' patterns')].filter(Boolean).join(', ');
    table.hidden = !list.length;
    none.hidden = list.length > 0;
    const other = perMin() - sum(list, p => p.now);
    foot.hidden = !list.length || !!S.series;
    foot.textContent = `Other: ${n0(other)}. The patterns and “other” add up to the ${n0(perMin())} errors of the last minute exactly.`;
  };
  s.open = id => { const r = [...rows.values()].find(r => r.p.id === id || r.p.id.startsWith(id) && id.length > 7); if (r && !r.detail) show(r); return r; };
  return s;
}
function detail(p) {
  const cb = h('div.blk');
  const d = h('tr.dt', null, h('td', { colspan: 8 }, h('div.dd', null, cb,
    h('div.blk', null, h('dl.facts', null, [['Id', h('code', null, p.id)], ['First seen', p.first ? [time(p.first, t => fmt(t, { day: 'numeric', month: 'short' }) + ' ' + hms(t)), ' ', h('span.mut', null, '(' + ago(p.first) + ')')] : '–'],
      ['Last seen', S.series ? when(p.last) : ago(p.last)], ['Total', n0(p.total) + ' lines'], ['Watch, rule', p.watch + ', ' + p.rule]].map(([k, v]) => [h('dt', null, k), h('dd', null, v)]))),
    h('div.blk.full', null, h('h3', null, 'First line', S.series ? null : h('a', { href: '#/live?pattern=' + p.id }, 'follow live')), h('div.lines', null, h('div.ln', null, h('span.x', null, safe(p.sample))))))));
  chart(cb, { title: h('h3', null, 'This pattern'), unit: 'lines a minute', query: { pattern: p.id }, now: () => { const now = S.patterns.find(x => key(x) === key(p)); return now ? now.now : 0; } });
  return d;
}
function filesSection() {
  const tb = h('tbody'), none = h('p.none', null, 'No file yet. See above for what the daemon waits for.');
  let by = S.series ? 'matched' : 'per_min', dir = -1, found = null, asked = 0;
  const cols = S.series ? [['path', 'File', 1], ['matched', 'Errors', -1], ['per_min', 'Errors/min', -1], ['generation', 'Files', -1], ['size', 'Read', -1]] : [['path', 'File', 1], ['per_min', 'Errors/min', -1], ['lag', 'Behind', -1], ['generation', 'Gen.', -1], ['event_at', 'Last event', -1], ['missed', 'Missed', -1], ['trouble', 'Note', -1]];
  const q = h('input', { type: 'search', placeholder: 'Filter files', 'aria-label': 'Filter files', id: 'fq', oninput: () => { found = null; ask(); s.update(true); } });
  const [s, count] = section('files', 'Files', h('div.fl', null, q));
  const ths = cols.map(([k, l, d0], i) => h('th' + (i && i < 6 ? '.num' : ''), { scope: 'col', 'data-k': k }, h('button', { type: 'button', onclick: () => { dir = by === k ? -dir : d0; by = k; s.update(true); } }, l, h('span', { 'aria-hidden': 'true' }))));
  const more = h('button.more', { type: 'button', onclick: () => ask(true) });
  const table = h('table', null, h('caption.vh', null, S.series ? 'Files that were read' : 'Files, those with missed bytes first'), h('thead', null, h('tr', null, ths)), tb);
  s.append(table, none, more);
  /* Files that are not among those that the snapshot has. */
  async function ask(next) {
    if (!S.files_more || S.series) return;
    const mine = ++asked, after = next && found ? found.files[found.files.length - 1].path : '';
    try {
      const answer = await (await fetch('/api/v1/files?' + new URLSearchParams({ q: q.value, ...(after ? { after } : {}) }))).json();
      if (mine !== asked) return;
      found = { files: next && found ? [...found.files, ...answer.files] : answer.files, more: answer.more };
      s.update(true);
    } catch { /* The stream says that there is no connection. */ }
  }
  const cell = (label, text, cls) => h('td.num' + (cls || ''), { 'data-l': label }, text);
  function row(x) {
    if (S.series) return h('tr.ft', null, h('th', { scope: 'row' }, mid(x.path)), cell('errors', n0(x.matched)), cell('errors/min', n0(x.per_min)), cell('files', n0(x.generation)), cell('read', bytes(x.size)));
    const bad = !!x.trouble;
    return h('tr.ft', null, h('th', { scope: 'row' }, mid(x.path, fileHref(x.path))), cell('errors/min', n0(x.per_min)), cell('behind', bytes(x.lag), x.lag > 1e6 ? '.amb' : ''), cell('gen.', n0(x.generation)),
      cell('last event', x.event ? `${x.event} ${ago(x.event_at)}` : '–'), cell('missed', x.missed ? h('b', null, '! ' + bytes(x.missed)) : '0 B', x.missed ? '.red' : ''), h('td.why' + (bad ? '.amb' : ''), { title: x.trouble }, bad ? ['! ', safe(x.trouble)] : ''));
  }
  s.update = force => {
    count.textContent = S.series ? some(S.agent.files, 'log') : S.agent.files ? `${n0(S.agent.files)} read, ${n0(S.agent.unreadable)} not readable` : 'none yet';
    none.hidden = S.files.length > 0;
    table.hidden = !S.files.length;
    if (!force && isBusy(table)) return;
    ths.forEach(t => { const on = t.dataset.k === by; on ? t.setAttribute('aria-sort', dir > 0 ? 'ascending' : 'descending') : t.removeAttribute('aria-sort'); $('span', t).textContent = on ? (dir > 0 ? ' ↑' : ' ↓') : ''; });
    const f = q.value.toLowerCase(), all = new Map([...(found ? found.files : []), ...S.files].map(x => [x.watch + '\0' + x.path, x]));
    const list = [...all.values()].filter(x => x.path.toLowerCase().includes(f)).sort((a, b) => (!!b.missed - !!a.missed) || ((a[by] ?? '') > (b[by] ?? '') ? 1 : (a[by] ?? '') < (b[by] ?? '') ? -1 : 0) * dir);
    tb.replaceChildren(...list.map(row));
    const left = found ? found.more : S.files_more;
    more.hidden = !left || !!S.series;
    more.textContent = `Show 100 more of ${n0(left)}`;
  };
  s.find = p => { q.value = p; ask(); s.update(true); };
  return s;
}
const KEPT = 500, SHOWN = 200;
function liveSection() {
  let on = true, held = 0, skipped = 0;
  const lines = [], box = h('div.tail.lines', { tabindex: 0, role: 'log', 'aria-live': 'off', 'aria-label': 'Matching lines, newest last' }), st = h('span', { id: 'following' });
  const rule = h('select', { 'aria-label': 'Rule', oninput: () => redraw() }), ps = h('select', { 'aria-label': 'Pattern', oninput: () => redraw() });
  const q = h('input', { type: 'search', placeholder: 'Path or text', 'aria-label': 'Filter lines by path or text', oninput: () => redraw() });
  const btn = h('button.btn', { type: 'button', 'aria-pressed': 'false', id: 'pause', onclick: () => { on = !on; btn.textContent = on ? 'Pause' : 'Resume'; btn.setAttribute('aria-pressed', String(!on)); if (on) { held = 0; redraw(); } say(); } }, 'Pause');
  const [s, count] = section('live', 'Live', h('div.fl', null, h('span.wide', null, rule), ps, h('span.wide', null, q), btn));
  count.textContent = 'lines that match a rule';
  count.classList.add('wide');
  s.append(box, h('div.tl', null, st, h('span', null, `The last ${KEPT} lines are kept in this page.`)));
  const fits = l => (!ps.value || l.pattern === ps.value) && (!rule.value || l.rule === rule.value) && (!q.value || (l.path + ' ' + l.text).toLowerCase().includes(q.value.toLowerCase()));
  const redraw = () => { const list = lines.filter(fits).slice(-SHOWN); box.replaceChildren(...(list.length ? list.map(ln) : [h('span.mut', null, 'Lines that match a rule appear here as they are written.')])); box.scrollTop = 1e6; };
  const say = () => { st.textContent = off ? 'Stopped: no connection' : on ? (skipped ? `Following a sample: ${n0(skipped)} lines were left out.` : 'Following') : `Paused, ${some(held, 'newer line')} wait${held === 1 ? 's' : ''}`; };
  s.add = (list, left) => {
    skipped = left;
    lines.push(...list);
    lines.splice(0, Math.max(0, lines.length - KEPT));
    if (!on) { held += list.length; say(); return; }
    const end = box.scrollTop + box.clientHeight > box.scrollHeight - 30, some = list.filter(fits);
    if (some.length && !$('.ln', box)) box.replaceChildren();
    box.append(...some.map(ln));
    while (box.children.length > SHOWN) box.firstChild.remove();
    if (end) box.scrollTop = 1e6;
    say();
  };
  const choose = (sel, all, list) => { const k = JSON.stringify(list); if (sel.k === k) return; const v = sel.value; sel.k = k; sel.replaceChildren(h('option', { value: '' }, all), ...list.map(([v, t]) => h('option', { value: v }, t))); sel.value = v; };
  s.update = () => { choose(rule, 'All rules', [...new Set(S.rules.map(r => r.rule))].map(r => [r, r])); choose(ps, 'All patterns', S.patterns.map(p => [p.id, plain(p).slice(0, 48)])); say(); };
  s.reset = list => { lines.length = 0; lines.push(...list); skipped = 0; redraw(); say(); };
  s.only = id => { ps.value = id; redraw(); };
  return s;
}
function silencesSection() {
  const [s, count] = section('silences', 'Silences'), list = h('div'), ends = new Map();
  let seen = '';
  s.append(list);
  count.append('set and ended by ', h('code', null, 'spiketail silence'), ' and ', h('code', null, 'unsilence'));
  const held = n => n ? h('b', null, ` · holds back ${some(n, 'alert')} now`) : '';
  const silence = x => { const end = h('span.nw'); ends.set(x.id, end); return h('li', null, h('span', null, h('b', null, x.alert), ' ', h('span.mut', null, x.path ? ['path ', safe(x.path)] : x.pattern ? 'pattern ' + x.pattern : '')), end, h('span.s', null, safe(x.reason), ` · silence ${x.id} `, held(x.holds))); };
  const alert = a => h('li', { id: 'silenced-' + a.fingerprint }, h('span', null, sev(a.severity, 1), ' ', h('b', null, a.name), ' ', h('span.mut', null, safe(a.place || 'watch ' + a.watch))), h('span.nw', null, 'since ', time(a.since, t => isToday(t) ? hms(t) : when(t))), h('span.s', null, `fires with ${n0(a.count)} in its window · `, safe(a.by)));
  s.update = () => {
    const k = JSON.stringify([S.silences, S.silenced, S.silenced_more]) + zone;
    if (seen !== k) {
      seen = k;
      ends.clear();
      list.replaceChildren(S.silences.length + S.silenced.length ? h('ul.list', null, S.silences.map(silence), S.silenced.map(alert), S.silenced_more ? h('li.mut', null, `${n0(S.silenced_more)} more alerts are silenced.`) : null) : h('p.none', null, 'Nothing is silenced.'));
    }
    for (const x of S.silences) ends.get(x.id).textContent = 'ends in ' + dur(x.until - S.now);
  };
  return s;
}
function pastSection() {
  const [s, count] = section('past', S.series ? 'Alerts that would have fired' : 'Alerts that are over'), list = h('div');
  let seen = '';
  s.append(list);
  s.update = () => {
    const k = JSON.stringify(S.history) + zone;
    if (seen === k) return;
    seen = k;
    count.textContent = S.history.length ? `the last ${S.history.length}` : '';
    list.replaceChildren(S.history.length ? h('ul.list', null, S.history.map(p => past(p, S.series && p.patterns.length ? which(p.patterns.slice(0, 3)) : null))) : h('p.none', null, S.series ? 'No alert would have fired.' : 'No alert is over yet.'));
  };
  return s;
}
