// The page's own script, as the browser runs it: plain JavaScript, values into text nodes only. It reads the labels from
// the element #labels and the box from the event stream.
export const SCRIPT = `
'use strict';
var ALL = JSON.parse(document.getElementById('labels').textContent);
var wanted = new URLSearchParams(location.search).get('lang');
var locale = [wanted].concat(navigator.languages || []).map(String).find(function (l) { return /^[a-z]{2}(-[A-Z]{2})?$/.test(l) && ALL[l.slice(0, 2)] }) || 'en-GB';
var lang = locale.slice(0, 2);
var L = ALL[lang];
var SIGNS = {
  idle: 'M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zm0 3a6 6 0 1 1 0 12a6 6 0 0 1 0-12z',
  occupied: 'M7 2h3v5h4V2h3v5h2v5a6 6 0 0 1-5.500 5.980V22h-3v-4.020A6 6 0 0 1 5 12V7h2z',
  suspendedEvse: 'M6 4h4v16H6zM14 4h4v16h-4z',
  suspendedEv: 'M9 20L2 13l3-3l4 4L19 4l3 3z',
  charging: 'M14 2L4 14h6l-2 8l11-13h-7z',
  faulted: 'M12 2L1 21h22zM11 9h2v6h-2zM11 17h2v2h-2z',
  lost: 'M12 2L1 21h22zM11 9h2v6h-2zM11 17h2v2h-2z',
  unknown: 'M3 10h4v4H3zM10 10h4v4h-4zM17 10h4v4h-4z'
};
var NO_CHARGE = ['wait.stopped', 'wait.controlLost', 'wait.starting', 'limit.fault'];
var FRESH_MS = 5000;
var box = null, shownLimit = null;
var $ = function (id) { return document.getElementById(id) };
var put = function (id, text) { if ($(id).textContent !== text) $(id).textContent = text };
var number = function (value, digits) { return new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value) };
var ampsOf = function (milliamps) { return new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(milliamps / 1000) + '\\u00A0A' };
document.documentElement.lang = lang;
document.title = L.title;
document.querySelectorAll('[data-l]').forEach(function (node) { node.textContent = L[node.dataset.l] });
document.querySelectorAll('[data-hours]').forEach(function (node) { node.textContent = node.value + ' ' + (node.value === '1' ? L.overrideHour : L.overrideHours) });

function time(at) {
  var day = { timeZone: box.timeZone, year: 'numeric', month: 'numeric', day: 'numeric' };
  var sameDay = new Intl.DateTimeFormat('en', day).format(at) === new Intl.DateTimeFormat('en', day).format(box.at);
  var form = { timeZone: box.timeZone, hour: '2-digit', minute: '2-digit' };
  if (!sameDay) form.weekday = 'long';
  return new Intl.DateTimeFormat(locale, form).format(at);
}
function row(list, name, value) {
  var dt = document.createElement('dt'); dt.textContent = name;
  var dd = document.createElement('dd'); dd.textContent = value;
  list.append(dt, dd);
}
function show(seen) {
  box = seen;
  var control = box.control, meter = control && control.meter;
  var why = box.limit.reason;
  var state = control ? control.chargingState : why.key === 'wait.controlLost' ? 'lost' : 'unknown';
  var isFresh = meter && box.meterAgeMs <= FRESH_MS;
  put('name', box.stationId);
  if ($('sign').getAttribute('d') !== SIGNS[state]) $('sign').setAttribute('d', SIGNS[state]);
  put('word', L['state.' + state]);
  if ($('state').className !== state) $('state').className = state;
  var amps = box.limit.currentMilliamps;
  put('amps', amps === 0 && NO_CHARGE.indexOf(why.key) < 0 ? L.paused : L.allowed + ' ' + ampsOf(amps));
  put('reason', box.words[lang].reason + (box.limit.until === null ? '' : ' (' + L.until + ' ' + time(box.limit.until) + ')'));
  put('power', isFresh ? number(meter.powerWatts / 1000, 2) + '\\u00A0kW' : '\\u2013' + (meter ? ' (' + lastRead() + ')' : ''));
  put('energy', box.session ? number(box.session.energyWh / 1000, 3) + '\\u00A0kWh' : '\\u2013');
  put('currents', isFresh ? meter.currentsMilliamps.map(function (current) { return number(current / 1000, 1) }).join(' / ') + '\\u00A0A' : '\\u2013');
  var on = box.override !== null;
  var isPlugged = control !== null && control.plugId !== null;
  var isHeldBack = why.key === 'limit.schedule' || why.key === 'limit.belowMinimum' && why.values.source === 'schedule';
  $('order-override').hidden = on || !isPlugged || !isHeldBack;
  $('overridden').hidden = !on;
  if (on) put('override-end', L.overrideOn + ', ' + (box.override.until === null ? L.overrideOpen : L.until + ' ' + time(box.override.until)) + '.');
  $('stop').hidden = box.session === null || why.key === 'wait.stopped';
  $('user-limit').hidden = !isPlugged;
  $('lift').hidden = box.userLimitMilliamps === null;
  if (box.userLimitMilliamps !== shownLimit) {
    shownLimit = box.userLimitMilliamps;
    if (shownLimit) $('user-amps').value = shownLimit / 1000;
  }
  $('away').hidden = box.csms === 'none' || box.csms === 'accepted';
  var isAnswered = box.csms === 'pending' || box.csms === 'rejected';
  put('away', (isAnswered ? L.serverNotReady : L.serverAway) + (box.outbox.pending > 0 ? ' ' + L.messagesWait + ' ' + box.outbox.pending + '.' : ''));
  $('pin-row').hidden = !box.pinNeeded;
  $('faults').hidden = box.faultsInWords.length === 0;
  put('faults', box.faultsInWords.map(function (fault) { return fault.code + ': ' + fault.means + ' ' + fault.clears }).join(' '));
  hideEmpty();
  showSchedule();
  showDiagnosis(control, meter);
}
function lastRead() {
  var seconds = Math.round(box.meterAgeMs / 1000);
  var age = seconds < 120 ? seconds + '\\u00A0s' : Math.round(seconds / 60) + '\\u00A0min';
  return L.lastRead.replace('{age}', age);
}
function hideEmpty() {
  var parts = ['pin-row', 'order-override', 'overridden', 'user-limit', 'stop'];
  $('orders').hidden = $('told').textContent === '' && parts.every(function (id) { return $(id).hidden });
}
function showSchedule() {
  var text = JSON.stringify([box.schedule, lang]);
  if ($('windows').dataset.shown === text) return;
  $('windows').dataset.shown = text;
  $('windows').replaceChildren();
  var schedule = box.schedule;
  if (!schedule) { put('schedule-words', L.noSchedule); return }
  put('schedule-words', L.freeIn + ', ' + (schedule.outsideMilliamps === 0 ? L.outsideNone : L.outside + ' ' + ampsOf(schedule.outsideMilliamps)) + ' (' + schedule.timeZone + '):');
  schedule.windows.forEach(function (one) {
    var item = document.createElement('li');
    // 5 January 2026 was a Monday.
    var days = one.days.length === 7 ? L.everyDay : one.days.map(function (day) { return new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2026, 0, 4 + day)) }).join(', ');
    item.textContent = days + ' ' + one.from + '\\u2013' + one.to;
    $('windows').append(item);
  });
}
function showDiagnosis(control, meter) {
  if (!$('diagnosis').open) return;
  var devices = $('devices');
  devices.replaceChildren();
  (control ? control.devices : []).forEach(function (device) {
    var tr = document.createElement('tr');
    var age = device.lastReplyAgeMs === null ? '\\u2013' : number(device.lastReplyAgeMs / 1000, 1) + '\\u00A0s';
    [device.name + ' (' + device.driver + ')', device.reachable ? age : L.unreachable, device.errors + ' / ' + device.requests, device.roundTripMs === null ? '\\u2013' : number(device.roundTripMs, 0) + '\\u00A0ms'].forEach(function (cell) {
      var td = document.createElement('td'); td.textContent = cell; tr.append(td);
    });
    devices.append(tr);
  });
  var facts = $('facts');
  facts.replaceChildren();
  row(facts, L.server, box.csms);
  row(facts, L.outbox, box.outbox.pending + ' / ' + box.outbox.parked);
  row(facts, L.time, time(box.at) + ' ' + box.timeZone + ', ' + L['time.' + box.timeQuality]);
  row(facts, L.installation, box.installation ? ampsOf(box.installation.limitMilliamps) + ', ' + box.installation.phasesWired + ' \\u00D7, ' + box.installation.commissionedBy : L.notCommissioned);
  if (meter) row(facts, L.register, number(meter.registerWh / 1000, 3) + '\\u00A0kWh (' + meter.serial + (box.meterAgeMs <= FRESH_MS ? '' : ', ' + lastRead()) + ')');
  row(facts, L.faults, box.faults.length ? box.faults.join(', ') : L.none);
}
function tell(text, bad) { put('told', text); $('told').className = bad ? 'bad' : ''; hideEmpty() }
function order(method, path, body) {
  var headers = { 'content-type': 'application/json' };
  if ($('pin').value) headers['x-pin'] = $('pin').value;
  tell('', false);
  return fetch(path, { method: method, headers: headers, body: JSON.stringify(body) }).then(function (response) {
    return response.json().then(function (answer) {
      if (response.ok) { tell(L.done, false); return }
      tell(answer.message + ' ' + answer.do, true);
      if (response.status === 401) $('pin').focus();
    });
  }).catch(function () { tell(L.lost, true) });
}
$('order-override').addEventListener('submit', function (event) {
  event.preventDefault();
  var hours = Number($('hours').value);
  order('POST', '/api/override', hours ? { until: box.at + hours * 3600000 } : {});
});
$('end-override').addEventListener('click', function () { order('DELETE', '/api/override', {}) });
$('stop').addEventListener('click', function () { order('POST', '/api/stop', {}) });
$('user-limit').addEventListener('submit', function (event) {
  event.preventDefault();
  order('POST', '/api/user-limit', { limitMilliamps: Math.round(Number($('user-amps').value) * 1000) });
});
$('lift').addEventListener('click', function () { order('POST', '/api/user-limit', { limitMilliamps: null }) });
$('commission').addEventListener('submit', function (event) {
  event.preventDefault();
  order('POST', '/api/commission', { limitMilliamps: Math.round(Number($('limit-amps').value) * 1000), phasesWired: Number($('phases').value), by: $('by').value });
});
$('diagnosis').addEventListener('toggle', function () { if (box) show(box) });
var source = new EventSource('/api/events');
source.addEventListener('state', function (event) { $('lost').hidden = true; show(JSON.parse(event.data)) });
source.onerror = function () { $('lost').hidden = false };
`
