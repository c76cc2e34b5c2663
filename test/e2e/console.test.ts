// The console in a real browser, over the real cloud that a real OCPP socket feeds. One story from top to bottom: each
// test goes on where the one before it stopped.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Program, startProgram } from '../../hw-sim/demo/program.ts'
import { systemClock } from '../../shared/io/system-clock.ts'
import { epochOfIso } from '../../shared/time/iso.ts'
import { type EpochMs, epochMs } from '../../shared/units.ts'
import { accessibility, browserPath, NO_BROWSER, overflowPx, startBrowser } from './browser.ts'
import { connectStation, type Reading, type TestStation } from './console-station.ts'

const CLOUD = fileURLToPath(new URL('../../dist/cloud.mjs', import.meta.url))
const KEY = 'key-of-the-test-station'
/** A Thursday evening in Copenhagen, twenty minutes after the peak band of the shipped tariff has ended. */
const STARTS_AT = epochOfIso('2026-01-15T21:20:00+01:00') ?? epochMs(0)
const offsetMs = STARTS_AT - systemClock().wall()
const clock = systemClock(offsetMs)
const MINUTE = 60_000
/** Where screenshots go; none are made without it. */
const SHOTS = process.env['CONSOLE_SCREENSHOTS']

const executable = browserPath()
let dir = ''
let port = 0
let cloud: Program
let browser: Browser
let desktop: Page
let phone: Page
let station: TestStation
const consoleErrors: string[] = []

async function startCloud(): Promise<Program> {
  const args = ['--data', join(dir, 'cloud'), '--port', String(port), `--clock-offset-ms=${offsetMs}`]
  const program = startProgram({ name: 'cloud', file: CLOUD, args, logFile: join(dir, 'cloud.log') }, clock)
  await program.ready
  return program
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

async function openPage(width: number, dark: boolean, locale: string): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? 'dark' : 'light',
    locale,
    // A colour that is on its way is neither the old one nor the new one.
    reducedMotion: 'reduce',
    timezoneId: 'Europe/Copenhagen',
    hasTouch: width < 500,
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => consoleErrors.push(error.message))
  page.setDefaultTimeout(10_000)
  await page.goto(`http://127.0.0.1:${port}/`)
  return page
}

beforeAll(async () => {
  if (executable === null) return
  dir = await mkdtemp(join(tmpdir(), 'voltkeep-console-'))
  await mkdir(join(dir, 'cloud'))
  port = await freePort()
  cloud = await startCloud()
  browser = await startBrowser(executable)
  desktop = await openPage(1280, false, 'en-GB')
  phone = await openPage(360, true, 'da-DK')
})

afterAll(async () => {
  await station?.close()
  await browser?.close()
  await cloud?.stop()
  if (dir) await rm(dir, { recursive: true, force: true })
})

beforeEach((context) => context.skip(executable === null, NO_BROWSER))

/** Colours on their way from one scheme to the other are no finding: waits for two frames and every finite transition. */
const SETTLED = `(async () => {
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
  await frame()
  await frame()
  const finite = document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
  await Promise.all(finite.map((one) => one.finished.catch(() => undefined)))
  await frame()
})()`

