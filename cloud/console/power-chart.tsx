// The live chart of one station: power, or the current of each phase under what is offered; and the same as a table.
import { SegmentedControl, useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import UPlot from 'uplot'
import type { ApiSample } from '../../shared/api/stations.ts'
import { every } from './browser-clock.ts'
import type { Formats } from './format.ts'
import { spanInWords } from './station-words.ts'
import { toColumns } from './view-state.ts'

type View = 'power' | 'currents' | 'table'
const VIEWS: { label: string; value: View }[] = [
  { label: 'Power', value: 'power' },
  { label: 'Current', value: 'currents' },
  { label: 'Table', value: 'table' },
]
export const SPANS = [
  { label: '15 min', value: 15 * 60_000 },
  { label: '1 h', value: 3_600_000 },
  { label: '6 h', value: 6 * 3_600_000 },
] as const

interface Props {
  /** null until the first answer. */
  readonly points: readonly ApiSample[] | null
  readonly spanMs: number
  readonly onSpan: (spanMs: number) => void
  readonly now: () => number
  readonly formats: Formats
}

export function PowerChart({ points, spanMs, onSpan, now, formats }: Props) {
  const [view, setView] = useState<View>('power')
  const shown = points?.filter((point) => point.at >= now() - spanMs) ?? []
  return (
    <>
      <div className="chart-controls">
        <SegmentedControl
          aria-label="What is shown"
          data={VIEWS}
          value={view}
          onChange={(value) => setView(VIEWS.find((known) => known.value === value)?.value ?? 'power')}
        />
        <SegmentedControl
          aria-label="How much time is shown"
          data={SPANS.map(({ label, value }) => ({ label, value: String(value) }))}
          value={String(spanMs)}
          onChange={(value) => onSpan(Number(value))}
        />
      </div>
      {points !== null && shown.length === 0 ? (
        <p className="quiet chart-empty">
          No reading in the last {spanInWords(spanMs)}. Readings come while the station is connected; choose a
          longer time to see older ones.
        </p>
      ) : view === 'table' ? (
        <ReadingsTable points={shown} formats={formats} />
      ) : (
        <Lines key={view} view={view} points={points ?? []} spanMs={spanMs} now={now} formats={formats} />
      )}
    </>
  )
}

/** A silence longer than this breaks the line; a box without current tells a reading every 5 min. */
const GAP_MS = 330_000
/** Changes are told at once, so over a longer silence the value stood: a step, no ramp. */
const STEP_MS = 15_000
/** A label of a time needs so much at 12 px. */
const TIME_LABEL_PX = 84
const HEIGHT_PX = 240
const REDRAW_MS = 5000

type LinesProps = Omit<Props, 'onSpan' | 'points'> & {
  readonly view: 'power' | 'currents'
  readonly points: readonly ApiSample[]
}

function Lines({ view, points, spanMs, now, formats }: LinesProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false })
  const range = useRef({ spanMs, now })
  range.current = { spanMs, now }
  const data = dataOf(view, points)
  const newest = useRef(data)
  newest.current = data

  useEffect(() => {
    const element = box.current
    if (!element) return
    const edges = () => {
      const to = range.current.now()
      return { min: (to - range.current.spanMs) / 1000, max: to / 1000 }
    }
    const created = new UPlot(optionsOf(view, scheme, element.clientWidth, formats), newest.current, element)
    created.setScale('x', edges())
    plot.current = created
    const follow = new ResizeObserver(() =>
      created.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    follow.observe(element)
    const redraw = every(REDRAW_MS, () => created.setScale('x', edges()))
    return () => {
      redraw.cancel()
      follow.disconnect()
      created.destroy()
      plot.current = null
    }
  }, [view, scheme, formats])

  useEffect(() => {
    const to = range.current.now()
    plot.current?.setData(data, false)
    plot.current?.setScale('x', { min: (to - spanMs) / 1000, max: to / 1000 })
  })

  return (
    <div role="img" aria-label={`${summary(view, points, formats)} The table view has every value.`}>
      <div ref={box} className="chart" aria-hidden="true" />
    </div>
  )
}

function dataOf(view: 'power' | 'currents', points: readonly ApiSample[]): UPlot.AlignedData {
  const { seconds, values } = toColumns(
    points,
    (point) =>
      view === 'power'
        ? [kilo(point.powerWatts)]
        : [
            kilo(point.offeredMilliamps),
            kilo(point.currentsMilliamps?.[0]),
            kilo(point.currentsMilliamps?.[1]),
            kilo(point.currentsMilliamps?.[2]),
          ],
    { gapMs: GAP_MS, stepMs: STEP_MS },
  )
  return [[...seconds], ...values.map((column) => [...column])]
}

const kilo = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : value / 1000

