// One station: what it does and why, its chart, its transactions and the sum of its energy.
import { useEffect, useRef } from 'react'
import type { EnergyCheck, StationView } from '../../shared/api/stations.ts'
import { sentence } from '../../shared/words.ts'
import { EnergyChecks } from './energy-checks.tsx'
import type { Formats } from './format.ts'
import { Icon } from './icons.tsx'
import { PowerChart } from './power-chart.tsx'
import { hashOf } from './route.ts'
import { StatePill } from './state-pill.tsx'
import { ageInWords, bootInWords, faultInWords, isFresh, nowInWords, spanInWords } from './station-words.ts'
import { Transactions } from './transactions.tsx'
import { transactionsOf, type ViewState } from './view-state.ts'

interface Props {
  readonly station: StationView
  readonly view: ViewState
  readonly opened: string | null
  readonly onOpen: (transactionId: string | null) => void
  readonly spanMs: number
  readonly onSpan: (spanMs: number) => void
  readonly now: () => number
  readonly formats: Formats
}

export function StationPage({ station, view, opened, onOpen, spanMs, onSpan, now, formats }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  // A new page begins at its heading, for the keyboard and for screen readers.
  useEffect(() => {
    if (heading.current?.dataset['station'] === station.id) heading.current.focus({ preventScroll: false })
  }, [station.id])
  const series = view.series?.stationId === station.id ? view.series.points : null
  const energy: readonly EnergyCheck[] | undefined = view.energy.get(station.id)
  return (
    <article>
      <a className="back" href={hashOf({ kind: 'list' })}>
        <Icon name="back" size={16} /> All stations
      </a>
      <header className="station-head">
        <h2 ref={heading} tabIndex={-1} data-station={station.id}>
          {station.id}
        </h2>
        <StatePill station={station} large />
      </header>
      <Now station={station} now={now()} formats={formats} />
      <Alarms station={station} now={now()} />
      <section className="card" aria-labelledby="chart-title">
        <h3 id="chart-title">{isFresh(station, now()) ? 'Live readings' : 'Readings'}</h3>
        <PowerChart points={series} spanMs={spanMs} onSpan={onSpan} now={now} formats={formats} />
      </section>
      <section className="card" aria-labelledby="energy-title">
        <h3 id="energy-title">Energy check</h3>
        {energy ? <EnergyChecks meters={energy} formats={formats} /> : <p className="quiet">Asking…</p>}
      </section>
      <section className="card" aria-labelledby="transactions-title">
        <h3 id="transactions-title">Transactions</h3>
        <Transactions
          transactions={transactionsOf(view, station)}
          opened={opened}
          onOpen={onOpen}
          now={now()}
          formats={formats}
        />
      </section>
      <Box station={station} formats={formats} />
      <p className="quiet">
        This page only watches. Commands to a station go through the HTTP API: see{' '}
        <a href="api/openapi.json">its description</a>. Times are in {formats.zone}.
      </p>
    </article>
  )
}

interface PartProps {
  readonly station: StationView
  readonly now: number
  readonly formats: Formats
}

/** What happens now: amps and their reason, power, energy of the running transaction. */
function Now({ station, now, formats }: PartProps) {
  const { live, limit, running } = station
  const old = !isFresh(station, now)
  const told = live && old ? ageInWords(now - live.at) : null
  return (
    <section className="card now" aria-label="Now" data-old={old}>
      <p>{nowInWords(station, now)}</p>
      <div className="figures">
        <Figure
          name="Offered per phase"
          told={told}
          value={live?.offeredMilliamps == null ? '–' : formats.current(live.offeredMilliamps)}
        />
        <Figure
          name="Power"
          told={told}
          value={live?.powerWatts == null ? '–' : formats.power(live.powerWatts)}
        />
        {running?.energyWh != null && (
          <Figure name="This charge" told={null} value={formats.wattHours(running.energyWh)} />
        )}
      </div>
      {limit ? (
        <p className="limit">
          <strong>
            {limit.currentMilliamps === 0
              ? 'No current'
              : `At most ${formats.current(limit.currentMilliamps)} per phase`}
            :
          </strong>{' '}
          {sentence(limit.reason, 'en')}{' '}
          {limit.until !== null && limit.until > now && (
            <>
              It changes at <strong>{formats.clock(limit.until)}</strong>, in {spanInWords(limit.until - now)}
              .
            </>
          )}
        </p>
      ) : (
        <p className="quiet">The station has not told its limit and the reason for it.</p>
      )}
      <p className="quiet">
        {live ? `Read ${ageInWords(now - live.at)}` : 'Nothing read yet'}
        {station.online || station.lastSeenAt === null
          ? ''
          : `; last heard ${formats.dateAndClock(station.lastSeenAt)}`}
        .
      </p>
    </section>
  )
}

/** @param told age of the value in words where it is old. */
function Figure({
  name,
  value,
  told,
}: {
  readonly name: string
  readonly value: string
  readonly told: string | null
}) {
  return (
    <div className="big-figure">
      <span className="big-name">{name}</span>
      <span className="big-value">{value}</span>
      {told !== null && <span className="quiet">{told}</span>}
    </div>
  )
}

function Alarms({ station, now }: { readonly station: StationView; readonly now: number }) {
  if (station.faults.length === 0) return null
  return (
    <section className="card alarms" aria-labelledby="alarms-title">
      <h3 id="alarms-title">
        <Icon name="alarm" /> Alarms
      </h3>
      <ul>
        {station.faults.map((fault) => (
          <li key={`${fault.component} ${fault.variable}`}>
            <strong>{faultInWords(fault)}</strong>{' '}
            <span className="quiet">
              {fault.detail === '' ? '' : `Told: ${fault.detail}; `}
              {ageInWords(now - fault.since)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Box({ station, formats }: { readonly station: StationView; readonly formats: Formats }) {
  const { boot } = station
  return (
    <section className="card" aria-labelledby="box-title">
      <h3 id="box-title">The box</h3>
      {boot ? (
        <dl className="facts">
          <div>
            <dt>Made by</dt>
            <dd>
              {boot.vendor} {boot.model}
            </dd>
          </div>
          {boot.serial !== null && (
            <div>
              <dt>Serial number</dt>
              <dd>{boot.serial}</dd>
            </div>
          )}
          {boot.firmwareVersion !== null && (
            <div>
              <dt>Firmware</dt>
              <dd>{boot.firmwareVersion}</dd>
            </div>
          )}
          <div>
            <dt>Started</dt>
            <dd>
              {formats.dateAndClock(boot.at)} ({bootInWords(boot.reason)})
            </dd>
          </div>
        </dl>
      ) : (
        <p className="quiet">
          It has not called yet. Its agent.yaml needs this cloud's address under csms.url and the station's
          key under csms.password.
        </p>
      )}
    </section>
  )
}