/** Nothing to complain about, on a desktop and on a phone, in light and in dark, and nothing to scroll sideways for. */
async function fine(name: string): Promise<void> {
  for (const [page, kind, colorScheme] of [
    [desktop, 'desktop-dark', 'dark'],
    [desktop, 'desktop-light', 'light'],
    [phone, 'phone-light', 'light'],
    [phone, 'phone-dark', 'dark'],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    await page.locator(`html[data-mantine-color-scheme=${colorScheme}]`).waitFor()
    await page.evaluate(SETTLED)
    const { findings, kept } = await accessibility(page)
    expect(findings, `${name}, ${kind}`).toEqual([])
    expect(kept).toBeGreaterThan(10)
    expect(await overflowPx(page), `${name}, ${kind}`).toBe(0)
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}-${kind}.png`), fullPage: true })
  }
}

const read = (at: EpochMs, registerWh: number, amps: number): Reading => ({
  at,
  registerWh,
  milliamps: amps * 1000,
  offeredMilliamps: 16_000,
})
const ago = (minutes: number): EpochMs => epochMs(clock.wall() - minutes * MINUTE)
const see = (page: Page, text: string | RegExp) =>
  page.getByText(text).filter({ visible: true }).first().waitFor()
const choose = (page: Page, what: string) =>
  page.getByRole('radiogroup', { name: 'What is shown' }).getByText(what).click()
const state = (page: Page) => page.locator('main .pill')

describe('the console', { timeout: 90_000 }, () => {
  it('says what to do while there is no station', async () => {
    for (const page of [desktop, phone]) await see(page, 'No station yet')
    const command = await desktop.locator('pre').first().textContent()
    expect(command).toContain(`curl -X POST http://127.0.0.1:${port}/api/stations`)
    expect(await desktop.locator('pre').nth(1).textContent()).toContain(`url: ws://127.0.0.1:${port}/ocpp`)
    await fine('1-empty')
  })

  it('shows a station that was made known, and what it needs to call', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/stations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'BOX-1', key: KEY }),
    })
    expect(answer.status).toBe(201)
    for (const page of [desktop, phone]) {
      await page.getByRole('link', { name: /BOX-1/ }).click({ timeout: 25_000 })
      await see(page, 'This station has not called yet.')
      await see(page, /csms\.url/)
      await see(page, 'No transaction yet.')
    }
    expect(desktop.url()).toContain('#/stations/BOX-1')
    await fine('2-never-seen')
  })

  it('follows the station without being loaded again', async () => {
    station = await connectStation(`ws://127.0.0.1:${port}/ocpp`, 'BOX-1', KEY, clock)
    await station.boot()
    await station.status('Available')
    for (const page of [desktop, phone]) {
      await state(page).getByText('Available').waitFor()
      await see(page, /Example Wallboxes/)
    }
  })

  it('says why a car waits, and until when', async () => {
    await station.status('Occupied')
    const limit = {
      currentMilliamps: 0,
      reason: { key: 'limit.schedule', values: {} },
      until: '2026-01-15T23:00:00+01:00',
    }
    await station.event('Started', 'charge-1', {
      state: 'SuspendedEVSE',
      reading: { ...read(ago(60), 100_000, 0), offeredMilliamps: 0 },
      limit,
    })
    for (const page of [desktop, phone]) {
      await state(page).getByText('Waiting').waitFor()
      await see(page, 'The schedule holds charging back now.')
      await see(page, 'No current')
    }
    await see(desktop, /changes at\s+23:00/)
    await fine('3-waiting')
  })

  it('shows what flows: figures, chart and table', async () => {
    const limit = { currentMilliamps: 16_000, reason: { key: 'limit.installation', values: {} }, until: null }
    for (let minutes = 59; minutes >= 0; minutes--) {
      const reading = read(ago(minutes), 100_000 + (59 - minutes) * 184, minutes === 59 ? 0 : 16)
      await station.event('Updated', 'charge-1', { state: 'Charging', reading, limit })
    }
    for (const page of [desktop, phone]) {
      await state(page).getByText('Charging').waitFor()
      await see(page, 'The wiring of this installation allows no more.')
    }
    await see(desktop, '11.04 kW')
    await see(phone, '11,04 kW')
    await desktop.getByRole('img', { name: /now 11\.04 kW, at most 11\.04 kW/ }).waitFor()
    expect(await inked(desktop)).toBeGreaterThan(2000)
    await fine('4-charging')
    for (const page of [desktop, phone]) await choose(page, 'Current')
    await desktop.getByRole('img', { name: /each phase: now 16 A, 16 A, 16 A/ }).waitFor()
    await fine('5-currents')
    await choose(desktop, 'Table')
    await choose(phone, 'Table')
    const rows = desktop.locator('tbody tr')
    await rows.nth(20).waitFor()
    expect(await rows.first().locator('td').allTextContents()).toEqual([
      '11.04 kW',
      '16 A',
      '16 A',
      '16 A',
      '16 A',
      '110.856 kWh',
    ])
    await fine('6-table')
    for (const page of [desktop, phone]) await choose(page, 'Power')
  })

  it('shows the bill with the reason of each line, by keyboard, and that every Wh is accounted for', async () => {
    await station.event('Ended', 'charge-1', { state: 'Idle', reading: read(ago(-0.001), 110_904, 0) })
    await station.status('Available')
    const bill = desktop.getByRole('button', { name: /10,904 Wh/ })
    await bill.waitFor()
    await see(desktop, 'every Wh is accounted for')
    await bill.focus()
    await desktop.keyboard.press('Enter')
    await see(desktop, /Energy in the price band/)
    expect(await bill.getAttribute('aria-expanded')).toBe('true')
    expect(desktop.url()).toContain('#/stations/BOX-1/transactions/charge-1')

    const shown = await amounts(desktop)
    expect(shown.lines).toHaveLength(2)
    await see(desktop, /Energy in the price band peak; the register at its boundary is estimated/)
    expect(shown.lines.reduce((sum, cents) => sum + cents, 0)).toBe(shown.total)
    expect(shown.total).toBeGreaterThan(1000)
    await phone.goto(`http://127.0.0.1:${port}/#/stations/BOX-1/transactions/charge-1`)
    await see(phone, /Energy in the price band/)
    await fine('7-billed')
  })

  it('shows in red that a sum is wrong', async () => {
    await desktop.route('**/energy', async (route) => {
      const answer = await route.fetch()
      const body: { meters: { differenceWh: number; billedWh: number }[] } = await answer.json()
      const meters = body.meters.map((meter) => ({
        ...meter,
        billedWh: meter.billedWh - 7,
        differenceWh: -7,
      }))
      await route.fulfill({ response: answer, json: { meters } })
    })
    await desktop.reload()
    await see(desktop, 'energy is missing or counted twice')
    expect(await desktop.locator('.check').getAttribute('data-right')).toBe('false')
    await fine('8-wrong-sum')
    await desktop.unroute('**/energy')
    await desktop.reload()
    await see(desktop, 'every Wh is accounted for')
  })

  it('shows an alarm on the list and on the station, and its end', async () => {
    await station.alarm('RCD', 'Tripped', 'The residual current device tripped.', false)
    for (const page of [desktop, phone]) {
      await state(page).getByText('Faulted').waitFor()
      await see(page, 'The residual current device tripped.')
    }
    await see(desktop, '1 alarm')
    await fine('9-alarm')
    await station.alarm('RCD', 'Tripped', '', true)
    for (const page of [desktop, phone]) await state(page).getByText('Available').waitFor()
  })

  it('says when it cannot hear the cloud, and comes back by itself', async () => {
    await cloud.kill()
    for (const page of [desktop, phone]) await see(page, /No connection since/)
    await fine('10-no-connection')
    cloud = await startCloud()
    for (const page of [desktop, phone])
      await page.getByText('Live', { exact: true }).waitFor({ timeout: 15_000 })
  })

  it('says when a station is away', async () => {
    await station.close()
    for (const page of [desktop, phone]) await state(page).getByText('Offline').waitFor({ timeout: 90_000 })
    await phone.getByRole('link', { name: 'All stations' }).click()
    await phone.getByRole('link', { name: /BOX-1/ }).waitFor()
    await fine('11-offline')
  })

  it('is told by keyboard alone where the focus is', async () => {
    await desktop.goto(`http://127.0.0.1:${port}/#/`)
    await desktop.reload()
    await desktop.getByRole('link', { name: /BOX-1/ }).waitFor()
    await desktop.keyboard.press('Tab')
    await desktop.keyboard.press('Tab')
    const outline = await desktop.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')
    expect(outline).toBe('solid')
    await desktop.keyboard.press('Enter')
    await desktop.getByRole('heading', { name: 'BOX-1' }).waitFor()
    expect(await desktop.evaluate<string>('document.activeElement.textContent')).toBe('BOX-1')
    expect(await desktop.title()).toBe('BOX-1 · Voltkeep')
  })

  it('has run without an error of its own', () => {
    expect(consoleErrors).toEqual([])
  })
})

/** Pixels of the chart that are not transparent: something was drawn. */
const inked = (page: Page): Promise<number> =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('.chart canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let count = 0
    for (let at = 3; at < data.length; at += 4) if (data[at] > 0) count++
    return count
  })()`)

/** Øre of the bill's lines and of its total, as shown. */
async function amounts(page: Page): Promise<{ lines: readonly number[]; total: number }> {
  const texts = await page.locator('.bill .amount').allTextContents()
  const minor = texts.map((text) => Math.round(Number(text.replace(/[^\d.]/g, '')) * 100))
  return { lines: minor.slice(0, -1), total: minor.at(-1) ?? 0 }
}