function summary(view: 'power' | 'currents', points: readonly ApiSample[], formats: Formats): string {
  const last = points.at(-1)
  if (view === 'power') {
    const most = Math.max(0, ...points.map(({ powerWatts }) => powerWatts ?? 0))
    const nowWords = last?.powerWatts == null ? 'not known' : formats.power(last.powerWatts)
    return `Chart of the power: now ${nowWords}, at most ${formats.power(most)}.`
  }
  const currents = last?.currentsMilliamps?.map((current) => formats.current(current)).join(', ')
  return `Chart of the current of each phase: now ${currents ?? 'not known'}.`
}

// Colours that differ in lightness too; the lines differ in their width or dashes besides.
const COLOURS = {
  light: {
    ink: '#343a40',
    grid: '#dee2e6',
    power: '#0b5394',
    lines: ['#495057', '#2f7fd1', '#e8a33d', '#1b1f23'],
  },
  dark: {
    ink: '#ced4da',
    grid: '#3b3f44',
    power: '#9dcbff',
    lines: ['#ced4da', '#3d8bd9', '#ffb86b', '#16181a'],
  },
} as const
/** In the order of drawing: where all three phases are equal, each still shows beside the thinner one above it. */
const LINES = [
  { name: 'Offered', width: 2, dash: [6, 6] },
  { name: 'L1', width: 7, dash: [] },
  { name: 'L2', width: 4, dash: [] },
  { name: 'L3', width: 1.5, dash: [] },
] as const

function optionsOf(
  view: 'power' | 'currents',
  scheme: 'light' | 'dark',
  width: number,
  formats: Formats,
): UPlot.Options {
  const colours = COLOURS[scheme]
  const axis = {
    stroke: colours.ink,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { stroke: colours.grid },
  }
  const unit = view === 'power' ? 'kW' : 'A'
  const value = (_plot: UPlot, raw: number | null) => {
    if (raw === null) return '–'
    return view === 'power' ? formats.power(raw * 1000) : formats.current(Math.round(raw * 1000))
  }
  const line = (label: string, stroke: string, dash: readonly number[]): UPlot.Series => ({
    label,
    stroke,
    value,
    width: 2,
    points: { show: false },
    ...(dash.length > 0 ? { dash: [...dash] } : {}),
  })
  return {
    width,
    height: HEIGHT_PX,
    // Without a pointer the legend tells the newest values.
    hooks: {
      setCursor: [(plot) => plot.cursor.idx == null && showNewest(plot)],
      setData: [showNewest],
    },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(view === 'power' ? 1 : 8, (max ?? 0) * 1.1)] } },
    axes: [
      {
        ...axis,
        space: TIME_LABEL_PX,
        values: (_plot, splits) => splits.map((second) => formats.clock(second * 1000)),
      },
      {
        ...axis,
        size: 64,
        values: (_plot, splits) => splits.map((split) => `${formats.plain(split)} ${unit}`),
      },
    ],
    series: [
      {
        label: 'Time',
        value: (_plot, raw: number | null) => (raw === null ? '–' : formats.clock(raw * 1000)),
      },
      ...(view === 'power'
        ? [{ ...line('Power', colours.power, []), fill: `${colours.power}33` }]
        : LINES.map(({ name, width, dash }, index) => ({
            ...line(name, colours.lines[index] ?? colours.ink, dash),
            width,
          }))),
    ],
  }
}

function showNewest(plot: UPlot) {
  const newest = (plot.data[0]?.length ?? 0) - 1
  if (newest >= 0) plot.setLegend({ idx: newest }, false)
}

const TABLE_ROWS = 120

function ReadingsTable({
  points,
  formats,
}: {
  readonly points: readonly ApiSample[]
  readonly formats: Formats
}) {
  const rows = points.slice(-TABLE_ROWS).toReversed()
  const current = (value: number | null | undefined) => (value == null ? '–' : formats.current(value))
  return (
    <>
      <p className="quiet">
        The newest {rows.length} of {points.length} readings, the newest first
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it must be reached by keyboard (WCAG 2.1.1) */}
      <section className="scroll" tabIndex={0} aria-label="Readings">
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Power</th>
              <th scope="col">L1</th>
              <th scope="col">L2</th>
              <th scope="col">L3</th>
              <th scope="col">Offered</th>
              <th scope="col">Register</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((point) => (
              <tr key={point.at}>
                <th scope="row">{formats.clockSeconds(point.at)}</th>
                <td>{point.powerWatts === null ? '–' : formats.power(point.powerWatts)}</td>
                <td>{current(point.currentsMilliamps?.[0])}</td>
                <td>{current(point.currentsMilliamps?.[1])}</td>
                <td>{current(point.currentsMilliamps?.[2])}</td>
                <td>{current(point.offeredMilliamps)}</td>
                <td>{point.registerWh === null ? '–' : formats.energy(point.registerWh)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}
