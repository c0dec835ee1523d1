"use strict";
/* Fetches the snapshot, follows its changes, and puts the page together. */
const main = $('#main');
let heroKey = '', chartKey = '', heroChart = [], secP, secF, secL, secS, secH, source = null, minute = 0, told = '', toldAt = 0, dirty = false, drawn = 0, wait = 0, retry = null, retryAt = 0, heard = 0;
function header() {
  const a = S.agent, F = firing(), bad = a.missed > 0 || a.health === 'degraded', waiting = a.outputs.find(o => o.waiting), warn = waiting && waiting.error || a.lag > 1e6;
  $('.host').textContent = S.host;
  const l = $('.live');
  l.classList.toggle('off', off);
  l.lastChild.textContent = S.series ? 'recorded' : off ? 'disconnected' : 'live';
  $('.clock').textContent = (off ? 'as of ' : '') + fmt(S.now, { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });
  const it = (c, k, v, cls) => h('div.' + c, null, h('dt', null, k), h('dd' + (cls || ''), null, v));
  const miss = a.missed ? h('a', { href: '#/files' }, bytes(a.missed)) : '0 B';
  const word = off ? '? Agent not reached' : a.health === 'degraded' ? '! Agent degraded' : bad ? ['! Agent', h('span.wide', null, ' missed bytes')] : warn ? '! Agent delayed' : a.learning ? '✓ Agent ok, learning' : a.files ? '✓ Agent ok' : '✓ Agent runs, nothing to read';
  if (S.series) $('.agent').replaceChildren(it('f', a.files === 1 ? 'file' : 'files', n0(a.files)), it('r', 'by spiketail replay', 'read'));
  else $('.agent').replaceChildren(...[it('st' + (bad || off ? '.bad' : warn ? '.warn' : ''), 'agent', word), it('f', a.files === 1 ? 'file' : 'files', n0(a.files)),
    a.missed ? it('mi.bad', ['missed', h('span.wide', null, ` in ${some(a.missed_files, 'file')}`)], miss) : it('mi', 'missed', miss),
    waiting ? it('o.warn', 'waiting for ' + waiting.name, n0(waiting.waiting)) : it('o.wide', 'waiting for outputs', '0'), it('l' + (a.lag > 1e6 ? '.warn' : '.wide'), 'behind', bytes(a.lag)),
    a.state_trouble ? it('c.warn', 'not committed', safe(a.state_trouble)) : a.committed ? it('c', 'since commit', dur(S.now - a.committed)) : null, it('r.wide', 'read', bytes(a.bytes_per_s) + '/s'), it('u.wide', 'up', dur(S.now - S.started))].filter(Boolean));
  announce(F ? `${some(F, 'alert')} firing on ${S.host}` : 'Nothing is firing');
  document.title = (F ? `▲ ${n0(F)} firing · ` : '') + S.host + ' · spiketail';
  if (!S.series) $('#icon').href = F ? '/favicon-firing.svg' : '/favicon.svg';
  const fresh = S.patterns.filter(p => p.state === 'new').length, cur = $('.tabs [aria-current]'), at = cur ? cur.dataset.s : 'now';
  const tabs = [['now', 'Now', F ? n0(F) + ' firing' : heroNow()[0]], ['patterns', 'Patterns', fresh ? fresh + ' new' : n0(S.patterns.length + S.patterns_more)], ['files', 'Files', n0(a.files)], ...(S.series ? [['past', 'Past', n0(S.history.length)]] : [['live', 'Live', n0(perMin()) + '/min'], ['silences', 'Silences', n0(S.silences.length)]])];
  const nav = $('.tabs');
  if (nav.children.length !== tabs.length) nav.replaceChildren(...tabs.map(([id, l]) => h('a', { href: '#/' + id, 'aria-current': id === at ? 'true' : null, 'data-s': id }, l, h('b'))));
  tabs.forEach(([, , c], i) => { $('b', nav.children[i]).textContent = c; });
  connection();
}
/* At most once in ten seconds, and only what is new. */
function announce(text) {
  if (text === told || Date.now() - toldAt < 1e4) return;
  [told, toldAt] = [text, Date.now()];
  $('#say').textContent = text;
}
function connection() {
  const c = $('#conn');
  document.documentElement.classList.toggle('stale', off);
  if (!off) { c.hidden = true; return; }
  const next = Math.max(0, Math.ceil((retryAt - Date.now()) / 1e3)), text = `No answer from the daemon for ${dur((Date.now() - offSince) / 1e3)}`;
  if (c.hidden) c.replaceChildren(h('b'), h('span'), h('button.btn', { type: 'button', onclick: connect }, 'Try now'));
  c.hidden = false;
  c.children[0].textContent = text;
  c.children[1].textContent = `Everything below is as of ${hms(S.now)}. The next try is in ${next} s.`;
}
function render() {
  header();
  const [k, build] = heroNow(), old = $('#now'), busy = old && (old.contains(document.activeElement) && document.activeElement.tagName !== 'H1' || getSelection().toString() && old.contains(getSelection().anchorNode));
  if (!busy || k + off !== heroKey) {
    const [hero, box, o] = build(), focused = old && old.contains(document.activeElement);
    if (box && chartKey === k) box.replaceChildren(...heroChart);
    else if (box) { chart(box, { ...o, title: h('h2', null, o.title || 'Rate and usual band'), main: true }); [heroChart, chartKey] = [[...box.childNodes], k]; }
    else chartKey = '';
    old ? old.replaceWith(hero) : main.prepend(hero);
    heroKey = k + off;
    if (focused) $('h1', hero).focus({ preventScroll: true });
    io.observe(hero);
  }
  [secP, secF, secL, secS, secH].forEach(s => s && s.update());
}
function soon() {
  if (dirty) return;
  dirty = true;
  /* The first change is drawn at once, others at most four times a second. */
  setTimeout(() => requestAnimationFrame(() => { [dirty, drawn] = [false, performance.now()]; render(); }), Math.max(0, 250 - performance.now() + drawn));
}
function build() {
  secP = patternsSection();
  secF = filesSection();
  secL = S.series ? null : liveSection();
  secS = S.series ? null : silencesSection();
  secH = pastSection();
  main.replaceChildren(...[secP, secF, secL, secS, secH].filter(Boolean));
  heroKey = chartKey = '';
  charts.clear();
  if (secL) secL.reset(S.lines);
  render();
  $$('main section[id]').forEach(s => io.observe(s));
  route();
}
const replace = (list, same, x) => { const i = list.findIndex(same); if (i < 0) list.push(x); else list[i] = { ...list[i], ...x }; };
const changes = {
  tick(d) {
    [S.now, S.agent, S.rules] = [d.now, d.agent, d.rules];
    d.patterns.forEach(n => { const p = S.patterns.find(p => key(p) === key(n)); if (p) { p.trend[p.trend.length - 1] = Math.max(p.trend[p.trend.length - 1], n.now); Object.assign(p, n); } });
    S.patterns.forEach(p => { if (p.last && S.now - p.last > 61) p.now = 0; });
    d.files.forEach(f => replace(S.files, x => x.path === f.path && x.watch === f.watch, f));
    const m = Math.floor(S.now / 60);
    if (minute && m !== minute) refreshCharts();
    minute = m;
  },
  alerts(d) { const before = firing(); Object.assign(S, d); if (before !== firing()) refreshCharts(); },
  patterns(d) { Object.assign(S, d); },
  pattern(d) { replace(S.patterns, p => key(p) === key(d), d); },
  lines(d) { secL.add(d.lines, d.skipped); },
};
function disconnected() {
  if (source) source.close();
  source = null;
  if (!off) [off, offSince] = [true, heard || Date.now()];
  wait = Math.min(15, wait ? wait * 2 : 1);
  retryAt = Date.now() + wait * 1e3;
  clearTimeout(retry);
  retry = setTimeout(connect, wait * 1e3);
  if (S) render();
}
async function connect() {
  clearTimeout(retry);
  try {
    const limit = new AbortController(), timer = setTimeout(() => limit.abort(), 5e3);
    const answer = await fetch('/api/v1/status', { signal: limit.signal });
    clearTimeout(timer);
    if (!answer.ok) throw new Error(await answer.text());
    const fresh = await answer.json(), isFirst = !S || S.started !== fresh.started;
    S = fresh;
    [off, wait, heard] = [false, 0, Date.now()];
    if (isFirst) build(); else { secL.reset(S.lines); render(); refreshCharts(); }
    follow();
  } catch (why) {
    if (!S) { $('.live').lastChild.textContent = 'disconnected'; $('.live').classList.add('off'); }
    disconnected();
  }
}
function follow() {
  if (source) source.close();
  source = new EventSource('/api/v1/events?after=' + S.seq);
  for (const name in changes) source.addEventListener(name, e => { heard = Date.now(); changes[name](JSON.parse(e.data)); soon(); });
  source.addEventListener('reset', connect);
  source.onerror = disconnected;
}
/* A connection that is silent is none: there is an event every second. */
setInterval(() => { if (S && !S.series) { if (source && Date.now() - heard > 5e3) disconnected(); else if (off) connection(); } }, 1e3);
addEventListener('online', () => off && connect());
let hidden;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hidden);
  if (!S || S.series) return;
  if (document.hidden) hidden = setTimeout(() => { if (source) source.close(); source = null; }, 6e4);
  else if (!source) connect();
});
/* ---- routes and keys ---- */
let lock = 0;
const cur = id => id === 'past' && secS ? cur('silences') : $$('.tabs a').forEach(a => a.dataset.s === id ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current'));
function route() {
  const [, name, arg = ''] = /^#\/(\w+)(?:[/?](.*))?$/.exec(location.hash) || [];
  if (!name || !S) return;
  let t, p = '';
  try { p = decodeURIComponent(arg.replace(/^(path|pattern)=/, '')); } catch { /* A malformed hash means nothing. */ }
  if (name === 'pattern') t = secP.open(p) || secP;
  else if (name === 'alert') t = alertAt(p);
  else if (name === 'file') { secF.find(p); t = secF; }
  else if (name === 'live' && secL) { if (p) secL.only(p); t = secL; }
  else t = document.getElementById(name);
  if (!t) return;
  lock = Date.now() + 900;
  cur({ pattern: 'patterns', alert: t === secH ? 'past' : 'now', file: 'files' }[name] || name);
  t.scrollIntoView({ block: 'start' });
  const f = $('h1,h2,.px', t);
  if (f) f.focus({ preventScroll: true });
}
function alertAt(id) {
  const g = S.groups.find(g => g.members.some(m => m.fingerprint === id));
  if (S.alerts.some(a => a.fingerprint === id) || g) { if (g) open.set(g.name + '\0' + g.watch, true); render(); return $('#now'); }
  if (S.silenced.some(a => a.fingerprint === id)) return secS;
  if (S.history.some(p => p.fingerprint === id)) return secH;
  $('#say').textContent = 'The alert of this link is not known here: it is over for long, or of another machine.';
  return $('#now');
}
addEventListener('hashchange', route);
const io = new IntersectionObserver(es => es.forEach(e => { if (e.isIntersecting && Date.now() > lock) cur(e.target.id); }), { rootMargin: '-20% 0px -70% 0px' });
const store = (k, v) => { try { return v === undefined ? localStorage.getItem(k) : localStorage.setItem(k, v); } catch { return null; } };
const wanted = new URLSearchParams(location.search), dark = matchMedia('(prefers-color-scheme:dark)');
const theme = t => { document.documentElement.dataset.theme = t; };
theme(wanted.get('theme') || store('theme') || (dark.matches ? 'dark' : 'light'));
$('#theme').onclick = () => { const t = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'; theme(t); store('theme', t); drawCharts(); };
dark.addEventListener('change', e => { if (!store('theme')) { theme(e.matches ? 'dark' : 'light'); drawCharts(); } });
$('.clock').onclick = () => { zone = zone ? undefined : 'UTC'; heroKey = ''; render(); drawCharts(); };
const help = $('#help'), single = $('#sk');
$('#helpb').onclick = () => help.showModal();
single.checked = store('keys') !== 'off';
single.onchange = () => store('keys', single.checked ? 'on' : 'off');
addEventListener('keydown', e => {
  const typing = /INPUT|SELECT|TEXTAREA/.test(e.target.tagName) && e.target.type !== 'checkbox';
  if (e.ctrlKey || e.metaKey || e.altKey || !single.checked || typing) { if (e.key === 'Escape' && typing) e.target.blur(); return; }
  const k = e.key, range = { h: '1h', d: '24h', w: '7d' }[k];
  if (k === '/') { e.preventDefault(); $('#pq').focus(); }
  else if (k === '?') help.showModal();
  else if (range) charts.forEach(c => c.main && c.set(range));
  else if (k === 'p' && $('#pause')) $('#pause').click();
  else if (/^[1-5]$/.test(k)) { const a = $('.tabs').children[k - 1]; if (a) location.hash = a.getAttribute('href'); }
  else if (k === 'j' || k === 'k') { const l = $$('.px').filter(x => x.offsetParent), i = l.indexOf(document.activeElement), n = l[Math.max(0, Math.min(l.length - 1, i + (k === 'j' ? 1 : -1)))]; if (n) n.focus(); }
});
const recorded = $('#data');
if (recorded) { S = JSON.parse(recorded.textContent); build(); } else connect();
