"use strict";
/* The first block: what fires, or that nothing does. It has a key for what it is built of; the numbers in it change in place. */
const was = ' was firing', is = ' is firing';
function which(list, excess = true) {
  return h('ol.which', null, list.map(p => h('li', null,
    p.id === 'other' ? h('span.t', null, parts(p)) : h('a.t', { href: '#/pattern/' + p.id }, parts(p)),
    h('div.f', null, tag(p), h('span.ba', null, h('span.mut', null, n0(p.usual), ' → '), h('b', null, n0(p.now))),
      bar(p.share * 100, excess ? '.ex' : '', h('span', null, (p.share > 0 && p.share < .01 ? '<1' : Math.round(p.share * 100)) + ' %', h('span.vh', null, ' of the excess')))))));
}
const whereList = (w, max) => h('ul.where', null, w.map(p => h('li', null, h('span.mid', null, h('span.kind', null, p.kind), mid(p.name, fileHref(p.path))), bar(p.count / max * 100), h('span.n', null, n0(p.count)))));
const usualText = u => u ? `${n0(u.lo)} to ${n0(u.hi)}` : 'not known yet';
const inWindow = a => a.window_s === 60 ? 'in the last minute' : a.window_s ? 'in the last ' + dur(a.window_s) : 'lines';
const fires = { count: a => `more than ${n0(a.threshold)}`, rate: a => `more than ${n0(a.threshold)} a second`, share: a => `more than ${n0(a.threshold * 100)} %` };
const head = (badge, title, ...since) => h('div.l1', null, badge, h('h1', { id: 'h1', tabindex: -1 }, title), h('span.since', null, 'on ', h('b.m', null, S.host), ...since));
function heroAlert(a) {
  const cb = h('div.blk'), usual = a.expected;
  const s = h('section.card.hero.' + (a.severity === 'critical' ? 'crit' : 'info'), { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(sev(a.severity), [a.name, off ? was : is], ', since ', h('b', null, time(a.since, t => isToday(t) ? hms(t) : when(t))), ` (${dur(S.now - a.since)})`),
      h('dl.stats', null, stat('errors ' + inWindow(a), n0(a.count), '.big'), usual ? stat('usual at this time', usualText(usual)) : fires[a.condition] ? stat('fires above', fires[a.condition](a).replace('more than ', '')) : null,
        a.ratio && stat('the usual', times(a.ratio)), stat('highest', n0(a.peak), '.wide'), stat('since it fired', n0(a.total), '.wide'), stat('watch, rule', a.watch + ', ' + a.rule, '.wide.end'),
        h('div.spk', { 'aria-hidden': 'true' }, spark(trendNow(), Math.max(0, 59 - Math.floor((S.now - a.since) / 60)), 'r')))),
    h('div.grid', null, h('div', null,
      h('div.blk', null, h('h2.h3', null, 'Which error', h('span', null, 'before → now, share of the excess')), a.patterns.length ? which(a.patterns.slice(0, 3)) : h('p.mut', null, safe(a.why))),
      a.where.length ? h('div.blk', null, h('h2.h3', null, 'Where', h('span', null, a.elsewhere ? `${inWindow(a)}, ${n0(a.elsewhere)} more elsewhere` : inWindow(a))), whereList(a.where, Math.max(1, a.count))) : null),
    h('div', null, cb),
    a.samples.length ? h('div.blk.full', null, h('h2.h3', null, 'Latest lines', h('a', { href: '#/live' }, 'all, live')), h('div.lines', null, a.samples.slice(0, 4).map(x => h('div.ln', null, h('span.x', null, safe(x)))))) : null),
    h('div.foot', null, h('a', { href: '#/alert/' + a.fingerprint }, 'Link to this alert'), h('span', null, safe(a.why)), notified(a), S.series ? null : cmd('Silence', silenceCommand(a))));
  return [s, cb, { query: { watch: a.watch, rule: a.rule }, now: () => { const r = S.rules.find(r => r.watch === a.watch && r.rule === a.rule); return r ? r.per_min : 0; } }];
}
/* The outputs that took a message of the alert. */
const notified = a => S.series ? null : h('span.nt', null, a.notified.length ? ['Notified: ', a.notified.map((n, i) => [i ? ', ' : '', n.output, ' ', n.at ? time(n.at, t => isToday(t) ? hms(t) : when(t)) : 'before the start'])] : 'No output was notified yet');
const quoted = x => /^[\w./@%+=:,-]+$/.test(x) ? x : `'${x.replace(/'/g, "'\\''")}'`;
const silenceCommand = a => `spiketail silence ${quoted(a.name)}${a.path ? ' --path ' + quoted(a.path) : ''}${a.pattern ? ' --pattern ' + a.pattern : ''} --for 2h --reason 'WHY'`;
const heldBack = () => { const n = S.silenced.length + S.silenced_more; return n ? h('a', { href: '#/silences' }, `${some(n, 'alert')} that ${n === 1 ? 'fires is' : 'fire are'} silenced`) : null; };
const open = new Map();
function members(g) {
  let shown = innerWidth < 760 ? 3 : 6;
  const tb = h('tbody'), more = h('button.more', { type: 'button', onclick: () => { shown += 100; fill(); } });
  const fill = () => {
    tb.replaceChildren(...g.members.slice(0, shown).map(m => h('tr', { 'data-fp': m.fingerprint }, h('th', { scope: 'row' }, m.path ? mid(m.name, fileHref(m.path)) : h('a.mid', { href: '#/pattern/' + m.name }, m.name)),
      h('td.num', null, h('b', null, n0(m.count))), h('td.num.o', null, time(m.since)))));
    more.textContent = `Show 100 more of ${g.members.length - shown}`;
    more.hidden = shown >= g.members.length;
  };
  fill();
  return h('div.mem', null, h('table', null, h('caption.vh', null, 'Alerts of ' + g.name), h('thead', null, h('tr', null, ['Where', 'Now', 'Since'].map((x, i) => h('th' + (i ? '.num' : ''), { scope: 'col' }, x)))), tb),
    more, g.alerts > g.members.length ? h('p.mut', null, `${n0(g.alerts - g.members.length)} more are not listed.`) : null);
}
function group(g, i, lead) {
  const id = g.name + '\0' + g.watch, isOpen = open.has(id) ? open.get(id) : i === 0;
  return h('details.grp', { open: isOpen, ontoggle: e => open.set(id, e.target.open) },
    h('summary', null, h('span.nm', null, h('span.ar', { 'aria-hidden': 'true' }, '›'), sev(g.severity), g.name, h('span.mut', null, g.by === 'watch' ? `watch ${g.watch}` : some(g.alerts, g.by))), h('span.nw.mut', null, 'since ', time(g.first)),
      h('span.q', null, h('b', null, n0(g.count)), ' in their windows', g.alerts > 1 ? `; all fired within ${dur(g.last - g.first)}` : '')),
    h('div.in', null, g.pattern && g.pattern.id !== (lead && lead.id) ? which([g.pattern]) : null, g.by !== 'watch' ? members(g) : null));
}
function heroGroups() {
  const cb = h('div.blk'), total = firing(), first = Math.min(...S.groups.map(g => g.first)), all = usualNow(), now = perMin();
  const excess = g => g.pattern ? Math.max(0, g.pattern.now - g.pattern.usual) : 0, most = [...S.groups].sort((a, b) => excess(b) - excess(a))[0];
  const lead = most && most.pattern && most.pattern.share >= .8 ? most.pattern : null;
  const places = new Map();
  for (const a of S.alerts) for (const w of a.where) { const k = w.kind === 'pod' ? 'ns\0' + w.name.split('/')[0] : w.kind + '\0' + w.name; places.set(k, { path: w.path, n: Math.max(w.count, (places.get(k) || { n: 0 }).n) }); }
  const where = [...places].map(([k, v]) => ({ kind: k.split('\0')[0], name: k.split('\0')[1], path: v.path, count: v.n })).sort((a, b) => b.count - a.count).slice(0, 5);
  const order = [...S.groups.map(g => [g.first, [h('b', null, g.name), ' fires', g.by === 'watch' ? ` in watch ${g.watch}` : `, the first of ${n0(g.alerts)}`]]),
    ...S.history.filter(p => p.to > first).map(p => [p.to, [h('b', null, p.name), ' is over']])].sort((a, b) => a[0] - b[0]).slice(0, 8);
  const s = h('section.card.hero.' + (S.groups.some(g => g.severity === 'critical') ? 'crit' : 'info'), { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(sev(S.groups[0] ? S.groups[0].severity : 'critical'), `${n0(total)} alerts ${off ? 'were' : 'are'} firing, in ${some(S.groups.length, 'group')}`, ', since ', h('b', null, time(first)), ` (${dur(S.now - first)})`),
      h('dl.stats', null, stat('errors in the last minute', n0(now), '.big'), all && stat('usual at this time', usualText(all)), all && stat('the usual', times(now / Math.max(1, all.mid))), stat('files', n0(S.agent.files)))),
    h('div.grid', null, h('div', null, lead ? h('div.blk', null, h('h2.h3.lead', null, `One error explains ${Math.round(lead.share * 100)} % of ${most.name}`, h('span', null, 'before → now, share of the excess')), which([lead]), h('p.one', null, safe(lead.sample))) : null, ...S.groups.map((g, i) => group(g, i, lead))),
      h('div', null, cb, where.length ? h('div.blk', null, h('h2.h3', null, 'Where'), whereList(where, where[0].count)) : null,
        h('div.blk', null, h('h2.h3', null, 'In order'), h('ol.seq', null, order.map(([t, x]) => h('li', null, time(t), h('span', null, x))))))),
    h('div.foot', null, S.agent.outputs.filter(o => o.waiting).map(o => h('span.amb', null, h('b', null, `! ${o.name}: ${n0(o.waiting)} waiting`), o.error ? [', ', safe(o.error)] : '')),
      S.alerts[0] ? notified(S.alerts[0]) : null, heldBack(), S.series || !S.groups[0] ? null : cmd('Silence', silenceCommand({ name: S.groups[0].name }))));
  return [s, cb, { now: perMin }];
}
const pastOf = p => p.place ? [' ', h('span.mut', null, safe(p.place))] : '';
const past = (p, ...more) => h('li', { id: 'past-' + p.fingerprint }, h('span', null, sev(p.severity, 1), ' ', h('b', null, p.name), pastOf(p)), h('span.mut.nw', null, when(p.from), ', for ', dur(p.to - p.from)), h('span.s', null, p.why ? [safe(p.why), ' · '] : '', `${n0(p.peak)} in its worst window, ${n0(p.total)} in all · watch ${p.watch}`, ...more));
function heroCalm() {
  const cb = h('div.blk'), u = usualNow(), last = S.history[0], since = last ? Math.max(last.to, 0) : S.started, fresh = S.patterns.filter(p => p.state !== 'seen' && p.first && S.now - p.first < D).length;
  const today = S.rules.some(r => r.today != null) ? sum(S.rules, r => r.today || 0) : null, top = [...S.patterns].filter(p => p.now).sort((a, b) => b.now - a.now).slice(0, 5);
  const s = h('section.card.hero.calm', { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(h('span.sev.info', null, '✓ calm'), off ? 'Nothing was firing' : 'Nothing is firing', ', for ', h('b', null, dur(S.now - since))),
      h('dl.stats', null, stat('errors in the last minute', n0(perMin()), '.big'), u && stat('usual at this time', usualText(u)), today != null && stat('errors today', n0(today)), stat('new errors in 24 h', n0(fresh))), heldBack()),
    h('div.grid', null, cb, h('div', null, h('div.blk', null, h('h2.h3', null, 'Most frequent errors now', h('span', null, 'a minute')),
      top.length ? h('ol.where', null, top.map(p => h('li', null, h('a.mid', { href: '#/pattern/' + p.id, title: plain(p) }, h('span.a', null, parts(p))), bar(p.now / Math.max(1, perMin()) * 100), h('span.n', null, n0(p.now))))) : h('p.mut', null, 'No line matched in the last minute.')),
      S.history.length ? h('div.blk', null, h('h2.h3', null, 'Last alerts'), h('ul.steps', null, S.history.slice(0, 2).map(p => h('li', null, h('span', null, sev(p.severity, 1), ' ', h('b', null, p.name), ' ', h('span.mut', null, when(p.from), ', for ', dur(p.to - p.from))))))) : null)));
  return [s, cb, { range: S.now - S.started < 2 * H ? '1h' : '24h', now: perMin }];
}
function heroLearning() {
  const cb = h('div.blk'), l = S.agent.learning, done = Math.min(100, Math.max(0, (S.now - l.since) / (l.until - l.since) * 100));
  const s = h('section.card.hero.info', { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(h('span.sev.info', null, '… learning'), 'Learning what is usual', ', started ', h('b', null, when(S.started))),
      h('div.prg', { role: 'progressbar', 'aria-valuenow': Math.round(done), 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-label': 'Learned' }, h('i', { v: done })),
      h('p.mut', null, `${dur(S.now - l.since)} of ${dur(l.until - l.since)}. Nothing is firing. `, h('b', null, 'Alerts with a fixed threshold work already'), '; alerts on spikes begin at ', h('b', null, when(l.until)), '.')),
    h('div.grid', null, cb, h('div', null, h('div.blk', null, h('h2.h3', null, 'What works, and from when'), h('ul.steps', null,
      [['✓', 'Counting', `exact since ${when(S.started)}, ${some(S.agent.files, 'file')}`], ['✓', 'Fixed thresholds', 'count, rate, share and silence'], ['…', 'Spikes', `from ${when(l.until)}: they need ${dur(l.until - l.since)} of counts`], ['…', 'Rhythm of the day', 'from tomorrow: until then the level of the last half hour']]
        .map(([i, n, t]) => h('li', null, h('span', null, h('span', { 'aria-hidden': 'true' }, i + ' '), h('b', null, n)), h('span.mut', null, t))))))));
  return [s, cb, { title: 'Rate so far', now: perMin }];
}
function heroEmpty() {
  return [h('section.card.hero.info', { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(h('span.sev.info', null, 'empty'), 'No file to read yet'), h('p.mut', null, 'The daemon runs and waits. A file that appears in one of these places is read at once, from its beginning.')),
    h('div.grid', null, h('div.blk', null, h('h2.h3', null, 'What it waits for'), h('ul.steps', null, S.waiting_for.map(w => h('li', null, h('span', null, h('b', null, w.watch), ' ', h('code', null, safe(w.glob))), h('span.mut', null, safe(w.why)))))),
      h('div.blk', null, h('h2.h3', null, 'What to do'), h('ul.steps', null, h('li', null, 'What each watch finds, and why not', cmd('', 'spiketail check')), h('li', null, 'Why one path is not read', cmd('', 'spiketail explain PATH'))))))];
}
function ruleChart(r) {
  const box = h('div.blk');
  requestAnimationFrame(() => chart(box, { title: h('h2.h3', null, `${r.rule} in ${r.watch}`), query: { watch: r.watch, rule: r.rule } }));
  return h('div', null, box);
}
function heroRecorded() {
  const cb = h('div.blk'), n = S.history.length, all = S.series[''] || { start: S.now };
  const s = h('section.card.hero.info', { 'aria-labelledby': 'h1', id: 'now' },
    h('div.hd', null, head(h('span.sev.info', null, 'replay'), n ? `${some(n, 'alert')} would have fired` : 'No alert would have fired', ', ', time(all.start, when), ' to ', time(S.now, when)),
      h('dl.stats', null, stat('errors in all', n0(sum(S.patterns, p => p.total)), '.big'), stat('over', dur(S.now - all.start)), stat('patterns', n0(S.patterns.length + S.patterns_more)), stat('files', n0(S.agent.files)))),
    h('div.grid', null, h('div.full', null, cb), S.rules.length > 1 ? S.rules.map(ruleChart) : null));
  return [s, cb, { title: 'Rate and usual band (drag to zoom, double-click for all)' }];
}
/* Which of them it is, and the key of what its chart shows. */
function heroNow() {
  if (S.series) return ['recorded', heroRecorded];
  if (S.alerts.length === 1 && !S.alerts_more) return ['alert ' + S.alerts[0].fingerprint, () => heroAlert(S.alerts[0])];
  if (firing()) return ['groups', heroGroups];
  if (!S.agent.files && S.waiting_for.length) return ['empty', heroEmpty];
  return S.agent.learning ? ['learning', heroLearning] : ['calm', heroCalm];
}
