// The whole page: the list beside or before one station, and the state of the page's own line.
import { useEffect, useMemo, useReducer, useRef, useState } from 'react'
import { every } from './browser-clock.ts'
import { type Feed, openFeed } from './feed.ts'
import { hourCycleOf, localeOf, formats as makeFormats } from './format.ts'
import { Icon } from './icons.tsx'
import { SPANS } from './power-chart.tsx'
import { hashOf, parseHash, type Route } from './route.ts'
import { NoStation, StationList } from './station-list.tsx'
import { StationPage } from './station-page.tsx'
import { stateOf } from './station-words.ts'
import { EMPTY, stepView, type ViewState } from './view-state.ts'

const TICK_MS = 1000

export function App() {
  const [view, tell] = useReducer(stepView, EMPTY)
  const [route, setRoute] = useState<Route>(() => parseHash(location.hash))
  const [spanMs, setSpanMs] = useState<number>(SPANS[1].value)
  const [, tick] = useReducer((count: number) => count + 1, 0)
  const feed = useRef<Feed | null>(null)
  const formats = useMemo(
    () => makeFormats(localeOf(navigator.language), undefined, hourCycleOf(navigator.language)),
    [],
  )
  const stationId = route.kind === 'station' ? route.stationId : null

  useEffect(() => {
    const opened = openFeed(tell)
    feed.current = opened
    const ticking = every(TICK_MS, tick)
    const follow = () => setRoute(parseHash(location.hash))
    window.addEventListener('hashchange', follow)
    return () => {
      window.removeEventListener('hashchange', follow)
      ticking.cancel()
      opened.close()
    }
  }, [])
  useEffect(() => feed.current?.look(stationId, spanMs), [stationId, spanMs])
  useEffect(() => {
    document.title = stationId === null ? 'Voltkeep' : `${stationId} · Voltkeep`
  }, [stationId])

  const now = () => feed.current?.now() ?? view.line.since ?? 0
  const open = (transactionId: string | null) => {
    if (stationId !== null) location.hash = hashOf({ kind: 'station', stationId, transactionId })
  }
  const stations = view.stations ? [...view.stations.values()] : null
  const station = stationId === null ? undefined : view.stations?.get(stationId)
  return (
    <>
      <header className="top">
        <a className="skip" href={location.hash || '#/'} onClick={toMain}>
          Skip to the content
        </a>
        <h1>
          <Icon name="bolt" size={20} /> Voltkeep
        </h1>
        <LineState line={view.line} clock={formats.clock} />
      </header>
      {view.problem !== null && (
        <p className="problem" role="alert">
          {view.problem}
        </p>
      )}
      <div
        className="columns"
        data-route={stations?.length === 0 ? 'empty' : route.kind}
        data-line={view.line.kind}
      >
        {stations && stations.length > 0 && (
          <nav aria-label="Stations">
            <StationList stations={stations} selected={stationId} now={now()} formats={formats} />
          </nav>
        )}
        <main id="main" tabIndex={-1}>
          {view.line.kind === 'lost' && stations && (
            <p className="stale">
              This page cannot hear the cloud now. What you see is as it was
              {view.line.since === null ? '' : ` at ${formats.clock(view.line.since)}`}.
            </p>
          )}
          {stations === null && <p className="quiet">Asking the cloud…</p>}
          {stations?.length === 0 && <NoStation origin={location.origin} />}
          {stations && stations.length > 0 && stationId === null && (
            <p className="quiet choose">Choose a station to see what it does and why.</p>
          )}
          {stations && stations.length > 0 && stationId !== null && !station && (
            <p>
              No station has the name {stationId}. <a href={hashOf({ kind: 'list' })}>All stations</a>
            </p>
          )}
          {station && (
            <StationPage
              key={station.id}
              station={station}
              view={view}
              opened={route.kind === 'station' ? route.transactionId : null}
              onOpen={open}
              spanMs={spanMs}
              onSpan={setSpanMs}
              now={now}
              formats={formats}
            />
          )}
          {/* Only state changes are told aloud, not each reading. */}
          <p className="visually-hidden" aria-live="polite">
            {station ? `${station.id}: ${stateOf(station).word}` : ''}
          </p>
        </main>
      </div>
    </>
  )
}

function toMain(event: { preventDefault(): void }) {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

const LINE_WORDS = { connecting: 'Connecting', live: 'Live', lost: 'No connection' } as const

/** What is shown may be old while this page cannot hear the cloud. */
function LineState({
  line,
  clock,
}: {
  readonly line: ViewState['line']
  readonly clock: (at: number) => string
}) {
  return (
    <p className="line" role="status" data-line={line.kind}>
      <span className="dot" aria-hidden="true" />
      {LINE_WORDS[line.kind]}
      {line.kind === 'lost' &&
        (line.since === null ? ', trying again' : ` since ${clock(line.since)}, trying again`)}
    </p>
  )
}
