// The page itself: one document with its style, script and labels inside, under 40 kB, with nothing from elsewhere.
import { createHash } from 'node:crypto'
import { LABELS, type LabelKey } from './labels.ts'
import { SCRIPT } from './page-script.ts'
import { STYLE } from './page-style.ts'

/** An element whose text is a label; English until the script has chosen the language. */
const label = (tag: string, key: LabelKey, attributes = '') =>
  `<${tag}${attributes} data-l="${key}">${LABELS.en[key]}</${tag}>`
const span = (key: LabelKey) => label('span', key)

// A label never closes the script element that it lies in.
const labels = JSON.stringify(LABELS).replace(/</g, '\\u003c')

const BODY = `<main>
<section aria-labelledby="name">
<h1 id="name">${LABELS.en.title}</h1>
<p id="lost" role="alert" hidden data-l="lost">${LABELS.en.lost}</p>
<div role="status">
<div id="state" class="unknown"><svg viewBox="0 0 24 24" aria-hidden="true"><path id="sign" fill-rule="evenodd" d="M3 10h4v4H3zM10 10h4v4h-4zM17 10h4v4h-4z"/></svg> <span id="word">${LABELS.en['state.unknown']}</span></div>
<div id="amps">–</div>
<p id="reason">–</p>
</div>
<p id="faults" role="alert" hidden></p>
<p id="away" role="status" hidden></p>
<dl>
${label('dt', 'power')}<dd id="power">–</dd>
${label('dt', 'energy')}<dd id="energy">–</dd>
${label('dt', 'currents')}<dd id="currents">–</dd>
</dl>
</section>
<section id="orders">
<div id="pin-row" hidden><label>${span('pin')}<input id="pin" type="password" inputmode="numeric" autocomplete="off" maxlength="32"></label></div>
<form id="order-override" hidden>
<label>${span('overrideFor')}<select id="hours"><option value="0" data-l="overrideOpen">${LABELS.en.overrideOpen}</option><option data-hours value="1">1</option><option data-hours value="2">2</option><option data-hours value="4">4</option><option data-hours value="8">8</option></select></label>
${label('button', 'override', ' class="main"')}
</form>
<div id="overridden" hidden><p id="override-end"></p>${label('button', 'endOverride', ' id="end-override" type="button" class="main"')}</div>
<form id="user-limit" hidden>
<label>${span('userLimit')}<input id="user-amps" type="number" inputmode="numeric" min="6" max="80" step="1" value="10" required></label>
${label('button', 'set')}
${label('button', 'lift', ' id="lift" type="button" hidden')}
</form>
<div class="row">${label('button', 'stop', ' id="stop" type="button" hidden')}</div>
<p id="told" role="status"></p>
</section>
<section>${label('h2', 'schedule')}<p id="schedule-words"></p><ul id="windows"></ul></section>
<details id="diagnosis">${label('summary', 'diagnosis')}
<div class="scroll" tabindex="0" role="group" aria-labelledby="devices-head"><table><thead id="devices-head"><tr>${label('th', 'device', ' scope="col"')}${label('th', 'age', ' scope="col"')}${label('th', 'errors', ' scope="col"')}${label('th', 'roundTrip', ' scope="col"')}</tr></thead><tbody id="devices"></tbody></table></div>
<dl id="facts"></dl>
</details>
<details>${label('summary', 'commission')}
${label('p', 'commissionNote', ' id="commission-note"')}
<form id="commission" aria-describedby="commission-note">
<label>${span('limit')}<input id="limit-amps" type="number" inputmode="numeric" min="6" max="80" step="1" required></label>
<label>${span('phases')}<select id="phases"><option>3</option><option>1</option></select></label>
<label>${span('by')}<input id="by" maxlength="100" required autocomplete="name"></label>
${label('button', 'commission')}
</form>
</details>
</main>`

export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${LABELS.en.title}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body>${BODY}
<script type="application/json" id="labels">${labels}</script><script>${SCRIPT}</script></body></html>
`

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Content-Security-Policy: this style, this script, this box; nothing else, and in nobody's frame. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hash(SCRIPT)}`,
  `style-src ${hash(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
